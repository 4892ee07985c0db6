import { expect, it } from "vitest";
import { S } from "../../../src/core/time.ts";
import type { Kernel } from "../../../src/nodes/kernel/kernel.ts";
import { device, Lab } from "../../harness/kernels.ts";

/** A host whose table has `count` neighbours that spoke to it at time 0. */
function crowd(count: number): { readonly lab: Lab; readonly h: Kernel } {
  const lab = new Lab();
  const h = lab.host("h");
  lab.cable([h, "eth0 10.0.0.1/16"], [lab.host("other"), "eth0"]);
  for (let i = 0; i < count; i++) {
    h.neigh.findOrCreate(device(h, "eth0"), 0x0a00_0100 + i)?.update(0x0200_0000_0100 + i, "stale", true);
  }
  return { lab, h };
}

it("forgets neighbours that nobody has used for gc_stale_time, once there are gc_thresh1", () => {
  const { lab, h } = crowd(200);
  lab.run(59 * S);
  expect(h.neigh.size).toBe(200);
  const used = h.neigh.find(device(h, "eth0"), 0x0a00_0100);
  used?.probe();
  if (used !== undefined) used.usedMs = 59_000;
  lab.run(17 * S); // rounds come every 15 s
  expect([...h.neigh.entries()].map((n) => n.ip)).toEqual([0x0a00_0100]);
});

it("leaves a small table alone", () => {
  const { lab, h } = crowd(127);
  lab.run(1000 * S);
  expect(h.neigh.size).toBe(127);
});

it("obeys gc_thresh1 and gc_stale_time", () => {
  const { lab, h } = crowd(20);
  h.neigh.gcThresh1 = 10;
  device(h, "eth0").inet.neighParms.gcStaleNs = 5 * S;
  h.neigh.findOrCreate(device(h, "eth0"), 0x0a00_0200);
  lab.run(31 * S);
  expect(h.neigh.size).toBe(0);
});

it("keeps permanent entries, and those that are being asked for", () => {
  const { lab, h } = crowd(200);
  h.neigh.find(device(h, "eth0"), 0x0a00_0105)?.update(undefined, "permanent", true, true);
  lab.run(1000 * S);
  expect([...h.neigh.entries()].map((n) => n.state)).toEqual(["permanent"]);
});
