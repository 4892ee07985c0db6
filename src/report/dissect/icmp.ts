import { formatIp } from "../../core/addr.ts";
import { u8, u16, u32 } from "../../core/bytes.ts";
import {
  checksum,
  code,
  decode,
  encode,
  encodedLength,
  gateway,
  HEADER,
  ICMP_DEST_UNREACH,
  ICMP_ECHO,
  ICMP_ECHOREPLY,
  ICMP_EXT_ECHO,
  ICMP_EXT_ECHOREPLY,
  ICMP_FRAG_NEEDED,
  ICMP_PARAMETERPROB,
  ICMP_REDIRECT,
  id,
  isError,
  mtu,
  pointer,
  seq,
  type,
  verify,
} from "../../protocols/icmp/wire.ts";
import { headerLength, IPPROTO_ICMP } from "../../protocols/ipv4/wire.ts";
import { ip } from "./ip.ts";
import type { Dissector, Fields, Layer, Span, Walk } from "./walk.ts";

/** Types of which octets 4 to 7 are an identifier and a sequence number. */
const WITH_ID: ReadonlySet<number> = new Set([0, 8, 13, 14, 15, 16, 17, 18]);
/** tshark reads the length field of an extended error before anything else: without octet 5 it shows nothing. */
const SHOWN_FROM = 6;
const DAY_S = 86_400;

const codec = { encode, encodedLength };

export const icmp: Dissector = {
  name: "icmp",
  ipProtocols: [IPPROTO_ICMP],
  dissect(w, s) {
    if (s.captured < SHOWN_FROM) return w.short(s, SHOWN_FROM);
    const fields = fieldsOf(w, s);
    const got = decode(s.b, s.o, s.end);
    if (!got.ok) {
      w.addRaw("icmp", s, fields);
      return w.short(s, HEADER);
    }
    const kind = type(s.b, s.o);
    if (isError(kind)) {
      const at = w.layers.length;
      const quoted = w.quote(() => quote(w, s));
      // The quoted packet's own payload may have added layers to the frame: this one stands before them.
      const later = w.layers.splice(at);
      w.add("icmp", s, fields, codec, got.value, quoted);
      w.layers.push(...later);
      return inherit(fields, quoted);
    }
    w.add("icmp", s, fields, codec, got.value);
    if (kind === ICMP_ECHO || kind === ICMP_ECHOREPLY) echoData(w, s, fields);
  },
};

function fieldsOf(w: Walk, s: Span): Fields {
  const { b, o } = s;
  const kind = type(b, o);
  const status = verify(b, o, s.end, w.fragmented || w.quoted ? Number.POSITIVE_INFINITY : s.wireEnd);
  const fields: Fields = { type: kind, code: code(b, o), csum: checksum(b, o), csum_status: status };
  const withId = WITH_ID.has(kind);
  if (withId || kind === ICMP_EXT_ECHO || kind === ICMP_EXT_ECHOREPLY) fields["id"] = id(b, o);
  if (s.captured < HEADER) return fields;
  if (withId) fields["seq"] = seq(b, o);
  if (kind === ICMP_REDIRECT) fields["gw"] = formatIp(gateway(b, o));
  if (kind === ICMP_DEST_UNREACH && code(b, o) === ICMP_FRAG_NEEDED) fields["mtu"] = mtu(b, o);
  if (kind === ICMP_PARAMETERPROB) fields["pointer"] = pointer(b, o);
  return fields;
}

/**
 * The quoted packet. As tshark reads it, the length field (RFC 4884 §4.1) counts what follows the packet's IP header; of a
 * redirect, where the gateway stands in its place, there are the 8 octets that RFC 792 asks for.
 */
function quote(w: Walk, s: Span): void {
  const packet = s.from(s.o + HEADER);
  if (packet.length === 0) return;
  const octets = type(s.b, s.o) === ICMP_REDIRECT ? 8 : 4 * u8(s.b, s.o + 5);
  if (octets > 0 && packet.captured > 0) packet.shorten(headerLength(packet.b, packet.o) + octets);
  w.next(ip, packet);
}

/** Keys that tshark's reading finds in the quoted packet when the message has none of its own. */
const INHERITED = ["id", "seq", "data_len", "mtu", "gw"];

function inherit(fields: Fields, quoted: readonly Layer[]): void {
  for (const layer of quoted) {
    if (layer.p === "data") fields["data_len"] ??= layer.fields["len"] as number;
    if (layer.p !== "icmp") continue;
    for (const key of INHERITED) {
      const value = layer.fields[key];
      if (value !== undefined) fields[key] ??= value;
    }
  }
}

/** The data of an echo: a time stamp first, if it looks like one, then the rest, whose length is `data_len`. */
function echoData(w: Walk, s: Span, fields: Fields): void {
  const data = s.from(s.o + HEADER);
  const rest = data.captured >= 8 && isTimestamp(w, data) ? data.from(data.o + 8) : data;
  if (rest.length === 0) return;
  if (rest.captured > 0) fields["data_len"] = rest.captured;
  w.stack.push("data");
}

/** Whether seconds and microseconds within a day of the frame's own time stand there, in either byte order. */
function isTimestamp(w: Walk, s: Span): boolean {
  const now = Number(w.info.timeNs / 1_000_000_000n);
  const near = (seconds: number, micros: number): boolean => {
    return Math.abs((seconds - now) | 0) < DAY_S && micros < 1_000_000;
  };
  return near(u32(s.b, s.o), u32(s.b, s.o + 4)) || near(little32(s.b, s.o), little32(s.b, s.o + 4));
}

const little32 = (b: Uint8Array, o: number): number => {
  const swap = (word: number): number => ((word & 0xff) << 8) | (word >> 8);
  return swap(u16(b, o + 2)) * 0x1_0000 + swap(u16(b, o));
};
