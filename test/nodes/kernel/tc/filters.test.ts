import { describe, expect, it } from "vitest";
import { Net } from "../../../../src/lab/net.ts";
import type { LabNode } from "../../../../src/lab/node.ts";
import type { Htb } from "../../../../src/nodes/kernel/tc/htb.ts";
import { cls, QueueLab } from "./queue-lab.ts";

/** Which class packets come to, and what actions make of them. */

/** A root HTB with classes 1:10 to 1:40, and 1:40 for what nothing matches. */
function classes(): { lab: QueueLab; packets: () => number[] } {
  const lab = new QueueLab();
  lab.tc("qdisc add dev out root handle 1: htb default 40");
  for (const id of [10, 20, 30, 40])
    lab.tc(`class add dev out parent 1: classid 1:${id} htb rate 1gbit burst 100k cburst 100k`);
  const htb = lab.dev.qdisc?.root as Htb;
  return { lab, packets: () => [0x10, 0x20, 0x30, 0x40].map((minor) => htb.classOf(cls(minor))?.packets ?? -1) };
}
const filter = (lab: QueueLab, rest: string): string => lab.tc(`filter add dev out parent 1: ${rest}`);

describe("filters", () => {
  it("u32 matches words of the packet, in order of priority (u32_classify)", () => {
    const { lab, packets } = classes();
    filter(lab, "protocol ip prio 2 u32 match ip tos 0x10 0xff flowid 1:10");
    filter(lab, "protocol ip prio 1 u32 match ip dport 9 0xffff match ip sport 1025 0xffff flowid 1:20");
    filter(lab, "protocol ip prio 3 u32 match u16 0x03f0 0xffff at 2 flowid 1:30"); // total length 1008
    lab.send({ tos: 0x10 });
    lab.send({ tos: 0x10, flow: 1 });
    lab.send({ bytes: 1022 });
    lab.send({});
    lab.run(1);
    expect(packets()).toEqual([1, 1, 1, 1]);
  });
  it("u32 finds its way by hash tables", () => {
    const { lab, packets } = classes();
    filter(lab, "prio 5 handle 2: protocol ip u32 divisor 256");
    filter(lab, "protocol ip prio 5 u32 ht 2:1: match ip sport 1025 0xffff flowid 1:10");
    filter(lab, "protocol ip prio 5 u32 ht 2:2: match ip sport 1026 0xffff flowid 1:20");
    filter(lab, "protocol ip prio 5 u32 ht 800:: match ip protocol 17 0xff link 2: hashkey mask 0x00ff0000 at 20");
    for (const flow of [1, 1, 2, 3]) lab.send({ flow });
    lab.run(1);
    expect(packets()).toEqual([2, 1, 0, 1]);
  });
  it("fw matches the mark, with a mask, or takes it for the class (fw_classify)", () => {
    const { lab, packets } = classes();
    filter(lab, "prio 1 handle 7 fw flowid 1:10");
    filter(lab, "prio 2 handle 0x100/0xff00 fw flowid 1:20");
    for (const mark of [7, 0x1ff, 0x2ff, 0]) lab.send({ mark });
    lab.run(1);
    expect(packets()).toEqual([1, 1, 0, 2]);
    const old = classes();
    filter(old.lab, "prio 1 fw");
    for (const mark of [0x10020, 0x30, 0]) old.lab.send({ mark });
    old.lab.run(1);
    expect(old.packets()).toEqual([0, 1, 0, 2]); // 0x30 names no class: it lacks the major number
  });
  it("flower matches addresses, ports and protocols (fl_classify)", () => {
    const { lab, packets } = classes();
    filter(lab, "protocol ip prio 1 flower ip_proto udp src_port 1025 classid 1:10");
    filter(
      lab,
      "protocol ip prio 2 flower src_ip 10.0.0.0/8 dst_ip 10.0.0.2 ip_proto udp src_port 1026-1030 classid 1:20",
    );
    filter(lab, "protocol ip prio 3 flower ip_tos 0x10/0xff classid 1:30");
    for (const flow of [1, 2, 6, 7]) lab.send({ flow });
    lab.send({ tos: 0x10 });
    lab.run(1);
    expect(packets()).toEqual([1, 2, 1, 1]);
  });
  it("matchall matches all, of its protocol (mall_classify)", () => {
    const { lab, packets } = classes();
    filter(lab, "protocol arp prio 1 matchall flowid 1:10");
    filter(lab, "protocol ip prio 2 matchall flowid 1:20");
    lab.send();
    lab.run(1);
    expect(packets()).toEqual([0, 1, 0, 0]);
  });
  it("take no more part once they are deleted, or their class is", () => {
    const { lab, packets } = classes();
    filter(lab, "protocol ip prio 1 matchall flowid 1:10");
    lab.send();
    lab.tc("filter del dev out parent 1: prio 1");
    lab.send();
    lab.run(1);
    expect(packets()).toEqual([1, 0, 0, 1]);
    filter(lab, "protocol ip prio 1 matchall flowid 1:10");
    expect(lab.try("class del dev out classid 1:10")[0]).toBe(2); // in use
  });
});

describe("actions", () => {
  it("gact: drop drops, pass ends, pipe and continue go on (tcf_gact_act)", () => {
    const { lab, packets } = classes();
    filter(lab, "protocol ip prio 1 u32 match ip tos 0x10 0xff action drop");
    filter(lab, "protocol ip prio 2 u32 match ip tos 0x08 0xff flowid 1:10 action pass");
    filter(lab, "protocol ip prio 3 u32 match ip tos 0x04 0xff flowid 1:10 action continue");
    filter(lab, "protocol ip prio 4 matchall flowid 1:20");
    for (const tos of [0x10, 0x08, 0x04, 0]) lab.send({ tos });
    lab.run(1);
    expect([packets(), lab.drops("qdisc: dropped by a filter")]).toEqual([[1, 2, 0, 0], 1]);
    lab.end();
  });
  it("police lets through its rate and burst, and drops the rest (tcf_police_act)", () => {
    const { lab } = classes();
    filter(lab, "protocol ip prio 1 matchall action police rate 800kbit burst 10000 conform-exceed drop");
    for (let i = 0; i < 2000; i++) {
      lab.send();
      lab.run(0.001);
    }
    // 2 s at 100 packets of 1,000 bytes a second, and the burst
    expect(Math.abs(lab.left.length - 210)).toBeLessThanOrEqual(2);
    lab.end();
  });
});

/** a — r — b, with tc on r. */
function routed(): { net: Net; a: LabNode; r: LabNode; b: LabNode } {
  const net = new Net();
  const [a, r, b] = [net.host("a"), net.router("r"), net.host("b")];
  net.link(a, r, { ip: "10.0.1.1/24", peerIp: "10.0.1.254/24" });
  net.link(r, b, { ip: "10.0.2.254/24", peerIp: "10.0.2.1/24" });
  a.sh("ip route add default via 10.0.1.254");
  b.sh("ip route add default via 10.0.2.254");
  expect(a.ping("b").received).toBe(1);
  return { net, a, r, b };
}

describe("on arrival", () => {
  it("ingress drops what its filters drop, and counts it (sch_handle_ingress)", () => {
    const { a, r } = routed();
    r.sh("tc qdisc add dev r-eth0 ingress");
    r.sh("tc filter add dev r-eth0 parent ffff: protocol ip prio 1 u32 match ip dst 10.0.2.1/32 action drop");
    expect([a.ping("b").received, a.ping("10.0.1.254").received]).toEqual([0, 1]);
    expect(r.sh("tc -s qdisc show dev r-eth0 ingress")).toContain("(dropped 1, overlimits 0 requeues 0)");
    r.sh("tc qdisc del dev r-eth0 ingress");
    expect(a.ping("b").received).toBe(1);
  });
  it("clsact filters both ways", () => {
    const { a, r } = routed();
    r.sh("tc qdisc add dev r-eth1 clsact");
    r.sh("tc filter add dev r-eth1 egress protocol ip prio 1 matchall action drop");
    expect(a.ping("b").received).toBe(0);
    r.sh("tc filter del dev r-eth1 egress");
    expect(a.ping("b").received).toBe(1);
    r.sh("tc filter add dev r-eth1 ingress protocol ip prio 1 matchall action drop");
    expect(a.ping("b").received).toBe(0);
  });
  it("mirred copies to another device, or sends there instead (tcf_mirred_act)", () => {
    const { net, a, r } = routed();
    const c = net.host("c");
    net.link(r, c, { peerIp: "10.0.3.1/24" });
    const count = (): number => c.dev("c-eth0").stats.rxPackets;
    r.sh("tc qdisc add dev r-eth0 clsact");
    r.sh("tc filter add dev r-eth0 ingress protocol ip prio 1 matchall action mirred egress mirror dev r-eth2");
    const before = count();
    expect([a.ping("b").received, count() - before]).toEqual([1, 1]);
    r.sh("tc filter del dev r-eth0 ingress");
    r.sh("tc filter add dev r-eth0 ingress protocol ip prio 1 matchall action mirred egress redirect dev r-eth2");
    expect([a.ping("b").received, count() - before]).toEqual([0, 2]);
  });
});
