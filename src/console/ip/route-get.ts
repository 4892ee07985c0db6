import { formatIp, isMulticast, LIMITED_BROADCAST } from "../../core/addr.ts";
import { type Errno, refused } from "../../core/errno.ts";
import { NO_METRICS, type RouteType, TABLE_LOCAL, TABLE_MAIN } from "../../nodes/kernel/fib/route.ts";
import {
  DST_BROADCAST,
  DST_ERROR,
  DST_FORWARD,
  DST_LOCAL,
  DST_RP_FILTER,
  type Dst,
} from "../../nodes/kernel/ipv4/dst.ts";
import type { PathException } from "../../nodes/kernel/ipv4/exceptions.ts";
import type { NetDevice } from "../../nodes/kernel/netdev.ts";
import { type Args, type Option, option, readOptions, unbuilt } from "./args.ts";
import { complain, deviceNamed, type Ip } from "./context.ts";
import { putEncap } from "./encap.ts";
import { answer, failure, usage, wrong } from "./exit.ts";
import { dsfieldNumber } from "./names.ts";
import { metricsOf, putCache } from "./route-cache.ts";
import {
  ANY_STYLE,
  putDestination,
  putDevice,
  putGateway,
  putMetrics,
  putRoute,
  putSource,
  putTable,
} from "./route-print.ts";
import { ROUTE_USAGE } from "./route-request.ts";
import { type Family, parsePrefix, parseUnsigned } from "./values.ts";

/** What is asked of the routing tables. */
interface Question {
  readonly ip: Ip;
  /** Of every address behind the first. */
  family: Family;
  to?: number;
  from?: number;
  iif?: string;
  oif?: string;
  mark: number;
  tos: number;
  fibmatch: boolean;
  /** Told twice. */
  connected: boolean;
}

const OPTIONS: readonly Option<Question>[] = [
  option("=tos|dsfield", (q, args) => {
    const tos = dsfieldNumber(args.next());
    if (tos === undefined) throw wrong("TOS value is invalid\n", args.word);
    q.tos = tos;
  }),
  option("from", (q, args) => {
    args.next();
    if (args.abbreviates("help")) throw usage(ROUTE_USAGE);
    q.from = parsePrefix(args.word, q.family).address || undefined;
    q.family = "inet";
  }),
  option("iif", (q, args) => (q.iif = args.next())),
  option("mark", (q, args) => {
    const mark = parseUnsigned(args.next());
    if (mark === undefined) throw wrong("invalid mark value", args.word);
    q.mark = mark;
  }),
  option("oif|=dev", (q, args) => (q.oif = args.next())),
  unbuilt("notify"),
  option("connected", (q) => (q.connected = true)),
  unbuilt("vrf|uid"),
  option("fibmatch", (q) => (q.fibmatch = true)),
  unbuilt("=as|sport|dport|ipproto"),
];

/** `ip route get` (ip/iproute.c:iproute_get). */
export function getRoute(ip: Ip, args: Args): void {
  const q: Question = { ip, family: ip.options.family, mark: 0, tos: 0, fibmatch: false, connected: false };
  readOptions(args, OPTIONS, q, readAddress);
  const { to } = q;
  if (to === undefined) throw failure("need at least a destination address");
  const iif = q.iif === undefined ? undefined : deviceNamed(ip, q.iif);
  const oif = q.oif === undefined ? undefined : deviceNamed(ip, q.oif);
  const d = iif === undefined ? output(q, to, oif) : ip.kernel.ipv4.routes.input(to, q.from ?? 0, iif, q.tos, q.mark);
  const errno = errnoOf(d);
  if (errno !== "") answer(refused(errno));
  if (q.fibmatch && (d.route === null || to === 0)) answer(refused("EHOSTUNREACH"));
  ip.out.begin();
  // Until there are rules, addresses are found in the main table (net/ipv4/fib_trie.c:fib_trie_unmerge).
  const table = d.table === TABLE_LOCAL && !ip.kernel.fib.split ? TABLE_MAIN : d.table;
  for (let times = q.connected && q.from === undefined ? 2 : 1; times > 0; times--) {
    if (!q.fibmatch || d.route === null) putAnswer(q, to, d, iif, table);
    else putRoute(ip, d.route, ANY_STYLE, { type: typeOf(d, to), table });
  }
  ip.out.end();
}

function readAddress(q: Question, args: Args): void {
  if (args.is("to")) args.next();
  if (args.abbreviates("help")) throw usage(ROUTE_USAGE);
  const { address, length } = parsePrefix(args.word, q.family);
  q.family = "inet";
  if (length !== 32) {
    complain(q.ip, `Warning: /${length} as prefix is invalid, only /32 (or none) is supported.`);
  }
  q.to = address;
}

/** A packet made here must have an address of this host as its source (`ip_route_output_key_hash_rcu`). */
function output(q: Question, to: number, oif: NetDevice | undefined): Dst {
  const { kernel } = q.ip;
  const from = q.from ?? 0;
  if (isMulticast(from) || from === LIMITED_BROADCAST) answer(refused("EINVAL"));
  const own = from === 0 || kernel.addresses.isLocal(from) || kernel.fib.addressType(from) === "local";
  if (!own) answer(refused("ENETUNREACH"));
  return kernel.ipv4.routes.output(to, from, oif?.ifindex ?? 0, q.tos, q.mark);
}

function errnoOf(d: Dst): Errno | "" {
  if (d.type === DST_ERROR) return d.errno || "EINVAL";
  if (d.type === DST_RP_FILTER) return "EXDEV";
  return d.type > DST_ERROR ? "EINVAL" : "";
}

/** What the answer is about, beside where it goes: `<local,brd>` and the like (RTCF_…). */
function cacheFlags(d: Dst, to: number, kernelLoopback: NetDevice, exception: PathException | undefined): string[] {
  const flags: string[] = [];
  const group = isMulticast(to);
  const joined = to === ALL_HOSTS || (d.dev.inet.groups?.has(to) ?? false);
  const stays = d.type !== DST_FORWARD || d.dev === kernelLoopback;
  if (stays && !(group && d.type === DST_BROADCAST && !joined)) flags.push("local");
  if (group) flags.push("mc");
  if (d.type === DST_BROADCAST && !group) flags.push("brd");
  if (exception !== undefined && exception.gateway !== 0) flags.push("redirected");
  if (d.redirect) flags.push("redirect");
  return flags;
}

const ALL_HOSTS = 0xe0000001;

const typeOf = (d: Dst, to: number): RouteType =>
  d.type === DST_LOCAL ? "local" : isMulticast(to) ? "multicast" : d.type === DST_BROADCAST ? "broadcast" : "unicast";

function putAnswer(q: Question, to: number, d: Dst, iif: NetDevice | undefined, table: number): void {
  const { ip } = q;
  const { out, kernel } = ip;
  const { details } = ip.options;
  const group = isMulticast(to);
  const type = typeOf(d, to);
  const exception = exceptionOf(ip, to, d);
  const flags = cacheFlags(d, to, kernel.loopback, exception);
  out.object();
  if (type !== "unicast" || details) out.put("type", type, `${type} `);
  putDestination(out, to, 32);
  if (q.from !== undefined) out.put("from", formatIp(q.from), `from ${formatIp(q.from)} `);
  if (d.type === DST_FORWARD) putEncap(out, d.hop?.encap);
  if ((type === "unicast" || group) && d.nextHop !== to) putGateway(out, d.nextHop);
  putDevice(ip, "dev", iif !== undefined && d.type !== DST_FORWARD ? kernel.loopback.ifindex : d.dev.ifindex);
  const asked = d.route !== null && to !== 0; // else there was no look-up
  if (asked && (table !== TABLE_MAIN || details)) putTable(out, table);
  if (iif === undefined && q.from === undefined && d.source !== 0) putSource(out, d.source);
  out.array("flags");
  if (group) out.item("rt_offload_failed", "rt_offload_failed "); // iproute2 gives the bit of "mc" two names
  out.endArray();
  if (q.mark !== 0) out.put("mark", q.mark, q.mark >= 16 ? `mark 0x${q.mark.toString(16)} ` : `mark ${q.mark} `);
  if (iif === undefined) out.put("uid", 0, "uid 0 ");
  putCache(ip, flags, exception);
  const leads = group ? (d.route?.length ?? 0) >= 4 : type !== "broadcast"; // net/ipv4/route.c:__mkroute_output
  if (leads) putMetrics(out, metricsOf(d.route?.metrics ?? NO_METRICS, exception));
  if (iif !== undefined) putDevice(ip, "iif", iif.ifindex);
  out.text("\n");
  out.endObject();
}

/** What was learnt of the way to `to`, if that is the way which `d` goes. */
function exceptionOf(ip: Ip, to: number, d: Dst): PathException | undefined {
  const known = d.type === DST_FORWARD ? ip.kernel.ipv4.exceptions.find(to) : undefined;
  return known !== undefined && known.info === d.route?.info ? known : undefined;
}
