import { readFileSync, writeFileSync } from "node:fs";
import { measureMemory } from "./memory.ts";
import { measureNat } from "./nat.ts";
import { compareWithPeers, median } from "./ns3.ts";
import { run } from "./peers.ts";
import { measureRouting } from "./routing.ts";
import { benchSmall } from "./small.ts";

const BASELINE = "bench/baseline.json";
const ROUNDS = 5;

/** What `npm run bench` measures: nanoseconds each, whole runs per packet-hop. */
type Figures = Readonly<Record<string, number>>;

const USAGE = `npm run bench                      everything, beside the stored baseline
npm run bench -- --save            the same, and store it as the baseline
npm run bench -- ns3 [CASE …]      the same work on ns-3 and ns-2, with ratios
npm run bench -- memory            memory of an idle node
npm run bench -- nat               what tracking, translation and rules cost, and the memory of a million flows
npm run bench -- routing [ospf|bgp]  a thousand routers: from start to convergence, memory, a failure
npm run bench -- fingerprint       what the fingerprint costs
`;

async function main(argv: readonly string[]): Promise<void> {
  const [what, ...rest] = argv;
  if (what === "ns3") return compareWithPeers(rest);
  if (what === "memory") return measureMemory();
  if (what === "nat") return measureNat();
  if (what === "routing") return measureRouting(rest);
  if (what === "fingerprint") return measureFingerprint();
  if (what !== undefined && what !== "--save") {
    process.stderr.write(USAGE);
    process.exitCode = 2;
    return;
  }
  const figures: Figures = { ...(await benchSmall()), ...wholeRuns() };
  print(figures, readBaseline());
  if (what === "--save") writeFileSync(BASELINE, `${JSON.stringify(figures, null, 2)}\n`);
}

/** Whole runs, each in a process of its own: nanoseconds per packet-hop, events and frames alive afterwards. */
function wholeRuns(): Figures {
  const figures: Record<string, number> = {};
  for (const [name, args] of [
    ["chain of 1 router", ["chain", 1, 200_000]],
    ["chain of 4 routers", ["chain", 4, 200_000]],
    ["chain of 16 routers", ["chain", 16, 50_000]],
    ["star of 5 pairs", ["star", 5, 500_000]],
    ["star of 2,500 pairs", ["star", 2500, 500_000]],
  ] as const) {
    const runs = Array.from({ length: ROUNDS }, () => run(args));
    figures[`run: ${name}, per packet-hop`] = Math.round(1e9 / median(runs.map((r) => r.hops_per_s)));
    figures[`run: ${name}, events per packet-hop × 100`] = Math.round(
      ((runs[0]?.events ?? 0) / (runs[0]?.hops ?? 1)) * 100,
    );
  }
  return figures;
}

/** The same runs with and without the fingerprint, alternating. */
function measureFingerprint(): void {
  const [on, off]: [number[], number[]] = [[], []];
  for (let i = 0; i < 2 * ROUNDS; i++) {
    on.push(run(["chain", 4, 300_000]).hops_per_s);
    off.push(run(["chain", 4, 300_000, "no-fingerprint"]).hops_per_s);
  }
  process.stdout.write(
    `fingerprint-cost ${(1 - median(on) / median(off)).toFixed(3)} of a run (chain of 4 routers, median of ${2 * ROUNDS})\n`,
  );
}

function readBaseline(): Figures {
  try {
    return JSON.parse(readFileSync(BASELINE, "utf8")) as Figures;
  } catch {
    return {};
  }
}

function print(figures: Figures, baseline: Figures): void {
  const width = Math.max(...Object.keys(figures).map((k) => k.length));
  for (const [name, value] of Object.entries(figures)) {
    const before = baseline[name];
    const change = before === undefined ? "" : `   baseline ${before}, ${(value / before).toFixed(2)} ×`;
    process.stdout.write(`${name.padEnd(width)}  ${String(value).padStart(8)}${change}\n`);
  }
}

await main(process.argv.slice(2));
