import { u8, u16 } from "../../../../core/bytes.ts";
import type { Packet } from "../../../../core/packet.ts";
import { ETHERTYPE_IPV4, ETHERTYPE_QINQ, ETHERTYPE_VLAN, HEADER } from "../../../../protocols/ethernet/wire.ts";
import {
  fragmentOffset,
  headerLength,
  IPPROTO_ICMP,
  isFragment,
  protocol,
  tos,
  ttl,
} from "../../../../protocols/ipv4/wire.ts";
import type { NetDevice } from "../../netdev.ts";
import { skbProtocol } from "../skb.ts";

/** What flower can compare. Numbers are unsigned; MACs have 48 bits. */
export const FLOWER_FIELDS = [
  "indev",
  "dst_mac",
  "src_mac",
  "eth_type",
  "vlan_id",
  "vlan_prio",
  "vlan_ethtype",
  "ip_proto",
  "ip_tos",
  "ip_ttl",
  "dst_ip",
  "src_ip",
  "dst_port",
  "src_port",
  "icmp_type",
  "icmp_code",
  "ip_flags",
  "tcp_flags",
] as const;
export type FlowerField = (typeof FLOWER_FIELDS)[number];

/** Bits of `ip_flags`: a fragment, and the first of them. */
export const FLOWER_FRAG = 1;
export const FLOWER_FIRST_FRAG = 2;

/** What a packet has of each field; undefined where it has no such header. */
export type FlowerKey = { -readonly [F in FlowerField]?: number | undefined };

/** Reads the fields of a packet (net/core/flow_dissector.c). */
export function dissect(p: Packet, dev: NetDevice): FlowerKey {
  const key: FlowerKey = { indev: p.iif, eth_type: skbProtocol(p, dev) };
  let at = p.start;
  let type = key.eth_type as number;
  if (dev.headerLength > 0) {
    key.dst_mac = p.view.getUint16(at) * 2 ** 32 + p.view.getUint32(at + 2);
    key.src_mac = p.view.getUint16(at + 6) * 2 ** 32 + p.view.getUint32(at + 8);
    at += HEADER;
    if ((type === ETHERTYPE_VLAN || type === ETHERTYPE_QINQ) && at + 4 <= p.end) {
      const tci = u16(p.buf, at);
      key.vlan_id = tci & 0xfff;
      key.vlan_prio = tci >> 13;
      type = u16(p.buf, at + 2);
      key.vlan_ethtype = type;
      at += 4;
    }
  }
  if (type === ETHERTYPE_IPV4 && at + 20 <= p.end) dissectIpv4(p, at, key);
  return key;
}

function dissectIpv4(p: Packet, at: number, key: FlowerKey): void {
  const { buf, view } = p;
  const carried = protocol(buf, at);
  key.ip_proto = carried;
  key.ip_tos = tos(buf, at);
  key.ip_ttl = ttl(buf, at);
  key.src_ip = view.getUint32(at + 12);
  key.dst_ip = view.getUint32(at + 16);
  key.ip_flags = 0;
  if (isFragment(buf, at)) {
    const first = fragmentOffset(buf, at) === 0;
    key.ip_flags = first ? FLOWER_FRAG | FLOWER_FIRST_FRAG : FLOWER_FRAG;
    return;
  }
  const data = at + headerLength(buf, at);
  if (data + 4 > p.end) return;
  if (carried === IPPROTO_ICMP) {
    key.icmp_type = u8(buf, data);
    key.icmp_code = u8(buf, data + 1);
    return;
  }
  key.src_port = u16(buf, data);
  key.dst_port = u16(buf, data + 2);
  if (carried === IPPROTO_TCP && data + 14 <= p.end) key.tcp_flags = u16(buf, data + 12) & 0xfff;
}
const IPPROTO_TCP = 6;
