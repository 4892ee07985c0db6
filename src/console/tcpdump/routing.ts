import * as ipv4 from "../../protocols/ipv4/wire.ts";
import { pseudo } from "./checksum.ts";
import type { Printer } from "./printer.ts";

const OSPF_TYPES = ["", "Hello", "Database Description", "LS-Request", "LS-Update", "LS-Ack"];

/** OSPF at `o`, in one line; with `-v` the common header too (`print-ospf.c`). */
export function printOspf(p: Printer, o: number, length: number): void {
  p.protocol = "ospf2";
  const authentication = p.u16(o + 14);
  const bytes = authentication === 2 ? length - 16 : length; // RFC 2328 §D.4.3: the digest is not part of the packet
  const type = p.u8(o + 1);
  p.out(`OSPFv${p.u8(o)}, ${OSPF_TYPES[type] || `unknown LS-type ${type}`}, length ${bytes}`);
  if (p.verbose === 0 || !OSPF_TYPES[type]) return;
  if (bytes !== p.u16(o + 2)) p.out(` [len ${p.u16(o + 2)}]`);
  const area = p.u32(o + 8) === 0 ? "Backbone Area" : `Area ${p.ip(o + 8)}`;
  const kind = ["none", "simple", "MD5"][authentication] ?? "unknown";
  p.out(`\n\tRouter-ID ${p.ip(o + 4)}, ${area}, Authentication Type: ${kind} (${authentication})`);
}

const VRRP_AUTHENTICATION = ["none", "simple", "ah"];

/** VRRP at `o` inside the datagram at `ip` (`print-vrrp.c`). */
export function printVrrp(p: Printer, ip: number, o: number, length: number): void {
  p.protocol = "vrrp";
  const [version, type] = [p.u8(o) >> 4, p.u8(o) & 15];
  p.out(`VRRPv${version}, ${type === 1 ? "Advertisement" : `unknown type (${type})`}`);
  const ttl = ipv4.ttl(p.b, ip);
  if (ttl !== 255) p.out(`, (ttl ${ttl})`);
  if (version < 2 || version > 3 || type !== 1) return;
  p.out(`, vrid ${p.u8(o + 1)}, prio ${p.u8(o + 2)}`);
  const authentication = version === 2 ? p.u8(o + 4) : 0;
  if (version === 2) {
    p.out(`, authtype ${VRRP_AUTHENTICATION[authentication] ?? `#${authentication}`}, intvl ${p.u8(o + 5)}s`);
  } else p.out(`, intvl ${p.u16(o + 4) & 0xfff}cs`);
  p.out(`, length ${length}`);
  if (p.verbose === 0) return;
  const extra = version === 3 ? pseudo(p, ip, ipv4.IPPROTO_VRRP, length) : 0; // RFC 5798 §5.2.8
  if (p.has(o, length) && p.checksum(o, length, extra) !== 0) p.out(`, (bad vrrp cksum ${p.u16(o + 6).toString(16)})`);
  const count = p.u8(o + 3);
  p.out(`, addrs${count > 1 ? `(${count})` : ""}:`);
  for (let i = 0; i < count; i++) p.out(`${i === 0 ? " " : ","}${p.ip(o + 8 + 4 * i)}`);
  if (authentication === 1) p.out(` auth "${p.string(o + 8 + 4 * count, 8)}"`);
}

const BGP_HEADER = 19;
const BGP_TYPES = ["Unknown", "Open", "Update", "Notification", "Keepalive", "Route Refresh"];

/** BGP messages at `o`; with `-v` the type and length of each (`print-bgp.c`). */
export function printBgp(p: Printer, o: number): void {
  p.protocol = "bgp";
  p.out(": BGP");
  if (p.verbose === 0) return;
  let at = o;
  let start = o;
  while (at < p.end) {
    if (!isMarker(p, at)) {
      at++;
      continue;
    }
    if (!p.has(at, BGP_HEADER)) return p.truncated();
    if (start !== at) p.truncated();
    const [length, type] = [p.u16(at + 16), p.u8(at + 18)];
    if (length < BGP_HEADER) {
      p.out(`\nmessage length ${length} < ${BGP_HEADER}`);
      return p.invalid();
    }
    if (!p.has(at, length)) return p.out(`\n[|BGP ${BGP_TYPES[type] ?? "Unknown Message Type"}]`);
    p.out(`\n\t${BGP_TYPES[type] ?? "Unknown"} Message (${type}), length: ${length}`);
    at += length;
    start = at;
  }
}

/** Sixteen octets of ones (RFC 4271 §4.1). */
function isMarker(p: Printer, o: number): boolean {
  if (!p.has(o, 16)) return false;
  for (let i = 0; i < 16; i++) if (p.b[o + i] !== 0xff) return false;
  return true;
}

/** IGMP at `o` (`print-igmp.c`). */
export function printIgmp(p: Printer, o: number, length: number): void {
  p.protocol = "igmp";
  p.out(igmpText(p, o, length));
  if (p.verbose > 0 && length >= 4 && p.has(o, length) && p.checksum(o, length) !== 0)
    p.out(` bad igmp cksum ${p.u16(o + 2).toString(16)}!`);
}

function igmpText(p: Printer, o: number, length: number): string {
  const type = p.u8(o);
  switch (type) {
    case 0x11:
      return length >= 12 ? `igmp query v3${igmpv3Query(p, o, length)}` : `igmp query${igmpQuery(p, o, length)}`;
    case 0x12:
      return `igmp v1 report ${p.ip(o + 4)}${length === 8 ? "" : ` [len ${length}]`}`;
    case 0x16:
      return `igmp v2 report ${p.ip(o + 4)}`;
    case 0x22:
      if (length < 16 || (length & 3) !== 0) return `igmp v3 report [invalid len ${length}]`;
      return `igmp v3 report, ${p.u16(o + 6)} group record(s)${p.verbose > 0 ? igmpRecords(p, o, length) : ""}`;
    case 0x17:
      return `igmp leave ${p.ip(o + 4)}`;
    default:
      return `igmp-${type}`;
  }
}

function igmpQuery(p: Printer, o: number, length: number): string {
  const time = p.u8(o + 1);
  const group = p.u32(o + 4) === 0 ? "" : ` [gaddr ${p.ip(o + 4)}]`;
  const version = time === 0 ? " v1" : time === 100 ? " v2" : ` v2 [max resp time ${time}]`;
  return `${version}${group}${length === 8 ? "" : ` [len ${length}]`}`;
}

/** RFC 3376 §4.1: a response code from 128 on is a small float of tenths of a second. */
function igmpv3Query(p: Printer, o: number, length: number): string {
  if ((length & 3) !== 0) return ` [invalid len ${length}]`;
  const code = p.u8(o + 1);
  const tenths = code < 128 ? code : ((code & 15) | 16) << (((code >> 4) & 7) + 3);
  const time =
    code === 100 ? "" : ` [max resp time ${tenths < 600 ? `${(tenths / 10).toFixed(1)}s` : span(tenths / 10)}]`;
  if (p.u32(o + 4) === 0) return time;
  const sources = p.u16(o + 10);
  let list = sources > 0 ? `, ${sources} source(s)` : "";
  if (sources > 0 && length < 12 + 4 * sources) list = " [invalid number of sources]";
  else if (sources > 0 && p.verbose > 1) list = ` {${addresses(p, o + 12, sources)} }`;
  return `${time} [gaddr ${p.ip(o + 4)}${list}]`;
}

const RECORDS = ["", "is_in", "is_ex", "to_in", "to_ex", "allow", "block"];

function igmpRecords(p: Printer, o: number, length: number): string {
  let text = "";
  let at = 8;
  for (let n = p.u16(o + 6); n > 0; n--) {
    if (length < at + 8) return `${text} [invalid number of groups]`;
    const type = p.u8(o + at);
    text += ` [gaddr ${p.ip(o + at + 4)} ${RECORDS[type] || ` [v3-report-#${type}]`}`;
    const sources = p.u16(o + at + 2);
    if (length < at + 8 + 4 * sources) return `${text} [invalid number of sources ${sources}]`;
    text += p.verbose === 1 ? `, ${sources} source(s)]` : ` {${addresses(p, o + at + 8, sources)} }]`;
    at += 8 + 4 * sources;
  }
  return text;
}

const addresses = (p: Printer, o: number, count: number): string =>
  Array.from({ length: count }, (_, i) => ` ${p.ip(o + 4 * i)}`).join("");

/** Seconds as `1h2m3s`. */
function span(seconds: number): string {
  let left = Math.floor(seconds);
  let text = "";
  for (const [unit, size] of [
    ["h", 3600],
    ["m", 60],
    ["s", 1],
  ] as const) {
    if (left >= size) text += `${Math.floor(left / size)}${unit}`;
    left %= size;
  }
  return text || "0s";
}
