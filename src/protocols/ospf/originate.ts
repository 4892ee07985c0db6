import type { Ipv4 } from "../../core/addr.ts";
import { S } from "../../core/time.ts";
import { demandedOptions, staysYoung } from "./demand.ts";
import { flood, flush, install, isOpaque, lsdbOf } from "./flood.ts";
import { makeLsa } from "./lsa.ts";
import { INITIAL_SEQUENCE, type LsaBody, MAX_AGE, MAX_SEQUENCE } from "./lsa-codec.ts";
import type { Slot } from "./lsdb.ts";
import type { Area, Ospf } from "./model.ts";

/** What this router itself says: new instances, refreshed ones, withdrawn ones (RFC 2328 §12.1.6, §12.4, §14.1). */

/** ospfd/ospfd.h: OSPF_LS_REFRESH_TIME, and its jitter in seconds: between 1,680 and 1,740 s pass. */
const REFRESH_S = 1800;
const REFRESH_JITTER_S = 60;
/** What is to be originated. */
export interface Origin {
  readonly type: number;
  readonly id: Ipv4;
  readonly options: number;
  readonly body: LsaBody;
  readonly link?: string;
}

/**
 * Originates an advertisement, or a new instance of it. Undefined: that has to wait, because the last sequence number was used
 * and must be withdrawn first, because the system id is not known, or because this router restarts.
 */
export function originate(ospf: Ospf, area: Area, origin: Origin): Slot | undefined {
  if (ospf.routerId === 0) return undefined;
  if (ospf.restarting !== undefined && !isOpaque(origin.type)) return undefined; // RFC 3623 §2.2
  const known = lsdbOf(ospf, area, origin.type).find(origin.type, origin.id, ospf.routerId);
  if (known !== undefined && known.lsa.seq === MAX_SEQUENCE) {
    flush(ospf, area, known);
    return undefined;
  }
  const seq = known === undefined ? INITIAL_SEQUENCE | 0 : known.lsa.seq + 1;
  const options = demandedOptions(ospf, area, origin);
  const lsa = makeLsa({ ...origin, options, adv: ospf.routerId, seq });
  const doNotAge = staysYoung(ospf, area, origin.type);
  const slot = install(ospf, area, lsa, 0, { self: true, link: origin.link, known, doNotAge });
  if (slot === undefined) return undefined;
  if (doNotAge) slot.refreshAt = undefined;
  else scheduleRefresh(ospf, slot);
  flood(ospf, area, slot, undefined);
  ospf.os.trace("ospf.originate", { type: origin.type, id: origin.id, seq: slot.lsa.seq >>> 0 });
  return slot;
}

/** The same contents under the next sequence number. */
export function refresh(ospf: Ospf, area: Area, slot: Slot): void {
  const { type, id, options, body } = slot.lsa;
  originate(ospf, area, { type, id, options, body, ...(slot.link === undefined ? {} : { link: slot.link }) });
}

/** Originates only when options or contents differ from what is there. */
export function originateIfChanged(ospf: Ospf, area: Area, origin: Origin): Slot | undefined {
  const known = lsdbOf(ospf, area, origin.type).find(origin.type, origin.id, ospf.routerId);
  if (known?.self && known.ageNow(ospf.now) < MAX_AGE) {
    const options = demandedOptions(ospf, area, origin);
    const made = makeLsa({ ...origin, options, adv: ospf.routerId, seq: known.lsa.seq });
    if (made.sameContents(known.lsa)) {
      if (known.refreshAt === undefined && !known.doNotAge) scheduleRefresh(ospf, known); // it came back from others
      return known;
    }
  }
  return originate(ospf, area, origin);
}

/** ospfd/ospf_lsa.c:ospf_refresher_register_lsa. */
function scheduleRefresh(ospf: Ospf, slot: Slot): void {
  const delay = REFRESH_S - 2 * REFRESH_JITTER_S + ospf.rng.int(REFRESH_JITTER_S) - slot.ageNow(ospf.now);
  const { refreshS } = ospf.settings; // refreshes are looked for this often
  const due = ospf.now + Math.max(1, Math.floor(delay / refreshS)) * refreshS * S;
  slot.refreshAt = due;
  if (due < ospf.nextRefreshAt) {
    ospf.nextRefreshAt = due;
    ospf.hooks.agingChanged();
  }
}
