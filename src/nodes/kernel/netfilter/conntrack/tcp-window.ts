import { i32, u8 } from "../../../../core/bytes.ts";
import {
  TCPOPT_EOL,
  TCPOPT_NOP,
  TCPOPT_SACK,
  TCPOPT_SACK_PERM,
  TCPOPT_WINDOW,
} from "../../../../protocols/tcp/option-values.ts";
import { dataOffset, TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN, WINDOW_SCALE_MAX } from "../../../../protocols/tcp/wire.ts";
import {
  B_FLAGS,
  B_LAST_DIR,
  B_RETRANS,
  B_SCALE,
  B_STATE,
  DIR_REPLY,
  FLOW_SHIFT,
  FLOW_WORDS,
  TCP_WORDS,
  TD_END,
  TD_MAXACK,
  TD_MAXEND,
  TD_MAXWIN,
  W_LAST_ACK,
  W_LAST_END,
  W_LAST_SEQ,
  W_LAST_WIN,
  W_TCP,
} from "./flow.ts";
import type { FlowTable } from "./table.ts";
import { SET_ACK, SYN_RECV, SYN_SENT } from "./tcp-states.ts";

/** Flags of a side (`IP_CT_TCP_FLAG_…`). */
export const FLAG_WINDOW_SCALE = 0x01;
export const FLAG_SACK_PERM = 0x02;
export const FLAG_CLOSE_INIT = 0x04;
export const FLAG_BE_LIBERAL = 0x08;
export const FLAG_DATA_UNACKNOWLEDGED = 0x10;
export const FLAG_MAXACK_SET = 0x20;
/** Flags of the last packet: a challenge acknowledgement may come (RFC 5961 §4); both sides opened at once. */
export const EXPECT_CHALLENGE_ACK = 0x40;
export const SIMULTANEOUS_OPEN = 0x80;

/** What the window says of a segment. `IGNORE`: it passes, and changes nothing. */
export const WINDOW_INVALID = 0;
export const WINDOW_ACCEPT = 1;
export const WINDOW_IGNORE = 2;

/** MAXACKWINCONST. */
const ACK_WINDOW_MIN = 66_000;

/** A segment as the window looks at it. Reused. */
export class Segment {
  b: Uint8Array = new Uint8Array(0);
  /** Offset of the TCP header. */
  at = 0;
  flags = 0;
  seq = 0;
  ack = 0;
  /** The sequence number behind it. */
  end = 0;
  /** The window field. */
  window = 0;

  /** Reads the header at `at` of a segment that ends at `end`. */
  read(b: Uint8Array, view: DataView, at: number, end: number): void {
    const flags = u8(b, at + 13);
    this.b = b;
    this.at = at;
    this.flags = flags;
    this.seq = view.getInt32(at + 4);
    this.ack = view.getInt32(at + 8);
    this.window = view.getUint16(at + 14);
    const payload = end - at - dataOffset(b, at);
    this.end = (this.seq + payload + ((flags & TCP_SYN) !== 0 ? 1 : 0) + ((flags & TCP_FIN) !== 0 ? 1 : 0)) | 0;
  }
}

/** Sequence numbers, signed 32-bit: whether `a` comes before `b`. */
export const before = (a: number, b: number): boolean => ((a - b) | 0) < 0;
export const after = (a: number, b: number): boolean => ((b - a) | 0) < 0;

/** Where the words of one side of a flow begin. */
export const sideOf = (slot: number, dir: number): number => (slot << FLOW_SHIFT) + W_TCP + TCP_WORDS * dir;
/** Where the octets of a flow begin. */
export const octetsOf = (slot: number): number => slot * 4 * FLOW_WORDS;

/** Takes scale and SACK from a SYN's options (net/netfilter/nf_conntrack_proto_tcp.c:tcp_options). */
export function readOptions(table: FlowTable, slot: number, dir: number, g: Segment): void {
  const at = octetsOf(slot);
  const end = g.at + dataOffset(g.b, g.at);
  if (end === g.at + 20) return;
  const found = synOptions(g.b, g.at + 20, end);
  table.bytes[at + B_SCALE + dir] = found >> 8;
  table.bytes[at + B_FLAGS + dir] = ((table.bytes[at + B_FLAGS + dir] as number) & FLAG_BE_LIBERAL) | (found & 0xff);
}

/** The scale, shifted by 8, and the flags that a SYN's options give. */
export function synOptions(b: Uint8Array, from: number, end: number): number {
  let found = 0;
  for (let o = from; o < end; ) {
    const kind = u8(b, o);
    if (kind === TCPOPT_EOL) break;
    if (kind === TCPOPT_NOP) {
      o++;
      continue;
    }
    const length = end - o < 2 ? 0 : u8(b, o + 1);
    if (length < 2 || length > end - o) break;
    if (kind === TCPOPT_SACK_PERM && length === 2) found |= FLAG_SACK_PERM;
    else if (kind === TCPOPT_WINDOW && length === 3)
      found = (found & 0xff) | FLAG_WINDOW_SCALE | (Math.min(u8(b, o + 2), WINDOW_SCALE_MAX) << 8);
    o += length;
  }
  return found;
}

/** The highest octet that a segment acknowledges, selectively too (net/netfilter/nf_conntrack_proto_tcp.c:tcp_sack). */
function highestSack(g: Segment): number {
  const { b } = g;
  let sack = g.ack;
  const end = g.at + dataOffset(b, g.at);
  for (let o = g.at + 20; o < end; ) {
    const kind = u8(b, o);
    if (kind === TCPOPT_EOL) break;
    if (kind === TCPOPT_NOP) {
      o++;
      continue;
    }
    const length = end - o < 2 ? 0 : u8(b, o + 1);
    if (length < 2 || length > end - o) break;
    if (kind === TCPOPT_SACK && length >= 10 && (length - 2) % 8 === 0) {
      for (let i = o + 2; i < o + length; i += 8) if (after(i32(b, i + 4), sack)) sack = i32(b, i + 4);
      break;
    }
    o += length;
  }
  return sack;
}

/** A side's first segment that tells of its window: a SYN, or the answer to one (`tcp_init_sender`). */
function beginSide(table: FlowTable, slot: number, dir: number, g: Segment): void {
  const w = table.words;
  const mine = sideOf(slot, dir);
  w[mine + TD_END] = g.end;
  w[mine + TD_MAXEND] = g.end;
  w[mine + TD_MAXWIN] = g.window || 1;
  readOptions(table, slot, dir, g);
  const b = table.bytes;
  const at = octetsOf(slot);
  const both = (b[at + B_FLAGS] as number) & (b[at + B_FLAGS + 1] as number) & FLAG_WINDOW_SCALE;
  if (dir === DIR_REPLY && both === 0) {
    b[at + B_SCALE] = 0; // RFC 7323 §2.2: one side without the option turns it off for both.
    b[at + B_SCALE + 1] = 0;
  }
}

/**
 * Whether a segment lies where its sender may send and acknowledges what it may acknowledge; if so, the window moves. `set` is
 * its kind, `ackOffset` what translation added to the numbers that it acknowledges
 * (net/netfilter/nf_conntrack_proto_tcp.c:tcp_in_window, after Guido van Rooij's "Real Stateful TCP Packet Filtering").
 */
export function inWindow(
  table: FlowTable,
  slot: number,
  dir: number,
  set: number,
  g: Segment,
  ackOffset: number,
  liberal: boolean,
): number {
  const w = table.words;
  const b = table.bytes;
  const at = octetsOf(slot);
  const mine = sideOf(slot, dir);
  const theirs = sideOf(slot, 1 - dir);
  const has = g.flags;
  let { seq, end } = g;
  let ack = (g.ack - ackOffset) | 0;
  let sack = ((b[at + B_FLAGS + 1 - dir] as number) & FLAG_SACK_PERM) !== 0 ? (highestSack(g) - ackOffset) | 0 : ack;
  const state = b[at + B_STATE] as number;
  if (w[mine + TD_MAXWIN] === 0) {
    if ((has & TCP_SYN) !== 0) {
      beginSide(table, slot, dir, g);
      if ((has & TCP_ACK) === 0) return WINDOW_ACCEPT; // both sides open at once
    } else joinSide(table, slot, dir, g, sack);
  } else if (
    (has & TCP_SYN) !== 0 &&
    after(end, w[mine + TD_END] as number) &&
    (state === SYN_SENT || state === SYN_RECV)
  ) {
    beginSide(table, slot, dir, g); // RFC 9293 §3.5: a connection that begins anew
    if (dir === DIR_REPLY && (has & TCP_ACK) === 0) return WINDOW_ACCEPT;
  }
  const theirEnd = w[theirs + TD_END] as number;
  // Without an acknowledgement, or with the zero that broken stacks put into a RST, it is taken to be right.
  if ((has & TCP_ACK) === 0 || ((has & TCP_RST) !== 0 && ack === 0)) ack = sack = theirEnd;
  if ((has & TCP_RST) !== 0 && seq === 0 && state === SYN_SENT) seq = end = w[mine + TD_END] as number;
  const lenient = liberal || ((b[at + B_FLAGS + dir] as number) & FLAG_BE_LIBERAL) !== 0;
  const verdict = judge(table, slot, dir, seq, end, sack);
  if (verdict !== WINDOW_ACCEPT) return lenient ? WINDOW_ACCEPT : verdict;
  moveWindow(table, slot, dir, set, g, seq, end, ack, sack);
  return WINDOW_ACCEPT;
}

/** A side that is seen in the middle of its connection. */
function joinSide(table: FlowTable, slot: number, dir: number, g: Segment, sack: number): void {
  const w = table.words;
  const mine = sideOf(slot, dir);
  const theirs = sideOf(slot, 1 - dir);
  const window = g.window << (table.bytes[octetsOf(slot) + B_SCALE + dir] as number) || 1;
  w[mine + TD_END] = g.end;
  w[mine + TD_MAXWIN] = window;
  w[mine + TD_MAXEND] = g.end + window;
  if (w[theirs + TD_MAXWIN] === 0) {
    w[theirs + TD_END] = sack;
    w[theirs + TD_MAXEND] = sack;
  } else if (sack === (((w[theirs + TD_END] as number) + 1) | 0)) w[theirs + TD_END]! += 1; // an answer to a keepalive
}

/** The four bounds: of what may be sent, from above and below, and of what may be acknowledged. */
function judge(table: FlowTable, slot: number, dir: number, seq: number, end: number, sack: number): number {
  const w = table.words;
  const mine = sideOf(slot, dir);
  const theirs = sideOf(slot, 1 - dir);
  const myEnd = w[mine + TD_END] as number;
  const myMaxEnd = w[mine + TD_MAXEND] as number;
  const theirEnd = w[theirs + TD_END] as number;
  const theirWindow = (w[theirs + TD_MAXWIN] as number) >>> 0;
  const ackWindow = Math.max((w[mine + TD_MAXWIN] as number) >>> 0, ACK_WINDOW_MIN);
  const notTooOld = after(end, (myEnd - theirWindow - 1) | 0);
  const ackNotTooOld = after(sack, (theirEnd - ackWindow - 1) | 0);
  const ackSeen = before(sack, (theirEnd + 1) | 0);
  if (!before(seq, (myMaxEnd + 1) | 0)) {
    const overshot = (end - myMaxEnd + 1) >>> 0;
    if (theirWindow === 0 || !notTooOld || !ackNotTooOld || overshot > theirWindow || !ackSeen) return WINDOW_INVALID;
    // More than the window allows, but near: its acknowledgement, if it comes, is to be believed.
    w[mine + TD_END] = end;
    table.bytes[octetsOf(slot) + B_FLAGS + dir]! |= FLAG_DATA_UNACKNOWLEDGED;
    return WINDOW_IGNORE;
  }
  if (!ackSeen) return WINDOW_INVALID;
  if (theirWindow !== 0 && !notTooOld) return WINDOW_IGNORE;
  return ackNotTooOld ? WINDOW_ACCEPT : WINDOW_IGNORE;
}

function moveWindow(
  table: FlowTable,
  slot: number,
  dir: number,
  set: number,
  g: Segment,
  seq: number,
  end: number,
  ack: number,
  sack: number,
): void {
  const w = table.words;
  const b = table.bytes;
  const at = octetsOf(slot);
  const mine = sideOf(slot, dir);
  const theirs = sideOf(slot, 1 - dir);
  const window = (g.flags & TCP_SYN) !== 0 ? g.window : g.window << (b[at + B_SCALE + dir] as number);
  const wide = (window + (sack - ack)) >>> 0;
  if ((w[mine + TD_MAXWIN] as number) >>> 0 < wide) w[mine + TD_MAXWIN] = wide;
  if (after(end, w[mine + TD_END] as number)) {
    w[mine + TD_END] = end;
    b[at + B_FLAGS + dir]! |= FLAG_DATA_UNACKNOWLEDGED;
  }
  if ((g.flags & TCP_ACK) !== 0) {
    if (((b[at + B_FLAGS + dir] as number) & FLAG_MAXACK_SET) === 0) {
      w[mine + TD_MAXACK] = ack;
      b[at + B_FLAGS + dir]! |= FLAG_MAXACK_SET;
    } else if (after(ack, w[mine + TD_MAXACK] as number)) w[mine + TD_MAXACK] = ack;
  }
  const myMaxEnd = w[mine + TD_MAXEND] as number;
  if (w[theirs + TD_MAXWIN] !== 0 && after(end, myMaxEnd)) w[theirs + TD_MAXWIN]! += (end - myMaxEnd) | 0;
  if (after((sack + window) | 0, ((w[theirs + TD_MAXEND] as number) - 1) | 0))
    w[theirs + TD_MAXEND] = sack + window + (window === 0 ? 1 : 0);
  if (ack === w[theirs + TD_END]) b[at + B_FLAGS + 1 - dir]! &= ~FLAG_DATA_UNACKNOWLEDGED;
  if (set === SET_ACK) countRepeats(table, slot, dir, seq, ack, end, g.window);
}

/** How often the same acknowledgement came again. */
function countRepeats(
  table: FlowTable,
  slot: number,
  dir: number,
  seq: number,
  ack: number,
  end: number,
  window: number,
): void {
  const w = table.words;
  const b = table.bytes;
  const o = slot << FLOW_SHIFT;
  const at = octetsOf(slot);
  if (
    b[at + B_LAST_DIR] === dir &&
    w[o + W_LAST_SEQ] === seq &&
    w[o + W_LAST_ACK] === ack &&
    w[o + W_LAST_END] === end &&
    w[o + W_LAST_WIN] === window
  ) {
    if ((b[at + B_RETRANS] as number) < 255) b[at + B_RETRANS]! += 1;
    return;
  }
  b[at + B_LAST_DIR] = dir;
  w[o + W_LAST_SEQ] = seq;
  w[o + W_LAST_ACK] = ack;
  w[o + W_LAST_END] = end;
  w[o + W_LAST_WIN] = window;
  b[at + B_RETRANS] = 0;
}
