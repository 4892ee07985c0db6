import { dropReason } from "../../core/drop.ts";
import type { Packet } from "../../core/packet.ts";
import type { TcpConnection } from "./connection.ts";
import { acceptReduced, afterRead, dataReceived, enterQuick, noticeMark, QUICK_MAX } from "./delayed-ack.ts";
import { DUPLICATE, truesize } from "./receive-queue.ts";
import { ACK_NOW, ACK_SCHEDULED } from "./receive-state.ts";
import { adjustSpace, clampWindow, growWindow, receiveWindow } from "./receive-window.ts";
import type { Segment } from "./segment.ts";
import { after, before, span } from "./sequence.ts";
import { CLOSE_WAIT, CLOSING, ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2, SYN_RECEIVED, TIME_WAIT } from "./state.ts";
import { sendAck } from "./transmit.ts";
import { TCP_FIN } from "./wire.ts";

/** Segment text and FIN (RFC 9293 §3.10.7.4 seventh and eighth, `net/ipv4/tcp_input.c:tcp_data_queue`). */

const OUT_OF_WINDOW = dropReason("tcp: out of window");
const OLD = dropReason("tcp: old data");
const NO_BUFFER = dropReason("socket: receive buffer full");

/** Takes the data and the FIN of `seg`, which lies in `p`. Takes ownership of `p`. */
export function acceptData(c: TcpConnection, p: Packet, seg: Segment): void {
  const { rcv, host } = c;
  if (seg.seq === seg.end) return host.consume(p);
  acceptReduced(c, seg);
  p.start = seg.dataAt;
  if (seg.seq === rcv.nxt) {
    if (receiveWindow(c) === 0) return answerAtOnce(c, p, OUT_OF_WINDOW);
    return inOrder(c, p, seg);
  }
  if (!after(seg.end, rcv.nxt)) {
    tellDuplicate(c, seg.seq, seg.end);
    return answerAtOnce(c, p, OLD);
  }
  if (!before(seg.seq, (rcv.nxt + receiveWindow(c)) | 0)) return answerAtOnce(c, p, OUT_OF_WINDOW);
  if (before(seg.seq, rcv.nxt)) {
    tellDuplicate(c, seg.seq, rcv.nxt);
    if (rcv.finished) return answerAtOnce(c, p, OLD); // RFC 9293 §3.10.7.4: nothing comes behind a FIN
    if (receiveWindow(c) === 0) return answerAtOnce(c, p, OUT_OF_WINDOW);
    return inOrder(c, p, seg);
  }
  outOfOrder(c, p, seg);
}

/** Hands the program what is there, while it wants it, and the end of the stream behind that. */
export function deliver(c: TcpConnection): void {
  const { rcv, host, user } = c;
  const { ready } = rcv;
  const copied = rcv.copied;
  while (ready.size > 0 && !rcv.paused && !rcv.shut) {
    const p = ready.shift();
    const bytes = p.end - p.start;
    rcv.memory -= truesize(bytes);
    rcv.copied += bytes;
    user.data(p.buf, p.start, p.end);
    host.consume(p);
  }
  const taken = rcv.copied !== copied;
  if (taken && c.isAlive) {
    adjustSpace(c);
    afterRead(c, true);
  }
  if (!rcv.finished || rcv.endTold || !rcv.endWanted || rcv.shut || ready.size > 0) return;
  rcv.endTold = true;
  user.ended();
}

/** Throws away everything that was received and not delivered. Returns the octets of data. */
export function discardReceived(c: TcpConnection): number {
  const { rcv, host } = c;
  const { bytes } = rcv.ready;
  while (rcv.ready.size > 0) host.consume(rcv.ready.shift());
  discardHeld(c);
  rcv.memory = 0;
  return bytes;
}

/** Throws away what is behind holes. */
export function discardHeld(c: TcpConnection): void {
  const { rcv, host } = c;
  while (rcv.reassembly.size > 0) {
    const p = rcv.reassembly.pop();
    rcv.memory -= truesize(p.end - p.start);
    host.consume(p);
  }
  rcv.sacks.clear();
}

/** A duplicate is told with the next acknowledgement (RFC 2883). */
export function tellDuplicate(c: TcpConnection, seq: number, end: number): void {
  if (c.sackOk && c.settings.tcp_dsack !== 0) c.rcv.sacks.tellDuplicate(seq, end);
}

function inOrder(c: TcpConnection, p: Packet, seg: Segment): void {
  const { rcv } = c;
  const skip = span(seg.seq, rcv.nxt);
  const bytes = seg.bytes - skip;
  if (bytes > 0 && !reserve(c)) {
    rcv.pending |= ACK_NOW | ACK_SCHEDULED;
    return c.host.drop(p, NO_BUFFER);
  }
  if (bytes > 0) {
    p.start += skip;
    take(c, p, bytes);
    dataReceived(c, seg);
  } else c.host.consume(p);
  if ((seg.flags & TCP_FIN) !== 0) finReceived(c);
  if (rcv.reassembly.size > 0) {
    fromReassembly(c);
    if (rcv.reassembly.size === 0) rcv.pending |= ACK_NOW; // RFC 5681 §4.2: the gap is filled
  }
  if (rcv.sacks.count > 0) rcv.sacks.advance(rcv.nxt);
}

/** `p` goes behind what is there; its data begins at `p.start`. */
function take(c: TcpConnection, p: Packet, bytes: number): void {
  const { rcv } = c;
  rcv.nxt = (rcv.nxt + bytes) | 0;
  rcv.received += bytes;
  rcv.memory += truesize(bytes);
  rcv.ready.push(p);
}

/** Segments behind a hole that is filled now (`tcp_ofo_queue`). */
function fromReassembly(c: TcpConnection): void {
  const { rcv, host } = c;
  const { reassembly } = rcv;
  while (reassembly.size > 0 && !after(reassembly.firstSeq, rcv.nxt)) {
    const [seq, end] = [reassembly.firstSeq, reassembly.firstEnd];
    const p = reassembly.shift();
    const length = p.end - p.start;
    rcv.memory -= truesize(length);
    const skip = span(seq, rcv.nxt);
    if (after(end, rcv.nxt) && !rcv.finished) {
      if (skip > 0) tellDuplicate(c, seq, rcv.nxt);
      const fin = span(seq, end) > length;
      if (length > skip) {
        p.start += skip;
        take(c, p, length - skip);
      } else host.consume(p);
      if (fin) finReceived(c);
    } else {
      tellDuplicate(c, seq, end);
      host.consume(p);
    }
  }
}

/** Behind a hole (`tcp_data_queue_ofo`). */
function outOfOrder(c: TcpConnection, p: Packet, seg: Segment): void {
  const { rcv, host } = c;
  const { reassembly } = rcv;
  noticeMark(c, seg);
  rcv.pending |= ACK_SCHEDULED;
  if (!reserve(c)) return host.drop(p, NO_BUFFER);
  c.counters.outOfOrder++;
  const held = reassembly.insert(p, seg.seq, seg.end, (spare) => {
    rcv.memory -= truesize(spare.end - spare.start);
    host.consume(spare);
  });
  if (reassembly.overlapFrom !== reassembly.overlapTo) tellDuplicate(c, reassembly.overlapFrom, reassembly.overlapTo);
  if (held === DUPLICATE) return host.drop(p, OLD);
  rcv.memory += truesize(p.end - p.start);
  if (!c.sackOk) return;
  rcv.sacks.add(seg.seq, seg.end);
  growWindow(c, seg.bytes); // without SACK the window stays, so that acknowledgements are alike
}

/** Whether the buffer takes a segment more; if not, what is behind holes may have to go (`tcp_try_rmem_schedule`, `tcp_prune_queue`). */
function reserve(c: TcpConnection): boolean {
  const { rcv, host } = c;
  if (rcv.memory <= rcv.buffer) return true;
  clampWindow(c);
  while (rcv.memory > rcv.buffer && rcv.reassembly.size > 0) {
    const p = rcv.reassembly.pop();
    rcv.memory -= truesize(p.end - p.start);
    host.drop(p, NO_BUFFER);
    rcv.sacks.clear(); // what was told is taken back (RFC 2018 §8)
  }
  return rcv.memory <= rcv.buffer;
}

/** RFC 9293 §3.10.7.4 eighth. */
function finReceived(c: TcpConnection): void {
  const { rcv } = c;
  rcv.pending |= ACK_SCHEDULED;
  if (rcv.finished) return;
  rcv.finished = true;
  rcv.nxt = (rcv.nxt + 1) | 0;
  discardHeld(c); // nothing comes behind it
  switch (c.state) {
    case SYN_RECEIVED:
    case ESTABLISHED:
      c.enter(CLOSE_WAIT);
      rcv.interactive = true;
      return;
    case FIN_WAIT_1:
      sendAck(c); // both have closed at once
      return c.enter(CLOSING);
    case FIN_WAIT_2:
      sendAck(c);
      return c.enter(TIME_WAIT);
  }
}

function answerAtOnce(c: TcpConnection, p: Packet, reason: number): void {
  enterQuick(c, QUICK_MAX);
  c.rcv.pending |= ACK_SCHEDULED | ACK_NOW;
  c.host.drop(p, reason);
}
