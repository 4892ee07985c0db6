import type { Running, World } from "../console/process.ts";
import { parsePrefix } from "../core/addr.ts";
import { strerror } from "../core/errno.ts";
import { Simulation } from "../core/sim.ts";
import { type Nanos, NEVER, S } from "../core/time.ts";
import { host } from "../nodes/host.ts";
import { Hub, HubPort } from "../nodes/hub.ts";
import { EthernetDevice } from "../nodes/kernel/dev/ethernet.ts";
import type { Kernel } from "../nodes/kernel/kernel.ts";
import { parseDeviceMac } from "../nodes/kernel/netdev.ts";
import { Cable, type LineQuality, type Port } from "../nodes/link.ts";
import { router } from "../nodes/router.ts";
import { networkSwitch } from "../nodes/switch.ts";
import { LabError, RunEnded } from "./errors.ts";
import { ipOf, LabNode } from "./node.ts";
import { type Duration, duration, probability, type Rate, rate } from "./quantities.ts";

/** How a cable treats frames, as people write it. */
export interface CableOptions {
  readonly rate?: Rate;
  readonly delay?: Duration;
  readonly jitter?: Duration;
  readonly loss?: string | number;
  readonly duplicate?: string | number;
  readonly corrupt?: string | number;
  readonly reorder?: string | number;
  /** Longest frame in bytes, link header included. */
  readonly mtu?: number;
  /** Frames that may wait for the line. */
  readonly queue?: number;
}

/** A cable and the devices at its ends: `ip`, `mac`, `name` are those of the first node, `peer…` those of the second. */
export interface LinkOptions extends CableOptions {
  readonly name?: string;
  readonly peerName?: string;
  readonly ip?: string;
  readonly peerIp?: string;
  readonly mac?: string;
  readonly peerMac?: string;
}

/** One line of a verdict: what had to hold, whether it did, what was seen. */
export interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}
/** A table that a scenario prints: figures side by side. */
export interface Table {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
}

/** Sees a network while it is built and run: captures, progress, output. */
export interface Observer {
  nodeAdded?(kernel: Kernel): void;
  checked?(check: Check): void;
  tabled?(table: Table): void;
  said?(text: string): void;
  /** Something was left out or will not work as somebody may expect. */
  warned?(text: string): void;
}

/** How long an expectation waits between two looks. */
const LOOK_EVERY: Nanos = 10_000_000;
/** Names that a message lists. */
const NAMED_MAX = 20;
/** How long a command may take before the lab calls it stuck, when no end of the run was set. */
const COMMAND_MAX: Nanos = 24 * 3600 * S;

/** A network: nodes, cables, time. Everything happens synchronously; simulated time moves inside `run`, `exec` and `ping`. */
export class Net {
  readonly sim: Simulation;
  readonly nodes = new Map<string, LabNode>();
  readonly hubs = new Map<string, Hub>();
  readonly cables: Cable[] = [];
  readonly checks: Check[] = [];
  readonly tables: Table[] = [];
  readonly world: World = { kernel: (name) => this.nodes.get(name)?.kernel, names: () => this.nodes.keys() };
  /** The run ends here; `NEVER` unless `--until` was given. */
  endsAt: Nanos = NEVER;
  readonly #observer: Observer;
  readonly #ports = new Map<string, number>();
  #scheduledUntil: Nanos = 0;
  readonly #scheduled: Running[] = [];

  constructor(seed = 1, observer: Observer = {}) {
    this.sim = new Simulation(seed);
    this.#observer = observer;
  }

  // --- building --------------------------------------------------------------------------------------------------

  host(name: string): LabNode {
    return this.#add(name, host);
  }
  router(name: string): LabNode {
    return this.#add(name, router);
  }
  /** A switch; `macs` is how many addresses it can learn. */
  switch(name: string, options: { readonly macs?: number } = {}): LabNode {
    return this.#add(name, (sim, final) => {
      const made = networkSwitch(sim, final, options.macs);
      if (!made.ok) throw new LabError(`switch ${name}: ${made.detail ?? strerror(made.errno)}`);
      return made.value;
    });
  }
  hub(name: string): Hub {
    this.#checkName(name);
    const hub = new Hub(this.sim, name);
    this.hubs.set(name, hub);
    return hub;
  }

  /** A node by name. */
  node(name: string): LabNode {
    const node = this.nodes.get(name);
    if (node === undefined) throw new LabError(`there is no node ${name}; there are ${someOf([...this.nodes.keys()])}`);
    return node;
  }

  /** Joins two nodes by a cable. Devices are named `<node>-eth<n>` unless told, and are up. */
  link(a: LabNode | Hub, b: LabNode | Hub, options: LinkOptions = {}): Cable {
    const near = this.#port(a, options.name);
    const far = this.#port(b, options.peerName);
    const cable = new Cable(this.sim, this.sim.nextCable(), near, far);
    this.cables.push(cable);
    cable.tune(lineQuality(options));
    plug(near, cable);
    plug(far, cable);
    this.#configure(near, options.mac, options.ip);
    this.#configure(far, options.peerMac, options.peerIp);
    return cable;
  }

  /** The cables between two nodes or hubs, in the order in which they were laid. */
  cablesBetween(a: string, b: string): Cable[] {
    return this.cables.filter((c) => {
      const [x, y] = c.ends.map(nodeOf);
      return (x === a && y === b) || (x === b && y === a);
    });
  }

  /** The cable between two nodes; the first one when there are several. */
  cable(a: string, b: string): Cable {
    const [found] = this.cablesBetween(a, b);
    if (found === undefined) throw new LabError(`there is no cable between ${a} and ${b}`);
    return found;
  }

  /** An address: text, or the first address of a node of that name. */
  address(text: string): number {
    return ipOf(this.nodes.get(text)?.ip ?? text);
  }

  // --- time ------------------------------------------------------------------------------------------------------

  get now(): Nanos {
    return this.sim.now;
  }

  /** Lets `span` of simulated time pass. Like everything that moves time, it throws `RunEnded` at `endsAt`. */
  run(span: Duration): void {
    const at = this.sim.now + duration(span);
    this.#advanceTo(Math.min(at, this.endsAt));
    this.#endWith(at);
  }

  /** Lets time pass until an instant; one that is past already is no error. */
  runTo(at: Nanos): void {
    this.#advanceTo(Math.min(at, this.endsAt));
  }

  /**
   * Lets time pass until `done()`; the run's end, or a day, is the limit. Whatever makes `done` true halts the simulation
   * (`sim.halt`), so that time stands at that event.
   */
  runUntil(done: () => boolean, what: string): void {
    const last = Math.min(this.sim.now + COMMAND_MAX, this.endsAt);
    while (!done()) {
      if (this.sim.nextAt() === NEVER)
        throw new LabError(`${what}: nothing will ever happen again, and it has not ended`);
      this.sim.advance(last);
      if (done()) return;
      if (this.sim.now >= this.endsAt) throw new RunEnded(what);
      if (this.sim.now >= last) throw new LabError(`${what}: had not ended at ${this.sim.now / S} s`);
    }
  }

  /** Lets time pass until a command has ended. At the run's end it is interrupted, as by Ctrl-C. */
  waitFor(running: Running): void {
    running.onExit(() => this.sim.halt());
    while (!running.ended && this.sim.now < this.endsAt && this.sim.nextAt() !== NEVER) {
      this.sim.advance(Math.min(this.endsAt, this.sim.now + COMMAND_MAX));
    }
    running.end();
  }

  /** Lets `act` happen at an instant; `settle` waits for it. */
  schedule(at: Nanos, label: string, act: () => void): void {
    this.#scheduledUntil = Math.max(this.#scheduledUntil, at);
    this.sim.at(at, { label, fire: act });
  }

  /** Starts a command that the schedule asks for: how it ends is a check. */
  startScheduled(node: LabNode, command: string, when: string): void {
    const running = node.spawn(command);
    this.#scheduled.push(running);
    running.onExit(() => {
      const output = running.output.trimEnd();
      this.say(`${when}: ${node.name}# ${command}${output === "" ? "" : `\n${output}`}`);
      this.check(`${when}: ${node.name}: ${command}`, running.status === 0, `status ${running.status}`);
    });
  }

  /** Lets time pass until everything that was scheduled has happened and its commands have ended; at the run's end they are interrupted. */
  settle(): void {
    this.#advanceTo(Math.min(this.#scheduledUntil, this.endsAt));
    for (const running of this.#scheduled) this.waitFor(running);
  }

  /** Lets time pass until no daemon is busy; the run's end, or a day, is the limit. */
  untilConverged(): void {
    const last = Math.min(this.sim.now + COMMAND_MAX, this.endsAt);
    while (this.busy && this.sim.now < last) this.sim.advance(Math.min(this.sim.now + LOOK_EVERY, last));
    if (this.busy) this.#endWith(last);
  }
  /** Whether any daemon has something to finish. */
  get busy(): boolean {
    return [...this.nodes.values()].some((node) => node.daemons.some((daemon) => daemon.busy()));
  }

  /** Looks every 10 ms whether `holds`, for at most `span`: a check that passes or fails. */
  expectWithin(span: Duration, what: string, holds: () => boolean): boolean {
    const startedAt = this.sim.now;
    const deadline = startedAt + duration(span);
    for (;;) {
      const lookedAt = this.sim.now;
      if (holds()) return this.check(what, true, `after ${((this.sim.now - startedAt) / S).toFixed(3)} s`);
      if (this.sim.now >= deadline) return this.check(what, false, `not within ${span}`);
      this.#endWith(this.sim.now);
      if (this.sim.now < lookedAt + LOOK_EVERY)
        this.sim.advance(Math.min(lookedAt + LOOK_EVERY, deadline, this.endsAt));
    }
  }

  // --- telling ---------------------------------------------------------------------------------------------------

  /** Records whether something held. */
  check(name: string, ok: boolean, detail = ""): boolean {
    const check = { name, ok, detail };
    this.checks.push(check);
    this.#observer.checked?.(check);
    return ok;
  }
  /** Records a table of figures. */
  table(table: Table): void {
    this.tables.push(table);
    this.#observer.tabled?.(table);
  }
  /** Says something about what happens, to whoever reads the run. */
  say(text: string): void {
    this.#observer.said?.(text);
  }
  /** Tells of what is left out or will surprise. */
  warn(text: string): void {
    this.#observer.warned?.(text);
  }

  #endWith(at: Nanos): void {
    if (this.endsAt !== NEVER && at >= this.endsAt) throw new RunEnded(`the run ends at ${this.endsAt / S} s`);
  }

  /** Goes on where a command's end halted the simulation. */
  #advanceTo(at: Nanos): void {
    if (at !== NEVER && at > Number.MAX_SAFE_INTEGER) throw new LabError("simulated time ends after 104 days");
    while (this.sim.now < at) this.sim.advance(at);
  }

  #add(name: string, make: (sim: Simulation, name: string) => Kernel): LabNode {
    this.#checkName(name);
    const node = new LabNode(this, make(this.sim, name));
    this.nodes.set(name, node);
    this.#observer.nodeAdded?.(node.kernel);
    return node;
  }

  #checkName(name: string): void {
    if (this.nodes.has(name) || this.hubs.has(name)) throw new LabError(`there are two nodes named ${name}`);
    if (!/^[A-Za-z0-9][\w.-]*$/.test(name))
      throw new LabError(`node name "${name}": expected letters, digits, ., _ and -`);
  }

  #port(at: LabNode | Hub, wanted: string | undefined): EthernetDevice | HubPort {
    const name = wanted ?? this.#nextName(at.name);
    if (at instanceof Hub) return at.addPort(name);
    const made = at.kernel.register(name, (final, ifindex) => new EthernetDevice(at.kernel, final, ifindex));
    if (!made.ok) throw new LabError(`${at.name}: device ${name}: ${made.detail ?? strerror(made.errno)}`);
    return made.value;
  }

  #nextName(node: string): string {
    const n = this.#ports.get(node) ?? 0;
    this.#ports.set(node, n + 1);
    return `${node}-eth${n}`;
  }

  #configure(port: EthernetDevice | HubPort, mac: string | undefined, ip: string | undefined): void {
    if (!(port instanceof EthernetDevice)) {
      if (mac !== undefined || ip !== undefined) throw new LabError(`${port.label}: a hub has no addresses`);
      return;
    }
    if (mac !== undefined) {
      const parsed = parseDeviceMac(mac);
      if (parsed === undefined)
        throw new LabError(`${port.label}: MAC "${mac}": expected one card's, such as 02:00:00:00:00:01`);
      port.kernel.setMac(port, parsed);
    }
    port.kernel.setUp(port, true);
    if (ip === undefined) return;
    const prefix = parsePrefix(ip);
    if (prefix === undefined) throw new LabError(`${port.label}: address "${ip}": expected a form such as 10.0.0.1/24`);
    const added = port.kernel.addresses.add(port.ifindex, prefix);
    if (!added.ok) throw new LabError(`${port.label}: ${ip}: ${strerror(added.errno)}`);
  }
}

/** What options say of a line; what they do not name is left out. */
export function lineQuality(o: CableOptions): Partial<LineQuality> {
  return {
    ...(o.rate === undefined ? {} : { rateBps: rate(o.rate) }),
    ...(o.delay === undefined ? {} : { delayNs: duration(o.delay, "delay") }),
    ...(o.jitter === undefined ? {} : { jitterNs: duration(o.jitter, "jitter") }),
    ...(o.loss === undefined ? {} : { loss: probability(o.loss, "loss") }),
    ...(o.duplicate === undefined ? {} : { duplicate: probability(o.duplicate, "duplicate") }),
    ...(o.corrupt === undefined ? {} : { corrupt: probability(o.corrupt, "corrupt") }),
    ...(o.reorder === undefined ? {} : { reorder: probability(o.reorder, "reorder") }),
    ...(o.mtu === undefined ? {} : { mtuBytes: o.mtu }),
    ...(o.queue === undefined ? {} : { queueFrames: o.queue }),
  };
}

/** The first names of a list that may be long. */
const someOf = (names: readonly string[]): string =>
  names.length <= NAMED_MAX
    ? names.join(", ")
    : `${names.slice(0, NAMED_MAX).join(", ")} and ${names.length - NAMED_MAX} more`;

const plug = (port: EthernetDevice | HubPort, cable: Cable): void => {
  if (port instanceof EthernetDevice) port.plug(cable);
  else port.cable = cable;
};
/** The node that a port belongs to. */
const nodeOf = (port: Port): string =>
  port instanceof EthernetDevice ? port.kernel.name : port instanceof HubPort ? port.hub.name : "";
