import { execFileSync } from "node:child_process";

/** Routers of OSPF side by side, and rows of them. */
const GRID: readonly number[] = [40, 25];
const PREFIXES = 1000;
/**
 * How V8 divides its memory. Half of what OSPF makes outlives two collections in V8's own 16 MB for young objects: more room saves a tenth of the time. Without a limit
 * for objects that last BGP takes a fifth less time, and a fourth more memory.
 */
const LIMITS = { ospf: "--max-semi-space-size=128", bgp: "--max-old-space-size=2500" } as const;

/** Large networks of OSPF and BGP routers from start to convergence, each in a process of its own: time, memory, and what a failure costs. */
export function measureRouting(what: readonly string[]): void {
  const wanted = what.length === 0 ? ["ospf", "bgp"] : what;
  for (const kind of wanted) {
    if (kind !== "ospf" && kind !== "bgp") throw new Error(`routing: ${kind} is not measured; ospf and bgp are`);
    const r = child(kind, kind === "ospf" ? GRID : [PREFIXES]);
    if (r["complete"] !== true) throw new Error(`${kind}: not every router knows every prefix`);
    const of = (name: string): number => r[name] as number;
    const base = `${kind}: ${of("routers")} routers, ${of("cables")} cables, complete after ${of("simulated_s").toFixed(1)} simulated seconds\n${kind}-seconds ${of("seconds").toFixed(1)} (${of("cpu_s").toFixed(1)} of processor time)\n${kind}-mb ${Math.round(of("rss_max_mb"))}\n`;
    process.stdout.write(base + (kind === "ospf" ? ospfText(of) : ""));
  }
}

const ospfText = (of: (name: string) => number): string =>
  `ospf-lsas-per-second ${Math.round(of("lsas_per_s"))} (${of("lsas")} received in updates)
ospf-spf-us ${of("spf_us").toFixed(0)} for all paths, ${of("spf_repair_us").toFixed(0)} after a cut in the middle; ${of("spf_runs")} runs by all routers
a cable in the middle is cut: ${of("failure_wall_s").toFixed(2)} s of wall time for ${of("failure_simulated_s").toFixed(2)} simulated, ${of("failure_spf_runs")} runs, ${of("failure_looked_per_run").toFixed(1)} routers looked at in each
`;

function child(kind: keyof typeof LIMITS, size: readonly number[]): Readonly<Record<string, unknown>> {
  const args = [LIMITS[kind], "--import", "tsx", "bench/routing-child.ts", kind, ...size.map(String)];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: "utf8" })) as Record<string, unknown>;
}
