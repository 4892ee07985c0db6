import { describe, expect, it } from "vitest";
import { drops, ip } from "../../harness/kernels.ts";
import { ArpLab } from "./arp-lab.ts";

/** The table of neighbours: how large it grows, and when devices empty it (net/core/neighbour.c). */

const PEER = "02:00:00:00:00:09";

/** A lab whose neighbour 10.0.0.9 has answered at 0. */
function reachable(seed = 1): ArpLab {
  const lab = new ArpLab("10.0.0.1/24", seed);
  lab.udp("10.0.0.9");
  lab.until(0);
  lab.answer("10.0.0.9", PEER);
  lab.news();
  lab.states.length = 0;
  return lab;
}
describe("a device", () => {
  const three = (): ArpLab => {
    const lab = reachable();
    lab.kernel.neigh.findOrCreate(lab.dev, ip("10.0.0.7"))?.update(0x020000000007, "permanent", true, true);
    lab.udp("10.0.0.8");
    lab.until(0.1);
    expect(lab.table).toHaveLength(3);
    return lab;
  };
  it("that goes down forgets all its neighbours, and what waits for them", () => {
    const lab = three();
    lab.kernel.setUp(lab.dev, false);
    expect([lab.table, lab.kernel.neigh.size]).toEqual([[], 0]);
    expect(drops(lab.kernel, "neigh: resolution failed")).toBe(1);
    lab.until(10);
    expect(lab.sim.pool.born).toBe(lab.sim.pool.dead);
  });
  it("that gets another address forgets them, too", () => {
    const lab = three();
    lab.kernel.setMac(lab.dev, 0x020000000002);
    expect(lab.table).toEqual([]);
    lab.udp("10.0.0.9");
    lab.until(0.2);
    expect(lab.news().at(-1)).toBe("0.100 ask 10.0.0.9 for 10.0.0.1, all (from 02:00:00:00:00:02)");
  });
  it("that loses its carrier keeps the permanent ones", () => {
    const lab = three();
    lab.cable.setUp(false);
    expect(lab.table).toEqual(["10.0.0.7 02:00:00:00:00:07 permanent"]);
  });
  it("that is removed takes them along", () => {
    const lab = three();
    lab.kernel.unregister(lab.dev);
    expect([lab.table, lab.kernel.neigh.size]).toEqual([[], 0]);
  });
});

describe("the table", () => {
  const fill = (lab: ArpLab, from: number, count: number): void => {
    for (let i = from; i < from + count; i++) lab.udp(`10.0.${i >> 8}.${i & 255}`);
  };
  const small = (): ArpLab => {
    const lab = new ArpLab("10.0.255.254/16");
    Object.assign(lab.kernel.neigh, { gcThresh1: 1000, gcThresh2: 4, gcThresh3: 8 });
    return lab;
  };
  it("takes no more than gc_thresh3 neighbours that are being asked for", () => {
    const lab = small();
    fill(lab, 1, 10);
    expect([lab.kernel.neigh.size, drops(lab.kernel, "neigh: table full")]).toEqual([8, 2]);
    lab.until(30);
    expect(lab.sim.pool.born).toBe(lab.sim.pool.dead);
  });
  it("above gc_thresh2 drops the failed, the oldest first, down to below it, at most every 5 s", () => {
    const lab = small();
    fill(lab, 1, 5); // at the fifth it looks for what to drop, in vain
    lab.until(4);
    fill(lab, 11, 1);
    expect(lab.kernel.neigh.size).toBe(6);
    lab.until(5.5);
    fill(lab, 12, 1);
    expect(lab.table).toEqual(["10.0.0.4 failed", "10.0.0.5 failed", "10.0.0.11 incomplete", "10.0.0.12 incomplete"]);
  });
  it("at gc_thresh3 drops them at once", () => {
    const lab = small();
    fill(lab, 1, 8);
    lab.until(4);
    fill(lab, 11, 1);
    expect(lab.kernel.neigh.size).toBe(4);
    expect(drops(lab.kernel, "neigh: table full")).toBe(0);
  });
  it("drops stale ones only after 5 s without a change, and never reachable ones", () => {
    const lab = small();
    for (let i = 1; i <= 8; i++) lab.ask("10.0.255.254", `10.0.0.${i}`, `02:00:00:00:00:0${i}`);
    lab.until(5);
    fill(lab, 11, 1);
    expect([lab.kernel.neigh.size, drops(lab.kernel, "neigh: table full")]).toEqual([8, 1]);
    lab.until(5.1);
    fill(lab, 11, 1);
    expect(lab.kernel.neigh.size).toBe(4);
  });
  it("does not count permanent ones", () => {
    const lab = small();
    for (let i = 1; i <= 20; i++)
      lab.kernel.neigh.findOrCreate(lab.dev, ip(`10.0.9.${i}`))?.update(i, "permanent", true, true);
    expect(lab.kernel.neigh.size).toBe(20);
    fill(lab, 1, 8);
    expect(drops(lab.kernel, "neigh: table full")).toBe(0);
    fill(lab, 9, 1);
    expect(drops(lab.kernel, "neigh: table full")).toBe(1);
    lab.kernel.neigh.flushDevice(lab.dev);
    fill(lab, 1, 9);
    expect([lab.kernel.neigh.size, drops(lab.kernel, "neigh: table full")]).toEqual([8, 2]);
  });
});
