import { broadcastOf, formatIp } from "../../core/addr.ts";
import type { CommandSet } from "../../frr/command.ts";
import { type Json, prettyJson } from "../../frr/json.ts";
import { authMode, signingKey } from "./auth.ts";
import type { OspfDaemon } from "./daemon.ts";
import { atLeast } from "./machine.ts";
import type { OspfInterface } from "./model.ts";
import { millis, timerText } from "./show-text.ts";

/** `show ip ospf interface …` (ospfd/ospf_vty.c:show_ip_ospf_interface_sub). */
export function installShowInterface(set: CommandSet<OspfDaemon>): void {
  set.add("view", "show ip ospf interface [IFNAME$name] [json]", (d, args) => {
    const name = args.has("name") && args.text("name") !== "json" ? args.text("name") : undefined;
    const json = args.has("json") || (args.has("name") && args.text("name") === "json");
    const chosen = sorted(d).filter((oi) => name === undefined || oi.ifname === name);
    if (json) return prettyJson({ interfaces: new Map(chosen.map((oi) => [oi.ifname, asJson(oi)])) });
    if (name !== undefined && chosen.length === 0 && !d.ospf.devices.has(name)) return "No such interface name\n";
    return `${chosen.map(text).join("")}\n`;
  });
}

const sorted = (d: OspfDaemon): readonly OspfInterface[] =>
  [...d.ospf.interfaces].sort((a, b) => (a.ifname < b.ifname ? -1 : a.ifname > b.ifname ? 1 : a.address - b.address));

const TYPES = {
  broadcast: "BROADCAST",
  "non-broadcast": "NBMA",
  "point-to-point": "POINTOPOINT",
  "point-to-multipoint": "POINTOMULTIPOINT",
  loopback: "LOOPBACK",
  virtual: "VIRTUALLINK",
} as const;

function flagsOf({ device }: OspfInterface): string {
  const flags = [
    device.up && "UP",
    device.broadcast && "BROADCAST",
    device.loopback && "LOOPBACK",
    device.pointToPoint && "POINTOPOINT",
    device.running && "RUNNING",
    device.multicast && "MULTICAST",
  ];
  return `<${flags.filter((f) => f !== false).join(",")}>`;
}

const adjacent = (oi: OspfInterface): number => oi.neighbors.all.filter((n) => n.state === "Full").length;
const heard = (oi: OspfInterface): number => oi.neighbors.all.filter((n) => atLeast(n.state, "Init")).length;

/** Router id of who has an address on the network. */
function idOf(oi: OspfInterface, address: number): number | undefined {
  if (address === oi.address) return oi.ospf.routerId;
  return oi.neighbors.all.find((n) => n.address === address)?.routerId;
}

function designated(oi: OspfInterface): readonly string[] {
  const lines: string[] = [];
  const [dr, bdr] = [idOf(oi, oi.dr), idOf(oi, oi.bdr)];
  if (oi.dr !== 0 && dr !== undefined)
    lines.push(`  Designated Router (ID) ${formatIp(dr)} Interface Address ${formatIp(oi.dr)}/${oi.prefix.length}`);
  else if (oi.elects) lines.push("  No designated router on this network");
  if (oi.bdr !== 0 && bdr !== undefined)
    lines.push(`  Backup Designated Router (ID) ${formatIp(bdr)}, Interface Address ${formatIp(oi.bdr)}`);
  else lines.push("  No backup designated router on this network");
  return lines;
}

function text(oi: OspfInterface): string {
  const { device, ospf } = oi;
  const up = device.up && device.running;
  const groups = [oi.inAllRouters && " OSPFAllRouters", oi.inDesignatedRouters && " OSPFDesignatedRouters"];
  const member = groups.filter((g) => g !== false).join("");
  const hello = oi.settings.helloMultiplier === undefined ? `${oi.helloS}s` : `${millis(oi.helloInterval)}ms`;
  const auth = authMode(oi);
  const filter = ospf.hooks.neighborFilterOf(oi);
  return [
    `${oi.ifname} is ${up ? "up" : "down"}`,
    `  ifindex ${device.ifindex}, MTU ${device.mtuBytes} bytes, BW ${device.bandwidthMbps} Mbit ${flagsOf(oi)}`,
    `${addressText(oi)} Area ${formatIp(oi.area.id)}${kindText(oi)}`,
    `  MTU mismatch detection: ${oi.settings.mtuIgnore ? "disabled" : "enabled"}`,
    `  Router ID ${formatIp(ospf.routerId)}, Network Type ${TYPES[oi.type]}, Cost: ${oi.cost}`,
    `  Transmit Delay is ${oi.transmitDelayS} sec, State ${oi.state}, Priority ${oi.priority}`,
    ...(oi.settings.opaque ? [] : ["  Opaque LSA capability disabled on interface"]),
    ...designated(oi),
    `  Multicast group memberships:${member === "" ? " <None>" : member}`,
    `  Timer intervals configured, Hello ${hello}, Dead ${oi.deadS}s, Wait ${oi.deadS}s, Retransmit ${oi.retransmitS}`,
    oi.passive || oi.type === "loopback"
      ? "    No Hellos (Passive interface)"
      : `    Hello due in ${timerText(oi.helloTimer.deadline, ospf.now)}`,
    `  Neighbor Count is ${heard(oi)}, Adjacent neighbor count is ${adjacent(oi)}`,
    ...(oi.settings.prefixSuppression ? ["  Suppress advertisement of interface IP prefix"] : []),
    ...(auth === "simple" ? ["  Simple password authentication enabled"] : []),
    ...(auth === "message-digest"
      ? ["  Cryptographic authentication enabled", `  Algorithm:${(signingKey(oi).algorithm).toUpperCase()}`]
      : []),
    ...multipointText(oi),
    ...(filter === undefined ? [] : [`  Neighbor filter prefix-list: ${filter}`]),
    "",
  ].join("\n");
}

function addressText(oi: OspfInterface): string {
  if (oi.unnumbered) return "  This interface is UNNUMBERED,";
  const { kind, address } = otherEnd(oi);
  return `  Internet Address ${formatIp(oi.address)}/${oi.prefix.length}, ${kind} ${formatIp(address)},`;
}
function otherEnd(oi: OspfInterface): { readonly kind: "Peer" | "Broadcast"; readonly address: number } {
  const peer = oi.peer?.address ?? oi.device.addresses.find((a) => a.prefix.address === oi.address)?.peer;
  if (peer !== undefined) return { kind: "Peer", address: peer };
  return { kind: "Broadcast", address: broadcastOf(oi.address, oi.prefix.length) };
}

function multipointText(oi: OspfInterface): readonly string[] {
  if (oi.type !== "point-to-multipoint") return [];
  return [
    `  ${oi.variant === "delay-reflood" ? "" : "Don't "}Delay reflooding LSAs received on P2MP interface`,
    `  P2MP interface does ${oi.nonBroadcast ? "not " : ""}support broadcast`,
  ];
}

const kindText = (oi: OspfInterface): string =>
  oi.area.settings.kind === "stub" ? " [Stub]" : oi.area.settings.kind === "nssa" ? " [NSSA]" : "";

function asJson(oi: OspfInterface): Json {
  const { device, prefix, ospf } = oi;
  const [dr, bdr] = [idOf(oi, oi.dr), idOf(oi, oi.bdr)];
  const quiet = oi.passive || oi.type === "loopback";
  return {
    ifUp: device.up && device.running,
    ifIndex: device.ifindex,
    mtuBytes: device.mtuBytes,
    bandwidthMbit: device.bandwidthMbps,
    ifFlags: flagsOf(oi),
    ospfEnabled: true,
    ...(oi.unnumbered
      ? { ifUnnumbered: true }
      : {
          ipAddress: formatIp(oi.address),
          ipAddressPrefixlen: prefix.length,
          ospfIfType: otherEnd(oi).kind,
          localIfUsed: formatIp(otherEnd(oi).address),
        }),
    area: `${formatIp(oi.area.id)}${kindText(oi)}`,
    ...(oi.settings.mtuIgnore ? { mtuMismatchDetect: false } : {}),
    routerId: formatIp(ospf.routerId),
    networkType: TYPES[oi.type],
    cost: oi.cost,
    transmitDelaySecs: oi.transmitDelayS,
    state: oi.state,
    priority: oi.priority,
    opaqueCapable: oi.settings.opaque,
    ...(dr === undefined || oi.dr === 0 ? {} : { drId: formatIp(dr), drAddress: formatIp(oi.dr) }),
    ...(bdr === undefined || oi.bdr === 0 ? {} : { bdrId: formatIp(bdr), bdrAddress: formatIp(oi.bdr) }),
    ...(oi.networkLsa === undefined ? {} : { networkLsaSequence: oi.networkLsa.lsa.seq >>> 0 }),
    ...(oi.inAllRouters ? { mcastMemberOspfAllRouters: true } : {}),
    ...(oi.inDesignatedRouters ? { mcastMemberOspfDesignatedRouters: true } : {}),
    timerMsecs: millis(oi.helloInterval),
    timerDeadSecs: oi.deadS,
    timerWaitSecs: oi.deadS,
    timerRetransmitSecs: oi.retransmitS,
    ...(quiet
      ? { timerPassiveIface: true }
      : { timerHelloInMsecs: millis(Math.max(0, oi.helloTimer.deadline - ospf.now)) }),
    nbrCount: heard(oi),
    nbrAdjacentCount: adjacent(oi),
    prefixSuppression: oi.settings.prefixSuppression,
    ...(oi.type === "point-to-multipoint"
      ? { p2mpDelayReflood: oi.variant === "delay-reflood", p2mpNonBroadcast: oi.nonBroadcast }
      : {}),
    nbrFilterPrefixList: ospf.hooks.neighborFilterOf(oi) ?? "N/A",
  };
}
