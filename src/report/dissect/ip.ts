import { formatIp } from "../../core/addr.ts";
import { ETHERTYPE_IPV4 } from "../../protocols/ethernet/wire.ts";
import {
  IPOPT_EOL,
  IPOPT_LSRR,
  IPOPT_NOP,
  IPOPT_RA,
  IPOPT_RR,
  IPOPT_SECURITY,
  IPOPT_SID,
  IPOPT_SSRR,
  IPOPT_TIMESTAMP,
  optionType,
} from "../../protocols/ipv4/option-values.ts";
import {
  checksum,
  decode,
  dst,
  encode,
  encodedLength,
  flagsAndOffset,
  HEADER,
  headerLength,
  IP_OFFMASK,
  IPPROTO_IPIP,
  type Ipv4Header,
  id,
  protocol,
  src,
  tos,
  totalLength,
  ttl,
  verify,
  version,
} from "../../protocols/ipv4/wire.ts";
import { FragmentTable } from "./fragments.ts";
import { ipv6 } from "./ipv6.ts";
import { type Dissector, type Fields, Span, type Walk } from "./walk.ts";

const codec = { encode, encodedLength };

/** IPv4, fragments put together. */
export const ip: Dissector = {
  name: "ip",
  linkTypes: [228],
  etherTypes: [ETHERTYPE_IPV4],
  ipProtocols: [IPPROTO_IPIP],
  llcSaps: [0x06],
  pppProtocols: [0x0021],
  dissect(w, s) {
    if (s.captured === 0) return w.short(s, HEADER);
    if (version(s.b, s.o) !== 4) return otherVersion(w, s);
    const fields = fieldsOf(s);
    const header = headerLength(s.b, s.o);
    const got = decode(s.b, s.o, s.end);
    if (!got.ok) {
      w.addRaw("ip", s, fields);
      if (header >= HEADER && totalLengthFits(s, header)) w.short(s, header);
      else w.malformed = true;
      return;
    }
    s.shorten(fields["len"] as number);
    w.add("ip", s, fields, codec, got.value);
    const target = finalTarget(got.value, fields);
    w.addressSum = addressSum(got.value.src) + addressSum(target);
    w.endpoints = `${got.value.src} ${target}`;
    const readable = addOptions(got.value, fields);
    if (!readable) w.malformed = true;
    else payload(w, s.from(s.o + header), s, got.value, fields);
  },
};

/**
 * The address that the datagram goes to in the end: with a source route that is not used up, the last one of the route.
 * `dst` then tells that, and `via` what stands in the header.
 */
function finalTarget(h: Ipv4Header, fields: Fields): number {
  const option = h.options.find(({ kind }) => kind === "lsrr" || kind === "ssrr");
  if (option === undefined || !("route" in option)) return h.dst;
  const { pointer, route } = option;
  const last = route.at(-1);
  const open = pointer >= 4 && pointer < 4 + 4 * route.length && pointer % 4 === 0; // RFC 791 §3.1
  if (last === undefined || !open) return h.dst;
  fields["via"] = fields["dst"] as string;
  fields["dst"] = formatIp(last);
  return last;
}

/** Something else behind IPv4's number: IPv6 is taken for what it is, anything else ends here. */
function otherVersion(w: Walk, s: Span): void {
  const isIpv6 = version(s.b, s.o) === 6;
  if (!isIpv6 || w.stack.length > 1) w.addRaw("ip", s, { ver: version(s.b, s.o) }, isIpv6 ? 0 : s.captured);
  if (isIpv6) w.next(ipv6, s);
}

/** The fields that were captured as a whole, up to one that makes no sense. */
function fieldsOf(s: Span): Fields {
  const { b, o, captured } = s;
  const header = headerLength(b, o);
  const fields: Fields = { ver: version(b, o), hlen: header };
  if (header < HEADER) return fields;
  if (captured >= 2) fields["tos"] = tos(b, o);
  // Offloaded segments have length 0: the rest of the frame is theirs.
  if (captured >= 4) fields["len"] = totalLength(b, o) || s.length;
  if (!totalLengthFits(s, header)) return fields;
  if (captured >= 6) fields["id"] = id(b, o);
  if (captured >= 8) {
    const word = flagsAndOffset(b, o);
    fields["flags"] = word >> 13;
    fields["df"] = (word >> 14) & 1;
    fields["mf"] = (word >> 13) & 1;
    fields["frag_offset"] = word & IP_OFFMASK; // in units of 8 octets
  }
  if (captured >= 9) fields["ttl"] = ttl(b, o);
  if (captured >= 10) fields["proto"] = protocol(b, o);
  if (captured >= 12) {
    fields["csum"] = checksum(b, o);
    fields["csum_status"] = verify(b, o, s.end);
  }
  if (captured >= 16) fields["src"] = formatIp(src(b, o));
  if (captured >= 20) fields["dst"] = formatIp(dst(b, o));
  return fields;
}

/** Whether the total length can hold the header, as far as it was captured; 0 means that the sender left it open. */
function totalLengthFits(s: Span, header: number): boolean {
  if (s.captured < 4) return true;
  const length = totalLength(s.b, s.o);
  return length === 0 || length >= header;
}

/** The option types that tshark knows, with the octets that each has at least. Of others it shows no type. */
const KNOWN_OPTIONS: ReadonlyMap<number, number> = new Map([
  [IPOPT_EOL, 1],
  [IPOPT_NOP, 1],
  [IPOPT_RR, 3],
  [11, 4], // MTU probe, RFC 1063
  [12, 4], // MTU reply
  [25, 8], // quick start, RFC 4782
  [IPOPT_TIMESTAMP, 4],
  [82, 12], // traceroute, RFC 1393
  [IPOPT_SECURITY, 3],
  [IPOPT_LSRR, 3],
  [133, 3], // extended security, RFC 1108
  [134, 6], // commercial security
  [IPOPT_SID, 4],
  [IPOPT_SSRR, 3],
  [IPOPT_RA, 4],
  [149, 2], // selective directed broadcast, RFC 1770
]);

/** Lists the types of the options; false when one is shorter than its type allows, which ends tshark's reading. */
function addOptions(h: Ipv4Header, fields: Fields): boolean {
  const types: number[] = [];
  let readable = true;
  for (const option of h.options) {
    const type = optionType(option);
    const minimum = KNOWN_OPTIONS.get(type);
    if (minimum === undefined) continue;
    types.push(type);
    readable = !("data" in option) || option.data.length + 2 >= minimum;
    if (!readable) break;
  }
  if (types.length > 0) fields["options"] = types;
  return readable;
}

function payload(w: Walk, data: Span, s: Span, h: Ipv4Header, fields: Fields): void {
  if (data.length === 0) return;
  const before = w.fragmented;
  const isFragment = (h.flags & 1) !== 0 || h.fragmentOffset > 0;
  const whole = isFragment ? reassemble(w, data, s, h, fields) : data;
  if (whole === undefined) w.data(data);
  else {
    w.fragmented = isFragment && whole === data;
    w.next(w.tables.ipProtocols.get(h.protocol), whole);
  }
  w.fragmented = before;
}

/**
 * Keeps a fragment that is sound and whole. Returns the datagram that it completes; or, where the first fragment cannot be
 * kept, what there is of it; otherwise nothing.
 */
function reassemble(w: Walk, data: Span, s: Span, h: Ipv4Header, fields: Fields): Span | undefined {
  const octets = fields["len"] as number;
  const usable = s.captured >= octets && fields["csum_status"] === "good";
  if (!usable) return h.fragmentOffset === 0 ? data : undefined;
  const key = `${h.src} ${h.dst} ${h.protocol} ${h.id}`;
  const table = w.state.table("ip", () => new FragmentTable());
  const done = table.add(key, h.fragmentOffset, s.b.subarray(data.o, data.end), (h.flags & 1) !== 0);
  if (done === undefined) return undefined;
  fields["reassembled_from"] = done.count;
  fields["reassembled_len"] = done.bytes.length;
  return new Span(done.bytes, 0, done.bytes.length, done.bytes.length);
}

const addressSum = (address: number): number => (address >>> 16) + (address & 0xffff);
