import { describe, expect, it } from "vitest";
import { S } from "../../../src/core/time.ts";
import { announce, hub, prefixes, stateOf, table } from "./hub.ts";
import type { Router } from "./routers.ts";

describe("neighbours", () => {
  it("may be of any AS with remote-as auto, and AS numbers have dots where wanted", () => {
    const { all } = hub([
      { as: "1.1", lines: "neighbor 10.0.0.2 remote-as auto" },
      { as: 65537, lines: "neighbor 10.0.0.1 remote-as 1.1\n neighbor 10.0.0.3 remote-as auto" },
      { as: 65003, lines: "neighbor 10.0.0.2 remote-as 1.1" },
    ]);
    const [r1, r2] = all as [Router, Router];
    expect(r1.view("bgp neighbors")).toMatchObject({ "10.0.0.2": { state: "Established", remote_as: 65537 } });
    expect(r2.view("bgp neighbors")).toMatchObject({ "10.0.0.3": { state: "Established", remote_as: 65003 } });
  });
  it("that know us by our old AS number or by the new one are served with local-as dual-as", () => {
    for (const known of [65009, 65001]) {
      const { all } = hub(
        [
          {
            as: 65001,
            lines: "neighbor 10.0.0.2 remote-as 65002\n neighbor 10.0.0.2 local-as 65009 no-prepend replace-as dual-as",
          },
          { as: 65002, lines: `neighbor 10.0.0.1 remote-as ${known}` },
        ],
        20,
      );
      expect(stateOf(all[0] as Router, "10.0.0.2")).toBe("Established");
    }
  });
  it("that take no capabilities are spoken to without", () => {
    const { all } = hub([
      {
        as: 70001,
        lines: `neighbor 10.0.0.2 remote-as 70002\n neighbor 10.0.0.2 dont-capability-negotiate\n ${announce("10.1.0.0/16")}`,
      },
      { as: 70002, lines: "neighbor 10.0.0.1 remote-as 23456" },
    ]);
    expect(table(all[1] as Router)["10.1.0.0/16"]).toMatchObject([{ as_path: "70001" }]);
  });
  it("outside of a confederation may have its number", () => {
    const { all } = hub([
      { as: 65000, lines: `neighbor 10.0.0.2 remote-as 65000\n ${announce("10.1.0.0/16")}` },
      {
        as: 65010,
        lines:
          "bgp confederation identifier 65000\n bgp confederation peers 65011\n neighbor 10.0.0.1 remote-as 65000\n neighbor 10.0.0.3 remote-as 65011",
      },
      {
        as: 65011,
        lines:
          "bgp confederation identifier 65000\n bgp confederation peers 65010\n neighbor 10.0.0.2 remote-as external",
      },
    ]);
    expect(table(all[2] as Router)["10.1.0.0/16"]).toMatchObject([{ as_path: "(65010)", local_pref: 100 }]);
  });
  it("inside by the number of local-as are internal ones", () => {
    const { all } = hub([
      {
        as: 65001,
        lines: `neighbor 10.0.0.2 remote-as 65002\n neighbor 10.0.0.2 local-as 65002\n ${announce("10.1.0.0/16")}`,
      },
      { as: 65002, lines: "neighbor 10.0.0.1 remote-as internal" },
    ]);
    expect(table(all[1] as Router)["10.1.0.0/16"]).toMatchObject([{ as_path: "", peer_type: "internal" }]);
  });
  it("that bear our own identifier inside are refused, and ask no more often than others", () => {
    const same = "bgp router-id 9.9.9.9";
    const { all } = hub(
      [
        { as: 65001, lines: `${same}\n neighbor 10.0.0.2 remote-as 65001` },
        { as: 65001, lines: `${same}\n neighbor 10.0.0.1 remote-as 65001` },
      ],
      100,
    );
    const peer = [...((all[0] as Router).bgpd.bgp?.peers.values() ?? [])][0];
    expect(stateOf(all[0] as Router, "10.0.0.2")).not.toBe("Established");
    expect(peer?.counters.sent.reduce((a, b) => a + b, 0)).toBeLessThan(50);
  });
  it("with a hold time that is too short are refused by bgp minimum-holdtime", () => {
    const { all } = hub(
      [
        { as: 65001, lines: "bgp minimum-holdtime 20\n neighbor 10.0.0.2 remote-as 65002" },
        { as: 65002, lines: "neighbor 10.0.0.1 remote-as 65001\n neighbor 10.0.0.1 timers 3 10" },
      ],
      10,
    );
    expect(stateOf(all[0] as Router, "10.0.0.2")).not.toBe("Established");
  });
});

it("AS numbers are printed, and matched, in the notation of the process", () => {
  const lists = `exit
bgp as-path access-list A permit ^1\\.2$
route-map A permit 10\n match as-path A`;
  const { all } = hub([
    { as: "1.2", lines: `neighbor 10.0.0.2 remote-as 65002\n ${announce("10.1.0.0/16")}` },
    {
      as: "65002 as-notation dot",
      lines: `neighbor 10.0.0.1 remote-as 1.2\n neighbor 10.0.0.1 route-map A in\n${lists}`,
    },
  ]);
  expect(table(all[1] as Router)["10.1.0.0/16"]).toMatchObject([{ as_path: "1.2" }]);
  expect((all[1] as Router).show("show ip bgp summary")).toContain("local AS number 65002 ");
  expect((all[1] as Router).bgpd.writeConfig()[0]?.head).toBe("router bgp 65002 as-notation dot");
});

describe("roles (RFC 9234)", () => {
  const pair = (ours: string, theirs: string) =>
    stateOf(
      hub(
        [
          { as: 65001, lines: `neighbor 10.0.0.2 remote-as 65002\n ${ours}` },
          { as: 65002, lines: `neighbor 10.0.0.1 remote-as 65001\n ${theirs}` },
        ],
        10,
      ).all[0] as Router,
      "10.0.0.2",
    );
  it("must belong together", () => {
    expect(pair("neighbor 10.0.0.2 local-role provider", "neighbor 10.0.0.1 local-role customer")).toBe("Established");
    expect(pair("neighbor 10.0.0.2 local-role peer", "neighbor 10.0.0.1 local-role customer")).not.toBe("Established");
    expect(pair("neighbor 10.0.0.2 local-role peer", "")).toBe("Established");
    expect(pair("neighbor 10.0.0.2 local-role peer strict-mode", "")).not.toBe("Established");
  });
  it("keep routes of a provider from another provider", () => {
    const { all } = hub([
      {
        as: 65001,
        lines: `neighbor 10.0.0.2 remote-as 65002\n neighbor 10.0.0.2 local-role provider\n ${announce("10.1.0.0/16")}`,
      },
      {
        as: 65002,
        lines: `neighbor 10.0.0.1 remote-as 65001\n neighbor 10.0.0.1 local-role customer\n neighbor 10.0.0.3 remote-as 65003
 neighbor 10.0.0.3 local-role customer\n neighbor 10.0.0.4 remote-as 65004\n neighbor 10.0.0.4 local-role provider\n ${announce("10.2.0.0/16")}`,
      },
      { as: 65003, lines: "neighbor 10.0.0.2 remote-as 65002\n neighbor 10.0.0.2 local-role provider" },
      { as: 65004, lines: "neighbor 10.0.0.2 remote-as 65002\n neighbor 10.0.0.2 local-role customer" },
    ]);
    expect(prefixes(all[2] as Router)).toEqual(["10.2.0.0/16"]);
    expect(prefixes(all[3] as Router)).toEqual(["10.1.0.0/16", "10.2.0.0/16"]);
  });
});

/** r1, r2 and r5 announce the same prefix to r3, which tells r4. */
const several = (inside: string, r4 = "") =>
  hub([
    { as: 65001, lines: `neighbor 10.0.0.3 remote-as 65003\n ${announce("10.1.0.0/16")}` },
    { as: 65002, lines: `neighbor 10.0.0.3 remote-as 65003\n ${announce("10.1.0.0/16")}` },
    {
      as: 65003,
      lines: `neighbor 10.0.0.1 remote-as 65001\n neighbor 10.0.0.2 remote-as 65002\n neighbor 10.0.0.5 remote-as 65001
 neighbor 10.0.0.4 remote-as 65003\n address-family ipv4 unicast\n  neighbor 10.0.0.4 ${inside}\n exit-address-family`,
    },
    { as: 65003, lines: `neighbor 10.0.0.3 remote-as 65003\n ${r4}` },
    { as: 65001, lines: `neighbor 10.0.0.3 remote-as 65003\n ${announce("10.1.0.0/16")}` },
  ]);
const hops = (r: Router): unknown[] => (table(r)["10.1.0.0/16"] ?? []).map((p) => p.nexthop).sort();

describe("several paths to a prefix (RFC 7911)", () => {
  it("all go to a neighbour that takes them, and go one by one", () => {
    const { lab, all } = several("addpath-tx-all-paths");
    const r4 = all[3] as Router;
    expect(hops(r4)).toEqual(["10.0.0.1", "10.0.0.2", "10.0.0.5"]);
    all[1]?.type("router bgp 65002", "address-family ipv4 unicast", "no network 10.1.0.0/16");
    lab.run(3 * S);
    expect(hops(r4)).toEqual(["10.0.0.1", "10.0.0.5"]);
    all[2]?.type("router bgp 65003", "address-family ipv4 unicast", "no neighbor 10.0.0.4 addpath-tx-all-paths");
    lab.run(10 * S);
    expect(hops(r4)).toHaveLength(1);
  });
  it("or the best of each AS, or the best so many", () => {
    const perAs = hops(several("addpath-tx-bestpath-per-AS").all[3] as Router);
    expect(perAs).toHaveLength(2);
    expect(perAs).toContain("10.0.0.2");
    expect(hops(several("addpath-tx-best-selected 1").all[3] as Router)).toHaveLength(2);
  });
  it("do not go to one that does not take them", () => {
    const r4 = "address-family ipv4 unicast\n  neighbor 10.0.0.3 disable-addpath-rx\n exit-address-family";
    expect(hops(several("addpath-tx-all-paths", r4).all[3] as Router)).toHaveLength(1);
  });
});

describe("what goes out", () => {
  it("waits for what another route map finds in the table, or does not find", () => {
    const { lab, all } = hub([
      {
        as: 65001,
        lines: `bgp conditional-advertisement timer 5\n neighbor 10.0.0.2 remote-as 65002
 address-family ipv4 unicast\n  network 10.1.0.0/16\n  network 10.9.0.0/16
  neighbor 10.0.0.2 advertise-map NINE exist-map EIGHT\n exit-address-family
exit
ip prefix-list EIGHT permit 10.8.0.0/16
ip prefix-list NINE permit 10.9.0.0/16
route-map EIGHT permit 10\n match ip address prefix-list EIGHT\nexit
route-map NINE permit 10\n match ip address prefix-list NINE\nexit`,
      },
      { as: 65002, lines: "neighbor 10.0.0.1 remote-as 65001" },
    ]);
    const [r1, r2] = all as [Router, Router];
    lab.run(6 * S);
    expect(prefixes(r2)).toEqual(["10.1.0.0/16"]);
    r1.type("router bgp 65001", "address-family ipv4 unicast", "network 10.8.0.0/16");
    lab.run(7 * S);
    expect(prefixes(r2)).toEqual(["10.1.0.0/16", "10.8.0.0/16", "10.9.0.0/16"]);
    r1.type(
      "router bgp 65001",
      "address-family ipv4 unicast",
      "neighbor 10.0.0.2 advertise-map NINE non-exist-map EIGHT",
    );
    lab.run(7 * S);
    expect(prefixes(r2)).toEqual(["10.1.0.0/16", "10.8.0.0/16"]);
  });
  it("is no more than maximum-prefix-out, and as much once there is room", () => {
    const { lab, all } = hub([
      {
        as: 65001,
        lines: `neighbor 10.0.0.2 remote-as 65002\n ${announce("10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16", "neighbor").replace("network neighbor", "neighbor 10.0.0.2 maximum-prefix-out 2")}`,
      },
      { as: 65002, lines: "neighbor 10.0.0.1 remote-as 65001" },
    ]);
    const [r1, r2] = all as [Router, Router];
    expect(prefixes(r2)).toEqual(["10.1.0.0/16", "10.2.0.0/16"]);
    r1.type("router bgp 65001", "address-family ipv4 unicast", "no network 10.1.0.0/16");
    lab.run(3 * S);
    expect(prefixes(r2)).toEqual(["10.2.0.0/16", "10.3.0.0/16"]);
  });
  it("follows two changes that come at once", () => {
    const { lab, all } = hub([
      {
        as: 65001,
        lines: `neighbor 10.0.0.2 remote-as 65002\n ${announce("10.1.0.0/16")}\nexit\nip prefix-list NONE deny any`,
      },
      { as: 65002, lines: "neighbor 10.0.0.1 remote-as 65001" },
    ]);
    const [r1, r2] = all as [Router, Router];
    expect(prefixes(r2)).toEqual(["10.1.0.0/16"]);
    const inside = ["router bgp 65001", "address-family ipv4 unicast"];
    r1.type(...inside, "neighbor 10.0.0.2 prefix-list NONE out", "neighbor 10.0.0.2 next-hop-self");
    lab.run(15 * S);
    expect(prefixes(r2)).toEqual([]);
  });
  it("of a route server is as it came, and loops are spared to who asks for that", () => {
    const clients =
      "address-family ipv4 unicast\n  neighbor 10.0.0.1 route-server-client\n  neighbor 10.0.0.3 route-server-client";
    const { lab, all } = hub([
      { as: 65001, lines: `neighbor 10.0.0.2 remote-as 65002\n ${announce("10.1.0.0/16")}` },
      { as: 65002, lines: `neighbor 10.0.0.1 remote-as 65001\n neighbor 10.0.0.3 remote-as 65003\n ${clients}` },
      { as: 65003, lines: "neighbor 10.0.0.2 remote-as 65002" },
    ]);
    expect(table(all[2] as Router)["10.1.0.0/16"]).toMatchObject([{ as_path: "65001", nexthop: "10.0.0.1", med: 0 }]);
    const sent = () => ((all[1] as Router).view("bgp advertised", { peer: "10.0.0.1" }) as { count: number }).count;
    expect(sent()).toBe(1);
    all[1]?.type("router bgp 65002", "neighbor 10.0.0.1 sender-as-path-loop-detection");
    lab.run(3 * S);
    expect(sent()).toBe(0);
  });
  it("default routes that are originated ask no outbound list", () => {
    const { all } = hub([
      {
        as: 65001,
        lines: `neighbor 10.0.0.2 remote-as 65002\n address-family ipv4 unicast\n  network 10.1.0.0/16\n  neighbor 10.0.0.2 default-originate
  neighbor 10.0.0.2 prefix-list NONE out\n exit-address-family\nexit\nip prefix-list NONE deny any`,
      },
      { as: 65002, lines: "neighbor 10.0.0.1 remote-as 65001" },
    ]);
    expect(prefixes(all[1] as Router)).toEqual(["0.0.0.0/0"]);
  });
  it("a route map of default-originate asks the table, and changes the default route", () => {
    const { all } = hub([
      {
        as: 65001,
        lines: `neighbor 10.0.0.2 remote-as 65002\n address-family ipv4 unicast\n  network 10.1.0.0/16 route-map MARK
  neighbor 10.0.0.2 default-originate route-map MARKED\n exit-address-family\nexit
bgp community-list standard SEVEN permit 65001:7
route-map MARK permit 10\n set community 65001:7\nexit
route-map MARKED permit 10\n match community SEVEN\n set metric 123\n set as-path prepend 65001 65001`,
      },
      { as: 65002, lines: "neighbor 10.0.0.1 remote-as 65001" },
    ]);
    const [path] = table(all[1] as Router)["0.0.0.0/0"] ?? [];
    expect(path).toMatchObject({ med: 123, as_path: "65001 65001 65001" });
    expect(path?.communities).toBeUndefined();
  });
  it("private numbers of ours go as well when another is shown", () => {
    const { all } = hub([
      {
        as: 65001,
        lines: `neighbor 10.0.0.2 remote-as 1000\n neighbor 10.0.0.2 local-as 500
 address-family ipv4 unicast\n  network 10.1.0.0/16\n  neighbor 10.0.0.2 remove-private-AS`,
      },
      { as: 1000, lines: "neighbor 10.0.0.1 remote-as 500" },
    ]);
    expect(table(all[1] as Router)["10.1.0.0/16"]).toMatchObject([{ as_path: "500" }]);
  });
  it("sets of AS numbers are neither taken nor passed on unless that is allowed", () => {
    const make = (reject: string) =>
      hub([
        { as: 65001, lines: `neighbor 10.0.0.2 remote-as 65002\n ${announce("10.1.1.0/24")}` },
        {
          as: 65002,
          lines: `${reject}\n neighbor 10.0.0.1 remote-as 65001\n neighbor 10.0.0.3 remote-as 65003\n neighbor 10.0.0.4 remote-as 65004
 neighbor 10.0.0.4 solo
 address-family ipv4 unicast\n  aggregate-address 10.1.0.0/16 as-set summary-only`,
        },
        { as: 65003, lines: `neighbor 10.0.0.2 remote-as 65002\n ${announce("10.1.2.0/24")}` },
        { as: 65004, lines: "neighbor 10.0.0.2 remote-as 65002" },
      ]).all;
    const loose = make("no bgp reject-as-sets");
    expect(table(loose[1] as Router)["10.1.0.0/16"]).toMatchObject([{ as_path: "{65001,65003}" }]);
    expect(prefixes(loose[3] as Router)).toEqual([]);
    const strict = make("bgp reject-as-sets");
    expect(table(strict[1] as Router)["10.1.0.0/16"]).toMatchObject([{ as_path: "{65001,65003}" }]);
    expect(table(strict[3] as Router)["10.1.0.0/16"]).toMatchObject([{ as_path: "65002" }]);
    expect(prefixes(strict[2] as Router)).not.toContain("10.1.0.0/16");
  });
  it("what neighbours were told and what they told is shown as JSON", () => {
    const { all } = hub([
      {
        as: 65001,
        lines: `neighbor 10.0.0.2 remote-as 65002\n address-family ipv4 unicast\n  network 10.1.0.0/16\n  neighbor 10.0.0.2 default-originate`,
      },
      {
        as: 65002,
        lines: `neighbor 10.0.0.1 remote-as 65001\n address-family ipv4 unicast\n  neighbor 10.0.0.1 soft-reconfiguration inbound
  neighbor 10.0.0.1 prefix-list NO in\n exit-address-family\nexit\nip prefix-list NO deny any`,
      },
    ]);
    const [r1, r2] = all as [Router, Router];
    expect(JSON.parse(r1.show("show ip bgp neighbors 10.0.0.2 advertised-routes json"))).toMatchObject({
      bgpOriginatingDefaultNetwork: "0.0.0.0/0",
      advertisedRoutes: { "10.1.0.0/16": { path: "", metric: 0, nextHop: "0.0.0.0", weight: 32768 } },
      totalPrefixCounter: 2,
    });
    expect(JSON.parse(r2.show("show ip bgp neighbors 10.0.0.1 received-routes json"))).toMatchObject({
      receivedRoutes: { "10.1.0.0/16": { path: "65001", nextHop: "10.0.0.1" } },
      totalPrefixCounter: 2,
      filteredPrefixCounter: 2,
    });
    expect(JSON.parse(r1.show("show bgp ipv4 unicast summary json"))).toMatchObject({ peerCount: 1 });
    expect(JSON.parse(r1.show("show bgp summary json"))).toMatchObject({ ipv4Unicast: { peerCount: 1 } });
  });
  it("reflected routes are what they were, whatever a route map says, unless that is allowed", () => {
    const { lab, all } = hub([
      { as: 65001, lines: `neighbor 10.0.0.2 remote-as 65001\n ${announce("10.1.0.0/16")}` },
      {
        as: 65001,
        lines: `neighbor 10.0.0.1 remote-as 65001\n neighbor 10.0.0.3 remote-as 65001\n address-family ipv4 unicast
  neighbor 10.0.0.3 route-reflector-client\n  neighbor 10.0.0.3 route-map OUT out\n exit-address-family
exit\nroute-map OUT permit 10\n set metric 77`,
      },
      { as: 65001, lines: "neighbor 10.0.0.2 remote-as 65001" },
    ]);
    const med = () => table(all[2] as Router)["10.1.0.0/16"]?.[0]?.med;
    expect(med()).toBe(0);
    all[1]?.type("router bgp 65001", "bgp route-reflector allow-outbound-policy");
    lab.run(3 * S);
    expect(med()).toBe(77);
  });
});

it("what is said of neighbours and the process is written as it was typed", () => {
  const inside = [
    "addpath-tx-all-paths",
    "disable-addpath-rx",
    "route-server-client",
    "maximum-prefix-out 5",
    "advertise-map A exist-map B",
  ];
  const outside = [
    "solo",
    "dont-capability-negotiate",
    "sender-as-path-loop-detection",
    "aigp",
    "graceful-shutdown",
    "local-role peer strict-mode",
  ];
  const process = [
    "no bgp reject-as-sets",
    "bgp minimum-holdtime 9",
    "bgp conditional-advertisement timer 7",
    "bgp enforce-first-as",
  ];
  const lines = [...process, "neighbor 10.0.0.2 remote-as 65002", ...outside.map((w) => `neighbor 10.0.0.2 ${w}`)];
  const { all } = hub(
    [
      {
        as: 65001,
        lines: `${lines.join("\n ")}\n address-family ipv4\n  ${inside.map((w) => `neighbor 10.0.0.2 ${w}`).join("\n  ")}`,
      },
    ],
    1,
  );
  const written = all[0]?.bgpd.writeConfig()[0]?.lines.map((l) => l.trim()) ?? [];
  for (const line of [...lines, ...inside.map((w) => `neighbor 10.0.0.2 ${w}`)]) expect(written).toContain(line);
});
