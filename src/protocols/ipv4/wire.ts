import { i32, setU8, setU16, setU32, u8, u16, u32 } from "../../core/bytes.ts";
import { complement16, fold16, sum16, updateChecksum } from "../../core/checksum.ts";
import { bad, type Decoded, good } from "../../core/result.ts";
import { optionLength } from "./option-area.ts";
import {
  IPOPT_COPIED,
  IPOPT_EOL,
  IPOPT_LSRR,
  IPOPT_NOP,
  IPOPT_SSRR,
  type Ipv4Option,
  parseOptions,
} from "./option-values.ts";

/** IPv4 headers (RFC 791), with what is done to options in place; DSCP and ECN (RFC 2474, RFC 3168). */

/** A header with every bit as received. `optionsRaw` is what gets encoded; `options` is a reading of it. */
export interface Ipv4Header {
  readonly tos: number;
  /** Octets of header and data. */
  readonly totalLength: number;
  readonly id: number;
  /** 3 bits: 4 reserved, 2 don't fragment, 1 more fragments. */
  readonly flags: number;
  /** Octets, a multiple of 8. */
  readonly fragmentOffset: number;
  readonly ttl: number;
  readonly protocol: number;
  /** As received, right or wrong. */
  readonly checksum: number;
  readonly src: number;
  readonly dst: number;
  /** The whole option area: 0 to 40 octets, a multiple of 4. */
  readonly optionsRaw: Uint8Array;
  /** The options up to the end of the list, or to the first that cannot be read. */
  readonly options: readonly Ipv4Option[];
  /** Where in `optionsRaw` the option stands that cannot be read; -1 when all can. */
  readonly optionsFault: number;
}

/** The verdict of a `verify`: `unverified` when not all bytes are at hand, `not_present` when the sender left it out. */
export type ChecksumStatus = "good" | "bad" | "unverified" | "not_present";

/** Octets of a header without options; the shortest and the longest. */
export const HEADER = 20;
export const HEADER_MAX = 60;
export const OPTIONS_MAX = 40;
/** Every link must carry datagrams of this many octets (RFC 791 §3.2). */
export const MTU_MIN = 68;
export const LENGTH_MAX = 65535;

export const IPPROTO_ICMP = 1;
export const IPPROTO_IGMP = 2;
export const IPPROTO_IPIP = 4;
export const IPPROTO_TCP = 6;
export const IPPROTO_UDP = 17;
export const IPPROTO_DCCP = 33;
export const IPPROTO_IPV6 = 41;
export const IPPROTO_RSVP = 46;
export const IPPROTO_GRE = 47;
export const IPPROTO_ESP = 50;
export const IPPROTO_AH = 51;
export const IPPROTO_ICMPV6 = 58;
export const IPPROTO_EIGRP = 88;
export const IPPROTO_OSPF = 89;
export const IPPROTO_PIM = 103;
export const IPPROTO_VRRP = 112;
export const IPPROTO_CARP = 112;
export const IPPROTO_L2TP = 115;
export const IPPROTO_SCTP = 132;
export const IPPROTO_UDPLITE = 136;
export const IPPROTO_MPLS = 137;
export const IPPROTO_PFSYNC = 240;
export const IPPROTO_RAW = 255;

/** Bits of the 16-bit word of flags and offset. */
export const IP_RF = 0x8000;
export const IP_DF = 0x4000;
export const IP_MF = 0x2000;
export const IP_OFFMASK = 0x1fff;

/** ECN codepoints, the low two bits of the TOS octet (RFC 3168 §5). */
export const ECN_NOT_ECT = 0;
export const ECN_ECT_1 = 1;
export const ECN_ECT_0 = 2;
export const ECN_CE = 3;

/** What `validHeader` finds, in the order of `net/ipv4/ip_input.c:ip_rcv_core`. */
export const HEADER_OK = 0;
export const HEADER_SHORT = 1;
export const HEADER_VERSION = 2;
export const HEADER_IHL = 3;
export const HEADER_CHECKSUM = 4;
/** The datagram is longer than the frame. */
export const HEADER_TRUNCATED = 5;
/** The datagram is shorter than its header. */
export const HEADER_TOTAL_LENGTH = 6;

export const version = (b: Uint8Array, o: number): number => u8(b, o) >> 4;
/** Octets of the header, options included. */
export const headerLength = (b: Uint8Array, o: number): number => (u8(b, o) & 15) << 2;
export const tos = (b: Uint8Array, o: number): number => u8(b, o + 1);
export const dscp = (b: Uint8Array, o: number): number => u8(b, o + 1) >> 2;
export const ecn = (b: Uint8Array, o: number): number => u8(b, o + 1) & 3;
export const totalLength = (b: Uint8Array, o: number): number => u16(b, o + 2);
export const id = (b: Uint8Array, o: number): number => u16(b, o + 4);
export const flagsAndOffset = (b: Uint8Array, o: number): number => u16(b, o + 6);
export const dontFragment = (b: Uint8Array, o: number): boolean => (u8(b, o + 6) & 0x40) !== 0;
export const moreFragments = (b: Uint8Array, o: number): boolean => (u8(b, o + 6) & 0x20) !== 0;
/** Octets. */
export const fragmentOffset = (b: Uint8Array, o: number): number => (u16(b, o + 6) & IP_OFFMASK) << 3;
/** Whether it is a fragment, the first included. */
export const isFragment = (b: Uint8Array, o: number): boolean => (u16(b, o + 6) & (IP_MF | IP_OFFMASK)) !== 0;
export const ttl = (b: Uint8Array, o: number): number => u8(b, o + 8);
export const protocol = (b: Uint8Array, o: number): number => u8(b, o + 9);
export const checksum = (b: Uint8Array, o: number): number => u16(b, o + 10);
export const src = (b: Uint8Array, o: number): number => u32(b, o + 12);
export const dst = (b: Uint8Array, o: number): number => u32(b, o + 16);
/** Signed, for comparing in the data path. */
export const srcI32 = (b: Uint8Array, o: number): number => i32(b, o + 12);
export const dstI32 = (b: Uint8Array, o: number): number => i32(b, o + 16);
/** Where the datagram's data ends within [o, end). Length 0 stands in captures of offloaded segments: all data is its. */
export const dataEnd = (b: Uint8Array, o: number, end: number): number =>
  totalLength(b, o) === 0 ? end : Math.min(end, o + totalLength(b, o));

// The setters leave the checksum alone: `seal` afterwards, or use the functions below that keep it right.
/** `bytes`: octets of the header, a multiple of 4. */
export const setHeaderLength = (b: Uint8Array, o: number, bytes: number): void => setU8(b, o, 0x40 | (bytes >> 2));
export const setTos = (b: Uint8Array, o: number, tos: number): void => setU8(b, o + 1, tos);
export const setTotalLength = (b: Uint8Array, o: number, bytes: number): void => setU16(b, o + 2, bytes);
export const setId = (b: Uint8Array, o: number, id: number): void => setU16(b, o + 4, id);
export const setFlagsAndOffset = (b: Uint8Array, o: number, word: number): void => setU16(b, o + 6, word);
export const setTtl = (b: Uint8Array, o: number, ttl: number): void => setU8(b, o + 8, ttl);
export const setProtocol = (b: Uint8Array, o: number, protocol: number): void => setU8(b, o + 9, protocol);
export const setChecksum = (b: Uint8Array, o: number, checksum: number): void => setU16(b, o + 10, checksum);
export const setSrc = (b: Uint8Array, o: number, address: number): void => setU32(b, o + 12, address);
export const setDst = (b: Uint8Array, o: number, address: number): void => setU32(b, o + 16, address);

/** One hop: takes 1 off the TTL and updates the checksum (RFC 1624). Returns the new TTL; the caller saw it was not 0. */
export function decrementTtl(b: Uint8Array, o: number): number {
  const before = u16(b, o + 8);
  setU16(b, o + 10, updateChecksum(u16(b, o + 10), before, before - 0x100));
  return (b[o + 8] = (before >> 8) - 1);
}

/** Sets the TOS octet and updates the checksum (`include/net/dsfield.h:ipv4_change_dsfield`). */
export function changeTos(b: Uint8Array, o: number, tos: number): void {
  const before = u16(b, o);
  setU8(b, o + 1, tos);
  setU16(b, o + 10, updateChecksum(u16(b, o + 10), before, u16(b, o)));
}

/** Sets the TTL and updates the checksum. */
export function changeTtl(b: Uint8Array, o: number, ttl: number): void {
  const before = u16(b, o + 8);
  setU8(b, o + 8, ttl);
  setU16(b, o + 10, updateChecksum(u16(b, o + 10), before, u16(b, o + 8)));
}

/** Sets the source and updates the header checksum, as translation does; the transport's is the caller's. */
export const changeSrc = (b: Uint8Array, o: number, address: number): void => changeAddress(b, o, o + 12, address);
/** Likewise the destination. */
export const changeDst = (b: Uint8Array, o: number, address: number): void => changeAddress(b, o, o + 16, address);

/** The checksum after a 32-bit word, such as an address of the pseudo-header, changed (RFC 1624). Signed or unsigned. */
export const updateChecksum32 = (checksum: number, before: number, after: number): number =>
  updateChecksum(updateChecksum(checksum, before >>> 16, after >>> 16), before & 0xffff, after & 0xffff);

/** Writes a header of 20 octets at `o`, its checksum right. `length`: octets of header and data. */
export function writeHeader(
  b: Uint8Array,
  o: number,
  tos: number,
  length: number,
  id: number,
  flagsAndOffset: number,
  ttl: number,
  protocol: number,
  src: number,
  dst: number,
): void {
  const word = (ttl << 8) | protocol;
  const sum = 0x4500 + tos + length + id + flagsAndOffset + word;
  setU16(b, o, 0x4500 | tos);
  setU16(b, o + 2, length);
  setU16(b, o + 4, id);
  setU16(b, o + 6, flagsAndOffset);
  setU16(b, o + 8, word);
  setU16(b, o + 10, complement16(sum + (src >>> 16) + (src & 0xffff) + (dst >>> 16) + (dst & 0xffff)));
  setU32(b, o + 12, src);
  setU32(b, o + 16, dst);
}

/** Computes the header checksum in place; with `end` the total length first, so that the datagram is [o, end). */
export function seal(b: Uint8Array, o: number, end = -1): void {
  if (end >= 0) setU16(b, o + 2, end - o);
  setU16(b, o + 10, 0);
  setU16(b, o + 10, complement16(sum16(b, o, o + headerLength(b, o))));
}

/** 0 when a host would take the header at `o`, else a `HEADER_*` reason. */
export function validHeader(b: Uint8Array, o: number, end: number): number {
  if (end - o < HEADER) return HEADER_SHORT;
  const first = u8(b, o);
  if (first >> 4 !== 4) return HEADER_VERSION;
  const header = (first & 15) << 2;
  if (header < HEADER || header > end - o) return HEADER_IHL;
  if (fold16(sum16(b, o, o + header)) !== 0xffff) return HEADER_CHECKSUM;
  const length = u16(b, o + 2);
  if (length > end - o) return HEADER_TRUNCATED;
  return length < header ? HEADER_TOTAL_LENGTH : HEADER_OK;
}

/** `validHeader` through a view of the same bytes, for the data path: a header without options is read as five words. */
export function validHeaderIn(view: DataView, b: Uint8Array, o: number, end: number): number {
  if (end - o < HEADER) return HEADER_SHORT;
  const w0 = view.getInt32(o);
  if (w0 >>> 24 !== 0x45) return validHeader(b, o, end);
  const w1 = view.getInt32(o + 4);
  const w2 = view.getInt32(o + 8);
  const w3 = view.getInt32(o + 12);
  const w4 = view.getInt32(o + 16);
  const high = (w0 >>> 16) + (w1 >>> 16) + (w2 >>> 16) + (w3 >>> 16) + (w4 >>> 16);
  const sum = high + (w0 & 0xffff) + (w1 & 0xffff) + (w2 & 0xffff) + (w3 & 0xffff) + (w4 & 0xffff);
  if ((sum & 0xffff) + (sum >>> 16) !== 0xffff) return HEADER_CHECKSUM; // ten words: one fold is enough for all ones
  const length = w0 & 0xffff;
  if (length > end - o) return HEADER_TRUNCATED;
  return length < HEADER ? HEADER_TOTAL_LENGTH : HEADER_OK;
}

/** Whether the header checksum is right; `unverified` when [o, end) cuts the header. */
export function verify(b: Uint8Array, o: number, end: number): ChecksumStatus {
  if (end - o < HEADER || headerLength(b, o) < HEADER || headerLength(b, o) > end - o) return "unverified";
  return fold16(sum16(b, o, o + headerLength(b, o))) === 0xffff ? "good" : "bad";
}

/**
 * Reads the header at `o`. The data may be cut short; bad are another version, a header that is cut, and a total length
 * that cannot hold it. A total length of 0 is taken, since captures of offloaded segments have it.
 */
export function decode(b: Uint8Array, o: number, end: number): Decoded<Ipv4Header> {
  if (end - o < HEADER) return bad("short", end);
  if (version(b, o) !== 4) return bad("version", o);
  const header = headerLength(b, o);
  if (header < HEADER) return bad("header length", o);
  if (header > end - o) return bad("short", end);
  if (totalLength(b, o) < header && totalLength(b, o) !== 0) return bad("length", o + 2);
  const optionsRaw = b.slice(o + HEADER, o + header);
  return good({
    tos: tos(b, o),
    totalLength: totalLength(b, o),
    id: id(b, o),
    flags: flagsAndOffset(b, o) >> 13,
    fragmentOffset: fragmentOffset(b, o),
    ttl: ttl(b, o),
    protocol: protocol(b, o),
    checksum: checksum(b, o),
    src: src(b, o),
    dst: dst(b, o),
    optionsRaw,
    ...parseOptions(optionsRaw),
  });
}

/** Octets of the header: 20 to 60. */
export const encodedLength = (h: Ipv4Header): number => HEADER + h.optionsRaw.length;

/** Writes the header at `o`, checksum as the value has it; the caller reserved `encodedLength(h)` octets. */
export function encode(h: Ipv4Header, b: Uint8Array, o: number): void {
  const word = (h.flags << 13) | (h.fragmentOffset >> 3);
  writeHeader(b, o, h.tos, h.totalLength, h.id, word, h.ttl, h.protocol, h.src, h.dst);
  setHeaderLength(b, o, HEADER + h.optionsRaw.length);
  setU16(b, o + 10, h.checksum);
  b.set(h.optionsRaw, o + HEADER);
}

/**
 * Overwrites with no-operations the options that only the first fragment carries; the header keeps its length. The
 * checksum is the caller's (`net/ipv4/ip_options.c:ip_options_fragment`).
 */
export function blankUncopiedOptions(b: Uint8Array, o: number): void {
  const end = o + headerLength(b, o);
  for (let at = o + HEADER; at < end && u8(b, at) !== IPOPT_EOL; ) {
    const length = u8(b, at) === IPOPT_NOP ? 1 : optionLength(b, at, end);
    if (length === 0) return;
    if ((u8(b, at) & IPOPT_COPIED) === 0) b.fill(IPOPT_NOP, at, at + length);
    at += length;
  }
}

/** The offset of the first option of a type in the header at `o`; -1 when there is none before a fault or the end. */
export function findOption(b: Uint8Array, o: number, type: number): number {
  const end = o + headerLength(b, o);
  for (let at = o + HEADER; at < end; ) {
    const kind = u8(b, at);
    const length = kind === IPOPT_NOP || kind === IPOPT_EOL ? 1 : optionLength(b, at, end);
    if (length === 0) return -1;
    if (kind === type) return at;
    if (kind === IPOPT_EOL) return -1;
    at += length;
  }
  return -1;
}

/** Where a datagram with a source route still to go will end up, which transports put in their checksum; else `dst`. */
export function finalDst(b: Uint8Array, o: number): number {
  if (headerLength(b, o) === HEADER) return dst(b, o);
  const loose = findOption(b, o, IPOPT_LSRR);
  const at = loose >= 0 ? loose : findOption(b, o, IPOPT_SSRR);
  const length = at < 0 ? 0 : optionLength(b, at, o + headerLength(b, o));
  if (length < 7 || u8(b, at + 2) < 4 || u8(b, at + 2) + 3 > length) return dst(b, o); // RFC 791 §3.1: route exhausted
  return u32(b, at + length - 4);
}

function changeAddress(b: Uint8Array, o: number, at: number, address: number): void {
  setU16(b, o + 10, updateChecksum32(u16(b, o + 10), i32(b, at), address));
  setU32(b, at, address);
}
