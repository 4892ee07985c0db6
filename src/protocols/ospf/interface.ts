import { formatIp, type Ipv4 } from "../../core/addr.ts";
import { MS, NEVER, S } from "../../core/time.ts";
import { sendHello } from "./hello.ts";
import type { InterfaceEvent } from "./hooks.ts";
import { atLeast, type Candidate, elect, type InterfaceState, interfaceUp } from "./machine.ts";
import type { OspfInterface } from "./model.ts";
import { attachStaticNeighbors, detachStaticNeighbors } from "./nbma.ts";
import { ALL_DR_ROUTERS, ALL_SPF_ROUTERS } from "./wire.ts";

/** Interfaces' events, and what follows from them (RFC 2328 §9.3; ospfd/ospf_ism.c). */

export function interfaceEvent(oi: OspfInterface, event: InterfaceEvent): void {
  const after = next(oi, event);
  if (event === "InterfaceUp" && oi.state === "Down") attachStaticNeighbors(oi);
  if (after !== oi.state) change(oi, after);
  else if (event === "NeighborChange") return;
  if (event === "InterfaceDown") forget(oi);
  setTimers(oi);
}

function next(oi: OspfInterface, event: InterfaceEvent): InterfaceState {
  switch (event) {
    case "InterfaceUp":
      return oi.state === "Down" ? interfaceUp(oi.type, oi.priority) : oi.state;
    case "WaitTimer":
    case "BackupSeen":
      return oi.state === "Waiting" ? election(oi) : oi.state;
    case "NeighborChange":
      return oi.state === "DR" || oi.state === "Backup" || oi.state === "DROther" ? election(oi) : oi.state;
    case "LoopInd":
      return "Loopback";
    case "InterfaceDown":
      return "Down";
  }
}

/** §9.4, with its consequences for neighbours. */
function election(oi: OspfInterface): InterfaceState {
  const { ospf } = oi;
  const before = { dr: oi.dr, bdr: oi.bdr, state: oi.state };
  const candidates: Candidate[] = [];
  const { address, priority } = oi;
  if (priority > 0) candidates.push({ address, routerId: ospf.routerId, priority, dr: oi.dr, bdr: oi.bdr });
  for (const n of oi.neighbors.all) {
    const { address, routerId, priority, dr, bdr } = n;
    if (priority > 0 && routerId !== 0 && atLeast(n.state, "2-Way"))
      candidates.push({ address, routerId, priority, dr, bdr });
  }
  const elected = elect(oi.address, candidates, before);
  oi.dr = elected.dr;
  oi.bdr = elected.bdr;
  if (oi.dr !== before.dr || oi.bdr !== before.bdr || ospf.restarting !== undefined)
    for (const n of oi.neighbors.all)
      if (atLeast(n.state, "2-Way")) ospf.later(() => ospf.hooks.neighborEvent(n, "AdjOK?"));
  return elected.state;
}

function change(oi: OspfInterface, state: InterfaceState): void {
  const { ospf } = oi;
  const before = oi.state;
  oi.state = state;
  oi.stateChanges++;
  ospf.tasks.changed();
  ospf.os.trace("ospf.interface", {
    ifname: oi.ifname,
    from: before,
    to: state,
    dr: formatIp(oi.dr),
    bdr: formatIp(oi.bdr),
  });
  memberships(oi);
  ospf.hooks.routerLsa(oi.area);
  ospf.hooks.networkLsa(oi);
  ospf.hooks.checkBorder();
  if ((before === "Down") !== (state === "Down")) ospf.hooks.reachChanged();
}

/** ospfd/ospf_interface.c:ospf_if_set_multicast. */
export function memberships(oi: OspfInterface): void {
  const running = oi.state !== "Down" && oi.state !== "Loopback" && !oi.passive;
  oi.inAllRouters = membership(
    oi,
    ALL_SPF_ROUTERS,
    oi.inAllRouters,
    running && oi.type !== "loopback" && oi.type !== "virtual",
  );
  oi.inDesignatedRouters = membership(
    oi,
    ALL_DR_ROUTERS,
    oi.inDesignatedRouters,
    running && (oi.state === "DR" || oi.state === "Backup"),
  );
}

function membership(oi: OspfInterface, group: Ipv4, is: boolean, wanted: boolean): boolean {
  const { socket } = oi.ospf;
  if (is === wanted || socket === undefined) return wanted;
  const others = oi.ospf.interfaces.some(
    (o) => o !== oi && o.ifname === oi.ifname && (group === ALL_SPF_ROUTERS ? o.inAllRouters : o.inDesignatedRouters),
  );
  if (!others) {
    if (wanted) socket.joinGroup(group, oi.ifname);
    else socket.leaveGroup(group, oi.ifname);
  }
  return wanted;
}

/** ospfd/ospf_ism.c:ism_timer_set. */
function setTimers(oi: OspfInterface): void {
  const { now } = oi.ospf;
  switch (oi.state) {
    case "Down":
    case "Loopback":
      oi.helloTimer.set(NEVER);
      oi.graceTimer.set(NEVER);
      oi.waitTimer.set(NEVER);
      oi.ackTimer.set(NEVER);
      oi.acksFrom = NEVER;
      return;
    case "Waiting":
      if (oi.waitTimer.deadline === NEVER) oi.waitTimer.set(now + oi.deadS * S);
      if (oi.helloTimer.deadline === NEVER) oi.helloTimer.set(now + MS);
      return;
    case "Point-To-Point":
      oi.waitTimer.set(NEVER);
      if (oi.acksFrom === NEVER) oi.acksFrom = now;
      if (oi.helloTimer.deadline === NEVER) oi.helloTimer.set(now + MS);
      return;
    case "DROther":
    case "Backup":
    case "DR":
      oi.waitTimer.set(NEVER);
      if (oi.acksFrom === NEVER) oi.acksFrom = now;
      if (oi.helloTimer.deadline === NEVER) oi.helloTimer.set(now + oi.helloInterval);
  }
}

/** Hello is due; it waits while neighbours are told of a restart (ospfd/ospf_ism.c:ospf_hello_timer). */
export function helloTimer(oi: OspfInterface): void {
  if (oi.graceTimer.deadline !== NEVER) return;
  sendHello(oi);
  oi.helloTimer.set(oi.ospf.now + oi.helloInterval);
}

/** ospfd/ospf_interface.c:ospf_if_cleanup. */
function forget(oi: OspfInterface): void {
  const { ospf } = oi;
  detachStaticNeighbors(oi);
  for (const n of oi.neighbors.all) ospf.hooks.neighborEvent(n, "KillNbr");
  oi.dr = 0;
  oi.bdr = 0;
  oi.delayedAcks.clear();
  oi.directAcks = [];
  oi.updates.clear();
  oi.updatesScheduled = false;
  oi.cryptSeq = 0;
}
