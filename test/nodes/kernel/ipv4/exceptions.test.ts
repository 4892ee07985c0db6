import { describe, expect, it } from "vitest";
import { formatIp } from "../../../../src/core/addr.ts";
import { S } from "../../../../src/core/time.ts";
import type { Kernel } from "../../../../src/nodes/kernel/kernel.ts";
import { device, ip, must, route } from "../../../harness/kernels.ts";
import { pair } from "../datagrams.ts";

/** What is learnt of the way to one destination (net/ipv4/route.c: `fib_nh_exception`). */

const way = (k: Kernel, to: string) => k.ipv4.routes.output(ip(to), 0, 0, 0, 0);
const mtu = (k: Kernel, to: string): string => `${way(k, to).mtu}${way(k, to).mtuLocked ? " locked" : ""}`;
const learn = (k: Kernel, to: string, bytes: number): void => k.ipv4.exceptions.learnMtu(ip(to), bytes);

function routed(): ReturnType<typeof pair> {
  const lab = pair();
  route(lab.a, "0.0.0.0/0", "10.9.0.2");
  return lab;
}

describe("a path's MTU", () => {
  it("is learnt for one destination, and forgotten after mtu_expires", () => {
    const { lab, a } = routed();
    learn(a, "8.8.8.8", 1300);
    expect([mtu(a, "8.8.8.8"), mtu(a, "8.8.4.4")]).toEqual(["1300", "1500"]);
    lab.run(600 * S - 1);
    expect(mtu(a, "8.8.8.8")).toBe("1300");
    lab.run(1);
    expect(mtu(a, "8.8.8.8")).toBe("1500");
  });
  it("is learnt to be smaller, not larger", () => {
    const { a } = routed();
    learn(a, "8.8.8.8", 1300);
    learn(a, "8.8.8.8", 1400);
    learn(a, "8.8.8.8", 9000);
    expect(mtu(a, "8.8.8.8")).toBe("1300");
    learn(a, "8.8.8.8", 1200);
    expect(mtu(a, "8.8.8.8")).toBe("1200");
  });
  it("below min_pmtu is locked there: what is longer is cut without DF", () => {
    const { a } = routed();
    learn(a, "8.8.8.8", 300);
    expect([mtu(a, "8.8.8.8"), way(a, "8.8.8.8").df]).toEqual(["552 locked", 0]);
    learn(a, "8.8.8.8", 1000);
    expect(mtu(a, "8.8.8.8")).toBe("552 locked");
  });
  it("is renewed by being heard again", () => {
    const { lab, a } = routed();
    learn(a, "8.8.8.8", 1300);
    lab.run(400 * S);
    learn(a, "8.8.8.8", 1300);
    lab.run(400 * S);
    expect(mtu(a, "8.8.8.8")).toBe("1300");
    lab.run(200 * S);
    expect(mtu(a, "8.8.8.8")).toBe("1500");
  });
  it("is not learnt of what goes nowhere, stays here, or has an MTU that is locked", () => {
    const { a } = pair();
    for (const to of ["99.0.0.1", "10.9.0.1", "10.9.0.255"]) learn(a, to, 1000);
    expect([...a.ipv4.exceptions.entries()]).toEqual([]);
    must(
      a.fib.addRoute({ dst: ip("7.0.0.0"), length: 8, gateway: ip("10.9.0.2"), metrics: { mtu: 1400, mtuLocked: 1 } }),
    );
    learn(a, "7.7.7.7", 1000);
    expect(mtu(a, "7.7.7.7")).toBe("1400 locked");
  });
  it("says nothing of a route that took the place of the one it was learnt for", () => {
    const { a } = routed();
    learn(a, "8.8.8.8", 1300);
    route(a, "8.8.0.0/16", "10.7.0.2");
    expect(mtu(a, "8.8.8.8")).toBe("1500");
    learn(a, "8.8.8.8", 1200);
    expect(mtu(a, "8.8.8.8")).toBe("1200");
  });
  it("is forgotten with the cache", () => {
    const { a } = routed();
    learn(a, "8.8.8.8", 1300);
    a.ipv4.exceptions.flush();
    expect([mtu(a, "8.8.8.8"), [...a.ipv4.exceptions.entries()]]).toEqual(["1500", []]);
  });
});

describe("a better gateway", () => {
  it("is used for its destination for 300 s, by the way for which it was told", () => {
    const { lab, a } = routed();
    a.ipv4.exceptions.learnGateway(way(a, "8.8.8.8"), ip("10.9.0.77"));
    const gateways = (): string[] => ["8.8.8.8", "8.8.4.4"].map((to) => formatIp(way(a, to).nextHop));
    expect(gateways()).toEqual(["10.9.0.77", "10.9.0.2"]);
    lab.run(300 * S);
    expect(gateways()).toEqual(["10.9.0.2", "10.9.0.2"]);
  });
  it("and an MTU are known of one destination together", () => {
    const { a } = routed();
    learn(a, "8.8.8.8", 1300);
    a.ipv4.exceptions.learnGateway(way(a, "8.8.8.8"), ip("10.9.0.77"));
    expect([formatIp(way(a, "8.8.8.8").nextHop), mtu(a, "8.8.8.8")]).toEqual(["10.9.0.77", "1300"]);
  });
});

it("at most 10,240 destinations are remembered: the oldest goes", () => {
  const { a } = routed();
  for (let i = 0; i < 10_241; i++) a.ipv4.exceptions.learnMtu((ip("20.0.0.0") + i) >>> 0, 1300);
  expect([...a.ipv4.exceptions.entries()].length).toBe(10_240);
  expect([mtu(a, "20.0.0.0"), mtu(a, "20.0.0.1")]).toEqual(["1500", "1300"]);
});

it("an MTU that was learnt does not survive the device's becoming smaller", () => {
  const { a } = routed();
  learn(a, "8.8.8.8", 1300);
  must(a.setMtu(device(a, "e0"), 1200));
  expect(mtu(a, "8.8.8.8")).toBe("1200");
});
