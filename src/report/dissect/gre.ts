import { u16, u32 } from "../../core/bytes.ts";
import {
  callId,
  decode,
  encode,
  encodedLength,
  FLAG_ACK,
  FLAG_CHECKSUM,
  FLAG_KEY,
  FLAG_ROUTING,
  FLAG_SEQUENCE,
  flags,
  headerLength,
  IP_PROTOCOL,
  payloadLength,
  protocolType,
  TYPE_PPP,
  TYPE_WCCP,
  VERSION_MASK,
  verifyChecksum,
} from "../../protocols/gre/wire.ts";
import { ip } from "./ip.ts";
import { ppp } from "./ppp.ts";
import type { Dissector, Fields, Span, Walk } from "./walk.ts";

const codec = { encode, encodedLength };

/** GRE, NVGRE, and PPTP's version 1. Versions that nobody speaks are read as version 0, as tshark does. */
export const gre: Dissector = {
  name: "gre",
  ipProtocols: [IP_PROTOCOL],
  dissect(w, s) {
    const got = decode(s.b, s.o, s.end);
    const fields = fieldsOf(w, s);
    if (got.ok) {
      w.add("gre", s, fields, codec, got.value);
      return payload(w, s.from(s.o + encodedLength(got.value)), got.value.protocol);
    }
    w.addRaw("gre", s, fields, s.captured < 4 ? s.captured : headerLength(s.b, s.o));
    if (got.why === "version") payload(w, s.from(s.o + headerLength(s.b, s.o)), protocolType(s.b, s.o));
    else w.short(s, s.length + 1);
  },
};

/** The fields that were captured, in their order. */
function fieldsOf(w: Walk, s: Span): Fields {
  const fields: Fields = {};
  if (s.captured < 2) return fields;
  const word = flags(s.b, s.o);
  fields["flags"] = word;
  if (s.captured < 4) return fields;
  fields["proto"] = protocolType(s.b, s.o);
  const isPptp = (word & VERSION_MASK) === 1 && protocolType(s.b, s.o) === TYPE_PPP;
  let at = s.o;
  /** Whether a field of 32 bits is there; `at` is then its offset. */
  const has = (flag: number): boolean => (word & flag) !== 0 && (at += 4) + 4 <= s.end;
  if (has(FLAG_CHECKSUM | FLAG_ROUTING)) {
    Object.assign(fields, { csum: u16(s.b, at), offset: u16(s.b, at + 2), csum_status: status(w, s, word) });
  }
  if (has(FLAG_KEY)) {
    const key = u32(s.b, at);
    if (!isPptp) fields["key"] = key;
    else Object.assign(fields, { payload_len: payloadLength(key), call_id: callId(key) });
  }
  if (has(FLAG_SEQUENCE)) fields["seq"] = u32(s.b, at);
  if (isPptp && has(FLAG_ACK)) fields["ack"] = u32(s.b, at);
  return fields;
}

function status(w: Walk, s: Span, word: number): string {
  if ((word & FLAG_CHECKSUM) === 0 || w.fragmented || s.cut) return "unverified";
  return verifyChecksum(s.b, s.o, s.end) ? "good" : "bad";
}

function payload(w: Walk, data: Span, protocol: number): void {
  if (data.length === 0) return;
  if (protocol === TYPE_PPP) return w.next(ppp, data);
  w.next(protocol === TYPE_WCCP ? ip : w.tables.etherTypes.get(protocol), data);
}
