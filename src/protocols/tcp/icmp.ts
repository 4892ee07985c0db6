import type { Errno } from "../../core/errno.ts";
import { abandon, finish } from "./close.ts";
import type { TcpConnection } from "./connection.ts";
import { syncMss } from "./mss.ts";
import { retransmitTooLarge } from "./retransmit.ts";
import { RTO_INITIAL } from "./rtt.ts";
import { between } from "./sequence.ts";
import { CLOSED, SYN_RECEIVED, SYN_SENT } from "./state.ts";
import { TIMER_RETRANSMIT } from "./timers.ts";

/** What ICMP errors mean to a connection (RFC 1122 §4.2.3.9, RFC 5927, RFC 6069; `net/ipv4/tcp_ipv4.c:tcp_v4_err`). */

/** Whether an error quotes a segment that is out: anybody can send errors about others (RFC 5927 §4.1). */
export const quotesOurs = (c: TcpConnection, seq: number): boolean =>
  c.state !== CLOSED && between(seq, c.snd.una, c.snd.nxt);

/**
 * An error about the segment with `seq`, which is out. While connecting it ends the attempt; later it is only the reason, should
 * the connection time out (RFC 5927 §5.2). `unreachable`: a router has no way, which is no congestion.
 */
export function icmpError(c: TcpConnection, errno: Errno, seq: number, unreachable: boolean): void {
  if (c.state === SYN_RECEIVED && c.passive) {
    if (unreachable) finish(c); // Linux: silently
    return;
  }
  if (c.state === SYN_SENT || c.state === SYN_RECEIVED) return abandon(c, errno);
  c.softError = errno;
  if (unreachable) revertBackoff(c, seq);
}

/** The path's MTU has become smaller: what was too large is lost, and goes again at once (`tcp_v4_mtu_reduced`). */
export function mtuReduced(c: TcpConnection): void {
  const mtu = c.host.pathMtu();
  if (c.state === CLOSED || mtu === 0 || mtu >= c.snd.pathMtu) return;
  syncMss(c, mtu);
  retransmitTooLarge(c);
}

/** RFC 6069 §3: the timeout was not for congestion, so that one step of backing off is taken back (`tcp_ld_RTO_revert`). */
function revertBackoff(c: TcpConnection, seq: number): void {
  const { snd, rtt, timers } = c;
  const { sent } = snd;
  if (seq !== snd.una || snd.retransmits === 0 || snd.backoff === 0 || sent.isEmpty) return;
  snd.backoff--;
  if (rtt.srtt8 !== 0) rtt.reset(c.rtoMax);
  else rtt.rto = RTO_INITIAL;
  rtt.rto = Math.min(rtt.rto * 2 ** snd.backoff, c.rtoMax);
  const due = (sent.sentAt[sent.head & sent.mask] as number) + rtt.rto;
  timers.set(TIMER_RETRANSMIT, Math.max(due, c.now));
}
