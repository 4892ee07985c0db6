import { describe, expect, it } from "vitest";
import { hex } from "../../../src/core/bytes.ts";
import { MS, S } from "../../../src/core/time.ts";
import type { Neighbour } from "../../../src/nodes/kernel/neigh.ts";
import { chain, drops, hear, ip, ping } from "../../harness/kernels.ts";
import { ALL, ArpLab, OWN_MAC } from "./arp-lab.ts";

/**
 * Linux's machine of a neighbour (net/core/neighbour.c). States and times were compared with those of Linux 6.18 between
 * network namespaces: `ip monitor neigh` and tcpdump.
 */

const PEER = "02:00:00:00:00:09";
const OTHER = "02:00:00:00:00:aa";

const neighbour = (lab: ArpLab, address = "10.0.0.9"): Neighbour => {
  const n = lab.kernel.neigh.find(lab.dev, ip(address));
  if (n === undefined) throw new Error(`no neighbour ${address}`);
  return n;
};

/** A lab whose neighbour 10.0.0.9 has answered at 0. */
function reachable(seed = 1): ArpLab {
  const lab = new ArpLab("10.0.0.1/24", seed);
  lab.udp("10.0.0.9");
  lab.until(0);
  lab.answer("10.0.0.9", PEER);
  lab.news();
  lab.states.length = 0;
  return lab;
}
/** How long it is reachable, in seconds. */
const reachableS = (lab: ArpLab): number => lab.kernel.neigh.reachableNs(lab.dev) / S;

describe("a neighbour that does not answer", () => {
  it("is asked three times, a second apart, and has failed after three", () => {
    const lab = new ArpLab();
    lab.udp("10.0.0.9");
    lab.until(30);
    expect(lab.heard).toEqual([
      "0.000 ask 10.0.0.9 for 10.0.0.1, all",
      "1.000 ask 10.0.0.9 for 10.0.0.1, all",
      "2.000 ask 10.0.0.9 for 10.0.0.1, all",
    ]);
    expect(lab.states).toEqual(["0.000 10.0.0.9 none incomplete", "3.000 10.0.0.9 incomplete failed"]);
    expect(lab.table).toEqual(["10.0.0.9 failed"]);
    expect(lab.sim.pool.born).toBe(lab.sim.pool.dead);
  });
  it("is asked anew for the next packet", () => {
    const lab = new ArpLab();
    lab.udp("10.0.0.9");
    lab.until(3.5);
    lab.udp("10.0.0.9");
    lab.until(10);
    expect(lab.heard).toHaveLength(6);
    expect(lab.states.at(-2)).toBe("3.500 10.0.0.9 failed incomplete");
    expect(lab.states.at(-1)).toBe("6.500 10.0.0.9 incomplete failed");
  });
  it("is asked as often as mcast_solicit says, retrans_time apart", () => {
    const lab = new ArpLab();
    Object.assign(lab.dev.inet.neighParms, { mcastSolicit: 2, retransNs: 250 * MS });
    lab.udp("10.0.0.9");
    lab.until(10);
    expect(lab.heard.map((h) => h.slice(0, 5))).toEqual(["0.000", "0.250"]);
    expect(lab.states.at(-1)).toBe("0.500 10.0.0.9 incomplete failed");
  });
  it("makes its waiting packets' senders unreachable: here, and across a router", () => {
    const { lab, h1, r1 } = chain();
    const heard = hear(h1);
    ping(h1, "10.0.1.77", { seq: 1 });
    ping(h1, "10.0.2.77", { seq: 2 });
    lab.run(10 * S);
    expect(heard.map((s) => [s.at / S, s.icmp?.type, s.icmp?.code, s.ip.src])).toEqual([
      [3, 3, 1, ip("10.0.1.1")],
      [3, 3, 1, ip("10.0.1.254")],
    ]);
    expect([drops(h1, "neigh: resolution failed"), drops(r1, "neigh: resolution failed")]).toEqual([1, 1]);
    lab.end();
  });
  it("is not asked at all where nobody is to be asked", () => {
    const lab = new ArpLab();
    lab.dev.inet.neighParms.mcastSolicit = 0;
    lab.udp("10.0.0.9");
    lab.until(5);
    expect([lab.heard, lab.table, drops(lab.kernel, "neigh: resolution failed")]).toEqual([[], ["10.0.0.9 failed"], 1]);
  });
  it("app_solicit probes go to a program, which there is none of", () => {
    const lab = new ArpLab();
    Object.assign(lab.dev.inet.neighParms, { appSolicit: 2, mcastSolicit: 2 });
    lab.udp("10.0.0.9");
    lab.until(10);
    expect(lab.heard.map((h) => h.slice(0, 5))).toEqual(["2.000", "3.000"]);
    expect(lab.states.at(-1)).toBe("4.000 10.0.0.9 incomplete failed");
  });
});

describe("packets that wait for an address", () => {
  it("leave in their order when it comes", () => {
    const lab = new ArpLab();
    for (const n of [10, 20, 30]) lab.udp("10.0.0.9", n);
    lab.until(0.5);
    lab.answer("10.0.0.9", PEER);
    expect(lab.news()).toEqual([
      "0.000 ask 10.0.0.9 for 10.0.0.1, all",
      `0.500 38 octets of IP to ${PEER}`,
      `0.500 48 octets of IP to ${PEER}`,
      `0.500 58 octets of IP to ${PEER}`,
    ]);
  });
  it.each([
    [1, 256],
    [197, 256],
    [198, 166],
    [500, 166],
    [640, 166],
    [700, 92],
    [1472, 92],
  ])("of %i octets are kept up to %i: the newest", (bytes, kept) => {
    const lab = new ArpLab();
    for (let i = 0; i < 300; i++) lab.udp("10.0.0.9", bytes);
    lab.until(0.5);
    lab.news();
    lab.answer("10.0.0.9", PEER);
    expect(lab.news()).toHaveLength(kept); // Linux 6.18, unres_qlen_bytes 212992
    expect(drops(lab.kernel, "neigh: queue full")).toBe(300 - kept);
    expect(lab.sim.pool.born).toBe(lab.sim.pool.dead);
  });
  it("leave room for others when they have gone", () => {
    const lab = new ArpLab();
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 200; i++) lab.udp("10.0.0.9");
      lab.until(lab.sim.now / S + 0.1);
      lab.answer("10.0.0.9", PEER);
      lab.kernel.neigh.find(lab.dev, ip("10.0.0.9"))?.update(undefined, "failed", true, true);
    }
    expect(drops(lab.kernel, "neigh: queue full")).toBe(0);
    expect(lab.news()).toHaveLength(3 * 201);
  });
  it("that are larger than the whole queue are kept alone", () => {
    const lab = new ArpLab();
    lab.dev.inet.neighParms.unresQueueBytes = 0;
    lab.udp("10.0.0.9", 1);
    lab.udp("10.0.0.9", 2);
    lab.until(0.5);
    lab.news();
    lab.answer("10.0.0.9", PEER);
    expect(lab.news()).toEqual([`0.500 30 octets of IP to ${PEER}`]);
  });
});

describe("a neighbour that answered", () => {
  it("is reachable for half to one and a half of 30 s, drawn once a device from the seed", () => {
    const all = Array.from({ length: 200 }, (_, seed) => reachableS(new ArpLab("10.0.0.1/24", seed)));
    expect(Math.min(...all)).toBeGreaterThanOrEqual(15);
    expect(Math.min(...all)).toBeLessThan(16);
    expect(Math.max(...all)).toBeLessThan(45);
    expect(Math.max(...all)).toBeGreaterThan(44);
    expect(reachableS(new ArpLab("10.0.0.1/24", 7))).toBe(reachableS(reachable(7)));
  });
  it("is stale after that, though packets go there all the while, and nobody asks", () => {
    const lab = reachable();
    const end = reachableS(lab);
    for (let s = 1; s < end; s++) {
      lab.until(s);
      lab.udp("10.0.0.9");
    }
    lab.until(end);
    expect(lab.states).toEqual([`${end.toFixed(3)} 10.0.0.9 reachable stale`]);
    expect(lab.news().filter((h) => h.includes("ask"))).toEqual([]);
    lab.until(1000);
    expect(lab.table).toEqual([`10.0.0.9 ${PEER} stale`]);
  });
  it("stale, is believed for 5 s from the next packet on, then asked for in person three times", () => {
    const lab = reachable();
    lab.until(100);
    lab.udp("10.0.0.9");
    lab.until(120);
    expect(lab.states.slice(1)).toEqual([
      "100.000 10.0.0.9 stale delay",
      "105.000 10.0.0.9 delay probe",
      "108.000 10.0.0.9 probe failed",
    ]);
    expect(lab.news()).toEqual([
      `100.000 29 octets of IP to ${PEER}`,
      `105.000 ask 10.0.0.9 for 10.0.0.1, ${PEER}`,
      `106.000 ask 10.0.0.9 for 10.0.0.1, ${PEER}`,
      `107.000 ask 10.0.0.9 for 10.0.0.1, ${PEER}`,
    ]);
  });
  it("probed, still gets what is sent to it, and is reachable when it answers", () => {
    const lab = reachable();
    lab.until(100);
    lab.udp("10.0.0.9");
    lab.until(106.5);
    lab.news();
    lab.udp("10.0.0.9");
    lab.answer("10.0.0.9", PEER);
    expect([lab.news(), lab.states.at(-1)]).toEqual([
      [`106.500 29 octets of IP to ${PEER}`],
      "106.500 10.0.0.9 probe reachable",
    ]);
  });
  it("failed its probes, is asked for in public again after mcast_resolicit", () => {
    const lab = reachable();
    lab.dev.inet.neighParms.mcastResolicit = 2;
    lab.until(100);
    lab.udp("10.0.0.9");
    lab.until(120);
    expect(lab.news().slice(4)).toEqual([
      "108.000 ask 10.0.0.9 for 10.0.0.1, all",
      "109.000 ask 10.0.0.9 for 10.0.0.1, all",
    ]);
    expect(lab.states.at(-1)).toBe("110.000 10.0.0.9 probe failed");
  });
  it("is not asked while a higher layer hears from it", () => {
    const lab = reachable();
    const end = reachableS(lab);
    lab.until(end - 1);
    neighbour(lab).confirm();
    lab.until(2 * end - 1.001);
    expect(lab.states).toEqual([]);
    lab.until(2 * end);
    expect(lab.table).toEqual([`10.0.0.9 ${PEER} stale`]);
    lab.udp("10.0.0.9"); // delay
    lab.until(2 * end + 3);
    neighbour(lab).confirm();
    lab.until(2 * end + 5);
    expect(lab.states.at(-1)).toBe(`${(2 * end + 5).toFixed(3)} 10.0.0.9 delay reachable`);
    lab.until(3 * end + 3.001);
    expect(lab.table).toEqual([`10.0.0.9 ${PEER} stale`]);
  });
  it("used just before its time was up, goes on to delay instead of stale", () => {
    const lab = new ArpLab();
    lab.dev.inet.neighParms.baseReachableNs = 2 * S;
    lab.udp("10.0.0.9");
    lab.until(0.5);
    lab.answer("10.0.0.9", PEER);
    const end = 0.5 + reachableS(lab);
    lab.until(end);
    expect(lab.states.at(-1)).toBe(`${end.toFixed(3)} 10.0.0.9 reachable delay`);
  });
});

describe("an IP packet's link header", () => {
  it("names the neighbour, the device and the type", () => {
    const lab = reachable();
    let header = "";
    lab.far.onReceive = (p) => {
      header = hex(p.buf, p.start, p.start + 14);
    };
    lab.udp("10.0.0.9");
    lab.until(0.1);
    expect(header).toBe(`${PEER}:${OWN_MAC}:08:00`);
    lab.kernel.setMac(lab.dev, 0x0a0b0c0d0e0f);
    lab.kernel.neigh.findOrCreate(lab.dev, ip("10.0.0.9"))?.update(0x1a2b3c4d5e6f, "permanent", true, true);
    lab.udp("10.0.0.9");
    lab.until(0.2);
    expect(header).toBe("1a:2b:3c:4d:5e:6f:0a:0b:0c:0d:0e:0f:08:00");
  });
});

describe("the administrator's word", () => {
  it("`probe` makes it asked for in person at once, three times", () => {
    const lab = reachable();
    lab.until(100);
    neighbour(lab).update(undefined, "probe", true, true);
    lab.until(120);
    expect(lab.news().map((h) => h.slice(0, 8))).toEqual(["100.000 ", "101.000 ", "102.000 "]);
    expect(lab.states.at(-1)).toBe("103.000 10.0.0.9 probe failed");
  });
  it("`failed` ends its waiting packets, as an answer that never came", () => {
    const { lab, h1 } = chain();
    const heard = hear(h1);
    ping(h1, "10.0.1.77");
    lab.run(S / 2);
    const dev = h1.device("eth0") as ArpLab["dev"];
    h1.neigh.find(dev, ip("10.0.1.77"))?.update(undefined, "failed", true, true);
    lab.run(0);
    expect(heard.map((s) => [s.at / S, s.icmp?.type, s.icmp?.code])).toEqual([[0.5, 3, 1]]);
    lab.end();
  });
});

it("who left the table takes no packets", () => {
  const lab = reachable();
  const n = neighbour(lab);
  lab.kernel.neigh.remove(n);
  n.output(lab.sim.pool.alloc(20));
  n.probe();
  lab.until(10);
  expect([lab.news(), drops(lab.kernel, "neigh: resolution failed"), lab.table]).toEqual([[], 1, []]);
  lab.kernel.neigh.remove(n);
  expect(lab.kernel.neigh.size).toBe(0);
});

describe("what others say", () => {
  it("by asking us does not prove that they hear us", () => {
    const lab = new ArpLab();
    lab.ask("10.0.0.1", "10.0.0.9", PEER);
    lab.until(0.1);
    lab.udp("10.0.0.9");
    lab.until(5.2);
    expect(lab.states.slice(1)).toEqual(["0.100 10.0.0.9 stale delay", "5.100 10.0.0.9 delay probe"]);
  });

  it("makes who asks us a stale neighbour, whose address the answer then has", () => {
    const lab = new ArpLab();
    lab.ask("10.0.0.1", "10.0.0.9", PEER);
    expect([lab.table, lab.news()]).toEqual([
      [`10.0.0.9 ${PEER} stale`],
      [`0.000 say 10.0.0.1 is here, to 10.0.0.9, ${PEER} (target ${PEER})`],
    ]);
  });
  it("does not make a reachable neighbour stale, nor a stale one younger", () => {
    const lab = reachable();
    lab.until(1);
    lab.ask("10.0.0.1", "10.0.0.9", PEER);
    expect(lab.table).toEqual([`10.0.0.9 ${PEER} reachable`]);
    lab.until(100);
    expect(neighbour(lab).updatedAt).toBeLessThan(50 * S);
    lab.ask("10.0.0.1", "10.0.0.9", PEER);
    expect(neighbour(lab).updatedAt).toBeLessThan(50 * S);
  });
  it("with another address: the first answer stands for a second, then the newest", () => {
    const lab = reachable();
    lab.until(0.9);
    lab.answer("10.0.0.9", OTHER);
    expect(lab.table).toEqual([`10.0.0.9 ${PEER} reachable`]);
    lab.until(1.1);
    lab.answer("10.0.0.9", OTHER);
    expect(lab.table).toEqual([`10.0.0.9 ${OTHER} reachable`]);
    lab.udp("10.0.0.9");
    lab.until(1.2);
    expect(lab.news()).toEqual([`1.100 29 octets of IP to ${OTHER}`]);
  });
  it("in a broadcast reply, or a request, does not prove that it is there", () => {
    const lab = reachable();
    lab.until(2);
    lab.answer("10.0.0.9", OTHER, ALL);
    expect(lab.table).toEqual([`10.0.0.9 ${OTHER} stale`]);
  });
  it("answers that nobody asked for make no neighbour", () => {
    const lab = new ArpLab();
    lab.answer("10.0.0.9", PEER);
    expect(lab.table).toEqual([]);
  });
  it("renews a neighbour whose address it confirms, without moving the lock", () => {
    const lab = reachable();
    lab.until(0.5);
    lab.answer("10.0.0.9", PEER);
    expect([neighbour(lab).confirmedAt, neighbour(lab).updatedAt]).toEqual([0.5 * S, 0]);
  });
});

describe("neighbours that need no asking", () => {
  it("groups and broadcast have addresses of their own", () => {
    const lab = new ArpLab();
    lab.udp("224.0.0.5", 1, { ifname: "eth0" });
    lab.udp("10.0.0.255", 1, { broadcast: true });
    lab.udp("255.255.255.255", 1, { broadcast: true, ifname: "eth0" });
    lab.until(1);
    expect(lab.heard.map((h) => h.slice(25))).toEqual(["01:00:5e:00:00:05", "all", "all"]);
    expect(lab.table).toEqual([
      "224.0.0.5 01:00:5e:00:00:05 noarp",
      `10.0.0.255 ${ALL} noarp`,
      `255.255.255.255 ${ALL} noarp`,
    ]);
  });
  it("on a device without ARP all have its own address, but for groups", () => {
    const lab = new ArpLab();
    lab.dev.noArp = true;
    lab.udp("10.0.0.9");
    lab.udp("224.0.0.5", 1, { ifname: "eth0" });
    lab.until(1);
    expect(lab.table).toEqual([`10.0.0.9 ${OWN_MAC} noarp`, "224.0.0.5 01:00:5e:00:00:05 noarp"]);
  });
  it("permanent ones are never asked, and believe nobody", () => {
    const lab = new ArpLab();
    lab.kernel.neigh.findOrCreate(lab.dev, ip("10.0.0.9"))?.update(0x020000000009, "permanent", true, true);
    lab.arp(1, ALL, OTHER, "10.0.0.9", ALL, "10.0.0.9");
    lab.until(100);
    lab.udp("10.0.0.9");
    lab.until(200);
    expect([lab.table, lab.news()]).toEqual([[`10.0.0.9 ${PEER} permanent`], [`100.000 29 octets of IP to ${PEER}`]]);
  });
});
