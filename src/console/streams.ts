import { OctetList, type Octets } from "../core/octets.ts";
import type { Input, OsFile } from "../core/os.ts";

/** Where a process writes to. */
export interface Sink {
  /** False: nobody reads any more. */
  write(b: Uint8Array, o: number, end: number): boolean;
  /** As `write`, of octets that a pattern may make. */
  add(octets: Octets): boolean;
  close(): void;
}

/** Standard input that has ended before it began: /dev/null. */
export const NOTHING: Input = { take: () => undefined, ended: true, onReadable: () => {} };

/** A file as standard input, from its beginning. */
export class FileInput implements Input {
  readonly #octets: OctetList;
  #at = 0;

  constructor(file: Pick<OsFile, "content">) {
    this.#octets = file.content;
  }
  take(max: number): Octets | undefined {
    const [first] = this.#octets.slice(this.#at, this.#at + max);
    this.#at += first?.count ?? 0;
    return first;
  }
  get ended(): boolean {
    return this.#at >= this.#octets.size;
  }
  onReadable(): void {}
}

/** A file that is written to; when it is full, the rest is lost, and `onFull` is told once. */
export class FileSink implements Sink {
  readonly #file: OsFile;
  readonly #onFull: () => void;
  #full = false;

  constructor(file: OsFile, onFull: () => void) {
    this.#file = file;
    this.#onFull = onFull;
  }
  write(b: Uint8Array, o: number, end: number): boolean {
    return this.#told(this.#file.write(b, o, end).ok);
  }
  add(octets: Octets): boolean {
    return this.#told(this.#file.add(octets).ok);
  }
  close(): void {}

  #told(ok: boolean): boolean {
    if (!ok && !this.#full) this.#onFull();
    this.#full ||= !ok;
    return true;
  }
}

/** Octets that may wait in a pipe and take memory. A real pipe makes its writer wait; here a writer never waits. */
const PIPE_MAX = 64 * 1024 * 1024;

/** What one process writes and the next one reads. */
export class Pipe implements Input, Sink {
  #waiting = new OctetList();
  #taken = 0;
  #closed = false;
  #onReadable: (() => void) | undefined;
  /** The reader is gone. */
  broken = false;

  write(b: Uint8Array, o: number, end: number): boolean {
    if (this.broken || this.#waiting.stored + (end - o) > PIPE_MAX) return false;
    this.#waiting.write(b, o, end);
    this.#onReadable?.();
    return true;
  }
  add(octets: Octets): boolean {
    if (this.broken) return false;
    this.#waiting.add(octets);
    this.#onReadable?.();
    return true;
  }
  close(): void {
    this.#closed = true;
    this.#onReadable?.();
  }

  take(max: number): Octets | undefined {
    const [first] = this.#waiting.slice(this.#taken, this.#taken + max);
    this.#taken += first?.count ?? 0;
    if (this.#taken > 0 && this.#taken === this.#waiting.size) {
      this.#waiting = new OctetList();
      this.#taken = 0;
    }
    return first;
  }
  get ended(): boolean {
    return this.#closed && this.#taken === this.#waiting.size;
  }
  onReadable(handler: () => void): void {
    this.#onReadable = handler;
  }
}
