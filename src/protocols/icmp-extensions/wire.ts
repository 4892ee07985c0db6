import { setU8, setU16, u8, u16, u32 } from "../../core/bytes.ts";
import { complement16, fold16, sum16 } from "../../core/checksum.ts";
import { bad, type Decoded, good } from "../../core/result.ts";
import type { ChecksumStatus } from "../ipv4/wire.ts";
import { ENTRY, entryAt, type MplsEntry, writeEntry } from "../mpls/wire.ts";

/** The extension structure behind the quoted datagram of an ICMP error (RFC 4884 §7), and the objects of RFC 4950 and RFC 5837. */
export interface IcmpExtensions {
  /** 4 bits: 2. */
  readonly version: number;
  /** 12 bits. */
  readonly reserved: number;
  /** As received, right or wrong; 0: not computed. */
  readonly checksum: number;
  readonly objects: readonly ExtensionObject[];
  /** What stands where an object ought to begin whose length cannot be right; empty when all objects were read. */
  readonly tail: Uint8Array;
}

/** One object: `data` without its header of 4 octets, for `mplsStack` or `interfaceInfo` to read. */
export interface ExtensionObject {
  readonly class: number;
  readonly ctype: number;
  readonly data: Uint8Array;
}

/** An interface that had to do with the datagram, as far as the router tells (RFC 5837 §4). */
export interface InterfaceInfo {
  /** `ROLE_*`. */
  readonly role: number;
  readonly ifindex?: number;
  readonly address?: InterfaceAddress;
  /** Octets of the name in UTF-8: 63 at most, without length octet and padding. */
  readonly name?: Uint8Array;
  readonly mtu?: number;
}
/** `afi` 1: 4 octets of IPv4; 2: 16 of IPv6. */
export interface InterfaceAddress {
  readonly afi: number;
  readonly octets: Uint8Array;
}

/** Octets of the structure's header; of an object's too. */
export const HEADER = 4;
export const VERSION = 2;

export const CLASS_MPLS = 1; // RFC 4950
export const CLASS_INTERFACE = 2; // RFC 5837
export const CLASS_INTERFACE_ID = 3; // RFC 8335
/** The only form of an MPLS object: the stack as it came in. */
export const MPLS_INCOMING = 1;

/** The interface by which the datagram came in, a part of it, the one by which it would have left, its next hop. */
export const ROLE_INCOMING = 0;
export const ROLE_SUB_IP = 1;
export const ROLE_OUTGOING = 2;
export const ROLE_NEXT_HOP = 3;

const HAS_IFINDEX = 8;
const HAS_ADDRESS = 4;
const HAS_NAME = 2;
const HAS_MTU = 1;

/** Reads the structure [o, end). Bad only when its header is cut; objects are read up to the first impossible length. */
export function decode(b: Uint8Array, o: number, end: number): Decoded<IcmpExtensions> {
  if (end - o < HEADER) return bad("short", end);
  const objects: ExtensionObject[] = [];
  let at = o + HEADER;
  while (end - at >= HEADER) {
    const length = u16(b, at); // RFC 4884 §7.1: octets, this header included
    if (length < HEADER || length > end - at) break;
    objects.push({ class: u8(b, at + 2), ctype: u8(b, at + 3), data: b.slice(at + HEADER, at + length) });
    at += length;
  }
  const [version, reserved] = [u8(b, o) >> 4, u16(b, o) & 0xfff];
  return good({ version, reserved, checksum: u16(b, o + 2), objects, tail: b.slice(at, end) });
}

export const encodedLength = (x: IcmpExtensions): number =>
  x.objects.reduce((sum, object) => sum + HEADER + object.data.length, HEADER + x.tail.length);

/** Writes the structure at `o`, checksum as the value has it. */
export function encode(x: IcmpExtensions, b: Uint8Array, o: number): void {
  setU16(b, o, (x.version << 12) | x.reserved);
  setU16(b, o + 2, x.checksum);
  let at = o + HEADER;
  for (const object of x.objects) {
    setU16(b, at, HEADER + object.data.length);
    setU8(b, at + 2, object.class);
    setU8(b, at + 3, object.ctype);
    b.set(object.data, at + HEADER);
    at += HEADER + object.data.length;
  }
  b.set(x.tail, at);
}

/** Computes the checksum of the structure [o, end) in place. */
export function seal(b: Uint8Array, o: number, end: number): void {
  setU16(b, o + 2, 0);
  setU16(b, o + 2, complement16(sum16(b, o, end)) || 0xffff); // RFC 4884 §7: 0 means that there is none
}

/** Whether the checksum of the structure [o, end) is right. */
export function verify(b: Uint8Array, o: number, end: number): ChecksumStatus {
  if (end - o < HEADER) return "unverified";
  if (u16(b, o + 2) === 0) return "not_present";
  return fold16(sum16(b, o, end)) === 0xffff ? "good" : "bad";
}

/** A structure of these objects, version and checksum right. */
export function extensions(objects: readonly ExtensionObject[]): IcmpExtensions {
  const x = { version: VERSION, reserved: 0, checksum: 0, objects, tail: new Uint8Array(0) };
  const b = new Uint8Array(encodedLength(x));
  encode(x, b, 0);
  seal(b, 0, b.length);
  return { ...x, checksum: u16(b, 2) };
}

/** The label stack of an MPLS object, top first (RFC 4950 §3); `undefined` when it is none or ends within an entry. */
export function mplsStack(object: ExtensionObject): readonly MplsEntry[] | undefined {
  const { data } = object;
  if (object.class !== CLASS_MPLS || object.ctype !== MPLS_INCOMING || data.length % 4 !== 0) return undefined;
  return Array.from({ length: data.length / ENTRY }, (_, i) => entryAt(data, ENTRY * i));
}

export function mplsObject(stack: readonly MplsEntry[]): ExtensionObject {
  const data = new Uint8Array(ENTRY * stack.length);
  for (const [i, e] of stack.entries()) writeEntry(data, ENTRY * i, e.label, e.tc, e.bottom, e.ttl);
  return { class: CLASS_MPLS, ctype: MPLS_INCOMING, data };
}

/** What an interface object tells; `undefined` when it is none or shorter than its C-Type claims (RFC 5837 §4.1). */
export function interfaceInfo(object: ExtensionObject): InterfaceInfo | undefined {
  const { data, ctype } = object;
  if (object.class !== CLASS_INTERFACE) return undefined;
  let at = 0;
  const info: { -readonly [K in keyof InterfaceInfo]: InterfaceInfo[K] } = { role: ctype >> 6 };
  if (ctype & HAS_IFINDEX) {
    if (data.length < 4) return undefined;
    info.ifindex = u32(data, 0);
    at = 4;
  }
  if (ctype & HAS_ADDRESS) {
    const size = data.length - at < 4 ? -1 : addressSize(u16(data, at));
    if (size < 0 || data.length - at < 4 + size) return undefined;
    info.address = { afi: u16(data, at), octets: data.slice(at + 4, at + 4 + size) };
    at += 4 + size;
  }
  if (ctype & HAS_NAME) {
    const field = u8(data, at); // §4.3: the length of the field, this octet and padding included
    if (data.length === at || field === 0 || field > data.length - at) return undefined;
    const end = data.indexOf(0, at + 1);
    info.name = data.slice(at + 1, end < 0 ? at + field : Math.min(end, at + field));
    at += field;
  }
  if (ctype & HAS_MTU) {
    if (data.length - at < 4) return undefined;
    info.mtu = u32(data, at);
  }
  return info;
}

export function interfaceObject(info: InterfaceInfo): ExtensionObject {
  const { ifindex, address, name, mtu } = info;
  const word = (n: number): number[] => [n >>> 24, (n >> 16) & 255, (n >> 8) & 255, n & 255];
  const octets: number[] = [];
  let ctype = info.role << 6;
  if (ifindex !== undefined) {
    ctype |= HAS_IFINDEX;
    octets.push(...word(ifindex));
  }
  if (address !== undefined) {
    ctype |= HAS_ADDRESS;
    octets.push(address.afi >> 8, address.afi & 255, 0, 0, ...address.octets);
  }
  if (name !== undefined) {
    ctype |= HAS_NAME;
    const field = (name.length + 4) & ~3; // §4.3: a multiple of 4, padded with zeros
    octets.push(field, ...name, ...new Array<number>(field - 1 - name.length).fill(0));
  }
  if (mtu !== undefined) {
    ctype |= HAS_MTU;
    octets.push(...word(mtu));
  }
  return { class: CLASS_INTERFACE, ctype, data: Uint8Array.from(octets) };
}

/** Octets of an address: IPv4 and IPv6 only; -1 for other families. */
const addressSize = (afi: number): number => (afi === 1 ? 4 : afi === 2 ? 16 : -1);
