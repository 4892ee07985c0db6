import { fold16 } from "../../../../core/checksum.ts";
import { HEADER as ICMP_HEADER, isError, type } from "../../../../protocols/icmp/wire.ts";
import { type HookState, NF_ACCEPT, PRE_ROUTING } from "../state.ts";
import type { Conntrack } from "./conntrack.ts";
import { CT_RELATED, CT_RELATED_REPLY, FLOW_SHIFT, T_DST, T_PORTS, W_REPLY } from "./flow.ts";
import { beginsFlow, Tuple } from "./tuple.ts";
import { NOT_TRACKED } from "./verdict.ts";

/** NR_ICMP_TYPES. */
const TYPE_MAX = 18;
/** The message is no error: it has a flow of its own. */
export const ICMP_QUERY = 1;
/** It is an error, and now belongs to the flow that it is about. */
export const ICMP_RELATED = 2;

const QUOTED = new Tuple();
const ANSWER = new Tuple();

/** net/netfilter/nf_conntrack_proto_icmp.c:nf_conntrack_icmp_packet. */
export function icmpPacket(ct: Conntrack, slot: number, dir: number, s: HookState): number {
  const ports = ct.table.words[(slot << FLOW_SHIFT) + T_PORTS] as number;
  if (!beginsFlow((ports >>> 8) & 0xff)) return NOT_TRACKED;
  // An answer does not end the flow: it may come twice.
  ct.count(slot, dir, s.p);
  ct.refresh(slot, ct.sysctl.nf_conntrack_icmp_timeout);
  return NF_ACCEPT;
}

/**
 * Looks whether a message is an error about a flow, and gives it to that flow: `ICMP_QUERY`, `ICMP_RELATED`, or that it belongs to
 * none (net/netfilter/nf_conntrack_proto_icmp.c:nf_conntrack_icmpv4_error).
 */
export function icmpError(ct: Conntrack, s: HookState): number {
  const { p, transport: at } = s;
  if (p.end - at < ICMP_HEADER) return invalid(ct, s, "short packet");
  if (s.hook === PRE_ROUTING && ct.sysctl.nf_conntrack_checksum !== 0) {
    if (p.sumFrom < 0) p.cacheSum(at + ICMP_HEADER);
    if (fold16(p.sumOf(at)) !== 0xffff) return invalid(ct, s, "bad icmp checksum");
  }
  const kind = type(p.buf, at);
  if (kind > TYPE_MAX) return invalid(ct, s, "invalid icmp type");
  if (!isError(kind)) return ICMP_QUERY;
  return relate(ct, s) ? ICMP_RELATED : NOT_TRACKED;
}

/** net/netfilter/nf_conntrack_proto_icmp.c:nf_conntrack_inet_error: the flow of the quoted packet, seen from its other end. */
function relate(ct: Conntrack, s: HookState): boolean {
  const { p } = s;
  if (!QUOTED.read(p.buf, p.view, s.transport + ICMP_HEADER, p.end) || !ANSWER.invert(QUOTED)) return false;
  const { table } = ct;
  const ref = table.find(ANSWER.src, ANSWER.dst, ANSWER.ports, ANSWER.protocol, ct.kernel.sim.now);
  if (ref < 0) return false;
  const slot = ref >> 1;
  const tuple = (slot << FLOW_SHIFT) + ((ref & 1) === 0 ? 0 : W_REPLY);
  // The error is for whom the quoted packet came from: another destination was forged.
  if (table.words[tuple + T_DST] !== p.view.getInt32(p.net + 16)) return ct.logInvalid(s, "outer daddr != inner");
  ct.give(p, slot, (ref & 1) === 0 ? CT_RELATED : CT_RELATED_REPLY);
  return true;
}

function invalid(ct: Conntrack, s: HookState, why: string): number {
  ct.logInvalid(s, why);
  return NOT_TRACKED;
}
