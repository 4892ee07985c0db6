import type { RandomStream } from "../../../../core/rng.ts";
import { IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP } from "../../../../protocols/ipv4/wire.ts";
import type { Conntrack } from "../conntrack/conntrack.ts";
import {
  B_STATE,
  FLOW_SHIFT,
  IPS_FIXED_TIMEOUT,
  IPS_SRC_NAT,
  T_DST,
  T_PORTS,
  T_SRC,
  TD_END,
  W_PROTOCOL,
  W_REPLY,
  W_STATUS,
} from "../conntrack/flow.ts";
import { SYN_SENT, TIME_WAIT } from "../conntrack/tcp-states.ts";
import { after, octetsOf, sideOf } from "../conntrack/tcp-window.ts";
import { Tuple } from "../conntrack/tuple.ts";
import { MANIP_DST, MANIP_SRC, type NatRange } from "./range.ts";

/** NF_NAT_MAX_ATTEMPTS, NF_NAT_HARDER_THRESH: ports tried, and those left when flows in TIME_WAIT may be driven out. */
const ATTEMPTS_MAX = 128;
const HARDER = 32;

const INVERSE = new Tuple();

/**
 * Finds what a flow becomes: `out`, as near to `from` as `range` allows, and such that its answers are no other flow's
 * (net/netfilter/nf_nat_core.c:get_unique_tuple). When all are taken, `out` is one that is; the flow is then refused when it is
 * to be confirmed.
 */
export function uniqueTuple(
  ct: Conntrack,
  rng: RandomStream,
  out: Tuple,
  from: Tuple,
  range: NatRange,
  slot: number,
  manip: number,
): void {
  const random = range.random === true || range.fullyRandom === true;
  if (manip === MANIP_SRC && !random) {
    if (inRange(from, range)) {
      if (!isTaken(ct, from, slot)) return out.copy(from);
    } else if (sameSource(ct, out, from, range) && !isTaken(ct, out, slot)) return;
  }
  out.copy(from);
  chooseAddress(out, range, manip);
  if (!random) {
    if (range.minPort === undefined) {
      if (!isTaken(ct, out, slot)) return;
    } else if (range.basePort === undefined && portInRange(out, manip, range)) {
      if (range.minPort === range.maxPort || !isTaken(ct, out, slot)) return;
    }
  }
  choosePort(ct, rng, out, range, slot, manip, random);
}

/** Whether answers to what has tuple `t` would be taken for another flow than `slot`'s (`nf_nat_used_tuple`). */
function isTaken(ct: Conntrack, t: Tuple, slot: number): boolean {
  return takenBy(ct, t, slot) !== 0;
}

/** The flow, and which direction of it (a `ref`), that answers to `t` would belong to; 0: none. */
function takenBy(ct: Conntrack, t: Tuple, slot: number): number {
  if (!INVERSE.invert(t)) return 0;
  const { table } = ct;
  const ref = table.find(INVERSE.src, INVERSE.dst, INVERSE.ports, INVERSE.protocol, ct.kernel.sim.now);
  if (ref < 0 || ref >> 1 === slot) return 0;
  const w = table.words;
  const a = slot << FLOW_SHIFT;
  const b = (ref >> 1) << FLOW_SHIFT;
  // The same flow, seen twice before it was confirmed, is no other.
  if (w[a + T_SRC] === w[b + T_SRC] && w[a + T_DST] === w[b + T_DST] && w[a + T_PORTS] === w[b + T_PORTS]) return 0;
  ct.stats.found++;
  return ref;
}

/** As `isTaken`, when few ports are left: a connection that is over makes room for a newer one (`nf_nat_used_tuple_harder`). */
function isTakenAtAll(ct: Conntrack, t: Tuple, slot: number, left: number): boolean {
  const ref = takenBy(ct, t, slot);
  if (ref === 0) return false;
  const { words: w, bytes } = ct.table;
  if (left > HARDER || t.protocol !== IPPROTO_TCP || bytes[octetsOf(slot) + B_STATE] !== SYN_SENT) return true;
  const other = ref >> 1;
  const status = w[(other << FLOW_SHIFT) + W_STATUS] as number;
  const over = (bytes[octetsOf(other) + B_STATE] as number) >= TIME_WAIT;
  if ((ref & 1) === 0 || !over || (status & (IPS_FIXED_TIMEOUT | IPS_SRC_NAT)) !== IPS_SRC_NAT) return true;
  if (!after(w[sideOf(slot, 0) + TD_END] as number, w[sideOf(other, 0) + TD_END] as number)) return true;
  ct.kill(other);
  return false;
}

/** net/netfilter/nf_nat_core.c:nf_in_range: whether a source fits as it is. */
function inRange(t: Tuple, range: NatRange): boolean {
  if (range.minAddress !== undefined) {
    const address = t.src >>> 0;
    if (address < range.minAddress || address > (range.maxAddress ?? range.minAddress)) return false;
  }
  return range.minPort === undefined || portInRange(t, MANIP_SRC, range);
}

function portInRange(t: Tuple, manip: number, range: NatRange): boolean {
  if (t.protocol !== IPPROTO_TCP && t.protocol !== IPPROTO_UDP && t.protocol !== IPPROTO_ICMP) return true;
  const port = manip === MANIP_SRC || t.protocol === IPPROTO_ICMP ? t.sport : t.dport;
  const min = range.minPort as number;
  return port >= min && port <= (range.maxPort ?? min);
}

/** The translation that the same source has already towards another destination (`find_appropriate_src`). */
function sameSource(ct: Conntrack, out: Tuple, from: Tuple, range: NatRange): boolean {
  const { table } = ct;
  const w = table.words;
  for (
    let slot = table.sources.first(from.src, from.sport, from.protocol);
    slot !== 0;
    slot = table.sources.next(slot)
  ) {
    const o = slot << FLOW_SHIFT;
    if (w[o + T_SRC] !== from.src || w[o + W_PROTOCOL] !== from.protocol) continue;
    if ((w[o + T_PORTS] as number) >>> 16 !== from.sport) continue;
    const ports = w[o + W_REPLY + T_PORTS] as number;
    const mapped = from.protocol === IPPROTO_ICMP ? ports >>> 16 : ports & 0xffff;
    out.set(w[o + W_REPLY + T_DST] as number, from.dst, (mapped << 16) | from.dport, from.protocol);
    if (inRange(out, range)) return true;
  }
  return false;
}

/**
 * One address of the range, the same for the same source and destination; for `persistent` the same for the same source
 * (`find_best_ips_proto`).
 */
function chooseAddress(t: Tuple, range: NatRange, manip: number): void {
  if (range.minAddress === undefined) return;
  const count = (range.maxAddress ?? range.minAddress) - range.minAddress + 1;
  let address = range.minAddress;
  if (count > 1) {
    let h = Math.imul(t.src ^ (range.persistent ? 0 : Math.imul(t.dst, 0x9e3779b1)), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 15), 0xc2b2ae35);
    h ^= h >>> 16;
    address += Math.floor(((h >>> 0) / 0x1_0000_0000) * count);
  }
  if (manip === MANIP_SRC) t.src = address | 0;
  else t.dst = address | 0;
}

/** A port of the range that is free, from a random one on (`nf_nat_l4proto_unique_tuple`). */
function choosePort(
  ct: Conntrack,
  rng: RandomStream,
  t: Tuple,
  range: NatRange,
  slot: number,
  manip: number,
  random: boolean,
): void {
  const icmp = t.protocol === IPPROTO_ICMP;
  if (!icmp && t.protocol !== IPPROTO_TCP && t.protocol !== IPPROTO_UDP) return;
  const source = manip === MANIP_SRC || icmp;
  const current = source ? t.sport : t.dport;
  if (range.minPort === undefined && !icmp && manip === MANIP_DST) return;
  const [low, size] = portRange(current, range, icmp);
  let offset = 0;
  if (range.basePort !== undefined) offset = (current - range.basePort) & 0xffff;
  else if (random || manip === MANIP_SRC) offset = rng.u16();
  for (let attempts = Math.min(size, ATTEMPTS_MAX); ; attempts >>= 1) {
    for (let i = 0; i < attempts; i++, offset = (offset + 1) & 0xffff) {
      const port = low + (offset % size);
      t.ports = source ? (port << 16) | t.dport : (t.ports & ~0xffff) | port;
      if (!isTakenAtAll(ct, t, slot, attempts - i)) return;
    }
    if (attempts >= size || attempts < 16) return;
    offset = rng.u16();
  }
}

/** The lowest port and how many: those given, else those of the same kind as the one that the flow has. */
function portRange(current: number, range: NatRange, icmp: boolean): readonly [number, number] {
  if (range.minPort !== undefined) {
    const other = range.maxPort ?? range.minPort;
    return [Math.min(range.minPort, other), Math.abs(other - range.minPort) + 1];
  }
  if (icmp) return [0, 65_536];
  if (current < 512) return [1, 511];
  return current < 1024 ? [600, 424] : [1024, 64_512];
}
