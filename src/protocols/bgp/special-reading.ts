import type { SpecialReading } from "./attribute-decode.ts";
import type { Peer } from "./peer.ts";

const NONE: readonly number[] = [];

/** What is read of a neighbour otherwise than of most; undefined: nothing. */
export function specialReading(peer: Peer): SpecialReading | undefined {
  const { attributesDiscarded, attributesWithdrawn } = peer.settings;
  const { allowMartian } = peer.bgp.globals;
  const { reservedRanges } = peer.bgp;
  const usual = attributesDiscarded === undefined && attributesWithdrawn === undefined;
  if (usual && !allowMartian && !reservedRanges && !peer.oad) return undefined;
  return {
    discarded: attributesDiscarded ?? NONE,
    withdrawn: attributesWithdrawn ?? NONE,
    martians: allowMartian,
    reserved: reservedRanges,
    localPref: peer.oad,
    stats: peer.stats,
  };
}
