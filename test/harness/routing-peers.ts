import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type World, within } from "./namespaces.ts";
import { haveProgram } from "./shared.ts";

/** Real routing daemons as peers, each in a namespace of a test. */

const FRR = "/usr/lib/frr";
export const haveFrr = existsSync(join(FRR, "ospfd")) && haveProgram("vtysh");
export const haveBird = haveProgram("bird") || existsSync("/usr/sbin/bird");

/** What a running daemon answers to a command of its own; nothing, when it refuses it. */
export type Show = (command: string) => string;

/** Starts FRR's zebra in namespace `name`, then `daemon` with `config`. */
export async function startFrr(w: World, name: string, daemon: "ospfd" | "bgpd", config: string): Promise<Show> {
  const { dir } = w;
  execFileSync("chown", ["frr:frr", dir]); // the daemons drop root's rights
  const common = ["--vty_socket", dir, "-z", join(dir, "zserv.api"), "-A", "127.0.0.1", "-P", "0"];
  const start = async (program: string, text: string, sign: string): Promise<void> => {
    const files = ["-i", join(dir, `${program}.pid`), "-f", w.file(`${program}.conf`, text)];
    w.start(name, join(FRR, program), [...common, ...files]);
    await appears(join(dir, sign), program);
  };
  await start("zebra", "", "zserv.api"); // the daemon looks for it
  await start(daemon, config, `${daemon}.vty`);
  return (command) => w.attempt(name, `vtysh --vty_socket ${dir} -c '${command}'`) ?? "";
}

/** Starts BIRD in namespace `name`. */
export async function startBird(w: World, name: string, config: string): Promise<Show> {
  const control = join(w.dir, "bird.ctl");
  w.start(name, "bird", ["-f", "-c", w.file("bird.conf", config), "-s", control]);
  await appears(control, "bird");
  return (command) => w.attempt(name, `birdc -s ${control} ${command}`) ?? "";
}

async function appears(path: string, program: string): Promise<void> {
  if (!(await within(10, () => existsSync(path)))) throw new Error(`${program} did not start`);
}
