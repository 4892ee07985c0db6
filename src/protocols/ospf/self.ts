import type { Borders } from "./borders.ts";
import type { Externals } from "./externals.ts";
import { flush } from "./flood.ts";
import {
  LSA_ASBR_SUMMARY,
  LSA_EXTERNAL,
  LSA_NETWORK,
  LSA_NSSA,
  LSA_ROUTER,
  LSA_SUMMARY,
  MAX_AGE,
} from "./lsa-codec.ts";
import type { Slot } from "./lsdb.ts";
import type { Area, Ospf } from "./model.ts";
import { refresh } from "./originate.ts";

/**
 * Something newer than what this router says of itself was heard and installed: it says it anew, or withdraws it
 * (RFC 2328 §13.4; ospfd/ospf_flood.c:ospf_process_self_originated_lsa).
 */
export function selfOriginated(ospf: Ospf, borders: Borders, externals: Externals, area: Area, slot: Slot): void {
  const { lsa } = slot;
  switch (lsa.type) {
    case LSA_ROUTER:
      return ospf.hooks.routerLsa(area);
    case LSA_NETWORK: {
      const oi = area.interfaces.find((i) => i.address === lsa.id);
      if (oi?.state === "DR" && oi.fullNeighbors > 0 && lsa.adv === ospf.routerId) return ospf.hooks.networkLsa(oi);
      return flush(ospf, area, slot);
    }
    case LSA_SUMMARY:
    case LSA_ASBR_SUMMARY:
      return borders.claimed(area, slot);
    case LSA_EXTERNAL:
    case LSA_NSSA:
      if (externals.owns(slot)) {
        if (slot.age < MAX_AGE) refresh(ospf, area, slot);
        return externals.refreshAll();
      }
      if (!borders.nssa.owns(slot)) flush(ospf, area, slot);
      return;
    default:
      return flush(ospf, area, slot);
  }
}
