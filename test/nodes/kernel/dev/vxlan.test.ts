import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseMac } from "../../../../src/core/addr.ts";
import { u8, u16, u24, u32 } from "../../../../src/core/bytes.ts";
import { DROP_REASONS, type DropText } from "../../../../src/core/drop.ts";
import { S } from "../../../../src/core/time.ts";
import { addBridge } from "../../../../src/nodes/kernel/dev/bridge.ts";
import { addVxlan, type VxlanDevice, type VxlanOptions } from "../../../../src/nodes/kernel/dev/vxlan.ts";
import type { Kernel } from "../../../../src/nodes/kernel/kernel.ts";
import { dontFragment, dst, protocol, src, tos, ttl } from "../../../../src/protocols/ipv4/wire.ts";
import { checksum, dport, sport, verify, writeHeader as writeUdp } from "../../../../src/protocols/udp/wire.ts";
import { writeHeader as writeVxlan } from "../../../../src/protocols/vxlan/wire.ts";
import { cases } from "../../../harness/shared.ts";
import { granted, ip, type Seen, TunnelLab } from "./tunnel-lab.ts";

const drops = (kernel: Kernel, text: DropText): number => kernel.drops[DROP_REASONS.indexOf(text)] as number;
const device = (kernel: Kernel, name: string) => {
  const dev = kernel.device(name);
  if (dev === undefined) throw new Error(name);
  return dev;
};
const mac = (text: string): number => parseMac(text) as number;
const fdb = (vx: VxlanDevice): string[] => vx.fdb.rows().map((row) => vx.fdb.describe(row));

/** Three hosts on one switch: 10.0.0.1 to 10.0.0.3. */
class VxLab extends TunnelLab {
  readonly hosts: readonly Kernel[];
  readonly wire: Seen[];

  constructor() {
    super();
    const sw = this.node("sw");
    const bridge = granted(addBridge(sw, "br0"));
    this.up(bridge);
    this.hosts = [1, 2, 3].map((n) => {
      const host = this.node(`h${n}`);
      this.link(host, `eth0 10.0.0.${n}/24`, sw, `p${n}`);
      granted(bridge.addPort(device(sw, `p${n}`)));
      return host;
    });
    this.run(40 * S);
    this.wire = this.sniff(device(this.host(1), "eth0"));
  }

  host(n: number): Kernel {
    return this.hosts[n - 1] as Kernel;
  }

  /** A VXLAN device on host `n`, up, with 192.168.0.n. */
  vxlan(n: number, options: Partial<VxlanOptions>, name = "vx1"): VxlanDevice {
    const vx = granted(addVxlan(this.host(n), name, { id: 100, dstport: 4789, ...options }));
    return this.up(vx, `192.168.0.${n}/24`);
  }

  pair(options: Partial<VxlanOptions> = {}): { near: VxlanDevice; far: VxlanDevice } {
    return {
      near: this.vxlan(1, { remote: ip("10.0.0.2"), ...options }),
      far: this.vxlan(2, { remote: ip("10.0.0.1"), ...options }),
    };
  }

  /** UDP datagrams that host 1 sent (or heard), from the outer IP header on. */
  outer(outgoing = true): Uint8Array[] {
    const isUdp = (f: Seen): boolean => u16(f.bytes, 12) === 0x0800 && protocol(f.bytes, 14) === 17;
    return this.wire.filter((f) => f.outgoing === outgoing && isUdp(f)).map((f) => f.bytes.subarray(14));
  }

  /** Gives host 2 a datagram for a VXLAN port, as if host `from` had sent it. */
  inject(payload: Uint8Array, from = 1, port = 4789): void {
    const b = new Uint8Array(8 + payload.length);
    writeUdp(b, 0, 50_000, port, b.length);
    b.set(payload, 8);
    const kernel = this.host(from);
    const d = kernel.ipv4.routes.output(ip("10.0.0.2"), 0, 0, 0, 0);
    kernel.ipv4.send(this.packet(b), d, 17, ip(`10.0.0.${from}`), ip("10.0.0.2"), 64, 0, 0);
    this.run(S);
  }
}

/** A VXLAN header and a frame of a type that nobody knows. */
function vxlanFrame(from: string, { vni = 100, to = "ff:ff:ff:ff:ff:ff" } = {}): Uint8Array {
  const b = new Uint8Array(8 + 14 + 46);
  writeVxlan(b, 0, vni);
  for (const [at, text] of [
    [8, to],
    [14, from],
  ] as const)
    b.set(
      text.split(":").map((octet) => Number.parseInt(octet, 16)),
      at,
    );
  b.set([0x88, 0xb5], 20);
  return b;
}

describe("VXLAN between two hosts", () => {
  it("carries frames in UDP with the VNI, from a port that stands for the flow", () => {
    const lab = new VxLab();
    const { near } = lab.pair();
    expect(lab.ping(lab.host(1), "192.168.0.2", { count: 3 }).replies).toBe(3);
    const sent = lab.outer();
    const first = sent[0] as Uint8Array;
    expect([src(first, 0), dst(first, 0), ttl(first, 0), dontFragment(first, 0)]).toEqual([
      ip("10.0.0.1"),
      ip("10.0.0.2"),
      64,
      false,
    ]);
    expect([dport(first, 20), u32(first, 28), u24(first, 32), u8(first, 35)]).toEqual([4789, 0x08000000, 100, 0]);
    const ports = [...sent, ...lab.outer(false)].map((b) => sport(b, 20));
    const pings = [...sent, ...lab.outer(false)].filter((b) => u16(b, 48) === 0x0800).map((b) => sport(b, 20));
    expect(new Set(pings).size).toBe(1); // one flow, one port, both ways
    expect(new Set(ports).size).toBe(2); // and ARP another
    for (const port of ports) expect(port >= 32_768 && port < 60_999).toBe(true);
    expect(near.stats).toMatchObject({ txErrors: 0, txDropped: 0, rxErrors: 0 });
    expect(lab.alive).toBe(0);
  });

  it("is described as ip -d link does", () => {
    const lab = new VxLab();
    const h = lab.host(1);
    const plain = granted(addVxlan(h, "vx1", { id: 100, remote: ip("10.0.0.2"), dstport: 4789 }));
    expect(plain.describe()).toBe(
      "vxlan id 100 remote 10.0.0.2 srcport 0 0 dstport 4789 ttl auto ageing 300 udpcsum noudp6zerocsumtx noudp6zerocsumrx",
    );
    expect([plain.kind, plain.mtu, plain.lowerIfindex]).toEqual(["vxlan", 1500, 0]);
    const full = granted(
      addVxlan(h, "vx2", {
        ...{ id: 101, remote: ip("10.0.0.2"), dstport: 4789, dev: "eth0", local: ip("10.0.0.1"), ttl: 5 },
        ...{ tos: "inherit", df: "set", learning: false, ageing: 30, maxaddress: 5, srcport: [1000, 2000] },
        udpcsum: false,
      }),
    );
    expect(full.describe()).toBe(
      "vxlan id 101 remote 10.0.0.2 local 10.0.0.1 dev eth0 srcport 1000 2000 dstport 4789 nolearning tos inherit ttl 5 df set ageing 30 maxaddr 5 noudpcsum noudp6zerocsumtx noudp6zerocsumrx",
    );
    const group = granted(
      addVxlan(h, "vx3", { id: 102, remote: ip("239.1.1.1"), dev: "eth0", ttl: "inherit", tos: 0x10, gbp: true }),
    );
    expect(group.describe()).toBe(
      "vxlan id 102 group 239.1.1.1 dev eth0 srcport 0 0 dstport 8472 tos 0x10 ttl inherit ageing 300 udpcsum noudp6zerocsumtx noudp6zerocsumrx gbp",
    );
    expect([full.mtu, group.mtu]).toEqual([1450, 1450]);
  });

  it("UDP checksums are right where wanted, and absent where not", () => {
    const lab = new VxLab();
    lab.pair();
    lab.vxlan(1, { id: 7, remote: ip("10.0.0.2"), udpcsum: false }, "vx2");
    lab.ping(lab.host(1), "192.168.0.2");
    device(lab.host(1), "vx2").send(lab.packet(new Uint8Array(60).fill(0xff)));
    lab.run(S);
    for (const b of lab.outer()) {
      const bare = u24(b, 32) === 7;
      const verdict = verify(b, 20, b.length, src(b, 0), dst(b, 0));
      expect([checksum(b, 20) === 0, verdict]).toEqual(bare ? [true, "not_present"] : [false, "good"]);
    }
    expect(lab.outer().some((b) => u24(b, 32) === 7)).toBe(true);
  });

  it("TTL, TOS and DF: fixed, inherited, and with the congestion bits", () => {
    const lab = new VxLab();
    const { near } = lab.pair({ ttl: "inherit", tos: "inherit", df: "inherit" });
    lab.ping(lab.host(1), "192.168.0.2", { df: true, tos: 0x22 });
    granted(near.change({ ttl: 9, tos: 0x10, df: "set" }));
    lab.ping(lab.host(1), "192.168.0.2", { tos: 0x03 });
    granted(near.change({ df: "unset" }));
    lab.ping(lab.host(1), "192.168.0.2", { tos: 0x01 });
    const pings = lab.outer().filter((b) => u16(b, 48) === 0x0800);
    expect(pings.map((b) => [ttl(b, 0), tos(b, 0), dontFragment(b, 0)])).toEqual([
      [64, 0x22, true],
      [9, 0x12, true],
      [9, 0x11, false],
    ]);
  });

  it("several devices share a port; a wrong VNI reaches none", () => {
    const lab = new VxLab();
    lab.pair();
    lab.vxlan(2, { id: 200, remote: ip("10.0.0.1") }, "vx2");
    expect(lab.ping(lab.host(1), "192.168.0.2").replies).toBe(1);
    lab.inject(vxlanFrame("02:00:00:00:00:09", { vni: 300 }));
    expect(drops(lab.host(2), "tunnel: no such tunnel")).toBe(1);
    lab.inject(vxlanFrame("02:00:00:00:00:09", { vni: 200 }));
    expect(device(lab.host(2), "vx2").stats.rxPackets).toBe(1);
    lab.inject(vxlanFrame("02:00:00:00:00:09"), 1, 4790);
    expect(drops(lab.host(2), "udp: no socket on this port")).toBe(1);
  });

  it("a device that is down does not listen, and frees its port", () => {
    const lab = new VxLab();
    const { far } = lab.pair();
    granted(lab.host(2).setUp(far, false));
    expect(lab.ping(lab.host(1), "192.168.0.2").replies).toBe(0);
    expect(drops(lab.host(2), "udp: no socket on this port")).toBeGreaterThan(0);
    const socket = lab.host(2).udp.socket();
    granted(socket.bind(0, 4789));
    expect(lab.host(2).setUp(far, true)).toMatchObject({ ok: false, errno: "EADDRINUSE" });
    socket.close();
    expect(lab.host(2).setUp(far, true)).toMatchObject({ ok: true });
  });
});

describe("the forwarding table", () => {
  it("learns where MACs are, and forgets them after the ageing time", () => {
    const lab = new VxLab();
    const far = lab.vxlan(2, { ageing: 30 });
    const [a, b] = ["02:00:00:00:00:0a", "02:00:00:00:00:0b"] as const;
    lab.inject(vxlanFrame(a));
    lab.inject(vxlanFrame(b), 3);
    expect(fdb(far)).toEqual([`${b} dst 10.0.0.3 self `, `${a} dst 10.0.0.1 self `]);
    lab.inject(vxlanFrame(a), 3); // it moved
    expect(fdb(far)[1]).toBe(`${a} dst 10.0.0.3 self `);
    lab.run(28 * S);
    expect(fdb(far).length).toBe(1);
    lab.run(S);
    expect(fdb(far)).toEqual([]);
  });

  it("what is asked for stays: sending to a MAC renews it", () => {
    const lab = new VxLab();
    const { far } = lab.pair({ ageing: 30 });
    lab.ping(lab.host(1), "192.168.0.2", { count: 60 });
    expect(fdb(far).length).toBe(2);
    lab.run(31 * S);
    expect(fdb(far)).toEqual(["00:00:00:00:00:00 dst 10.0.0.1 self permanent"]);
  });

  it("nolearning: all goes to the default destination", () => {
    const lab = new VxLab();
    const { near } = lab.pair({ learning: false });
    expect(lab.ping(lab.host(1), "192.168.0.2").replies).toBe(1);
    expect(fdb(near)).toEqual(["00:00:00:00:00:00 dst 10.0.0.2 self permanent"]);
  });

  it("head-end replication: frames to unknown MACs go to every default destination", () => {
    const lab = new VxLab();
    const near = lab.vxlan(1, {});
    lab.vxlan(2, { remote: ip("10.0.0.1") });
    lab.vxlan(3, { remote: ip("10.0.0.1") });
    for (const n of [2, 3]) granted(near.fdb.append(0, { dst: ip(`10.0.0.${n}`) }));
    expect(lab.ping(lab.host(1), "192.168.0.3").replies).toBe(1);
    const arps = lab.outer().filter((b) => u16(b, 48) === 0x0806);
    expect(arps.map((b) => dst(b, 0))).toEqual([ip("10.0.0.3"), ip("10.0.0.2")]);
    expect(lab.outer().length).toBe(3); // the echo request goes to one
    expect(lab.alive).toBe(0);
  });

  it("without any destination frames are dropped", () => {
    const lab = new VxLab();
    const near = lab.vxlan(1, {});
    lab.ping(lab.host(1), "192.168.0.3");
    expect(drops(lab.host(1), "tunnel: no destination")).toBeGreaterThan(0);
    expect(near.stats.txDropped).toBeGreaterThan(0);
  });

  it("entries by hand, as bridge fdb takes and shows them", () => {
    const lab = new VxLab();
    const vx = lab.vxlan(1, { remote: ip("10.0.0.2") });
    const one = mac("02:00:00:00:00:01");
    expect(vx.fdb.append(0, { dst: ip("10.0.0.3"), port: 4790, vni: 77, via: "eth0" }).ok).toBe(true);
    expect(vx.fdb.append(0, { dst: ip("10.0.0.2") }).ok).toBe(true); // known already
    expect(vx.fdb.add(0, { dst: ip("10.0.0.4") })).toMatchObject({ ok: false, errno: "EEXIST" });
    expect(vx.fdb.add(one, { dst: ip("10.0.0.4") }).ok).toBe(true);
    expect(vx.fdb.add(one, { dst: ip("10.0.0.5") })).toMatchObject({ ok: false, errno: "EEXIST" });
    expect(vx.fdb.append(one, { dst: ip("10.0.0.5") }).ok).toBe(true); // a host is at one place: nothing changes
    expect(vx.fdb.add(mac("02:00:00:00:00:02"), { dst: ip("10.0.0.4"), state: "static" }).ok).toBe(true);
    expect(vx.fdb.replace(mac("02:00:00:00:00:03"), { dst: ip("10.0.0.9"), state: "dynamic" }).ok).toBe(true);
    expect(vx.fdb.replace(0, { dst: ip("10.0.0.9") })).toMatchObject({
      errno: "EOPNOTSUPP",
      detail: "Cannot replace non-unicast fdb entries",
    });
    expect(vx.fdb.add(mac("02:00:00:00:00:05"), {})).toMatchObject({ ok: false, errno: "EINVAL" });
    expect(vx.fdb.add(mac("02:00:00:00:00:05"), { dst: 1, via: "eth9" })).toMatchObject({ errno: "EADDRNOTAVAIL" });
    expect(vx.fdb.remove(mac("02:00:00:00:00:06"), {})).toMatchObject({ ok: false, errno: "ENOENT" });
    expect(fdb(vx)).toEqual([
      "02:00:00:00:00:03 dst 10.0.0.9 self ",
      "02:00:00:00:00:02 dst 10.0.0.4 self static",
      "02:00:00:00:00:01 dst 10.0.0.4 self permanent",
      "00:00:00:00:00:00 dst 10.0.0.2 self permanent",
      "00:00:00:00:00:00 dst 10.0.0.3 port 4790 vni 77 via eth0 self permanent",
    ]);
    expect(vx.fdb.remove(0, { dst: ip("10.0.0.99") }).ok).toBe(true);
    expect(vx.fdb.remove(0, { dst: ip("10.0.0.3"), port: 4790, vni: 77, via: "eth0" }).ok).toBe(true);
    expect(vx.fdb.remove(one, {}).ok).toBe(true);
    granted(lab.host(1).setUp(vx, false)); // forgets what is neither permanent nor static
    expect(fdb(vx)).toEqual([
      "02:00:00:00:00:02 dst 10.0.0.4 self static",
      "00:00:00:00:00:00 dst 10.0.0.2 self permanent",
    ]);
    expect(vx.fdb.describe(vx.fdb.rows()[1] as never, "vx1")).toBe(
      "00:00:00:00:00:00 dev vx1 dst 10.0.0.2 self permanent",
    );
  });

  it("holds as many entries as it may", () => {
    const lab = new VxLab();
    const vx = lab.vxlan(2, { maxaddress: 2, ageing: 30 });
    granted(vx.fdb.add(mac("02:00:00:00:00:01"), { dst: ip("10.0.0.1") }));
    lab.inject(vxlanFrame("02:00:00:00:00:0a"));
    lab.inject(vxlanFrame("02:00:00:00:00:0b"));
    expect(vx.stats.rxPackets).toBe(2); // heard, though not learnt
    expect(vx.fdb.size).toBe(2);
    expect(vx.fdb.add(mac("02:00:00:00:00:02"), { dst: 1 })).toMatchObject({ ok: false, errno: "ENOSPC" });
    lab.run(31 * S);
    expect(vx.fdb.add(mac("02:00:00:00:00:02"), { dst: 1 })).toMatchObject({ ok: true });
  });

  it("a MAC that is fixed to one place is not believed from another", () => {
    const lab = new VxLab();
    const vx = lab.vxlan(2, {});
    granted(vx.fdb.add(mac("02:00:00:00:00:0a"), { dst: ip("10.0.0.3") }));
    lab.inject(vxlanFrame("02:00:00:00:00:0a"), 1);
    expect(drops(lab.host(2), "tunnel: source MAC is fixed to another endpoint")).toBe(1);
    lab.inject(vxlanFrame("02:00:00:00:00:0a"), 3);
    expect(vx.stats.rxPackets).toBe(1);
  });

  it("traces what it learns", () => {
    const lab = new VxLab();
    lab.vxlan(2, {});
    const events: unknown[] = [];
    lab.sim.trace.listen((e) => {
      if (e.kind === "vxlan.fdb") events.push(e.fields);
    });
    lab.inject(vxlanFrame("02:00:00:00:00:0a"));
    expect(events).toEqual([{ event: "learn", vni: 100, mac: "02:00:00:00:00:0a", dst: "10.0.0.1" }]);
  });
});

describe("multicast groups", () => {
  it("joins the group on its device, and frames to unknown MACs go there with TTL 1", () => {
    const lab = new VxLab();
    for (const n of [1, 2, 3]) lab.vxlan(n, { remote: ip("239.1.1.1"), dev: "eth0" });
    expect(device(lab.host(1), "eth0").inet.groups?.get(ip("239.1.1.1"))).toBe(1);
    expect(lab.ping(lab.host(1), "192.168.0.3").replies).toBe(1);
    const [arp, echo] = lab.outer() as [Uint8Array, Uint8Array];
    expect([dst(arp, 0), ttl(arp, 0)]).toEqual([ip("239.1.1.1"), 1]);
    expect([dst(echo, 0), ttl(echo, 0)]).toEqual([ip("10.0.0.3"), 64]);
    expect(device(lab.host(2), "vx1").stats.rxPackets).toBe(1);
    granted(lab.host(1).setUp(device(lab.host(1), "vx1"), false));
    expect(device(lab.host(1), "eth0").inet.groups?.has(ip("239.1.1.1"))).toBe(false);
    expect(lab.alive).toBe(0);
  });
});

describe("requests that are refused", () => {
  const lab = new VxLab();
  const h = lab.host(1);
  const vx = lab.vxlan(1, { remote: ip("10.0.0.2") });

  it.each([
    ["the same VNI on the same port", { id: 100 }, "EEXIST", "A VXLAN device with the specified VNI already exists"],
    ["a VNI of 25 bits", { id: 1 << 24 }, "ERANGE", "VXLAN ID must be lower than 16777216"],
    [
      "a group without a device",
      { id: 1, remote: ip("239.1.1.1") },
      "EINVAL",
      "Local interface required for multicast remote destination",
    ],
    ["a group as this end", { id: 1, local: ip("239.1.1.1") }, "EINVAL", "Local address cannot be multicast"],
    ["a device that does not exist", { id: 1, dev: "eth9" }, "ENODEV", "Invalid local interface, device not found"],
    ["ports the wrong way round", { id: 1, srcport: [5, 2] as const }, "EINVAL", "Invalid source port range"],
    ["what is not built", { id: 1, proxy: true }, "EOPNOTSUPP", "vxlan: proxy is not built"],
    ["what is not built either", { id: 1, l3miss: true }, "EOPNOTSUPP", "vxlan: l3miss is not built"],
  ] as const)("%s", (_, options, errno, detail) => {
    expect(addVxlan(h, "vx9", { dstport: 4789, ...options })).toMatchObject({ ok: false, errno, detail });
  });

  it.each([
    [{ id: 9 }, "Cannot change VNI"],
    [{ dstport: 5 }, "Cannot change port"],
    [{ maxaddress: 5 }, "Cannot change limit"],
    [{ srcport: [1, 5] as const }, "Cannot change port range"],
    [{ udpcsum: false }, "Cannot change UDP_CSUM flag"],
    [{ ttl: "inherit" as const }, "vxlan: cannot change TTL_INHERIT flag"],
    [{ gbp: true }, "vxlan: cannot change GBP flag"],
  ])("changing %o", (change, detail) => {
    expect(vx.change(change)).toMatchObject({ ok: false, errno: "EOPNOTSUPP", detail });
  });

  it("an MTU beyond what the device under it carries", () => {
    const bound = granted(addVxlan(h, "vx5", { id: 5, remote: ip("10.0.0.2"), dev: "eth0" }));
    expect(h.setMtu(bound, 1460)).toMatchObject({ ok: false, errno: "EINVAL" });
    expect(h.setMtu(bound, 1440)).toMatchObject({ ok: true });
  });

  it("two flavours on one port cannot both be up", () => {
    const policy = granted(addVxlan(h, "vx6", { id: 6, dstport: 4789, gbp: true }));
    expect(h.setUp(policy, true)).toMatchObject({ ok: false, errno: "EADDRINUSE" });
  });
});

describe("changes", () => {
  it("of the remote replace the default destination, of the device bind and shrink", () => {
    const lab = new VxLab();
    const h = lab.host(1);
    const vx = lab.vxlan(1, { remote: ip("10.0.0.2") });
    granted(vx.fdb.append(0, { dst: ip("10.0.0.9") }));
    granted(vx.change({ remote: ip("10.0.0.3"), ttl: 9, learning: false }));
    expect(fdb(vx)).toEqual([
      "00:00:00:00:00:00 dst 10.0.0.9 self permanent",
      "00:00:00:00:00:00 dst 10.0.0.3 self permanent",
    ]);
    granted(vx.change({ dev: "eth0", local: ip("10.0.0.1"), ageing: 30 }));
    expect(vx.mtu).toBe(1450);
    expect(vx.describe()).toContain(
      "remote 10.0.0.3 local 10.0.0.1 dev eth0 srcport 0 0 dstport 4789 nolearning ttl 9 ageing 30",
    );
    h.unregister(device(h, "eth0"));
    expect(h.device("vx1")).toBeUndefined(); // it goes with what it stands on
    expect(addVxlan(h, "vx1", { id: 100, dstport: 4789 })).toMatchObject({ ok: true });
  });
});

describe("frames that need not leave the node", () => {
  it("go straight to the other device, without the headers", () => {
    const lab = new VxLab();
    const h = lab.host(1);
    const near = granted(addVxlan(h, "vx1", { id: 1, dstport: 4789, remote: ip("10.0.0.1") }));
    lab.up(near);
    const other = lab.up(granted(addVxlan(h, "vx2", { id: 2, dstport: 4789 })));
    granted(near.fdb.remove(0, {}));
    granted(near.fdb.add(0, { dst: ip("10.0.0.1"), vni: 2 }));
    near.send(lab.packet(vxlanFrame("02:00:00:00:00:0a").slice(8)));
    lab.run(S);
    expect([near.stats.txPackets, other.stats.rxPackets]).toEqual([1, 1]);
    expect(fdb(other)).toEqual(["02:00:00:00:00:0a dst 127.0.0.1 self "]);
    granted(near.fdb.remove(0, {}));
    granted(near.fdb.add(0, { dst: ip("10.0.0.1"), vni: 3 }));
    near.send(lab.packet(vxlanFrame("02:00:00:00:00:0a").slice(8)));
    expect(drops(h, "tunnel: no such tunnel")).toBe(1);
    expect(lab.alive).toBe(0);
  });

  it("a device that is its own other end does not send for ever", () => {
    const lab = new VxLab();
    const h = lab.host(1);
    const vx = lab.up(granted(addVxlan(h, "vx1", { id: 1, remote: ip("10.0.0.1") })));
    const bridge = granted(addBridge(h, "br0"));
    granted(bridge.addPort(vx));
    const twin = lab.up(granted(addVxlan(h, "vx2", { id: 2, remote: ip("10.0.0.1") })));
    granted(twin.fdb.remove(0, {}));
    granted(twin.fdb.add(0, { dst: ip("10.0.0.1"), vni: 1 }));
    granted(bridge.addPort(twin));
    lab.up(bridge);
    lab.run(40 * S);
    lab.address(bridge, "192.168.7.1/24");
    lab.ping(h, "192.168.7.2");
    lab.run(10 * S);
    expect(drops(h, "recursion: too many tunnels inside one another")).toBeGreaterThan(0);
    expect(lab.alive).toBe(0);
  });
});

describe("group policy", () => {
  it("the packet mark travels in the header", () => {
    const lab = new VxLab();
    const near = lab.vxlan(1, { remote: ip("10.0.0.2"), gbp: true });
    const far = lab.vxlan(2, { remote: ip("10.0.0.1"), gbp: true });
    const marks: number[] = [];
    far.addTap({ frame: (_, p) => marks.push(p.mark) });
    for (const mark of [0, 0x1234, 0x480005]) {
      const p = lab.packet(vxlanFrame("02:00:00:00:00:0a").slice(8));
      p.mark = mark;
      near.send(p);
      lab.run(S);
    }
    const headers = lab.outer().map((b) => u32(b, 28));
    expect(headers).toEqual([0x08000000, 0x88001234, 0x88480005]);
    expect(marks).toEqual([0, 0x1234, 0x480005]);
  });

  it("a device without it refuses the flag", () => {
    const lab = new VxLab();
    const far = lab.vxlan(2, {});
    const b = vxlanFrame("02:00:00:00:00:0a");
    b[0] = 0x88;
    lab.inject(b);
    expect(far.stats.rxPackets).toBe(0);
    expect(drops(lab.host(2), "tunnel: malformed header")).toBe(1);
  });
});

describe("malformed packets", () => {
  const good = vxlanFrame("02:00:00:00:00:0a");
  const changed = (at: number, octet: number): Uint8Array => good.map((b, i) => (i === at ? octet : b));

  it.each<readonly [string, Uint8Array, DropText]>([
    ["a header cut short", good.slice(0, 7), "tunnel: malformed header"],
    ["no VNI flag", changed(0, 0), "tunnel: malformed header"],
    ["an unknown flag", changed(0, 0x18), "tunnel: malformed header"],
    ["a reserved octet", changed(7, 1), "tunnel: malformed header"],
    ["a frame cut short", good.slice(0, 8 + 13), "tunnel: malformed header"],
    ["a group as the source", changed(14, 3), "tunnel: invalid source MAC"],
    ["no source", vxlanFrame("00:00:00:00:00:00"), "tunnel: invalid source MAC"],
  ])("%s", (_, bytes, reason) => {
    const lab = new VxLab();
    const far = lab.vxlan(2, {});
    lab.inject(bytes);
    expect(drops(lab.host(2), reason)).toBe(1);
    expect([far.stats.rxPackets, lab.alive]).toEqual([0, 0]);
  });

  it("its own frames come back, and are dropped", () => {
    const lab = new VxLab();
    const far = lab.vxlan(2, {});
    lab.inject(
      vxlanFrame(
        far.mac
          .toString(16)
          .padStart(12, "0")
          .replace(/..(?=.)/g, "$&:"),
      ),
    );
    expect(drops(lab.host(2), "tunnel: loop")).toBe(1);
  });

  it("congestion on a packet that is not ECN-capable drops it (RFC 6040 §4.2)", () => {
    const lab = new VxLab();
    const { near, far } = lab.pair();
    expect(lab.ping(lab.host(1), "192.168.0.2").replies).toBe(1);
    granted(near.change({ tos: 0 }));
    const heard = lab.outer().find((b) => u16(b, 48) === 0x0800) as Uint8Array;
    const kernel = lab.host(1);
    const d = kernel.ipv4.routes.output(ip("10.0.0.2"), 0, 0, 0, 0);
    const before = far.stats.rxPackets;
    kernel.ipv4.send(lab.packet(heard.slice(20)), d, 17, ip("10.0.0.1"), ip("10.0.0.2"), 64, 3, 0);
    lab.run(S);
    expect(far.stats.rxPackets).toBe(before);
    expect(drops(lab.host(2), "tunnel: congestion mark on a packet that is not ECN-capable")).toBe(1);
  });

  it("no bytes make it throw, and every packet dies", () => {
    const lab = new VxLab();
    lab.vxlan(2, { gbp: true });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.boolean(), (b, valid) => {
        const payload = valid ? Uint8Array.of(8, 0, 0, 0, 0, 0, 100, 0, ...b) : b;
        lab.inject(payload);
        expect(lab.alive).toBe(0);
      }),
      { numRuns: cases(200, 10_000) },
    );
  });
});
