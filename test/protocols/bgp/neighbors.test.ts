import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { networkOf } from "../../../src/core/addr.ts";
import { S } from "../../../src/core/time.ts";
import { decodeFilters, filterRefresh } from "../../../src/protocols/bgp/outbound-filter.ts";
import { Lab } from "../../harness/kernels.ts";
import { cases } from "../../harness/shared.ts";
import { prefix } from "./arbitrary.ts";
import { announce, hub, prefixes, stateOf, table } from "./hub.ts";
import { type Router, router } from "./routers.ts";

interface Shown {
  readonly [key: string]: unknown;
}
const neighborsOf = (r: Router): Record<string, Shown> => JSON.parse(r.show("show ip bgp neighbors json"));

describe("who may come", () => {
  const group = (range: string, more = ""): string =>
    `neighbor G peer-group\n neighbor G remote-as external\n ${more}\n bgp listen range ${range} peer-group G`;

  it("anyone of a listen range, as many as the limit says, and only with the AS of the group", () => {
    const to = "neighbor 10.0.0.1 remote-as 65001";
    const { all, lab } = hub([
      { as: 65001, lines: `${group("10.0.0.0/29")}\n bgp listen limit 2\n ${announce("10.1.0.0/16")}` },
      { as: 65002, lines: `${to}\n ${announce("10.2.0.0/16")}` },
      { as: 65001, lines: to },
      { as: 65004, lines: to },
    ]);
    const [r1, r2] = all as [Router, Router];
    expect(Object.keys(r1.view("bgp neighbors") as object)).toEqual(["10.0.0.2", "10.0.0.4"]);
    expect(table(r2)["10.1.0.0/16"]).toMatchObject([{ as_path: "65001", best: true }]);
    expect(neighborsOf(r1)["10.0.0.2"]).toMatchObject({
      neighborAddr: "*10.0.0.2",
      peerGroup: "G",
      peerSubnetRangeGroup: "10.0.0.0/29",
    });
    expect(r1.show("show ip bgp summary")).toContain("*10.0.0.2");
    // Nothing is left of one that goes.
    r2.type("router bgp 65002", "neighbor 10.0.0.1 shutdown");
    lab.run(2 * S);
    expect(Object.keys(r1.view("bgp neighbors") as object)).toEqual(["10.0.0.4"]);
    expect(prefixes(r1)).toEqual(["10.1.0.0/16"]);
  });
  it("nobody from outside of the range", () => {
    const { all } = hub(
      [
        { as: 65001, lines: group("10.0.0.0/30") },
        { as: 65002, lines: "" },
        { as: 65003, lines: "" },
        { as: 65004, lines: "neighbor 10.0.0.1 remote-as 65001" },
      ],
      20,
    );
    expect(stateOf(all[3] as Router, "10.0.0.1")).not.toBe("Established");
    expect(all[0]?.view("bgp neighbors")).toEqual({});
  });
  it("only who signs with the same password (RFC 2385)", () => {
    const pair = (mine: string, theirs: string): unknown =>
      stateOf(
        hub(
          [
            { as: 65001, lines: `neighbor 10.0.0.2 remote-as 65002\n ${mine}` },
            { as: 65002, lines: `neighbor 10.0.0.1 remote-as 65001\n ${theirs}` },
          ],
          20,
        ).all[0] as Router,
        "10.0.0.2",
      );
    expect(pair("neighbor 10.0.0.2 password secret", "neighbor 10.0.0.1 password secret")).toBe("Established");
    expect(pair("neighbor 10.0.0.2 password secret", "neighbor 10.0.0.1 password other")).not.toBe("Established");
    expect(pair("neighbor 10.0.0.2 password secret", "")).not.toBe("Established");
  });
  it("members of a group have its settings, and their own before them", () => {
    const { all } = hub([
      {
        as: 65001,
        lines: `neighbor G peer-group\n neighbor G remote-as 65002\n neighbor G timers 3 9\n neighbor 10.0.0.2 peer-group G
 neighbor 10.0.0.3 peer-group G\n neighbor 10.0.0.3 remote-as 65003\n neighbor 10.0.0.3 timers 5 15`,
      },
      { as: 65002, lines: "neighbor 10.0.0.1 remote-as 65001" },
      { as: 65003, lines: "neighbor 10.0.0.1 remote-as 65001" },
    ]);
    const shown = neighborsOf(all[0] as Router);
    expect(shown["10.0.0.2"]).toMatchObject({ bgpState: "Established", remoteAs: 65002, bgpTimerHoldTimeMsecs: 9000 });
    expect(shown["10.0.0.3"]).toMatchObject({
      bgpState: "Established",
      remoteAs: 65003,
      bgpTimerHoldTimeMsecs: 15_000,
    });
  });
});

/** r1 — r2 — r3: r1 and r3 are neighbours over r2, which only forwards. */
function across(lines1: string, lines3: string) {
  const lab = new Lab();
  const [k1, k2, k3] = [1, 2, 3].map((i) => lab.router(`r${i}`)) as [
    ReturnType<Lab["router"]>,
    ReturnType<Lab["router"]>,
    ReturnType<Lab["router"]>,
  ];
  lab.cable([k1, "e12 10.0.12.1/24"], [k2, "e21 10.0.12.2/24"]);
  lab.cable([k2, "e23 10.0.23.2/24"], [k3, "e32 10.0.23.3/24"]);
  const speaker = (k: ReturnType<Lab["router"]>, as: number, way: string, lines: string): Router =>
    router(k, `${way}\nrouter bgp ${as}\n no bgp ebgp-requires-policy\n no bgp network import-check\n ${lines}\n`);
  const r1 = speaker(k1, 65001, "ip route 10.0.23.0/24 10.0.12.2", `neighbor 10.0.23.3 remote-as 65003\n ${lines1}`);
  const r3 = speaker(k3, 65003, "ip route 10.0.12.0/24 10.0.23.2", `neighbor 10.0.12.1 remote-as 65001\n ${lines3}`);
  lab.run(30 * S);
  return { r1, r3, lab };
}

describe("how far away neighbours may be", () => {
  it("as many hops as ttl-security says, counted from the other end (RFC 5082)", () => {
    const near = (hops: number) => (who: string) => `neighbor ${who} ttl-security hops ${hops}`;
    const good = across(near(2)("10.0.23.3"), near(2)("10.0.12.1"));
    expect(stateOf(good.r1, "10.0.23.3")).toBe("Established");
    expect(neighborsOf(good.r1)["10.0.23.3"]).toMatchObject({ externalBgpNbrMaxHopsAway: 2 });
    const strict = across(near(1)("10.0.23.3"), near(2)("10.0.12.1"));
    expect(stateOf(strict.r1, "10.0.23.3")).not.toBe("Established");
    // Who sends with a small TTL is not heard.
    const forged = across(near(2)("10.0.23.3"), "neighbor 10.0.12.1 ebgp-multihop 2");
    expect(stateOf(forged.r1, "10.0.23.3")).not.toBe("Established");
  });
  it("ttl-security and ebgp-multihop exclude each other", () => {
    const { r1 } = across("", "");
    r1.type("router bgp 65001", "neighbor 10.0.23.3 ttl-security hops 3");
    expect(() => r1.type("router bgp 65001", "neighbor 10.0.23.3 ebgp-multihop 3")).toThrow("together");
    r1.type("router bgp 65001", "no neighbor 10.0.23.3 ttl-security hops 3", "neighbor 10.0.23.3 ebgp-multihop 3");
    expect(() => r1.type("router bgp 65001", "neighbor 10.0.23.3 ttl-security hops 3")).toThrow("together");
  });
});

describe("several paths at once", () => {
  const origin = (as: number) => ({
    as,
    lines: `neighbor 10.0.0.1 remote-as 65001\n ${announce("10.9.0.0/16")}`,
  });
  const used = (r: Router): number =>
    (JSON.parse(r.show("show ip bgp 10.9.0.0/16 json")).paths as { multipath?: boolean }[]).filter((p) => p.multipath)
      .length;

  it("of one AS, or of any with multipath-relax, and no more than maximum-paths", () => {
    const three = (as: readonly number[], lines: string): number =>
      used(
        hub([
          {
            as: 65001,
            lines: `${[2, 3, 4].map((i) => `neighbor 10.0.0.${i} remote-as external`).join("\n ")}\n ${lines}`,
          },
          ...as.map((n) => origin(n)),
        ]).all[0] as Router,
      );
    const same = [65002, 65002, 65002];
    const several = [65002, 65003, 65004];
    expect(three(same, "")).toBe(3);
    expect(three(several, "")).toBe(0);
    expect(three(several, "bgp bestpath as-path multipath-relax")).toBe(3);
    expect(three(several, "bgp bestpath as-path multipath-relax\n maximum-paths 2")).toBe(2);
    expect(three(same, "maximum-paths 1")).toBe(0);
  });
  it("what is redistributed yields to a path of smaller distance, and comes back when that is gone", () => {
    const { all, lab } = hub([
      {
        as: 65001,
        before: "ip route 10.9.0.0/16 10.0.0.3 30",
        lines: "neighbor 10.0.0.2 remote-as 65002\n redistribute static",
      },
      origin(65002),
      { as: 65003, lines: "" },
    ]);
    const [r1, r2] = all as [Router, Router];
    expect(table(r1)["10.9.0.0/16"]).toMatchObject([{ as_path: "65002", best: true }]);
    r2.type("router bgp 65002", "no network 10.9.0.0/16");
    lab.run(3 * S);
    expect(table(r1)["10.9.0.0/16"]).toMatchObject([{ local: true, best: true }]);
  });
});

describe("outbound route filters", () => {
  const rule = fc.record({
    seq: fc.nat(0xffffffff),
    verdict: fc.constantFrom("permit" as const, "deny" as const),
    prefix: prefix.map((p) => ({ address: networkOf(p.address, p.length), length: p.length })),
    any: fc.constant(false),
    ge: fc.option(fc.integer({ min: 1, max: 32 }), { nil: undefined }),
    le: fc.option(fc.integer({ min: 1, max: 32 }), { nil: undefined }),
  });
  it("are read back as they were written (RFC 5292)", () => {
    fc.assert(
      fc.property(fc.array(rule, { maxLength: 20 }), fc.boolean(), (rules, immediate) => {
        const got = decodeFilters(filterRefresh(rules, immediate).rest);
        const wanted = rules.map((r) => ({ add: true, rule: { ...r, prefix: { ...r.prefix } } }));
        expect(got).toEqual({ ok: true, value: { immediate, clear: false, rules: wanted } });
      }),
      { numRuns: cases(200, 20_000) },
    );
    expect(decodeFilters(filterRefresh(undefined, true).rest)).toMatchObject({ ok: true, value: { clear: true } });
  });
  it("whatever the octets, are values or faults (RFC 5291)", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (b) => {
        expect(typeof decodeFilters(b).ok).toBe("boolean");
      }),
      { numRuns: cases(500, 100_000) },
    );
  });
  it("keep back what a neighbour does not want, and follow its list", () => {
    const { all, lab } = hub([
      {
        as: 65001,
        lines: `neighbor 10.0.0.2 remote-as 65002\n ${announce("10.1.0.0/16", "10.2.0.0/16")}
 address-family ipv4 unicast\n  neighbor 10.0.0.2 capability orf prefix-list receive`,
      },
      {
        as: 65002,
        before: "ip prefix-list W permit 10.1.0.0/16",
        lines: `neighbor 10.0.0.1 remote-as 65001\n address-family ipv4 unicast
  neighbor 10.0.0.1 capability orf prefix-list send\n  neighbor 10.0.0.1 prefix-list W in`,
      },
    ]);
    const [r1, r2] = all as [Router, Router];
    const sent = (): unknown => r1.view("bgp advertised", { peer: "10.0.0.2" });
    expect(sent()).toMatchObject({ prefixes: ["10.1.0.0/16"] });
    expect(r1.show("show ip bgp neighbors 10.0.0.2 orf-prefix-list")).toContain("permit 10.1.0.0/16");
    r2.type("ip prefix-list W permit 10.2.0.0/16");
    lab.run(8 * S);
    expect(prefixes(r2)).toEqual(["10.1.0.0/16", "10.2.0.0/16"]);
    r2.type("no ip prefix-list W permit 10.1.0.0/16");
    lab.run(8 * S);
    expect(sent()).toMatchObject({ prefixes: ["10.2.0.0/16"] });
    r2.type("router bgp 65002", "address-family ipv4 unicast", "no neighbor 10.0.0.1 prefix-list W in");
    lab.run(8 * S);
    expect(prefixes(r2)).toEqual(["10.1.0.0/16", "10.2.0.0/16"]);
  });
});

describe("views", () => {
  it("keep their neighbours and routes apart, and from the routing table", () => {
    const { all } = hub([
      {
        as: 65001,
        lines: `neighbor 10.0.0.2 remote-as 65002
exit
router bgp 65001 view ONE
 bgp router-id 1.1.1.1
 no bgp ebgp-requires-policy
 neighbor 10.0.0.3 remote-as 65003
 network 10.7.0.0/16`,
      },
      { as: 65002, lines: `neighbor 10.0.0.1 remote-as 65001\n ${announce("10.2.0.0/16")}` },
      { as: 65003, lines: `neighbor 10.0.0.1 remote-as 65001\n ${announce("10.3.0.0/16")}` },
    ]);
    const [r1, r2, r3] = all as [Router, Router, Router];
    expect(prefixes(r1)).toEqual(["10.2.0.0/16"]);
    expect(Object.keys(JSON.parse(r1.show("show ip bgp view ONE json")).routes)).toEqual([
      "10.3.0.0/16",
      "10.7.0.0/16",
    ]);
    expect(prefixes(r2)).toEqual(["10.2.0.0/16"]);
    expect(table(r3)["10.7.0.0/16"]).toMatchObject([{ as_path: "65001" }]);
    expect(r1.show("show ip route bgp")).toContain("10.2.0.0/16");
    expect(r1.show("show ip route bgp")).not.toContain("10.3.0.0/16");
    r1.type("no router bgp 65001 view ONE");
    expect(r1.show("show ip bgp view ONE summary")).toContain("unknown");
    expect(stateOf(r1, "10.0.0.2")).toBe("Established");
  });
});

describe("what goes along with sessions", () => {
  it("the name of the software, why the last session ended, and duplicates are told", () => {
    const { all, lab } = hub([
      { as: 65001, lines: "bgp default software-version-capability\n neighbor 10.0.0.2 remote-as 65002" },
      {
        as: 65002,
        lines: "neighbor 10.0.0.1 remote-as 65001\n neighbor 10.0.0.1 capability software-version latest-encoding",
      },
    ]);
    const [r1] = all as [Router];
    expect(neighborsOf(r1)["10.0.0.2"]).toMatchObject({
      neighborCapabilities: {
        softwareVersion: {
          advertisedSoftwareVersion: expect.stringContaining("FRRouting/"),
          receivedSoftwareVersion: expect.stringContaining("FRRouting/"),
        },
      },
    });
    r1.type("router bgp 65001", "neighbor 10.0.0.2 shutdown", "neighbor 10.0.0.2 update-source e0");
    lab.run(1 * S);
    expect(neighborsOf(r1)["10.0.0.2"]).toMatchObject({
      lastResetDueTo: "Admin. shutdown",
      downLastResetDueTo: "Update source change",
    });
  });
  it("routes are held back, or told of with a large MED, for a while after the start", () => {
    const { all, lab } = hub(
      [
        {
          as: 65001,
          lines: `bgp max-med on-startup 30 777\n neighbor 10.0.0.2 remote-as 65002\n ${announce("10.1.0.0/16")}`,
        },
        {
          as: 65002,
          lines:
            "neighbor 10.0.0.1 remote-as 65001\n neighbor 10.0.0.3 remote-as 65003\n neighbor 10.0.0.9 remote-as 65009\n update-delay 20",
        },
        { as: 65003, lines: "neighbor 10.0.0.2 remote-as 65002\n neighbor 10.0.0.2 timers 30 90" },
      ],
      12,
    );
    const [, r2, r3] = all as [Router, Router, Router];
    expect(JSON.parse(r2.show("show ip bgp summary json")).ipv4Unicast).toMatchObject({ updateDelayInProgress: true });
    expect(prefixes(r3)).toEqual([]);
    lab.run(15 * S);
    expect(table(r3)["10.1.0.0/16"]).toMatchObject([{ as_path: "65002 65001" }]);
    expect(table(r2)["10.1.0.0/16"]).toMatchObject([{ med: 777 }]);
    lab.run(15 * S);
    expect(table(r2)["10.1.0.0/16"]).toMatchObject([{ med: 0 }]);
  });
  it("attributes that are not wanted are left out, or cost the route", () => {
    const told = (how: string): Router =>
      hub([
        { as: 65001, lines: `neighbor 10.0.0.2 remote-as 65002\n ${how}` },
        {
          as: 65002,
          lines: `neighbor 10.0.0.1 remote-as 65001\n address-family ipv4 unicast\n  network 10.2.0.0/16 route-map C\n  network 10.3.0.0/16`,
          before: "route-map C permit 10\n set community 65002:1\nexit",
        },
      ]).all[0] as Router;
    const left = told("neighbor 10.0.0.2 path-attribute discard 8");
    expect(table(left)["10.2.0.0/16"]?.[0]).not.toHaveProperty("communities");
    expect(prefixes(told("neighbor 10.0.0.2 path-attribute treat-as-withdraw 8"))).toEqual(["10.3.0.0/16"]);
  });
  it("static routes lead to neighbours that are one hop away", () => {
    const lo = (i: number, other: number) => ({
      before: `interface lo\n ip address 10.255.0.${i}/32\nexit\nip route 10.255.0.${other}/32 10.0.0.${other}`,
      lines: `neighbor 10.255.0.${other} remote-as external\n neighbor 10.255.0.${other} update-source lo`,
    });
    const { all } = hub(
      [
        { as: 65001, ...lo(1, 2) },
        { as: 65002, ...lo(2, 1) },
      ],
      20,
    );
    expect(stateOf(all[0] as Router, "10.255.0.2")).toBe("Established");
  });
});
