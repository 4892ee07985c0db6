import { formatIp } from "../../core/addr.ts";
import { refused } from "../../core/errno.ts";
import { protocolName, protocolNumber, tableNumber } from "../../nodes/kernel/fib/names.ts";
import { PROTOCOL_BOOT, TABLE_MAIN } from "../../nodes/kernel/fib/route.ts";
import type { LabelHop, LabelHopSpec, LabelMode, LabelRoute } from "../../nodes/kernel/mpls/routes.ts";
import { Args, type Option, option, readOptions, STOP, unbuilt } from "./args.ts";
import { deviceNamed, type Ip } from "./context.ts";
import { answer, failure, garbage, notBuilt, usage, wrong } from "./exit.ts";
import { putDevice, putFlags } from "./route-print.ts";
import { nextHopDevice, ROUTE_USAGE } from "./route-request.ts";
import { parseAddress, parseMpls } from "./values.ts";

/** `ip -f mpls route` (ip/iproute.c for AF_MPLS). */
export function labelRoute(ip: Ip, args: Args): void {
  if (!args.more) return list(ip, args);
  const rest = new Args(args.rest.slice(1));
  if (args.abbreviates("add")) return add(ip, rest, "add");
  if (args.abbreviates("change") || args.is("chg")) return add(ip, rest, "change");
  if (args.abbreviates("replace")) return add(ip, rest, "replace");
  if (args.abbreviates("prepend")) return add(ip, rest, "add");
  if (args.abbreviates("append")) answer(refused("EOPNOTSUPP", "MPLS does not support route append"));
  if (args.abbreviates("delete")) {
    answer(ip.kernel.mpls.routes.delete(read(ip, rest).label));
    return;
  }
  if (args.abbreviates("list", "show", "lst")) return list(ip, rest);
  if (args.abbreviates("flush")) return flush(ip, rest);
  for (const other of ["test", "get", "save", "restore", "showdump"])
    if (args.abbreviates(other)) throw notBuilt(`ip -M route ${other}`);
  if (args.abbreviates("help")) throw usage(ROUTE_USAGE);
  throw usage(`Command "${args.word}" is unknown, try "ip route help".`);
}

type Hop = { -readonly [K in keyof LabelHopSpec]: LabelHopSpec[K] };
interface Draft {
  readonly ip: Ip;
  readonly hop: Hop;
  label?: number;
  protocol?: number;
  ttlPropagate?: boolean;
  dev?: string;
  /** `nexthop …` and what is behind it. */
  onward?: Args;
}

const OPTIONS: readonly Option<Draft>[] = [
  option("=as", (r, args) => readAs(r.hop, args)),
  option("=via", (r, args) => {
    if (r.hop.via !== undefined) throw wrong("use nexthop syntax to specify multiple via\n", args.word);
    r.hop.via = readVia(args);
  }),
  option("=nexthop", (r, args) => {
    r.onward = new Args(args.rest);
    return STOP;
  }),
  option("protocol", (r, args) => {
    const protocol = protocolNumber(args.next());
    if (protocol === undefined) throw wrong('"protocol" value is invalid\n', args.word);
    r.protocol = protocol;
  }),
  option("=dev|=oif", (r, args) => (r.dev = args.next())),
  option("=ttl-propagate", (r, args) => {
    args.next();
    if (!args.abbreviates("enabled", "disabled")) throw wrong('"ttl-propagate" value is invalid\n', args.word);
    r.ttlPropagate = args.abbreviates("enabled");
  }),
  unbuilt("=src|=from|=tos|dsfield|=expires|metric|priority|=preference|=scope|=mtu|=hoplimit|=advmss|reordering"),
  unbuilt("=rtt|=rto_min|window|cwnd|initcwnd|initrwnd|features|quickack|congctl|rttvar|ssthresh|realms|=onlink"),
  unbuilt("=nhid|table|vrf|pref|=encap|fastopen_no_cookie"),
];

function read(ip: Ip, args: Args): Draft & { readonly label: number } {
  const draft: Draft = { ip, hop: {} };
  readOptions(args, OPTIONS, draft, readLabel);
  const { label, dev } = draft;
  if (label === undefined) throw usage(ROUTE_USAGE);
  if (dev !== undefined) draft.hop.ifindex = deviceNamed(ip, dev).ifindex;
  return { ...draft, label };
}

/** `[to] LABEL`. */
function readLabel(r: Draft, args: Args): void {
  if (args.is("to")) args.next();
  if (args.abbreviates("help")) throw usage(ROUTE_USAGE);
  if (r.label !== undefined) throw garbage("to", args.word);
  r.label = oneLabel(args.word);
}

function oneLabel(text: string): number {
  const [label, more] = parseMpls(text, "prefix");
  if (label === undefined || more !== undefined) throw failure(`Error: mpls prefix is expected rather than "${text}".`);
  return label;
}

function readAs(hop: Hop, args: Args): void {
  args.next();
  if (args.is("to")) args.next();
  hop.labels = parseMpls(args.word, "address");
}

function readVia(args: Args): number {
  const family = args.next();
  if (family === "inet") return parseAddress(args.next(), "inet");
  if (["inet6", "link", "mpls", "bridge"].includes(family)) throw notBuilt(`"via ${family}"`);
  throw failure(`Error: mpls address is expected rather than "${family}".`);
}

/** Every `nexthop …` up to the end; neither weights nor flags are for MPLS (mpls_nh_build_multi). */
function readNextHops(ip: Ip, args: Args): LabelHopSpec[] {
  const hops: LabelHopSpec[] = [];
  while (args.more) {
    if (!args.is("nexthop")) {
      throw usage(`Error: "nexthop" or end of line is expected instead of "${args.word}"`);
    }
    if (args.following === undefined) throw usage('Error: unexpected end of line after "nexthop"');
    args.step();
    const hop: Hop = {};
    for (; args.more && !args.is("nexthop"); args.step()) {
      if (args.is("via")) hop.via = readVia(args);
      else if (args.is("dev")) hop.ifindex = nextHopDevice(ip, args.next());
      else if (args.is("as")) readAs(hop, args);
      else if (args.is("weight", "onlink", "encap") || args.abbreviates("realms"))
        throw notBuilt(`nexthop "${args.word}" of a label`);
      else break;
    }
    hops.push(hop);
  }
  return hops;
}

function add(ip: Ip, args: Args, mode: LabelMode): void {
  const { label, protocol = PROTOCOL_BOOT, ttlPropagate, hop, onward } = read(ip, args);
  const hops = onward === undefined ? [hop] : readNextHops(ip, onward);
  answer(ip.kernel.mpls.routes.add({ label, protocol, ttlPropagate, hops }, mode));
}

interface Filter {
  readonly ip: Ip;
  label?: number;
  protocol?: number;
  dev?: string;
  /** `main`, the only one, need not be said. */
  all: boolean;
}

const FILTERS: readonly Option<Filter>[] = [
  option("table", (f, args) => {
    const text = args.next();
    if (text !== "all" && tableNumber(text) !== TABLE_MAIN) throw notBuilt(`ip -M route table "${text}"`);
    f.all = text === "all";
  }),
  option("protocol", (f, args) => {
    const protocol = protocolNumber(args.next());
    if (protocol === undefined && args.word !== "all") throw wrong('invalid "protocol"\n', args.word);
    if (protocol !== undefined) f.protocol = protocol;
  }),
  option("=dev|=oif", (f, args) => (f.dev = args.next())),
  unbuilt("vrf|cached|cloned|=tos|dsfield|scope|type|=iif|=mark|metric|priority|=preference|=via|=src|realms|from"),
];

function readFilter(ip: Ip, args: Args): Filter {
  const f: Filter = { ip, all: false };
  readOptions(args, FILTERS, f, (filter, words) => {
    if (words.abbreviates("to")) words.next();
    if (words.abbreviates("root", "match", "exact")) words.next();
    if (words.is("all", "any")) return;
    filter.label = oneLabel(words.word);
  });
  if (f.dev !== undefined) deviceNamed(ip, f.dev);
  return f;
}

function wanted(f: Filter): readonly LabelRoute[] {
  return f.ip.kernel.mpls.routes.list().filter(({ label, protocol, hops }) => {
    if (f.label !== undefined && label !== f.label) return false;
    if (f.protocol !== undefined && protocol !== f.protocol) return false;
    return f.dev === undefined || (hops.length === 1 && hops[0]?.dev.name === f.dev);
  });
}

function list(ip: Ip, args: Args): void {
  const f = readFilter(ip, args);
  ip.out.begin();
  for (const route of wanted(f)) putRoute(f, route);
  ip.out.end();
}

function flush(ip: Ip, args: Args): void {
  if (!args.more) throw failure('"ip route flush" requires arguments.');
  const { kernel } = ip;
  for (const { label } of wanted(readFilter(ip, args))) kernel.mpls.routes.delete(label);
}

/** ip/iproute.c:print_route. */
function putRoute(f: Filter, route: LabelRoute): void {
  const { out, options } = f.ip;
  const { label, protocol, ttlPropagate, hops } = route;
  const only = hops.length === 1 ? hops[0] : undefined;
  out.object();
  if (options.details) out.put("type", "unicast", "unicast ");
  out.put("dst", String(label), `${label} `);
  if (only !== undefined) putWay(f, only, f.dev === undefined);
  if (f.all && options.details) out.put("table", "main", "table main ");
  if ((protocol !== PROTOCOL_BOOT || options.details) && f.protocol === undefined)
    out.put("protocol", protocolName(protocol), `proto ${protocolName(protocol)} `);
  if (options.details) out.put("scope", "global", "scope global ");
  putFlags(out, only && flagsOf(only));
  if (ttlPropagate !== undefined)
    out.put("ttl-propogate", ttlPropagate, `ttl-propogate ${ttlPropagate ? "enabled" : "disabled"}`);
  if (hops.length > 1) putNextHops(f, hops);
  out.text("\n");
  out.endObject();
}

function putWay(f: Filter, { labels, via, dev }: LabelHop, withDevice: boolean): void {
  const { out } = f.ip;
  if (labels.length > 0) out.put("to", labels.join("/"), `as to ${labels.join("/")} `);
  if (via !== undefined) {
    out.object("via");
    out.put("family", "inet", "via inet ");
    out.put("host", formatIp(via), `${formatIp(via)} `);
    out.endObject();
  }
  if (withDevice) putDevice(f.ip, "dev", dev.ifindex);
}

function putNextHops(f: Filter, hops: readonly LabelHop[]): void {
  const { out } = f.ip;
  out.array("nexthops");
  for (const hop of hops) {
    out.object();
    out.text(`${out.separator}\tnexthop `);
    putWay(f, hop, true);
    putFlags(out, flagsOf(hop));
    out.endObject();
  }
  out.endArray();
}

const flagsOf = ({ dead, linkdown }: LabelHop) => ({ dead, linkdown, onlink: false });
