import { formatIp, type Ipv4, maskOf } from "../../core/addr.ts";
import { strerror } from "../../core/errno.ts";
import { type Route, TABLE_MAIN } from "../../nodes/kernel/fib/route.ts";
import { changeRoute, type RouteEntry } from "../../nodes/kernel/ioctl/route.ts";
import type { Kernel } from "../../nodes/kernel/kernel.ts";
import { getoptLong } from "../getopt-long.ts";
import type { SystemProcess } from "../process.ts";
import { guarded, resolve, STATUS_KERNEL, STATUS_LOOKUP, STATUS_USAGE, Stop, unknownHost } from "./names.ts";

const LONG = {
  extend: "e",
  verbose: "v",
  version: "V",
  numeric: "n",
  symbolic: "N",
  protocol: "A:",
  cache: "C",
  fib: "F",
  help: "h",
  inet: "4",
  inet6: "6",
};

/** `route` of net-tools 2.10 (route.c:main). */
export const route = (self: SystemProcess): void => guarded(self, () => run(self));

function run(self: SystemProcess): number {
  // -net and -host are words of the command, not options
  const words = self.args.map((word) => (word === "-net" || word === "-host" ? `#${word.slice(1)}` : word));
  const { options, rest, complaint } = getoptLong("route", words, "A:eCFhnN64Vv?", LONG);
  const given = (key: string): number => options.filter((o) => o.key === key).length;
  if (complaint !== undefined) self.err(complaint);
  if (given("V") > 0) {
    self.out("net-tools 2.10\n");
    return 0;
  }
  if (complaint !== undefined || given("h") + given("?") > 0) {
    self.out(USAGE);
    return 0;
  }
  const family = options.find((o) => o.key === "6" || (o.key === "A" && o.value !== "inet"));
  if (family !== undefined) throw new Stop(STATUS_USAGE, `route: ${family.value || "inet6"} is not built\n`);
  const [action, ...args] = rest;
  if (action === undefined) {
    if (given("C") > 0) throw new Stop(STATUS_USAGE, "route: -C is not built: there is no cache of routes to show\n");
    self.out(describeRoutes(self.kernel, 1 + given("e"), given("n") > 0));
    return 0;
  }
  if (action !== "add" && action !== "del" && action !== "delete" && action !== "flush") {
    throw new Stop(STATUS_USAGE, `route: "${action}" is no command\n${USAGE}`);
  }
  if (action === "flush") throw usage("Flushing `inet' routing table not supported\n");
  if (given("C") > 0) throw usage("Modifying `inet' routing cache not supported\n");
  if (args.length === 0) {
    self.out(EDIT_USAGE);
    return 0;
  }
  const changed = changeRoute(self.kernel, readEntry(args, action === "add"), action === "add" ? "add" : "del");
  if (changed.ok) return 0;
  self.err(`${action === "add" ? "SIOCADDRT" : "SIOCDELRT"}: ${strerror(changed.errno)}\n`);
  return STATUS_KERNEL;
}

// --- showing -----------------------------------------------------------------------------------------------------

const HEADERS = [
  "Destination     Gateway         Genmask         Flags Metric Ref    Use Iface\n",
  "Destination     Gateway         Genmask         Flags   MSS Window  irtt Iface\n",
  "Destination     Gateway         Genmask         Flags Metric Ref    Use Iface    MSS   Window irtt\n",
] as const;

/** lib/inet_gr.c:rprint_fib over /proc/net/route: one line for a route, whose first way stands for all. */
function describeRoutes(kernel: Kernel, detail: number, numeric: boolean): string {
  const level = Math.min(detail, HEADERS.length);
  const lines = kernel.fib
    .routes(TABLE_MAIN)
    .filter((r) => r.type !== "broadcast" && r.type !== "multicast")
    .map((r) => describeRoute(kernel, r, level, numeric));
  return ["Kernel IP routing table\n", HEADERS[level - 1] as string, ...lines].join("");
}

function describeRoute(kernel: Kernel, r: Route, level: number, numeric: boolean): string {
  const way = r.nexthops[0];
  const dst = r.length === 0 && r.dst === 0 && !numeric ? "default" : formatIp(r.dst);
  const rejects = r.type === "unreachable" || r.type === "prohibit";
  const flags = `${rejects ? "!" : way !== undefined && way.gateway !== 0 ? "UG" : "U"}${r.length === 32 ? "H" : ""}`;
  const left = (value: string | number, width: number): string => String(value).padEnd(width);
  const right = (value: string | number, width: number): string => String(value).padStart(width);
  const gateway = rejects ? "-" : formatIp(way?.gateway ?? 0);
  const iface = way === undefined ? "*" : (kernel.deviceByIndex(way.ifindex)?.name ?? "*");
  const head = `${left(dst, 15)} ${left(gateway, 15)} ${left(formatIp(maskOf(r.length)), 15)} ${left(flags, 5)} `;
  const { advmss, window, rttMs } = r.metrics;
  const mss = advmss === 0 ? 0 : advmss + 40;
  if (level === 2) {
    if (rejects) return `${head}    - -          - -\n`;
    return `${head}${right(mss, 5)} ${left(window, 5)} ${right(rttMs, 6)} ${iface}\n`;
  }
  if (rejects) return `${head}${left(r.metric, 6)} -  ${right(0, 7)} -${level === 3 ? "        -     -      -" : ""}\n`;
  if (level === 1) return `${head}${left(r.metric, 6)} ${left(0, 2)} ${right(0, 7)} ${iface}\n`;
  const more = `${left(mss, 5)} ${left(window, 6)} ${rttMs}`;
  return `${head}${left(r.metric, 6)} ${left(0, 3)} ${right(0, 6)} ${left(iface.slice(0, 6), 6)}   ${more}\n`;
}

// --- changing ----------------------------------------------------------------------------------------------------

type Draft = { -readonly [K in keyof RouteEntry]: RouteEntry[K] } & { maskText: string };

/** lib/inet_sr.c:INET_setroute. */
function readEntry(args: readonly string[], adds: boolean): RouteEntry {
  const kind = args[0] === "#net" || args[0] === "#host" ? args[0] : undefined;
  const words = kind === undefined ? [...args] : args.slice(1);
  const target = words.shift();
  if (target === undefined) throw usage();
  const slash = target.indexOf("/");
  const name = slash < 0 ? target : target.slice(0, slash);
  const found = lookup(name);
  const e: Draft = {
    dst: found.address,
    host: kind === undefined ? !found.isNetwork : kind === "#host",
    ...{ mask: 0, maskText: "default", gateway: undefined, reject: false, dev: undefined, metric: 0 },
    ...{ mtu: undefined, window: undefined, rttMs: undefined },
  };
  if (slash >= 0) {
    const length = Number(/^\d{1,2}$/.exec(target.slice(slash + 1))?.[0] ?? 33);
    if (length > 32) throw usage();
    e.mask = maskOf(length);
    e.maskText = `/${length}`;
  }
  while (words.length > 0) readWord(e, words);
  checkMask(e);
  if (e.host && adds) e.mask = 0xffffffff;
  if (e.reject) e.dev ??= "lo";
  return e;
}

function readWord(e: Draft, words: string[]): void {
  const word = words.shift() as string;
  const value = (): string => {
    const next = words.shift();
    if (next === undefined) throw usage();
    return next;
  };
  switch (word) {
    case "metric": {
      const text = value();
      if (!/^\d/.test(text)) throw usage();
      e.metric = Math.min(Number.parseInt(text, 10), 0x7fff_ffff);
      return;
    }
    case "netmask":
      if (e.mask !== 0) throw usage();
      e.maskText = value();
      e.mask = lookup(e.maskText).address;
      return;
    case "gw":
    case "gateway": {
      if (e.gateway !== undefined) throw usage();
      const text = value();
      const found = lookup(text);
      if (found.isNetwork) throw usage(`route: ${text}: cannot use a NETWORK as gateway!\n`);
      e.gateway = found.address;
      return;
    }
    case "mss":
    case "mtu":
      e.mtu = limited(value(), 64, 65_536, "route: Invalid MSS/MTU.\n");
      return;
    case "window":
      e.window = limited(value(), 128, 0x7fff_ffff, "route: Invalid window.\n");
      return;
    case "irtt":
      e.rttMs = limited(value(), 0, 0x7fff_ffff, "");
      return;
    case "reject":
      e.reject = true;
      return;
    case "mod":
    case "dyn":
    case "reinstate":
      throw new Stop(STATUS_USAGE, `route: ${word} is not built\n`);
    case "dev":
    case "device":
      if (e.dev !== undefined) throw usage();
      e.dev = value();
      return;
    default:
      // a device without `dev` stands last
      if (e.dev !== undefined || words.length > 0) throw usage(`route: unknown option "${word}"\n`);
      e.dev = word;
  }
}

/** What `route` itself finds wrong with a mask, before the kernel does. */
function checkMask(e: Draft): void {
  if (e.mask === 0) return;
  const wild = ~e.mask >>> 0;
  if (e.host && wild !== 0) {
    throw usage(`route: netmask ${wild.toString(16).padStart(8, "0")} doesn't make sense with host route\n`);
  }
  if ((wild & (wild + 1)) !== 0) throw usage(`route: bogus netmask ${e.maskText}\n`);
  if ((e.dst & wild) !== 0) throw usage("route: netmask doesn't match route address\n");
}

function lookup(text: string): { readonly address: Ipv4; readonly isNetwork: boolean } {
  const found = resolve(text);
  if (found === undefined) throw new Stop(STATUS_LOOKUP, unknownHost(text));
  return found;
}

function limited(text: string, min: number, max: number, why: string): number {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : -1;
  if (!(value >= min && value <= max)) throw usage(why);
  return value;
}

const usage = (why = ""): Stop => new Stop(STATUS_USAGE, why + EDIT_USAGE);

const EDIT_USAGE = `Usage: inet_route [-vF] del {-host|-net} Target[/prefix] [gw Gw] [metric M] [[dev] If]
       inet_route [-vF] add {-host|-net} Target[/prefix] [gw Gw] [metric M]
                              [netmask N] [mss Mss] [window W] [irtt I]
                              [[dev] If]
       inet_route [-vF] add {-host|-net} Target[/prefix] [metric M] reject
`;

const USAGE = `Usage: route [-nvee] [-F] [-4]                  List kernel routing tables
       route [-v] [-F] {add|del} ...         Modify routing table

       route {-h|--help}                     This text
       route {-V|--version}                  Display version and exit.

        -v, --verbose            be verbose
        -n, --numeric            don't resolve names
        -e, --extend             display other/more information
        -F, --fib                display Forwarding Information Base (default)
`;
