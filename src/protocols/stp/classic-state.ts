import type { Nanos } from "../../core/time.ts";
import type { Effect, PortBase, PortState, StateBase } from "./state.ts";
import { sameBridge } from "./state.ts";

/** What classic spanning tree knows of a bridge and its ports. */

/** A port, and its timers as deadlines. */
export interface ClassicPort extends PortBase {
  /** When the designated information was new: now minus its message age. */
  readonly designatedAt: Nanos;
  /** The designated information is lost then. */
  readonly messageAgeAt: Nanos;
  /** Listening ends, then learning. */
  readonly forwardDelayAt: Nanos;
  /** No configuration message before then. */
  readonly holdAt: Nanos;
  /** A message was held back. */
  readonly configPending: boolean;
  /** The next message acknowledges a topology change. */
  readonly topologyChangeAck: boolean;
}
/** A bridge, and its timers as deadlines. */
export interface ClassicState extends StateBase {
  readonly mode: "stp";
  readonly ports: readonly ClassicPort[];
  /** A change seen here that the root has not acknowledged, or that the root is telling. */
  readonly topologyChangeDetected: boolean;
  readonly helloAt: Nanos;
  readonly tcnAt: Nanos;
  readonly topologyChangeAt: Nanos;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
/** A port while a step changes it. */
export type Port = Mutable<ClassicPort>;
/** A copy of the state that belongs to one step, its ports too. */
export type Bridge = Mutable<Omit<ClassicState, "ports">> & { ports: Port[] };

/** One step at work: the copied state, the time, the effects so far. */
export interface Run {
  readonly s: Bridge;
  readonly at: Nanos;
  readonly out: Effect[];
}

/** Whether this bridge is the root. */
export function isRoot(r: Run): boolean {
  return sameBridge(r.s.root, r.s.config.id);
}
/** Whether the port is the designated one of its segment. */
export function isDesignated(r: Run, p: Port): boolean {
  return sameBridge(p.designated.bridge, r.s.config.id) && p.designated.port === p.id;
}
/** Sets the state of a port, and tells of it. */
export function setState(r: Run, p: Port, state: PortState): void {
  p.state = state;
  r.out.push({ kind: "state", port: p.number, state });
}
