import { formatIp, formatMac } from "../../../../core/addr.ts";
import { hex, u8, u16, u32, u48 } from "../../../../core/bytes.ts";
import { granted, type Outcome, refused } from "../../../../core/errno.ts";
import { HEADER as ETHERNET_HEADER } from "../../../../protocols/ethernet/wire.ts";
import {
  dst,
  flagsAndOffset,
  fragmentOffset,
  headerLength,
  IP_DF,
  HEADER as IP_HEADER,
  IP_MF,
  IP_RF,
  IPPROTO_ICMP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  id,
  protocol,
  src,
  tos,
  totalLength,
  ttl,
} from "../../../../protocols/ipv4/wire.ts";
import { type Action, CONTINUE, type RuleSpec } from "../rule.ts";
import type { HookState } from "../state.ts";
import type { TargetContext } from "./targets.ts";

/** `-j LOG` (net/netfilter/xt_LOG.c): a trace event, with the line that Linux's kernel log would have. */
export interface LogTarget {
  readonly kind: "LOG";
  /** At most 29 characters. */
  readonly prefix?: string;
  /** 0 to 7; 4 (warning) when left out. */
  readonly level?: number;
  readonly tcpSequence?: boolean;
  readonly tcpOptions?: boolean;
  readonly ipOptions?: boolean;
  /** `--log-macdecode`. */
  readonly macDecode?: boolean;
}

const PREFIX_MAX = 29;

export function makeLog(spec: LogTarget, _rule: RuleSpec, context: TargetContext): Outcome<Action> {
  const { prefix = "", level = 4 } = spec;
  if (prefix.length > PREFIX_MAX || !(level >= 0 && level <= 7)) return refused("EINVAL");
  const { sim, name } = context.kernel;
  return granted({
    run(s) {
      if (sim.trace.on) sim.trace.emit(sim.now, name, "netfilter.log", { level, line: prefix + logLine(s, spec) });
      return CONTINUE;
    },
  });
}

/** The line without its prefix (net/netfilter/nf_log_syslog.c:nf_log_ip_packet). */
export function logLine(s: HookState, spec: LogTarget): string {
  const { p } = s;
  const devices = `IN=${s.in?.name ?? ""} OUT=${s.out?.name ?? ""} `;
  const bridge = `${s.physIn === null ? "" : `PHYSIN=${s.physIn.name} `}${s.physOut === null ? "" : `PHYSOUT=${s.physOut.name} `}`;
  const mark = p.mark === 0 ? "" : `MARK=0x${p.mark.toString(16)} `;
  return `${devices}${bridge}${macText(s, spec)}${packetText(p.buf, p.net, p.end, spec, true)}${mark}`;
}

function macText(s: HookState, spec: LogTarget): string {
  const { p } = s;
  if (s.in === null) return "";
  const header = s.in.headerLength;
  if (header !== ETHERNET_HEADER || p.net < header) return "MAC= ";
  const at = p.net - header;
  if (spec.macDecode === true) {
    const type = u16(p.buf, at + 12)
      .toString(16)
      .padStart(4, "0");
    return `MACSRC=${formatMac(u48(p.buf, at + 6))} MACDST=${formatMac(u48(p.buf, at))} MACPROTO=${type} `;
  }
  return `MAC=${hex(p.buf, at, at + header)} `;
}

function packetText(b: Uint8Array, net: number, end: number, spec: LogTarget, outermost: boolean): string {
  if (end - net < IP_HEADER) return "TRUNCATED";
  const word = flagsAndOffset(b, net);
  const octet = (n: number): string => `0x${n.toString(16).toUpperCase().padStart(2, "0")}`;
  const header = headerLength(b, net);
  const flags = `${word & IP_RF ? "CE " : ""}${word & IP_DF ? "DF " : ""}${word & IP_MF ? "MF " : ""}`;
  const fragment = fragmentOffset(b, net) === 0 ? "" : `FRAG:${fragmentOffset(b, net) >> 3} `;
  const options =
    spec.ipOptions === true && header > IP_HEADER && end - net >= header
      ? `OPT (${hex(b, net + IP_HEADER, net + header, "").toUpperCase()}) `
      : "";
  return (
    `SRC=${formatIp(src(b, net))} DST=${formatIp(dst(b, net))} LEN=${totalLength(b, net)} ` +
    `TOS=${octet(tos(b, net) & 0x1e)} PREC=${octet(tos(b, net) & 0xe0)} TTL=${ttl(b, net)} ID=${id(b, net)} ` +
    `${flags}${fragment}${options}${transportText(b, net, end, spec, outermost)}`
  );
}

function transportText(b: Uint8Array, net: number, end: number, spec: LogTarget, outermost: boolean): string {
  const at = net + headerLength(b, net);
  const first = fragmentOffset(b, net) === 0;
  const short = (n: number): string => `INCOMPLETE [${n} bytes] `;
  switch (protocol(b, net)) {
    case IPPROTO_TCP:
      if (!first) return "PROTO=TCP ";
      return `PROTO=TCP ${end - at < 20 ? short(end - at) : tcpText(b, at, end, spec)}`;
    case IPPROTO_UDP:
      if (!first) return "PROTO=UDP ";
      return `PROTO=UDP ${end - at < 8 ? short(end - at) : `SPT=${u16(b, at)} DPT=${u16(b, at + 2)} LEN=${u16(b, at + 4)} `}`;
    case IPPROTO_ICMP:
      if (!first) return "PROTO=ICMP ";
      return `PROTO=ICMP ${end - at < 8 ? short(end - at) : icmpText(b, at, end, spec, outermost)}`;
    default:
      return `PROTO=${protocol(b, net)} `;
  }
}

const TCP_FLAGS: readonly (readonly [number, string])[] = [
  [0x80, "CWR"],
  [0x40, "ECE"],
  [0x20, "URG"],
  [0x10, "ACK"],
  [0x08, "PSH"],
  [0x04, "RST"],
  [0x02, "SYN"],
  [0x01, "FIN"],
];

function tcpText(b: Uint8Array, at: number, end: number, spec: LogTarget): string {
  const sequence = spec.tcpSequence === true ? `SEQ=${u32(b, at + 4)} ACK=${u32(b, at + 8)} ` : "";
  const reserved = (u8(b, at + 12) & 0x0f).toString(16).padStart(2, "0");
  const flags = TCP_FLAGS.filter(([bit]) => (u8(b, at + 13) & bit) !== 0).map(([, name]) => `${name} `);
  const header = (u8(b, at + 12) >> 4) << 2;
  const options =
    spec.tcpOptions === true && header > 20 && end - at >= header
      ? `OPT (${hex(b, at + 20, at + header, "").toUpperCase()}) `
      : "";
  return (
    `SPT=${u16(b, at)} DPT=${u16(b, at + 2)} ${sequence}WINDOW=${u16(b, at + 14)} RES=0x${reserved} ` +
    `${flags.join("")}URGP=${u16(b, at + 18)} ${options}`
  );
}

function icmpText(b: Uint8Array, at: number, end: number, spec: LogTarget, outermost: boolean): string {
  const type = u8(b, at);
  const code = u8(b, at + 1);
  const head = `TYPE=${type} CODE=${code} `;
  if (type === 0 || type === 8) return `${head}ID=${u16(b, at + 4)} SEQ=${u16(b, at + 6)} `;
  const gateway = type === 5 ? `GATEWAY=${formatIp(u32(b, at + 4))} ` : "";
  const parameter = type === 12 ? `PARAMETER=${u8(b, at + 4)} ` : "";
  const mtu = type === 3 && code === 4 ? `MTU=${u16(b, at + 6)} ` : "";
  const quotes = type === 3 || type === 4 || type === 5 || type === 11 || type === 12;
  const quoted = quotes && outermost ? `[${packetText(b, at + 8, end, spec, false)}] ` : "";
  return `${head}${gateway}${parameter}${quoted}${mtu}`;
}
