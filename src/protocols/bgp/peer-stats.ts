/** Why what a neighbour sent did not come into the table, counted (bgpd/bgpd.h:struct peer, `stat_pfx_…`). */
export class PeerStats {
  filtered = 0;
  asPathLoop = 0;
  originatorLoop = 0;
  clusterLoop = 0;
  nextHopInvalid = 0;
  withdrawn = 0;
  /** Attributes that were left out. */
  discarded = 0;
}
