import type { Running, World } from "../../../src/console/process.ts";
import { startCommand } from "../../../src/console/shell.ts";
import { Simulation } from "../../../src/core/sim.ts";
import { S } from "../../../src/core/time.ts";
import { Kernel } from "../../../src/nodes/kernel/kernel.ts";

/**
 * A transcript: what was typed in which namespace, what came out, and the exit status.
 *
 *     nlip1$ ip link show lo
 *     1: lo: <LOOPBACK,UP,LOWER_UP> …
 *     [0]
 *
 * `~nlip1$ …` runs without its output being told, `wait 2` lets seconds pass, `#` begins a comment.
 */
export interface Step {
  readonly kind: "command" | "quiet" | "wait" | "comment";
  readonly node: string;
  /** The command, the seconds, or the comment. */
  readonly text: string;
  readonly output: string;
  readonly status: number;
}

export function parseTranscript(text: string): Step[] {
  const steps: Step[] = [];
  const lines = text.split("\n");
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] as string;
    const typed = /^(~?)(\w+)\$ (.*)$/.exec(line);
    const wait = /^wait (\d+)$/.exec(line);
    if (wait) steps.push({ kind: "wait", node: "", text: wait[1] as string, output: "", status: 0 });
    else if (typed?.[1] === "~")
      steps.push({ kind: "quiet", node: typed[2] as string, text: typed[3] as string, output: "", status: 0 });
    else if (typed) {
      let output = "";
      let status = 0;
      for (; i + 1 < lines.length && !/^(~?\w+\$ |wait \d+$|#)/.test(lines[i + 1] as string); ) {
        const next = lines[++i] as string;
        const end = /^\[(\d+)\]$/.exec(next);
        if (end) {
          status = Number(end[1]);
          break;
        }
        output += `${next}\n`;
      }
      steps.push({ kind: "command", node: typed[2] as string, text: typed[3] as string, output, status });
    } else if (line.startsWith("#")) steps.push({ kind: "comment", node: "", text: line, output: "", status: 0 });
    else if (line !== "") throw new Error(`line ${i + 1} belongs to no command: ${line}`);
  }
  return steps;
}

export const formatStep = (step: Step): string => {
  if (step.kind === "comment") return `${step.text}\n`;
  if (step.kind === "wait") return `wait ${step.text}\n`;
  if (step.kind === "quiet") return `~${step.node}$ ${step.text}\n`;
  return `${step.node}$ ${step.text}\n${step.output}[${step.status}]\n`;
};

/**
 * Takes out what differs for reasons of its own: IPv6 is not in this kernel, a real machine has as many queues as
 * processors, and the kernel that was recorded snoops groups and knows no VLANs on bridges.
 */
export function normalise(output: string): string {
  return output
    .replace(/addrgenmode \w+ /g, "")
    .replace(/\s*"inet6_addr_gen_mode": ?"\w+",/g, "")
    .replace(/num(t|r)xqueues \d+/g, "num$1xqueues 1")
    .replace(/"num_(t|r)x_queues":( ?)\d+/g, '"num_$1x_queues":$21')
    .replace(/expires("?:? ?)\d+/g, "expires$1600")
    .replace(/mcast_(?!vlan_|flood|fast_|to_)\w+ \d+ /g, "")
    .replace(/nf_call_\w+ \d+ /g, "")
    .replace(/"(mcast_(?!vlan_|flood|to_)\w+|multicast_router|vlan_(?!fil|tun)\w+)":("[^"]*"|\d+),/g, "")
    .replace(/,"nf_call_\w+":\d+/g, "")
    .replace(/"(gc|forward_delay)_timer":\d+\.\d\d/g, '"$1_timer":0.00')
    .replace(/vlan_(protocol|default_pvid|stats_enabled|stats_per_port) \S+ /g, "")
    .replace(/(gc|forward_delay)_timer +\d+\.\d\d /g, "$1_timer ");
}

/** Nodes that commands run on, in simulated time. */
export class Nodes {
  readonly sim = new Simulation(1);
  readonly kernels = new Map<string, Kernel>();
  readonly world: World = { kernel: (name) => this.kernels.get(name), names: () => this.kernels.keys() };

  /** A node, made when it is first asked for. */
  kernel(name: string): Kernel {
    let kernel = this.kernels.get(name);
    if (kernel === undefined) {
      kernel = new Kernel(this.sim, name);
      this.kernels.set(name, kernel);
    }
    return kernel;
  }

  start(node: string, command: string): Running {
    return startCommand(this.kernel(node), this.world, command);
  }

  /** Lets seconds pass. */
  wait(seconds: number): void {
    this.sim.advance(this.sim.now + seconds * S);
  }

  /** Runs a command to its end. */
  run(node: string, command: string): Running {
    const running = this.start(node, command);
    running.onExit(() => this.sim.halt());
    for (let i = 0; !running.ended && i < 1000; i++) this.wait(1);
    return running;
  }

  /** What a command prints. */
  output(node: string, command: string): string {
    return this.run(node, command).output;
  }
}

const FORWARD = "sysctl -qw net.ipv4.ip_forward=1";

/** Plays a transcript on simulated nodes: the same steps, with the output that they give here, cleaned as one wants it. */
export function play(steps: readonly Step[], clean = (output: string): string => output): Step[] {
  const nodes = new Nodes();
  for (const step of steps) if (step.node !== "") nodes.kernel(step.node);
  return steps.map((step) => {
    if (step.kind === "wait") nodes.wait(Number(step.text));
    if (step.text === FORWARD) nodes.kernel(step.node).setForwarding(true);
    else if (step.kind === "quiet") nodes.run(step.node, step.text);
    if (step.kind !== "command") return step;
    const running = nodes.run(step.node, step.text);
    return { ...step, output: clean(running.output), status: running.status ?? -1 };
  });
}
