import { expect, it } from "vitest";
import { CARRIERS, l2vpn } from "../../../src/lab/chain/l2vpn.ts";
import { layLine } from "../../../src/lab/chain/line.ts";
import { start } from "../../../src/lab/chain/pace.ts";
import { reach } from "../../../src/lab/chain/reach.ts";
import { type Check, Net } from "../../../src/lab/net.ts";

/** Lines around the ends of what a TTL can do: 63 routers are Linux's own, 254 the most that hosts can have between them. */
it.each([4, 63, 64])("a line of %i routers: hosts reach each other, over it and in one subnet", (routers) => {
  const checks: Check[] = [];
  const line = layLine(new Net(1, { checked: (check) => checks.push(check) }), routers, "20us");
  start(line);
  reach(line);
  l2vpn(line, CARRIERS);
  expect(checks.length).toBe(15);
  expect(checks.filter((c) => !c.ok)).toEqual([]);
});
