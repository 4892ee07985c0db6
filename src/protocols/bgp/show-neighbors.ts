import { formatIp } from "../../core/addr.ts";
import { NEVER, S } from "../../core/time.ts";
import { announcedTo } from "./announced.ts";
import type { Bgp } from "./bgp.ts";
import type { GracefulRestart } from "./capability.ts";
import { answerText } from "./notification.ts";
import type { Peer } from "./peer.ts";
import { ROLES } from "./settings.ts";
import { familyLines } from "./show-neighbor-family.ts";
import { uptime } from "./show-text.ts";
import { roleText } from "./views.ts";
import { isIpv4Unicast, KEEPALIVE, NOTIFICATION, OPEN, ROUTE_REFRESH, UPDATE } from "./wire.ts";

/** `show ip bgp neighbors` (bgpd/bgp_vty.c:bgp_show_peer). */

const MESSAGES: readonly (readonly [string, string, number])[] = [
  ["Opens:", "opens", OPEN],
  ["Notifications:", "notifications", NOTIFICATION],
  ["Updates:", "updates", UPDATE],
  ["Keepalives:", "keepalives", KEEPALIVE],
  ["Route Refresh:", "routeRefresh", ROUTE_REFRESH],
  ["Capability:", "capability", 6],
];

export function neighborText(bgp: Bgp, p: Peer): string {
  const now = bgp.os.now();
  const times = p.fsmConfig();
  const { state } = p.main;
  const ago = (at: number): string => uptime(at, now);
  const link = p.sort === "ibgp" ? "internal link" : p.sort === "confed" ? "confed-external link" : "external link";
  const hold = p.up ? state.holdS : times.holdS;
  const keepalive = p.up ? state.keepaliveS : times.keepaliveS;
  const lines = [
    `BGP neighbor is ${formatIp(p.address)}, remote AS ${bgp.asText(p.as)}, local AS ${bgp.asText(p.localAs)}${localAsNote(p)}, ${link}`,
    `  Local Role: ${p.settings.localRole?.role ?? "undefined"}`,
    `  Remote Role: ${ROLES[p.capabilities?.role ?? -1] ?? "undefined"}`,
    ...(p.settings.description === undefined ? [] : [` Description: ${p.settings.description}`]),
    ...(p.hostname === undefined ? [] : [`Hostname: ${p.hostname}`]),
    ...(p.group === undefined ? [] : [` Member of peer-group ${p.group.name} for session parameters`]),
    ...(p.isShut ? [" Administratively shut down"] : []),
    `  BGP version 4, remote router ID ${formatIp(p.up ? p.remoteId : 0)}, local router ID ${formatIp(bgp.routerId)}`,
    `  BGP state = ${roleText(p)}${p.up ? `, up for ${uptime(p.establishedAt, now)}` : ""}`,
    `  Last read ${ago(Math.max(0, p.main.lastReadAt))}, Last write ${ago(p.main.lastWriteAt)}`,
    `  Hold time is ${hold} seconds, keepalive interval is ${keepalive} seconds`,
    `  Configured hold time is ${times.holdS} seconds, keepalive interval is ${times.keepaliveS} seconds`,
    `  Configured conditional advertisements interval is ${bgp.globals.conditionalS} seconds`,
    ...capabilityLines(bgp, p),
    ...restartLines(p),
    ...statistics(p),
    `  Minimum time between advertisement runs is ${p.settings.advertisementIntervalS ?? 0} seconds`,
    "",
    ...familyLines(bgp, p),
    "",
    `  Connections established ${p.sessions}; dropped ${p.dropped}`,
    ...resetLines(bgp, p),
    ...connectionLines(bgp, p),
  ];
  return `${lines.join("\n")}\n\n`;
}

const localAsNote = (p: Peer): string =>
  p.settings.localAs === undefined
    ? ""
    : `${p.settings.localAs.noPrepend ? " no-prepend" : ""}${p.settings.localAs.replaceAs ? " replace-as" : ""}`;

function capabilityLines(bgp: Bgp, p: Peer): string[] {
  const c = p.capabilities;
  if (!p.up || c === undefined) return [];
  const both = (there: boolean): string => `advertised${there ? " and received" : ""}`;
  const name = (text: string | undefined): string => text ?? "n/a";
  const refresh = c.refresh ? (c.oldRefresh ? " and received(old & new)" : " and received(new)") : "";
  const remote = c.gracefulRestart;
  return [
    "  Neighbor capabilities:",
    `    4 Byte AS: ${both(c.as4 !== undefined)}`,
    `    Extended Message: ${both(c.extendedMessage)}`,
    ...addPathLines(p),
    ...longLivedLines(p),
    `    Route refresh: advertised${refresh}`,
    `    Enhanced Route Refresh: ${both(c.enhancedRefresh)}`,
    `    Address Family IPv4 Unicast: ${both(c.ipv4Unicast)}`,
    `    Hostname Capability: advertised (name: ${bgp.os.hostname},domain name: n/a)${
      c.hostname === undefined ? "" : ` received (name: ${name(c.hostname)},domain name: ${name(c.domain)})`
    }`,
    `    Graceful Restart Capability: ${both(remote !== undefined)}`,
    ...(remote === undefined
      ? []
      : [
          `      Remote Restart timer is ${remote.timeS} seconds`,
          "      Address families by peer:",
          `        ${familiesText(remote)}`,
        ]),
  ];
}
function addPathLines(p: Peer): string[] {
  const ours = announcedTo(p).addPath;
  const theirs = p.capabilities?.addPath;
  const line = (name: string, mine: boolean, other: boolean): string[] =>
    mine || other
      ? [`      IPv4 Unicast: ${name} ${mine ? "advertised" : ""}${other ? `${mine ? " and " : ""}received` : ""}`]
      : [];
  return [
    "    AddPath:",
    ...line("TX", ours?.sends === true, theirs?.sends === true),
    ...line("RX", ours?.takes === true, theirs?.takes === true),
  ];
}
function longLivedLines(p: Peer): string[] {
  const ours = announcedTo(p).restart?.longLivedS !== undefined;
  const theirs = p.capabilities?.longLived === true;
  if (!ours && !theirs) return [];
  const both = `${ours ? "advertised" : ""}${theirs ? `${ours ? " and " : ""}received` : ""}`;
  return [`    Long-lived Graceful Restart: ${both}`, ...(theirs ? ["      Address families by peer:"] : [])];
}
function familiesText({ families }: GracefulRestart): string {
  const unicast = families.find(isIpv4Unicast);
  return unicast === undefined ? "none" : `IPv4 Unicast(${unicast.preserved ? "preserved" : "not preserved"})`;
}

const GR_MODES = { disable: "Disable", helper: "Helper", restart: "Restart" } as const;
/** How it stands with restarts on this side; with a star: as the process says. */
export const localMode = (p: Peer): string =>
  `${GR_MODES[p.restartMode]}${p.settings.restartMode === undefined ? "*" : ""}`;
/** And on the other side. */
export function remoteMode(p: Peer): string {
  if (!p.up || p.restartMode === "disable") return "NotApplicable";
  const told = p.capabilities?.gracefulRestart;
  return told === undefined ? "Disable" : told.families.some(isIpv4Unicast) ? "Restart" : "Helper";
}

/** What is known of restarts. */
export function restartLines(p: Peer): string[] {
  const remote = p.up && p.restartMode !== "disable" ? p.capabilities?.gracefulRestart : undefined;
  const { restart } = p.bgp.globals;
  const waits = (p.helper?.restartAt ?? NEVER) - p.bgp.os.now();
  const yes = (on: boolean | undefined): string => (on === true ? "True" : "False");
  return [
    "  Graceful restart information:",
    ...(p.up && p.endOfRibSent ? ["    End-of-RIB send: IPv4 Unicast"] : []),
    ...(p.up && p.endOfRibReceived ? ["    End-of-RIB received: IPv4 Unicast"] : []),
    `    Local GR Mode: ${localMode(p)}`,
    `    Remote GR Mode: ${remoteMode(p)}`,
    `    R bit: ${yes(remote?.restarted)}`,
    `    N bit: ${yes(remote?.notification)}`,
    "    Timers:",
    `      Configured Restart Time(sec): ${restart.restartS}`,
    `      Received Restart Time(sec): ${p.capabilities?.gracefulRestart?.timeS ?? 0}`,
    ...(waits === NEVER ? [] : [`      Restart Time Remaining(sec): ${Math.floor(waits / S)}`]),
    ...(p.up ? unicastRestartLines(p) : []),
  ];
}

function unicastRestartLines(p: Peer): string[] {
  const told = p.capabilities?.gracefulRestart?.families.find(isIpv4Unicast);
  const { restart } = p.bgp.globals;
  const yes = (on: boolean): string => (on ? "Yes" : "No");
  return [
    "    IPv4 Unicast:",
    `      F bit: ${told?.preserved === true ? "True" : "False"}`,
    `      End-of-RIB sent: ${yes(p.endOfRibSent)}`,
    `      End-of-RIB sent after update: ${yes(p.endOfRibSent && (p.updateGroup?.out.size ?? 0) === 0)}`,
    `      End-of-RIB received: ${yes(p.endOfRibReceived)}`,
    "      Timers:",
    `        Configured Stale Path Time(sec): ${restart.stalepathS}`,
  ];
}

function statistics(p: Peer): string[] {
  const { sent, received } = p.counters;
  const total = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0);
  const line = (label: string, out: number, into: number): string =>
    `    ${label.padEnd(15)}${String(out).padStart(10)} ${String(into).padStart(10)}`;
  return [
    "  Message statistics:",
    "    Inq depth is 0",
    `    Outq depth is ${p.updateGroup?.queued ?? 0}`,
    "                         Sent       Rcvd",
    ...MESSAGES.map(([label, , type]) => line(label, sent[type] ?? 0, received[type] ?? 0)),
    line("Total:", total(sent), total(received)),
  ];
}

function resetLines(bgp: Bgp, p: Peer): string[] {
  if (p.resetAt < 0) return ["  Last reset never"];
  const note = p.lastNotification;
  return [
    `  Last reset ${uptime(p.resetAt, bgp.os.now())},  ${p.downs.why}${
      note === undefined ? "" : ` (${answerText(note.owed.code, note.owed.subcode)})`
    }`,
  ];
}

function connectionLines(bgp: Bgp, p: Peer): string[] {
  const { socket } = p.main;
  const distance =
    p.sort === "ebgp"
      ? [`  External BGP neighbor may be up to ${p.settings.ttlSecurity ?? p.ttl} hops away.`]
      : ["  Internal BGP neighbor may be up to 255 hops away."];
  if (!p.up || socket === undefined) {
    const next = p.main.state.retryAt;
    const wait = Number.isFinite(next)
      ? [`Next connect timer due in ${Math.max(0, Math.floor((next - bgp.os.now()) / S))} seconds`]
      : [];
    return [
      ...distance,
      `BGP Connect Retry Timer in Seconds: ${p.fsmConfig().connectRetryS}`,
      ...wait,
      "Read thread: off  Write thread: off  FD used: -1",
    ];
  }
  const shared = bgp.connectedTo(p.address) !== undefined;
  return [
    ...distance,
    `Local host: ${formatIp(socket.localAddress)}, Local port: ${socket.localPort}`,
    `Foreign host: ${formatIp(socket.remoteAddress)}, Foreign port: ${socket.remotePort}`,
    `Nexthop: ${formatIp(socket.localAddress)}`,
    "Nexthop global: ::",
    "Nexthop local: ::",
    `BGP connection: ${shared ? "shared network" : "non shared network"}`,
    `BGP Connect Retry Timer in Seconds: ${p.fsmConfig().connectRetryS}`,
    "Read thread: on  Write thread: on  FD used: 19",
  ];
}
