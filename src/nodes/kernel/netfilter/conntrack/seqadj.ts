import { setU32, u8, u32 } from "../../../../core/bytes.ts";
import type { Packet } from "../../../../core/packet.ts";
import { TCPOPT_EOL, TCPOPT_NOP, TCPOPT_SACK } from "../../../../protocols/tcp/option-values.ts";
import {
  ack,
  adjustChecksum32,
  dataOffset,
  seq as seqOf,
  setAck,
  setSeq,
  HEADER as TCP_HEADER,
} from "../../../../protocols/tcp/wire.ts";
import { after, before } from "./tcp-window.ts";

/** What translation added to the numbers of one direction, up to the last change and after it (`struct nf_ct_seqadj`). */
interface Way {
  position: number;
  before: number;
  after: number;
}

/** The changes of length that a helper made in a connection (net/netfilter/nf_conntrack_seqadj.c). */
export class SequenceAdjustment {
  readonly #ways: readonly [Way, Way] = [
    { position: 0, before: 0, after: 0 },
    { position: 0, before: 0, after: 0 },
  ];

  /** The segment at `seq`, going in `dir`, became longer by `octets`. The same segment sent again changes nothing. */
  change(dir: number, seq: number, octets: number): void {
    const way = this.#way(dir);
    if (way.before !== way.after && !before(way.position, seq | 0)) return;
    way.position = seq | 0;
    way.before = way.after;
    way.after += octets;
  }

  /** What was added to number `seq` of what goes in `dir`. */
  offset(dir: number, seq: number): number {
    const way = this.#way(dir);
    return after(seq, way.position) ? way.after : way.before;
  }

  /** Sets numbers and checksum of a segment right, that goes in `dir` and whose header is at `at`. False: it cannot be read. */
  adjust(p: Packet, at: number, dir: number): boolean {
    const { buf } = p;
    if (p.end - at < TCP_HEADER || dataOffset(buf, at) < TCP_HEADER || dataOffset(buf, at) > p.end - at) return false;
    const mine = this.#way(dir);
    const seq = seqOf(buf, at);
    const acked = ack(buf, at);
    const newSeq = (seq + (after(seq | 0, mine.position) ? mine.after : mine.before)) >>> 0;
    const newAck = this.#unshift(1 - dir, acked);
    adjustChecksum32(buf, at, seq, newSeq);
    adjustChecksum32(buf, at, acked, newAck);
    setSeq(buf, at, newSeq);
    setAck(buf, at, newAck);
    this.#adjustSack(buf, at, 1 - dir);
    if (p.sumFrom >= 0 && p.sumFrom < at + dataOffset(buf, at)) p.sumFrom = -1;
    return true;
  }

  #adjustSack(b: Uint8Array, at: number, dir: number): void {
    const end = at + dataOffset(b, at);
    for (let o = at + TCP_HEADER; o < end; ) {
      const kind = u8(b, o);
      if (kind === TCPOPT_EOL) return;
      if (kind === TCPOPT_NOP) {
        o++;
        continue;
      }
      const length = end - o < 2 ? 0 : u8(b, o + 1);
      if (length < 2 || length > end - o) return;
      if (kind === TCPOPT_SACK && (length - 2) % 8 === 0) {
        for (let edge = o + 2; edge < o + length; edge += 4) {
          const old = u32(b, edge);
          const fresh = this.#unshift(dir, old);
          adjustSackSum(b, at, edge, old, fresh);
          setU32(b, edge, fresh);
        }
      }
      o += length;
    }
  }

  /** What the sender in `dir` itself calls the number that its peer knows as `acked`. */
  #unshift(dir: number, acked: number): number {
    const way = this.#way(dir);
    return (acked - (after((acked - way.before) | 0, way.position) ? way.after : way.before)) >>> 0;
  }

  #way(dir: number): Way {
    return this.#ways[dir as 0 | 1];
  }
}

/** Words that begin at an odd offset count with their octets swapped (RFC 1071 §2 B). */
function adjustSackSum(b: Uint8Array, at: number, edge: number, old: number, fresh: number): void {
  if (((edge - at) & 1) === 0) adjustChecksum32(b, at, old, fresh);
  else adjustChecksum32(b, at, swapOctets(old), swapOctets(fresh));
}

const swapOctets = (word: number): number => (((word & 0xff00ff) << 8) | ((word >>> 8) & 0xff00ff)) >>> 0;
