import { formatIp, formatPrefix } from "../../core/addr.ts";
import { type Nanos, NEVER, S } from "../../core/time.ts";
import { type Json, type JsonObject, prettyJson } from "../../frr/json.ts";
import type { Bgp } from "./bgp.ts";
import { downCode } from "./down.ts";
import { hasPolicy } from "./filter.ts";
import { answerText, bearsMessage, shutdownMessage } from "./notification.ts";
import type { Peer } from "./peer.ts";
import { ROLES } from "./settings.ts";
import { capabilitiesJson } from "./show-capabilities.ts";
import { localMode, remoteMode } from "./show-neighbors.ts";
import { defaultSent } from "./show-summary.ts";
import { uptime } from "./show-text.ts";
import { roleText, sentPrefixes } from "./views.ts";
import { isIpv4Unicast, KEEPALIVE, NOTIFICATION, OPEN, ROUTE_REFRESH, UPDATE } from "./wire.ts";

/** `show ip bgp neighbors json`, by address (bgpd/bgp_vty.c:bgp_show_peer). Keys of FRR 8.4 and of later releases. */
export function neighborsJson(bgp: Bgp, peers: readonly Peer[]): string {
  return prettyJson(new Map<string, Json>(peers.map((p) => [formatIp(p.address), neighborJson(bgp, p)])));
}

/** `show bgp neighbors … graceful-restart json`: only what restarts are about. */
export function restartsJson(bgp: Bgp, peers: readonly Peer[]): string {
  const one = (p: Peer): Json => ({
    neighborAddr: formatIp(p.address),
    neighborCapabilities: p.up ? capabilitiesJson(p) : undefined,
    ...restart(bgp, p),
  });
  return prettyJson(new Map<string, Json>(peers.map((p) => [formatIp(p.address), one(p)])));
}

const MESSAGES = {
  ...{ opens: OPEN, notifications: NOTIFICATION, updates: UPDATE, keepalives: KEEPALIVE },
  ...{ routeRefresh: ROUTE_REFRESH, capability: 6 },
};

const on = (is: boolean | undefined): true | undefined => (is === true ? true : undefined);
const seconds = (n: Nanos): number => Math.floor(n / S);

function neighborJson(bgp: Bgp, p: Peer): Json {
  return {
    ...identity(bgp, p),
    ...state(bgp, p),
    ...timers(bgp, p),
    neighborCapabilities: p.up ? capabilitiesJson(p) : undefined,
    ...restart(bgp, p),
    ...messages(p),
    minBtwnAdvertisementRunsTimerMsecs: (p.settings.advertisementIntervalS ?? 0) * 1000,
    updateSource:
      typeof p.settings.updateSource === "number" ? formatIp(p.settings.updateSource) : p.settings.updateSource,
    addressFamilyInfo: p.activated ? { ipv4Unicast: family(bgp, p) } : {},
    connectionsEstablished: p.sessions,
    connectionsDropped: p.dropped,
    ...reset(bgp, p),
    ...connection(bgp, p),
  };
}

const LINKS = { ibgp: "nbrInternalLink", ebgp: "nbrExternalLink", confed: "nbrConfedExternalLink" } as const;

function linkKey(bgp: Bgp, p: Peer): string {
  if (p.as === 0 && p.settings.remoteAs === undefined) return "nbrUnspecifiedLink";
  const inside = bgp.globals.confederationId !== undefined;
  if (p.sort === "ibgp") return inside ? "nbrConfedInternalLink" : LINKS.ibgp;
  return inside ? LINKS.confed : LINKS[p.sort];
}

function identity(bgp: Bgp, p: Peer): JsonObject {
  const { localAs } = p.settings;
  const range = p.dynamic ? bgp.rangeOf(p.address) : undefined;
  return {
    neighborAddr: `${p.dynamic ? "*" : ""}${formatIp(p.address)}`,
    remoteAs: bgp.asJson(p.as),
    localAs: bgp.asJson(localAs?.as ?? p.localAs),
    localAsNoPrepend: on(localAs?.noPrepend),
    localAsReplaceAs: on(localAs?.replaceAs),
    localAsReplaceAsDualAs: localAs?.dual === true,
    [linkKey(bgp, p)]: true,
    localRole: p.settings.localRole?.role ?? "undefined",
    remoteRole: ROLES[p.capabilities?.role ?? -1] ?? "undefined",
    nbrDesc: p.settings.description,
    hostname: p.hostname ?? "Unknown",
    domainname: p.capabilities?.domain,
    peerGroup: p.group?.name,
    peerSubnetRangeGroup: range === undefined ? undefined : formatPrefix(range.prefix),
    adminShutDown: on(p.isShut),
    bgpVersion: 4,
    remoteRouterId: formatIp(p.up ? p.remoteId : 0),
    localRouterId: formatIp(bgp.routerId),
    nbrCommonAdmin: on(bgp.globals.confederationPeers.includes(p.as)),
  };
}

/** How it stands with the session (bgpd/bgp_vty.c:bgp_show_peer_status). */
export function state(bgp: Bgp, p: Peer): JsonObject {
  const now = bgp.os.now();
  return {
    bgpState: roleText(p),
    bgpTimerUpMsec: p.up ? seconds(now - p.establishedAt) * 1000 : undefined,
    bgpTimerUpString: p.up ? uptime(p.establishedAt, now) : undefined,
    bgpTimerUpEstablishedEpoch: p.up ? seconds(p.establishedAt) : undefined,
    bgpStateIs: p.role === "active" && p.settings.passive === true ? "passive" : undefined,
  };
}

function timers(bgp: Bgp, p: Peer): JsonObject {
  const now = bgp.os.now();
  const times = p.fsmConfig();
  const { state: s } = p.main;
  const ago = (at: Nanos): number => seconds(now - Math.max(0, at)) * 1000;
  const scanAt = bgp.conditions.scanAt;
  return {
    bgpTimerLastRead: ago(p.main.lastReadAt),
    bgpTimerLastWrite: ago(p.main.lastWriteAt),
    bgpInUpdateElapsedTimeMsecs: ago(p.main.heardAt),
    bgpTimerConfiguredHoldTimeMsecs: times.holdS * 1000,
    bgpTimerConfiguredKeepAliveIntervalMsecs: times.keepaliveS * 1000,
    bgpTimerHoldTimeMsecs: (p.up ? s.holdS : times.holdS) * 1000,
    bgpTimerKeepAliveIntervalMsecs: (p.up ? s.keepaliveS : times.keepaliveS) * 1000,
    bgpTimerDelayOpenTimeMsecs: times.delayOpenS === 0 ? undefined : times.delayOpenS * 1000,
    bgpTcpMssConfigured: p.settings.tcpMss ?? 0,
    bgpTcpMssSynced: p.up ? (p.main.socket?.info().mss ?? 0) : 0,
    extendedOptionalParametersLength: p.settings.extendedParameters === true,
    bgpTimerConfiguredConditionalAdvertisementsSec: bgp.globals.conditionalS,
    bgpTimerUntilConditionalAdvertisementsSec: scanAt === NEVER ? undefined : seconds(scanAt - now),
  };
}

/** What is known of its restarts (bgpd/bgp_vty.c:bgp_show_peer_gr_info_afi_safi). */
function restart(bgp: Bgp, p: Peer): JsonObject {
  const remote = p.up && p.restartMode !== "disable" ? p.capabilities?.gracefulRestart : undefined;
  const { restart: ours } = bgp.globals;
  const now = bgp.os.now();
  const left = (at: Nanos | undefined): number | undefined =>
    at === undefined || at === NEVER ? undefined : seconds(at - now);
  const unicast = remote?.families.find(isIpv4Unicast);
  return {
    gracefulRestartInfo: {
      localGrMode: localMode(p),
      remoteGrMode: remoteMode(p),
      rBit: remote?.restarted === true,
      nBit: remote?.notification === true,
      timers: {
        configuredRestartTimer: ours.restartS,
        configuredLlgrStaleTime: ours.longLivedS,
        receivedRestartTimer: p.capabilities?.gracefulRestart?.timeS ?? 0,
        restartTimerRemaining: left(p.helper?.restartAt),
        gracefulStalepathTimerSec: left(p.helper?.staleAt),
      },
      ipv4Unicast: {
        fBit: unicast?.preserved === true,
        endOfRibStatus: {
          endOfRibSend: p.up && p.endOfRibSent,
          endOfRibSentAfterUpdate: p.up && p.endOfRibSent,
          endOfRibRecv: p.up && p.endOfRibReceived,
        },
        timers: { stalePathTimer: ours.stalepathS, stalePathTimerRemaining: left(p.helper?.staleAt) },
      },
    },
  };
}

const sum = (counts: readonly number[]): number => counts.reduce((a, b) => a + b, 0);

function messages(p: Peer): JsonObject {
  const { sent, received } = p.counters;
  return {
    messageStats: {
      depthInq: 0,
      depthOutq: p.updateGroup?.queued ?? 0,
      ...Object.fromEntries(
        Object.entries(MESSAGES).flatMap(([key, type]) => [
          [`${key}Sent`, sent[type] ?? 0],
          [`${key}Recv`, received[type] ?? 0],
        ]),
      ),
      totalSent: sum(sent),
      totalRecv: sum(received),
    },
    prefixStats: {
      inboundFiltered: p.stats.filtered,
      aspathLoop: p.stats.asPathLoop,
      originatorLoop: p.stats.originatorLoop,
      clusterLoop: p.stats.clusterLoop,
      invalidNextHop: p.stats.nextHopInvalid,
      withdrawn: p.stats.withdrawn,
      attributesDiscarded: p.stats.discarded,
    },
  };
}

/** bgpd/bgp_vty.c:bgp_show_peer_afi. */
function family(bgp: Bgp, p: Peer): Json {
  const { settings: s, updateGroup: group } = p;
  const { localAs: _, maximumPrefix: max, unchanged } = s;
  return {
    peerGroupMember: p.group?.name,
    updateGroupId: group?.id,
    subGroupId: group?.id,
    packetQueueLength: group === undefined ? undefined : 0,
    ...outboundFilters(p),
    routeReflectorClient: on(s.reflectorClient),
    routeServerClient: on(s.routeServerClient),
    inboundSoftConfigPermit: on(s.softReconfiguration),
    ...privateNumbers(p),
    allowAsInOrigin: on(s.allowAsIn === "origin"),
    allowAsInCount: typeof s.allowAsIn === "number" ? s.allowAsIn : undefined,
    ...addPath(p),
    overrideASNsInOutboundUpdates: s.asOverride === true ? "ifAspathEqualRemoteAs" : undefined,
    routerAlwaysNextHop: on(s.nextHopSelf !== undefined),
    unchangedAsPathPropogatedToNbr: on(unchanged?.asPath),
    unchangedNextHopPropogatedToNbr: on(unchanged?.nextHop),
    unchangedMedPropogatedToNbr: on(unchanged?.med),
    commAttriSentToNbr: communities(p),
    defaultRouteMap: s.defaultOriginate?.routeMap,
    defaultSent: on(s.defaultOriginate !== undefined && defaultSent(p)),
    defaultNotSent: on(s.defaultOriginate !== undefined && !defaultSent(p)),
    ...policy(bgp, p),
    acceptedPrefixCounter: p.accepted,
    sentPrefixCounter: group === undefined ? undefined : sentPrefixes(p),
    receivedPrefixDup: p.duplicates,
    prefixOutAllowedMax: s.maximumPrefixOut,
    prefixAllowedMax: max?.max,
    prefixAllowedMaxWarning: on(max?.warningOnly),
    prefixAllowedWarningThresh: max?.threshold,
    prefixAllowedRestartIntervalMsecs: max === undefined || max.restartMin === 0 ? undefined : max.restartMin * 60_000,
  };
}

function outboundFilters(p: Peer): JsonObject {
  const { orf } = p.settings;
  const theirs = p.up ? p.capabilities?.orf : undefined;
  const mode = (ours: boolean | undefined, other: boolean | undefined): string | undefined =>
    ours === true ? (other === true ? "advertisedAndReceived" : "advertised") : other === true ? "received" : undefined;
  const sendMode = mode(orf?.sends, theirs?.sends);
  const recvMode = mode(orf?.takes, theirs?.takes);
  if (sendMode === undefined && recvMode === undefined) return {};
  return {
    afDependentCap: { orfType: 64, orfPrefixList: { sendMode, recvMode } },
    orfRecvCounter: p.filters === undefined ? undefined : p.filters.rules.length,
  };
}

function privateNumbers(p: Peer): JsonObject {
  const how = p.settings.removePrivateAs;
  if (how === undefined) return {};
  const [all, done] = [how.all ? "All" : "", how.replace ? "Replaced" : "Removed"];
  return { [`privateAsNums${all}${done}InUpdatesToNbr`]: true };
}

function addPath(p: Peer): JsonObject {
  const how = p.settings.addPathTx;
  if (how === undefined) return {};
  return {
    [how === "all" ? "addpathTxAllPaths" : how === "bestPerAs" ? "addpathTxBestpathPerAS" : "addpathTxBestSelected"]:
      true,
  };
}

function communities(p: Peer): string | undefined {
  const c = p.settings.sendCommunity;
  if (c === undefined) return "standardAndextendedAndlarge";
  const kinds = [c.standard && "standard", c.extended && "extended", c.large && "large"].filter(Boolean);
  return kinds.length === 0 ? undefined : kinds.join("And");
}

function policy(bgp: Bgp, p: Peer): JsonObject {
  const { settings: s } = p;
  const required = p.sort === "ebgp" && bgp.requiresPolicy;
  const { conditional: c } = s;
  const open = bgp.conditions.stateOf(p);
  return {
    inboundPathPolicyConfig: on(hasPolicy(p, "in")),
    outboundPathPolicyConfig: on(hasPolicy(p, "out") || s.unsuppressMap !== undefined),
    incomingUpdatePrefixFilterList: s.prefixLists?.in,
    outgoingUpdatePrefixFilterList: s.prefixLists?.out,
    incomingUpdateNetworkFilterList: s.distributeLists?.in,
    outgoingUpdateNetworkFilterList: s.distributeLists?.out,
    incomingUpdateAsPathFilterList: s.filterLists?.in,
    outgoingUpdateAsPathFilterList: s.filterLists?.out,
    routeMapForIncomingAdvertisements: s.routeMaps?.in,
    routeMapForOutgoingAdvertisements: s.routeMaps?.out,
    inboundEbgpRequiresPolicy:
      required && !hasPolicy(p, "in") ? "Inbound updates discarded due to missing policy" : undefined,
    outboundEbgpRequiresPolicy:
      required && !hasPolicy(p, "out") ? "Outbound updates discarded due to missing policy" : undefined,
    selectiveUnsuppressRouteMap: s.unsuppressMap,
    advertiseMap:
      c === undefined
        ? undefined
        : {
            condition: c.exists ? "EXIST" : "NON_EXIST",
            conditionMap: c.condition,
            advertiseMap: c.map,
            advertiseStatus: open === false ? "Withdraw" : "Advertise",
          },
  };
}

/** Why the last session ended, and what has kept it down since (bgpd/bgp_vty.c:bgp_show_peer_reset). */
function reset(bgp: Bgp, p: Peer): JsonObject {
  const { why, since, sinceAt } = p.downs;
  const now = bgp.os.now();
  const note = p.lastNotification;
  const told = why === "BGP Notification send" || why === "BGP Notification received" ? note?.owed : undefined;
  const message = note?.sent === false && told !== undefined ? shutdownMessage(told.data) : undefined;
  const two = (n: number): string => n.toString(16).toUpperCase().padStart(2, "0");
  const { exceeded: overflow, restartAt } = p.prefixLimit;
  if (why === "never") return { lastReset: "never" };
  return {
    lastResetTimerMsecs: seconds(now - Math.max(0, p.resetAt)) * 1000,
    lastErrorCodeSubcode: told === undefined ? undefined : two(told.code) + two(told.subcode),
    lastNotificationReason: told === undefined ? undefined : answerText(told.code, told.subcode),
    lastNotificationHardReset: told === undefined ? undefined : note?.hard === true,
    lastShutdownDescription: told !== undefined && bearsMessage(told) ? message : undefined,
    lastResetDueTo: why,
    lastResetCode: downCode(why),
    downLastResetDueTo: since === "never" ? undefined : since,
    downLastResetCode: since === "never" ? undefined : downCode(since),
    downLastResetTimeSecs: since === "never" ? undefined : seconds(now - sinceAt),
    softwareVersion: p.capabilities?.software ?? "n/a",
    prefixesConfigExceedMax: on(overflow),
    reducePrefixNumFrom: on(overflow && restartAt !== NEVER),
    restartInTimerMsec: overflow && restartAt !== NEVER ? seconds(restartAt - now) * 1000 : undefined,
    reducePrefixNumAndClearIpBgp: on(overflow && restartAt === NEVER),
  };
}

function connection(bgp: Bgp, p: Peer): JsonObject {
  const { socket, state: s } = p.main;
  const now = bgp.os.now();
  const interval = p.settings.advertisementIntervalS ?? 0;
  const waits = p.updateGroup?.writeAt ?? NEVER;
  const there = p.up && socket !== undefined;
  const due = (at: Nanos): number | undefined => (at === NEVER ? undefined : Math.max(0, seconds(at - now)) * 1000);
  return {
    [p.sort === "ibgp" ? "internalBgpNbrMaxHopsAway" : "externalBgpNbrMaxHopsAway"]: p.settings.ttlSecurity ?? p.ttl,
    hostLocal: there ? formatIp(socket.localAddress) : "Unknown",
    portLocal: there ? socket.localPort : -1,
    hostForeign: there ? formatIp(socket.remoteAddress) : "Unknown",
    portForeign: there ? socket.remotePort : -1,
    nexthop: there ? formatIp(socket.localAddress) : "Unknown",
    nexthopGlobal: there ? "::" : "Unknown",
    nexthopLocal: there ? "::" : "Unknown",
    bgpConnection: !there ? "Unknown" : bgp.connectedTo(p.address) === undefined ? "nonSharedNetwork" : "sharedNetwork",
    connectRetryTimer: p.fsmConfig().connectRetryS,
    estimatedRttInMsecs: there ? Math.max(0, Math.round(socket.info().rttMs)) : undefined,
    nextStartTimerDueInMsecs: due(s.startAt),
    ...(interval > 0 && waits !== NEVER
      ? { mraiInterval: interval, mraiTimerExpireInMsecs: Math.max(0, Math.ceil((waits - now) / S)) * 1000 }
      : {}),
    nextConnectTimerDueInMsecs: due(s.retryAt),
    authenticationEnabled: p.settings.password === undefined ? undefined : 1,
    readThread: there ? "on" : "off",
    writeThread: there ? "on" : "off",
  };
}
