import { formatIp } from "../../core/addr.ts";
import { NEVER } from "../../core/time.ts";
import type { CommandSet } from "../../frr/command.ts";
import { type Json, prettyJson } from "../../frr/json.ts";
import type { OspfDaemon } from "./daemon.ts";
import type { Neighbor } from "./model.ts";
import { roleOf } from "./roles.ts";
import { millis, optionsText, spanText, timerText } from "./show-text.ts";

/** `show ip ospf neighbor …` (ospfd/ospf_vty.c). */
export function installShowNeighbor(set: CommandSet<OspfDaemon>): void {
  set.add("view", "show ip ospf neighbor [all] [json]", (d, args) =>
    args.has("json") ? prettyJson(args.has("all") ? grouped(d, brief) : { neighbors: grouped(d, brief) }) : table(d),
  );
  set.add("view", "show ip ospf neighbor detail [all] [json]", (d, args) =>
    args.has("json")
      ? prettyJson(args.has("all") ? grouped(d, detailJson) : { neighbors: grouped(d, detailJson) })
      : `${all(d).map(detail).join("")}\n`,
  );
  set.add("view", "show ip ospf neighbor A.B.C.D$id [detail] [json]", (d, args) => {
    const found = all(d).filter((n) => n.routerId === args.ip("id"));
    const full = args.has("detail");
    if (args.has("json")) return prettyJson({ default: grouped(d, full ? detailJson : brief, found) });
    return `${found.map(full ? detail : row).join("")}\n`;
  });
}

const all = (d: OspfDaemon): readonly Neighbor[] =>
  d.ospf.interfaces.flatMap((oi) => [...oi.neighbors.all].sort((a, b) => a.address - b.address));

const stateText = (n: Neighbor): string => `${n.state}/${roleOf(n)}`;
const upFor = (n: Neighbor): string => spanText(n.oi.ospf.now - n.progressAt);

function table(d: OspfDaemon): string {
  const head =
    "\nNeighbor ID     Pri State           Up Time         Dead Time Address         Interface                        RXmtL RqstL DBsmL\n";
  return `${head}${all(d).map(row).join("")}\n`;
}

function row(n: Neighbor): string {
  const { oi } = n;
  return [
    formatIp(n.routerId).padEnd(15),
    `${Math.max(0, n.priority)}`.padStart(3),
    stateText(n).padEnd(15),
    upFor(n).padEnd(15),
    timerText(n.inactivity.deadline, oi.ospf.now).padStart(9),
    formatIp(n.address).padEnd(15),
    `${oi.ifname}:${formatIp(oi.address)}`.padEnd(32),
    `${n.retransmit.size}`.padStart(5),
    `${n.requests.size}`.padStart(5),
    `${n.summary.size}`.padStart(5),
  ]
    .join(" ")
    .concat("\n");
}

function grouped(d: OspfDaemon, of: (n: Neighbor) => Json, from = all(d)): Json {
  const table = new Map<string, Json[]>();
  for (const n of from) {
    const id = formatIp(n.routerId);
    table.set(id, [...(table.get(id) ?? []), of(n)]);
  }
  return table;
}

function brief(n: Neighbor): Json {
  const { oi } = n;
  const { now } = oi.ospf;
  const role = roleOf(n);
  const dead = millis(Math.max(0, n.inactivity.deadline - now));
  return {
    priority: n.priority,
    state: stateText(n),
    nbrPriority: n.priority,
    nbrState: stateText(n),
    converged: n.state,
    role: role === "-" ? "DROther" : role,
    upTimeInMsec: millis(now - n.progressAt),
    deadTimeMsecs: dead,
    routerDeadIntervalTimerDueMsec: dead,
    upTime: upFor(n),
    deadTime: timerText(n.inactivity.deadline, now),
    address: formatIp(n.address),
    ifaceAddress: formatIp(n.address),
    ifaceName: `${oi.ifname}:${formatIp(oi.address)}`,
    retransmitCounter: n.retransmit.size,
    linkStateRetransmissionListCounter: n.retransmit.size,
    requestCounter: n.requests.size,
    linkStateRequestListCounter: n.requests.size,
    dbSummaryCounter: n.summary.size,
    databaseSummaryListCounter: n.summary.size,
  };
}

const onOff = (deadline: number): string => (deadline === NEVER ? "off" : "on");

function detail(n: Neighbor): string {
  const { oi } = n;
  const { now } = oi.ospf;
  const regress =
    n.regressAt === NEVER ? [] : [`      Regressive change ${spanText(now - n.regressAt)} ago, due to ${n.regressWhy}`];
  return [
    ` Neighbor ${formatIp(n.routerId)}, interface address ${formatIp(n.address)}`,
    `    In the area ${formatIp(oi.area.id)} via interface ${oi.ifname}`,
    `    Neighbor priority is ${n.priority}, State is ${stateText(n)}, ${n.stateChanges} state changes`,
    "    Most recent state change statistics:",
    `      Progressive change ${upFor(n)} ago`,
    ...regress,
    `    DR is ${formatIp(n.dr)}, BDR is ${formatIp(n.bdr)}`,
    `    Options ${n.options} ${optionsText(n.options)}`,
    `    Dead timer due in ${timerText(n.inactivity.deadline, now)}`,
    `    Database Summary List ${n.summary.size}`,
    `    Link State Request List ${n.requests.size}`,
    `    Link State Retransmission List ${n.retransmit.size}`,
    `    Thread Inactivity Timer ${onOff(n.inactivity.deadline)}`,
    `    Thread Database Description Retransmision ${onOff(n.ddTimer.deadline)}`,
    // FRR leaves both timers running in Full
    `    Thread Link State Request Retransmission ${n.state === "Full" ? "on" : onOff(n.requestTimer.deadline)}`,
    `    Thread Link State Update Retransmission ${n.state === "Full" ? "on" : onOff(n.retransmitTimer.deadline)}`,
    "",
    "    Graceful restart Helper info:",
    `      Graceful Restart HELPER Status : ${n.helping === undefined ? "None" : "Inprogress"}`,
    "",
    "",
  ].join("\n");
}

function detailJson(n: Neighbor): Json {
  const { oi } = n;
  const { now } = oi.ospf;
  return {
    ifaceAddress: formatIp(n.address),
    areaId: formatIp(oi.area.id),
    ifaceName: oi.ifname,
    nbrPriority: n.priority,
    nbrState: stateText(n),
    stateChangeCounter: n.stateChanges,
    lastPrgrsvChangeMsec: millis(now - n.progressAt),
    routerDesignatedId: formatIp(n.dr),
    routerDesignatedBackupId: formatIp(n.bdr),
    optionsCounter: n.options,
    optionsList: optionsText(n.options),
    routerDeadIntervalTimerDueMsec: millis(Math.max(0, n.inactivity.deadline - now)),
    databaseSummaryListCounter: n.summary.size,
    linkStateRequestListCounter: n.requests.size,
    linkStateRetransmissionListCounter: n.retransmit.size,
    threadInactivityTimer: onOff(n.inactivity.deadline),
    threadLinkStateRequestRetransmission: n.state === "Full" ? "on" : onOff(n.requestTimer.deadline),
    threadLinkStateUpdateRetransmission: n.state === "Full" ? "on" : onOff(n.retransmitTimer.deadline),
    grHelperStatus: n.helping === undefined ? "None" : "Inprogress",
  };
}
