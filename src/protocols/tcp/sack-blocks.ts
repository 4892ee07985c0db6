import { after, before } from "./sequence.ts";

/** Blocks remembered: more fit no segment (RFC 2018 §3). */
const BLOCKS_MAX = 4;

/** What a receiver tells of data behind holes (RFC 2018 §4), the block with the latest segment first, and of duplicates (RFC 2883). */
export class SackBlocks {
  /** Left and right edges by turns: slot 0 is kept free for a duplicate. */
  readonly #edges = new Int32Array(2 * (BLOCKS_MAX + 1));
  count = 0;
  /** A duplicate is to be told with the next segment. */
  duplicate = false;

  /** Blocks that the next segment could carry. */
  get total(): number {
    return this.count + (this.duplicate ? 1 : 0);
  }
  /** Where those blocks begin, in the form that `writeSack` takes. */
  edges(): Int32Array {
    return this.duplicate ? this.#edges : this.#edges.subarray(2);
  }

  /** [seq, end) lies behind a hole (`net/ipv4/tcp_input.c:tcp_sack_new_ofo_skb`). */
  add(seq: number, end: number): void {
    const e = this.#edges;
    for (let i = 1; i <= this.count; i++) {
      if (after(seq, e[2 * i + 1] as number) || before(end, e[2 * i] as number)) continue;
      const left = before(seq, e[2 * i] as number) ? seq : (e[2 * i] as number);
      const right = after(end, e[2 * i + 1] as number) ? end : (e[2 * i + 1] as number);
      this.#toFront(i, left, right);
      return this.#coalesce();
    }
    if (this.count < BLOCKS_MAX) this.count++;
    this.#toFront(this.count, seq, end);
  }

  /** Data up to `nxt` has arrived without holes. */
  advance(nxt: number): void {
    const e = this.#edges;
    let kept = 0;
    for (let i = 1; i <= this.count; i++) {
      if (!before(nxt, e[2 * i] as number)) continue;
      kept++;
      e[2 * kept] = e[2 * i] as number;
      e[2 * kept + 1] = e[2 * i + 1] as number;
    }
    this.count = kept;
  }

  /** [seq, end) came twice (`tcp_dsack_set`; a range that touches the one to be told grows it: `tcp_dsack_extend`). */
  tellDuplicate(seq: number, end: number): void {
    const e = this.#edges;
    if (this.duplicate && !after(seq, e[1] as number) && !before(end, e[0] as number)) {
      if (before(seq, e[0] as number)) e[0] = seq;
      if (after(end, e[1] as number)) e[1] = end;
      return;
    }
    this.duplicate = true;
    e[0] = seq;
    e[1] = end;
  }

  /** The rightmost edge of all; `nxt` when there is no block. */
  rightmost(nxt: number): number {
    let edge = nxt;
    for (let i = 1; i <= this.count; i++) {
      const right = this.#edges[2 * i + 1] as number;
      if (after(right, edge)) edge = right;
    }
    return edge;
  }

  clear(): void {
    this.count = 0;
    this.duplicate = false;
  }

  #toFront(from: number, left: number, right: number): void {
    const e = this.#edges;
    e.copyWithin(4, 2, 2 * from);
    e[2] = left;
    e[3] = right;
  }

  /** The first block has grown: others may touch it now (`tcp_sack_maybe_coalesce`). */
  #coalesce(): void {
    const e = this.#edges;
    let kept = 1;
    for (let i = 2; i <= this.count; i++) {
      const [left, right] = [e[2 * i] as number, e[2 * i + 1] as number];
      if (after(left, e[3] as number) || before(right, e[2] as number)) {
        kept++;
        e[2 * kept] = left;
        e[2 * kept + 1] = right;
        continue;
      }
      if (before(left, e[2] as number)) e[2] = left;
      if (after(right, e[3] as number)) e[3] = right;
    }
    this.count = kept;
  }
}
