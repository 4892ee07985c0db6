import { execFileSync } from "node:child_process";
import { median } from "./ns3.ts";

const ROUNDS = 5;
const PACKETS = 600_000;
const RULES = 100;
const FLOWS = 1_000_000;

interface Answer {
  readonly received: number;
  /** Seconds of processor time: other programs take none of it. */
  readonly cpu_s: number;
  readonly flows: number;
  readonly rss_max_mb: number;
}

/**
 * What tracking, translation and rules cost: a path over one router that masquerades and has 100 rules, against the same path
 * plain and against a path without a router, by turns; and the memory of a process that tracks a million flows.
 */
export function measureNat(): void {
  const spent: Record<string, number[]> = { none: [], plain: [], nat: [] };
  for (let i = 0; i < ROUNDS; i++) {
    for (const [name, routers, rules] of [
      ["none", 0, -1],
      ["plain", 1, -1],
      ["nat", 1, RULES],
    ] as const) {
      const { cpu_s, received } = child("path", routers, rules, PACKETS);
      if (received < PACKETS) throw new Error(`${name}: ${received} of ${PACKETS} packets arrived`);
      spent[name]?.push((cpu_s / received) * 1e9);
    }
  }
  const [none, plain, nat] = [median(spent["none"] ?? []), median(spent["plain"] ?? []), median(spent["nat"] ?? [])];
  const { flows, rss_max_mb } = child("flows", FLOWS);
  if (flows < FLOWS) throw new Error(`${flows} flows are tracked, not ${FLOWS}`);
  const ns = (value: number): string => `${Math.round(value)} ns`;
  process.stdout.write(
    `a packet from host to host: ${ns(none)} without a router, ${ns(plain)} by one that forwards, ${ns(nat)} by one that tracks, masquerades and has ${RULES} rules\n` +
      `the router alone: ${((nat - none) / (plain - none)).toFixed(2)} times as much\n` +
      `ratio nat-100 ${(nat / plain).toFixed(3)}\n` +
      `flows-mb ${Math.round(rss_max_mb)}\n`,
  );
}

function child(...args: readonly (string | number)[]): Answer {
  const line = execFileSync(process.execPath, ["--import", "tsx", "bench/nat-child.ts", ...args.map(String)], {
    encoding: "utf8",
  });
  return JSON.parse(line) as Answer;
}
