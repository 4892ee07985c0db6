import { u8, u16 } from "../../../../core/bytes.ts";
import {
  ICMP_ADDRESS,
  ICMP_ADDRESSREPLY,
  ICMP_ECHO,
  ICMP_ECHOREPLY,
  HEADER as ICMP_HEADER,
  ICMP_INFO_REPLY,
  ICMP_INFO_REQUEST,
  ICMP_TIMESTAMP,
  ICMP_TIMESTAMPREPLY,
} from "../../../../protocols/icmp/wire.ts";
import {
  fragmentOffset,
  headerLength,
  HEADER as IP_HEADER,
  IPPROTO_GRE,
  IPPROTO_ICMP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  protocol,
} from "../../../../protocols/ipv4/wire.ts";
import { swapPorts } from "./flow.ts";

/**
 * What tells flows apart (`struct nf_conntrack_tuple`): signed words. `ports` is the source port above the destination port; for
 * ICMP the identifier above type and code; 0 for protocols without ports.
 */
export class Tuple {
  src = 0;
  dst = 0;
  ports = 0;
  protocol = 0;

  set(src: number, dst: number, ports: number, protocol: number): void {
    this.src = src | 0;
    this.dst = dst | 0;
    this.ports = ports | 0;
    this.protocol = protocol;
  }
  copy(t: Tuple): void {
    this.set(t.src, t.dst, t.ports, t.protocol);
  }
  equals(t: Tuple): boolean {
    return this.src === t.src && this.dst === t.dst && this.ports === t.ports && this.protocol === t.protocol;
  }
  get sport(): number {
    return this.ports >>> 16;
  }
  get dport(): number {
    return this.ports & 0xffff;
  }

  /** Becomes the tuple of what answers `t`. False when nothing does (net/netfilter/nf_conntrack_core.c:nf_ct_invert_tuple). */
  invert(t: Tuple): boolean {
    const ports = t.protocol === IPPROTO_ICMP ? invertIcmp(t.ports) : swapPorts(t.ports);
    if (ports === NO_INVERSE) return false;
    this.set(t.dst, t.src, ports, t.protocol);
    return true;
  }

  /**
   * Reads the packet whose IP header is at `net` and which ends at `end`. False when it is a later fragment, or too short for
   * its protocol (net/netfilter/nf_conntrack_core.c:nf_ct_get_tuple).
   */
  read(b: Uint8Array, view: DataView, net: number, end: number): boolean {
    if (end - net < IP_HEADER) return false;
    const at = net + headerLength(b, net);
    if (at > end || at < net + IP_HEADER || fragmentOffset(b, net) !== 0) return false;
    const proto = protocol(b, net);
    const ports = readPorts(b, view, at, end, proto);
    if (ports === NO_INVERSE) return false;
    this.src = view.getInt32(net + 12);
    this.dst = view.getInt32(net + 16);
    this.ports = ports;
    this.protocol = proto;
    return true;
  }
}

/** No word of ports: it is beyond 32 bits. */
const NO_INVERSE = 0x1_0000_0000;

function readPorts(b: Uint8Array, view: DataView, at: number, end: number, proto: number): number {
  switch (proto) {
    case IPPROTO_TCP:
    case IPPROTO_UDP:
      return end - at < 4 ? NO_INVERSE : view.getInt32(at);
    case IPPROTO_ICMP:
      return end - at < ICMP_HEADER ? NO_INVERSE : (u16(b, at + 4) << 16) | u16(b, at);
    case IPPROTO_GRE:
      return readGre(b, at, end);
    default:
      return 0;
  }
}

/** net/netfilter/nf_conntrack_proto_gre.c:gre_pkt_to_tuple: only PPTP's version has something like a port. */
function readGre(b: Uint8Array, at: number, end: number): number {
  if (end - at < 4 || (u8(b, at + 1) & 7) !== 1) return 0;
  if (u16(b, at + 2) !== PPP || end - at < 8) return NO_INVERSE;
  return u16(b, at + 6);
}
const PPP = 0x880b;

/** Types that answer one another (net/netfilter/nf_conntrack_proto_icmp.c). */
const ANSWERS: readonly (readonly [number, number])[] = [
  [ICMP_ECHO, ICMP_ECHOREPLY],
  [ICMP_TIMESTAMP, ICMP_TIMESTAMPREPLY],
  [ICMP_INFO_REQUEST, ICMP_INFO_REPLY],
  [ICMP_ADDRESS, ICMP_ADDRESSREPLY],
];
const INVERSE = new Int8Array(256).fill(-1);
for (const [request, reply] of ANSWERS) {
  INVERSE[request] = reply;
  INVERSE[reply] = request;
}
/** Whether an ICMP message of this type may begin a flow. */
export const beginsFlow = (type: number): boolean => ANSWERS.some(([request]) => request === type);
/** Whether its identifier is its own, as a query's is. */
export const isQuery = (type: number): boolean => (INVERSE[type] as number) >= 0;

function invertIcmp(ports: number): number {
  const type = INVERSE[(ports >>> 8) & 0xff] as number;
  return type < 0 ? NO_INVERSE : (ports & ~0xff00) | (type << 8);
}
