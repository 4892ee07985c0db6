import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join, resolve } from "node:path";

/** The other simulators: their programs, built from the anchors' sources, and what they print. */

/** Where built programs and captures of benchmarks lie; never committed. */
export const WORK = resolve(".bench");
const ANCHORS = join(resolve(process.env["NETLOOM_SHARED"] ?? "../shared"), "anchors", "ns3");

/** Builds the C++ programs against Debian's ns-3, once. */
export function buildNs3(): void {
  const bin = join(WORK, "ns3");
  if (existsSync(join(bin, "udp_chain_csma"))) return;
  if (!existsSync(ANCHORS))
    throw new Error(`the sources of the ns-3 programs are missing: expected them in ${ANCHORS}`);
  if (!existsSync("/usr/include/ns3.37") && !existsSync("/usr/include/ns3"))
    throw new Error("ns-3 is missing: apt-get install libns3-dev ns3 ns2 g++");
  mkdirSync(bin, { recursive: true });
  process.stderr.write("building the ns-3 programs, once …\n");
  execFileSync("sh", [join(ANCHORS, "build.sh"), bin], { stdio: ["ignore", "ignore", "inherit"] });
}

/** Packet-hops per second of one run of an ns-3 program. */
export function ns3(program: string, args: readonly string[]): number {
  return runNs3(program, args).hops_per_s;
}

/** One run of an ns-3 program, with what it tells. `wall`: seconds in `Simulator::Run`. */
export function runNs3(
  program: string,
  args: readonly string[],
): { readonly hops_per_s: number; readonly wall: number; readonly received: number } {
  const line = execFileSync(join(WORK, "ns3", program), args, { encoding: "utf8", cwd: WORK });
  return JSON.parse(line) as { hops_per_s: number; wall: number; received: number };
}

/** Packet-hops per second of one run of ns-2's chain. */
export function ns2(routers: number, packets: number): number {
  const line = execFileSync("ns", [join(ANCHORS, "ns2_udp_chain.tcl"), String(routers), String(packets)], {
    encoding: "utf8",
    cwd: WORK,
  });
  return (JSON.parse(line) as { hops_per_s: number }).hops_per_s;
}

/** Packet-hops per second of one run of netloom, in a process of its own. */
export function netloom(args: readonly (string | number)[]): number {
  return run(args).hops_per_s;
}

/** One run of netloom, with everything that it tells. */
export function run(args: readonly (string | number)[]): {
  readonly hops_per_s: number;
  readonly fingerprint: string;
  readonly events: number;
  readonly hops: number;
  readonly wallS: number;
  readonly bytes: number;
} {
  const line = execFileSync(process.execPath, ["--import", "tsx", "bench/child.ts", ...args.map(String)], {
    encoding: "utf8",
  });
  return JSON.parse(line) as ReturnType<typeof run>;
}
