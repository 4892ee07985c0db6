import { formatIp, formatPrefix, type Prefix } from "../../core/addr.ts";
import type { ConfigBlock } from "../../frr/vty.ts";
import type { RouteKind, RouteSource } from "../../frr/zapi.ts";
import { areaText } from "./area-id.ts";
import { PERIOD_S } from "./commands-graceful.ts";
import { writePacing } from "./commands-pacing.ts";
import { writeSegmentRouting } from "./commands-sr.ts";
import { writeTrafficEngineering } from "./commands-te.ts";
import type { OspfDaemon } from "./daemon.ts";
import { type Area, HELLO_DELAY_S } from "./model.ts";
import {
  type AreaSettings,
  DEAD_S,
  HELLO_S,
  type InterfaceSettings,
  ownSettings,
  POLL_S,
  type ProcessSettings,
  RETRANSMIT_S,
  type RedistributeSettings,
  TRANSMIT_DELAY_S,
  type VirtualLinkSettings,
} from "./settings.ts";

/** ospfd's part of the running configuration (ospfd/ospf_vty.c:ospf_config_write), in FRR's order. */
export function writeConfig(d: OspfDaemon): readonly ConfigBlock[] {
  const { ospf } = d;
  const interfaces = [...ospf.interfaceSettings].flatMap(([ifname, settings]): ConfigBlock[] => {
    const addresses = [...settings.addresses].flatMap(([address, own]) =>
      interfaceLines(ownSettings(own), ospf.instance).map((l) => `${l} ${formatIp(address)}`),
    );
    const lines = [...interfaceLines(settings, ospf.instance), ...addresses].sort(byWords).map((l) => ` ${l}`);
    return lines.length === 0 ? [] : [{ section: "interface", head: `interface ${ifname}`, lines, end: "exit" }];
  });
  const process: ConfigBlock[] = ospf.enabled
    ? [
        {
          section: "router",
          head: ospf.instance === 0 ? "router ospf" : `router ospf ${ospf.instance}`,
          lines: processLines(d).map((l) => ` ${l}`),
          end: "exit",
        },
      ]
    : [];
  return [...ospf.keyChains.writeConfig(), ...interfaces, ...process, ...d.policy.writeConfig()];
}

const when = (value: number | string | undefined | false, words: string): string[] =>
  value === undefined || value === false ? [] : [`${words} ${value}`];
const flag = (on: boolean | undefined, line: string): string[] => (on === true ? [line] : []);

/** ospfd/ospf_vty.c:config_write_interface_one. */
function interfaceLines(s: InterfaceSettings, instance: number): readonly string[] {
  const how = s.keyChain === undefined ? s.auth : `key-chain ${s.keyChain}`;
  const auth = how === undefined ? [] : [`ip ospf authentication${how === "simple" ? "" : ` ${how}`}`];
  const dead =
    s.helloMultiplier === undefined
      ? when(s.deadS, "ip ospf dead-interval")
      : [`ip ospf dead-interval minimal hello-multiplier ${s.helloMultiplier}`];
  return [
    ...when(s.network && (s.variant === "" ? s.network : `${s.network} ${s.variant}`), "ip ospf network"),
    ...auth,
    ...when(s.simpleKey, "ip ospf authentication-key"),
    ...s.keys.map((k) => `ip ospf message-digest-key ${k.id} ${k.algorithm} ${k.secret}`),
    ...when(s.cost, "ip ospf cost"),
    ...when(s.helloS, "ip ospf hello-interval"),
    ...dead,
    ...when(s.graceHelloDelayS !== HELLO_DELAY_S && s.graceHelloDelayS, "ip ospf graceful-restart hello-delay"),
    ...when(s.priority, "ip ospf priority"),
    ...when(s.retransmitS, "ip ospf retransmit-interval"),
    ...when(s.transmitDelayS, "ip ospf transmit-delay"),
    ...when(
      s.area === undefined ? undefined : areaText(s.area, s.areaText),
      `ip ospf${instance === 0 ? "" : ` ${instance}`} area`,
    ),
    ...flag(s.mtuIgnore, "ip ospf mtu-ignore"),
    ...flag(s.passive, "ip ospf passive"),
    ...flag(s.passive === false, "no ip ospf passive"),
    ...flag(s.prefixSuppression, "ip ospf prefix-suppression"),
    ...when(s.neighborFilter, "ip ospf neighbor-filter"),
    ...flag(!s.opaque, "no ip ospf capability opaque"),
    ...writePacing(s),
    ...flag(s.strictSequence !== undefined, `ip ospf compatible rfc7474 ${s.strictSequence ? "enable" : "disable"}`),
  ];
}

/** FRR's order of a block of `interface` as vtysh prints it: sorted (vtysh/vtysh_config.c:config_add_line_uniq). */
const byWords = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function processLines(d: OspfDaemon): readonly string[] {
  const { ospf } = d;
  const s = ospf.settings;
  return [
    ...when(s.routerId === undefined ? undefined : formatIp(s.routerId), "ospf router-id"),
    ...flag(s.abrType !== "cisco", `ospf abr-type ${s.abrType}`),
    ...flag(s.logChanges !== "off", `log-adjacency-changes${s.logChanges === "detail" ? " detail" : ""}`),
    ...flag(s.rfc1583, "compatible rfc1583"),
    ...flag(s.strictSequence, "compatible rfc7474"),
    ...when(s.referenceBandwidth !== 100_000 && s.referenceBandwidth, "auto-cost reference-bandwidth"),
    ...when(s.minLsIntervalMs !== 5000 && s.minLsIntervalMs, "timers throttle lsa all"),
    ...when(s.minLsArrivalMs !== 1000 && s.minLsArrivalMs, "timers lsa min-arrival"),
    ...flag(
      s.spf.delayMs !== 0 || s.spf.holdMs !== 50 || s.spf.maxMs !== 5000,
      `timers throttle spf ${s.spf.delayMs} ${s.spf.holdMs} ${s.spf.maxMs}`,
    ),
    ...when(s.maximumPaths !== 256 && s.maximumPaths, "maximum-paths"),
    ...when(s.maxMetricStartupS, "max-metric router-lsa on-startup"),
    ...when(s.maxMetricShutdownS, "max-metric router-lsa on-shutdown"),
    ...flag(s.maxMetricAdministrative, "max-metric router-lsa administrative"),
    ...when(s.refreshS !== 10 && s.refreshS, "refresh timer"),
    ...flag(s.passiveDefault, "passive-interface default"),
    ...s.networks.map((n) => `network ${formatPrefix(n.prefix)} area ${areaText(n.area, n.areaText)}`),
    ...[...ospf.areas.values()].sort((a, b) => a.id - b.id).flatMap(areaLines),
    ...[...s.neighbors]
      .sort(([a], [b]) => a - b)
      .map(([address, n]) => {
        const priority = n.priority === 0 ? "" : ` priority ${n.priority}`;
        return `neighbor ${formatIp(address)}${priority}${n.pollS === POLL_S ? "" : ` poll-interval ${n.pollS}`}`;
      }),
    ...s.virtualLinks.flatMap(virtualLinkLines),
    ...redistributeLines(s),
    ...flag(s.gracefulS === PERIOD_S, "graceful-restart"),
    ...when(s.gracefulS !== PERIOD_S && s.gracefulS, "graceful-restart grace-period"),
    ...flag(s.grHelper.enabled, "graceful-restart helper enable"),
    ...flag(!s.grHelper.strict, "no graceful-restart helper strict-lsa-checking"),
    ...flag(s.grHelper.plannedOnly, "graceful-restart helper planned-only"),
    ...when(s.grHelper.supportedS !== 1800 && s.grHelper.supportedS, "graceful-restart helper supported-grace-time"),
    ...[...s.grHelper.routers].map((r) => `graceful-restart helper enable ${formatIp(r)}`),
    ...flag(s.floodReduction, "flood-reduction"),
    ...flag(s.forwardingSelf, "forwarding-address-self"),
    ...flag(s.shutdown, "shutdown"),
    ...flag(!s.opaque, "no capability opaque"),
    ...writeTrafficEngineering(d.te),
    ...writeSegmentRouting(d.sr),
  ];
}

/** Kinds by their number (lib/route_types.h); of one kind by instance. */
const KINDS: readonly RouteKind[] = ["kernel", "connected", "local", "static", "ospf", "bgp"];
const rankOf = (source: RouteSource): number => {
  const [kind = "", instance = "0"] = source.split(" ");
  return KINDS.indexOf(kind as RouteKind) * 0x1_0000 + Number(instance);
};

function redistributeLines(s: ProcessSettings): readonly string[] {
  const { defaultInformation: def } = s;
  const distances = [
    ["intra-area", s.distanceIntra],
    ["inter-area", s.distanceInter],
    ["external", s.distanceExternal],
  ].flatMap(([name, value]) => (value === undefined ? [] : [`${name} ${value}`]));
  return [
    ...when(s.defaultMetric, "default-metric"),
    ...[...s.redistribute]
      .sort(([a], [b]) => rankOf(a) - rankOf(b))
      .map(([source, words]) => `redistribute ${source}${wordsOf(words)}`),
    ...[...s.distribute].map(([kind, list]) => `distribute-list ${list} out ${kind}`),
    ...(def === undefined ? [] : [`default-information originate${def.always ? " always" : ""}${wordsOf(def)}`]),
    ...when(s.aggregationS !== 5 && s.aggregationS, "aggregation timer"),
    ...[...s.summaries.values()].sort(byPrefix).map((a) => {
      const tag = a.tag === 0 ? "" : ` tag ${a.tag}`;
      return `summary-address ${formatPrefix(a.prefix)}${tag}${a.advertise ? "" : " no-advertise"}`;
    }),
    ...when(s.distance !== 110 && s.distance, "distance"),
    ...flag(distances.length > 0, `distance ospf ${distances.join(" ")}`),
  ];
}

/** ospfd/ospf_vty.c:config_write_virtual_link. */
function virtualLinkLines({ area, areaText: typed, peer, settings: s }: VirtualLinkSettings): readonly string[] {
  const head = `area ${areaText(area, typed)} virtual-link ${formatIp(peer)}`;
  const timed = [s.helloS, s.retransmitS, s.transmitDelayS, s.deadS].some((value) => value !== undefined);
  const timers = `hello-interval ${s.helloS ?? HELLO_S} retransmit-interval ${s.retransmitS ?? RETRANSMIT_S} transmit-delay ${s.transmitDelayS ?? TRANSMIT_DELAY_S} dead-interval ${s.deadS ?? DEAD_S}`;
  const how = s.keyChain === undefined ? s.auth : `key-chain ${s.keyChain}`;
  return [
    timed ? `${head} ${timers}` : head,
    ...(how === undefined ? [] : [`${head} authentication${how === "simple" ? "" : ` ${how}`}`]),
    ...when(s.simpleKey, `${head} authentication-key`),
    ...s.keys.map((k) => `${head} message-digest-key ${k.id} md5 ${k.secret}`),
  ];
}

const wordsOf = (w: RedistributeSettings): string =>
  [
    ...when(w.metric, " metric"),
    ...(w.metricType === 1 ? [" metric-type 1"] : []),
    ...when(w.routeMap, " route-map"),
  ].join("");

const byPrefix = (a: { readonly prefix: Prefix }, b: { readonly prefix: Prefix }): number =>
  a.prefix.address - b.prefix.address || a.prefix.length - b.prefix.length;

const defaultWords = (w: AreaSettings["defaultOriginate"]): string =>
  w === undefined
    ? ""
    : ` default-information-originate${w.metric === 1 ? "" : ` metric ${w.metric}`}${w.type === 1 ? " metric-type 1" : ""}`;

/** ospfd/ospf_vty.c:config_write_ospf_area. */
function areaLines(area: Area): readonly string[] {
  const { settings: s } = area;
  const head = `area ${areaText(area.id, area.text)}`;
  const nssa =
    (s.translator === "candidate" ? "" : ` translate-${s.translator}`) +
    defaultWords(s.defaultOriginate) +
    (s.noSummary ? " no-summary" : "") +
    (s.suppressForward ? " suppress-fa" : "");
  return [
    ...flag(s.auth === "simple", `${head} authentication`),
    ...flag(s.auth === "message-digest", `${head} authentication message-digest`),
    ...flag(s.kind === "stub", `${head} stub${s.noSummary ? " no-summary" : ""}`),
    ...flag(s.kind === "nssa", `${head} nssa${nssa}`),
    ...flag(s.floodReduction, `${head} flood-reduction`),
    ...when(s.defaultCost !== 1 && s.defaultCost, `${head} default-cost`),
    ...[...s.nssaRanges].sort(byPrefix).map((r) => {
      const cost = r.cost === undefined ? "" : ` cost ${r.cost}`;
      return `${head} nssa range ${formatPrefix(r.prefix)}${cost}${r.advertise ? "" : " not-advertise"}`;
    }),
    ...[...s.ranges].sort(byPrefix).flatMap((r) => {
      const range = `${head} range ${formatPrefix(r.prefix)}`;
      if (!r.advertise) return [`${range} not-advertise`];
      return [
        `${range}${r.cost === undefined ? "" : ` cost ${r.cost}`}`,
        ...(r.substitute === undefined ? [] : [`${range} substitute ${formatPrefix(r.substitute)}`]),
      ];
    }),
    ...when(s.exportList, `${head} export-list`),
    ...when(s.importList, `${head} import-list`),
    ...flag(s.filterIn !== undefined, `${head} filter-list prefix ${s.filterIn} in`),
    ...flag(s.filterOut !== undefined, `${head} filter-list prefix ${s.filterOut} out`),
  ];
}
