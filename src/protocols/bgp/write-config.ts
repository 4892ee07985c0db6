import { formatIp, formatPrefix } from "../../core/addr.ts";
import type { ConfigBlock } from "../../frr/vty.ts";
import type { Bgp } from "./bgp.ts";
import type { BgpDaemon } from "./daemon.ts";
import type { Globals, PeerSettings } from "./settings.ts";
import { dampeningWords, familyWords, globalLines, sessionWords } from "./write-config-more.ts";

/** bgpd's part of the running configuration (bgpd/bgp_vty.c:bgp_config_write), in FRR's order. */
export function writeBgpConfig(d: BgpDaemon): readonly ConfigBlock[] {
  const processes = d
    .processes()
    .map((bgp): ConfigBlock => ({ section: "router", head: headOf(bgp), lines: processLines(bgp), end: "exit" }));
  return [...processes, ...lists(d), ...d.policy.writeConfig()];
}

function headOf(bgp: Bgp): string {
  const { as, asNotation } = bgp.globals;
  const view = bgp.isView ? ` view ${bgp.name}` : "";
  return `router bgp ${bgp.asText(as)}${view}${asNotation === "plain" ? "" : ` as-notation ${asNotation}`}`;
}

const when = (on: boolean | undefined, line: string): string[] => (on === true ? [line] : []);

function processLines(bgp: Bgp): string[] {
  const { globals: g } = bgp;
  const lines = [
    ...(g.routerId === undefined ? [] : [`bgp router-id ${formatIp(g.routerId)}`]),
    ...choice(g.logNeighborChanges, "bgp log-neighbor-changes"),
    ...when(!g.importCheck, "no bgp network import-check"),
    ...when(!g.fastExternalFailover, "no bgp fast-external-failover"),
    ...choice(g.requiresPolicy, "bgp ebgp-requires-policy"),
    ...when(!g.suppressDuplicates, "no bgp suppress-duplicates"),
    ...when(!g.defaultIpv4Unicast, "no bgp default ipv4-unicast"),
    ...(g.shutdown === undefined ? [] : [`bgp shutdown${g.shutdown === "" ? "" : ` message ${g.shutdown}`}`]),
    ...when(g.alwaysCompareMed, "bgp always-compare-med"),
    ...(g.localPref === 100 ? [] : [`bgp default local-preference ${g.localPref}`]),
    ...when(!g.clientToClient, "no bgp client-to-client reflection"),
    ...(g.clusterId === undefined ? [] : [`bgp cluster-id ${formatIp(g.clusterId)}`]),
    ...(g.confederationId === undefined ? [] : [`bgp confederation identifier ${g.confederationId}`]),
    ...(g.confederationPeers.length === 0 ? [] : [`bgp confederation peers ${g.confederationPeers.join(" ")}`]),
    ...choice(g.deterministicMed, "bgp deterministic-med"),
    ...bestpathLines(g),
    ...(g.listenLimit === 100 ? [] : [`bgp listen limit ${g.listenLimit}`]),
    ...when(g.gracefulShutdown, "bgp graceful-shutdown"),
    ...globalLines(g).filter((l) => typeof l === "string"),
    ...(g.timers === undefined ? [] : [`timers bgp ${g.timers.keepaliveS} ${g.timers.holdS}`]),
    ...(g.coalesceMs === undefined ? [] : [`coalesce-time ${g.coalesceMs}`]),
    ...[...bgp.groups.values()].flatMap((group) => [
      `neighbor ${group.name} peer-group`,
      ...sessionLines(group.name, group.own),
    ]),
    ...bgp.sortedPeers().flatMap((p) => {
      if (p.dynamic) return [];
      const name = formatIp(p.address);
      const { remoteAs, ...rest } = p.own;
      const first = remoteAs === undefined ? [] : [`neighbor ${name} remote-as ${remoteAs}`];
      const group = p.group === undefined ? [] : [`neighbor ${name} peer-group ${p.group.name}`];
      return [...first, ...group, ...sessionLines(name, rest)];
    }),
    ...bgp.ranges.map((r) => `bgp listen range ${formatPrefix(r.prefix)} peer-group ${r.group}`),
  ];
  return [...lines.map((l) => ` ${l}`), ...familyBlock(bgp)];
}

const choice = (on: boolean | undefined, words: string): string[] =>
  on === undefined ? [] : [on ? words : `no ${words}`];

const bestpathLines = (g: Globals): string[] => [
  ...when(g.asPathIgnore, "bgp bestpath as-path ignore"),
  ...when(g.asPathConfed, "bgp bestpath as-path confed"),
  ...when(g.multipathRelax, "bgp bestpath as-path multipath-relax"),
  ...when(g.compareRouterId, "bgp bestpath compare-routerid"),
  ...(g.medConfed || g.medMissingAsWorst
    ? [`bgp bestpath med${g.medConfed ? " confed" : ""}${g.medMissingAsWorst ? " missing-as-worst" : ""}`]
    : []),
];

function sessionLines(name: string, s: PeerSettings): string[] {
  const local = s.localAs;
  const localAs =
    local &&
    `local-as ${local.as}${local.noPrepend ? " no-prepend" : ""}${local.replaceAs ? " replace-as" : ""}${local.dual ? " dual-as" : ""}`;
  const source = typeof s.updateSource === "number" ? formatIp(s.updateSource) : s.updateSource;
  const words: (string | false | undefined)[] = [
    s.remoteAs !== undefined && `remote-as ${s.remoteAs}`,
    localAs,
    s.description !== undefined && `description ${s.description}`,
    s.shutdown !== undefined && `shutdown${s.shutdown === "" ? "" : ` message ${s.shutdown}`}`,
    s.password !== undefined && `password ${s.password}`,
    s.port !== undefined && `port ${s.port}`,
    s.passive && "passive",
    s.multihop !== undefined && `ebgp-multihop${s.multihop === 255 ? "" : ` ${s.multihop}`}`,
    s.disableConnectedCheck && "disable-connected-check",
    s.enforceFirstAs && "enforce-first-as",
    ...sessionWords(s),
    source !== undefined && `update-source ${source}`,
    s.advertisementIntervalS !== undefined && `advertisement-interval ${s.advertisementIntervalS}`,
    s.timers && `timers ${s.timers.keepaliveS} ${s.timers.holdS}`,
    s.connectRetryS !== undefined && `timers connect ${s.connectRetryS}`,
    s.delayOpenS !== undefined && `timers delayopen ${s.delayOpenS}`,
  ];
  const lines = said(name, words);
  if (s.enforceFirstAs === false) lines.push(`no neighbor ${name} enforce-first-as`);
  if (s.fqdn === false) lines.push(`no neighbor ${name} capability fqdn`);
  if (s.softwareVersion === "none") lines.push(`no neighbor ${name} capability software-version`);
  return s.extendedMessage === false ? [...lines, `no neighbor ${name} capability extended-message`] : lines;
}

const said = (name: string, words: readonly (string | false | undefined)[]): string[] =>
  words.flatMap((w) => (w === false || w === undefined || w === "" ? [] : [`neighbor ${name} ${w}`]));

function familyBlock(bgp: Bgp): string[] {
  const { globals: g, local } = bgp;
  const lines = [
    ...[...bgp.aggregates.all.values()].map(
      (a) =>
        `aggregate-address ${formatPrefix(a)}${a.asSet ? " as-set" : ""}${a.summaryOnly ? " summary-only" : ""}${
          a.routeMap === undefined ? "" : ` route-map ${a.routeMap}`
        }${a.origin === undefined ? "" : ` origin ${["igp", "egp", "incomplete"][a.origin]}`}${
          a.matchingMedOnly ? " matching-MED-only" : ""
        }${a.suppressMap === undefined ? "" : ` suppress-map ${a.suppressMap}`}`,
    ),
    ...[...local.networks.values()]
      .sort((a, b) => a.address - b.address || a.length - b.length)
      .map((n) => `network ${formatPrefix(n)}${n.routeMap === undefined ? "" : ` route-map ${n.routeMap}`}`),
    ...[...local.redistributions.values()].map(
      (r) =>
        `redistribute ${r.kind}${r.metric === undefined ? "" : ` metric ${r.metric}`}${
          r.routeMap === undefined ? "" : ` route-map ${r.routeMap}`
        }`,
    ),
    ...[...bgp.groups.values()].flatMap((group) => familyLines(group.name, group.own, g.defaultIpv4Unicast)),
    ...bgp
      .sortedPeers()
      .flatMap((p) => (p.dynamic ? [] : familyLines(formatIp(p.address), p.own, g.defaultIpv4Unicast))),
    ...(g.maxPaths === undefined ? [] : [`maximum-paths ${g.maxPaths}`]),
    ...(g.maxPathsIbgp === undefined
      ? []
      : [`maximum-paths ibgp ${g.maxPathsIbgp}${g.equalClusterLength ? " equal-cluster-length" : ""}`]),
    ...(g.dampening === undefined ? [] : [`bgp ${dampeningWords(g.dampening)}`]),
    ...(g.tableMap === undefined ? [] : [`table-map ${g.tableMap}`]),
    ...(g.distance === undefined ? [] : [`distance bgp ${g.distance.ebgp} ${g.distance.ibgp} ${g.distance.local}`]),
  ];
  if (lines.length === 0) return [];
  return [" !", " address-family ipv4 unicast", ...lines.map((l) => `  ${l}`), " exit-address-family"];
}

function familyLines(name: string, s: PeerSettings, byDefault: boolean): string[] {
  const both = (word: string, lists: PeerSettings["routeMaps"]): string[] => [
    ...(lists?.in === undefined ? [] : [`${word} ${lists.in} in`]),
    ...(lists?.out === undefined ? [] : [`${word} ${lists.out} out`]),
  ];
  const max = s.maximumPrefix;
  const changed = s.unchanged;
  const kept =
    changed && [changed.asPath && "as-path", changed.nextHop && "next-hop", changed.med && "med"].filter(Boolean);
  const lines = said(name, [
    s.activate === true && !byDefault && "activate",
    s.reflectorClient && "route-reflector-client",
    s.nextHopSelf && `next-hop-self${s.nextHopSelf === "force" ? " force" : ""}`,
    s.removePrivateAs &&
      `remove-private-AS${s.removePrivateAs.all ? " all" : ""}${s.removePrivateAs.replace ? " replace-AS" : ""}`,
    s.asOverride && "as-override",
    s.softReconfiguration && "soft-reconfiguration inbound",
    s.defaultOriginate &&
      `default-originate${s.defaultOriginate.routeMap === undefined ? "" : ` route-map ${s.defaultOriginate.routeMap}`}`,
    max &&
      `maximum-prefix ${max.max}${max.threshold === 75 ? "" : ` ${max.threshold}`}${max.warningOnly ? " warning-only" : ""}${
        max.restartMin > 0 ? ` restart ${max.restartMin}` : ""
      }${max.force ? " force" : ""}`,
    s.allowAsIn !== undefined && `allowas-in${s.allowAsIn === 3 ? "" : ` ${s.allowAsIn}`}`,
    s.weight !== undefined && `weight ${s.weight}`,
    ...both("distribute-list", s.distributeLists),
    ...both("prefix-list", s.prefixLists),
    ...both("route-map", s.routeMaps),
    s.unsuppressMap !== undefined && `unsuppress-map ${s.unsuppressMap}`,
    ...both("filter-list", s.filterLists),
    kept && `attribute-unchanged ${kept.join(" ")}`,
    ...familyWords(s),
  ]);
  const c = s.sendCommunity;
  return [
    ...(s.activate === false ? [`no neighbor ${name} activate`] : []),
    ...lines,
    ...(c === undefined
      ? []
      : (["standard", "extended", "large"] as const).flatMap((k) =>
          c[k] ? [] : [`no neighbor ${name} send-community ${k}`],
        )),
  ];
}

function lists(d: BgpDaemon): ConfigBlock[] {
  const asPaths = d.lists.asPaths
    .all()
    .flatMap((l) => l.rules.map((r) => `bgp as-path access-list ${l.name} seq ${r.seq} ${r.verdict} ${r.text}`));
  const words = {
    community: "community-list",
    "large-community": "large-community-list",
    extcommunity: "extcommunity-list",
  };
  const communities = (["community", "large-community", "extcommunity"] as const).flatMap((kind) =>
    d.lists.communities[kind].all().flatMap((l) =>
      l.rules.map((r) => {
        const style = /^\d+$/.test(l.name) ? l.name : `${l.expanded ? "expanded" : "standard"} ${l.name}`;
        return `bgp ${words[kind]} ${style} seq ${r.seq} ${r.verdict} ${r.text}`;
      }),
    ),
  );
  const block = (section: "as-path-list" | "community-list", lines: string[]): ConfigBlock[] =>
    lines.length === 0 ? [] : [{ section, head: "", lines }];
  return [...block("community-list", communities), ...block("as-path-list", asPaths)];
}
