import { type Nanos, S, US } from "../../core/time.ts";
import type { TcpConnection } from "./connection.ts";
import { beginReduction, endReduction, inReduction, reduce, restartAfterIdle } from "./cwnd.ts";
import { syncMss } from "./mss.ts";
import { probeArrived } from "./mtu-probe.ts";
import { followPath, NORMALLY, push, sendPending } from "./output.ts";
import { adaptReorderWindow, checkReordering, rackAdvance } from "./rack.ts";
import { alert, removeDuplicates, SEND_LOST, SEND_NEW } from "./recovery.ts";
import { CWR, OPEN } from "./recovery-state.ts";
import { retransmitLost } from "./retransmit.ts";
import { AckOutcome, isReneging, readSack } from "./sack.ts";
import { EVER_RETRANSMITTED, HAS_SYN, LOST, RETRANSMITTED, SACKED } from "./scoreboard.ts";
import type { Segment } from "./segment.ts";
import { after, before, span } from "./sequence.ts";
import { probeInterval, setTransmitTimer, TIMER_NONE, TIMER_PROBE } from "./timers.ts";
import { keepOpen } from "./undo.ts";
import { TCP_ECE, TCP_SYN } from "./wire.ts";

/** Acknowledgements that come in (RFC 9293 §3.10.7.4 fifth, RFC 5961 §5, `net/ipv4/tcp_input.c:tcp_ack`). */

// What `takeAck` thinks of the acknowledgement.
export const ACK_GOOD = 1;
/** Older than what is known: it may still carry SACK. */
export const ACK_OLD = 0;
/** So old, or so far ahead, that no honest peer sent it. */
export const ACK_BAD = -1;

/** No instant. */
const NONE: Nanos = -1;
/** What the acknowledgement that is dealt with has told. */
const out = new AckOutcome();

/** Takes the acknowledgement of a segment that lies in `b`. `fresh`: its timestamp may be remembered. */
export function takeAck(c: TcpConnection, b: Uint8Array, seg: Segment, fresh: boolean): number {
  const { snd, recovery: r } = c;
  const { sent } = snd;
  out.reset(c);
  if (before(seg.ack, snd.una)) return oldAck(c, b, seg);
  if (after(seg.ack, snd.nxt)) return ACK_BAD;
  if (fresh) rememberTimestamp(c, seg);
  const { delivered, lostSegments } = r;
  out.advanced = after(seg.ack, snd.una);
  if (out.advanced) snd.retransmits = 0;
  if (seg.bytes > 0) out.notDuplicate = true;
  if (updateWindow(c, seg)) out.notDuplicate = true;
  readMarks(c, b, seg);
  snd.lastAckAt = c.now;
  snd.probesOut = 0;
  if (sent.isEmpty) {
    if (out.duplicateReported) alert(c, out, 0);
    probeOn(c);
    processLossProbe(c, seg.ack);
    return ACK_GOOD;
  }
  cleanAcknowledged(c);
  adaptReorderWindow(c, out.newestAt);
  processLossProbe(c, seg.ack);
  let send = 0;
  if (isDubious(c)) {
    const duplicate = !out.advanced && !out.notDuplicate && !out.dataAcked && !out.duplicateReported;
    send = alert(c, out, duplicate ? 1 : 0);
  }
  if (out.setTimer) setTransmitTimer(c);
  r.delivered += out.delivered;
  control(c, r.delivered - delivered, r.lostSegments - lostSegments);
  sendRecovery(c, send);
  return ACK_GOOD;
}

/** Data may be sent, and the program may write (`tcp_data_snd_check`). */
export function afterAck(c: TcpConnection): void {
  push(c);
  c.checkSpace();
}

/** TS.Recent (RFC 7323 §4.3). Not before the acknowledgement is known to be good: a stranger could shut the peer out. */
function rememberTimestamp({ rcv, now }: TcpConnection, seg: Segment): void {
  rcv.tsRecent = seg.tsval;
  rcv.tsRecentAt = now;
  rcv.hasTsRecent = true;
}

/** An acknowledgement of what was acknowledged already (RFC 5961 §5.2). */
function oldAck(c: TcpConnection, b: Uint8Array, seg: Segment): number {
  const { snd } = c;
  if (before(seg.ack, (snd.una - snd.maxWnd) | 0)) return ACK_BAD;
  if (seg.options.sackBlocks > 0 && c.sackOk && !snd.sent.isEmpty) {
    const { delivered, lostSegments } = c.recovery;
    readSack(c, b, seg, out);
    const send = alert(c, out, 0);
    c.recovery.delivered += out.delivered;
    if (inReduction(c)) reduce(c, c.recovery.delivered - delivered, c.recovery.lostSegments - lostSegments, false);
    sendRecovery(c, send);
  }
  return ACK_OLD;
}

/** SACK blocks and the echo of congestion. */
function readMarks(c: TcpConnection, b: Uint8Array, seg: Segment): void {
  if (seg.options.sackBlocks > 0 && c.sackOk) readSack(c, b, seg, out);
  if (c.ecnOk && (seg.flags & (TCP_ECE | TCP_SYN)) === TCP_ECE) out.congestion = true;
}

/** SND.WND follows the newest segment (RFC 9293 §3.10.7.4, `tcp_ack_update_window`). */
function updateWindow(c: TcpConnection, seg: Segment): boolean {
  const { snd } = c;
  const window = (seg.flags & TCP_SYN) !== 0 ? seg.window : seg.window << snd.scale;
  let changed = false;
  if (mayUpdateWindow(c, seg, window)) {
    changed = true;
    snd.wl1 = seg.seq;
    if (snd.wnd !== window) {
      snd.wnd = window;
      if (span(snd.nxt, snd.writeSeq) > 0) restartAfterIdle(c);
      if (window > snd.maxWnd) {
        snd.maxWnd = window;
        syncMss(c, snd.pathMtu);
      }
    }
  }
  const octets = span(snd.una, seg.ack);
  c.counters.bytesAcked += octets;
  snd.una = seg.ack;
  return changed;
}

/** `tcp_may_update_window`. */
export const mayUpdateWindow = (c: TcpConnection, seg: Segment, window: number): boolean =>
  after(seg.ack, c.snd.una) ||
  after(seg.seq, c.snd.wl1) ||
  (seg.seq === c.snd.wl1 && (window > c.snd.wnd || window === 0));

/** Takes acknowledged segments off the scoreboard, and learns from them (`tcp_clean_rtx_queue`). */
function cleanAcknowledged(c: TcpConnection): void {
  const { snd, recovery: r, probe } = c;
  const { sent, una } = snd;
  let firstAt: Nanos = NONE;
  let lastAt: Nanos = NONE;
  let count = 0;
  let lowest = snd.nxt;
  while (sent.head < sent.tail) {
    const i = sent.head;
    const slot = i & sent.mask;
    const end = sent.end[slot] as number;
    if (after(end, una)) {
      if (before(sent.seq[slot] as number, una)) sent.seq[slot] = una; // tcp_trim_head
      break;
    }
    const flags = sent.flags[slot] as number;
    const sentAt = sent.sentAt[slot] as number;
    if ((flags & (RETRANSMITTED | EVER_RETRANSMITTED)) !== 0) {
      if ((flags & RETRANSMITTED) !== 0) sent.retransOut--;
      out.retransAcked = true;
    } else if ((flags & SACKED) === 0) {
      lastAt = sentAt;
      if (firstAt < 0) firstAt = sentAt;
      const seq = sent.seq[slot] as number;
      if (before(seq, lowest)) lowest = seq;
      if (!after(end, r.highSeq)) out.originalAcked = true;
    }
    if ((flags & SACKED) !== 0) sent.sackedOut--;
    else if (c.sackOk) {
      out.delivered++;
      rackAdvance(c, i);
      if (sentAt > out.newestAt) out.newestAt = sentAt;
    }
    if ((flags & LOST) !== 0) sent.lostOut--;
    if ((flags & HAS_SYN) !== 0) {
      out.synAcked = true;
      snd.retransStamp = 0;
    } else out.dataAcked = true;
    sent.shift();
    count++;
  }
  if (out.advanced) c.dataAcknowledged();
  out.reneging = c.sackOk && isReneging(c);
  const measured = measure(c, firstAt, lastAt);
  if (count > 0) {
    out.setTimer = true;
    if (probe.size > 0 && !after(probe.end, una)) probeArrived(c);
    if (!c.sackOk) {
      removeDuplicates(c, count);
      if (out.retransAcked) out.originalAcked = false;
    } else if (before(lowest, out.priorHighest)) checkReordering(c, lowest, out.priorHighest);
  } else if (measured && !sent.isEmpty && out.firstSackedAt > (sent.sentAt[sent.head & sent.mask] as number)) {
    out.setTimer = true; // the oldest is older than what arrived: its timeout begins anew
  }
}

/**
 * A round trip of what was acknowledged and sent once (RFC 6298 §3), or by the echo of a timestamp (RFC 7323 §4.1). True when
 * one was measured.
 */
function measure(c: TcpConnection, firstAt: Nanos, lastAt: Nanos): boolean {
  const { now } = c;
  let us = -1;
  let controlUs = -1;
  if (firstAt >= 0 && !out.retransAcked) {
    us = Math.floor((now - firstAt) / US);
    controlUs = Math.floor((now - lastAt) / US);
  }
  if (out.firstSackedAt >= 0) {
    if (us < 0) us = Math.floor((now - out.firstSackedAt) / US);
    controlUs = Math.floor((now - out.lastSackedAt) / US);
  }
  if (us < 0 && c.timestampsOk && c.echoed !== 0 && (out.dataAcked || out.synAcked)) {
    const ms = span(c.echoed, c.stamp());
    if (ms >= 0 && ms < 2_000_000_000) us = controlUs = Math.max(1, ms) * 1000;
  }
  c.rtt.lastUs = controlUs;
  if (us < 0) return false;
  c.rtt.observeMin(Math.max(1, controlUs), now, c.settings.tcp_min_rtt_wlen * S);
  c.rtt.sample(us, c.snd.una, c.snd.nxt, c.rtoMin / US);
  c.rtt.reset(c.rtoMax);
  c.snd.backoff = 0; // RFC 6298 §5.7: a measured round trip ends backing off
  return true;
}

/** Whether an acknowledgement deserves a closer look (`tcp_ack_is_dubious`). */
const isDubious = (c: TcpConnection): boolean =>
  !(out.advanced || out.notDuplicate) ||
  out.dataSacked ||
  out.congestion ||
  out.duplicateReported ||
  c.recovery.phase !== OPEN;

/** The congestion window follows (`tcp_cong_control`). */
function control(c: TcpConnection, delivered: number, lost: number): void {
  if (c.rtt.lastUs >= 0 && (out.dataAcked || out.dataSacked)) c.congestion.acked(c, c.rtt.lastUs);
  if (inReduction(c)) return reduce(c, delivered, lost, out.advanced);
  const progress = out.advanced || out.dataSacked;
  const mayGrow = c.recovery.reordering > c.settings.tcp_reordering ? progress : out.dataAcked;
  if (mayGrow && delivered > 0) c.congestion.avoid(c, delivered);
}

/** What `alert` decided to send. */
function sendRecovery(c: TcpConnection, send: number): void {
  if (send === SEND_NEW) {
    followPath(c);
    sendPending(c, NORMALLY);
    if (after(c.snd.nxt, c.recovery.highSeq)) return;
    c.recovery.frto = false;
    retransmitLost(c);
  } else if (send === SEND_LOST) retransmitLost(c);
}

/** The peer's window is still shut, or open again (`tcp_ack_probe`). */
function probeOn(c: TcpConnection): void {
  const { snd, timers } = c;
  const unsent = span(snd.nxt, snd.writeSeq);
  if (unsent <= 0) return;
  const next = (snd.nxt + Math.min(unsent, snd.mss)) | 0;
  if (!after(next, (snd.una + snd.wnd) | 0)) {
    snd.backoff = 0;
    if (timers.kind === TIMER_PROBE) timers.clear();
  } else if (timers.kind === TIMER_PROBE || timers.kind === TIMER_NONE)
    timers.set(TIMER_PROBE, c.now + probeInterval(c));
}

/** RFC 8985 §7.4: was the tail loss probe needed? */
function processLossProbe(c: TcpConnection, ack: number): void {
  const { recovery: r } = c;
  if (!r.tlpOut || before(ack, r.tlpHighSeq)) return;
  if (!r.tlpRetrans || out.probeDuplicate) r.tlpOut = false;
  else if (after(ack, r.tlpHighSeq)) {
    // It repaired a loss: that was congestion.
    beginReduction(c);
    r.phase = CWR;
    endReduction(c);
    keepOpen(c);
  } else if (!out.advanced && !out.notDuplicate && !out.dataSacked) r.tlpOut = false;
}
