import { expect, it } from "vitest";
import { S } from "../../../src/core/time.ts";
import { announce, hub, table } from "./hub.ts";
import type { Router } from "./routers.ts";

it("routes go on once the kernel has them, and are taken back while a better route of somebody else is there", () => {
  const { lab, all } = hub([
    { as: 65001, lines: `neighbor 10.0.0.2 remote-as 65002\n ${announce("10.1.0.0/16", "10.2.0.0/16")}` },
    {
      before: "ip route 10.2.0.0/16 10.0.0.9",
      as: 65002,
      lines: "bgp suppress-fib-pending\n neighbor 10.0.0.1 remote-as 65001\n neighbor 10.0.0.3 remote-as 65003",
    },
    { as: 65003, lines: "neighbor 10.0.0.2 remote-as 65002" },
  ]);
  const [, r2, r3] = all as [Router, Router, Router];
  const seen = (): string[] => {
    lab.run(2 * S);
    return Object.keys(table(r3));
  };
  expect(table(r2)["10.2.0.0/16"]).toMatchObject([{ best: true }]);
  expect(seen()).toEqual(["10.1.0.0/16"]);
  r2.type("ip route 10.1.0.0/16 10.0.0.9", "no ip route 10.2.0.0/16 10.0.0.9");
  expect(seen()).toEqual(["10.2.0.0/16"]);
  r2.type("router bgp 65002", "no bgp suppress-fib-pending");
  lab.run(20 * S);
  expect(seen()).toEqual(["10.1.0.0/16", "10.2.0.0/16"]);
});
