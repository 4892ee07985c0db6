import type { Nanos } from "./time.ts";

/**
 * A protocol as a pure state machine. Timers are data: the state holds deadlines, the host arms one alarm at `deadline(state)` and
 * feeds a tick when it is reached. `step` leaves its arguments untouched; the host performs the effects in their order.
 */
export interface Machine<State, Event, Effect> {
  step(state: State, event: Event): { readonly state: State; readonly effects: readonly Effect[] };
  /** The next instant at which the machine wants a tick; `NEVER` when there is none. */
  deadline(state: State): Nanos;
}
