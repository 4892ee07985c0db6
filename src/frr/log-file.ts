import type { Outcome } from "../core/errno.ts";
import { done } from "../core/errno.ts";
import { copyOctets } from "../core/octets.ts";
import type { OsFile, OsFiles } from "../core/os.ts";

/** What logrotate lets a log of FRR grow to (Debian's /etc/logrotate.d/frr: `size 500k`). */
export const LOG_BYTES_MAX = 512_000;

/**
 * A file that lines are put behind, opened for appending: several daemons may write to the same one. One that has grown to `LOG_BYTES_MAX` octets becomes
 * `PATH.1`, and what was there before is gone.
 */
export class LogFile {
  readonly path: string;
  readonly #files: OsFiles;
  #file: OsFile | undefined;

  constructor(files: OsFiles, path: string) {
    this.path = path;
    this.#files = files;
  }

  /** Makes the file if there is none. */
  open(): Outcome {
    const opened = this.#files.create(this.path, true);
    if (!opened.ok) return opened;
    this.#file = opened.value;
    return done;
  }
  /** A line that finds no room is lost, as with writev(2). */
  write(line: string): void {
    if (this.#file === undefined) return;
    if (this.#file.size >= LOG_BYTES_MAX) this.#rotate(this.#file);
    this.#file.write(new TextEncoder().encode(line));
  }

  #rotate(full: OsFile): void {
    const old = this.#files.create(`${this.path}.1`);
    if (old.ok) {
      const { size } = full;
      const octets = new Uint8Array(size);
      let at = 0;
      for (const run of full.content.slice(0, size)) {
        copyOctets(run, octets, at);
        at += run.count;
      }
      old.value.write(octets);
    }
    full.truncate(0);
  }
}
