import type { Machine } from "../../core/machine.ts";
import { type Nanos, NEVER, S } from "../../core/time.ts";
import { type Answer, answer, CEASE, CEASE_SHUTDOWN, FSM_ERROR, HOLD_TIMER_EXPIRED } from "./notification.ts";

/** The finite state machine of one connection with a neighbour (RFC 4271 §8), with the times of FRR (bgpd/bgp_fsm.c). */

export type Role = "idle" | "connect" | "active" | "opensent" | "openconfirm" | "established";

/** Timers in seconds. */
export interface Config {
  /** Waits for the neighbour to connect. */
  readonly passive: boolean;
  readonly holdS: number;
  readonly keepaliveS: number;
  readonly connectRetryS: number;
  /** DelayOpenTime; 0: none. */
  readonly delayOpenS: number;
  /** How much later than told a new try begins: two that refuse each other's connections must not go on doing so at the same moments. */
  readonly restartJitter?: Nanos;
}

export interface State {
  readonly role: Role;
  /** Timers; `NEVER`: stopped. IdleHoldTimer, ConnectRetryTimer, DelayOpenTimer, HoldTimer, KeepaliveTimer. */
  readonly startAt: Nanos;
  readonly retryAt: Nanos;
  readonly openAt: Nanos;
  readonly holdAt: Nanos;
  readonly keepaliveAt: Nanos;
  /** Negotiated; 0: no keepalives and no hold timer. */
  readonly holdS: number;
  readonly keepaliveS: number;
  /** How long it idles before it starts anew: doubles with every fault (DampPeerOscillations). */
  readonly idleS: number;
}

export type Event = { readonly at: Nanos; readonly config: Config } & (
  | {
      /**
       * `start`: ManualStart or AutomaticStart; `go`: the neighbour has become reachable; `connected`, `accepted`: TCP is there, by us or by the
       * neighbour; `failed`: TCP is gone, or was not to be had; `heard`: an UPDATE or ROUTE-REFRESH.
       */
      readonly kind:
        | "start"
        | "go"
        | "connected"
        | "accepted"
        | "failed"
        | "keepalive"
        | "heard"
        | "notification"
        | "tick";
    }
  | { readonly kind: "open"; readonly holdS: number }
  /** ManualStop, or a fault of ours to be told. `again`: starts anew after a while. */
  | { readonly kind: "stop"; readonly owed: Answer; readonly again: boolean }
  | { readonly kind: "fault"; readonly owed: Answer; readonly again: boolean }
);

export type Effect =
  | { readonly kind: "connect" | "close" | "open" | "keepalive" | "established" }
  | { readonly kind: "notify"; readonly owed: Answer }
  /** The session, or the attempt at one, is over. */
  | { readonly kind: "down"; readonly was: Role; readonly why: Why };
export type Why = "stop" | "fault" | "notification" | "closed" | "hold timer" | "refused";

/** BGP_INIT_START_TIMER, and its ceiling. */
const START_S = 1;
const START_MAX_S = 120;
/** The hold timer until the neighbour's OPEN is there, after a DelayOpenTime (§8.2.2: "a large value", bgp_fsm_delayopen_timer_expire). */
const LARGE_HOLD_S = 245;

export const initial: State = {
  role: "idle",
  startAt: NEVER,
  retryAt: NEVER,
  openAt: NEVER,
  holdAt: NEVER,
  keepaliveAt: NEVER,
  holdS: 0,
  keepaliveS: 0,
  idleS: START_S,
};

export const bgp: Machine<State, Event, Effect> = {
  step(state, event) {
    const effects: Effect[] = [];
    return { state: move(state, event, effects), effects };
  },
  deadline: (s) => Math.min(s.startAt, s.retryAt, s.openAt, s.holdAt, s.keepaliveAt),
};

function move(s: State, e: Event, out: Effect[]): State {
  if (e.kind === "stop") return stop(s, e, out);
  switch (s.role) {
    case "idle":
      return whileIdle(s, e, out);
    case "connect":
      return whileConnect(s, e, out);
    case "active":
      return whileActive(s, e, out);
    case "opensent":
      return whileOpenSent(s, e, out);
    case "openconfirm":
      return whileOpenConfirm(s, e, out);
    case "established":
      return whileEstablished(s, e, out);
  }
}

function whileIdle(s: State, e: Event, out: Effect[]): State {
  if (e.kind === "start") return s.startAt === NEVER ? { ...s, startAt: e.at + s.idleS * S } : s;
  if (e.kind === "go") return s.startAt === NEVER ? s : connect(s, e, out);
  if (e.kind === "tick" && e.at >= s.startAt) return connect(s, e, out);
  // A connection that comes in: FRR takes it while it idles only from neighbours that it may talk to at all.
  return e.kind === "accepted" ? opened(s, e, out) : s;
}

/** Out of Idle, or when the retry timer has run out. */
function connect(s: State, e: Event, out: Effect[]): State {
  const next = { ...s, startAt: NEVER, openAt: NEVER };
  if (e.config.passive) return { ...next, role: "active", retryAt: NEVER };
  out.push({ kind: "connect" });
  return { ...next, role: "connect", retryAt: e.at + e.config.connectRetryS * S };
}

function whileConnect(s: State, e: Event, out: Effect[]): State {
  switch (e.kind) {
    case "connected":
    case "accepted":
      return tcpUp(s, e, out);
    case "failed":
      return { ...s, role: "active", openAt: NEVER, retryAt: e.at + e.config.connectRetryS * S };
    case "tick":
      if (e.at >= s.openAt) return opened(s, e, out);
      if (e.at < s.retryAt) return s;
      out.push({ kind: "close" });
      return connect(s, e, out);
    case "open":
      return s.openAt === NEVER ? s : opened(s, e, out);
    case "fault":
    case "notification":
      return fail(s, e, out);
    default:
      return s;
  }
}

function whileActive(s: State, e: Event, out: Effect[]): State {
  switch (e.kind) {
    case "accepted":
      return tcpUp(s, e, out);
    case "go":
      return e.config.passive ? s : connect(s, e, out);
    case "tick":
      if (e.at >= s.openAt) return opened(s, e, out);
      return e.at >= s.retryAt ? connect(s, e, out) : s;
    case "failed":
      return { ...s, openAt: NEVER };
    case "fault":
    case "notification":
      return fail(s, e, out);
    default:
      return s;
  }
}

/** TCP is there: an OPEN goes at once, or after DelayOpenTime (§8.2.1.3). */
const tcpUp = (s: State, e: Event, out: Effect[]): State =>
  e.config.delayOpenS > 0
    ? { ...s, startAt: NEVER, retryAt: NEVER, openAt: e.at + e.config.delayOpenS * S }
    : opened(s, e, out);

function opened(s: State, e: Event, out: Effect[]): State {
  out.push({ kind: "open" });
  // FRR's large value is the configured one, and without a hold time it waits for ever (bgp_timer_set).
  const holdS = s.openAt === NEVER ? e.config.holdS : LARGE_HOLD_S;
  const next: State = {
    ...s,
    ...{ role: "opensent", startAt: NEVER, retryAt: NEVER, openAt: NEVER, keepaliveAt: NEVER },
    holdAt: holdS === 0 ? NEVER : e.at + holdS * S,
  };
  return e.kind === "open" ? confirm(next, e, out) : next;
}

function whileOpenSent(s: State, e: Event, out: Effect[]): State {
  switch (e.kind) {
    case "open":
      return confirm(s, e, out);
    case "tick":
      return e.at >= s.holdAt ? holdExpired(s, e, out) : s;
    case "failed":
      // §8.2.2: back to Active, and listening goes on.
      out.push({ kind: "close" }, { kind: "down", was: s.role, why: "closed" });
      return { ...initial, idleS: s.idleS, role: "active", retryAt: retryAt(e) };
    case "keepalive":
    case "heard":
      return fail(s, { ...e, kind: "fault", owed: answer(FSM_ERROR, 1), again: true }, out); // RFC 6608
    case "fault":
    case "notification":
      return fail(s, e, out);
    default:
      return s;
  }
}

const retryAt = (e: Event): Nanos => (e.config.passive ? NEVER : e.at + e.config.connectRetryS * S);

/** An OPEN that was found good (§8.2.2): hold time is the smaller one, keepalives a third of it at most. */
function confirm(s: State, e: Event & { readonly kind: "open" }, out: Effect[]): State {
  out.push({ kind: "keepalive" });
  const holdS = Math.min(e.config.holdS, e.holdS);
  const keepaliveS = holdS === 0 ? 0 : Math.min(e.config.keepaliveS, Math.floor(holdS / 3));
  return {
    ...s,
    ...{ role: "openconfirm", holdS, keepaliveS },
    holdAt: holdS === 0 ? NEVER : e.at + holdS * S,
    keepaliveAt: keepaliveS === 0 ? NEVER : e.at + keepaliveS * S,
  };
}

function whileOpenConfirm(s: State, e: Event, out: Effect[]): State {
  switch (e.kind) {
    case "keepalive":
      out.push({ kind: "established" });
      return { ...s, role: "established", idleS: START_S, holdAt: heldAt(s, e.at) };
    case "open":
    case "heard":
      return fail(s, { ...e, kind: "fault", owed: answer(FSM_ERROR, 2), again: true }, out);
    default:
      return whileOpen(s, e, out);
  }
}

function whileEstablished(s: State, e: Event, out: Effect[]): State {
  switch (e.kind) {
    case "keepalive":
    case "heard":
      return { ...s, holdAt: heldAt(s, e.at) };
    case "open":
      return fail(s, { ...e, kind: "fault", owed: answer(FSM_ERROR, 3), again: true }, out);
    default:
      return whileOpen(s, e, out);
  }
}

/** What OpenConfirm and Established have in common. */
function whileOpen(s: State, e: Event, out: Effect[]): State {
  switch (e.kind) {
    case "tick":
      if (e.at >= s.holdAt) return holdExpired(s, e, out);
      if (e.at < s.keepaliveAt) return s;
      out.push({ kind: "keepalive" });
      return { ...s, keepaliveAt: e.at + s.keepaliveS * S };
    case "failed":
      out.push({ kind: "close" }, { kind: "down", was: s.role, why: "closed" });
      return idle(s, e, s.idleS);
    case "fault":
    case "notification":
      return fail(s, e, out);
    default:
      return s;
  }
}

const heldAt = (s: State, at: Nanos): Nanos => (s.holdS === 0 ? NEVER : at + s.holdS * S);

function holdExpired(s: State, e: Event, out: Effect[]): State {
  out.push(
    { kind: "notify", owed: answer(HOLD_TIMER_EXPIRED) },
    { kind: "close" },
    { kind: "down", was: s.role, why: "hold timer" },
  );
  return idle(s, e, s.idleS);
}

/** A NOTIFICATION, sent or received, ends it; a fault makes the next start wait twice as long. */
function fail(s: State, e: Event, out: Effect[]): State {
  const told = e.kind === "fault";
  if (told) out.push({ kind: "notify", owed: e.owed });
  out.push({ kind: "close" }, { kind: "down", was: s.role, why: told ? "fault" : "notification" });
  if (told && !e.again) return { ...initial };
  return idle(s, e, told && e.owed.code !== CEASE ? Math.min(START_MAX_S, 2 * s.idleS) : s.idleS);
}

const idle = (_s: State, e: Event, idleS: number): State => ({
  ...initial,
  idleS,
  startAt: e.at + idleS * S + (e.kind === "stop" ? 0 : (e.config.restartJitter ?? 0)),
});

function stop(s: State, e: Event & { readonly kind: "stop" }, out: Effect[]): State {
  if (s.role === "opensent" || s.role === "openconfirm" || s.role === "established")
    out.push({ kind: "notify", owed: e.owed });
  if (s.role !== "idle") out.push({ kind: "close" }, { kind: "down", was: s.role, why: "stop" });
  return e.again ? { ...idle(s, e, START_S) } : { ...initial };
}

/** The word for an administrative shutdown. */
export const SHUTDOWN: Answer = answer(CEASE, CEASE_SHUTDOWN);
