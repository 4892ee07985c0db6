import { i32, setU8, setU16, setU32, u8, u16, u32 } from "../../core/bytes.ts";
import { complement16, fold16, sum16, updateChecksum } from "../../core/checksum.ts";
import { bad, type Decoded, good } from "../../core/result.ts";
import * as extensions from "../icmp-extensions/wire.ts";
import type { ChecksumStatus } from "../ipv4/wire.ts";

/** ICMP messages (RFC 792, 950, 1191, 1256, 4884). */

/** A message with every bit as received: `rest` and `body` are what gets encoded; `content` is a reading of them. */
export interface IcmpMessage {
  readonly type: number;
  readonly code: number;
  /** As received, right or wrong. */
  readonly checksum: number;
  /** Octets 4 to 7, whatever the type makes of them. */
  readonly rest: number;
  /** All octets after the first 8, a copy. */
  readonly body: Uint8Array;
  readonly content: IcmpContent;
}

/** What the octets behind the checksum mean. `raw`: another type, or a message too short for its own. */
export type IcmpContent =
  | { readonly kind: "echo" | "information"; readonly id: number; readonly seq: number }
  | { readonly kind: "mask"; readonly id: number; readonly seq: number; readonly mask: number }
  | IcmpTimestamp
  | IcmpError
  | { readonly kind: "routerSolicitation" }
  | IcmpRouterAdvertisement
  | { readonly kind: "raw" };

/** Timestamp and its reply: milliseconds since midnight UT, the high bit set when they are not. */
export interface IcmpTimestamp {
  readonly kind: "timestamp";
  readonly id: number;
  readonly seq: number;
  readonly originate: number;
  readonly receive: number;
  readonly transmit: number;
}

/** An error message. Of `gateway`, `mtu`, `pointer` only the one that its type and code have is not 0. */
export interface IcmpError {
  readonly kind: "error";
  /** Redirect: the router to use instead. */
  readonly gateway: number;
  /** Fragmentation needed: octets the next hop takes (RFC 1191); 0 from routers of the time before. */
  readonly mtu: number;
  /** Parameter problem: the octet of the quoted header that is wrong. */
  readonly pointer: number;
  /** Where the quoted datagram ends in `body`; it begins at 0. */
  readonly quoteEnd: number;
  /** Where the extension structure begins in `body`; -1 when there is none. It reaches to the end. */
  readonly extensionsAt: number;
  readonly extensions?: extensions.IcmpExtensions;
}

export interface IcmpRouterAdvertisement {
  readonly kind: "routerAdvertisement";
  /** Seconds. */
  readonly lifetime: number;
  /** 32-bit words of each entry in the body, 2 or more; further ones than two are skipped. */
  readonly entrySize: number;
  /** `preference` is signed; 0x80000000 as a bit pattern: not a default router. */
  readonly entries: readonly { readonly address: number; readonly preference: number }[];
}

/** Octets of the header that all messages share, and of the whole of those that have a fixed length. */
export const HEADER = 8;
export const MASK_LENGTH = 12;
export const TIMESTAMP_LENGTH = 20;
/** A quoted datagram before extensions has at least so many octets (RFC 4884 §3). */
export const QUOTE_MIN = 128;
/** An error as long as this or shorter needs no fragmentation anywhere (RFC 1812 §4.3.2.3). */
export const ERROR_MAX = 576;

export const ICMP_ECHOREPLY = 0;
export const ICMP_DEST_UNREACH = 3;
export const ICMP_SOURCE_QUENCH = 4;
export const ICMP_REDIRECT = 5;
export const ICMP_ECHO = 8;
export const ICMP_ROUTER_ADVERTISEMENT = 9; // RFC 1256
export const ICMP_ROUTER_SOLICITATION = 10;
export const ICMP_TIME_EXCEEDED = 11;
export const ICMP_PARAMETERPROB = 12;
export const ICMP_TIMESTAMP = 13;
export const ICMP_TIMESTAMPREPLY = 14;
export const ICMP_INFO_REQUEST = 15;
export const ICMP_INFO_REPLY = 16;
export const ICMP_ADDRESS = 17; // RFC 950
export const ICMP_ADDRESSREPLY = 18;
export const ICMP_EXT_ECHO = 42; // RFC 8335
export const ICMP_EXT_ECHOREPLY = 43;

/** Codes of destination unreachable; names as in Linux. */
export const ICMP_NET_UNREACH = 0;
export const ICMP_HOST_UNREACH = 1;
export const ICMP_PROT_UNREACH = 2;
export const ICMP_PORT_UNREACH = 3;
export const ICMP_FRAG_NEEDED = 4;
export const ICMP_SR_FAILED = 5;
export const ICMP_NET_UNKNOWN = 6;
export const ICMP_HOST_UNKNOWN = 7;
export const ICMP_HOST_ISOLATED = 8;
export const ICMP_NET_ANO = 9;
export const ICMP_HOST_ANO = 10;
export const ICMP_NET_UNR_TOS = 11;
export const ICMP_HOST_UNR_TOS = 12;
export const ICMP_PKT_FILTERED = 13; // RFC 1812
export const ICMP_PREC_VIOLATION = 14;
export const ICMP_PREC_CUTOFF = 15;
/** Codes of redirect. */
export const ICMP_REDIR_NET = 0;
export const ICMP_REDIR_HOST = 1;
export const ICMP_REDIR_NETTOS = 2;
export const ICMP_REDIR_HOSTTOS = 3;
/** Codes of time exceeded. */
export const ICMP_EXC_TTL = 0;
export const ICMP_EXC_FRAGTIME = 1;
/** Codes of parameter problem. */
export const ICMP_PARAM_POINTER = 0;
export const ICMP_PARAM_MISSING = 1; // RFC 1108
export const ICMP_PARAM_LENGTH = 2;

export const type = (b: Uint8Array, o: number): number => u8(b, o);
export const code = (b: Uint8Array, o: number): number => u8(b, o + 1);
export const checksum = (b: Uint8Array, o: number): number => u16(b, o + 2);
export const rest = (b: Uint8Array, o: number): number => u32(b, o + 4);
/** Identifier of echo, timestamp, information and mask messages. */
export const id = (b: Uint8Array, o: number): number => u16(b, o + 4);
export const seq = (b: Uint8Array, o: number): number => u16(b, o + 6);
/** Next-hop MTU of fragmentation needed (RFC 1191 §4). */
export const mtu = (b: Uint8Array, o: number): number => u16(b, o + 6);
export const gateway = (b: Uint8Array, o: number): number => u32(b, o + 4);
export const pointer = (b: Uint8Array, o: number): number => u8(b, o + 4);
export const setChecksum = (b: Uint8Array, o: number, checksum: number): void => setU16(b, o + 2, checksum);
export const setRest = (b: Uint8Array, o: number, rest: number): void => setU32(b, o + 4, rest);
export const setId = (b: Uint8Array, o: number, id: number): void => setU16(b, o + 4, id);
export const setSeq = (b: Uint8Array, o: number, seq: number): void => setU16(b, o + 6, seq);
export const setMtu = (b: Uint8Array, o: number, bytes: number): void => setU16(b, o + 6, bytes);
export const setGateway = (b: Uint8Array, o: number, address: number): void => setU32(b, o + 4, address);
export const setPointer = (b: Uint8Array, o: number, octet: number): void => setU8(b, o + 4, octet);

/** Whether messages of a type quote a datagram: they answer no other error, and are never answered by one. */
export const isError = (type: number): boolean =>
  type === ICMP_DEST_UNREACH ||
  type === ICMP_SOURCE_QUENCH ||
  type === ICMP_REDIRECT ||
  type === ICMP_TIME_EXCEEDED ||
  type === ICMP_PARAMETERPROB; // RFC 1122 §3.2.2

/** Writes the first 8 octets at `o`, without a checksum, which `seal` computes. */
export function writeHeader(b: Uint8Array, o: number, type: number, code: number, rest: number): void {
  setU32(b, o, (type << 24) | (code << 16));
  setU32(b, o + 4, rest);
}

/** Computes the checksum of the message [o, end) in place. */
export const seal = (b: Uint8Array, o: number, end: number): void => sealSum(b, o, sum16(b, o + HEADER, end));

/** As `seal`, for a caller who knows the sum of what follows the first 8 octets. */
export const sealSum = (b: Uint8Array, o: number, bodySum: number): void =>
  setU16(b, o + 2, complement16(u16(b, o) + u16(b, o + 4) + u16(b, o + 6) + bodySum));

/** Updates the checksum after a 16-bit word that it covers changed, the identifier say. */
export const adjustChecksum16 = (b: Uint8Array, o: number, before: number, after: number): void =>
  setU16(b, o + 2, updateChecksum(u16(b, o + 2), before, after));

/** Whether the checksum of the message [o, end) is right; `unverified` when it goes on up to `wireEnd` (a fragment: Infinity). */
export function verify(b: Uint8Array, o: number, end: number, wireEnd = end): ChecksumStatus {
  if (end - o < 4 || wireEnd > end) return "unverified";
  return fold16(sum16(b, o, end)) === 0xffff ? "good" : "bad";
}

/** Where the datagram quoted by an error message at `o` ends; it begins at `o` + 8 and was cut by the sender as a rule. */
export function quoteEnd(b: Uint8Array, o: number, end: number): number {
  const at = extensionsAt(b, o, end);
  return at < 0 ? end : Math.min(at, end);
}

/** Reads the message [o, end), which holds its data too. Bad only when there are fewer than 8 octets. */
export function decode(b: Uint8Array, o: number, end: number): Decoded<IcmpMessage> {
  if (end - o < HEADER) return bad("short", end);
  const body = b.slice(o + HEADER, end);
  const content = readContent(b, o, end);
  return good({ type: type(b, o), code: code(b, o), checksum: checksum(b, o), rest: rest(b, o), body, content });
}

export const encodedLength = (m: IcmpMessage): number => HEADER + m.body.length;

/** Writes the whole message at `o`, checksum as the value has it. */
export function encode(m: IcmpMessage, b: Uint8Array, o: number): void {
  writeHeader(b, o, m.type, m.code, m.rest);
  setU16(b, o + 2, m.checksum);
  b.set(m.body, o + HEADER);
}

/** A message as a value, its checksum right. */
export function message(type: number, code: number, rest: number, body: Uint8Array): IcmpMessage {
  const b = new Uint8Array(HEADER + body.length);
  writeHeader(b, 0, type, code, rest);
  b.set(body, HEADER);
  seal(b, 0, b.length);
  return { type, code, checksum: checksum(b, 0), rest, body, content: readContent(b, 0, b.length) };
}

/** An error message whose quoted datagram is followed by extensions (RFC 4884 §5): both padded, the length field set. */
export function extendedError(
  type: number,
  code: number,
  rest: number,
  quote: Uint8Array,
  tail: extensions.IcmpExtensions,
): IcmpMessage {
  const quoted = Math.max(QUOTE_MIN, (quote.length + 3) & ~3);
  const body = new Uint8Array(quoted + extensions.encodedLength(tail));
  body.set(quote);
  extensions.encode(tail, body, quoted);
  return message(type, code, rest | ((quoted >> 2) << 16), body);
}

/** Where the extension structure of the message [o, end) begins; -1 when there is none. */
export function extensionsAt(b: Uint8Array, o: number, end: number): number {
  const kind = type(b, o);
  if (kind !== ICMP_DEST_UNREACH && kind !== ICMP_TIME_EXCEEDED && kind !== ICMP_PARAMETERPROB) return -1;
  const quoted = 4 * u8(b, o + 5); // RFC 4884 §4: a count of 32-bit words
  if (quoted === 0) return legacyExtensionsAt(b, o, end);
  const at = o + HEADER + quoted;
  return quoted >= QUOTE_MIN && at + extensions.HEADER <= end ? at : -1; // net/ipv4/icmp.c:ip_icmp_error_rfc4884
}

/** Senders before RFC 4884 gave no length: 128 octets, then a structure of version 2 with a checksum (§5.5). */
function legacyExtensionsAt(b: Uint8Array, o: number, end: number): number {
  const at = o + HEADER + QUOTE_MIN;
  if (at + extensions.HEADER > end || u8(b, at) >> 4 !== extensions.VERSION) return -1;
  return extensions.verify(b, at, end) === "good" ? at : -1;
}

/** Reads what follows the checksum of the message [o, end), of 8 octets at least. */
function readContent(b: Uint8Array, o: number, end: number): IcmpContent {
  switch (type(b, o)) {
    case ICMP_ECHO:
    case ICMP_ECHOREPLY:
      return { kind: "echo", id: id(b, o), seq: seq(b, o) };
    case ICMP_INFO_REQUEST:
    case ICMP_INFO_REPLY:
      return { kind: "information", id: id(b, o), seq: seq(b, o) };
    case ICMP_ADDRESS:
    case ICMP_ADDRESSREPLY:
      if (end - o < MASK_LENGTH) return { kind: "raw" };
      return { kind: "mask", id: id(b, o), seq: seq(b, o), mask: u32(b, o + 8) };
    case ICMP_TIMESTAMP:
    case ICMP_TIMESTAMPREPLY: {
      if (end - o < TIMESTAMP_LENGTH) return { kind: "raw" };
      const stamps = { originate: u32(b, o + 8), receive: u32(b, o + 12), transmit: u32(b, o + 16) };
      return { kind: "timestamp", id: id(b, o), seq: seq(b, o), ...stamps };
    }
    case ICMP_ROUTER_ADVERTISEMENT:
      return readAdvertisement(b, o, end);
    case ICMP_ROUTER_SOLICITATION:
      return { kind: "routerSolicitation" };
    default:
      return isError(type(b, o)) ? readError(b, o, end) : { kind: "raw" };
  }
}

function readError(b: Uint8Array, o: number, end: number): IcmpError {
  const kind = type(b, o);
  const at = extensionsAt(b, o, end);
  const got = at < 0 ? undefined : extensions.decode(b, at, end);
  return {
    kind: "error",
    gateway: kind === ICMP_REDIRECT ? gateway(b, o) : 0,
    mtu: kind === ICMP_DEST_UNREACH && code(b, o) === ICMP_FRAG_NEEDED ? mtu(b, o) : 0,
    pointer: kind === ICMP_PARAMETERPROB ? pointer(b, o) : 0,
    quoteEnd: quoteEnd(b, o, end) - o - HEADER,
    extensionsAt: at < 0 ? -1 : at - o - HEADER,
    ...(got?.ok && { extensions: got.value }),
  };
}

function readAdvertisement(b: Uint8Array, o: number, end: number): IcmpContent {
  const [count, entrySize] = [u8(b, o + 4), u8(b, o + 5)];
  if (entrySize < 2 || o + HEADER + 4 * count * entrySize > end) return { kind: "raw" }; // RFC 1256 §5.2
  const entries = Array.from({ length: count }, (_, i) => {
    const at = o + HEADER + 4 * i * entrySize;
    return { address: u32(b, at), preference: i32(b, at + 4) };
  });
  return { kind: "routerAdvertisement", lifetime: u16(b, o + 6), entrySize, entries };
}
