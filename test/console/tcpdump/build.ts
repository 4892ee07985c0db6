import { parseIp, parseMac } from "../../../src/core/addr.ts";
import { setU16, setU24 } from "../../../src/core/bytes.ts";
import { pseudoHeader, sum16 } from "../../../src/core/checksum.ts";
import * as arp from "../../../src/protocols/arp/wire.ts";
import * as ethernet from "../../../src/protocols/ethernet/wire.ts";
import * as gre from "../../../src/protocols/gre/wire.ts";
import * as icmp from "../../../src/protocols/icmp/wire.ts";
import * as ipv4 from "../../../src/protocols/ipv4/wire.ts";
import * as udp from "../../../src/protocols/udp/wire.ts";
import * as vxlan from "../../../src/protocols/vxlan/wire.ts";

/** Frames in the making: each function puts a header before a payload. */

export const ipOf = (text: string): number => parseIp(text) as number;
export const macOf = (text: string): number => parseMac(text) as number;

export const M1 = macOf("02:00:00:00:00:01");
export const M2 = macOf("02:00:00:00:00:02");

const join = (header: number, payload: Uint8Array): Uint8Array => {
  const b = new Uint8Array(header + payload.length);
  b.set(payload, header);
  return b;
};

export function ether(type: number, payload: Uint8Array, dst = M2, src = M1): Uint8Array {
  const b = join(14, payload);
  ethernet.writeHeader(b, 0, dst, src, type);
  return b;
}

/** An 802.1Q tag and the type behind it: the payload of EtherType 0x8100. */
export function tag(tci: number, type: number, payload: Uint8Array): Uint8Array {
  const b = join(4, payload);
  setU16(b, 0, tci);
  setU16(b, 2, type);
  return b;
}

/** An 802.3 frame: its length field tells the payload's. */
export const ieee8023 = (payload: Uint8Array): Uint8Array => ether(payload.length, payload, macOf("01:80:c2:00:00:00"));

export function ip(
  src: string,
  dst: string,
  protocol: number,
  payload: Uint8Array,
  { ttl = 64, id = 0, flags = 0, tos = 0, options = new Uint8Array() } = {},
): Uint8Array {
  const header = 20 + options.length;
  const b = join(header, payload);
  ipv4.writeHeader(b, 0, tos, b.length, id, flags, ttl, protocol, ipOf(src), ipOf(dst));
  b.set(options, 20);
  b[0] = 0x40 | (header >> 2);
  setU16(b, 10, 0);
  setU16(b, 10, ~foldAll(sum16(b, 0, header)) & 0xffff);
  return b;
}

const foldAll = (sum: number): number => (sum > 0xffff ? foldAll((sum & 0xffff) + Math.floor(sum / 0x10000)) : sum);

export function udpTo(sport: number, dport: number, payload: Uint8Array): Uint8Array {
  const b = join(8, payload);
  udp.writeHeader(b, 0, sport, dport, b.length);
  return b;
}

export function echo(id: number, seq: number, bytes = 64, type: number = icmp.ICMP_ECHO): Uint8Array {
  const b = new Uint8Array(bytes);
  icmp.writeHeader(b, 0, type, 0, id * 0x10000 + seq);
  icmp.seal(b, 0, b.length);
  return b;
}

/** An ICMP error around a quoted datagram. */
export function icmpError(type: number, code: number, rest: number, quoted: Uint8Array): Uint8Array {
  const b = join(8, quoted);
  icmp.writeHeader(b, 0, type, code, rest);
  icmp.seal(b, 0, b.length);
  return b;
}

export function arpPacket(op: number, sha: string, spa: string, tha: string, tpa: string): Uint8Array {
  const b = new Uint8Array(28);
  arp.writePacket(b, 0, op, macOf(sha), ipOf(spa), macOf(tha), ipOf(tpa));
  return b;
}

export function greTo(type: number, payload: Uint8Array, flags = 0, key = 0, sequence = 0): Uint8Array {
  const b = join(gre.fieldsLength(flags), payload);
  gre.writeHeader(b, 0, flags, type, key, sequence);
  return b;
}

export function vxlanTo(vni: number, frame: Uint8Array): Uint8Array {
  const b = join(8, frame);
  vxlan.writeHeader(b, 0, vni);
  return b;
}

export function geneveTo(vni: number, type: number, frame: Uint8Array, options = new Uint8Array()): Uint8Array {
  const b = join(8 + options.length, frame);
  b[0] = options.length >> 2;
  setU16(b, 2, type);
  setU24(b, 4, vni);
  b.set(options, 8);
  return b;
}

/** A TCP segment between two addresses, its checksum right. */
export function tcp(
  src: string,
  dst: string,
  [sport, dport]: readonly [number, number],
  [seq, ack]: readonly [number, number],
  flags: number,
  { options = new Uint8Array(), payload = new Uint8Array(), window = 1000 } = {},
): Uint8Array {
  const b = join(20 + options.length, payload);
  const view = new DataView(b.buffer);
  view.setUint16(0, sport);
  view.setUint16(2, dport);
  view.setUint32(4, seq);
  view.setUint32(8, ack);
  view.setUint16(12, ((5 + options.length / 4) << 12) | flags);
  view.setUint16(14, window);
  b.set(options, 20);
  const sum = sum16(b, 0, b.length) + pseudoHeader(ipOf(src), ipOf(dst), 6, b.length);
  view.setUint16(16, ~foldAll(sum) & 0xffff);
  return ip(src, dst, 6, b);
}
