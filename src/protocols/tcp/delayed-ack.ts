import { MS, type Nanos } from "../../core/time.ts";
import { ECN_CE, ECN_NOT_ECT } from "../ipv4/wire.ts";
import type { TcpConnection } from "./connection.ts";
import { ACK_NOW, ACK_PUSHED, ACK_PUSHED_TWICE, ACK_SCHEDULED, ACK_TIMER } from "./receive-state.ts";
import { bestWindow, growWindow, learnOverhead, measureByWindow, receiveWindow } from "./receive-window.ts";
import type { Segment } from "./segment.ts";
import { span } from "./sequence.ts";
import { ATO_MIN, sendAck } from "./transmit.ts";
import { HEADER, MSS_DEFAULT, TCP_CWR, TCP_FIN, TCP_PSH, TCP_SYN, TCP_URG } from "./wire.ts";

/** When received data is acknowledged (RFC 9293 §3.8.6.3, RFC 5681 §4.2, with Linux's estimate of the sender's pace). */

/** No acknowledgement is held back longer: RFC 9293 allows 500 ms. */
export const DELAY_MAX: Nanos = 200 * MS;
const DELAY_MIN: Nanos = ATO_MIN;
const DELAY_MAX_UNASKED: Nanos = 500 * MS;
/** Segments acknowledged at once when a connection begins, or something is out of order. */
export const QUICK_MAX = 16;
const QUICK_AFTER_MARK = 2;
/** Segments with less data say nothing about the window that the peer needs. */
const GROWING_MIN = 128;
/** The least segment that the peer may be believed to use (TCP_MIN_RCVMSS). */
const RECEIVED_MSS_MIN = 88;
/** Flags of a segment that ends something. */
const REMNANT = TCP_URG | TCP_FIN | TCP_SYN | TCP_PSH;

/** The next `most` segments are acknowledged at once, as far as the window holds them. */
export function moreQuick(c: TcpConnection, most: number): void {
  const { rcv } = c;
  const count = Math.min(Math.floor(rcv.wnd / (2 * rcv.mss)) || 2, most);
  if (count > rcv.quick) rcv.quick = count;
}

/** The sender waits for acknowledgements (`tcp_enter_quickack_mode`). */
export function enterQuick(c: TcpConnection, most: number): void {
  moreQuick(c, most);
  c.rcv.interactive = false;
  c.rcv.ato = ATO_MIN;
}

/** Data has arrived in order (`tcp_event_data_recv`). */
export function dataReceived(c: TcpConnection, seg: Segment): void {
  const { rcv } = c;
  rcv.pending |= ACK_SCHEDULED;
  measureMss(c, seg);
  measureByWindow(c);
  if (rcv.ato === 0) {
    moreQuick(c, QUICK_MAX); // the first: a sender in slow start needs every acknowledgement
    rcv.ato = ATO_MIN;
  } else adaptPace(c, c.now - rcv.lastDataAt);
  rcv.lastDataAt = c.now;
  noticeMark(c, seg);
  if (seg.bytes >= GROWING_MIN) growWindow(c, seg.bytes);
}

/** RFC 3168 §6.1.3: a mark is told until the sender has said that it heard. */
export function noticeMark(c: TcpConnection, seg: Segment): void {
  const { rcv } = c;
  if (!c.ecnOk) return;
  if (seg.ecn === ECN_CE) {
    c.recovery.deliveredCe++;
    if (!rcv.echoCongestion) {
      enterQuick(c, QUICK_AFTER_MARK);
      rcv.echoCongestion = true;
    }
    rcv.ecnSeen = true;
  } else if (seg.ecn !== ECN_NOT_ECT) rcv.ecnSeen = true;
  else if (rcv.ecnSeen) enterQuick(c, QUICK_AFTER_MARK); // sent again: the sender needs acknowledgements
}

/** The sender has slowed down (`tcp_ecn_accept_cwr`). */
export function acceptReduced(c: TcpConnection, seg: Segment): void {
  if (!c.ecnOk || (seg.flags & TCP_CWR) === 0) return;
  c.rcv.echoCongestion = false;
  if (seg.end !== seg.seq) c.rcv.pending |= ACK_NOW;
}

/** What a received segment means for acknowledging: now, or when the timer rings (`tcp_ack_snd_check`). */
export function considerAck(c: TcpConnection): void {
  const { rcv } = c;
  if ((rcv.pending & ACK_SCHEDULED) === 0) return; // it went with a segment of data
  const twoSegments = span(rcv.wup, rcv.nxt) > rcv.mss && bestWindow(c) >= rcv.wnd; // RFC 9293 MUST-59
  const quick = rcv.quick > 0 && !rcv.interactive;
  if (twoSegments || quick || c.alwaysQuick || (rcv.pending & ACK_NOW) !== 0 || rcv.reassembly.size > 0) sendAck(c);
  else delay(c);
}

/** The timer has rung: `tcp_delack_timer_handler`. */
export function delayedAckDue(c: TcpConnection): void {
  const { rcv } = c;
  rcv.pending &= ~ACK_TIMER;
  if ((rcv.pending & ACK_SCHEDULED) === 0) return;
  if (!rcv.interactive) rcv.ato = Math.min(rcv.ato * 2, c.rtt.rto);
  else {
    rcv.interactive = false;
    rcv.ato = ATO_MIN;
  }
  sendAck(c);
}

/** The program has taken data: the peer may want to know of it, or of the room (`tcp_cleanup_rbuf`). */
export function afterRead(c: TcpConnection, taken: boolean): void {
  const { rcv } = c;
  let now = false;
  if ((rcv.pending & ACK_SCHEDULED) !== 0) {
    const pushed = (rcv.pending & ACK_PUSHED_TWICE) !== 0 || ((rcv.pending & ACK_PUSHED) !== 0 && !rcv.interactive);
    now = span(rcv.wup, rcv.nxt) > rcv.mss || (taken && pushed && rcv.ready.size === 0);
  }
  if (taken && !now && !rcv.shut) {
    const window = receiveWindow(c);
    if (2 * window <= rcv.clamp) {
      const next = bestWindow(c);
      now = next > 0 && next >= 2 * window;
    }
  }
  if (now) sendAck(c);
}

/** Starts the timer, or leaves it where it is (`tcp_send_delayed_ack`). */
function delay(c: TcpConnection): void {
  const { rcv, timers, rtt } = c;
  let ato = rcv.ato;
  if (ato > DELAY_MIN) {
    let most = rcv.interactive || (rcv.pending & ACK_PUSHED) !== 0 ? DELAY_MAX : DELAY_MAX_UNASKED;
    if (rtt.srtt8 !== 0) most = Math.min(most, Math.max(rtt.srtt, DELAY_MIN));
    ato = Math.min(ato, most);
  }
  ato = Math.min(ato, DELAY_MAX);
  if ((rcv.pending & ACK_TIMER) !== 0) {
    if (timers.ackAt <= c.now + ato / 4) return sendAck(c);
    timers.ackAt = Math.min(timers.ackAt, c.now + ato);
  } else timers.ackAt = c.now + ato;
  rcv.pending |= ACK_SCHEDULED | ACK_TIMER;
}

/** How fast the peer sends: `gap` since the last segment. */
function adaptPace(c: TcpConnection, gap: Nanos): void {
  const { rcv, rtt } = c;
  if (gap <= ATO_MIN / 2) rcv.ato = Math.floor(rcv.ato / 2) + ATO_MIN / 2;
  else if (gap < rcv.ato) rcv.ato = Math.min(Math.floor(rcv.ato / 2) + gap, rtt.rto);
  else if (gap > rtt.rto) moreQuick(c, QUICK_MAX); // it was idle, and begins anew
}

/** How long the peer's segments are: full ones are acknowledged by twos (`tcp_measure_rcv_mss`). */
function measureMss(c: TcpConnection, seg: Segment): void {
  const { rcv, snd } = c;
  const { bytes } = seg;
  const last = rcv.lastLength;
  rcv.lastLength = 0;
  if (bytes >= rcv.mss) {
    if (bytes !== rcv.mss) learnOverhead(c, bytes);
    rcv.mss = Math.min(bytes, rcv.advmss);
    if ((seg.flags & TCP_PSH) !== 0) rcv.pending |= ACK_PUSHED; // the end of a write
    return;
  }
  const whole = bytes + seg.header;
  if (whole >= MSS_DEFAULT + HEADER || (whole >= RECEIVED_MSS_MIN + HEADER && (seg.flags & REMNANT) === 0)) {
    rcv.lastLength = whole - snd.header; // what it would be without SACK blocks
    if (rcv.lastLength === last) {
      rcv.mss = rcv.lastLength;
      return;
    }
  }
  if ((rcv.pending & ACK_PUSHED) !== 0) rcv.pending |= ACK_PUSHED_TWICE;
  rcv.pending |= ACK_PUSHED;
}

/** The first guess (`tcp_initialize_rcv_mss`). */
export function initReceivedMss(c: TcpConnection): void {
  const { rcv, snd } = c;
  const hint = Math.min(rcv.advmss, snd.mss, Math.floor(rcv.wnd / 2), MSS_DEFAULT);
  rcv.mss = Math.max(hint, RECEIVED_MSS_MIN);
}
