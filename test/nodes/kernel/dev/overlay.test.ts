import { describe, expect, it } from "vitest";
import { u16 } from "../../../../src/core/bytes.ts";
import { DROP_REASONS, type DropText } from "../../../../src/core/drop.ts";
import { S } from "../../../../src/core/time.ts";
import { addBridge } from "../../../../src/nodes/kernel/dev/bridge.ts";
import { addGre, type GreDevice } from "../../../../src/nodes/kernel/dev/gre.ts";
import { addVxlan, type VxlanDevice, type VxlanOptions } from "../../../../src/nodes/kernel/dev/vxlan.ts";
import type { Kernel } from "../../../../src/nodes/kernel/kernel.ts";
import { isFragment, protocol } from "../../../../src/protocols/ipv4/wire.ts";
import { haveProgram, itNeeds } from "../../../harness/shared.ts";
import { tcpdump, tsharkComplaints } from "./readers.ts";
import { granted, ip, type Seen, TunnelLab } from "./tunnel-lab.ts";

const drops = (kernel: Kernel, text: DropText): number => kernel.drops[DROP_REASONS.indexOf(text)] as number;
const device = (kernel: Kernel, name: string) => {
  const dev = kernel.device(name);
  if (dev === undefined) throw new Error(name);
  return dev;
};

/**
 * Document 001, datapath 1: two VPCs (ns1_t1, ns2_t1) with a router between them (ns25), a GRE tunnel from one to the other,
 * and one subnet in both, extended by VXLAN 2112 through the GRE.
 */
class Overlay extends TunnelLab {
  readonly ns1 = this.node("ns1_t1");
  readonly ns2 = this.node("ns2_t1");
  readonly ns25 = this.node("ns25", true);
  readonly vm1 = this.node("ns1_t1-s21_vm");
  readonly vm2 = this.node("ns2_t1-s21_vm");
  readonly gre12: GreDevice;
  readonly vx12: VxlanDevice;
  readonly vx21: VxlanDevice;
  readonly wire: Seen[];

  constructor(vxlan: Partial<VxlanOptions> = {}, greMtu?: number) {
    super();
    const { ns1, ns2, ns25 } = this;
    this.link(ns1, "a1_t1 1.1.1.1/24", ns25, "a25_t1 1.1.1.25/24");
    this.link(ns2, "b1_t1 2.2.1.1/24", ns25, "b25_t1 2.2.1.25/24");
    this.route(ns1, "2.2.1.0/24", { via: "1.1.1.25" });
    this.route(ns2, "1.1.1.0/24", { via: "2.2.1.25" });
    this.wire = this.sniff(device(ns25, "a25_t1"));
    const mtu = greMtu === undefined ? {} : { mtu: greMtu };
    this.gre12 = this.up(
      granted(addGre(ns1, "gre12_t1", { local: ip("1.1.1.1"), remote: ip("2.2.1.1"), ...mtu })),
      "11.11.1.1/24",
    );
    const gre21 = this.up(
      granted(addGre(ns2, "gre21_t1", { local: ip("2.2.1.1"), remote: ip("1.1.1.1"), ...mtu })),
      "12.12.1.1/24",
    );
    this.route(ns1, "12.12.1.0/24", { dev: this.gre12 });
    this.route(ns2, "11.11.1.0/24", { dev: gre21 });
    const common = { id: 2112, dstport: 4789, ...vxlan };
    this.vx12 = granted(addVxlan(ns1, "vx_s21_12_t1", { ...common, remote: ip("12.12.1.1"), local: ip("11.11.1.1") }));
    this.vx21 = granted(addVxlan(ns2, "vx_s21_21_t1", { ...common, remote: ip("11.11.1.1"), local: ip("12.12.1.1") }));
    this.#subnet(ns1, this.vm1, "21.0.0.1/24", this.vx12);
    this.#subnet(ns2, this.vm2, "21.0.0.2/24", this.vx21);
    this.run(40 * S);
    this.wire.length = 0;
  }

  #subnet(ns: Kernel, vm: Kernel, address: string, vxlan: VxlanDevice): void {
    this.link(vm, `if1 ${address}`, ns, "s21");
    const bridge = granted(addBridge(ns, "br_s21"));
    for (const port of [device(ns, "s21"), this.up(vxlan)]) granted(bridge.addPort(port));
    this.up(bridge);
  }

  /** IPv4 packets of one protocol on the router's port. */
  seen(number: number): Uint8Array[] {
    const isOurs = ({ bytes }: Seen): boolean => u16(bytes, 12) === 0x0800 && protocol(bytes, 14) === number;
    return this.wire.filter(isOurs).map((f) => f.bytes);
  }
}

describe("VXLAN through GRE, as document 001 captured it", () => {
  it("GRE carries 138 octets of a ping and 82 of ARP", () => {
    const lab = new Overlay();
    expect(lab.ping(lab.vm1, "21.0.0.2", { count: 2 })).toMatchObject({ replies: 2, length: 84 });
    expect(lab.seen(47).map((b) => b.length - 14 - 20)).toEqual([82, 82, 138, 138, 138, 138]);
    expect(lab.alive).toBe(0);
  });

  itNeeds(haveProgram("tcpdump"))("reads in tcpdump as the document prints it, the port alike both ways", () => {
    const lab = new Overlay();
    lab.ping(lab.vm1, "21.0.0.2");
    const lines = tcpdump(lab.wire).filter((l) => !l.startsWith("ARP, Re") || l.includes("21.0.0"));
    const port = (line: string | undefined): string => /GREv0.*?\.(\d+) >/.exec(line ?? "")?.[1] ?? "";
    const [arp, ping] = [port(lines[0]), port(lines[4])];
    expect(lines).toEqual([
      `IP 1.1.1.1 > 2.2.1.1: GREv0, length 82: IP 11.11.1.1.${arp} > 12.12.1.1.4789: VXLAN, flags [I] (0x08), vni 2112`,
      "ARP, Request who-has 21.0.0.2 tell 21.0.0.1, length 28",
      `IP 2.2.1.1 > 1.1.1.1: GREv0, length 82: IP 12.12.1.1.${arp} > 11.11.1.1.4789: VXLAN, flags [I] (0x08), vni 2112`,
      expect.stringMatching(/^ARP, Reply 21\.0\.0\.2 is-at .*, length 28$/),
      `IP 1.1.1.1 > 2.2.1.1: GREv0, length 138: IP 11.11.1.1.${ping} > 12.12.1.1.4789: VXLAN, flags [I] (0x08), vni 2112`,
      "IP 21.0.0.1 > 21.0.0.2: ICMP echo request, id 96, seq 1, length 64",
      `IP 2.2.1.1 > 1.1.1.1: GREv0, length 138: IP 12.12.1.1.${ping} > 11.11.1.1.4789: VXLAN, flags [I] (0x08), vni 2112`,
      "IP 21.0.0.2 > 21.0.0.1: ICMP echo reply, id 96, seq 1, length 64",
    ]);
    expect(ping).not.toBe(arp);
  });

  it("says in captures where a frame was encapsulated", () => {
    const lab = new Overlay();
    lab.sim.capture = { comment: () => {} };
    const out = lab.sniff(device(lab.ns1, "a1_t1"));
    lab.ping(lab.vm1, "21.0.0.2");
    expect(out.find((f) => f.outgoing && f.note.startsWith("encap"))?.note).toBe(
      "encapsulated by vx_s21_12_t1 on ns1_t1: VXLAN vni 2112 to 12.12.1.1; encapsulated by gre12_t1 on ns1_t1: GRE to 2.2.1.1",
    );
  });

  it("adds no payload up again: the sum that its sender made serves every header", () => {
    const lab = new Overlay();
    lab.ping(lab.vm1, "21.0.0.2");
    const covered: number[] = [];
    for (const dev of [lab.vx12, lab.gre12, device(lab.ns1, "a1_t1")]) {
      dev.addTap({
        frame: (_, p, outgoing) => {
          if (outgoing) covered.push(p.end - p.sumFrom);
        },
      });
    }
    lab.ping(lab.vm1, "21.0.0.2");
    expect(covered).toEqual([56, 56, 56]);
  });
});

describe("packets that do not fit", () => {
  it("the GRE's MTU of 1476 is less than a full frame in VXLAN: outer datagrams are fragmented", () => {
    const lab = new Overlay();
    expect(lab.vx12.mtu).toBe(1500);
    expect(lab.ping(lab.vm1, "21.0.0.2", { octets: 1472 })).toMatchObject({ replies: 1, length: 1500 });
    // In each GRE packet a fragment of the datagram from 11.11.1.1 to 12.12.1.1, or back.
    const big = lab.seen(47).filter((b) => isFragment(b, 14 + 20 + 4));
    expect(big.map((b) => b.length - 14)).toEqual([1500, 118, 1500, 118]);
    expect(lab.seen(47).some((b) => isFragment(b, 14))).toBe(false);
    expect(lab.alive).toBe(0);
  });

  it("a bridged sender with DF is told by the tunnel, in the addressee's name", () => {
    const lab = new Overlay();
    lab.ping(lab.vm1, "21.0.0.2");
    const heard = lab.sniff(device(lab.vm1, "if1"));
    const big = lab.ping(lab.vm1, "21.0.0.2", { octets: 1472, df: true });
    expect(big).toMatchObject({ replies: 0, errors: [{ icmpType: 3, icmpCode: 4, mtuBytes: 1426 }] });
    expect(big.errors[0]?.offender).toBe(ip("21.0.0.2"));
    expect(heard.filter((f) => !f.outgoing).length).toBe(1);
    expect(lab.vm1.ipv4.exceptions.find(ip("21.0.0.2"))?.mtu).toBe(1426);
    expect(lab.ping(lab.vm1, "21.0.0.2", { octets: 1398, df: true })).toMatchObject({ replies: 1, length: 1426 });
    expect(drops(lab.ns1, "ip: does not fit and must not be fragmented")).toBe(1);
    expect(lab.alive).toBe(0);
  });

  it("df set and no DF inside: the underlay cannot carry it, and nobody is told", () => {
    const lab = new Overlay({ df: "set" });
    expect(lab.ping(lab.vm1, "21.0.0.2", { octets: 1398 }).replies).toBe(1);
    expect(lab.ping(lab.vm1, "21.0.0.2", { octets: 1472 })).toMatchObject({ replies: 0, errors: [] });
    expect(drops(lab.ns1, "ip: does not fit and must not be fragmented")).toBe(1);
    expect(lab.alive).toBe(0);
  });

  it("routed into the tunnel, this node itself learns what fits", () => {
    const lab = new Overlay();
    const { ns1, ns2 } = lab;
    const vx = { id: 9, dstport: 4789 };
    const near = granted(addVxlan(ns1, "vx9", { ...vx, remote: ip("12.12.1.1") }));
    const far = granted(addVxlan(ns2, "vx9", { ...vx, remote: ip("11.11.1.1") }));
    lab.up(near, "9.0.0.1/24");
    lab.up(far, "9.0.0.2/24");
    expect(lab.ping(ns1, "9.0.0.2", { octets: 1472 }).replies).toBe(1);
    expect(ns1.ipv4.exceptions.find(ip("9.0.0.2"))?.mtu).toBe(1426);
    expect(lab.ping(ns1, "9.0.0.2", { octets: 1398, df: true }).replies).toBe(1);
  });

  it("what was learnt of the GRE's path reaches the VXLAN above it", () => {
    const lab = new Overlay();
    lab.ping(lab.vm1, "21.0.0.2");
    lab.ns1.ipv4.exceptions.learnMtu(ip("2.2.1.1"), 1300);
    lab.ping(lab.vm1, "21.0.0.2");
    expect(lab.ns1.ipv4.exceptions.find(ip("12.12.1.1"))?.mtu).toBe(1276);
    const big = lab.ping(lab.vm1, "21.0.0.2", { octets: 1400, df: true });
    expect(big).toMatchObject({ replies: 0, errors: [{ mtuBytes: 1226 }] });
  });
});

itNeeds(haveProgram("tshark"))("tshark finds nothing wrong in any of it", () => {
  const lab = new Overlay();
  const frames = [...lab.wire];
  for (const dev of [device(lab.vm1, "if1"), device(lab.ns1, "a1_t1"), device(lab.ns2, "b1_t1")]) {
    dev.addTap({
      frame: (_, p, outgoing) => {
        frames.push({ at: lab.sim.now, bytes: p.buf.slice(p.start, p.end), outgoing, note: "" });
      },
    });
  }
  lab.ping(lab.vm1, "21.0.0.2", { count: 2 });
  lab.ping(lab.vm1, "21.0.0.2", { octets: 1472 });
  lab.ping(lab.vm1, "21.0.0.2", { octets: 1472, df: true });
  granted(lab.gre12.change({ key: 5, csum: true, seq: true }));
  lab.ping(lab.vm1, "21.0.0.2", { octets: 33 }); // the other end has no such tunnel: an ICMP error comes back
  expect(frames.length).toBeGreaterThan(30);
  expect(tsharkComplaints(frames)).toBe("");
  const broken = frames.map((f, i) =>
    i === 20 ? { ...f, bytes: f.bytes.map((b, at) => (at === f.bytes.length - 1 ? b ^ 1 : b)) } : f,
  );
  expect(tsharkComplaints(broken)).not.toBe(""); // it does look
});
