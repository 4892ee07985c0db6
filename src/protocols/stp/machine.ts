import type { Machine } from "../../core/machine.ts";
import { type Nanos, NEVER } from "../../core/time.ts";
import { classicDeadline, classicStep } from "./classic.ts";
import type { ClassicPort, ClassicState } from "./classic-state.ts";
import { rapidDeadline, rapidStep } from "./rstp.ts";
import type { RapidPort, RapidState } from "./rstp-state.ts";
import { type Config, type Effect, type Event, PORTS_MAX, type Role, sameBridge } from "./state.ts";

/** The spanning tree of one bridge: classic STP as Linux's bridge runs it, or RSTP (IEEE 802.1D-2004 §17). */

export type State = ClassicState | RapidState;

/** A bridge that is down and has no ports yet: `bridge-up` and `port-up` follow, in either order. */
export function initial(config: Config): State {
  const base = {
    config,
    up: false,
    root: config.id,
    rootCost: 0,
    rootPort: 0,
    times: config.times,
    topologyChange: false,
    ports: [],
  };
  if (config.mode === "rstp") return { ...base, mode: "rstp" };
  return {
    ...base,
    mode: "stp",
    topologyChangeDetected: false,
    helloAt: NEVER,
    tcnAt: NEVER,
    topologyChangeAt: NEVER,
  };
}

export const stp: Machine<State, Event, Effect> = {
  step(state, event) {
    if (event.kind === "port-up" && !isPortNumber(event.port.number)) {
      throw new Error(`stp: port number ${event.port.number} is not within 1 to ${PORTS_MAX - 1}`);
    }
    const effects: Effect[] = [];
    const next = state.mode === "stp" ? classicStep(state, event, effects) : rapidStep(state, event, effects);
    return { state: next, effects };
  },
  deadline: (state): Nanos => (state.mode === "stp" ? classicDeadline(state) : rapidDeadline(state)),
};

const isPortNumber = (n: number): boolean => Number.isInteger(n) && n > 0 && n < PORTS_MAX;

/** The role of a port, which classic STP does not store. */
export function roleOf(state: State, port: ClassicPort | RapidPort): Role {
  if ("role" in port) return port.role;
  if (port.state === "disabled") return "disabled";
  if (port.number === state.rootPort) return "root";
  if (!sameBridge(port.designated.bridge, state.config.id)) return "alternate";
  return port.designated.port === port.id ? "designated" : "backup";
}
