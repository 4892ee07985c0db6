import {
  IPOPT_EOL,
  IPOPT_LSRR,
  IPOPT_NOP,
  IPOPT_RA,
  IPOPT_RR,
  IPOPT_SECURITY,
  IPOPT_SSRR,
  IPOPT_TIMESTAMP,
} from "../../protocols/ipv4/option-values.ts";
import * as ipv4 from "../../protocols/ipv4/wire.ts";
import { shouldBe } from "./checksum.ts";
import { printIcmp } from "./icmp.ts";
import { IP_PROTOCOL_NAMES } from "./names.ts";
import { bits, type Printer } from "./printer.ts";
import { printIgmp, printOspf, printVrrp } from "./routing.ts";
import { printTcp } from "./tcp.ts";
import { printGre } from "./tunnels.ts";
import { printUdp } from "./udp.ts";

const ECN = ["", ",ECT(1)", ",ECT(0)", ",CE"];
const FLAGS = [
  [ipv4.IP_MF, "+"],
  [ipv4.IP_DF, "DF"],
  [ipv4.IP_RF, "rsvd"],
] as const;

/** An IPv4 datagram at `o`; `length` octets of it were on the wire (`print-ip.c:ip_print`). */
export function printIp(p: Printer, o: number, length: number): void {
  p.protocol = "ip";
  const version = p.u8(o) >> 4;
  if (version !== 4) {
    p.out(version === 6 ? "IP6, wrong link-layer encapsulation" : `IP${version}`);
    return p.invalid();
  }
  if (!p.options.link) p.out("IP ");
  if (!p.has(o, ipv4.HEADER)) return p.truncated();
  if (length < ipv4.HEADER) return p.out(`truncated-ip ${length}`);
  const header = ipv4.headerLength(p.b, o);
  if (header < ipv4.HEADER) return p.out(`bad-hlen ${header}`);
  const total = ipv4.totalLength(p.b, o);
  if (length < total) p.out(`truncated-ip - ${total - length} bytes missing! `);
  if (total < header) return p.out(`bad-len ${total}`);
  p.within(o + total, () => {
    if (p.verbose > 0) {
      const whole = printHeader(p, o, header);
      p.out(")\n    ");
      if (!whole) {
        p.out(`${p.ip(o + 12)} > ${p.ip(o + 16)}: `);
        return p.truncated();
      }
    }
    const protocol = ipv4.protocol(p.b, o);
    if (ipv4.fragmentOffset(p.b, o) > 0) return p.out(`${p.ip(o + 12)} > ${p.ip(o + 16)}: ip-proto-${protocol}`);
    if (!WITH_PORTS.includes(protocol)) p.out(`${p.ip(o + 12)} > ${p.ip(o + 16)}: `);
    if (!p.has(o, header)) p.out(` [remaining caplen(${p.available(o)}) < header length(${header})]`);
    p.need(o, header);
    printPayload(p, o, o + header, total - header, protocol);
  });
}

/** Protocols that print the addresses themselves, ports behind them. */
const WITH_PORTS: readonly number[] = [ipv4.IPPROTO_TCP, ipv4.IPPROTO_UDP, ipv4.IPPROTO_SCTP, ipv4.IPPROTO_DCCP];

/** `(tos 0x0, ttl 64, …` with `-v`, the closing parenthesis left out; false when the options are cut short. */
function printHeader(p: Printer, o: number, header: number): boolean {
  const [tos, ttl, protocol] = [ipv4.tos(p.b, o), ipv4.ttl(p.b, o), ipv4.protocol(p.b, o)];
  p.out(`(tos 0x${tos.toString(16)}${ECN[tos & 3]}`);
  if (ttl > 0) p.out(`, ttl ${ttl}`);
  p.out(`, id ${ipv4.id(p.b, o)}, offset ${ipv4.fragmentOffset(p.b, o)}`);
  p.out(`, flags [${bits(FLAGS, ipv4.flagsAndOffset(p.b, o)) || "none"}]`);
  p.out(`, proto ${IP_PROTOCOL_NAMES.get(protocol) ?? "unknown"} (${protocol}), length ${ipv4.totalLength(p.b, o)}`);
  let whole = true;
  if (header > ipv4.HEADER) {
    p.out(", options (");
    whole = printOptions(p, o + ipv4.HEADER, header - ipv4.HEADER);
    if (!whole) p.out(" [truncated-option]");
    p.out(")");
  }
  if (p.has(o, header)) {
    const sum = p.checksum(o, header);
    const found = ipv4.checksum(p.b, o);
    if (sum !== 0) p.out(`, bad cksum ${found.toString(16)} (->${shouldBe(found, sum).toString(16)})!`);
  }
  return whole;
}

const OPTIONS: ReadonlyMap<number, string> = new Map([
  [IPOPT_EOL, "EOL"],
  [IPOPT_NOP, "NOP"],
  [IPOPT_TIMESTAMP, "timestamp"],
  [IPOPT_SECURITY, "security"],
  [IPOPT_RR, "RR"],
  [IPOPT_SSRR, "SSRR"],
  [IPOPT_LSRR, "LSRR"],
  [IPOPT_RA, "RA"],
  [82, "traceroute"],
]);

/** The options in [at, at + bytes); false when one was not captured whole. */
function printOptions(p: Printer, at: number, bytes: number): boolean {
  let o = at;
  const end = at + bytes;
  while (o < end) {
    if (o > at) p.out(",");
    const type = p.u8(o);
    p.out(OPTIONS.get(type) ?? `unknown ${type}`);
    if (type === IPOPT_EOL) return true;
    let length = 1;
    if (type !== IPOPT_NOP) {
      length = p.u8(o + 1);
      if (length < 2 || length > end - o) {
        p.out(` [bad length ${length}]`);
        return true;
      }
    }
    if (!p.has(o, length)) return false;
    if (type === IPOPT_TIMESTAMP) printTimestamps(p, o, length);
    else if (type === IPOPT_RR || type === IPOPT_SSRR || type === IPOPT_LSRR) printRoute(p, o, length);
    else if (type === IPOPT_RA && length < 4) p.out(` [bad length ${length}]`);
    else if (type === IPOPT_RA && p.u16(o + 2) !== 0) p.out(` value ${p.u16(o + 2)}`);
    o += length;
  }
  return true;
}

/** A recorded or source route: a comma behind every address that the pointer has passed. */
function printRoute(p: Printer, o: number, length: number): void {
  if (length < 3) return p.out(` [bad length ${length}]`);
  if (((length + 1) & 3) !== 0) p.out(` [bad length ${length}]`);
  const next = p.u8(o + 2) - 1;
  if (next < 3 || ((next + 1) & 3) !== 0 || next > length + 1) p.out(` [bad ptr ${p.u8(o + 2)}]`);
  for (let i = 3; i < length; i += 4) p.out(` ${p.ip(o + i)}${next > i ? "," : ""}`);
}

const TS_ONLY = 0;
const TS_FLAGS: Readonly<Record<number, string>> = { 0: "TSONLY", 1: "TS+ADDR", 3: "PRESPEC" };

function printTimestamps(p: Printer, o: number, length: number): void {
  if (length < 4) return p.out(`[bad length ${length}]`);
  p.out(" TS{");
  const flag = p.u8(o + 3) & 15;
  const step = flag === TS_ONLY ? 4 : 8;
  if (((length - 4) & (step - 1)) !== 0) p.out(`[bad length ${length}]`);
  const next = p.u8(o + 2) - 1;
  if (next < 4 || ((next - 4) & (step - 1)) !== 0 || next > length + 1) p.out(`[bad ptr ${p.u8(o + 2)}]`);
  p.out(TS_FLAGS[flag] ?? `[bad ts type ${flag}]`);
  let i = 0;
  if (TS_FLAGS[flag] !== undefined) {
    for (i = 4; i < length; i += step) {
      p.out(`${next === i ? " ^ " : " "}${p.u32(o + i + step - 4)}@${step === 8 ? p.ip(o + i) : ""}`);
    }
  }
  if (next === i) p.out(" ^ ");
  const missed = p.u8(o + 3) >> 4;
  p.out(missed > 0 ? ` [${missed} hops not recorded]} ` : "}");
}

/** The payload at `at` of the datagram at `ip` (`print-ip-demux.c`). */
function printPayload(p: Printer, ip: number, at: number, length: number, protocol: number): void {
  switch (protocol) {
    case ipv4.IPPROTO_ICMP:
      return printIcmp(p, ip, at, length);
    case ipv4.IPPROTO_IGMP:
      return printIgmp(p, at, length);
    case ipv4.IPPROTO_IPIP:
      return p.to.ip(p, at, length);
    case ipv4.IPPROTO_TCP:
      return printTcp(p, ip, at, length);
    case ipv4.IPPROTO_UDP:
      return printUdp(p, ip, at, length);
    case ipv4.IPPROTO_GRE:
      return printGre(p, at, length);
    case ipv4.IPPROTO_OSPF:
      return printOspf(p, at, length);
    case ipv4.IPPROTO_VRRP:
      return printVrrp(p, ip, at, length);
    default:
      return p.out(` ip-proto-${protocol} ${length}`);
  }
}
