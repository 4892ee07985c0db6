import { setU16, u16 } from "../../core/bytes.ts";
import { complement16, fold16, pseudoHeader, sum16, updateChecksum } from "../../core/checksum.ts";
import { bad, type Decoded, good } from "../../core/result.ts";
import { type ChecksumStatus, IPPROTO_UDP, updateChecksum32 } from "../ipv4/wire.ts";

/** UDP headers (RFC 768). */
export interface UdpHeader {
  readonly sport: number;
  readonly dport: number;
  /** Octets of header and data, 8 at least. */
  readonly length: number;
  /** As received; 0: the sender computed none. */
  readonly checksum: number;
}

/** Octets of a header. */
export const HEADER = 8;
export const LENGTH_MAX = 65535;

export const sport = (b: Uint8Array, o: number): number => u16(b, o);
export const dport = (b: Uint8Array, o: number): number => u16(b, o + 2);
/** Octets of header and data. */
export const length = (b: Uint8Array, o: number): number => u16(b, o + 4);
export const checksum = (b: Uint8Array, o: number): number => u16(b, o + 6);
export const setSport = (b: Uint8Array, o: number, port: number): void => setU16(b, o, port);
export const setDport = (b: Uint8Array, o: number, port: number): void => setU16(b, o + 2, port);
export const setLength = (b: Uint8Array, o: number, bytes: number): void => setU16(b, o + 4, bytes);
export const setChecksum = (b: Uint8Array, o: number, checksum: number): void => setU16(b, o + 6, checksum);

/** Writes a header at `o` without a checksum (0), which `seal` adds. `length`: octets of header and data. */
export function writeHeader(b: Uint8Array, o: number, sport: number, dport: number, length: number): void {
  setU16(b, o, sport);
  setU16(b, o + 2, dport);
  setU16(b, o + 4, length);
  setU16(b, o + 6, 0);
}

/** Sets length and checksum of the datagram [o, end) between two IPv4 addresses. */
export const seal = (b: Uint8Array, o: number, end: number, src: number, dst: number): void =>
  sealSum(b, o, end, src, dst, sum16(b, o + HEADER, end));

/** As `seal`, for a caller who knows the sum of the data [o + 8, end), folded or not. */
export function sealSum(b: Uint8Array, o: number, end: number, src: number, dst: number, dataSum: number): void {
  setU16(b, o + 4, end - o);
  const sum = u16(b, o) + u16(b, o + 2) + (end - o) + dataSum + pseudoHeader(src, dst, IPPROTO_UDP, end - o);
  setU16(b, o + 6, complement16(sum) || 0xffff); // RFC 768: 0 would mean that there is none
}

/** Updates the checksum after a 16-bit word that it covers changed, a port say; one that is not present stays away. */
export const adjustChecksum16 = (b: Uint8Array, o: number, before: number, after: number): void =>
  adjusted(b, o, updateChecksum(u16(b, o + 6), before, after));

/** Likewise after 32 bits changed, such as an address (`net/core/utils.c:inet_proto_csum_replace4`). */
export const adjustChecksum32 = (b: Uint8Array, o: number, before: number, after: number): void =>
  adjusted(b, o, updateChecksum32(u16(b, o + 6), before, after));

/**
 * Whether the checksum of the datagram at `o` is right between the addresses; for a source route, `dst` is where it ends.
 * `unverified`: `fragment` says that this is a part only, or [o, end) holds less than the length says.
 */
export function verify(
  b: Uint8Array,
  o: number,
  end: number,
  src: number,
  dst: number,
  fragment = false,
): ChecksumStatus {
  if (end - o < HEADER) return "unverified";
  if (checksum(b, o) === 0) return "not_present";
  const bytes = length(b, o);
  if (fragment || bytes < HEADER || bytes > end - o) return "unverified";
  return fold16(sum16(b, o, o + bytes) + pseudoHeader(src, dst, IPPROTO_UDP, bytes)) === 0xffff ? "good" : "bad";
}

/**
 * Reads the header at `o`. Bad when it is cut, when the length is below 8, or beyond the datagram that carried it, whose
 * data ended at `wireEnd`: `end`, unless a capture cut the frame. Octets beyond the length are no part of it.
 */
export function decode(b: Uint8Array, o: number, end: number, wireEnd = end): Decoded<UdpHeader> {
  if (end - o < HEADER) return bad("short", end);
  const bytes = length(b, o);
  if (bytes < HEADER || bytes > wireEnd - o) return bad("length", o + 4); // net/ipv4/udp.c:__udp4_lib_rcv
  return good({ sport: sport(b, o), dport: dport(b, o), length: bytes, checksum: checksum(b, o) });
}

export const encodedLength = (_header: UdpHeader): number => HEADER;

/** Writes the 8 octets of `h` at `o`, length and checksum as the value has them. */
export function encode(h: UdpHeader, b: Uint8Array, o: number): void {
  writeHeader(b, o, h.sport, h.dport, h.length);
  setU16(b, o + 6, h.checksum);
}

function adjusted(b: Uint8Array, o: number, checksum: number): void {
  if (u16(b, o + 6) !== 0) setU16(b, o + 6, checksum || 0xffff);
}
