import type { TcpConnection } from "./connection.ts";
import { CWR, OPEN, RECOVERY } from "./recovery-state.ts";
import { INITIAL_CWND, SSTHRESH_INFINITE } from "./send-state.ts";
import { before } from "./sequence.ts";

/** The congestion window: its reductions, and what pauses do to it (RFC 5681, RFC 6937, RFC 7661). */

export const inReduction = (c: TcpConnection): boolean => c.recovery.phase === CWR || c.recovery.phase === RECOVERY;

/** What the threshold would be if it were set by how the window is used now (`tcp_current_ssthresh`). */
export function currentSsthresh(c: TcpConnection): number {
  const { cwnd, ssthresh } = c.snd;
  return inReduction(c) ? ssthresh : Math.max(ssthresh, (cwnd >> 1) + (cwnd >> 2));
}

/** The window is to shrink to a new threshold in the course of a round trip (RFC 6937 §3). */
export function beginReduction(c: TcpConnection): void {
  const { snd, recovery } = c;
  recovery.highSeq = snd.nxt;
  recovery.tlpOut = false;
  snd.cwndCount = 0;
  recovery.priorCwnd = snd.cwnd;
  recovery.prrDelivered = recovery.prrOut = 0;
  snd.ssthresh = c.congestion.ssthresh(c);
  if (c.ecnOk) snd.tellReduced = true;
}

/** Congestion was signalled without a loss: by an ECN echo, or a full queue of this node (`tcp_enter_cwr`). */
export function enterCwr(c: TcpConnection): void {
  const { recovery } = c;
  recovery.priorSsthresh = 0;
  if (recovery.phase >= CWR) return;
  recovery.mayUndo = false;
  beginReduction(c);
  recovery.phase = CWR;
}

/** RFC 6937: what may go out now, when `delivered` segments have arrived and `lost` were found lost. */
export function reduce(c: TcpConnection, delivered: number, lost: number, advanced: boolean): void {
  const { snd, recovery } = c;
  if (delivered <= 0 || recovery.priorCwnd === 0) return;
  const flight = snd.sent.inFlight;
  const room = snd.ssthresh - flight;
  recovery.prrDelivered += delivered;
  let count: number;
  if (room < 0) {
    count =
      Math.floor((snd.ssthresh * recovery.prrDelivered + recovery.priorCwnd - 1) / recovery.priorCwnd) -
      recovery.prrOut;
  } else {
    count = Math.max(recovery.prrDelivered - recovery.prrOut, delivered);
    if (advanced && lost === 0) count++;
    count = Math.min(room, count);
  }
  snd.cwnd = flight + Math.max(count, recovery.prrOut === 0 ? 1 : 0); // one retransmission at once
}

export function endReduction(c: TcpConnection): void {
  const { snd, recovery } = c;
  if (snd.ssthresh >= SSTHRESH_INFINITE || (recovery.phase !== CWR && !recovery.mayUndo)) return;
  snd.cwnd = snd.ssthresh;
  snd.cwndStampAt = c.now;
}

/** After sending: whether the window was what held it back, or the program (RFC 7661, `tcp_cwnd_validate`). */
export function validate(c: TcpConnection, limited: boolean): void {
  const { snd } = c;
  const out = snd.sent.packetsOut;
  if (!before(snd.una, snd.cwndUsageSeq) || limited || (!snd.cwndLimited && out > snd.maxPacketsOut)) {
    snd.cwndLimited = limited;
    snd.maxPacketsOut = out;
    snd.cwndUsageSeq = snd.nxt;
  }
  if (snd.cwndLimited || (snd.cwnd < snd.ssthresh && snd.cwnd < 2 * snd.maxPacketsOut)) {
    snd.cwndUsed = 0;
    snd.cwndStampAt = c.now;
    return;
  }
  if (out > snd.cwndUsed) snd.cwndUsed = out;
  if (c.settings.tcp_slow_start_after_idle !== 0 && c.now - snd.cwndStampAt >= c.rtt.rto) unused(c);
}

/** The program has used less of the window for a while: it falls towards what was used. */
function unused(c: TcpConnection): void {
  const { snd } = c;
  if (c.recovery.phase === OPEN && !snd.noSpace) {
    const used = Math.max(snd.cwndUsed, initialCwnd(c));
    if (used < snd.cwnd) {
      snd.ssthresh = currentSsthresh(c);
      snd.cwnd = (snd.cwnd + used) >> 1;
    }
    snd.cwndUsed = 0;
  }
  snd.cwndStampAt = c.now;
}

/** RFC 5681 §4.1: after a pause the window is what it was at first, halved for every timeout that passed, not less. */
export function restartAfterIdle(c: TcpConnection): void {
  const { snd } = c;
  if (c.settings.tcp_slow_start_after_idle === 0 || !snd.sent.isEmpty) return;
  let idle = c.now - snd.lastSentAt;
  if (idle <= c.rtt.rto) return;
  const least = Math.min(initialCwnd(c), snd.cwnd);
  snd.ssthresh = currentSsthresh(c);
  let cwnd = snd.cwnd;
  for (idle -= c.rtt.rto; idle > 0 && cwnd > least; idle -= c.rtt.rto) cwnd >>= 1;
  snd.cwnd = Math.max(cwnd, least);
  snd.cwndStampAt = c.now;
  snd.cwndUsed = 0;
}

/** RFC 6928 §2, or what the route says. */
export const initialCwnd = (c: TcpConnection): number => Math.min(c.routeCwnd || INITIAL_CWND, c.snd.cwndClamp);
