import { formatIp, formatMac } from "../../core/addr.ts";
import type { Nanos } from "../../core/time.ts";
import { type Json, prettyJson } from "../json.ts";
import { activeParams, linkParamsText } from "../link-params.ts";
import { addressText, type Interface } from "./interfaces.ts";
import type { Zebra } from "./zebra.ts";

/** `show interface [IF]` (zebra/interface.c:if_dump_vty). */
export function showInterfaces(zebra: Zebra, name: string | undefined, json: boolean): string {
  const all = zebra.interfaces.all();
  const chosen = name === undefined ? all : all.filter((i) => i.ifname === name);
  if (chosen.length === 0 && name !== undefined) return json ? "{\n}\n" : `% Can't find interface ${name}\n`;
  if (json) return prettyJson(new Map<string, Json>(chosen.map((i) => [i.ifname, interfaceJson(i)])));
  return chosen.map(interfaceText).join("");
}

/** `show interface brief`. */
export function showBrief(zebra: Zebra, json: boolean): string {
  const all = zebra.interfaces.all();
  if (json)
    return prettyJson(
      new Map<string, Json>(
        all.map((i) => [
          i.ifname,
          { status: stateOf(i), vrfName: "default", addresses: primaries(i).map(addressText) },
        ]),
      ),
    );
  const row = (a: string, b: string, c: string, d: string): string =>
    `${a.padEnd(16)}${b.padEnd(8)}${c.padEnd(16)}${d}\n`;
  const rows = all.map((i) => {
    const [first] = primaries(i);
    const more = i.addresses.length > 1 ? "+ " : "";
    return row(i.ifname, stateOf(i), "default", first === undefined ? "" : more + addressText(first));
  });
  return `${row("Interface", "Status", "VRF", "Addresses")}${row("---------", "------", "---", "---------")}${rows.join("")}\n`;
}

const primaries = (i: Interface) => i.addresses.filter((a) => a.secondary !== true);
const stateOf = (i: Interface): string => (i.link?.up === true ? "up" : "down");

function interfaceText(i: Interface): string {
  const { link, config } = i;
  const admin = link?.up === true;
  const protocol = admin ? `, line protocol is ${link.carrier ? "up" : "down"}` : "";
  const lines = [
    `Interface ${i.ifname} is ${admin ? "up" : "down"}${protocol}`,
    `  Link ups:       ${i.ups}    last: ${dateOf(i.lastUpAt)}`,
    `  Link downs:     ${i.downs}    last: ${dateOf(i.lastDownAt)}`,
    "  vrf: default",
    ...(config.description === "" ? [] : [`  Description: ${config.description}`]),
  ];
  if (link === undefined) return `${[...lines, "  pseudo interface"].join("\n")}\n`;
  lines.push(
    `  index ${link.ifindex} metric 0 mtu ${link.mtuBytes} speed ${i.speedMbps} `,
    `  flags: ${flagsOf(i)}`,
    `  Type: ${typeOf(i)}`,
    ...(link.ethernet && !i.loopback ? [`  HWaddr: ${formatMac(link.mac)}`] : []),
    ...(config.bandwidthMbps === 0 ? [] : [`  bandwidth ${config.bandwidthMbps} Mbps`]),
    ...i.addresses.map((a) => {
      const peer = a.peer ? ` peer ${formatIp(a.peer)}/${a.length}` : "";
      return `  inet ${addressText(a)}${peer}${a.secondary === true ? " secondary" : ""}`;
    }),
    `  Interface Type ${kindOf(i)}`,
    "  Interface Slave Type None",
    "  protodown: off ",
    ...(link.kind === "veth" ? [`  Parent interface: ${i.ifname}`] : []),
    ...(config.linkParams === undefined ? [] : linkParamsText(activeParams(config.linkParams, config.bandwidthMbps))),
  );
  return `${lines.join("\n")}\n`;
}

function interfaceJson(i: Interface): Json {
  const { link, config } = i;
  const head = {
    administrativeStatus: link?.up === true ? "up" : "down",
    ...(link?.up === true ? { operationalStatus: link.carrier ? "up" : "down" } : {}),
    linkDetection: config.linkDetect,
    linkUps: i.ups,
    linkDowns: i.downs,
    lastLinkUp: i.lastUpAt === undefined ? undefined : dateOf(i.lastUpAt),
    lastLinkDown: i.lastDownAt === undefined ? undefined : dateOf(i.lastDownAt),
    vrfName: "default",
    description: config.description === "" ? undefined : config.description,
    mplsEnabled: false,
    linkDown: false,
    linkDownV6: false,
    mcForwardingV4: false,
    mcForwardingV6: false,
    pseudoInterface: link === undefined,
  };
  if (link === undefined) return head;
  return {
    ...head,
    index: link.ifindex,
    metric: 0,
    mtu: link.mtuBytes,
    speed: i.speedMbps,
    flags: flagsOf(i),
    type: typeOf(i),
    hardwareAddress: link.ethernet && !i.loopback ? formatMac(link.mac) : undefined,
    bandwidth: config.bandwidthMbps === 0 ? undefined : config.bandwidthMbps,
    ipAddresses: i.addresses.map((a) => ({
      address: addressText(a),
      secondary: a.secondary === true,
      unnumbered: false,
    })),
    interfaceType: kindOf(i),
    interfaceSlaveType: "None",
    lacpBypass: false,
    evpnMh: {},
    protodown: "off",
    parentInterface: link.kind === "veth" ? i.ifname : undefined,
  };
}

/** lib/if.c:if_flag_dump. */
function flagsOf(i: Interface): string {
  const told = i.told();
  const flags = [
    ...(told?.up ? ["UP"] : []),
    ...(told?.broadcast ? ["BROADCAST"] : []),
    ...(i.loopback ? ["LOOPBACK"] : []),
    ...(told?.pointToPoint ? ["POINTOPOINT"] : []),
    ...(told?.up && i.link?.carrier ? ["RUNNING"] : []),
    ...(i.link?.arp === false && !i.loopback ? ["NOARP"] : []),
    ...(told?.multicast ? ["MULTICAST"] : []),
  ];
  return `<${flags.join(",")}>`;
}

const typeOf = (i: Interface): string =>
  i.loopback ? "Loopback" : i.link?.ethernet === true ? "Ethernet" : "GRE over IP";
const KINDS: ReadonlyMap<string, string> = new Map([
  ["veth", "VETH"],
  ["bridge", "Bridge"],
  ["vlan", "Vlan"],
  ["vxlan", "Vxlan"],
  ["gre", "GRE"],
]);
const kindOf = (i: Interface): string => KINDS.get(i.link?.kind ?? "") ?? "Other";

/** Simulated time counts from the epoch: `1970/01/01 00:00:12.34`. */
function dateOf(at: Nanos | undefined): string {
  if (at === undefined) return "(never)";
  const cents = Math.floor(at / 10_000_000);
  const [s, c] = [Math.floor(cents / 100), cents % 100];
  const two = (n: number): string => String(n).padStart(2, "0");
  const day = Math.floor(s / 86_400);
  const [month, date] = day < 31 ? [1, day + 1] : day < 59 ? [2, day - 30] : day < 90 ? [3, day - 58] : [4, day - 89];
  return `1970/${two(month)}/${two(date)} ${two(Math.floor(s / 3600) % 24)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}.${two(c)}`;
}
