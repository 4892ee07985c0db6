import { granted, type Outcome, refused } from "../../../../core/errno.ts";
import { IPPROTO_TCP, IPPROTO_UDP } from "../../../../protocols/ipv4/wire.ts";
import { dataOffset, HEADER as TCP_HEADER } from "../../../../protocols/tcp/wire.ts";
import type { Matcher, RuleSpec } from "../rule.ts";
import { type HookState, PORTS_NONE, PORTS_SHORT } from "../state.ts";

/** `--sport low:high`. */
export interface PortRange {
  readonly low: number;
  readonly high: number;
  readonly invert?: boolean;
}

/** `-m tcp` (net/netfilter/xt_tcpudp.c). */
export interface TcpMatch {
  readonly kind: "tcp";
  readonly sport?: PortRange;
  readonly dport?: PortRange;
  /** `--tcp-flags mask comp`; `--syn` is FIN,SYN,RST,ACK SYN. Bits as `TCP_FIN` and its neighbours. */
  readonly flags?: { readonly mask: number; readonly comp: number; readonly invert?: boolean };
  /** `--tcp-option`: the option is there. */
  readonly option?: { readonly number: number; readonly invert?: boolean };
}

/** `-m udp`. */
export interface UdpMatch {
  readonly kind: "udp";
  readonly sport?: PortRange;
  readonly dport?: PortRange;
}

export function makeTcp(spec: TcpMatch, rule: RuleSpec): Outcome<Matcher> {
  if (!isFor(rule, IPPROTO_TCP) || !isSound(spec)) return refused("EINVAL");
  const { flags, option } = spec;
  const ports = makePorts(spec);
  if (flags === undefined && option === undefined) return granted(ports);
  return granted({
    test: (s) =>
      ports.test(s) && (flags === undefined || hasFlags(s, flags)) && (option === undefined || hasOption(s, option)),
  });
}

export function makeUdp(spec: UdpMatch, rule: RuleSpec): Outcome<Matcher> {
  return isFor(rule, IPPROTO_UDP) && isSound(spec) ? granted(makePorts(spec)) : refused("EINVAL");
}

/** Whether the rule takes packets of one protocol only. */
export const isFor = (rule: RuleSpec, protocol: number): boolean =>
  rule.protocol?.number === protocol && rule.protocol.invert !== true;

export const inPortRange = (port: number, range: PortRange): boolean =>
  (port >= range.low && port <= range.high) !== (range.invert === true);

const isSound = (spec: TcpMatch | UdpMatch): boolean =>
  [spec.sport, spec.dport].every((r) => r === undefined || (r.low >= 0 && r.low <= r.high && r.high <= 65_535));

function makePorts(spec: TcpMatch | UdpMatch): Matcher {
  const { sport, dport } = spec;
  return {
    steady: true,
    test(s) {
      if (s.ports === PORTS_NONE) return noPorts(s);
      if (s.ports === PORTS_SHORT) return drop(s);
      return (
        (sport === undefined || inPortRange(s.sport, sport)) && (dport === undefined || inPortRange(s.dport, dport))
      );
    },
  };
}

/** A fragment at offset 8 would write over the flags that were looked at (RFC 1858 §3). */
function noPorts(s: HookState): false {
  if (s.fragment === 1 && s.protocol === IPPROTO_TCP) drop(s);
  return false;
}

function drop(s: HookState): false {
  s.hotdrop = true;
  return false;
}

const hasFlags = (s: HookState, f: NonNullable<TcpMatch["flags"]>): boolean =>
  (((s.p.buf[s.transport + 13] as number) & f.mask) === f.comp) !== (f.invert === true);

/** net/netfilter/xt_tcpudp.c:tcp_find_option. */
function hasOption(s: HookState, option: NonNullable<TcpMatch["option"]>): boolean {
  const { buf, end } = s.p;
  const invert = option.invert === true;
  const bytes = dataOffset(buf, s.transport);
  if (bytes < TCP_HEADER) return drop(s);
  if (bytes === TCP_HEADER) return invert;
  if (end - s.transport < bytes) return drop(s);
  for (let o = s.transport + TCP_HEADER; o < s.transport + bytes; ) {
    if (buf[o] === option.number) return !invert;
    o += (buf[o] as number) < 2 ? 1 : buf[o + 1] || 1;
  }
  return invert;
}
