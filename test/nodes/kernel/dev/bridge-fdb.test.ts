import { describe, expect, it } from "vitest";
import { formatMac } from "../../../../src/core/addr.ts";
import { S } from "../../../../src/core/time.ts";
import { changeBridge } from "../../../../src/nodes/kernel/dev/bridge-settings.ts";
import { device, must } from "../../../harness/kernels.ts";
import { BROADCAST, frame, hears, hostMac, mac, port, type Star, star, who } from "./bridge-lab.ts";

const X = mac("02:00:00:00:00:c1");

/** `bridge fdb show`, without what is not of the bridge: address, device, VLAN, state. */
const shown = ({ bridge }: Star): string[] =>
  bridge.fdb.entries().map((e) => {
    const dev = e.port?.dev.name ?? "br0";
    const state = e.local ? " permanent" : e.static ? " static" : "";
    return `${formatMac(e.mac)} ${dev}${e.vid === 0 ? "" : ` vlan ${e.vid}`}${state}${e.sticky ? " sticky" : ""}`;
  });
const shownOf = (s: Star, address: number): string[] => shown(s).filter((line) => line.startsWith(formatMac(address)));

/** Whether a frame from h1 to `dst` is flooded. */
function flooded({ lab, hosts }: Star, dst: number): boolean {
  const heard = hosts.map((h) => hears(h));
  frame(hosts[0]!, dst);
  lab.run(0);
  return who(heard).length > 1;
}

describe("learning and ageing", () => {
  it("forgets an address 300 s after it was last heard, not after it was last looked for", () => {
    const s = star(3);
    frame(s.hosts[1]!, BROADCAST);
    s.lab.run(200 * S);
    frame(s.hosts[1]!, BROADCAST);
    s.lab.run(299 * S);
    expect(flooded(s, hostMac(2))).toBe(false);
    s.lab.run(1 * S);
    expect(flooded(s, hostMac(2))).toBe(true);
    s.lab.end();
  });

  it("removes what has aged, even when nobody asks for it", () => {
    const s = star(2);
    frame(s.hosts[0]!, BROADCAST);
    s.lab.run(10 * S);
    expect(s.bridge.fdb.learned).toBe(1);
    expect(s.bridge.fdb.sweepNs).toBeGreaterThan(0);
    s.lab.run(400 * S);
    expect(s.bridge.fdb.learned).toBe(0);
    expect(s.bridge.fdb.sweepNs).toBe(0);
    s.lab.end();
  });

  it("follows an address that moves", () => {
    const s = star(3);
    frame(s.hosts[1]!, BROADCAST, { src: X });
    s.lab.run(S);
    frame(s.hosts[2]!, BROADCAST, { src: X });
    s.lab.run(S);
    expect(shownOf(s, X)).toEqual(["02:00:00:00:00:c1 p3"]);
    s.lab.end();
  });

  it("ageing_time: shorter, it forgets at once what is too old; 0 floods everything", () => {
    const s = star(3);
    frame(s.hosts[1]!, BROADCAST);
    s.lab.run(20 * S);
    must(changeBridge(s.bridge, { ageing_time: 3000 }));
    expect(flooded(s, hostMac(2))).toBe(false);
    must(changeBridge(s.bridge, { ageing_time: 1000 }));
    expect(flooded(s, hostMac(2))).toBe(true);
    must(changeBridge(s.bridge, { ageing_time: 0 }));
    frame(s.hosts[1]!, BROADCAST);
    s.lab.run(S);
    expect(s.bridge.fdb.learned).toBe(0);
    expect(flooded(s, hostMac(2))).toBe(true);
    s.lab.end();
  });

  it("ageing_time: longer, it does not bring back what it had forgotten", () => {
    const s = star(3, { ageing_time: 1000 });
    frame(s.hosts[1]!, BROADCAST);
    s.lab.run(10 * S);
    expect(flooded(s, hostMac(2))).toBe(true);
    must(changeBridge(s.bridge, { ageing_time: 30_000 }));
    expect(flooded(s, hostMac(2))).toBe(true);
    s.lab.end();
  });

  it("learns anew what has just aged", () => {
    const s = star(3, { vlan_default_pvid: 0 });
    frame(s.hosts[1]!, BROADCAST);
    s.lab.run(10 * S);
    frame(s.hosts[2]!, BROADCAST);
    s.lab.run(290 * S);
    frame(s.hosts[1]!, BROADCAST);
    s.lab.run(0);
    expect(flooded(s, hostMac(2))).toBe(false);
    expect(shown(s).slice(1, 3)).toEqual(["02:00:00:00:00:02 p2", "02:00:00:00:00:03 p3"]);
    s.lab.end();
  });

  it("tells the time since an entry was heard, and since it was looked for", () => {
    const s = star(2);
    frame(s.hosts[1]!, BROADCAST);
    s.lab.run(3 * S);
    frame(s.hosts[0]!, hostMac(2));
    s.lab.run(2 * S);
    const entry = s.bridge.fdb.entries().find((e) => e.mac === hostMac(2));
    expect(entry).toMatchObject({ updatedNs: 5 * S, usedNs: 2 * S, vid: 0, local: false, static: false });
    s.lab.end();
  });

  it("forgets what a port has learnt when its cable is pulled", () => {
    const s = star(2);
    frame(s.hosts[0]!, BROADCAST);
    frame(s.hosts[1]!, BROADCAST);
    s.lab.run(S);
    s.cables[0]!.setUp(false);
    expect(s.bridge.fdb.learned).toBe(1);
    s.lab.end();
  });
});

describe("a full table", () => {
  it("learns no more, so that frames to those left out are flooded: the MAC flood of an attacker", () => {
    const s = star(4, { fdb_max_learned: 1000 });
    const [h1, h2, attacker] = s.hosts;
    frame(h1!, BROADCAST);
    s.lab.run(S);
    for (let i = 0; i < 1500; i++) frame(attacker!, BROADCAST, { src: 0x0600_0000_0000 + i });
    s.lab.run(S);
    expect([s.bridge.fdb.learned, s.bridge.fdb.refused]).toEqual([1000, 501]);
    frame(h2!, hostMac(1));
    const heard = s.hosts.map((h) => hears(h));
    s.lab.run(S);
    expect(who(heard)).toEqual([1]); // h1 was there before
    frame(h1!, hostMac(2));
    s.lab.run(S);
    expect(who(heard)).toEqual([2, 3, 4]); // the attacker listens
    s.lab.end();
  });

  it("has room again as entries age", () => {
    const s = star(2, { fdb_max_learned: 2 });
    frame(s.hosts[0]!, BROADCAST, { src: X });
    s.lab.run(100 * S);
    frame(s.hosts[0]!, BROADCAST, { src: X + 1 });
    s.lab.run(200 * S);
    frame(s.hosts[1]!, BROADCAST);
    s.lab.run(S);
    expect(s.bridge.fdb.refused).toBe(0);
    expect(shown(s).slice(0, 2)).toEqual(["02:00:00:00:00:02 p2", "02:00:00:00:00:c2 p1"]);
    s.lab.end();
  });

  it("counts only what was learnt", () => {
    const s = star(2, { fdb_max_learned: 1 });
    const p1 = port(s.bridge, "p1");
    must(s.bridge.fdb.add(p1, { mac: X, vid: 0, kind: "static", mode: "add" }));
    frame(s.hosts[0]!, BROADCAST);
    s.lab.run(S);
    expect(s.bridge.fdb.learned).toBe(1);
    must(s.bridge.fdb.add(p1, { mac: hostMac(1), vid: 0, kind: "static", mode: "replace" }));
    expect(s.bridge.fdb.learned).toBe(0);
    s.lab.end();
  });
});

describe("entries by hand", () => {
  it("are listed newest first, with the addresses of bridge and ports", () => {
    const s = star(2, { vlan_default_pvid: 0 });
    frame(s.hosts[0]!, BROADCAST);
    s.lab.run(S);
    must(s.bridge.fdb.add(port(s.bridge, "p1"), { mac: X, vid: 0, kind: "static", mode: "add" }));
    expect(shown(s)).toEqual([
      "02:00:00:00:00:c1 p1 static",
      "02:00:00:00:00:01 p1",
      "02:00:00:00:0a:02 p2 permanent",
      "02:00:00:00:0a:01 p1 permanent",
    ]);
    s.lab.end();
  });

  it("stand in every VLAN of the port, unless one is named", () => {
    const s = star(1);
    const p1 = port(s.bridge, "p1");
    must(s.bridge.fdb.add(p1, { mac: X, vid: 0, kind: "static", mode: "add" }));
    expect(shownOf(s, X)).toEqual(["02:00:00:00:00:c1 p1 vlan 1 static", "02:00:00:00:00:c1 p1 static"]);
    must(s.bridge.fdb.delete(p1, X, 1));
    expect(shownOf(s, X)).toEqual(["02:00:00:00:00:c1 p1 static"]);
    must(s.bridge.fdb.delete(p1, X, 0));
    expect(shownOf(s, X)).toEqual([]);
    expect(s.bridge.fdb.delete(p1, X, 0)).toMatchObject({ errno: "ENOENT" });
  });

  it("static ones do not age, but move; sticky ones stay", () => {
    const s = star(3, { vlan_default_pvid: 0 });
    const p1 = port(s.bridge, "p1");
    must(s.bridge.fdb.add(p1, { mac: X, vid: 0, kind: "static", mode: "add" }));
    must(s.bridge.fdb.add(p1, { mac: X + 1, vid: 0, kind: "static", mode: "add", sticky: true }));
    s.lab.run(1000 * S);
    frame(s.hosts[1]!, BROADCAST, { src: X });
    frame(s.hosts[1]!, BROADCAST, { src: X + 1 });
    s.lab.run(S);
    expect(shown(s).slice(0, 2)).toEqual(["02:00:00:00:00:c2 p1 static sticky", "02:00:00:00:00:c1 p2 static"]);
    s.lab.end();
  });

  it("dynamic ones age, and do not count as learnt", () => {
    const s = star(2, { vlan_default_pvid: 0 });
    must(s.bridge.fdb.add(port(s.bridge, "p2"), { mac: X, vid: 0, kind: "dynamic", mode: "add" }));
    expect(s.bridge.fdb.learned).toBe(0);
    expect(flooded(s, X)).toBe(false);
    s.lab.run(300 * S);
    expect(shownOf(s, X)).toEqual([]);
    s.lab.run(100 * S);
    expect(s.bridge.fdb.table.size).toBe(2);
    s.lab.end();
  });

  it("permanent ones of the bridge are its own: frames to them go up", () => {
    const s = star(2);
    must(s.bridge.fdb.add(null, { mac: X, vid: 0, kind: "permanent", mode: "add" }));
    const up = hears(s.sw, "br0");
    expect(flooded(s, X)).toBe(false);
    expect(up.map((f) => f.dst)).toEqual([X]);
    s.lab.end();
  });

  it("are refused as Linux refuses them", () => {
    const { bridge } = star(2);
    const p1 = port(bridge, "p1");
    const entry = { mac: X, vid: 0, kind: "static", mode: "add" } as const;
    must(bridge.fdb.add(p1, entry));
    expect(bridge.fdb.add(p1, entry)).toMatchObject({ errno: "EEXIST" });
    expect(bridge.fdb.add(p1, { ...entry, mode: "append" })).toMatchObject({ ok: true });
    expect(bridge.fdb.add(p1, { ...entry, mac: X + 1, mode: "change" })).toMatchObject({ errno: "ENOENT" });
    expect(bridge.fdb.add(p1, { ...entry, mac: 0 })).toMatchObject({ errno: "EINVAL" });
    expect(bridge.fdb.add(p1, { ...entry, vid: 10 })).toMatchObject({ errno: "EINVAL" });
    expect(bridge.fdb.add(null, { ...entry, mac: X + 1 })).toMatchObject({ errno: "EINVAL" });
    expect(bridge.fdb.add(p1, { ...entry, mac: X + 1, kind: "permanent", sticky: true })).toMatchObject({
      errno: "EINVAL",
    });
    must(p1.change({ state: 0 }));
    expect(bridge.fdb.add(p1, { ...entry, mac: X + 1, kind: "dynamic" })).toMatchObject({ errno: "EPERM" });
  });

  it("used ones are as if heard; those of a control plane wait for it, until the address is heard elsewhere", () => {
    const s = star(2, { vlan_default_pvid: 0 });
    const p1 = port(s.bridge, "p1");
    must(s.bridge.fdb.add(p1, { mac: X, vid: 0, kind: "dynamic", mode: "append", use: true }));
    must(s.bridge.fdb.add(p1, { mac: X + 1, vid: 0, kind: "dynamic", mode: "append", external: true }));
    expect(s.bridge.fdb.learned).toBe(0);
    s.lab.run(1000 * S);
    expect(shown(s)[0]).toBe("02:00:00:00:00:c2 p1");
    expect(s.bridge.fdb.entries()[0]?.external).toBe(true);
    frame(s.hosts[1]!, BROADCAST, { src: X + 1 });
    s.lab.run(S);
    expect(s.bridge.fdb.entries()[0]).toMatchObject({ external: false, port: { number: 2 } });
    s.lab.end();
  });

  it("flushing leaves those that do not age", () => {
    const s = star(2, { vlan_default_pvid: 0 });
    must(s.bridge.fdb.add(port(s.bridge, "p1"), { mac: X, vid: 0, kind: "static", mode: "add" }));
    frame(s.hosts[0]!, BROADCAST);
    frame(s.hosts[1]!, BROADCAST);
    s.lab.run(S);
    s.bridge.fdb.flushPort(port(s.bridge, "p1"));
    expect(s.bridge.fdb.learned).toBe(1);
    s.bridge.fdb.flush();
    expect(shown(s)).toEqual([
      "02:00:00:00:00:c1 p1 static",
      "02:00:00:00:0a:02 p2 permanent",
      "02:00:00:00:0a:01 p1 permanent",
    ]);
    s.lab.end();
  });

  it("a frame from an address of the bridge teaches nothing", () => {
    const s = star(2);
    const events: unknown[] = [];
    s.lab.sim.trace.listen((e) => {
      if (e.kind === "bridge.fdb") events.push(e.fields["event"]);
    });
    frame(s.hosts[0]!, BROADCAST, { src: device(s.sw, "p2").mac });
    s.lab.run(S);
    expect(events).toEqual(["own"]);
    expect(shownOf(s, device(s.sw, "p2").mac)[0]).toBe("02:00:00:00:0a:02 p2 vlan 1 permanent");
    s.lab.end();
  });
});
