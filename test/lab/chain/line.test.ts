import { describe, expect, it } from "vitest";
import { addressOn, configuration, networkOf, ttlOf } from "../../../src/lab/chain/line.ts";
import { readTable } from "../../../src/lab/chain/table.ts";

describe("addresses of a line", () => {
  it("are the document's as far as it goes, and count on from AS 256", () => {
    expect([34, 57, 255, 256, 1033].map(networkOf)).toEqual([
      "10.199.34.0/24",
      "10.199.57.0/24",
      "10.199.255.0/24",
      "10.200.0.0/24",
      "10.203.9.0/24",
    ]);
    expect(addressOn(56, 2)).toBe("10.199.56.2");
  });
  it("are all different in a line of a thousand", () => {
    expect(new Set(Array.from({ length: 1000 }, (_, i) => networkOf(34 + i))).size).toBe(1000);
  });
});

describe("a router's frr.conf", () => {
  it("names both neighbours and both networks, at the ends one neighbour", () => {
    const line = { first: 34, last: 57 };
    expect(configuration(line, 57)).toBe(`router bgp 57
 bgp router-id 0.0.0.57
 no bgp ebgp-requires-policy
 neighbor 10.199.56.2 remote-as 56
 network 10.199.56.0/24
 network 10.199.57.0/24
`);
    expect(configuration(line, 34).match(/neighbor|network/g)).toEqual(["neighbor", "network"]);
    expect(configuration({ first: 34, last: 1033 }, 300)).toContain("bgp router-id 0.0.1.44");
  });
});

it("nodes keep Linux's TTL as long as it lasts", () => {
  expect([24, 63, 64, 1000].map(ttlOf)).toEqual([64, 64, 255, 255]);
});

it("`show ip bgp` is read column by column", () => {
  const shown = `   Network          Next Hop            Metric LocPrf Weight Path
*> 10.199.34.0/24   10.199.56.2                            0 56 55 i
*                   10.199.1.2               0    200      0 1 55 ?
*> 10.199.57.0/24   0.0.0.0                  0         32768 i

Displayed  2 routes and 3 total paths
`;
  expect(readTable(shown)).toEqual([
    { best: true, prefix: "10.199.34.0/24", nextHop: "10.199.56.2", metric: "", weight: "0", path: "56 55 i" },
    { best: false, prefix: "10.199.34.0/24", nextHop: "10.199.1.2", metric: "0", weight: "0", path: "1 55 ?" },
    { best: true, prefix: "10.199.57.0/24", nextHop: "0.0.0.0", metric: "0", weight: "32768", path: "i" },
  ]);
});
