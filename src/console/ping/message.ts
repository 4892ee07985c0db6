import { formatIp, type Ipv4 } from "../../core/addr.ts";
import * as icmp from "../../protocols/icmp/wire.ts";
import * as ipv4 from "../../protocols/ipv4/wire.ts";

/** What an ICMP message says to a ping: an answer, an error that stands for one, or a hint. */
export interface PingMessage {
  readonly kind: "reply" | "error" | "hint";
  /** The sequence number of the echo request that it is about, 16 bits. */
  readonly seq: number;
  readonly type: number;
  readonly code: number;
  /** MTU of "fragmentation needed", pointer of "parameter problem", gateway of a redirect; otherwise 0. */
  readonly info: number;
}

/** Reads the ICMP message in [o, end); `undefined` when it is about no echo request of `id` to `destination`. */
export function readMessage(
  b: Uint8Array,
  o: number,
  end: number,
  id: number,
  destination: Ipv4,
): PingMessage | undefined {
  if (end - o < icmp.HEADER) return undefined;
  const type = icmp.type(b, o);
  const code = icmp.code(b, o);
  if (type === icmp.ICMP_ECHOREPLY) {
    return icmp.id(b, o) === id ? { kind: "reply", seq: icmp.seq(b, o), type, code, info: 0 } : undefined;
  }
  if (!icmp.isError(type)) return undefined;
  const quote = o + icmp.HEADER;
  if (end - quote < ipv4.HEADER) return undefined;
  const echo = quote + ipv4.headerLength(b, quote);
  const ours =
    end - echo >= icmp.HEADER &&
    ipv4.dst(b, quote) === destination &&
    icmp.type(b, echo) === icmp.ICMP_ECHO &&
    icmp.id(b, echo) === id;
  if (!ours) return undefined;
  const kind = type === icmp.ICMP_REDIRECT || type === icmp.ICMP_SOURCE_QUENCH ? "hint" : "error";
  return { kind, seq: icmp.seq(b, echo), type, code, info: infoOf(b, o, type, code) };
}

function infoOf(b: Uint8Array, o: number, type: number, code: number): number {
  if (type === icmp.ICMP_REDIRECT) return icmp.gateway(b, o);
  if (type === icmp.ICMP_PARAMETERPROB) return icmp.pointer(b, o);
  return type === icmp.ICMP_DEST_UNREACH && code === icmp.ICMP_FRAG_NEEDED ? icmp.mtu(b, o) : 0;
}

/** An ICMP error in iputils' words (`ping.c:pr_icmph`). */
export function describe({ type, code, info }: PingMessage): string {
  switch (type) {
    case icmp.ICMP_DEST_UNREACH:
      if (code === icmp.ICMP_FRAG_NEEDED) return `Frag needed and DF set (mtu = ${info})`;
      return UNREACHABLE[code] ?? `Dest Unreachable, Bad Code: ${code}`;
    case icmp.ICMP_SOURCE_QUENCH:
      return "Source Quench";
    case icmp.ICMP_REDIRECT:
      return `${REDIRECT[code] ?? `Redirect, Bad Code: ${code}`}(New nexthop: ${formatIp(info)})`;
    case icmp.ICMP_TIME_EXCEEDED:
      return TIME_EXCEEDED[code] ?? `Time exceeded, Bad Code: ${code}`;
    default:
      return `Parameter problem: pointer = ${info}`;
  }
}

const UNREACHABLE: readonly string[] = [
  "Destination Net Unreachable",
  "Destination Host Unreachable",
  "Destination Protocol Unreachable",
  "Destination Port Unreachable",
  "", // fragmentation needed
  "Source Route Failed",
  "Destination Net Unknown",
  "Destination Host Unknown",
  "Source Host Isolated",
  "Destination Net Prohibited",
  "Destination Host Prohibited",
  "Destination Net Unreachable for Type of Service",
  "Destination Host Unreachable for Type of Service",
  "Packet filtered",
  "Precedence Violation",
  "Precedence Cutoff",
];
const REDIRECT: readonly string[] = [
  "Redirect Network",
  "Redirect Host",
  "Redirect Type of Service and Network",
  "Redirect Type of Service and Host",
];
const TIME_EXCEEDED: readonly string[] = ["Time to live exceeded", "Frag reassembly time exceeded"];
