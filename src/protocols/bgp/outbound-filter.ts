import { type Ipv4, networkOf } from "../../core/addr.ts";
import { setU16, setU32, u8, u16, u32 } from "../../core/bytes.ts";
import { bad, type Decoded, good } from "../../core/result.ts";
import { PrefixList, type PrefixRule, withRule } from "../../frr/prefix-list.ts";
import { ORF_PREFIX } from "./capability.ts";
import type { Peer } from "./peer.ts";
import { type BgpRefresh, refreshRequest } from "./wire.ts";

/** Outbound route filters: a neighbour says which prefixes it wants at all (RFC 5291, RFC 5292). */

const IMMEDIATE = 1;
const DEFER = 2;
const REMOVE = 0x40;
const REMOVE_ALL = 0x80;
const DENY = 0x20;
/** Octets of an entry before its prefix. */
const ENTRY = 8;
/** Rules that a neighbour may give. */
const RULES_MAX = 10_000;

/** What a ROUTE-REFRESH with filters asks for. */
export interface FilterChange {
  /** Routes are wanted at once. */
  readonly immediate: boolean;
  readonly rules: readonly { readonly add: boolean; readonly rule: PrefixRule }[];
  /** All rules from before go, first. */
  readonly clear: boolean;
}

/** Reads what follows the address family (RFC 5291 §4). */
export function decodeFilters(b: Uint8Array): Decoded<FilterChange> {
  if (b.length < 1) return bad("short", 0);
  const rules: { add: boolean; rule: PrefixRule }[] = [];
  let clear = false;
  for (let at = 1; at + 3 <= b.length; ) {
    const end = at + 3 + u16(b, at + 1);
    if (end > b.length) return bad("length", at + 1);
    if (u8(b, at) === ORF_PREFIX) {
      for (let o = at + 3; o < end; ) {
        // FRR sets both bits (bgpd/bgp_packet.h:ORF_COMMON_PART_REMOVE_ALL).
        if ((u8(b, o) & REMOVE_ALL) !== 0) {
          clear = true;
          break;
        }
        const next = entry(b, o, end, rules);
        if (next < 0) return bad("entry", o);
        o = next;
      }
    }
    at = end;
  }
  return good({ immediate: u8(b, 0) !== DEFER, rules, clear });
}

/** One entry (RFC 5292 §2); where it ends, or -1. */
function entry(b: Uint8Array, o: number, end: number, out: { add: boolean; rule: PrefixRule }[]): number {
  if (o + ENTRY > end) return -1;
  const length = u8(b, o + 7);
  const octets = (length + 7) >> 3;
  if (length > 32 || o + ENTRY + octets > end || out.length >= RULES_MAX) return -1;
  let address = 0;
  for (let i = 0; i < octets; i++) address += u8(b, o + ENTRY + i) * 2 ** (24 - 8 * i);
  const common = u8(b, o);
  const [ge, le] = [u8(b, o + 5), u8(b, o + 6)];
  const prefix = { address: networkOf(address, length), length };
  const rule: PrefixRule = {
    ...{ seq: u32(b, o + 1), verdict: (common & DENY) === 0 ? "permit" : "deny", prefix, any: false },
    ...{ ge: ge === 0 ? undefined : ge, le: le === 0 ? undefined : le },
  };
  out.push({ add: (common & REMOVE) === 0, rule });
  return o + ENTRY + octets;
}

/** The ROUTE-REFRESH that gives a neighbour the rules of a list; undefined: it is to forget those that it has. */
export function filterRefresh(rules: readonly PrefixRule[] | undefined, immediate: boolean): BgpRefresh {
  const size = rules?.reduce((n, r) => n + ENTRY + ((r.prefix.length + 7) >> 3), 0) ?? 1;
  const rest = new Uint8Array(4 + size);
  rest[0] = immediate ? IMMEDIATE : DEFER;
  rest[1] = ORF_PREFIX;
  setU16(rest, 2, size);
  if (rules === undefined) rest[4] = REMOVE_ALL;
  let at = 4;
  for (const r of rules ?? []) at = putEntry(rest, at, r);
  return refreshRequest(rest);
}

function putEntry(b: Uint8Array, o: number, r: PrefixRule): number {
  const octets = (r.prefix.length + 7) >> 3;
  b[o] = r.verdict === "permit" ? 0 : DENY;
  setU32(b, o + 1, r.seq);
  b[o + 5] = r.ge ?? 0;
  b[o + 6] = r.le ?? 0;
  b[o + 7] = r.prefix.length;
  for (let i = 0; i < octets; i++) b[o + ENTRY + i] = octet(r.prefix.address, i);
  return o + ENTRY + octets;
}
const octet = (address: Ipv4, i: number): number => (address >>> (24 - 8 * i)) & 255;

/** Takes a neighbour's filters over. Undefined: they make no sense, and all are dropped (bgpd/bgp_packet.c:bgp_route_refresh_receive). */
export function takeFilters(peer: Peer, b: Uint8Array): FilterChange | undefined {
  const got = decodeFilters(b);
  if (!got.ok) {
    peer.filters = undefined;
    return undefined;
  }
  if (got.value.clear) peer.filters = undefined;
  for (const { add, rule } of got.value.rules) {
    peer.filters ??= new PrefixList("");
    const { rules } = peer.filters;
    if (add && rules.length >= RULES_MAX) continue;
    peer.filters.rules = add ? withRule(rules, rule) : rules.filter((r) => r.seq !== rule.seq);
  }
  if (peer.filters?.rules.length === 0) peer.filters = undefined;
  return got.value;
}

/** Tells a neighbour which prefixes are wanted, or only asks for them again where there is no list (bgpd/bgpd.c:peer_clear_soft). */
export function sendFilters(peer: Peer): void {
  const { policy } = peer.bgp;
  const name = peer.settings.prefixLists?.in;
  const list = name === undefined ? undefined : policy.prefixLists.find(name);
  if (list !== undefined) {
    if (peer.filtersSent) peer.main.send(filterRefresh(undefined, false));
    peer.filtersSent = true;
    return peer.main.send(filterRefresh(list.rules, true));
  }
  if (peer.filtersSent) peer.main.send(filterRefresh(undefined, true));
  else peer.main.send(refreshRequest());
  peer.filtersSent = false;
}
