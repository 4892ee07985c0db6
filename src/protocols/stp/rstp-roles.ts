import { NEVER, S } from "../../core/time.ts";
import { forwardDelay, isLearning, MIGRATE_TIME, type Port, type Run } from "./rstp-state.ts";
import type { PortState } from "./state.ts";

/** What a port does in its role: role transitions, state transitions, topology changes (§17.29 to §17.31). */

/** Port role transitions (§17.29). True when something has changed. */
export function playRole(r: Run, p: Port): boolean {
  if (!p.selected || p.updtInfo) return false;
  if (p.selectedRole !== p.role) return changeRole(r, p);
  switch (p.role) {
    case "root":
      return playRoot(r, p);
    case "designated":
      return playDesignated(r, p);
    case "disabled":
      return false;
    default:
      return playBlocked(r, p);
  }
}

/** Leaves a role, which lets the timers run that it held, and enters the selected one. */
function changeRole(r: Run, p: Port): boolean {
  const { at } = r;
  if (p.role === "root") p.rrAt = at + p.designatedTimes.forwardDelay;
  else if (p.role === "disabled") p.fdAt = at + p.designatedTimes.maxAge;
  else if (p.role !== "designated") p.fdAt = at + forwardDelay(p);
  if (p.role === "backup") p.rbAt = at + 2 * p.designatedTimes.hello;
  p.role = p.selectedRole;
  if (p.role === "root") p.rrAt = NEVER;
  else if (p.role !== "designated") p.learn = p.forward = false; // BLOCK_PORT
  return true;
}

function playRoot(r: Run, p: Port): boolean {
  const { ports } = r.s;
  if (p.proposed && !p.agree) {
    for (const q of ports) q.sync = true; // setSyncTree
    p.proposed = false;
  } else if ((!p.agree && allSynced(r)) || (p.proposed && p.agree)) agree(p);
  else if (!p.forward && !p.reRoot) for (const q of ports) q.reRoot = true;
  else if (p.forward && p.reRoot) p.reRoot = false;
  else if (p.forward || !(p.fdAt === 0 || (p.rbAt === 0 && reRooted(r, p)))) return false;
  else if (p.learn) {
    p.forward = true;
    p.fdAt = 0;
  } else {
    p.learn = true;
    p.fdAt = r.at + forwardDelay(p);
  }
  return true;
}

function playDesignated(r: Run, p: Port): boolean {
  const held = p.reRoot && p.rrAt !== 0;
  const free = (p.fdAt === 0 || p.agreed || p.operEdge) && !held && !p.sync;
  if (!p.forward && !p.agreed && !p.proposing && !p.operEdge) {
    p.proposing = true;
    p.edgeDelayAt = r.at + (p.pointToPoint ? MIGRATE_TIME : p.designatedTimes.maxAge); // EdgeDelay, §17.20.4
    p.newInfo = true;
  } else if ((!p.synced && (p.state === "blocking" || p.agreed || p.operEdge)) || (p.sync && p.synced)) {
    p.rrAt = 0;
    p.synced = true;
    p.sync = false;
  } else if (p.rrAt === 0 && p.reRoot) p.reRoot = false;
  else if (((p.sync && !p.synced) || held || p.disputed) && !p.operEdge && (p.learn || p.forward)) {
    p.learn = p.forward = p.disputed = false;
    p.fdAt = r.at + forwardDelay(p);
  } else if (!free || p.forward) return false;
  else if (p.learn) {
    p.forward = true;
    p.fdAt = 0;
    p.agreed = p.sendRstp;
  } else {
    p.learn = true;
    p.fdAt = r.at + forwardDelay(p);
  }
  return true;
}

/** Alternate and backup ports. */
function playBlocked(r: Run, p: Port): boolean {
  if (p.state !== "blocking") return false; // BLOCK_PORT waits
  const rest = p.role === "backup" ? NEVER : p.rbAt;
  if (p.fdAt !== NEVER || p.rbAt !== rest || p.sync || p.reRoot || !p.synced || p.rrAt !== 0) {
    p.fdAt = NEVER;
    p.rbAt = rest;
    p.synced = true;
    p.rrAt = 0;
    p.sync = p.reRoot = false;
    return true;
  }
  if (p.proposed && !p.agree) {
    for (const q of r.s.ports) q.sync = true;
    p.proposed = false;
  } else if ((!p.agree && allSynced(r)) || (p.proposed && p.agree)) agree(p);
  else return false;
  return true;
}

function agree(p: Port): void {
  p.proposed = p.sync = false;
  p.agree = true;
  p.newInfo = true;
}

/** allSynced, §17.20.3. */
const allSynced = (r: Run): boolean =>
  r.s.ports.every((q) => q.selected && q.role === q.selectedRole && !q.updtInfo && (q.synced || q.role === "root"));

/** reRooted, §17.20.10: no other port has been the root port just now. */
const reRooted = (r: Run, p: Port): boolean => r.s.ports.every((q) => q === p || q.rrAt === 0);

/** Port state transitions (§17.30). */
export function changeState(r: Run, p: Port): boolean {
  const next = nextState(p);
  if (next === p.state) return false;
  p.state = next;
  r.out.push({ kind: "state", port: p.number, state: next });
  return true;
}

function nextState(p: Port): PortState {
  if (p.state === "forwarding") return p.forward ? p.state : "blocking";
  if (p.state === "learning") return p.forward ? "forwarding" : p.learn ? p.state : "blocking";
  return p.learn ? "learning" : "blocking";
}

/** Topology changes (§17.31). */
export function tellTopology(r: Run, p: Port): boolean {
  const active = p.role === "root" || p.role === "designated";
  const told = p.rcvdTc || p.rcvdTcn || p.rcvdTcAck || p.tcProp;
  if (p.topology === "active") return tellActive(r, p, active);
  if (p.topology === "inactive") {
    if (!p.learn) return false;
    p.topology = "learning";
    p.rcvdTc = p.rcvdTcn = p.rcvdTcAck = p.tcProp = false;
  } else if (active && p.forward && !p.operEdge) {
    startTcTimer(r, p);
    propagate(r, p);
    p.newInfo = true;
    p.topology = "active";
    r.out.push({ kind: "topology-change" });
  } else if (told) p.rcvdTc = p.rcvdTcn = p.rcvdTcAck = p.tcProp = false;
  else if (!active && !p.learn && !isLearning(p)) {
    p.topology = "inactive";
    p.tcAt = 0;
    p.tcAck = false;
    r.out.push({ kind: "flush", port: p.number });
  } else return false;
  return true;
}

function tellActive(r: Run, p: Port, active: boolean): boolean {
  if (!active || p.operEdge) {
    p.topology = "learning";
    p.rcvdTc = p.rcvdTcn = p.rcvdTcAck = p.tcProp = false;
  } else if (p.rcvdTcn || p.rcvdTc) {
    if (p.rcvdTcn) startTcTimer(r, p);
    if (p.role === "designated") p.tcAck = true;
    p.rcvdTcn = p.rcvdTc = false;
    propagate(r, p);
  } else if (p.tcProp) {
    startTcTimer(r, p);
    r.out.push({ kind: "flush", port: p.number });
    p.tcProp = false;
  } else if (p.rcvdTcAck) {
    p.tcAt = 0;
    p.rcvdTcAck = false;
  } else return false;
  return true;
}

/** setTcPropTree, §17.21.18. */
function propagate(r: Run, p: Port): void {
  for (const q of r.s.ports) if (q !== p) q.tcProp = true;
}

/** newTcWhile, §17.21.7. */
function startTcTimer(r: Run, p: Port): void {
  if (p.tcAt !== 0) return;
  p.tcAt = r.at + (p.sendRstp ? p.designatedTimes.hello + S : r.s.times.maxAge + r.s.times.forwardDelay);
  if (p.sendRstp) p.newInfo = true;
}
