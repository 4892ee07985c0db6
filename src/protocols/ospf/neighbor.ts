import { formatIp } from "../../core/addr.ts";
import { NEVER, S } from "../../core/time.ts";
import { admits, slotFreed } from "./adjacency-pacing.ts";
import { buildSummary, sendDd, sendRequest } from "./exchange.ts";
import { clearRetransmissions } from "./flood.ts";
import { logChange, logInitializing, logRouterLsa } from "./log.ts";
import { atLeast, type NeighborEvent, type NeighborState, neighborAfter } from "./machine.ts";
import type { Neighbor, OspfInterface } from "./model.ts";
import { neighborSilent } from "./nbma.ts";
import { DD_I, DD_M, DD_MS, OPTION_O } from "./wire.ts";

/** Neighbours' events, and what follows from them (RFC 2328 §10.3; ospfd/ospf_nsm.c). */

/** §10.4. */
export function shouldBeAdjacent(n: Neighbor): boolean {
  const { oi } = n;
  if (!oi.elects) return true;
  return oi.address === oi.dr || oi.address === oi.bdr || n.address === oi.dr || n.address === oi.bdr;
}

export function neighborEvent(n: Neighbor, event: NeighborEvent): void {
  const before = n.state;
  if (before === "Deleted") return;
  const { ospf } = n.oi;
  if (event === "HelloReceived" || event === "Start") {
    n.inactivity.set(ospf.now + n.oi.deadS * S);
    n.configured?.pollTimer.set(NEVER);
  }
  if (event === "NegotiationDone" && before === "ExStart") buildSummary(n);
  const after = neighborAfter(before, event, {
    shouldBeAdjacent: shouldBeAdjacent(n) && admits(n, event),
    requestsEmpty: n.requests.size === 0,
  });
  if (event === "ExchangeDone" && after === "Loading" && n.requestTimer.deadline === NEVER) sendRequest(n);
  if (after !== before) change(n, after, event);
  setTimers(n);
  if (n.state === "Deleted") remove(n);
}

function change(n: Neighbor, state: NeighborState, why: NeighborEvent): void {
  const { oi } = n;
  const { ospf } = oi;
  const before = n.state;
  if (atLeast(state, before)) n.progressAt = ospf.now;
  else {
    n.regressAt = ospf.now;
    n.regressWhy = why;
  }
  logChange(n, before, state, why);
  n.state = state;
  n.stateChanges++;
  ospf.tasks.changed();
  ospf.os.trace("ospf.neighbor", {
    neighbor: formatIp(n.routerId),
    address: formatIp(n.address),
    ifname: oi.ifname,
    from: before,
    to: state,
    why,
  });
  const elects = oi.state === "DR" || oi.state === "Backup" || oi.state === "DROther";
  if (elects && atLeast(before, "2-Way") !== atLeast(state, "2-Way")) ospf.hooks.interfaceEvent(oi, "NeighborChange");
  if (state === "Down" || state === "Deleted") {
    n.helping?.timer.set(NEVER);
    n.helping = undefined;
  }
  if ((before === "Full") !== (state === "Full")) logRouterLsa(n, before, state);
  adjacencyChanged(n);
  if (state === "Full") ospf.hooks.becameFull(n);
  if (atLeast(before, "Exchange") && !atLeast(state, "Exchange")) clearAdjacency(n);
  if (state === "ExStart") startExchange(n);
  if (state === "Exchange") n.exchangeAt = ospf.now;
  if (state === "Down" || state === "Deleted") n.cryptSeq = 0;
  slotFreed(n, before);
}

/** Counts a neighbour that is full, or is helped to become so again (RFC 3623 §3.2). */
export function adjacencyChanged(n: Neighbor): void {
  const is = n.state === "Full" || n.helping !== undefined;
  if (is === n.counted) return;
  n.counted = is;
  fullChanged(n.oi, is ? 1 : -1);
}

/** While a neighbour is helped it may be silent. */
export function inactivityTimer(n: Neighbor): void {
  if (n.helping === undefined) neighborEvent(n, "InactivityTimer");
  else n.inactivity.set(n.oi.ospf.now + n.oi.deadS * S);
}

function fullChanged(oi: OspfInterface, by: 1 | -1): void {
  const { ospf } = oi;
  oi.fullNeighbors += by;
  oi.area.fullNeighbors += by;
  ospf.hooks.checkBorder();
  ospf.hooks.routerLsa(oi.area);
  if (oi.peer !== undefined) ospf.hooks.routerLsa(oi.peer.transit);
  if (oi.state === "DR") ospf.hooks.networkLsa(oi);
}

function clearAdjacency(n: Neighbor): void {
  n.summary.clear();
  n.requests.clear();
  n.lastRequested = undefined;
  clearRetransmissions(n);
  n.options &= ~OPTION_O;
}

function startExchange(n: Neighbor): void {
  n.ddSeq = n.ddSeq === 0 ? n.oi.ospf.rng.int(0x7fffffff) : (n.ddSeq + 1) >>> 0;
  n.ddFlags = DD_I | DD_M | DD_MS;
  logInitializing(n);
  sendDd(n);
}

/** ospfd/ospf_nsm.c:nsm_timer_set. */
function setTimers(n: Neighbor): void {
  const { ospf } = n.oi;
  switch (n.state) {
    case "ExStart":
      n.requestTimer.set(NEVER);
      if (n.ddTimer.deadline === NEVER) n.ddTimer.set(ospf.now + n.oi.retransmitS * S);
      return;
    case "Exchange":
      if ((n.ddFlags & DD_MS) === 0) n.ddTimer.set(NEVER);
      return;
    case "Loading":
      n.ddTimer.set(NEVER);
      return;
    case "Full":
      n.ddTimer.set(NEVER);
      n.requestTimer.set(NEVER);
      return;
    case "Down":
    case "Deleted":
      n.inactivity.set(NEVER);
  }
  n.ddTimer.set(NEVER);
  n.requestTimer.set(NEVER);
}

function remove(n: Neighbor): void {
  n.helloReply.set(NEVER);
  neighborSilent(n);
  clearAdjacency(n);
  n.retransmitTimer.set(NEVER);
  n.oi.neighbors.remove(n);
}
