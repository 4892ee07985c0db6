import { setU16, u8, u16, u32 } from "../../../../core/bytes.ts";
import type { Packet } from "../../../../core/packet.ts";
import { adjustChecksum16 as adjustIcmp, id, setId, type } from "../../../../protocols/icmp/wire.ts";
import {
  changeDst,
  changeSrc,
  dst,
  headerLength,
  IPPROTO_GRE,
  IPPROTO_ICMP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  protocol,
  src,
} from "../../../../protocols/ipv4/wire.ts";
import {
  adjustChecksum16 as adjustTcp16,
  adjustChecksum32 as adjustTcp32,
  HEADER as TCP_HEADER,
} from "../../../../protocols/tcp/wire.ts";
import { adjustChecksum16 as adjustUdp16, adjustChecksum32 as adjustUdp32 } from "../../../../protocols/udp/wire.ts";
import { isQuery } from "../conntrack/tuple.ts";
import { MANIP_SRC } from "./range.ts";

/** What every quotation of a datagram holds of its transport header. */
const QUOTED_MIN = 8;

/**
 * Changes one end of the IP packet whose header is at `net` and which ends at `end`, a quoted one too: address and port (or
 * identifier), and the checksums by what changed (RFC 1624). False when it is too short to be changed
 * (net/netfilter/nf_nat_proto.c:nf_nat_ipv4_manip_pkt).
 */
export function mangle(b: Uint8Array, net: number, end: number, manip: number, address: number, port: number): boolean {
  const at = net + headerLength(b, net);
  const source = manip === MANIP_SRC;
  const old = source ? src(b, net) : dst(b, net);
  const place = source ? at : at + 2;
  switch (protocol(b, net)) {
    case IPPROTO_TCP:
      if (end - at < QUOTED_MIN) return false;
      // A quotation may end before the checksum.
      if (end - at >= TCP_HEADER) {
        adjustTcp32(b, at, old, address >>> 0);
        adjustTcp16(b, at, u16(b, place), port);
      }
      setU16(b, place, port);
      break;
    case IPPROTO_UDP:
      if (end - at < QUOTED_MIN) return false;
      adjustUdp32(b, at, old, address >>> 0);
      adjustUdp16(b, at, u16(b, place), port);
      setU16(b, place, port);
      break;
    case IPPROTO_ICMP:
      if (end - at < QUOTED_MIN) return false;
      if (isQuery(type(b, at))) {
        adjustIcmp(b, at, id(b, at), port);
        setId(b, at, port);
      }
      break;
    case IPPROTO_GRE:
      if (end - at < 4 || (u8(b, at + 1) & 7) > 1) return false;
      break;
    default:
  }
  if (source) changeSrc(b, net, address >>> 0);
  else changeDst(b, net, address >>> 0);
  return true;
}

/** As `mangle`, for the packet itself: a cached sum that covers what changed is forgotten. */
export function manglePacket(p: Packet, manip: number, address: number, port: number): boolean {
  const { buf, net } = p;
  if (!mangle(buf, net, p.end, manip, address, port)) return false;
  const at = net + headerLength(buf, net);
  if (p.sumFrom >= 0 && p.sumFrom < at + changed(protocol(buf, net))) p.sumFrom = -1;
  return true;
}

/** Octets of the transport header that a change reaches. */
const changed = (proto: number): number => (proto === IPPROTO_TCP ? TCP_HEADER : QUOTED_MIN);

/** The port, or identifier, of one end of a packet as text for people: `:5000`, ` id 7`, or nothing. */
export function portText(b: Uint8Array, net: number, end: number, manip: number): string {
  const at = net + headerLength(b, net);
  const proto = protocol(b, net);
  if (end - at < QUOTED_MIN) return "";
  if (proto === IPPROTO_TCP || proto === IPPROTO_UDP) return `:${u16(b, manip === MANIP_SRC ? at : at + 2)}`;
  return proto === IPPROTO_ICMP && isQuery(type(b, at)) ? ` id ${u32(b, at + 4) >>> 16}` : "";
}
