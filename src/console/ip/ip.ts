import type { SystemProcess } from "../process.ts";
import { addr } from "./addr.ts";
import { Args, abbreviates } from "./args.ts";
import type { Ip, IpOptions } from "./context.ts";
import { Exit, failure, notBuilt, usage, wrong } from "./exit.ts";
import { l2tp } from "./l2tp.ts";
import { link } from "./link.ts";
import { maddr } from "./maddr.ts";
import { neigh } from "./neigh.ts";
import { namespace, netns } from "./netns.ts";
import { Printer } from "./printer.ts";
import { route } from "./route.ts";
import { rule } from "./rule.ts";
import { tunnel } from "./tunnel.ts";
import { type Family, parseInteger } from "./values.ts";

/** `ip` of iproute2 6.1 (Debian 12) for IPv4: its words, its text, its exit status. */
export function ip(self: SystemProcess): void {
  let printer: Printer | undefined;
  try {
    const args = new Args(self.args);
    const globals = readGlobals(self, args);
    if (globals === "version") {
      self.out("ip utility, iproute2-6.1.0\n");
      return self.exit(0);
    }
    const { json, pretty, kernel, ...options } = globals;
    printer = new Printer((text) => self.out(text), { json, pretty, oneline: options.oneline });
    if (!args.more) throw usage(USAGE);
    const outlives = dispatch({ self, kernel, world: self.world, options, out: printer }, args);
    printer.flush();
    if (!outlives) self.exit(0);
  } catch (e) {
    if (!(e instanceof Exit)) throw e;
    printer?.flush();
    if (e.message !== "") self.err(`${e.message}\n`);
    self.exit(e.status);
  }
}

type Globals = { -readonly [K in keyof IpOptions]: IpOptions[K] } & {
  json: boolean;
  pretty: boolean;
  kernel: Ip["kernel"];
};

/** What stands before the object, in the order in which abbreviations are tried (ip/ip.c:main). */
function readGlobals(self: SystemProcess, args: Args): Globals | "version" {
  const g: Globals = {
    stats: 0,
    details: false,
    oneline: false,
    brief: false,
    family: "",
    human: false,
    iec: false,
    loops: 10,
    json: false,
    pretty: false,
    kernel: self.kernel,
  };
  for (; args.more && args.word.startsWith("-"); args.step()) {
    if (args.word === "--") {
      args.step();
      break;
    }
    const option = args.word.startsWith("--") ? args.word.slice(1) : args.word;
    const is = (...names: readonly string[]): boolean => names.some((name) => abbreviates(option, name));
    if (is("-loops")) g.loops = parseInteger(nextOrUsage(args)) ?? 0;
    else if (is("-family")) g.family = readFamily(nextOrUsage(args));
    else if (option === "-4") g.family = "inet";
    else if (option === "-6") throw notBuilt("IPv6");
    else if (option === "-0") g.family = "link";
    else if (option === "-M") g.family = "mpls";
    else if (option === "-B") throw notBuilt(option);
    else if (is("-human", "-human-readable")) g.human = true;
    else if (is("-iec")) g.iec = true;
    else if (is("-stats", "-statistics")) g.stats++;
    else if (is("-details")) g.details = true;
    else if (is("-resolve")) throw notBuilt("-resolve");
    else if (is("-oneline")) g.oneline = true;
    else if (is("-timestamp", "-tshort")) throw notBuilt("-timestamp");
    else if (is("-Version")) return "version";
    else if (is("-force", "-batch")) throw notBuilt("-batch");
    else if (is("-brief")) g.brief = true;
    else if (is("-json")) g.json = true;
    else if (is("-pretty")) g.pretty = true;
    else if (is("-rcvbuf")) throw notBuilt("-rcvbuf");
    else if (isColor(option)) continue;
    else if (is("-help")) throw usage(USAGE);
    else if (is("-netns")) g.kernel = namespace(self, args.next());
    else if (is("-Numeric")) throw notBuilt("-Numeric");
    else if (is("-all")) throw notBuilt("-all");
    else if (option === "-echo") throw notBuilt("-echo");
    else throw usage(`Option "${option}" is unknown, try "ip -help".`);
  }
  return g;
}

function nextOrUsage(args: Args): string {
  if (args.following === undefined) throw usage(USAGE);
  return args.next();
}

function readFamily(name: string): Family {
  if (name === "help") throw usage(USAGE);
  if (name === "inet" || name === "link" || name === "mpls") return name;
  if (name === "inet6") throw notBuilt("IPv6");
  if (name === "bridge") throw notBuilt(`family ${name}`);
  throw wrong("invalid protocol family", name);
}

/** `-color=never` and `auto` change nothing, since the output is no terminal. */
function isColor(option: string): boolean {
  const [name = "", when = "always"] = option.split("=");
  if (!abbreviates(name, "-color")) return false;
  if (when === "always" || when === "") throw notBuilt("-color=always");
  return when === "never" || when === "auto";
}

/** The objects in the order in which abbreviations are tried (ip/ip.c:cmds); those without a function are not built. */
const OBJECTS: readonly (readonly [name: string, run: ((ip: Ip, args: Args) => unknown) | undefined])[] = [
  ["address", addr],
  ["addrlabel", undefined],
  ["maddress", maddr],
  ["route", route],
  ["rule", rule],
  ["neighbor", neigh],
  ["neighbour", neigh],
  ["ntable", undefined],
  ["ntbl", undefined],
  ["link", link],
  ["l2tp", l2tp],
  ["fou", undefined],
  ["ila", undefined],
  ["macsec", undefined],
  ["tunnel", tunnel],
  ["tunl", tunnel],
  ["tuntap", undefined],
  ["tap", undefined],
  ["token", undefined],
  ["tcpmetrics", undefined],
  ["tcp_metrics", undefined],
  ["monitor", undefined],
  ["xfrm", undefined],
  ["mroute", undefined],
  ["mrule", undefined],
  ["netns", netns],
  ["netconf", undefined],
  ["vrf", undefined],
  ["sr", undefined],
  ["nexthop", undefined],
  ["mptcp", undefined],
  ["ioam", undefined],
  ["help", help],
  ["stats", undefined],
];

/** Objects that only addresses of the Internet family have. */
const INTERNET: readonly unknown[] = [route, rule, neigh];

function dispatch(ip: Ip, args: Args): boolean {
  const found = OBJECTS.find(([name]) => abbreviates(args.word, name));
  if (found === undefined) throw failure(`Object "${args.word}" is unknown, try "ip help".`);
  const [name, run] = found;
  if (run === undefined) throw notBuilt(`ip ${name}`);
  if (ip.options.family === "mpls" && run !== route && run !== help) throw notBuilt(`ip -M ${name}`);
  if (ip.options.family === "link" && INTERNET.includes(run)) throw notBuilt(`ip -0 ${name}`);
  return run(ip, new Args(args.rest.slice(1))) === true;
}

function help(): never {
  throw usage(USAGE);
}

const USAGE = [
  "Usage: ip [ OPTIONS ] OBJECT { COMMAND | help }",
  "where  OBJECT := { address | l2tp | link | maddress | neighbor | neighbour | netns | route | rule | tunnel }",
  "       OPTIONS := { -V[ersion] | -s[tatistics] | -d[etails] | -h[uman-readable] | -iec | -j[son] | -p[retty] |",
  "                    -f[amily] { inet | link | mpls } | -4 | -0 | -M | -l[oops] { maximum-addr-flush-attempts } |",
  "                    -br[ief] | -o[neline] | -n[etns] name | -c[olor]={ never | auto } }",
].join("\n");
