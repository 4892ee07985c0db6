import { describe, expect, it } from "vitest";
import { S } from "../../../src/core/time.ts";
import { announce, hub, table } from "./hub.ts";
import type { Router } from "./routers.ts";

/** Members 65001 and 65002 of confederation 100, between foreign AS 200 behind the first one and 300 behind the second one. */
function confederation(first = "", second = "", left = "") {
  const inside = "bgp confederation identifier 100";
  const { lab, all } = hub([
    { as: 200, lines: `neighbor 10.0.0.2 remote-as 100\n ${left}\n ${announce("10.1.0.0/16")}` },
    {
      as: 65001,
      lines: `${inside}\n bgp confederation peers 65002\n neighbor 10.0.0.1 remote-as 200\n neighbor 10.0.0.3 remote-as 65002\n ${first}\n ${announce("10.2.0.0/16")}`,
    },
    {
      as: 65002,
      lines: `${inside}\n bgp confederation peers 65001\n neighbor 10.0.0.2 remote-as 65001\n neighbor 10.0.0.4 remote-as 300\n ${second}`,
    },
    { as: 300, lines: "neighbor 10.0.0.3 remote-as 100" },
  ]);
  const [r1, r2, r3, r4] = all as [Router, Router, Router, Router];
  return { lab, r1, r2, r3, r4 };
}
const path = (r: Router, prefix: string): Readonly<Record<string, unknown>> => table(r)[prefix]?.[0] ?? {};

describe("a confederation", () => {
  it("shows its members to each other, and one AS to the others (RFC 5065 §4)", () => {
    const { r3, r4 } = confederation();
    expect(path(r3, "10.1.0.0/16")).toMatchObject({ as_path: "(65001) 200", as_path_len: 1, nexthop: "10.0.0.1" });
    expect(path(r3, "10.2.0.0/16")).toMatchObject({ as_path: "(65001)", as_path_len: 0 });
    expect(path(r4, "10.1.0.0/16")).toMatchObject({ as_path: "100 200" });
    expect(path(r4, "10.2.0.0/16")).toMatchObject({ as_path: "100" });
  });
  it("carries LOCAL_PREF and MED from member to member (RFC 5065 §5)", () => {
    const map =
      "neighbor 10.0.0.3 route-map M out\n exit\nroute-map M permit 10\n set local-preference 250\n set metric 9\n exit\nrouter bgp 65001\n";
    const { r3, r4 } = confederation(map);
    expect(path(r3, "10.1.0.0/16")).toMatchObject({ local_pref: 250, med: 9 });
    expect(path(r4, "10.1.0.0/16")).not.toHaveProperty("local_pref");
  });
  it("takes no route that has been in a member, or in the confederation, before", () => {
    const { r1, r2, r3 } = confederation();
    expect(table(r2)["10.2.0.0/16"]?.length).toBe(1);
    expect(Object.keys(table(r1))).toEqual(["10.1.0.0/16", "10.2.0.0/16"]);
    expect(table(r3)["10.1.0.0/16"]?.length).toBe(1);
  });
  it("counts its own segments in the length of paths only where that is asked for", () => {
    const { lab, r3 } = confederation();
    const reason = (): string => r3.show("show ip bgp 10.1.0.0/16");
    expect(reason()).toContain("(65001) 200");
    r3.type("router bgp 65002", "bgp bestpath as-path confed");
    lab.run(S);
    expect(r3.bgpd.bgp?.rules.asPathConfed).toBe(true);
  });
  it("holds routes that must not leave a member back (RFC 1997: NO_EXPORT_SUBCONFED)", () => {
    const map =
      "neighbor 10.0.0.2 route-map M out\n exit\nroute-map M permit 10\n set community local-AS\n exit\nrouter bgp 200\n";
    const { r2, r3 } = confederation("", "", map);
    expect(path(r2, "10.1.0.0/16")).toMatchObject({ communities: "local-AS" });
    expect(Object.keys(table(r3))).toEqual(["10.2.0.0/16"]);
  });
});
