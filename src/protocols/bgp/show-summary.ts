import { formatIp } from "../../core/addr.ts";
import { S } from "../../core/time.ts";
import { type Json, prettyJson } from "../../frr/json.ts";
import type { Bgp } from "./bgp.ts";
import { hasPolicy } from "./filter.ts";
import type { Peer } from "./peer.ts";
import { treeSize } from "./show-table.ts";
import { uptime } from "./show-text.ts";
import { sentPrefixes, stateText } from "./views.ts";

/** `show ip bgp summary` (bgpd/bgp_vty.c:bgp_show_summary). */

/** Octets that FRR 8.4 counts for a node of the table and for a neighbour. */
const NODE_BYTES = 192;
const PEER_BYTES = 741_464;

const GROUP_BYTES = 64;

const sum = (counts: readonly number[]): number => counts.reduce((a, b) => a + b, 0);
/** Whether it was sent the default route of `default-originate`. */
export const defaultSent = (p: Peer): boolean => {
  const node = p.updateGroup?.defaultNode;
  return !p.joining && node !== undefined && p.updateGroup?.tells(node) === true;
};

export function summaryText(bgp: Bgp): string {
  const peers = bgp.sortedPeers().filter((p) => p.activated);
  if (peers.length === 0) return `% No BGP neighbors found in ${bgp.isView ? "VIEW" : "VRF"} ${bgp.name}\n`;
  const entries = treeSize(bgp);
  const names = peers.map((p) => nameOf(bgp, p));
  const width = Math.max(16, ...names.map((n) => n.length + 1));
  const rows = peers.map((p, i) => `${(names[i] as string).padEnd(width)}${row(bgp, p)}\n`);
  return `
IPv4 Unicast Summary (${bgp.isView ? "VIEW" : "VRF"} ${bgp.name}):
BGP router identifier ${formatIp(bgp.routerId)}, local AS number ${bgp.asText(bgp.globals.as)} vrf-id 0
BGP table version ${bgp.version}
RIB entries ${entries}, using ${memory(entries * NODE_BYTES)} of memory
Peers ${peers.length}, using ${memory(peers.length * PEER_BYTES)} of memory
${bgp.groups.size > 0 ? `Peer groups ${bgp.groups.size}, using ${bgp.groups.size * GROUP_BYTES} bytes of memory\n` : ""}
${"Neighbor".padEnd(width)}V         AS   MsgRcvd   MsgSent   TblVer  InQ OutQ  Up/Down State/PfxRcd   PfxSnt Desc
${rows.join("")}
Total number of neighbors ${peers.length}
`;
}

const nameOf = (bgp: Bgp, p: Peer): string => {
  const address = formatIp(p.address);
  const name = bgp.profile.showHostname && p.hostname !== undefined ? `${p.hostname}(${address})` : address;
  return p.dynamic ? `*${name}` : name;
};

/** lib/lib_vty.c:mtype_memstr. */
function memory(bytes: number): string {
  if (bytes >= 0x100000 * 10) return `${Math.floor(bytes / 0x100000)} MiB`;
  if (bytes >= 0x400 * 10) return `${Math.floor(bytes / 0x400)} KiB`;
  return `${bytes} bytes`;
}

function row(bgp: Bgp, p: Peer): string {
  const column = (v: number | string, width: number): string => String(v).padStart(width);
  const up = p.up;
  const policy = p.sort === "ebgp" && bgp.requiresPolicy;
  const since = up ? p.establishedAt : p.resetAt;
  const state = !up ? stateText(p) : policy && !hasPolicy(p, "in") ? "(Policy)" : p.accepted;
  const sent = !up ? 0 : policy && !hasPolicy(p, "out") ? "(Policy)" : sentPrefixes(p);
  return [
    `4${column(p.as, 11)}${column(sum(p.counters.received), 10)}${column(sum(p.counters.sent), 10)}`,
    `${column(0, 9)}${column(0, 5)}${column(p.updateGroup?.queued ?? 0, 5)}`,
    `${column(p.sessions === 0 ? "never" : uptime(since, bgp.os.now()), 9)}${column(state, 13)}${column(sent, 9)}`,
    ` ${p.settings.description ?? "N/A"}`,
  ].join("");
}

/** `family`: of that one alone; else of all, each under its name. */
export function summaryJson(bgp: Bgp, family: boolean): string {
  const peers = bgp.sortedPeers().filter((p) => p.activated);
  if (peers.length === 0) return "{\n}\n";
  const summary = ipv4Unicast(bgp, peers);
  return prettyJson(family ? summary : { ipv4Unicast: summary });
}

function ipv4Unicast(bgp: Bgp, peers: readonly Peer[]): Json {
  const entries = treeSize(bgp);
  return {
    routerId: formatIp(bgp.routerId),
    as: bgp.asJson(bgp.globals.as),
    vrfId: 0,
    vrfName: bgp.name,
    tableVersion: bgp.version,
    ribCount: entries,
    ribMemory: entries * NODE_BYTES,
    peerCount: peers.length,
    peerMemory: peers.length * PEER_BYTES,
    ...startUpJson(bgp),
    peerGroupCount: bgp.groups.size === 0 ? undefined : bgp.groups.size,
    peerGroupMemory: bgp.groups.size === 0 ? undefined : bgp.groups.size * GROUP_BYTES,
    peers: new Map<string, Json>(peers.map((p) => [formatIp(p.address), peerJson(bgp, p)])),
    failedPeers: peers.filter((p) => !p.up).length,
    displayedPeers: peers.length,
    totalPeers: peers.length,
    dynamicPeers: peers.filter((p) => p.dynamic).length,
    bestPath: { multiPathRelax: bgp.globals.multipathRelax ? "true" : "false" },
  };
}

/** `update-delay` and `max-med` (bgpd/bgp_vty.c:bgp_show_summary). */
function startUpJson(bgp: Bgp): { readonly [key: string]: Json } {
  const { updateDelay, maxMed } = bgp.globals;
  const wait = updateDelay !== undefined && updateDelay.establishS !== updateDelay.delayS;
  return {
    ...(updateDelay === undefined ? {} : { updateDelayLimit: updateDelay.delayS }),
    ...(wait ? { updateDelayEstablishWait: updateDelay.establishS } : {}),
    ...(bgp.startUp.holding ? { updateDelayInProgress: true } : {}),
    ...(maxMed?.startup === undefined ? {} : { maxMedOnStartup: true }),
    ...(maxMed?.administrative === undefined ? {} : { maxMedAdministrative: true }),
  };
}

function peerJson(bgp: Bgp, p: Peer): Json {
  const now = bgp.os.now();
  const since = p.up ? p.establishedAt : p.resetAt;
  return {
    dynamicPeer: p.dynamic ? true : undefined,
    hostname: p.hostname,
    softwareVersion: p.capabilities?.software ?? "n/a",
    remoteAs: bgp.asJson(p.as),
    localAs: bgp.asJson(p.localAs),
    version: 4,
    msgRcvd: sum(p.counters.received),
    msgSent: sum(p.counters.sent),
    tableVersion: 0,
    outq: p.updateGroup?.queued ?? 0,
    inq: 0,
    peerUptime: p.sessions === 0 ? "never" : uptime(since, now),
    peerUptimeMsec: p.sessions === 0 ? 0 : Math.floor((now - since) / S) * 1000,
    peerUptimeEstablishedEpoch: p.up ? Math.floor(p.establishedAt / S) : undefined,
    pfxRcd: p.accepted,
    pfxSnt: sentPrefixes(p),
    state: stateText(p),
    peerState: p.isShut ? "Admin" : p.prefixLimit.exceeded ? "PfxCt" : policyState(bgp, p),
    connectionsEstablished: p.sessions,
    connectionsDropped: p.dropped,
    desc: p.settings.description,
    idType: "ipv4",
  };
}
const policyState = (bgp: Bgp, p: Peer): string =>
  p.sort === "ebgp" && bgp.requiresPolicy && !(hasPolicy(p, "in") && hasPolicy(p, "out")) ? "Policy" : "OK";
