export interface Count {
  objects: number;
  /** Of arrays, maps and sets. */
  elements: number;
  buffers: number;
  /** Of the buffers. */
  bytes: number;
}

/** How many objects can be reached from `root`, and how many bytes their buffers have: functions and what `isOutside` not. */
export function count(root: object, isOutside: (value: object) => boolean): Count {
  const seen = new Set<object>();
  const buffers = new Set<ArrayBufferLike>();
  let elements = 0;
  const visit = (value: unknown): void => {
    if (typeof value !== "object" || value === null || seen.has(value) || isOutside(value)) return;
    seen.add(value);
    if (ArrayBuffer.isView(value)) {
      buffers.add(value.buffer);
      return;
    }
    if (Array.isArray(value)) elements += value.length;
    if (value instanceof Map || value instanceof Set) elements += value.size;
    for (const one of value instanceof Map || value instanceof Set ? [...value].flat() : Object.values(value))
      visit(one);
  };
  visit(root);
  let bytes = 0;
  for (const buffer of buffers) bytes += buffer.byteLength;
  return { objects: seen.size, elements, buffers: buffers.size, bytes };
}

/** The same in words. */
export function census(root: object, isOutside: (value: object) => boolean): string {
  const { objects, elements, buffers, bytes } = count(root, isOutside);
  return `${objects} objects, ${elements} elements, ${buffers} buffers of ${bytes} bytes`;
}
