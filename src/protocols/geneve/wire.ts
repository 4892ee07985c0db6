import { setU8, setU16, setU24, setU32, u8, u16, u24 } from "../../core/bytes.ts";
import { type Bad, bad, type Decoded, good } from "../../core/result.ts";

/** Geneve (RFC 8926). */

/** The UDP destination port that IANA assigned (RFC 8926 §3.3). */
export const PORT = 6081;
/** The length in octets of the header without options. */
export const HEADER = 8;
/** Most octets of options: 63 words (RFC 8926 §3.4). */
export const OPTIONS_MAX = 252;

/** O: a control packet, for the endpoint itself (RFC 8926 §3.4). */
export const FLAG_CONTROL = 0x80;
/** C: one of the options is critical. */
export const FLAG_CRITICAL = 0x40;
/** Ethernet frames inside (RFC 8926 §3.4). */
export const TYPE_TEB = 0x6558;

/** A Geneve header, every bit of it. */
export interface GeneveHeader {
  /** Always 0: `decode` refuses others. */
  readonly version: number;
  /** The second octet: O, C and six reserved bits; `FLAG_…`. */
  readonly flags: number;
  /** Ethertype of the payload. */
  readonly protocol: number;
  /** Virtual network identifier, 24 bits. */
  readonly vni: number;
  /** The last octet, reserved. */
  readonly reserved: number;
  /** The option area as it stands, a multiple of 4 octets; `readOptions` takes it apart, `writeOptions` makes one. */
  readonly optionsRaw: Uint8Array;
}

/** A tunnel option (RFC 8926 §3.5). */
export interface GeneveOption {
  readonly class: number;
  /** 8 bits, the critical bit (0x80) among them. */
  readonly type: number;
  /** The three R bits before the length. */
  readonly reserved: number;
  /** 0 to 124 octets, a multiple of 4. */
  readonly data: Uint8Array;
}

/** The options of an area as far as they could be read; `bad` tells why and where reading stopped before the end. */
export interface OptionList {
  readonly options: readonly GeneveOption[];
  readonly bad?: Bad;
}

/** Reads the header at `o`; the payload follows it. A malformed option list is not bad here: `readOptions` tells. */
export function decode(b: Uint8Array, o: number, end: number): Decoded<GeneveHeader> {
  if (end - o < HEADER) return bad("short", end);
  if (version(b, o) !== 0) return bad("version", o); // §3.4: unknown versions MUST be dropped
  const payload = o + headerLength(b, o);
  if (payload > end) return bad("short", end);
  return good({
    version: 0,
    flags: flags(b, o),
    protocol: protocol(b, o),
    vni: vni(b, o),
    reserved: u8(b, o + 7),
    optionsRaw: b.slice(o + HEADER, payload),
  });
}

export const encodedLength = (v: GeneveHeader): number => HEADER + v.optionsRaw.length;

/** Writes `v` at `o`, the length of its options included; the caller reserved `encodedLength(v)` octets. */
export function encode(v: GeneveHeader, b: Uint8Array, o: number): void {
  setU8(b, o, (v.version << 6) | (v.optionsRaw.length >> 2));
  setU8(b, o + 1, v.flags);
  setU16(b, o + 2, v.protocol);
  setU24(b, o + 4, v.vni);
  setU8(b, o + 7, v.reserved);
  b.set(v.optionsRaw, o + HEADER);
}

/** Reads the options in [o, end): the area after the header, or `optionsRaw`. Never throws, whatever the bytes. */
export function readOptions(b: Uint8Array, o: number, end: number): OptionList {
  const options: GeneveOption[] = [];
  for (let at = o; at < end; ) {
    if (at + 4 > end) return { options, bad: bad("short", at) };
    const next = at + 4 + 4 * (u8(b, at + 3) & 0x1f);
    if (next > end) return { options, bad: bad("length", at + 3) }; // §3.5.1: the packet MUST be dropped
    options.push({
      class: u16(b, at),
      type: u8(b, at + 2),
      reserved: u8(b, at + 3) >> 5,
      data: b.slice(at + 4, next),
    });
    at = next;
  }
  return { options };
}

/** The option area of `options`, for `optionsRaw`; each `data` is a multiple of 4 octets, up to 124. */
export function writeOptions(options: readonly GeneveOption[]): Uint8Array {
  const raw = new Uint8Array(options.reduce((sum, option) => sum + 4 + option.data.length, 0));
  let at = 0;
  for (const { class: family, type, reserved, data } of options) {
    setU16(raw, at, family);
    setU8(raw, at + 2, type);
    setU8(raw, at + 3, (reserved << 5) | (data.length >> 2));
    raw.set(data, at + 4);
    at += 4 + data.length;
  }
  return raw;
}

/** Whether an endpoint that does not know this option must drop the packet (RFC 8926 §3.5). */
export const isCritical = (option: GeneveOption): boolean => (option.type & 0x80) !== 0;

export const version = (b: Uint8Array, o: number): number => u8(b, o) >> 6;
/** Octets of options. */
export const optionsLength = (b: Uint8Array, o: number): number => (u8(b, o) & 0x3f) << 2;
/** Octets of header and options. */
export const headerLength = (b: Uint8Array, o: number): number => HEADER + optionsLength(b, o);
/** O, C and the reserved bits. */
export const flags = (b: Uint8Array, o: number): number => u8(b, o + 1);
export const control = (b: Uint8Array, o: number): boolean => (u8(b, o + 1) & FLAG_CONTROL) !== 0;
export const critical = (b: Uint8Array, o: number): boolean => (u8(b, o + 1) & FLAG_CRITICAL) !== 0;
/** Ethertype of the payload. */
export const protocol = (b: Uint8Array, o: number): number => u16(b, o + 2);
export const vni = (b: Uint8Array, o: number): number => u24(b, o + 4);

/** Writes a header with reserved bits zero; the caller puts `optionsOctets` (a multiple of 4) of options after it. */
export function writeHeader(
  b: Uint8Array,
  o: number,
  protocol: number,
  vni: number,
  flags = 0,
  optionsOctets = 0,
): void {
  setU32(b, o, (optionsOctets << 22) | (flags << 16) | protocol);
  setU32(b, o + 4, vni << 8);
}
