import { describe, expect, it } from "vitest";
import { S } from "../../../src/core/time.ts";
import { Lab } from "../../harness/kernels.ts";
import { type Router, router, settle } from "./routers.ts";

type Path = Readonly<Record<string, unknown>>;

/** r1 — r2 — r3 in the given ASes; lines inside `address-family` of each. r1 announces 10.1.0.0/16 and 10.1.1.0/24. */
function three(
  as: readonly [number, number, number],
  lines: { r1?: string; r2?: string; r3?: string; global?: string } = {},
) {
  const lab = new Lab();
  const kernels = [1, 2, 3].map((i) => lab.router(`r${i}`));
  const [k1, k2, k3] = kernels as [(typeof kernels)[0], (typeof kernels)[0], (typeof kernels)[0]];
  lab.cable([k1, "e12 10.0.12.1/24"], [k2, "e21 10.0.12.2/24"]);
  lab.cable([k2, "e23 10.0.23.2/24"], [k3, "e32 10.0.23.3/24"]);
  const base = (i: number, neighbors: string, inside: string) => `router bgp ${as[i - 1]}
 bgp router-id ${i}.${i}.${i}.${i}
 no bgp ebgp-requires-policy
 no bgp network import-check
 ${neighbors}
 address-family ipv4 unicast
  ${inside}
 exit-address-family
exit
${lines.global ?? ""}`;
  const toR2 = `neighbor 10.0.12.2 remote-as ${as[1]}`;
  const both = `neighbor 10.0.12.1 remote-as ${as[0]}\n neighbor 10.0.23.3 remote-as ${as[2]}`;
  const r1 = router(k1, base(1, toR2, `network 10.1.0.0/16\n  network 10.1.1.0/24\n  ${lines.r1 ?? ""}`));
  const r2 = router(k2, base(2, both, lines.r2 ?? ""));
  const r3 = router(k3, base(3, `neighbor 10.0.23.2 remote-as ${as[1]}`, lines.r3 ?? ""));
  const all = [r1, r2, r3];
  settle(lab, all);
  return { lab, r1, r2, r3, all };
}
const table = (r: Router): Record<string, Path[]> => r.view("bgp table") as Record<string, Path[]>;
const path = (r: Router, prefix: string): Path | undefined => table(r)[prefix]?.[0];

const EBGP = [65001, 65002, 65003] as const;

describe("policy of a neighbour", () => {
  it("route maps change what goes out and what comes in", () => {
    const { r2, r3 } = three(EBGP, {
      r1: "neighbor 10.0.12.2 route-map OUT out",
      r2: "neighbor 10.0.12.1 route-map IN in",
      global: `ip prefix-list SPECIFIC permit 10.1.1.0/24
route-map OUT permit 10
 match ip address prefix-list SPECIFIC
 set community 65001:7 no-export
 set as-path prepend 65001 65001
 set metric 50
exit
route-map OUT permit 20
 set large-community 1:2:3
exit
bgp community-list standard SEVEN permit 65001:7
route-map IN permit 10
 match community SEVEN
 set local-preference 200
 set weight 5
exit
route-map IN permit 20
 set metric +3`,
    });
    expect(path(r2, "10.1.1.0/24")).toMatchObject({
      ...{ as_path: "65001 65001 65001", med: 50, local_pref: 200, weight: 5, communities: "65001:7 no-export" },
    });
    expect(path(r2, "10.1.0.0/16")).toMatchObject({ as_path: "65001", med: 3 });
    expect(Object.keys(table(r3))).toEqual(["10.1.0.0/16"]); // no-export held the other
    expect(path(r3, "10.1.0.0/16")).not.toHaveProperty("med");
  });
  it("lists of prefixes, AS paths and addresses filter", () => {
    const { r3, r2, lab } = three(EBGP, {
      r2: "neighbor 10.0.23.3 filter-list ONE out\n  neighbor 10.0.12.1 prefix-list LONG in",
      global: "bgp as-path access-list ONE permit ^65001$\nip prefix-list LONG permit 10.0.0.0/8 ge 24",
    });
    expect(Object.keys(table(r3))).toEqual(["10.1.1.0/24"]);
    r2.type("bgp as-path access-list ONE seq 1 deny _65001_");
    lab.run(8 * S);
    expect(table(r3)).toEqual({});
  });
  it("private AS numbers go, ours takes the place of theirs, and loops may be allowed", () => {
    const { r3 } = three([65001, 100, 65001], { r2: "neighbor 10.0.23.3 as-override" });
    expect(path(r3, "10.1.0.0/16")).toMatchObject({ as_path: "100 100" });
    const allowed = three([65001, 100, 65001], { r3: "neighbor 10.0.23.2 allowas-in 1" });
    expect(path(allowed.r3, "10.1.0.0/16")).toMatchObject({ as_path: "100 65001" });
    const removed = three([65001, 100, 200], { r2: "neighbor 10.0.23.3 remove-private-AS" });
    expect(path(removed.r3, "10.1.0.0/16")).toMatchObject({ as_path: "100" });
  });
  it("without a policy nothing passes between ASes (RFC 8212)", () => {
    const { r1, r2, lab } = three(EBGP);
    r2.type("router bgp 65002", "bgp ebgp-requires-policy");
    lab.run(8 * S);
    expect(table(r2)).toEqual({});
    expect(r2.show("show ip bgp summary")).toContain("(Policy) (Policy) N/A");
    expect(r1.view("bgp neighbors")).toMatchObject({ "10.0.12.2": { state: "Established", received: 0 } });
  });
  it("too many prefixes end the session", () => {
    const { r2 } = three(EBGP, { r2: "neighbor 10.0.12.1 maximum-prefix 1" });
    expect(r2.view("bgp neighbors")).toMatchObject({ "10.0.12.1": { state: "Idle (PfxCt)", received: 0 } });
  });
  it("soft reconfiguration keeps what came, and judges it anew", () => {
    const { r2, lab } = three(EBGP, { r2: "neighbor 10.0.12.1 soft-reconfiguration inbound" });
    r2.type("ip prefix-list NONE deny any", "router bgp 65002", "neighbor 10.0.12.1 prefix-list NONE in");
    lab.run(S);
    expect(table(r2)).toEqual({});
    expect(Object.keys(r2.view("bgp adj-in", { peer: "10.0.12.1" }) as object)).toHaveLength(2);
    r2.type("router bgp 65002", "no neighbor 10.0.12.1 prefix-list NONE in");
    lab.run(S);
    expect(Object.keys(table(r2))).toHaveLength(2);
  });
});

describe("inside an AS", () => {
  it("routes of internal neighbours go on only through a reflector", () => {
    const plain = three([65001, 65001, 65001]);
    expect(table(plain.r3)).toEqual({});
    const clients = "neighbor 10.0.12.1 route-reflector-client\n  neighbor 10.0.23.3 route-reflector-client";
    const { r3 } = three([65001, 65001, 65001], { r2: clients });
    expect(path(r3, "10.1.0.0/16")).toMatchObject({
      ...{ as_path: "", local_pref: 100, originator_id: "1.1.1.1", cluster_list: ["2.2.2.2"], nexthop: "10.0.12.1" },
    });
  });
  it("next-hop-self makes outside routes usable inside", () => {
    const { r3 } = three([65001, 65002, 65002]);
    expect(path(r3, "10.1.0.0/16")).toMatchObject({ valid: false, nexthop: "10.0.12.1" });
    const self = three([65001, 65002, 65002], { r2: "neighbor 10.0.23.3 next-hop-self" });
    expect(path(self.r3, "10.1.0.0/16")).toMatchObject({ valid: true, best: true, nexthop: "10.0.23.2" });
  });
});

describe("routes of this router", () => {
  it("aggregates follow what they cover, and hide it", () => {
    const { r1, r3, lab } = three(EBGP, {
      r2: "no bgp reject-as-sets\n aggregate-address 10.0.0.0/8 as-set summary-only",
    });
    expect(table(r3)).toMatchObject({ "10.0.0.0/8": [{ as_path: "65002 65001" }] });
    expect(Object.keys(table(r3))).toHaveLength(1);
    r1.type("router bgp 65001", "no network 10.1.0.0/16", "no network 10.1.1.0/24");
    lab.run(2 * S);
    expect(table(r3)).toEqual({});
  });
  it("a default is originated, and connected routes redistributed", () => {
    const { r3 } = three(EBGP, { r2: "neighbor 10.0.23.3 default-originate\n  redistribute connected metric 9" });
    expect(path(r3, "0.0.0.0/0")).toMatchObject({ as_path: "65002", best: true });
    expect(path(r3, "10.0.12.0/24")).toMatchObject({ med: 9, origin: "incomplete" });
  });
  it("are written as they were typed", () => {
    const { r2 } = three(EBGP, {
      r2: "neighbor 10.0.23.3 default-originate\n  neighbor 10.0.12.1 weight 7\n  aggregate-address 10.0.0.0/8 summary-only",
    });
    const [block] = r2.bgpd.writeConfig();
    expect([block?.head, ...(block?.lines ?? []), block?.end].join("\n")).toBe(`router bgp 65002
 bgp router-id 2.2.2.2
 no bgp network import-check
 no bgp ebgp-requires-policy
 neighbor 10.0.12.1 remote-as 65001
 neighbor 10.0.23.3 remote-as 65003
 !
 address-family ipv4 unicast
  aggregate-address 10.0.0.0/8 summary-only
  neighbor 10.0.12.1 weight 7
  neighbor 10.0.23.3 default-originate
 exit-address-family
exit`);
  });
});
