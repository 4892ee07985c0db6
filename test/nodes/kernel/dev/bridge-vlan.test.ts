import { describe, expect, it } from "vitest";
import { formatMac } from "../../../../src/core/addr.ts";
import { u16 } from "../../../../src/core/bytes.ts";
import { S } from "../../../../src/core/time.ts";
import { changeBridge } from "../../../../src/nodes/kernel/dev/bridge-settings.ts";
import { addVlan, deleteVlan } from "../../../../src/nodes/kernel/dev/bridge-vlan.ts";
import { addVlanDevice } from "../../../../src/nodes/kernel/dev/vlan.ts";
import { address, device, drops, must, ping, watch } from "../../../harness/kernels.ts";
import {
  BROADCAST,
  EXPERIMENTAL,
  type Frame,
  frame,
  hears,
  hostMac,
  port,
  type Star,
  star,
  tag,
  who,
} from "./bridge-lab.ts";

const TAGGED = 0x8100;
const PROVIDER = 0x88a8;

/** Access ports p1 and p2 in VLAN 10, p3 in VLAN 20, and the trunk p4 with both, tagged. */
function campus(): Star {
  const s = star(4, { vlan_filtering: 1, vlan_default_pvid: 0 });
  const access = (name: string, vid: number): void =>
    must(addVlan(s.bridge, port(s.bridge, name), vid, { pvid: true, untagged: true }));
  access("p1", 10);
  access("p2", 10);
  access("p3", 20);
  must(addVlan(s.bridge, port(s.bridge, "p4"), 10));
  must(addVlan(s.bridge, port(s.bridge, "p4"), 20));
  return s;
}
/** Type field and, where that announces a tag, tag control information. */
const tags = (f: Frame): string[] =>
  f.type === TAGGED || f.type === PROVIDER
    ? [f.type.toString(16), String(u16(f.bytes, 14)), u16(f.bytes, 16).toString(16)]
    : [f.type.toString(16)];

describe("VLAN filtering", () => {
  it("keeps VLANs apart, untagged at access ports and tagged on the trunk", () => {
    const { lab, hosts } = campus();
    const heard = hosts.map((h) => hears(h));
    frame(hosts[0]!, BROADCAST);
    frame(hosts[2]!, BROADCAST);
    lab.run(S);
    expect(heard.map((frames) => frames.map(tags))).toEqual([
      [],
      [["88b5"]],
      [],
      [
        ["8100", "10", "88b5"],
        ["8100", "20", "88b5"],
      ],
    ]);
    expect(Buffer.from(heard[3]![0]!.bytes.subarray(0, 20)).toString("hex")).toBe(
      "ffffffffffff0200000000018100000a88b50000",
    );
    lab.end();
  });

  it("takes the trunk's frames by their tag, with the priority they came with", () => {
    const { lab, hosts } = campus();
    const heard = hosts.map((h) => hears(h));
    frame(hosts[3]!, BROADCAST, { type: TAGGED, payload: tag((5 << 13) | 20) });
    lab.run(S);
    expect(heard.map((frames) => frames.map(tags))).toEqual([[], [], [["88b5"]], []]);
    expect(heard[2]![0]!.bytes.length).toBe(60);
    lab.end();
  });

  it("drops what is in no VLAN of the port: untagged on a trunk without PVID, foreign tags, tags cut short", () => {
    const { lab, sw, hosts } = campus();
    const heard = hosts.map((h) => hears(h));
    frame(hosts[3]!, BROADCAST);
    frame(hosts[3]!, BROADCAST, { type: TAGGED, payload: tag(30) });
    frame(hosts[3]!, BROADCAST, { type: TAGGED, payload: tag(4095) });
    frame(hosts[3]!, BROADCAST, { type: TAGGED, payload: [0] });
    frame(hosts[3]!, BROADCAST, { type: TAGGED, payload: tag(7 << 13) });
    lab.run(S);
    expect([who(heard), drops(sw, "bridge: VLAN filter")]).toEqual([[], 5]);
    lab.end();
  });

  it("gives frames with a priority tag the PVID, and keeps their priority", () => {
    const { lab, hosts } = campus();
    const heard = hosts.map((h) => hears(h));
    frame(hosts[0]!, BROADCAST, { type: TAGGED, payload: tag(6 << 13) });
    lab.run(S);
    expect(heard.slice(1).map((frames) => frames.map(tags))).toEqual([
      [["88b5"]],
      [],
      [["8100", String((6 << 13) | 10), "88b5"]],
    ]);
    lab.end();
  });

  it("learns addresses per VLAN", () => {
    const { lab, hosts, bridge } = campus();
    frame(hosts[1]!, BROADCAST);
    frame(hosts[2]!, BROADCAST, { src: hostMac(2) });
    lab.run(S);
    expect(
      bridge.fdb.entries().flatMap((e) => (e.local ? [] : [`${formatMac(e.mac)} ${e.vid} ${e.port?.dev.name}`])),
    ).toEqual(["02:00:00:00:00:02 20 p3", "02:00:00:00:00:02 10 p2"]);
    const heard = hosts.map((h) => hears(h));
    frame(hosts[0]!, hostMac(2));
    lab.run(S);
    expect(who(heard)).toEqual([2]);
    lab.end();
  });

  it("hears only its own VLANs itself: a VLAN device on the bridge is a router's leg", () => {
    const { lab, sw, hosts, bridge } = campus();
    const leg = must(addVlanDevice(sw, "br0.20", bridge, { id: 20 }));
    sw.setUp(leg, true);
    address(sw, leg, "10.0.0.100/24");
    const seen = watch(hosts[2]!, "eth0");
    const up = hears(sw, "br0");
    ping(hosts[2]!, "10.0.0.100", { seq: 1 });
    lab.run(5 * S);
    expect([up.length, drops(sw, "bridge: VLAN filter") > 0]).toEqual([0, true]);
    expect(seen.in.filter((f) => f.icmp?.type === 0)).toEqual([]);
    must(addVlan(bridge, null, 20));
    ping(hosts[2]!, "10.0.0.100", { seq: 2 });
    ping(hosts[0]!, "10.0.0.100", { seq: 3 });
    lab.run(S);
    expect(seen.in.map((f) => f.icmp?.type)).toEqual([0]);
    lab.end();
  });

  it("shows frames of every VLAN, tagged, to whoever puts the bridge into promiscuous mode", () => {
    const { lab, sw, hosts, bridge } = campus();
    must(addVlan(bridge, null, 30, { untagged: true }));
    bridge.promiscuity++;
    const up = hears(sw, "br0");
    frame(hosts[2]!, BROADCAST);
    frame(hosts[0]!, hostMac(2));
    lab.run(S);
    expect(up.map(tags)).toEqual([
      ["8100", "20", "88b5"],
      ["8100", "10", "88b5"],
    ]);
    lab.end();
  });

  it("off: tags are carried as they are, whatever the VLANs of the ports", () => {
    const { lab, hosts, bridge } = campus();
    must(changeBridge(bridge, { vlan_filtering: 0 }));
    const heard = hosts.map((h) => hears(h));
    frame(hosts[2]!, BROADCAST, { type: TAGGED, payload: tag(77) });
    lab.run(S);
    expect(heard.map((frames) => frames.map(tags))).toEqual([
      [["8100", "77", "88b5"]],
      [["8100", "77", "88b5"]],
      [],
      [["8100", "77", "88b5"]],
    ]);
    lab.end();
  });

  it("802.1ad: customers' tags are payload, and their BPDUs pass", () => {
    const s = star(2, { vlan_filtering: 1, vlan_protocol: "802.1ad", vlan_default_pvid: 0, stp_state: 1 });
    const { lab, hosts, bridge } = s;
    must(addVlan(bridge, port(bridge, "p1"), 100, { pvid: true, untagged: true }));
    must(addVlan(bridge, port(bridge, "p2"), 100));
    lab.run(30 * S);
    const heard = hears(hosts[1]!);
    frame(hosts[0]!, BROADCAST, { type: TAGGED, payload: tag(10) });
    frame(hosts[0]!, 0x0180_c200_0000, { type: 3, payload: [0x42, 0x42, 3] });
    lab.run(0);
    expect(heard.map(tags)).toEqual([
      ["88a8", "100", "8100"],
      ["88a8", "100", "3"],
    ]);
    expect(Buffer.from(heard[0]!.bytes.subarray(12, 22)).toString("hex")).toBe("88a800648100000a88b5");
    lab.run(2 * S);
    expect(heard.slice(2).map((f) => formatMac(f.dst))).toEqual(["01:80:c2:00:00:08"]);
    lab.end();
  });

  it("gives every copy of a flooded frame the tag of its port", () => {
    const { lab, hosts, bridge } = campus();
    must(port(bridge, "p4").change({ hairpin: true }));
    const heard = hosts.map((h) => hears(h));
    frame(hosts[3]!, BROADCAST, { type: TAGGED, payload: tag(10) });
    lab.run(S);
    expect(heard.map((frames) => frames.map(tags))).toEqual([[["88b5"]], [["88b5"]], [], [["8100", "10", "88b5"]]]);
    lab.end();
  });
});

describe("VLANs of ports", () => {
  it("begin with the default PVID, untagged, and the bridge's own too", () => {
    const { bridge } = star(1);
    expect(port(bridge, "p1").vlans.list()).toEqual([{ vid: 1, pvid: true, untagged: true }]);
    expect(bridge.ownVlans.list()).toEqual([{ vid: 1, pvid: true, untagged: true }]);
  });

  it("are listed in order; the last PVID wins, and one without the flag takes it away", () => {
    const { bridge } = star(1, { vlan_default_pvid: 0 });
    const p1 = port(bridge, "p1");
    for (const vid of [30, 10, 20]) must(addVlan(bridge, p1, vid, { pvid: true }));
    expect([p1.vlans.vids, p1.vlans.pvid]).toEqual([[10, 20, 30], 20]);
    must(addVlan(bridge, p1, 20, { untagged: true }));
    expect([p1.vlans.pvid, p1.vlans.isUntagged(20), p1.vlans.isUntagged(10), p1.vlans.isUntagged(15)]).toEqual([
      0,
      true,
      false,
      false,
    ]);
  });

  it("bring and take the port's address and what was learnt in them", () => {
    const { lab, sw, hosts, bridge } = campus();
    const p1 = port(bridge, "p1");
    frame(hosts[0]!, BROADCAST);
    lab.run(S);
    const inVlan = (vid: number): number[] => bridge.fdb.entries().flatMap((e) => (e.vid === vid ? [e.mac] : []));
    expect(inVlan(10)).toEqual([hostMac(1), ...["p4", "p2", "p1"].map((name) => device(sw, name).mac)]);
    must(deleteVlan(bridge, p1, 10));
    expect(inVlan(10)).toEqual(["p4", "p2"].map((name) => device(sw, name).mac));
    expect(p1.vlans.pvid).toBe(0);
    lab.end();
  });

  it("refuse numbers that are none, and take the deletion of one that is not there for done", () => {
    const { bridge } = star(1);
    const p1 = port(bridge, "p1");
    expect(addVlan(bridge, p1, 0)).toMatchObject({ errno: "EINVAL", detail: "bridge: Vlan id is invalid" });
    expect(addVlan(bridge, p1, 4095)).toMatchObject({ errno: "EINVAL" });
    expect(deleteVlan(bridge, p1, 77)).toMatchObject({ ok: true });
  });

  it("follow vlan_default_pvid where nobody set another", () => {
    const { bridge } = star(2);
    const [p1, p2] = [port(bridge, "p1"), port(bridge, "p2")];
    must(addVlan(bridge, p2, 7, { pvid: true, untagged: true }));
    must(changeBridge(bridge, { vlan_default_pvid: 5 }));
    expect([p1.vlans.list(), bridge.ownVlans.vids]).toEqual([[{ vid: 5, pvid: true, untagged: true }], [5]]);
    expect(p2.vlans.list()).toEqual([
      { vid: 1, pvid: false, untagged: true },
      { vid: 7, pvid: true, untagged: true },
    ]);
    must(changeBridge(bridge, { vlan_default_pvid: 0 }));
    expect([p1.vlans.vids, bridge.ownVlans.vids, p2.vlans.vids]).toEqual([[], [], [1, 7]]);
  });
});

it("an untagged frame of the largest size fits through a trunk", () => {
  const { lab, hosts } = campus();
  const heard = hears(hosts[3]!);
  frame(hosts[0]!, BROADCAST, { payload: new Uint8Array(1500) });
  lab.run(S);
  expect(heard.map((f) => [f.bytes.length, f.type, EXPERIMENTAL])).toEqual([[1518, TAGGED, EXPERIMENTAL]]);
  lab.end();
});
