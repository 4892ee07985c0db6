import { hex, u8 } from "../../core/bytes.ts";
import { fold16, sum16 } from "../../core/checksum.ts";
import { type ChecksumStatus, IPPROTO_TCP } from "../../protocols/ipv4/wire.ts";
import { optionKind, parseOptions } from "../../protocols/tcp/option-values.ts";
import {
  ack,
  checksum,
  dataOffset,
  decode,
  dport,
  encode,
  encodedLength,
  flags,
  HEADER,
  seq,
  sport,
  urgent,
  window,
} from "../../protocols/tcp/wire.ts";
import { dissectStream } from "./stream.ts";
import type { Dissector, Fields, Span, Walk } from "./walk.ts";

const codec = { encode, encodedLength };
/** tshark shows nothing but the ports of a header that has not its first 16 octets. */
const SHOWN_FROM = 16;

/** TCP over IPv4 and IPv6, the messages of protocols on it put together from segments. */
export const tcp: Dissector = {
  name: "tcp",
  ipProtocols: [IPPROTO_TCP],
  dissect(w, s) {
    const { b, o, captured } = s;
    if (captured < 4) return w.short(s, HEADER);
    const fields: Fields = { sport: sport(b, o), dport: dport(b, o) };
    const got = decode(b, o, s.end);
    if (got.ok) w.add("tcp", s, fields, codec, got.value);
    else w.addRaw("tcp", s, fields, Math.min(captured, HEADER));
    if (captured < SHOWN_FROM) return w.short(s, HEADER);
    const header = dataOffset(b, o);
    Object.assign(fields, { seq: seq(b, o), hlen: header });
    if (header <= s.length && !w.fragmented) fields["payload_len"] = s.length - header;
    if (header < HEADER) {
      w.malformed = true;
      return;
    }
    addFields(w, s, fields);
    if (!got.ok) return w.short(s, header);
    const data = s.from(o + header);
    if (data.captured === 0 || w.quoted) return;
    const upper = w.byPort(w.tables.tcpPorts, sport(b, o), dport(b, o));
    w.atRoot(() => (upper?.messageLength ? dissectStream(w, upper, s, data) : w.next(upper, data)));
  },
};

function addFields(w: Walk, s: Span, fields: Fields): void {
  const { b, o, captured } = s;
  Object.assign(fields, { ack: ack(b, o), flags: flags(b, o), win: window(b, o) });
  if (captured < 18) return;
  fields["csum"] = checksum(b, o);
  fields["csum_status"] = status(w, s);
  if (captured < HEADER) return;
  fields["urg"] = urgent(b, o);
  if (dataOffset(b, o) > HEADER) addOptions(s, dataOffset(b, o) - HEADER, fields);
}

function status(w: Walk, s: Span): ChecksumStatus {
  if (w.fragmented || s.cut) return "unverified";
  const sum = sum16(s.b, s.o, s.end) + w.addressSum + IPPROTO_TCP + s.length;
  return fold16(sum) === 0xffff ? "good" : "bad";
}

/** The option area as octets, the kinds in order, and the values of those that matter to every stack. */
function addOptions(s: Span, length: number, fields: Fields): void {
  const from = s.o + HEADER;
  const raw = s.b.slice(from, Math.min(from + length, s.end));
  fields["options_hex"] = hex(raw);
  const { options, optionsFault } = parseOptions(raw);
  const kinds = options.map(optionKind);
  if (optionsFault < 0) kinds.push(...padding(raw, kinds));
  else if (isCut(raw, optionsFault, length)) kinds.push(u8(raw, optionsFault));
  if (kinds.length > 0) fields["option_kinds"] = kinds;
  for (const option of options) {
    if (option.kind === "mss") fields["mss"] ??= option.mss;
    else if (option.kind === "windowScale") fields["wscale"] ??= option.shift;
    else if (option.kind === "timestamps") {
      fields["tsval"] ??= option.tsval;
      fields["tsecr"] ??= option.tsecr;
    }
  }
}

/** The zeros that follow the end of the list, which tshark counts as further ends of it. */
function padding(raw: Uint8Array, kinds: readonly number[]): number[] {
  let at = 0;
  for (const kind of kinds) at += kind > 1 ? u8(raw, at + 1) : 1;
  const zeros: number[] = [];
  if (kinds.at(-1) === 0) while (raw[at++] === 0) zeros.push(0);
  return zeros;
}

/** Whether the option at `at` is sound in an area of `length` octets, of which only the beginning was captured. */
const isCut = (raw: Uint8Array, at: number, length: number): boolean =>
  at + 2 <= raw.length && raw.length < length && u8(raw, at + 1) >= 2 && at + u8(raw, at + 1) <= length;
