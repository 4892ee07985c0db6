import { buildNat, trackFlows } from "./nat-workload.ts";
import { measure } from "./workloads.ts";

/** One run in a process of its own: `nat-child.ts path ROUTERS RULES PACKETS` (RULES -1: plain forwarding), or `nat-child.ts flows COUNT`. */
const [kind, ...numbers] = process.argv.slice(2);
const [a = 0, rules = -1, packets = 0] = numbers.map(Number);
const before = process.cpuUsage();
const answer = kind === "flows" ? { flows: trackFlows(a) } : measure(buildNat(rules, packets, a), 3_600_000_000_000);
const { user, system } = process.cpuUsage(before);
const rssMaxMb = process.resourceUsage().maxRSS / 1024;
process.stdout.write(`${JSON.stringify({ ...answer, cpu_s: (user + system) / 1e6, rss_max_mb: rssMaxMb })}\n`);
