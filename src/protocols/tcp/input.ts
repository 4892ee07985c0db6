import { dropReason } from "../../core/drop.ts";
import type { Packet } from "../../core/packet.ts";
import { MS, S } from "../../core/time.ts";
import { acceptData, deliver, tellDuplicate } from "./accept-data.ts";
import { ACK_BAD, afterAck, mayUpdateWindow, takeAck } from "./ack.ts";
import { abandon, finishClosing } from "./close.ts";
import type { TcpConnection } from "./connection.ts";
import { considerAck, enterQuick, QUICK_MAX } from "./delayed-ack.ts";
import { establishPassive, receiveInSynSent } from "./open.ts";
import { measureByTimestamp, receiveWindow } from "./receive-window.ts";
import { Segment } from "./segment.ts";
import { after, before, span } from "./sequence.ts";
import {
  CLOSE_WAIT,
  CLOSED,
  CLOSING,
  ESTABLISHED,
  FIN_WAIT_1,
  FIN_WAIT_2,
  LAST_ACK,
  SYN_RECEIVED,
  SYN_SENT,
} from "./state.ts";
import { sendAck, transmitSyn } from "./transmit.ts";
import { TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from "./wire.ts";

/** A segment arrives (RFC 9293 §3.10.7, RFC 5961, RFC 7323 §5; `tcp_rcv_established` and `tcp_rcv_state_process`). */

const BAD_SEQUENCE = dropReason("tcp: out of window");
const PAWS = dropReason("tcp: old timestamp");
const BAD_FLAGS = dropReason("tcp: no acknowledgement");
const BAD_ACK = dropReason("tcp: acknowledgement of what was not sent");
const BAD_SIGNATURE = dropReason("tcp: bad signature");
const RESET = dropReason("tcp: reset");
const NO_ROOM = dropReason("tcp: accept queue full");
const OLD_SYN = dropReason("tcp: repeated SYN");
const SYN_INSIDE = dropReason("tcp: SYN inside a connection");

/** A timestamp may be one tick old: acknowledgements overtake data (TCP_PAWS_WINDOW). */
const PAWS_WINDOW = 1;
/** RFC 7323 §5.5: a timestamp so old says nothing. */
const PAWS_IDLE = 24 * 24 * 3600 * S;

/** The segment that is dealt with. */
const seg = new Segment();

/**
 * Deals with the segment at `p.start`, whose header is whole and whose checksum is right. `ecn`: the codepoint of its IP
 * header. Takes ownership. False: it must be answered with a reset, and is still the caller's.
 */
export function receiveSegment(c: TcpConnection, p: Packet, ecn: number): boolean {
  seg.read(p.buf, p.start, p.end, ecn);
  c.counters.segmentsIn++;
  if (seg.bytes > 0) c.counters.dataSegmentsIn++;
  if (c.signer !== null && !c.signer.verify(p.buf, p.start, p.end, c.remoteAddress, c.localAddress)) {
    c.host.drop(p, BAD_SIGNATURE);
    return true;
  }
  c.echoed = c.timestampsOk && seg.options.timestamps ? seg.tsecr : 0;
  if (c.state === SYN_SENT) return receiveInSynSent(c, p, seg);
  if (!validate(c, p)) return true;
  if (!seg.has(TCP_ACK)) {
    c.host.drop(p, BAD_FLAGS);
    return true;
  }
  const opening = c.state === SYN_RECEIVED;
  if (opening) {
    if (seg.ack !== c.snd.nxt) return false; // §3.10.7.4 fifth: unacceptable, a reset is sent
    if (!c.user.mayEstablish()) {
      c.host.drop(p, NO_ROOM);
      return true;
    }
  }
  const result = takeAckOf(c, p);
  if (opening) establishPassive(c, seg);
  else if (result === ACK_BAD) {
    challenge(c);
    c.host.drop(p, BAD_ACK);
    return true;
  }
  return text(c, p);
}

/** The data and FIN of a segment whose acknowledgement was taken, and what follows. False as in `receiveSegment`. */
function text(c: TcpConnection, p: Packet): boolean {
  if (c.state !== ESTABLISHED && !finishClosing(c, seg)) {
    if (c.state === CLOSED && isUnwanted(c)) return false;
    c.host.consume(p);
    return true;
  }
  if (takesText(c)) {
    if (c.rcv.shut && isUnwanted(c)) {
      abandon(c, "ECONNRESET"); // the program has closed: RFC 9293 §3.6.1, RFC 2525 §2.17
      return false;
    }
    if (seg.bytes > 0 && c.echoed !== 0) measureByTimestamp(c, seg);
    acceptData(c, p, seg);
  } else c.host.consume(p);
  if (!c.isAlive) {
    deliver(c);
    return true;
  }
  afterAck(c);
  considerAck(c);
  deliver(c);
  return true;
}

/** New data for a program that reads no more. */
const isUnwanted = (c: TcpConnection): boolean =>
  seg.bytes > 0 && after((seg.end - (seg.flags & TCP_FIN)) | 0, c.rcv.nxt);

/** In states after the peer's FIN nothing new is taken. */
function takesText(c: TcpConnection): boolean {
  switch (c.state) {
    case CLOSE_WAIT:
    case CLOSING:
    case LAST_ACK:
      return before(seg.seq, c.rcv.nxt);
    case ESTABLISHED:
    case FIN_WAIT_1:
    case FIN_WAIT_2:
      return true;
    default:
      return false;
  }
}

/** Timestamps are remembered when the segment is next in order (RFC 7323 §4.3), then the acknowledgement is taken. */
function takeAckOf(c: TcpConnection, p: Packet): number {
  const fresh = c.timestampsOk && seg.options.timestamps && !after(seg.seq, c.rcv.wup) && passesPaws(c, 0);
  return takeAck(c, p.buf, seg, fresh);
}

/** Sequence number, RST and SYN (`tcp_validate_incoming`). False: the packet has been dealt with. */
function validate(c: TcpConnection, p: Packet): boolean {
  const { rcv, host } = c;
  const rst = seg.has(TCP_RST);
  if (repeatsSyn(c)) {
    if (c.mayAnswer()) transmitSyn(c); // our answer was lost (`tcp_check_req`)
    host.drop(p, OLD_SYN);
    return false;
  }
  if (c.timestampsOk && seg.options.timestamps && !passesPaws(c, PAWS_WINDOW) && !isDisorderedAck(c) && !rst) {
    if (seg.has(TCP_SYN)) challenge(c);
    else answerOutOfWindow(c);
    host.drop(p, PAWS);
    return false;
  }
  if (!isInWindow(c)) {
    if (rst) {
      // RFC 5961 §3.2, and a reset by who has sent its FIN and forgot (`tcp_reset_check`).
      if (isResetBehindFin(c)) return reset(c, p);
    } else if (seg.has(TCP_SYN)) challenge(c);
    else answerOutOfWindow(c);
    host.drop(p, BAD_SEQUENCE);
    return false;
  }
  if (rst) {
    const exact = seg.seq === rcv.nxt || isResetBehindFin(c);
    if (exact || (rcv.sacks.count > 0 && seg.seq === rcv.sacks.rightmost(rcv.nxt))) return reset(c, p);
    challenge(c); // RFC 5961 §3.2
    host.drop(p, BAD_SEQUENCE);
    return false;
  }
  if (seg.has(TCP_SYN)) {
    if (completesCrossing(c)) return true;
    challenge(c); // RFC 5961 §4.2
    host.drop(p, SYN_INSIDE);
    return false;
  }
  return true;
}

/** RFC 9293 §3.10.7.4 first, as Linux has it: some of it is not older than what the window began with (`tcp_sequence`). */
const isInWindow = (c: TcpConnection): boolean =>
  !before(seg.end, c.rcv.wup) && !after(seg.seq, (c.rcv.nxt + receiveWindow(c)) | 0);

const isResetBehindFin = (c: TcpConnection): boolean =>
  seg.seq === ((c.rcv.nxt - 1) | 0) && (c.state === CLOSE_WAIT || c.state === LAST_ACK || c.state === CLOSING);

const repeatsSyn = (c: TcpConnection): boolean =>
  c.state === SYN_RECEIVED &&
  seg.seq === c.rcv.irs &&
  (seg.flags & (TCP_SYN | TCP_ACK | TCP_RST)) === TCP_SYN &&
  !(c.timestampsOk && seg.options.timestamps && !passesPaws(c, PAWS_WINDOW));

/** SYNs have crossed, and this SYN-ACK answers ours (RFC 9293 §3.5 figure 8). */
const completesCrossing = (c: TcpConnection): boolean =>
  c.state === SYN_RECEIVED &&
  seg.has(TCP_ACK) &&
  ((seg.seq + 1) | 0) === seg.end &&
  seg.end === c.rcv.nxt &&
  seg.ack === c.snd.nxt;

function reset(c: TcpConnection, p: Packet): boolean {
  const errno = c.state === CLOSE_WAIT ? "EPIPE" : "ECONNRESET";
  c.host.drop(p, RESET);
  abandon(c, errno);
  return false;
}

/** RFC 7323 §5.3: false for a segment whose timestamp is older than one that was seen. */
function passesPaws(c: TcpConnection, window: number): boolean {
  const { rcv } = c;
  if (!rcv.hasTsRecent || span(seg.tsval, rcv.tsRecent) <= window) return true;
  return c.now >= rcv.tsRecentAt + PAWS_IDLE || rcv.tsRecent === 0;
}

/** An acknowledgement that was overtaken does no harm (`tcp_disordered_ack`). */
function isDisorderedAck(c: TcpConnection): boolean {
  const { snd, rcv } = c;
  return (
    seg.has(TCP_ACK) &&
    seg.seq === seg.end &&
    seg.seq === rcv.nxt &&
    seg.ack === snd.una &&
    !mayUpdateWindow(c, seg, seg.window << snd.scale) &&
    span(seg.tsval, rcv.tsRecent) <= c.rtt.rto / MS
  );
}

/** RFC 9293 §3.10.7.4 first: an acknowledgement is sent in reply, with the duplicate that it may be (`tcp_send_dupack`). */
function answerOutOfWindow(c: TcpConnection): void {
  const { rcv } = c;
  const old = seg.end !== seg.seq && before(seg.seq, rcv.nxt);
  if (seg.seq === seg.end && !c.mayAnswer()) return; // acknowledgements could answer each other for ever, data does not
  if (old) {
    enterQuick(c, QUICK_MAX);
    tellDuplicate(c, seg.seq, after(seg.end, rcv.nxt) ? rcv.nxt : seg.end);
  }
  sendAck(c);
}

/** RFC 5961 §7: challenge ACKs are limited, for this connection and for the node. */
export function challenge(c: TcpConnection): void {
  if (c.mayAnswer() && c.host.mayChallenge(c.now)) sendAck(c);
}

/** What a listener's connection learns from the SYN, which lies in `p`; the record is read before anything else happens. */
export function readSegment(p: Packet, ecn: number): Segment {
  seg.read(p.buf, p.start, p.end, ecn);
  return seg;
}
