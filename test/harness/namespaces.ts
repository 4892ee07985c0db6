import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { haveProgram } from "./shared.ts";

/** Whether network namespaces can be made here: the tests against real kernels and daemons need them. */
export const haveNamespaces = haveProgram("ip") && process.getuid?.() === 0 && canMake();

function canMake(): boolean {
  const name = `nl${process.pid}try`;
  try {
    execFileSync("ip", ["netns", "add", name], { stdio: "ignore" });
    execFileSync("ip", ["netns", "del", name], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** A program that runs in a namespace. */
export interface Started {
  readonly child: ChildProcess;
  /** What it has printed on both outputs. */
  output(): string;
  /** Resolves to its exit status; 128 and the signal's stand-in -1 when it was killed. */
  readonly ended: Promise<number>;
}

/** The network namespaces, processes and files of one test. `end` removes all of them, whatever happened. */
export class World {
  /** A directory of its own, for configurations. */
  readonly dir = mkdtempSync(join(tmpdir(), "netloom-"));
  readonly #prefix = `nl${process.pid}`;
  readonly #names = new Set<string>();
  readonly #started: Started[] = [];

  /** Makes a namespace; its loopback is up. `name` is short: the kernel's is longer. */
  namespace(name: string): void {
    execFileSync("ip", ["netns", "add", this.#full(name)]);
    this.#names.add(name);
    this.run(name, "ip link set lo up");
  }

  /** A veth pair between two namespaces: `a:eth0` with an address and `b:eth0` with one. */
  veth(a: string, b: string, aAddress: string, bAddress: string, mtu = 1600): void {
    const [aName, aDevice] = split(a);
    const [bName, bDevice] = split(b);
    const [from, to] = [this.#full(aName), this.#full(bName)];
    const pair = ["link", "add", aDevice, "netns", from, "type", "veth", "peer", "name", bDevice, "netns", to];
    execFileSync("ip", pair);
    for (const [name, device, address] of [
      [aName, aDevice, aAddress],
      [bName, bDevice, bAddress],
    ] as const) {
      this.run(name, `ip addr add ${address} dev ${device}`);
      this.run(name, `ip link set ${device} mtu ${mtu} up`);
    }
  }

  /** Runs a command in a namespace to its end, and gives what it printed. One that fails is an error with its output. */
  run(name: string, command: string, timeoutMs = 60_000): string {
    const words = ["netns", "exec", this.#full(name), "sh", "-c", command];
    return execFileSync("ip", words, { encoding: "utf8", timeout: timeoutMs, stdio: ["ignore", "pipe", "pipe"] });
  }

  /** The same; undefined when it failed. */
  attempt(name: string, command: string): string | undefined {
    try {
      return this.run(name, command);
    } catch {
      return undefined;
    }
  }

  /** Starts a program in a namespace. */
  start(name: string, program: string, args: readonly string[]): Started {
    const words = ["netns", "exec", this.#full(name), program, ...args];
    const child = spawn("ip", words, { stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    const keep = (text: Buffer): void => void (output += text.toString());
    child.stdout?.on("data", keep);
    child.stderr?.on("data", keep);
    const ended = new Promise<number>((resolve) => child.on("exit", (code) => resolve(code ?? -1)));
    const started = { child, output: () => output, ended };
    this.#started.push(started);
    return started;
  }

  /** Runs netloom in a namespace. */
  netloom(name: string, args: readonly string[]): Started {
    return this.start(name, process.execPath, ["bin/netloom.js", ...args]);
  }

  /** Writes a file of this test, and gives its path. */
  file(name: string, text: string): string {
    const path = join(this.dir, name);
    writeFileSync(path, text);
    return path;
  }

  /** Ends what was started, by its pid, and removes what was made. */
  async end(): Promise<void> {
    for (const { child } of this.#started) child.kill("SIGTERM");
    const gone = Promise.all(this.#started.map((s) => s.ended));
    const late = setTimeout(() => {
      for (const { child } of this.#started) child.kill("SIGKILL");
    }, 3000);
    await gone;
    clearTimeout(late);
    for (const name of this.#names) {
      try {
        execFileSync("ip", ["netns", "del", this.#full(name)], { stdio: "ignore" });
      } catch {
        // it is gone already
      }
    }
    rmSync(this.dir, { recursive: true, force: true });
  }

  #full(name: string): string {
    return `${this.#prefix}${name}`;
  }
}

const split = (end: string): readonly [string, string] => {
  const [name = "", device = ""] = end.split(":");
  return [name, device];
};

/** Waits until `holds`, looking four times a second; false: it did not in that many seconds. */
export async function within(seconds: number, holds: () => boolean): Promise<boolean> {
  const end = Date.now() + seconds * 1000;
  while (!holds()) {
    if (Date.now() > end) return false;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  return true;
}
