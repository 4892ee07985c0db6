import type { Packet } from "../../core/packet.ts";
import type { BytePattern } from "../../core/tcp-socket.ts";

/** Octets [from, end) of the stream, and where they come from. */
interface Block {
  readonly from: number;
  end: number;
  /** The octets themselves, the first at `offset`; null: `pattern` makes them. */
  readonly bytes: Uint8Array | null;
  readonly offset: number;
  readonly pattern: BytePattern | null;
  /** May grow: it was copied, and has room. */
  readonly own: boolean;
}

/** Copied writes share blocks: of the first size at least after a pause, and of twice the one before while they come, up to the second. */
const [BLOCK_BYTES, BLOCK_BYTES_MAX] = [256, 16_384];

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
      const room = last?.own ? (last.bytes as Uint8Array).length - (last.end - last.from) : 0;
      if (last === undefined || room === 0) {
        const before = last?.own ? Math.min(BLOCK_BYTES_MAX, 2 * (last.bytes as Uint8Array).length) : BLOCK_BYTES;
        this.#append(new Uint8Array(Math.max(end - at, before)), 0, 0, null, true);
        continue;
      }
      const n = Math.min(room, end - at);
      (last.bytes as Uint8Array).set(b.subarray(at, at + n), last.end - last.from);
      last.end += n;
      this.end += n;
      at += n;
    }
  }

  /** Takes [o, end) of `b` as it is: nobody changes it until it is acknowledged. */
  lend(b: Uint8Array, o: number, end: number): void {
    this.#append(b, o, end - o, null, false);
  }

  /** Takes `count` octets that `pattern` will make; it is asked for positions of the whole stream. */
  generate(pattern: BytePattern, count: number): void {
    const last = this.#blocks.at(-1);
    if (last?.pattern === pattern) {
      last.end += count;
      this.end += count;
    } else this.#append(null, 0, count, pattern, false);
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

  #append(bytes: Uint8Array | null, offset: number, count: number, pattern: BytePattern | null, own: boolean): void {
    this.#blocks.push({ from: this.end, end: this.end + count, bytes, offset, pattern, own });
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
