import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, expect } from "vitest";
import { parseCase } from "../../../src/lab/topotest/case.ts";
import { runCase } from "../../../src/lab/topotest/run.ts";
import { haveShared, itNeeds, sharedPath } from "../../harness/shared.ts";

/** FRR's own topologies give FRR's own tables. */

const folder = sharedPath("corpora", "frr-topotests");
const cases = existsSync(folder) ? readdirSync(folder).filter((f) => f.endsWith(".json")) : ["none"];
const frr01 = sharedPath("corpora", "clab", "frr01", "case.json");

const unmet = (path: string, seed: number): unknown[] =>
  runCase(parseCase(path, readFileSync(path, "utf8")), seed)
    .filter((r) => r.differences.length > 0)
    .map((r) => ({ at: r.at, node: r.expectation.node, what: r.expectation.what, differences: r.differences }));

describe.each([1, 2])("with seed %i", (seed) => {
  for (const file of cases)
    itNeeds(haveShared)(`${file}: every table is FRR's`, () =>
      expect(unmet(sharedPath("corpora", "frr-topotests", file), seed)).toEqual([]),
    );
  itNeeds(haveShared)("containerlab's frr01: every table is FRR's", () => expect(unmet(frr01, seed)).toEqual([]));
});
