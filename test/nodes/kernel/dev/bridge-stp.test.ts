import { describe, expect, it } from "vitest";
import { MS, S } from "../../../../src/core/time.ts";
import { addBridge, type BridgeDevice } from "../../../../src/nodes/kernel/dev/bridge.ts";
import { type BridgeSettings, changeBridge } from "../../../../src/nodes/kernel/dev/bridge-settings.ts";
import type { EthernetDevice } from "../../../../src/nodes/kernel/dev/ethernet.ts";
import type { Kernel } from "../../../../src/nodes/kernel/kernel.ts";
import type { Cable } from "../../../../src/nodes/link.ts";
import { decode, formatBridgeId } from "../../../../src/protocols/stp/wire.ts";
import { allDrops, device, drops, Lab, must, ping, watch } from "../../../harness/kernels.ts";
import { BROADCAST, frame, hears, hostMac, port, star, who } from "./bridge-lab.ts";

interface Campus {
  readonly lab: Lab;
  readonly bridges: readonly BridgeDevice[];
  readonly cables: readonly Cable[];
}

/**
 * Bridges `br0` on `s1` to `sn`, with a host `h<n>` (10.0.0.<n>) at each. `joins` are pairs of bridges, counted from 1, one
 * cable each; a port is named after where its cable leads: `s1` has `to2`, a second cable there `to2b`.
 */
function campus(count: number, joins: readonly [number, number][], settings: Partial<BridgeSettings> = {}): Campus {
  const lab = new Lab();
  const bridges = Array.from({ length: count }, (_, i) => {
    const kernel = lab.host(`s${i + 1}`);
    const bridge = must(addBridge(kernel, "br0"));
    must(changeBridge(bridge, { stp_state: 1, ...settings }));
    kernel.setUp(bridge, true);
    return bridge;
  });
  const join = (bridge: BridgeDevice, name: string, mac: number): void => {
    bridge.kernel.setMac(device(bridge.kernel, name), mac);
    must(bridge.addPort(device(bridge.kernel, name)));
  };
  const cables = joins.map(([a, b]) => {
    const [one, other] = [bridges[a - 1]!, bridges[b - 1]!];
    const suffix = one.port(`to${b}`) === undefined ? "" : "b";
    const cable = lab.cable([one.kernel, `to${b}${suffix}`], [other.kernel, `to${a}${suffix}`]);
    cable.tune({ delayNs: MS });
    join(one, `to${b}${suffix}`, 0x0200_0000_0000 + a * 0x100 + b * 2 + suffix.length);
    join(other, `to${a}${suffix}`, 0x0200_0000_0000 + b * 0x100 + a * 2 + suffix.length);
    return cable;
  });
  for (const [i, bridge] of bridges.entries()) {
    const host = lab.host(`h${i + 1}`);
    lab.cable([host, `eth0 10.0.0.${i + 1}/24`], [bridge.kernel, "host"]);
    host.setMac(device(host, "eth0"), hostMac(i + 1));
    join(bridge, "host", 0x0200_0000_f000 + i);
  }
  return { lab, bridges, cables };
}

const states = (bridge: BridgeDevice): Record<string, string> =>
  Object.fromEntries(bridge.ports.filter((p) => p.dev.name !== "host").map((p) => [p.dev.name, p.stateName]));
const hostOf = (bridge: BridgeDevice): Kernel => (port(bridge, "host").dev as EthernetDevice).peer!.kernel;
/** Bridges that are down send no more: then every frame that was born is dead. */
function end({ lab, bridges }: Campus): void {
  for (const bridge of bridges) bridge.kernel.setUp(bridge, false);
  lab.end();
}
/** Whether the host at one bridge reaches the host at another. */
function reaches({ lab, bridges }: Campus, a: number, b: number): boolean {
  const from = hostOf(bridges[a - 1]!);
  const seen = watch(from, "eth0");
  ping(from, `10.0.0.${b}`);
  lab.run(900 * MS);
  return seen.in.some((s) => s.icmp?.type === 0);
}

describe("loops", () => {
  it("two bridges and two cables: one port blocks, and hosts are heard once", () => {
    const net = campus(2, [
      [1, 2],
      [1, 2],
    ]);
    const [s1, s2] = net.bridges as [BridgeDevice, BridgeDevice];
    expect(states(s2)).toEqual({ to1: "listening", to1b: "listening" });
    expect(s1.stp.converging).toBe(true);
    net.lab.run(31 * S);
    expect([states(s1), states(s2)]).toEqual([
      { to2: "forwarding", to2b: "forwarding" },
      { to1: "forwarding", to1b: "blocking" },
    ]);
    expect([s1.stp.converging, s2.stp.converging]).toEqual([false, false]);
    const heard = hears(hostOf(s2));
    frame(hostOf(s1), BROADCAST);
    net.lab.run(S);
    expect(heard.filter((f) => f.type === 0x88b5).length).toBe(1);
    expect(reaches(net, 1, 2)).toBe(true);
    end(net);
  });

  it("is what a storm is without it", () => {
    const net = campus(
      2,
      [
        [1, 2],
        [1, 2],
      ],
      { stp_state: 0 },
    );
    frame(hostOf(net.bridges[0]!), BROADCAST);
    const heard = hears(hostOf(net.bridges[1]!));
    net.lab.run(100 * MS);
    expect(heard.filter((f) => f.type === 0x88b5).length).toBeGreaterThan(50);
  });

  it("a ring of four: the port farthest from the root blocks, and a cut cable opens it", () => {
    const net = campus(4, [
      [1, 2],
      [2, 3],
      [3, 4],
      [4, 1],
    ]);
    net.lab.run(35 * S);
    expect(net.bridges.map(states)).toEqual([
      { to2: "forwarding", to4: "forwarding" },
      { to1: "forwarding", to3: "forwarding" },
      { to2: "forwarding", to4: "blocking" },
      { to3: "forwarding", to1: "forwarding" },
    ]);
    expect(net.bridges.map((b) => b.stp.status().rootPort)).toEqual([0, 1, 1, 2]);
    expect(net.bridges.map((b) => formatBridgeId(b.stp.status().root))).toEqual(Array(4).fill("8000.020000000104"));
    expect(reaches(net, 2, 3)).toBe(true);
    net.cables[1]!.setUp(false);
    expect(states(net.bridges[1]!)["to3"]).toBe("disabled");
    net.lab.run(55 * S);
    expect(states(net.bridges[2]!)).toEqual({ to2: "disabled", to4: "forwarding" });
    expect(reaches(net, 2, 3)).toBe(true);
    end(net);
  });

  it("a path that dies silently is left after max_age and twice forward_delay", () => {
    const net = campus(3, [
      [1, 2],
      [2, 3],
      [3, 1],
    ]);
    net.lab.run(35 * S);
    expect(states(net.bridges[2]!)).toEqual({ to2: "blocking", to1: "forwarding" });
    net.cables[2]!.tune({ blocked: true });
    net.lab.run(45 * S);
    expect(reaches(net, 3, 1)).toBe(false);
    net.lab.run(10 * S);
    expect(states(net.bridges[2]!)["to2"]).toBe("forwarding");
    expect(reaches(net, 3, 1)).toBe(true);
    end(net);
  });
});

describe("RSTP", () => {
  it("a ring of four forwards in well under a second, and heals as fast", () => {
    const net = campus(
      4,
      [
        [1, 2],
        [2, 3],
        [3, 4],
        [4, 1],
      ],
      { stp_mode: "rstp" },
    );
    net.lab.run(500 * MS);
    const blocked = (): string[] =>
      net.bridges.flatMap((b, i) =>
        Object.entries(states(b)).flatMap(([name, state]) =>
          state === "forwarding" ? [] : [`s${i + 1} ${name} ${state}`],
        ),
      );
    expect(blocked()).toEqual(["s3 to4 blocking"]);
    net.lab.run(5 * S);
    expect(reaches(net, 2, 3)).toBe(true);
    net.cables[1]!.setUp(false);
    net.lab.run(200 * MS);
    expect(blocked()).toEqual(["s2 to3 disabled", "s3 to2 disabled"]);
    expect(reaches(net, 2, 3)).toBe(true);
    end(net);
  });

  it("falls back to what a classic neighbour understands", () => {
    const net = campus(2, [[1, 2]]);
    must(changeBridge(net.bridges[1]!, { stp_mode: "rstp" }));
    net.lab.run(40 * S);
    expect(net.bridges.map(states)).toEqual([{ to2: "forwarding" }, { to1: "forwarding" }]);
    expect(formatBridgeId(net.bridges[1]!.stp.status().root)).toBe("8000.020000000104");
    end(net);
  });
});

describe("BPDUs", () => {
  it("leave as 802.3 frames from the port's MAC to the bridge group, not padded", () => {
    const { lab, sw, hosts } = star(1, { stp_state: 1 });
    const heard = hears(hosts[0]!);
    lab.run(2 * S);
    expect(heard[0]!.bytes.length).toBe(52);
    expect(heard[0]!.src).toBe(device(sw, "p1").mac);
    lab.run(6 * S);
    expect(heard.map((f) => f.at / S)).toEqual([2, 4, 6, 8]);
    lab.end();
  });

  it("are the bytes that a bridge of Linux 6.18 sends with the same address and forward_delay", () => {
    const lab = new Lab();
    const sw = lab.host("sw");
    const bridge = must(addBridge(sw, "br0"));
    must(changeBridge(bridge, { stp_state: 1, forward_delay: 200 }));
    const host = lab.host("h");
    lab.cable([sw, "to2"], [host, "eth0"]);
    sw.setMac(device(sw, "to2"), 0x0200_0000_0104);
    must(bridge.addPort(device(sw, "to2")));
    sw.setUp(bridge, true);
    const heard = hears(host);
    lab.run(6 * S);
    // tcpdump -xx on the other end of a veth; the second one once the port had begun to forward
    const linux = (flags: string): string =>
      `0180c2000000020000000104002642420300000000${flags}` +
      "800002000000010400000000800002000000010480010000140002000200";
    expect([heard[0]!, heard[2]!].map((f) => Buffer.from(f.bytes).toString("hex"))).toEqual([linux("00"), linux("01")]);
    lab.end();
  });

  it("are not forwarded, and malformed ones change nothing", () => {
    const { lab, sw, hosts, bridge } = star(2, { stp_state: 1 });
    const heard = hears(hosts[1]!);
    frame(hosts[0]!, 0x0180_c200_0000, { type: 3, payload: [0x42, 0x42, 3] });
    frame(hosts[0]!, 0x0180_c200_0000, { type: 300, payload: [0x42, 0x42, 3, 0, 0, 0, 0] });
    frame(hosts[0]!, 0x0180_c200_0000, { type: 38, payload: [0xaa, 0xaa, 3, ...new Uint8Array(35)] });
    lab.run(S);
    expect(heard).toEqual([]);
    expect(allDrops(sw)).toEqual({ "bridge: link-local frame": 3 });
    expect(bridge.stp.status().rootPort).toBe(0);
    lab.end();
  });

  it("guard: one of them disables the port, until its carrier comes again", () => {
    const net = campus(2, [[1, 2]]);
    const [s1, s2] = net.bridges as [BridgeDevice, BridgeDevice];
    must(port(s2, "to1").change({ guard: true }));
    net.lab.run(3 * S);
    expect([states(s2), s2.stp.status().rootPort]).toEqual([{ to1: "disabled" }, 0]);
    must(port(s2, "to1").change({ guard: false }));
    net.cables[0]!.setUp(false);
    net.cables[0]!.setUp(true);
    net.lab.run(33 * S);
    expect([states(s1), states(s2)]).toEqual([{ to2: "forwarding" }, { to1: "forwarding" }]);
    end(net);
  });

  it("root_block: a better root is not believed, and the port does not forward while it is told of", () => {
    const net = campus(2, [[1, 2]]);
    const [s1, s2] = net.bridges as [BridgeDevice, BridgeDevice];
    must(port(s2, "to1").change({ root_block: true }));
    net.lab.run(60 * S);
    expect([states(s2), s2.stp.status().rootPort]).toEqual([{ to1: "listening" }, 0]);
    expect(formatBridgeId(s2.stp.status().root)).toBe("8000.020000000202");
    must(changeBridge(s1, { priority: 0xf000 }));
    net.lab.run(60 * S);
    expect([states(s2), states(s1)]).toEqual([{ to1: "forwarding" }, { to2: "forwarding" }]);
    expect(changeBridge(s2, { stp_mode: "rstp" })).toMatchObject({ errno: "EOPNOTSUPP" });
    end(net);
  });
});

describe("topology changes", () => {
  it("shorten ageing to forward_delay, at the root and wherever it tells of the change", () => {
    const net = campus(2, [[1, 2]]);
    const [s1, s2] = net.bridges as [BridgeDevice, BridgeDevice];
    net.lab.run(100 * S);
    frame(hostOf(s2), BROADCAST);
    net.lab.run(S);
    expect([s1.fdb.hold, s2.fdb.hold]).toEqual([300 * S, 300 * S]);
    const extra = net.lab.cable([net.lab.host("h9"), "eth0"], [s2.kernel, "more"]);
    must(s2.addPort(device(s2.kernel, "more")));
    net.lab.run(31 * S);
    extra.setUp(false);
    net.lab.run(5 * S);
    expect([s1.stp.status().topologyChange, s2.stp.status().topologyChange]).toEqual([true, true]);
    expect([s1.fdb.hold, s2.fdb.hold]).toEqual([15 * S, 15 * S]);
    expect(s1.fdb.entries().some((e) => e.mac === hostMac(2))).toBe(false);
    net.lab.run(60 * S);
    expect([s1.fdb.hold, s2.fdb.hold]).toEqual([300 * S, 300 * S]);
    expect(s2.topologyChanges).toBeGreaterThan(0);
    end(net);
  });
});

describe("turning it on and off", () => {
  it("on: ports that forward go on, and block only when they hear of a loop", () => {
    const net = campus(2, [[1, 2]], { stp_state: 0 });
    net.lab.run(S);
    for (const b of net.bridges) must(changeBridge(b, { stp_state: 1 }));
    expect(net.bridges.map(states)).toEqual([{ to2: "forwarding" }, { to1: "forwarding" }]);
    expect(reaches(net, 1, 2)).toBe(true);
    net.lab.run(10 * S);
    expect(net.bridges.map(states)).toEqual([{ to2: "forwarding" }, { to1: "forwarding" }]);
    expect(net.bridges[1]!.stp.status().rootPort).toBe(1);
    end(net);
  });

  it("off: everything forwards, ageing is as configured, and no BPDU leaves", () => {
    const { lab, hosts, bridge } = star(1, { stp_state: 1 });
    lab.run(5 * S);
    expect(bridge.operstate).toBe("DOWN");
    must(changeBridge(bridge, { stp_state: 0 }));
    expect([port(bridge, "p1").stateName, bridge.operstate, bridge.fdb.hold]).toEqual(["forwarding", "UP", 300 * S]);
    const heard = hears(hosts[0]!);
    lab.run(60 * S);
    expect(heard).toEqual([]);
    lab.end();
  });

  it("a bridge that is down, or without power, is silent; up again it begins anew", () => {
    const { lab, sw, hosts, bridge } = star(1, { stp_state: 1 });
    lab.run(40 * S);
    expect(port(bridge, "p1").stateName).toBe("forwarding");
    const heard = hears(hosts[0]!);
    sw.setPower(false);
    lab.run(60 * S);
    expect(heard).toEqual([]);
    sw.setPower(true);
    expect(port(bridge, "p1").stateName).toBe("listening");
    sw.setUp(bridge, false);
    lab.run(60 * S);
    expect([port(bridge, "p1").stateName, heard]).toEqual(["disabled", []]);
    const before = lab.sim.events;
    lab.run(60 * S);
    expect(lab.sim.events).toBe(before);
    lab.end();
  });

  it("a port that leaves is out of the tree: the next best leads to the root", () => {
    const net = campus(2, [
      [1, 2],
      [1, 2],
    ]);
    const s2 = net.bridges[1]!;
    net.lab.run(40 * S);
    must(s2.removePort(device(s2.kernel, "to1")));
    expect([s2.stp.status().rootPort, states(s2)]).toEqual([2, { to1b: "listening" }]);
    net.lab.run(31 * S);
    expect(reaches(net, 1, 2)).toBe(true);
    end(net);
  });

  it("learning ports learn, and forward nothing", () => {
    const { lab, sw, hosts, bridge } = star(2, { stp_state: 1 });
    const heard = hosts.map((h) => hears(h));
    lab.run(10 * S);
    frame(hosts[0]!, BROADCAST);
    lab.run(10 * S);
    expect([bridge.fdb.learned, drops(sw, "bridge: port is not forwarding")]).toEqual([0, 1]);
    frame(hosts[0]!, BROADCAST);
    lab.run(S);
    expect([bridge.fdb.learned, drops(sw, "bridge: port is not forwarding")]).toEqual([1, 2]);
    expect(who(heard.map((f) => f.filter((each) => each.type === 0x88b5)))).toEqual([]);
    lab.end();
  });
});

describe("what is shown", () => {
  it("identifiers, timers and roles", () => {
    const net = campus(2, [
      [1, 2],
      [1, 2],
    ]);
    const [s1, s2] = net.bridges as [BridgeDevice, BridgeDevice];
    net.lab.run(40 * S);
    const status = s2.stp.status();
    expect([formatBridgeId(status.id), formatBridgeId(status.root)]).toEqual([
      "8000.020000000202",
      "8000.020000000104",
    ]);
    expect([status.rootPort, status.rootCost]).toEqual([1, 2]);
    expect(s1.stp.status().helloTimer).toBeGreaterThan(0);
    const roles = (b: BridgeDevice): string[] => b.ports.map((p) => b.stp.portStatus(p).role);
    expect([roles(s1), roles(s2)]).toEqual([
      ["designated", "designated", "designated"],
      ["root", "alternate", "designated"],
    ]);
    expect(s2.stp.portStatus(port(s2, "to1b"))).toMatchObject({
      id: 0x8002,
      designatedPort: 0x8002,
      designatedCost: 0,
    });
    expect(s2.stp.portStatus(port(s2, "to1b")).messageAgeTimer).toBeGreaterThan(0);
  });

  it("of a bridge without a spanning tree: it is its own root", () => {
    const { bridge } = star(1);
    expect(formatBridgeId(bridge.stp.status().root)).toBe("8000.020000000a01");
    expect(bridge.stp.portStatus(port(bridge, "p1"))).toMatchObject({ id: 0x8001, role: "designated" });
  });

  it("port states as events", () => {
    const { lab, bridge } = star(0, { stp_state: 1 });
    const events: string[] = [];
    lab.sim.trace.listen((e) => {
      if (e.kind === "bridge.port") events.push(`${lab.sim.now / S} ${e.fields["state"]}`);
    });
    lab.cable([lab.host("h"), "eth0"], [bridge.kernel, "p1"]);
    must(bridge.addPort(device(bridge.kernel, "p1")));
    lab.run(40 * S);
    expect(events).toEqual(["0 blocking", "0 listening", "15 learning", "30 forwarding"]);
  });
});

it("what it sends decodes as what it means", () => {
  const { lab, hosts } = star(1, { stp_state: 1, stp_mode: "rstp" });
  const heard = hears(hosts[0]!);
  lab.run(S);
  const bpdu = decode(heard[0]!.bytes, 17, 14 + heard[0]!.type);
  expect(bpdu).toMatchObject({ ok: true, value: { kind: "rapid", version: 2 } });
});
