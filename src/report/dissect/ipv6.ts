import { formatIp } from "../../core/addr.ts";
import { u8, u16, u32 } from "../../core/bytes.ts";
import { sum16 } from "../../core/checksum.ts";
import { ETHERTYPE_IPV6 } from "../../protocols/ethernet/wire.ts";
import { IPPROTO_IPV6 } from "../../protocols/ipv4/wire.ts";
import type { Dissector, Fields, Span } from "./walk.ts";

const HEADER = 40;
/** Hop-by-hop options, routing, destination options: length in the second octet, in units of 8 (RFC 8200 §4). */
const EXTENSIONS: ReadonlyMap<number, string> = new Map([
  [0, "ipv6.hopopts"],
  [43, "ipv6.routing"],
  [60, "ipv6.dstopts"],
]);

/** IPv6 (RFC 8200) for reading only: its header is kept as octets, fragments are not put together. */
export const ipv6: Dissector = {
  name: "ipv6",
  etherTypes: [ETHERTYPE_IPV6],
  linkTypes: [229],
  ipProtocols: [IPPROTO_IPV6],
  pppProtocols: [0x0057],
  dissect(w, s) {
    const fields = fieldsOf(s);
    if (s.captured > 0) w.addRaw("ipv6", s, fields, Math.min(s.captured, HEADER));
    if (s.captured < HEADER) return w.short(s, HEADER);
    s.shorten(HEADER + u16(s.b, s.o + 4));
    w.addressSum = sum16(s.b, s.o + 8, s.o + HEADER);
    w.endpoints = `${fields["src"]} ${fields["dst"]}`;
    let next = u8(s.b, s.o + 6);
    let at = s.o + HEADER;
    for (let name = EXTENSIONS.get(next); name !== undefined; name = EXTENSIONS.get(next)) {
      w.stack.push(name);
      if (s.end - at < 8) return w.short(s, at + 8 - s.o);
      next = u8(s.b, at);
      at += 8 + 8 * u8(s.b, at + 1);
    }
    const payload = s.from(at);
    if (payload.length > 0) w.next(w.tables.ipProtocols.get(next), payload);
  },
};

function fieldsOf(s: Span): Fields {
  const { b, o, captured } = s;
  const fields: Fields = {};
  if (captured >= 6) fields["plen"] = u16(b, o + 4);
  if (captured >= 7) fields["nxt"] = u8(b, o + 6);
  if (captured >= 8) fields["hlim"] = u8(b, o + 7);
  if (captured >= 24) fields["src"] = formatIpv6(b, o + 8);
  if (captured >= 40) fields["dst"] = formatIpv6(b, o + 24);
  return fields;
}

/** RFC 5952: the first longest run of two or more zero groups shortened, addresses that embed an IPv4 one ending in it. */
function formatIpv6(b: Uint8Array, o: number): string {
  const groups = Array.from({ length: 8 }, (_, i) => u16(b, o + 2 * i));
  let [best, bestLength] = [0, 1];
  for (let i = 0; i < 8; i++) {
    let length = 0;
    while (i + length < 8 && groups[i + length] === 0) length++;
    if (length > bestLength) [best, bestLength] = [i, length];
  }
  const text = (from: number, to: number): string =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(":");
  const embeds = best === 0 && (bestLength === 6 || (bestLength === 5 && groups[5] === 0xffff));
  if (embeds) return `::${bestLength === 5 ? "ffff:" : ""}${formatIp(u32(b, o + 12))}`;
  return bestLength < 2 ? text(0, 8) : `${text(0, best)}::${text(best + bestLength, 8)}`;
}
