import { type AddPathTx, type Globals, type PeerSettings, RESTART_DEFAULTS, type RestartMode } from "./settings.ts";

/** The running configuration of what `commands-neighbor-more.ts` and `commands-process-more.ts` set. */

type Line = string | false | undefined;

export const globalLines = (g: Globals): Line[] => [
  g.enforceFirstAs && "bgp enforce-first-as",
  g.disableConnectedCheck && "bgp disable-ebgp-connected-route-check",
  g.rejectAsSets && "bgp reject-as-sets",
  g.allowOutboundPolicy && "bgp route-reflector allow-outbound-policy",
  g.peerTypeRelax && "bgp bestpath peer-type multipath-relax",
  g.compareAigp && "bgp bestpath aigp",
  g.bandwidth !== "use" && `bgp bestpath bandwidth ${g.bandwidth}`,
  g.minimumHoldS > 0 && `bgp minimum-holdtime ${g.minimumHoldS}`,
  g.conditionalS !== 60 && `bgp conditional-advertisement timer ${g.conditionalS}`,
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

/** Words behind `neighbor X`. */
export const sessionWords = (s: PeerSettings): Line[] => [
  s.solo && "solo",
  s.withoutCapabilities && "dont-capability-negotiate",
  s.senderLoops && "sender-as-path-loop-detection",
  s.aigp && "aigp",
  s.gracefulShutdown && "graceful-shutdown",
  s.restartMode && MODES[s.restartMode],
  s.localRole && `local-role ${s.localRole.role}${s.localRole.strict ? " strict-mode" : ""}`,
];

/** The same inside the address family. */
export const familyWords = (s: PeerSettings): Line[] => [
  s.addPathTx !== undefined && addPathWords(s.addPathTx),
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
