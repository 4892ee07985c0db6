import { fold16, sum16 } from "../../../../core/checksum.ts";
import type { Packet } from "../../../../core/packet.ts";
import { HEADER as ICMP_HEADER, ICMP_REDIRECT, seal, type } from "../../../../protocols/icmp/wire.ts";
import { headerLength, HEADER as IP_HEADER, IPPROTO_ICMP } from "../../../../protocols/ipv4/wire.ts";
import type { Conntrack } from "../conntrack/conntrack.ts";
import {
  directionOf,
  FLOW_SHIFT,
  IPS_NAT_DONE_MASK,
  IPS_NAT_MASK,
  T_DST,
  T_PORTS,
  T_SRC,
  TUPLE_WORDS,
  W_PROTOCOL,
  W_STATUS,
} from "../conntrack/flow.ts";
import { mangle, manglePacket } from "./mangle.ts";
import { MANIP_DST, MANIP_SRC } from "./range.ts";

/**
 * Translates an error about a translated flow, outside and in what it quotes (net/netfilter/nf_nat_proto.c:
 * nf_nat_icmp_reply_translation). False: it cannot be translated, and must not pass.
 */
export function translateError(ct: Conntrack, p: Packet, manip: number): boolean {
  const { buf, net } = p;
  const at = net + headerLength(buf, net);
  if (p.end - at < ICMP_HEADER + IP_HEADER) return false;
  if (p.sumFrom < at && fold16(sum16(buf, at, p.end)) !== 0xffff) return false;
  if (p.sumFrom >= at && fold16(p.sumOf(at)) !== 0xffff) return false;
  const { words: w } = ct.table;
  const o = p.nfct << FLOW_SHIFT;
  const status = w[o + W_STATUS] as number;
  if (type(buf, at) === ICMP_REDIRECT) {
    // Redirects are for hosts on the link: their flow must not be translated at all.
    if ((status & IPS_NAT_DONE_MASK) !== IPS_NAT_DONE_MASK || (status & IPS_NAT_MASK) !== 0) return false;
  }
  const dir = directionOf(p.nfctInfo);
  const bit = 1 << (4 + (dir === 0 ? manip : 1 - manip));
  if ((status & bit) === 0) return true;
  const other = o + TUPLE_WORDS * (1 - dir);
  const ports = w[other + T_PORTS] as number;
  const address = w[other + (manip === MANIP_SRC ? T_DST : T_SRC)] as number;
  const high = manip === MANIP_DST || w[o + W_PROTOCOL] === IPPROTO_ICMP;
  // The quoted packet went the other way: its ends change places.
  const inner = manip === MANIP_SRC ? MANIP_DST : MANIP_SRC;
  if (!mangle(p, at + ICMP_HEADER, inner, address, high ? ports >>> 16 : ports & 0xffff)) return false;
  p.sumFrom = -1;
  seal(buf, at, p.end);
  return manglePacket(p, manip, address, 0);
}
