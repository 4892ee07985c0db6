import { expect, it } from "vitest";
import { type Nanos, NEVER, S } from "../../../src/core/time.ts";
import { initial, roleOf, type State, stp } from "../../../src/protocols/stp/machine.ts";
import {
  DEFAULT_TIMES,
  type Effect,
  type Event,
  type PortConfig,
  type PortState,
  pathCost,
  portId,
} from "../../../src/protocols/stp/state.ts";
import * as wire from "../../../src/protocols/stp/wire.ts";

const NOTHING = new Uint8Array(0);
const MAC = 0x0200_0000_0000;

/** One bridge on a bench: events in, effects out. */
class Bench {
  state: State;
  now: Nanos = 0;

  constructor(mode: "stp" | "rstp", ports: number, priority = 32768) {
    this.state = initial({ mode, id: wire.bridgeId(priority, MAC), times: DEFAULT_TIMES });
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

const port = (number: number, more: Partial<PortConfig> = {}): PortConfig => ({
  number,
  id: portId(32, number),
  pathCost: 4,
  pointToPoint: true,
  edge: "auto",
  ...more,
});

/** A configuration message of a bridge with this priority, which says of itself that it is the root. */
const config = (priority: number, more: Partial<wire.ConfigBpdu> = {}): wire.ConfigBpdu => ({
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
const rapid = (priority: number, flags: number, more: Partial<wire.RapidBpdu> = {}): wire.RapidBpdu => ({
  ...config(priority),
  kind: "rapid",
  version: 2,
  version1Length: 0,
  flags,
  ...more,
});
const DESIGNATED = wire.ROLE_DESIGNATED << wire.ROLE_SHIFT;
const ROOT = wire.ROLE_ROOT << wire.ROLE_SHIFT;

type Sent = { readonly port: number; readonly bpdu: wire.Bpdu };
const sent = (effects: readonly Effect[]): Sent[] => effects.flatMap((e) => (e.kind === "send" ? [e] : []));
const configs = (effects: readonly Effect[]): wire.ConfigBpdu[] =>
  sent(effects).flatMap(({ bpdu }) => (bpdu.kind === "config" ? [bpdu] : []));
const rapids = (effects: readonly Effect[]): wire.RapidBpdu[] =>
  sent(effects).flatMap(({ bpdu }) => (bpdu.kind === "rapid" ? [bpdu] : []));
const kinds = (effects: readonly Effect[]): string[] => effects.map((e) => e.kind);
const states = (all: readonly { at: Nanos; effect: Effect }[]): [number, number, PortState][] =>
  all.flatMap(({ at, effect: e }) =>
    e.kind === "state" ? [[at / S, e.port, e.state] as [number, number, PortState]] : [],
  );

it("passes through listening and learning, a forward delay each", () => {
  const b = new Bench("stp", 1);
  expect(b.ports).toEqual(["designated listening"]);
  expect(states(b.wait(40 * S))).toEqual([
    [15, 1, "learning"],
    [30, 1, "forwarding"],
  ]);
});

it("sends a hello every 2 s on designated ports while it is the root", () => {
  const b = new Bench("stp", 2);
  const hellos = b.wait(5 * S).filter(({ effect }) => effect.kind === "send");
  expect(hellos.map(({ at, effect }) => [at / S, effect.kind === "send" && effect.port])).toEqual([
    [2, 1],
    [2, 2],
    [4, 1],
    [4, 2],
  ]);
  expect(configs(hellos.map(({ effect }) => effect))[0]).toEqual({
    ...config(32768, { root: b.state.config.id, bridge: b.state.config.id, port: 0x8001 }),
  });
});

it("takes the best root, by the cheapest port, and relays what that port hears", () => {
  const b = new Bench("stp", 3);
  b.feed({ at: 0, kind: "port-config", port: 1, id: portId(32, 1), pathCost: 19 });
  b.hear(1, config(4096));
  expect([b.state.rootPort, b.state.rootCost]).toEqual([1, 19]);
  const relayed = configs(b.hear(2, config(4096, { bridge: wire.bridgeId(8192, MAC + 1), rootCost: 4 })));
  expect([b.state.rootPort, b.state.rootCost]).toEqual([2, 8]);
  expect(relayed).toEqual([]); // port 3 is on hold: it has relayed already
  expect(b.ports).toEqual(["alternate blocking", "root listening", "designated listening"]);
  expect(
    b
      .wait(3 * S)
      .filter(({ effect }) => effect.kind === "send")
      .map(({ at }) => at / S),
  ).toEqual([1]);
});

it.each([
  ["the sender's identifier", { bridge: wire.bridgeId(8191, MAC) }, 2],
  ["the sender's port", { port: 0x8000 }, 2],
  ["the receiving port", {}, 1],
])("decides between equal costs by %s", (_, second, root) => {
  const b = new Bench("stp", 2);
  const far = { bridge: wire.bridgeId(8192, MAC + 1), rootCost: 4 };
  b.hear(1, config(4096, far));
  b.hear(2, config(4096, { ...far, ...second }));
  expect(b.state.rootPort).toBe(root);
  expect(roleOf(b.state, b.state.ports[2 - root] as never)).toBe("alternate");
});

it("blocks the port of a segment that another bridge serves better, at once", () => {
  const b = new Bench("stp", 2);
  b.hear(1, config(4096));
  const out = b.hear(2, config(4096, { bridge: wire.bridgeId(8192, MAC + 1), rootCost: 0 }));
  expect(out).toContainEqual({ kind: "state", port: 2, state: "blocking" });
  expect(b.ports).toEqual(["root listening", "alternate blocking"]);
});

it("sees its own message on another port and backs that one up", () => {
  const b = new Bench("stp", 2);
  const own = config(0, { root: b.state.config.id, bridge: b.state.config.id, port: portId(32, 1) });
  b.hear(2, own);
  expect(b.ports).toEqual(["designated listening", "backup blocking"]);
});

it("answers a worse message on a designated port with its own", () => {
  const b = new Bench("stp", 1);
  expect(configs(b.hear(1, config(61440)))).toMatchObject([{ root: b.state.config.id }]);
});

it("sends one message a second on a port, and the held one then", () => {
  const b = new Bench("stp", 1);
  b.now = S / 2;
  expect(configs(b.hear(1, config(61440))).length).toBe(1);
  expect(b.hear(1, config(61440))).toEqual([]);
  expect(b.wait(1.75 * S).map(({ at }) => at / S)).toEqual([1.5]);
});

it("forgets what is not repeated when its age is reached, and takes over", () => {
  const b = new Bench("stp", 2);
  b.hear(1, config(4096, { messageAge: 5 * 256 }));
  expect(b.state.rootPort).toBe(1);
  const out = b.wait(15 * S);
  expect(b.state.rootPort).toBe(0);
  expect(configs(out.filter(({ at }) => at === 15 * S).map(({ effect }) => effect))[0]).toMatchObject({
    root: b.state.config.id,
    messageAge: 0,
  });
});

it("adds a 256th of a second to the age that it relays, and the time that the message lay here", () => {
  const b = new Bench("stp", 2);
  expect(configs(b.hear(1, config(4096, { messageAge: 100 })))[0]?.messageAge).toBe(101);
  b.wait(3 * S);
  expect(configs(b.hear(2, config(61440)))[0]?.messageAge).toBe(101 + 3 * 256);
});

it("does not relay what is as old as max age", () => {
  const b = new Bench("stp", 2);
  const old = config(4096, { messageAge: 20 * 256 - 1 });
  expect(configs(b.hear(1, old))).toEqual([]);
  expect(b.state.rootPort).toBe(1);
});

it("ignores rapid messages, and classic ones older than max age, as Linux does", () => {
  const b = new Bench("stp", 1);
  expect(b.hear(1, rapid(4096, DESIGNATED))).toEqual([]);
  expect(b.hear(1, config(4096, { version: 2 }))).toEqual([]);
  expect(b.hear(1, config(4096, { messageAge: 20 * 256 + 1 }))).toEqual([]);
  expect(b.state.rootPort).toBe(0);
});

it("uses the root's times, and its own again as the root", () => {
  const b = new Bench("stp", 2);
  b.hear(1, config(4096, { forwardDelay: 4 * 256, helloTime: 256, maxAge: 6 * 256 }));
  expect(b.state.times).toEqual({ maxAge: 6 * S, hello: S, forwardDelay: 4 * S });
  b.wait(6 * S);
  expect(b.state.times).toEqual(DEFAULT_TIMES);
});

it("tells the root of a topology change every 2 s until it is acknowledged", () => {
  const b = new Bench("stp", 2);
  const hello = (flags = 0): readonly Effect[] => b.hear(1, config(4096, { flags }));
  for (let t = 0; t <= 30; t += 2) {
    b.wait(t * S);
    hello();
  }
  const tcns = (out: { at: Nanos; effect: Effect }[]): number[] =>
    out.flatMap(({ at, effect: e }) => (e.kind === "send" && e.bpdu.kind === "tcn" ? [at / S] : []));
  expect(tcns(b.wait(33 * S))).toEqual([32]); // the first went out at 30 s
  hello(wire.FLAG_TC | wire.FLAG_TC_ACK);
  expect(tcns(b.wait(40 * S))).toEqual([]);
});

it("acknowledges a notification, and as the root tells everyone for 35 s while addresses age fast", () => {
  const b = new Bench("stp", 2);
  b.wait(29 * S);
  const out = b.hear(1, { kind: "tcn", version: 0, rest: NOTHING });
  expect(kinds(out)).toEqual(["topology-change", "ageing", "send"]);
  expect(out[1]).toEqual({ kind: "ageing", time: 30 * S });
  expect(configs(out)[0]?.flags).toBe(wire.FLAG_TC | wire.FLAG_TC_ACK);
  const later = b.wait(70 * S);
  const flags = later.flatMap(({ at, effect: e }) =>
    e.kind === "send" && e.bpdu.kind === "config" ? [[at / S, e.bpdu.flags]] : [],
  );
  expect(flags.filter(([at]) => at === 64).every(([, f]) => f === wire.FLAG_TC)).toBe(true);
  expect(flags.filter(([at]) => at === 66).every(([, f]) => f === 0)).toBe(true);
  expect(later.filter(({ effect }) => effect.kind === "ageing")).toEqual([
    { at: 65 * S, effect: { kind: "ageing", time: undefined } }, // its own ports began to forward at 30 s
  ]);
});

it("ages fast when the root says so, and normally when it stops", () => {
  const b = new Bench("stp", 1);
  expect(b.hear(1, config(4096, { flags: wire.FLAG_TC }))).toContainEqual({ kind: "ageing", time: 30 * S });
  expect(b.hear(1, config(4096))).toContainEqual({ kind: "ageing", time: undefined });
});

it("flushes a port that goes down, and becomes the root when that was the way to it", () => {
  const b = new Bench("stp", 2);
  b.hear(1, config(4096));
  const out = b.feed({ at: S, kind: "port-down", port: 1 });
  expect(out.slice(0, 2)).toEqual([
    { kind: "state", port: 1, state: "disabled" },
    { kind: "flush", port: 1 },
  ]);
  expect([b.state.rootPort, b.state.root, b.state.ports.length]).toEqual([0, b.state.config.id, 1]);
});

it.each(["stp", "rstp"] as const)("takes a new priority at once: %s", (mode) => {
  const b = new Bench(mode, 2);
  b.hear(1, mode === "stp" ? config(4096) : rapid(4096, DESIGNATED));
  expect(b.state.rootPort).toBe(1);
  b.feed({ at: b.now, kind: "bridge-config", id: wire.bridgeId(0, MAC), times: DEFAULT_TIMES });
  expect([b.state.rootPort, b.state.root]).toEqual([0, wire.bridgeId(0, MAC)]);
});

it.each(["stp", "rstp"] as const)("takes a new path cost at once: %s", (mode) => {
  const b = new Bench(mode, 2);
  for (const n of [1, 2]) {
    b.hear(n, mode === "stp" ? config(4096, { port: 0x8000 + n }) : rapid(4096, DESIGNATED, { port: 0x8000 + n }));
  }
  expect(b.state.rootPort).toBe(1);
  b.feed({ at: b.now, kind: "port-config", port: 1, id: portId(32, 1), pathCost: 100 });
  expect(b.state.rootPort).toBe(2);
});

it.each(["stp", "rstp"] as const)("is still and silent while the bridge is down: %s", (mode) => {
  const b = new Bench(mode, 2);
  b.wait(40 * S);
  b.feed({ at: b.now, kind: "bridge-down" });
  expect(b.ports).toEqual(["disabled disabled", "disabled disabled"]);
  expect(stp.deadline(b.state)).toBe(NEVER);
  expect(b.hear(1, config(4096))).toEqual([]);
  b.feed({ at: b.now, kind: "bridge-up" });
  b.wait(80 * S);
  expect(b.ports).toEqual(["designated forwarding", "designated forwarding"]);
});

it("knows path costs and port identifiers", () => {
  expect([100e9, 10e9, 1e9, 100e6, 10e6].map(pathCost)).toEqual([1, 2, 4, 19, 100]);
  expect([portId(32, 1), portId(0, 3), portId(63, 1023)]).toEqual([0x8001, 3, 0xffff]);
});

it("forwards at once when its proposal is agreed to", () => {
  const b = new Bench("rstp", 1);
  expect(b.ports).toEqual(["designated blocking"]);
  const out = b.hear(1, rapid(32768, ROOT | wire.FLAG_AGREEMENT, { root: b.state.config.id, rootCost: 4 }));
  expect(out.filter((e) => e.kind === "state").map((e) => e.kind === "state" && e.state)).toEqual([
    "learning",
    "forwarding",
  ]);
});

it("asks for agreement in its first message", () => {
  let state = initial({ mode: "rstp", id: wire.bridgeId(32768, MAC), times: DEFAULT_TIMES });
  state = stp.step(state, { at: 0, kind: "port-up", port: port(1) }).state;
  const { effects } = stp.step(state, { at: 0, kind: "bridge-up" });
  expect(rapids(effects)).toMatchObject([{ version: 2, flags: DESIGNATED | wire.FLAG_PROPOSAL }]);
});

it("agrees to a proposal only after its other ports have stopped forwarding", () => {
  const b = new Bench("rstp", 2);
  b.hear(1, rapid(4096, DESIGNATED | wire.FLAG_PROPOSAL));
  b.hear(2, rapid(61440, DESIGNATED)); // a bridge, so this is no edge port
  b.wait(5 * S);
  b.hear(2, rapid(32768, ROOT | wire.FLAG_AGREEMENT, { root: wire.bridgeId(4096, MAC + 4096), rootCost: 99 }));
  b.hear(1, rapid(4096, DESIGNATED));
  expect(b.ports).toEqual(["root forwarding", "designated forwarding"]);
  const out = b.hear(1, rapid(4096, DESIGNATED | wire.FLAG_PROPOSAL, { rootCost: 10 })); // worse than before
  const blocked = out.findIndex((e) => e.kind === "state" && e.port === 2 && e.state === "blocking");
  const agreed = out.findIndex(
    (e) => e.kind === "send" && e.bpdu.kind === "rapid" && e.bpdu.flags & wire.FLAG_AGREEMENT,
  );
  expect(blocked).toBeGreaterThanOrEqual(0);
  expect(agreed).toBeGreaterThan(blocked);
  expect(b.ports[0]).toBe("root forwarding");
});

it("does not take agreement for an answer on a shared segment", () => {
  const b = new Bench("rstp", 0);
  b.feed({ at: 0, kind: "port-up", port: port(1, { pointToPoint: false }) });
  b.hear(1, rapid(32768, ROOT | wire.FLAG_AGREEMENT, { root: b.state.config.id, rootCost: 4 }));
  expect(b.ports).toEqual(["designated blocking"]);
});

it.each([
  ["yes", 0],
  ["auto", 3],
  ["no", 22],
] as const)("begins to forward where nobody answers, edge %s, after %d s", (edge, after) => {
  const b = new Bench("rstp", 0);
  const first = b.feed({ at: 0, kind: "port-up", port: port(1, { edge }) }).map((effect) => ({ at: 0, effect }));
  const all = states([...first, ...b.wait(60 * S)]);
  expect(all.find(([, , state]) => state === "forwarding")?.[0]).toBe(after);
});

it("is no edge port any more when a bridge speaks", () => {
  const b = new Bench("rstp", 1);
  b.wait(10 * S);
  b.hear(1, rapid(61440, DESIGNATED));
  expect(b.state.ports[0]).toMatchObject({ operEdge: false, state: "forwarding" });
});

it("tells a topology change for a hello time and a second, and others flush", () => {
  const b = new Bench("rstp", 2);
  b.hear(1, rapid(4096, DESIGNATED | wire.FLAG_PROPOSAL));
  b.wait(10 * S); // port 2 is an edge port: no topology of bridges
  const tc = (flags: number): boolean => (flags & wire.FLAG_TC) !== 0;
  expect(b.state.topologyChange).toBe(false);
  const out = b.hear(1, rapid(4096, DESIGNATED | wire.FLAG_TC));
  expect(out.filter((e) => e.kind === "flush")).toEqual([]); // an edge port has nothing to forget
  b.hear(2, rapid(61440, DESIGNATED));
  b.hear(2, rapid(32768, ROOT | wire.FLAG_AGREEMENT, { root: wire.bridgeId(4096, MAC + 4096), rootCost: 99 }));
  expect(b.state.topologyChange).toBe(true);
  b.wait(b.now + 4 * S);
  expect(b.state.topologyChange).toBe(false);
  const told = b.hear(1, rapid(4096, DESIGNATED | wire.FLAG_TC));
  expect(told).toContainEqual({ kind: "flush", port: 2 });
  expect(sent(told).map(({ port, bpdu }) => [port, bpdu.kind === "rapid" && tc(bpdu.flags)])).toEqual([[2, true]]);
});

it("sends at most six messages a second, and the news afterwards", () => {
  const b = new Bench("rstp", 1);
  let count = 0;
  b.now = 10;
  for (let i = 0; i < 20; i++)
    count += sent(b.hear(1, rapid(4096 * (15 - (i % 2)), DESIGNATED | wire.FLAG_PROPOSAL))).length;
  const all = b.wait(0.9 * S);
  expect(count + all.length).toBeLessThanOrEqual(6);
});

it("forgets a silent neighbour after three hello times", () => {
  const b = new Bench("rstp", 1);
  b.hear(1, rapid(4096, DESIGNATED));
  b.wait(6 * S - 1);
  expect(b.state.rootPort).toBe(1);
  b.wait(6 * S);
  expect(b.state.rootPort).toBe(0);
});

it("speaks classic STP to a neighbour that does, and RSTP again when that one can", () => {
  const b = new Bench("rstp", 1, 0);
  b.wait(4 * S);
  b.hear(1, config(61440));
  const classic = b.wait(8 * S).flatMap(({ effect }) => sent([effect]));
  expect(classic.map(({ bpdu }) => bpdu.kind)).toEqual(["config", "config"]);
  b.hear(1, rapid(61440, DESIGNATED));
  const again = b.wait(12 * S).flatMap(({ effect }) => sent([effect]));
  expect(again.map(({ bpdu }) => bpdu.kind)).toEqual(["rapid", "rapid"]);
});

it("notifies a classic root of changes with TCNs until it acknowledges", () => {
  const b = new Bench("rstp", 2);
  b.hear(1, config(4096));
  for (let t = 2; t <= 60; t += 2) {
    b.wait(t * S);
    b.hear(1, config(4096));
  }
  b.hear(2, rapid(61440, DESIGNATED));
  const tcn = (out: readonly Effect[]): boolean =>
    sent(out).some(({ port, bpdu }) => port === 1 && bpdu.kind === "tcn");
  const changed = b.hear(2, rapid(32768, ROOT | wire.FLAG_TC, { root: wire.bridgeId(4096, MAC + 4096), rootCost: 99 }));
  const all = [...changed, ...b.wait(b.now + 2 * S).map(({ effect }) => effect)];
  expect(tcn(all)).toBe(true);
  b.hear(1, config(4096, { flags: wire.FLAG_TC_ACK }));
  b.wait(b.now + S);
  expect(b.wait(b.now + 3 * S).some(({ effect }) => tcn([effect]))).toBe(false);
});

it("stops forwarding towards a worse bridge that forwards too", () => {
  const b = new Bench("rstp", 1);
  b.hear(1, rapid(32768, ROOT | wire.FLAG_AGREEMENT, { root: b.state.config.id, rootCost: 4 }));
  expect(b.ports).toEqual(["designated forwarding"]);
  const out = b.hear(1, rapid(61440, DESIGNATED | wire.FLAG_LEARNING));
  expect(out).toContainEqual({ kind: "state", port: 1, state: "blocking" });
});

it("believes neither its own messages nor those past their age", () => {
  const b = new Bench("rstp", 1);
  const before = b.state.ports[0]?.designated;
  b.hear(1, rapid(0, DESIGNATED, { bridge: b.state.config.id }));
  b.hear(1, config(0, { messageAge: 20 * 256 }));
  b.hear(1, rapid(0, DESIGNATED, { version: 0 }));
  expect(b.state.ports[0]?.designated).toEqual(before);
});

it("takes an unknown role for a classic message", () => {
  const b = new Bench("rstp", 1);
  b.hear(1, rapid(4096, wire.FLAG_AGREEMENT | wire.FLAG_PROPOSAL));
  expect([b.state.rootPort, b.state.ports[0]]).toMatchObject([1, { agree: true, proposed: false }]);
});
