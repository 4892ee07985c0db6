import { fold16, pseudoHeader } from "../../../../core/checksum.ts";
import { S } from "../../../../core/time.ts";
import { dst, IPPROTO_TCP, src } from "../../../../protocols/ipv4/wire.ts";
import {
  dataOffset,
  TCP_ACK,
  TCP_FIN,
  HEADER as TCP_HEADER,
  TCP_RST,
  TCP_SYN,
  TCP_URG,
} from "../../../../protocols/tcp/wire.ts";
import { type HookState, NF_ACCEPT, PRE_ROUTING } from "../state.ts";
import type { Conntrack } from "./conntrack.ts";
import {
  B_FLAGS,
  B_LAST_DIR,
  B_LAST_INDEX,
  B_RETRANS,
  B_STATE,
  D_EXPIRES,
  DIR_ORIGINAL,
  FLOW_SHIFT,
  IPCT_ASSURED,
  IPCT_PROTOINFO,
  IPS_ASSURED,
  IPS_CONFIRMED,
  IPS_FIXED_TIMEOUT,
  IPS_SEEN_REPLY,
  TD_END,
  TD_MAXEND,
  TD_MAXWIN,
  W_LAST_WIN,
  W_STATUS,
} from "./flow.ts";
import type { ConntrackSysctl } from "./sysctl.ts";
import {
  CLOSE,
  CLOSE_WAIT,
  ESTABLISHED,
  FIN_WAIT,
  INVALID,
  LAST_ACK,
  nextState,
  SET_ACK,
  SET_FIN,
  SET_NONE,
  SET_RST,
  SET_SYN,
  SET_SYNACK,
  SYN_RECV,
  SYN_SENT,
  TCP_NONE,
  TIME_WAIT,
} from "./tcp-states.ts";
import { PASS, SKIP_WINDOW, transition } from "./tcp-transition.ts";
import {
  FLAG_BE_LIBERAL,
  FLAG_CLOSE_INIT,
  FLAG_DATA_UNACKNOWLEDGED,
  FLAG_SACK_PERM,
  inWindow,
  octetsOf,
  readOptions,
  Segment,
  sideOf,
  WINDOW_IGNORE,
  WINDOW_INVALID,
} from "./tcp-window.ts";
import { NOT_TRACKED } from "./verdict.ts";

/** A connection whose FIN or RST lay outside the window is given up sooner, unless it ends within this time anyway. */
const CLOSING_NS = 120 * S;

const SEGMENT = new Segment();

/** net/netfilter/nf_conntrack_proto_tcp.c:nf_conntrack_tcp_packet. `slot` is the flow, `dir` the packet's direction in it. */
export function tcpPacket(ct: Conntrack, slot: number, dir: number, s: HookState): number {
  const { table } = ct;
  if (!isSound(ct, s)) return NOT_TRACKED;
  const g = SEGMENT;
  g.read(s.p.buf, s.p.view, s.transport, s.p.end);
  const set = setOf(g.flags);
  const status = table.words[(slot << FLOW_SHIFT) + W_STATUS] as number;
  if ((status & IPS_CONFIRMED) === 0 && !begin(ct, slot, set, g, s)) return NOT_TRACKED;
  const at = octetsOf(slot);
  const old = table.bytes[at + B_STATE] as number;
  const step = transition(ct, slot, dir, set, old, g, s);
  if (step < 0) return step === PASS ? NF_ACCEPT : step;
  if (step < SKIP_WINDOW) {
    const offset = ct.seqOffset(slot, 1 - dir, (g.ack - 1) | 0);
    const found = inWindow(table, slot, dir, set, g, offset, ct.sysctl.nf_conntrack_tcp_be_liberal !== 0);
    if (found === WINDOW_IGNORE) return NF_ACCEPT;
    if (found === WINDOW_INVALID) {
      ct.logInvalid(s, "segment outside the window");
      outOfWindow(ct, slot, dir, set);
      return NOT_TRACKED;
    }
  }
  return settle(ct, slot, dir, set, old, step & (SKIP_WINDOW - 1), s);
}

/** A RST was sent in the flow's name: it is over (`nf_conntrack_tcp_set_closing`). */
export function setClosing(ct: Conntrack, slot: number): void {
  const { words, bytes } = ct.table;
  const at = octetsOf(slot) + B_STATE;
  if (((words[(slot << FLOW_SHIFT) + W_STATUS] as number) & IPS_CONFIRMED) === 0 || bytes[at] === CLOSE) return;
  bytes[at] = CLOSE;
  ct.refresh(slot, ct.sysctl.nf_conntrack_tcp_timeout_close);
  ct.note(slot, IPCT_PROTOINFO);
}

/** Flags that may stand together, PSH, ECE and CWR left out (`tcp_valid_flags`). */
const SOUND_FLAGS = new Set([
  TCP_SYN,
  TCP_SYN | TCP_URG,
  TCP_SYN | TCP_ACK,
  TCP_RST,
  TCP_RST | TCP_ACK,
  TCP_FIN | TCP_ACK,
  TCP_FIN | TCP_ACK | TCP_URG,
  TCP_ACK,
  TCP_ACK | TCP_URG,
]);
const SOUND = Uint8Array.from({ length: 64 }, (_, flags) => (SOUND_FLAGS.has(flags) ? 1 : 0));
const CHECKED_FLAGS = TCP_FIN | TCP_SYN | TCP_RST | TCP_ACK | TCP_URG;

/** net/netfilter/nf_conntrack_proto_tcp.c:tcp_error. */
function isSound(ct: Conntrack, s: HookState): boolean {
  const { p, transport: at } = s;
  const header = p.end - at < TCP_HEADER ? 0 : dataOffset(p.buf, at);
  if (header < TCP_HEADER || header > p.end - at) return ct.logInvalid(s, "truncated packet");
  if (s.hook === PRE_ROUTING && ct.sysctl.nf_conntrack_checksum !== 0) {
    if (p.sumFrom < 0) p.cacheSum(at + header);
    const pseudo = pseudoHeader(src(p.buf, p.net), dst(p.buf, p.net), IPPROTO_TCP, p.end - at);
    if (fold16(p.sumOf(at) + pseudo) !== 0xffff) return ct.logInvalid(s, "bad checksum");
  }
  const flags = (p.buf[at + 13] as number) & CHECKED_FLAGS;
  return SOUND[flags] === 1 || ct.logInvalid(s, "invalid tcp flag combination");
}

const setOf = (flags: number): number => {
  if ((flags & TCP_RST) !== 0) return SET_RST;
  if ((flags & TCP_SYN) !== 0) return (flags & TCP_ACK) !== 0 ? SET_SYNACK : SET_SYN;
  if ((flags & TCP_FIN) !== 0) return SET_FIN;
  return (flags & TCP_ACK) !== 0 ? SET_ACK : SET_NONE;
};

/** net/netfilter/nf_conntrack_proto_tcp.c:tcp_new: the first packet of a flow, a SYN or one from the midst of a connection. */
function begin(ct: Conntrack, slot: number, set: number, g: Segment, s: HookState): boolean {
  const { table } = ct;
  const state = nextState(DIR_ORIGINAL, set, TCP_NONE);
  if (state >= INVALID) return ct.logInvalid(s, "invalid new");
  if (state !== SYN_SENT && ct.sysctl.nf_conntrack_tcp_loose === 0) return false;
  const w = table.words;
  const at = octetsOf(slot);
  const mine = sideOf(slot, DIR_ORIGINAL);
  const window = g.window || 1;
  table.bytes.fill(0, at + B_STATE, at + B_FLAGS + 2);
  w.fill(0, mine, (slot << FLOW_SHIFT) + W_LAST_WIN + 1);
  w[mine + TD_END] = g.end;
  w[mine + TD_MAXWIN] = window;
  if (state === SYN_SENT) {
    w[mine + TD_MAXEND] = g.end;
    readOptions(table, slot, DIR_ORIGINAL, g);
  } else {
    w[mine + TD_MAXEND] = g.end + window;
    // How windows are scaled was settled before: only the window's bounds are not believed.
    table.bytes.fill(FLAG_SACK_PERM | FLAG_BE_LIBERAL, at + B_FLAGS, at + B_FLAGS + 2);
  }
  table.bytes[at + B_LAST_INDEX] = SET_NONE;
  return true;
}

/** net/netfilter/nf_conntrack_proto_tcp.c:nf_tcp_handle_invalid: a FIN or RST that answers one, both outside the window. */
function outOfWindow(ct: Conntrack, slot: number, dir: number, set: number): void {
  const { words, bytes, doubles } = ct.table;
  const status = words[(slot << FLOW_SHIFT) + W_STATUS] as number;
  if ((status & (IPS_ASSURED | IPS_FIXED_TIMEOUT)) !== IPS_ASSURED || (set !== SET_RST && set !== SET_FIN)) return;
  const at = octetsOf(slot);
  const last = bytes[at + B_LAST_INDEX] as number;
  if (bytes[at + B_LAST_DIR] === dir || (last !== SET_FIN && last !== SET_RST)) {
    bytes[at + B_LAST_INDEX] = set;
    bytes[at + B_LAST_DIR] = dir;
    return;
  }
  const left = (doubles[(slot << 4) + D_EXPIRES] as number) - ct.kernel.sim.now;
  const timeout = ct.sysctl.nf_conntrack_tcp_timeout_unacknowledged;
  if (left >= CLOSING_NS && left > timeout * S) ct.refresh(slot, timeout);
}

/** The packet belongs to the connection: its state and time. */
function settle(
  ct: Conntrack,
  slot: number,
  dir: number,
  set: number,
  old: number,
  state: number,
  s: HookState,
): number {
  const { words, bytes } = ct.table;
  const at = octetsOf(slot);
  const status = words[(slot << FLOW_SHIFT) + W_STATUS] as number;
  bytes[at + B_LAST_INDEX] = set;
  bytes[at + B_LAST_DIR] = dir;
  bytes[at + B_STATE] = state;
  if (old !== state) {
    if (state === FIN_WAIT) bytes[at + B_FLAGS + dir]! |= FLAG_CLOSE_INIT;
    ct.note(slot, IPCT_PROTOINFO);
  }
  let timeout = timeoutOf(ct, slot, set, state);
  if ((status & IPS_SEEN_REPLY) === 0) {
    if (set === SET_RST) {
      // Nothing but a RST came back: there was no connection.
      ct.count(slot, dir, s.p);
      ct.kill(slot);
      return NF_ACCEPT;
    }
    if (set === SET_SYN && old === SYN_SENT) {
      ct.count(slot, dir, s.p);
      return NF_ACCEPT; // a SYN again prolongs nothing
    }
    if (state === ESTABLISHED) timeout = Math.min(timeout, ct.sysctl.nf_conntrack_tcp_timeout_unacknowledged);
  } else if ((status & IPS_ASSURED) === 0 && (old === SYN_RECV || old === ESTABLISHED) && state === ESTABLISHED) {
    words[(slot << FLOW_SHIFT) + W_STATUS] = status | IPS_ASSURED;
    ct.note(slot, IPCT_ASSURED);
  }
  ct.count(slot, dir, s.p);
  ct.refresh(slot, timeout);
  return NF_ACCEPT;
}

function timeoutOf(ct: Conntrack, slot: number, set: number, state: number): number {
  const { words, bytes } = ct.table;
  const { sysctl } = ct;
  const at = octetsOf(slot);
  const usual = stateTimeout(sysctl, state);
  const retransmitted = sysctl.nf_conntrack_tcp_timeout_max_retrans;
  if ((bytes[at + B_RETRANS] as number) >= sysctl.nf_conntrack_tcp_max_retrans && usual > retransmitted)
    return retransmitted;
  if (set === SET_RST) return sysctl.nf_conntrack_tcp_timeout_close;
  const flags = (bytes[at + B_FLAGS] as number) | (bytes[at + B_FLAGS + 1] as number);
  const unacknowledged = sysctl.nf_conntrack_tcp_timeout_unacknowledged;
  if ((flags & FLAG_DATA_UNACKNOWLEDGED) !== 0 && usual > unacknowledged) return unacknowledged;
  if (words[(slot << FLOW_SHIFT) + W_LAST_WIN] === 0 && usual > retransmitted) return retransmitted;
  return usual;
}

/** How long a connection may be silent in a state, in seconds. */
function stateTimeout(t: ConntrackSysctl, state: number): number {
  switch (state) {
    case SYN_RECV:
      return t.nf_conntrack_tcp_timeout_syn_recv;
    case ESTABLISHED:
      return t.nf_conntrack_tcp_timeout_established;
    case FIN_WAIT:
      return t.nf_conntrack_tcp_timeout_fin_wait;
    case CLOSE_WAIT:
      return t.nf_conntrack_tcp_timeout_close_wait;
    case LAST_ACK:
      return t.nf_conntrack_tcp_timeout_last_ack;
    case TIME_WAIT:
      return t.nf_conntrack_tcp_timeout_time_wait;
    case CLOSE:
      return t.nf_conntrack_tcp_timeout_close;
    default:
      return t.nf_conntrack_tcp_timeout_syn_sent;
  }
}
