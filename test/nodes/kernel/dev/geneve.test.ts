import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { u8, u16, u24, u32 } from "../../../../src/core/bytes.ts";
import { DROP_REASONS, type DropText } from "../../../../src/core/drop.ts";
import { S } from "../../../../src/core/time.ts";
import { addGeneve, type GeneveDevice, type GeneveOptions } from "../../../../src/nodes/kernel/dev/geneve.ts";
import { addVxlan } from "../../../../src/nodes/kernel/dev/vxlan.ts";
import type { Kernel } from "../../../../src/nodes/kernel/kernel.ts";
import { writeHeader as writeGeneve } from "../../../../src/protocols/geneve/wire.ts";
import { dst, protocol, tos, ttl } from "../../../../src/protocols/ipv4/wire.ts";
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

class GeneveLab extends TunnelLab {
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

  pair(options: Partial<GeneveOptions> = {}, other = options): { near: GeneveDevice; far: GeneveDevice } {
    const near = granted(addGeneve(this.a, "gen1", { id: 77, remote: ip("10.0.2.1"), ...options }));
    const far = granted(addGeneve(this.b, "gen1", { id: 77, remote: ip("10.0.1.1"), ...other }));
    return { near: this.up(near, "192.168.0.1/24"), far: this.up(far, "192.168.0.2/24") };
  }

  outer(): Uint8Array[] {
    return this.wire
      .filter((f) => f.outgoing && u16(f.bytes, 12) === 0x0800 && protocol(f.bytes, 14) === 17)
      .map((f) => f.bytes.subarray(14));
  }

  /** Gives `b` a datagram for port 6081 that seems to come from `from`. */
  inject(payload: Uint8Array, from = "10.0.1.1"): void {
    const bytes = new Uint8Array(8 + payload.length);
    writeUdp(bytes, 0, 50_000, 6081, bytes.length);
    bytes.set(payload, 8);
    const d = this.r.ipv4.routes.output(ip("10.0.2.1"), 0, 0, 0, 0);
    this.r.ipv4.send(this.packet(bytes), d, 17, ip(from), ip("10.0.2.1"), 64, 0, 0);
    this.run(S);
  }
}

/** A Geneve header with these options and flags, and a broadcast frame of a type that nobody knows. */
function geneveFrame({ vni = 77, type = 0x6558, flags = 0, options = [] as number[] } = {}): Uint8Array {
  const b = new Uint8Array(8 + options.length + 60);
  writeGeneve(b, 0, type, vni, flags, options.length);
  b.set(options, 8);
  b.set([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 9, 0x88, 0xb5], 8 + options.length);
  return b;
}

describe("Geneve between two hosts over a router", () => {
  it("carries frames in UDP to port 6081, without options", () => {
    const lab = new GeneveLab();
    const { near } = lab.pair();
    expect(near).toMatchObject({ kind: "geneve", mtu: 1450, headerLength: 14 });
    expect(near.mtuRange).toEqual([68, 65_485]);
    expect(lab.ping(lab.a, "192.168.0.2", { count: 2 }).replies).toBe(2);
    const echo = lab.outer().find((b) => u16(b, 48) === 0x0800) as Uint8Array;
    expect([dst(echo, 0), ttl(echo, 0), dport(echo, 20), checksum(echo, 20)]).toEqual([ip("10.0.2.1"), 64, 6081, 0]);
    expect([u32(echo, 28), u24(echo, 32), u8(echo, 35)]).toEqual([0x00006558, 77, 0]);
    expect(echo.length).toBe(50 + 84);
    expect(new Set(lab.outer().map((b) => sport(b, 20))).size).toBe(2); // ARP, and the ping
    expect(near.describe()).toBe("geneve id 77 remote 10.0.2.1 ttl auto dstport 6081 noudpcsum udp6zerocsumrx");
    expect(lab.alive).toBe(0);
  });

  it("TTL, TOS, DF and checksum as wanted", () => {
    const lab = new GeneveLab();
    const { near } = lab.pair({ ttl: "inherit", tos: "inherit", df: "set", udpcsum: true });
    lab.ping(lab.a, "192.168.0.2", { tos: 0x22 });
    granted(near.change({ ttl: 5, tos: 0x10, df: "unset" }));
    lab.ping(lab.a, "192.168.0.2");
    const pings = lab.outer().filter((b) => u16(b, 48) === 0x0800);
    expect(pings.map((b) => [ttl(b, 0), tos(b, 0), u16(b, 6)])).toEqual([
      [64, 0x22, 0x4000],
      [5, 0x10, 0],
    ]);
    expect(pings.every((b) => checksum(b, 20) !== 0)).toBe(true);
    expect(near.describe()).toBe("geneve id 77 remote 10.0.2.1 ttl 5 tos 0x10 dstport 6081 udpcsum udp6zerocsumrx");
  });

  it("sends the options it was made with; critical ones are refused by who knows none", () => {
    const lab = new GeneveLab();
    const option = (type: number) => ({ class: 0x0102, type, reserved: 0, data: Uint8Array.of(1, 2, 3, 4) });
    const { near, far } = lab.pair({ options: [option(1)] }, {});
    expect(near.mtu).toBe(1442);
    expect(lab.ping(lab.a, "192.168.0.2").replies).toBe(1);
    const echo = lab.outer()[0] as Uint8Array;
    expect([...echo.subarray(28, 44)]).toEqual([2, 0, 0x65, 0x58, 0, 0, 77, 0, 1, 2, 1, 1, 1, 2, 3, 4]);
    lab.a.unregister(near);
    const other = granted(addGeneve(lab.a, "gen1", { id: 77, remote: ip("10.0.2.1"), options: [option(0x81)] }));
    lab.up(other, "192.168.0.1/24");
    const before = far.stats.rxPackets;
    expect(lab.ping(lab.a, "192.168.0.2").replies).toBe(0);
    expect(far.stats.rxPackets).toBe(before);
    expect(drops(lab.b, "tunnel: unknown critical option")).toBeGreaterThan(0);
  });

  it("answers to its VNI and its other end only", () => {
    const lab = new GeneveLab();
    const { far } = lab.pair();
    const second = granted(addGeneve(lab.b, "gen2", { id: 77, remote: ip("10.0.1.9") }));
    lab.up(second);
    lab.inject(geneveFrame());
    lab.inject(geneveFrame(), "10.0.1.9");
    lab.inject(geneveFrame(), "10.0.1.8");
    lab.inject(geneveFrame({ vni: 78 }));
    expect([far.stats.rxPackets, second.stats.rxPackets]).toEqual([1, 1]);
    expect(drops(lab.b, "tunnel: no such tunnel")).toBe(2);
    granted(lab.b.setUp(far, false));
    lab.inject(geneveFrame());
    expect(drops(lab.b, "tunnel: no such tunnel")).toBe(3);
    granted(lab.b.setUp(second, false));
    lab.inject(geneveFrame());
    expect(drops(lab.b, "udp: no socket on this port")).toBe(1);
  });

  it("does not know other payloads than Ethernet", () => {
    const lab = new GeneveLab();
    lab.pair();
    lab.inject(geneveFrame({ type: 0x0800 }));
    expect(drops(lab.b, "unknown ethertype")).toBe(1);
  });

  it("what does not fit is fragmented, unless DF is set", () => {
    const lab = new GeneveLab();
    const { near, far } = lab.pair({ mtu: 1500 });
    expect(lab.ping(lab.a, "192.168.0.2", { octets: 1472 }).replies).toBe(1);
    lab.a.ipv4.exceptions.flush();
    granted(near.change({ df: "set" }));
    const before = far.stats.rxPackets;
    lab.ping(lab.a, "192.168.0.2", { octets: 1472 });
    expect(far.stats.rxPackets).toBe(before);
    expect(drops(lab.a, "ip: does not fit and must not be fragmented")).toBe(1);
    expect(lab.alive).toBe(0);
  });
});

describe("requests that are refused", () => {
  const lab = new GeneveLab();
  const { near } = lab.pair();
  const remote = ip("10.0.2.1");

  it.each([
    ["the same VNI to the same end", { id: 77, remote }, "EBUSY"],
    ["a VNI of 25 bits", { id: 1 << 24, remote }, "ERANGE"],
    ["a group as the other end", { id: 1, remote: ip("239.1.1.1") }, "EINVAL"],
    ["no other end", { id: 1, remote: 0 }, "EINVAL"],
    ["what is not built", { id: 1, remote, external: true }, "EOPNOTSUPP"],
  ] as const)("%s", (_, options, errno) => {
    expect(addGeneve(lab.a, "gen9", options)).toMatchObject({ ok: false, errno });
  });

  it("changes of what identifies it", () => {
    for (const change of [{ id: 9 }, { dstport: 5 }, { udpcsum: true }]) {
      expect(near.change(change)).toMatchObject({ ok: false, errno: "EOPNOTSUPP" });
    }
    const other = granted(addGeneve(lab.a, "gen2", { id: 77, remote: ip("10.0.2.9") }));
    expect(other.change({ remote })).toMatchObject({ ok: false, errno: "EBUSY" });
    expect(other.change({ remote: ip("10.0.2.8") })).toMatchObject({ ok: true });
    expect(other.describe()).toContain("remote 10.0.2.8");
  });

  it("a port that VXLAN has", () => {
    const vx = granted(addVxlan(lab.a, "vx1", { id: 1, dstport: 6081 }));
    expect(lab.a.setUp(vx, true)).toMatchObject({ ok: false, errno: "EADDRINUSE" });
  });
});

describe("malformed packets", () => {
  const good = geneveFrame();
  it.each<readonly [string, Uint8Array]>([
    ["a header cut short", good.slice(0, 7)],
    ["another version", good.map((b, i) => (i === 0 ? 0x40 : b))],
    ["options beyond the end", good.map((b, i) => (i === 0 ? 0x3f : b))],
    ["a frame cut short", good.slice(0, 8 + 13)],
  ])("%s", (_, bytes) => {
    const lab = new GeneveLab();
    lab.pair();
    lab.inject(bytes);
    expect(drops(lab.b, "tunnel: malformed header")).toBe(1);
    expect(lab.alive).toBe(0);
  });

  it("no bytes make it throw, and every packet dies", () => {
    const lab = new GeneveLab();
    lab.pair();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(63), fc.boolean(), (b, words, valid) => {
        lab.inject(valid ? Uint8Array.of(words, 0, 0x65, 0x58, 0, 0, 77, 0, ...b) : b);
        expect(lab.alive).toBe(0);
      }),
      { numRuns: cases(200, 10_000) },
    );
  });
});

itNeeds(haveProgram("tshark"))("tshark finds nothing wrong in it", () => {
  const lab = new GeneveLab();
  const option = { class: 0x0102, type: 1, reserved: 0, data: Uint8Array.of(1, 2, 3, 4) };
  lab.pair({ options: [option], udpcsum: true, mtu: 1500 });
  lab.ping(lab.a, "192.168.0.2", { count: 2 });
  lab.ping(lab.a, "192.168.0.2", { octets: 1472 });
  expect(lab.wire.length).toBeGreaterThan(8);
  expect(tsharkComplaints(lab.wire)).toBe("");
});
