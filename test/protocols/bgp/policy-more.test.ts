import { describe, expect, it } from "vitest";
import { S } from "../../../src/core/time.ts";
import { bandwidthOf, encodeBandwidth } from "../../../src/protocols/bgp/link-bandwidth.ts";
import { Lab } from "../../harness/kernels.ts";
import { type Router, router, settle } from "./routers.ts";

type Path = Readonly<Record<string, unknown>>;

/** r1 and r2 announce 10.1.0.0/16 to r3, which tells r4; every router its own AS, 65001 and so on. `lines`: behind `router bgp`. */
function square(lines: { readonly [key in "r1" | "r2" | "r3" | "r4"]?: string }) {
  const lab = new Lab();
  const kernels = [1, 2, 3, 4].map((i) => lab.router(`r${i}`));
  const [k1, k2, k3, k4] = kernels as [
    (typeof kernels)[0],
    (typeof kernels)[0],
    (typeof kernels)[0],
    (typeof kernels)[0],
  ];
  lab.cable([k1, "e13 10.0.13.1/24"], [k3, "e31 10.0.13.3/24"]);
  lab.cable([k2, "e23 10.0.23.2/24"], [k3, "e32 10.0.23.3/24"]);
  lab.cable([k3, "e34 10.0.34.3/24"], [k4, "e43 10.0.34.4/24"]);
  const base = (as: number, neighbors: string, more = ""): string =>
    `router bgp ${as}\n no bgp ebgp-requires-policy\n no bgp network import-check\n ${neighbors}\n ${more}\n`;
  const network = "network 10.1.0.0/16";
  const all = [
    router(k1, base(65001, `neighbor 10.0.13.3 remote-as 65003\n ${network}`, lines.r1)),
    router(k2, base(65002, `neighbor 10.0.23.3 remote-as 65003\n ${network}`, lines.r2)),
    router(
      k3,
      base(
        65003,
        "bgp bestpath as-path multipath-relax\n neighbor 10.0.13.1 remote-as 65001\n neighbor 10.0.23.2 remote-as 65002\n neighbor 10.0.34.4 remote-as 65004",
        lines.r3,
      ),
    ),
    router(k4, base(65004, "neighbor 10.0.34.3 remote-as 65003", lines.r4)),
  ] as [Router, Router, Router, Router];
  settle(lab, all);
  lab.run(2 * S);
  return { lab, all };
}
const out = (peer: string, sets: string): string =>
  `neighbor ${peer} route-map OUT out\nexit\nroute-map OUT permit 10\n ${sets}\nexit\n`;
const detail = (r: Router): Path[] =>
  (JSON.parse(r.show("show bgp ipv4 unicast 10.1.0.0/16 json")) as { paths?: Path[] }).paths ?? [];
const seenBy4 = (sets: string): Path | undefined => detail(square({ r3: out("10.0.34.4", sets) }).all[3])[0];

const pathOf = (p: Path | undefined): string | undefined => (p?.aspath as { string: string } | undefined)?.string;

describe("AS paths", () => {
  it.each([
    ["set as-path exclude all", "65003"],
    ["set as-path replace any", "65003 65003"],
    ["set as-path replace any 65099", "65003 65099"],
    ["set as-path replace 65555 65099", undefined],
  ])("%s", (sets, path) => {
    const got = pathOf(seenBy4(sets));
    if (path === undefined) expect(got).toMatch(/^65003 6500[12]$/);
    else expect(got).toBe(path);
  });
  it("lose, or change, the numbers that a list permits", () => {
    const list = "bgp as-path access-list ORIGIN permit ^6500[12]$\n";
    const aspath = (sets: string) => pathOf(detail(square({ r3: `${out("10.0.34.4", sets)}${list}` }).all[3])[0]);
    expect(aspath("set as-path exclude as-path-access-list ORIGIN")).toBe("65003");
    expect(aspath("set as-path replace as-path-access-list ORIGIN 7")).toBe("65003 7");
  });
});

describe("communities", () => {
  it("extended ones are colours and bandwidths too, and go with none", () => {
    expect(seenBy4("set extcommunity color 01:100 00:7")?.extendedCommunity).toMatchObject({
      string: "Color:00:7 Color:01:100",
    });
    expect(seenBy4("set extcommunity bandwidth 2000")?.extendedCommunity).toMatchObject({
      string: "LB:65003:250000000 (2.000 Gbps)",
    });
    expect(seenBy4("set extcommunity bandwidth 200 non-transitive")?.extendedCommunity).toBeUndefined();
    const r1 = out("10.0.13.3", "set extcommunity rt 1:1");
    const r2 = out("10.0.23.3", "set extcommunity rt 1:1");
    const left = (sets: string) => detail(square({ r1, r2, r3: out("10.0.34.4", sets) }).all[3])[0]?.extendedCommunity;
    expect(left("set metric 1")).toMatchObject({ string: "RT:1:1" });
    expect(left("set extcommunity none")).toBeUndefined();
    expect(
      left("set extended-comm-list ONE delete\nexit\nbgp extcommunity-list standard ONE permit rt 1:1"),
    ).toBeUndefined();
  });
  it.each([
    ["match community LIST any", true],
    ["match community LIST", false],
    ["match community-limit 2", true],
    ["match community-limit 1", false],
  ])("%s: %s", (match, passes) => {
    const r1 = out("10.0.13.3", "set community 1:1 1:2");
    const r2 = out("10.0.23.3", "set community 1:1 1:2");
    const { all } = square({
      r1,
      r2,
      r3: `${out("10.0.34.4", match)}bgp community-list standard LIST permit 1:1 9:9\n`,
    });
    expect(detail(all[3]).length > 0).toBe(passes);
  });
});

describe("bandwidth of links", () => {
  const told = (r1: number, r2: number, r3 = ""): ReturnType<typeof square> =>
    square({
      r1: out("10.0.13.3", `set extcommunity bandwidth ${r1}`),
      r2: r2 === 0 ? "" : out("10.0.23.3", `set extcommunity bandwidth ${r2}`),
      r3,
    });
  const weights = (r: Router): unknown[] => {
    const rib = r.kernel.os.local.find<{ view(what: string, q: object): unknown }>("views zebra")?.view("rib", {}) as
      | Record<string, { nexthops: { via: string; weight?: number }[] }[]>
      | undefined;
    return (rib?.["10.1.0.0/16"]?.[0]?.nexthops ?? []).map((n) => n.weight ?? 1);
  };
  it("is read as it was written, as far as a float holds it", () => {
    expect(bandwidthOf(encodeBandwidth(65001, 1_250_000, true))).toBe(1_250_000);
    expect(bandwidthOf("0002fdea00000001")).toBeUndefined();
  });
  it("goes on as a sum where several paths are used", () => {
    const { all } = told(3000, 1000);
    expect(detail(all[3])[0]?.extendedCommunity).toMatchObject({ string: "LB:65003:500000000 (4.000 Gbps)" });
  });
  it("num-multipaths and cumulative tell of the paths in use", () => {
    const { all } = told(3000, 1000, out("10.0.34.4", "set extcommunity bandwidth num-multipaths"));
    expect(detail(all[3])[0]?.extendedCommunity).toMatchObject({ string: "LB:65003:250000 (2.000 Mbps)" });
    const sum = told(3000, 1000, out("10.0.34.4", "set extcommunity bandwidth cumulative")).all[3];
    expect(detail(sum)[0]?.extendedCommunity).toMatchObject({ string: "LB:65003:500000000 (4.000 Gbps)" });
  });
  it("gives next hops their share, unless one path tells of none", () => {
    expect(weights(told(3000, 1000).all[2])).toEqual([75, 25]);
    expect(weights(told(3000, 0).all[2])).toEqual([1, 1]);
    expect(weights(told(3000, 1000, "bgp bestpath bandwidth ignore").all[2])).toEqual([1, 1]);
    expect(weights(told(3000, 0, "bgp bestpath bandwidth skip-missing").all[2])).toHaveLength(1);
  });
});

it("a table-map says what the routing table gets, and with which metric", () => {
  const rib = (map: string): unknown => {
    const { all } = square({ r4: `table-map T\nexit\nroute-map T ${map}\n` });
    const views = all[3].kernel.os.local.find<{ view(what: string, q: object): unknown }>("views zebra");
    return (views?.view("rib", {}) as Record<string, unknown> | undefined)?.["10.1.0.0/16"];
  };
  expect(rib("permit 10\n set metric 777")).toMatchObject([{ metric: 777 }]);
  expect(rib("deny 10")).toBeUndefined();
});

it("AIGP adds up inside, may become the MED, and decides where that is asked for", () => {
  const own = "exit\nroute-map AIGP permit 10\n set aigp-metric 50\nexit\n";
  const ask = (peer: string): string => `neighbor ${peer} aigp\n`;
  const { all } = square({
    r1: `network 10.1.0.0/16 route-map AIGP\n ${ask("10.0.13.3")}${own}`,
    r2: `network 10.1.0.0/16 route-map AIGP\n ${ask("10.0.23.3")}${own.replace("50", "40")}`,
    r3: `bgp bestpath aigp\n ${ask("10.0.13.1")} ${ask("10.0.23.2")} ${out("10.0.34.4", "set metric aigp")}`,
  });
  const best = detail(all[2]).find((p) => p.bestpath !== undefined);
  expect(best).toMatchObject({ aigpMetric: 40, bestpath: { selectionReason: "AIGP" } });
  expect(detail(all[3])[0]).toMatchObject({ metric: 40 });
  expect(detail(all[3])[0]?.aigpMetric).toBeUndefined();
});

it("a neighbour that takes connections from one address only is reached all the same", () => {
  const lab = new Lab();
  const [k1, k2] = [lab.router("r1"), lab.router("r2")];
  const cable = lab.cable([k1, "e1 10.0.0.1/24"], [k2, "e2 10.0.0.2/24"]);
  cable.setUp(false);
  const lo = (i: number): string => `interface lo\n ip address 1.1.1.${i}/32\nexit\n`;
  const often = (peer: string): string => `neighbor ${peer} timers connect 1`;
  const r1 = router(
    k1,
    `${lo(1)}ip route 1.1.1.2/32 10.0.0.2\nrouter bgp 65001\n neighbor 1.1.1.2 remote-as 65001\n neighbor 1.1.1.2 update-source lo\n ${often("1.1.1.2")}\n`,
  );
  // r2 begins from 10.0.0.2, which r1 does not know.
  router(
    k2,
    `${lo(2)}ip route 1.1.1.1/32 10.0.0.1\nrouter bgp 65001\n neighbor 1.1.1.1 remote-as 65001\n ${often("1.1.1.1")}\n`,
  );
  lab.run(5 * S);
  // Both begin at the same moment, when the way is there.
  cable.setUp(true);
  lab.run(30 * S);
  expect(r1.view("bgp neighbors")).toMatchObject({ "1.1.1.2": { state: "Established" } });
});
