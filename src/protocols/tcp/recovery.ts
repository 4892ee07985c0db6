import type { TcpConnection } from "./connection.ts";
import { beginReduction, currentSsthresh, endReduction, enterCwr, inReduction, reduce } from "./cwnd.ts";
import { probeLost } from "./mtu-probe.ts";
import { detect, lose, rackMarkLost, rackOn, rackOverdue } from "./rack.ts";
import { CWR, DISORDER, LOSS, OPEN, RECOVERY } from "./recovery-state.ts";
import { retransmitLost, retransmitTooLarge } from "./retransmit.ts";
import type { AckOutcome } from "./sack.ts";
import { isReneging } from "./sack.ts";
import { LOST, RETRANSMITTED, SACKED } from "./scoreboard.ts";
import { after, before, span } from "./sequence.ts";
import { rearmRto, TIMEOUT_MIN, TIMER_RETRANSMIT } from "./timers.ts";
import { beginUndo, keepOpen, undoByDuplicates, undoLoss, undoPartial, undoRecovery } from "./undo.ts";

/** What acknowledgements that look like trouble lead to: fast retransmit, recovery and its end (RFC 5681 §3.2, RFC 6582, RFC 6675). */

// What is sent when the acknowledgement has been dealt with.
export const SEND_NOTHING = 0;
export const SEND_LOST = 1;
/** New data: the step of F-RTO that tells a spurious timeout (RFC 5682 §2.1). */
export const SEND_NEW = 2;

/** `net/ipv4/tcp_input.c:tcp_fastretrans_alert`. `duplicates`: 1 for a duplicate acknowledgement. Returns what is to be sent. */
export function alert(c: TcpConnection, out: AckOutcome, duplicates: number): number {
  const { snd, recovery: r } = c;
  const { sent } = snd;
  if (sent.isEmpty && sent.sackedOut > 0) sent.sackedOut = 0;
  if (out.congestion) r.priorSsthresh = 0;
  if (checkReneging(c, out)) return SEND_NOTHING;
  if (r.phase === OPEN) snd.retransStamp = 0;
  else if (!before(snd.una, r.highSeq) && endOfPhase(c)) return SEND_NOTHING;
  switch (r.phase) {
    case RECOVERY:
      if (!out.advanced) addDuplicates(c, duplicates);
      else if (undoPartial(c, out.priorUna)) return SEND_NOTHING;
      if (undoByDuplicates(c)) tryOpen(c, out);
      identifyLoss(c, out);
      if (r.phase !== RECOVERY) {
        if (sent.lostOut === 0) return SEND_NOTHING;
        enterRecovery(c, out.congestion);
      }
      return SEND_LOST;
    case LOSS: {
      const send = inLoss(c, out, duplicates);
      identifyLoss(c, out);
      if (!(phaseOf(c) === OPEN || out.lostRetrans)) return send;
      if (phaseOf(c) === OPEN) snd.retransStamp = 0;
      return suspect(c, out, send);
    }
    default:
      if (!c.sackOk) {
        if (out.advanced) forgetDuplicates(c);
        addDuplicates(c, duplicates);
      }
      if (r.phase <= DISORDER) undoByDuplicates(c);
      identifyLoss(c, out);
      return suspect(c, out, SEND_NOTHING);
  }
}

/** The rest of the default arm: is it time to recover? */
function suspect(c: TcpConnection, out: AckOutcome, otherwise: number): number {
  const { snd, recovery: r, probe } = c;
  if (snd.sent.lostOut === 0) {
    tryOpen(c, out);
    return otherwise;
  }
  if (r.phase < CWR && probe.size > 0 && snd.una === probe.seq) {
    probeLost(c);
    retransmitTooLarge(c);
    return SEND_NOTHING;
  }
  enterRecovery(c, out.congestion);
  return SEND_LOST;
}

/** Everything that was out when the phase began is acknowledged. True: nothing more is to be done. */
function endOfPhase(c: TcpConnection): boolean {
  const { snd, recovery: r } = c;
  if (r.phase === CWR && snd.una !== r.highSeq) {
    endReduction(c);
    r.phase = OPEN;
  } else if (r.phase === RECOVERY) {
    if (!c.sackOk) forgetDuplicates(c);
    if (undoRecovery(c)) return true;
    endReduction(c);
  }
  return false;
}

const phaseOf = (c: TcpConnection): number => c.recovery.phase;

export function enterRecovery(c: TcpConnection, congestion: boolean): void {
  const { recovery: r } = c;
  r.priorSsthresh = 0;
  beginUndo(c);
  if (!inReduction(c)) {
    if (!congestion) r.priorSsthresh = currentSsthresh(c);
    beginReduction(c);
  }
  r.phase = RECOVERY;
}

/** RFC 5681 §3.1 after a timeout: one segment, and everything counts as lost that is not known to have arrived (`tcp_enter_loss`). */
export function enterLoss(c: TcpConnection): void {
  const { snd, recovery: r, settings } = c;
  const fresh = r.phase < RECOVERY;
  markAllLost(c);
  if (r.phase <= DISORDER || !after(r.highSeq, snd.una) || (r.phase === LOSS && snd.retransmits === 0)) {
    r.priorSsthresh = currentSsthresh(c);
    r.priorCwnd = snd.cwnd;
    snd.ssthresh = c.congestion.ssthresh(c);
    beginUndo(c);
  }
  c.congestion.lossBegins(c);
  snd.cwnd = snd.sent.inFlight + 1;
  snd.cwndCount = 0;
  snd.cwndStampAt = c.now;
  if (r.phase <= DISORDER && snd.sent.sackedOut >= settings.tcp_reordering)
    r.reordering = Math.min(r.reordering, settings.tcp_reordering);
  r.phase = LOSS;
  r.highSeq = snd.nxt;
  r.tlpOut = false;
  if (c.ecnOk) snd.tellReduced = true;
  r.frto = settings.tcp_frto !== 0 && (fresh || snd.retransmits > 0) && c.probe.size === 0;
}

/** The timer of RACK: what was only suspected is lost now, unless it has arrived (RFC 8985 §6.3). */
export function reorderTimeout(c: TcpConnection): void {
  const { snd, recovery: r } = c;
  const [flight, lost] = [snd.sent.inFlight, r.lostSegments];
  detect(c);
  if (snd.sent.inFlight !== flight) {
    if (r.phase !== RECOVERY) {
      enterRecovery(c, false);
      reduce(c, 1, r.lostSegments - lost, false);
    }
    retransmitLost(c);
  }
  if (c.timers.kind !== TIMER_RETRANSMIT) rearmRto(c);
}

/** Without SACK, each duplicate acknowledgement stands for a segment that has left the network (RFC 6582 §3.2). */
function addDuplicates(c: TcpConnection, duplicates: number): void {
  if (c.sackOk || duplicates === 0) return;
  const { sent } = c.snd;
  const known = sent.sackedOut;
  sent.sackedOut += duplicates;
  limitDuplicates(c, 0);
  c.recovery.delivered += Math.max(0, sent.sackedOut - known);
}

/** No more than what is out; more means that segments were reordered (`tcp_check_reno_reordering`). */
function limitDuplicates(c: TcpConnection, acked: number): void {
  const { sent } = c.snd;
  const out = sent.packetsOut;
  const holes = Math.min(Math.max(sent.lostOut, 1), out);
  if (sent.sackedOut + holes <= out) return;
  sent.sackedOut = out - holes;
  c.recovery.reordering = Math.min(out + acked, c.settings.tcp_max_reordering);
  c.recovery.reorderSeen++;
}

function forgetDuplicates(c: TcpConnection): void {
  if (!c.sackOk) c.snd.sent.sackedOut = 0;
}

/** Without SACK: `acked` segments were acknowledged, some of which had been counted as duplicates (`tcp_remove_reno_sacks`). */
export function removeDuplicates(c: TcpConnection, acked: number): void {
  const { sent } = c.snd;
  if (acked > 0) {
    c.recovery.delivered += Math.max(acked - sent.sackedOut, 1);
    sent.sackedOut = Math.max(0, sent.sackedOut - (acked - 1));
  }
  limitDuplicates(c, acked);
}

/** What is lost by what is known now (`tcp_identify_packet_loss`). */
function identifyLoss(c: TcpConnection, out: AckOutcome): void {
  const { sent } = c.snd;
  if (sent.isEmpty) return;
  if (!c.sackOk) return identifyByDuplicates(c, out);
  if (!rackOn(c)) return identifyByCount(c);
  const { retransOut } = sent;
  if (rackMarkLost(c)) out.setTimer = false;
  if (retransOut > sent.retransOut) out.lostRetrans = true;
}

/** RFC 6582 §3.2: three duplicates, then one segment for each partial acknowledgement (`tcp_newreno_mark_lost`). */
function identifyByDuplicates(c: TcpConnection, out: AckOutcome): void {
  const { snd, recovery: r } = c;
  const { sent } = snd;
  const first = r.phase < RECOVERY && sent.sackedOut >= r.reordering;
  if (!first && !(r.phase === RECOVERY && out.advanced)) return;
  if (((sent.flags[sent.head & sent.mask] as number) & LOST) === 0) lose(c, sent.head);
}

/** RFC 6675 §4, IsLost: as many segments above it have arrived as the network may reorder. */
function identifyByCount(c: TcpConnection): void {
  const { snd, recovery: r } = c;
  const { sent } = snd;
  let above = 0;
  for (let i = sent.tail - 1; i >= sent.head; i--) {
    const flags = sent.flags[i & sent.mask] as number;
    if ((flags & SACKED) !== 0) above++;
    else if (above >= r.reordering && (flags & (LOST | RETRANSMITTED)) === 0) lose(c, i);
  }
}

/** Nothing is lost: back to normal, unless congestion was echoed (`tcp_try_to_open`). */
function tryOpen(c: TcpConnection, out: AckOutcome): void {
  const { snd, recovery: r } = c;
  if (!snd.sent.anyRetransmitted) snd.retransStamp = 0;
  if (out.congestion) enterCwr(c);
  if (r.phase !== CWR) keepOpen(c);
}

/** In the loss phase (`tcp_process_loss`): slow start goes on, or F-RTO finds the timeout spurious (RFC 5682). */
function inLoss(c: TcpConnection, out: AckOutcome, duplicates: number): number {
  const { snd, recovery: r } = c;
  const recovered = !before(snd.una, r.highSeq);
  if (out.advanced && undoLoss(c, false)) return SEND_NOTHING;
  if (r.frto) {
    if (out.originalAcked && undoLoss(c, true)) return SEND_NOTHING;
    if (after(snd.nxt, r.highSeq)) {
      if (out.dataSacked || duplicates > 0) r.frto = false; // §3.1 step 3.a: the loss was real
    } else if (out.advanced && !recovered) {
      r.highSeq = snd.nxt;
      const more = span(snd.nxt, snd.writeSeq) > 0 && after((snd.una + snd.wnd) | 0, snd.nxt);
      if (more) return SEND_NEW; // step 2.b
      r.frto = false;
    }
  }
  if (recovered) {
    undoRecovery(c);
    return SEND_NOTHING;
  }
  if (!c.sackOk) {
    if (after(snd.nxt, r.highSeq) && duplicates > 0) addDuplicates(c, duplicates);
    else if (out.advanced) forgetDuplicates(c);
  }
  return SEND_LOST;
}

/** The peer has thrown away what it had selectively acknowledged: soon everything is sent again (`tcp_check_sack_reneging`). */
function checkReneging(c: TcpConnection, out: AckOutcome): boolean {
  if (!out.reneging || !out.advanced) return false;
  const delay = Math.max(Math.floor(c.rtt.srtt / 2), 10_000_000, TIMEOUT_MIN);
  c.timers.set(TIMER_RETRANSMIT, c.now + Math.min(delay, c.rtoMax));
  out.setTimer = false;
  return true;
}

/** After a timeout, what is not known to have arrived is lost; with RACK not what was sent only just now (`tcp_timeout_mark_lost`). */
function markAllLost(c: TcpConnection): void {
  const { snd, recovery: r } = c;
  const { sent } = snd;
  if (isReneging(c) && c.sackOk) {
    for (let i = sent.head; i < sent.tail; i++) sent.flags[i & sent.mask]! &= ~SACKED;
    sent.sackedOut = 0;
    r.reneged = true;
  } else forgetDuplicates(c);
  for (let i = sent.head; i < sent.tail; i++) {
    if (rackOn(c) && i !== sent.head && !rackOverdue(c, i)) continue;
    lose(c, i);
  }
  sent.hint = sent.head;
}
