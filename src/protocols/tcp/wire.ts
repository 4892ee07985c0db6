import { i32, setU16, setU32, u8, u16, u32 } from "../../core/bytes.ts";
import { complement16, fold16, pseudoHeader, sum16, updateChecksum } from "../../core/checksum.ts";
import { bad, type Decoded, good } from "../../core/result.ts";
import { optionLength } from "../ipv4/option-area.ts";
import { type ChecksumStatus, IPPROTO_TCP, updateChecksum32 } from "../ipv4/wire.ts";
import {
  parseOptions,
  TCPOPT_EOL,
  TCPOPT_FASTOPEN,
  TCPOPT_MSS,
  TCPOPT_NOP,
  TCPOPT_SACK,
  TCPOPT_SACK_PERM,
  TCPOPT_TIMESTAMP,
  TCPOPT_WINDOW,
  type TcpOption,
} from "./option-values.ts";

/** TCP headers, with their options as senders write and receivers take them (RFC 9293, RFC 7323, RFC 2018). */

/** A header with every bit as received. `optionsRaw` is what gets encoded; `options` is a reading of it. */
export interface TcpHeader {
  readonly sport: number;
  readonly dport: number;
  readonly seq: number;
  readonly ack: number;
  /** 12 bits: the reserved ones, AE, and the eight flags; `TCP_*`. */
  readonly flags: number;
  /** The field, not scaled. */
  readonly window: number;
  /** As received, right or wrong. */
  readonly checksum: number;
  readonly urgent: number;
  /** The whole option area: 0 to 40 octets, a multiple of 4. */
  readonly optionsRaw: Uint8Array;
  /** The options up to the end of the list, or to the first that cannot be read. */
  readonly options: readonly TcpOption[];
  /** Where in `optionsRaw` the option stands that cannot be read; -1 when all can. */
  readonly optionsFault: number;
}

/** What `readOptions` found, for a receiver that reuses one such record. */
export interface ReceivedOptions {
  /** 0 when there is none. */
  mss: number;
  /** 0 to 14; -1 when there is none. */
  windowScale: number;
  sackPermitted: boolean;
  timestamps: boolean;
  tsval: number;
  tsecr: number;
  /** Offset of the first SACK block and their number. */
  sackAt: number;
  sackBlocks: number;
  /** Offset of the cookie and its octets; -1 octets when the option is not there. */
  cookieAt: number;
  cookieBytes: number;
}

/** Octets of a header without options, and the most that options can make it. */
export const HEADER = 20;
export const HEADER_MAX = 60;
export const OPTIONS_MAX = 40;

export const TCP_FIN = 0x001;
export const TCP_SYN = 0x002;
export const TCP_RST = 0x004;
export const TCP_PSH = 0x008;
export const TCP_ACK = 0x010;
export const TCP_URG = 0x020;
export const TCP_ECE = 0x040; // RFC 3168
export const TCP_CWR = 0x080;
export const TCP_AE = 0x100; // accurate ECN; the nonce sum of RFC 3540 before

/** Octets of `writeTimestamps`. */
export const TIMESTAMPS_LENGTH = 12;
/** SACK blocks that fit an option area; one less beside timestamps (RFC 2018 §3). */
export const SACK_BLOCKS_MAX = 4;
/** The largest shift of a window (RFC 7323 §2.3). */
export const WINDOW_SCALE_MAX = 14;
/** What a peer takes that tells no MSS (RFC 9293 §3.7.1). */
export const MSS_DEFAULT = 536;

export const sport = (b: Uint8Array, o: number): number => u16(b, o);
export const dport = (b: Uint8Array, o: number): number => u16(b, o + 2);
export const seq = (b: Uint8Array, o: number): number => u32(b, o + 4);
export const ack = (b: Uint8Array, o: number): number => u32(b, o + 8);
/** Octets of the header, options included. */
export const dataOffset = (b: Uint8Array, o: number): number => (u8(b, o + 12) >> 4) << 2;
/** All 12 bits beside the data offset. */
export const flags = (b: Uint8Array, o: number): number => u16(b, o + 12) & 0xfff;
export const window = (b: Uint8Array, o: number): number => u16(b, o + 14);
export const checksum = (b: Uint8Array, o: number): number => u16(b, o + 16);
export const urgent = (b: Uint8Array, o: number): number => u16(b, o + 18);

export const setSport = (b: Uint8Array, o: number, port: number): void => setU16(b, o, port);
export const setDport = (b: Uint8Array, o: number, port: number): void => setU16(b, o + 2, port);
export const setSeq = (b: Uint8Array, o: number, seq: number): void => setU32(b, o + 4, seq);
export const setAck = (b: Uint8Array, o: number, ack: number): void => setU32(b, o + 8, ack);
/** `bytes`: octets of the header, a multiple of 4. */
export const setDataOffset = (b: Uint8Array, o: number, bytes: number): void =>
  setU16(b, o + 12, (bytes << 10) | flags(b, o));
export const setFlags = (b: Uint8Array, o: number, flags: number): void =>
  setU16(b, o + 12, (u16(b, o + 12) & 0xf000) | flags);
export const setWindow = (b: Uint8Array, o: number, window: number): void => setU16(b, o + 14, window);
export const setChecksum = (b: Uint8Array, o: number, checksum: number): void => setU16(b, o + 16, checksum);
export const setUrgent = (b: Uint8Array, o: number, urgent: number): void => setU16(b, o + 18, urgent);

/** Writes the fixed 20 octets at `o`, urgent pointer and checksum 0. `header`: octets of the header with its options. */
export function writeHeader(
  b: Uint8Array,
  o: number,
  sport: number,
  dport: number,
  seq: number,
  ack: number,
  header: number,
  flags: number,
  window: number,
): void {
  setU16(b, o, sport);
  setU16(b, o + 2, dport);
  setU32(b, o + 4, seq);
  setU32(b, o + 8, ack);
  setU16(b, o + 12, (header << 10) | flags);
  setU16(b, o + 14, window);
  setU32(b, o + 16, 0);
}

/** Octets that `writeSynOptions` writes. */
export const synOptionsLength = (windowScale: number, sackPermitted: boolean, timestamps: boolean): number =>
  4 + (timestamps ? 12 : sackPermitted ? 4 : 0) + (windowScale >= 0 ? 4 : 0);

/**
 * Writes the options of a SYN at `at`, in Linux's order (`net/ipv4/tcp_output.c:tcp_options_write`). `windowScale` -1:
 * none. Returns the octets written, a multiple of 4.
 */
export function writeSynOptions(
  b: Uint8Array,
  at: number,
  mss: number,
  windowScale: number,
  sackPermitted: boolean,
  timestamps: boolean,
  tsval: number,
  tsecr: number,
): number {
  setU32(b, at, 0x02040000 | mss);
  let next = at + 4;
  if (timestamps) {
    writeTimestamps(b, next, tsval, tsecr);
    if (sackPermitted) setU16(b, next, 0x0402); // in place of the two no-operations
    next += TIMESTAMPS_LENGTH;
  } else if (sackPermitted) {
    setU32(b, next, 0x01010402);
    next += 4;
  }
  if (windowScale >= 0) {
    setU32(b, next, 0x01030300 | windowScale);
    next += 4;
  }
  return next - at;
}

/** Writes the 12 octets of timestamps as nearly every segment has them (RFC 7323 appendix A). */
export function writeTimestamps(b: Uint8Array, at: number, tsval: number, tsecr: number): void {
  setU32(b, at, 0x0101080a);
  setU32(b, at + 4, tsval);
  setU32(b, at + 8, tsecr);
}

/** Writes `count` SACK blocks: left and right edges by turns, at the start of `edges`. Returns the octets: 4 + 8 · count. */
export function writeSack(b: Uint8Array, at: number, edges: ArrayLike<number>, count: number): number {
  setU32(b, at, 0x01010500 | (2 + 8 * count));
  for (let i = 0; i < 2 * count; i++) setU32(b, at + 4 + 4 * i, edges[i] as number);
  return 4 + 8 * count;
}

/** Computes the checksum of the segment [o, end) in place, between two IPv4 addresses. */
export const seal = (b: Uint8Array, o: number, end: number, src: number, dst: number): void =>
  sealSum(b, o, end, src, dst, sum16(b, o + dataOffset(b, o), end));

/** As `seal`, for a caller who knows the sum of the data, folded or not. */
export function sealSum(b: Uint8Array, o: number, end: number, src: number, dst: number, dataSum: number): void {
  setU16(b, o + 16, 0);
  const sum = sum16(b, o, o + dataOffset(b, o)) + dataSum + pseudoHeader(src, dst, IPPROTO_TCP, end - o);
  setU16(b, o + 16, complement16(sum));
}

/** Updates the checksum after a 16-bit word that it covers changed, a port say. */
export const adjustChecksum16 = (b: Uint8Array, o: number, before: number, after: number): void =>
  setU16(b, o + 16, updateChecksum(u16(b, o + 16), before, after));

/** Likewise after 32 bits changed, such as an address or a sequence number. */
export const adjustChecksum32 = (b: Uint8Array, o: number, before: number, after: number): void =>
  setU16(b, o + 16, updateChecksum32(u16(b, o + 16), before, after));

/**
 * Whether the checksum of the segment [o, end) is right between the addresses; for a source route, `dst` is where it ends.
 * `unverified` when the segment goes on up to `wireEnd` (a fragment: Infinity).
 */
export function verify(b: Uint8Array, o: number, end: number, src: number, dst: number, wireEnd = end): ChecksumStatus {
  if (end - o < HEADER || wireEnd > end) return "unverified";
  return fold16(sum16(b, o, end) + pseudoHeader(src, dst, IPPROTO_TCP, end - o)) === 0xffff ? "good" : "bad";
}

/** Reads the header at `o`. Bad when it is cut, or its data offset is below 5 words. */
export function decode(b: Uint8Array, o: number, end: number): Decoded<TcpHeader> {
  if (end - o < HEADER) return bad("short", end);
  const header = dataOffset(b, o);
  if (header < HEADER) return bad("data offset", o + 12);
  if (header > end - o) return bad("short", end);
  const optionsRaw = b.slice(o + HEADER, o + header);
  return good({
    sport: sport(b, o),
    dport: dport(b, o),
    seq: seq(b, o),
    ack: ack(b, o),
    flags: flags(b, o),
    window: window(b, o),
    checksum: checksum(b, o),
    urgent: urgent(b, o),
    optionsRaw,
    ...parseOptions(optionsRaw),
  });
}

/** Octets of the header: 20 to 60. */
export const encodedLength = (h: TcpHeader): number => HEADER + h.optionsRaw.length;

/** Writes the header at `o`, checksum as the value has it; the caller reserved `encodedLength(h)` octets. */
export function encode(h: TcpHeader, b: Uint8Array, o: number): void {
  writeHeader(b, o, h.sport, h.dport, h.seq, h.ack, HEADER + h.optionsRaw.length, h.flags, h.window);
  setU16(b, o + 16, h.checksum);
  setU16(b, o + 18, h.urgent);
  b.set(h.optionsRaw, o + HEADER);
}

/** A record for `readOptions`. */
export const receivedOptions = (): ReceivedOptions => ({
  mss: 0,
  windowScale: -1,
  sackPermitted: false,
  timestamps: false,
  tsval: 0,
  tsecr: 0,
  sackAt: 0,
  sackBlocks: 0,
  cookieAt: 0,
  cookieBytes: -1,
});

/**
 * Reads the options of the header at `o`, which is whole, into `into` without allocating, as a receiver takes them: what
 * belongs on a SYN counts only there, and a list that breaks ends (`net/ipv4/tcp_input.c:tcp_parse_options`).
 */
export function readOptions(b: Uint8Array, o: number, into: ReceivedOptions): void {
  into.mss = 0;
  into.windowScale = -1;
  into.sackPermitted = false;
  into.timestamps = false;
  into.sackBlocks = 0;
  into.cookieBytes = -1;
  const header = dataOffset(b, o);
  if (header === HEADER + TIMESTAMPS_LENGTH && i32(b, o + HEADER) === 0x0101080a) {
    return takeTimestamps(b, o + HEADER + 2, into); // nearly every segment: RFC 7323 appendix A
  }
  const syn = (u8(b, o + 13) & TCP_SYN) !== 0;
  const end = o + header;
  for (let at = o + HEADER; at < end && u8(b, at) !== TCPOPT_EOL; ) {
    const length = u8(b, at) === TCPOPT_NOP ? 1 : optionLength(b, at, end);
    if (length === 0) return;
    if (length > 1) takeOption(b, at, length, syn, into);
    at += length;
  }
}

function takeOption(b: Uint8Array, at: number, length: number, syn: boolean, into: ReceivedOptions): void {
  switch (u8(b, at)) {
    case TCPOPT_MSS:
      if (syn && length === 4) into.mss = u16(b, at + 2);
      return;
    case TCPOPT_WINDOW:
      if (syn && length === 3) into.windowScale = Math.min(u8(b, at + 2), WINDOW_SCALE_MAX); // RFC 7323 §2.3
      return;
    case TCPOPT_SACK_PERM:
      if (syn && length === 2) into.sackPermitted = true;
      return;
    case TCPOPT_TIMESTAMP:
      if (length === 10) takeTimestamps(b, at, into);
      return;
    case TCPOPT_SACK:
      if (length < 10 || (length & 7) !== 2) return;
      into.sackAt = at + 2;
      into.sackBlocks = (length - 2) >> 3;
      return;
    case TCPOPT_FASTOPEN:
      if (!syn) return;
      into.cookieAt = at + 2;
      into.cookieBytes = length - 2;
  }
}

function takeTimestamps(b: Uint8Array, at: number, into: ReceivedOptions): void {
  into.timestamps = true;
  into.tsval = u32(b, at + 2);
  into.tsecr = u32(b, at + 6);
}
