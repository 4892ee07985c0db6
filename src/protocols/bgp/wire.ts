import type { Ipv4, Prefix } from "../../core/addr.ts";
import { setU8, setU16, setU32, u8, u16, u32 } from "../../core/bytes.ts";
import { type Bad, bad, type Good, good } from "../../core/result.ts";
import {
  type Answer,
  answer,
  HEADER_BAD_LENGTH,
  HEADER_BAD_TYPE,
  HEADER_ERROR,
  HEADER_NOT_SYNCHRONIZED,
  OPEN_ERROR,
  REFRESH_ERROR,
  UPDATE_BAD_NETWORK,
  UPDATE_ERROR,
  UPDATE_MALFORMED,
} from "./notification.ts";

/** BGP-4 messages (RFC 4271 §4, RFC 2918, RFC 9072). Attributes of an UPDATE are kept as octets here: `attribute-decode.ts` reads them. */

export const HEADER = 19;
/** Longest message, and with the extended message capability (RFC 8654). */
export const MESSAGE_MAX = 4096;
export const EXTENDED_MESSAGE_MAX = 65535;

export const OPEN = 1;
export const UPDATE = 2;
export const NOTIFICATION = 3;
export const KEEPALIVE = 4;
export const ROUTE_REFRESH = 5;

/** A parameter of an OPEN, as octets; type 2 holds capabilities. */
export interface Parameter {
  readonly type: number;
  readonly value: Uint8Array;
}
export interface BgpOpen {
  readonly kind: "open";
  readonly version: number;
  /** My Autonomous System, 16 bits: AS_TRANS for larger numbers. */
  readonly as: number;
  readonly holdS: number;
  readonly id: Ipv4;
  readonly parameters: readonly Parameter[];
  /** Lengths of parameters take two octets (RFC 9072). */
  readonly extended: boolean;
}
export const ATTRIBUTE_OPTIONAL = 0x80;
export const ATTRIBUTE_TRANSITIVE = 0x40;
export const ATTRIBUTE_PARTIAL = 0x20;
/** The length takes two octets. */
export const ATTRIBUTE_EXTENDED = 0x10;

export interface RawAttribute {
  readonly flags: number;
  readonly type: number;
  readonly value: Uint8Array;
}
export interface BgpUpdate {
  readonly kind: "update";
  /** Prefixes here may have bits set behind their length: as received. */
  readonly withdrawn: readonly Prefix[];
  readonly attributes: readonly RawAttribute[];
  /** What follows the last whole attribute: an attribute that claims more octets than there are. */
  readonly attributesRest: Uint8Array;
  readonly nlri: readonly Prefix[];
}
export interface BgpNotification extends Answer {
  readonly kind: "notification";
}
export interface BgpKeepalive {
  readonly kind: "keepalive";
}
export interface BgpRefresh {
  readonly kind: "refresh";
  readonly afi: number;
  /** 0: request; 1 and 2: begin and end (RFC 7313). */
  readonly subtype: number;
  readonly safi: number;
  /** Outbound route filters (RFC 5291), as octets. */
  readonly rest: Uint8Array;
}
const NO_OCTETS = new Uint8Array(0);

export type BgpMessage = BgpOpen | BgpUpdate | BgpNotification | BgpKeepalive | BgpRefresh;

/** The ROUTE-REFRESH that asks for all routes of IPv4 unicast again, perhaps with filters (RFC 2918 §3, RFC 5291 §4). */
export const refreshRequest = (filters = NO_OCTETS): BgpRefresh => ({
  kind: "refresh",
  afi: 1,
  subtype: 0,
  safi: 1,
  rest: filters,
});

/** A fault, with the NOTIFICATION that answers it. */
export interface BgpBad extends Bad {
  readonly answer: Answer;
}
export type BgpDecoded<T> = Good<T> | BgpBad;

/** Whether a family is IPv4 unicast: AFI 1, SAFI 1 (RFC 4760 §3). */
export const isIpv4Unicast = ({ afi, safi }: { readonly afi: number; readonly safi: number }): boolean =>
  afi === 1 && safi === 1;

/** Length and type of the message that begins at `o`, as its header says. */
export const messageLength = (b: Uint8Array, o: number): number => u16(b, o + 16);
export const messageType = (b: Uint8Array, o: number): number => u8(b, o + 18);

const fault = (why: string, at: number, owed: Answer): BgpBad => ({ ...bad(why, at), answer: owed });

/** Lengths that a message of a type may have at least (§6.1). */
const SHORTEST = [0, HEADER + 10, HEADER + 4, HEADER + 2, HEADER, HEADER + 4];

/** Reads the header at `o`: the length of the message that begins there. `end - o` is at least `HEADER`. §6.1 */
export function decodeHeader(b: Uint8Array, o: number, maxLength = MESSAGE_MAX): BgpDecoded<number> {
  for (let i = 0; i < 16; i++)
    if (b[o + i] !== 0xff) return fault("marker", o + i, answer(HEADER_ERROR, HEADER_NOT_SYNCHRONIZED));
  const length = messageLength(b, o);
  const type = messageType(b, o);
  if (type < OPEN || type > ROUTE_REFRESH)
    return fault("type", o + 18, answer(HEADER_ERROR, HEADER_BAD_TYPE, b.slice(o + 18, o + 19)));
  const exact = type === KEEPALIVE;
  if (length < (SHORTEST[type] as number) || length > maxLength || (exact && length !== HEADER))
    return fault("length", o + 16, lengthAnswer(b, o, type));
  return good(length);
}

/** A ROUTE-REFRESH that is too short has an error code of its own (RFC 7313 §5). */
const lengthAnswer = (b: Uint8Array, o: number, type: number): Answer =>
  type === ROUTE_REFRESH && messageLength(b, o) >= HEADER
    ? answer(REFRESH_ERROR, 1, b.slice(o, o + HEADER))
    : answer(HEADER_ERROR, HEADER_BAD_LENGTH, b.slice(o + 16, o + 18));

/** Reads the message that begins at `o`; what follows it up to `end` is another one. */
export function decode(
  b: Uint8Array,
  o: number,
  end: number,
  maxLength = EXTENDED_MESSAGE_MAX,
): BgpDecoded<BgpMessage> {
  if (end - o < HEADER) return fault("short", end, answer(HEADER_ERROR, HEADER_BAD_LENGTH));
  const header = decodeHeader(b, o, maxLength);
  if (!header.ok) return header;
  const last = o + header.value;
  if (last > end) return fault("short", end, answer(HEADER_ERROR, HEADER_BAD_LENGTH));
  switch (messageType(b, o)) {
    case OPEN:
      return decodeOpen(b, o, last);
    case UPDATE:
      return decodeUpdate(b, o, last);
    case NOTIFICATION:
      return good({
        kind: "notification",
        code: u8(b, o + HEADER),
        subcode: u8(b, o + HEADER + 1),
        data: b.slice(o + HEADER + 2, last),
      });
    case KEEPALIVE:
      return good({ kind: "keepalive" });
    default:
      return good({
        kind: "refresh",
        afi: u16(b, o + HEADER),
        subtype: u8(b, o + HEADER + 2),
        safi: u8(b, o + HEADER + 3),
        rest: b.slice(o + HEADER + 4, last),
      });
  }
}

export function encodedLength(m: BgpMessage): number {
  switch (m.kind) {
    case "open":
      return HEADER + 10 + (m.extended ? 3 : 0) + parametersLength(m);
    case "update":
      return HEADER + 4 + prefixesLength(m.withdrawn) + attributesLength(m) + prefixesLength(m.nlri);
    case "notification":
      return HEADER + 2 + m.data.length;
    case "keepalive":
      return HEADER;
    case "refresh":
      return HEADER + 4 + m.rest.length;
  }
}

/** Writes `m` at `o`; the caller reserved `encodedLength(m)` octets. */
export function encode(m: BgpMessage, b: Uint8Array, o: number): void {
  switch (m.kind) {
    case "open":
      setHeader(b, o, encodedLength(m), OPEN);
      return encodeOpen(m, b, o);
    case "update":
      setHeader(b, o, encodedLength(m), UPDATE);
      return encodeUpdate(m, b, o);
    case "notification":
      setHeader(b, o, encodedLength(m), NOTIFICATION);
      setU8(b, o + HEADER, m.code);
      setU8(b, o + HEADER + 1, m.subcode);
      return b.set(m.data, o + HEADER + 2);
    case "keepalive":
      return setHeader(b, o, HEADER, KEEPALIVE);
    case "refresh":
      setHeader(b, o, encodedLength(m), ROUTE_REFRESH);
      setU16(b, o + HEADER, m.afi);
      setU8(b, o + HEADER + 2, m.subtype);
      setU8(b, o + HEADER + 3, m.safi);
      return b.set(m.rest, o + HEADER + 4);
  }
}

/** `m` as octets of its own. */
export function encoded(m: BgpMessage): Uint8Array {
  const b = new Uint8Array(encodedLength(m));
  encode(m, b, 0);
  return b;
}

export function setHeader(b: Uint8Array, o: number, length: number, type: number): void {
  b.fill(0xff, o, o + 16);
  setU16(b, o + 16, length);
  setU8(b, o + 18, type);
}

function decodeOpen(b: Uint8Array, o: number, end: number): BgpDecoded<BgpOpen> {
  const optional = u8(b, o + 28);
  const extended = optional !== 0 && o + 32 <= end && u8(b, o + 29) === 255; // RFC 9072 §2
  const from = o + (extended ? 32 : 29);
  const length = extended ? u16(b, o + 30) : optional;
  if (from + length !== end) return fault("length", o + 28, answer(OPEN_ERROR));
  if (extended && optional !== 255) return fault("length", o + 28, answer(OPEN_ERROR));
  const parameters: Parameter[] = [];
  const head = extended ? 3 : 2;
  for (let at = from; at < end; ) {
    if (at + head > end) return fault("parameter", at, answer(OPEN_ERROR));
    const size = extended ? u16(b, at + 1) : u8(b, at + 1);
    if (at + head + size > end) return fault("parameter", at, answer(OPEN_ERROR));
    parameters.push({ type: u8(b, at), value: b.slice(at + head, at + head + size) });
    at += head + size;
  }
  return good({
    kind: "open",
    version: u8(b, o + HEADER),
    as: u16(b, o + 20),
    holdS: u16(b, o + 22),
    id: u32(b, o + 24),
    parameters,
    extended,
  });
}

const parametersLength = (m: BgpOpen): number =>
  m.parameters.reduce((sum, p) => sum + (m.extended ? 3 : 2) + p.value.length, 0);

function encodeOpen(m: BgpOpen, b: Uint8Array, o: number): void {
  setU8(b, o + HEADER, m.version);
  setU16(b, o + 20, m.as);
  setU16(b, o + 22, m.holdS);
  setU32(b, o + 24, m.id);
  const length = parametersLength(m);
  setU8(b, o + 28, m.extended ? 255 : length);
  let at = o + 29;
  if (m.extended) {
    setU8(b, at, 255);
    setU16(b, at + 1, length);
    at += 3;
  }
  for (const { type, value } of m.parameters) {
    setU8(b, at, type);
    if (m.extended) setU16(b, at + 1, value.length);
    else setU8(b, at + 1, value.length);
    at += m.extended ? 3 : 2;
    b.set(value, at);
    at += value.length;
  }
}

/** Where the attributes of the UPDATE at `o` begin; -1: its lengths make no sense (§6.3). */
export function attributesAt(b: Uint8Array, o: number, end: number): number {
  const withdrawn = u16(b, o + HEADER);
  const at = o + HEADER + 4 + withdrawn;
  return at > end || at + u16(b, at - 2) > end ? -1 : at;
}

/** The octet behind the prefix at `o`; -1: there is none before `end`. */
export function prefixEnd(b: Uint8Array, o: number, end: number): number {
  const length = b[o] as number;
  const next = o + 1 + ((length + 7) >> 3);
  return length > 32 || next > end ? -1 : next;
}
/** The address of the prefix at `o`, with whatever bits are set behind its length. Unsigned. */
export function prefixAddress(b: Uint8Array, o: number): Ipv4 {
  const octets = ((b[o] as number) + 7) >> 3;
  let address = 0;
  for (let i = 0; i < octets; i++) address |= (b[o + 1 + i] as number) << (24 - 8 * i);
  return address >>> 0;
}

function decodeUpdate(b: Uint8Array, o: number, end: number): BgpDecoded<BgpUpdate> {
  const at = attributesAt(b, o, end);
  if (at < 0) return fault("length", o + HEADER, answer(UPDATE_ERROR, UPDATE_MALFORMED));
  const attributesEnd = at + u16(b, at - 2);
  const withdrawn = decodePrefixes(b, o + HEADER + 2, at - 2);
  const nlri = decodePrefixes(b, attributesEnd, end);
  if (withdrawn === undefined || nlri === undefined)
    return fault("prefix", attributesEnd, answer(UPDATE_ERROR, UPDATE_BAD_NETWORK)); // RFC 7606 §5.3
  const { attributes, rest } = decodeRaw(b, at, attributesEnd);
  return good({ kind: "update", withdrawn, attributes, attributesRest: rest, nlri });
}

/** The prefixes in [o, end); undefined: one is longer than 32 bits, or than what is left. */
export function decodePrefixes(b: Uint8Array, o: number, end: number): Prefix[] | undefined {
  const prefixes: Prefix[] = [];
  for (let at = o; at < end; ) {
    const next = prefixEnd(b, at, end);
    if (next < 0) return undefined;
    prefixes.push({ address: prefixAddress(b, at), length: u8(b, at) });
    at = next;
  }
  return prefixes;
}

/** The attributes in [o, end) as far as they are whole. */
export function decodeRaw(
  b: Uint8Array,
  o: number,
  end: number,
): { readonly attributes: readonly RawAttribute[]; readonly rest: Uint8Array } {
  const attributes: RawAttribute[] = [];
  for (let at = o; at < end; ) {
    const flags = u8(b, at);
    const head = (flags & ATTRIBUTE_EXTENDED) !== 0 ? 4 : 3;
    if (at + head > end) return { attributes, rest: b.slice(at, end) };
    const length = head === 4 ? u16(b, at + 2) : u8(b, at + 2);
    if (at + head + length > end) return { attributes, rest: b.slice(at, end) };
    attributes.push({ flags, type: u8(b, at + 1), value: b.slice(at + head, at + head + length) });
    at += head + length;
  }
  return { attributes, rest: NO_OCTETS };
}

/** Octets that prefixes take in a message. */
export const prefixesLength = (prefixes: readonly Prefix[]): number =>
  prefixes.reduce((sum, p) => sum + 1 + ((p.length + 7) >> 3), 0);
const attributeHead = (a: RawAttribute): number => ((a.flags & ATTRIBUTE_EXTENDED) !== 0 ? 4 : 3);
const attributesLength = (m: BgpUpdate): number =>
  m.attributes.reduce((sum, a) => sum + attributeHead(a) + a.value.length, m.attributesRest.length);

function encodeUpdate(m: BgpUpdate, b: Uint8Array, o: number): void {
  setU16(b, o + HEADER, prefixesLength(m.withdrawn));
  let at = encodePrefixes(m.withdrawn, b, o + HEADER + 2);
  setU16(b, at, attributesLength(m));
  at += 2;
  for (const a of m.attributes) at = encodeRaw(a, b, at);
  b.set(m.attributesRest, at);
  encodePrefixes(m.nlri, b, at + m.attributesRest.length);
}

/** Writes an attribute; returns where the next one goes. */
export function encodeRaw(a: RawAttribute, b: Uint8Array, o: number): number {
  setU8(b, o, a.flags);
  setU8(b, o + 1, a.type);
  const head = attributeHead(a);
  if (head === 4) setU16(b, o + 2, a.value.length);
  else setU8(b, o + 2, a.value.length);
  b.set(a.value, o + head);
  return o + head + a.value.length;
}

function encodePrefixes(prefixes: readonly Prefix[], b: Uint8Array, o: number): number {
  let at = o;
  for (const p of prefixes) at = encodePrefix(p.address, p.length, b, at);
  return at;
}
/** Writes a prefix; returns where the next one goes. */
export function encodePrefix(address: Ipv4, length: number, b: Uint8Array, o: number): number {
  b[o] = length;
  const octets = (length + 7) >> 3;
  for (let i = 0; i < octets; i++) b[o + 1 + i] = address >>> (24 - 8 * i);
  return o + 1 + octets;
}
