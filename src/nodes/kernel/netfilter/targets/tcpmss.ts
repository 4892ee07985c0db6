import { setU16, u8, u16 } from "../../../../core/bytes.ts";
import { updateChecksum } from "../../../../core/checksum.ts";
import { dropReason } from "../../../../core/drop.ts";
import { granted, type Outcome, refused } from "../../../../core/errno.ts";
import type { Packet } from "../../../../core/packet.ts";
import {
  IPPROTO_TCP,
  checksum as ipChecksum,
  setChecksum as setIpChecksum,
  setTotalLength,
  src,
  totalLength,
} from "../../../../protocols/ipv4/wire.ts";
import { TCPOPT_MSS, TCPOPT_NOP } from "../../../../protocols/tcp/option-values.ts";
import {
  adjustChecksum16,
  dataOffset,
  MSS_DEFAULT,
  HEADER as TCP_HEADER,
  HEADER_MAX as TCP_HEADER_MAX,
  TCP_SYN,
} from "../../../../protocols/tcp/wire.ts";
import { DST_ERROR } from "../../ipv4/dst.ts";
import { isFor } from "../matches/tcpudp.ts";
import { type Action, CONTINUE, type RuleSite, type RuleSpec } from "../rule.ts";
import { FORWARD, type HookState, LOCAL_OUT, POST_ROUTING } from "../state.ts";
import type { TargetContext } from "./targets.ts";

const TOO_SHORT = dropReason("netfilter: too short for a rule's match");

/** `-j TCPMSS --set-mss n`, or `--clamp-mss-to-pmtu` (net/netfilter/xt_TCPMSS.c). */
export type TcpmssTarget =
  | { readonly kind: "TCPMSS"; readonly mss: number }
  | { readonly kind: "TCPMSS"; readonly clamp: true };

/** Octets of an MSS option, and of the headers that an MTU holds beside the segment. */
const OPTION = 4;
const HEADERS = 40;
const LINK_HEADER = 14;

export function makeTcpmss(spec: TcpmssTarget, _rule: RuleSpec, context: TargetContext): Outcome<Action> {
  if ("mss" in spec && !(spec.mss >= 0 && spec.mss <= 65_535)) return refused("EINVAL");
  return granted({
    run(s) {
      if (s.fragment !== 0) return CONTINUE;
      const { p, transport: at } = s;
      const header = p.end - at < TCP_HEADER ? 0 : dataOffset(p.buf, at);
      if (header < TCP_HEADER || header > p.end - at) return s.refuse(TOO_SHORT, s.where);
      const mss = "mss" in spec ? spec.mss : clampedMss(s, context);
      if (mss <= 0) return s.refuse(TOO_SHORT, s.where);
      lower(p, at, header, mss);
      s.read();
      return CONTINUE;
    },
  });
}

/** The path's MTU is known on the way out only; and only a SYN has the option. */
export function checkTcpmss(spec: TcpmssTarget, rule: RuleSpec, site: RuleSite): boolean {
  if (!isFor(rule, IPPROTO_TCP)) return false;
  const out = (1 << FORWARD) | (1 << LOCAL_OUT) | (1 << POST_ROUTING);
  return !("clamp" in spec) || (site.hooks & ~out) === 0;
}

/** The smaller MTU of the way on and the way back, without headers. */
function clampedMss(s: HookState, context: TargetContext): number {
  const { routes } = context.kernel.ipv4;
  const back = routes.output(src(s.p.buf, s.p.net), 0, 0, 0, 0);
  const backMtu = back.type === DST_ERROR ? Number.POSITIVE_INFINITY : back.mtu;
  return Math.min(s.d?.mtu ?? Number.POSITIVE_INFINITY, backMtu) - HEADERS;
}

/** Lowers the option, never raises it; a SYN without one and without data gets one. */
function lower(p: Packet, at: number, header: number, mss: number): void {
  const { buf } = p;
  for (let o = at + TCP_HEADER; o <= at + header - OPTION; ) {
    if (u8(buf, o) === TCPOPT_MSS && u8(buf, o + 1) === OPTION) {
      const old = u16(buf, o + 2);
      if (old <= mss) return;
      adjustSum(p, at, o + 2, old, mss);
      setU16(buf, o + 2, mss);
      return;
    }
    o += u8(buf, o) <= TCPOPT_NOP ? 1 : u8(buf, o + 1) || 1;
  }
  if (p.end - at > header || header >= TCP_HEADER_MAX || (u8(buf, at + 13) & TCP_SYN) === 0) return;
  insert(p, at, header, Math.min(mss, MSS_DEFAULT)); // RFC 9293 §3.7.1
}

/** Puts the option in front of the others. The headers before it move into the headroom. */
function insert(p: Packet, at: number, header: number, mss: number): void {
  const moved = at + TCP_HEADER - p.start;
  p.push(OPTION);
  const { buf, start } = p;
  const front = Math.min(start, LINK_HEADER); // what rules may still ask of the frame moves too
  buf.copyWithin(start - front, start - front + OPTION, start + OPTION + moved);
  p.net -= OPTION;
  p.sumFrom = -1;
  const tcp = start + moved - TCP_HEADER;
  const option = tcp + TCP_HEADER;
  const before = u16(buf, tcp + 12);
  setU16(buf, tcp + 12, before + 0x1000);
  setU16(buf, option, (TCPOPT_MSS << 8) | OPTION);
  setU16(buf, option + 2, mss);
  adjustChecksum16(buf, tcp, before, before + 0x1000);
  adjustChecksum16(buf, tcp, 0, u16(buf, option));
  adjustChecksum16(buf, tcp, 0, mss);
  adjustChecksum16(buf, tcp, header, header + OPTION); // the length in the pseudo-header
  const length = totalLength(buf, p.net);
  setIpChecksum(buf, p.net, updateChecksum(ipChecksum(buf, p.net), length, length + OPTION));
  setTotalLength(buf, p.net, length + OPTION);
}

function adjustSum(p: Packet, at: number, place: number, before: number, after: number): void {
  const swap = ((place - at) & 1) !== 0;
  const word = (w: number): number => (swap ? ((w & 0xff) << 8) | (w >>> 8) : w);
  adjustChecksum16(p.buf, at, word(before), word(after));
  if (p.sumFrom >= 0 && p.sumFrom < place + 2) p.sumFrom = -1;
}
