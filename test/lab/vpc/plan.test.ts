import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { extendSubnet, plan, type Tenant } from "../../../src/lab/vpc/plan.ts";
import { planTables } from "../../../src/lab/vpc/tables.ts";
import { haveShared, itNeeds, sharedPath } from "../../harness/shared.ts";

const figure2: Tenant = {
  id: 1,
  vpcs: 2,
  subnets: [
    { id: 21, vpcs: [1, 2] },
    { id: 31, vpcs: [1, 2] },
  ],
};
const beforeMigration: Tenant = { id: 3, vpcs: 3, subnets: [{ id: 10, vpcs: [1] }] };

describe("a tenant's plan", () => {
  itNeeds(haveShared)("is the document's Figure 2, column by column", () => {
    expect(tablesOf(plan(figure2))).toEqual(listing("== 1. Figure 2"));
  });

  itNeeds(haveShared)("is the document's listing after the migration of subnet 10 from VPC 1 to VPC 3", () => {
    expect(tablesOf(plan(extendSubnet(beforeMigration, 10, 1, 3)))).toEqual(listing("== 2. Subnet migration"));
  });

  it("refuses a migration to a VPC that has the subnet", () => {
    expect(() => extendSubnet(figure2, 21, 1, 2)).toThrow("VPC 2 already has subnet 21");
    expect(() => extendSubnet(figure2, 99, 1, 2)).toThrow("VPC 1 has no subnet 99");
  });

  it("gives every tunnel end of nine VPCs its own address", () => {
    const { gres } = plan({ id: 7, vpcs: 9, subnets: [] });
    expect(new Set(gres.map((g) => g.address)).size).toBe(9 * 8);
    for (const g of gres) expect(gres.find((other) => other.name === g.pair)?.pair).toBe(g.name);
  });
});

/** Rows as the document's program prints them: the row number, then the columns. */
const tablesOf = (p: ReturnType<typeof plan>): string[][] =>
  planTables(p).flatMap((t) => [t.columns.map(String), ...t.rows.map((row, i) => [String(i), ...row.map(String)])]);

/** The printed tables of one listing: headings and rows, as words. */
function listing(heading: string): string[][] {
  const text = readFileSync(sharedPath("documents", "001-listings.txt"), "utf8");
  const section = text.slice(text.indexOf(heading)).split("\n== ")[0] as string;
  const lines = section.split("\n").map((l) => l.split(" "));
  return lines.filter((words) => /^(\d+|t_id|gretun)$/.test(words[0] as string) && words.length > 4);
}
