import { describe, expect, it } from "vitest";
import { MS, S } from "../../../../src/core/time.ts";
import { changeBridge } from "../../../../src/nodes/kernel/dev/bridge-settings.ts";
import { allDrops, device, drops, must, ping, watch } from "../../../harness/kernels.ts";
import { BROADCAST, EXPERIMENTAL, frame, hears, hostMac, mac, port, star, tag, who } from "./bridge-lab.ts";

const GROUP = mac("01:00:5e:00:00:05");
const UNKNOWN = mac("02:00:00:00:00:99");

describe("forwarding", () => {
  it("floods what it does not know, and sends the rest where it was heard", () => {
    const { lab, hosts, bridge } = star(3);
    const heard = hosts.map((h) => hears(h));
    frame(hosts[0]!, hostMac(2));
    lab.run(S);
    expect(who(heard)).toEqual([2, 3]);
    frame(hosts[1]!, hostMac(1));
    lab.run(S);
    expect(who(heard)).toEqual([1]);
    frame(hosts[0]!, hostMac(2));
    lab.run(S);
    expect(who(heard)).toEqual([2]);
    expect(bridge.fdb.learned).toBe(2);
    lab.end();
  });

  it("delivers every copy of a flooded frame with the same bytes", () => {
    const { lab, hosts } = star(4);
    const heard = hosts.map((h) => hears(h));
    frame(hosts[0]!, BROADCAST, { payload: Uint8Array.from({ length: 100 }, (_, i) => i) });
    lab.run(S);
    const copies = heard.slice(1).map((frames) => Buffer.from(frames[0]!.bytes).toString("hex"));
    expect(new Set(copies).size).toBe(1);
    expect(copies[0]!.slice(0, 40)).toBe("ffffffffffff02000000000188b5000102030405");
    lab.end();
  });

  it("carries IP between hosts, and answers for its own address", () => {
    const { lab, sw, hosts, bridge } = star(3);
    must(sw.addresses.add(bridge.ifindex, { address: 0x0a000064, length: 24, broadcast: 0x0a0000ff }));
    const seen = watch(hosts[0]!, "eth0");
    ping(hosts[0]!, "10.0.0.3", { seq: 1 });
    ping(hosts[0]!, "10.0.0.100", { seq: 2 });
    lab.run(S);
    expect(seen.in.map((s) => [s.ip.src, s.icmp?.type])).toEqual([
      [0x0a000064, 0],
      [0x0a000003, 0],
    ]);
    ping(sw, "10.0.0.2");
    const back = watch(sw, "br0");
    lab.run(S);
    expect(back.in.map((s) => s.icmp?.type)).toEqual([0]);
    lab.end();
  });

  it("drops a frame whose destination is behind the port it came in by, unless that port is a hairpin", () => {
    const { lab, sw, hosts, bridge } = star(2);
    frame(hosts[0]!, BROADCAST, { src: UNKNOWN });
    lab.run(S);
    const heard = hosts.map((h) => hears(h));
    frame(hosts[0]!, UNKNOWN);
    lab.run(S);
    expect(who(heard)).toEqual([]);
    expect(drops(sw, "bridge: same port")).toBe(1);
    must(port(bridge, "p1").change({ hairpin: true }));
    frame(hosts[0]!, UNKNOWN);
    frame(hosts[0]!, BROADCAST);
    lab.run(S);
    expect(heard.map((frames) => frames.length)).toEqual([2, 1]);
    lab.end();
  });

  it("passes frames to its own MAC up, and those to a port's, which the IP layer takes for another's", () => {
    const { lab, sw, hosts, bridge } = star(2);
    expect(bridge.mac).toBe(device(sw, "p1").mac);
    const up = hears(sw, "br0");
    const heard = hosts.map((h) => hears(h));
    frame(hosts[0]!, bridge.mac);
    frame(hosts[0]!, device(sw, "p2").mac);
    lab.run(S);
    expect([up.length, ...who(heard)]).toEqual([2]);
    expect(bridge.stats).toMatchObject({ rxPackets: 2, rxBytes: 92, rxMulticast: 0 });
    lab.end();
  });

  it("counts what it sends and what it hears as Linux does", () => {
    const { lab, sw, hosts, bridge } = star(2);
    frame(hosts[0]!, BROADCAST, { payload: new Uint8Array(86) });
    frame(hosts[0]!, GROUP, { payload: new Uint8Array(86) });
    frame(hosts[0]!, BROADCAST, { type: 0x8100, payload: tag(10, EXPERIMENTAL, new Uint8Array(86)) });
    frame(sw, hostMac(2), { dev: "br0", payload: new Uint8Array(86) });
    lab.run(S);
    expect(bridge.stats).toMatchObject({ rxPackets: 3, rxBytes: 258, rxMulticast: 1, txPackets: 1, txBytes: 100 });
    lab.end();
  });

  it("refuses frames from group addresses and from nobody", () => {
    const { lab, sw, hosts } = star(2);
    frame(hosts[0]!, BROADCAST, { src: GROUP });
    frame(hosts[0]!, BROADCAST, { src: 0 });
    lab.run(S);
    expect(allDrops(sw)).toEqual({ "bridge: invalid source address": 2 });
    lab.end();
  });

  it("drops what does not fit the way out", () => {
    const { lab, sw, hosts, bridge } = star(2);
    must(sw.setMtu(device(sw, "p2"), 1000));
    must(sw.setMtu(device(sw, "br0"), 1500));
    const heard = hosts.map((h) => hears(h));
    frame(hosts[0]!, hostMac(2), { payload: new Uint8Array(1004) });
    frame(hosts[0]!, hostMac(2), { payload: new Uint8Array(1005) });
    frame(hosts[0]!, hostMac(2), { type: 0x8100, payload: tag(1, EXPERIMENTAL, new Uint8Array(1004)) });
    frame(hosts[0]!, hostMac(2), { type: 0x8100, payload: tag(1, EXPERIMENTAL, new Uint8Array(1005)) });
    lab.run(S);
    expect(heard[1]!.map((f) => f.bytes.length)).toEqual([1018, 1022]);
    expect(drops(sw, "frame longer than the device's MTU")).toBe(2);
    expect(bridge.mtu).toBe(1500);
    lab.end();
  });
});

describe("flags of a port", () => {
  it("learning off: nothing is learnt there", () => {
    const { lab, hosts, bridge } = star(3);
    must(port(bridge, "p1").change({ learning: false }));
    frame(hosts[0]!, BROADCAST);
    lab.run(S);
    const heard = hosts.map((h) => hears(h));
    frame(hosts[1]!, hostMac(1));
    lab.run(S);
    expect(who(heard)).toEqual([1, 3]);
    lab.end();
  });

  it("flood, mcast_flood, bcast_flood off: unknown, group and broadcast frames stay out, but those of the bridge itself", () => {
    const { lab, sw, hosts, bridge } = star(3);
    must(port(bridge, "p3").change({ flood: false, mcast_flood: false, bcast_flood: false }));
    const heard = hosts.map((h) => hears(h));
    const sent = (dst: number): number[] => {
      frame(hosts[0]!, dst);
      lab.run(S);
      return who(heard);
    };
    expect([sent(UNKNOWN), sent(GROUP), sent(BROADCAST)]).toEqual([[2], [2], [2]]);
    const own = (dst: number): number[] => {
      frame(sw, dst, { dev: "br0" });
      lab.run(S);
      return who(heard);
    };
    expect([own(UNKNOWN), own(GROUP), own(BROADCAST)]).toEqual([
      [1, 2],
      [1, 2, 3],
      [1, 2, 3],
    ]);
    lab.end();
  });

  it("isolated: such ports talk to others, not to one another", () => {
    const { lab, sw, hosts, bridge } = star(3);
    must(port(bridge, "p1").change({ isolated: true }));
    must(port(bridge, "p2").change({ isolated: true }));
    const heard = hosts.map((h) => hears(h));
    frame(hosts[0]!, BROADCAST);
    lab.run(S);
    expect(who(heard)).toEqual([3]);
    frame(hosts[1]!, hostMac(1));
    lab.run(S);
    expect(who(heard)).toEqual([]);
    expect(drops(sw, "bridge: isolated ports")).toBe(1);
    frame(hosts[2]!, hostMac(1));
    lab.run(S);
    expect(who(heard)).toEqual([1]);
    lab.end();
  });

  it("locked: only addresses that are known to be there come in", () => {
    const { lab, sw, hosts, bridge } = star(2);
    must(port(bridge, "p1").change({ locked: true, learning: false }));
    const heard = hosts.map((h) => hears(h));
    frame(hosts[0]!, BROADCAST);
    lab.run(S);
    expect(who(heard)).toEqual([]);
    expect(drops(sw, "bridge: locked port")).toBe(1);
    must(bridge.fdb.add(port(bridge, "p1"), { mac: hostMac(1), vid: 0, kind: "static", mode: "add" }));
    frame(hosts[0]!, BROADCAST);
    lab.run(S);
    expect(who(heard)).toEqual([2]);
    lab.end();
  });

  it("state: moved by hand, but not to blocking, as on Linux without a spanning tree", () => {
    const { lab, sw, hosts, bridge } = star(2);
    const p1 = port(bridge, "p1");
    must(p1.change({ state: 2 }));
    frame(hosts[0]!, BROADCAST);
    lab.run(S);
    expect(drops(sw, "bridge: port is not forwarding")).toBe(1);
    expect(bridge.fdb.learned).toBe(1);
    must(p1.change({ state: 4 }));
    expect(p1.stateName).toBe("forwarding");
    expect(p1.change({ state: 5 })).toMatchObject({ errno: "EINVAL" });
    lab.end();
  });

  it("refuses costs, priorities and masks out of range", () => {
    const { bridge } = star(1);
    const p1 = port(bridge, "p1");
    expect(p1.change({ cost: 0 })).toMatchObject({ errno: "ERANGE" });
    expect(p1.change({ cost: 65_536 })).toMatchObject({ errno: "ERANGE" });
    expect(p1.change({ priority: 64 })).toMatchObject({ errno: "ERANGE" });
    expect(p1.change({ group_fwd_mask: 2 })).toMatchObject({ errno: "EINVAL" });
    expect([p1.priority, p1.pathCost, p1.number]).toEqual([32, 2, 1]);
  });

  it("takes the path cost from the speed of the cable, until somebody sets it", () => {
    const { sw, bridge, cables } = star(1);
    const p1 = port(bridge, "p1");
    const costs = [10, 100, 1000, 2500, 5000, 10_000, 25_000].map((mbps) => {
      cables[0]!.setUp(false);
      cables[0]!.tune({ rateBps: mbps * 1e6 });
      cables[0]!.setUp(true);
      return p1.pathCost;
    });
    expect(costs).toEqual([100, 19, 5, 4, 3, 2, 1]);
    must(p1.change({ cost: 77 }));
    sw.setUp(p1.dev, false);
    sw.setUp(p1.dev, true);
    expect(p1.pathCost).toBe(77);
  });
});

describe("frames to 01:80:c2:00:00:0X", () => {
  const LLDP = mac("01:80:c2:00:00:0e");
  const heardAt = (settings: Parameters<typeof star>[1], dst: number): { out: number[]; drops: object } => {
    const { lab, sw, hosts } = star(2, settings);
    const heard = hosts.map((h) => hears(h));
    frame(hosts[0]!, dst);
    lab.run(S);
    const got = { out: who(heard), drops: allDrops(sw) };
    lab.end();
    return got;
  };

  it("never forwards pause frames", () => {
    expect(heardAt({}, mac("01:80:c2:00:00:01"))).toEqual({ out: [], drops: { "bridge: link-local frame": 1 } });
  });
  it("keeps the others for the port's own protocols, unless group_fwd_mask lets them through", () => {
    expect(heardAt({}, LLDP).out).toEqual([]);
    expect(heardAt({ group_fwd_mask: 0x4000 }, LLDP).out).toEqual([2]);
    const { lab, hosts, bridge } = star(2);
    must(port(bridge, "p1").change({ group_fwd_mask: 0x4000 }));
    const heard = hosts.map((h) => hears(h));
    frame(hosts[0]!, LLDP);
    frame(hosts[1]!, LLDP);
    lab.run(S);
    expect(who(heard)).toEqual([2]);
    lab.end();
  });
  it("forwards BPDUs while the spanning tree is off, so that loops behind it are seen", () => {
    expect(heardAt({}, mac("01:80:c2:00:00:00")).out).toEqual([2]);
    expect(heardAt({ stp_state: 1 }, mac("01:80:c2:00:00:00")).out).toEqual([]);
  });
  it("learns from them, unless no_linklocal_learn is set", () => {
    for (const [no_linklocal_learn, learned] of [
      [0, 1],
      [1, 0],
    ] as const) {
      const { lab, hosts, bridge } = star(2, { no_linklocal_learn });
      frame(hosts[0]!, LLDP);
      lab.run(S);
      expect(bridge.fdb.learned).toBe(learned);
    }
  });
});

describe("settings", () => {
  it("have Linux's defaults", () => {
    const { bridge } = star(0);
    expect(bridge.fdb.maxLearned).toBe(65_536);
    expect([bridge.ageingTime, bridge.stp.priority, bridge.stp.times.forwardDelay]).toEqual([300 * S, 32_768, 15 * S]);
  });
  it("out of range are refused as Linux refuses them", () => {
    const { bridge } = star(1);
    const refusedAs = (s: Parameters<typeof changeBridge>[1]): string => {
      const outcome = changeBridge(bridge, s);
      return outcome.ok ? "ok" : outcome.errno;
    };
    expect(refusedAs({ forward_delay: 100 })).toBe("ok");
    expect(refusedAs({ stp_state: 1 })).toBe("ok");
    expect(bridge.stp.times.forwardDelay).toBe(2 * S);
    expect(refusedAs({ forward_delay: 100 })).toBe("ERANGE");
    expect(refusedAs({ forward_delay: 3001 })).toBe("ERANGE");
    expect(refusedAs({ hello_time: 50 })).toBe("ERANGE");
    expect(refusedAs({ max_age: 500 })).toBe("ERANGE");
    expect(refusedAs({ group_fwd_mask: 1 })).toBe("EINVAL");
    expect(refusedAs({ group_address: "01:80:c2:00:00:02" })).toBe("EINVAL");
    expect(refusedAs({ vlan_default_pvid: 4095 })).toBe("EINVAL");
    expect(refusedAs({ mcast_snooping: 1 })).toBe("EOPNOTSUPP");
    expect(port(bridge, "p1").change({ state: 3 })).toMatchObject({ errno: "EBUSY" });
  });
});

it("does not age with time that nobody waits for: an idle bridge queues nothing", () => {
  const { lab, hosts } = star(2);
  lab.run(1000 * MS);
  frame(hosts[0]!, BROADCAST);
  lab.run(1000 * S);
  const before = lab.sim.events;
  lab.run(10_000 * S);
  expect(lab.sim.events - before).toBe(0);
});
