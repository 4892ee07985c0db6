import { expect, it } from "vitest";
import { S } from "../../../src/core/time.ts";
import { initial, stp } from "../../../src/protocols/stp/machine.ts";
import { DEFAULT_TIMES, type Effect, portId } from "../../../src/protocols/stp/state.ts";
import * as wire from "../../../src/protocols/stp/wire.ts";
import { Bench, config, DESIGNATED, MAC, port, ROOT, rapid, rapids, sent, states } from "./bench.ts";

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

it("sends at most six messages a second, then one a second, the news among them", () => {
  const b = new Bench("rstp", 1);
  let count = 1; // its first proposal
  for (let i = 0; i < 20; i++) {
    count += sent(b.hear(1, rapid(0, DESIGNATED | wire.FLAG_PROPOSAL, { rootCost: i % 2 }))).length;
  }
  expect(count).toBe(6);
  const later = b.wait(1.5 * S).flatMap(({ at, effect }) => (effect.kind === "send" ? [at / S] : []));
  expect(later).toEqual([1]);
});

it.each([
  [1, 2],
  [2, 1],
])("lets a new root port forward only after the old one has stopped: %d, then %d", (before, after) => {
  const b = new Bench("rstp", 2);
  b.hear(before, rapid(4096, DESIGNATED));
  b.hear(after, rapid(61440, DESIGNATED));
  expect(b.ports[before - 1]).toBe("root forwarding");
  const out = b.hear(after, rapid(0, DESIGNATED));
  expect(out.flatMap((e) => (e.kind === "state" ? [`${e.port} ${e.state}`] : []))).toEqual([
    `${before} blocking`,
    `${after} learning`,
    `${after} forwarding`,
  ]);
});

it("does not let a port that backed up another forward at once", () => {
  const b = new Bench("rstp", 2);
  b.hear(2, rapid(32768, DESIGNATED, { root: b.state.config.id, bridge: b.state.config.id, port: portId(32, 1) }));
  expect(b.ports[1]).toBe("backup blocking");
  b.hear(2, rapid(0, DESIGNATED));
  expect(b.ports[1]).toBe("root blocking");
  expect(states(b.wait(6 * S)).filter(([, port]) => port === 2)).toEqual([
    [2, 2, "learning"],
    [4, 2, "forwarding"],
  ]);
});

it("says hello in its own time, whatever the root's", () => {
  const b = new Bench("rstp", 2);
  b.hear(1, rapid(0, DESIGNATED, { helloTime: 5 * 256 }));
  b.wait(2.5 * S);
  const hellos = b
    .wait(9 * S)
    .flatMap(({ at, effect: e }) => (e.kind === "send" && e.port === 2 ? [[at / S, e.bpdu]] : []));
  expect(hellos).toMatchObject([
    [4, { helloTime: 512 }],
    [6, { helloTime: 512 }],
    [8, { helloTime: 512 }],
  ]);
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
