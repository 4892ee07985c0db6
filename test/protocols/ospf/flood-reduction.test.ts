import { describe, expect, it } from "vitest";
import { S } from "../../../src/core/time.ts";
import { LSA_ASBR_SUMMARY, LSA_EXTERNAL, LSA_ROUTER } from "../../../src/protocols/ospf/lsa-codec.ts";
import type { Slot } from "../../../src/protocols/ospf/lsdb.ts";
import { configure, OspfLab, type Router, show } from "./net.ts";

const process = (n: number, more = ""): string => `router ospf\n ospf router-id 1.1.1.${n}\n${more}`;
const p2p = (area: string): string => ` ip ospf area ${area}\n ip ospf network point-to-point\n`;

/** Routers in a line, 10.0.i.1 — 10.0.i.2; `areas`: of each cable, `more`: what stands in each `router ospf`. */
function line(areas: readonly string[], more: (n: number) => string) {
  const lab = new OspfLab();
  const kernels = [...areas, ""].map((_, i) => lab.router(`r${i + 1}`));
  const cables = areas.map((_, i) => {
    const [left, right] = [kernels[i], kernels[i + 1]] as [(typeof kernels)[0], (typeof kernels)[0]];
    return lab.cable([left, `e${i} 10.0.${i}.1/24`], [right, `w${i + 1} 10.0.${i}.2/24`]);
  });
  const routers = kernels.map((kernel, i) => {
    const west = i > 0 ? `interface w${i}\n${p2p(areas[i - 1] as string)}` : "";
    const east = i < areas.length ? `interface e${i}\n${p2p(areas[i] as string)}` : "";
    return lab.frr(kernel, `${west}${east}${process(i + 1, more(i + 1))}`);
  });
  return { lab, routers, cables };
}
const routerLsa = (at: Router, of: number, area = 0): Slot => {
  const id = 0x01010100 + of;
  const slot = at.ospfd.ospf.areas.get(area)?.lsdb.find(LSA_ROUTER, id, id);
  if (slot === undefined) throw new Error(`no router advertisement of ${of}`);
  return slot;
};
const ageOf = (at: Router, of: number): number => routerLsa(at, of).ageNow(at.kernel.os.now());
const REDUCED = " flood-reduction\n";

describe("flood reduction", () => {
  it("advertisements stay as old as they are and are not refreshed, where all routers of an area can keep them", () => {
    const { lab, routers } = line(["0", "0"], () => REDUCED);
    const [r1, , r3] = routers as [Router, Router, Router];
    lab.run(60 * S);
    const [age, seq] = [ageOf(r3, 1), routerLsa(r3, 1).lsa.seq];
    expect(show(r3, "show ip ospf database router 1.1.1.1")).toContain(
      `LS age: ${age}(DNA)\n  Options: 0x22 : *|-|DC|-|-|-|E|-`,
    );
    expect(show(r1, "show ip ospf database router 1.1.1.1")).toMatch(/LS age: \d+\(S-DNA\)/);
    expect(show(r3, "show ip ospf")).toContain(
      "   Flood Reduction is enabled.\n   No of LSAs rcv'd with DC bit set 2\n",
    );
    lab.run(2 * 3600 * S);
    expect([ageOf(r3, 1), routerLsa(r3, 1).lsa.seq]).toEqual([age, seq]);
    expect(ageOf(r1, 1)).toBeLessThan(3600);
    expect(show(r3, "show ip ospf route")).toContain("N    10.0.0.0/24");
  });

  it("one router that does not know them is enough for all to age, and they stop when it is gone", () => {
    const { lab, routers } = line(["0", "0"], (n) => (n === 2 ? "" : REDUCED));
    const [r1, r2, r3] = routers as [Router, Router, Router];
    lab.run(60 * S);
    expect(routerLsa(r3, 1).doNotAge).toBe(false);
    expect(routerLsa(r3, 1).lsa.options).toBe(0x22);
    expect(r1.ospfd.ospf.areas.get(0)?.reduction).toMatchObject({ enabled: false, dcClear: true });
    configure(r2, "router ospf", "flood-reduction");
    lab.run(20 * S);
    for (const of of [1, 2]) expect(routerLsa(r3, of).doNotAge).toBe(true);
    configure(r2, "router ospf", "no flood-reduction");
    lab.run(20 * S);
    for (const of of [1, 2]) expect(routerLsa(r3, of).doNotAge).toBe(false);
    const before = ageOf(r3, 1);
    lab.run(100 * S);
    expect(ageOf(r3, 1)).toBe(before + 100);
  });

  it("what does not age does so again when its router is not reached any more", () => {
    const { lab, routers, cables } = line(["0", "0"], () => REDUCED);
    const [r1, , r3] = routers as [Router, Router, Router];
    lab.run(60 * S);
    cables[1]?.setUp(false);
    lab.run(60 * S);
    expect(routerLsa(r1, 3).doNotAge).toBe(false);
    expect(routerLsa(r1, 2).doNotAge).toBe(true);
    lab.run(3700 * S);
    expect(r1.ospfd.ospf.areas.get(0)?.lsdb.find(LSA_ROUTER, 0x01010103, 0x01010103)).toBeUndefined();
    cables[1]?.setUp(true);
    lab.run(120 * S);
    expect(routerLsa(r1, 3).doNotAge).toBe(true);
    expect(show(r3, "show ip ospf route")).toContain("N    10.0.0.0/24");
  });

  it("a border router tells other areas of one that cannot, and takes that back", () => {
    const { lab, routers } = line(["0", "1"], (n) =>
      n === 3 ? "" : `${REDUCED}${n === 1 ? " default-information originate always\n" : ""}`,
    );
    const [r1, r2, r3] = routers as [Router, Router, Router];
    lab.run(90 * S);
    const indication = (at: Router) => at.ospfd.ospf.areas.get(0)?.lsdb.find(LSA_ASBR_SUMMARY, 0x01010102, 0x01010102);
    expect(indication(r1)?.lsa.options).toBe(2);
    expect(indication(r1)?.lsa.body).toMatchObject({ metrics: [{ metric: 0xffffff }] });
    expect(show(r2, "show ip ospf")).toContain("   Ind LSA generated 1.1.1.2\n");
    expect(show(r1, "show ip ospf")).toContain("   Ind LSA by other abr.\n");
    const external = () => r2.ospfd.ospf.lsdb.find(LSA_EXTERNAL, 0, 0x01010101);
    expect(external()?.doNotAge).toBe(false);
    expect(routerLsa(r2, 1).doNotAge).toBe(true);
    configure(r3, "router ospf", "flood-reduction");
    lab.run(200 * S);
    expect(indication(r1)).toBeUndefined();
    lab.run(1800 * S); // its next refresh
    expect(external()?.doNotAge).toBe(true);
    expect(r1.ospfd.ospf.areas.get(0)?.reduction.heard).toBe(false);
  });

  it("is configured for single areas too, and written", () => {
    const { lab, routers } = line(["0", "1"], (n) => (n === 1 ? "" : " area 1 flood-reduction\n"));
    const [, r2, r3] = routers as [Router, Router, Router];
    lab.run(60 * S);
    expect(routerLsa(r3, 2, 1).doNotAge).toBe(true);
    expect(routerLsa(r2, 1).doNotAge).toBe(false);
    expect(show(r2, "show ip ospf json")).toContain('"areaFloodReduction":"configured"');
    const lines = r2.frr.writeConfig().flatMap((b) => b.lines);
    expect(lines).toContain(" area 1 flood-reduction");
    configure(r2, "router ospf", "no area 1 flood-reduction");
    lab.run(10 * S);
    expect(routerLsa(r3, 2, 1).doNotAge).toBe(false);
  });
});
