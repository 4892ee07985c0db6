import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { u8, u16, u32 } from "../../../../src/core/bytes.ts";
import { DROP_REASONS, type DropText } from "../../../../src/core/drop.ts";
import { PACKET_HOST } from "../../../../src/core/packet.ts";
import { S } from "../../../../src/core/time.ts";
import { addGre, type GreDevice } from "../../../../src/nodes/kernel/dev/gre.ts";
import type { IpTunnelOptions } from "../../../../src/nodes/kernel/dev/ip-tunnel.ts";
import type { Kernel } from "../../../../src/nodes/kernel/kernel.ts";
import { IP_PROTOCOL, writeHeader } from "../../../../src/protocols/gre/wire.ts";
import { dontFragment, dst, protocol, src, tos, ttl } from "../../../../src/protocols/ipv4/wire.ts";
import { cases } from "../../../harness/shared.ts";
import { granted, ip, type Seen, TunnelLab } from "./tunnel-lab.ts";

/** Two hosts with a router between them. */
class GreLab extends TunnelLab {
  readonly a = this.node("a");
  readonly r = this.node("r", true);
  readonly b = this.node("b");
  readonly wire: Seen[];

  constructor() {
    super();
    const { a, r, b } = this;
    this.link(a, "eth0 1.1.1.1/24", r, "eth0 1.1.1.25/24");
    this.link(r, "eth1 2.2.1.25/24", b, "eth0 2.2.1.1/24");
    this.route(a, "0.0.0.0/0", { via: "1.1.1.25" });
    this.route(b, "0.0.0.0/0", { via: "2.2.1.25" });
    this.wire = this.sniff(device(r, "eth0"));
  }

  /** A tunnel between the hosts, 11.11.1.1 at one end and 12.12.1.1 at the other. */
  tunnel(options: IpTunnelOptions = {}, far: IpTunnelOptions = options): { near: GreDevice; far: GreDevice } {
    const near = granted(addGre(this.a, "gre1", { local: ip("1.1.1.1"), remote: ip("2.2.1.1"), ...options }));
    const other = granted(addGre(this.b, "gre1", { local: ip("2.2.1.1"), remote: ip("1.1.1.1"), ...far }));
    this.up(near, "11.11.1.1/32");
    this.up(other, "12.12.1.1/32");
    this.route(this.a, "12.12.1.0/24", { dev: near });
    this.route(this.b, "11.11.1.0/24", { dev: other });
    return { near, far: other };
  }

  /** The GRE packets that left `a`, from the outer IP header on. */
  outer(): Uint8Array[] {
    const isOurs = ({ bytes, outgoing }: Seen): boolean =>
      !outgoing && u16(bytes, 12) === 0x0800 && protocol(bytes, 14) === IP_PROTOCOL;
    return this.wire.filter(isOurs).map((f) => f.bytes.subarray(14));
  }

  /** Gives `b` the packet that a GRE header and payload make, as if `from` had sent it. */
  inject(gre: Uint8Array, from = "1.1.1.1"): void {
    const p = this.packet(gre);
    const d = this.r.ipv4.routes.output(ip("2.2.1.1"), 0, 0, 0, 0);
    this.r.ipv4.send(p, d, IP_PROTOCOL, ip(from), ip("2.2.1.1"), 64, 0, 0);
    this.run(S);
  }
}

const device = (kernel: Kernel, name: string) => {
  const dev = kernel.device(name);
  if (dev === undefined) throw new Error(name);
  return dev;
};
const drops = (kernel: Kernel, text: DropText): number => kernel.drops[DROP_REASONS.indexOf(text)] as number;

/** An IPv4 packet of 20 octets and data from 11.11.1.1 to 12.12.1.1. */
function innerPacket(lab: TunnelLab, octets = 28): Uint8Array {
  const p = lab.sim.pool.alloc(octets);
  p.buf.fill(0, p.start, p.end);
  const b = p.buf.slice(p.start, p.end);
  lab.sim.pool.release(p);
  b.set([0x45, 0, 0, octets, 0, 1, 0, 0, 64, 253, 0, 0, 11, 11, 1, 1, 12, 12, 1, 1]);
  let sum = 0;
  for (let i = 0; i < 20; i += 2) sum += u16(b, i);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  b[10] = (~sum >> 8) & 0xff;
  b[11] = ~sum & 0xff;
  return b;
}

describe("GRE between two hosts over a router", () => {
  it("carries IPv4 with a flagless header of four octets", () => {
    const lab = new GreLab();
    const { near } = lab.tunnel();
    expect(lab.ping(lab.a, "12.12.1.1", { count: 2 })).toMatchObject({ replies: 2, length: 84 });
    const [first] = lab.outer() as [Uint8Array];
    expect([src(first, 0), dst(first, 0)]).toEqual([ip("1.1.1.1"), ip("2.2.1.1")]);
    expect(first.length).toBe(20 + 4 + 84);
    expect(u32(first, 20)).toBe(0x0800);
    expect(src(first, 24)).toBe(ip("11.11.1.1"));
    expect(near.stats).toMatchObject({ txPackets: 2, txBytes: 168, rxPackets: 2, rxBytes: 168, txErrors: 0 });
    expect(lab.alive).toBe(0);
  });

  it("is a point-to-point device of bare packets with room for its headers", () => {
    const lab = new GreLab();
    const { near } = lab.tunnel();
    expect(near).toMatchObject({ kind: "gre", headerLength: 0, noArp: true, pointToPoint: true, mtu: 1476 });
    expect(near.describe()).toBe("gre remote 2.2.1.1 local 1.1.1.1 ttl inherit");
    expect(near.mtuRange).toEqual([68, 65_504]);
  });

  it("takes the MTU of the device that leads to the other end, if there is a way", () => {
    const lab = new TunnelLab();
    const a = lab.node("a");
    const b = lab.node("b");
    const lost = granted(addGre(a, "gre%d", { remote: ip("10.0.0.2") }));
    lab.link(a, "eth0 10.0.0.1/24", b, "eth0 10.0.0.2/24", 9000);
    const found = granted(addGre(a, "gre%d", { remote: ip("10.0.0.2"), key: 1, csum: true, seq: true }));
    const small = granted(addGre(a, "gre%d", { remote: ip("10.0.0.3"), mtu: 20 }));
    expect([lost.mtu, found.mtu, small.mtu]).toEqual([1476, 9000 - 20 - 16, 68]);
    expect([lost.name, found.name]).toEqual(["gre0", "gre1"]);
  });

  it("inherits TTL and takes a fixed one, and copies DF and sets its own", () => {
    const lab = new GreLab();
    const { near, far } = lab.tunnel({ pmtudisc: false });
    lab.ping(lab.a, "12.12.1.1");
    granted(near.change({ ttl: 9 }));
    lab.ping(lab.a, "12.12.1.1", { df: true });
    granted(near.change({ ignoreDf: true }));
    lab.ping(lab.a, "12.12.1.1", { df: true });
    granted(near.change({ ignoreDf: false, pmtudisc: true }));
    lab.ping(lab.a, "12.12.1.1");
    expect(lab.outer().map((b) => [ttl(b, 0), dontFragment(b, 0)])).toEqual([
      [64, false],
      [9, true],
      [9, false],
      [9, true],
    ]);
    expect(near.describe()).toBe("gre remote 2.2.1.1 local 1.1.1.1 ttl 9");
    expect(far.describe()).toBe("gre remote 1.1.1.1 local 2.2.1.1 ttl inherit nopmtudisc");
  });

  it("sets and inherits the TOS, and always carries the congestion bits outwards", () => {
    const lab = new GreLab();
    const { near } = lab.tunnel({ tos: 0x10 });
    lab.ping(lab.a, "12.12.1.1", { tos: 0x22 });
    granted(near.change({ tos: "inherit" }));
    lab.ping(lab.a, "12.12.1.1", { tos: 0x22 });
    lab.ping(lab.a, "12.12.1.1", { tos: 0x23 });
    expect(lab.outer().map((b) => tos(b, 0))).toEqual([0x12, 0x22, 0x22]);
    expect(near.describe()).toContain(" tos inherit");
  });

  it("says in captures where a packet was encapsulated", () => {
    const lab = new GreLab();
    lab.sim.capture = { comment: () => {} };
    lab.tunnel({ key: 7 });
    const out = lab.sniff(device(lab.a, "eth0"));
    lab.ping(lab.a, "12.12.1.1");
    expect(out.find((f) => f.note !== "")?.note).toBe("encapsulated by gre1 on a: GRE key 7 to 2.2.1.1");
  });
});

describe("keys, checksums and sequence numbers", () => {
  it("travel in the header, and both ends agree", () => {
    const lab = new GreLab();
    const { near } = lab.tunnel({ key: 42, csum: true, seq: true });
    expect(near.mtu).toBe(1500 - 20 - 16);
    expect(lab.ping(lab.a, "12.12.1.1", { count: 3 }).replies).toBe(3);
    const outer = lab.outer();
    expect(outer.map((b) => [u16(b, 20), u32(b, 28), u32(b, 32)])).toEqual([
      [0xb000, 42, 0],
      [0xb000, 42, 1],
      [0xb000, 42, 2],
    ]);
    expect(near.describe()).toBe(
      "gre remote 2.2.1.1 local 1.1.1.1 ttl inherit ikey 0.0.0.42 okey 0.0.0.42 iseq oseq icsum ocsum",
    );
  });

  it("keys keep tunnels between the same hosts apart", () => {
    const lab = new GreLab();
    lab.tunnel({ key: 1 });
    const ends = { local: ip("1.1.1.1"), remote: ip("2.2.1.1") };
    const back = { local: ip("2.2.1.1"), remote: ip("1.1.1.1") };
    const near = lab.up(granted(addGre(lab.a, "gre2", { ...ends, key: 2 })), "13.0.0.1/24");
    const far = lab.up(granted(addGre(lab.b, "gre2", { ...back, key: 2 })), "13.0.0.2/24");
    expect(lab.ping(lab.a, "12.12.1.1").replies).toBe(1);
    expect(lab.ping(lab.a, "13.0.0.2").replies).toBe(1);
    expect([near.stats.rxPackets, far.stats.rxPackets]).toEqual([1, 1]);
  });

  it("answers a key that nobody has with port unreachable, as Linux does", () => {
    const lab = new GreLab();
    lab.tunnel({ key: 1 }, { key: 2 });
    lab.ping(lab.a, "12.12.1.1");
    expect(drops(lab.b, "tunnel: no such tunnel")).toBe(1);
    const answers = lab.wire
      .filter((f) => f.outgoing && u16(f.bytes, 12) === 0x0800 && protocol(f.bytes, 14) === 1)
      .map((f) => f.bytes);
    expect(answers.map((b) => [u8(b, 34), u8(b, 35)])).toEqual([[3, 3]]);
    expect(lab.alive).toBe(0);
  });

  it("a node without any tunnel says that it does not speak the protocol", () => {
    const lab = new GreLab();
    lab.inject(new Uint8Array(24));
    expect(drops(lab.b, "ip: no socket for this protocol")).toBe(1);
  });

  it("refuses a wrong checksum, an unexpected one and a missing one", () => {
    const lab = new GreLab();
    const { far } = lab.tunnel({ csum: true });
    const plain = new Uint8Array(4 + 28);
    writeHeader(plain, 0, 0, 0x0800);
    plain.set(innerPacket(lab), 4);
    lab.inject(plain);
    const wrong = new Uint8Array(8 + 28);
    writeHeader(wrong, 0, 0x8000, 0x0800);
    wrong.set(innerPacket(lab), 8);
    lab.inject(wrong);
    expect(drops(lab.b, "tunnel: bad checksum")).toBe(2);
    expect(far.stats.rxPackets).toBe(0);
    granted(far.change({ icsum: false }));
    lab.inject(plain);
    expect(far.stats.rxPackets).toBe(1);
  });

  it("drops what is older than the newest, and what has no number", () => {
    const lab = new GreLab();
    const { far } = lab.tunnel({ seq: true });
    for (const sequence of [5, 6, 6, 3, 9, undefined, 10]) {
      const flags = sequence === undefined ? 0 : 0x1000;
      const b = new Uint8Array((flags === 0 ? 4 : 8) + 28);
      writeHeader(b, 0, flags, 0x0800, 0, sequence);
      b.set(innerPacket(lab), b.length - 28);
      lab.inject(b);
    }
    expect(far.stats.rxPackets).toBe(4);
    expect(drops(lab.b, "tunnel: out of sequence")).toBe(3);
  });
});

describe("which tunnel a packet belongs to", () => {
  it("our address counts more than any, the other end's must be right", () => {
    const lab = new GreLab();
    const any = lab.up(granted(addGre(lab.b, "any", { remote: ip("1.1.1.1") })));
    const b = new Uint8Array(4 + 28);
    writeHeader(b, 0, 0, 0x0800);
    b.set(innerPacket(lab), 4);
    lab.inject(b);
    expect(any.stats.rxPackets).toBe(1);
    const exact = lab.up(granted(addGre(lab.b, "exact", { remote: ip("1.1.1.1"), local: ip("2.2.1.1") })));
    lab.inject(b);
    expect([any.stats.rxPackets, exact.stats.rxPackets]).toEqual([1, 1]);
    lab.b.setUp(exact, false);
    lab.inject(b);
    expect([any.stats.rxPackets, exact.stats.rxPackets]).toEqual([2, 1]);
    lab.inject(b, "1.1.1.77");
    expect(drops(lab.b, "tunnel: no such tunnel")).toBe(1);
  });

  it("that on the receiving device counts more than that on another", () => {
    const lab = new GreLab();
    const ends = { local: ip("2.2.1.1"), remote: ip("1.1.1.1") };
    const here = lab.up(granted(addGre(lab.b, "here", { ...ends, dev: "eth0" })));
    const there = lab.up(granted(addGre(lab.b, "there", { ...ends, dev: "lo" })));
    const b = new Uint8Array(4 + 28);
    writeHeader(b, 0, 0, 0x0800);
    b.set(innerPacket(lab), 4);
    lab.inject(b);
    expect([here.stats.rxPackets, there.stats.rxPackets]).toEqual([1, 0]);
    expect(here.describe()).toBe("gre remote 1.1.1.1 local 2.2.1.1 dev eth0 ttl inherit");
  });
});

describe("requests that are refused", () => {
  const lab = new GreLab();
  const { near } = lab.tunnel();
  const ends = { local: ip("1.1.1.1"), remote: ip("2.2.1.1") };

  it.each([
    ["a second tunnel with the same addresses and key", ends, "EEXIST"],
    ["no other end", { local: ip("1.1.1.1") }, "EOPNOTSUPP"],
    ["a group as the other end", { remote: ip("239.1.1.1") }, "EOPNOTSUPP"],
    ["a group as this end", { ...ends, local: ip("239.1.1.1") }, "EINVAL"],
    ["a device that does not exist", { ...ends, dev: "eth9" }, "ENODEV"],
    ["DF ignored and set at once", { ...ends, key: 3, ignoreDf: true }, "EINVAL"],
  ] as const)("%s", (_, options, errno) => {
    expect(addGre(lab.a, "gre9", options)).toMatchObject({ ok: false, errno });
  });

  it("a change into another tunnel's place", () => {
    const other = granted(addGre(lab.a, "gre2", { ...ends, key: 5 }));
    expect(other.change({ ikey: -1 })).toMatchObject({ ok: false, errno: "EEXIST" });
    expect(near.change({ key: 6 })).toMatchObject({ ok: true });
    expect(near.mtu).toBe(1472);
    expect(other.change({ ikey: -1, okey: -1 })).toMatchObject({ ok: true });
    expect(other.mtu).toBe(1476);
  });

  it("nothing is left of a tunnel that was removed", () => {
    lab.a.unregister(near);
    expect(addGre(lab.a, "gre1", { ...ends, key: 6 })).toMatchObject({ ok: true });
  });
});

describe("the path's MTU", () => {
  it("tells the sender of what does not fit and must not be fragmented: 1476", () => {
    const lab = new GreLab();
    lab.tunnel();
    const h = lab.node("h");
    lab.link(h, "eth0 10.0.0.2/24", lab.a, "eth1 10.0.0.1/24");
    lab.a.setForwarding(true);
    lab.route(h, "0.0.0.0/0", { via: "10.0.0.1" });
    lab.route(lab.b, "10.0.0.0/24", { dev: device(lab.b, "gre1") });
    expect(lab.ping(h, "12.12.1.1", { octets: 1448, df: true })).toMatchObject({ replies: 1, length: 1476 });
    const big = lab.ping(h, "12.12.1.1", { octets: 1449, df: true });
    expect(big).toMatchObject({ replies: 0, errors: [{ icmpType: 3, icmpCode: 4, mtuBytes: 1476 }] });
    expect(lab.ping(h, "12.12.1.1", { octets: 1472 })).toMatchObject({ replies: 1, length: 1500 });
    expect(lab.alive).toBe(0);
  });

  it("learns from the routers under it, and tells the sender what is left", () => {
    const lab = new GreLab();
    lab.tunnel();
    const h = lab.node("h");
    lab.link(h, "eth0 10.0.0.2/24", lab.a, "eth1 10.0.0.1/24");
    lab.a.setForwarding(true);
    lab.route(h, "0.0.0.0/0", { via: "10.0.0.1" });
    lab.route(lab.b, "10.0.0.0/24", { dev: device(lab.b, "gre1") });
    granted(lab.r.setMtu(device(lab.r, "eth1"), 1400));
    expect(lab.ping(h, "12.12.1.1", { octets: 1400, df: true })).toMatchObject({ replies: 0, errors: [] });
    expect(lab.a.ipv4.exceptions.find(ip("2.2.1.1"))?.mtu).toBe(1400);
    expect(lab.ping(h, "12.12.1.1", { octets: 1400, df: true })).toMatchObject({
      replies: 0,
      errors: [{ icmpType: 3, icmpCode: 4, mtuBytes: 1376 }],
    });
    expect(lab.ping(h, "12.12.1.1", { octets: 1348, df: true }).replies).toBe(1);
  });

  it("nopmtudisc: what does not fit is fragmented under way", () => {
    const lab = new GreLab();
    const { near, far } = lab.tunnel({ pmtudisc: false });
    granted(lab.r.setMtu(device(lab.r, "eth1"), 1400));
    granted(lab.b.setMtu(device(lab.b, "eth0"), 1400));
    expect(lab.ping(lab.a, "12.12.1.1", { octets: 1448 })).toMatchObject({ replies: 1, length: 1476 });
    expect([near.stats.txPackets, far.stats.rxPackets]).toEqual([1, 1]);
    expect(lab.alive).toBe(0);
  });

  it("what this node sends itself is told of a smaller path before it is too big", () => {
    const lab = new GreLab();
    lab.tunnel();
    lab.a.ipv4.exceptions.learnMtu(ip("2.2.1.1"), 1400);
    expect(lab.ping(lab.a, "12.12.1.1").replies).toBe(1);
    expect(lab.a.ipv4.exceptions.find(ip("12.12.1.1"))?.mtu).toBe(1376);
  });
});

describe("ways that lead nowhere", () => {
  it("a tunnel whose other end is reached through itself loops", () => {
    const lab = new GreLab();
    const { near } = lab.tunnel();
    lab.route(lab.a, "2.2.1.1/32", { dev: near });
    expect(lab.ping(lab.a, "12.12.1.1").replies).toBe(0);
    expect(drops(lab.a, "tunnel: loop")).toBe(1);
    expect(near.stats).toMatchObject({ collisions: 1, txErrors: 1 });
    expect(lab.alive).toBe(0);
  });

  it("two tunnels that lead into each other end after eight", () => {
    const lab = new GreLab();
    const { near } = lab.tunnel();
    const other = lab.up(granted(addGre(lab.a, "gre2", { remote: ip("9.9.9.9") })));
    lab.route(lab.a, "2.2.1.1/32", { dev: other });
    lab.route(lab.a, "9.9.9.9/32", { dev: near });
    expect(lab.ping(lab.a, "12.12.1.1").replies).toBe(0);
    expect(drops(lab.a, "recursion: too many tunnels inside one another")).toBe(1);
    expect(near.stats.txPackets + other.stats.txPackets).toBe(8);
    expect(lab.alive).toBe(0);
  });

  it("no route to the other end", () => {
    const lab = new TunnelLab();
    const a = lab.node("a");
    const gre = lab.up(granted(addGre(a, "gre1", { remote: ip("2.2.1.1") })), "11.11.1.1/24");
    lab.ping(a, "11.11.1.2");
    expect(drops(a, "ip: no route")).toBe(1);
    expect(gre.stats).toMatchObject({ txErrors: 1, txCarrierErrors: 1 });
  });

  it("senders hear that the other end is out of reach once a router has said so", () => {
    const lab = new GreLab();
    lab.tunnel();
    granted(lab.r.setUp(device(lab.r, "eth1"), false));
    expect(lab.ping(lab.a, "12.12.1.1").errors).toEqual([]);
    expect(lab.ping(lab.a, "12.12.1.1").errors).toMatchObject([{ icmpType: 3, icmpCode: 1 }]);
    lab.run(31 * S);
    lab.a.ipv4.exceptions.flush();
    granted(lab.r.setUp(device(lab.r, "eth1"), true));
    expect(lab.ping(lab.a, "12.12.1.1")).toMatchObject({ replies: 1, errors: [] });
  });
});

describe("malformed headers", () => {
  it.each([
    ["a header cut short", [0x00, 0x00, 0x08]],
    ["less than twelve octets", [0, 0, 8, 0, 0x45, 0, 0, 0, 0, 0, 0]],
    ["version 1", [0x20, 0x01, 0x88, 0x0b, 0, 0, 0, 0, 0, 0, 0, 0]],
    ["a source route", [0x40, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0]],
    ["a key that is cut off", [0xb0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0]],
  ])("%s", (_, bytes) => {
    const lab = new GreLab();
    lab.tunnel();
    lab.inject(Uint8Array.from(bytes));
    expect(drops(lab.b, "tunnel: malformed header")).toBe(1);
    expect(lab.alive).toBe(0);
  });

  it("what is no IPv4 packet is dropped with its reason", () => {
    const lab = new GreLab();
    lab.tunnel();
    const ipv6 = new Uint8Array(44);
    writeHeader(ipv6, 0, 0, 0x86dd);
    lab.inject(ipv6);
    expect(drops(lab.b, "unknown ethertype")).toBe(1);
  });

  it("web cache redirection carries IPv4, with and without four octets of its own", () => {
    const lab = new GreLab();
    const { far } = lab.tunnel();
    for (const extra of [0, 4]) {
      const b = new Uint8Array(4 + extra + 28);
      writeHeader(b, 0, 0, 0x883e);
      b.set(innerPacket(lab), 4 + extra);
      lab.inject(b);
    }
    expect(far.stats.rxPackets).toBe(2);
  });

  it("no bytes make it throw, and every packet dies", () => {
    const lab = new GreLab();
    lab.tunnel({ key: 1, csum: true, seq: true });
    const gre = lab.b.ipv4.transport(IP_PROTOCOL);
    const dev = device(lab.b, "eth0");
    const header = Uint8Array.of(0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 47, 0, 0, 1, 1, 1, 1, 2, 2, 1, 1);
    const start = fc.constantFrom([0, 0, 8, 0], [0xb0, 0, 8, 0], [0x20, 0, 8, 0, 0, 0, 0, 1], [0x30, 0, 0x65, 0x58]);
    const bytes = fc.tuple(start, fc.uint8Array({ maxLength: 96 })).map(([a, b]) => Uint8Array.of(...a, ...b));
    fc.assert(
      fc.property(bytes, (b) => {
        const p = lab.packet(Uint8Array.of(...header, ...b));
        p.net = p.start;
        p.start += 20;
        p.type = PACKET_HOST;
        const d = lab.b.ipv4.routes.input(ip("2.2.1.1"), ip("1.1.1.1"), dev, 0, 0);
        gre?.receive(p, dev, d);
        lab.run(S);
        expect(lab.alive).toBe(0);
      }),
      { numRuns: cases(300, 20_000) },
    );
  });
});
