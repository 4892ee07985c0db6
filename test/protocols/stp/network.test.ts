import fc from "fast-check";
import { expect, it } from "vitest";
import { type Nanos, NEVER, S } from "../../../src/core/time.ts";
import { initial, roleOf, type State, stp } from "../../../src/protocols/stp/machine.ts";
import { DEFAULT_TIMES, type Event, portId } from "../../../src/protocols/stp/state.ts";
import * as wire from "../../../src/protocols/stp/wire.ts";
import { cases } from "../../harness/shared.ts";
import { type End, Net, type Plan } from "./net.ts";

type Mode = "stp" | "rstp";
const BOTH = ["stp", "rstp"] as const;
/** For properties at their full number of cases. */
const LONG = 600_000;

/** Until every port has found its state, at worst: max age and two forward delays, and the messages between. */
const CLASSIC: Nanos = 55 * S;
/** A rapid bridge that loses its root believes what circulates of it until that is too old: twenty hops. */
const RAPID: Nanos = 40 * S;

const cable = (a: [number, number], b: [number, number], cost = 4): End[] =>
  [a, b].map(([bridge, port]) => ({ bridge, port, cost }));
const alike = (mode: Mode, count: number): Plan["bridges"] =>
  Array.from({ length: count }, () => ({ mode, priority: 32768 }));
const triangle = (mode: Mode): Plan => ({
  bridges: alike(mode, 3),
  lans: [cable([0, 1], [1, 1], 2), cable([1, 2], [2, 1], 2), cable([2, 2], [0, 2], 2)],
});
const square = (mode: Mode): Plan => ({
  bridges: alike(mode, 4),
  lans: [
    cable([0, 1], [1, 1]),
    cable([1, 2], [2, 1]),
    cable([2, 2], [3, 1]),
    cable([3, 2], [0, 2]),
    cable([0, 3], [2, 3]),
  ],
});
const blocked = (net: Net): [number, number][] =>
  net.states.flatMap((s, i) =>
    s.ports.filter((p) => p.state === "blocking").map((p) => [i, p.number] as [number, number]),
  );

/** A network that has run for a minute and in which no loop was ever seen. */
function settled(plan: Plan): Net {
  const net = new Net(plan);
  net.watch = () => expect(net.hasLoop()).toBe(false);
  net.start();
  net.run(60 * S);
  expect(net.converged()).toBe(true);
  return net;
}

it.each(BOTH)("blocks one end of a triangle's far side: %s", (mode) => {
  const net = settled(triangle(mode));
  expect(blocked(net)).toEqual([[2, 1]]);
  expect(net.states.map((s) => s.rootPort)).toEqual([0, 1, 2]);
});

it.each(BOTH)("blocks two ends of a square with a diagonal: %s", (mode) => {
  const net = settled(square(mode));
  expect(blocked(net)).toEqual([
    [2, 1],
    [3, 1],
  ]);
});

it.each([
  ["stp", CLASSIC],
  ["rstp", 1 * S],
] as const)("goes round a cut cable: %s, within %d ns", (mode, within) => {
  for (let lan = 0; lan < 5; lan++) {
    const net = settled(square(mode));
    net.unplug(lan);
    net.run(net.now + within);
    expect(net.converged()).toBe(true);
    net.plug(lan);
    net.run(net.now + within);
    expect(net.converged()).toBe(true);
  }
});

it.each([
  ["stp", CLASSIC],
  ["rstp", 8 * S],
] as const)("goes round a cable that loses every frame in silence: %s, within %d ns", (mode, within) => {
  const net = settled(triangle(mode));
  net.watch = () => {}; // both ends forward into it in the end, and nothing comes through
  net.mute.add(0);
  net.run(net.now + within);
  expect(net.states[1]?.rootPort).toBe(2);
  expect([net.portState(1, 2), net.portState(2, 1)]).toEqual(["forwarding", "forwarding"]);
});

it.each([
  ["stp", CLASSIC],
  ["rstp", RAPID],
] as const)("elects another root when the root dies: %s", (mode, within) => {
  const net = settled(square(mode));
  net.stop(0);
  net.run(net.now + within);
  expect(net.converged()).toBe(true);
  expect(net.states.slice(1).map((s) => wire.formatBridgeId(s.root))).toEqual(Array(3).fill("8000.020000000001"));
});

it.each(BOTH)("backs up a second port on the same shared segment: %s", (mode) => {
  const shared = [
    { bridge: 0, port: 1, cost: 4 },
    { bridge: 0, port: 2, cost: 4 },
    { bridge: 1, port: 1, cost: 4 },
  ];
  const net = settled({ bridges: alike(mode, 2), lans: [shared] });
  expect(net.states.map((s) => s.ports.map((p) => `${roleOf(s, p)} ${p.state}`))).toEqual([
    ["designated forwarding", "backup blocking"],
    ["root forwarding"],
  ]);
});

/** Bridges 02:…:00 to :02 in a triangle, started 8, 10 and 14 ms after 0, the cable between the first two cut at 60.027 s. */
const KERNEL = `
  0.008 0/1 listening   0.008 0/2 listening   0.010 1/1 listening   0.010 1/2 listening
  0.014 2/2 listening   0.014 2/1 listening   3.426 2/1 blocking    15.010 0/1 learning
  15.010 0/2 learning   15.270 2/2 learning   15.270 1/1 learning   15.270 1/2 learning
  30.114 0/1 forwarding 30.114 0/2 forwarding 30.370 1/1 forwarding 30.370 1/2 forwarding
  30.370 2/2 forwarding 60.027 0/1 disabled   60.028 1/1 disabled   79.010 2/1 listening
  94.113 2/1 learning   109.218 2/1 forwarding`;

it("passes through the states that Linux 6.18 did in the same triangle, within its rounding of timers", () => {
  const net = new Net(triangle("stp"));
  net.start([0.008 * S, 0.01 * S, 0.014 * S]);
  net.run(60.027 * S);
  net.unplug(0);
  net.run(120 * S);
  const rows = (port: string): { at: number; state: string }[] =>
    [...KERNEL.matchAll(/(\S+) (\d\/\d) (\w+)/g)].flatMap(([, at, where, state]) =>
      where === port ? [{ at: Number(at), state: state as string }] : [],
    );
  for (const port of ["0/1", "0/2", "1/1", "1/2", "2/1", "2/2"]) {
    const ours = net.log.flatMap(({ at, bridge, effect }) =>
      effect.kind === "state" && `${bridge}/${effect.port}` === port
        ? [{ at: at / S, state: effect.state as string }]
        : [],
    );
    const seen = ours.slice(1); // the monitor does not show the blocking state that every port begins in
    expect(seen.map((row) => row.state)).toEqual(rows(port).map((row) => row.state));
    for (const [i, row] of rows(port).entries()) expect(Math.abs((seen[i]?.at as number) - row.at)).toBeLessThan(1.5);
  }
});

/** Connected networks of 2 to 6 bridges: a tree of cables, more cables between any two, and perhaps a shared segment. */
const plans = (mode: fc.Arbitrary<Mode>, share: boolean): fc.Arbitrary<Plan> =>
  fc
    .record({
      bridges: fc.array(fc.record({ mode, priority: fc.constantFrom(4096, 32768) }), { minLength: 2, maxLength: 6 }),
      tree: fc.array(fc.nat(99), { minLength: 6, maxLength: 6 }),
      more: fc.array(fc.tuple(fc.nat(99), fc.nat(99)), { maxLength: 4 }),
      shared: share ? fc.option(fc.tuple(fc.nat(99), fc.nat(99), fc.nat(99))) : fc.constant(null),
      costs: fc.array(fc.constantFrom(2, 4, 19, 100), { minLength: 24, maxLength: 24 }),
    })
    .map(({ bridges, tree, more, shared, costs }) => {
      const used = bridges.map(() => 0);
      let drawn = 0;
      const end = (at: number): End => {
        const bridge = at % bridges.length;
        const port = (used[bridge] as number) + 1;
        used[bridge] = port;
        return { bridge, port, cost: costs[drawn++ % costs.length] as number };
      };
      const lans = bridges.slice(1).map((_, i) => [end(i + 1), end((tree[i] as number) % (i + 1))]);
      for (const [a, b] of more) if (a % bridges.length !== b % bridges.length) lans.push([end(a), end(b)]);
      if (shared) lans.push(shared.map(end));
      return { bridges, lans };
    });
const starts = fc.array(
  fc.nat(5000).map((ms) => ms * 1e6),
  { minLength: 6, maxLength: 6 },
);

/** Start, a cut, its mending, the root's death: a spanning tree `within` of each, and `always` holds after every step. */
function live(plan: Plan, instants: Nanos[], cut: number, within: Nanos, always: (net: Net) => void): void {
  const net = new Net(plan);
  net.watch = () => always(net);
  const settle = (after: string): void => {
    net.run(net.now + within);
    if (!net.converged()) expect.fail(`no spanning tree after ${after}: ${JSON.stringify(plan)}`);
  };
  net.start(instants);
  net.run(5 * S);
  settle("the start");
  net.unplug(cut % plan.lans.length);
  settle("a cut");
  net.plug(cut % plan.lans.length);
  settle("its mending");
  net.stop(net.states.findIndex((s) => s.rootPort === 0));
  settle("the root's death");
}

it(
  "has no loop at any instant and ends in a spanning tree: any classic network",
  () =>
    fc.assert(
      fc.property(plans(fc.constant("stp"), true), starts, fc.nat(99), (plan, instants, cut) => {
        live(plan, instants, cut, CLASSIC, (net) => {
          if (net.hasLoop()) expect.fail(`a loop at ${net.now}`);
        });
      }),
      { numRuns: cases(25, 1000) },
    ),
  LONG,
);

it(
  "ends in a spanning tree: any rapid network",
  () =>
    fc.assert(
      fc.property(plans(fc.constant("rstp"), true), starts, fc.nat(99), (plan, instants, cut) => {
        live(plan, instants, cut, RAPID, () => {});
      }),
      { numRuns: cases(25, 1000) },
    ),
  LONG,
);

it(
  "ends in a spanning tree: any network of classic and rapid bridges",
  () =>
    fc.assert(
      fc.property(plans(fc.constantFrom(...BOTH), true), starts, fc.nat(99), (plan, instants, cut) => {
        live(plan, instants, cut, 2 * CLASSIC, () => {});
      }),
      { numRuns: cases(15, 600) },
    ),
  LONG,
);

const ring: fc.Arbitrary<Plan> = fc
  .array(fc.tuple(fc.constantFrom(4096, 32768), fc.constantFrom(2, 4, 19, 100)), { minLength: 3, maxLength: 7 })
  .map((drawn) => ({
    bridges: drawn.map(([priority]) => ({ mode: "rstp", priority })),
    lans: drawn.map(([, cost], i) => cable([i, 1], [(i + 1) % drawn.length, 2], cost)),
  }));

it(
  "goes round a cut cable within a second: any rapid ring",
  () => {
    fc.assert(
      fc.property(ring, starts, fc.nat(99), (plan, instants, cut) => {
        const net = new Net(plan);
        net.start(instants);
        net.run(60 * S);
        net.watch = () => expect(net.hasLoop()).toBe(false);
        for (const change of [() => net.unplug(cut % plan.lans.length), () => net.plug(cut % plan.lans.length)]) {
          change();
          net.run(net.now + S);
          expect(net.converged()).toBe(true);
        }
      }),
      { numRuns: cases(25, 1000) },
    );
  },
  LONG,
);

const bridge = fc.tuple(fc.constantFrom(0, 4096, 32768, 0xffff), fc.nat(3)).map(([p, mac]) => wire.bridgeId(p, mac));
const ticks = fc.oneof(fc.nat(0xffff), fc.constantFrom(0, 256, 512, 15 * 256, 20 * 256));
const fields = {
  version: fc.nat(3),
  flags: fc.nat(255),
  root: bridge,
  rootCost: fc.constantFrom(0, 4, 8, 0xffffffff),
  bridge,
  port: fc.constantFrom(1, 0x8001, 0x8002, 0xffff),
  messageAge: ticks,
  maxAge: ticks,
  helloTime: ticks,
  forwardDelay: ticks,
  rest: fc.constant(new Uint8Array(0)),
};
const bpdu: fc.Arbitrary<wire.Bpdu> = fc.oneof(
  fc.record({ kind: fc.constant("tcn" as const), version: fc.nat(3), rest: fields.rest }),
  fc.record({ kind: fc.constant("config" as const), ...fields, version: fc.constant(0) }),
  fc.record({ kind: fc.constant("rapid" as const), ...fields, version1Length: fc.constant(0) }),
);
const number = fc.integer({ min: 1, max: 4 });
const happening: fc.Arbitrary<(at: Nanos) => Event> = fc.oneof(
  fc.constantFrom("bridge-up" as const, "bridge-down" as const).map(
    (kind) =>
      (at: Nanos): Event => ({ at, kind }),
  ),
  fc
    .record({ number, pathCost: fc.nat(100), pointToPoint: fc.boolean(), edge: fc.constantFrom("yes", "no", "auto") })
    .map(
      (p) =>
        (at: Nanos): Event => ({ at, kind: "port-up", port: { ...p, id: portId(32, p.number) } }),
    ),
  number.map(
    (port) =>
      (at: Nanos): Event => ({ at, kind: "port-down", port }),
  ),
  fc.tuple(number, fc.nat(63), fc.nat(100)).map(
    ([port, priority, pathCost]) =>
      (at: Nanos): Event => ({ at, kind: "port-config", port, id: portId(priority, port), pathCost }),
  ),
  bridge.map(
    (id) =>
      (at: Nanos): Event => ({ at, kind: "bridge-config", id, times: DEFAULT_TIMES }),
  ),
  {
    weight: 8,
    arbitrary: fc.tuple(number, bpdu).map(
      ([port, bpdu]) =>
        (at: Nanos): Event => ({ at, kind: "bpdu", port, bpdu }),
    ),
  },
);

/** Every object below, so that a step that writes to its input throws. */
function freeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || value instanceof Uint8Array || Object.isFrozen(value))
    return value;
  for (const part of Object.values(value)) freeze(part);
  return Object.freeze(value);
}

it.each(BOTH)("takes any events: its input untouched, a deadline ahead, one root port, state as told: %s", (mode) =>
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(6e9), happening), { maxLength: 60 }), (history) => {
      let state: State = freeze(initial({ mode, id: wire.bridgeId(32768, 2), times: DEFAULT_TIMES }));
      const told = new Map<number, string>();
      const feed = (event: Event): void => {
        const step = stp.step(state, event);
        state = freeze(step.state);
        for (const e of step.effects) if (e.kind === "state") told.set(e.port, e.state);
        for (const p of state.ports) expect(p.state).toBe(told.get(p.number) ?? "disabled");
        if (state.rootPort !== 0) expect(state.ports.some((p) => p.number === state.rootPort)).toBe(true);
        if (!state.up) expect(stp.deadline(state)).toBe(NEVER);
      };
      let now = 0;
      for (const [gap, happens] of history) {
        now += gap;
        for (let at = stp.deadline(state); at <= now; at = stp.deadline(state)) {
          feed({ at, kind: "tick" });
          expect(stp.deadline(state)).toBeGreaterThan(at);
        }
        feed(happens(now));
      }
    }),
    { numRuns: cases(100, 20_000) },
  ),
);
