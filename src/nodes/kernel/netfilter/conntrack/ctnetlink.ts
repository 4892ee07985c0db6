import { refused as no, type Outcome } from "../../../../core/errno.ts";
import { type Nanos, S } from "../../../../core/time.ts";
import { IPPROTO_TCP } from "../../../../protocols/ipv4/wire.ts";
import type { Nat } from "../nat/nat.ts";
import { MANIP_DST, MANIP_SRC, type NatRange } from "../nat/range.ts";
import type { Conntrack } from "./conntrack.ts";
import {
  B_STATE,
  D_EXPIRES,
  FLOW_SHIFT,
  IPCT_ASSURED,
  IPCT_MARK,
  IPCT_NEW,
  IPCT_PROTOINFO,
  IPCT_REPLY,
  IPS_ASSURED,
  IPS_FIXED_TIMEOUT,
  IPS_NAT_DONE_MASK,
  IPS_SEEN_REPLY,
  W_MARK,
  W_REPLY,
  W_STATUS,
} from "./flow.ts";
import { octetsOf } from "./tcp-window.ts";
import { Tuple } from "./tuple.ts";

/** Who asks, as listeners are told it: the netlink port of the program's socket. */
export type PortId = number;

/** What a program may set of a flow; times in seconds. */
export interface FlowChange {
  readonly timeoutS?: number;
  /** `IPS_…`: bits that are to be set. */
  readonly status?: number;
  readonly mark?: number;
  /** TCP's state, by number. */
  readonly tcpState?: number;
}

/** A flow that a program makes. */
export interface FlowRequest extends FlowChange {
  readonly original: Tuple;
  /** What answers; without it the inverse of the original. */
  readonly reply?: Tuple;
  readonly timeoutS: number;
  readonly source?: NatRange;
  readonly destination?: NatRange;
}

/** Bits that programs may set (`ctnetlink_change_status`); others are refused, or stay as they are. */
const SETTABLE = IPS_SEEN_REPLY | IPS_ASSURED | IPS_FIXED_TIMEOUT;
const REPLY = new Tuple();

/** The flow with this tuple in its original direction, or that the tuple answers; undefined: there is none. */
export function flowOf(ct: Conntrack, t: Tuple): number | undefined {
  const ref = ct.table.find(t.src, t.dst, t.ports, t.protocol, ct.kernel.sim.now);
  return ref < 0 ? undefined : ref >> 1;
}

/** Makes a flow. EEXIST: one has these tuples; EBUSY: a bit may not be set; EINVAL: nothing answers the tuple; ENOMEM: no room
 * (net/netfilter/nf_conntrack_netlink.c:ctnetlink_create_conntrack). */
export function createFlow(ct: Conntrack, nat: Nat, request: FlowRequest, by: PortId): Outcome<number> {
  const { table, kernel } = ct;
  const { now } = kernel.sim;
  if (flowOf(ct, request.original) !== undefined) return no("EEXIST");
  const status = request.status ?? 0;
  if ((status & ~SETTABLE) !== 0) return no("EBUSY");
  if (request.reply === undefined && !REPLY.invert(request.original)) return no("EINVAL");
  const slot = table.allocate(request.original.protocol, 0, now);
  if (slot === 0) return no("ENOMEM");
  const o = slot << FLOW_SHIFT;
  ct.setTuple(o, request.original);
  ct.setTuple(o + W_REPLY, request.reply ?? REPLY);
  for (const [range, manip] of [
    [request.destination, MANIP_DST],
    [request.source, MANIP_SRC],
  ] as const) {
    if (range !== undefined) nat.setUp(slot, range, manip);
    else nat.become(slot, currentOf(nat, slot), manip);
  }
  const w = table.words;
  w[o + W_STATUS]! |= status | IPS_NAT_DONE_MASK;
  w[o + W_MARK] = (request.mark ?? 0) | 0;
  if (request.original.protocol === IPPROTO_TCP) table.bytes[octetsOf(slot) + B_STATE] = request.tcpState ?? 0;
  setEnd(ct, slot, request.timeoutS);
  if (!table.insert(slot, now)) {
    table.discard(slot, now);
    return no("EEXIST");
  }
  if (ct.sysctl.nf_conntrack_timestamp !== 0) table.begun(slot, now);
  ct.stats.insert++;
  ct.note(slot, IPCT_NEW | IPCT_REPLY | IPCT_ASSURED | IPCT_MARK | IPCT_PROTOINFO);
  tell(ct, by, () => ct.events.deliver(slot));
  return { ok: true, value: slot };
}

/** Changes a flow. EBUSY: a bit may not be set; EPERM: its time is fixed (`ctnetlink_change_conntrack`). */
export function changeFlow(ct: Conntrack, slot: number, change: FlowChange, by: PortId): Outcome<number> {
  const { words: w, bytes } = ct.table;
  const o = slot << FLOW_SHIFT;
  const status = w[o + W_STATUS] as number;
  if (change.timeoutS !== undefined) {
    if ((status & IPS_FIXED_TIMEOUT) !== 0) return no("EPERM");
    setEnd(ct, slot, change.timeoutS);
  }
  if (change.status !== undefined) {
    if ((change.status & ~(SETTABLE | status)) !== 0) return no("EBUSY");
    w[o + W_STATUS] = status | (change.status & SETTABLE);
  }
  if (change.tcpState !== undefined) bytes[octetsOf(slot) + B_STATE] = change.tcpState;
  if (change.mark !== undefined) w[o + W_MARK] = change.mark | 0;
  ct.note(slot, IPCT_REPLY | IPCT_ASSURED | IPCT_MARK | IPCT_PROTOINFO);
  tell(ct, by, () => ct.events.deliver(slot));
  return { ok: true, value: slot };
}

/** Ends a flow (`ctnetlink_del_conntrack`). */
export function deleteFlow(ct: Conntrack, slot: number, by: PortId): void {
  tell(ct, by, () => ct.kill(slot));
}

function currentOf(nat: Nat, slot: number): Tuple {
  const t = new Tuple();
  nat.readReply(slot, REPLY);
  t.invert(REPLY);
  return t;
}

function setEnd(ct: Conntrack, slot: number, seconds: number): void {
  const at: Nanos = ct.kernel.sim.now + Math.min(seconds, SECONDS_MAX) * S;
  ct.table.doubles[(slot << 4) + D_EXPIRES] = at;
}
/** Simulated time ends before. */
const SECONDS_MAX = 8_000_000;

function tell(ct: Conntrack, by: PortId, act: () => void): void {
  ct.events.userspace = by;
  act();
  ct.events.userspace = 0;
}
