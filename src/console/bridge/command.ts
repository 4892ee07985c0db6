import { Args } from "../ip/args.ts";
import { Exit, usage } from "../ip/exit.ts";
import { Printer } from "../ip/printer.ts";
import type { SystemProcess } from "../process.ts";
import { type Bridge, notBuilt } from "./context.ts";
import { fdb } from "./fdb.ts";
import { link } from "./link.ts";
import { vlan } from "./vlan.ts";

/** `bridge` of iproute2 6.1. */
export function bridge(self: SystemProcess): void {
  const args = new Args(self.args);
  let out: Printer | undefined;
  try {
    const b = readOptions(self, args);
    if (b === undefined) return self.exit(0);
    out = b.out;
    run(b, args);
    out.flush();
    self.exit(0);
  } catch (end) {
    if (!(end instanceof Exit)) throw end;
    out?.flush();
    if (end.message !== "") self.err(`${end.message}\n`);
    self.exit(end.status);
  }
}

/** bridge/bridge.c:do_cmd. */
function run(b: Bridge, args: Args): void {
  if (!args.more) throw usage(USAGE);
  const object = new Args(args.rest.slice(1));
  if (args.abbreviates("link")) return link(b, object);
  if (args.abbreviates("fdb")) return fdb(b, object);
  if (args.abbreviates("mdb")) throw notBuilt("bridge mdb");
  if (args.abbreviates("vlan")) return vlan(b, object);
  if (args.abbreviates("vni")) throw notBuilt("bridge vni");
  if (args.abbreviates("monitor")) throw notBuilt("bridge monitor");
  if (args.abbreviates("help")) throw usage(USAGE);
  throw usage(`Object "${args.word}" is unknown, try "bridge help".`);
}

/** What stands before the object; undefined when that was all. */
function readOptions(self: SystemProcess, args: Args): Bridge | undefined {
  const flags = { stats: false, details: false, compress: false };
  const style = { json: false, pretty: false, oneline: false };
  let { kernel } = self;
  for (; args.word.startsWith("-"); args.step()) {
    const word = args.word.startsWith("--") ? args.word.slice(1) : args.word;
    if (word === "-") {
      args.step();
      break;
    }
    const is = (...names: string[]): boolean => names.some((name) => name.startsWith(word));
    if (is("-help")) throw usage(USAGE);
    if (is("-Version")) {
      self.out("bridge utility, 6.1.0\n");
      return undefined;
    }
    if (is("-stats", "-statistics")) flags.stats = true;
    else if (is("-details")) flags.details = true;
    else if (is("-oneline")) style.oneline = true;
    else if (word === "-4") continue;
    else if (is("-netns")) {
      const name = args.next();
      const other = self.world.kernel(name);
      if (other === undefined) throw usage(`Cannot open network namespace "${name}": No such file or directory`);
      kernel = other;
    } else if (is("-timestamp", "-family", "-6", "-color", "-force", "-batch")) throw notBuilt(args.word);
    else if (is("-compressvlans")) flags.compress = true;
    else if (is("-json")) style.json = true;
    else if (is("-pretty")) style.pretty = true;
    else throw usage(`Option "${word}" is unknown, try "bridge help".`);
  }
  return { kernel, out: new Printer((text) => self.out(text), style), ...flags };
}

const USAGE = [
  "Usage: bridge [ OPTIONS ] OBJECT { COMMAND | help }",
  "where  OBJECT := { link | fdb | vlan }",
  "       OPTIONS := { -V[ersion] | -s[tatistics] | -d[etails] | -o[neline] | -n[etns] name |",
  "                    -com[pressvlans] | -p[retty] | -j[son] }",
].join("\n");
