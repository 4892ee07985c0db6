import { setU16, setU32, u8, u16, u32 } from "../../core/bytes.ts";
import { complement16, fold16, sum16 } from "../../core/checksum.ts";
import { bad, type Decoded, good } from "../../core/result.ts";

/** GRE (RFC 2784, RFC 2890; RFC 1701's routing), its version 1 for PPTP (RFC 2637), NVGRE's key (RFC 7637). */

/** The IP protocol number. */
export const IP_PROTOCOL = 47;

/** C: checksum and offset fields are present (RFC 2784 §2.1). */
export const FLAG_CHECKSUM = 0x8000;
/** R: source routes are present, and the checksum and offset fields with them (RFC 1701). */
export const FLAG_ROUTING = 0x4000;
/** K: the key field is present (RFC 2890 §2.1). */
export const FLAG_KEY = 0x2000;
/** S: the sequence number field is present (RFC 2890 §2.2). */
export const FLAG_SEQUENCE = 0x1000;
/** s: strict source route (RFC 1701). */
export const FLAG_STRICT_ROUTE = 0x0800;
/** A: the acknowledgment field is present; version 1 only (RFC 2637 §4.1). */
export const FLAG_ACK = 0x0080;
/** The three bits of the version. */
export const VERSION_MASK = 0x0007;

/** Protocol types: the Ethertype of what is carried. */
export const TYPE_IPV4 = 0x0800;
/** Transparent Ethernet bridging: a whole Ethernet frame (RFC 1701, RFC 7637 §3.2). */
export const TYPE_TEB = 0x6558;
/** PPP, in version 1 (RFC 2637 §4.1). */
export const TYPE_PPP = 0x880b;
/** Web cache redirection: version 1 carries IPv4 at once, version 2 puts 4 octets of its own before it. */
export const TYPE_WCCP = 0x883e;

/** A GRE header, every bit of it. The flags tell which of the optional fields are there. */
export interface GreHeader {
  /** The first 16 bits: `FLAG_…`, recursion control, reserved bits and version. */
  readonly flags: number;
  /** Protocol type of the payload: an Ethertype, `TYPE_…`. */
  readonly protocol: number;
  /** As received, with C or R. */
  readonly checksum?: number;
  /** With C or R: RFC 1701's offset of the active route, reserved since RFC 2784. */
  readonly offset?: number;
  /** With K, 32 bits. Version 1: payload length and call id; NVGRE: VSID and FlowID. */
  readonly key?: number;
  /** With S, 32 bits. */
  readonly sequence?: number;
  /** With A in version 1: the highest sequence number received. */
  readonly ack?: number;
  /** With R: the source route entries, raw, the closing empty one included. */
  readonly routing?: Uint8Array;
  /** WCCP version 2's redirect header, 32 bits, between a flagless GRE header and IPv4. */
  readonly redirect?: number;
}

/** Reads the header at `o`; the payload follows it. A wrong checksum is not bad here, see `verifyChecksum`. */
export function decode(b: Uint8Array, o: number, end: number): Decoded<GreHeader> {
  if (end - o < 4) return bad("short", end);
  const flags = u16(b, o);
  if ((flags & VERSION_MASK) > 1) return bad("version", o + 1);
  let at = o + headerLength(b, o);
  if (at > end) return bad("short", end);
  const value: Writable<GreHeader> = { flags, protocol: protocolType(b, o) };
  if (flags & (FLAG_CHECKSUM | FLAG_ROUTING)) {
    value.checksum = u16(b, o + 4);
    value.offset = u16(b, o + 6);
  }
  if (flags & FLAG_KEY) value.key = key(b, o);
  if (flags & FLAG_SEQUENCE) value.sequence = sequence(b, o);
  if (hasAck(flags)) value.ack = u32(b, at - 4);
  if (flags & FLAG_ROUTING) {
    const routes = routesEnd(b, at, end);
    if (routes < 0) return bad("routing", ~routes);
    value.routing = b.slice(at, routes);
    at = routes;
  }
  if (hasRedirect(b, o, at, end)) {
    if (at + 4 > end) return bad("short", end);
    value.redirect = u32(b, at);
  }
  return good(value);
}

export const encodedLength = (v: GreHeader): number =>
  fieldsLength(v.flags) + (v.routing?.length ?? 0) + (v.redirect === undefined ? 0 : 4);

/** Writes `v` at `o` with the checksum it holds (`seal` computes one); a field that the flags announce and `v` lacks is zero. */
export function encode(v: GreHeader, b: Uint8Array, o: number): void {
  setU16(b, o, v.flags);
  setU16(b, o + 2, v.protocol);
  let at = o + 4;
  const put = (flag: number, field = 0): void => {
    if (flag === 0) return;
    setU32(b, at, field);
    at += 4;
  };
  put(v.flags & (FLAG_CHECKSUM | FLAG_ROUTING), (v.checksum ?? 0) * 0x10000 + (v.offset ?? 0));
  put(v.flags & FLAG_KEY, v.key);
  put(v.flags & FLAG_SEQUENCE, v.sequence);
  put(hasAck(v.flags) ? 1 : 0, v.ack);
  if (v.routing) b.set(v.routing, at);
  if (v.redirect !== undefined) setU32(b, at + (v.routing?.length ?? 0), v.redirect);
}

/** Computes the checksum over header and payload, [o, end), where C is set (RFC 2784 §2.3). */
export function seal(b: Uint8Array, o: number, end: number): void {
  if ((flags(b, o) & FLAG_CHECKSUM) === 0) return;
  setU16(b, o + 4, 0);
  setU16(b, o + 4, complement16(sum16(b, o, end)));
}

/** Whether the checksum over [o, end), header and payload, is right; true where C is not set. */
export const verifyChecksum = (b: Uint8Array, o: number, end: number): boolean =>
  (flags(b, o) & FLAG_CHECKSUM) === 0 || fold16(sum16(b, o, end)) === 0xffff;

/** The first 16 bits. */
export const flags = (b: Uint8Array, o: number): number => u16(b, o);
export const version = (b: Uint8Array, o: number): number => u8(b, o + 1) & VERSION_MASK;
/** The Ethertype of the payload. */
export const protocolType = (b: Uint8Array, o: number): number => u16(b, o + 2);
/** The length in octets of the header with its optional fields; source routes and a WCCP redirect header come after it. */
export const headerLength = (b: Uint8Array, o: number): number => fieldsLength(flags(b, o));
/** The key; the caller saw K. */
export const key = (b: Uint8Array, o: number): number => u32(b, o + (flags(b, o) & SUMMED ? 8 : 4));
/** The sequence number; the caller saw S. */
export const sequence = (b: Uint8Array, o: number): number =>
  u32(b, o + 4 + (flags(b, o) & SUMMED ? 4 : 0) + (flags(b, o) & FLAG_KEY ? 4 : 0));

/**
 * The offset at which the payload of a version 0 header without source routes begins, as Linux finds it, a WCCP redirect
 * header stepped over (`net/ipv4/gre_demux.c:gre_parse_header`); -1 where Linux drops the packet: another version, source
 * routes, or cut short. The checksum is left to `verifyChecksum`.
 */
export function payloadOffset(b: Uint8Array, o: number, end: number): number {
  if (end - o < 4 || flags(b, o) & (FLAG_ROUTING | VERSION_MASK)) return -1;
  const at = o + headerLength(b, o) + (hasRedirect(b, o, o + 4, end) ? 4 : 0);
  return at <= end ? at : -1;
}

/** Octets of a header with these flags, for `writeHeader`. */
export const fieldsLength = (flags: number): number =>
  4 + (flags & SUMMED ? 4 : 0) + (flags & FLAG_KEY ? 4 : 0) + (flags & FLAG_SEQUENCE ? 4 : 0) + (hasAck(flags) ? 4 : 0);

/** Writes a version 0 header of `fieldsLength(flags)` octets; with C the checksum is zero until `seal`. */
export function writeHeader(b: Uint8Array, o: number, flags: number, protocol: number, key = 0, sequence = 0): void {
  setU16(b, o, flags);
  setU16(b, o + 2, protocol);
  let at = o + 4;
  if (flags & SUMMED) {
    setU32(b, at, 0);
    at += 4;
  }
  if (flags & FLAG_KEY) {
    setU32(b, at, key);
    at += 4;
  }
  if (flags & FLAG_SEQUENCE) setU32(b, at, sequence);
}

/** NVGRE's virtual subnet id: the upper 24 bits of the key (RFC 7637 §3.2). */
export const vsid = (key: number): number => key >>> 8;
/** NVGRE's flow id: the lower 8 bits of the key. */
export const flowId = (key: number): number => key & 0xff;
/** The key of an NVGRE packet. */
export const nvgreKey = (vsid: number, flowId: number): number => vsid * 0x100 + flowId;

/** Version 1: octets of payload, without the header (RFC 2637 §4.1). */
export const payloadLength = (key: number): number => key >>> 16;
/** Version 1: the peer's call id. */
export const callId = (key: number): number => key & 0xffff;

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** Either of these brings checksum and offset (RFC 1701). */
const SUMMED = FLAG_CHECKSUM | FLAG_ROUTING;

const hasAck = (flags: number): boolean => (flags & (VERSION_MASK | FLAG_ACK)) === (1 | FLAG_ACK);

/** WCCP version 2 shows in the first nibble after a flagless header: not IPv4's 4 (`net/ipv4/gre_demux.c:gre_parse_header`). */
const hasRedirect = (b: Uint8Array, o: number, at: number, end: number): boolean =>
  at < end && flags(b, o) === 0 && protocolType(b, o) === TYPE_WCCP && u8(b, at) >> 4 !== 4;

/** The end of the source route entries that begin at `o`, the closing one (family and length zero) included; `~offset` when cut. */
function routesEnd(b: Uint8Array, o: number, end: number): number {
  for (let at = o; ; ) {
    if (at + 4 > end) return ~at;
    const length = u8(b, at + 3);
    const last = length === 0 && u16(b, at) === 0;
    if (at + 4 + length > end) return ~at;
    at += 4 + length;
    if (last) return at;
  }
}
