import { type Nanos, S } from "../../../src/core/time.ts";
import { initial, roleOf, type State, stp } from "../../../src/protocols/stp/machine.ts";
import {
  DEFAULT_TIMES,
  type Effect,
  type Event,
  type PortConfig,
  type PortState,
  portId,
} from "../../../src/protocols/stp/state.ts";
import * as wire from "../../../src/protocols/stp/wire.ts";

export const NOTHING = new Uint8Array(0);
export const MAC = 0x0200_0000_0000;

/** One bridge on a bench: events in, effects out. */
export class Bench {
  state: State;
  now: Nanos = 0;

  constructor(mode: "stp" | "rstp", ports: number, priority = 32768) {
    this.state = initial({ mode, id: wire.bridgeId(priority, MAC + 9), times: DEFAULT_TIMES });
    this.feed({ at: 0, kind: "bridge-up" });
    for (let number = 1; number <= ports; number++) this.feed({ at: 0, kind: "port-up", port: port(number) });
  }
  feed(event: Event): readonly Effect[] {
    this.now = event.at;
    const { state, effects } = stp.step(this.state, event);
    this.state = state;
    return effects;
  }
  /** Ticks until `to`, and what happened. */
  wait(to: Nanos): { readonly at: Nanos; readonly effect: Effect }[] {
    const all: { at: Nanos; effect: Effect }[] = [];
    for (let at = stp.deadline(this.state); at <= to; at = stp.deadline(this.state)) {
      for (const effect of this.feed({ at, kind: "tick" })) all.push({ at, effect });
    }
    this.now = to;
    return all;
  }
  hear(number: number, bpdu: wire.Bpdu): readonly Effect[] {
    return this.feed({ at: this.now, kind: "bpdu", port: number, bpdu });
  }
  get ports(): string[] {
    return this.state.ports.map((p) => `${roleOf(this.state, p)} ${p.state}`);
  }
}

export const port = (number: number, more: Partial<PortConfig> = {}): PortConfig => ({
  number,
  id: portId(32, number),
  pathCost: 4,
  pointToPoint: true,
  edge: "auto",
  ...more,
});

/** A configuration message of a bridge with this priority, which says of itself that it is the root. */
export const config = (priority: number, more: Partial<wire.ConfigBpdu> = {}): wire.ConfigBpdu => ({
  kind: "config",
  version: 0,
  flags: 0,
  root: wire.bridgeId(priority, MAC + priority),
  rootCost: 0,
  bridge: wire.bridgeId(priority, MAC + priority),
  port: 0x8001,
  messageAge: 0,
  maxAge: 20 * 256,
  helloTime: 2 * 256,
  forwardDelay: 15 * 256,
  rest: NOTHING,
  ...more,
});
export const rapid = (priority: number, flags: number, more: Partial<wire.RapidBpdu> = {}): wire.RapidBpdu => ({
  ...config(priority),
  kind: "rapid",
  version: 2,
  version1Length: 0,
  flags,
  ...more,
});
export const DESIGNATED = wire.ROLE_DESIGNATED << wire.ROLE_SHIFT;
export const ROOT = wire.ROLE_ROOT << wire.ROLE_SHIFT;

export type Sent = { readonly port: number; readonly bpdu: wire.Bpdu };
export const sent = (effects: readonly Effect[]): Sent[] => effects.flatMap((e) => (e.kind === "send" ? [e] : []));
export const configs = (effects: readonly Effect[]): wire.ConfigBpdu[] =>
  sent(effects).flatMap(({ bpdu }) => (bpdu.kind === "config" ? [bpdu] : []));
export const rapids = (effects: readonly Effect[]): wire.RapidBpdu[] =>
  sent(effects).flatMap(({ bpdu }) => (bpdu.kind === "rapid" ? [bpdu] : []));
export const kinds = (effects: readonly Effect[]): string[] => effects.map((e) => e.kind);
export const states = (all: readonly { at: Nanos; effect: Effect }[]): [number, number, PortState][] =>
  all.flatMap(({ at, effect: e }) =>
    e.kind === "state" ? [[at / S, e.port, e.state] as [number, number, PortState]] : [],
  );
