import { setU16, setU32, setU48, u8, u16, u32, u48 } from "../../core/bytes.ts";
import { bad, type Decoded, good } from "../../core/result.ts";
import { ETHERTYPE_IPV4 } from "../ethernet/wire.ts";

/** ARP packets (RFC 826), and the probes and announcements made of them (RFC 5227). */

/** An ARP packet of any hardware and protocol. `sha` and `tha` have one length (hlen), `spa` and `tpa` another (plen). */
export interface ArpPacket {
  /** Hardware type: `ARPHRD_*`. */
  readonly hardware: number;
  /** Protocol type: an EtherType. */
  readonly protocol: number;
  /** `ARPOP_*`. */
  readonly op: number;
  readonly sha: Uint8Array;
  readonly spa: Uint8Array;
  readonly tha: Uint8Array;
  readonly tpa: Uint8Array;
}

/** The addresses of an ARP packet for IPv4 on Ethernet, as numbers. */
export interface ArpAddresses {
  readonly sha: number;
  readonly spa: number;
  readonly tha: number;
  readonly tpa: number;
}

/** Octets of a packet for IPv4 on Ethernet. */
export const LENGTH = 28;
/** Octets of any packet before its addresses. */
const FIXED = 8;

export const ARPHRD_ETHER = 1;
export const ARPHRD_IEEE802 = 6;
export const ARPHRD_FRAME_RELAY = 15;
export const ARPHRD_INFINIBAND = 32;

export const ARPOP_REQUEST = 1;
export const ARPOP_REPLY = 2;
export const ARPOP_RREQUEST = 3; // RFC 903
export const ARPOP_RREPLY = 4;
export const ARPOP_INREQUEST = 8; // RFC 2390
export const ARPOP_INREPLY = 9;
export const ARPOP_NAK = 10;

export const hardware = (b: Uint8Array, o: number): number => u16(b, o);
export const protocol = (b: Uint8Array, o: number): number => u16(b, o + 2);
export const hlen = (b: Uint8Array, o: number): number => u8(b, o + 4);
export const plen = (b: Uint8Array, o: number): number => u8(b, o + 5);
export const op = (b: Uint8Array, o: number): number => u16(b, o + 6);

// The addresses of a packet for which `isEthernetIpv4` holds: hardware addresses of 48 bits, protocol addresses of 32.
export const sha = (b: Uint8Array, o: number): number => u48(b, o + 8);
export const spa = (b: Uint8Array, o: number): number => u32(b, o + 14);
export const tha = (b: Uint8Array, o: number): number => u48(b, o + 18);
export const tpa = (b: Uint8Array, o: number): number => u32(b, o + 24);
export const setOp = (b: Uint8Array, o: number, op: number): void => setU16(b, o + 6, op);
export const setSha = (b: Uint8Array, o: number, mac: number): void => setU48(b, o + 8, mac);
export const setSpa = (b: Uint8Array, o: number, ip: number): void => setU32(b, o + 14, ip);
export const setTha = (b: Uint8Array, o: number, mac: number): void => setU48(b, o + 18, mac);
export const setTpa = (b: Uint8Array, o: number, ip: number): void => setU32(b, o + 24, ip);

/** Whether [o, end) is ARP for IPv4 on Ethernet, as an Ethernet device takes it (`net/ipv4/arp.c:arp_rcv`, `arp_process`). */
export function isEthernetIpv4(b: Uint8Array, o: number, end: number): boolean {
  if (end - o < LENGTH || hlen(b, o) !== 6 || plen(b, o) !== 4) return false;
  const type = hardware(b, o);
  return (type === ARPHRD_ETHER || type === ARPHRD_IEEE802) && protocol(b, o) === ETHERTYPE_IPV4;
}

/** A probe asks for an address that nobody claims yet: a request whose sender has no address (RFC 5227 §1.1). */
export const isProbe = (b: Uint8Array, o: number): boolean => op(b, o) === ARPOP_REQUEST && spa(b, o) === 0;

/** An announcement is a request for the sender's own address (RFC 5227 §1.1). */
export const isAnnouncement = (b: Uint8Array, o: number): boolean =>
  op(b, o) === ARPOP_REQUEST && spa(b, o) !== 0 && spa(b, o) === tpa(b, o);

/** A gratuitous request or reply: both protocol addresses are the same (`net/ipv4/arp.c:arp_is_garp`). */
export const isGratuitous = (b: Uint8Array, o: number): boolean =>
  spa(b, o) === tpa(b, o) && (op(b, o) !== ARPOP_REPLY || tha(b, o) === sha(b, o));

/** Writes the 28 octets of a packet for IPv4 on Ethernet at `o`. */
export function writePacket(
  b: Uint8Array,
  o: number,
  op: number,
  sha: number,
  spa: number,
  tha: number,
  tpa: number,
): void {
  setU16(b, o, ARPHRD_ETHER);
  setU16(b, o + 2, ETHERTYPE_IPV4);
  setU16(b, o + 4, 0x0604); // hlen, plen
  setU16(b, o + 6, op);
  setU48(b, o + 8, sha);
  setU32(b, o + 14, spa);
  setU48(b, o + 18, tha);
  setU32(b, o + 24, tpa);
}

/** Writes a probe for `address`: no sender address, target hardware address zero (RFC 5227 §2.1.1). */
export const writeProbe = (b: Uint8Array, o: number, mac: number, address: number): void =>
  writePacket(b, o, ARPOP_REQUEST, mac, 0, 0, address);

/** Writes an announcement of `address` (RFC 5227 §2.3). */
export const writeAnnouncement = (b: Uint8Array, o: number, mac: number, address: number): void =>
  writePacket(b, o, ARPOP_REQUEST, mac, address, 0, address);

/** Reads a packet with addresses of any length, 0 to 255 octets, which the value copies. Bad when it is cut short. */
export function decode(b: Uint8Array, o: number, end: number): Decoded<ArpPacket> {
  if (end - o < FIXED) return bad("short", end);
  const [h, p] = [hlen(b, o), plen(b, o)];
  if (end - o < FIXED + 2 * (h + p)) return bad("short", end);
  const target = o + FIXED + h + p;
  return good({
    hardware: hardware(b, o),
    protocol: protocol(b, o),
    op: op(b, o),
    sha: b.slice(o + FIXED, o + FIXED + h),
    spa: b.slice(o + FIXED + h, target),
    tha: b.slice(target, target + h),
    tpa: b.slice(target + h, target + h + p),
  });
}

export const encodedLength = (p: ArpPacket): number => FIXED + 2 * (p.sha.length + p.spa.length);

/** Writes `p` at `o`; the caller reserved `encodedLength(p)` octets. */
export function encode(p: ArpPacket, b: Uint8Array, o: number): void {
  setU16(b, o, p.hardware);
  setU16(b, o + 2, p.protocol);
  b[o + 4] = p.sha.length;
  b[o + 5] = p.spa.length;
  setU16(b, o + 6, p.op);
  let at = o + FIXED;
  for (const address of [p.sha, p.spa, p.tha, p.tpa]) {
    b.set(address, at);
    at += address.length;
  }
}

/** The addresses of a decoded packet as numbers; `undefined` unless they have the lengths of Ethernet and IPv4. */
export function addresses(p: ArpPacket): ArpAddresses | undefined {
  if (p.sha.length !== 6 || p.spa.length !== 4) return undefined;
  return { sha: u48(p.sha, 0), spa: u32(p.spa, 0), tha: u48(p.tha, 0), tpa: u32(p.tpa, 0) };
}
