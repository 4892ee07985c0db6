import { fold16, pseudoHeader } from "../../../../core/checksum.ts";
import { dropReason } from "../../../../core/drop.ts";
import { granted, type Outcome } from "../../../../core/errno.ts";
import {
  ICMP_DEST_UNREACH,
  ICMP_HOST_ANO,
  ICMP_HOST_UNREACH,
  ICMP_NET_ANO,
  ICMP_NET_UNREACH,
  ICMP_PKT_FILTERED,
  ICMP_PORT_UNREACH,
  ICMP_PROT_UNREACH,
} from "../../../../protocols/icmp/wire.ts";
import {
  dst,
  fragmentOffset,
  headerLength,
  IP_DF,
  IPPROTO_ICMP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  protocol,
  src,
} from "../../../../protocols/ipv4/wire.ts";
import {
  ack,
  dataOffset,
  dport,
  flags,
  sealSum,
  seq,
  sport,
  TCP_ACK,
  TCP_FIN,
  HEADER as TCP_HEADER,
  TCP_RST,
  TCP_SYN,
  writeHeader,
} from "../../../../protocols/tcp/wire.ts";
import { DST_BROADCAST, DST_ERROR, DST_MULTICAST } from "../../ipv4/dst.ts";
import { setClosing } from "../conntrack/tcp.ts";
import { isFor } from "../matches/tcpudp.ts";
import type { Action, RuleSite, RuleSpec } from "../rule.ts";
import { FORWARD, type HookState, LOCAL_IN, LOCAL_OUT } from "../state.ts";
import type { TargetContext } from "./targets.ts";

const REJECTED = dropReason("netfilter: rejected by a rule");

/** What the sender is told, by the names after `--reject-with`. */
export const REJECT_CODES = {
  "icmp-net-unreachable": ICMP_NET_UNREACH,
  "icmp-host-unreachable": ICMP_HOST_UNREACH,
  "icmp-port-unreachable": ICMP_PORT_UNREACH,
  "icmp-proto-unreachable": ICMP_PROT_UNREACH,
  "icmp-net-prohibited": ICMP_NET_ANO,
  "icmp-host-prohibited": ICMP_HOST_ANO,
  "icmp-admin-prohibited": ICMP_PKT_FILTERED,
} as const;

/** `-j REJECT` (net/ipv4/netfilter/ipt_REJECT.c). */
export interface RejectTarget {
  readonly kind: "REJECT";
  readonly with: keyof typeof REJECT_CODES | "tcp-reset";
}

export function makeReject(spec: RejectTarget, _rule: RuleSpec, context: TargetContext): Outcome<Action> {
  const answer = spec.with;
  if (answer === "tcp-reset") return granted({ run: (s) => refuse(s, () => sendReset(s, context)) });
  const code = REJECT_CODES[answer];
  return granted({ run: (s) => refuse(s, () => sendUnreachable(s, code)) });
}

export const checkReject = (spec: RejectTarget, rule: RuleSpec, site: RuleSite): boolean =>
  site.table === "filter" &&
  (site.hooks & ~((1 << LOCAL_IN) | (1 << FORWARD) | (1 << LOCAL_OUT))) === 0 &&
  (spec.with !== "tcp-reset" || isFor(rule, IPPROTO_TCP));

function refuse(s: HookState, tell: () => void): number {
  tell();
  return s.refuse(REJECTED, s.where);
}

/** net/ipv4/netfilter/nf_reject_ipv4.c:nf_send_unreach: what is broken, or a later fragment, gets no answer. */
function sendUnreachable(s: HookState, code: number): void {
  if (fragmentOffset(s.p.buf, s.p.net) !== 0 || !hasSoundChecksum(s)) return;
  s.kernel.icmp.error(s.p, ICMP_DEST_UNREACH, code, 0);
}

function hasSoundChecksum(s: HookState): boolean {
  const { p } = s;
  const proto = protocol(p.buf, p.net);
  const at = p.net + headerLength(p.buf, p.net);
  if (proto === IPPROTO_ICMP) return fold16(p.sumOf(at)) === 0xffff;
  if (proto !== IPPROTO_TCP && proto !== IPPROTO_UDP) return true;
  if (proto === IPPROTO_UDP && p.end - at >= 8 && p.view.getUint16(at + 6) === 0) return true;
  return fold16(p.sumOf(at) + pseudoHeader(src(p.buf, p.net), dst(p.buf, p.net), proto, p.end - at)) === 0xffff;
}

/** net/ipv4/netfilter/nf_reject_ipv4.c:nf_send_reset. */
function sendReset(s: HookState, context: TargetContext): void {
  const { p, kernel } = s;
  const { buf, net } = p;
  const at = net + headerLength(buf, net);
  if (fragmentOffset(buf, net) !== 0 || p.end - at < TCP_HEADER || (flags(buf, at) & TCP_RST) !== 0) return;
  if (!hasSoundChecksum(s) || s.d?.type === DST_BROADCAST || s.d?.type === DST_MULTICAST) return;
  const from = dst(buf, net);
  const to = src(buf, net);
  // The answer to what is forwarded comes from an address that is not ours (net/ipv4/netfilter.c:ip_route_me_harder).
  const d = kernel.ipv4.routes.output(to, kernel.addresses.isLocal(from) ? from : 0, 0, 0, 0);
  if (d.type === DST_ERROR) return;
  const r = kernel.sim.pool.alloc(TCP_HEADER);
  const has = flags(buf, at);
  const acks = (has & TCP_ACK) !== 0;
  const length = p.end - at - dataOffset(buf, at) + ((has & TCP_SYN) !== 0 ? 1 : 0) + ((has & TCP_FIN) !== 0 ? 1 : 0);
  const [seqNumber, ackNumber] = acks ? [ack(buf, at), 0] : [0, (seq(buf, at) + length) >>> 0];
  const answer = acks ? TCP_RST : TCP_RST | TCP_ACK;
  writeHeader(r.buf, r.start, dport(buf, at), sport(buf, at), seqNumber, ackNumber, TCP_HEADER, answer, 0);
  sealSum(r.buf, r.start, r.end, from, to, 0);
  if (p.trail !== null) r.trail = p.trail.fork("answer");
  if (p.nfct !== 0) {
    const ct = context.conntrack();
    ct.attach(r, p);
    setClosing(ct, p.nfct);
  }
  kernel.ipv4.send(r, d, IPPROTO_TCP, from, to, d.hopLimit, 0, IP_DF, undefined, 0);
}
