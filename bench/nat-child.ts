import { buildNat, sentAt, trackFlows } from "./nat-workload.ts";
import { measure } from "./workloads.ts";

/** Packets that nobody counts: until then the engine is busy with translating the program. */
const WARM_UP = 400_000;
const END = 3_600_000_000_000;

/** One run in a process of its own: `nat-child.ts path ROUTERS RULES PACKETS` (RULES -1: plain forwarding), or `nat-child.ts flows COUNT`. */
const [kind, ...numbers] = process.argv.slice(2);
const [a = 0, rules = -1, packets = 0] = numbers.map(Number);
let before = process.cpuUsage();
const answer = kind === "flows" ? { flows: trackFlows(a) } : followPackets();
const { user, system } = process.cpuUsage(before);
const rssMaxMb = process.resourceUsage().maxRSS / 1024;
process.stdout.write(`${JSON.stringify({ ...answer, cpu_s: (user + system) / 1e6, rss_max_mb: rssMaxMb })}\n`);

function followPackets(): { received: number } {
  const chain = buildNat(rules, WARM_UP + packets, a);
  chain.sim.advance(sentAt(WARM_UP));
  const early = chain.sink.packets;
  before = process.cpuUsage();
  return { received: measure(chain, END).received - early };
}
