import type { TcpConnection } from "./connection.ts";
import { inReduction, validate } from "./cwnd.ts";
import { currentMss, syncMss } from "./mss.ts";
import { probeMtu } from "./mtu-probe.ts";
import { shrinkSegments } from "./retransmit.ts";
import { HAS_FIN, HAS_PSH } from "./scoreboard.ts";
import { after, span } from "./sequence.ts";
import { throttled } from "./throttle.ts";
import { checkProbeTimer, rearmRto, scheduleLossProbe, TIMER_LOSS_PROBE } from "./timers.ts";
import { SENT, transmit } from "./transmit.ts";
import { TCP_FIN } from "./wire.ts";

/** Sends what was written, as far as windows and Nagle's rule let it (RFC 9293 §3.8.6.2.1, `tcp_write_xmit`). */

// How `sendPending` sends.
export const NORMALLY = 0;
/** One segment, however small. */
export const ONE = 1;
/** One segment beyond the congestion window: a tail loss probe. */
export const PROBE = 2;

/** Sends what may go now; nothing more can be done until an acknowledgement, a timer, or the local queue allows. */
export function push(c: TcpConnection): void {
  if (span(c.snd.nxt, c.snd.writeSeq) <= 0) return;
  if (sendPending(c, NORMALLY)) checkProbeTimer(c);
}

/** As `push`; true when nothing is out although something waits: then the peer's window must be probed. */
export function sendPending(c: TcpConnection, how: number): boolean {
  const { snd } = c;
  const { sent } = snd;
  followPath(c);
  const mss = currentMss(c);
  // Octets that are generated take no room, and yet no more go out than a send buffer would hold.
  const edge = (snd.una + Math.min(snd.wnd, Math.max(snd.buffer, 2 * mss) + 1)) | 0;
  let count = 0;
  let limited = false;
  if (how === NORMALLY && c.probe.enabled) {
    const probed = probeMtu(c, mss);
    if (probed > 0) count = 1;
    else if (probed === 0) return false;
  }
  while (span(snd.nxt, snd.writeSeq) > 0) {
    if (sent.inFlight >= snd.cwnd && how !== PROBE) {
      limited = true;
      break;
    }
    const unsent = span(snd.nxt, snd.writeSeq) - (snd.finQueued ? 1 : 0);
    const bytes = Math.min(unsent, mss);
    const fin = snd.finQueued && bytes === unsent;
    const end = (snd.nxt + bytes + (fin ? 1 : 0)) | 0;
    if (after(end, edge)) break;
    if (bytes < mss && how === NORMALLY && !fin && nagleHolds(c)) break;
    if (how !== PROBE && throttled(c)) break;
    if (!sendNew(c, bytes, fin, mss)) break;
    count++;
    if (how !== NORMALLY) break;
  }
  if (count > 0 || limited) {
    if (count > 0 && inReduction(c)) c.recovery.prrOut += count;
    if (count > 0 && how !== PROBE) scheduleLossProbe(c, false);
    validate(c, limited || sent.inFlight >= snd.cwnd);
  }
  return sent.isEmpty && span(snd.nxt, snd.writeSeq) > 0;
}

/** Sends `bytes` octets that were never sent, and FIN behind them if told. False when it did not go out. */
export function sendNew(c: TcpConnection, bytes: number, fin: boolean, mss: number): boolean {
  const { snd } = c;
  const wasEmpty = snd.sent.isEmpty;
  if (transmit(c, snd.nxt, bytes, fin ? TCP_FIN : 0) !== SENT) return false;
  const end = (snd.nxt + bytes + (fin ? 1 : 0)) | 0;
  snd.sent.push(snd.nxt, end, (fin ? HAS_FIN : 0) | (bytes > 0 && c.pushed ? HAS_PSH : 0), c.now);
  snd.nxt = end;
  if (bytes < mss) snd.smallEnd = end; // tcp_minshall_update
  if (wasEmpty || c.timers.kind === TIMER_LOSS_PROBE) rearmRto(c);
  return true;
}

/** The route may lead elsewhere, or its MTU may have changed. */
export function followPath(c: TcpConnection): void {
  const mtu = c.host.pathMtu();
  if (mtu === 0 || mtu === c.snd.pathMtu) return;
  const before = c.snd.mss;
  syncMss(c, mtu);
  if (c.snd.mss < before) shrinkSegments(c);
}

/** Nagle's rule as Minshall changed it: one small segment may be out, not two (`tcp_nagle_check`). */
function nagleHolds(c: TcpConnection): boolean {
  const { snd } = c;
  return !c.noDelay && !snd.sent.isEmpty && after(snd.smallEnd, snd.una) && !after(snd.smallEnd, snd.nxt);
}
