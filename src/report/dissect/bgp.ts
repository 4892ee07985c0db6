import { formatIp, formatPrefix } from "../../core/addr.ts";
import { u8, u16, u32 } from "../../core/bytes.ts";
import {
  attributesAt,
  type BgpMessage,
  decode,
  decodeHeader,
  encode,
  encodedLength,
  HEADER,
  NOTIFICATION,
  OPEN,
  prefixAddress,
  prefixEnd,
  ROUTE_REFRESH,
  UPDATE,
} from "../../protocols/bgp/wire.ts";
import { attributeFields } from "./bgp-attributes.ts";
import type { Dissector, Fields, Span } from "./walk.ts";

const codec = { encode: (m: BgpMessage, b: Uint8Array, o: number) => encode(m, b, o), encodedLength };

/** BGP messages on TCP. Each is a layer; in those that are cut short or make no sense, what could be read is shown. */
export const bgp: Dissector = {
  name: "bgp",
  tcpPorts: [179],
  messageLength(s) {
    if (s.captured < HEADER) return undefined;
    for (let i = 0; i < 16; i++) if (s.b[s.o + i] !== 0xff) return 0;
    return u16(s.b, s.o + 16) < HEADER ? 0 : u16(s.b, s.o + 16);
  },
  dissect(w, s) {
    if (s.captured < HEADER) return s.captured > 0 ? w.data(s) : undefined;
    const fields: Fields = { len: u16(s.b, s.o + 16), type: u8(s.b, s.o + 18) };
    const got = decode(s.b, s.o, s.end);
    if (got.ok) w.add("bgp", s, fields, codec, got.value);
    else w.addRaw("bgp", s, fields);
    const sound = addBody(fields, s);
    if (!sound && !s.cut) w.malformed = true;
    if (!got.ok && !decodeHeader(s.b, s.o, 0xffff).ok) w.malformed = true;
  },
};

/** Adds what a message says; false where something in it is not sound. */
function addBody(fields: Fields, s: Span): boolean {
  switch (fields["type"]) {
    case OPEN:
      return addOpen(fields, s);
    case UPDATE:
      return addUpdate(fields, s);
    case NOTIFICATION:
      if (s.captured < HEADER + 2) return false;
      fields["notification"] = { code: u8(s.b, s.o + HEADER), subcode: u8(s.b, s.o + HEADER + 1) };
      return true;
    case ROUTE_REFRESH:
      if (s.captured < HEADER + 4) return false;
      fields["refresh"] = {
        afi: u16(s.b, s.o + HEADER),
        subtype: u8(s.b, s.o + HEADER + 2),
        safi: u8(s.b, s.o + HEADER + 3),
      };
      return true;
    default:
      return true;
  }
}

function addOpen(fields: Fields, s: Span): boolean {
  const { b, o } = s;
  if (s.captured < HEADER + 10) return false;
  const open: Fields = {
    ver: u8(b, o + 19),
    as: u16(b, o + 20),
    hold: u16(b, o + 22),
    id: formatIp(u32(b, o + 24)),
    optlen: u8(b, o + 28),
  };
  fields["open"] = open;
  const caps: number[] = [];
  const lengths: number[] = [];
  const afis: number[] = [];
  const safis: number[] = [];
  let sound = true;
  for (let at = o + 29; at < s.end && sound; ) {
    const end = at + 2 + u8(b, at + 1);
    if (at + 2 > s.end) break;
    if (u8(b, at) === 2) sound = capabilities(at + 2, Math.min(end, s.end));
    at = end;
  }
  if (caps.length > 0) Object.assign(open, { caps, caplens: lengths });
  if (afis.length > 0) Object.assign(open, { mp_afi: afis, mp_safi: safis });
  return sound;

  function capabilities(from: number, end: number): boolean {
    for (let at = from; at < end; ) {
      if (at + 2 > end) return false;
      const [code, length] = [u8(b, at), u8(b, at + 1)];
      caps.push(code);
      lengths.push(length);
      if (at + 2 + length > end) return false;
      if (code === 1 && length === 4) {
        afis.push(u16(b, at + 2));
        safis.push(u8(b, at + 5));
      }
      if (code === 65 && length === 4) open["as4"] ??= u32(b, at + 2);
      at += 2 + length;
    }
    return true;
  }
}

function addUpdate(fields: Fields, s: Span): boolean {
  const { b, o, end } = s;
  if (s.captured < HEADER + 4) return false;
  const update: Fields = { wlen: u16(b, o + HEADER) };
  fields["update"] = update;
  const withdrawnEnd = o + HEADER + 2 + u16(b, o + HEADER);
  const withdrawn = addPrefixes(update, "withdrawn", b, o + HEADER + 2, Math.min(withdrawnEnd, end));
  if (!withdrawn || withdrawnEnd + 2 > end) return false;
  update["alen"] = u16(b, withdrawnEnd);
  const at = withdrawnEnd + 2;
  const attributesEnd = at + u16(b, withdrawnEnd);
  const { attributes, sound } = attributeFields(b, at, Math.min(attributesEnd, end));
  update["attrs"] = attributes;
  if (!sound || attributesAt(b, o, end) < 0) return false;
  return addPrefixes(update, "nlri", b, attributesEnd, end);
}

function addPrefixes(to: Fields, key: string, b: Uint8Array, o: number, end: number): boolean {
  const texts: string[] = [];
  let sound = true;
  for (let at = o; at < end; ) {
    const next = prefixEnd(b, at, end);
    if (next < 0) {
      sound = false;
      break;
    }
    texts.push(formatPrefix({ address: prefixAddress(b, at), length: u8(b, at) }));
    at = next;
  }
  if (texts.length > 0) to[key] = texts;
  return sound;
}
