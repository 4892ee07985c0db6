import type { TcpConnection } from "../connection.ts";
import { type CongestionControl, increase, inSlowStart, isCwndLimited, slowStart } from "./control.ts";

/** RFC 5681 §3.1. */
export class Reno implements CongestionControl {
  readonly name = "reno";

  ssthresh(c: TcpConnection): number {
    return Math.max(c.snd.cwnd >> 1, 2);
  }

  avoid(c: TcpConnection, acked: number): void {
    if (!isCwndLimited(c)) return;
    const left = inSlowStart(c) ? slowStart(c, acked) : acked;
    if (left > 0) increase(c, c.snd.cwnd, left);
  }

  undo(c: TcpConnection): number {
    return Math.max(c.snd.cwnd, c.recovery.priorCwnd);
  }

  acked(): void {}
  sendingResumes(): void {}
  lossBegins(): void {}
  details(): string {
    return "";
  }
}
