import { expect, it } from "vitest";
import { type Nanos, NEVER, S } from "../../../src/core/time.ts";
import { roleOf, stp } from "../../../src/protocols/stp/machine.ts";
import { DEFAULT_TIMES, type Effect, pathCost, portId } from "../../../src/protocols/stp/state.ts";
import * as wire from "../../../src/protocols/stp/wire.ts";
import { Bench, config, configs, DESIGNATED, kinds, MAC, NOTHING, port, rapid, states } from "./bench.ts";

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

it("tells of a change when a forwarding port is blocked", () => {
  const b = new Bench("stp", 2);
  b.wait(70 * S); // forwarding, and the change by that is over
  b.hear(1, config(4096));
  expect(kinds(b.hear(2, config(4096, { bridge: wire.bridgeId(8192, MAC + 1) })))).toContain("topology-change");
});

it("forwards at once under a root whose forward delay is zero", () => {
  const b = new Bench("stp", 1);
  b.hear(1, config(4096, { forwardDelay: 0 }));
  expect(b.feed({ at: 0, kind: "port-up", port: port(2) })).toContainEqual({
    kind: "state",
    port: 2,
    state: "forwarding",
  });
});

it("refuses port numbers that no bridge has", () => {
  const b = new Bench("rstp", 0);
  for (const number of [0, 1024, 1.5]) {
    expect(() => b.feed({ at: 0, kind: "port-up", port: port(number) })).toThrow("port number");
  }
});
