import { expect, it } from "vitest";
import { layLine, networkOf } from "../../../src/lab/chain/line.ts";
import { start } from "../../../src/lab/chain/pace.ts";
import { type Check, Net } from "../../../src/lab/net.ts";
import { cases } from "../../harness/shared.ts";

const HOUR_MS = 3_600_000;

it("a long line is complete 55 ms a hop after its start, and its paths name every AS", { timeout: HOUR_MS }, () => {
  const routers = cases(100, 1000);
  const checks: Check[] = [];
  const line = layLine(new Net(1, { checked: (check) => checks.push(check) }), routers, "20us");
  const seconds = start(line);
  expect(checks.filter((c) => !c.ok)).toEqual([]);
  expect(seconds).toBeGreaterThan(0.055 * (routers - 1));
  expect(seconds).toBeLessThan(0.055 * (routers - 1) + 5);
  const shown = line.routers.at(-1)?.sh(`vtysh -c "show ip bgp ${networkOf(line.first)}"`) ?? "";
  const path = Array.from({ length: routers - 2 }, (_, i) => line.last - 1 - i).join(" ");
  expect(shown).toContain(`\n  ${path}\n`);
});
