import type { Ipv4 } from "../../core/addr.ts";
import { u8, u16, u32 } from "../../core/bytes.ts";
import { NEVER, S } from "../../core/time.ts";
import type { Lsa } from "./lsa.ts";
import { LSA_HEADER, LSA_OPAQUE_LINK } from "./lsa-codec.ts";
import type { Helping, Neighbor, Ospf } from "./model.ts";

/** Helping neighbours that restart: RFC 3623 §3 (ospfd/ospf_gr_helper.c). */

/** Opaque type of grace advertisements. */
const GRACE = 3;
const [PERIOD_TLV, REASON_TLV, ADDRESS_TLV] = [1, 2, 3];
/** ospfd/ospf_gr.h: periods in seconds. */
const PERIOD_MIN_S = 1;
export const PERIOD_MAX_S = 1800;

export const RESTART_REASONS = [
  "Unknown restart",
  "Software restart",
  "Software reload/upgrade",
  "Switch to redundant control processor",
] as const;
export type HelperExit = "Topology Change" | "Grace timer expiry" | "Successful graceful restart";

/** What a grace advertisement says (RFC 3623 appendix A). */
export interface Grace {
  readonly periodS: number;
  readonly reason: number;
  /** The restarting router's address; 0: it is not told. */
  readonly address: Ipv4;
}

export const isGrace = (lsa: Lsa): boolean => lsa.type === LSA_OPAQUE_LINK && lsa.id >>> 24 === GRACE;

/** Reads a grace advertisement; undefined: it makes no sense. */
export function readGrace({ bytes, length }: Lsa): Grace | undefined {
  let [periodS, reason, address] = [0, 0, 0];
  for (let at = LSA_HEADER; at < length; ) {
    if (at + 4 > length) return undefined;
    const [type, size] = [u16(bytes, at), u16(bytes, at + 2)];
    const next = at + 4 + Math.ceil(size / 4) * 4;
    if (next > length) return undefined;
    if (type === PERIOD_TLV && size >= 4) periodS = u32(bytes, at + 4);
    else if (type === REASON_TLV && size >= 1) reason = u8(bytes, at + 4);
    else if (type === ADDRESS_TLV && size >= 4) address = u32(bytes, at + 4);
    at = next;
  }
  if (periodS < PERIOD_MIN_S || periodS > PERIOD_MAX_S || reason >= RESTART_REASONS.length) return undefined;
  return { periodS, reason, address };
}

/** A grace advertisement has come from `n`. False: it is not taken, and this router helps nobody by it. */
export function receiveGrace(n: Neighbor, lsa: Lsa, age: number, withdrawn: boolean): boolean {
  const grace = readGrace(lsa);
  const restarter = grace && restarterOf(n, grace);
  if (grace === undefined || restarter === undefined) return withdrawn;
  if (withdrawn) {
    exitHelper(restarter, "Successful graceful restart");
    return true;
  }
  if (!mayHelp(restarter, grace, age)) return false;
  const { ospf } = n.oi;
  const actualS = Math.min(grace.periodS, ospf.settings.grHelper.supportedS);
  const timer = restarter.helping?.timer ?? ospf.alarm(() => exitHelper(restarter, "Grace timer expiry"));
  timer.set(ospf.now + actualS * S);
  const helping: Helping = { timer, receivedS: grace.periodS, actualS, reason: grace.reason };
  restarter.helping = helping;
  ospf.hooks.adjacencyChanged(restarter);
  return true;
}

/** On networks of many the restarting router tells its address: its advertisement may have come by another one. */
const restarterOf = (n: Neighbor, { address }: Grace): Neighbor | undefined =>
  n.oi.type === "point-to-point" ? n : n.oi.neighbors.all.find((o) => o.address === address);

/** §3.1. */
function mayHelp(restarter: Neighbor, grace: Grace, age: number): boolean {
  const { ospf } = restarter.oi;
  if (ospf.restarting !== undefined) return false;
  const { enabled, routers, plannedOnly, strict } = ospf.settings.grHelper;
  if (!enabled && !routers.has(restarter.routerId)) return false;
  if (restarter.state !== "Full" && restarter.helping === undefined) return false;
  if (plannedOnly && grace.reason !== 1 && grace.reason !== 2) return false;
  if (
    strict &&
    restarter.helping === undefined &&
    restarter.retransmit.slots().some((slot) => slot.changed && slot.lsa.type <= 7)
  )
    return false;
  return age < grace.periodS;
}

/** §3.2: the neighbour is again what its own packets say. */
export function exitHelper(n: Neighbor, why: HelperExit): void {
  const { helping, oi } = n;
  if (helping === undefined) return;
  const { ospf } = oi;
  helping.timer.set(NEVER);
  n.helping = undefined;
  ospf.lastHelperExit = why;
  ospf.os.trace("ospf.helper", { neighbor: n.routerId, why });
  ospf.hooks.adjacencyChanged(n);
  if (oi.elects && oi.state !== "Down") ospf.hooks.interfaceEvent(oi, "NeighborChange");
  ospf.hooks.routerLsa(oi.area);
  if (oi.state === "DR") ospf.hooks.networkLsa(oi);
}

/** §3.2 (3): something has changed that concerns routes, while somebody cannot hear of it. */
export function topologyChanged(ospf: Ospf, type: number): void {
  if (!ospf.settings.grHelper.strict || type > 7) return;
  for (const oi of ospf.interfaces) {
    if (oi.area.settings.kind === "stub" && type === 5) continue;
    for (const n of oi.neighbors.all) if (n.helping !== undefined) exitHelper(n, "Topology Change");
  }
}
