import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { S } from "../../../src/core/time.ts";
import { Lab } from "../../harness/kernels.ts";
import { haveShared, itNeeds, sharedPath } from "../../harness/shared.ts";
import { bestPath, type Router, router, settle } from "./routers.ts";

/** 24 routers, AS 34 to 57, as they were measured on Linux with FRR 8.4. */
const FIRST = 34;
const LAST = 57;

function chain(): { lab: Lab; routers: Router[]; cut: (as: number, up: boolean) => void } {
  const lab = new Lab();
  const numbers = Array.from({ length: LAST - FIRST + 1 }, (_, i) => FIRST + i);
  const kernels = numbers.map((as) => lab.router(`as${as}`));
  const cables = kernels.slice(1).map((right, i) => {
    const net = FIRST + i + 100;
    const left = kernels[i];
    if (left === undefined) throw new Error("no left end");
    return lab.cable([left, `right 10.199.${net}.1/24`], [right, `left 10.199.${net}.2/24`]);
  });
  const routers = numbers.map((as, i) => {
    const left = as > FIRST ? ` neighbor 10.199.${as + 99}.1 remote-as ${as - 1}\n` : "";
    const right = as < LAST ? ` neighbor 10.199.${as + 100}.2 remote-as ${as + 1}\n` : "";
    const config = `router bgp ${as}\n bgp router-id 10.199.${as}.1\n no bgp ebgp-requires-policy\n no bgp network import-check\n${left}${right} network 10.199.${as}.0/24\n`;
    return router(kernels[i] as never, config);
  });
  return { lab, routers, cut: (as, up) => cables[as - FIRST]?.setUp(up) };
}

/** Seconds until something holds. */
function until(lab: Lab, holds: () => boolean, withinS = 20): number {
  const start = lab.sim.now;
  while (!holds()) {
    lab.run(0.01 * S);
    if (lab.sim.now - start > withinS * S) expect.fail("it never came to hold");
  }
  return (lab.sim.now - start) / S;
}
/** Within 15 % of what was measured. */
const near = (got: number, low: number, high = low): void => {
  expect(got).toBeGreaterThan(low * 0.85);
  expect(got).toBeLessThan(high * 1.15);
};

describe("a chain of 24 routers", () => {
  const { lab, routers, cut } = chain();
  const [first, last] = [routers[0] as Router, routers.at(-1) as Router];
  const count = (r: Router): number => (r.view("bgp count") as { routes: number }).routes;

  it("is complete as soon as FRR's is", () => {
    near(
      until(lab, () => count(first) === 24 && count(last) === 24),
      4.06,
      6.83,
    );
    settle(lab, routers);
  });
  itNeeds(haveShared)("shows at its end what FRR shows", () => {
    expect(last.show("show ip bgp")).toBe(
      readFileSync(sharedPath("anchors/linux/bgp_chain_as57_show_ip_bgp.txt"), "utf8"),
    );
  });
  it("passes an announcement over 23 hops as fast as FRR", () => {
    first.type("router bgp 34", "network 10.200.0.0/24");
    near(
      until(lab, () => bestPath(last, "10.200.0.0/24") !== undefined),
      1.34,
      1.41,
    );
  });
  it("and a withdrawal", () => {
    first.type("router bgp 34", "no network 10.200.0.0/24");
    near(
      until(lab, () => bestPath(last, "10.200.0.0/24") === undefined),
      1.32,
      1.37,
    );
  });
  it("loses what lay behind a cable that is cut, and finds it again, as fast as FRR", () => {
    settle(lab, routers);
    cut(45, false);
    near(
      until(lab, () => count(last) === 12),
      0.67,
    );
    lab.run(10 * S);
    cut(45, true);
    near(
      until(lab, () => count(first) === 24 && count(last) === 24),
      1.82,
      2.81,
    );
  });
});
