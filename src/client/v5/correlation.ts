import { readUint16 } from "../../packet/bytes.ts";
import { Property } from "../../packet/v5/properties.ts";

/**
 * Where the correlation data is that one of the client's own property lists has, whose length is at `at`; 0 when it has
 * none. Before it these lists have numbers, content type and response topic alone.
 */
export function correlationDataAt(bytes: Uint8Array, at: number): number {
  while (bytes[at++] & 128); // over the length
  for (;;) {
    switch (bytes[at]) {
      case Property.CORRELATION_DATA:
        return at + 3;
      case Property.PAYLOAD_FORMAT_INDICATOR:
        at += 2;
        break;
      case Property.TOPIC_ALIAS:
        at += 3;
        break;
      case Property.MESSAGE_EXPIRY_INTERVAL:
        at += 5;
        break;
      case Property.CONTENT_TYPE:
      case Property.RESPONSE_TOPIC:
        at += 3 + readUint16(bytes, at + 1);
        break;
      default:
        return 0;
    }
  }
}
