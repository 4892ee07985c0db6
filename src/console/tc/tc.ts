import { Args, abbreviates } from "../ip/args.ts";
import { Exit, usage } from "../ip/exit.ts";
import { namespace } from "../ip/netns.ts";
import { Printer } from "../ip/printer.ts";
import type { SystemProcess } from "../process.ts";
import { tcClass } from "./class.ts";
import { notBuilt, type Tc, type TcOptions } from "./context.ts";
import { filter } from "./filter.ts";
import { qdisc } from "./qdisc.ts";

/** `tc` of iproute2 6.1 (Debian 12): its words, its text, its exit status. */
export function tc(self: SystemProcess): void {
  let printer: Printer | undefined;
  try {
    const args = new Args(self.args);
    const globals = readGlobals(self, args);
    if (globals === undefined) return self.exit(0);
    const { kernel, oneline, ...options } = globals;
    printer = new Printer((text) => self.out(text), { json: options.json, pretty: options.pretty, oneline });
    if (args.more) dispatch({ self, kernel, options, out: printer }, args);
    else self.err(`${USAGE}\n`);
    printer.flush();
    self.exit(0);
  } catch (e) {
    if (!(e instanceof Exit)) throw e;
    printer?.flush();
    if (e.message !== "") self.err(`${e.message}\n`);
    self.exit(e.status);
  }
}

type Globals = { -readonly [K in keyof TcOptions]: TcOptions[K] } & { kernel: Tc["kernel"]; oneline: boolean };

/** What stands before the object, in the order in which abbreviations are tried (tc/tc.c:main); undefined: all is said. */
function readGlobals(self: SystemProcess, args: Args): Globals | undefined {
  const { kernel } = self;
  const g: Globals = {
    stats: false,
    details: false,
    raw: false,
    pretty: false,
    iec: false,
    json: false,
    oneline: false,
    kernel,
  };
  for (; args.more && args.word.startsWith("-"); args.step()) {
    const option = args.word;
    const is = (...names: readonly string[]): boolean => names.some((name) => abbreviates(option, name));
    if (is("-stats", "-statistics")) g.stats = true;
    else if (is("-details")) g.details = true;
    else if (is("-raw")) g.raw = true;
    else if (is("-pretty")) g.pretty = true;
    else if (is("-graph")) throw notBuilt("-graph");
    else if (is("-Version")) {
      self.out("tc utility, iproute2-6.1.0\n");
      return undefined;
    } else if (is("-iec")) g.iec = true;
    else if (is("-help")) {
      self.err(`${USAGE}\n`);
      return undefined;
    } else if (is("-force", "-batch")) throw notBuilt("-batch");
    else if (is("-netns")) g.kernel = namespace(self, args.next());
    else if (is("-Numeric", "-names", "-nm", "-cf", "-conf")) throw notBuilt(option);
    else if (/^-c(o(l(or?)?)?)?(=(never|auto))?$/.test(option) && option.includes("=")) continue;
    else if (is("-color")) throw notBuilt("-color=always");
    else if (is("-timestamp", "-tshort")) throw notBuilt("-timestamp");
    else if (is("-json")) g.json = true;
    else if (is("-oneline")) g.oneline = true;
    else if (is("-brief")) throw notBuilt("-brief");
    else throw usage(`Option "${option}" is unknown, try "tc -help".`);
  }
  return g;
}

function dispatch(tc: Tc, args: Args): void {
  const object = args.word;
  const is = (name: string): boolean => abbreviates(object, name);
  args.step();
  if (is("qdisc")) return qdisc(tc, args);
  if (is("class")) return tcClass(tc, args);
  if (is("filter")) return filter(tc, args);
  for (const name of ["chain", "actions", "monitor", "exec"]) if (is(name)) throw notBuilt(name);
  if (is("help")) return tc.self.err(`${USAGE}\n`);
  throw usage(`Object "${object}" is unknown, try "tc help".`);
}

const USAGE = [
  "Usage:	tc [ OPTIONS ] OBJECT { COMMAND | help }",
  "where  OBJECT := { qdisc | class | filter }",
  "       OPTIONS := { -V[ersion] | -s[tatistics] | -d[etails] | -r[aw] | -o[neline] | -j[son] | -p[retty] |",
  "                    -iec | -n[etns] name | -c[olor]={ never | auto } }",
].join("\n");
