import { describe, expect, it } from "vitest";
import { formatMac } from "../../../../src/core/addr.ts";
import { S } from "../../../../src/core/time.ts";
import { addBridge, type BridgeDevice, deleteBridge } from "../../../../src/nodes/kernel/dev/bridge.ts";
import { changeBridge } from "../../../../src/nodes/kernel/dev/bridge-settings.ts";
import { EthernetDevice } from "../../../../src/nodes/kernel/dev/ethernet.ts";
import { addVlanDevice } from "../../../../src/nodes/kernel/dev/vlan.ts";
import type { Kernel } from "../../../../src/nodes/kernel/kernel.ts";
import { device, drops, Lab, must, ping, watch } from "../../../harness/kernels.ts";
import { BROADCAST, frame, hears, mac, port, star, who } from "./bridge-lab.ts";

const card = (kernel: Kernel, name: string): EthernetDevice =>
  must(kernel.register(name, (n, ifindex) => new EthernetDevice(kernel, n, ifindex)));
const errnoOf = (outcome: { readonly ok: boolean; readonly errno?: string }): string | undefined => outcome.errno;
/** `bridge fdb show dev br0 | grep permanent`. */
const locals = (bridge: BridgeDevice): string[] =>
  bridge.fdb
    .entries()
    .filter((e) => e.local && e.vid === 0)
    .map((e) => `${formatMac(e.mac)} ${e.port?.dev.name ?? "br0"}`);

describe("joining", () => {
  it("is refused as Linux refuses it", () => {
    const kernel = new Lab().host("sw");
    const br0 = must(addBridge(kernel, "br0"));
    const br1 = must(addBridge(kernel, "br1"));
    const eth0 = card(kernel, "eth0");
    expect(errnoOf(br0.addPort(br0))).toBe("ELOOP");
    expect(br0.addPort(br1)).toMatchObject({ errno: "ELOOP", detail: "Can not enslave a bridge to a bridge" });
    expect(errnoOf(br0.addPort(kernel.loopback))).toBe("EINVAL");
    must(br0.addPort(eth0));
    expect(errnoOf(br0.addPort(eth0))).toBe("EBUSY");
    expect(errnoOf(br1.addPort(eth0))).toBe("EBUSY");
    expect(errnoOf(br1.removePort(eth0))).toBe("EINVAL");
    const tunnel = card(kernel, "tun0");
    tunnel.headerLength = 0;
    expect(errnoOf(br0.addPort(tunnel))).toBe("EINVAL");
  });

  it("is refused when a device then stood on itself, or on too many others", () => {
    const kernel = new Lab().host("sw");
    const br0 = must(addBridge(kernel, "br0"));
    const br1 = must(addBridge(kernel, "br1"));
    const over0 = must(addVlanDevice(kernel, "br0.1", br0, { id: 1 }));
    const over1 = must(addVlanDevice(kernel, "br1.1", br1, { id: 1 }));
    expect(errnoOf(br0.addPort(over0))).toBe("EBUSY");
    must(br1.addPort(over0));
    expect(errnoOf(br0.addPort(over1))).toBe("EBUSY");
    // br0, br0.1, br1, br1.9, br2, br2.9, br3, br3.9: eight levels
    let top: BridgeDevice = br1;
    for (const name of ["br2", "br3"]) {
      const vlan = must(addVlanDevice(kernel, `${top.name}.9`, top, { id: 9 }));
      top = must(addBridge(kernel, name));
      must(top.addPort(vlan));
    }
    const last = must(addVlanDevice(kernel, "br3.9", top, { id: 9 }));
    expect(errnoOf(addVlanDevice(kernel, "nine", last, { id: 9 }))).toBe("EMLINK");
    expect(errnoOf(must(addBridge(kernel, "br4")).addPort(last))).toBe("EMLINK");
    expect(errnoOf(br0.addPort(card(kernel, "eth0")))).toBe("EMLINK");
    kernel.unregister(last);
    must(br0.addPort(device(kernel, "eth0")));
  });

  it("gives the lowest free number, at most 1023 of them", () => {
    const kernel = new Lab().host("sw");
    const br0 = must(addBridge(kernel, "br0"));
    const cards = Array.from({ length: 1023 }, (_, i) => card(kernel, `e${i}`));
    for (const c of cards) must(br0.addPort(c));
    expect(errnoOf(br0.addPort(card(kernel, "last")))).toBe("EXFULL");
    must(br0.removePort(cards[6]!));
    expect(must(br0.addPort(device(kernel, "last"))).number).toBe(7);
  });

  it("takes the device out of its own protocols' hands, and leaving gives it back", () => {
    const { lab, sw, bridge, hosts } = star(1);
    const p1 = device(sw, "p1");
    must(sw.addresses.add(p1.ifindex, { address: 0x0a0000fe, length: 24, broadcast: 0x0a0000ff }));
    const seen = watch(hosts[0]!, "eth0");
    expect([p1.master?.name, p1.promiscuity, p1.allmulti]).toEqual(["br0", 1, 1]);
    must(bridge.removePort(p1));
    expect([p1.master, p1.promiscuity, p1.allmulti]).toEqual([undefined, 0, 0]);
    ping(hosts[0]!, "10.0.0.254");
    lab.run(S);
    expect(seen.in.map((s) => s.icmp?.type)).toEqual([0]);
    lab.end();
  });
});

describe("the bridge's MAC", () => {
  it("is the lowest of its ports', and zero when the last one has left", () => {
    const { sw, bridge } = star(3);
    expect(formatMac(bridge.mac)).toBe("02:00:00:00:0a:01");
    must(bridge.removePort(device(sw, "p1")));
    expect(formatMac(bridge.mac)).toBe("02:00:00:00:0a:02");
    sw.setMac(device(sw, "p3"), mac("02:00:00:00:00:03"));
    expect(formatMac(bridge.mac)).toBe("02:00:00:00:00:03");
    expect(locals(bridge)).toEqual(["02:00:00:00:00:03 p3", "02:00:00:00:0a:02 p2"]);
    must(bridge.removePort(device(sw, "p2")));
    must(bridge.removePort(device(sw, "p3")));
    expect([bridge.mac, locals(bridge)]).toEqual([0, []]);
  });

  it("stays as chosen, even when the one chosen is the one it had", () => {
    const { sw, bridge } = star(2);
    sw.setMac(bridge, mac("02:00:00:00:00:ff"));
    expect(locals(bridge)).toEqual(["02:00:00:00:00:ff br0", "02:00:00:00:0a:02 p2", "02:00:00:00:0a:01 p1"]);
    sw.setMac(device(sw, "p1"), mac("02:00:00:00:00:01"));
    must(bridge.removePort(device(sw, "p2")));
    expect(locals(bridge)).toEqual(["02:00:00:00:00:01 p1", "02:00:00:00:00:ff br0"]);
    expect(formatMac(bridge.mac)).toBe("02:00:00:00:00:ff");
    const other = star(2);
    other.sw.setMac(other.bridge, other.bridge.mac);
    must(other.bridge.removePort(device(other.sw, "p1")));
    expect(formatMac(other.bridge.mac)).toBe("02:00:00:00:0a:01");
  });

  it("is its own before it has ports, drawn from the seed", () => {
    const make = (seed: number): number => must(addBridge(new Lab(seed).host("sw"), "br0")).mac;
    expect(make(1)).toBe(make(1));
    expect(make(1)).not.toBe(make(2));
  });
});

describe("the bridge's MTU", () => {
  it("is the lowest of its ports', unless somebody chose one", () => {
    const { sw, bridge } = star(2);
    must(sw.setMtu(device(sw, "p2"), 1400));
    expect(bridge.mtu).toBe(1400);
    must(bridge.removePort(device(sw, "p2")));
    expect(bridge.mtu).toBe(1500);
    must(sw.setMtu(bridge, 1300));
    must(bridge.addPort(device(sw, "p2")));
    expect(bridge.mtu).toBe(1300);
  });
});

describe("the bridge's carrier", () => {
  it("is off without ports once the bridge's identifier changed, or a spanning tree began", () => {
    const kernel = new Lab().host("sw");
    const states = [
      (bridge: BridgeDevice) => kernel.setMac(bridge, 0x0200_0000_0077),
      (bridge: BridgeDevice) => must(changeBridge(bridge, { priority: 4096 })),
      (bridge: BridgeDevice) => must(changeBridge(bridge, { stp_state: 1 })),
      (bridge: BridgeDevice) => must(changeBridge(bridge, { forward_delay: 400, stp_state: 0 })),
    ].map((change, i) => {
      const bridge = must(addBridge(kernel, `br${i}`));
      kernel.setUp(bridge, true);
      change(bridge);
      return bridge.operstate;
    });
    expect(states).toEqual(["DOWN", "DOWN", "DOWN", "UNKNOWN"]);
  });

  it("is on while a port forwards, and not known before the first port", () => {
    const kernel = new Lab().host("sw");
    const empty = must(addBridge(kernel, "br0"));
    expect(empty.operstate).toBe("DOWN");
    kernel.setUp(empty, true);
    expect(empty.operstate).toBe("UNKNOWN");
    must(empty.addPort(card(kernel, "eth0")));
    expect(empty.operstate).toBe("DOWN");

    const { sw, bridge, cables } = star(2);
    expect(bridge.operstate).toBe("UP");
    cables[0]!.setUp(false);
    expect(bridge.operstate).toBe("UP");
    sw.setUp(device(sw, "p2"), false);
    expect([bridge.operstate, bridge.carrier]).toEqual(["DOWN", false]);
    cables[0]!.setUp(true);
    expect(bridge.operstate).toBe("UP");
    sw.setUp(bridge, false);
    expect([bridge.carrier, port(bridge, "p1").stateName]).toEqual([false, "disabled"]);
    sw.setUp(bridge, true);
    expect([bridge.carrier, port(bridge, "p1").stateName]).toEqual([true, "forwarding"]);
  });

  it("reports the speed of its fastest port", () => {
    const { bridge, cables } = star(2);
    cables[0]!.tune({ rateBps: 1e9 });
    cables[1]!.tune({ rateBps: 1e8 });
    expect(bridge.speedBps).toBe(1e9);
  });
});

describe("removal", () => {
  it("of a port's device takes the port away", () => {
    const { lab, sw, hosts, bridge } = star(3);
    sw.unregister(device(sw, "p2"));
    expect(bridge.ports.map((p) => p.dev.name)).toEqual(["p1", "p3"]);
    const heard = [hears(hosts[0]!), hears(hosts[2]!)];
    frame(hosts[0]!, BROADCAST);
    lab.run(S);
    expect(who(heard)).toEqual([2]);
    lab.end();
  });

  it("of the bridge frees its ports", () => {
    const { lab, sw, hosts, bridge } = star(2);
    frame(hosts[0]!, BROADCAST);
    lab.run(S);
    sw.unregister(bridge);
    expect(["p1", "p2"].map((name) => device(sw, name).master)).toEqual([undefined, undefined]);
    expect(sw.device("br0")).toBeUndefined();
    frame(hosts[0]!, BROADCAST);
    lab.run(S);
    expect(drops(sw, "unknown ethertype")).toBe(2);
    must(must(addBridge(sw, "br1")).addPort(device(sw, "p1")));
    lab.end();
  });

  it("by brctl asks first", () => {
    const { sw } = star(1);
    expect(errnoOf(deleteBridge(sw, "br9"))).toBe("ENXIO");
    expect(errnoOf(deleteBridge(sw, "p1"))).toBe("EPERM");
    expect(errnoOf(deleteBridge(sw, "br0"))).toBe("EBUSY");
    sw.setUp(device(sw, "br0"), false);
    must(deleteBridge(sw, "br0"));
    expect(sw.device("br0")).toBeUndefined();
  });
});

describe("power", () => {
  it("off: the bridge forgets and forwards nothing; on: it is as configured", () => {
    const { lab, sw, hosts, bridge } = star(2, { priority: 4096 });
    frame(hosts[0]!, BROADCAST);
    lab.run(S);
    sw.setPower(false);
    expect([bridge.fdb.learned, bridge.carrier]).toEqual([0, false]);
    sw.setPower(true);
    const heard = hosts.map((h) => hears(h));
    frame(hosts[0]!, BROADCAST);
    lab.run(S);
    expect([who(heard), bridge.stp.priority]).toEqual([[2], 4096]);
    lab.end();
  });
});
