import { i32 } from "../../core/bytes.ts";
import type { Nanos } from "../../core/time.ts";
import type { TcpConnection } from "./connection.ts";
import { checkReordering, rackAdvance } from "./rack.ts";
import { EVER_RETRANSMITTED, LOST, RETRANSMITTED, SACKED } from "./scoreboard.ts";
import type { Segment } from "./segment.ts";
import { after, before, span } from "./sequence.ts";
import { SACK_BLOCKS_MAX } from "./wire.ts";

/** What the SACK blocks of an acknowledgement say of the segments that are out (RFC 2018 §5, RFC 2883, RFC 6675 §4). */

/** What one acknowledgement has told: filled anew for each. */
export class AckOutcome {
  /** SND.UNA before it, and the highest sequence number that was known to have arrived. */
  priorUna = 0;
  priorHighest = 0;
  /** SND.UNA moved. */
  advanced = false;
  /** It carried data or a new window: no duplicate. */
  notDuplicate = false;
  dataAcked = false;
  synAcked = false;
  /** New segments were selectively acknowledged. */
  dataSacked = false;
  /** Among what was acknowledged were segments sent more than once, and such as were sent once before the trouble began. */
  retransAcked = false;
  originalAcked = false;
  /** The retransmission timer is to be set anew. */
  setTimer = false;
  lostRetrans = false;
  /** It reports a duplicate: some, and the tail loss probe. */
  duplicateReported = false;
  probeDuplicate = false;
  /** Congestion is echoed. */
  congestion = false;
  reneging = false;
  /** Segments that it newly reports. */
  delivered = 0;
  /** When the first and last of those were sent that were selectively acknowledged and sent once; -1: none. */
  firstSackedAt: Nanos = -1;
  lastSackedAt: Nanos = -1;
  /** When what arrived last was sent. */
  newestAt: Nanos = -1;
  /** Lowest sequence number that arrived behind a higher one without being sent twice. */
  reordered = 0;

  reset(c: TcpConnection): void {
    this.priorUna = c.snd.una;
    this.priorHighest = c.snd.sent.sackedOut > 0 && c.sackOk ? c.snd.sent.highestSacked : c.snd.una;
    this.advanced = this.notDuplicate = this.dataAcked = this.synAcked = this.dataSacked = false;
    this.retransAcked = this.originalAcked = this.setTimer = this.lostRetrans = false;
    this.duplicateReported = this.probeDuplicate = this.congestion = this.reneging = false;
    this.delivered = 0;
    this.firstSackedAt = this.lastSackedAt = this.newestAt = -1;
    this.reordered = c.snd.nxt;
  }
}

/** Blocks of the segment that is being read: left and right edges by turns, sorted. */
const edges = new Int32Array(2 * SACK_BLOCKS_MAX);

/** The blocks that a connection saw last: what they covered is not walked again. */
export class SackCache {
  readonly edges = new Int32Array(2 * SACK_BLOCKS_MAX);
  count = 0;
}

/** Marks what the blocks of `seg`, which lies in `b`, cover (`net/ipv4/tcp_input.c:tcp_sacktag_write_queue`). */
export function readSack(c: TcpConnection, b: Uint8Array, seg: Segment, out: AckOutcome): void {
  const { snd } = c;
  const { sackAt, sackBlocks } = seg.options;
  const count = Math.min(sackBlocks, SACK_BLOCKS_MAX);
  if (snd.sent.sackedOut === 0) {
    c.sackCache.count = 0;
    snd.sent.highestSacked = snd.una;
  }
  const duplicate = isDuplicate(b, sackAt, count, seg.ack);
  if (duplicate) reportDuplicate(c, i32(b, sackAt), i32(b, sackAt + 4), out);
  let used = 0;
  for (let i = 0; i < count; i++) {
    const left = i32(b, sackAt + 8 * i);
    const right = i32(b, sackAt + 8 * i + 4);
    const dup = duplicate && i === 0;
    if (!isValid(c, dup, left, right) || (!dup && !after(right, out.priorUna))) continue;
    if (dup) walk(c, left, right, left, true, out);
    else used = insertSorted(used, left, right);
  }
  if (snd.sent.isEmpty) return;
  for (let i = 0; i < used; i++) walkNew(c, edges[2 * i] as number, edges[2 * i + 1] as number, out);
  c.sackCache.edges.set(edges);
  c.sackCache.count = used;
  checkReordering(c, out.reordered, snd.sent.sackedOut > 0 ? snd.sent.highestSacked : snd.una);
}

/** RFC 2883 §4: the first block lies below the acknowledgement, or within the second. */
function isDuplicate(b: Uint8Array, at: number, count: number, ack: number): boolean {
  const left = i32(b, at);
  if (before(left, ack)) return true;
  if (count < 2) return false;
  return !after(i32(b, at + 4), i32(b, at + 12)) && !before(left, i32(b, at + 8));
}

/** Something that was sent again had arrived before (`tcp_dsack_seen`, `tcp_check_dsack`). */
function reportDuplicate(c: TcpConnection, left: number, right: number, out: AckOutcome): void {
  const { recovery: r, snd } = c;
  const octets = span(left, right);
  if (octets <= 0 || octets > snd.maxWnd) return;
  let segments = 1;
  if (octets > snd.mss) segments = Math.ceil(octets / snd.mss);
  else if (r.tlpOut && r.tlpHighSeq === right) out.probeDuplicate = true;
  r.dsackDuplicates += segments;
  if (r.dsackDuplicates > r.totalRetrans) return; // the network duplicates: nothing was sent twice
  if (r.reorderSeen > 0 && !out.probeDuplicate) r.dsackSeen = true;
  out.duplicateReported = true;
  out.delivered += segments;
  const forgotten = !after(right, out.priorUna) && after(right, r.undoMarker);
  if (r.mayUndo && r.undoRetrans > 0 && forgotten) r.undoRetrans = Math.max(0, r.undoRetrans - segments);
}

/** Blocks that make no sense are ignored (`tcp_is_sackblock_valid`). */
function isValid(c: TcpConnection, duplicate: boolean, left: number, right: number): boolean {
  const { snd, recovery: r } = c;
  if (after(right, snd.nxt) || !before(left, right) || !before(left, snd.nxt)) return false;
  if (after(left, snd.una)) return true;
  if (!duplicate || !r.mayUndo || after(right, snd.una)) return false;
  if (!before(left, r.undoMarker)) return true;
  return after(right, r.undoMarker) && !before(left, (right - snd.maxWnd) | 0);
}

/** Keeps the blocks in order of sequence. Returns how many there are. */
function insertSorted(used: number, left: number, right: number): number {
  let at = used;
  while (at > 0 && after(edges[2 * at - 2] as number, left)) {
    edges[2 * at] = edges[2 * at - 2] as number;
    edges[2 * at + 1] = edges[2 * at - 1] as number;
    at--;
  }
  edges[2 * at] = left;
  edges[2 * at + 1] = right;
  return used + 1;
}

/** Walks the part of a block that the last blocks did not cover. */
function walkNew(c: TcpConnection, left: number, right: number, out: AckOutcome): void {
  const { edges: old, count } = c.sackCache;
  let from = left;
  for (let i = 0; i < count; i++) {
    const [oldLeft, oldRight] = [old[2 * i] as number, old[2 * i + 1] as number];
    if (!after(oldRight, from) || !before(oldLeft, right)) continue;
    if (after(oldLeft, from)) walk(c, from, right, left, false, out, oldLeft);
    from = oldRight;
    if (!before(from, right)) return;
  }
  walk(c, from, right, left, false, out);
}

/** Marks the segments that lie whole in the block [left, right), from the one with `from` on, none that begins at `stop` or behind. */
function walk(
  c: TcpConnection,
  from: number,
  right: number,
  left: number,
  duplicate: boolean,
  out: AckOutcome,
  stop = right,
): void {
  const { sent } = c.snd;
  for (let i = sent.find(from); i < sent.tail; i++) {
    const slot = i & sent.mask;
    const seq = sent.seq[slot] as number;
    if (!before(seq, stop) || after(sent.end[slot] as number, right)) return;
    if (!before(seq, left)) tag(c, i, duplicate, out);
  }
}

/** `tcp_sacktag_one`. */
function tag(c: TcpConnection, i: number, duplicate: boolean, out: AckOutcome): void {
  const { snd, recovery: r } = c;
  const { sent } = snd;
  const slot = i & sent.mask;
  let flags = sent.flags[slot] as number;
  const seq = sent.seq[slot] as number;
  const end = sent.end[slot] as number;
  if (duplicate && (flags & EVER_RETRANSMITTED) !== 0) {
    if (r.mayUndo && r.undoRetrans > 0 && after(end, r.undoMarker)) r.undoRetrans--;
    if ((flags & SACKED) !== 0 && before(seq, out.reordered)) out.reordered = seq;
  }
  if (!after(end, snd.una)) return;
  if ((flags & SACKED) === 0) {
    rackAdvance(c, i);
    const sentAt = sent.sentAt[slot] as number;
    if (sentAt > out.newestAt) out.newestAt = sentAt;
    if ((flags & RETRANSMITTED) !== 0) {
      if ((flags & LOST) !== 0) {
        flags &= ~(LOST | RETRANSMITTED);
        sent.lostOut--;
        sent.retransOut--;
      }
    } else {
      if ((flags & EVER_RETRANSMITTED) === 0) noteOriginal(c, seq, end, sentAt, out);
      if ((flags & LOST) !== 0) {
        flags &= ~LOST;
        sent.lostOut--;
      }
    }
    flags |= SACKED;
    sent.sackedOut++;
    out.dataSacked = true;
    out.delivered++;
    if (sent.sackedOut === 1 || after(end, sent.highestSacked)) sent.highestSacked = end;
    sent.flags[slot] = flags;
    sent.unlink(i);
  }
  if (duplicate && (flags & RETRANSMITTED) !== 0) {
    flags &= ~RETRANSMITTED;
    sent.retransOut--;
  }
  sent.flags[slot] = flags;
}

/** A segment that was sent once was selectively acknowledged: it tells a round trip, and maybe that the network reorders. */
function noteOriginal(c: TcpConnection, seq: number, end: number, sentAt: Nanos, out: AckOutcome): void {
  const { sent } = c.snd;
  const highest = sent.sackedOut > 0 ? sent.highestSacked : c.snd.una;
  if (before(seq, highest) && before(seq, out.reordered)) out.reordered = seq;
  if (!after(end, c.recovery.highSeq)) out.originalAcked = true;
  if (out.firstSackedAt < 0) out.firstSackedAt = sentAt;
  out.lastSackedAt = sentAt;
}

/** The oldest segment out was selectively acknowledged and yet not cumulatively: the peer has thrown data away (RFC 2018 §8). */
export const isReneging = (c: TcpConnection): boolean => {
  const { sent } = c.snd;
  return !sent.isEmpty && ((sent.flags[sent.head & sent.mask] as number) & SACKED) !== 0;
};
