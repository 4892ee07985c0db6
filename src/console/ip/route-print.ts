import { formatIp } from "../../core/addr.ts";
import { protocolName, scopeName, tableName } from "../../nodes/kernel/fib/names.ts";
import {
  type NextHop,
  NO_METRICS,
  PROTOCOL_BOOT,
  type Route,
  type RouteMetrics,
  SCOPE_GLOBAL,
  TABLE_MAIN,
} from "../../nodes/kernel/fib/route.ts";
import { type Ip, nameOf } from "./context.ts";
import { putEncap } from "./encap.ts";
import { dsfieldName } from "./names.ts";
import type { Printer } from "./printer.ts";

/** What a selection has fixed, and so is not printed again. */
export interface RouteStyle {
  readonly table: boolean;
  readonly dev: boolean;
  readonly protocol: boolean;
  readonly scope: boolean;
  readonly tos: boolean;
  readonly metric: boolean;
  /** A whole address, not a prefix. */
  readonly via: boolean;
  readonly src: boolean;
}

/** Nothing was selected. */
export const ANY_STYLE: RouteStyle = {
  table: false,
  dev: false,
  protocol: false,
  scope: false,
  tos: false,
  metric: false,
  via: false,
  src: false,
};

/** Prints a route of a table (ip/iproute.c:print_route); `told` is what is said of it. */
export function putRoute(ip: Ip, route: Route, style: RouteStyle, told: Pick<Route, "type" | "table"> = route): void {
  const { out } = ip;
  const { details } = ip.options;
  out.object();
  const { type, table } = told;
  if (type !== "unicast" || details) out.put("type", type, `${type} `);
  putDestination(out, route.dst, route.length);
  const only = route.nexthops.length === 1 ? route.nexthops[0] : undefined;
  putEncap(out, only?.encap);
  if (route.tos !== 0 && !style.tos) out.put("tos", dsfieldName(route.tos), `tos ${dsfieldName(route.tos)} `);
  if (only !== undefined && only.gateway !== 0 && !style.via) putGateway(out, only.gateway);
  if (only !== undefined && only.ifindex !== 0 && !style.dev) putDevice(ip, "dev", only.ifindex);
  if ((table !== TABLE_MAIN || details) && !style.table) putTable(out, table);
  if ((route.protocol !== PROTOCOL_BOOT || details) && !style.protocol) {
    out.put("protocol", protocolName(route.protocol), `proto ${protocolName(route.protocol)} `);
  }
  if ((route.scope !== SCOPE_GLOBAL || details) && !style.scope) {
    out.put("scope", scopeName(route.scope), `scope ${scopeName(route.scope)} `);
  }
  if (route.prefsrc !== 0 && !style.src) putSource(out, route.prefsrc);
  if (route.metric !== 0 && !style.metric) out.put("metric", route.metric, `metric ${route.metric} `);
  putFlags(out, only);
  putMetrics(out, route.metrics);
  if (route.nexthops.length > 1) putNextHops(ip, route.nexthops);
  out.text("\n");
  out.endObject();
}

/** `default`, an address, or a prefix. */
export function putDestination(out: Printer, dst: number, length: number): void {
  const text = length === 0 && dst === 0 ? "default" : length === 32 ? formatIp(dst) : `${formatIp(dst)}/${length}`;
  out.put("dst", text, `${text} `);
}

export function putGateway(out: Printer, gateway: number): void {
  out.put("gateway", formatIp(gateway), `via ${formatIp(gateway)} `);
}

export function putDevice(ip: Ip, key: "dev" | "iif", ifindex: number): void {
  const name = nameOf(ip.kernel, ifindex);
  ip.out.put(key, name, `${key} ${name} `);
}

export function putTable(out: Printer, table: number): void {
  out.put("table", tableName(table), `table ${tableName(table)} `);
}

export function putSource(out: Printer, source: number): void {
  out.put("prefsrc", formatIp(source), `src ${formatIp(source)} `);
}

/** What ails a way (ip/iproute.c:print_rt_flags). */
export function putFlags(out: Printer, hop: Pick<NextHop, "dead" | "onlink" | "linkdown"> | undefined): void {
  out.array("flags");
  if (hop?.dead) out.item("dead", "dead ");
  if (hop?.onlink) out.item("onlink", "onlink ");
  if (hop?.linkdown) out.item("linkdown", "linkdown ");
  out.endArray();
}

/** In the order of the kernel's numbers (RTAX_…). */
const ORDER: readonly (readonly [name: string, of: keyof RouteMetrics])[] = [
  ["mtu", "mtu"],
  ["window", "window"],
  ["rtt", "rttMs"],
  ["rttvar", "rttvarMs"],
  ["ssthresh", "ssthresh"],
  ["cwnd", "cwnd"],
  ["advmss", "advmss"],
  ["reordering", "reordering"],
  ["hoplimit", "hoplimit"],
  ["initcwnd", "initcwnd"],
  ["features", "ecn"],
  ["rto_min", "rtoMinMs"],
  ["initrwnd", "initrwnd"],
  ["quickack", "quickack"],
];

/** ip/iproute.c:print_rta_metrics. */
export function putMetrics(out: Printer, metrics: RouteMetrics): void {
  if (metrics === NO_METRICS) return;
  out.array("metrics");
  out.object();
  for (const [name, key] of ORDER) if (metrics[key] !== 0) putMetric(out, name, metrics[key], isLocked(name, metrics));
  out.endObject();
  out.endArray();
}

/** A path's MTU if asked to; the smallest timeout always. */
const isLocked = (name: string, metrics: RouteMetrics): boolean =>
  name === "rto_min" || (name === "mtu" && metrics.mtuLocked !== 0);

function putMetric(out: Printer, name: string, value: number, locked: boolean): void {
  out.text(locked ? `${name} lock ` : `${name} `);
  if (name === "features") return out.put("ecn", null, "ecn ");
  const isTime = name === "rtt" || name === "rttvar" || name === "rto_min";
  const whole = Math.floor(value);
  if (!isTime) return out.put(name, value, `${value} `);
  out.put(name, whole, whole >= 1000 ? `${Number((whole / 1000).toPrecision(6))}s ` : `${whole}ms `);
}

function putNextHops(ip: Ip, hops: readonly NextHop[]): void {
  const { out } = ip;
  out.array("nexthops");
  for (const hop of hops) {
    out.object();
    out.text(`${out.separator}\tnexthop `);
    putEncap(out, hop.encap);
    if (hop.gateway !== 0) putGateway(out, hop.gateway);
    putDevice(ip, "dev", hop.ifindex);
    out.put("weight", hop.weight, `weight ${hop.weight} `);
    putFlags(out, hop);
    out.endObject();
  }
  out.endArray();
}
