import type { Packet } from "../../../core/packet.ts";
import type { Nanos } from "../../../core/time.ts";

/** A fragment that waits: its data stand in [`offset`, `offset` + `bytes`) of the datagram. */
export interface Piece {
  readonly p: Packet;
  /** Octets of its IP header. */
  readonly header: number;
  readonly offset: number;
  readonly bytes: number;
}

/** Pieces that came one after the other without a gap. */
interface Run {
  readonly start: number;
  end: number;
  readonly pieces: Piece[];
}

export const FIRST_IN = 1;
export const LAST_IN = 2;

/** What became of a piece that was put in (net/ipv4/inet_fragment.c:inet_frag_queue_insert). */
export type Insertion = "taken" | "duplicate" | "overlap";

/** A datagram of which not all has come (`struct ipq`). */
export class FragmentQueue {
  readonly src: number;
  readonly dst: number;
  /** Protocol and identification. */
  readonly key: number;
  expiresAt: Nanos;
  /** The next queue in the same bucket. */
  chain: FragmentQueue | null = null;
  /** `FIRST_IN`, `LAST_IN`. */
  flags = 0;
  /** Octets of the datagram's data, as far as known. */
  length = 0;
  /** Octets of data that are here. */
  meat = 0;
  /** One bit for every ECN codepoint seen. */
  ecn = 0;
  /** The longest fragment, and the longest with DF set, header included. */
  maxSize = 0;
  maxDfSize = 0;
  /** The device by which the last piece came. */
  iif = 0;
  /** Memory that the pieces hold, as Linux counts it. */
  memory = 0;
  /** The sender's count of fragments when the last piece came. */
  count = 0;
  /** By offset. */
  runs: Run[] = [];

  constructor(src: number, dst: number, key: number, expiresAt: Nanos) {
    this.src = src;
    this.dst = dst;
    this.key = key;
    this.expiresAt = expiresAt;
  }

  get complete(): boolean {
    return this.flags === (FIRST_IN | LAST_IN) && this.meat === this.length;
  }

  /** The pieces by offset. */
  *pieces(): Generator<Piece> {
    for (const run of this.runs) yield* run.pieces;
  }

  /**
   * Puts a piece in its place. RFC 5722 §4, which Linux obeys for IPv4 too: nothing may overlap. What repeats octets of one
   * run is a duplicate.
   */
  insert(piece: Piece): Insertion {
    const { runs } = this;
    const start = piece.offset;
    const end = start + piece.bytes;
    const last = runs.at(-1);
    if (last !== undefined && last.end < end) {
      if (start < last.end) return "overlap";
      if (start === last.end) {
        last.end = end;
        last.pieces.push(piece);
        return "taken";
      }
      runs.push({ start, end, pieces: [piece] });
      return "taken";
    }
    let at = runs.length;
    while (at > 0 && (runs[at - 1] as Run).start >= end) at--;
    const before = runs[at - 1];
    if (before !== undefined && before.end > start)
      return start >= before.start && end <= before.end ? "duplicate" : "overlap";
    runs.splice(at, 0, { start, end, pieces: [piece] });
    return "taken";
  }

  /** Forgets the pieces, and starts anew. The caller has let them go. */
  reset(): void {
    this.flags = 0;
    this.length = 0;
    this.meat = 0;
    this.ecn = 0;
    this.memory = 0;
    this.runs = [];
  }
}
