import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type World, within } from "../harness/namespaces.ts";
import { haveProgram } from "../harness/shared.ts";

/** Real routing daemons as peers, each in a namespace of a test. */

const FRR = "/usr/lib/frr";
export const haveFrr = existsSync(join(FRR, "ospfd")) && haveProgram("vtysh");
export const haveBird = haveProgram("bird") || existsSync("/usr/sbin/bird");

/** FRR with one configuration for zebra and one routing daemon. */
export class FrrPeer {
  readonly #world: World;
  readonly #name: string;

  constructor(world: World, name: string) {
    this.#world = world;
    this.#name = name;
  }

  /** Starts zebra, then `daemon`, which finds it. */
  async start(daemon: "ospfd" | "bgpd", config: string): Promise<void> {
    const { dir } = this.#world;
    const conf = this.#world.file(`${this.#name}.conf`, config);
    const empty = this.#world.file("empty.conf", "");
    execFileSync("chown", ["frr:frr", dir]); // the daemons drop root's rights
    const common = ["--vty_socket", dir, "-z", join(dir, "zserv.api"), "-A", "127.0.0.1", "-P", "0"];
    const start = (name: string, file: string): unknown =>
      this.#world.start(this.#name, join(FRR, name), [...common, "-i", join(dir, `${name}.pid`), "-f", file]);
    start("zebra", empty);
    if (!(await within(10, () => existsSync(join(dir, "zserv.api"))))) throw new Error("zebra did not start");
    start(daemon, conf);
    if (!(await within(10, () => existsSync(join(dir, `${daemon}.vty`))))) throw new Error(`${daemon} did not start`);
  }

  show(command: string): string {
    return this.#world.attempt(this.#name, `vtysh --vty_socket ${this.#world.dir} -c '${command}'`) ?? "";
  }
}

/** BIRD with a configuration. */
export class BirdPeer {
  readonly #world: World;
  readonly #name: string;

  constructor(world: World, name: string) {
    this.#world = world;
    this.#name = name;
  }

  async start(config: string): Promise<void> {
    const { dir } = this.#world;
    const control = join(dir, "bird.ctl");
    this.#world.start(this.#name, "bird", ["-f", "-c", this.#world.file("bird.conf", config), "-s", control]);
    if (!(await within(10, () => existsSync(control)))) throw new Error("bird did not start");
  }

  show(command: string): string {
    return this.#world.attempt(this.#name, `birdc -s ${join(this.#world.dir, "bird.ctl")} ${command}`) ?? "";
  }
}
