import type { BytePattern } from "./tcp-socket.ts";

/** A run of octets: those of an array from `at` on, or those that a pattern makes from position `at` on. Nobody changes them. */
export interface Octets {
  readonly from: Uint8Array | BytePattern;
  readonly at: number;
  readonly count: number;
}

/** Nothing but zeros, as /dev/zero gives them. */
export const ZEROS: BytePattern = { fill: (b, o, end) => b.fill(0, o, end) };

/** Octets without a pattern that anybody sees, the same ones for the same position and seed (an unsigned 32-bit number). */
export const noise = (seed: number): BytePattern => ({
  fill(b, o, end, at) {
    let position = at;
    for (let i = o; i < end; position++) {
      const word = scramble(Math.floor(position / 4) ^ seed);
      if ((position & 3) === 0 && i + 4 <= end) {
        b[i] = word;
        b[i + 1] = word >>> 8;
        b[i + 2] = word >>> 16;
        b[i + 3] = word >>> 24;
        i += 4;
        position += 3;
      } else b[i++] = word >>> (8 * (position & 3));
    }
  },
});

/** The finalizer of MurmurHash3. */
function scramble(x: number): number {
  let h = x | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** Writes a run to `b` from `o` on. */
export function copyOctets({ from, at, count }: Octets, b: Uint8Array, o: number): void {
  if (from instanceof Uint8Array) b.set(from.subarray(at, at + count), o);
  else from.fill(b, o, o + count, at);
}

/** Blocks of copied octets grow up to this. */
const BLOCK_MAX = 1 << 20;
const BLOCK_MIN = 512;
/** Written pieces of at least so many octets that are all zero take no memory, as the holes of a sparse file. */
const HOLE_MIN = 512;

/** Octets in a row: what a file holds, or what waits in a pipe. Made octets take no memory. */
export class OctetList {
  #runs: { from: Uint8Array | BytePattern; at: number; count: number; start: number }[] = [];
  #size = 0;
  /** Octets that take memory. */
  stored = 0;

  get size(): number {
    return this.#size;
  }

  /** Copies [o, end) of `b` to the end. */
  write(b: Uint8Array, o: number, end: number): void {
    if (end - o >= HOLE_MIN && isZero(b, o, end)) return this.add({ from: ZEROS, at: 0, count: end - o });
    for (let at = o; at < end; ) {
      const last = this.#runs.at(-1);
      const room = last?.from instanceof Uint8Array ? last.from.length - last.at - last.count : 0;
      if (last === undefined || room <= 0 || last.at !== 0) {
        const size = Math.min(BLOCK_MAX, Math.max(BLOCK_MIN, end - at, this.#size));
        this.#runs.push({ from: new Uint8Array(size), at: 0, count: 0, start: this.#size });
        continue;
      }
      const n = Math.min(room, end - at);
      (last.from as Uint8Array).set(b.subarray(at, at + n), last.count);
      last.count += n;
      this.#size += n;
      this.stored += n;
      at += n;
    }
  }

  /** Adds a run without copying it. */
  add({ from, at, count }: Octets): void {
    if (count === 0) return;
    const last = this.#runs.at(-1);
    if (last?.from === from && (from === ZEROS || (!(from instanceof Uint8Array) && last.at + last.count === at)))
      last.count += count;
    else if (from instanceof Uint8Array) {
      this.stored += count;
      this.#runs.push({ from: from.subarray(at, at + count), at: 0, count, start: this.#size });
    } else this.#runs.push({ from, at, count, start: this.#size });
    this.#size += count;
  }

  /** The runs of octets [from, to). */
  slice(from = 0, to = this.#size): Octets[] {
    const cut: Octets[] = [];
    for (const run of this.#runs) {
      const first = Math.max(from, run.start);
      const end = Math.min(to, run.start + run.count);
      if (first < end) cut.push({ from: run.from, at: run.at + (first - run.start), count: end - first });
    }
    return cut;
  }

  /** Cuts off what lies behind `size`, or fills up with zeros. */
  resize(size: number): void {
    if (size >= this.#size) return this.add({ from: ZEROS, at: 0, count: size - this.#size });
    const kept = this.slice(0, size);
    this.#runs = [];
    this.#size = this.stored = 0;
    for (const run of kept) this.add(run);
  }

  /** All of it, in one array. */
  bytes(): Uint8Array {
    const b = new Uint8Array(this.#size);
    for (const run of this.#runs) copyOctets(run, b, run.start);
    return b;
  }
}

function isZero(b: Uint8Array, o: number, end: number): boolean {
  for (let i = o; i < end; i++) if (b[i] !== 0) return false;
  return true;
}
