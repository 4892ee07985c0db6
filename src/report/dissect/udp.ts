import { fold16, sum16 } from "../../core/checksum.ts";
import { type ChecksumStatus, IPPROTO_UDP } from "../../protocols/ipv4/wire.ts";
import { checksum, decode, dport, encode, encodedLength, HEADER, length, sport } from "../../protocols/udp/wire.ts";
import type { Dissector, Fields, Span, Walk } from "./walk.ts";

const codec = { encode, encodedLength };

/** UDP over IPv4 and IPv6. */
export const udp: Dissector = {
  name: "udp",
  ipProtocols: [IPPROTO_UDP],
  dissect(w, s) {
    const { b, o, captured } = s;
    if (captured < 4) return w.short(s, HEADER);
    const fields: Fields = { sport: sport(b, o), dport: dport(b, o) };
    if (captured >= 6) fields["len"] = length(b, o);
    const readable = captured < 6 || length(b, o) >= HEADER;
    if (captured >= HEADER && readable) {
      fields["csum"] = checksum(b, o);
      fields["csum_status"] = status(w, s);
    }
    const got = decode(b, o, s.end, s.wireEnd);
    if (got.ok) w.add("udp", s, fields, codec, got.value);
    else w.addRaw("udp", s, fields, Math.min(captured, HEADER));
    if (!readable) w.malformed = true;
    else if (captured < HEADER) w.short(s, HEADER);
    else {
      const data = s.part(o + HEADER, length(b, o) - HEADER);
      if (data.length > 0) w.atRoot(() => w.next(w.byPort(w.tables.udpPorts, sport(b, o), dport(b, o)), data));
    }
  },
};

/** tshark's verdict: none over what is not whole, or shorter than the header says. */
function status(w: Walk, s: Span): ChecksumStatus {
  const octets = length(s.b, s.o);
  if (checksum(s.b, s.o) === 0) return "not_present";
  if (w.fragmented || s.cut || octets > s.length) return "unverified";
  const sum = sum16(s.b, s.o, s.o + octets) + w.addressSum + IPPROTO_UDP + octets;
  return fold16(sum) === 0xffff ? "good" : "bad";
}
