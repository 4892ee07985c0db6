import type { Ipv4 } from "../../../../core/addr.ts";
import { type Nanos, S } from "../../../../core/time.ts";
import { IPPROTO_GRE, IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP } from "../../../../protocols/ipv4/wire.ts";
import {
  B_STATE,
  D_EXPIRES,
  FLOW_SHIFT,
  FLOW_WORDS,
  IPS_ASSURED,
  IPS_DYING,
  IPS_SEEN_REPLY,
  T_DST,
  T_PORTS,
  T_SRC,
  TUPLE_WORDS,
  W_MARK,
  W_PROTOCOL,
  W_REPLY,
  W_STATUS,
} from "./flow.ts";
import type { FlowTable } from "./table.ts";
import { TCP_STATE_NAMES } from "./tcp-states.ts";

/** One direction of a flow, as `conntrack -L` prints it. Only what the protocol has is there. */
export interface TupleView {
  readonly src: Ipv4;
  readonly dst: Ipv4;
  readonly sport?: number;
  readonly dport?: number;
  readonly type?: number;
  readonly code?: number;
  readonly id?: number;
  readonly srckey?: number;
  readonly dstkey?: number;
}

/** A flow as a value. */
export interface FlowView {
  /** The number that names it while it lives. */
  readonly slot: number;
  readonly protocol: number;
  /** `tcp`, `udp`, `icmp`, `gre`, or `unknown`. */
  readonly protocolName: string;
  /** Whole seconds that it has left, rounded down. */
  readonly timeoutS: number;
  readonly expiresAt: Nanos;
  /** TCP only: `SYN_SENT`, `ESTABLISHED`, … */
  readonly state?: string;
  readonly original: TupleView;
  readonly reply: TupleView;
  /** `IPS_…`. */
  readonly status: number;
  readonly assured: boolean;
  readonly unreplied: boolean;
  readonly mark: number;
  /** What `-o id` shows. */
  readonly id: number;
  /** When it began, where that was kept (`nf_conntrack_timestamp`). */
  readonly startedAt?: Nanos;
  /** With accounting on: packets and octets of each direction. */
  readonly counters?: { readonly original: CounterView; readonly reply: CounterView };
}
export interface CounterView {
  readonly packets: number;
  readonly bytes: number;
}

/** Linux counts what is left in ticks, 250 a second on Debian's kernels (`nf_ct_expires`). */
const TICKS_PER_SECOND = 250;
const TICK: Nanos = S / TICKS_PER_SECOND;

const NAMES: ReadonlyMap<number, string> = new Map([
  [IPPROTO_TCP, "tcp"],
  [IPPROTO_UDP, "udp"],
  [IPPROTO_ICMP, "icmp"],
  [IPPROTO_GRE, "gre"],
]);

/** The flow in a slot as it is now. */
export function viewFlow(table: FlowTable, slot: number, now: Nanos): FlowView {
  const { words: w, doubles, bytes, counters, starts } = table;
  const o = slot << FLOW_SHIFT;
  const protocol = w[o + W_PROTOCOL] as number;
  const status = w[o + W_STATUS] as number;
  const expiresAt = doubles[(slot << 4) + D_EXPIRES] as number;
  const state = TCP_STATE_NAMES[bytes[slot * 4 * FLOW_WORDS + B_STATE] as number];
  return {
    slot,
    protocol,
    protocolName: NAMES.get(protocol) ?? "unknown",
    timeoutS: Math.max(0, Math.floor((Math.floor(expiresAt / TICK) - Math.floor(now / TICK)) / TICKS_PER_SECOND)),
    expiresAt,
    ...(protocol === IPPROTO_TCP && state !== undefined && { state }),
    original: viewTuple(w, o, protocol),
    reply: viewTuple(w, o + W_REPLY, protocol),
    status: status & ~IPS_DYING,
    assured: (status & IPS_ASSURED) !== 0,
    unreplied: (status & IPS_SEEN_REPLY) === 0,
    mark: (w[o + W_MARK] as number) >>> 0,
    id: table.idOf(slot),
    ...(starts !== null && (starts[slot] as number) >= 0 && { startedAt: starts[slot] as number }),
    ...(counters !== null && {
      counters: { original: viewCounters(counters, 4 * slot), reply: viewCounters(counters, 4 * slot + 2) },
    }),
  };
}

function viewTuple(w: Int32Array, t: number, protocol: number): TupleView {
  const ports = w[t + T_PORTS] as number;
  const src = (w[t + T_SRC] as number) >>> 0;
  const dst = (w[t + T_DST] as number) >>> 0;
  switch (protocol) {
    case IPPROTO_TCP:
    case IPPROTO_UDP:
      return { src, dst, sport: ports >>> 16, dport: ports & 0xffff };
    case IPPROTO_ICMP:
      return { src, dst, type: (ports >>> 8) & 0xff, code: ports & 0xff, id: ports >>> 16 };
    case IPPROTO_GRE:
      return { src, dst, srckey: ports >>> 16, dstkey: ports & 0xffff };
    default:
      return { src, dst };
  }
}

const viewCounters = (counters: Float64Array, at: number): CounterView => ({
  packets: counters[at] as number,
  bytes: counters[at + 1] as number,
});

/** The tuple of a direction in `ref`s, as text for traces: `10.0.0.1:5000 > 192.0.2.1:53`. */
export const tupleAt = (slot: number, dir: number): number => (slot << FLOW_SHIFT) + TUPLE_WORDS * dir;
