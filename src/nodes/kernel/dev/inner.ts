import { u8, u16 } from "../../../core/bytes.ts";
import type { Packet } from "../../../core/packet.ts";
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6, HEADER } from "../../../protocols/ethernet/wire.ts";
import { IP_DF, HEADER as IPV4_HEADER } from "../../../protocols/ipv4/wire.ts";
import { DEPTH_MAX, isTpid, TAG } from "../../../protocols/vlan/wire.ts";

/**
 * What a tunnel asks of the packet that it carries. `at` is the offset of the network header, `type` its Ethertype. The
 * bytes may be anything: a header that is cut short counts as none.
 */

const IPV6_HEADER = 40;

/** Offset of what the frame at `p.start` carries behind its VLAN tags; -1 when it ends before that. */
export function innerOffset(p: Packet): number {
  let at = p.start + HEADER;
  for (let tags = 0; at <= p.end; tags++) {
    if (!isTpid(u16(p.buf, at - 2))) return at;
    if (tags === DEPTH_MAX) return -1;
    at += TAG;
  }
  return -1;
}

/** The Ethertype in front of `at`, which `innerOffset` found. */
export const innerType = (p: Packet, at: number): number => u16(p.buf, at - 2);

/** The Ethertype of a bare packet, told by its version; 0 for neither IPv4 nor IPv6. */
export function bareType(p: Packet): number {
  if (p.end === p.start) return 0;
  const version = u8(p.buf, p.start) >> 4;
  return version === 4 ? ETHERTYPE_IPV4 : version === 6 ? ETHERTYPE_IPV6 : 0;
}

export const isIpv4 = (p: Packet, at: number, type: number): boolean =>
  type === ETHERTYPE_IPV4 && at + IPV4_HEADER <= p.end;
export const isIpv6 = (p: Packet, at: number, type: number): boolean =>
  type === ETHERTYPE_IPV6 && at + IPV6_HEADER <= p.end;

/** Whether an IP header is announced that is not all there: such packets cross no tunnel (pskb_inet_may_pull). */
export const isCut = (p: Packet, at: number, type: number): boolean =>
  (type === ETHERTYPE_IPV4 && at + IPV4_HEADER > p.end) || (type === ETHERTYPE_IPV6 && at + IPV6_HEADER > p.end);

/** TOS or traffic class, 0 for what has none (include/net/ip_tunnels.h:ip_tunnel_get_dsfield). */
export function innerTos(p: Packet, at: number, type: number): number {
  if (isIpv4(p, at, type)) return u8(p.buf, at + 1);
  return isIpv6(p, at, type) ? (u16(p.buf, at) >> 4) & 0xff : 0;
}

/** TTL or hop limit, 0 for what has none (ip_tunnel_get_ttl). */
export function innerTtl(p: Packet, at: number, type: number): number {
  if (isIpv4(p, at, type)) return u8(p.buf, at + 8);
  return isIpv6(p, at, type) ? u8(p.buf, at + 7) : 0;
}

/** `IP_DF` where an IPv4 header has it, else 0. */
export const innerDf = (p: Packet, at: number, type: number): number =>
  isIpv4(p, at, type) ? u16(p.buf, at + 6) & IP_DF : 0;
