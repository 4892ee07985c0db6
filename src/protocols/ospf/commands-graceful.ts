import { formatIp } from "../../core/addr.ts";
import type { CommandSet } from "../../frr/command.ts";
import { type Json, prettyJson } from "../../frr/json.ts";
import type { On } from "./commands-area.ts";
import type { OspfDaemon } from "./daemon.ts";
import { PERIOD_MAX_S, RESTART_REASONS } from "./gr-helper.ts";
import type { Helping, Neighbor } from "./model.ts";
import { millis } from "./show-text.ts";

/** Routers that are named, at most. */
const ROUTERS_MAX = 1000;
/** ospfd/ospf_gr.h:OSPF_DFLT_GRACE_INTERVAL, in seconds. */
export const PERIOD_S = 120;

/** `graceful-restart …` (ospfd/ospf_gr.c, ospfd/ospf_vty.c). */
export function installGraceful(on: On): void {
  on("graceful-restart [grace-period (1-1800)$value]", (d, args) =>
    d.graceful.enable(args.findInt("value") ?? PERIOD_S),
  );
  on("no graceful-restart [grace-period (1-1800)]", (d) => {
    if (d.graceful.preparing) return { refused: "% Error: Graceful Restart preparation in progress\n" };
    d.graceful.disable();
    return undefined;
  });
  on("graceful-restart helper enable [A.B.C.D$router]", (d, args) => {
    const { grHelper } = d.ospf.settings;
    if (!args.has("router")) grHelper.enabled = true;
    else if (grHelper.routers.size >= ROUTERS_MAX) return { refused: "% Too many routers\n" };
    else grHelper.routers.add(args.ip("router"));
    return undefined;
  });
  on("no graceful-restart helper enable [A.B.C.D$router]", (d, args) => {
    const { grHelper } = d.ospf.settings;
    if (args.has("router")) grHelper.routers.delete(args.ip("router"));
    else grHelper.enabled = false;
  });
  on("[no] graceful-restart helper strict-lsa-checking", (d, args) => {
    d.ospf.settings.grHelper.strict = !args.has("no");
  });
  on("[no] graceful-restart helper planned-only", (d, args) => {
    d.ospf.settings.grHelper.plannedOnly = !args.has("no");
  });
  on("graceful-restart helper supported-grace-time (10-1800)$value", (d, args) => {
    d.ospf.settings.grHelper.supportedS = args.int("value");
  });
  on("no graceful-restart helper supported-grace-time [(10-1800)]", (d) => {
    d.ospf.settings.grHelper.supportedS = PERIOD_MAX_S;
  });
}

/** `graceful-restart prepare ip ospf`, and `show ip ospf graceful-restart helper` (ospfd/ospf_vty.c:ospf_show_gr_helper_details). */
export function installShowGraceful(set: CommandSet<OspfDaemon>): void {
  set.add("view", "graceful-restart prepare ip ospf", ({ ospf, graceful }) => {
    if (!ospf.enabled) return undefined;
    if (!ospf.settings.opaque)
      return {
        refused: "% Can't start graceful restart: opaque capability not enabled (VRF default)\n\n",
      };
    ospf.run(() => graceful.prepare());
    return undefined;
  });
  set.add("view", "show ip ospf graceful-restart helper [detail] [json]", (d, args) =>
    args.has("json") ? prettyJson(asJson(d, args.has("detail"))) : text(d, args.has("detail")),
  );
}

type Helped = Neighbor & { readonly helping: Helping };
const helped = (d: OspfDaemon): readonly Helped[] =>
  d.ospf.interfaces.flatMap((oi) => oi.neighbors.all.filter((n): n is Helped => n.helping !== undefined));
const remainingS = (n: Helped): number => Math.floor(millis(n.helping.timer.deadline - n.oi.ospf.now) / 1000);

function text(d: OspfDaemon, detail: boolean): string {
  const { ospf } = d;
  const { enabled, strict, plannedOnly, supportedS, routers } = ospf.settings.grHelper;
  const active = helped(d);
  const neighbors = active.map(
    (n, i) =>
      ` Neighbour ${i + 1} :\n   Address  : ${formatIp(n.address)}\n   Routerid : ${formatIp(n.routerId)}\n` +
      `   Received Grace period : ${n.helping.receivedS}(in seconds).\n   Actual Grace period : ${n.helping.actualS}(in seconds)\n` +
      `   Remaining GraceTime:${remainingS(n)}(in seconds).\n   Graceful Restart reason: ${RESTART_REASONS[n.helping.reason]}.\n\n`,
  );
  return [
    `\n\n       OSPF Router with ID (${formatIp(ospf.routerId)})\n\n`,
    ` Graceful restart helper support ${enabled ? "enabled" : "disabled"}.\n`,
    ` Strict LSA check is ${strict ? "enabled" : "disabled"}.\n`,
    ` Helper supported for ${plannedOnly ? "planned restarts only" : "Planned and Unplanned Restarts"}.\n`,
    ` Supported Graceful restart interval: ${supportedS}(in seconds).\n`,
    routers.size === 0 ? "" : ` Enable Router list:\n   ${[...routers].map((r) => `${formatIp(r)}, `).join("")}\n\n`,
    ospf.lastHelperExit === undefined ? "" : ` Last Helper exit Reason :${ospf.lastHelperExit}\n`,
    active.length === 0 ? "\n" : ` Number of Active neighbours in graceful restart: ${active.length}\n`,
    ...(detail ? neighbors : []),
  ].join("");
}

function asJson(d: OspfDaemon, detail: boolean): Json {
  const { ospf } = d;
  const { enabled, strict, plannedOnly, supportedS, routers } = ospf.settings.grHelper;
  const active = helped(d);
  const neighbors = active.map((n): readonly [string, Json] => [
    formatIp(n.address),
    {
      srcAddr: formatIp(n.address),
      routerid: formatIp(n.routerId),
      recvdGraceInterval: n.helping.receivedS,
      actualGraceInterval: n.helping.actualS,
      remainGracetime: remainingS(n),
      restartReason: RESTART_REASONS[n.helping.reason] ?? "",
    },
  ]);
  return {
    routerId: formatIp(ospf.routerId),
    helperSupport: enabled ? "Enabled" : "Disabled",
    strictLsaCheck: strict ? "Enabled" : "Disabled",
    restartSupport: plannedOnly ? "Planned Restart only" : "Planned and Unplanned Restarts",
    supportedGracePeriod: supportedS,
    ...(ospf.lastHelperExit === undefined ? {} : { lastExitReason: ospf.lastHelperExit }),
    ...(active.length === 0 ? {} : { activeRestarterCnt: active.length }),
    ...(routers.size === 0 ? {} : { enabledRouterIds: [...routers].map((r) => ({ routerId: formatIp(r) })) }),
    ...(detail ? { neighbors: new Map(neighbors) } : {}),
  };
}
