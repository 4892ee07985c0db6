import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hex, u16, u32 } from "../../../../src/core/bytes.ts";
import { DROP_REASONS, type DropText } from "../../../../src/core/drop.ts";
import { S } from "../../../../src/core/time.ts";
import { l2tpOf } from "../../../../src/nodes/kernel/dev/l2tp.ts";
import type { L2tpEthDevice, L2tpSessionOptions } from "../../../../src/nodes/kernel/dev/l2tp-eth.ts";
import type { L2tpTunnelOptions } from "../../../../src/nodes/kernel/dev/l2tp-tunnel.ts";
import type { Kernel } from "../../../../src/nodes/kernel/kernel.ts";
import { moveDevice } from "../../../../src/nodes/kernel/move.ts";
import { flagsAndOffset, isFragment, protocol, ttl } from "../../../../src/protocols/ipv4/wire.ts";
import { checksum, dport, sport, writeHeader as writeUdp } from "../../../../src/protocols/udp/wire.ts";
import { cases, haveProgram, itNeeds } from "../../../harness/shared.ts";
import { tsharkComplaints } from "./readers.ts";
import { granted, ip, type Seen, TunnelLab } from "./tunnel-lab.ts";

const drops = (kernel: Kernel, text: DropText): number => kernel.drops[DROP_REASONS.indexOf(text)] as number;
const device = (kernel: Kernel, name: string) => {
  const dev = kernel.device(name);
  if (dev === undefined) throw new Error(name);
  return dev;
};
const bytes = (...octets: number[]): Uint8Array => Uint8Array.from(octets);

const SESSION: L2tpSessionOptions = {
  id: 10,
  peerId: 20,
  cookie: bytes(),
  peerCookie: bytes(),
  sublayer: true,
  sendSequence: false,
  receiveSequence: false,
};

/** `a` 10.0.1.1 – `r` – `b` 10.0.2.1, a tunnel between `a` and `b`, and a session on it with 192.168.0.1 and .2. */
class L2tpLab extends TunnelLab {
  readonly a = this.node("a");
  readonly r = this.node("r", true);
  readonly b = this.node("b");
  readonly wire: Seen[];

  constructor() {
    super();
    this.link(this.a, "eth0 10.0.1.1/24", this.r, "eth0 10.0.1.254/24");
    this.link(this.r, "eth1 10.0.2.254/24", this.b, "eth0 10.0.2.1/24");
    this.route(this.a, "0.0.0.0/0", { via: "10.0.1.254" });
    this.route(this.b, "0.0.0.0/0", { via: "10.0.2.254" });
    this.wire = this.sniff(device(this.a, "eth0"));
  }

  tunnels(encap: "udp" | "ip", extra: Partial<L2tpTunnelOptions> = {}): void {
    const ports = encap === "udp" ? { sourcePort: 5000, destinationPort: 6000 } : {};
    const back = encap === "udp" ? { sourcePort: 6000, destinationPort: 5000 } : {};
    const [near, far] = [ip("10.0.1.1"), ip("10.0.2.1")];
    granted(l2tpOf(this.a).addTunnel({ id: 1, peerId: 2, encap, local: near, remote: far, ...ports, ...extra }));
    granted(l2tpOf(this.b).addTunnel({ id: 2, peerId: 1, encap, local: far, remote: near, ...back, ...extra }));
  }

  pair(
    encap: "udp" | "ip",
    options: Partial<L2tpSessionOptions> = {},
    other: Partial<L2tpSessionOptions> = options,
    extra: Partial<L2tpTunnelOptions> = {},
  ): { near: L2tpEthDevice; far: L2tpEthDevice } {
    this.tunnels(encap, extra);
    const near = granted(l2tpOf(this.a).addSession(1, "l2tpeth%d", { ...SESSION, ...options }));
    const far = granted(l2tpOf(this.b).addSession(2, "l2tpeth%d", { ...SESSION, id: 20, peerId: 10, ...other }));
    return { near: this.up(near, "192.168.0.1/24"), far: this.up(far, "192.168.0.2/24") };
  }

  /** IP packets of a protocol that `a` sent. */
  outer(of: number): Uint8Array[] {
    return this.wire
      .filter((f) => f.outgoing && u16(f.bytes, 12) === 0x0800 && protocol(f.bytes, 14) === of)
      .map((f) => f.bytes.subarray(14));
  }

  /** Gives `b` an L2TP packet that seems to come from `a`. */
  inject(payload: Uint8Array, encap: "udp" | "ip", from = "10.0.1.1"): void {
    const d = this.r.ipv4.routes.output(ip("10.0.2.1"), 0, 0, 0, 0);
    const head = encap === "udp" ? 8 : 0;
    const b = new Uint8Array(head + payload.length);
    if (encap === "udp") writeUdp(b, 0, 5000, 6000, b.length);
    b.set(payload, head);
    this.r.ipv4.send(this.packet(b), d, encap === "udp" ? 17 : 115, ip(from), ip("10.0.2.1"), 64, 0, 0);
    this.run(S / 100);
  }
}

/** A data packet over UDP for session 20 with that number, and a broadcast frame in it. */
function numbered(sequence: number): Uint8Array {
  const b = new Uint8Array(12 + 60);
  b.set([0, 3, 0, 0, 0, 0, 0, 20, 0x40, sequence >> 16, sequence >> 8, sequence]);
  b.set([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 9, 0x88, 0xb5], 12);
  return b;
}

describe("an Ethernet pseudowire", () => {
  it("over UDP carries session id and sublayer, without checksum", () => {
    const lab = new L2tpLab();
    const { near, far } = lab.pair("udp");
    expect(near).toMatchObject({ name: "l2tpeth0", kind: "", mtu: 1446, headerLength: 14 });
    expect(lab.ping(lab.a, "192.168.0.2", { count: 2 }).replies).toBe(2);
    const [first] = lab.outer(17) as [Uint8Array];
    expect([sport(first, 20), dport(first, 20), checksum(first, 20), ttl(first, 0)]).toEqual([5000, 6000, 0, 64]);
    expect(hex(first, 28, 40)).toBe("00:03:00:00:00:00:00:14:00:00:00:00");
    expect(flagsAndOffset(first, 0)).toBe(0);
    expect(far.stats.rxPackets).toBeGreaterThan(2);
    expect(far.counters).toMatchObject({ rxErrors: 0, txErrors: 0, rxPackets: far.stats.rxPackets });
    expect(lab.sim.pool.born).toBe(lab.sim.pool.dead);
  });

  it("over UDP with a checksum, cookies of both lengths and no sublayer", () => {
    const lab = new L2tpLab();
    const [four, eight] = [bytes(1, 2, 3, 4), bytes(8, 7, 6, 5, 4, 3, 2, 1)];
    const near = { cookie: four, peerCookie: eight, sublayer: false };
    const far = { cookie: eight, peerCookie: four, sublayer: false };
    expect(lab.pair("udp", near, far, { udpcsum: true }).near.mtu).toBe(1500 - 20 - 8 - 8 - 4 - 14);
    expect(lab.ping(lab.a, "192.168.0.2").replies).toBe(1);
    const [first] = lab.outer(17) as [Uint8Array];
    expect(hex(first, 28, 40)).toBe("00:03:00:00:00:00:00:14:01:02:03:04");
    expect(checksum(first, 20)).not.toBe(0);
  });

  it("over IP is protocol 115 with the session id first", () => {
    const lab = new L2tpLab();
    const { near } = lab.pair("ip");
    expect(near.mtu).toBe(1458);
    expect(lab.ping(lab.a, "192.168.0.2").replies).toBe(1);
    const [first] = lab.outer(115) as [Uint8Array];
    expect(hex(first, 20, 28)).toBe("00:00:00:14:00:00:00:00");
    expect(u32(first, 0) >>> 24).toBe(0x45);
  });

  it("takes full frames when its MTU is raised: the outer packets are cut", () => {
    const lab = new L2tpLab();
    const { near, far } = lab.pair("udp");
    for (const dev of [near, far]) granted(dev.kernel.setMtu(dev, 1500));
    expect(lab.ping(lab.a, "192.168.0.2", { octets: 1472 }).replies).toBe(1);
    expect(lab.outer(17).some((b) => isFragment(b, 0))).toBe(true);
    expect(lab.sim.pool.born).toBe(lab.sim.pool.dead);
  });

  it("goes to another namespace, its tunnel stays", () => {
    const lab = new L2tpLab();
    const { near } = lab.pair("udp");
    const inside = lab.node("inside");
    granted(moveDevice(near, inside));
    lab.up(near, "192.168.0.1/24");
    expect(lab.ping(inside, "192.168.0.2").replies).toBe(1);
    granted(l2tpOf(lab.a).deleteTunnel(1));
    expect(inside.device("l2tpeth0")).toBeUndefined();
  });

  it("is gone with its session, and the session with it", () => {
    const lab = new L2tpLab();
    const { near } = lab.pair("udp");
    const net = l2tpOf(lab.a);
    granted(net.addSession(1, "pw1", { ...SESSION, id: 11 }));
    expect(net.addSession(1, "pw2", { ...SESSION, id: 11 })).toMatchObject({ errno: "EEXIST" });
    expect(net.addSession(1, "pw1", { ...SESSION, id: 12 })).toMatchObject({ errno: "EEXIST" });
    granted(net.deleteSession(1, 11));
    expect(lab.a.device("pw1")).toBeUndefined();
    lab.a.unregister(near);
    expect(net.deleteSession(1, 10)).toMatchObject({ errno: "ENODEV" });
    granted(net.deleteTunnel(1));
    expect(net.deleteTunnel(1)).toMatchObject({ errno: "ENODEV" });
    expect(lab.a.udp.registerTunnel(5000, () => false)).toMatchObject({ ok: true });
  });

  it("tells sessions over UDP apart by tunnel, over IP by their id alone", () => {
    const lab = new L2tpLab();
    const net = l2tpOf(lab.a);
    const [local, remote] = [ip("10.0.1.1"), ip("10.0.2.1")];
    for (const [id, encap] of [
      [1, "udp"],
      [2, "udp"],
      [3, "ip"],
      [4, "ip"],
    ] as const)
      granted(net.addTunnel({ id, peerId: id, encap, local, remote, sourcePort: 5000 + id, destinationPort: 9 }));
    for (const id of [1, 2, 3]) granted(net.addSession(id, "l2tpeth%d", SESSION));
    expect(net.addSession(4, "l2tpeth%d", SESSION)).toMatchObject({ errno: "EEXIST" });
  });
});

describe("what is not taken", () => {
  it("another cookie, another session, another version, control messages, another sender", () => {
    const lab = new L2tpLab();
    const { far } = lab.pair("udp", { cookie: bytes(1, 2, 3, 4) }, { peerCookie: bytes(1, 2, 3, 5) });
    expect(lab.ping(lab.a, "192.168.0.2").replies).toBe(0);
    expect(drops(lab.b, "tunnel: wrong cookie")).toBeGreaterThan(0);
    expect(far.counters.rxCookieDiscards).toBe(drops(lab.b, "tunnel: wrong cookie"));
    const before = far.stats.rxPackets;
    lab.inject(bytes(0, 3, 0, 0, 0, 0, 0, 99, 0, 0, 0, 0), "udp");
    lab.inject(bytes(0xc8, 3, 0, 12, 0, 0, 0, 20, 0, 0, 0, 0), "udp");
    expect(drops(lab.b, "tunnel: no such tunnel")).toBe(2);
    lab.inject(bytes(0, 2, 0, 0, 0, 0, 0, 20, 0, 0, 0, 0), "udp");
    lab.inject(bytes(0, 3, 0), "udp");
    expect(drops(lab.b, "tunnel: malformed header")).toBe(2);
    lab.inject(numbered(0), "udp", "10.0.1.9"); // not the peer: for other sockets, and there are none
    expect(drops(lab.b, "udp: no socket on this port")).toBe(1);
    expect(far.stats.rxPackets).toBe(before);
  });

  it("numbers out of order, until so many others were in order that they are believed", () => {
    const lab = new L2tpLab();
    const { far } = lab.pair("udp", {}, { receiveSequence: true, sendSequence: true });
    const taken = (...numbers: number[]): number => {
      const before = far.stats.rxPackets;
      for (const n of numbers) lab.inject(numbered(n), "udp");
      return far.stats.rxPackets - before;
    };
    expect(taken(5)).toBe(1); // whatever the first is
    expect(taken(6, 7)).toBe(2);
    expect(taken(7, 3)).toBe(0); // old ones
    expect(taken(20)).toBe(0);
    expect(taken(8)).toBe(1);
    expect(taken(30, 31, 32, 33, 34)).toBe(0);
    expect(taken(35, 36)).toBe(2);
    expect(taken(0xffffff)).toBe(0);
    expect(far.counters.rxSeqDiscards).toBeGreaterThan(5);
    const plain = numbered(37);
    plain[8] = 0;
    lab.inject(plain, "udp");
    expect(drops(lab.b, "tunnel: out of sequence")).toBeGreaterThan(6);
  });

  it("numbers its own once the other end does", () => {
    const lab = new L2tpLab();
    const { near, far } = lab.pair("udp", { sendSequence: true }, {});
    expect([near.numbers, far.numbers]).toEqual([true, false]);
    expect(lab.ping(lab.a, "192.168.0.2").replies).toBe(1);
    expect(far.numbers).toBe(true);
    expect(lab.outer(17).map((b) => u32(b, 36))).toEqual([0x40000000, 0x40000001]);
  });
});

it("takes what a socket could not have", () => {
  const lab = new L2tpLab();
  const net = l2tpOf(lab.a);
  const good = {
    id: 1,
    peerId: 2,
    encap: "udp",
    local: ip("10.0.1.1"),
    remote: ip("10.0.2.1"),
    sourcePort: 5000,
    destinationPort: 5,
  } as const;
  expect(net.addTunnel({ ...good, local: ip("10.0.9.9") })).toMatchObject({ errno: "EADDRNOTAVAIL" });
  expect(net.addTunnel({ ...good, remote: ip("224.0.0.5") })).toMatchObject({ errno: "EINVAL" });
  expect(granted(net.addTunnel({ ...good, local: 0 })).local).toBe(ip("10.0.1.1"));
  expect(net.addTunnel(good)).toMatchObject({ errno: "EEXIST" });
  expect(net.addTunnel({ ...good, id: 3 })).toMatchObject({ errno: "EADDRINUSE" });
  expect(net.addSession(9, "x", SESSION)).toMatchObject({ errno: "ENODEV" });
});

it("survives any bytes from the other end", () => {
  for (const encap of ["udp", "ip"] as const) {
    const lab = new L2tpLab();
    lab.pair(encap, {}, { receiveSequence: true });
    const start = encap === "udp" ? bytes(0, 3, 0, 0, 0, 0, 0, 20) : bytes(0, 0, 0, 20);
    const payload = fc.oneof(
      fc.uint8Array({ maxLength: 80 }),
      fc.uint8Array({ maxLength: 80 }).map((tail) => Uint8Array.of(...start, ...tail)),
    );
    fc.assert(
      fc.property(payload, (b) => lab.inject(b, encap)),
      { numRuns: cases(300, 20_000) },
    );
    lab.run(60 * S);
    expect(lab.sim.pool.born).toBe(lab.sim.pool.dead);
  }
});

itNeeds(haveProgram("tshark"))("tshark finds nothing wrong with what tunnels send", () => {
  for (const encap of ["udp", "ip"] as const) {
    const lab = new L2tpLab();
    lab.pair(encap, { sendSequence: true }, {}, { udpcsum: true });
    expect(lab.ping(lab.a, "192.168.0.2", { count: 3 }).replies).toBe(3);
    expect(tsharkComplaints(lab.wire)).toBe("");
  }
});
