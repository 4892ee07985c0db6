import { formatIp, formatMac, type Ipv4, type Mac } from "../../core/addr.ts";
import { hex, setU8, setU16, setU24, setU32, u8, u16, u24, u32, u48 } from "../../core/bytes.ts";
import { type Bad, bad, type Decoded, good } from "../../core/result.ts";

/** Link Layer Discovery Protocol data units (IEEE 802.1AB-2016 §8), as they follow the Ethertype. */

export const ETHERTYPE = 0x88cc;
/** Nearest bridge: the address that LLDP is mostly sent to (§7.1). */
export const NEAREST_BRIDGE: Mac = 0x0180_c200_000e;
/** Most octets of a TLV's value: its length has 9 bits (§8.4). */
export const VALUE_MAX = 511;

/** TLV types (§8.4.1). */
export const END = 0;
export const CHASSIS_ID = 1;
export const PORT_ID = 2;
export const TTL = 3;
export const PORT_DESCRIPTION = 4;
export const SYSTEM_NAME = 5;
export const SYSTEM_DESCRIPTION = 6;
export const CAPABILITIES = 7;
export const MANAGEMENT_ADDRESS = 8;
export const ORGANIZATION = 127;

/** Chassis and port id subtypes differ; these are the ones that are addresses (§8.5.2.2, §8.5.3.2). */
export const CHASSIS_MAC = 4;
export const CHASSIS_NETWORK = 5;
export const PORT_MAC = 3;
export const PORT_NETWORK = 4;
/** The address family of an IPv4 network address (IANA address family numbers). */
export const FAMILY_IPV4 = 1;

/** Chassis id (§8.5.2), port id (§8.5.3): `id` is 1 to 255 octets whose meaning the subtype tells. */
export interface IdTlv {
  readonly type: typeof CHASSIS_ID | typeof PORT_ID;
  readonly subtype: number;
  readonly id: Uint8Array;
}
/** Time to live (§8.5.4) in seconds; 0 takes back what was told. */
export interface TtlTlv {
  readonly type: typeof TTL;
  readonly seconds: number;
}
/** Port description, system name, system description (§8.5.5 to §8.5.7); `text` reads it. */
export interface TextTlv {
  readonly type: typeof PORT_DESCRIPTION | typeof SYSTEM_NAME | typeof SYSTEM_DESCRIPTION;
  readonly text: Uint8Array;
}
/** System capabilities (§8.5.8): what it can do and which of it is on, bit 2 bridge, bit 4 router, … */
export interface CapabilitiesTlv {
  readonly type: typeof CAPABILITIES;
  readonly capabilities: number;
  readonly enabled: number;
}
/** Management address (§8.5.9). */
export interface ManagementTlv {
  readonly type: typeof MANAGEMENT_ADDRESS;
  /** IANA address family: 1 IPv4, 2 IPv6, 6 MAC. */
  readonly family: number;
  readonly address: Uint8Array;
  /** How `interface` counts: 1 unknown, 2 ifIndex, 3 port number. */
  readonly interfaceSubtype: number;
  readonly interface: number;
  readonly oid: Uint8Array;
}
/** Organizationally specific (§8.6). */
export interface OrganizationTlv {
  readonly type: typeof ORGANIZATION;
  readonly oui: number;
  readonly subtype: number;
  readonly info: Uint8Array;
}
export interface EndTlv {
  readonly type: typeof END;
}
/** A reserved type, 9 to 126, kept as it came. */
export interface ReservedTlv {
  readonly type: "reserved";
  readonly number: number;
  readonly value: Uint8Array;
}
export type LldpTlv =
  | IdTlv
  | TtlTlv
  | TextTlv
  | CapabilitiesTlv
  | ManagementTlv
  | OrganizationTlv
  | EndTlv
  | ReservedTlv;

/** An LLDPDU: its TLVs in order. The End TLV is one of them where it was sent; what follows it is not LLDP's. */
export interface LldpFrame {
  readonly tlvs: readonly LldpTlv[];
}

/** The TLVs that could be read, and why reading stopped before the end. */
export interface TlvList {
  readonly tlvs: readonly LldpTlv[];
  readonly bad?: Bad;
}

/** Reads the LLDPDU that begins at `o`, up to its End TLV or to `end`; `encodedLength` tells how far that was. */
export function decode(b: Uint8Array, o: number, end: number): Decoded<LldpFrame> {
  const { tlvs, bad: fault } = readTlvs(b, o, end);
  if (fault) return fault;
  let at = o;
  for (const [i, tlv] of tlvs.entries()) {
    const mandatory = i < 3 ? i + 1 : undefined; // §9.2.7.7.1: chassis, port, TTL first, in this order
    if (mandatory !== undefined && tlv.type !== mandatory) return bad("order", at);
    if (i >= 3 && (tlv.type === CHASSIS_ID || tlv.type === PORT_ID || tlv.type === TTL)) return bad("twice", at);
    at += 2 + valueLength(tlv);
  }
  return tlvs.length < 3 ? bad("short", at) : good({ tlvs });
}

/** Reads TLVs from `o` in whatever order they stand, as far as it goes. Never throws, whatever the bytes. */
export function readTlvs(b: Uint8Array, o: number, end: number): TlvList {
  const tlvs: LldpTlv[] = [];
  for (let at = o; at < end; ) {
    if (at + 2 > end) return { tlvs, bad: bad("short", end) };
    const next = at + 2 + (u16(b, at) & VALUE_MAX);
    if (next > end) return { tlvs, bad: bad("length", at + 1) };
    const tlv = tlvAt(b, u8(b, at) >> 1, at + 2, next);
    if (tlv === undefined) return { tlvs, bad: bad("length", at + 1) };
    tlvs.push(tlv);
    at = next;
    if (tlv.type === END) break;
  }
  return { tlvs };
}

export const encodedLength = (v: LldpFrame): number => v.tlvs.reduce((sum, tlv) => sum + 2 + valueLength(tlv), 0);

/** Writes `v` at `o`; the caller reserved `encodedLength(v)` octets. */
export function encode(v: LldpFrame, b: Uint8Array, o: number): void {
  let at = o;
  for (const tlv of v.tlvs) {
    const length = valueLength(tlv);
    setU16(b, at, (typeNumber(tlv) << 9) | length);
    encodeValue(tlv, b, at + 2);
    at += 2 + length;
  }
}

/** The number in the type field. */
export const typeNumber = (tlv: LldpTlv): number => (tlv.type === "reserved" ? tlv.number : tlv.type);

/** Octets of a TLV's value: the number in its length field. */
export function valueLength(tlv: LldpTlv): number {
  switch (tlv.type) {
    case CHASSIS_ID:
    case PORT_ID:
      return 1 + tlv.id.length;
    case TTL:
      return 2;
    case PORT_DESCRIPTION:
    case SYSTEM_NAME:
    case SYSTEM_DESCRIPTION:
      return tlv.text.length;
    case CAPABILITIES:
      return 4;
    case MANAGEMENT_ADDRESS:
      return 8 + tlv.address.length + tlv.oid.length;
    case ORGANIZATION:
      return 4 + tlv.info.length;
    case END:
      return 0;
    case "reserved":
      return tlv.value.length;
  }
}

/** The octets of a description or name as text; malformed UTF-8 becomes U+FFFD. */
export const text = (octets: Uint8Array): string => new TextDecoder().decode(octets);

/** The MAC of a chassis or port id; `undefined` when it is no MAC. */
export function macOf(tlv: IdTlv): Mac | undefined {
  const mac = tlv.subtype === (tlv.type === CHASSIS_ID ? CHASSIS_MAC : PORT_MAC);
  return mac && tlv.id.length === 6 ? u48(tlv.id, 0) : undefined;
}

/** The IPv4 address of a chassis id, port id or management address; `undefined` when it is none. */
export function ipv4Of(tlv: IdTlv | ManagementTlv): Ipv4 | undefined {
  if (tlv.type === MANAGEMENT_ADDRESS) {
    return tlv.family === FAMILY_IPV4 && tlv.address.length === 4 ? u32(tlv.address, 0) : undefined;
  }
  const network = tlv.subtype === (tlv.type === CHASSIS_ID ? CHASSIS_NETWORK : PORT_NETWORK);
  return network && tlv.id.length === 5 && tlv.id[0] === FAMILY_IPV4 ? u32(tlv.id, 1) : undefined;
}

/** A chassis or port id as lldpctl prints it: an address, hex octets of another network address, otherwise text. */
export function formatId(tlv: IdTlv): string {
  const mac = macOf(tlv);
  const ip = ipv4Of(tlv);
  if (mac !== undefined) return formatMac(mac);
  if (ip !== undefined) return formatIp(ip);
  const address = tlv.type === CHASSIS_ID ? [CHASSIS_MAC, CHASSIS_NETWORK] : [PORT_MAC, PORT_NETWORK];
  return address.includes(tlv.subtype) ? hex(tlv.id) : text(tlv.id);
}

/** The TLV whose value is [o, end); `undefined` when that cannot be its length. */
function tlvAt(b: Uint8Array, type: number, o: number, end: number): LldpTlv | undefined {
  const length = end - o;
  switch (type) {
    case END:
      return length === 0 ? { type } : undefined;
    case CHASSIS_ID:
    case PORT_ID:
      return length >= 2 && length <= 256 ? { type, subtype: u8(b, o), id: b.slice(o + 1, end) } : undefined;
    case TTL:
      return length === 2 ? { type, seconds: u16(b, o) } : undefined;
    case PORT_DESCRIPTION:
    case SYSTEM_NAME:
    case SYSTEM_DESCRIPTION:
      return length <= 255 ? { type, text: b.slice(o, end) } : undefined;
    case CAPABILITIES:
      return length === 4 ? { type, capabilities: u16(b, o), enabled: u16(b, o + 2) } : undefined;
    case MANAGEMENT_ADDRESS:
      return managementAt(b, o, end);
    case ORGANIZATION:
      return length >= 4 ? { type, oui: u24(b, o), subtype: u8(b, o + 3), info: b.slice(o + 4, end) } : undefined;
    default:
      return { type: "reserved", number: type, value: b.slice(o, end) };
  }
}

/** §8.5.9: length of subtype and address, both; interface subtype and number; length of the object identifier, and it. */
function managementAt(b: Uint8Array, o: number, end: number): ManagementTlv | undefined {
  if (end - o < 8) return undefined;
  const numbering = o + 1 + u8(b, o);
  if (u8(b, o) === 0 || numbering + 6 > end || numbering + 6 + u8(b, numbering + 5) !== end) return undefined;
  return {
    type: MANAGEMENT_ADDRESS,
    family: u8(b, o + 1),
    address: b.slice(o + 2, numbering),
    interfaceSubtype: u8(b, numbering),
    interface: u32(b, numbering + 1),
    oid: b.slice(numbering + 6, end),
  };
}

function encodeValue(tlv: LldpTlv, b: Uint8Array, o: number): void {
  switch (tlv.type) {
    case CHASSIS_ID:
    case PORT_ID:
      setU8(b, o, tlv.subtype);
      b.set(tlv.id, o + 1);
      return;
    case TTL:
      setU16(b, o, tlv.seconds);
      return;
    case PORT_DESCRIPTION:
    case SYSTEM_NAME:
    case SYSTEM_DESCRIPTION:
      b.set(tlv.text, o);
      return;
    case CAPABILITIES:
      setU32(b, o, tlv.capabilities * 0x10000 + tlv.enabled);
      return;
    case MANAGEMENT_ADDRESS: {
      const numbering = o + 2 + tlv.address.length;
      setU8(b, o, 1 + tlv.address.length);
      setU8(b, o + 1, tlv.family);
      b.set(tlv.address, o + 2);
      setU8(b, numbering, tlv.interfaceSubtype);
      setU32(b, numbering + 1, tlv.interface);
      setU8(b, numbering + 5, tlv.oid.length);
      b.set(tlv.oid, numbering + 6);
      return;
    }
    case ORGANIZATION:
      setU24(b, o, tlv.oui);
      setU8(b, o + 3, tlv.subtype);
      b.set(tlv.info, o + 4);
      return;
    case END:
      return;
    case "reserved":
      b.set(tlv.value, o);
      return;
  }
}
