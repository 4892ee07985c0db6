import { type Nanos, S } from "../../core/time.ts";
import { type Bpdu, type BridgeId, type ConfigBpdu, compareBridgeIds, type RapidBpdu } from "./wire.ts";

/** What both spanning trees of a bridge share: configuration, events, effects, priority vectors. */

/** Times of a bridge; those of the root are in force everywhere (IEEE 802.1D-2004 §17.14). The host has checked their ranges: hello 1 to 10 s. */
export interface Times {
  readonly maxAge: Nanos;
  readonly hello: Nanos;
  readonly forwardDelay: Nanos;
}
export const DEFAULT_TIMES: Times = { maxAge: 20 * S, hello: 2 * S, forwardDelay: 15 * S };

export interface Config {
  /** `stp` is what Linux's bridge speaks itself, `rstp` what mstpd adds to it. A bridge that changes its mode begins anew. */
  readonly mode: "stp" | "rstp";
  readonly id: BridgeId;
  /** This bridge's own times, in force where it is the root. */
  readonly times: Times;
}

export type PortState = "disabled" | "blocking" | "listening" | "learning" | "forwarding";
export type Role = "disabled" | "root" | "designated" | "alternate" | "backup";

/** A priority vector (§17.5); the lower is the better, compared from the first field on. */
export interface Vector {
  readonly root: BridgeId;
  readonly cost: number;
  readonly bridge: BridgeId;
  readonly port: number;
}

/** What the host tells of a port that has a carrier. */
export interface PortConfig {
  /** Number of the port in the bridge, from 1 on. */
  readonly number: number;
  /** The port identifier: `portId(priority, number)`. */
  readonly id: number;
  readonly pathCost: number;
  /** Whether exactly one other station is at the other end; only RSTP asks. */
  readonly pointToPoint: boolean;
  /** Whether no bridge is at the other end; `auto` finds out within 3 s. Only RSTP asks. */
  readonly edge: "yes" | "no" | "auto";
}

/** A port as `bridge -d link` and `brctl showstp` would show it. */
export interface PortBase extends PortConfig {
  readonly state: PortState;
  /** Whose information stands for the segment: a neighbour's as received, or this bridge's own. */
  readonly designated: Vector;
}

/** The bridge as `ip -d link` shows it. */
export interface StateBase {
  readonly config: Config;
  readonly up: boolean;
  readonly root: BridgeId;
  readonly rootCost: number;
  /** Number of the root port, 0 on the root bridge. */
  readonly rootPort: number;
  /** The root's times as received, in force here. */
  readonly times: Times;
  /** Whether the topology is changing: addresses age fast (classic), or changes are being told (rapid). */
  readonly topologyChange: boolean;
  /** Ordered by number. */
  readonly ports: readonly PortBase[];
}

export type Event =
  /** `bridge-up`, `bridge-down`: the bridge device. `tick`: the deadline is reached. */
  | { readonly at: Nanos; readonly kind: "bridge-up" | "bridge-down" | "tick" }
  /** A new identifier or new times of this bridge. */
  | { readonly at: Nanos; readonly kind: "bridge-config"; readonly id: BridgeId; readonly times: Times }
  /** A port has got its carrier, or joins the bridge with one. */
  | { readonly at: Nanos; readonly kind: "port-up"; readonly port: PortConfig }
  /** Another identifier or path cost of a port that is up. */
  | {
      readonly at: Nanos;
      readonly kind: "port-config";
      readonly port: number;
      readonly id: number;
      readonly pathCost: number;
    }
  /** A port has lost its carrier, or leaves the bridge. */
  | { readonly at: Nanos; readonly kind: "port-down"; readonly port: number }
  | { readonly at: Nanos; readonly kind: "bpdu"; readonly port: number; readonly bpdu: Bpdu };

export type Effect =
  | { readonly kind: "send"; readonly port: number; readonly bpdu: Bpdu }
  | { readonly kind: "state"; readonly port: number; readonly state: PortState }
  /** Forget the addresses learnt on the port. */
  | { readonly kind: "flush"; readonly port: number }
  /** Age learnt addresses after `time`; `undefined`: after the bridge's configured time again. */
  | { readonly kind: "ageing"; readonly time: Nanos | undefined }
  /** This bridge has seen the topology change. */
  | { readonly kind: "topology-change" };

/** Most ports of a bridge (`net/bridge/br_private.h`: `BR_MAX_PORTS`); port 0 is reserved. */
export const PORTS_MAX = 1024;

/** A port identifier: 6 bits of priority (32 unless configured), 10 of number (`net/bridge/br_stp_if.c:br_make_port_id`). */
export const portId = (priority: number, number: number): number => ((priority & 63) << 10) | (number & 1023);
export const DEFAULT_PORT_PRIORITY = 32;
export const DEFAULT_BRIDGE_PRIORITY = 32768;

/** The path cost of a link of this rate (IEEE 802.1D-1998 table 8-5, as `net/bridge/br_if.c:port_cost` long had it). */
export function pathCost(rateBps: number): number {
  if (rateBps > 10e9) return 1;
  if (rateBps >= 10e9) return 2;
  if (rateBps >= 1e9) return 4;
  return rateBps >= 100e6 ? 19 : 100;
}

export const sameBridge = (a: BridgeId, b: BridgeId): boolean => compareBridgeIds(a, b) === 0;

/** Negative when `a` is the better vector, 0 when they are equal (§17.6). */
export const compareVectors = (a: Vector, b: Vector): number =>
  compareBridgeIds(a.root, b.root) || a.cost - b.cost || compareBridgeIds(a.bridge, b.bridge) || a.port - b.port;

/** The vector that a configuration message carries. */
export const vectorOf = (m: ConfigBpdu | RapidBpdu): Vector => ({
  root: m.root,
  cost: m.rootCost,
  bridge: m.bridge,
  port: m.port,
});

/** 1/256 s, the unit of times in BPDUs. */
export const TICK: Nanos = S / 256;
export const toTicks = (time: Nanos): number => Math.min(Math.floor(time / TICK), 0xffff);
