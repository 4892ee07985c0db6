import { type Nanos, NEVER, S } from "../../core/time.ts";
import { isDesignated, isRoot, type Port, type Run } from "./classic-state.ts";
import { TICK, toTicks } from "./state.ts";
import { type ConfigBpdu, FLAG_TC, FLAG_TC_ACK } from "./wire.ts";

/** What a bridge of classic spanning tree says: configuration messages, and that the topology changes (`net/bridge/br_stp.c`). */

/** Most configuration messages on a port: one a second (§8.10.2, `BR_HOLD_TIME`). */
const HOLD: Nanos = S;
const NOTHING = new Uint8Array(0);

/** Configuration messages on every designated port (§8.6.4). */
export function generate(r: Run): void {
  for (const p of r.s.ports) if (p.state !== "disabled" && isDesignated(r, p)) transmit(r, p);
}

/** A configuration message on one port, at once or when the hold time is over. */
export function transmit(r: Run, p: Port): void {
  const { s, at } = r;
  if (p.holdAt !== NEVER) {
    p.configPending = true;
    return;
  }
  const root = s.ports.find((q) => q.number === s.rootPort);
  const age = root ? at - root.designatedAt + TICK : 0; // one unit more than received: br_stp.c:MESSAGE_AGE_INCR
  if (age >= s.times.maxAge) return;
  const bpdu: ConfigBpdu = {
    kind: "config",
    version: 0,
    flags: (s.topologyChange ? FLAG_TC : 0) | (p.topologyChangeAck ? FLAG_TC_ACK : 0),
    root: s.root,
    rootCost: s.rootCost,
    bridge: s.config.id,
    port: p.id,
    messageAge: toTicks(age),
    maxAge: toTicks(s.times.maxAge),
    helloTime: toTicks(s.times.hello),
    forwardDelay: toTicks(s.times.forwardDelay),
    rest: NOTHING,
  };
  r.out.push({ kind: "send", port: p.number, bpdu });
  p.topologyChangeAck = p.configPending = false;
  p.holdAt = at + HOLD;
}

/** A topology change notification to the root. */
export function transmitTcn(r: Run): void {
  if (r.s.rootPort === 0) return;
  r.out.push({ kind: "send", port: r.s.rootPort, bpdu: { kind: "tcn", version: 0, rest: NOTHING } });
}

// Topology changes (§8.6.14)

/** A port begins or ends to forward. */
export function detectChange(r: Run): void {
  const { s } = r;
  if (!s.up) return;
  r.out.push({ kind: "topology-change" });
  if (isRoot(r)) {
    setTopologyChange(r, true);
    s.topologyChangeAt = r.at + s.config.times.forwardDelay + s.config.times.maxAge;
  } else if (!s.topologyChangeDetected) {
    transmitTcn(r);
    s.tcnAt = r.at + s.config.times.hello;
  }
  s.topologyChangeDetected = true;
}

/** Addresses age after twice the forward delay while the topology changes (br_stp.c:__br_set_topology_change). */
export function setTopologyChange(r: Run, on: boolean): void {
  if (r.s.topologyChange === on) return;
  r.s.topologyChange = on;
  r.out.push({ kind: "ageing", time: on ? 2 * r.s.times.forwardDelay : undefined });
}
