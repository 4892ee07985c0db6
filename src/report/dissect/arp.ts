import { formatIp, formatMac } from "../../core/addr.ts";
import { hex, u32, u48 } from "../../core/bytes.ts";
import { type ArpPacket, decode, encode, encodedLength, hlen, plen } from "../../protocols/arp/wire.ts";
import { ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_RARP } from "../../protocols/ethernet/wire.ts";
import { type Dissector, type Fields, partial } from "./walk.ts";

const codec = { encode, encodedLength };
const FIXED = 8;
/** Octets of the longest packet that a header can announce. */
const LENGTH_MAX = FIXED + 4 * 255;

/** ARP and RARP with addresses of any length; those of Ethernet and IPv4 as addresses, others as octets. */
export const arp: Dissector = {
  name: "arp",
  etherTypes: [ETHERTYPE_ARP, ETHERTYPE_RARP],
  dissect(w, s) {
    const got = decode(s.b, s.o, s.end);
    if (got.ok) {
      s.shorten(encodedLength(got.value));
      return w.add("arp", s, fieldsOf(got.value), codec, got.value);
    }
    // What was captured of the addresses is kept; tshark shows the fixed part and each address that is whole.
    const [h, p] = s.captured >= FIXED ? [hlen(s.b, s.o), plen(s.b, s.o)] : [0, 0];
    const length = FIXED + 2 * (h + p);
    const ends = { hw: 2, proto: 4, hlen: 5, plen: 6, op: 8, ...(length <= s.length ? addressEnds(h, p) : {}) };
    w.addRaw("arp", s, partial(s, LENGTH_MAX, decode, fieldsOf, ends));
    w.short(s, length);
  },
};

const addressEnds = (h: number, p: number): Record<string, number> => ({
  sha: FIXED + h,
  spa: FIXED + h + p,
  tha: FIXED + 2 * h + p,
  tpa: FIXED + 2 * (h + p),
});

function fieldsOf(v: ArpPacket): Fields {
  const [h, p] = [v.sha.length, v.spa.length];
  const hardware = (octets: Uint8Array): string => (h === 6 ? formatMac(u48(octets, 0)) : hex(octets));
  const protocol = (octets: Uint8Array): string =>
    p === 4 && v.protocol === ETHERTYPE_IPV4 ? formatIp(u32(octets, 0)) : hex(octets);
  return {
    hw: v.hardware,
    proto: v.protocol,
    hlen: h,
    plen: p,
    op: v.op,
    sha: hardware(v.sha),
    spa: protocol(v.spa),
    tha: hardware(v.tha),
    tpa: protocol(v.tpa),
  };
}
