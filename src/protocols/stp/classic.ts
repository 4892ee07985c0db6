import { type Nanos, NEVER } from "../../core/time.ts";
import { detectChange, generate, setTopologyChange, transmit, transmitTcn } from "./classic-messages.ts";
import {
  type Bridge,
  type ClassicState,
  isDesignated,
  isRoot,
  type Port,
  type Run,
  setState,
} from "./classic-state.ts";
import type { Effect, Event, PortConfig, Vector } from "./state.ts";
import { compareVectors, sameBridge, TICK, vectorOf } from "./state.ts";
import { type BridgeId, type ConfigBpdu, compareBridgeIds, FLAG_TC, FLAG_TC_ACK } from "./wire.ts";

/** Classic spanning tree as Linux's bridge runs it itself: IEEE 802.1D-1998 §8, `net/bridge/br_stp.c` and its neighbours. */

/** One event; the effects are added to `out`. */
export function classicStep(state: ClassicState, event: Event, out: Effect[]): ClassicState {
  const s: Bridge = { ...state, ports: state.ports.map((p) => ({ ...p })) };
  take({ s, at: event.at, out }, event);
  return s;
}

export const classicDeadline = (s: ClassicState): Nanos =>
  s.ports.reduce(
    (soonest, p) => Math.min(soonest, p.messageAgeAt, p.forwardDelayAt, p.holdAt),
    Math.min(s.helloAt, s.tcnAt, s.topologyChangeAt),
  );

function take(r: Run, event: Event): void {
  const port = r.s.ports.find((p) => "port" in event && p.number === event.port);
  switch (event.kind) {
    case "bridge-up":
      enableBridge(r);
      break;
    case "bridge-down":
      disableBridge(r);
      break;
    case "bridge-config":
      configure(r, event.id, event.times);
      break;
    case "port-up":
      addPort(r, event.port);
      break;
    case "port-config":
      if (port) configurePort(r, port, event.id, event.pathCost);
      break;
    case "port-down":
      if (port) removePort(r, port);
      break;
    case "bpdu":
      if (!port || port.state === "disabled" || event.bpdu.version !== 0) break; // br_stp_bpdu.c:br_stp_rcv
      if (event.bpdu.kind === "tcn") receiveTcn(r, port);
      else if (event.bpdu.kind === "config") receiveConfig(r, port, event.bpdu);
      break;
    case "tick":
      tick(r);
  }
}

// br_stp_if.c: the bridge and its ports go up and down

function enableBridge(r: Run): void {
  if (r.s.up) return;
  r.s.up = true;
  r.s.helloAt = r.at + r.s.times.hello;
  for (const p of r.s.ports) enablePort(r, p);
}

function disableBridge(r: Run): void {
  for (const p of r.s.ports) if (p.state !== "disabled") disablePort(r, p);
  setTopologyChange(r, false);
  r.s.up = r.s.topologyChangeDetected = false;
  r.s.helloAt = r.s.tcnAt = r.s.topologyChangeAt = NEVER;
}

function addPort(r: Run, port: PortConfig): void {
  const { s } = r;
  const known = s.ports.find((p) => p.number === port.number);
  if (known) removePort(r, known);
  const fresh: Port = {
    ...port,
    state: "disabled",
    designated: own(r, port),
    designatedAt: r.at,
    messageAgeAt: NEVER,
    forwardDelayAt: NEVER,
    holdAt: NEVER,
    configPending: false,
    topologyChangeAck: false,
  };
  s.ports = [...s.ports, fresh].sort((a, b) => a.number - b.number);
  if (s.up) enablePort(r, fresh);
}

function enablePort(r: Run, p: Port): void {
  becomeDesignated(r, p);
  setState(r, p, "blocking");
  selectStates(r);
}

function disablePort(r: Run, p: Port): void {
  const wasRoot = isRoot(r);
  becomeDesignated(r, p);
  setState(r, p, "disabled");
  p.topologyChangeAck = p.configPending = false;
  p.messageAgeAt = p.forwardDelayAt = p.holdAt = NEVER;
  r.out.push({ kind: "flush", port: p.number });
  reconsider(r, wasRoot);
}

function removePort(r: Run, p: Port): void {
  if (p.state !== "disabled") disablePort(r, p);
  r.s.ports = r.s.ports.filter((other) => other !== p);
}

function configurePort(r: Run, p: Port, id: number, pathCost: number): void {
  const mine = sameBridge(p.designated.bridge, r.s.config.id);
  if (isDesignated(r, p) || (mine && id < p.designated.port)) p.designated = own(r, { id });
  p.id = id;
  p.pathCost = pathCost;
  if (r.s.up) reconsider(r, isRoot(r));
}

function configure(r: Run, id: BridgeId, times: ClassicState["times"]): void {
  const { s } = r;
  const wasRoot = isRoot(r);
  const before = s.config.id;
  const renamed = (of: BridgeId): BridgeId => (sameBridge(of, before) ? id : of);
  for (const p of s.ports) {
    p.designated = { ...p.designated, root: renamed(p.designated.root), bridge: renamed(p.designated.bridge) };
  }
  s.root = renamed(s.root);
  s.config = { ...s.config, id, times };
  if (wasRoot) s.times = times;
  reconsider(r, wasRoot);
}

/** Chooses roles and states again, and begins to act as the root where it has become that. */
function reconsider(r: Run, wasRoot: boolean): void {
  update(r);
  selectStates(r);
  if (isRoot(r) && !wasRoot) becomeRoot(r);
}

// br_stp.c: which port does what (§8.6.8 to §8.6.11)

function update(r: Run): void {
  const { s } = r;
  let root: Port | undefined;
  for (const p of s.ports) if (canBeRootPort(r, p) && (!root || nearer(p, root))) root = p;
  s.rootPort = root?.number ?? 0;
  s.root = root?.designated.root ?? s.config.id;
  s.rootCost = root ? root.designated.cost + root.pathCost : 0;
  for (const p of s.ports) if (p.state !== "disabled" && shouldBeDesignated(r, p)) becomeDesignated(r, p);
}

function canBeRootPort(r: Run, p: Port): boolean {
  if (p.state === "disabled" || isDesignated(r, p)) return false;
  return compareBridgeIds(p.designated.root, r.s.config.id) < 0;
}

function nearer(p: Port, than: Port): boolean {
  const through = (q: Port): Vector => ({ ...q.designated, cost: q.designated.cost + q.pathCost });
  return (compareVectors(through(p), through(than)) || p.id - than.id) < 0;
}

function shouldBeDesignated(r: Run, p: Port): boolean {
  if (isDesignated(r, p) || !sameBridge(p.designated.root, r.s.root)) return true;
  return compareVectors(own(r, p), p.designated) < 0;
}

function own(r: Run, p: Pick<Port, "id">): Vector {
  return { root: r.s.root, cost: r.s.rootCost, bridge: r.s.config.id, port: p.id };
}
function becomeDesignated(r: Run, p: Port): void {
  p.designated = own(r, p);
}

function selectStates(r: Run): void {
  for (const p of r.s.ports) {
    if (p.state === "disabled") continue;
    const designated = isDesignated(r, p);
    if (p.number !== r.s.rootPort && designated) p.messageAgeAt = NEVER;
    else p.configPending = p.topologyChangeAck = false;
    if (p.number === r.s.rootPort || designated) makeForwarding(r, p);
    else makeBlocking(r, p);
  }
}

function makeForwarding(r: Run, p: Port): void {
  if (p.state !== "blocking") return;
  if (r.s.times.forwardDelay === 0) {
    setState(r, p, "forwarding");
    detectChange(r);
    return;
  }
  setState(r, p, "listening");
  p.forwardDelayAt = r.at + r.s.times.forwardDelay;
}

function makeBlocking(r: Run, p: Port): void {
  if (p.state === "blocking") return;
  if (p.state === "forwarding" || p.state === "learning") detectChange(r);
  setState(r, p, "blocking");
  p.forwardDelayAt = NEVER;
}

function becomeRoot(r: Run): void {
  const { s } = r;
  s.times = s.config.times;
  detectChange(r);
  s.tcnAt = NEVER;
  if (!s.up) return;
  generate(r);
  s.helloAt = r.at + s.times.hello;
}

// Messages

function receiveConfig(r: Run, p: Port, m: ConfigBpdu): void {
  const { s } = r;
  if (m.messageAge > m.maxAge) return; // br_stp_bpdu.c:br_stp_rcv
  if (!supersedes(r, p, m)) {
    if (isDesignated(r, p)) transmit(r, p); // §8.6.1.3.3
    return;
  }
  const wasRoot = isRoot(r);
  p.designated = vectorOf(m);
  p.designatedAt = r.at - m.messageAge * TICK;
  p.messageAgeAt = r.at + (m.maxAge - m.messageAge) * TICK;
  update(r);
  selectStates(r);
  if (wasRoot && !isRoot(r)) {
    s.helloAt = NEVER;
    if (s.topologyChangeDetected) {
      s.topologyChangeAt = NEVER;
      transmitTcn(r);
      s.tcnAt = r.at + s.config.times.hello;
    }
  }
  if (p.number !== s.rootPort) return;
  s.times = { maxAge: m.maxAge * TICK, hello: m.helloTime * TICK, forwardDelay: m.forwardDelay * TICK };
  setTopologyChange(r, (m.flags & FLAG_TC) !== 0);
  generate(r);
  if ((m.flags & FLAG_TC_ACK) === 0) return;
  s.topologyChangeDetected = false;
  s.tcnAt = NEVER;
}

/** §8.6.2.2: better than what the port knows, or from whom it knows it. */
function supersedes(r: Run, p: Port, m: ConfigBpdu): boolean {
  const known = p.designated;
  const order = compareVectors({ ...vectorOf(m), port: known.port }, known);
  if (order !== 0) return order < 0;
  return !sameBridge(m.bridge, r.s.config.id) || m.port <= known.port;
}

function receiveTcn(r: Run, p: Port): void {
  if (!isDesignated(r, p)) return;
  detectChange(r);
  p.topologyChangeAck = true;
  transmit(r, p);
}

// br_stp_timer.c

function tick(r: Run): void {
  const { s, at } = r;
  if (at >= s.helloAt) {
    generate(r);
    s.helloAt = at + s.times.hello;
  }
  if (at >= s.tcnAt) {
    transmitTcn(r);
    s.tcnAt = at + s.config.times.hello;
  }
  if (at >= s.topologyChangeAt) {
    s.topologyChangeDetected = false;
    s.topologyChangeAt = NEVER;
    setTopologyChange(r, false);
  }
  for (const p of s.ports) if (at >= p.messageAgeAt) forget(r, p);
  for (const p of s.ports) while (at >= p.forwardDelayAt) advance(r, p);
  for (const p of s.ports) {
    if (at < p.holdAt) continue;
    p.holdAt = NEVER;
    if (p.configPending) transmit(r, p);
  }
}

function forget(r: Run, p: Port): void {
  const wasRoot = isRoot(r);
  p.messageAgeAt = NEVER;
  becomeDesignated(r, p);
  reconsider(r, wasRoot);
}

function advance(r: Run, p: Port): void {
  p.forwardDelayAt = NEVER;
  if (p.state === "listening") {
    setState(r, p, "learning");
    p.forwardDelayAt = r.at + r.s.times.forwardDelay;
  } else if (p.state === "learning") {
    setState(r, p, "forwarding");
    const some = r.s.ports.some((q) => q.state !== "disabled" && sameBridge(q.designated.bridge, r.s.config.id));
    if (some) detectChange(r);
  }
}
