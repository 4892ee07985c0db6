import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hex, u16 } from "../../../../src/core/bytes.ts";
import { S } from "../../../../src/core/time.ts";
import { writeHeader as writeIp } from "../../../../src/protocols/ipv4/wire.ts";
import { decode, entryAt, writeEntry } from "../../../../src/protocols/mpls/wire.ts";
import { cases, haveProgram, itNeeds } from "../../../harness/shared.ts";
import { tsharkComplaints } from "../dev/readers.ts";
import { type Frame, LabelPath } from "./path.ts";

/** The stacks of labelled frames that a node sent. */
const stacks = (frames: readonly Frame[]): string[] =>
  frames
    .filter((f) => f.outgoing && u16(f.bytes, 12) === 0x8847)
    .map(({ bytes }) => {
      const got = decode(bytes, 14, bytes.length);
      if (!got.ok) throw new Error(hex(bytes));
      return got.value.entries.map((e) => `${e.label}/${e.ttl}${e.bottom ? "" : "+"}`).join(" ");
    });
const plain = (frames: readonly Frame[]): Uint8Array[] =>
  frames.filter((f) => f.outgoing && u16(f.bytes, 12) === 0x0800).map((f) => f.bytes.subarray(14));
/** Lines of a traceroute without its times. */
const hops = (text: string): string[] =>
  text
    .trim()
    .split("\n")
    .slice(1)
    .map((line) => line.trim().replace(/ +[\d.]+ ms/g, ""));

describe("a label path", () => {
  it("swaps along a path, pops before its end, and copies TTLs", () => {
    const lab = new LabelPath();
    const [out1, out2, out3] = [1, 2, 3].map((n) => lab.sniff(lab.router(n), `r${n}-eth1`));
    expect(lab.h1.ping("10.2.0.2").received).toBe(1);
    expect(stacks(out1 as Frame[])).toEqual(["200/63"]);
    expect(stacks(out2 as Frame[])).toEqual(["300/62"]);
    expect(stacks(out3 as Frame[])).toEqual([]);
    expect(plain(out3 as Frame[]).map((b) => b[8])).toEqual([61]);
    const stats = lab.router(2).kernel.mpls.device(lab.router(2).dev("r2-eth0"));
    expect(stats).toMatchObject({ rxPackets: 1, rxBytes: 88, rxErrors: 0, rxNoRoute: 0 });
    expect(lab.net.sim.pool.born).toBe(lab.net.sim.pool.dead);
  });

  it("hides its hops when TTLs are not propagated", () => {
    const lab = new LabelPath();
    for (const router of lab.r) router.sh("sysctl -q -w net.mpls.ip_ttl_propagate=0");
    const out = lab.sniff(lab.router(1), "r1-eth1");
    const last = lab.sniff(lab.router(3), "r3-eth1");
    lab.h1.ping("10.2.0.2");
    expect(stacks(out)).toEqual(["200/255"]);
    expect(plain(last).map((b) => b[8])).toEqual([62]); // r1 and r3 are two hops
    // The router that pops takes one off the IP header and looks no further, so that the next one is met twice.
    const path = ["1  10.1.0.1", "2  10.0.34.4", "3  10.0.34.4", "4  10.2.0.2"];
    expect(hops(lab.h1.sh("traceroute -n -q 1 -e 10.2.0.2"))).toEqual(path);
    lab.router(1).sh("sysctl -q -w net.mpls.default_ttl=9");
    lab.h1.ping("10.2.0.2");
    expect(stacks(out).at(-1)).toBe("200/9");
    lab.router(1).sh("ip route replace 10.2.0.0/24 encap mpls 200 ttl 44 via 10.0.12.2");
    lab.h1.ping("10.2.0.2");
    expect(stacks(out).at(-1)).toBe("200/44");
    lab.router(3).sh("ip -M route replace 300 ttl-propagate enabled via inet 10.0.34.4");
    lab.h1.ping("10.2.0.2");
    expect(plain(last).map((b) => b[8])).toContain(42);
  });

  it("takes an explicit null off, at the end or where more labels follow", () => {
    const lab = new LabelPath();
    const [r1, r4] = [lab.router(1), lab.router(4)];
    lab.router(3).sh("ip -M route replace 300 as 0 via inet 10.0.34.4");
    const out3 = lab.sniff(lab.router(3), "r3-eth1");
    const out4 = lab.sniff(r4, "r4-eth1");
    expect(lab.h1.ping("10.2.0.2").received).toBe(1);
    expect(stacks(out3)).toEqual(["0/61"]);
    expect(plain(out4).map((b) => b[8])).toEqual([59]); // the label's hop and the IP hop behind it
    r4.sh("ip -M route add 77 dev lo"); // a label that ends here without a penultimate pop
    r4.sh("sysctl -q -w net.mpls.conf.lo.input=1");
    lab.router(3).sh("ip -M route replace 300 as 0/77 via inet 10.0.34.4");
    expect(lab.h1.ping("10.2.0.2").received).toBe(1);
    r1.sh("ip route replace 10.2.0.0/24 encap mpls 200/300/77 via 10.0.12.2");
    lab.router(2).sh("ip -M route replace 200 via inet 10.0.23.3");
    lab.router(3).sh("ip -M route replace 300 via inet 10.0.34.4");
    const out1 = lab.sniff(r1, "r1-eth1");
    expect(lab.h1.ping("10.2.0.2").received).toBe(1);
    expect(stacks(out1)).toEqual(["200/63+ 300/63+ 77/63"]);
    expect(lab.net.sim.pool.born).toBe(lab.net.sim.pool.dead);
  });

  it("is off until the table has room and the device takes labels", () => {
    const lab = new LabelPath();
    const r2 = lab.router(2);
    r2.sh("sysctl -q -w net.mpls.conf.r2-eth0.input=0");
    expect(lab.h1.ping("10.2.0.2").received).toBe(0);
    expect(lab.drops(r2, "mpls: input is off")).toBe(1);
    r2.sh("sysctl -q -w net.mpls.conf.r2-eth0.input=1 net.mpls.platform_labels=200");
    expect(r2.sh("ip -M route")).toBe("");
    expect(lab.h1.ping("10.2.0.2").received).toBe(0);
    expect(lab.drops(r2, "mpls: no route for this label")).toBe(1);
    expect(r2.kernel.mpls.device(r2.dev("r2-eth0"))).toMatchObject({ rxDropped: 1, rxNoRoute: 1, rxPackets: 2 });
    const plainHost = lab.h2;
    expect(plainHost.sh("sysctl net.mpls.platform_labels")).toBe("net.mpls.platform_labels = 0\n");
  });

  it("waits for the neighbour with what it pushes, and gives up as others do", () => {
    const lab = new LabelPath();
    const [r1, r2] = [lab.router(1), lab.router(2)];
    r1.sh("ip neigh flush dev r1-eth1");
    expect(lab.h1.ping("10.2.0.2", { count: 2 }).received).toBe(2);
    r2.sh("ip -M route replace 200 as 300 via inet 10.0.23.99 dev r2-eth1");
    expect(lab.h1.ping("10.2.0.2").received).toBe(0);
    lab.net.run("10s");
    expect(lab.drops(r2, "neigh: resolution failed")).toBe(1);
    r2.sh("ip link set r2-eth1 down");
    expect(lab.h1.ping("10.2.0.2").received).toBe(0);
    expect(lab.drops(r2, "device is down")).toBe(1);
    expect(lab.net.sim.pool.born).toBe(lab.net.sim.pool.dead);
  });
});

describe("errors", () => {
  it("tells senders whose TTL runs out, with the labels that came", () => {
    const lab = new LabelPath();
    const want = [
      "1  10.1.0.1",
      "2  10.0.12.2 <MPLS:L=200,E=0,S=1,T=1>",
      "3  10.0.23.3 <MPLS:L=300,E=0,S=1,T=1>",
      "4  10.0.34.4",
      "5  10.2.0.2",
    ];
    expect(hops(lab.h1.sh("traceroute -n -e 10.2.0.2"))).toEqual(want);
    expect(hops(lab.h1.sh("traceroute -n -q 1 -I --extensions 10.2.0.2"))).toEqual(want);
    lab.net.run("10s"); // hosts say "unreachable" now and then only
    expect(hops(lab.h1.sh("traceroute -n -q 1 10.2.0.2 600"))).toEqual(want.map((line) => line.replace(/ <.*/, "")));
    lab.router(1).sh("ip route replace 10.2.0.0/24 encap mpls 200/301 via 10.0.12.2");
    lab.router(2).sh("ip -M route replace 200 via inet 10.0.23.3");
    lab.router(3).sh("ip -M route add 301 via inet 10.0.34.4");
    expect(hops(lab.h1.sh("traceroute -n -q 1 -e 10.2.0.2"))[1]).toBe(
      "2  10.0.12.2 <MPLS:L=200,E=0,S=0,T=1/L=301,E=0,S=1,T=1>",
    );
  });

  it("tells what fits when labels make a packet too big", () => {
    const lab = new LabelPath();
    const [r1, r2] = [lab.router(1), lab.router(2)];
    // The router that pushes is one that does not forward what is too long.
    expect(lab.h1.exec("ping -c 1 -W 1 -M do -s 1472 10.2.0.2").output).toContain(
      "Frag needed and DF set (mtu = 1496)",
    );
    r2.sh("ip -M route replace 200 as 300/77/78 via inet 10.0.23.3");
    lab.h1.sh("ip route flush cache");
    expect(lab.h1.exec("ping -c 1 -W 1 -M do -s 1468 10.2.0.2").output).toContain(
      "Frag needed and DF set (mtu = 1488)",
    );
    expect(lab.drops(r2, "mpls: does not fit")).toBe(1);
    expect(r1.sh("ip route get 10.2.0.2")).toContain("encap mpls  200 via");
  });

  it("cuts what may be cut, every piece under the same labels", () => {
    const lab = new LabelPath();
    lab.router(1).sh("ip route replace 10.2.0.0/24 encap mpls 200/301 via 10.0.12.2");
    lab.router(2).sh("ip -M route replace 200 as 300/302 via inet 10.0.23.3");
    for (const label of [300, 302, 301]) lab.router(3).sh(`ip -M route replace ${label} dev lo`);
    lab.router(3).sh("sysctl -q -w net.mpls.conf.lo.input=1");
    const out = lab.sniff(lab.router(2), "r2-eth1");
    expect(lab.h1.exec("ping -c 1 -W 1 -M dont -s 1464 10.2.0.2").status).toBe(0);
    expect(stacks(out)).toEqual(["300/62+ 302/62+ 301/63", "300/62+ 302/62+ 301/63"]);
    expect(out.filter((f) => f.outgoing).every((f) => f.bytes.length <= 1514)).toBe(true);
    expect(lab.net.sim.pool.born).toBe(lab.net.sim.pool.dead);
  });

  it("keeps silent as Linux does when told to", () => {
    const lab = new LabelPath();
    for (const router of lab.r) router.sh("sysctl -q -w net.mpls.ip_errors=0");
    const path = hops(lab.h1.sh("traceroute -n -q 1 -e -w 1 10.2.0.2"));
    expect(path).toEqual(["1  10.1.0.1", "2  *", "3  *", "4  10.0.34.4", "5  10.2.0.2"]);
    lab.router(2).sh("ip -M route replace 200 as 300/77 via inet 10.0.23.3");
    expect(lab.h1.exec("ping -c 1 -W 1 -M dont -s 1468 10.2.0.2").status).toBe(1);
    expect(lab.drops(lab.router(2), "mpls: does not fit")).toBe(1);
  });
});

it("spreads flows over the ways of a label that live", () => {
  const lab = new LabelPath();
  const r2 = lab.router(2);
  lab.router(3).sh("ip -M route add 301 via inet 10.0.34.4");
  r2.sh("ip -M route replace 200 nexthop as 300 via inet 10.0.23.3 nexthop as 301 via inet 10.0.23.3");
  const out = lab.sniff(r2, "r2-eth1");
  for (let i = 0; i < 24; i++) {
    lab.h1.sh(`ip addr add 10.1.0.${10 + i}/24 dev h1-eth0`);
    expect(lab.h1.exec(`ping -c 1 -I 10.1.0.${10 + i} 10.2.0.2`).status).toBe(0);
  }
  const used = stacks(out).map((s) => s.slice(0, 3));
  expect(new Set(used)).toEqual(new Set(["300", "301"]));
  expect(used.length).toBe(24);
  const before = stacks(out).length;
  lab.h1.ping("10.2.0.2", { count: 5 });
  expect(new Set(stacks(out).slice(before)).size).toBe(1);
  r2.sh("ip link set r2-eth1 down");
  expect(lab.h1.ping("10.2.0.2").received).toBe(0);
  expect(lab.drops(r2, "mpls: no way that lives")).toBe(1);
  r2.sh("ip link set r2-eth1 up");
  expect(lab.h1.ping("10.2.0.2", { count: 2 }).received).toBeGreaterThan(0);
});

it("programs reach the table through the system calls", () => {
  const lab = new LabelPath();
  const { os } = lab.router(2).kernel;
  const ifindex = lab.router(2).dev("r2-eth1").ifindex;
  const route = { label: 500, protocol: 188, nexthops: [{ labels: [600], gateway: 0x0a001703, ifindex }] };
  expect(os.labels.limit()).toBe(1000);
  expect(os.labels.replace(route)).toMatchObject({ ok: true });
  expect(os.labels.list()).toContainEqual(route);
  expect(os.labels.replace({ ...route, label: 5 })).toMatchObject({ ok: false, errno: "EINVAL" });
  expect(os.labels.del(500)).toMatchObject({ ok: true });
  expect(os.labels.list()).not.toContainEqual(route);
  const hop = { gateway: 0x0a001703, ifindex, weight: 1, onlink: false, labels: [700, 701] };
  const prefix = { address: 0x0a630000, length: 24 };
  expect(os.route.replace({ prefix, protocol: 186, nexthops: [hop] })).toMatchObject({ ok: true });
  expect(os.route.list().find((r) => r.prefix.address === prefix.address)?.nexthops[0]).toMatchObject(hop);
  expect(lab.router(2).sh("ip route show 10.99.0.0/24")).toBe(
    "10.99.0.0/24  encap mpls  700/701 via 10.0.23.3 dev r2-eth1 proto bgp \n",
  );
});

it("survives any labelled bytes", () => {
  const lab = new LabelPath();
  const [r1, r2] = [lab.router(1), lab.router(2)];
  lab.h1.ping("10.2.0.2");
  const from = r1.dev("r1-eth1");
  const to = r2.dev("r2-eth0").mac;
  const packet = fc
    .tuple(
      fc.array(fc.tuple(fc.constantFrom(0, 1, 2, 3, 7, 200, 302, 5000), fc.nat(255)), { maxLength: 4 }),
      fc.nat(255),
    )
    .chain(([list, ttl]) =>
      fc.uint8Array({ maxLength: 80 }).map((tail) => {
        const b = new Uint8Array(4 * list.length + 20 + tail.length);
        for (const [i, [label, t]] of list.entries()) writeEntry(b, 4 * i, label, 0, i === list.length - 1, t);
        writeIp(b, 4 * list.length, 0, 20 + tail.length, 1, 0, ttl, 17, 0x0a010002, 0x0a020002);
        b.set(tail, 4 * list.length + 20);
        return b;
      }),
    );
  const bytes = fc.oneof(packet, fc.uint8Array({ maxLength: 64 }));
  fc.assert(
    fc.property(bytes, fc.nat(60), (b, cut) => {
      const payload = b.subarray(0, cut % 3 === 0 ? Math.max(0, b.length - cut) : b.length);
      const p = lab.net.sim.pool.alloc(14 + payload.length);
      for (let i = 0; i < 6; i++) p.buf[p.start + i] = Math.floor(to / 2 ** (8 * (5 - i))) & 255;
      p.buf.set([2, 0, 0, 0, 0, 9, 0x88, 0x47], p.start + 6);
      p.buf.set(payload, p.start + 14);
      from.send(p);
      lab.net.sim.advance(lab.net.sim.now + S / 100);
    }),
    { numRuns: cases(500, 20_000) },
  );
  lab.net.run("60s");
  expect(lab.net.sim.pool.born).toBe(lab.net.sim.pool.dead);
  expect(lab.h1.ping("10.2.0.2").received).toBe(1);
});

itNeeds(haveProgram("tshark"))("tshark reads the frames and finds nothing wrong", () => {
  const lab = new LabelPath();
  const seen = [lab.sniff(lab.router(2), "r2-eth1"), lab.sniff(lab.router(1), "r1-eth1"), lab.sniff(lab.h1, "h1-eth0")];
  lab.h1.sh("traceroute -n -q 1 -e 10.2.0.2");
  lab.h1.ping("10.2.0.2", { count: 2 });
  lab.router(2).sh("ip -M route replace 200 as 300/77 via inet 10.0.23.3");
  lab.h1.exec("ping -c 1 -W 1 -M dont -s 1468 10.2.0.2");
  lab.h1.exec("ping -c 1 -W 1 -M do -s 1468 10.2.0.2");
  for (const frames of seen) {
    expect(frames.length).toBeGreaterThan(5);
    expect(tsharkComplaints(frames)).toBe("");
  }
  const labelled = seen.flat().find((f) => u16(f.bytes, 12) === 0x8847) as Frame;
  expect(entryAt(labelled.bytes, 14)).toMatchObject({ label: 300 });
});
