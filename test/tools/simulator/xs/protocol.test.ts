import fc from "fast-check";
import { expect, test } from "vitest";
import { FrameReader, HEADER_BYTES, createFrame } from "../../../../tools/simulator/xs/protocol.ts";

test("frames are read whole from a stream that is cut anywhere", () => {
  const frame = fc.record({
    type: fc.nat(255),
    socket: fc.nat(255),
    connection: fc.nat(65535),
    number: fc.double({ noNaN: true }),
    payload: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  });
  fc.assert(
    fc.property(fc.array(frame), fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }), (frames, cuts) => {
      const stream = Buffer.concat(
        frames.map(({ type, socket, connection, number, payload }) => {
          const bytes = createFrame(type, socket, connection, number, payload.length);
          bytes.set(payload, HEADER_BYTES);
          return bytes;
        }),
      );
      const reader = new FrameReader();
      const read: unknown[] = [];
      for (let offset = 0, i = 0; offset < stream.length; i++) {
        const end = offset + cuts[i % cuts.length]!;
        reader.read(stream.subarray(offset, end), (got) => read.push({ ...got, payload: Buffer.from(got.payload) }));
        offset = end;
      }
      expect(read).toEqual(frames);
    }),
  );
});
