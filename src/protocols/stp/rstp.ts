import { type Nanos, NEVER, S } from "../../core/time.ts";
import { detectBridge, inform, migrate, receive, selectRoles } from "./rstp-information.ts";
import { changeState, playRole, tellTopology } from "./rstp-roles.ts";
import type { AgedTimes, Bridge, Port, RapidState, Run } from "./rstp-state.ts";
import { isLearning, MIGRATE_TIME, TX_HOLD_COUNT } from "./rstp-state.ts";
import { type Effect, type Event, type PortConfig, toTicks, type Vector } from "./state.ts";
import type { Bpdu } from "./wire.ts";
import * as wire from "./wire.ts";

/** Rapid spanning tree, IEEE 802.1D-2004 §17, with classic STP towards neighbours that know nothing else. */

/** One event; the effects are added to `out`. */
export function rapidStep(state: RapidState, event: Event, out: Effect[]): RapidState {
  const s: Bridge = { ...state, ports: state.ports.map((p) => ({ ...p })) };
  const r: Run = { s, at: event.at, out };
  for (const p of s.ports) expire(r, p);
  take(r, event);
  if (s.up) settle(r);
  s.topologyChange = s.ports.some((p) => p.tcAt !== 0);
  return s;
}

export function rapidDeadline(s: RapidState): Nanos {
  let soonest = NEVER;
  for (const p of s.ports) {
    for (const timer of TIMERS) if (p[timer] !== 0 && p[timer] < soonest) soonest = p[timer];
    if (p.txAt !== 0 && p.txAt < soonest) soonest = p.txAt;
  }
  return soonest;
}

const TIMERS = ["edgeDelayAt", "fdAt", "helloAt", "mdelayAt", "rbAt", "rcvdInfoAt", "rrAt", "tcAt"] as const;

/** Timers that have run out stand at 0 (§17.22). */
function expire(r: Run, p: Port): void {
  for (const timer of TIMERS) if (p[timer] <= r.at) p[timer] = 0;
  if (p.txAt === 0 || p.txAt > r.at) return;
  p.txCount -= 1;
  p.txAt = p.txCount > 0 ? r.at + S : 0;
}

function take(r: Run, event: Event): void {
  const { s } = r;
  const port = s.ports.find((p) => "port" in event && p.number === event.port);
  switch (event.kind) {
    case "bridge-up":
      if (s.up) break;
      s.up = true;
      for (const p of s.ports) enable(r, p);
      break;
    case "bridge-down":
      if (!s.up) break;
      for (const p of s.ports) disable(r, p);
      s.up = false;
      s.root = s.config.id;
      s.rootCost = 0;
      s.ports = s.ports.map((p) => portOf(r, p));
      selectRoles(r);
      break;
    case "bridge-config":
      s.config = { ...s.config, id: event.id, times: event.times };
      selectRoles(r);
      break;
    case "port-up":
      addPort(r, event.port);
      break;
    case "port-config":
      if (!port) break;
      port.id = event.id;
      port.pathCost = event.pathCost;
      selectRoles(r);
      break;
    case "port-down":
      if (port) removePort(r, port);
      break;
    case "bpdu":
      if (port && s.up) receive(r, port, event.bpdu);
      break;
    case "tick":
  }
}

function addPort(r: Run, config: PortConfig): void {
  const { s } = r;
  const known = s.ports.find((p) => p.number === config.number);
  if (known) removePort(r, known);
  const fresh = portOf(r, config);
  s.ports = [...s.ports, fresh].sort((a, b) => a.number - b.number);
  if (s.up) enable(r, fresh);
}

function removePort(r: Run, p: Port): void {
  if (r.s.up) disable(r, p);
  r.s.ports = r.s.ports.filter((other) => other !== p);
  selectRoles(r);
}

function disable(r: Run, p: Port): void {
  p.state = "disabled";
  r.out.push({ kind: "state", port: p.number, state: "disabled" }, { kind: "flush", port: p.number });
}

function enable(r: Run, p: Port): void {
  p.state = "blocking";
  p.infoIs = "aged";
  p.selected = false;
  p.reselect = true;
  p.edgeDelayAt = p.mdelayAt = r.at + MIGRATE_TIME;
  p.helloAt = r.at + r.s.config.times.hello;
  r.out.push({ kind: "state", port: p.number, state: "blocking" });
}

/** A port as every state machine begins with it, its timers held or stopped. */
function portOf(r: Run, config: PortConfig): Port {
  const { s } = r;
  const { number, id, pathCost, pointToPoint, edge } = config;
  const own: Vector = { root: s.root, cost: s.rootCost, bridge: s.config.id, port: id };
  const times: AgedTimes = { ...s.config.times, messageAge: 0 };
  return {
    ...{ number, id, pathCost, pointToPoint, edge },
    ...{ state: "disabled", role: "disabled", selectedRole: "disabled", infoIs: "disabled" },
    ...{ designated: own, portTimes: times, designatedPriority: own, designatedTimes: times },
    ...{ reselect: false, selected: true, updtInfo: false, learn: false, forward: false },
    ...{ proposing: false, proposed: false, agree: false, agreed: false },
    ...{ sync: false, synced: true, reRoot: false, disputed: false },
    ...{ operEdge: edge === "yes", sendRstp: true, migration: "checking", rcvdRstp: false, rcvdStp: false },
    ...{ topology: "inactive", rcvdTc: false, rcvdTcn: false, rcvdTcAck: false, tcProp: false, tcAck: false },
    ...{ newInfo: true, txCount: 0, txAt: 0 },
    ...{ fdAt: NEVER, edgeDelayAt: 0, helloAt: 0, mdelayAt: 0, rbAt: 0, rcvdInfoAt: 0, rrAt: 0, tcAt: 0 },
  };
}

/** More rounds than any bridge needs: not to come to rest is a bug. */
const ROUNDS_MAX = 1000;

/** Lets every state machine of every port move until none can, and transmits when all others rest (§17.15). */
function settle(r: Run): void {
  const { s } = r;
  for (let round = 0; round < ROUNDS_MAX; round++) {
    let moved = false;
    for (const p of s.ports) {
      moved = migrate(r, p) || moved;
      moved = detectBridge(p) || moved;
      moved = inform(p) || moved;
    }
    if (s.ports.some((p) => p.reselect)) {
      selectRoles(r);
      moved = true;
    }
    for (const p of s.ports) {
      moved = playRole(r, p) || moved;
      moved = changeState(r, p) || moved;
      moved = tellTopology(r, p) || moved;
    }
    if (moved) continue;
    for (const p of s.ports) moved = transmit(r, p) || moved;
    if (!moved) return;
  }
  throw new Error(`rstp: no rest after ${ROUNDS_MAX} rounds at ${r.at} ns`);
}

/** Port transmit (§17.26). */
function transmit(r: Run, p: Port): boolean {
  if (!p.selected || p.updtInfo) return false;
  if (p.helloAt === 0) {
    p.newInfo = p.newInfo || p.role === "designated" || (p.role === "root" && p.tcAt !== 0);
    p.helloAt = r.at + p.designatedTimes.hello;
    return true;
  }
  if (!p.newInfo || p.txCount >= TX_HOLD_COUNT) return false;
  const bpdu = p.sendRstp
    ? rapidBpdu(p)
    : p.role === "root"
      ? TCN
      : p.role === "designated"
        ? configBpdu(p)
        : undefined;
  if (bpdu === undefined) return false;
  r.out.push({ kind: "send", port: p.number, bpdu });
  p.newInfo = false;
  if (bpdu !== TCN) p.tcAck = false;
  p.txCount += 1;
  if (p.txAt === 0) p.txAt = r.at + S;
  p.helloAt = r.at + p.designatedTimes.hello;
  return true;
}

const NOTHING = new Uint8Array(0);
const TCN: Bpdu = { kind: "tcn", version: 0, rest: NOTHING };

const ROLES = {
  disabled: wire.ROLE_UNKNOWN,
  alternate: wire.ROLE_ALTERNATE_OR_BACKUP,
  backup: wire.ROLE_ALTERNATE_OR_BACKUP,
  root: wire.ROLE_ROOT,
  designated: wire.ROLE_DESIGNATED,
} as const;

/** txRstp, §17.21.21. */
function rapidBpdu(p: Port): Bpdu {
  const flags =
    (p.tcAt !== 0 ? wire.FLAG_TC : 0) |
    (p.proposing ? wire.FLAG_PROPOSAL : 0) |
    (ROLES[p.role] << wire.ROLE_SHIFT) |
    (isLearning(p) ? wire.FLAG_LEARNING : 0) |
    (p.state === "forwarding" ? wire.FLAG_FORWARDING : 0) |
    (p.agree ? wire.FLAG_AGREEMENT : 0);
  return { kind: "rapid", version: 2, flags, ...fields(p), version1Length: 0 };
}

/** txConfig, §17.21.19. */
function configBpdu(p: Port): Bpdu {
  const flags = (p.tcAt !== 0 ? wire.FLAG_TC : 0) | (p.tcAck ? wire.FLAG_TC_ACK : 0);
  return { kind: "config", version: 0, flags, ...fields(p) };
}

const fields = ({ designatedPriority: vector, designatedTimes: times }: Port) => ({
  root: vector.root,
  rootCost: vector.cost,
  bridge: vector.bridge,
  port: vector.port,
  messageAge: toTicks(times.messageAge),
  maxAge: toTicks(times.maxAge),
  helloTime: toTicks(times.hello),
  forwardDelay: toTicks(times.forwardDelay),
  rest: NOTHING,
});
