import type { Packet } from "../../core/packet.ts";
import { after, before, span } from "./sequence.ts";

/**
 * What memory a packet of `bytes` costs on Linux (skb->truesize of a driver that copies into a buffer of its own): buffers
 * of powers of two, with 64 octets in front, the shared info behind, and the descriptor.
 */
export function truesize(bytes: number): number {
  const data = bytes + 66 + 64 + 320;
  return (data <= 512 ? 512 : 1 << (32 - Math.clz32(data - 1))) + 256;
}

/** Packets in order that no program has taken yet: first in, first out. Each has been cut to its data. */
export class ReadyQueue {
  #packets: (Packet | null)[] = [];
  #first = 0;
  size = 0;
  /** Octets of data in it. */
  bytes = 0;

  push(p: Packet): void {
    if (this.size === this.#packets.length) this.#grow();
    this.#packets[(this.#first + this.size++) & (this.#packets.length - 1)] = p;
    this.bytes += p.end - p.start;
  }

  /** The oldest packet, while `size` is not 0. */
  shift(): Packet {
    const p = this.#packets[this.#first] as Packet;
    this.#packets[this.#first] = null;
    this.#first = (this.#first + 1) & (this.#packets.length - 1);
    this.size--;
    this.bytes -= p.end - p.start;
    return p;
  }

  #grow(): void {
    const old = this.#packets;
    this.#packets = new Array<Packet | null>(Math.max(4, 2 * old.length)).fill(null);
    for (let i = 0; i < old.length; i++) this.#packets[i] = old[(this.#first + i) & (old.length - 1)] as Packet;
    this.#first = 0;
  }
}

/** What `ReassemblyQueue.insert` found out about a segment. */
export const HELD = 0;
/** All of it was there already. */
export const DUPLICATE = 1;

/**
 * Segments behind holes, in order of sequence and without overlaps: what came first is kept, except that a segment which
 * covers others takes their place. Data of an entry begins at `p.start`.
 */
export class ReassemblyQueue {
  readonly #seqs: number[] = [];
  /** Ends, FIN counted. */
  readonly #ends: number[] = [];
  readonly #packets: Packet[] = [];
  /** Where overlaps with `insert`ed data were, for the duplicate that is told (RFC 2883); empty when equal. */
  overlapFrom = 0;
  overlapTo = 0;

  get size(): number {
    return this.#packets.length;
  }

  /** First sequence number held, and its segment's end; only while `size` is not 0. */
  get firstSeq(): number {
    return this.#seqs[0] as number;
  }
  get firstEnd(): number {
    return this.#ends[0] as number;
  }

  /**
   * Puts the segment [seq, end) in: data from `p.start` on, and FIN when `end` is one more. Packets that it makes needless go
   * to `spare`. Returns `DUPLICATE` when it is needless itself; the caller keeps it then.
   */
  insert(p: Packet, seq: number, end: number, spare: (p: Packet) => void): number {
    const [seqs, ends, packets] = [this.#seqs, this.#ends, this.#packets];
    let at = seqs.length;
    while (at > 0 && after(seqs[at - 1] as number, seq)) at--;
    this.overlapFrom = this.overlapTo = seq;
    let from = seq;
    if (at > 0) {
      const known = ends[at - 1] as number;
      if (!after(end, known)) return this.#allThere(seq, end);
      if (after(known, seq)) {
        this.overlapTo = from = known;
        p.start += span(seq, from);
      }
    }
    let covered = 0;
    while (at + covered < seqs.length && !after(ends[at + covered] as number, end)) covered++;
    if (covered > 0) {
      this.overlapFrom = seqs[at] as number;
      this.overlapTo = ends[at + covered - 1] as number;
      for (let i = 0; i < covered; i++) spare(packets[at + i] as Packet);
      seqs.splice(at, covered);
      ends.splice(at, covered);
      packets.splice(at, covered);
    }
    let to = end;
    if (at < seqs.length && before(seqs[at] as number, end)) {
      to = seqs[at] as number;
      if (to === from) return this.#allThere(seq, end);
      if (this.overlapFrom === this.overlapTo) {
        this.overlapFrom = to;
        this.overlapTo = end;
      }
      p.trim(Math.min(span(from, to), p.end - p.start));
    }
    seqs.splice(at, 0, from);
    ends.splice(at, 0, to);
    packets.splice(at, 0, p);
    return HELD;
  }

  #allThere(seq: number, end: number): number {
    this.overlapFrom = seq;
    this.overlapTo = end;
    return DUPLICATE;
  }

  /** Takes out the first segment. */
  shift(): Packet {
    this.#seqs.shift();
    this.#ends.shift();
    return this.#packets.shift() as Packet;
  }
  /** Takes out the last one: it will have to be sent again. */
  pop(): Packet {
    this.#seqs.pop();
    this.#ends.pop();
    return this.#packets.pop() as Packet;
  }
}
