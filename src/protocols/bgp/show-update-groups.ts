import { formatIp } from "../../core/addr.ts";
import { S } from "../../core/time.ts";
import { type Json, prettyJson } from "../../frr/json.ts";
import type { Bgp } from "./bgp.ts";
import { ctime } from "./show-text.ts";
import type { UpdateGroup } from "./update-group.ts";
import { EXTENDED_MESSAGE_MAX, MESSAGE_MAX } from "./wire.ts";

/** `show ip bgp update-groups` (bgpd/bgp_updgrp.c:update_group_show_walkcb). Every group has one subgroup here. */
export function updateGroupsText(bgp: Bgp): string {
  return [...bgp.outbound.groups].map((g) => groupText(bgp, g)).join("");
}

function groupText(bgp: Bgp, g: UpdateGroup): string {
  const [leader] = g.members;
  const created = ctime(g.createdAt);
  const map = leader?.settings.routeMaps?.out;
  return `${[
    `Update-group ${g.id}:`,
    `  Created: ${created}`,
    ...(map === undefined ? [] : [`  Outgoing route map: ${map}`]),
    `  MRAI value (seconds): ${leader?.settings.advertisementIntervalS ?? 0}`,
    "",
    `  Update-subgroup ${g.id}:`,
    `    Created: ${created}`,
    `    Join events: ${g.members.size}`,
    "    Prune events: 0",
    "    Merge events: 0",
    "    Split events: 0",
    "    Update group switch events: 0",
    "    Peer refreshes combined: 0",
    "    Merge checks triggered: 0",
    `    Coalesce Time: ${coalesceMs(bgp)}`,
    `    Version: ${bgp.version}`,
    `    Packet queue length: ${g.queued}`,
    "    Total packets enqueued: 0",
    "    Packet queue high watermark: 0",
    `    Adj-out list count: ${g.out.size}`,
    `    Advertise list: ${g.queued === 0 ? "empty" : "not empty"}`,
    "    Flags: ",
    `    Max packet size: ${leader?.main.extendedMessages === true ? EXTENDED_MESSAGE_MAX : MESSAGE_MAX}`,
    "    Peers:",
    ...[...g.members].map((p) => `      - ${formatIp(p.address)}`),
  ].join("\n")}\n`;
}

const coalesceMs = (bgp: Bgp): number => bgp.globals.coalesceMs ?? Math.min(10_000, 1000 + 50 * bgp.peers.size);

/** The same as JSON, by the name of the process and the number of the group. */
export function updateGroupsJson(bgp: Bgp): string {
  const groups = new Map<string, Json>();
  for (const g of bgp.outbound.groups) groups.set(String(g.id), groupJson(bgp, g));
  return prettyJson({ [bgp.name]: groups });
}

function groupJson(bgp: Bgp, g: UpdateGroup): Json {
  const [leader] = g.members;
  const time = { epoch: Math.floor(g.createdAt / S), epochString: `${ctime(g.createdAt)}\n` };
  const age = ageText(bgp.os.now() - g.createdAt);
  return {
    groupCreateTime: time,
    afi: "IPv4",
    safi: "unicast",
    grpCreateTimeStr: age,
    outRouteMap: leader?.settings.routeMaps?.out,
    minRouteAdvInt: leader?.settings.advertisementIntervalS ?? 0,
    subGroup: [
      {
        subGroupId: g.id,
        groupCreateTime: time,
        subGrpCreateTimeStr: age,
        statistics: {
          ...{ joinEvents: g.members.size, pruneEvents: 0, mergeEvents: 0, splitEvents: 0 },
          ...{ switchEvents: 0, peerRefreshEvents: 0, mergeCheckEvents: 0 },
        },
        coalesceTime: coalesceMs(bgp),
        version: bgp.version,
        packetQueueInfo: { qeueueLen: g.queued, queuedTotal: 0, queueHwmLen: 0, totalEnqueued: 0 },
        adjListCount: g.out.size,
        needsRefresh: false,
        peers: [...g.members].map((p) => formatIp(p.address)),
      },
    ],
  };
}

/** `dd:hh:mm:ss`. */
function ageText(age: number): string {
  const s = Math.floor(age / S);
  const two = (n: number): string => String(Math.floor(n)).padStart(2, "0");
  return `${two(s / 86_400)}:${two((s % 86_400) / 3600)}:${two((s % 3600) / 60)}:${two(s % 60)}`;
}
