// `net`

export default class Net {
  static get(property: string): string[] | undefined {
    return property === "DNS" ? ["192.0.2.53"] : undefined;
  }
}
