import { extendedText } from "./community.ts";
import {
  type AddPathTx,
  type DampeningSettings,
  type Globals,
  type PeerSettings,
  RESTART_DEFAULTS,
  type RestartMode,
  type SoftwareVersion,
} from "./settings.ts";
import { MAX_MED } from "./start-up.ts";

/** The running configuration of what `commands-neighbor-more.ts` and `commands-process-more.ts` set. */

type Line = string | false | undefined;

export const globalLines = (g: Globals): Line[] => [
  g.enforceFirstAs && "bgp enforce-first-as",
  g.disableConnectedCheck && "bgp disable-ebgp-connected-route-check",
  g.suppressFib && "bgp suppress-fib-pending",
  g.fastConvergence && "bgp fast-convergence",
  !g.rejectAsSets && "no bgp reject-as-sets",
  g.allowOutboundPolicy && "bgp route-reflector allow-outbound-policy",
  g.peerTypeRelax && "bgp bestpath peer-type multipath-relax",
  g.compareAigp && "bgp bestpath aigp",
  g.bandwidth !== "use" && `bgp bestpath bandwidth ${g.bandwidth}`,
  g.minimumHoldS > 0 && `bgp minimum-holdtime ${g.minimumHoldS}`,
  g.conditionalS !== 60 && `bgp conditional-advertisement timer ${g.conditionalS}`,
  g.softwareVersion && `bgp default software-version-capability${encoding(g.softwareVersion)}`,
  g.sessionTos !== 0xc0 && `bgp session-dscp ${g.sessionTos >> 2}`,
  g.allowMartian && "bgp allow-martian-nexthop",
  ...maxMedLines(g.maxMed),
  g.updateDelay && delayLine(g.updateDelay),
  g.defaultOriginateS !== 5 && `bgp default-originate timer ${g.defaultOriginateS}`,
  ...restartLines(g),
];

function restartLines({ restart: r }: Globals): Line[] {
  const time = (words: string, key: "restartS" | "stalepathS" | "selectDeferS" | "ribStaleS" | "longLivedS"): Line =>
    r[key] !== RESTART_DEFAULTS[key] && `bgp ${words} ${r[key]}`;
  return [
    time("long-lived-graceful-restart stale-time", "longLivedS"),
    time("graceful-restart stalepath-time", "stalepathS"),
    time("graceful-restart restart-time", "restartS"),
    !r.notification && "no bgp graceful-restart notification",
    time("graceful-restart select-defer-time", "selectDeferS"),
    r.mode !== "helper" && `bgp ${MODES[r.mode]}`,
    r.preserveForwarding && "bgp graceful-restart preserve-fw-state",
    r.disableEndOfRib && "bgp graceful-restart disable-eor",
    time("graceful-restart rib-stale-time", "ribStaleS"),
    !r.hardReset && "no bgp hard-administrative-reset",
  ];
}
const MODES: Readonly<Record<RestartMode, string>> = {
  ...{ restart: "graceful-restart", helper: "graceful-restart-helper", disable: "graceful-restart-disable" },
};

const encoding = (how: SoftwareVersion): string => (how === "new" ? " latest-encoding" : "");
const maxMedLines = (m: Globals["maxMed"]): Line[] => [
  m?.administrative !== undefined &&
    `bgp max-med administrative${m.administrative === MAX_MED ? "" : ` ${m.administrative}`}`,
  m?.startup && `bgp max-med on-startup ${m.startup.forS}${m.startup.med === MAX_MED ? "" : ` ${m.startup.med}`}`,
];
const delayLine = ({ delayS, establishS }: NonNullable<Globals["updateDelay"]>): string =>
  `update-delay ${delayS}${establishS === delayS ? "" : ` ${establishS}`}`;

/** Words behind `neighbor X`. */
export const sessionWords = (s: PeerSettings): Line[] => [
  s.solo && "solo",
  s.withoutCapabilities && "dont-capability-negotiate",
  s.senderLoops && "sender-as-path-loop-detection",
  s.aigp && "aigp",
  s.gracefulShutdown && "graceful-shutdown",
  s.restartMode && MODES[s.restartMode],
  s.extendedParameters && "extended-optional-parameters",
  s.wholeBandwidths && "disable-link-bw-encoding-ieee",
  s.ttlSecurity !== undefined && `ttl-security hops ${s.ttlSecurity}`,
  s.tcpMss !== undefined && `tcp-mss ${s.tcpMss}`,
  s.oad && "oad",
  s.softwareVersion !== undefined &&
    s.softwareVersion !== "none" &&
    `capability software-version${encoding(s.softwareVersion)}`,
  s.attributesDiscarded && `path-attribute discard ${s.attributesDiscarded.join(" ")}`,
  s.attributesWithdrawn && `path-attribute treat-as-withdraw ${s.attributesWithdrawn.join(" ")}`,
  s.localRole && `local-role ${s.localRole.role}${s.localRole.strict ? " strict-mode" : ""}`,
];

/** `dampening`, as it is written; what is not said is not written either. */
export function dampeningWords(d: DampeningSettings | undefined): Line {
  if (d === undefined) return undefined;
  const { halfMin, reuse, suppress, maxMin } = d;
  if (reuse !== 750 || suppress !== 2000 || maxMin !== 4 * halfMin)
    return `dampening ${halfMin} ${reuse} ${suppress} ${maxMin}`;
  return halfMin === 15 ? "dampening" : `dampening ${halfMin}`;
}

/** The same inside the address family. */
export const familyWords = (s: PeerSettings): Line[] => [
  dampeningWords(s.dampening),
  s.addPathTx !== undefined && addPathWords(s.addPathTx),
  s.addPathRxLimit !== undefined && `addpath-rx-paths-limit ${s.addPathRxLimit}`,
  s.orf && `capability orf prefix-list ${s.orf.sends ? (s.orf.takes ? "both" : "send") : "receive"}`,
  s.siteOfOrigin !== undefined && `soo ${extendedText(s.siteOfOrigin).replace("SoO:", "")}`,
  s.disableAddPathRx && "disable-addpath-rx",
  s.routeServerClient && "route-server-client",
  s.maximumPrefixOut !== undefined && `maximum-prefix-out ${s.maximumPrefixOut}`,
  s.conditional &&
    `advertise-map ${s.conditional.map} ${s.conditional.exists ? "exist-map" : "non-exist-map"} ${s.conditional.condition}`,
];

function addPathWords(how: AddPathTx): string {
  if (how === "all") return "addpath-tx-all-paths";
  return how === "bestPerAs" ? "addpath-tx-bestpath-per-AS" : `addpath-tx-best-selected ${how}`;
}
