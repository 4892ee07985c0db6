import { S } from "../../core/time.ts";
import type { AgedTimes, Bridge, Port, RapidPort, Run } from "./rstp-state.ts";
import { MIGRATE_TIME, older, sameTimes } from "./rstp-state.ts";
import { compareVectors, type Role, TICK, type Vector, vectorOf } from "./state.ts";
import * as wire from "./wire.ts";

/** What a port knows and from whom: port receive, protocol migration, information and role selection (§17.23 to §17.28). */

/** A BPDU on an enabled port (§17.23, §17.27). */
export function receive(r: Run, p: Port, bpdu: wire.Bpdu): void {
  if (!isAcceptable(r.s, p, bpdu)) return;
  if (bpdu.kind === "rapid")
    p.rcvdRstp = true; // updtBPDUVersion, §17.21.22
  else p.rcvdStp = true;
  p.operEdge = false;
  p.edgeDelayAt = r.at + MIGRATE_TIME;
  if (bpdu.kind === "tcn") p.rcvdTcn = true;
  else receiveConfiguration(r, p, bpdu);
}

/** §9.3.4: neither too old nor our own. A type that is of another version than it says is not known. */
function isAcceptable(s: Bridge, p: Port, bpdu: wire.Bpdu): boolean {
  if (bpdu.kind === "tcn") return true;
  if (bpdu.kind === "config" && bpdu.messageAge >= bpdu.maxAge) return false;
  if (bpdu.kind === "rapid" && bpdu.version < 2) return false;
  return bpdu.bridge.mac !== s.config.id.mac || bpdu.port !== p.id;
}

/** rcvInfo and the states that follow it (§17.21.8, §17.27). */
function receiveConfiguration(r: Run, p: Port, m: wire.ConfigBpdu | wire.RapidBpdu): void {
  const role = wire.role(m);
  const rapid = m.kind === "rapid" && role !== wire.ROLE_UNKNOWN; // §9.2.9: an unknown role counts as a classic message
  const vector = vectorOf(m);
  const times = timesOf(m);
  const order = compareVectors(vector, p.designated);
  if (rapid && role !== wire.ROLE_DESIGNATED) {
    if (order < 0) return;
    const agreed = p.pointToPoint && (m.flags & wire.FLAG_AGREEMENT) !== 0; // recordAgreement, §17.21.9
    p.agreed = agreed;
    if (agreed) p.proposing = false;
    return setTcFlags(p, m);
  }
  if (order === 0 && p.infoIs === "received" && sameTimes(times, p.portTimes)) {
    if (rapid && m.flags & wire.FLAG_PROPOSAL) p.proposed = true;
    setTcFlags(p, m);
    return startInfoTimer(r, p);
  }
  if (order > 0 && !isSameSender(vector, p.designated)) {
    if (!rapid || (m.flags & wire.FLAG_LEARNING) === 0) return;
    p.disputed = true; // recordDispute, §17.21.10
    p.agreed = false;
    return;
  }
  p.agreed = p.proposing = false;
  if (rapid && m.flags & wire.FLAG_PROPOSAL) p.proposed = true;
  setTcFlags(p, m);
  p.agree = p.agree && p.infoIs === "received" && order <= 0; // betterorsameinfo, §17.21.1
  p.designated = vector;
  p.portTimes = times;
  startInfoTimer(r, p);
  p.infoIs = "received";
  p.reselect = true;
  p.selected = false;
}

/** §17.6: a sender may take back what it has said itself. */
const isSameSender = (a: Vector, b: Vector): boolean =>
  a.bridge.mac === b.bridge.mac && (a.port & 0x0fff) === (b.port & 0x0fff);

const timesOf = (m: wire.ConfigBpdu | wire.RapidBpdu): AgedTimes => ({
  messageAge: m.messageAge * TICK,
  maxAge: m.maxAge * TICK,
  hello: Math.max(m.helloTime * TICK, S), // recordTimes, §17.21.13
  forwardDelay: m.forwardDelay * TICK,
});

function setTcFlags(p: Port, m: wire.ConfigBpdu | wire.RapidBpdu): void {
  if (m.flags & wire.FLAG_TC) p.rcvdTc = true;
  if (m.flags & wire.FLAG_TC_ACK) p.rcvdTcAck = true;
}

/** updtRcvdInfoWhile, §17.21.23. */
function startInfoTimer(r: Run, p: Port): void {
  p.rcvdInfoAt = older(p.portTimes.messageAge) <= p.portTimes.maxAge ? r.at + 3 * p.portTimes.hello : 0;
}

/** Port protocol migration (§17.24). True when something has changed. */
export function migrate(r: Run, p: Port): boolean {
  if (p.migration !== "sensing") {
    if (p.mdelayAt !== 0) return false;
    p.migration = "sensing";
    p.rcvdRstp = p.rcvdStp = false;
    return true;
  }
  if (p.sendRstp ? !p.rcvdStp : !p.rcvdRstp) return false;
  p.migration = p.sendRstp ? "selecting" : "checking";
  p.sendRstp = !p.sendRstp;
  p.mdelayAt = r.at + MIGRATE_TIME;
  return true;
}

/** Bridge detection (§17.25): nobody has answered a proposal, so no bridge is there. */
export function detectBridge(p: Port): boolean {
  if (p.operEdge || p.edge === "no" || p.edgeDelayAt !== 0 || !p.sendRstp || !p.proposing) return false;
  p.operEdge = true;
  return true;
}

/** Port information (§17.27) apart from reception. */
export function inform(p: Port): boolean {
  if (p.infoIs === "disabled" || (p.infoIs === "received" && p.rcvdInfoAt === 0 && !p.updtInfo)) {
    p.infoIs = "aged";
    p.reselect = true;
    p.selected = false;
    return true;
  }
  if (!p.selected || !p.updtInfo) return false;
  const better = p.infoIs === "mine" && compareVectors(p.designatedPriority, p.designated) <= 0;
  p.proposing = p.proposed = false;
  p.agreed = p.agreed && better;
  p.synced = p.synced && p.agreed;
  p.designated = p.designatedPriority;
  p.portTimes = p.designatedTimes;
  p.updtInfo = false;
  p.infoIs = "mine";
  p.newInfo = true;
  return true;
}

/** Port role selection (§17.28, updtRolesTree of §17.21.25). */
export function selectRoles(r: Run): void {
  const { s } = r;
  const { id, times } = s.config;
  let root: Port | undefined;
  for (const p of s.ports) if (offersRoot(s, p) && (!root || nearer(p, root))) root = p;
  s.rootPort = root?.number ?? 0;
  s.root = root?.designated.root ?? id;
  s.rootCost = root ? root.designated.cost + root.pathCost : 0;
  const rootTimes: AgedTimes = root
    ? { ...root.portTimes, messageAge: older(root.portTimes.messageAge) }
    : { ...times, messageAge: 0 };
  s.times = { maxAge: rootTimes.maxAge, hello: rootTimes.hello, forwardDelay: rootTimes.forwardDelay };
  for (const p of s.ports) {
    p.designatedPriority = { root: s.root, cost: s.rootCost, bridge: id, port: p.id };
    p.designatedTimes = { ...rootTimes, hello: times.hello };
    p.selectedRole = roleOf(s, p, p === root);
    const unlike =
      compareVectors(p.designated, p.designatedPriority) !== 0 || !sameTimes(p.portTimes, p.designatedTimes);
    p.updtInfo = p.selectedRole === "designated" && (p.infoIs !== "mine" || unlike);
    p.reselect = false;
    p.selected = true;
  }
}

/** Whether the port leads to a better root than this bridge. */
const offersRoot = (s: Bridge, p: RapidPort): boolean =>
  p.infoIs === "received" &&
  p.designated.bridge.mac !== s.config.id.mac &&
  wire.compareBridgeIds(p.designated.root, s.config.id) < 0;

function nearer(p: RapidPort, than: RapidPort): boolean {
  const through = (q: RapidPort): Vector => ({ ...q.designated, cost: q.designated.cost + q.pathCost });
  return (compareVectors(through(p), through(than)) || p.id - than.id) < 0;
}

function roleOf(s: Bridge, p: RapidPort, isRoot: boolean): Role {
  if (p.infoIs === "disabled") return "disabled";
  if (isRoot) return "root";
  if (p.infoIs !== "received" || compareVectors(p.designatedPriority, p.designated) < 0) return "designated";
  return p.designated.bridge.mac === s.config.id.mac ? "backup" : "alternate";
}
