import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { formatStep, normalise, parseTranscript, type Step } from "./transcript.ts";

/**
 * Records transcripts anew with the real `ip`, as root: `npx tsx test/console/ip/record.ts test/console/ip/golden/*.txt`.
 * Every node is a network namespace that is made for it and removed afterwards; IPv6 is off in it, and its loopback up.
 */

const run = (command: readonly string[]) => spawnSync(command[0] as string, command.slice(1), { encoding: "utf8" });

function record(steps: readonly Step[]): Step[] {
  const nodes = [...new Set(steps.map((s) => s.node).filter((name) => name !== ""))];
  try {
    for (const node of nodes) {
      execFileSync("ip", ["netns", "add", node]);
      const settings = ["net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1"];
      execFileSync("ip", ["netns", "exec", node, "sysctl", "-qw", ...settings]);
      execFileSync("ip", ["-n", node, "link", "set", "lo", "up"]);
    }
    return steps.map(recordStep);
  } finally {
    for (const node of nodes) run(["ip", "netns", "del", node]);
  }
}

function recordStep(step: Step): Step {
  if (step.kind === "comment") return step;
  if (step.kind === "wait") {
    run(["sleep", step.text]);
    return step;
  }
  const done = run(["ip", "netns", "exec", step.node, "sh", "-c", `${step.text} 2>&1`]);
  return step.kind === "quiet" ? step : { ...step, output: normalise(done.stdout), status: done.status ?? -1 };
}

const version = run(["ip", "-V"])
  .stdout.replace(/^ip utility, |, libbpf.*$/gm, "")
  .trim();
const header = `# ${version}, Linux ${run(["uname", "-r"]).stdout.replace(/-.*/s, "")}. Recorded by record.ts.`;

for (const file of process.argv.slice(2)) {
  const steps = parseTranscript(readFileSync(file, "utf8")).filter((s) => !/^# iproute2/.test(s.text));
  writeFileSync(file, `${header}\n${record(steps).map(formatStep).join("")}`);
}
