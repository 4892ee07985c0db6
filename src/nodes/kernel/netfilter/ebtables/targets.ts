import { isGroupMac, type Mac } from "../../../../core/addr.ts";
import { setU48, u8, u16, u32, u48 } from "../../../../core/bytes.ts";
import { granted, type Outcome, refused } from "../../../../core/errno.ts";
import { PACKET_BROADCAST, PACKET_HOST, PACKET_MULTICAST, PACKET_OTHERHOST } from "../../../../core/packet.ts";
import { ETHERTYPE_ARP, ETHERTYPE_IPV4, HEADER } from "../../../../protocols/ethernet/wire.ts";
import { BR_LOCAL_OUT, BR_POST_ROUTING, BR_PRE_ROUTING, type FrameState } from "./frame.ts";
import { typeOf } from "./matches.ts";
import type { EbRuleSpec, EbTableName, EbTargetSpec, EbVerdict } from "./rule.ts";

export type FrameAction = (s: FrameState) => EbVerdict;

const ARP_LENGTH = 28;
const ARPOP_REQUEST = 1;
const ARPOP_REPLY = 2;
const BROADCAST: Mac = 0xffff_ffff_ffff;

/** Makes a target ready. Its verdict may be `CONTINUE`; jumps are the table's. */
export function makeAction(spec: EbTargetSpec): Outcome<FrameAction> {
  switch (spec.kind) {
    case "ACCEPT":
    case "DROP":
    case "CONTINUE":
    case "RETURN": {
      const { kind } = spec;
      return granted(() => kind);
    }
    case "jump":
      return granted(() => "CONTINUE");
    case "mark":
      return granted(makeMark(spec));
    case "snat":
      return granted((s) => setSource(s, spec.mac, spec.arp === true, spec.verdict ?? "ACCEPT"));
    case "dnat":
      return granted((s) => setDestination(s, spec.mac, spec.verdict ?? "ACCEPT"));
    case "redirect":
      return granted((s) => redirect(s, spec.verdict ?? "ACCEPT"));
    case "arpreply":
      return granted((s) => replyArp(s, spec.mac, spec.verdict ?? "DROP"));
    default: {
      const { kind } = spec as { kind: string };
      return refused("ENOENT", `Couldn't load target \`${kind}':No such file or directory`);
    }
  }
}

/** Whether a target may stand there: in which table, and at which hooks (`checkentry` of each). */
export function mayStand(rule: EbRuleSpec, table: EbTableName, hooks: number): boolean {
  const at = (...allowed: readonly number[]): boolean =>
    table === "nat" && (hooks & ~allowed.reduce((bits, hook) => bits | (1 << hook), 0)) === 0;
  switch (rule.target.kind) {
    case "snat":
      return at(BR_POST_ROUTING);
    case "dnat":
      return at(BR_PRE_ROUTING, BR_LOCAL_OUT);
    case "redirect":
      return at(BR_PRE_ROUTING);
    case "arpreply":
      return at(BR_PRE_ROUTING) && rule.protocol?.type === ETHERTYPE_ARP && rule.protocol.invert !== true;
    default:
      return true;
  }
}

function makeMark(spec: Extract<EbTargetSpec, { kind: "mark" }>): FrameAction {
  const { op, value, verdict = "ACCEPT" } = spec;
  const change = {
    set: () => value,
    or: (m: number) => m | value,
    and: (m: number) => m & value,
    xor: (m: number) => m ^ value,
  }[op];
  return ({ p }) => {
    p.mark = change(p.mark) >>> 0;
    return verdict;
  };
}

/** net/bridge/netfilter/ebt_snat.c. */
function setSource(s: FrameState, mac: Mac, arp: boolean, verdict: EbVerdict): EbVerdict {
  const { p } = s;
  setU48(p.buf, p.start + 6, mac);
  if (arp && typeOf(s) === ETHERTYPE_ARP && p.end - p.start >= HEADER + ARP_LENGTH) {
    setU48(p.buf, p.start + HEADER + 8, mac);
    forgetSum(s);
  }
  return verdict;
}

/** net/bridge/netfilter/ebt_dnat.c: the frame may be for this machine now, or for it no more. */
function setDestination(s: FrameState, mac: Mac, verdict: EbVerdict): EbVerdict {
  const { p } = s;
  setU48(p.buf, p.start, mac);
  const bridge = s.logicalIn ?? s.logicalOut;
  if (mac === BROADCAST) p.type = PACKET_BROADCAST;
  else if (isGroupMac(mac)) p.type = PACKET_MULTICAST;
  else if (bridge !== null && mac === bridge.mac) p.type = PACKET_HOST;
  else if (p.type === PACKET_HOST && s.hook === BR_PRE_ROUTING) p.type = PACKET_OTHERHOST;
  return verdict;
}

/** net/bridge/netfilter/ebt_redirect.c: to the bridge itself. */
function redirect(s: FrameState, verdict: EbVerdict): EbVerdict {
  if (s.logicalIn !== null) setU48(s.p.buf, s.p.start, s.logicalIn.mac);
  s.p.type = PACKET_HOST;
  return verdict;
}

/** net/bridge/netfilter/ebt_arpreply.c: the answer leaves by the port that the request came in by. */
function replyArp(s: FrameState, mac: Mac, verdict: EbVerdict): EbVerdict {
  const { p, kernel } = s;
  const o = p.start + HEADER;
  const { buf } = p;
  if (p.end - o < ARP_LENGTH || s.in === null) return "DROP";
  if (
    u16(buf, o + 6) !== ARPOP_REQUEST ||
    u8(buf, o + 4) !== 6 ||
    u16(buf, o + 2) !== ETHERTYPE_IPV4 ||
    u8(buf, o + 5) !== 4
  )
    return "CONTINUE";
  const asker = u48(buf, o + 8);
  const answer = kernel.sim.pool.alloc(HEADER + ARP_LENGTH);
  const a = answer.start;
  answer.buf.set(buf.subarray(o, o + ARP_LENGTH), a + HEADER);
  setU48(answer.buf, a, asker);
  setU48(answer.buf, a + 6, mac);
  answer.view.setUint16(a + 12, ETHERTYPE_ARP);
  answer.view.setUint16(a + HEADER + 6, ARPOP_REPLY);
  setU48(answer.buf, a + HEADER + 8, mac);
  answer.view.setUint32(a + HEADER + 14, u32(buf, o + 24));
  setU48(answer.buf, a + HEADER + 18, asker);
  answer.view.setUint32(a + HEADER + 24, u32(buf, o + 14));
  if (p.trail !== null) answer.trail = p.trail.fork("answer");
  s.in.send(answer);
  return verdict;
}

/** Octets behind the Ethernet header were changed. */
function forgetSum({ p }: FrameState): void {
  if (p.sumFrom >= 0 && p.sumFrom < p.start + HEADER + ARP_LENGTH) p.sumFrom = -1;
}
