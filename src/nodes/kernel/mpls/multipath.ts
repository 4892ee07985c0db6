import { u8 } from "../../../core/bytes.ts";
import type { Packet } from "../../../core/packet.ts";
import { dstI32, HEADER as IP_HEADER, protocol, srcI32 } from "../../../protocols/ipv4/wire.ts";
import { ENTROPY_INDICATOR, ENTRY, isBottom, label, UNRESERVED } from "../../../protocols/mpls/wire.ts";
import type { LabelHop, LabelRoute } from "./routes.ts";

/** Labels that are looked at (MAX_MP_SELECT_LABELS). */
const LABELS_SEEN = 4;

/**
 * The way of a label that a packet takes: the only one, or one of those that live, by a hash of the flow
 * (net/mpls/af_mpls.c:mpls_select_multipath). `p` starts at the label stack.
 */
export function choose(route: LabelRoute, p: Packet, seed: number): LabelHop | undefined {
  const { hops } = route;
  if (hops.length === 1) return hops[0];
  const living = hops.filter((hop) => hop.alive);
  return living.length === 0 ? undefined : living[hashOf(p, seed) % living.length];
}

/** net/mpls/af_mpls.c:mpls_multipath_hash: labels with a meaning of their own do not tell flows apart, an entropy label alone does. */
function hashOf(p: Packet, seed: number): number {
  const { buf, start, end } = p;
  let hash = seed | 0;
  let entropy = false;
  for (let i = 0, at = start; i < LABELS_SEEN && end - at >= ENTRY; i++, at += ENTRY) {
    const value = label(buf, at);
    if (value >= UNRESERVED) hash = mix(hash, value);
    if (value >= UNRESERVED && entropy) break;
    entropy = value === ENTROPY_INDICATOR;
    if (!isBottom(buf, at)) continue;
    const inner = at + ENTRY;
    if (end - inner < IP_HEADER || u8(buf, inner) >> 4 !== 4) break;
    return mix(mix(mix(hash, srcI32(buf, inner)), dstI32(buf, inner)), protocol(buf, inner)) >>> 0;
  }
  return hash >>> 0;
}

function mix(hash: number, word: number): number {
  let h = Math.imul(hash ^ word, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return h ^ (h >>> 16);
}
