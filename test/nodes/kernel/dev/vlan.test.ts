import { describe, expect, it } from "vitest";
import { formatMac } from "../../../../src/core/addr.ts";
import { S } from "../../../../src/core/time.ts";
import { addBridge } from "../../../../src/nodes/kernel/dev/bridge.ts";
import { addVlanDevice, type VlanDevice, type VlanOptions } from "../../../../src/nodes/kernel/dev/vlan.ts";
import type { Kernel } from "../../../../src/nodes/kernel/kernel.ts";
import type { NetDevice } from "../../../../src/nodes/kernel/netdev.ts";
import { address, device, drops, Lab, must, ping, watch } from "../../../harness/kernels.ts";
import { BROADCAST, EXPERIMENTAL, frame, hears, mac, tag } from "./bridge-lab.ts";

/** Two hosts and a cable; their cards have the MACs 02:..:0a and 02:..:0b. */
function pair(): { lab: Lab; a: Kernel; b: Kernel } {
  const lab = new Lab();
  const [a, b] = [lab.host("a"), lab.host("b")];
  lab.cable([a, "eth0"], [b, "eth0"]);
  a.setMac(device(a, "eth0"), 0x0200_0000_000a);
  b.setMac(device(b, "eth0"), 0x0200_0000_000b);
  return { lab, a, b };
}
/** A VLAN device that is up, `<lower>.<id>`. */
function vlan(kernel: Kernel, lower: NetDevice, options: VlanOptions, prefix?: string): VlanDevice {
  const dev = must(addVlanDevice(kernel, `${lower.name}.${options.id}`, lower, options));
  must(kernel.setUp(dev, true));
  if (prefix !== undefined) address(kernel, dev, prefix);
  return dev;
}
const hex = (b: Uint8Array, o: number, end: number): string => Buffer.from(b.subarray(o, end)).toString("hex");

describe("a VLAN device", () => {
  it("tags what it sends, and hears what comes with its tag", () => {
    const { lab, a, b } = pair();
    vlan(a, device(a, "eth0"), { id: 10 }, "10.1.0.1/24");
    vlan(b, device(b, "eth0"), { id: 10 }, "10.1.0.2/24");
    const wire = hears(b);
    const up = hears(b, "eth0.10");
    const seen = watch(a, "eth0.10");
    ping(a, "10.1.0.2", { bytes: 1472 });
    lab.run(S);
    expect(seen.in.map((s) => s.icmp?.type)).toEqual([0]);
    const [request, echo] = wire as [(typeof wire)[0], (typeof wire)[0]];
    expect(hex(request.bytes, 0, 18)).toBe("ffffffffffff02000000000a8100000a0806");
    expect([echo.bytes.length, hex(echo.bytes, 12, 18)]).toEqual([1518, "8100000a0800"]);
    expect(up.map((f) => [f.type, f.bytes.length])).toEqual([
      [0x0806, 42],
      [0x0800, 1514],
    ]);
    lab.end();
  });

  it("counts as Linux does: what comes up without header, what goes down with it but without the tag", () => {
    const { lab, a, b } = pair();
    const ours = vlan(a, device(a, "eth0"), { id: 10 });
    const theirs = vlan(b, device(b, "eth0"), { id: 10 });
    frame(a, mac("01:00:5e:00:00:05"), { dev: "eth0.10", payload: new Uint8Array(86) });
    lab.run(S);
    expect(ours.stats).toMatchObject({ txPackets: 1, txBytes: 100 });
    expect(theirs.stats).toMatchObject({ rxPackets: 1, rxBytes: 86, rxMulticast: 1 });
    lab.end();
  });

  it("hears neither other VLANs nor untagged frames, and the lower device does not hear its frames", () => {
    const { lab, a, b } = pair();
    vlan(b, device(b, "eth0"), { id: 10 });
    const up = hears(b, "eth0.10");
    frame(a, BROADCAST);
    frame(a, BROADCAST, { type: 0x8100, payload: tag(11) });
    frame(a, BROADCAST, { type: 0x88a8, payload: tag(10) });
    frame(a, BROADCAST, { type: 0x8100, payload: tag(10) });
    lab.run(S);
    expect(up.length).toBe(1);
    expect([drops(b, "no VLAN device for this tag"), drops(b, "unknown ethertype")]).toEqual([2, 2]);
    lab.end();
  });

  it("with an address of its own takes frames that the lower device calls another's", () => {
    const { lab, a, b } = pair();
    vlan(a, device(a, "eth0"), { id: 10, mac: mac("02:00:00:00:aa:aa") }, "10.1.0.1/24");
    vlan(b, device(b, "eth0"), { id: 10, mac: mac("02:00:00:00:bb:bb") }, "10.1.0.2/24");
    const seen = watch(a, "eth0.10");
    ping(a, "10.1.0.2");
    lab.run(S);
    expect(seen.in.map((s) => s.icmp?.type)).toEqual([0]);
    lab.end();
  });

  it("stands on a VLAN device: QinQ on the wire", () => {
    const { lab, a, b } = pair();
    const outer = [a, b].map((k) => vlan(k, device(k, "eth0"), { id: 100, protocol: "802.1ad" }));
    vlan(a, outer[0]!, { id: 7 }, "10.1.0.1/24");
    vlan(b, outer[1]!, { id: 7 }, "10.1.0.2/24");
    const wire = hears(b);
    const middle = hears(b, "eth0.100");
    const seen = watch(a, "eth0.100.7");
    ping(a, "10.1.0.2", { bytes: 1472 });
    lab.run(S);
    expect(seen.in.map((s) => s.icmp?.type)).toEqual([0]);
    expect(hex(wire[0]!.bytes, 0, 22)).toBe("ffffffffffff02000000000a88a80064810000070806");
    expect(wire[1]!.bytes.length).toBe(1522);
    expect(hex(middle[1]!.bytes, 12, 18)).toBe("810000070800");
    lab.end();
  });

  it("keeps the sums of what it carries: nothing is added up twice, nothing is wrong", () => {
    const { lab, a, b } = pair();
    vlan(a, device(a, "eth0"), { id: 10 }, "10.1.0.1/24");
    vlan(b, device(b, "eth0"), { id: 10 }, "10.1.0.2/24");
    const heard = watch(b, "eth0.10");
    ping(a, "10.1.0.2", { bytes: 999 });
    lab.run(S);
    expect(heard.in.map((s) => s.data.length)).toEqual([1007]);
    lab.end();
  });
});

describe("priorities", () => {
  it("become code points by the egress map, and priorities again by the ingress map", () => {
    const { lab, a, b } = pair();
    const ours = vlan(a, device(a, "eth0"), { id: 10 });
    const theirs = vlan(b, device(b, "eth0"), { id: 10 });
    must(ours.setEgressQos(6, 5));
    must(theirs.setIngressQos(5, 3));
    const wire = hears(b);
    const priorities: number[] = [];
    theirs.addTap({ frame: (_dev, p) => priorities.push(p.priority) });
    for (const priority of [0, 6]) {
      const p = a.sim.pool.alloc(60);
      p.buf.fill(0xff, p.start, p.start + 6);
      p.buf.fill(2, p.start + 6, p.end);
      p.priority = priority;
      ours.send(p);
    }
    lab.run(S);
    expect(wire.map((f) => hex(f.bytes, 12, 16))).toEqual(["8100000a", "8100a00a"]);
    expect(priorities).toEqual([0, 3]);
    expect(ours.setEgressQos(1, 8)).toMatchObject({ errno: "EINVAL" });
    expect(theirs.setIngressQos(8, 1)).toMatchObject({ errno: "EINVAL" });
    lab.end();
  });

  it("alone in a tag: the card itself takes the frame, tagged once or twice", () => {
    const { lab, a, b } = pair();
    address(b, device(b, "eth0"), "10.0.0.2/24");
    vlan(b, device(b, "eth0"), { id: 10 });
    const up = hears(b, "eth0.10");
    const replies = hears(a);
    const who = [0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 0x0a, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2];
    frame(a, BROADCAST, { type: 0x8100, payload: tag(0xe000, 0x0806, who) });
    frame(a, BROADCAST, { type: 0x8100, payload: tag(0x2000, 0x8100, tag(0x2000, 0x0806, who)) });
    frame(a, BROADCAST, { type: 0x8100, payload: tag(0x2000, 0x8100, tag(10)) });
    frame(a, BROADCAST, { type: 0x8100, payload: tag(0x2000, 0x8100, tag(11)) });
    lab.run(S);
    expect(replies.map((f) => f.type)).toEqual([0x0806, 0x0806]);
    expect(up.length).toBe(1);
    expect(drops(b, "no VLAN device for this tag")).toBe(1);
    lab.end();
  });

  it("go with a device of VLAN 0", () => {
    const { lab, a, b } = pair();
    vlan(a, device(a, "eth0"), { id: 0 });
    const wire = hears(b);
    frame(a, BROADCAST, { dev: "eth0.0" });
    lab.run(S);
    expect(hex(wire[0]!.bytes, 12, 18)).toBe("8100000088b5");
    lab.end();
  });
});

describe("the lower device", () => {
  it("takes its VLAN devices up and down with it, except those that are bound loosely", () => {
    const { a } = pair();
    const eth0 = device(a, "eth0");
    const tight = vlan(a, eth0, { id: 10 });
    const loose = vlan(a, eth0, { id: 11, loose_binding: true });
    a.setUp(eth0, false);
    expect([tight.up, loose.up]).toEqual([false, true]);
    expect(a.setUp(tight, true)).toMatchObject({ errno: "ENETDOWN" });
    a.setUp(eth0, true);
    expect([tight.up, loose.up]).toEqual([true, true]);
  });

  it("lends its carrier, its speed and its index", () => {
    const { lab, a, b } = pair();
    const eth0 = device(a, "eth0");
    const dev = vlan(a, eth0, { id: 10 });
    expect([dev.carrier, dev.speedBps, dev.lowerIfindex, dev.lowers()]).toEqual([true, 1e10, eth0.ifindex, [eth0]]);
    b.setUp(device(b, "eth0"), false);
    expect([dev.up, dev.carrier]).toEqual([true, false]);
    b.setUp(device(b, "eth0"), true);
    expect(dev.carrier).toBe(true);
    lab.end();
  });

  it("passes its MAC on, until the VLAN device has one of its own", () => {
    const { a } = pair();
    const eth0 = device(a, "eth0");
    const dev = vlan(a, eth0, { id: 10 });
    a.setMac(eth0, mac("02:00:00:00:00:77"));
    expect(formatMac(dev.mac)).toBe("02:00:00:00:00:77");
    a.setUp(dev, false);
    a.setMac(eth0, mac("02:00:00:00:00:78"));
    expect(formatMac(dev.mac)).toBe("02:00:00:00:00:77");
    a.setUp(dev, true);
    expect(formatMac(dev.mac)).toBe("02:00:00:00:00:78");
    a.setMac(dev, dev.mac);
    a.setMac(eth0, mac("02:00:00:00:00:79"));
    expect(formatMac(dev.mac)).toBe("02:00:00:00:00:78");
  });

  it("bounds the MTU", () => {
    const { a } = pair();
    const eth0 = device(a, "eth0");
    const dev = vlan(a, eth0, { id: 10 });
    expect(dev.mtu).toBe(1500);
    expect(a.setMtu(dev, 1501)).toMatchObject({ errno: "ERANGE" });
    must(a.setMtu(eth0, 1400));
    expect(dev.mtu).toBe(1400);
    must(a.setMtu(eth0, 1500));
    expect(dev.mtu).toBe(1400);
    expect(addVlanDevice(a, "big", eth0, { id: 11, mtu: 1501 })).toMatchObject({ errno: "EINVAL" });
  });

  it("takes its VLAN devices along when it is removed; each can go alone", () => {
    const { a } = pair();
    const eth0 = device(a, "eth0");
    const [ten, eleven] = [vlan(a, eth0, { id: 10 }), vlan(a, eth0, { id: 11 })];
    vlan(a, eleven, { id: 7 });
    a.unregister(ten);
    expect([a.device("eth0.10"), eth0.vlans?.devices()]).toEqual([undefined, [eleven]]);
    vlan(a, eth0, { id: 10 });
    a.unregister(eth0);
    expect([...a.devices()].map((d) => d.name)).toEqual(["lo"]);
  });

  it("down: what comes in for a VLAN device that is down is dropped", () => {
    const { lab, a, b } = pair();
    const dev = vlan(b, device(b, "eth0"), { id: 10 });
    b.setUp(dev, false);
    frame(a, BROADCAST, { type: 0x8100, payload: tag(10) });
    lab.run(S);
    expect(drops(b, "device is down")).toBe(1);
    lab.end();
  });
});

describe("requests", () => {
  it("are refused in Linux's words", () => {
    const { a } = pair();
    const eth0 = device(a, "eth0");
    vlan(a, eth0, { id: 10 });
    expect(addVlanDevice(a, "x", eth0, { id: 10 })).toMatchObject({
      errno: "EEXIST",
      detail: "8021q: VLAN device already exists",
    });
    expect(addVlanDevice(a, "x", eth0, { id: 4095 })).toMatchObject({
      errno: "ERANGE",
      detail: "8021q: Invalid VLAN id",
    });
    expect(addVlanDevice(a, "x", a.loopback, { id: 1 })).toMatchObject({
      errno: "EOPNOTSUPP",
      detail: "8021q: VLANs not supported on device",
    });
    expect(addVlanDevice(a, "eth0", eth0, { id: 11 })).toMatchObject({ errno: "EEXIST" });
    must(addVlanDevice(a, "ad", eth0, { id: 10, protocol: "802.1ad" }));
  });

  it("stack seven VLAN devices on a card, no more", () => {
    const { a } = pair();
    let lower = device(a, "eth0");
    for (let id = 1; id <= 7; id++) lower = must(addVlanDevice(a, `v${id}`, lower, { id }));
    expect(addVlanDevice(a, "v8", lower, { id: 8 })).toMatchObject({ errno: "EMLINK" });
  });
});

it("reorder_hdr off: those who listen see the tag, everything else is the same", () => {
  const { lab, a, b } = pair();
  vlan(a, device(a, "eth0"), { id: 10, reorder_hdr: false }, "10.1.0.1/24");
  vlan(b, device(b, "eth0"), { id: 10, reorder_hdr: false }, "10.1.0.2/24");
  const types: string[] = [];
  device(a, "eth0.10").addTap({
    frame: (_dev, p, outgoing) => {
      types.push(`${outgoing ? "out" : "in"} ${hex(p.buf, p.start + 12, p.start + 18)}`);
    },
  });
  ping(a, "10.1.0.2");
  lab.run(S);
  expect(types).toEqual(["out 8100000a0806", "in 8100000a0806", "out 8100000a0800", "in 8100000a0800"]);
  lab.end();
});

describe("bridges", () => {
  it("of VLAN devices: a port hears its VLAN without the tag, and the trunk carries it with one", () => {
    const { lab, a, b } = pair();
    const bridge = must(addBridge(b, "br10"));
    b.setUp(bridge, true);
    must(bridge.addPort(vlan(b, device(b, "eth0"), { id: 10 })));
    const leaf = lab.host("leaf");
    lab.cable([leaf, "eth0 10.1.0.3/24"], [b, "p1"]);
    must(bridge.addPort(device(b, "p1")));
    vlan(a, device(a, "eth0"), { id: 10 }, "10.1.0.1/24");
    const wire = hears(a);
    const seen = watch(leaf, "eth0");
    ping(leaf, "10.1.0.1");
    lab.run(S);
    expect(seen.in.map((s) => s.icmp?.type)).toEqual([0]);
    expect(wire.map((f) => hex(f.bytes, 12, 18))).toEqual(["8100000a0806", "8100000a0800"]);
    lab.end();
  });

  it("beside VLAN devices: a card's tagged frames go to its VLAN device, the others to its bridge", () => {
    const { lab, a, b } = pair();
    const bridge = must(addBridge(b, "br0"));
    b.setUp(bridge, true);
    must(bridge.addPort(device(b, "eth0")));
    vlan(b, device(b, "eth0"), { id: 10 });
    const [up, through] = [hears(b, "eth0.10"), hears(b, "br0")];
    frame(a, BROADCAST, { type: 0x8100, payload: tag(10) });
    frame(a, BROADCAST, { type: 0x8100, payload: tag(11) });
    frame(a, BROADCAST);
    lab.run(S);
    expect([up.length, through.map((f) => f.type)]).toEqual([1, [0x8100, EXPERIMENTAL]]);
    lab.end();
  });
});
