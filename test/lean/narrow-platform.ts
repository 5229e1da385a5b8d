import { createPlatform } from "../../platforms/node/index.ts";
import type { Platform, Transport } from "../../src/platform.ts";

/** What a microcontroller's socket takes before its network has had a turn. */
const BYTES_A_TURN = 2_000;

/** platforms/node with sockets that take as little at once as a microcontroller's. */
export const platform: Platform = {
  ...createPlatform(),
  createTransport: () => narrow(createPlatform().createTransport()),
};

function narrow(wide: Transport): Transport {
  let room = BYTES_A_TURN;
  let onWritable = (): void => undefined;
  return {
    open(endpoint, listener) {
      onWritable = () => listener.onWritable();
      wide.open(endpoint, listener);
    },
    write(bytes, start, end) {
      const taken = wide.write(bytes, start, Math.min(end, start + room));
      if (taken > 0 && room === BYTES_A_TURN) {
        setImmediate(() => {
          room = BYTES_A_TURN;
          onWritable();
        });
      }
      room -= taken;
      return taken;
    },
    close: () => {
      onWritable = () => undefined;
      wide.close();
    },
  };
}
