import { parseIp } from "../src/core/addr.ts";
import { Simulation } from "../src/core/sim.ts";
import { Kernel } from "../src/nodes/kernel/kernel.ts";
import { join } from "./workloads.ts";

const NODES = 10_000;

/** Resident memory of an idle node with one link, and how long 10,000 of them take to build. Needs `--expose-gc`. */
export function measureMemory(): void {
  warmUp();
  const before = residentAfterCollection();
  const t0 = process.hrtime.bigint();
  const kernels = build(NODES);
  const builtS = Number(process.hrtime.bigint() - t0) / 1e9;
  const after = residentAfterCollection();
  process.stdout.write(
    `${kernels.length} nodes built in ${builtS.toFixed(2)} s\nbytes-per-node ${Math.round((after - before) / NODES)}\n`,
  );
}

/** A hundred nodes, so that the code itself is not counted. */
function warmUp(): void {
  build(100);
}

function build(count: number): Kernel[] {
  const sim = new Simulation(1);
  const base = parseIp("10.0.0.0") as number;
  const kernels = Array.from({ length: count }, (_, i) => new Kernel(sim, `h${i}`));
  for (let i = 0; i < count; i += 2) {
    const [a, b] = [kernels[i] as Kernel, kernels[i + 1] as Kernel];
    const [x, y] = join(sim, i / 2, a, b);
    a.addresses.add(x.ifindex, { address: base + 2 * i + 1, length: 30 });
    b.addresses.add(y.ifindex, { address: base + 2 * i + 2, length: 30 });
  }
  return kernels;
}

function residentAfterCollection(): number {
  const collect = globalThis.gc;
  if (collect === undefined) throw new Error("run with node --expose-gc");
  collect();
  collect();
  return process.memoryUsage().rss;
}
