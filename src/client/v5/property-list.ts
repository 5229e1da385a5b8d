import type { Text } from "../../platform.ts";
import { copyBytes } from "../../packet/bytes.ts";
import type { Property } from "../../packet/v5/properties.ts";
import { encodeFieldProperty, encodeNumberProperty, encodeUserProperty } from "../../packet/v5/properties.ts";
import { checkUtf8 } from "../../packet/utf8.ts";
import { encodeBytes, encodeText, inRange } from "../options.ts";

/** A name and a value; names may repeat, and their order is kept (3.3.2.3.7). */
export type UserProperty = readonly [name: string, value: string];

/** The largest Four Byte Integer. */
export const LARGEST_UINT32 = 4_294_967_295;

/** Gathers a property list of what options say. It allocates: it is for set-up, not for each message. */
export class PropertyList {
  private readonly _text: Text;
  private _bytes = new Uint8Array(0);

  constructor(text: Text) {
    this._text = text;
  }

  /** Adds a number from 0 or `minimum` to `maximum`; undefined adds nothing. */
  number(name: string, identifier: Property, value: number | undefined, maximum: number, minimum?: number): this {
    if (value === undefined) return this;
    inRange(name, value, 0, minimum ?? 0, maximum);
    const at = this._grow(5);
    return this._cut(encodeNumberProperty(this._bytes, at, identifier, value));
  }

  /** Adds a text; undefined adds nothing. */
  text(name: string, identifier: Property, value: string | undefined): this {
    if (value === undefined) return this;
    return this.bytes(name, identifier, encodeText(this._text, name, value, checkUtf8));
  }

  /** Adds data, of a string its UTF-8; undefined adds nothing. */
  bytes(name: string, identifier: Property, value: string | Uint8Array | undefined): this {
    if (value === undefined) return this;
    const bytes = encodeBytes(this._text, name, value);
    const at = this._grow(3 + bytes.length);
    return this._cut(encodeFieldProperty(this._bytes, at, identifier, bytes));
  }

  /** Adds user properties, in order. */
  users(name: string, properties: readonly UserProperty[] | undefined): this {
    for (let index = 0; properties && index < properties.length; index++) {
      const key = encodeText(this._text, name, properties[index][0], checkUtf8);
      const value = encodeText(this._text, name, properties[index][1], checkUtf8);
      const at = this._grow(5 + key.length + value.length);
      this._cut(encodeUserProperty(this._bytes, at, key, value));
    }
    return this;
  }

  /** The list without its length; undefined when it is empty. */
  get list(): Uint8Array | undefined {
    return this._bytes.length ? this._bytes : undefined;
  }

  /** Where the next property goes. */
  get length(): number {
    return this._bytes.length;
  }

  private _grow(size: number): number {
    const before = this._bytes;
    this._bytes = new Uint8Array(before.length + size);
    this._bytes.set(before);
    return before.length;
  }

  private _cut(end: number): this {
    const bytes = this._bytes;
    if (end < bytes.length) {
      this._bytes = new Uint8Array(end);
      copyBytes(this._bytes, 0, bytes, 0, end);
    }
    return this;
  }
}
