/** Takes finished bytes. The array is the writer's own again when the sink returns: copy what must live longer. */
export type Sink = (chunk: Uint8Array) => void;

/** A buffer that blocks are written into and that goes to its sink when the next block does not fit. */
export class ChunkBuffer {
  /** Where to write; another array may stand here after `reserve`. */
  bytes: Uint8Array;
  /** Octets written and not yet handed over. */
  length: number;
  private readonly sink: Sink;

  constructor(sink: Sink, chunkBytes: number) {
    this.bytes = new Uint8Array(chunkBytes);
    this.length = 0;
    this.sink = sink;
  }

  /** Makes room for `count` octets and returns the offset of the first; they count as written. */
  reserve(count: number): number {
    if (this.length + count > this.bytes.length) {
      this.flush();
      if (count > this.bytes.length) this.bytes = new Uint8Array(2 * count);
    }
    const at = this.length;
    this.length += count;
    return at;
  }

  flush(): void {
    if (this.length === 0) return;
    const filled = this.length;
    this.length = 0;
    this.sink(this.bytes.subarray(0, filled));
  }
}

/** Octets handed over at a time. */
export const CHUNK_BYTES = 1 << 20;

export function setLe16(b: Uint8Array, o: number, v: number): void {
  b[o] = v;
  b[o + 1] = v >>> 8;
}

export function setLe32(b: Uint8Array, o: number, v: number): void {
  b[o] = v;
  b[o + 1] = v >>> 8;
  b[o + 2] = v >>> 16;
  b[o + 3] = v >>> 24;
}

/** Copies `from[start, end)` to `to` at `at`. Short runs by hand, where a `subarray` would cost more than the copy. */
export function copyOctets(from: Uint8Array, start: number, end: number, to: Uint8Array, at: number): void {
  if (end - start > 40) to.set(from.subarray(start, end), at);
  else for (let i = start, o = at; i < end; i++, o++) to[o] = from[i] as number;
}
