import { describe, expect, it } from "vitest";
import { S } from "../../../src/core/time.ts";
import { announce, hub, table } from "./hub.ts";
import type { Router } from "./routers.ts";

/** Two routers announce to a third one, which aggregates for a fourth one. */
function aggregating(aggregate: string, policy = "", left = announce("10.1.1.0/24"), right = announce("10.1.2.0/24")) {
  const { lab, all } = hub([
    { as: 65001, lines: `neighbor 10.0.0.3 remote-as 65003\n ${left}` },
    { as: 65002, lines: `neighbor 10.0.0.3 remote-as 65003\n ${right}` },
    {
      before: policy,
      as: 65003,
      lines: `no bgp reject-as-sets
 neighbor 10.0.0.1 remote-as 65001
 neighbor 10.0.0.2 remote-as 65002
 neighbor 10.0.0.4 remote-as 65004
 address-family ipv4 unicast
  ${aggregate}
 exit-address-family`,
    },
    { as: 65004, lines: "no bgp reject-as-sets\n neighbor 10.0.0.3 remote-as 65003" },
  ]);
  const [r1, r2, r3, r4] = all as [Router, Router, Router, Router];
  const family = (r: Router, as: number, ...lines: readonly string[]): void => {
    r.type(`router bgp ${as}`, "address-family ipv4 unicast", ...lines);
    lab.run(3 * S);
  };
  return { lab, r1, r2, r3, r4, family };
}
const seen = (r: Router): string[] => Object.keys(table(r));
const ALL = ["10.1.0.0/16", "10.1.1.0/24", "10.1.2.0/24"];

describe("aggregates", () => {
  it("are there while something is that they cover, beside it", () => {
    const { r1, r2, r3, r4, family } = aggregating("aggregate-address 10.1.0.0/16");
    expect(seen(r4)).toEqual(ALL);
    expect(table(r4)["10.1.0.0/16"]?.[0]).toMatchObject({ as_path: "65003", origin: "IGP" });
    expect(r3.show("show ip bgp 10.1.0.0/16")).toContain("atomic-aggregate");
    family(r1, 65001, "no network 10.1.1.0/24");
    expect(seen(r4)).toEqual(["10.1.0.0/16", "10.1.2.0/24"]);
    family(r2, 65002, "no network 10.1.2.0/24");
    expect(seen(r4)).toEqual([]);
  });
  it("hide with summary-only, and what they hid is back when they go", () => {
    const { r3, r4, family } = aggregating("aggregate-address 10.1.0.0/16 summary-only");
    expect(seen(r4)).toEqual(["10.1.0.0/16"]);
    expect(r3.show("show ip bgp")).toContain("s> 10.1.1.0/24");
    family(r3, 65003, "no aggregate-address 10.1.0.0/16");
    expect(seen(r4)).toEqual(["10.1.1.0/24", "10.1.2.0/24"]);
  });
  it("hide what their suppress-map permits, unless an unsuppress-map shows it", () => {
    const policy = `ip prefix-list ONE permit 10.1.1.0/24
route-map HIDE permit 10
 match ip address prefix-list ONE
exit`;
    const { r3, r4, lab } = aggregating("aggregate-address 10.1.0.0/16 suppress-map HIDE", policy);
    expect(seen(r4)).toEqual(["10.1.0.0/16", "10.1.2.0/24"]);
    r3.type("router bgp 65003", "neighbor 10.0.0.4 unsuppress-map HIDE");
    lab.run(3 * S);
    expect(seen(r4)).toEqual(ALL);
  });
  it("with as-set tell of all ASes and communities that they cover (RFC 4271 §9.2.2.2)", () => {
    const map = `neighbor 10.0.0.3 route-map C out\n ${announce("10.1.1.0/24")}\nroute-map C permit 10\n set community 65001:7\n exit\nrouter bgp 65001`;
    const { r4 } = aggregating("aggregate-address 10.1.0.0/16 as-set", "", map);
    expect(table(r4)["10.1.0.0/16"]?.[0]).toMatchObject({ as_path: "65003 {65001,65002}", communities: "65001:7" });
  });
  it("have the worst origin of what they cover, or the one that is said", () => {
    const map = `neighbor 10.0.0.3 route-map O out\n ${announce("10.1.1.0/24")}\nroute-map O permit 10\n set origin incomplete\n exit\nrouter bgp 65001`;
    const { r3, r4, family } = aggregating("aggregate-address 10.1.0.0/16", "", map);
    expect(table(r4)["10.1.0.0/16"]?.[0]).toMatchObject({ origin: "incomplete" });
    family(r3, 65003, "aggregate-address 10.1.0.0/16 origin egp");
    expect(table(r4)["10.1.0.0/16"]?.[0]).toMatchObject({ origin: "EGP" });
  });
  it("with matching-MED-only are there only while all MEDs are equal", () => {
    const map = `neighbor 10.0.0.3 route-map M out\n ${announce("10.1.1.0/24")}\nroute-map M permit 10\n set metric 0\n exit\nrouter bgp 65001`;
    const { r1, r4, lab } = aggregating("aggregate-address 10.1.0.0/16 matching-MED-only", "", map);
    expect(seen(r4)).toEqual(ALL);
    r1.type("route-map M permit 10", "set metric 5");
    lab.run(10 * S);
    expect(seen(r4)).toEqual(["10.1.1.0/24", "10.1.2.0/24"]);
  });
  it("are changed, or held back, by their route map", () => {
    const policy = "route-map AGG permit 10\n set community 65003:9\nexit";
    const { r3, r4, lab } = aggregating("aggregate-address 10.1.0.0/16 route-map AGG", policy);
    expect(table(r4)["10.1.0.0/16"]?.[0]).toMatchObject({ communities: "65003:9" });
    r3.type("route-map AGG deny 5");
    lab.run(10 * S);
    expect(seen(r4)).toEqual(["10.1.1.0/24", "10.1.2.0/24"]);
  });
  it("do not count in others that cover them", () => {
    const { r1, r2, r4, family } = aggregating("aggregate-address 10.1.0.0/16\n  aggregate-address 10.0.0.0/8");
    expect(seen(r4)).toEqual(["10.0.0.0/8", ...ALL]);
    family(r1, 65001, "no network 10.1.1.0/24");
    family(r2, 65002, "no network 10.1.2.0/24");
    expect(seen(r4)).toEqual([]);
  });
  it("are a route to nowhere in the kernel, so that what they cover and nobody has goes round in no circle", () => {
    const { r3 } = aggregating("aggregate-address 10.1.0.0/16 summary-only");
    expect(r3.show("show ip route 10.1.0.0/16")).toContain("blackhole");
  });
});
