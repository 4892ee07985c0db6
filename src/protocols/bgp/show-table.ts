import { formatIp, formatPrefix, type Ipv4, maskOf, type Prefix } from "../../core/addr.ts";
import { type Json, type JsonObject, plainJson } from "../../frr/json.ts";
import { type Attributes, ORIGIN_CODES, ORIGIN_NAMES } from "./attributes.ts";
import type { Bgp } from "./bgp.ts";
import type { Peer } from "./peer.ts";
import type { AdjIn } from "./peer-kind.ts";
import { comparePrefixes, FROM_PEER, type Path, type RibNode } from "./rib.ts";

/** `show ip bgp`: the table, a line for each path (bgpd/bgp_route.c:route_vty_out). */

/** What stands above every table. */
export function tableHead(bgp: Bgp): string {
  return `BGP table version is ${bgp.version}, local router ID is ${formatIp(bgp.routerId)}, vrf id 0
Default local pref ${bgp.globals.localPref}, local AS ${bgp.asText(bgp.globals.as)}
Status codes:  s suppressed, d damped, h history, * valid, > best, = multipath,
               i internal, r RIB-failure, S Stale, R Removed
Nexthop codes: @NNN nexthop's vrf id, < announce-nh-self
Origin codes:  i - IGP, e - EGP, ? - incomplete
RPKI validation codes: V valid, I invalid, N Not found

   Network          Next Hop            Metric LocPrf Weight Path
`;
}

const peerOf = (p: Path): Peer | undefined => (p.kind === FROM_PEER ? (p.source as Peer) : undefined);
export const isInternal = (p: Path): boolean => peerOf(p)?.sort === "ibgp";

/** The three characters before a path. */
function statusOf(bgp: Bgp, p: Path): string {
  const flaps = bgp.dampening.of(p);
  const first = p.stale ? "S" : p.suppressed > 0 ? "s" : bgp.dampening.isValid(p) ? "*" : " ";
  if (flaps?.history === true || flaps?.damped === true) return `${first}${flaps.history ? "h" : "d"} `;
  const second = p.node.best === p ? ">" : p.multipath ? "=" : " ";
  return first + second + (isInternal(p) ? "i" : " ");
}

const NETWORK_WIDTH = 17;

function routeLine(
  status: string,
  prefix: Prefix | undefined,
  nextHop: Ipv4,
  a: Attributes,
  weight: number,
  path: string,
): string {
  const name = prefix === undefined ? "" : formatPrefix(prefix);
  const network =
    name.length < NETWORK_WIDTH ? name.padEnd(NETWORK_WIDTH) : `${name}\n${" ".repeat(NETWORK_WIDTH + 3)}`;
  const med = a.med === undefined ? " ".repeat(10) : String(a.med).padStart(10);
  const pref = a.localPref === undefined ? " ".repeat(7) : String(a.localPref).padStart(7);
  const as = path === "" ? "" : `${path} `;
  return `${status}${network}${formatIp(nextHop).padEnd(16)}${med}${pref}${String(weight).padStart(7)} ${as}${ORIGIN_CODES[a.origin]}\n`;
}

/** The paths that are wanted, with a head and a count. */
export function tableText(bgp: Bgp, wanted: (p: Path) => boolean): string {
  let [text, routes, total] = ["", 0, 0];
  for (const node of bgp.rib.sorted()) {
    total += node.paths.length;
    let first = true;
    for (const p of ordered(node)) {
      if (!wanted(p)) continue;
      const { attributes: a } = p;
      text += routeLine(
        statusOf(bgp, p),
        first ? node : undefined,
        p.nextHop.address,
        a,
        a.weight,
        bgp.asText(a.asPath),
      );
      if (first) routes++;
      first = false;
    }
  }
  if (routes === 0) return `No BGP prefixes displayed, ${total === 0 ? 0 : bgp.rib.size} exist\n`;
  return `${tableHead(bgp)}${text}\nDisplayed  ${routes} routes and ${total} total paths\n`;
}

/** The newest path first, as FRR 8.4 keeps them. */
export const ordered = (node: RibNode): readonly Path[] => node.paths;

/** `advertised-routes`: before this router adds itself to the path. */
export function advertisedText(bgp: Bgp, peer: Peer): string {
  const group = peer.updateGroup;
  if (group === undefined || peer.joining || group.out.size === 0) return "";
  const entries = [...group.out].sort(([a], [b]) => a.address - b.address || a.length - b.length);
  let text = "";
  if (entries.some(([node]) => node === group.defaultNode)) text += `Originating default network 0.0.0.0/0\n\n`;
  text = `${tableHead(bgp).replace(/\n {3}Network/, `\n${text}   Network`)}`;
  for (const [node, out] of entries) {
    if (node === group.defaultNode) continue;
    const path = withoutOwn(bgp.asText(out.attributes.asPath), peer);
    const best = bgp.rib.find(node.address, node.length)?.best;
    const weight = best !== undefined && best.kind !== FROM_PEER ? best.attributes.weight : 0;
    text += routeLine("*> ", node, out.nextHop, out.attributes, weight, path);
  }
  return `${text}\nTotal number of prefixes ${entries.length}\n`;
}
export const withoutOwn = (path: string, peer: Peer): string =>
  peer.sort === "ibgp" ? path : path.split(" ").slice(1).join(" ");

/** `received-routes`; `filtered`: how many of them policy keeps out. */
export function receivedText(bgp: Bgp, routes: readonly AdjIn[], filtered: number): string {
  if (routes.length === 0) return "";
  const lines = routes.map((r) => routeLine("*> ", r, r.nextHop, r.attributes, 0, bgp.asText(r.attributes.asPath)));
  return `${tableHead(bgp)}${lines.join("")}\nTotal number of prefixes ${routes.length}${filtered > 0 ? ` (${filtered} filtered)` : ""}\n`;
}

/** `show ip bgp json`: FRR writes the frame by hand and the paths without spaces. `detail`: how a prefix is written instead. */
export function tableJson(
  bgp: Bgp,
  wanted: (p: Path) => boolean,
  detail?: (node: RibNode, paths: readonly Path[]) => Json,
): string {
  const routes: string[] = [];
  let total = 0;
  for (const node of bgp.rib.sorted()) {
    total += node.paths.length;
    const paths = ordered(node).filter(wanted);
    if (paths.length === 0) continue;
    const value = detail?.(node, paths) ?? paths.map((p) => pathJson(bgp, node, p));
    routes.push(`"${formatPrefix(node)}": ${plainJson(value)}`);
  }
  return `{
 "vrfId": 0,
 "vrfName": "${bgp.name}",
 "tableVersion": ${bgp.version},
 "routerId": "${formatIp(bgp.routerId)}",
 "defaultLocPrf": ${bgp.globals.localPref},
 "localAS": ${JSON.stringify(bgp.asJson(bgp.globals.as))},
 "routes": { ${routes.join("\n,")}
 } , "totalRoutes": ${routes.length}, "totalPaths": ${total} }
`;
}

function pathJson(bgp: Bgp, node: RibNode, p: Path): JsonObject {
  const { attributes: a } = p;
  const best = node.best === p;
  const flaps = bgp.dampening.of(p);
  const peer = peerOf(p);
  const hostname = peer === undefined ? bgp.os.hostname : peer.hostname;
  return {
    ...(p.suppressed > 0 ? { suppressed: true } : {}),
    ...(p.stale ? { stale: true } : {}),
    ...(bgp.dampening.isValid(p) ? { valid: true } : {}),
    ...(flaps?.history === true ? { history: true } : {}),
    ...(flaps?.damped === true ? { damped: true } : {}),
    ...(best ? { bestpath: true, selectionReason: node.reason } : p.multipath ? { multipath: true } : {}),
    pathFrom: isInternal(p) ? "internal" : "external",
    prefix: formatIp(node.address),
    prefixLen: node.length,
    network: formatPrefix(node),
    version: node.version,
    ...(a.med === undefined ? {} : { metric: a.med }),
    ...(a.localPref === undefined ? {} : { locPrf: a.localPref }),
    weight: a.weight,
    peerId: peer === undefined ? "(unspec)" : formatIp(peer.address),
    path: bgp.asText(a.asPath),
    origin: ORIGIN_NAMES[a.origin] ?? "",
    nexthops: [
      {
        ip: formatIp(p.nextHop.address),
        ...(hostname === undefined ? {} : { hostname }),
        afi: "ipv4",
        ...(bgp.dampening.isValid(p) || peer === undefined ? { used: true } : {}),
      },
    ],
  };
}

/** Nodes of FRR's radix tree: prefixes with paths, and the branches between them (`RIB entries`). */
export function treeSize(bgp: Bgp): number {
  const nodes: Prefix[] = bgp.rib.sorted();
  // What neighbours have told is kept in the tree too, whatever became of it.
  for (const peer of bgp.peers.values()) for (const r of peer.adjIn.values()) nodes.push(r);
  nodes.sort(comparePrefixes);
  const keys = new Set(nodes.map(formatPrefix));
  for (let i = 1; i < nodes.length; i++) {
    const [a, b] = [nodes[i - 1] as Prefix, nodes[i] as Prefix];
    const length = Math.min(a.length, b.length, Math.clz32(a.address ^ b.address));
    keys.add(formatPrefix({ address: (a.address & maskOf(length)) >>> 0, length }));
  }
  return keys.size;
}
