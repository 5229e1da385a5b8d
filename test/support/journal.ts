/** A list that a test waits on: no sleeping, and a failure shows what had come. */
export class Journal<Item> {
  readonly items: Item[] = [];
  private _waiting: (() => void)[] = [];

  add(item: Item): void {
    this.items.push(item);
    for (const check of this._waiting.slice()) check();
  }

  /** Resolves once the items are so; rejects when they are not within `timeoutMs`. */
  until(condition: (items: readonly Item[]) => boolean, timeoutMs = 15_000): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer);
        this._waiting = this._waiting.filter((one) => one !== check);
      };
      const check = (): void => {
        if (!condition(this.items)) return;
        end();
        resolve();
      };
      const timer = setTimeout(() => {
        end();
        reject(new Error(`not within ${timeoutMs} ms: ${condition}\n${JSON.stringify(this.items.slice(-20))}`));
      }, timeoutMs);
      this._waiting.push(check);
      check();
    });
  }

  has(item: Item): Promise<void> {
    return this.until((items) => items.includes(item));
  }

  count(count: number): Promise<void> {
    return this.until((items) => items.length >= count);
  }
}
