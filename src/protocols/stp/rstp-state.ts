import { type Nanos, S } from "../../core/time.ts";
import type { Effect, PortBase, Role, StateBase, Times, Vector } from "./state.ts";

/** The state of a rapid spanning tree: IEEE 802.1D-2004 §17.18 and §17.19, whose names the fields keep. */

/** Times with the age of the information, as a message carries them. */
export interface AgedTimes extends Times {
  readonly messageAge: Nanos;
}

/**
 * A port. `designated` is its portPriority. Timers are instants: 0 is a timer that has run out, `NEVER` one that a state holds at
 * its start and that begins to run when the port leaves the state. Learning and forwarding show in `state`.
 */
export interface RapidPort extends PortBase {
  readonly role: Role;
  readonly selectedRole: Role;
  readonly infoIs: "disabled" | "aged" | "mine" | "received";
  readonly portTimes: AgedTimes;
  readonly designatedPriority: Vector;
  readonly designatedTimes: AgedTimes;
  readonly reselect: boolean;
  readonly selected: boolean;
  readonly updtInfo: boolean;
  readonly learn: boolean;
  readonly forward: boolean;
  readonly proposing: boolean;
  readonly proposed: boolean;
  readonly agree: boolean;
  readonly agreed: boolean;
  readonly sync: boolean;
  readonly synced: boolean;
  readonly reRoot: boolean;
  readonly disputed: boolean;
  readonly operEdge: boolean;
  /** False while a neighbour speaks classic STP only. */
  readonly sendRstp: boolean;
  readonly migration: "checking" | "selecting" | "sensing";
  readonly rcvdRstp: boolean;
  readonly rcvdStp: boolean;
  readonly topology: "inactive" | "learning" | "active";
  readonly rcvdTc: boolean;
  readonly rcvdTcn: boolean;
  readonly rcvdTcAck: boolean;
  readonly tcProp: boolean;
  readonly tcAck: boolean;
  readonly newInfo: boolean;
  /** Messages of the last second, at most `TX_HOLD_COUNT`. */
  readonly txCount: number;
  readonly edgeDelayAt: Nanos;
  readonly fdAt: Nanos;
  readonly helloAt: Nanos;
  readonly mdelayAt: Nanos;
  readonly rbAt: Nanos;
  readonly rcvdInfoAt: Nanos;
  readonly rrAt: Nanos;
  readonly tcAt: Nanos;
  /** When `txCount` goes down by one. */
  readonly txAt: Nanos;
}
export interface RapidState extends StateBase {
  readonly mode: "rstp";
  readonly ports: readonly RapidPort[];
}

/** §17.13.9, table 17-1. */
export const MIGRATE_TIME: Nanos = 3 * S;
/** §17.13.12, table 17-1. */
export const TX_HOLD_COUNT = 6;

export type Mutable<T> = { -readonly [K in keyof T]: T[K] };
export type Port = Mutable<RapidPort>;
/** A copy of the state that belongs to one step, its ports too. */
export type Bridge = Mutable<Omit<RapidState, "ports">> & { ports: Port[] };

/** One step at work: the copied state, the time, the effects so far. */
export interface Run {
  readonly s: Bridge;
  readonly at: Nanos;
  readonly out: Effect[];
}

export const isLearning = (p: RapidPort): boolean => p.state === "learning" || p.state === "forwarding";
/** forwardDelay, §17.20.5: a hello time is enough where the neighbour answers proposals. */
export const forwardDelay = (p: RapidPort): Nanos =>
  p.sendRstp ? p.designatedTimes.hello : p.designatedTimes.forwardDelay;

export const sameTimes = (a: AgedTimes, b: AgedTimes): boolean =>
  a.messageAge === b.messageAge && a.maxAge === b.maxAge && a.hello === b.hello && a.forwardDelay === b.forwardDelay;

/** A message age one bridge further on: a second more, in whole seconds (§17.21.25). */
export const older = (messageAge: Nanos): Nanos => Math.round((messageAge + S) / S) * S;
