import type { Running } from "../../console/process.ts";
import { S } from "../../core/time.ts";
import { ipv6Lines } from "../../frr/config-file.ts";
import { Cpu } from "../../nodes/kernel/cpu.ts";
import { LabError } from "../errors.ts";
import { lineQuality, type Net } from "../net.ts";
import type { LabNode } from "../node.ts";
import { checkDaemons, type ReadFile, type Wanted, wantedDaemons } from "./daemons.ts";
import type { ClabCommand, ClabLab, ClabLink, ClabNode } from "./lab.ts";
import { scheduleEvents } from "./schedule.ts";
import { oneLine } from "./yaml.ts";

/** How long the `exec:` lists may take, in simulated seconds: the lab is not built before they end. */
const EXEC_MAX_S = 3600;

/**
 * Builds a parsed topology: nodes, cables, settings, daemons; then the `exec:` lists run, those of one node in order and those
 * of several side by side, and the schedule is set. `readFile` gives the text of a bound file, or throws a `LabError`.
 */
export function buildClab(net: Net, lab: ClabLab, readFile: ReadFile): void {
  const left: string[] = [];
  const daemons = lab.nodes.map((node) => wantedDaemons(node, readFile, left));
  for (const [i, node] of lab.nodes.entries()) checkDaemons(node, daemons[i] as readonly Wanted[]);
  for (const note of lab.notes) net.warn(note);
  for (const wanted of daemons) {
    const texts = new Map(wanted.map((w) => [w.config.path, w.config]));
    for (const text of texts.values()) if (text.path.endsWith(".conf")) left.push(...ipv6Lines(text));
  }
  if (left.length > 0) net.warn(`${lab.path}: IPv6 is not built, left out: ${left.join(", ")}`);
  for (const node of lab.nodes) addNode(net, node);
  for (const link of lab.links) addLink(net, link);
  for (const node of lab.nodes) for (const s of node.sysctls) runNow(net.node(node.name), sysctlCommand(s));
  for (const [i, node] of lab.nodes.entries()) {
    for (const { name, config } of daemons[i] as readonly Wanted[])
      startWanted(net.node(node.name), node, name, config);
  }
  scheduleEvents(net, lab.schedule);
  runLists(net, lab.nodes);
}

function addNode(net: Net, { name, kind, serviceNs }: ClabNode): void {
  const { kernel } = kind === "bridge" ? net.switch(name) : net.router(name); // containers forward
  if (serviceNs !== undefined) kernel.cpu = new Cpu(kernel, () => serviceNs);
}

function addLink(net: Net, link: ClabLink): void {
  const [a, b] = link.ends;
  const cable = net.link(net.node(a.node), net.node(b.node), {
    name: a.device,
    peerName: b.device,
    ...(a.mac === undefined ? {} : { mac: a.mac }),
    ...(b.mac === undefined ? {} : { peerMac: b.mac }),
  });
  for (const end of link.ends) {
    const node = net.node(end.node);
    const dev = node.dev(end.device);
    const set = node.kernel.setMtu(dev, link.mtu);
    if (!set.ok) throw new LabError(`${link.path}:${link.line}: mtu ${link.mtu} of ${dev.label}: ${set.errno}`);
  }
  for (const [i, end] of link.ends.entries()) cable.tune(lineQuality(end.line), cable.ends[i]);
}

const sysctlCommand = (s: { path: string; line: number; key: string; value: string }): ClabCommand => ({
  path: s.path,
  line: s.line,
  command: `sysctl -w ${s.key}='${s.value.replaceAll("'", "'\\''")}'`,
});

/** The bound text is the daemon's configuration: see `DaemonText`. */
function startWanted(node: LabNode, from: ClabNode, name: string, config: unknown): void {
  try {
    node.run(name, config);
  } catch (error) {
    if (error instanceof LabError) throw new LabError(`${from.path}:${from.line}: ${oneLine(error.message)}`);
    throw error;
  }
}

function runNow(node: LabNode, c: ClabCommand): void {
  const running = node.spawn(c.command);
  if (!running.ended) running.interrupt();
  check(node, c, running);
}

/** Runs the lists of all nodes, and time with them as far as they need it. */
function runLists(net: Net, nodes: readonly ClabNode[]): void {
  const lists = nodes.filter((node) => node.exec.length > 0).map((node) => new List(net.node(node.name), node.exec));
  for (const list of lists) list.next();
  const open = (): List | undefined => lists.find((list) => !list.done);
  const latest = Math.min(net.now + EXEC_MAX_S * S, net.endsAt);
  while (open() !== undefined && net.now < latest) {
    net.sim.advance(latest);
    for (const list of lists) list.check();
  }
  for (const list of lists) if (!list.done) list.giveUp(net.now >= net.endsAt);
}

/** The commands of one node, one after the other. */
class List {
  readonly #node: LabNode;
  readonly #commands: readonly ClabCommand[];
  #at = 0;
  #running: Running | undefined;
  #failed: Running | undefined;

  constructor(node: LabNode, commands: readonly ClabCommand[]) {
    this.#node = node;
    this.#commands = commands;
  }

  get done(): boolean {
    return this.#at === this.#commands.length;
  }

  /** Starts what comes next; what ends at once is followed at once. */
  next(): void {
    for (let c = this.#commands[this.#at]; c !== undefined; c = this.#commands[++this.#at]) {
      const running = this.#node.spawn(c.command);
      this.#running = running;
      if (!running.ended) {
        running.onExit(() => this.#ended(running));
        return;
      }
      check(this.#node, c, running);
    }
  }

  /** Throws what went wrong while time moved: nothing may be thrown inside an event. */
  check(): void {
    if (this.#failed !== undefined) check(this.#node, this.#commands[this.#at] as ClabCommand, this.#failed);
    if (this.#running?.ended && !this.done) {
      this.#at++;
      this.next();
    }
  }

  giveUp(quietly: boolean): void {
    const c = this.#commands[this.#at] as ClabCommand;
    this.#running?.interrupt();
    if (quietly) return;
    throw new LabError(
      `${c.path}:${c.line}: node ${this.#node.name}: ${c.command}: has not ended after ${EXEC_MAX_S} s`,
    );
  }

  #ended(running: Running): void {
    if (running.status !== 0) this.#failed = running;
    this.#node.net.sim.halt();
  }
}

/** A command of an `exec:` list that fails is an error of the lab. */
function check(node: LabNode, c: ClabCommand, running: Running): void {
  if (running.status === 0) return;
  const said = oneLine(running.output) || `status ${running.status ?? "none: it does not end"}`;
  throw new LabError(`${c.path}:${c.line}: node ${node.name}: ${c.command}: ${said}`);
}
