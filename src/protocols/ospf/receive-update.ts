import { u8, u16, u32 } from "../../core/bytes.ts";
import { MS } from "../../core/time.ts";
import { acknowledged, flood, install, isOpaque, requestKey, slotFor } from "./flood.ts";
import { isGrace } from "./gr-helper.ts";
import { compareInstances, type Lsa, readLsa } from "./lsa.ts";
import {
  DO_NOT_AGE,
  INITIAL_SEQUENCE,
  LSA_EXTERNAL,
  LSA_HEADER,
  LSA_NSSA,
  LSA_OPAQUE_AS,
  LSA_OPAQUE_LINK,
  LSA_ROUTER,
  MAX_AGE,
  MAX_SEQUENCE,
} from "./lsa-codec.ts";
import type { Slot } from "./lsdb.ts";
import { atLeast } from "./machine.ts";
import type { Neighbor, Ospf } from "./model.ts";
import { delayAck, directAck, queueUpdateTo } from "./update.ts";
import { OPTION_O } from "./wire.ts";

/** Link state updates (RFC 2328 §13; ospfd/ospf_packet.c:ospf_ls_upd, ospfd/ospf_flood.c:ospf_flood). */

/** The body [o, end) of an update. */
export function receiveUpdate(n: Neighbor, b: Uint8Array, o: number, end: number): void {
  const { oi } = n;
  const { ospf } = oi;
  if (!atLeast(n.state, "Exchange")) return ospf.drop("neighbor state", { ifname: oi.ifname });
  if (end - o < 4) return ospf.drop("length", { ifname: oi.ifname });
  let at = o + 4;
  for (let left = u32(b, o); left > 0 && end - at >= LSA_HEADER; left--) {
    ospf.advertisements++;
    const length = u16(b, at + 18);
    if (length < LSA_HEADER || length > end - at) return ospf.drop("advertisement length", { ifname: oi.ifname });
    if (!one(n, b, at, at + length)) return;
    at += length;
  }
}

/** One advertisement; false ends the reading of the packet. */
function one(n: Neighbor, b: Uint8Array, o: number, end: number): boolean {
  const { oi } = n;
  const { ospf } = oi;
  const type = u8(b, o + 3);
  if (!mayTake(n, type)) {
    ospf.drop("advertisement type", { ifname: oi.ifname, type });
    return true;
  }
  const slot = slotFor(oi, type, u32(b, o + 4), u32(b, o + 8));
  const lsa = readLsa(b, o, end, slot?.lsa);
  if (lsa === undefined || (lsa !== slot?.lsa && !sound(lsa))) {
    ospf.drop(lsa === undefined ? "advertisement checksum" : "advertisement contents", { ifname: oi.ifname, type });
    return true;
  }
  // an age beyond the greatest counts as that
  const age = Math.min(u16(b, o) & ~DO_NOT_AGE, MAX_AGE);
  if (slot === undefined && age >= MAX_AGE && !exchanging(ospf)) {
    directAck(n, lsa, age); // step 4
    return true;
  }
  const newer = slot === undefined ? 1 : -compareInstances(slot.lsa, slot.ageNow(ospf.now), lsa, age);
  if (newer > 0) {
    take(n, lsa, { age, doNotAge: (u16(b, o) & DO_NOT_AGE) !== 0 }, slot);
    return true;
  }
  if (n.requests.size > 0 && n.state !== "Full" && n.requests.has(requestKey(type, lsa.id, lsa.adv))) {
    ospf.later(() => ospf.hooks.neighborEvent(n, "BadLSReq")); // step 6
    return false;
  }
  if (newer === 0) same(n, lsa, age, slot as Slot);
  else older(n, slot as Slot);
  return true;
}

/** Step 7: the same instance. */
function same(n: Neighbor, lsa: Lsa, age: number, slot: Slot): void {
  const { oi } = n;
  if (!acknowledged(n, slot)) return directAck(n, lsa, age);
  if (oi.state === "Backup" && n.address === oi.dr) directAck(n, lsa, age);
}

/** Step 8: this router has a newer one. */
function older(n: Neighbor, slot: Slot): void {
  const { ospf } = n.oi;
  if (slot.age >= MAX_AGE && slot.lsa.seq === MAX_SEQUENCE) return;
  if (ospf.now - slot.at >= ospf.settings.minLsArrivalMs * MS) queueUpdateTo(n, slot);
}

/** Step 5. */
function take(
  n: Neighbor,
  lsa: Lsa,
  { age, doNotAge }: { readonly age: number; readonly doNotAge: boolean },
  slot: Slot | undefined,
): void {
  const { oi } = n;
  const { ospf, area } = oi;
  if (slot !== undefined) {
    // CVE-2017-3224
    if (slot.lsa.seq === MAX_SEQUENCE && lsa.seq === MAX_SEQUENCE && age < MAX_AGE)
      return ospf.drop("advertisement sequence", { ifname: oi.ifname });
    const initial = slot.self && slot.age === 0 && slot.lsa.seq === (INITIAL_SEQUENCE | 0);
    if (!initial && ospf.now - slot.at < ospf.settings.minLsArrivalMs * MS)
      return ospf.drop("advertisement too soon", { ifname: oi.ifname });
  }
  if (isGrace(lsa) && lsa.adv !== ospf.routerId && !ospf.hooks.graceReceived(n, lsa, age, age >= MAX_AGE))
    return ospf.drop("grace", { ifname: oi.ifname });
  const self = lsa.adv === ospf.routerId || isOwnNetwork(ospf, lsa);
  const link = lsa.type === LSA_OPAQUE_LINK ? oi.ifname : undefined;
  const installed = install(ospf, area, lsa, age, { self, link, known: slot, doNotAge: doNotAge && !self });
  if (installed === undefined) return;
  const acknowledge = flood(ospf, area, installed, n);
  if (acknowledge && !(oi.state === "Backup" && n.address !== oi.dr)) delayAck(oi, lsa, age);
  if (self) ospf.hooks.selfOriginated(area, installed);
}

/** A network of which this router was the designated one under another id (§13.4). */
const isOwnNetwork = (ospf: Ospf, lsa: Lsa): boolean =>
  lsa.type === 2 && ospf.interfaces.some((i) => i.address === lsa.id);

function mayTake(n: Neighbor, type: number): boolean {
  const { area } = n.oi;
  if (type < 1 || type > LSA_OPAQUE_AS || type === 6 || type === 8) return false;
  if (isOpaque(type)) return (n.options & OPTION_O) !== 0 && (type !== LSA_OPAQUE_AS || area.external);
  if (type === LSA_EXTERNAL) return area.external;
  return type !== LSA_NSSA || area.settings.kind === "nssa";
}

/** Contents that their type allows; VU229804: routers say only of themselves what their links are. */
const sound = (lsa: Lsa): boolean =>
  (isOpaque(lsa.type) || lsa.body.kind !== "raw") && (lsa.type !== LSA_ROUTER || lsa.id === lsa.adv);

/** Whether some neighbour is in Exchange or Loading (ospfd/ospf_neighbor.c:ospf_check_nbr_status). */
function exchanging(ospf: Ospf): boolean {
  for (const oi of ospf.interfaces)
    for (const n of oi.neighbors.all) if (n.state === "Exchange" || n.state === "Loading") return true;
  return false;
}
