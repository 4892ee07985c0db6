import { dataOffset, HEADER as TCP_HEADER } from "../../../../protocols/tcp/wire.ts";
import type { HookState } from "../state.ts";
import type { Conntrack } from "./conntrack.ts";
import {
  B_FLAGS,
  B_LAST_DIR,
  B_LAST_FLAGS,
  B_LAST_INDEX,
  B_LAST_WSCALE,
  B_SCALE,
  DIR_ORIGINAL,
  DIR_REPLY,
  FLOW_SHIFT,
  IPS_ASSURED,
  IPS_SEEN_REPLY,
  TD_END,
  TD_MAXACK,
  TD_MAXEND,
  TD_MAXWIN,
  W_LAST_ACK,
  W_LAST_END,
  W_LAST_SEQ,
  W_LAST_WIN,
  W_STATUS,
} from "./flow.ts";
import type { FlowTable } from "./table.ts";
import {
  CLOSE,
  ESTABLISHED,
  IGNORE,
  INVALID,
  isClosing,
  LAST_ACK,
  nextState,
  SET_ACK,
  SET_RST,
  SET_SYN,
  SET_SYNACK,
  SYN_RECV,
  SYN_SENT,
  SYN_SENT2,
  TCP_STATE_NAMES,
  TIME_WAIT,
} from "./tcp-states.ts";
import {
  before,
  EXPECT_CHALLENGE_ACK,
  FLAG_BE_LIBERAL,
  FLAG_CLOSE_INIT,
  FLAG_MAXACK_SET,
  octetsOf,
  type Segment,
  SIMULTANEOUS_OPEN,
  sideOf,
  synOptions,
} from "./tcp-window.ts";
import { NOT_TRACKED, REPEAT } from "./verdict.ts";

/** What no table of states knows of a connection in the midst (net/netfilter/nf_conntrack_proto_tcp.c:nf_conntrack_tcp_packet). */

/** `transition` gives the next state, perhaps with this added, or one of the negative values or a verdict below 0. */
export const SKIP_WINDOW = 16;
/** The packet passes, and changes nothing. */
export const PASS = -100;

/** The next state, with the exceptions that no table knows. */
export function transition(
  ct: Conntrack,
  slot: number,
  dir: number,
  set: number,
  old: number,
  g: Segment,
  s: HookState,
): number {
  const { bytes } = ct.table;
  const at = octetsOf(slot);
  const state = nextState(dir, set, old);
  switch (state) {
    case SYN_SENT:
      if (old < TIME_WAIT) return state;
      return reopens(ct, slot, dir) ? reopen(ct, slot) : ignored(ct, slot, dir, set, old, g, s);
    case IGNORE:
      return ignored(ct, slot, dir, set, old, g, s);
    case INVALID:
      ct.logInvalid(s, `packet invalid in state ${TCP_STATE_NAMES[old]}`);
      return NOT_TRACKED;
    case TIME_WAIT: {
      const challenged =
        old === LAST_ACK &&
        set === SET_ACK &&
        bytes[at + B_LAST_DIR] !== dir &&
        bytes[at + B_LAST_INDEX] === SET_SYN &&
        ((bytes[at + B_LAST_FLAGS] as number) & EXPECT_CHALLENGE_ACK) !== 0;
      if (!challenged) return state;
      bytes[at + B_LAST_FLAGS]! &= ~EXPECT_CHALLENGE_ACK; // RFC 5961 §4.2: it acknowledges no FIN
      return PASS;
    }
    case SYN_SENT2:
      bytes[at + B_LAST_FLAGS]! |= SIMULTANEOUS_OPEN;
      return state;
    case SYN_RECV: {
      const opened =
        dir === DIR_REPLY && set === SET_ACK && ((bytes[at + B_LAST_FLAGS] as number) & SIMULTANEOUS_OPEN) !== 0;
      return opened ? ESTABLISHED : state;
    }
    case CLOSE:
      return set === SET_RST ? reset(ct, slot, dir, old, g, s) : state;
    default:
      return state;
  }
}

/** RFC 9293 §3.6.1: a SYN may open anew a connection that was closed, or that its sender aborted. */
function reopens(ct: Conntrack, slot: number, dir: number): boolean {
  const { bytes } = ct.table;
  const at = octetsOf(slot);
  const flags = (bytes[at + B_FLAGS] as number) | (bytes[at + B_FLAGS + 1] as number);
  if ((flags & FLAG_CLOSE_INIT) !== 0) return true;
  return bytes[at + B_LAST_DIR] === dir && bytes[at + B_LAST_INDEX] === SET_RST;
}

function reopen(ct: Conntrack, slot: number): number {
  ct.kill(slot);
  return REPEAT;
}

/** A packet that may be right where we are wrong: it passes, and is remembered, so that the answer may teach us. */
function ignored(ct: Conntrack, slot: number, dir: number, set: number, old: number, g: Segment, s: HookState): number {
  const { words: w, bytes } = ct.table;
  const at = octetsOf(slot);
  const o = slot << FLOW_SHIFT;
  const lastDir = bytes[at + B_LAST_DIR] as number;
  if (
    set === SET_SYNACK &&
    bytes[at + B_LAST_INDEX] === SET_SYN &&
    lastDir !== dir &&
    g.ack === (w[o + W_LAST_END] as number)
  ) {
    learnFromSyn(ct.table, slot, dir);
    return SYN_RECV;
  }
  bytes[at + B_LAST_INDEX] = set;
  bytes[at + B_LAST_DIR] = dir;
  w[o + W_LAST_SEQ] = g.seq;
  w[o + W_LAST_END] = g.end;
  w[o + W_LAST_WIN] = g.window;
  if (set === SET_SYN && dir === DIR_ORIGINAL) {
    const found = synOptions(g.b, g.at + TCP_HEADER, g.at + dataOffset(g.b, g.at));
    bytes[at + B_LAST_WSCALE] = found >> 8;
    bytes[at + B_LAST_FLAGS] = (found & 0xff) | (old === LAST_ACK ? EXPECT_CHALLENGE_ACK : 0);
  }
  if (old === SYN_SENT && set === SET_ACK && dir === DIR_REPLY) w[o + W_LAST_ACK] = g.ack;
  ct.logInvalid(s, `packet ignored in state ${TCP_STATE_NAMES[old]}`);
  return PASS;
}

/** The SYN that we ignored was answered: both sides agree on a new connection. */
function learnFromSyn(table: FlowTable, slot: number, dir: number): void {
  const { words: w, bytes } = table;
  const at = octetsOf(slot);
  const o = slot << FLOW_SHIFT;
  const syn = bytes[at + B_LAST_DIR] as number;
  const theirs = sideOf(slot, syn);
  w[theirs + TD_END] = w[o + W_LAST_END] as number;
  w[theirs + TD_MAXEND] = w[o + W_LAST_END] as number;
  w[theirs + TD_MAXWIN] = w[o + W_LAST_WIN] || 1;
  bytes[at + B_SCALE + syn] = bytes[at + B_LAST_WSCALE] as number;
  bytes[at + B_LAST_FLAGS]! &= ~EXPECT_CHALLENGE_ACK;
  bytes[at + B_FLAGS + syn] = bytes[at + B_LAST_FLAGS] as number;
  const mine = sideOf(slot, dir);
  w.fill(0, mine, mine + 4);
  bytes[at + B_SCALE + dir] = 0;
  bytes[at + B_FLAGS + dir]! &= FLAG_BE_LIBERAL;
}

/** A RST: whether it ends the connection (RFC 5961 §3.2). */
function reset(ct: Conntrack, slot: number, dir: number, old: number, g: Segment, s: HookState): number {
  const { words: w, bytes } = ct.table;
  const at = octetsOf(slot);
  const o = slot << FLOW_SHIFT;
  const status = w[o + W_STATUS] as number;
  const lastIndex = bytes[at + B_LAST_INDEX] as number;
  if (isClosing(old)) return CLOSE + SKIP_WINDOW;
  let state: number = CLOSE;
  if (((bytes[at + B_FLAGS + 1 - dir] as number) & FLAG_MAXACK_SET) !== 0 && lastIndex !== SET_SYN) {
    const established = old === ESTABLISHED && (status & IPS_ASSURED) !== 0;
    const expected = w[sideOf(slot, 1 - dir) + TD_MAXACK] as number;
    if (g.seq === 0 && !established) return CLOSE;
    if (before(g.seq, expected) && ct.sysctl.nf_conntrack_tcp_ignore_invalid_rst === 0) {
      ct.logInvalid(s, "invalid rst");
      return NOT_TRACKED;
    }
    if (!established || g.seq === expected) return CLOSE;
    const train = lastIndex === SET_ACK && bytes[at + B_LAST_DIR] === dir && g.seq === (w[o + W_LAST_END] as number);
    if (train) return CLOSE;
    state = old; // not exact: a challenge acknowledgement may show that the connection lives
  }
  // Of the other side, as Linux 6.18 was seen to want it: nobody answers its own SYN.
  const answersSyn = (status & IPS_SEEN_REPLY) !== 0 && lastIndex === SET_SYN && bytes[at + B_LAST_DIR] !== dir;
  const answersAck = (status & IPS_ASSURED) === 0 && lastIndex === SET_ACK;
  if ((answersSyn || answersAck) && g.ack === (w[o + W_LAST_END] as number)) return state + SKIP_WINDOW;
  const answersChallenge =
    old === SYN_SENT &&
    lastIndex === SET_ACK &&
    bytes[at + B_LAST_DIR] === DIR_REPLY &&
    g.seq === (w[o + W_LAST_ACK] as number);
  return answersChallenge ? state + SKIP_WINDOW : state;
}
