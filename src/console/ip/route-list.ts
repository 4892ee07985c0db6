import { type Ipv4, networkOf } from "../../core/addr.ts";
import { refused } from "../../core/errno.ts";
import { protocolNumber, scopeNumber, tableNumber } from "../../nodes/kernel/fib/names.ts";
import { NO_METRICS, type Route, type RouteType, TABLE_MAIN } from "../../nodes/kernel/fib/route.ts";
import type { PathException } from "../../nodes/kernel/ipv4/exceptions.ts";
import { type Args, type Option, option, readOptions, unbuilt } from "./args.ts";
import { deviceNamed, type Ip } from "./context.ts";
import { Exit, failure, notBuilt, refusal, usage, wrong } from "./exit.ts";
import { dsfieldNumber, routeType } from "./names.ts";
import { metricsOf, putCache } from "./route-cache.ts";
import {
  putDestination,
  putDevice,
  putGateway,
  putMetrics,
  putRoute,
  putTable,
  type RouteStyle,
} from "./route-print.ts";
import { ROUTE_USAGE } from "./route-request.ts";
import { type PrefixArgument, parsePrefix, parseUnsigned } from "./values.ts";

/** Which routes are wanted; what is undefined does not matter. */
interface Filter {
  readonly ip: Ip;
  /** 0: all. */
  table: number;
  /** What was learnt, instead of what was configured. */
  cached: boolean;
  tos?: number;
  protocol?: number;
  scope?: number;
  type?: RouteType;
  dev?: string;
  ifindex?: number;
  metric?: number;
  via?: PrefixArgument;
  src?: PrefixArgument;
  /** Routes no wider than this, and no narrower. */
  root?: PrefixArgument;
  match?: PrefixArgument;
}

const OPTIONS: readonly Option<Filter>[] = [
  option("table", (f, args) => {
    const text = args.next();
    const table = tableNumber(text);
    if (table !== undefined) f.table = table;
    else if (text === "all") f.table = 0;
    else if (text === "cache") f.cached = true;
    else throw text === "help" ? usage(ROUTE_USAGE) : wrong("table id value is invalid\n", text);
  }),
  unbuilt("vrf"),
  option("cached|cloned", (f) => (f.cached = true)),
  option("=tos|dsfield", (f, args) => {
    f.tos = dsfieldNumber(args.next());
    if (f.tos === undefined) throw wrong("TOS value is invalid\n", args.word);
  }),
  option("protocol", (f, args) => {
    f.protocol = protocolNumber(args.next());
    if (f.protocol === undefined && args.word !== "all") throw wrong('invalid "protocol"\n', args.word);
  }),
  option("scope", (f, args) => {
    f.scope = scopeNumber(args.next());
    if (f.scope === undefined && args.word !== "all") throw wrong('invalid "scope"\n', args.word);
  }),
  option("type", (f, args) => {
    f.type = routeType(args.next());
    if (f.type === undefined) throw wrong("node type value is invalid\n", args.word);
  }),
  option("=dev|=oif", (f, args) => (f.dev = args.next())),
  unbuilt("=iif|=mark"),
  option("metric|priority|=preference", (f, args) => {
    f.metric = parseUnsigned(args.next());
    if (f.metric === undefined) throw wrong('"metric" value is invalid\n', args.word);
  }),
  option("=via", (f, args) => {
    const family = args.next();
    if (["inet6", "link", "mpls", "bridge"].includes(family)) throw notBuilt(`"via ${family}"`);
    f.via = parsePrefix(family === "inet" ? args.next() : family, f.ip.options.family);
  }),
  option("=src", (f, args) => (f.src = parsePrefix(args.next(), f.ip.options.family))),
  unbuilt("realms|from"),
];

function readFilter(ip: Ip, args: Args): Filter {
  const f: Filter = { ip, table: TABLE_MAIN, cached: false };
  readOptions(args, OPTIONS, f, readPrefix);
  if (f.dev !== undefined) f.ifindex = deviceNamed(ip, f.dev).ifindex;
  return f;
}

/** `[to] [root | match | exact] PREFIX`. */
function readPrefix(f: Filter, args: Args): void {
  const { family } = f.ip.options;
  if (args.abbreviates("to")) args.next();
  if (args.abbreviates("root")) f.root = parsePrefix(args.next(), family);
  else if (args.abbreviates("match")) f.match = parsePrefix(args.next(), family);
  else {
    if (args.abbreviates("exact")) args.next();
    f.root = f.match = parsePrefix(args.word, family);
  }
}

/** ip/iproute.c:filter_nlmsg. */
function passes(route: Route, f: Filter): boolean {
  const only = route.nexthops.length === 1 ? route.nexthops[0] : undefined;
  if (f.table !== 0 && route.table !== f.table) return false;
  if (f.protocol !== undefined && route.protocol !== f.protocol) return false;
  if (f.scope !== undefined && route.scope !== f.scope) return false;
  if (f.type !== undefined && route.type !== f.type) return false;
  if (f.tos !== undefined && route.tos !== f.tos) return false;
  if (f.ifindex !== undefined && only?.ifindex !== f.ifindex) return false;
  if (f.metric !== undefined && route.metric !== f.metric) return false;
  if (f.via !== undefined && !inside(only?.gateway ?? 0, f.via)) return false;
  if (f.src !== undefined && !inside(route.prefsrc, f.src)) return false;
  if (f.root !== undefined && (f.root.length > route.length || !inside(route.dst, f.root))) return false;
  const { match } = f;
  if (match === undefined) return true;
  return match.length >= route.length && networkOf(match.address, route.length) === networkOf(route.dst, route.length);
}

const inside = (address: Ipv4, p: PrefixArgument): boolean =>
  networkOf(address, p.length) === networkOf(p.address, p.length);

const styleOf = (f: Filter): RouteStyle => ({
  table: f.table !== 0,
  dev: f.ifindex !== undefined,
  protocol: f.protocol !== undefined,
  scope: f.scope !== undefined,
  tos: f.tos !== undefined,
  metric: f.metric !== undefined,
  via: f.via?.length === 32,
  src: f.src?.length === 32,
});

/** `ip route show` (ip/iproute.c:iproute_list_flush_or_save). */
export function listRoutes(ip: Ip, args: Args): void {
  const f = readFilter(ip, args);
  const { out } = ip;
  out.begin();
  if (f.cached) for (const [dst, e] of ip.kernel.ipv4.exceptions.entries()) putException(f, dst, e);
  else {
    for (const route of wanted(f, "Dump terminated")) putRoute(ip, route, styleOf(f));
  }
  out.end();
}

/** The routes that pass; a table that does not exist ends the command, main excepted. */
function wanted(f: Filter, terminated: string): Route[] {
  const { fib } = f.ip.kernel;
  if (f.table === 0) return fib.routes().filter((route) => passes(route, f));
  if (fib.hasTable(f.table)) return fib.routes(f.table).filter((route) => passes(route, f));
  if (f.table === TABLE_MAIN && terminated !== FLUSH_TERMINATED) return [];
  const why = refusal(refused("ENOENT", "ipv4: FIB table does not exist"));
  throw new Exit(2, `${why}\n${terminated}`);
}

/** What was learnt of the way to one destination. */
function putException(f: Filter, dst: Ipv4, e: PathException): void {
  const { ip } = f;
  const { out } = ip;
  const hop = e.hop ?? e.info?.nexthops[0];
  const table = e.info?.table ?? TABLE_MAIN;
  if (f.table !== 0 && table !== f.table) return;
  if (f.ifindex !== undefined && hop?.ifindex !== f.ifindex) return;
  if (f.root !== undefined && !inside(dst, f.root)) return;
  if (f.match !== undefined && f.match.address !== dst) return;
  out.object();
  putDestination(out, dst, 32);
  const gateway = e.gateway || (hop?.gateway ?? 0);
  if (gateway !== 0) putGateway(out, gateway);
  if (hop !== undefined && f.ifindex === undefined) putDevice(ip, "dev", hop.ifindex);
  if (table !== TABLE_MAIN && f.table === 0) putTable(out, table);
  out.array("flags");
  out.endArray();
  putCache(ip, e.gateway === 0 ? [] : ["redirected"], e);
  putMetrics(out, metricsOf(e.info?.metrics ?? NO_METRICS, e));
  out.text("\n");
  out.endObject();
}

const FLUSH_TERMINATED = "Flush terminated";

/** `ip route flush`: round by round until nothing is left (ip/iproute.c:iproute_flush). */
export function flushRoutes(ip: Ip, args: Args): void {
  if (!args.more) throw failure('"ip route flush" requires arguments.');
  const f = readFilter(ip, args);
  const { out, options, kernel } = ip;
  if (f.cached) {
    kernel.ipv4.exceptions.flush();
    if (options.stats > 0) out.text("*** IPv4 routing cache is flushed.\n");
    return out.flush();
  }
  for (let round = 0; ; round++) {
    const doomed = new Set(wanted(f, FLUSH_TERMINATED));
    if (options.stats > 1) for (const route of doomed) putRoute(ip, route, styleOf(f));
    if (doomed.size === 0) {
      const complete = `*** Flush is complete after ${round} round${round > 1 ? "s" : ""} ***\n`;
      if (options.stats > 0) out.text(round === 0 ? "Nothing to flush.\n" : complete);
      return out.flush();
    }
    kernel.fib.flush((route) => doomed.has(route));
    if (options.stats > 0) out.text(`\n*** Round ${round + 1}, deleting ${doomed.size} entries ***\n`);
  }
}
