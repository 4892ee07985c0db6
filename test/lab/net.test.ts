import { describe, expect, it } from "vitest";
import { formatMac } from "../../src/core/addr.ts";
import type { Daemon } from "../../src/core/os.ts";
import { MS, NEVER, S } from "../../src/core/time.ts";
import { LabError, RunEnded } from "../../src/lab/errors.ts";
import { type Check, lineQuality, Net, type Table } from "../../src/lab/net.ts";
import type { LabNode } from "../../src/lab/node.ts";

/** h1 10.0.0.1 — s1 — h2 10.0.0.2. */
function lan(seed = 1): { net: Net; h1: LabNode; h2: LabNode; s1: LabNode } {
  const net = new Net(seed);
  const [h1, s1, h2] = [net.host("h1"), net.switch("s1"), net.host("h2")];
  net.link(h1, s1, { ip: "10.0.0.1/24" });
  net.link(h2, s1, { ip: "10.0.0.2/24" });
  return { net, h1, h2, s1 };
}
const devices = (node: LabNode): string[] => [...node.kernel.devices()].map((d) => d.name);

describe("building", () => {
  it("numbers each node's devices by itself: <node>-eth<n>", () => {
    const net = new Net();
    const [h1, h2, r1] = [net.host("h1"), net.host("h2"), net.router("r1")];
    net.link(h1, r1);
    net.link(r1, h2);
    net.link(h1, h2, { name: "wan", peerName: "lan" });
    net.link(h1, r1);
    expect([h1, h2, r1].map(devices)).toEqual([
      ["lo", "h1-eth0", "wan", "h1-eth1"],
      ["lo", "h2-eth0", "lan"],
      ["lo", "r1-eth0", "r1-eth1", "r1-eth2"],
    ]);
    expect([...h1.kernel.devices()].every((d) => d.up && d.carrier)).toBe(true);
  });
  it("gives addresses, MACs and a line's properties", () => {
    const net = new Net();
    const [h1, h2] = [net.host("h1"), net.host("h2")];
    const cable = net.link(h1, h2, {
      ip: "10.0.0.1/24",
      peerIp: "10.0.0.2/24",
      mac: "02:00:00:00:00:01",
      peerMac: "02:00:00:00:00:02",
      rate: "100mbit",
      delay: "5ms",
      queue: 7,
    });
    expect([h1.ip, h2.ip, h1.address]).toEqual(["10.0.0.1", "10.0.0.2", "10.0.0.1"]);
    expect([h1.dev("h1-eth0").mac, h2.dev("h2-eth0").mac].map(formatMac)).toEqual([
      "02:00:00:00:00:01",
      "02:00:00:00:00:02",
    ]);
    expect(cable.lines.map((l) => l.quality)).toMatchObject(
      Array(2).fill({ rateBps: 100_000_000, delayNs: 5 * MS, queueFrames: 7, loss: 0 }),
    );
  });
  it("reads every property of a line, and leaves out what is not named", () => {
    expect(lineQuality({})).toEqual({});
    expect(
      lineQuality({
        rate: "1mbit",
        delay: "1ms",
        jitter: "2ms",
        loss: "1%",
        duplicate: "2%",
        corrupt: "3%",
        reorder: 0.04,
        mtu: 1600,
        queue: 5,
      }),
    ).toEqual({
      rateBps: 1_000_000,
      delayNs: MS,
      jitterNs: 2 * MS,
      loss: 0.01,
      duplicate: 0.02,
      corrupt: 0.03,
      reorder: 0.04,
      mtuBytes: 1600,
      queueFrames: 5,
    });
  });
  it("finds nodes, cables and addresses again", () => {
    const { net, h1, h2, s1 } = lan();
    expect([net.node("h1"), net.cable("s1", "h1"), net.cable("h2", "s1")]).toEqual([h1, net.cables[0], net.cables[1]]);
    const second = net.link(h1, s1);
    expect(net.cablesBetween("h1", "s1")).toEqual([net.cables[0], second]);
    expect([net.address("h2"), net.address("10.0.0.9")]).toEqual([0x0a000002, 0x0a000009]);
    expect(() => net.address("s1")).toThrow(new LabError("s1 has no address"));
    expect(() => net.address("nobody")).toThrow('"nobody": expected an IPv4 address or the name of a node');
    expect(() => net.cable("h1", "h2")).toThrow("there is no cable between h1 and h2");
    expect(() => net.node("h9")).toThrow("there is no node h9; there are h1, s1, h2");
    expect(() => h2.dev("eth9")).toThrow("h2 has no device eth9; it has lo, h2-eth0");
  });
  it.each([
    ["two nodes of one name", (net: Net) => net.router("h1"), "there are two nodes named h1"],
    ["a hub named like a node", (net: Net) => net.hub("h1"), "there are two nodes named h1"],
    ["a name with a space", (net: Net) => net.host("h 3"), 'node name "h 3": expected letters, digits, ., _ and -'],
    ["a hub without a name", (net: Net) => net.hub(""), 'node name "": expected letters, digits, ., _ and -'],
    [
      "a switch with too long a name",
      (net: Net) => net.switch("a-switch-with-a-name"),
      'switch a-switch-with-a-name: "a-switch-with-a-name" not a valid ifname',
    ],
    [
      "a device's name twice",
      (net: Net) => net.link(net.node("h1"), net.node("h2"), { name: "lo" }),
      "h1: device lo: File exists",
    ],
    [
      "a bad address",
      (net: Net) => net.link(net.node("h1"), net.node("h2"), { ip: "10.0.0.300/24" }),
      'h1-h1-eth1: address "10.0.0.300/24"',
    ],
    [
      "an address twice",
      (net: Net) => net.node("h1").addAddress("h1-eth0", "10.0.0.1/24"),
      "h1 h1-eth0: 10.0.0.1/24: File exists",
    ],
    [
      "no address",
      (net: Net) => net.node("h1").addAddress("h1-eth0", "ten"),
      'h1 h1-eth0: address "ten": expected a form such as 10.0.0.1/24',
    ],
    ["a bad MAC", (net: Net) => net.link(net.node("h1"), net.node("h2"), { mac: "02:00" }), 'h1-h1-eth1: MAC "02:00"'],
    [
      "a group's MAC",
      (net: Net) => net.link(net.node("h1"), net.node("h2"), { mac: "01:00:5e:00:00:01" }),
      'MAC "01:00:5e:00:00:01"',
    ],
    ["a bad rate", (net: Net) => net.link(net.node("h1"), net.node("h2"), { rate: "fast" }), 'rate "fast"'],
    [
      "an address of a hub",
      (net: Net) => net.link(net.hub("x"), net.node("h2"), { ip: "10.0.0.9/24" }),
      "x-x-eth0: a hub has no addresses",
    ],
    [
      "an unknown daemon",
      (net: Net) => void net.node("h1").run("nosuchd", {}),
      'h1: nosuchd: there is no daemon "nosuchd"',
    ],
  ] as readonly (readonly [string, (net: Net) => unknown, string])[])("refuses %s", (_what, act, message) => {
    expect(() => act(lan().net)).toThrow(LabError);
    expect(() => act(lan().net)).toThrow(message);
  });
  it("joins hubs, too", () => {
    const net = new Net();
    const [h1, h2, x] = [net.host("h1"), net.host("h2"), net.hub("x")];
    net.link(h1, x, { ip: "10.0.0.1/24" });
    net.link(x, h2, { peerIp: "10.0.0.2/24" });
    expect([h1.ping("h2").received, net.cable("x", "h2").name]).toEqual([1, "x-x-eth1 h2-h2-eth0"]);
  });
  it("tells an observer of every node before it has devices", () => {
    const seen: string[] = [];
    const net = new Net(1, { nodeAdded: (k) => seen.push(`${k.name} ${[...k.devices()].length}`) });
    net.host("h1");
    net.router("r1");
    expect(seen).toEqual(["h1 1", "r1 1"]);
  });
});

describe("time", () => {
  it("passes as told, in any unit", () => {
    const { net } = lan();
    net.run("1.5ms");
    net.run(2);
    expect(net.now).toBe(2 * S + 1_500_000);
    net.runTo(S);
    expect(net.now).toBe(2 * S + 1_500_000);
    expect(() => net.run("a while")).toThrow(LabError);
    expect(() => net.run("104d")).toThrow(LabError);
  });
  it("ends where the run ends", () => {
    const { net, h1 } = lan();
    net.endsAt = 3 * S;
    net.run("2s");
    expect(() => net.run("2s")).toThrow(RunEnded);
    expect(net.now).toBe(3 * S);
    expect(() => h1.exec("ping -c 3 10.0.0.2")).toThrow(RunEnded);
  });
  it("stands at the event that ended a command", () => {
    const { net, h1 } = lan();
    expect(h1.exec("sleep 2.5").status).toBe(0);
    expect(net.now).toBe(2.5 * S);
    net.run("1s");
    expect(net.now).toBe(3.5 * S);
  });
});

describe("runUntil", () => {
  it("says so when nothing will ever happen again", () => {
    const { net } = lan();
    net.run("1h");
    expect(net.sim.nextAt()).toBe(NEVER);
    expect(() => net.runUntil(() => false, "h1: wait")).toThrow(
      new LabError("h1: wait: nothing will ever happen again, and it has not ended"),
    );
  });
  it("gives up after a day", () => {
    const { net, h1 } = lan();
    h1.spawn("sleep 100000");
    expect(() => net.runUntil(() => false, "h1: wait")).toThrow("h1: wait: had not ended at 86400 s");
  });
});

describe("expectations", () => {
  const checksOf = (net: Net): string[] => net.checks.map((c) => `${c.ok} ${c.name}: ${c.detail}`);

  it("hold at once, after a while, or not at all", () => {
    const { net } = lan();
    expect(net.expectWithin("1s", "now", () => true)).toBe(true);
    expect(net.expectWithin("1s", "later", () => net.now >= 0.205 * S)).toBe(true);
    expect(net.now).toBe(0.21 * S);
    expect(net.expectWithin("105ms", "never", () => false)).toBe(false);
    expect(net.now).toBe(0.315 * S);
    expect(checksOf(net)).toEqual([
      "true now: after 0.000 s",
      "true later: after 0.210 s",
      "false never: not within 105ms",
    ]);
  });
  it("are looked at every 10 ms, and at the very end", () => {
    const { net } = lan();
    const looks: number[] = [];
    net.expectWithin("25ms", "looks", () => {
      looks.push(net.now / MS);
      return false;
    });
    expect(looks).toEqual([0, 10, 20, 25]);
  });
  it("may move time themselves", () => {
    const { net, h1 } = lan();
    expect(net.expectWithin("5s", "ping", () => h1.ping("h2").received === 1)).toBe(true);
    net.cable("h2", "s1").setUp(false);
    expect(net.expectWithin("5s", "no ping", () => h1.ping("h2").received === 1)).toBe(false);
  });
  it("end with the run", () => {
    const { net } = lan();
    net.endsAt = 100 * MS;
    expect(() => net.expectWithin("1s", "never", () => false)).toThrow(RunEnded);
    expect(net.now).toBe(100 * MS);
    expect(net.checks).toEqual([]);
  });
  it("tables, checks and words reach the observer", () => {
    const seen: unknown[] = [];
    const see = (what: unknown): void => void seen.push(what);
    const net = new Net(1, { checked: see, tabled: see, said: see, warned: see });
    const table: Table = { title: "t", columns: ["a"], rows: [[1]] };
    const check: Check = { name: "c", ok: false, detail: "" };
    net.table(table);
    expect(net.check("c", false)).toBe(false);
    net.say("hello");
    net.warn("beware");
    expect(seen).toEqual([table, check, "hello", "beware"]);
    expect([net.tables, net.checks]).toEqual([[table], [check]]);
  });
});

class Clock implements Daemon {
  readonly told: string[] = [];
  busyUntil = 0;
  readonly #net: Net;

  constructor(net: Net) {
    this.#net = net;
  }
  start(): void {
    this.told.push(`start ${this.#net.now / S}`);
  }
  stop(): void {
    this.told.push(`stop ${this.#net.now / S}`);
  }
  show(): unknown {
    return this.told;
  }
  busy(): boolean {
    return this.#net.now < this.busyUntil;
  }
}

describe("until converged", () => {
  it("waits while any daemon is busy", () => {
    const { net, h1 } = lan();
    net.untilConverged();
    expect(net.now).toBe(0);
    const clock = new Clock(net);
    clock.busyUntil = 1.234 * S;
    h1.daemons.push(clock);
    expect(net.busy).toBe(true);
    net.untilConverged();
    expect([net.now, net.busy]).toEqual([1.24 * S, false]);
  });
  it("ends with the run", () => {
    const { net, h1 } = lan();
    const clock = new Clock(net);
    clock.busyUntil = 100 * S;
    h1.daemons.push(clock);
    net.endsAt = 2 * S;
    expect(() => net.untilConverged()).toThrow(RunEnded);
    expect(net.now).toBe(2 * S);
  });
});

describe("power", () => {
  it("that goes takes the node from its network, and stops its daemons; that comes starts them anew", () => {
    const { net, h1, h2 } = lan();
    const clock = new Clock(net);
    h2.daemons.push(clock);
    expect(h1.ping("h2").received).toBe(1);
    const offFrom = net.now / S;
    h2.power(false);
    h2.power(false);
    expect(h1.ping("h2").received).toBe(0);
    const offUntil = net.now / S;
    h2.power(true);
    h2.power(true);
    expect(h1.ping("h2").received).toBe(1);
    expect(clock.told).toEqual([`stop ${offFrom}`, `start ${offUntil}`]);
  });
});

it("the same seed gives the same run, another seed another", () => {
  const play = (seed: number): string => {
    const { net, h1 } = lan(seed);
    net.cable("h1", "s1").tune({ loss: 0.3, jitterNs: 1000 });
    h1.ping("h2", { count: 20 });
    return net.sim.fingerprint.toString();
  };
  expect(play(1)).toBe(play(1));
  expect(play(2)).not.toBe(play(1));
});
