import type { Ipv4 } from "../../core/addr.ts";
import { MS, type Nanos } from "../../core/time.ts";

/** The machines of RFC 2328 as pure functions: neighbours (§10), interfaces (§9), the election (§9.4), and FRR's delays before routes are computed. */

/** In the order of the RFC: a later one is "greater". */
export const NEIGHBOR_STATES = ["Down", "Attempt", "Init", "2-Way", "ExStart", "Exchange", "Loading", "Full"] as const;
export type NeighborState = (typeof NEIGHBOR_STATES)[number] | "Deleted";
export type NeighborEvent =
  | "HelloReceived"
  | "Start"
  | "2-WayReceived"
  | "NegotiationDone"
  | "ExchangeDone"
  | "BadLSReq"
  | "LoadingDone"
  | "AdjOK?"
  | "SeqNumberMismatch"
  | "1-WayReceived"
  | "KillNbr"
  | "InactivityTimer"
  | "LLDown";

/** -1 for one that is gone. */
export function rank(state: NeighborState): number {
  // asked for every advertisement and neighbour: most are full
  return state === "Full" ? FULL : NEIGHBOR_STATES.indexOf(state as (typeof NEIGHBOR_STATES)[number]);
}
const [TWO_WAY, EXSTART, EXCHANGE, FULL] = [3, 4, 5, 7];
export const atLeast = (state: NeighborState, least: NeighborState): boolean => rank(state) >= rank(least);

/** What a transition depends on besides state and event. */
export interface NeighborGuards {
  /** An adjacency is wanted (§10.4). */
  readonly shouldBeAdjacent: boolean;
  /** Nothing has to be requested. */
  readonly requestsEmpty: boolean;
}

/** The state after an event (§10.3; ospfd/ospf_nsm.c:NSM). */
export function neighborAfter(state: NeighborState, event: NeighborEvent, g: NeighborGuards): NeighborState {
  const r = rank(state);
  if (r < 0) return state;
  switch (event) {
    case "KillNbr":
    case "InactivityTimer":
    case "LLDown":
      return "Deleted";
    case "HelloReceived":
      return state === "Down" || state === "Attempt" ? "Init" : state;
    case "Start":
      return state === "Down" ? "Attempt" : state;
    case "2-WayReceived":
      return state !== "Init" ? state : g.shouldBeAdjacent ? "ExStart" : "2-Way";
    case "1-WayReceived":
      return r >= TWO_WAY ? "Init" : state;
    case "NegotiationDone":
      return state === "ExStart" ? "Exchange" : state;
    case "ExchangeDone":
      return state !== "Exchange" ? state : g.requestsEmpty ? "Full" : "Loading";
    case "LoadingDone":
      return state === "Loading" ? "Full" : state;
    case "BadLSReq":
    case "SeqNumberMismatch":
      return r >= EXCHANGE ? "ExStart" : state;
    case "AdjOK?":
      if (state === "2-Way" && g.shouldBeAdjacent) return "ExStart";
      return r >= EXSTART && !g.shouldBeAdjacent ? "2-Way" : state;
  }
}

/** When a timer rings next that has run from `from` on, each `interval` (ospfd's timers that set themselves again). */
export const nextBeat = (from: Nanos, interval: Nanos, now: Nanos): Nanos =>
  from + (Math.floor((now - from) / interval) + 1) * interval;

export type InterfaceState = "Down" | "Loopback" | "Waiting" | "Point-To-Point" | "DROther" | "Backup" | "DR";
export type NetworkType =
  | "broadcast"
  | "non-broadcast"
  | "point-to-point"
  | "point-to-multipoint"
  | "loopback"
  | "virtual";

/** The state of an interface that comes up (§9.3, event InterfaceUp). */
export function interfaceUp(type: NetworkType, priority: number): InterfaceState {
  if (type === "loopback") return "Loopback";
  if (type !== "broadcast" && type !== "non-broadcast") return "Point-To-Point";
  return priority === 0 ? "DROther" : "Waiting";
}

/** A router that may be elected: this one, or a neighbour in state 2-Way or beyond. */
export interface Candidate {
  readonly address: Ipv4;
  readonly routerId: Ipv4;
  readonly priority: number;
  /** Whom it takes for the designated router and its backup. */
  readonly dr: Ipv4;
  readonly bdr: Ipv4;
}
export interface Elected {
  readonly dr: Ipv4;
  readonly bdr: Ipv4;
  readonly state: "DR" | "Backup" | "DROther";
}

/** The election of §9.4. `all`: the candidates, `self` among them where it is eligible; what `self` thinks is `before`. */
export function elect(
  self: Ipv4,
  all: readonly Candidate[],
  before: { dr: Ipv4; bdr: Ipv4; state: InterfaceState },
): Elected {
  const first = once(self, all, before);
  const eligibleBefore = before.state === "DR" || before.state === "Backup" || before.state === "DROther";
  // ospfd/ospf_ism.c:ospf_dr_election: a second round when this router's part changes, but not into DROther from below
  if (first.state === before.state || (first.state === "DROther" && !eligibleBefore)) return first;
  return once(self, all, first);
}

/** Steps 2 and 3 of §9.4. */
function once(self: Ipv4, all: readonly Candidate[], before: { dr: Ipv4; bdr: Ipv4 }): Elected {
  const view = all.map((c) => (c.address === self ? { ...c, dr: before.dr, bdr: before.bdr } : c));
  const noDr = view.filter((c) => c.dr !== c.address);
  const bdr = best(noDr.filter((c) => c.bdr === c.address)) ?? best(noDr);
  const dr = best(view.filter((c) => c.dr === c.address)) ?? bdr;
  const elected = { dr: dr?.address ?? 0, bdr: bdr?.address ?? 0 };
  return { ...elected, state: elected.dr === self ? "DR" : elected.bdr === self ? "Backup" : "DROther" };
}

/** The highest priority, then the highest router id. */
function best(all: readonly Candidate[]): Candidate | undefined {
  let found: Candidate | undefined;
  for (const c of all)
    if (
      found === undefined ||
      c.priority > found.priority ||
      (c.priority === found.priority && c.routerId > found.routerId)
    )
      found = c;
  return found;
}

/** `timers throttle spf`, in milliseconds. */
export interface SpfThrottle {
  readonly delayMs: number;
  readonly holdMs: number;
  readonly maxMs: number;
}
/** When routes were computed last, and how often the hold time was doubled since quiet. */
export interface SpfPace {
  readonly ranAt: Nanos;
  readonly multiplier: number;
}

/** Hold time, of which the multiplier makes a multiple, at most. */
const MULTIPLIER_MAX = 100_000;

/** How long to wait before routes are computed, from a change at `now` on (ospfd/ospf_spf.c:ospf_spf_calculate_schedule). */
export function spfDelay(t: SpfThrottle, pace: SpfPace, now: Nanos): { readonly delay: Nanos; readonly pace: SpfPace } {
  const elapsed = now - pace.ranAt;
  const hold = Math.min(t.holdMs * pace.multiplier, t.maxMs) * MS;
  if (elapsed < hold) {
    // within the hold time: it grows for the next
    const multiplier = hold < t.maxMs * MS ? Math.min(pace.multiplier + 1, MULTIPLIER_MAX) : pace.multiplier;
    return { delay: Math.max(hold - elapsed, t.delayMs * MS), pace: { ...pace, multiplier } };
  }
  return { delay: t.delayMs * MS, pace: { ...pace, multiplier: 1 } };
}
