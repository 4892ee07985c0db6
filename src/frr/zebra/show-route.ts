import { formatIp, formatPrefix, networkOf, type Prefix } from "../../core/addr.ts";
import { type Json, prettyJson } from "../json.ts";
import type { Args } from "../pattern.ts";
import { uptimeText } from "../uptime.ts";
import type { RouteKind } from "../zapi.ts";
import { labelText } from "./lsps.ts";
import type { Nexthop, RibNode, RibTable, RouteEntry } from "./rib.ts";
import type { Zebra } from "./zebra.ts";

/** What of a table is shown. */
interface Wanted {
  readonly kind: string | undefined;
  readonly instance: number | undefined;
  readonly tag: number | undefined;
  readonly inside: Prefix | undefined;
  readonly supernets: boolean;
  readonly fib: boolean;
}

/** `show ip route` (zebra/zebra_vty.c:do_show_ip_route). */
export function showRoutes(zebra: Zebra, a: Args): string {
  const table = zebra.routes.tables.get(a.findInt("table") ?? zebra.routes.main.id);
  const wanted: Wanted = {
    kind: a.find("kind"),
    instance: a.findInt("instance"),
    tag: a.findInt("tag"),
    inside: a.has("longer") ? a.prefix("longer") : undefined,
    supernets: a.has("supernets"),
    fib: a.has("fib"),
  };
  const nodes = table === undefined ? [] : table.sorted();
  const rows = nodes.flatMap((node) =>
    supernet(node, wanted)
      ? node
          .entries()
          .filter((e) => shown(node, e, wanted))
          .map((e) => ({ node, e }))
      : [],
  );
  if (a.has("json")) return routesJson(zebra, rows);
  if (rows.length === 0) return "";
  const text = rows.map(({ node, e }) => entryLines(zebra, node, e)).join("");
  return head(zebra, table as RibTable) + text;
}

/** `show ip route 10.0.0.0/8`, `show ip route 10.1.2.3` (zebra/zebra_vty.c:vty_show_ip_route_detail). */
export function showRoute(zebra: Zebra, a: Args): string {
  const node = a.has("prefix") ? exact(zebra, a.prefix("prefix")) : longest(zebra, a.ip("address"));
  const entries = node?.entries().filter((e) => !e.removed) ?? [];
  if (node === undefined || entries.length === 0) return a.has("json") ? "{}\n" : "% Network not in table\n";
  if (a.has("json"))
    return routesJson(
      zebra,
      entries.map((e) => ({ node, e })),
    );
  return entries.map((e) => detail(zebra, node, e)).join("");
}

/** `show ip route summary` (zebra/zebra_vty.c:vty_show_ip_route_summary). */
export function showSummary(zebra: Zebra): string {
  const counts = new Map<string, [number, number]>();
  for (const node of zebra.routes.main.nodes())
    for (const e of node.entries()) {
      const types = e.kind === "bgp" ? [e.facts.distance === 200 ? "ibgp" : "ebgp"] : [e.kind];
      for (const type of types) {
        const count = counts.get(type) ?? [0, 0];
        counts.set(type, [count[0] + 1, count[1] + (e.installed ? 1 : 0)]);
      }
    }
  const row = (name: string, routes: number, fib: number): string =>
    `${name.padEnd(20)} ${String(routes).padEnd(20)} ${String(fib).padEnd(20)} \n`;
  const rows = ORDER.flatMap((type) => {
    const count = counts.get(type);
    return count === undefined ? [] : [row(type, count[0], count[1])];
  });
  const sum = (i: 0 | 1): number => [...counts.values()].reduce((n, c) => n + c[i], 0);
  return `${"Route Source".padEnd(20)} ${"Routes".padEnd(20)} FIB  (vrf default)\n${rows.join("")}------\n${row("Totals", sum(0), sum(1))}\n`;
}
const ORDER = ["kernel", "connected", "local", "static", "ospf", "ebgp", "ibgp"];

function shown(node: RibNode, e: RouteEntry, w: Wanted): boolean {
  if (e.removed || (w.fib && !e.selected) || (w.kind !== undefined && e.kind !== w.kind)) return false;
  if (w.instance !== undefined && e.facts.instance !== w.instance) return false;
  if (w.tag !== undefined && e.facts.tag !== w.tag) return false;
  const { inside } = w;
  return (
    inside === undefined ||
    (node.prefix.length >= inside.length &&
      networkOf(node.prefix.address, inside.length) === networkOf(inside.address, inside.length))
  );
}
/** Shorter than its class would have it. */
function supernet({ prefix: { address, length } }: RibNode, w: Wanted): boolean {
  if (!w.supernets) return true;
  const classful = address < 0x8000_0000 ? 8 : address < 0xc000_0000 ? 16 : 24;
  return length < classful;
}

const exact = (zebra: Zebra, prefix: Prefix): RibNode | undefined => zebra.routes.main.find(prefix);
function longest(zebra: Zebra, address: number): RibNode | undefined {
  for (const node of zebra.routes.main.covering(address)) if (node.selected !== undefined) return node;
  return undefined;
}

const CODES = {
  "8.4": `Codes: K - kernel route, C - connected, S - static, R - RIP,
       O - OSPF, I - IS-IS, B - BGP, E - EIGRP, N - NHRP,
       T - Table, v - VNC, V - VNC-Direct, A - Babel, F - PBR,
       f - OpenFabric,
`,
  "10": `Codes: K - kernel route, C - connected, L - local, S - static,
       R - RIP, O - OSPF, I - IS-IS, B - BGP, E - EIGRP, N - NHRP,
       T - Table, v - VNC, V - VNC-Direct, A - Babel, F - PBR,
       f - OpenFabric, t - Table-Direct,
`,
};
const STATUS = `       > - selected route, * - FIB route, q - queued, r - rejected, b - backup
       t - trapped, o - offload failure

`;
function head(zebra: Zebra, table: RibTable): string {
  const old = zebra.release === "8.4";
  const which = table === zebra.routes.main ? "" : ` table ${table.id}`;
  const title = old ? (which === "" ? "" : `VRF default${which}:\n`) : `IPv4 unicast VRF default${which}:\n`;
  return CODES[zebra.release] + STATUS + title;
}

const LETTERS: { readonly [K in RouteKind]: string } = {
  kernel: "K",
  connected: "C",
  local: "L",
  static: "S",
  ospf: "O",
  bgp: "B",
};

/** `[2]`, of a daemon of which there are several. */
const instanceOf = ({ facts: { instance } }: RouteEntry): string => (instance === undefined ? "" : `[${instance}]`);

/** The lines of a route: the first next hop beside the prefix, the others below. */
function entryLines(zebra: Zebra, node: RibNode, e: RouteEntry): string {
  const age = uptimeText(zebra.os.now() - e.since);
  const plain = (e.kind === "connected" || e.kind === "local") && e.facts.distance === 0 && e.facts.metric === 0;
  const distance = plain ? "" : ` [${e.facts.distance}/${e.facts.metric}]`;
  const hops = e.nexthops.flatMap((h) => [{ h, level: 0 }, ...h.resolved.map((r) => ({ h: r, level: 1 }))]);
  let width = 0;
  return hops
    .map(({ h, level }, i) => {
      const status = statusOf(e, h);
      const words = `${hopWords(zebra, e, h)}, ${age}\n`;
      if (i > 0) return `  ${status}${" ".repeat(width - 3 + 2 * level)}${words}`;
      const first = `${LETTERS[e.kind]}${instanceOf(e)}${e.selected ? ">" : " "}${status} ${formatPrefix(node.prefix)}${distance}`;
      width = first.length;
      return first + words;
    })
    .join("");
}

/** zebra/zebra_vty.c:re_status_output_char. */
function statusOf(e: RouteEntry, h: Nexthop): string {
  if (e.installed && h.active && h.resolved.length === 0) return "*";
  if (e.failed && e.selected) return "r";
  return e.queued ? "q" : " ";
}

function hopWords(zebra: Zebra, e: RouteEntry, h: Nexthop): string {
  const device = h.ifname === "" || h.resolved.length > 0 ? "" : `, ${h.ifname}`;
  const way =
    h.blackhole !== undefined
      ? ` unreachable${h.blackhole === "reject" ? " (ICMP unreachable)" : " (blackhole)"}`
      : h.gateway === 0
        ? ` is directly connected, ${h.ifname}`
        : ` via ${formatIp(h.gateway)}${device}`;
  return way + flagWords(h) + sourceWords(e, h) + labelWords(h) + weightWords(zebra, e, h, ", ");
}

const flagWords = (h: Nexthop): string =>
  `${h.active ? "" : " inactive"}${h.onlink === true ? " onlink" : ""}${h.resolved.length > 0 ? " (recursive)" : ""}`;
const sourceWords = (e: RouteEntry, h: Nexthop): string =>
  e.source === 0 || h.resolved.length > 0 ? "" : `, src ${formatIp(e.source)}`;
const labelWords = (h: Nexthop): string =>
  h.labels === undefined || h.labels.length === 0 ? "" : `, label ${h.labels.map(labelText).join("/")}`;
/** Routes of the kernel and of addresses had no weights in FRR 8. */
const weightWords = (zebra: Zebra, e: RouteEntry, h: Nexthop, before: string): string =>
  zebra.release === "8.4" && e.system ? "" : `${before}weight ${h.weight}`;

function detail(zebra: Zebra, node: RibNode, e: RouteEntry): string {
  const { distance, metric, tag } = e.facts;
  const known = [
    `  Known via "${e.kind}${instanceOf(e)}"`,
    `distance ${distance}`,
    `metric ${metric}`,
    ...(tag === 0 ? [] : [`tag ${tag}`]),
    ...(node.table === zebra.routes.main.id ? [] : [`table ${node.table}`]),
    ...(e.selected ? ["best"] : []),
  ];
  const hops = e.nexthops.flatMap((h) => [
    `  ${statusOf(e, h)} ${detailHop(zebra, e, h)}`,
    ...h.resolved.map((r) => `  ${statusOf(e, r)}   ${detailHop(zebra, e, r)}`),
  ]);
  const lines = [
    `Routing entry for ${formatPrefix(node.prefix)}`,
    known.join(", "),
    `  Last update ${uptimeText(zebra.os.now() - e.since)} ago`,
    ...hops,
  ];
  return `${lines.join("\n")}\n\n`;
}

function detailHop(zebra: Zebra, e: RouteEntry, h: Nexthop): string {
  const device = h.ifname === "" || h.resolved.length > 0 ? "" : `, via ${h.ifname}`;
  const way =
    h.blackhole !== undefined
      ? `unreachable${h.blackhole === "reject" ? " (ICMP unreachable)" : " (blackhole)"}`
      : h.gateway === 0
        ? `directly connected, ${h.ifname}`
        : `${formatIp(h.gateway)}${device}`;
  return way + flagWords(h) + sourceWords(e, h) + labelWords(h) + weightWords(zebra, e, h, ", ");
}

function routesJson(zebra: Zebra, rows: readonly { readonly node: RibNode; readonly e: RouteEntry }[]): string {
  const byPrefix = new Map<string, Json[]>();
  for (const { node, e } of rows) {
    const prefix = formatPrefix(node.prefix);
    byPrefix.set(prefix, [...(byPrefix.get(prefix) ?? []), entryJson(zebra, node, e)]);
  }
  return prettyJson(byPrefix);
}

const yes = (on: boolean): true | undefined => (on ? true : undefined);

/** lib/zclient.h: ALLOW_RECURSION, IBGP, SELECTED, RR_USE_DISTANCE. */
const flagsOf = ({ facts, selected }: RouteEntry): number =>
  (facts.recursive ? 1 : 0) + (facts.internal ? 4 : 0) + (selected ? 8 : 0) + (facts.byDistance ? 64 : 0);

const installedHops = (e: RouteEntry): number =>
  e.installed
    ? e.nexthops.flatMap((h) => (h.resolved.length > 0 ? h.resolved : [h])).filter((h) => h.active).length
    : 0;

/** zebra/zebra_vty.c:vty_show_ip_route; numbers of next-hop groups, which are not built, are left out. */
function entryJson(zebra: Zebra, node: RibNode, e: RouteEntry): Json {
  const hops = e.nexthops.flatMap((h) => [
    hopJson(zebra, e, h, false),
    ...h.resolved.map((r) => hopJson(zebra, e, r, true)),
  ]);
  return {
    prefix: formatPrefix(node.prefix),
    prefixLen: node.prefix.length,
    protocol: e.kind,
    instance: e.facts.instance,
    vrfId: 0,
    vrfName: "default",
    selected: yes(e.selected),
    destSelected: yes(e.selected),
    distance: e.facts.distance,
    metric: e.facts.metric,
    installed: yes(e.installed),
    queued: yes(e.queued),
    failed: yes(e.failed),
    tag: e.facts.tag === 0 ? undefined : e.facts.tag,
    table: node.table,
    internalStatus: e.installed ? 16 : 0,
    internalFlags: flagsOf(e),
    internalNextHopNum: hops.length,
    internalNextHopActiveNum: e.nexthops.flatMap((h) => [h, ...h.resolved]).filter((h) => h.active).length,
    internalNextHopFibInstalledNum: zebra.release === "8.4" ? undefined : installedHops(e),
    uptime: uptimeText(zebra.os.now() - e.since),
    nexthops: hops,
  };
}

function hopJson(zebra: Zebra, e: RouteEntry, h: Nexthop, resolver: boolean): Json {
  const recursive = h.resolved.length > 0;
  const inFib = e.installed && h.active && !recursive;
  const device = h.ifname !== "" && !recursive;
  return {
    flags: (h.active ? 1 : 0) + (inFib ? 2 : 0) + (recursive ? 4 : 0) + (h.onlink === true ? 8 : 0),
    fib: yes(inFib),
    ip: h.gateway === 0 ? undefined : formatIp(h.gateway),
    afi: h.gateway === 0 ? undefined : "ipv4",
    directlyConnected: yes(h.gateway === 0 && h.blackhole === undefined),
    unreachable: yes(h.blackhole !== undefined),
    reject: yes(h.blackhole === "reject"),
    blackhole: yes(h.blackhole !== undefined && h.blackhole !== "reject"),
    interfaceIndex: device ? (zebra.interfaces.find(h.ifname)?.link?.ifindex ?? 0) : undefined,
    interfaceName: device ? h.ifname : undefined,
    resolver: yes(resolver),
    active: yes(h.active),
    onLink: yes(h.onlink === true),
    recursive: yes(recursive),
    labels: h.labels === undefined || h.labels.length === 0 ? undefined : [...h.labels],
    source: e.source === 0 ? undefined : formatIp(e.source),
    weight: zebra.release === "8.4" && e.system ? undefined : h.weight,
  };
}
