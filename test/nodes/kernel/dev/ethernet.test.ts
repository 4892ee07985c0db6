import { describe, expect, it } from "vitest";
import { formatMac } from "../../../../src/core/addr.ts";
import { PACKET_BROADCAST, PACKET_HOST, PACKET_MULTICAST, PACKET_OTHERHOST } from "../../../../src/core/packet.ts";
import { Simulation } from "../../../../src/core/sim.ts";
import { MS, S } from "../../../../src/core/time.ts";
import { classify } from "../../../../src/nodes/kernel/dev/classify.ts";
import { EthernetDevice } from "../../../../src/nodes/kernel/dev/ethernet.ts";
import { addVeth } from "../../../../src/nodes/kernel/dev/veth.ts";
import { Kernel } from "../../../../src/nodes/kernel/kernel.ts";
import { fits, parseDeviceMac } from "../../../../src/nodes/kernel/netdev.ts";
import { Cable } from "../../../../src/nodes/link.ts";
import { allDrops, device, drops, hear, Lab, must, ping } from "../../../harness/kernels.ts";
import { Recorder } from "../../cables.ts";

function two(): { lab: Lab; a: Kernel; b: Kernel; x: EthernetDevice; y: EthernetDevice; cable: Cable } {
  const lab = new Lab();
  const [a, b] = [lab.host("a"), lab.host("b")];
  const cable = lab.cable([a, "e0 10.0.0.1/24"], [b, "e0 10.0.0.2/24"]);
  return { lab, a, b, x: device(a, "e0") as EthernetDevice, y: device(b, "e0") as EthernetDevice, cable };
}

describe("the carrier", () => {
  it("is there while the cable is whole, both ends are up and have power", () => {
    const { a, b, x, y, cable } = two();
    const both = (): boolean[] => [x.carrier, y.carrier];
    const seen = [both()];
    for (const change of [
      () => a.setUp(x, false),
      () => a.setUp(x, true),
      () => b.setUp(y, false),
      () => b.setUp(y, true),
      () => cable.setUp(false),
      () => cable.setUp(true),
      () => a.setPower(false),
      () => a.setPower(true),
      () => b.setPower(false),
      () => b.setPower(true),
      () => x.plug(null),
      () => x.plug(cable),
    ]) {
      change();
      seen.push(both());
    }
    expect(seen.map(([one, other]) => (one === other ? one : "differ"))).toEqual([
      ...[true, false, true, false, true, false, true, false, true, false, true, "differ", true],
    ]);
  });
  it("on a hub's or a test's port follows the cable alone", () => {
    const k = new Kernel(new Simulation(), "h");
    const dev = must(k.register("e0", (n, i) => new EthernetDevice(k, n, i)));
    const cable = new Cable(k.sim, 0, dev, new Recorder(k.sim, "far"));
    expect(dev.carrier).toBe(false);
    dev.plug(cable);
    expect([dev.carrier, dev.running, dev.peer]).toEqual([true, false, undefined]);
    cable.setUp(false);
    expect(dev.carrier).toBe(false);
  });
  it("is told to who watches, counts its changes, and makes routes dead or alive", () => {
    const { a, x, cable } = two();
    const told: string[] = [];
    a.watchDevices((dev, event) => told.push(`${dev.name} ${event} ${dev.carrier}`));
    const before = x.carrierChanges;
    cable.setUp(false);
    cable.setUp(true);
    expect([told, x.carrierChanges - before]).toEqual([["e0 carrier false", "e0 carrier true"], 2]);
    cable.setUp(false);
    expect(a.fib.routes(254).map((r) => r.nexthops.map((hop) => hop.linkdown))).toEqual([[true]]);
  });
  it("that is missing loses what is sent", () => {
    const { lab, a, x, cable } = two();
    cable.setUp(false);
    ping(a, "10.0.0.2");
    lab.run(10 * S);
    expect(allDrops(a)).toMatchObject({ "carrier is down": 3 });
    expect([x.stats.txDropped, x.stats.txCarrierErrors, x.stats.txPackets]).toEqual([3, 3, 0]);
    lab.end();
  });
});

describe("a frame", () => {
  it("is counted where it leaves and where it arrives, multicast apart", () => {
    const { lab, a, x, y } = two();
    ping(a, "10.0.0.2", { bytes: 100 });
    must(a.os.rawSocket(200).sendTo(new Uint8Array(10), 0xe0000001, { ifname: "e0" }));
    lab.run(S);
    const arp = 42;
    const echo = 14 + 20 + 8 + 100;
    const group = 14 + 20 + 10;
    expect(x.stats).toMatchObject({ txPackets: 3, txBytes: arp + echo + group, rxPackets: 2, rxBytes: arp + echo });
    expect(y.stats).toMatchObject({ rxPackets: 3, rxBytes: arp + echo + group, rxMulticast: 1, txPackets: 2 });
    lab.end();
  });
  it("longer than the receiver's MTU is refused, a tag's length aside", () => {
    const { lab, a, b, x, y } = two();
    y.mtu = 1000;
    const sends = (length: number, type: number): void => {
      const p = lab.sim.pool.alloc(length);
      p.buf.fill(0, p.start, p.end);
      p.view.setUint16(p.start + 12, type);
      x.send(p);
      lab.run(MS);
    };
    for (const length of [1014, 1018, 1019]) sends(length, 0x88b5);
    for (const length of [1022, 1023]) sends(length, 0x8100);
    expect([y.stats.rxErrors, drops(b, "frame longer than the device's MTU"), y.stats.rxPackets]).toEqual([2, 2, 3]);
    expect(fits(lab.sim.pool.alloc(1514), x)).toBe(true);
    expect(allDrops(a)).toEqual({});
  });
  it("sent on a device that is down, or arriving at one, is dropped", () => {
    const { lab, a, b, x, y, cable } = two();
    cable.tune({ delayNs: MS });
    x.send(lab.sim.pool.alloc(60));
    b.setUp(y, false);
    a.setUp(x, false);
    x.send(lab.sim.pool.alloc(60));
    lab.run(S);
    expect([drops(a, "device is down"), drops(b, "device is down"), x.stats.txDropped]).toEqual([1, 1, 1]);
    lab.end();
  });
  it("is for this host, for another, for a group or for all, by its first octets", () => {
    const { lab, x } = two();
    const type = (mac: string): number => {
      const p = lab.sim.pool.alloc(60);
      p.buf.set(
        mac.split(":").map((octet) => Number.parseInt(octet, 16)),
        p.start,
      );
      return classify(p, x);
    };
    expect(
      [formatMac(x.mac), "02:00:00:00:00:77", "01:00:5e:00:00:05", "33:33:00:00:00:01", "ff:ff:ff:ff:ff:ff"].map(type),
    ).toEqual([PACKET_HOST, PACKET_OTHERHOST, PACKET_MULTICAST, PACKET_MULTICAST, PACKET_BROADCAST]);
    expect(type("ff:ff:ff:ff:ff:fe")).toBe(PACKET_MULTICAST);
  });
});

describe("power", () => {
  it("gone: the node neither sends nor hears, keeps its configuration, and forgets its neighbours", () => {
    const { lab, a, b } = two();
    ping(a, "10.0.0.2");
    lab.run(S);
    const told = hear(a);
    b.setPower(false);
    expect([b.powered, [...b.neigh.entries()].length]).toEqual([false, 0]);
    ping(a, "10.0.0.2");
    ping(b, "10.0.0.1");
    lab.run(10 * S);
    expect(told.filter((s) => s.icmp?.type === 0 || s.icmp?.type === 8)).toEqual([]);
    expect(b.addresses.list().length).toBe(2);
    b.setPower(true);
    ping(a, "10.0.0.2", { seq: 5 });
    lab.run(S);
    expect(told.filter((s) => s.icmp?.type === 0)).toHaveLength(1);
    lab.end();
  });
  it("gone while a frame is under way: it is lost there", () => {
    const { lab, a, b, x, cable } = two();
    cable.tune({ delayNs: MS });
    x.send(lab.sim.pool.alloc(60));
    b.setPower(false);
    lab.run(S);
    expect(drops(b, "node is powered off")).toBe(1);
    b.setPower(false);
    a.setPower(true);
    lab.end();
  });
});

describe("a veth pair", () => {
  it("goes as a whole, also to another machine", () => {
    const lab = new Lab();
    const [a, b] = [lab.host("a"), lab.host("b")];
    const near = must(addVeth(a, "v0", { kernel: b, name: "v1" }));
    expect([near.peer?.name, near.peer?.kernel.name, near.kind]).toEqual(["v1", "b", "veth"]);
    a.unregister(near);
    expect([a.device("v0"), b.device("v1")]).toEqual([undefined, undefined]);
  });
});

describe("a MAC", () => {
  it("that nobody gave is drawn: unicast, locally administered, by seed, node and name", () => {
    const macs = new Set<number>();
    for (const seed of [1, 2, 3, 4, 5])
      for (const node of ["a", "b"])
        for (const name of ["e0", "e1"]) {
          const k = new Kernel(new Simulation(seed), node);
          const dev = must(k.register(name, (n, i) => new EthernetDevice(k, n, i)));
          expect(Number.parseInt(formatMac(dev.mac).slice(0, 2), 16) & 3).toBe(2);
          macs.add(dev.mac);
        }
    expect(macs.size).toBe(20);
  });
  it.each([
    ["02:00:00:00:00:01", true],
    ["01:00:5e:00:00:01", false],
    ["ff:ff:ff:ff:ff:ff", false],
    ["00:00:00:00:00:00", false],
    ["nonsense", false],
  ])("%s may be a card's: %s", (text, may) => {
    expect(parseDeviceMac(text) !== undefined).toBe(may);
  });
});

it("a card's speed is its cable's", () => {
  const { x, cable } = two();
  expect(x.speedBps).toBe(10_000_000_000);
  cable.tune({ rateBps: 1_000_000 });
  expect(x.speedBps).toBe(1_000_000);
  x.plug(null);
  expect(x.speedBps).toBe(0);
});

it("taps see every frame, both ways, and no more when they are taken off", () => {
  const { lab, a, x } = two();
  const seen: string[] = [];
  const tap = {
    frame: (_d: unknown, p: { length: number }, out: boolean) => seen.push(`${out ? "out" : "in"} ${p.length}`),
  };
  x.addTap(tap);
  ping(a, "10.0.0.2");
  lab.run(S);
  expect(seen).toEqual(["out 42", "in 42", "out 98", "in 98"]);
  x.removeTap(tap);
  ping(a, "10.0.0.2");
  lab.run(S);
  expect(seen).toHaveLength(4);
});
