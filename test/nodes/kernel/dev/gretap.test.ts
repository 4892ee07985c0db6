import { describe, expect, it } from "vitest";
import { u16, u32 } from "../../../../src/core/bytes.ts";
import { DROP_REASONS, type DropText } from "../../../../src/core/drop.ts";
import { S } from "../../../../src/core/time.ts";
import { addBridge } from "../../../../src/nodes/kernel/dev/bridge.ts";
import type { EthernetDevice } from "../../../../src/nodes/kernel/dev/ethernet.ts";
import { addGre } from "../../../../src/nodes/kernel/dev/gre.ts";
import { addGretap, type GretapDevice } from "../../../../src/nodes/kernel/dev/gretap.ts";
import type { IpTunnelOptions } from "../../../../src/nodes/kernel/dev/ip-tunnel.ts";
import type { Kernel } from "../../../../src/nodes/kernel/kernel.ts";
import { IP_PROTOCOL, nvgreKey } from "../../../../src/protocols/gre/wire.ts";
import { protocol, ttl } from "../../../../src/protocols/ipv4/wire.ts";
import { haveProgram, itNeeds } from "../../../harness/shared.ts";
import { tsharkComplaints } from "./readers.ts";
import { granted, ip, type Seen, TunnelLab } from "./tunnel-lab.ts";

class TapLab extends TunnelLab {
  readonly a = this.node("a");
  readonly b = this.node("b");
  readonly wire: Seen[];

  constructor() {
    super();
    this.link(this.a, "eth0 10.0.0.1/24", this.b, "eth0 10.0.0.2/24");
    this.wire = this.sniff(this.a.device("eth0") as EthernetDevice);
  }

  taps(options: IpTunnelOptions = {}): { near: GretapDevice; far: GretapDevice } {
    const [one, two] = [ip("10.0.0.1"), ip("10.0.0.2")];
    return {
      near: this.up(granted(addGretap(this.a, "tap1", { local: one, remote: two, ...options }))),
      far: this.up(granted(addGretap(this.b, "tap1", { local: two, remote: one, ...options }))),
    };
  }

  outer(): Uint8Array[] {
    return this.wire
      .filter((f) => f.outgoing && u16(f.bytes, 12) === 0x0800 && protocol(f.bytes, 14) === IP_PROTOCOL)
      .map((f) => f.bytes.subarray(14));
  }
}
const drops = (kernel: Kernel, text: DropText): number => kernel.drops[DROP_REASONS.indexOf(text)] as number;

describe("gretap", () => {
  it("is an Ethernet device: ARP and IPv4 cross it in frames", () => {
    const lab = new TapLab();
    const { near, far } = lab.taps();
    lab.address(near, "192.168.0.1/24");
    lab.address(far, "192.168.0.2/24");
    expect(near).toMatchObject({ kind: "gretap", mtu: 1462, headerLength: 14 });
    expect(near.mac).not.toBe(far.mac);
    expect(lab.ping(lab.a, "192.168.0.2", { count: 2 }).replies).toBe(2);
    const [arp, echo] = lab.outer() as [Uint8Array, Uint8Array];
    expect([u32(arp, 20), u16(arp, 36)]).toEqual([0x6558, 0x0806]);
    expect([u32(echo, 20), u16(echo, 36), echo.length]).toEqual([0x6558, 0x0800, 20 + 4 + 14 + 84]);
    expect(ttl(arp, 0)).toBe(64); // nothing to inherit: the node's default
    expect(near.describe()).toBe("gretap remote 10.0.0.2 local 10.0.0.1 ttl inherit");
    expect(lab.alive).toBe(0);
  });

  it("with a key of VSID and flow id its packets are NVGRE's", () => {
    const lab = new TapLab();
    const { near, far } = lab.taps({ key: nvgreKey(5001, 3) });
    lab.address(near, "192.168.0.1/24");
    lab.address(far, "192.168.0.2/24");
    expect(near.mtu).toBe(1458);
    expect(lab.ping(lab.a, "192.168.0.2").replies).toBe(1);
    expect([...(lab.outer()[0] as Uint8Array).subarray(20, 28)]).toEqual([0x20, 0, 0x65, 0x58, 0, 0x13, 0x89, 3]); // RFC 7637 §3.2
  });

  it("a tap and a bare tunnel share addresses: the payload's type tells them apart", () => {
    const lab = new TapLab();
    const { near, far } = lab.taps();
    const ends = [ip("10.0.0.1"), ip("10.0.0.2")] as const;
    lab.up(granted(addGre(lab.a, "gre1", { local: ends[0], remote: ends[1] })), "11.0.0.1/24");
    lab.up(granted(addGre(lab.b, "gre1", { local: ends[1], remote: ends[0] })), "11.0.0.2/24");
    lab.address(near, "192.168.0.1/24");
    lab.address(far, "192.168.0.2/24");
    expect(lab.ping(lab.a, "11.0.0.2").replies).toBe(1);
    expect(lab.ping(lab.a, "192.168.0.2").replies).toBe(1);
  });

  it("extends a bridge; a bridged sender is not told of the MTU", () => {
    const lab = new TapLab();
    const { near, far } = lab.taps();
    const hosts = [lab.node("h1"), lab.node("h2")] as const;
    lab.link(hosts[0], "eth0 192.168.0.1/24", lab.a, "port1");
    lab.link(hosts[1], "eth0 192.168.0.2/24", lab.b, "port1");
    for (const tap of [near, far]) {
      const bridge = granted(addBridge(tap.kernel, "br0"));
      granted(bridge.addPort(tap));
      granted(bridge.addPort(tap.kernel.device("port1") as EthernetDevice));
      lab.up(bridge);
    }
    lab.run(40 * S);
    expect(lab.ping(hosts[0], "192.168.0.2").replies).toBe(1);
    expect(lab.ping(hosts[0], "192.168.0.2", { octets: 1434, df: true }).replies).toBe(1);
    expect(lab.ping(hosts[0], "192.168.0.2", { octets: 1472, df: true })).toMatchObject({ replies: 0, errors: [] });
    expect(lab.alive).toBe(0);
  });

  it("drops frames that are cut short", () => {
    const lab = new TapLab();
    const { near } = lab.taps();
    const gre = lab.b.ipv4.transport(IP_PROTOCOL);
    const header = [0x45, 0, 0, 0, 0, 0, 0, 0, 64, 47, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0, 0, 0x65, 0x58];
    const p = lab.packet(Uint8Array.from([...header, ...new Array(13).fill(0)]));
    p.net = p.start;
    p.start += 20;
    gre?.receive(p, lab.b.device("eth0") as EthernetDevice, null as never);
    near.send(lab.packet(new Uint8Array(10)));
    expect([drops(lab.b, "tunnel: malformed header"), drops(lab.a, "tunnel: malformed header")]).toEqual([1, 1]);
  });

  it("another tap with the same parameters exists already; another key may", () => {
    const lab = new TapLab();
    lab.taps();
    const ends = { local: ip("10.0.0.1"), remote: ip("10.0.0.2") };
    expect(addGretap(lab.a, "tap2", ends)).toMatchObject({ ok: false, errno: "EEXIST" });
    const other = granted(addGretap(lab.a, "tap2", { ...ends, ikey: 1, okey: 2 }));
    expect(other.describe()).toBe("gretap remote 10.0.0.2 local 10.0.0.1 ttl inherit ikey 0.0.0.1 okey 0.0.0.2");
    expect(other.change({ remote: ip("10.0.0.3"), ttl: 7, tos: 0x10 })).toMatchObject({ ok: true });
    expect(other.describe()).toContain("remote 10.0.0.3 local 10.0.0.1 ttl 7 tos 0x10 ikey");
    lab.a.unregister(other);
    expect(addGretap(lab.a, "tap2", { ...ends, remote: ip("10.0.0.3"), ikey: 1 })).toMatchObject({ ok: true });
  });
});

itNeeds(haveProgram("tshark"))("tshark finds nothing wrong in it", () => {
  const lab = new TapLab();
  const { near, far } = lab.taps({ key: nvgreKey(5001, 3), csum: true, seq: true, pmtudisc: false });
  lab.address(near, "192.168.0.1/24");
  lab.address(far, "192.168.0.2/24");
  expect(lab.ping(lab.a, "192.168.0.2", { octets: 333, count: 2 }).replies).toBe(2);
  expect(tsharkComplaints(lab.wire)).toBe("");
});
