import { MS, type Nanos, NEVER } from "../../core/time.ts";
import { abandon, finish, timedOut } from "./close.ts";
import type { TcpConnection } from "./connection.ts";
import { delayedAckDue } from "./delayed-ack.ts";
import { currentMss } from "./mss.ts";
import { suspectBlackHole } from "./mtu-probe.ts";
import { followPath, PROBE, push, sendNew, sendPending } from "./output.ts";
import { enterLoss, reorderTimeout } from "./recovery.ts";
import { resend, retransmit, retransmitLost } from "./retransmit.ts";
import { RTO_INITIAL } from "./rtt.ts";
import { before, span } from "./sequence.ts";
import { CLOSED, FIN_WAIT_2, SYN_RECEIVED, SYN_SENT } from "./state.ts";
import { probeInterval, rearmRto, TIMER_LOSS_PROBE, TIMER_PROBE, TIMER_REORDER, TIMER_RETRANSMIT } from "./timers.ts";
import { REFUSED, SENT, sendProbe, sendReset } from "./transmit.ts";

/** What happens when deadlines pass (`net/ipv4/tcp_timer.c`). */

/** When queues of this node were full, they are tried again after so long (TCP_RESOURCE_PROBE_INTERVAL). */
const RESOURCE_PROBE: Nanos = 500 * MS;
/** Closed connections that make progress may try so often. */
const ORPHAN_RETRIES = 8;

/** Deals with every deadline that has come. */
export function tick(c: TcpConnection): void {
  const { timers, now } = c;
  if (timers.resumeAt <= now) {
    timers.resumeAt = NEVER;
    if (c.snd.sent.lostOut > c.snd.sent.retransOut) retransmitLost(c);
    push(c);
  }
  if (timers.ackAt <= now) {
    timers.ackAt = NEVER;
    delayedAckDue(c);
  }
  if (timers.at <= now) {
    const { kind } = timers;
    timers.clear();
    if (kind === TIMER_RETRANSMIT) retransmissionTimeout(c);
    else if (kind === TIMER_PROBE) probeWindow(c);
    else if (kind === TIMER_LOSS_PROBE) probeLoss(c);
    else if (kind === TIMER_REORDER) reorderTimeout(c);
  }
  if (timers.keepAt <= now && c.state !== CLOSED) {
    timers.keepAt = NEVER;
    keepAliveDue(c);
  }
}

/** RFC 6298 §5.4 to §5.6 (`tcp_retransmit_timer`). */
function retransmissionTimeout(c: TcpConnection): void {
  const { snd, rtt, timers } = c;
  const { sent } = snd;
  if (sent.isEmpty) return;
  const opening = c.state === SYN_SENT || c.state === SYN_RECEIVED;
  if (snd.wnd === 0 && !c.orphan && !opening) return retransmitIntoShutWindow(c);
  if (hasTimedOut(c)) return timedOut(c);
  enterLoss(c);
  snd.retransmits++;
  followPath(c);
  if (opening && c.settings.tcp_ecn_fallback !== 0) c.ecnAsked = false; // RFC 3168 §6.1.1.1
  if (retransmit(c, sent.head) === REFUSED) return timers.set(TIMER_RETRANSMIT, c.now + RESOURCE_PROBE);
  snd.backoff++;
  const linear = c.state === SYN_SENT && snd.retransmits <= c.settings.tcp_syn_linear_timeouts;
  if (!linear) rtt.rto = Math.min(rtt.rto * 2, c.rtoMax); // §5.5
  timers.set(TIMER_RETRANSMIT, c.now + Math.min(rtt.rto, c.rtoMax));
  if (isOverdue(c, c.settings.tcp_retries1 + 1)) c.host.pathSuspect();
}

/** The peer has taken its window back: the oldest segment is the probe. */
function retransmitIntoShutWindow(c: TcpConnection): void {
  const { snd, rtt } = c;
  // It answers, and may take its time; when it does not, it is gone (`tcp_rtx_probe0_timed_out`).
  if (c.now - snd.lastAckAt > 2 * c.rtoMax) return timedOut(c);
  enterLoss(c);
  retransmit(c, snd.sent.head);
  rtt.rto = Math.min(rtt.rto * 2, c.rtoMax);
  c.timers.set(TIMER_RETRANSMIT, c.now + rtt.rto);
}

/** RFC 9293 §3.8.3: R1 and R2 (`tcp_write_timeout`). */
function hasTimedOut(c: TcpConnection): boolean {
  const { snd, settings } = c;
  if (c.state === SYN_SENT) return snd.retransmits >= c.synRetries + settings.tcp_syn_linear_timeouts;
  if (c.state === SYN_RECEIVED) return snd.retransmits >= (c.passive ? settings.tcp_synack_retries : c.synRetries);
  if (isOverdue(c, settings.tcp_retries1)) {
    suspectBlackHole(c);
    c.host.pathSuspect();
  }
  let retries = settings.tcp_retries2;
  if (c.orphan) retries = orphanRetries(c, c.rtt.rto < c.rtoMax);
  return isOverdue(c, retries);
}

/** Whether so much time has passed since the first timeout as `retries` of them take (`retransmits_timed_out`). */
function isOverdue(c: TcpConnection, retries: number): boolean {
  if (c.snd.retransmits === 0) return false;
  const base = c.state === SYN_SENT || c.state === SYN_RECEIVED ? RTO_INITIAL : c.rtoMin;
  const doublings = Math.max(0, Math.floor(31 - Math.clz32(Math.max(1, Math.floor(c.rtoMax / base)))));
  const span_ =
    retries <= doublings
      ? (2 ** (retries + 1) - 1) * base
      : (2 ** (doublings + 1) - 1) * base + (retries - doublings) * c.rtoMax;
  return span(c.snd.retransStamp, c.stamp()) * MS >= span_;
}

/** `tcp_orphan_retries`. */
function orphanRetries(c: TcpConnection, alive: boolean): number {
  const { tcp_orphan_retries: retries } = c.settings;
  if (c.softError !== null && !alive) return 0;
  return retries === 0 && alive ? ORPHAN_RETRIES : retries;
}

/** RFC 9293 §3.8.6.1: is the peer's window still shut (`tcp_probe_timer`)? */
function probeWindow(c: TcpConnection): void {
  const { snd, settings } = c;
  if (!snd.sent.isEmpty || span(snd.nxt, snd.writeSeq) <= 0) {
    snd.probesOut = 0;
    return;
  }
  const alive = probeInterval(c) < c.rtoMax;
  const most = c.orphan ? orphanRetries(c, alive) : settings.tcp_retries2;
  if (snd.probesOut >= most) return timedOut(c);
  const result = wakeUp(c);
  if (!snd.sent.isEmpty || span(snd.nxt, snd.writeSeq) <= 0) {
    snd.probesOut = snd.backoff = 0;
    return;
  }
  snd.probesOut++;
  if (result !== REFUSED && snd.backoff < settings.tcp_retries2) snd.backoff++;
  c.timers.set(TIMER_PROBE, c.now + (result === REFUSED ? RESOURCE_PROBE : probeInterval(c)));
}

/** Sends as much as the window takes, or a segment that must be answered (`tcp_write_wakeup`). */
function wakeUp(c: TcpConnection): number {
  const { snd } = c;
  followPath(c);
  const edge = (snd.una + snd.wnd) | 0;
  const unsent = span(snd.nxt, snd.writeSeq) - (snd.finQueued ? 1 : 0);
  if (span(snd.nxt, snd.writeSeq) > 0 && before(snd.nxt, edge)) {
    const room = span(snd.nxt, edge);
    const mss = currentMss(c);
    const bytes = Math.min(room, mss, unsent);
    const fin = snd.finQueued && bytes === unsent && room > bytes;
    snd.pushedSeq = (snd.nxt - (snd.maxWnd >> 1) - 1) | 0; // so that it carries PSH
    return sendNew(c, bytes, fin, mss) ? SENT : REFUSED;
  }
  sendProbe(c);
  return SENT;
}

/** RFC 8985 §7.3: new data if there is any, else the last segment again. */
function probeLoss(c: TcpConnection): void {
  const { snd, recovery: r } = c;
  const { sent } = snd;
  if (!r.tlpOut && !sent.isEmpty) {
    const out = sent.packetsOut;
    if (span(snd.nxt, snd.writeSeq) > 0) sendPending(c, PROBE);
    const fresh = sent.packetsOut > out;
    if (fresh || resend(c, sent.tail - 1) === SENT) {
      r.tlpRetrans = !fresh;
      r.tlpOut = true;
      r.tlpHighSeq = snd.nxt;
      c.counters.lossProbes++;
    }
  }
  rearmRto(c);
}

/** RFC 9293 §3.8.4, and the end of a closed socket's FIN-WAIT-2 (`tcp_keepalive_timer`). */
function keepAliveDue(c: TcpConnection): void {
  const { snd, rcv, timers } = c;
  if (c.orphan && c.state === FIN_WAIT_2) return finish(c);
  if (!c.keepAlive || c.state === SYN_SENT) return;
  if (!snd.sent.isEmpty || span(snd.nxt, snd.writeSeq) > 0) {
    timers.keepAt = c.now + c.keepIdle;
    return;
  }
  const idle = c.now - Math.max(rcv.lastDataAt, snd.lastAckAt);
  if (idle < c.keepIdle) {
    timers.keepAt = c.now + c.keepIdle - idle;
    return;
  }
  if (snd.probesOut >= c.keepCount) {
    sendReset(c);
    return abandon(c, c.softError ?? "ETIMEDOUT");
  }
  sendProbe(c);
  snd.probesOut++;
  timers.keepAt = c.now + c.keepInterval;
}
