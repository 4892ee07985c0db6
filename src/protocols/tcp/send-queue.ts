import type { Packet } from "../../core/packet.ts";
import type { BytePattern } from "../../core/tcp-socket.ts";

/** Octets [from, end) of the stream, and where they come from. */
interface Block {
  readonly from: number;
  end: number;
  /** The octets themselves, the first at `offset`; null: `pattern` makes them. */
  bytes: Uint8Array | null;
  readonly offset: number;
  readonly pattern: BytePattern | null;
  /** As long as it may become: it was copied. 0: it stays as it is. */
  readonly limit: number;
}

/** Copied writes share blocks of at least this size. */
const BLOCK_BYTES = 16_384;
/** What a block takes of memory at first: many connections say little. */
const BLOCK_BYTES_MIN = 256;

/**
 * What a program has written and the peer has not acknowledged. Positions count octets of the stream from 0, exact up to
 * 2^53. A block is kept until its last octet is acknowledged.
 */
export class SendQueue {
  #blocks: Block[] = [];
  /** Blocks before this index are gone. */
  #first = 0;
  /** Where the last look-up found its block. */
  #cursor = 0;
  /** Position of the first octet that is kept, and one behind the last. */
  start = 0;
  end = 0;

  /** Octets kept. */
  get bytes(): number {
    return this.end - this.start;
  }

  /** Copies [o, end) of `b` in. */
  write(b: Uint8Array, o: number, end: number): void {
    for (let at = o; at < end; ) {
      const last = this.#blocks.at(-1);
      const used = last === undefined ? 0 : last.end - last.from;
      if (last === undefined || used >= last.limit) {
        this.#append(new Uint8Array(Math.max(end - at, BLOCK_BYTES_MIN)), 0, 0, null, Math.max(end - at, BLOCK_BYTES));
        continue;
      }
      const n = Math.min(last.limit - used, end - at);
      roomFor(last, used + n).set(b.subarray(at, at + n), used);
      last.end += n;
      this.end += n;
      at += n;
    }
  }

  /** Takes [o, end) of `b` as it is: nobody changes it until it is acknowledged. */
  lend(b: Uint8Array, o: number, end: number): void {
    this.#append(b, o, end - o, null, 0);
  }

  /** Takes `count` octets that `pattern` will make; it is asked for positions of the whole stream. */
  generate(pattern: BytePattern, count: number): void {
    const last = this.#blocks.at(-1);
    if (last?.pattern === pattern) {
      last.end += count;
      this.end += count;
    } else this.#append(null, 0, count, pattern, 0);
  }

  /** Writes the octets from `position` up to `position + count` into `p.buf` at `o`. Returns whether a written piece ends in them. */
  copy(position: number, count: number, p: Packet, o: number): boolean {
    const stop = position + count;
    let pushed = false;
    let at = position;
    for (let i = this.#find(position); at < stop; i++) {
      const block = this.#blocks[i] as Block;
      const n = Math.min(block.end, stop) - at;
      const to = o + (at - position);
      if (block.bytes === null) (block.pattern as BytePattern).fill(p.buf, to, to + n, at);
      else {
        const from = block.offset + (at - block.from);
        p.buf.set(block.bytes.subarray(from, from + n), to);
      }
      at += n;
      if (at === block.end) pushed = true;
      this.#cursor = i;
    }
    return pushed;
  }

  /** Everything before `position` was acknowledged. */
  release(position: number): void {
    this.start = position;
    const blocks = this.#blocks;
    let first = this.#first;
    while (first < blocks.length && (blocks[first] as Block).end <= position) first++;
    if (first === this.#first) return;
    if (first === blocks.length || first > 64) {
      blocks.splice(0, first);
      this.#cursor = Math.max(0, this.#cursor - first);
      first = 0;
    }
    this.#first = first;
    if (this.#cursor < first) this.#cursor = first;
  }

  /** Forgets everything: the connection is over. */
  clear(): void {
    this.#blocks = [];
    this.#first = this.#cursor = 0;
    this.start = this.end;
  }

  #append(bytes: Uint8Array | null, offset: number, count: number, pattern: BytePattern | null, limit: number): void {
    this.#blocks.push({ from: this.end, end: this.end + count, bytes, offset, pattern, limit });
    this.end += count;
  }

  /** Index of the block with `position`: mostly the one found last, or the next. */
  #find(position: number): number {
    const blocks = this.#blocks;
    const near = blocks[this.#cursor];
    if (near !== undefined && position >= near.from) {
      if (position < near.end) return this.#cursor;
      const next = blocks[this.#cursor + 1];
      if (next !== undefined && position < next.end) return this.#cursor + 1;
    }
    let low = this.#first;
    let high = blocks.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (position < (blocks[middle] as Block).end) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

/** The octets of a block that may grow, with room for `count`. */
function roomFor(block: Block, count: number): Uint8Array {
  const bytes = block.bytes as Uint8Array;
  if (count <= bytes.length) return bytes;
  const more = new Uint8Array(Math.min(block.limit, Math.max(count, 2 * bytes.length)));
  more.set(bytes);
  block.bytes = more;
  return more;
}
