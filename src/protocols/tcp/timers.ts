import { MS, type Nanos, NEVER, US } from "../../core/time.ts";
import type { TcpConnection } from "./connection.ts";
import { CWR, OPEN } from "./recovery-state.ts";
import { RTO_INITIAL } from "./rtt.ts";

// What the one timer for what was sent stands for: only one of these at a time (Linux's icsk_pending).
export const TIMER_NONE = 0;
export const TIMER_RETRANSMIT = 1;
/** The peer's window is shut: it is asked whether that is still so. */
export const TIMER_PROBE = 2;
/** The last segments may be lost, and nobody would notice before a timeout. */
export const TIMER_LOSS_PROBE = 3;
/** Segments that seem lost may only be late. */
export const TIMER_REORDER = 4;

/** Linux's TCP_TIMEOUT_MIN_US. */
export const TIMEOUT_MIN: Nanos = 2 * MS;

/** The deadlines of a connection: its host arms one alarm for the earliest. */
export class Timers {
  kind = TIMER_NONE;
  /** When the timer of that kind rings. */
  at: Nanos = NEVER;
  /** Delayed acknowledgement. */
  ackAt: Nanos = NEVER;
  /** Keepalive; after `close`, the end of FIN-WAIT-2. */
  keepAt: Nanos = NEVER;
  /** Sending goes on when queues of this node have emptied. */
  resumeAt: Nanos = NEVER;

  get deadline(): Nanos {
    return Math.min(this.at, this.ackAt, this.keepAt, this.resumeAt);
  }

  set(kind: number, at: Nanos): void {
    this.kind = kind;
    this.at = at;
  }

  /** Stops the timer for what was sent. */
  clear(): void {
    this.kind = TIMER_NONE;
    this.at = NEVER;
  }

  clearAll(): void {
    this.clear();
    this.ackAt = this.keepAt = this.resumeAt = NEVER;
  }
}

/** When the oldest segment out times out, without regard to what the timer does now. */
const headTimeout = (c: TcpConnection): Nanos => {
  const { sent } = c.snd;
  return (sent.sentAt[sent.head & sent.mask] as number) + c.rtt.rto;
};

/** Restarts the retransmission timer, or stops it when all is acknowledged (RFC 6298 §5, `tcp_rearm_rto`). */
export function rearmRto(c: TcpConnection): void {
  const { timers } = c;
  if (c.snd.sent.isEmpty) return timers.clear();
  let span = c.rtt.rto;
  // What has passed while another timer stood in its place counts.
  if (timers.kind === TIMER_REORDER || timers.kind === TIMER_LOSS_PROBE) span = Math.max(headTimeout(c) - c.now, US);
  timers.set(TIMER_RETRANSMIT, c.now + Math.min(span, c.rtoMax));
}

/** RFC 8985 §7.2: a probe comes before the retransmission timeout. False: it is not the time for one. */
export function scheduleLossProbe(c: TcpConnection, progress: boolean): boolean {
  const { snd, rtt, recovery } = c;
  if (c.settings.tcp_early_retrans < 3 || snd.sent.isEmpty || !c.sackOk) return false;
  if (recovery.phase !== OPEN && recovery.phase !== CWR) return false;
  let span = RTO_INITIAL;
  if (rtt.srtt8 !== 0) span = 2 * rtt.srtt + (snd.sent.packetsOut === 1 ? c.rtoMin : TIMEOUT_MIN);
  const left = progress ? rtt.rto : headTimeout(c) - c.now;
  if (left > 0) span = Math.min(span, left);
  c.timers.set(TIMER_LOSS_PROBE, c.now + Math.min(span, c.rtoMax));
  return true;
}

/** After an acknowledgement: a loss probe, else the retransmission timer (`tcp_set_xmit_timer`). */
export function setTransmitTimer(c: TcpConnection): void {
  if (!scheduleLossProbe(c, true)) rearmRto(c);
}

/** RFC 9293 §3.8.6.1: the interval of window probes doubles, from the retransmission timeout on. */
export function probeInterval(c: TcpConnection): Nanos {
  const base = Math.max(c.rtt.rto, c.rtoMin);
  return Math.min(base * 2 ** Math.min(c.snd.backoff, 20), c.rtoMax);
}

/** Nothing is out, and something cannot go: the peer will be probed (`tcp_check_probe_timer`). */
export function checkProbeTimer(c: TcpConnection): void {
  if (!c.snd.sent.isEmpty || c.timers.kind !== TIMER_NONE) return;
  c.timers.set(TIMER_PROBE, c.now + Math.min(Math.max(c.rtt.rto, c.rtoMin), c.rtoMax));
}
