import type { Running } from "../console/process.ts";
import { strerror } from "../core/errno.ts";
import { S } from "../core/time.ts";
import { Gateway } from "../gateway/gateway.ts";
import { Pacer } from "../gateway/pacing.ts";
import { type GatewaySpec, parseGateway } from "../gateway/spec.ts";
import { LabError } from "../lab/errors.ts";
import { type ExecStep, parseExec } from "../lab/exec-list.ts";
import { Net } from "../lab/net.ts";
import { EthernetDevice } from "../nodes/kernel/dev/ethernet.ts";
import { FAILED, OK } from "./job.ts";
import { load } from "./load.ts";
import { renderTable } from "./text.ts";

export interface LiveOptions {
  readonly seed: number | undefined;
  readonly settings: readonly string[];
  /** `NODE:INTERFACE=vxlan:VNI@LOCAL,REMOTE`. */
  readonly gateways: readonly string[];
  readonly execs: readonly string[];
  /** Wall time after which it ends; undefined: when the last command has ended, or on Ctrl-C when there is none. */
  readonly forNs: number | undefined;
  readonly json: boolean;
}

/** A command as it was run live. */
interface Ran {
  readonly node: string;
  readonly running: Running;
}

/** Runs a lab beside the wall clock, with interfaces of its nodes joined to real networks. Returns the exit status. */
export async function runLive(lab: string, options: LiveOptions): Promise<number> {
  const specs = options.gateways.map((text) => {
    const spec = parseGateway(text);
    if (typeof spec === "string") throw new LabError(`--gateway ${spec}`);
    return spec;
  });
  const loaded = await load(lab, options.settings);
  const say = (text: string): void => void (options.json || process.stdout.write(text));
  const net = new Net(options.seed ?? loaded.seed, {
    said: (text) => say(`${text}\n`),
    tabled: (table) => say(`\n${renderTable(table)}\n`),
    checked: (c) => say(`${c.ok ? "pass" : "FAIL"}  ${c.name}${c.detail === "" ? "" : `  (${c.detail})`}\n`),
    warned: (text) => void process.stderr.write(`netloom: ${text}\n`),
  });
  loaded.build(net);
  const steps = options.execs.map((line) => parseExec(net, line));
  const session = new Live(net, steps, options, say);
  const gateways: { readonly spec: GatewaySpec; readonly gateway: Gateway }[] = [];
  for (const spec of specs) {
    const gateway = new Gateway(net.sim, deviceOf(net, spec), spec.options, session.arriving, session.arrived);
    await open(spec, gateway);
    gateways.push({ spec, gateway });
  }
  const t0 = performance.now();
  say(`${loaded.name}: live, ${gateways.length} gateway${gateways.length === 1 ? "" : "s"} open\n`);
  const ran = await session.run();
  for (const { gateway } of gateways) gateway.close();
  const summary = {
    name: loaded.name,
    seed: net.sim.seed,
    parameters: loaded.parameters,
    simulated_s: net.now / S,
    events: net.sim.events,
    wall_s: Math.round(performance.now() - t0) / 1000,
    lateness: session.pacer.lateness,
    gateways: gateways.map(({ spec, gateway }) => ({ node: spec.node, interface: spec.device, ...gateway.counters })),
    checks: net.checks,
    exec: ran.map(({ node, running: r }) => ({
      node,
      command: r.command,
      start_s: r.startedAt / S,
      end_s: r.endedAt / S,
      status: r.status ?? INTERRUPTED,
      output: r.output,
    })),
  };
  if (options.json) process.stdout.write(`${JSON.stringify(summary)}\n`);
  else say(closing(summary));
  return net.checks.every((c) => c.ok) && summary.exec.every((e) => e.status === 0) ? OK : FAILED;
}

/** What a shell gives for a command that Ctrl-C ended. */
const INTERRUPTED = 130;

/** The commands of `--exec` and the end of the run, while the pacer moves time. */
class Live {
  readonly pacer: Pacer;
  /** Called before and after a frame comes in from outside. */
  readonly arriving = (): void => this.#guarded(() => this.pacer.catchUp());
  readonly arrived = (): void => this.#guarded(() => this.pacer.step());
  readonly #net: Net;
  readonly #steps: readonly ExecStep[];
  readonly #options: LiveOptions;
  readonly #say: (text: string) => void;
  readonly #ran: Ran[] = [];
  #next = 0;
  /** Whether the step before the next one is over. */
  #ready: () => boolean = () => true;
  #done: (() => void) | undefined;
  #failed: ((error: unknown) => void) | undefined;

  constructor(net: Net, steps: readonly ExecStep[], options: LiveOptions, say: (text: string) => void) {
    this.#net = net;
    this.#steps = steps;
    this.#options = options;
    this.#say = say;
    this.pacer = new Pacer(net.sim, () => this.#proceed());
  }

  /** Runs until its end, and gives what was run. */
  async run(): Promise<readonly Ran[]> {
    const end = (): void => this.#done?.();
    process.on("SIGINT", end);
    process.on("SIGTERM", end);
    const timer = this.#options.forNs === undefined ? undefined : setTimeout(end, this.#options.forNs / 1e6);
    try {
      await new Promise<void>((resolve, reject) => {
        this.#done = resolve;
        this.#failed = reject;
        this.#guarded(() => this.pacer.start());
      });
    } finally {
      clearTimeout(timer);
      this.#guarded(() => this.pacer.stop());
      process.off("SIGINT", end);
      process.off("SIGTERM", end);
    }
    for (const { running } of this.#ran) if (!running.ended) running.interrupt();
    return this.#ran;
  }

  /** A bug in the simulation ends the run instead of the process. */
  #guarded(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#failed?.(error);
    }
  }

  /** After every step of time: starts what comes next. */
  #proceed(): void {
    while (this.#ready()) {
      const step = this.#steps[this.#next];
      if (step === undefined) return this.#rest();
      this.#next++;
      this.#ready = this.#start(step);
    }
  }

  #start(step: ExecStep): () => boolean {
    const net = this.#net;
    if (step.kind === "sleep") {
      const until = net.now + step.ns;
      net.sim.at(until, { label: "sleep", fire: () => {} });
      return () => net.now >= until;
    }
    if (step.kind === "converged") return () => !net.busy;
    const running = step.node.spawn(step.command);
    this.#say(`${step.node.name}# ${step.command}\n${running.output}`);
    running.onOutput((text) => this.#say(text));
    this.#ran.push({ node: step.node.name, running });
    return () => step.background || running.ended;
  }

  /** All steps are done: without a time to run for, that is the end. */
  #rest(): void {
    if (this.#options.forNs !== undefined || this.#steps.length === 0) return;
    if (this.#ran.every(({ running }) => running.ended || running.serving)) this.#done?.();
  }
}

/** The device of a gateway: the node's own, without a cable, or a new one. */
function deviceOf(net: Net, spec: GatewaySpec): EthernetDevice {
  const { kernel } = net.node(spec.node);
  const known = kernel.device(spec.device);
  if (known !== undefined) {
    if (!(known instanceof EthernetDevice)) throw new LabError(`--gateway: ${known.label} is no Ethernet card`);
    if (known.cable !== null) throw new LabError(`--gateway: ${known.label} has a cable already`);
    return known;
  }
  const made = kernel.register(spec.device, (final, ifindex) => new EthernetDevice(kernel, final, ifindex, ""));
  if (!made.ok)
    throw new LabError(`--gateway: ${spec.node}: device ${spec.device}: ${made.detail ?? strerror(made.errno)}`);
  kernel.setUp(made.value, true);
  return made.value;
}

async function open(spec: GatewaySpec, gateway: Gateway): Promise<void> {
  const { address, port } = spec.options.local;
  try {
    await gateway.open();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new LabError(`--gateway ${spec.node}:${spec.device}: UDP socket ${address}:${port}: ${why}`);
  }
}

function closing(s: {
  readonly name: string;
  readonly simulated_s: number;
  readonly wall_s: number;
  readonly lateness: Pacer["lateness"];
  readonly gateways: readonly ({ node: string; interface: string } & Gateway["counters"])[];
}): string {
  const ms = (n: number): string => `${n.toFixed(3)} ms`;
  const { lateness: l } = s;
  const lines = s.gateways.map(
    (g) =>
      `${g.node}:${g.interface}: ${g.rxFrames} frames in, ${g.txFrames} out, ${g.repaired} checksums filled in, ${g.segmented} cut into ${g.segments}, ${g.strangers} not ours`,
  );
  const late = `late by ${ms(l.p50Ms)} (median), ${ms(l.p99Ms)} (99 %), ${ms(l.maxMs)} (most)`;
  return `${lines.join("\n")}\n${s.name}: ${s.simulated_s.toFixed(3)} s simulated in ${s.wall_s} s, ${late}\n`;
}
