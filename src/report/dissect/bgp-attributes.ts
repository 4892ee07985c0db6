import { formatIp } from "../../core/addr.ts";
import { u8, u16, u32 } from "../../core/bytes.ts";
import { ATTRIBUTE_EXTENDED } from "../../protocols/bgp/wire.ts";
import type { Fields, FieldValue } from "./walk.ts";

/** The attributes in [o, end), as far as they can be read; the values of the common ones. */
export function attributeFields(b: Uint8Array, o: number, end: number): { attributes: Fields[]; sound: boolean } {
  const attributes: Fields[] = [];
  for (let at = o; at < end; ) {
    const extended = (u8(b, at) & ATTRIBUTE_EXTENDED) !== 0;
    const head = extended ? 4 : 3;
    if (at + head > end) return { attributes, sound: false };
    const length = extended ? u16(b, at + 2) : u8(b, at + 2);
    const fields: Fields = { flags: u8(b, at), type: u8(b, at + 1), len: length };
    attributes.push(fields);
    const from = at + head;
    if (from + length > end) return { attributes, sound: false };
    addValue(fields, b, from, from + length);
    at = from + length;
  }
  return { attributes, sound: true };
}

function addValue(fields: Fields, b: Uint8Array, o: number, end: number): void {
  const length = end - o;
  switch (fields["type"]) {
    case 1:
      if (length === 1) fields["origin"] = u8(b, o);
      return;
    case 2:
    case 17:
      if (length > 0) addSegments(fields, b, o, end);
      return;
    case 3:
      if (length === 4) fields["nexthop"] = formatIp(u32(b, o));
      return;
    case 4:
      if (length === 4) fields["med"] = u32(b, o);
      return;
    case 5:
      if (length === 4) fields["local_pref"] = u32(b, o);
      return;
    case 8:
      if (length % 4 === 0) addCommunities(fields, b, o, end);
      return;
    case 9:
      if (length === 4) fields["originator"] = formatIp(u32(b, o));
      return;
  }
}

/** tshark shows the well-known ones (65535:*, RFC 1997) under another name. */
function addCommunities(fields: Fields, b: Uint8Array, o: number, end: number): void {
  const texts: string[] = [];
  for (let at = o; at < end; at += 4) if (u16(b, at) !== 0xffff) texts.push(`${u16(b, at)}:${u16(b, at + 2)}`);
  if (texts.length > 0) fields["communities"] = texts;
}

/** Segments with AS numbers of four octets, where they fit so, else of two: an UPDATE alone does not tell which. */
function addSegments(fields: Fields, b: Uint8Array, o: number, end: number): void {
  const segments = segmentsOf(b, o, end, fields["type"] === 17 || !fits(b, o, end, 2) ? 4 : 2);
  if (segments.length > 0) fields["segments"] = segments;
}

function fits(b: Uint8Array, o: number, end: number, size: number): boolean {
  let at = o;
  while (at + 2 <= end && u8(b, at) >= 1 && u8(b, at) <= 4) at += 2 + size * u8(b, at + 1);
  return at === end;
}

function segmentsOf(b: Uint8Array, o: number, end: number, size: number): FieldValue[] {
  const segments: FieldValue[] = [];
  for (let at = o; at + 2 <= end; ) {
    const count = u8(b, at + 1);
    const next = at + 2 + size * count;
    if (next > end) break;
    const as = Array.from({ length: count }, (_, i) => (size === 4 ? u32(b, at + 2 + 4 * i) : u16(b, at + 2 + 2 * i)));
    segments.push({ type: u8(b, at), as });
    at = next;
  }
  return segments;
}
