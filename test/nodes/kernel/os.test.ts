import { describe, expect, it } from "vitest";
import { formatIp } from "../../../src/core/addr.ts";
import { NEVER, S } from "../../../src/core/time.ts";
import type { TraceEvent } from "../../../src/core/trace.ts";
import { device, ip, must, route } from "../../harness/kernels.ts";
import { pair, word } from "./datagrams.ts";

describe("a node's system calls", () => {
  it("know its name and the time, ring alarms, draw and trace in its name", () => {
    const { lab, a, b } = pair();
    const { os } = a;
    const rung: number[] = [];
    const alarm = os.alarm(() => rung.push(os.now()));
    expect([os.hostname, os.now(), alarm.deadline]).toEqual(["a", 0, NEVER]);
    alarm.set(3 * S);
    lab.run(5 * S);
    expect([rung, os.now()]).toEqual([[3 * S], 5 * S]);
    expect(os.rng("jitter").u32()).not.toBe(b.os.rng("jitter").u32());
    expect(os.rng("jitter")).toBe(lab.sim.rng("jitter a"));
    const traced: TraceEvent[] = [];
    os.trace("x", { n: 1 });
    lab.sim.trace.listen((e) => traced.push(e));
    os.trace("x", { n: 2 });
    expect(traced).toEqual([{ at: 5 * S, node: "a", kind: "x", fields: { n: 2 } }]);
  });
  it("list, add and take away addresses", () => {
    const { os } = pair().a;
    const list = (): string[] => os.addr.list().map((x) => `${x.ifname} ${formatIp(x.address)}/${x.length}`);
    expect(list()).toEqual(["lo 127.0.0.1/8", "e0 10.9.0.1/24", "e0 10.9.1.1/24", "e1 10.7.0.1/24"]);
    must(os.addr.add("e1", ip("10.0.0.200"), 32));
    must(os.addr.del("e0", ip("10.9.1.1"), 24));
    expect(list()).toEqual(["lo 127.0.0.1/8", "e0 10.9.0.1/24", "e1 10.7.0.1/24", "e1 10.0.0.200/32"]);
    const words = [
      os.addr.add("nope", 1, 32),
      os.addr.add("e1", ip("10.0.0.200"), 32),
      os.addr.del("nope", 1, 32),
      os.addr.del("e1", ip("10.0.0.201"), 32),
    ];
    expect(words.map(word)).toEqual(["ENODEV", "EEXIST", "ENODEV", "EADDRNOTAVAIL"]);
  });
  it("describe links", () => {
    const { a } = pair();
    a.setUp(device(a, "e1"), false);
    const e0 = device(a, "e0");
    expect(a.os.link.list().map((l) => l.ifname)).toEqual(["lo", "e0", "e1"]);
    expect(a.os.link.find("e0")).toEqual({
      ifname: "e0",
      ifindex: e0.ifindex,
      mac: e0.mac,
      mtuBytes: 1500,
      up: true,
      carrier: true,
      arp: true,
      ethernet: true,
      kind: "veth",
      lowerIfindex: 0,
      multicast: true,
      pointToPoint: false,
      speedBps: 10_000_000_000,
    });
    expect(a.os.link.find("e1")).toMatchObject({ up: false, carrier: false });
    expect(a.os.link.find("lo")).toMatchObject({ mtuBytes: 65_536, arp: false, mac: 0 });
    expect(a.os.link.find("nope")).toBeUndefined();
  });
  it("look up routes: source, gateway, device, MTU", () => {
    const { a } = pair();
    route(a, "8.0.0.0/8", "10.9.0.2");
    a.setMtu(device(a, "e0"), 1400);
    const lookup = (to: number, from = 0, by?: string) => a.os.route.lookup(to, from, by);
    expect(must(lookup(ip("8.8.8.8")))).toEqual({
      source: ip("10.9.0.1"),
      gateway: ip("10.9.0.2"),
      ifname: "e0",
      mtuBytes: 1400,
    });
    expect(must(lookup(ip("10.9.0.2"), ip("10.9.1.1")))).toMatchObject({ source: ip("10.9.1.1"), gateway: 0 });
    expect(must(lookup(ip("10.9.0.2"), 0, "e1"))).toMatchObject({ ifname: "e1", source: ip("10.7.0.1") });
    expect(must(lookup(ip("10.9.0.1")))).toMatchObject({ ifname: "lo" });
    expect([lookup(ip("99.0.0.1")), lookup(ip("10.9.0.2"), 0, "nope")].map(word)).toEqual(["ENETUNREACH", "ENODEV"]);
  });
});
