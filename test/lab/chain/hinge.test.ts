import { expect, it } from "vitest";
import { firewall, layHinges, steer } from "../../../src/lab/chain/hinge.ts";
import { segments } from "../../../src/lab/chain/segments.ts";
import { type Check, Net } from "../../../src/lab/net.ts";

it("hinges steer by policy, through a firewall, and by a list of segments, whatever the seed", () => {
  for (const seed of [3, 4]) {
    const checks: Check[] = [];
    const hinges = layHinges(new Net(seed, { checked: (check) => checks.push(check) }));
    steer(hinges);
    firewall(hinges);
    segments(hinges);
    expect(checks.length).toBe(13);
    expect(checks.filter((c) => !c.ok)).toEqual([]);
  }
});

it("without the policy's community nobody takes the long way", () => {
  const hinges = layHinges(new Net(1));
  steer(hinges);
  const { net, west } = hinges;
  for (const side of ["west", "east"])
    net
      .node(side)
      .sh('vtysh -c "configure terminal" -c "no route-map TO-LONG permit 10" -c "end" -c "clear ip bgp * soft"');
  net.run("10s");
  expect(west.sh("ip route show 10.212.2.0/24")).toContain("via 10.210.1.2 ");
});
