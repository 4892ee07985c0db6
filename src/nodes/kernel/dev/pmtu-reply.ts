import { isLoopback, isMulticast, LIMITED_BROADCAST } from "../../../core/addr.ts";
import { u16 } from "../../../core/bytes.ts";
import type { Packet, PacketPool } from "../../../core/packet.ts";
import { HEADER, dst as macDst, src as macSrc, writeHeader } from "../../../protocols/ethernet/wire.ts";
import {
  ERROR_MAX,
  ICMP_DEST_UNREACH,
  ICMP_FRAG_NEEDED,
  HEADER as ICMP_HEADER,
  seal as icmpSeal,
  writeHeader as icmpWrite,
  isError,
} from "../../../protocols/icmp/wire.ts";
import {
  flagsAndOffset,
  headerLength,
  IP_DF,
  HEADER as IP_HEADER,
  IPPROTO_ICMP,
  dst as ipDst,
  src as ipSrc,
  writeHeader as ipWrite,
  protocol,
  ttl,
} from "../../../protocols/ipv4/wire.ts";

/** Below this a tunnel does not answer (net/ipv4/ip_tunnel_core.c:iptunnel_pmtud_check_icmp). */
const MTU_MIN = 576;

/**
 * The frame that tells the sender of the bridged, untagged IPv4 frame `p` that only `mtu` octets fit: it seems to come
 * from the addressee (iptunnel_pmtud_build_icmp). Null when it is not to be told: it did not set DF, or is no host.
 */
export function fragNeededReply(pool: PacketPool, p: Packet, mtu: number): Packet | null {
  const { buf } = p;
  const ip = p.start + HEADER;
  if (mtu < MTU_MIN || !answerable(buf, ip, p.end)) return null;
  const quoted = Math.min(p.end - ip, ERROR_MAX - IP_HEADER - ICMP_HEADER);
  const bytes = IP_HEADER + ICMP_HEADER + quoted;
  const reply = pool.alloc(HEADER + bytes);
  const b = reply.buf;
  const net = reply.start + HEADER;
  const icmp = net + IP_HEADER;
  writeHeader(b, reply.start, macSrc(buf, p.start), macDst(buf, p.start), u16(buf, p.start + 12));
  ipWrite(b, net, 0, bytes, 0, IP_DF, ttl(buf, ip), IPPROTO_ICMP, ipDst(buf, ip), ipSrc(buf, ip));
  icmpWrite(b, icmp, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, mtu);
  b.set(buf.subarray(ip, ip + quoted), icmp + ICMP_HEADER);
  icmpSeal(b, icmp, reply.end);
  if (p.trail !== null) reply.trail = p.trail.fork("answer");
  return reply;
}

function answerable(b: Uint8Array, ip: number, end: number): boolean {
  if (end - ip < IP_HEADER || flagsAndOffset(b, ip) !== IP_DF) return false;
  const src = ipSrc(b, ip);
  const dst = ipDst(b, ip);
  if (dst === LIMITED_BROADCAST || isMulticast(dst)) return false;
  if (src >>> 24 === 0 || isLoopback(src) || src === LIMITED_BROADCAST || isMulticast(src)) return false;
  const icmp = ip + headerLength(b, ip);
  return protocol(b, ip) !== IPPROTO_ICMP || (icmp < end && !isError(b[icmp] as number)); // RFC 1122 §3.2.2
}
