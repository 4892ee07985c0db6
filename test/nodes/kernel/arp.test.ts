import { describe, expect, it } from "vitest";
import { MS, S } from "../../../src/core/time.ts";
import type { DeviceConf } from "../../../src/nodes/kernel/in-device.ts";
import { allDrops, ip } from "../../harness/kernels.ts";
import { ALL, ArpLab, NOBODY, OWN_MAC } from "./arp-lab.ts";

/** net/ipv4/arp.c: what was seen of Linux 6.18 when its network namespaces were sent the same packets. */

const PEER = "02:00:00:00:00:09";

function labWith(conf: Partial<DeviceConf>, addresses = "10.0.0.1/24 10.0.1.1/24"): ArpLab {
  const lab = new ArpLab(addresses);
  Object.assign(lab.dev.inet.conf, conf);
  lab.kernel.ipv4.routes.invalidate();
  return lab;
}
/** The addresses for which a request of `sender` is answered. */
function answered(lab: ArpLab, targets: readonly string[], sender = "10.0.0.9"): string[] {
  return targets.filter((target) => {
    lab.ask(target, sender, PEER);
    return lab.news().some((h) => h.includes(`say ${target} is here`));
  });
}

describe("a request", () => {
  it("for an address of ours, wherever it is configured, is answered to who asked", () => {
    const lab = labWith({});
    lab.otherDevice("172.16.0.1/24");
    expect(answered(lab, ["10.0.0.1", "10.0.1.1", "172.16.0.1", "10.0.0.2"])).toEqual([
      "10.0.0.1",
      "10.0.1.1",
      "172.16.0.1",
    ]);
  });
  it("for others, for groups and for the loopback is not", () => {
    const lab = labWith({});
    expect(answered(lab, ["10.0.0.8", "224.0.0.1", "127.0.0.1", "255.255.255.255"])).toEqual([]);
    expect(lab.table).toEqual([]);
  });
  it("for the loopback is, where route_localnet says so", () => {
    expect(answered(labWith({ route_localnet: 1 }), ["127.0.0.1"])).toEqual(["127.0.0.1"]);
  });
  it("to another host's MAC, or on a device without ARP, is not heard", () => {
    const lab = labWith({});
    lab.ask("10.0.0.1", "10.0.0.9", PEER, "02:00:00:00:00:77");
    lab.dev.noArp = true;
    lab.ask("10.0.0.1", "10.0.0.9", PEER);
    expect([lab.news(), lab.table]).toEqual([[], []]);
  });
  it("without a sender's address (RFC 5227 §2.1.1) is answered, and makes no neighbour", () => {
    const lab = labWith({});
    lab.ask("10.0.0.1", "0.0.0.0", PEER);
    expect([lab.news(), lab.table]).toEqual([[`0.000 say 10.0.0.1 is here, to 0.0.0.0, ${PEER} (target ${PEER})`], []]);
    lab.ask("10.0.0.8", "0.0.0.0", PEER);
    expect(lab.news()).toEqual([]);
  });
  it("that is no Ethernet and IPv4, or cut short, or another operation, is dropped", () => {
    const lab = labWith({});
    lab.arp(3, ALL, PEER, "10.0.0.9", NOBODY, "10.0.0.1");
    const p = lab.sim.pool.alloc(30);
    p.buf.fill(0, p.start, p.end);
    p.buf.set([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 9, 8, 6], p.start);
    lab.cable.lineFrom(lab.far).transmit(p);
    lab.until(1);
    expect([lab.news(), lab.sim.pool.born - lab.sim.pool.dead]).toEqual([[], 0]);
    expect(allDrops(lab.kernel)).toEqual({ "arp: malformed": 1, "arp: ignored": 1 });
  });
  it("moves who asks to where the request came from, at once", () => {
    const lab = labWith({});
    for (const mac of [PEER, "02:00:00:00:00:aa"]) {
      lab.ask("10.0.0.1", "10.0.0.9", mac);
      expect(lab.table).toEqual([`10.0.0.9 ${mac} stale`]);
    }
  });
  it("is answered only when there is room for who asks", () => {
    const lab = labWith({});
    Object.assign(lab.kernel.neigh, { gcThresh2: 0, gcThresh3: 0 });
    expect(answered(lab, ["10.0.0.1"])).toEqual([]);
  });
});

describe("arp_ignore", () => {
  const targets = ["10.0.0.1", "10.0.1.1", "172.16.0.1", "172.16.9.9"];
  const at = (mode: number): string[] => {
    const lab = labWith({ arp_ignore: mode });
    const other = lab.otherDevice("172.16.0.1/24");
    lab.kernel.addresses.add(other.ifindex, { address: ip("172.16.9.9"), length: 32, scope: 254 });
    return answered(lab, targets);
  };
  it.each([
    [0, targets],
    [1, ["10.0.0.1", "10.0.1.1"]],
    [2, ["10.0.0.1"]],
    [3, ["10.0.0.1", "10.0.1.1", "172.16.0.1"]],
    [4, targets],
    [8, []],
    [9, targets],
  ])("%i answers for %j", (mode, wanted) => {
    expect(at(mode)).toEqual(wanted);
  });
  it("8 ignores probes without a sender, 1 those for other devices' addresses", () => {
    const lab = labWith({ arp_ignore: 8 });
    lab.ask("10.0.0.1", "0.0.0.0", PEER);
    lab.dev.inet.conf.arp_ignore = 1;
    lab.otherDevice("172.16.0.1/24");
    lab.ask("172.16.0.1", "0.0.0.0", PEER);
    expect(lab.news()).toEqual([]);
  });
  it("is the larger of the device's and everybody's", () => {
    const lab = labWith({ arp_ignore: 1 });
    lab.kernel.sysctl.all.arp_ignore = 8;
    expect(answered(lab, ["10.0.0.1"])).toEqual([]);
  });
});

describe("arp_filter", () => {
  it("answers only on the device by which the answer would leave", () => {
    const lab = labWith({ arp_filter: 1 });
    lab.otherDevice("10.0.7.1/24");
    expect(answered(lab, ["10.0.0.1", "10.0.7.1"], "10.0.0.9")).toEqual(["10.0.0.1", "10.0.7.1"]);
    expect(answered(lab, ["10.0.0.1", "10.0.7.1"], "10.0.7.9")).toEqual([]);
    lab.dev.inet.conf.arp_filter = 0;
    expect(answered(lab, ["10.0.0.1", "10.0.7.1"], "10.0.7.9")).toEqual(["10.0.0.1", "10.0.7.1"]);
  });
});

describe("arp_announce: who asks", () => {
  const asks = (mode: number, source: string): string => {
    const lab = labWith({ arp_announce: mode }, "10.0.0.1/24 10.0.1.1/24 10.0.0.5/24");
    lab.udp("10.0.0.9", 1, { source: ip(source) });
    lab.until(0);
    return lab
      .news()
      .join()
      .replace(/.* for ([\d.]+),.*/, "$1");
  };
  it.each([
    [0, "10.0.0.1", "10.0.0.1"],
    [0, "10.0.0.5", "10.0.0.5"],
    [0, "10.0.1.1", "10.0.1.1"],
    [1, "10.0.1.1", "10.0.0.1"],
    [1, "10.0.0.5", "10.0.0.5"],
    [2, "10.0.0.5", "10.0.0.1"],
    [2, "10.0.1.1", "10.0.0.1"],
  ])("%i, for a packet from %s: %s", (mode, source, asking) => {
    expect(asks(mode, source)).toBe(asking);
  });
  it("the last packet that waits lends its source", () => {
    const lab = labWith({}, "10.0.0.1/24 10.0.0.5/24");
    lab.udp("10.0.0.9", 1, { source: ip("10.0.0.1") });
    lab.until(0.5);
    lab.udp("10.0.0.9", 1, { source: ip("10.0.0.5") });
    lab.until(2.5);
    expect(lab.news().map((h) => h.slice(6, 31))).toEqual([
      "ask 10.0.0.9 for 10.0.0.1",
      "ask 10.0.0.9 for 10.0.0.5",
      "ask 10.0.0.9 for 10.0.0.5",
    ]);
  });
});

describe("a gratuitous ARP", () => {
  const garp = (lab: ArpLab, address: string, from = PEER): void => lab.arp(1, ALL, from, address, NOBODY, address);

  it("renews who is known at once, and adds nobody", () => {
    const lab = labWith({});
    lab.udp("10.0.0.9");
    lab.until(0);
    lab.answer("10.0.0.9", PEER);
    garp(lab, "10.0.0.9", "02:00:00:00:00:aa");
    garp(lab, "10.0.0.8", "02:00:00:00:00:08");
    expect(lab.table).toEqual(["10.0.0.9 02:00:00:00:00:aa stale"]);
  });
  it("as a reply needs the same MAC twice to pass the lock", () => {
    const lab = labWith({});
    lab.ask("10.0.0.1", "10.0.0.9", PEER);
    lab.arp(2, ALL, "02:00:00:00:00:aa", "10.0.0.9", NOBODY, "10.0.0.9");
    expect(lab.table).toEqual([`10.0.0.9 ${PEER} stale`]);
    lab.arp(2, ALL, "02:00:00:00:00:aa", "10.0.0.9", "02:00:00:00:00:aa", "10.0.0.9");
    expect(lab.table).toEqual(["10.0.0.9 02:00:00:00:00:aa stale"]);
  });
  it("for our own address gets no answer, unless accept_local lets it in", () => {
    const lab = labWith({});
    garp(lab, "10.0.0.1");
    expect([lab.news(), lab.table]).toEqual([[], []]);
    lab.dev.inet.conf.accept_local = 1;
    lab.kernel.ipv4.routes.invalidate();
    garp(lab, "10.0.0.1");
    expect(lab.news()).toEqual([`0.000 say 10.0.0.1 is here, to 10.0.0.1, ${PEER} (target ${PEER})`]);
  });
  it.each([
    [0, []],
    [1, ["10.0.0.60 stale", "10.0.0.61 stale", "10.0.0.62 stale", "10.0.0.63 reachable", "192.168.5.5 stale"]],
    [2, ["10.0.0.60 stale", "10.0.0.61 stale", "10.0.0.62 stale", "10.0.0.63 reachable"]],
  ])("with arp_accept %i makes neighbours: %j", (mode, wanted) => {
    const lab = labWith({ arp_accept: mode });
    garp(lab, "10.0.0.60");
    lab.arp(2, ALL, PEER, "10.0.0.61", PEER, "10.0.0.61");
    lab.arp(2, ALL, PEER, "10.0.0.62", NOBODY, "10.0.0.62");
    lab.answer("10.0.0.63", PEER);
    garp(lab, "192.168.5.5");
    garp(lab, "10.0.0.255");
    expect(lab.table.map((t) => t.replace(` ${PEER}`, ""))).toEqual(wanted);
  });
  it("is dropped where drop_gratuitous_arp says so, even with arp_accept", () => {
    const lab = labWith({ drop_gratuitous_arp: 1, arp_accept: 1 });
    garp(lab, "10.0.0.60");
    lab.arp(2, ALL, PEER, "10.0.0.62", NOBODY, "10.0.0.62");
    expect(lab.table).toEqual([]);
  });
  it("tells of all addresses when the device comes up or gets another MAC, with arp_notify", () => {
    const lab = labWith({ arp_notify: 1 }, "10.0.0.1/24 10.0.1.1/24 10.0.0.5/24");
    lab.kernel.setMac(lab.dev, 0x02000000001a);
    lab.until(1);
    const from = "(from 02:00:00:00:00:1a)";
    expect(lab.news()).toEqual([
      `0.000 ask 10.0.0.1 for 10.0.0.1, all ${from}`,
      `0.000 ask 10.0.1.1 for 10.0.1.1, all ${from}`,
      `0.000 ask 10.0.0.5 for 10.0.0.5, all ${from}`,
    ]);
    lab.kernel.setUp(lab.dev, false);
    lab.kernel.setUp(lab.dev, true);
    lab.until(2);
    expect(lab.news()).toHaveLength(3);
    lab.dev.inet.conf.arp_notify = 0;
    lab.kernel.setMac(lab.dev, 0x02000000001b);
    lab.until(3);
    expect(lab.news()).toEqual([]);
  });
  it("is announced for a program, from a MAC of its choice, as keepalived does it", () => {
    const lab = labWith({});
    lab.kernel.os.announce("eth0", ip("10.0.0.200"), 0x00005e000107);
    lab.kernel.os.announce("eth0", ip("10.0.0.201"));
    lab.until(0);
    expect(lab.news()).toEqual([
      `0.000 ask 10.0.0.200 for 10.0.0.200, all (from 00:00:5e:00:01:07) (target ${ALL})`,
      `0.000 ask 10.0.0.201 for 10.0.0.201, all (target ${ALL})`,
    ]);
    expect(() => lab.kernel.os.announce("eth9", 1)).toThrow("h1 has no device eth9");
    lab.dev.noArp = true;
    lab.kernel.os.announce("eth0", ip("10.0.0.200"));
    lab.dev.noArp = false;
    lab.kernel.setUp(lab.dev, false);
    lab.kernel.os.announce("eth0", ip("10.0.0.200"));
    lab.until(1);
    expect([lab.news(), allDrops(lab.kernel)]).toEqual([[], {}]);
  });
});

describe("proxy ARP", () => {
  const router = (conf: Partial<DeviceConf> = { proxy_arp: 1 }): ArpLab => {
    const lab = labWith({}, "10.0.0.1/24");
    lab.otherDevice("10.8.0.1/24");
    lab.kernel.setForwarding(true);
    Object.assign(lab.dev.inet.conf, conf);
    return lab;
  };
  const answersAfter = (lab: ArpLab, target: string, to = ALL, sender = "10.0.0.9"): number[] => {
    const begin = lab.sim.now;
    lab.ask(target, sender, PEER, to);
    lab.sim.advance(lab.sim.now + S);
    return lab
      .news()
      .filter((h) => h.includes(`say ${target} is here, to ${sender}, ${PEER} (target ${PEER})`))
      .map((h) => Math.round(Number.parseFloat(h) * 1000 - begin / MS));
  };

  it("answers for what lies behind another device, after a random part of proxy_delay", () => {
    const lab = router();
    const delays = Array.from({ length: 20 }, () => answersAfter(lab, "10.8.0.9"));
    expect(delays.every((d) => d.length === 1 && (d[0] as number) >= 0 && (d[0] as number) <= 800)).toBe(true);
    expect(new Set(delays.flat()).size).toBeGreaterThan(10);
    expect(lab.table).toEqual([`10.0.0.9 ${PEER} stale`]);
  });
  it("answers at once who asked in person, and where there is no delay", () => {
    const lab = router();
    expect(answersAfter(lab, "10.8.0.9", OWN_MAC)).toEqual([0]);
    lab.dev.inet.neighParms.proxyDelayNs = 0;
    expect(answersAfter(lab, "10.8.0.9")).toEqual([0]);
  });
  it("does not answer for the asking side, for what has no route, nor without forwarding or the setting", () => {
    const lab = router();
    expect([answersAfter(lab, "10.0.0.99"), answersAfter(lab, "99.0.0.1")]).toEqual([[], []]);
    lab.kernel.setForwarding(false);
    expect(answersAfter(lab, "10.8.0.9")).toEqual([]);
    expect(answersAfter(router({}), "10.8.0.9")).toEqual([]);
  });
  it("answers for the addresses of `ip neigh add proxy`", () => {
    const lab = router({});
    lab.kernel.proxyNeighbours.add(`${lab.dev.ifindex} ${ip("10.8.0.9")}`);
    expect([answersAfter(lab, "10.8.0.9").length, answersAfter(lab, "10.8.0.8").length]).toEqual([1, 0]);
  });
  it("with proxy_arp_pvlan answers for the asking side, but not who asks for itself", () => {
    const lab = router({ proxy_arp_pvlan: 1 });
    expect(answersAfter(lab, "10.0.0.99")).toHaveLength(1);
    expect(answersAfter(lab, "10.0.0.9")).toEqual([]);
    expect(answersAfter(lab, "10.8.0.9")).toEqual([]);
  });
  it("keeps proxy_qlen answers waiting, and one", () => {
    const lab = router();
    for (let i = 2; i <= 101; i++) lab.ask(`10.8.0.${i}`, "10.0.0.9", PEER);
    lab.until(1);
    expect(lab.news()).toHaveLength(65); // Linux 6.18: 65 of 100 are answered
    for (let i = 2; i <= 60; i++) lab.ask(`10.8.0.${i}`, "10.0.0.9", PEER);
    lab.until(2);
    expect(lab.news()).toHaveLength(59);
  });
});
