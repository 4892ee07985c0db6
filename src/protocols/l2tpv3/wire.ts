import { i32, setU8, setU16, setU24, setU32, u8, u16, u24, u32 } from "../../core/bytes.ts";
import { type Bad, bad, type Decoded, good } from "../../core/result.ts";

/** L2TP version 3 over IP and UDP (RFC 3931), Ethernet's sublayer (RFC 4719); version 2 headers (RFC 2661) are recognised. */

/** The IP protocol number of L2TPv3 without UDP. */
export const IP_PROTOCOL = 115;
/** The UDP port. */
export const PORT = 1701;

/** T: a control message. */
export const FLAG_CONTROL = 0x8000;
/** L: a length field is present; always in version 3 control messages. */
export const FLAG_LENGTH = 0x4000;
/** S: sequence numbers are present; always in version 3 control messages. */
export const FLAG_SEQUENCE = 0x0800;
/** O, version 2 data: an offset field is present. */
export const FLAG_OFFSET = 0x0200;
/** P, version 2 data: send it first. */
export const FLAG_PRIORITY = 0x0100;
export const VERSION_MASK = 0x000f;

/** What a data packet does not tell of itself: both ends have agreed on it. */
export interface Framing {
  readonly over: "udp" | "ip";
  /** Octets of the cookie after the session id. */
  readonly cookieOctets: 0 | 4 | 8;
  /** Whether the default L2-specific sublayer follows (RFC 3931 §4.6), as Linux has it unless told otherwise. */
  readonly sublayer: boolean;
}
/** What tshark assumes: no cookie and no sublayer, so both count as payload. */
export const BARE_UDP: Framing = { over: "udp", cookieOctets: 0, sublayer: false };
export const BARE_IP: Framing = { over: "ip", cookieOctets: 0, sublayer: false };

/** A control message (RFC 3931 §3.2.1); over IP a zero session id stands before it (§4.1.1.2). */
export interface ControlMessage {
  readonly kind: "control";
  readonly over: "udp" | "ip";
  /** The first 16 bits, version included. */
  readonly flags: number;
  /** As received: octets from the flags to the end of the last AVP. `seal` computes it. */
  readonly length: number;
  /** Control connection id, 32 bits. */
  readonly connection: number;
  readonly ns: number;
  readonly nr: number;
  /** The AVPs as they stand; `readAvps` takes them apart, `writeAvps` makes them. */
  readonly avpsRaw: Uint8Array;
}
/** A data message's header (§4.1); the payload follows it. */
export interface DataMessage {
  readonly kind: "data";
  readonly over: "udp" | "ip";
  /** Over UDP: the first 16 bits, version included; 0 over IP. */
  readonly flags: number;
  /** Over UDP: the next 16 bits; 0 over IP. */
  readonly reserved: number;
  /** Session id, 32 bits. */
  readonly session: number;
  /** 0, 4 or 8 octets. */
  readonly cookie: Uint8Array;
  readonly sublayer?: Sublayer;
}
/** The default L2-specific sublayer (§4.6). */
export interface Sublayer {
  /** The first octet: 0x40 says that the sequence number counts. */
  readonly flags: number;
  /** 24 bits. */
  readonly sequence: number;
}
/** A version 2 header (RFC 2661 §3.1): its flags tell which fields there are. */
export interface L2tpv2Message {
  readonly kind: "v2";
  readonly flags: number;
  readonly length?: number;
  readonly tunnel: number;
  readonly session: number;
  readonly ns?: number;
  readonly nr?: number;
  /** With O: the offset size and as many octets of padding, where they are there; raw. */
  readonly offsetRaw?: Uint8Array;
  /** The AVPs of a control message; a data message's payload follows its header. */
  readonly avpsRaw: Uint8Array;
}
export type L2tpv3Header = ControlMessage | DataMessage | L2tpv2Message;

/** An attribute value pair (RFC 3931 §5.1, the same in RFC 2661 §4.1). */
export interface Avp {
  /** The upper six bits: 0x20 mandatory, 0x10 hidden, four reserved. */
  readonly flags: number;
  readonly vendor: number;
  readonly type: number;
  /** 0 to 1017 octets; encrypted where hidden. */
  readonly value: Uint8Array;
}
/** The AVPs that could be read, and why reading stopped before the end. */
export interface AvpList {
  readonly avps: readonly Avp[];
  readonly bad?: Bad;
}

/**
 * Reads the header at `o`. Of a control message cut short the AVPs that are there are kept (`verifyLength` tells); malformed
 * AVPs are not bad here, see `readAvps`.
 */
export function decode(b: Uint8Array, o: number, end: number, framing = BARE_UDP): Decoded<L2tpv3Header> {
  if (framing.over === "ip") {
    if (end - o < 4) return bad("short", end);
    return i32(b, o) === 0 ? controlAt(b, o + 4, end, "ip") : dataAt(b, o, end, framing);
  }
  if (end - o < 2) return bad("short", end);
  const version = u16(b, o) & VERSION_MASK;
  if (version === 2) return v2At(b, o, end);
  if (version !== 3) return bad("version", o + 1);
  return u16(b, o) & FLAG_CONTROL ? controlAt(b, o, end, "udp") : dataAt(b, o, end, framing);
}

export function encodedLength(v: L2tpv3Header): number {
  switch (v.kind) {
    case "control":
      return startOf(v.over) + CONTROL_LENGTH + v.avpsRaw.length;
    case "data":
      return baseLength(v.over) + v.cookie.length + (v.sublayer ? 4 : 0);
    case "v2":
      return v2Length(v.flags) + (v.offsetRaw?.length ?? 0) + v.avpsRaw.length;
  }
}

/** Writes `v` at `o` with the length it holds; the caller reserved `encodedLength(v)` octets. */
export function encode(v: L2tpv3Header, b: Uint8Array, o: number): void {
  if (v.kind === "data") encodeData(v, b, o);
  else if (v.kind === "v2") encodeV2(v, b, o);
  else encodeControl(v, b, o);
}

/** Sets the length of the control message in [o, end), where it has one. */
export function seal(b: Uint8Array, o: number, end: number, over: "udp" | "ip"): void {
  const at = o + startOf(over);
  if (u16(b, at) & FLAG_LENGTH) setU16(b, at + 2, end - at);
}

/** Whether the length of the control message at `o` is all there, and nothing after it; true where it has none. */
export function verifyLength(b: Uint8Array, o: number, end: number, over: "udp" | "ip"): boolean {
  const at = o + startOf(over);
  return (u16(b, at) & FLAG_LENGTH) === 0 || u16(b, at + 2) === end - at;
}

/** Reads the AVPs in [o, end). Never throws, whatever the bytes. */
export function readAvps(b: Uint8Array, o: number, end: number): AvpList {
  const avps: Avp[] = [];
  for (let at = o; at < end; ) {
    if (at + 6 > end) return { avps, bad: bad("short", end) };
    const length = u16(b, at) & 0x3ff;
    if (length < 6 || at + length > end) return { avps, bad: bad("length", at) };
    avps.push({
      flags: u8(b, at) >> 2,
      vendor: u16(b, at + 2),
      type: u16(b, at + 4),
      value: b.slice(at + 6, at + length),
    });
    at += length;
  }
  return { avps };
}

/** The octets of `avps`, for `avpsRaw`. */
export function writeAvps(avps: readonly Avp[]): Uint8Array {
  const raw = new Uint8Array(avps.reduce((sum, avp) => sum + 6 + avp.value.length, 0));
  let at = 0;
  for (const { flags, vendor, type, value } of avps) {
    setU16(raw, at, (flags << 10) | (6 + value.length));
    setU16(raw, at + 2, vendor);
    setU16(raw, at + 4, type);
    raw.set(value, at + 6);
    at += 6 + value.length;
  }
  return raw;
}

export const isMandatory = (avp: Avp): boolean => (avp.flags & 0x20) !== 0;
export const isHidden = (avp: Avp): boolean => (avp.flags & 0x10) !== 0;

/** Whether the packet at `o` is for the control connection: over UDP by its T bit, over IP by session id 0. */
export const isControl = (b: Uint8Array, o: number, over: "udp" | "ip"): boolean =>
  over === "ip" ? i32(b, o) === 0 : (u16(b, o) & FLAG_CONTROL) !== 0;
/** The version over UDP; 2 is another protocol. */
export const version = (b: Uint8Array, o: number): number => u16(b, o) & VERSION_MASK;
/** The session id of a data packet, 32 bits. */
export const sessionId = (b: Uint8Array, o: number, over: "udp" | "ip"): number => u32(b, o + baseLength(over) - 4);
/** Octets before the payload of a data packet. */
export const headerLength = (f: Framing): number => baseLength(f.over) + f.cookieOctets + (f.sublayer ? 4 : 0);

/** Whether the data packet at `o` carries `cookie`, whose length is the framing's. */
export function cookieMatches(b: Uint8Array, o: number, framing: Framing, cookie: Uint8Array): boolean {
  const at = o + baseLength(framing.over);
  for (let i = 0; i < framing.cookieOctets; i++) if (b[at + i] !== cookie[i]) return false;
  return true;
}

/** The sequence number of a data packet, 24 bits; -1 where it has none. */
export function sequence(b: Uint8Array, o: number, framing: Framing): number {
  const at = o + headerLength(framing) - 4;
  return framing.sublayer && u8(b, at) & SUBLAYER_SEQUENCE ? u24(b, at + 1) : -1;
}

/** Writes a data packet's header, `headerLength(framing)` octets; `sequence` -1 for none (`net/l2tp/l2tp_core.c:l2tp_build_l2tpv3_header`). */
export function writeHeader(
  b: Uint8Array,
  o: number,
  framing: Framing,
  session: number,
  cookie: Uint8Array,
  sequence = -1,
): void {
  if (framing.over === "udp") setU32(b, o, 0x0003_0000);
  let at = o + baseLength(framing.over);
  setU32(b, at - 4, session);
  for (let i = 0; i < framing.cookieOctets; i++) b[at++] = cookie[i] as number;
  if (framing.sublayer) setU32(b, at, sequence < 0 ? 0 : (SUBLAYER_SEQUENCE << 24) | sequence);
}

const CONTROL_LENGTH = 12;
/** S of the default L2-specific sublayer. */
const SUBLAYER_SEQUENCE = 0x40;

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** Octets before the control message: over IP the zero session id. */
const startOf = (over: "udp" | "ip"): number => (over === "ip" ? 4 : 0);
/** Octets of a data header up to the session id, it included. */
const baseLength = (over: "udp" | "ip"): number => (over === "ip" ? 4 : 8);

function controlAt(b: Uint8Array, o: number, end: number, over: "udp" | "ip"): Decoded<ControlMessage> {
  if (end - o < CONTROL_LENGTH) return bad("short", end);
  const flags = u16(b, o);
  if ((flags & VERSION_MASK) !== 3) return bad("version", o + 1);
  if ((flags & MUST_BE_SET) !== MUST_BE_SET) return bad("flags", o); // §3.2.1: T, L and S MUST be 1
  const length = u16(b, o + 2);
  if (length < CONTROL_LENGTH) return bad("length", o + 2);
  return good({
    kind: "control",
    over,
    flags,
    length,
    connection: u32(b, o + 4),
    ns: u16(b, o + 8),
    nr: u16(b, o + 10),
    avpsRaw: b.slice(o + CONTROL_LENGTH, Math.min(o + length, end)),
  });
}
const MUST_BE_SET = FLAG_CONTROL | FLAG_LENGTH | FLAG_SEQUENCE;

function encodeControl(v: ControlMessage, b: Uint8Array, o: number): void {
  if (v.over === "ip") setU32(b, o, 0);
  const at = o + startOf(v.over);
  setU16(b, at, v.flags);
  setU16(b, at + 2, v.length);
  setU32(b, at + 4, v.connection);
  setU16(b, at + 8, v.ns);
  setU16(b, at + 10, v.nr);
  b.set(v.avpsRaw, at + CONTROL_LENGTH);
}

function dataAt(b: Uint8Array, o: number, end: number, framing: Framing): Decoded<DataMessage> {
  const { over, cookieOctets, sublayer } = framing;
  if (end - o < headerLength(framing)) return bad("short", end);
  const at = o + baseLength(over);
  const next = at + cookieOctets;
  return good({
    kind: "data",
    over,
    flags: over === "udp" ? u16(b, o) : 0,
    reserved: over === "udp" ? u16(b, o + 2) : 0,
    session: u32(b, at - 4),
    cookie: b.slice(at, next),
    ...(sublayer && { sublayer: { flags: u8(b, next), sequence: u24(b, next + 1) } }),
  });
}

function encodeData(v: DataMessage, b: Uint8Array, o: number): void {
  const at = o + baseLength(v.over);
  if (v.over === "udp") setU32(b, o, v.flags * 0x10000 + v.reserved);
  setU32(b, at - 4, v.session);
  b.set(v.cookie, at);
  if (!v.sublayer) return;
  setU8(b, at + v.cookie.length, v.sublayer.flags);
  setU24(b, at + v.cookie.length + 1, v.sublayer.sequence);
}

/** Octets of a version 2 header up to its offset field. */
const v2Length = (flags: number): number => 6 + (flags & FLAG_LENGTH ? 2 : 0) + (flags & FLAG_SEQUENCE ? 4 : 0);

function v2At(b: Uint8Array, o: number, end: number): Decoded<L2tpv2Message> {
  const flags = u16(b, o);
  const fields = o + v2Length(flags);
  if (fields > end) return bad("short", end);
  const ids = o + (flags & FLAG_LENGTH ? 4 : 2);
  const value: Writable<L2tpv2Message> = {
    kind: "v2",
    flags,
    tunnel: u16(b, ids),
    session: u16(b, ids + 2),
    avpsRaw: new Uint8Array(0),
  };
  if (flags & FLAG_LENGTH) value.length = u16(b, o + 2);
  if (flags & FLAG_SEQUENCE) {
    value.ns = u16(b, ids + 4);
    value.nr = u16(b, ids + 6);
  }
  let at = fields;
  if (flags & FLAG_OFFSET) {
    if (at + 2 > end) return bad("short", end);
    at += 2 + u16(b, at);
    if (at > end) return bad("length", fields);
    value.offsetRaw = b.slice(fields, at);
  }
  const messageEnd = Math.min(o + (value.length ?? end - o), end);
  if (messageEnd < at) return bad("length", o + 2);
  if (flags & FLAG_CONTROL) value.avpsRaw = b.slice(at, messageEnd);
  return good(value);
}

function encodeV2(v: L2tpv2Message, b: Uint8Array, o: number): void {
  setU16(b, o, v.flags);
  if (v.length !== undefined) setU16(b, o + 2, v.length);
  const ids = o + (v.flags & FLAG_LENGTH ? 4 : 2);
  setU16(b, ids, v.tunnel);
  setU16(b, ids + 2, v.session);
  if (v.ns !== undefined) setU16(b, ids + 4, v.ns);
  if (v.nr !== undefined) setU16(b, ids + 6, v.nr);
  const at = o + v2Length(v.flags);
  if (v.offsetRaw) b.set(v.offsetRaw, at);
  b.set(v.avpsRaw, at + (v.offsetRaw?.length ?? 0));
}
