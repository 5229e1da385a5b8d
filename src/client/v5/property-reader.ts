import type { Text } from "../../platform.ts";
import { clearProperties, type Properties, type Property } from "../../packet/v5/properties.ts";

/**
 * Reads the properties of a received packet. It and its bytes are only lent, until the handler returns. Nothing of it makes
 * anything but the strings that are asked for.
 *
 *     for (let more = properties.find(Property.USER_PROPERTY); more; more = properties.findNext(Property.USER_PROPERTY))
 *       console.log(properties.name, properties.text);
 */
export class PropertyReader {
  /** What `start` and `end` are places in. */
  bytes: Uint8Array;
  private readonly _text: Text;
  private _properties: Properties;

  /** @internal */
  constructor(text: Text, bytes: Uint8Array, properties: Properties) {
    this._text = text;
    this.bytes = bytes;
    this._properties = properties;
  }

  /** Whether the packet has the property. */
  has(identifier: Property): boolean {
    return this._properties.has(identifier);
  }

  /** The number that the property has, or `absent`. */
  numberOf(identifier: Property, absent: number): number {
    return this._properties.numberOf(this.bytes, identifier, absent);
  }

  /** The text that the property has, a new string at each call; undefined when the packet does not have it. */
  textOf(identifier: Property): string | undefined {
    return this.find(identifier) ? this.text : undefined;
  }

  /** Steps to the first property with this identifier; false when there is none. */
  find(identifier: Property): boolean {
    return this._properties.find(this.bytes, identifier);
  }

  /** Steps to the next property with this identifier: user properties and subscription identifiers may repeat. */
  findNext(identifier: Property): boolean {
    return this._properties.findNext(this.bytes, identifier);
  }

  /** Steps to the next property of whatever kind, after `rewind` to the first; false after the last. */
  next(): boolean {
    return this._properties.next(this.bytes);
  }

  /** Goes back to before the first property. */
  rewind(): void {
    this._properties.rewind();
  }

  // The property at hand.

  get identifier(): Property | 0 {
    return this._properties.identifier;
  }

  /** Its value, when that is a number. */
  get number(): number {
    return this._properties.number;
  }

  /** Its value, when that is a text, a new string at each call: of a user property, what the name stands for. */
  get text(): string {
    return this._text.decode(this.bytes, this._properties.valueStart, this._properties.valueEnd);
  }

  /** The name of a user property; a new string at each call. */
  get name(): string {
    return this._text.decode(this.bytes, this._properties.nameStart, this._properties.nameEnd);
  }

  /** Its value, when that is a text or data, is at `bytes` `start` up to, not including, `end`. */
  get start(): number {
    return this._properties.valueStart;
  }

  get end(): number {
    return this._properties.valueEnd;
  }

  /** @internal */
  _set(bytes: Uint8Array, properties: Properties): void {
    this.bytes = bytes;
    this._properties = properties;
  }

  /** The bytes are no longer lent. @internal */
  _clear(): void {
    clearProperties(0, this._properties);
  }
}
