import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { S } from "../../../src/core/time.ts";
import { ceilingOf, decayed } from "../../../src/protocols/bgp/dampening.ts";
import { announce, hub, table } from "./hub.ts";
import type { Router } from "./routers.ts";

/** A neighbour whose 10.1.0.0/16 comes and goes. */
function flapping(config: string) {
  const { lab, all } = hub([
    { as: 65001, lines: `neighbor 10.0.0.2 remote-as 65002\n ${announce("10.1.0.0/16", "10.2.0.0/16")}` },
    { as: 65002, lines: `neighbor 10.0.0.1 remote-as 65001\n neighbor 10.0.0.3 remote-as 65003\n ${config}` },
    { as: 65003, lines: "neighbor 10.0.0.2 remote-as 65002" },
  ]);
  const [r1, r2, r3] = all as [Router, Router, Router];
  const say = (line: string): void => {
    r1.type("router bgp 65001", "address-family ipv4 unicast", line);
    lab.run(2 * S);
  };
  const flap = (): void => {
    say("no network 10.1.0.0/16");
    say("network 10.1.0.0/16");
  };
  return { lab, r1, r2, r3, say, flap };
}

describe("routes that come and go", () => {
  it("are held down from the suppress limit on, until their penalty has decayed (RFC 2439 §4.8)", () => {
    const { lab, r2, r3, flap } = flapping("bgp dampening 1 750 2500 4");
    flap();
    flap();
    expect(table(r2)["10.1.0.0/16"]).toMatchObject([{ best: true }]);
    flap();
    expect(table(r2)["10.1.0.0/16"]).toMatchObject([{ best: false, valid: true }]);
    expect(r2.show("show ip bgp")).toContain("*d 10.1.0.0/16");
    expect(r2.show("show ip bgp dampening dampened-paths")).toMatch(/\*d 10\.1\.0\.0\/16 +10\.0\.0\.1 +3 /);
    expect(Object.keys(table(r3))).toEqual(["10.2.0.0/16"]);
    lab.run(60 * S);
    expect(Object.keys(table(r3))).toEqual(["10.2.0.0/16"]);
    lab.run(75 * S);
    expect(table(r2)["10.1.0.0/16"]).toMatchObject([{ best: true }]);
    expect(Object.keys(table(r3))).toEqual(["10.1.0.0/16", "10.2.0.0/16"]);
  });
  it("stay as history when they are withdrawn, and are not used", () => {
    const { lab, r2, r3, say } = flapping("bgp dampening 1 750 2500 4");
    say("no network 10.1.0.0/16");
    expect(r2.show("show ip bgp")).toContain(" h 10.1.0.0/16");
    expect(r2.show("show ip bgp 10.1.0.0/16")).toContain("(history entry)");
    expect(Object.keys(table(r3))).toEqual(["10.2.0.0/16"]);
    r2.show("clear ip bgp dampening");
    lab.run(S);
    expect(Object.keys(table(r2))).toEqual(["10.2.0.0/16"]);
  });
  it("of one neighbour may be held down alone, and are used again when that is taken back", () => {
    const { lab, r2, flap } = flapping("neighbor 10.0.0.1 dampening 1 1 1 1");
    flap();
    expect(table(r2)["10.1.0.0/16"]).toMatchObject([{ best: false }]);
    expect(r2.view("bgp neighbors")).toMatchObject({ "10.0.0.1": { received: 1 } });
    r2.type("router bgp 65002", "no neighbor 10.0.0.1 dampening");
    lab.run(S);
    expect(table(r2)["10.1.0.0/16"]).toMatchObject([{ best: true }]);
    expect(r2.view("bgp neighbors")).toMatchObject({ "10.0.0.1": { received: 2 } });
  });
  it("are forgotten with the session", () => {
    const { lab, r2, say } = flapping("bgp dampening");
    say("no network 10.1.0.0/16");
    r2.show("clear ip bgp 10.0.0.1");
    lab.run(20 * S);
    expect(Object.keys(table(r2))).toEqual(["10.2.0.0/16"]);
    expect(r2.show("show ip bgp dampening parameters")).toContain("Max suppress penalty: 12000");
  });
  it("are written as it was typed", () => {
    const { r2 } = flapping("bgp dampening 10\n neighbor 10.0.0.1 dampening 5 700 1900 9");
    const written = r2.bgpd.writeConfig()[0]?.lines.map((l) => l.trim()) ?? [];
    expect(written).toContain("bgp dampening 10");
    expect(written).toContain("neighbor 10.0.0.1 dampening 5 700 1900 9");
  });
});

it("penalties are halved in a half-life, and never grow by waiting", () => {
  const settings = fc.record({
    halfMin: fc.integer({ min: 1, max: 45 }),
    reuse: fc.integer({ min: 1, max: 20_000 }),
    suppress: fc.constant(50_000),
    maxMin: fc.integer({ min: 1, max: 255 }),
  });
  fc.assert(
    fc.property(settings, fc.nat(100_000), fc.nat(20_000), fc.nat(20_000), (s, penalty, a, b) => {
      const [sooner, later] = [Math.min(a, b) * S, Math.max(a, b) * S];
      expect(decayed(penalty, later, s)).toBeLessThanOrEqual(decayed(penalty, sooner, s));
      if (s.maxMin > s.halfMin)
        expect(Math.abs(decayed(penalty, s.halfMin * 60 * S, s) - penalty / 2)).toBeLessThanOrEqual(1);
      expect(ceilingOf(s)).toBeGreaterThanOrEqual(s.reuse);
    }),
  );
});
