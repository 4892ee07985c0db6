import type { Ipv4 } from "../../core/addr.ts";
import { protocolNumber, scopeNumber, tableNumber } from "../../nodes/kernel/fib/names.ts";
import type { MetricName, NextHopSpec, RouteMetrics, RouteSpec } from "../../nodes/kernel/fib/route.ts";
import { Args, type Option, option, readOptions, STOP, unbuilt } from "./args.ts";
import { deviceNamed, type Ip } from "./context.ts";
import { readEncap } from "./encap.ts";
import { garbage, notBuilt, usage, wrong } from "./exit.ts";
import { dsfieldNumber, routeType } from "./names.ts";
import { type Family, isAnyWord, type PrefixArgument, parseAddress, parsePrefix, parseUnsigned } from "./values.ts";

type Metrics = { -readonly [K in MetricName]?: RouteMetrics[K] };
type Draft = { -readonly [K in keyof RouteSpec]?: RouteSpec[K] } & {
  readonly ip: Ip;
  /** Of every address behind the first. */
  family: Family;
  readonly given: Metrics;
  to?: PrefixArgument;
  dev?: string;
  /** `nexthop …` and what is behind it. */
  onward?: Args;
};

const OPTIONS: readonly Option<Draft>[] = [
  option("=src", (r, args) => (r.prefsrc = readAddress(r, args.next()))),
  unbuilt("=as"),
  option("=via", (r, args) => {
    if (r.gateway !== undefined) throw wrong("use nexthop syntax to specify multiple via\n", args.word);
    r.gateway = readVia(r, args);
  }),
  unbuilt("=from"),
  option("=tos|dsfield", (r, args) => {
    r.tos = dsfieldNumber(args.next());
    if (r.tos === undefined) throw wrong('"tos" value is invalid\n', args.word);
  }),
  unbuilt("=expires"),
  option("metric|priority|=preference", (r, args) => (r.metric = unsigned("metric", args.next()))),
  option("=scope", (r, args) => {
    r.scope = scopeNumber(args.next());
    if (r.scope === undefined) throw wrong('invalid "scope" value\n', args.word);
  }),
  option("=mtu", (r, args) => {
    if (args.next() === "lock") {
      r.given.mtuLocked = 1;
      args.next();
    }
    r.given.mtu = unsigned("mtu", args.word);
  }),
  option("=hoplimit", (r, args) => {
    r.given.hoplimit = metric("hoplimit", args);
    if (r.given.hoplimit > 255) throw wrong('"hoplimit" value is invalid\n', args.word);
  }),
  option("=advmss", (r, args) => (r.given.advmss = metric("mss", args))),
  option("reordering", (r, args) => (r.given.reordering = metric("reordering", args))),
  option("=rtt", (r, args) => (r.given.rttMs = time("rtt", args, 8))),
  option("=rto_min", (r, args) => (r.given.rtoMinMs = time("rto_min", args, 1))),
  option("window", (r, args) => (r.given.window = metric("window", args))),
  option("cwnd", (r, args) => (r.given.cwnd = metric("cwnd", args))),
  option("initcwnd", (r, args) => (r.given.initcwnd = metric("initcwnd", args))),
  option("initrwnd", (r, args) => (r.given.initrwnd = metric("initrwnd", args))),
  option("features", (r, args) => {
    if (args.next() !== "ecn") throw wrong('"features" value not valid\n', args.word);
    r.given.ecn = 1;
  }),
  option("quickack", (r, args) => {
    r.given.quickack = unsigned("quickack", args.next());
    if (r.given.quickack > 1) throw wrong('"quickack" value should be 0 or 1\n', args.word);
  }),
  unbuilt("congctl"),
  option("rttvar", (r, args) => (r.given.rttvarMs = time("rttvar", args, 4))),
  option("ssthresh", (r, args) => (r.given.ssthresh = metric("ssthresh", args))),
  unbuilt("realms"),
  option("=onlink", (r) => (r.onlink = true)),
  option("=nexthop", (r, args) => {
    r.onward = new Args(args.rest);
    return STOP;
  }),
  unbuilt("=nhid"),
  option("protocol", (r, args) => {
    r.protocol = protocolNumber(args.next());
    if (r.protocol === undefined) throw wrong('"protocol" value is invalid\n', args.word);
  }),
  option("table", (r, args) => {
    r.table = tableNumber(args.next());
    if (r.table === undefined) throw wrong('"table" value is invalid\n', args.word);
  }),
  unbuilt("vrf"),
  option("=dev|=oif", (r, args) => (r.dev = args.next())),
  option("=encap", (r, args) => (r.encap = readEncap(args))),
  unbuilt("pref|=ttl-propagate|fastopen_no_cookie"),
];

/** What `ip route add` and its like say (ip/iproute.c:iproute_modify); what they leave out is left out. */
export function readRoute(ip: Ip, args: Args): RouteSpec {
  const draft: Draft = { ip, family: ip.options.family, given: {} };
  readOptions(args, OPTIONS, draft, readDestination);
  const { ip: _, family: __, given, to, dev, onward, ...spec } = draft;
  if (to === undefined) throw usage(ROUTE_USAGE);
  return {
    ...spec,
    dst: to.address,
    length: to.length,
    ...(dev === undefined ? {} : { ifindex: deviceNamed(ip, dev).ifindex }),
    ...(onward === undefined ? {} : { nexthops: readNextHops(draft, onward) }),
    ...(Object.keys(given).length === 0 ? {} : { metrics: given }),
  };
}

/** `[to] [TYPE] PREFIX`. */
function readDestination(r: Draft, args: Args): void {
  if (args.is("to")) args.next();
  const type = /^\d/.test(args.word) ? undefined : routeType(args.word);
  if (type !== undefined) {
    r.type = type;
    args.next();
  }
  if (args.abbreviates("help")) throw usage(ROUTE_USAGE);
  if (r.to !== undefined) throw garbage("to", args.word);
  if (args.is("nat") || args.abbreviates("xresolve")) throw notBuilt(`route type "${args.word}"`);
  r.to = parsePrefix(args.word, r.family);
  if (!isAnyWord(args.word)) r.family = "inet";
}

function readAddress(r: Draft, text: string): Ipv4 {
  const address = parseAddress(text, r.family);
  if (!isAnyWord(text)) r.family = "inet";
  return address;
}

/** A gateway, after its family if that is written. */
function readVia(r: Draft, args: Args): Ipv4 {
  const family = args.next();
  if (family === "inet") return parseAddress(args.next(), "inet");
  if (["inet6", "link", "mpls", "bridge"].includes(family)) throw notBuilt(`"via ${family}"`);
  return readAddress(r, family);
}

/** Every `nexthop …` up to the end (ip/iproute.c:parse_nexthops). */
function readNextHops(r: Draft, args: Args): NextHopSpec[] {
  const hops: NextHopSpec[] = [];
  while (args.more) {
    if (!args.is("nexthop")) {
      throw usage(`Error: "nexthop" or end of line is expected instead of "${args.word}"`);
    }
    if (args.following === undefined) throw usage('Error: unexpected end of line after "nexthop"');
    args.step();
    hops.push(readNextHop(r, args));
  }
  return hops;
}

function readNextHop(r: Draft, args: Args): NextHopSpec {
  const hop: { -readonly [K in keyof NextHopSpec]: NextHopSpec[K] } = {};
  for (; args.more; args.step()) {
    if (args.is("via")) hop.gateway = readVia(r, args);
    else if (args.is("dev")) hop.ifindex = nextHopDevice(r.ip, args.next());
    else if (args.is("weight")) {
      hop.weight = unsigned("weight", args.next());
      if (hop.weight === 0 || hop.weight > 256) throw wrong('"weight" is invalid\n', args.word);
    } else if (args.is("onlink")) hop.onlink = true;
    else if (args.is("encap")) hop.encap = readEncap(args);
    else if (args.abbreviates("realms") || args.is("as")) throw notBuilt(`nexthop "${args.word}"`);
    else break;
  }
  return hop;
}

/** The device of a `nexthop`. */
export function nextHopDevice(ip: Ip, name: string): number {
  const dev = ip.kernel.device(name);
  if (dev === undefined) throw usage(`Cannot find device "${name}"\nError: cannot parse nexthop`);
  return dev.ifindex;
}

function unsigned(what: string, text: string): number {
  const value = parseUnsigned(text);
  if (value === undefined)
    throw wrong(what === "weight" ? '"weight" is invalid\n' : `"${what}" value is invalid\n`, text);
  return value;
}

/** The number behind a metric's name; none but the MTU can be locked here. */
function metric(what: string, args: Args): number {
  if (args.next() === "lock") throw notBuilt(`"${what} lock"`);
  return unsigned(what, args.word);
}

/** A time in milliseconds; without a unit it counts fractions of `per` (lib/utils.c:get_time_rtt). */
function time(what: string, args: Args, per: number): number {
  if (args.next() === "lock") throw notBuilt(`"${what} lock"`);
  const m = /^(\d+(?:\.\d*)?|\.\d+|0x[0-9a-f]+)(s|secs?|ms|msecs?)?$/i.exec(args.word);
  if (!m) throw wrong(`"${what}" value is invalid\n`, args.word);
  const [, size, unit = ""] = m;
  const value = Number(size) * (/^s/i.test(unit) ? 1000 : 1);
  return Math.ceil(value) / (unit === "" ? per : 1);
}

export const ROUTE_USAGE = [
  "Usage: ip route { list | flush } SELECTOR",
  "       ip route get ADDRESS [ from ADDRESS iif DEV ] [ oif DEV ] [ tos TOS ] [ mark NUMBER ] [ fibmatch ]",
  "       ip route { add | del | change | append | prepend | replace } ROUTE",
  "SELECTOR := [ root PREFIX ] [ match PREFIX ] [ exact PREFIX ] [ table TABLE ] [ proto PROTOCOL ] [ type TYPE ]",
  "            [ scope SCOPE ] [ dev DEV ] [ via PREFIX ] [ src PREFIX ] [ tos TOS ] [ metric METRIC ]",
  "ROUTE := [ TYPE ] PREFIX [ tos TOS ] [ table TABLE ] [ proto PROTOCOL ] [ scope SCOPE ] [ metric METRIC ]",
  "         [ via ADDRESS ] [ dev DEV ] [ src ADDRESS ] [ onlink ] [ OPTIONS ] [ nexthop NEXTHOP ] ...",
  "         [ encap mpls LABELS [ ttl TTL ] ]",
  "NEXTHOP := [ via ADDRESS ] [ dev DEV ] [ weight NUMBER ] [ onlink ] [ encap mpls LABELS [ ttl TTL ] ]",
  "OPTIONS := [ mtu [ lock ] NUMBER ] [ advmss NUMBER ] [ window NUMBER ] [ rtt TIME ] [ rttvar TIME ]",
  "           [ rto_min TIME ] [ ssthresh NUMBER ] [ cwnd NUMBER ] [ initcwnd NUMBER ] [ initrwnd NUMBER ]",
  "           [ hoplimit NUMBER ] [ reordering NUMBER ] [ quickack { 0 | 1 } ] [ features ecn ]",
  "TYPE := { unicast | local | broadcast | multicast | anycast | throw | unreachable | prohibit | blackhole }",
  "TABLE := { local | main | default | all | NUMBER }",
  "       ip -f mpls route { add | del | change | replace | show | flush } LABEL [ as LABELS ] [ via inet ADDRESS ] dev DEV",
].join("\n");
