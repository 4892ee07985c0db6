import type { Ipv4 } from "../../core/addr.ts";
import { type Nanos, NEVER, S } from "../../core/time.ts";
import { compareInstances, type Lsa } from "./lsa.ts";
import { LSA_EXTERNAL, LSA_OPAQUE_AS, LSA_OPAQUE_LINK, MAX_AGE } from "./lsa-codec.ts";
import { type LsaPacing, pace } from "./lsa-pacing.ts";
import { LSDB_MAX, type Lsdb, Slot } from "./lsdb.ts";
import { atLeast, nextBeat } from "./machine.ts";
import type { Area, Neighbor, Ospf, OspfInterface } from "./model.ts";
import { queueUpdate, queueUpdateTo } from "./update.ts";
import { OPTION_O } from "./wire.ts";

/** Flooding (RFC 2328 §13.3), retransmission (§13.6) and what is put into the databases (§13.2). */

export const requestKey = (type: number, id: number, adv: number): string => `${type} ${id} ${adv}`;
export const isOpaque = (type: number): boolean => type >= LSA_OPAQUE_LINK;
/** The whole system's, not an area's. */
export const isSystemWide = (type: number): boolean => type === LSA_EXTERNAL || type === LSA_OPAQUE_AS;
export const lsdbOf = (ospf: Ospf, area: Area, type: number): Lsdb => (isSystemWide(type) ? ospf.lsdb : area.lsdb);

/** What the database has for a neighbour's network under a type, id and router. */
export const slotFor = ({ ospf, area, ifname }: OspfInterface, type: number, id: Ipv4, adv: Ipv4): Slot | undefined =>
  type === LSA_OPAQUE_LINK ? area.lsdb.findOn(ifname, id, adv) : lsdbOf(ospf, area, type).find(type, id, adv);

/** Puts an instance into its database. `known`: the slot that it has there. Undefined: the database is full. */
export function install(
  ospf: Ospf,
  area: Area,
  lsa: Lsa,
  age: number,
  how: {
    readonly self: boolean;
    readonly link?: string | undefined;
    readonly known: Slot | undefined;
    readonly doNotAge?: boolean;
  },
): Slot | undefined {
  const lsdb = lsdbOf(ospf, area, lsa.type);
  const { now } = ospf;
  let slot = how.known;
  let before: Lsa | undefined;
  let changed = true;
  if (slot === undefined) {
    if (lsdb.size >= LSDB_MAX && !how.self) {
      ospf.drop("database full");
      return undefined;
    }
    slot = new Slot(lsa, age, now, how.self, how.link);
    lsdb.add(slot);
  } else {
    before = slot.lsa;
    ospf.retransmissions.forget(slot);
    changed = !before.sameContents(lsa) || slot.ageNow(now) >= MAX_AGE !== age >= MAX_AGE;
    slot.lsa = lsa;
    slot.age = age;
    slot.at = now;
    slot.self = how.self;
    slot.changed = changed;
    slot.flushing = false;
  }
  slot.doNotAge = how.doNotAge === true && age < MAX_AGE;
  if (age >= MAX_AGE) ospf.hooks.withdrawn(isSystemWide(lsa.type) ? undefined : area, slot);
  else if (slot.expiresAt < lsdb.expiresAt) {
    lsdb.expiresAt = slot.expiresAt;
    ospf.hooks.agingChanged();
  }
  if (changed) ospf.hooks.contentsChanged(isSystemWide(lsa.type) ? undefined : area, slot, before);
  return slot;
}

/** Floods through whatever the type's scope is. True: it was not sent back where it came from, and wants an acknowledgement. */
export function flood(ospf: Ospf, area: Area, slot: Slot, from: Neighbor | undefined): boolean {
  const { type } = slot.lsa;
  if (!isSystemWide(type)) return floodArea(area, slot, from);
  let ack = false;
  for (const a of ospf.areas.values()) if (a.external) ack = floodArea(a, slot, from) || ack;
  return ack;
}

function floodArea(area: Area, slot: Slot, from: Neighbor | undefined): boolean {
  let ack = false;
  for (const oi of area.interfaces) {
    if (slot.link !== undefined && slot.link !== oi.ifname) continue;
    if (oi.type === "virtual" && isSystemWide(slot.lsa.type)) continue;
    if (floodInterface(oi, slot, from)) ack = true;
  }
  return ack;
}

/** §13.3, steps 1 to 5 for one interface. True: nothing is sent on the interface that it came from. */
function floodInterface(oi: OspfInterface, slot: Slot, from: Neighbor | undefined): boolean {
  if (oi.lsaPacing !== undefined) return floodPaced(oi, oi.lsaPacing, slot, from);
  let wanted = false;
  for (const n of oi.neighbors.all)
    if (wants(n, slot, from)) {
      retransmitTo(n, slot);
      wanted = true;
    }
  const back = from !== undefined && from.oi === oi;
  if (!wanted) return back;
  if (back) {
    if (from.address === oi.dr || from.address === oi.bdr) return oi.elects;
    if (oi.state === "Backup") return true;
    // ospfd/ospf_flood.c:ospf_flood_through_interface: those who have not heard it acknowledge nothing, and get it again
    if (oi.variant === "delay-reflood") return true;
  }
  queueUpdate(oi, slot);
  return false;
}

/** The same where updates keep a distance: each neighbour has its queue, and what has left is on its list. */
function floodPaced(oi: OspfInterface, pacing: LsaPacing, slot: Slot, from: Neighbor | undefined): boolean {
  const wanting: Neighbor[] = [];
  for (const n of oi.neighbors.all)
    if (wants(n, slot, from)) wanting.push(n);
    else n.paced?.forget(slot);
  const back = from !== undefined && from.oi === oi;
  if (wanting.length === 0) return back;
  if (back && (from.address === oi.dr || from.address === oi.bdr || oi.state === "Backup")) {
    for (const n of wanting) retransmitTo(n, slot);
    return from.address === oi.dr || from.address === oi.bdr ? oi.elects : true;
  }
  for (const n of wanting) {
    if (slot.ageNow(oi.ospf.now) >= MAX_AGE) retransmitTo(n, slot); // what is withdrawn stays until all have it
    pace(n, pacing, slot, retransmitTo);
  }
  return false;
}

/** Step 1: whether a neighbour has to get it. Takes it off the list of what is wanted from that neighbour. */
function wants(n: Neighbor, slot: Slot, from: Neighbor | undefined): boolean {
  if (!atLeast(n.state, "Exchange")) return false;
  const { lsa } = slot;
  const { ospf } = n.oi;
  if (n.state !== "Full" && n.requests.size > 0) {
    const key = requestKey(lsa.type, lsa.id, lsa.adv);
    const wanted = n.requests.get(key);
    if (wanted !== undefined) {
      const newer = compareInstances(wanted, wanted.age, lsa, slot.ageNow(ospf.now));
      if (newer > 0) return false;
      dropRequest(n, key);
      if (newer === 0) return false;
    }
  }
  if (isOpaque(lsa.type) && (n.options & OPTION_O) === 0) return false;
  if (from !== undefined) return from.routerId !== n.routerId;
  // ospfd/ospf_flood.c:ospf_flood_through_interface: what is said of a neighbour's own is not told to it
  return lsa.adv !== n.routerId;
}

/** Nothing is wanted under this key any more. */
export function dropRequest(n: Neighbor, key: string): void {
  n.requests.delete(key);
  if (n.lastRequested === key) n.lastRequested = undefined;
  checkLoading(n);
}

/** ospfd/ospf_nsm.c:ospf_check_nbr_loading. */
export function checkLoading(n: Neighbor): void {
  if (n.state !== "Loading") return;
  const { ospf } = n.oi;
  if (n.requests.size === 0) ospf.later(() => ospf.hooks.neighborEvent(n, "LoadingDone"));
  else if (n.lastRequested === undefined) ospf.later(() => n.lastRequested === undefined && ospf.hooks.requestTimer(n));
}

/** Puts an instance on the list of what a neighbour has to acknowledge. */
export function retransmitTo(n: Neighbor, slot: Slot): void {
  if (!n.retransmit.add(slot) || n.retransmit.size > 1) return; // the timer runs while the list is not empty
  if (n.retransmitTimer.deadline === NEVER) n.retransmitTimer.set(nextRetransmission(n));
}

/** The neighbour has it. Returns whether that was not known. */
export function acknowledged(n: Neighbor, slot: Slot): boolean {
  n.paced?.forget(slot);
  return n.retransmit.delete(slot);
}
export function clearRetransmissions(n: Neighbor): void {
  n.paced?.clear();
  n.retransmit.clear();
  n.retransmitTimer.set(NEVER);
}

/** The timer of a neighbour beats from the begin of the exchange on (ospfd/ospf_nsm.c:nsm_timer_set). */
const nextRetransmission = (n: Neighbor): Nanos => nextBeat(n.exchangeAt, n.oi.retransmitS * S, n.oi.ospf.now);

/** Sends again what was not acknowledged, but nothing that is younger than the interval (ospfd/ospf_packet.c:ospf_ls_upd_timer). */
export function retransmit(n: Neighbor): void {
  if (n.retransmit.size === 0) return;
  const { now } = n.oi.ospf;
  n.exchangeAt = now;
  const since = now - n.oi.retransmitS * S;
  const { lsaPacing, adjacencyPacing } = n.oi;
  for (const slot of n.retransmit.installedBy(since)) {
    if ((n.paced?.sentAt.get(slot) ?? slot.at) > since) continue;
    if (lsaPacing === undefined) queueUpdateTo(n, slot);
    else if (n.paced?.waiting.has(slot) !== true) pace(n, lsaPacing, slot, retransmitTo);
  }
  adjacencyPacing?.feedback();
  n.retransmitTimer.set(nextRetransmission(n));
}

/** Withdraws an advertisement: at MaxAge it is flooded, and taken out once everybody has acknowledged (§14.1). */
export function flush(ospf: Ospf, area: Area, slot: Slot): void {
  const old = slot.ageNow(ospf.now) >= MAX_AGE;
  if (old && slot.flushing) return;
  // ospfd/ospf_flood.c:ospf_lsa_flush_area: what was said before a restart stands until that is over
  if (slot.self && ospf.restarting !== undefined && !old && !ospf.stopping) return;
  const wasOld = slot.age >= MAX_AGE;
  ospf.retransmissions.forget(slot);
  slot.age = MAX_AGE;
  slot.doNotAge = false;
  slot.at = ospf.now;
  slot.refreshAt = undefined;
  slot.flushing = true;
  flood(ospf, area, slot, undefined);
  const scope = isSystemWide(slot.lsa.type) ? undefined : area;
  ospf.hooks.withdrawn(scope, slot);
  if (!wasOld) ospf.hooks.contentsChanged(scope, slot, slot.lsa);
}
