import type { Errno } from "../../core/errno.ts";
import { S } from "../../core/time.ts";
import { discardHeld, discardReceived } from "./accept-data.ts";
import type { TcpConnection } from "./connection.ts";
import { push } from "./output.ts";
import type { Segment } from "./segment.ts";
import { after } from "./sequence.ts";
import {
  CLOSE_WAIT,
  CLOSED,
  CLOSING,
  ESTABLISHED,
  FIN_WAIT_1,
  FIN_WAIT_2,
  isSynchronized,
  LAST_ACK,
  SYN_RECEIVED,
  SYN_SENT,
  TIME_WAIT,
} from "./state.ts";
import { sendReset } from "./transmit.ts";
import { TCP_FIN } from "./wire.ts";

/** The end of a connection: orderly, by reset, or because nobody answers (RFC 9293 §3.6, §3.10.4, §3.10.5). */

/** The program sends no more: a FIN goes behind what it wrote (`tcp_shutdown`). */
export function shutdown(c: TcpConnection): void {
  if (c.snd.finQueued) return;
  switch (c.state) {
    case SYN_RECEIVED:
      c.closing = true; // when it is established
      return;
    case ESTABLISHED:
      c.enter(FIN_WAIT_1);
      break;
    case CLOSE_WAIT:
      c.enter(LAST_ACK);
      break;
    default:
      return;
  }
  c.snd.finQueued = true;
  c.snd.writeSeq = (c.snd.writeSeq + 1) | 0;
  push(c);
}

/** The program is done: it neither sends nor reads (`tcp_close`). */
export function close(c: TcpConnection): void {
  const { rcv } = c;
  if (c.orphan) return;
  const unread = discardReceived(c);
  rcv.shut = true;
  rcv.endTold = true;
  c.orphan = true;
  if (c.state === CLOSED || c.state === TIME_WAIT) return;
  if (unread > 0 && isSynchronized(c.state)) {
    sendReset(c); // RFC 2525 §2.17: data was lost
    return finish(c);
  }
  if (c.state === SYN_SENT) return finish(c);
  shutdown(c);
  if (c.state === FIN_WAIT_2) waitForFin(c);
}

/** Ends the connection at once; the peer is told by a reset (RFC 9293 §3.10.5). */
export function abort(c: TcpConnection): void {
  c.orphan = true;
  c.rcv.shut = true;
  discardReceived(c);
  if (c.state === CLOSED || c.state === TIME_WAIT) return;
  if (c.state !== SYN_SENT) sendReset(c);
  finish(c);
}

/** It is over: the program is told why. */
export function abandon(c: TcpConnection, errno: Errno): void {
  if (c.state === CLOSED) return;
  const { orphan } = c;
  c.error = errno;
  finish(c);
  if (!orphan) c.user.failed(errno);
}

/** Nobody answered for too long, or an ICMP error said why (`tcp_write_err`). */
export function timedOut(c: TcpConnection): void {
  abandon(c, c.softError ?? "ETIMEDOUT");
}

/**
 * What the acknowledgement of `seg` means to a connection that is being closed (RFC 9293 §3.10.7.4 fifth). False: it is over,
 * or goes on without its socket, and the segment was dealt with.
 */
export function finishClosing(c: TcpConnection, seg: Segment): boolean {
  const done = c.snd.finQueued && c.snd.una === c.snd.writeSeq;
  switch (c.state) {
    case FIN_WAIT_1:
      if (!done) return true;
      c.enter(FIN_WAIT_2);
      if (!c.orphan) return true;
      if (seg.bytes > 0 && after((seg.end - (seg.flags & TCP_FIN)) | 0, c.rcv.nxt)) {
        abandon(c, "ECONNRESET"); // data after close
        return false;
      }
      waitForFin(c);
      return true;
    case CLOSING:
      if (!done) return true;
      c.enter(TIME_WAIT);
      return false;
    case LAST_ACK:
      if (!done) return true;
      finish(c);
      return false;
    default:
      return c.state !== CLOSED && c.state !== TIME_WAIT;
  }
}

/** The connection is over: nothing of it is left but what the program has not read yet. */
export function finish(c: TcpConnection): void {
  if (c.orphan) discardReceived(c);
  else discardHeld(c);
  c.snd.queue.clear();
  c.timers.clearAll();
  c.local.onLeft = null;
  c.enter(CLOSED);
}

/** RFC 1122 §4.2.2.20: a closed socket does not wait for ever for the peer's FIN (`net.ipv4.tcp_fin_timeout`). */
function waitForFin(c: TcpConnection): void {
  c.timers.keepAt = c.now + c.settings.tcp_fin_timeout * S;
}
