import {
  closeSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import type { Store } from "../../src/platform.ts";

export interface FileStoreOptions {
  /**
   * Whether each write and removal waits until the disk has it, which costs some milliseconds: then it survives a power cut
   * and not only the end of the process. True by default.
   */
  durable?: boolean;
  /** Gets the error behind a write or removal that failed, for a log. */
  onError?: (error: Error) => void;
}

/**
 * A store in a folder of its own, one for each client: a file for each record. Makes the folder where there is none, and
 * throws Node's error when it cannot.
 */
export function fileStore(folder: string, options: FileStoreOptions = {}): Store {
  mkdirSync(folder, { recursive: true });
  return new FileStore(folder, options);
}

class FileStore implements Store {
  private readonly _folder: string;
  private readonly _durable: boolean;
  private readonly _onError: ((error: Error) => void) | undefined;

  constructor(folder: string, { durable = true, onError }: FileStoreOptions) {
    this._folder = folder;
    this._durable = durable;
    this._onError = onError;
  }

  read(key: number, into: Uint8Array, start: number, end: number): number {
    let file = -1;
    try {
      file = openSync(this._path(key), "r");
      const { size } = fstatSync(file);
      readSync(file, into, start, Math.min(size, end - start), 0);
      return size;
    } catch (error) {
      if (!isMissing(error)) this._onError?.(error as Error);
      return -1;
    } finally {
      if (file >= 0) closeSync(file);
    }
  }

  write(key: number, bytes: Uint8Array, start: number, end: number): boolean {
    // Whole under a name of its own first: there is the new record or none, never a part.
    const temporary = join(this._folder, "new");
    return this._attempt(() => {
      const file = openSync(temporary, "w", 0o600); // messages are nobody else's
      try {
        while (start < end) start += writeSync(file, bytes, start, end - start);
        if (this._durable) fsyncSync(file);
      } finally {
        closeSync(file);
      }
      renameSync(temporary, this._path(key));
    });
  }

  remove(key: number): boolean {
    return this._attempt(() => {
      try {
        unlinkSync(this._path(key));
      } catch (error) {
        if (!isMissing(error)) throw error;
      }
    });
  }

  private _attempt(change: () => void): boolean {
    try {
      change();
      if (this._durable) this._syncFolder();
      return true;
    } catch (error) {
      this._onError?.(error as Error);
      return false;
    }
  }

  /** What a folder holds is on the disk only once the folder is. */
  private _syncFolder(): void {
    if (process.platform === "win32") return; // which has no such call, and does without
    const folder = openSync(this._folder, "r");
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  }

  private _path(key: number): string {
    return join(this._folder, `${key}.record`);
  }
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === "ENOENT";
}
