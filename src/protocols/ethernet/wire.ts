import { setU16, setU24, setU48, u8, u16, u24, u48 } from "../../core/bytes.ts";
import { bad, type Decoded, good } from "../../core/result.ts";

/** Ethernet II and IEEE 802.3 headers, and the LLC and SNAP header that follows a length (IEEE 802.2, RFC 1042). */

/** The header of an Ethernet II frame. `dst`, `src`: 48-bit addresses. */
export interface EthernetHeader {
  readonly kind: "ethernet2";
  readonly dst: number;
  readonly src: number;
  /** EtherType, above 1500. */
  readonly type: number;
}

/** The header of an IEEE 802.3 frame: a length stands where Ethernet II has its type, and LLC follows. */
export interface Ieee8023Header {
  readonly kind: "ieee8023";
  readonly dst: number;
  readonly src: number;
  /** Octets of LLC and data, 0 to 1500; what follows them is padding. */
  readonly length: number;
}

/** A logical link control header (IEEE 802.2 §3.2), with SNAP where both SAPs are 0xaa. */
export interface LlcHeader {
  readonly dsap: number;
  readonly ssap: number;
  /** U format: one octet. I and S format: 16 bits, the first octet on the wire in the low half (as tshark reads it). */
  readonly control: number;
  readonly snap?: SnapHeader;
}

/** `oui` (24 bits) says whose number `pid` is: 0 means an EtherType, 0x00000c Cisco's (RFC 1042). */
export interface SnapHeader {
  readonly oui: number;
  readonly pid: number;
}

/** Octets of an Ethernet header. */
export const HEADER = 14;
/** Octets of the smallest frame, without its check sequence; shorter ones are padded. */
export const FRAME_MIN = 60;
/** Octets of an LLC header with SNAP. */
export const SNAP_HEADER = 8;
/** The largest value of the type field that is a length (IEEE 802.3 §3.2.6). */
export const LENGTH_MAX = 1500;

export const ETHERTYPE_IPV4 = 0x0800;
export const ETHERTYPE_ARP = 0x0806;
export const ETHERTYPE_TEB = 0x6558; // transparent Ethernet bridging: NVGRE, Geneve
export const ETHERTYPE_RARP = 0x8035;
export const ETHERTYPE_VLAN = 0x8100; // IEEE 802.1Q C-tag
export const ETHERTYPE_IPX = 0x8137;
export const ETHERTYPE_IPV6 = 0x86dd;
export const ETHERTYPE_SLOW = 0x8809; // LACP and its kin
export const ETHERTYPE_MPLS = 0x8847;
export const ETHERTYPE_MPLS_MULTICAST = 0x8848;
export const ETHERTYPE_PPPOE_DISCOVERY = 0x8863;
export const ETHERTYPE_PPPOE_SESSION = 0x8864;
export const ETHERTYPE_EAPOL = 0x888e;
export const ETHERTYPE_QINQ = 0x88a8; // IEEE 802.1ad S-tag
export const ETHERTYPE_LLDP = 0x88cc;
export const ETHERTYPE_LOOPBACK = 0x9000;
export const ETHERTYPE_QINQ_OLD = 0x9100; // before 802.1ad

export const SAP_NULL = 0x00;
export const SAP_STP = 0x42;
export const SAP_SNAP = 0xaa;
export const SAP_IPX = 0xe0;
export const SAP_ISO = 0xfe;
/** Control field of unnumbered information, the one that SNAP and spanning tree use. */
export const LLC_UI = 0x03;

/** Whether a type field is the length of an 802.3 frame. 1501 to 1535 mean nothing and count as types. */
export const isLength = (type: number): boolean => type <= LENGTH_MAX; // IEEE 802.3 §3.2.6

/** Destination, 48 bits. */
export const dst = (b: Uint8Array, o: number): number => u48(b, o);
/** Source, 48 bits. */
export const src = (b: Uint8Array, o: number): number => u48(b, o + 6);
/** The type field, a length where `isLength` says so. */
export const etherType = (b: Uint8Array, o: number): number => u16(b, o + 12);
/** Whether the destination is a group: multicast or broadcast. */
export const isGroup = (b: Uint8Array, o: number): boolean => (u8(b, o) & 1) === 1;
export const isBroadcast = (b: Uint8Array, o: number): boolean => u24(b, o) === 0xffffff && u24(b, o + 3) === 0xffffff;
export const setDst = (b: Uint8Array, o: number, mac: number): void => setU48(b, o, mac);
export const setSrc = (b: Uint8Array, o: number, mac: number): void => setU48(b, o + 6, mac);
export const setEtherType = (b: Uint8Array, o: number, type: number): void => setU16(b, o + 12, type);

/** Writes the 14 octets of a header at `o`. */
export function writeHeader(b: Uint8Array, o: number, dst: number, src: number, type: number): void {
  setU48(b, o, dst);
  setU48(b, o + 6, src);
  setU16(b, o + 12, type);
}

/** Reads the 14 octets at `o`; bad only when [o, end) is shorter. An 802.3 length is not compared with the data. */
export function decode(b: Uint8Array, o: number, end: number): Decoded<EthernetHeader | Ieee8023Header> {
  if (end - o < HEADER) return bad("short", end);
  const type = etherType(b, o);
  return isLength(type)
    ? good({ kind: "ieee8023", dst: dst(b, o), src: src(b, o), length: type })
    : good({ kind: "ethernet2", dst: dst(b, o), src: src(b, o), type });
}

export const encodedLength = (_header: EthernetHeader | Ieee8023Header): number => HEADER;

/** Writes the 14 octets of `h` at `o`. */
export function encode(h: EthernetHeader | Ieee8023Header, b: Uint8Array, o: number): void {
  writeHeader(b, o, h.dst, h.src, h.kind === "ethernet2" ? h.type : h.length);
}

/** Sets the length of an 802.3 header at `o` to the octets of [o + 14, end); an Ethernet II type stays. */
export function seal(b: Uint8Array, o: number, end: number): void {
  if (isLength(etherType(b, o))) setU16(b, o + 12, end - o - HEADER);
}

/** Reads the LLC header at `o`, which follows an 802.3 length, SNAP included. Bad when it is cut short. */
export function decodeLlc(b: Uint8Array, o: number, end: number): Decoded<LlcHeader> {
  if (end - o < 3) return bad("short", end);
  const [dsap, ssap, first] = [u8(b, o), u8(b, o + 1), u8(b, o + 2)];
  const width = controlWidth(first);
  if (end - o < 2 + width) return bad("short", end);
  const control = width === 1 ? first : first | (u8(b, o + 3) << 8);
  if (dsap !== SAP_SNAP || ssap !== SAP_SNAP) return good({ dsap, ssap, control });
  const at = o + 2 + width;
  if (end - at < 5) return bad("short", end);
  return good({ dsap, ssap, control, snap: { oui: u24(b, at), pid: u16(b, at + 3) } }); // RFC 1042
}

/** Octets of an LLC header: 3 or 4, and 5 more for SNAP. */
export const encodedLlcLength = (h: LlcHeader): number => 2 + controlWidth(h.control & 0xff) + (h.snap ? 5 : 0);

/** Writes an LLC header at `o`; the caller reserved `encodedLlcLength(h)` octets. */
export function encodeLlc(h: LlcHeader, b: Uint8Array, o: number): void {
  const at = o + 2 + controlWidth(h.control & 0xff);
  b[o] = h.dsap;
  b[o + 1] = h.ssap;
  b[o + 2] = h.control;
  if (at === o + 4) b[o + 3] = h.control >> 8;
  if (!h.snap) return;
  setU24(b, at, h.snap.oui);
  setU16(b, at + 3, h.snap.pid);
}

/** Octets of the control field: 1 in U format (low bits 11), 2 in I and S format (IEEE 802.2 §5.2). */
const controlWidth = (first: number): number => ((first & 3) === 3 ? 1 : 2);
