import type { TcpConnection } from "../connection.ts";

/** A congestion control, one object for each connection (Linux's tcp_congestion_ops). Windows count segments. */
export interface CongestionControl {
  readonly name: string;
  /** The slow-start threshold after a loss. */
  ssthresh(c: TcpConnection): number;
  /** `acked` more segments arrived while nothing was wrong: the window may grow. */
  avoid(c: TcpConnection, acked: number): void;
  /** The window to go back to when a reduction was for nothing. */
  undo(c: TcpConnection): number;
  /** A round trip was measured, in microseconds. */
  acked(c: TcpConnection, rttUs: number): void;
  /** Sending begins after a pause with nothing in flight. */
  sendingResumes(c: TcpConnection): void;
  /** A timeout: what was learnt may be wrong. */
  lossBegins(c: TcpConnection): void;
  /** Lines for `ss -i`, in its words. */
  details(): string;
}

/** Exponential growth up to the threshold (RFC 5681 §3.1). Returns the segments that are left for congestion avoidance. */
export function slowStart(c: TcpConnection, acked: number): number {
  const { snd } = c;
  const cwnd = Math.min(snd.cwnd + acked, snd.ssthresh);
  const left = acked - (cwnd - snd.cwnd);
  snd.cwnd = Math.min(cwnd, snd.cwndClamp);
  return left;
}

/** One more segment for each `per` acknowledged (`net/ipv4/tcp_cong.c:tcp_cong_avoid_ai`). */
export function increase(c: TcpConnection, per: number, acked: number): void {
  const { snd } = c;
  if (snd.cwndCount >= per) {
    snd.cwndCount = 0;
    snd.cwnd++;
  }
  snd.cwndCount += acked;
  if (snd.cwndCount >= per) {
    const more = Math.floor(snd.cwndCount / per);
    snd.cwndCount -= more * per;
    snd.cwnd += more;
  }
  snd.cwnd = Math.min(snd.cwnd, snd.cwndClamp);
}

export const inSlowStart = (c: TcpConnection): boolean => c.snd.cwnd < c.snd.ssthresh;

/** Whether the congestion window is what holds the sender back: only then it grows (RFC 7661, `tcp_is_cwnd_limited`). */
export const isCwndLimited = (c: TcpConnection): boolean =>
  c.snd.cwndLimited || (inSlowStart(c) && c.snd.cwnd < 2 * c.snd.maxPacketsOut);
