import { type Nanos, NEVER, US } from "../../../src/core/time.ts";
import { initial, type State, stp } from "../../../src/protocols/stp/machine.ts";
import { DEFAULT_TIMES, type Effect, type Event, type PortState, portId } from "../../../src/protocols/stp/state.ts";
import { type Bpdu, bridgeId, decode, encode, encodedLength } from "../../../src/protocols/stp/wire.ts";

/** A port's place: bridge and port number. */
export interface End {
  readonly bridge: number;
  readonly port: number;
  readonly cost: number;
}
/** A segment; two ends are a cable. */
export type Lan = readonly End[];
export interface Plan {
  readonly bridges: readonly { readonly mode: "stp" | "rstp"; readonly priority: number }[];
  readonly lans: readonly Lan[];
}
type Happening = { readonly at: Nanos; readonly bridge: number; readonly event: (at: Nanos) => Event };

/** Machines wired together: what one sends, the others on the segment receive 10 µs later, as bytes. */
export class Net {
  readonly plan: Plan;
  readonly states: State[];
  now: Nanos = 0;
  /** Called after every step of any machine. */
  watch: () => void = () => {};
  /** Every effect so far. */
  readonly log: { readonly at: Nanos; readonly bridge: number; readonly effect: Effect }[] = [];
  /** Segments that lose every frame while their carrier stays. */
  readonly mute = new Set<number>();
  private readonly cut = new Set<number>();
  private readonly flight: Happening[] = [];

  constructor(plan: Plan) {
    this.plan = plan;
    this.states = plan.bridges.map(({ mode, priority }, i) =>
      initial({ mode, id: bridgeId(priority, 0x0200_0000_0000 + i), times: DEFAULT_TIMES }),
    );
  }

  /** Plugs every cable and starts every bridge at its instant. */
  start(instants: readonly Nanos[] = []): void {
    for (const [lan] of this.plan.lans.entries()) this.plug(lan);
    for (const [i] of this.states.entries()) this.later(i, instants[i] ?? 0, (at) => ({ at, kind: "bridge-up" }));
  }

  unplug(lan: number): void {
    this.cut.add(lan);
    for (const end of this.plan.lans[lan] as Lan)
      this.feed(end.bridge, { at: this.now, kind: "port-down", port: end.port });
  }
  plug(lan: number): void {
    this.cut.delete(lan);
    const ends = this.plan.lans[lan] as Lan;
    for (const { bridge, port, cost } of ends) {
      const pointToPoint = ends.length === 2;
      const config = { number: port, id: portId(32, port), pathCost: cost, pointToPoint, edge: "auto" as const };
      this.feed(bridge, { at: this.now, kind: "port-up", port: config });
    }
  }
  stop(bridge: number): void {
    for (const [i, lan] of this.plan.lans.entries()) if (lan.some((end) => end.bridge === bridge)) this.unplug(i);
    this.feed(bridge, { at: this.now, kind: "bridge-down" });
  }

  run(until: Nanos): void {
    for (;;) {
      const tick = this.states.reduce(
        (best, s, i) => (stp.deadline(s) < stp.deadline(this.states[best] as State) ? i : best),
        0,
      );
      const due = stp.deadline(this.states[tick] as State);
      const next = this.flight[0];
      const at = Math.min(due, next?.at ?? NEVER);
      if (at > until) break;
      this.now = at;
      if (next?.at === at) {
        this.flight.shift();
        this.feed(next.bridge, next.event(at));
      } else this.feed(tick, { at, kind: "tick" });
    }
    this.now = until;
  }

  portState(bridge: number, port: number): PortState {
    return this.states[bridge]?.ports.find((p) => p.number === port)?.state ?? "disabled";
  }

  /** Whether frames could go round: a cycle of forwarding ports. */
  hasLoop(): boolean {
    return this.join().loop;
  }
  /** Whether frames reach every bridge from every other one that a chain of cables leads to. */
  isConnected(): boolean {
    return this.join().groups === this.reachable();
  }
  /** The number of groups of bridges that cables join. */
  reachable(): number {
    return this.join(() => true).groups;
  }
  converged(): boolean {
    return !this.hasLoop() && this.isConnected();
  }

  private later(bridge: number, at: Nanos, event: Happening["event"]): void {
    const from = this.flight.findIndex((other) => other.at > at);
    this.flight.splice(from < 0 ? this.flight.length : from, 0, { at, bridge, event });
  }

  private feed(bridge: number, event: Event): void {
    const { state, effects } = stp.step(this.states[bridge] as State, event);
    this.states[bridge] = state;
    for (const effect of effects) {
      this.log.push({ at: this.now, bridge, effect });
      if (effect.kind === "send") this.carry(bridge, effect.port, effect.bpdu);
    }
    this.watch();
  }

  private carry(bridge: number, port: number, bpdu: Bpdu): void {
    const bytes = new Uint8Array(encodedLength(bpdu));
    encode(bpdu, bytes, 0);
    const got = decode(bytes, 0, bytes.length);
    if (!got.ok) throw new Error(`a BPDU that nobody can read: ${got.why}`);
    const lan = this.plan.lans.findIndex((ends) => ends.some((end) => end.bridge === bridge && end.port === port));
    for (const end of this.plan.lans[lan] as Lan) {
      if (this.cut.has(lan) || this.mute.has(lan) || (end.bridge === bridge && end.port === port)) continue;
      this.later(end.bridge, this.now + 10 * US, (at) => ({ at, kind: "bpdu", port: end.port, bpdu: got.value }));
    }
  }

  /** Joins bridges and segments over the ports that `open` names; counts the groups of bridges that result. */
  private join(open = (end: End): boolean => this.portState(end.bridge, end.port) === "forwarding"): {
    readonly loop: boolean;
    readonly groups: number;
  } {
    const bridges = this.plan.bridges.length;
    const parent = Array.from({ length: bridges + this.plan.lans.length }, (_, i) => i);
    const find = (i: number): number => (parent[i] === i ? i : (parent[i] = find(parent[i] as number)));
    let loop = false;
    for (const [i, lan] of this.plan.lans.entries()) {
      for (const end of lan) {
        if (this.cut.has(i) || !open(end)) continue;
        const [a, b] = [find(end.bridge), find(bridges + i)];
        if (a === b) loop = true;
        parent[a] = b;
      }
    }
    return { loop, groups: new Set(this.plan.bridges.map((_, i) => find(i))).size };
  }
}
