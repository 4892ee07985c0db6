import type { PingOptions, PingResult } from "../console/ping/api.ts";
import { startPing } from "../console/ping/engine.ts";
import type { Running } from "../console/process.ts";
import { startCommand } from "../console/shell.ts";
import { formatIp, type Ipv4, parseIp, parsePrefix } from "../core/addr.ts";
import { strerror } from "../core/errno.ts";
import type { Daemon } from "../core/os.ts";
import { frrDaemonsOf, startDaemon } from "../nodes/daemons.ts";
import type { Kernel } from "../nodes/kernel/kernel.ts";
import type { NetDevice } from "../nodes/kernel/netdev.ts";
import { LabError } from "./errors.ts";
import type { Net } from "./net.ts";

/** Settings of FRR's daemons, by the daemon's name: `{ zebra: { scanEveryS: 1 } }`. */
export type FrrOptions = Readonly<Record<string, object>>;

/** A node as scenarios and the console handle it: commands, pings, power. */
export class LabNode {
  readonly net: Net;
  readonly kernel: Kernel;

  /** The daemons that were started on it. */
  readonly daemons: Daemon[] = [];

  constructor(net: Net, kernel: Kernel) {
    this.net = net;
    this.kernel = kernel;
  }

  get name(): string {
    return this.kernel.name;
  }

  /** Runs a command to its end, moving time as far as it needs, and returns what it printed. A command that fails is an error of the scenario. */
  sh(command: string): string {
    const done = this.exec(command);
    if (done.status !== 0)
      throw new LabError(`${this.name}: ${command}\n  ${done.output.trim() || `status ${done.status}`}`);
    return done.output;
  }

  /** Runs a command to its end and returns it, whatever its status. */
  exec(command: string): Running {
    const running = this.spawn(command);
    running.onExit(() => this.net.sim.halt());
    this.net.runUntil(() => running.ended, `${this.name}: ${command}`);
    return running;
  }

  /** Starts a command and returns at once: it runs while time moves. */
  spawn(command: string): Running {
    return startCommand(this.kernel, this.net.world, command);
  }

  /** Pings and waits for the outcome. One echo unless told otherwise. */
  ping(to: string, options: Omit<PingOptions, "to"> = {}): PingResult {
    let result: PingResult | undefined;
    startPing(this.kernel.os, { count: 1, ...options, to: this.net.address(to) }, (r) => {
      result = r;
      this.net.sim.halt();
    });
    this.net.runUntil(() => result !== undefined, `${this.name}: ping ${to}`);
    return result as PingResult;
  }

  /** Starts a daemon by its name (see `nodes/daemons.ts`). */
  run(daemon: string, config: unknown): Daemon {
    const started = startDaemon(this.kernel.os, daemon, config);
    if (!started.ok) throw new LabError(`${this.name}: ${daemon}: ${started.detail ?? strerror(started.errno)}`);
    this.daemons.push(started.value);
    return started.value;
  }

  /**
   * Starts FRR with an integrated `frr.conf`: zebra, staticd, and the daemons that have a block of their own in it; `daemons` names others.
   * `options`: what is set of a daemon beside its configuration, by its name (see `nodes/daemons.ts`).
   */
  frr(
    text: string,
    { daemons = [], options = {} }: { readonly daemons?: readonly string[]; readonly options?: FrrOptions } = {},
  ): void {
    for (const name of frrDaemonsOf(text, daemons))
      this.run(name, { path: `${this.name}/frr.conf`, text, ...options[name.replace(/-\d+$/, "")] });
  }

  /** A device by name. */
  dev(name: string): NetDevice {
    const dev = this.kernel.device(name);
    if (dev === undefined)
      throw new LabError(
        `${this.name} has no device ${name}; it has ${[...this.kernel.devices()].map((d) => d.name).join(", ")}`,
      );
    return dev;
  }

  /** Gives a device an address: `10.0.0.1/24`. */
  addAddress(dev: string, prefix: string): void {
    const parsed = parsePrefix(prefix);
    if (parsed === undefined)
      throw new LabError(`${this.name} ${dev}: address "${prefix}": expected a form such as 10.0.0.1/24`);
    const added = this.kernel.addresses.add(this.dev(dev).ifindex, parsed);
    if (!added.ok) throw new LabError(`${this.name} ${dev}: ${prefix}: ${strerror(added.errno)}`);
  }

  /** Its first address that is not a loopback one; undefined when it has none. */
  get address(): string | undefined {
    const own = this.kernel.addresses.list().find((a) => a.address >>> 24 !== 127);
    return own === undefined ? undefined : formatIp(own.address);
  }
  /** The same; that there is none is an error. */
  get ip(): string {
    const own = this.address;
    if (own === undefined) throw new LabError(`${this.name} has no address`);
    return own;
  }

  /** Pulls the plug, or puts it back: its configuration survives, its daemons begin anew. */
  power(on: boolean): void {
    if (this.kernel.powered === on) return;
    this.kernel.setPower(on);
    for (const daemon of this.daemons) {
      if (on) daemon.start();
      else daemon.stop(); // what it has to say at its end, nobody hears
    }
  }
}

/** An address given as text; an error names what was expected. */
export function ipOf(text: string): Ipv4 {
  const ip = parseIp(text);
  if (ip === undefined) throw new LabError(`"${text}": expected an IPv4 address or the name of a node`);
  return ip;
}
