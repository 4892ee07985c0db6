import type { Ipv4 } from "../../core/addr.ts";
import { setU8, setU16, setU32, u8, u16, u32 } from "../../core/bytes.ts";
import { complement16, sum16, sumView } from "../../core/checksum.ts";
import { bad, type Decoded, good } from "../../core/result.ts";
import {
  decodeLsaBody,
  decodeLsaHeader,
  encodeLsaBody,
  encodeLsaHeader,
  LSA_HEADER,
  type LsaHeader,
  type LsaValue,
  lsaBodyLength,
} from "./lsa-codec.ts";

/** OSPF version 2 packets: RFC 2328 appendix A.3. */

export const IPPROTO_OSPF = 89;
export const ALL_SPF_ROUTERS: Ipv4 = 0xe0000005;
export const ALL_DR_ROUTERS: Ipv4 = 0xe0000006;

export const HELLO = 1;
export const DATABASE_DESCRIPTION = 2;
export const LS_REQUEST = 3;
export const LS_UPDATE = 4;
export const LS_ACK = 5;

export const AUTH_NULL = 0;
export const AUTH_SIMPLE = 1;
export const AUTH_CRYPTOGRAPHIC = 2;

/** Octets of the common header, and of what follows it at least, by type. */
export const HEADER = 24;
export const HELLO_BODY = 20;
export const DD_BODY = 8;
/** Octets of one request. */
export const REQUEST = 12;

/** Options (RFC 2328 appendix A.2, RFC 3101, RFC 5250). */
export const OPTION_MT = 1;
export const OPTION_E = 2;
export const OPTION_NP = 8;
/** Advertisements that do not age are understood (RFC 1793). */
export const OPTION_DC = 0x20;
export const OPTION_O = 0x40;

/** Flags of database descriptions (RFC 2328 appendix A.3.3). */
export const DD_MS = 1;
export const DD_M = 2;
export const DD_I = 4;

export interface Hello {
  readonly kind: "hello";
  readonly mask: Ipv4;
  readonly intervalS: number;
  readonly options: number;
  readonly priority: number;
  readonly deadS: number;
  readonly dr: Ipv4;
  readonly bdr: Ipv4;
  readonly neighbors: readonly Ipv4[];
}
export interface DatabaseDescription {
  readonly kind: "dd";
  readonly mtu: number;
  readonly options: number;
  readonly flags: number;
  readonly seq: number;
  readonly headers: readonly LsaHeader[];
}
export interface LsKey {
  /** 32 bits in a request, though types have eight. */
  readonly type: number;
  readonly id: Ipv4;
  readonly adv: Ipv4;
}
export interface LsRequest {
  readonly kind: "request";
  readonly requests: readonly LsKey[];
}
export interface LsUpdate {
  readonly kind: "update";
  readonly lsas: readonly LsaValue[];
}
export interface LsAck {
  readonly kind: "ack";
  readonly headers: readonly LsaHeader[];
}
/** A type that is not known. */
export interface OtherBody {
  readonly kind: "other";
  readonly type: number;
  readonly bytes: Uint8Array;
}
export type Body = Hello | DatabaseDescription | LsRequest | LsUpdate | LsAck | OtherBody;

export interface OspfPacket {
  readonly routerId: Ipv4;
  readonly areaId: Ipv4;
  /** As received; 0 under cryptographic authentication. */
  readonly checksum: number;
  readonly authType: number;
  /** The eight octets of the authentication field. */
  readonly auth: Uint8Array;
  readonly body: Body;
  /** What follows the packet: a digest, link-local signalling (RFC 5613). */
  readonly trailer: Uint8Array;
}

export const version = (b: Uint8Array, o: number): number => u8(b, o);
export const type = (b: Uint8Array, o: number): number => u8(b, o + 1);
/** Octets of the packet without digest and link-local signalling. */
export const packetLength = (b: Uint8Array, o: number): number => u16(b, o + 2);
export const routerId = (b: Uint8Array, o: number): Ipv4 => u32(b, o + 4);
export const areaId = (b: Uint8Array, o: number): Ipv4 => u32(b, o + 8);
export const checksum = (b: Uint8Array, o: number): number => u16(b, o + 12);
export const authType = (b: Uint8Array, o: number): number => u16(b, o + 14);

/** Reads a packet with what follows it. Never throws, whatever the bytes. The checksum is not looked at: see `checksumHolds`. */
export function decode(b: Uint8Array, o: number, end: number): Decoded<OspfPacket> {
  if (end - o < HEADER) return bad("short", end);
  if (version(b, o) !== 2) return bad("version", o);
  const stop = o + packetLength(b, o);
  if (packetLength(b, o) < HEADER || stop > end) return bad("length", o + 2);
  const body = decodeBody(type(b, o), b, o + HEADER, stop);
  if (body === undefined) return bad("length", o + HEADER);
  return good({
    routerId: routerId(b, o),
    areaId: areaId(b, o),
    checksum: checksum(b, o),
    authType: authType(b, o),
    auth: b.slice(o + 16, o + HEADER),
    body,
    trailer: b.slice(stop, end),
  });
}

export const encodedLength = (p: OspfPacket): number => HEADER + bodyLength(p.body) + p.trailer.length;

/** Writes every octet of the packet; the checksum as the value says. */
export function encode(p: OspfPacket, b: Uint8Array, o: number): void {
  const length = HEADER + bodyLength(p.body);
  setU8(b, o, 2);
  setU8(b, o + 1, typeOf(p.body));
  setU16(b, o + 2, length);
  setU32(b, o + 4, p.routerId);
  setU32(b, o + 8, p.areaId);
  setU16(b, o + 12, p.checksum);
  setU16(b, o + 14, p.authType);
  b.set(p.auth, o + 16);
  encodeBody(p.body, b, o + HEADER);
  b.set(p.trailer, o + length);
}

/** The checksum of the packet [o, end): the authentication field does not count (RFC 2328 §D.4). */
export const packetChecksum = (b: Uint8Array, o: number, end: number): number =>
  complement16(sum16(b, o, o + 12) + sum16(b, o + 14, o + 16) + sumOf(b, o + HEADER, end));

/** From so many octets on, making a view costs less than it saves. */
const WORTH_A_VIEW = 256;
const sumOf = (b: Uint8Array, o: number, end: number): number =>
  end - o < WORTH_A_VIEW ? sum16(b, o, end) : sumView(new DataView(b.buffer, b.byteOffset, b.byteLength), o, end);

export const checksumHolds = (b: Uint8Array, o: number, end: number): boolean =>
  packetChecksum(b, o, end) === checksum(b, o);

export function typeOf(body: Body): number {
  switch (body.kind) {
    case "hello":
      return HELLO;
    case "dd":
      return DATABASE_DESCRIPTION;
    case "request":
      return LS_REQUEST;
    case "update":
      return LS_UPDATE;
    case "ack":
      return LS_ACK;
    case "other":
      return body.type;
  }
}

/** Octets of a body. */
export function bodyLength(body: Body): number {
  switch (body.kind) {
    case "hello":
      return HELLO_BODY + 4 * body.neighbors.length;
    case "dd":
      return DD_BODY + LSA_HEADER * body.headers.length;
    case "request":
      return REQUEST * body.requests.length;
    case "update":
      return body.lsas.reduce((sum, lsa) => sum + LSA_HEADER + lsaBodyLength(lsa.body), 4);
    case "ack":
      return LSA_HEADER * body.headers.length;
    case "other":
      return body.bytes.length;
  }
}

function decodeBody(packetType: number, b: Uint8Array, o: number, end: number): Body | undefined {
  const length = end - o;
  switch (packetType) {
    case HELLO:
      return length < HELLO_BODY || length % 4 !== 0 ? undefined : decodeHello(b, o, end);
    case DATABASE_DESCRIPTION:
      if (length < DD_BODY || (length - DD_BODY) % LSA_HEADER !== 0) return undefined;
      return {
        kind: "dd",
        mtu: u16(b, o),
        options: u8(b, o + 2),
        flags: u8(b, o + 3),
        seq: u32(b, o + 4),
        headers: headers(b, o + DD_BODY, end),
      };
    case LS_REQUEST:
      if (length % REQUEST !== 0) return undefined;
      return { kind: "request", requests: Array.from({ length: length / REQUEST }, (_, i) => key(b, o + REQUEST * i)) };
    case LS_UPDATE:
      return decodeUpdate(b, o, end);
    case LS_ACK:
      return length % LSA_HEADER !== 0 ? undefined : { kind: "ack", headers: headers(b, o, end) };
    default:
      return { kind: "other", type: packetType, bytes: b.slice(o, end) };
  }
}

const decodeHello = (b: Uint8Array, o: number, end: number): Hello => ({
  kind: "hello",
  mask: u32(b, o),
  intervalS: u16(b, o + 4),
  options: u8(b, o + 6),
  priority: u8(b, o + 7),
  deadS: u32(b, o + 8),
  dr: u32(b, o + 12),
  bdr: u32(b, o + 16),
  neighbors: Array.from({ length: (end - o - HELLO_BODY) / 4 }, (_, i) => u32(b, o + HELLO_BODY + 4 * i)),
});

const headers = (b: Uint8Array, o: number, end: number): LsaHeader[] =>
  Array.from({ length: (end - o) / LSA_HEADER }, (_, i) => decodeLsaHeader(b, o + LSA_HEADER * i));

const key = (b: Uint8Array, o: number): LsKey => ({ type: u32(b, o), id: u32(b, o + 4), adv: u32(b, o + 8) });

function decodeUpdate(b: Uint8Array, o: number, end: number): LsUpdate | undefined {
  if (end - o < 4) return undefined;
  const lsas: LsaValue[] = [];
  let at = o + 4;
  for (let left = u32(b, o); left > 0; left--) {
    if (end - at < LSA_HEADER) return undefined;
    const header = decodeLsaHeader(b, at);
    if (header.length < LSA_HEADER || header.length > end - at) return undefined;
    lsas.push({ header, body: decodeLsaBody(header.type, b, at + LSA_HEADER, at + header.length) });
    at += header.length;
  }
  return at === end ? { kind: "update", lsas } : undefined;
}

function encodeBody(body: Body, b: Uint8Array, o: number): void {
  switch (body.kind) {
    case "hello":
      return encodeHello(body, b, o);
    case "dd":
      setU16(b, o, body.mtu);
      setU8(b, o + 2, body.options);
      setU8(b, o + 3, body.flags);
      setU32(b, o + 4, body.seq);
      return encodeHeaders(body.headers, b, o + DD_BODY);
    case "request":
      for (const [i, r] of body.requests.entries()) {
        setU32(b, o + REQUEST * i, r.type);
        setU32(b, o + REQUEST * i + 4, r.id);
        setU32(b, o + REQUEST * i + 8, r.adv);
      }
      return;
    case "update": {
      setU32(b, o, body.lsas.length);
      let at = o + 4;
      for (const lsa of body.lsas) {
        encodeLsaHeader(lsa.header, b, at);
        encodeLsaBody(lsa.body, b, at + LSA_HEADER);
        at += LSA_HEADER + lsaBodyLength(lsa.body);
      }
      return;
    }
    case "ack":
      return encodeHeaders(body.headers, b, o);
    case "other":
      b.set(body.bytes, o);
  }
}

function encodeHello(h: Hello, b: Uint8Array, o: number): void {
  setU32(b, o, h.mask);
  setU16(b, o + 4, h.intervalS);
  setU8(b, o + 6, h.options);
  setU8(b, o + 7, h.priority);
  setU32(b, o + 8, h.deadS);
  setU32(b, o + 12, h.dr);
  setU32(b, o + 16, h.bdr);
  for (const [i, neighbor] of h.neighbors.entries()) setU32(b, o + HELLO_BODY + 4 * i, neighbor);
}

function encodeHeaders(all: readonly LsaHeader[], b: Uint8Array, o: number): void {
  for (const [i, h] of all.entries()) encodeLsaHeader(h, b, o + LSA_HEADER * i);
}
