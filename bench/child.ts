import { mkdirSync, rmSync } from "node:fs";
import { Captures } from "../src/cli/captures.ts";
import { buildBulk } from "./tcp-bulk.ts";
import { buildChain, buildStar, type Chain, measure } from "./workloads.ts";

/**
 * One whole run in a process of its own, as the peers' programs are: `child.ts chain ROUTERS PACKETS [pcap DIR | no-fingerprint]`
 * `child.ts star PAIRS PACKETS`, or `child.ts tcp CONGESTION OCTETS`. Prints one JSON line; the time covers the run, not the set-up.
 */
const [kind, size = "", packets = "", option = "", dir = ""] = process.argv.slice(2);
const built = build();
if (option === "no-fingerprint") built.sim.fingerprinting = false;
let captures: Captures | undefined;
if (option === "pcap") {
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true });
  captures = new Captures(built.sim, dir, ["all"], false); // a file per interface, as the peer writes
  for (const kernel of built.kernels) captures.watch(kernel);
}
const END = 3_600_000_000_000;
const outcome = measure(built, END, () => captures?.flush());
const rssMaxMb = Math.round(process.resourceUsage().maxRSS / 1024);
process.stdout.write(
  `${JSON.stringify({ ...outcome, ...built.figures?.(), hops_per_s: outcome.hops / outcome.wallS, rss_max_mb: rssMaxMb })}\n`,
);

function build(): Chain {
  if (kind === "tcp") return buildBulk(size, Number(packets));
  return kind === "star" ? buildStar(Number(size), Number(packets)) : buildChain(Number(size), Number(packets));
}
