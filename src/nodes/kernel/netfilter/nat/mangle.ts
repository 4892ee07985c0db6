import { u8, u16, u32 } from "../../../../core/bytes.ts";
import type { Packet } from "../../../../core/packet.ts";
import { adjustChecksum16 as adjustIcmp, id, setId, type } from "../../../../protocols/icmp/wire.ts";
import {
  headerLength,
  IPPROTO_GRE,
  IPPROTO_ICMP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  protocol,
} from "../../../../protocols/ipv4/wire.ts";
import { HEADER as TCP_HEADER } from "../../../../protocols/tcp/wire.ts";
import { isQuery } from "../conntrack/tuple.ts";
import { MANIP_SRC } from "./range.ts";

/** What every quotation of a datagram holds of its transport header. */
const QUOTED_MIN = 8;

/**
 * Changes one end of the IP packet in `p` whose header is at `net`, the packet's own or a quoted one: address and port (or
 * identifier), and the checksums by what changed (RFC 1624). False when it is too short to be changed
 * (net/netfilter/nf_nat_proto.c:nf_nat_ipv4_manip_pkt).
 */
export function mangle(p: Packet, net: number, manip: number, address: number, port: number): boolean {
  const { buf, view, end } = p;
  const at = net + headerLength(buf, net);
  const source = manip === MANIP_SRC;
  const place = source ? at : at + 2;
  const end32 = source ? net + 12 : net + 16;
  const before = view.getInt32(end32);
  // What the sums grow by: the new words and the complements of the old ones (RFC 1624 eqn. 3).
  const grown = 0x1fffe - (before >>> 16) - (before & 0xffff) + (address >>> 16) + (address & 0xffff);
  switch (protocol(buf, net)) {
    case IPPROTO_TCP:
      if (end - at < QUOTED_MIN) return false;
      // A quotation may end before the checksum.
      if (end - at >= TCP_HEADER) adjust(view, at + 16, grown + 0xffff - view.getUint16(place) + port);
      view.setUint16(place, port);
      break;
    case IPPROTO_UDP:
      if (end - at < QUOTED_MIN) return false;
      if (view.getUint16(at + 6) !== 0) {
        adjust(view, at + 6, grown + 0xffff - view.getUint16(place) + port);
        if (view.getUint16(at + 6) === 0) view.setUint16(at + 6, 0xffff); // RFC 768: 0 would mean that there is none
      }
      view.setUint16(place, port);
      break;
    case IPPROTO_ICMP:
      if (end - at < QUOTED_MIN) return false;
      if (isQuery(type(buf, at))) {
        adjustIcmp(buf, at, id(buf, at), port);
        setId(buf, at, port);
      }
      break;
    case IPPROTO_GRE:
      if (end - at < 4 || (u8(buf, at + 1) & 7) > 1) return false;
      break;
    default:
  }
  adjust(view, net + 10, grown);
  view.setInt32(end32, address);
  return true;
}

/** A checksum whose words grew by so much. */
function adjust(view: DataView, o: number, grown: number): void {
  let s = (~view.getUint16(o) & 0xffff) + grown;
  s = (s & 0xffff) + (s >>> 16);
  s = (s & 0xffff) + (s >>> 16);
  view.setUint16(o, ~s);
}

/** As `mangle`, for the packet itself: a cached sum that covers what changed is forgotten. */
export function manglePacket(p: Packet, manip: number, address: number, port: number): boolean {
  const { buf, net } = p;
  if (!mangle(p, net, manip, address, port)) return false;
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
