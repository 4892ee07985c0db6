import type { TcpConnection } from "./connection.ts";
import { currentSsthresh, inReduction } from "./cwnd.ts";
import { currentMss } from "./mss.ts";
import { LOSS } from "./recovery-state.ts";
import { EVER_RETRANSMITTED, HAS_FIN, HAS_PSH, HAS_SYN, LOST, RETRANSMITTED, SACKED } from "./scoreboard.ts";
import { after, span } from "./sequence.ts";
import { throttled } from "./throttle.ts";
import { TIMER_REORDER, TIMER_RETRANSMIT } from "./timers.ts";
import { NO_WAY, SENT, transmit, transmitSyn } from "./transmit.ts";
import { TCP_FIN, TCP_PSH } from "./wire.ts";

/** Sends segments again. */

/** Sends entry `i` of the scoreboard once more (`tcp_retransmit_skb`). Returns what became of it, as `transmit` does. */
export function retransmit(c: TcpConnection, i: number): number {
  const { snd, recovery } = c;
  const { sent } = snd;
  const result = resend(c, i);
  const slot = i & sent.mask;
  if (recovery.undoRetrans < 0) recovery.undoRetrans = 0;
  recovery.undoRetrans++;
  if (snd.retransStamp === 0) snd.retransStamp = c.stamp() || 1;
  if (result !== SENT) return result;
  if (((sent.flags[slot] as number) & RETRANSMITTED) === 0) sent.retransOut++;
  sent.flags[slot]! |= RETRANSMITTED;
  return SENT;
}

/** Sends entry `i` once more, and says nothing of it to the reckoning of losses: a probe (`__tcp_retransmit_skb`). */
export function resend(c: TcpConnection, i: number): number {
  const { sent } = c.snd;
  sent.flags[i & sent.mask]! |= EVER_RETRANSMITTED;
  const result = sendAgain(c, i);
  if (result !== SENT) return result;
  sent.sentAgain(i, c.now);
  c.recovery.totalRetrans++;
  c.counters.retransmits++;
  return SENT;
}

/** Sends what was found lost, as far as the congestion window goes (`tcp_xmit_retransmit_queue`). */
export function retransmitLost(c: TcpConnection): void {
  const { snd, recovery, timers } = c;
  const { sent } = snd;
  if (sent.retransOut >= sent.lostOut) return;
  let rearm = false;
  let first = true;
  for (let i = sent.hint; i < sent.tail && sent.retransOut < sent.lostOut; i++) {
    const flags = sent.flags[i & sent.mask] as number;
    if ((flags & (SACKED | RETRANSMITTED)) !== 0 || (flags & LOST) === 0) continue;
    if (first) sent.hint = i;
    first = false;
    if (sent.inFlight >= snd.cwnd || throttled(c)) break;
    if (retransmit(c, i) !== SENT) break;
    if (inReduction(c)) recovery.prrOut++;
    if (i === sent.head && timers.kind !== TIMER_REORDER) rearm = true;
  }
  if (rearm) timers.set(TIMER_RETRANSMIT, c.now + Math.min(c.rtt.rto, c.rtoMax));
}

/** The MSS has become smaller: what was sent in larger pieces is cut anew. */
export function shrinkSegments(c: TcpConnection): void {
  if (!c.snd.sent.isEmpty) c.snd.sent.resegment(currentMss(c));
}

/** RFC 1191 §6.5: the path takes no segments of the size that was sent; those go again, and the window stays (`tcp_simple_retransmit`). */
export function retransmitTooLarge(c: TcpConnection): void {
  const { snd, recovery } = c;
  const { sent } = snd;
  const mss = currentMss(c);
  for (let i = sent.head; i < sent.tail; i++) {
    const slot = i & sent.mask;
    if (span(sent.seq[slot] as number, sent.end[slot] as number) > mss + 1 && sent.markLost(i)) sent.unlink(i);
  }
  sent.resegment(mss);
  if (sent.lostOut === 0) return;
  if (recovery.phase !== LOSS) {
    recovery.highSeq = snd.nxt;
    snd.ssthresh = currentSsthresh(c);
    recovery.priorSsthresh = 0;
    recovery.mayUndo = false;
    recovery.phase = LOSS;
  }
  retransmitLost(c);
}

function sendAgain(c: TcpConnection, i: number): number {
  const { snd, counters } = c;
  const { sent } = snd;
  const slot = i & sent.mask;
  const flags = sent.flags[slot] as number;
  if ((flags & HAS_SYN) !== 0) return transmitSyn(c);
  const seq = sent.seq[slot] as number;
  const end = sent.end[slot] as number;
  // A window taken back below it: only the first is sent, as a probe (`__tcp_retransmit_skb`).
  const edge = (snd.una + snd.wnd) | 0;
  if (!after(edge, seq) && seq !== snd.una) return NO_WAY;
  const fin = (flags & HAS_FIN) !== 0;
  const bytes = span(seq, end) - (fin ? 1 : 0);
  counters.bytesRetransmitted += bytes;
  return transmit(c, seq, bytes, (fin ? TCP_FIN : 0) | ((flags & HAS_PSH) !== 0 ? TCP_PSH : 0));
}
