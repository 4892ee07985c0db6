import { formatIp } from "../../core/addr.ts";
import type { CommandSet } from "../../frr/command.ts";
import { type Json, prettyJson } from "../../frr/json.ts";
import { reductionJson, reductionText } from "./commands-reduction.ts";
import type { OspfDaemon } from "./daemon.ts";
import type { Lsdb } from "./lsdb.ts";
import type { Area } from "./model.ts";
import { hex8, millis, spanText, timerText } from "./show-text.ts";

/** `show ip ospf` (ospfd/ospf_vty.c:show_ip_ospf_common). */
export function installShowProcess(set: CommandSet<OspfDaemon>): void {
  set.add("view", "show ip ospf [json]", (d, args) => {
    if (!d.ospf.enabled) return args.has("json") ? "{}\n" : "";
    return args.has("json") ? prettyJson(asJson(d)) : text(d);
  });
}

/** Sum of the checksums of a type. */
function sumOf(lsdb: Lsdb, type: number): number {
  let sum = 0;
  lsdb.each(type, (slot) => {
    sum += slot.lsa.checksum;
  });
  return sum;
}

const ABR_TYPES = { cisco: "Alternative Cisco", ibm: "Alternative IBM", standard: "Standard (RFC2328)" } as const;

function text(d: OspfDaemon): string {
  const { ospf } = d;
  const { settings, now } = ospf;
  const flag = (on: boolean): string => (on ? "enabled" : "disabled");
  const ran = d.routing.ranAt >= 0;
  const areas = [...ospf.areas.values()].sort((a, b) => a.id - b.id);
  return [
    ` OSPF Routing Process, Router ID: ${formatIp(ospf.routerId)}`,
    " Supports only single TOS (TOS0) routes",
    " This implementation conforms to RFC2328",
    ` RFC1583Compatibility flag is ${flag(settings.rfc1583)}`,
    ` OpaqueCapability flag is ${flag(settings.opaque)}`,
    ...(settings.maxMetricStartupS === undefined
      ? []
      : [" Stub router advertisement is configured", `   Enabled for ${settings.maxMetricStartupS}s after start-up`]),
    ` Initial SPF scheduling delay ${settings.spf.delayMs} millisec(s)`,
    ` Minimum hold time between consecutive SPFs ${settings.spf.holdMs} millisec(s)`,
    ` Maximum hold time between consecutive SPFs ${settings.spf.maxMs} millisec(s)`,
    ` Hold time multiplier is currently ${ospf.spfPace.multiplier}`,
    ...(ran
      ? [` SPF algorithm last executed ${spanText(now - d.routing.ranAt)} ago`, " Last SPF duration 0 usecs"]
      : [" SPF algorithm has not been run"]),
    ` SPF timer ${d.routing.waiting ? "due in " : "is "}${timerText(d.routing.dueAt, now)}`,
    ` LSA minimum interval ${settings.minLsIntervalMs} msecs`,
    ` LSA minimum arrival ${settings.minLsArrivalMs} msecs`,
    " Write Multiplier set to 20 ",
    ` Refresh timer ${settings.refreshS} secs`,
    ` Maximum multiple paths(ECMP) supported ${settings.maximumPaths}`,
    ` Administrative distance ${settings.distance}`,
    ...(settings.floodReduction ? [" Flood Reduction is configured."] : []),
    ...(ospf.abr ? [` This router is an ABR, ABR type is: ${ABR_TYPES[settings.abrType]}`] : []),
    ...(ospf.asbr ? [" This router is an ASBR (injecting external routing information)"] : []),
    ` Number of external LSA ${ospf.lsdb.count(5)}. Checksum Sum 0x${hex8(sumOf(ospf.lsdb, 5))}`,
    ` Number of opaque AS LSA ${ospf.lsdb.count(11)}. Checksum Sum 0x${hex8(sumOf(ospf.lsdb, 11))}`,
    ` Number of areas attached to this router: ${areas.length}`,
    ...(settings.logChanges === "detail" ? [" All adjacency changes are logged"] : []),
    ...(settings.logChanges === "on" ? [" Adjacency changes are logged"] : []),
    ...areas.flatMap((area) => areaText(d, area)),
    "",
    "",
  ].join("\n");
}

const AUTH = { null: "no", simple: "simple password", "message-digest": "message digest" } as const;

function areaText(d: OspfDaemon, area: Area): readonly string[] {
  const { settings, lsdb } = area;
  const kind = settings.kind === "stub" ? "Stub" : "NSSA";
  const head =
    area.id === 0
      ? [` Area ID: ${formatIp(area.id)} (Backbone)`]
      : [
          ` Area ID: ${formatIp(area.id)}${settings.kind === "normal" ? "" : ` (${kind}${settings.noSummary ? ", no summary" : ""})`}`,
          "   Shortcutting mode: Default, S-bit consensus: no",
        ];
  const active = area.interfaces.filter((oi) => oi.state !== "Down").length;
  const counted = (name: string, type: number): string =>
    `   Number of ${name} LSA ${lsdb.count(type)}. Checksum Sum 0x${hex8(sumOf(lsdb, type))}`;
  return [
    ...head,
    `   Number of interfaces in this area: Total: ${area.interfaces.length}, Active: ${active}`,
    ...(settings.kind === "nssa" ? nssaText(d, area) : []),
    ...(area.stubRouter ? ["   Originating stub / maximum-distance Router-LSA"] : []),
    ...(area.stubRouter && d.ospf.settings.maxMetricAdministrative
      ? ["     Administratively activated (indefinitely)"]
      : []),
    `   Number of fully adjacent neighbors in this area: ${area.fullNeighbors}`,
    `   Area has ${AUTH[settings.auth]} authentication`,
    ...(area.id === 0 ? [] : ["   Number of full virtual adjacencies going through this area: 0"]),
    `   SPF algorithm executed ${area.spfRuns} times`,
    `   Number of LSA ${lsdb.size}`,
    counted("router", 1),
    counted("network", 2),
    counted("summary", 3),
    counted("ASBR summary", 4),
    counted("NSSA", 7),
    counted("opaque link", 9),
    counted("opaque area", 10),
    ...reductionText(area),
    "",
  ];
}

function nssaText(d: OspfDaemon, area: Area): readonly string[] {
  const head = ["   It is an NSSA configuration.", "   Elected NSSA/ABR performs type-7/type-5 LSA translation."];
  if (!d.ospf.abr) return [...head, "   It is not ABR, therefore not Translator."];
  const { translator } = area.settings;
  if (area.translating)
    return [
      ...head,
      `   We are an ABR and ${translator === "always" ? "always an NSSA Translator." : "the NSSA Elected Translator."}`,
    ];
  return [
    ...head,
    `   We are an ABR, but ${translator === "never" ? "never an NSSA Translator." : "not the NSSA Elected Translator."}`,
  ];
}

function asJson(d: OspfDaemon): Json {
  const { ospf } = d;
  const { settings, now } = ospf;
  return {
    routerId: formatIp(ospf.routerId),
    tosRoutesOnly: true,
    rfc2328Conform: true,
    ...(settings.rfc1583 ? { rfc1583Compatibility: true } : {}),
    ...(settings.opaque ? { opaqueCapability: true } : {}),
    spfScheduleDelayMsecs: settings.spf.delayMs,
    holdtimeMinMsecs: settings.spf.holdMs,
    holdtimeMaxMsecs: settings.spf.maxMs,
    holdtimeMultplier: ospf.spfPace.multiplier,
    ...(d.routing.ranAt >= 0
      ? { spfLastExecutedMsecs: millis(now - d.routing.ranAt), spfLastDurationMsecs: 0 }
      : { spfHasNotRun: true }),
    ...(d.routing.waiting ? { spfTimerDueInMsecs: millis(d.routing.dueAt - now) } : {}),
    lsaMinIntervalMsecs: settings.minLsIntervalMs,
    lsaMinArrivalMsecs: settings.minLsArrivalMs,
    writeMultiplier: 20,
    refreshTimerMsecs: settings.refreshS * 1000,
    maximumPaths: settings.maximumPaths,
    preference: settings.distance,
    ...(settings.floodReduction ? { floodReduction: "configured" } : {}),
    ...(ospf.abr ? { abrType: ABR_TYPES[settings.abrType] } : {}),
    ...(ospf.asbr ? { asbrRouter: "injectingExternalRoutingInformation" } : {}),
    lsaExternalCounter: ospf.lsdb.count(5),
    lsaExternalChecksum: sumOf(ospf.lsdb, 5),
    lsaAsopaqueCounter: ospf.lsdb.count(11),
    lsaAsOpaqueChecksum: sumOf(ospf.lsdb, 11),
    attachedAreaCounter: ospf.areas.size,
    ...(settings.logChanges === "detail" ? { adjacencyChangesLoggedAll: true } : {}),
    ...(settings.logChanges === "on" ? { adjacencyChangesLogged: true } : {}),
    areas: new Map([...ospf.areas.values()].sort((a, b) => a.id - b.id).map((a) => [formatIp(a.id), areaJson(a)])),
  };
}

function areaJson(area: Area): Json {
  const { lsdb, settings } = area;
  return {
    ...(area.id === 0 ? { backbone: true } : {}),
    ...(settings.kind === "stub" ? { [settings.noSummary ? "stubNoSummary" : "stub"]: true } : {}),
    ...(settings.kind === "nssa" ? { [settings.noSummary ? "nssaNoSummary" : "nssa"]: true } : {}),
    areaIfTotalCounter: area.interfaces.length,
    areaIfActiveCounter: area.interfaces.filter((oi) => oi.state !== "Down").length,
    nbrFullAdjacentCounter: area.fullNeighbors,
    authentication:
      settings.auth === "null"
        ? "authenticationNone"
        : settings.auth === "simple"
          ? "authenticationSimplePassword"
          : "authenticationMessageDigest",
    spfExecutedCounter: area.spfRuns,
    lsaNumber: lsdb.size,
    lsaRouterNumber: lsdb.count(1),
    lsaRouterChecksum: sumOf(lsdb, 1),
    lsaNetworkNumber: lsdb.count(2),
    lsaNetworkChecksum: sumOf(lsdb, 2),
    lsaSummaryNumber: lsdb.count(3),
    lsaSummaryChecksum: sumOf(lsdb, 3),
    lsaAsbrNumber: lsdb.count(4),
    lsaAsbrChecksum: sumOf(lsdb, 4),
    lsaNssaNumber: lsdb.count(7),
    lsaNssaChecksum: sumOf(lsdb, 7),
    lsaOpaqueLinkNumber: lsdb.count(9),
    lsaOpaqueLinkChecksum: sumOf(lsdb, 9),
    lsaOpaqueAreaNumber: lsdb.count(10),
    lsaOpaqueAreaChecksum: sumOf(lsdb, 10),
    ...reductionJson(area),
  };
}
