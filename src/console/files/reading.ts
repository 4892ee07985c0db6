import { type Errno, strerror } from "../../core/errno.ts";
import { copyOctets, OctetList, type Octets } from "../../core/octets.ts";
import type { Input, OsFiles } from "../../core/os.ts";
import type { Kernel } from "../../nodes/kernel/kernel.ts";
import { readFile } from "./read.ts";

/** Octets taken from an input at a time. */
const TAKEN_MAX = 1 << 20;
const utf8 = new TextEncoder();

/** What a file holds: one that a program wrote, or one that the kernel shows. Else why not, in the words of `strerror`. */
export function octetsOf(kernel: Kernel, path: string): OctetList | string {
  const shown = readFile(kernel, path);
  if (shown.ok) {
    const octets = new OctetList();
    const text = utf8.encode(shown.text);
    octets.write(text, 0, text.length);
    return octets;
  }
  const opened = kernel.os.files.open(path);
  if (opened.ok) return opened.value.content;
  return opened.errno === "ENOENT" ? shown.why : strerror(opened.errno);
}

/** Hands over everything that comes by an input, then its end. */
export function drain(input: Input, take: (octets: Octets) => void, ended: () => void): void {
  let over = false;
  const go = (): void => {
    for (let run = input.take(TAKEN_MAX); run !== undefined && !over; run = input.take(TAKEN_MAX)) take(run);
    if (over || !input.ended) return;
    over = true;
    ended();
  };
  input.onReadable(go);
  go();
}

/** The octets of a run, in an array of their own or in the one that holds them: [o, end) of `b`. */
export function spread({ from, at, count }: Octets): readonly [b: Uint8Array, o: number, end: number] {
  if (from instanceof Uint8Array) return [from, at, at + count];
  const b = new Uint8Array(count);
  copyOctets({ from, at, count }, b, 0);
  return [b, 0, count];
}

/** Empties or makes a file and fills it with runs. */
export function writeFile(files: OsFiles, path: string, runs: Iterable<Octets>): Errno | undefined {
  const made = files.create(path);
  if (!made.ok) return made.errno;
  for (const run of runs) {
    const added = made.value.add(run);
    if (!added.ok) return added.errno;
  }
  return undefined;
}
