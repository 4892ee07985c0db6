import type { OsAlarm } from "../../core/os.ts";
import { type Nanos, NEVER, S } from "../../core/time.ts";
import type { NeighborEvent, NeighborState } from "./machine.ts";
import type { Neighbor, OspfInterface } from "./model.ts";
import type { InterfaceSettings } from "./settings.ts";

/**
 * How many adjacencies of one interface may come up at once (RFC 4222 recommendation 5; ospfd/ospf_nsm.c:ospf_adj_pacing_*). Others wait in 2-Way, first come
 * first served. The limit is fixed, or grows while little waits to be acknowledged and is halved while much does.
 */

/** `ip ospf adjacency-pacing …`: a fixed limit, or one that adapts. */
export type AdjacencyPacingMode = { readonly limit: number } | "dynamic";
/** Advertisements that are not acknowledged: above `high` the limit falls, below `low` it grows. */
export interface PacingThresholds {
  readonly high: number;
  readonly low: number;
}
/** ospfd/ospf_interface.h:OSPF_ADJ_DYN_*. */
export const THRESHOLDS: PacingThresholds = { high: 100, low: 2 };
export const LIMIT_FIRST = 1;
export const LIMIT_MAX = 50;
const FACTOR = 2;
/** Between two changes of the limit, at least. */
const ADJUST_EVERY: Nanos = S;

/** What an interface that paces its adjacencies knows. */
export class AdjacencyPacing {
  mode: AdjacencyPacingMode;
  thresholds: PacingThresholds;
  /** Of mode `dynamic`. */
  limit = LIMIT_FIRST;
  /** Neighbours that wait for their turn. */
  readonly waiting = new Set<Neighbor>();
  readonly #oi: OspfInterface;
  readonly #timer: OsAlarm;
  #adjustedAt: Nanos = Number.NEGATIVE_INFINITY;

  constructor(oi: OspfInterface, mode: AdjacencyPacingMode, thresholds: PacingThresholds) {
    this.#oi = oi;
    this.mode = mode;
    this.thresholds = thresholds;
    this.#timer = oi.ospf.alarm(() => this.#adjust());
  }

  /** Adjacencies that are coming up. */
  get inProgress(): number {
    let count = 0;
    for (const n of this.#oi.neighbors.all) if (comesUp(n.state)) count++;
    return count;
  }
  /** Whether a neighbour may begin; if not, it waits. */
  admit(n: Neighbor): boolean {
    const free = this.inProgress < this.#currentLimit();
    if (free) this.waiting.delete(n);
    else this.waiting.add(n);
    return free;
  }
  /** Lets as many begin as there is room for. */
  kick(): void {
    const { ospf } = this.#oi;
    let room = this.#currentLimit() - this.inProgress;
    for (const n of this.waiting) {
      if (room <= 0) break;
      this.waiting.delete(n);
      if (n.state !== "2-Way") continue;
      room--;
      ospf.later(() => ospf.hooks.neighborEvent(n, "AdjOK?"));
    }
  }
  /** Something was acknowledged, or had to be sent again: looks at the limit once this work is done. */
  feedback(): void {
    if (this.mode === "dynamic" && this.#timer.deadline === NEVER) this.#timer.set(this.#oi.ospf.now);
  }
  /** The mode is another one. */
  change(mode: AdjacencyPacingMode): void {
    this.mode = mode;
    this.limit = LIMIT_FIRST;
    this.#adjustedAt = Number.NEGATIVE_INFINITY;
    if (mode !== "dynamic") this.kick();
  }
  /** No pacing any more: nobody waits. */
  stop(): void {
    const { ospf } = this.#oi;
    this.#timer.set(NEVER);
    for (const n of this.waiting) if (n.state === "2-Way") ospf.later(() => ospf.hooks.neighborEvent(n, "AdjOK?"));
    this.waiting.clear();
  }

  #currentLimit(): number {
    if (this.mode !== "dynamic") return this.mode.limit;
    this.feedback();
    return this.limit;
  }
  /** ospfd/ospf_nsm.c:ospf_adj_dyn_adjust_timer. */
  #adjust(): void {
    const { now } = this.#oi.ospf;
    if (this.mode !== "dynamic" || now - this.#adjustedAt < ADJUST_EVERY) return;
    let unacknowledged = 0;
    for (const n of this.#oi.neighbors.all) unacknowledged += n.retransmit.size;
    const before = this.limit;
    if (unacknowledged > this.thresholds.high) this.limit = Math.max(Math.floor(before / FACTOR), 1);
    else if (unacknowledged < this.thresholds.low) this.limit = Math.min(before + 1, LIMIT_MAX);
    if (this.limit === before) return;
    this.#adjustedAt = now;
    if (this.limit > before) this.kick();
  }
}

/** Whether an event may begin an adjacency, where it would. */
export function admits(n: Neighbor, event: NeighborEvent): boolean {
  const pacing = n.oi.adjacencyPacing;
  const begins = n.state === "2-Way" ? event === "AdjOK?" : n.state === "Init" && event === "2-WayReceived";
  return pacing === undefined || !begins || pacing.admit(n);
}
/** A neighbour is in another state. */
export function slotFreed(n: Neighbor, before: NeighborState): void {
  const pacing = n.oi.adjacencyPacing;
  if (pacing === undefined) return;
  if (n.state === "Down" || n.state === "Deleted") pacing.waiting.delete(n);
  if (comesUp(before) && !comesUp(n.state)) pacing.kick();
}
const comesUp = (state: NeighborState): boolean => state === "ExStart" || state === "Exchange" || state === "Loading";

/** What the settings of an interface say; undefined: nothing is paced. */
export function adjacencyPacingOf(oi: OspfInterface, settings: InterfaceSettings): AdjacencyPacing | undefined {
  const { adjacencyPacing: mode, adjacencyThresholds } = settings;
  return mode === undefined ? undefined : new AdjacencyPacing(oi, mode, adjacencyThresholds ?? THRESHOLDS);
}
