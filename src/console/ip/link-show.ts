import { BridgeDevice } from "../../nodes/kernel/dev/bridge.ts";
import { BridgePort } from "../../nodes/kernel/dev/bridge-port.ts";
import { VlanDevice } from "../../nodes/kernel/dev/vlan.ts";
import { VxlanDevice } from "../../nodes/kernel/dev/vxlan.ts";
import type { NetDevice } from "../../nodes/kernel/netdev.ts";
import { type Ip, nameOf } from "./context.ts";
import type { LinkKind } from "./kinds/kind.ts";
import { linkKind } from "./kinds/registry.ts";
import { linkAddresses, linkFlags, linkType, lowerLink, namespaceId, operstate, qdiscName } from "./link-facts.ts";
import { putStats } from "./link-stats.ts";
import type { Family } from "./values.ts";

/** Which devices are wanted. */
export interface LinkFilter {
  readonly ifindex: number;
  readonly up: boolean;
  readonly group: number | undefined;
  /** ifindex of a bridge; −1: in none; 0: whatever. */
  readonly master: number;
  readonly kind: string;
  readonly slaveKind: string;
}

/** How a device is to be printed: `ip link` and `ip addr` share the lines. */
export interface LinkStyle {
  /** `ip link`, not `ip addr`. */
  readonly links: boolean;
  readonly family: Family;
}

/** What the kernel leaves out of its answer (net/core/rtnetlink.c:link_dump_filtered). */
export function isDumped(dev: NetDevice, f: LinkFilter): boolean {
  if (f.master === -1 && dev.master !== undefined) return false;
  if (f.master > 0 && dev.master?.ifindex !== f.master) return false;
  return f.kind === "" || dev.kind === f.kind || linkKind(f.kind) === undefined;
}

/** What `ip` leaves out of its output (ip/ipaddress.c:print_linkinfo). */
export function isWanted(dev: NetDevice, f: LinkFilter): boolean {
  if (f.ifindex !== 0 && dev.ifindex !== f.ifindex) return false;
  if (f.up && !dev.up) return false;
  if (f.group !== undefined && dev.group !== f.group) return false;
  if (f.master > 0 && dev.master?.ifindex !== f.master) return false;
  if (f.kind !== "" && dev.kind !== f.kind) return false;
  return f.slaveKind === "" || dev.master?.kind === f.slaveKind;
}

/** Prints a device: two lines and more, or one with `-br`. */
export function putLink(ip: Ip, dev: NetDevice, style: LinkStyle): void {
  if (ip.options.brief) return putBrief(ip, dev, style);
  const { out } = ip;
  out.put("ifindex", dev.ifindex, `${dev.ifindex}: `);
  putName(ip, dev, (name) => `${name}: `);
  putFlags(ip, dev);
  out.put("mtu", dev.mtu, `mtu ${dev.mtu} `);
  const qdisc = qdiscName(dev);
  out.put("qdisc", qdisc, `qdisc ${qdisc} `);
  if (dev.master !== undefined) out.put("master", dev.master.name, `master ${dev.master.name} `);
  const state = operstate(dev);
  out.put("operstate", state, `state ${state} `);
  if (style.links) out.put("linkmode", "DEFAULT", "mode DEFAULT ");
  const group = dev.group === 0 ? "default" : String(dev.group);
  out.put("group", group, `group ${group} `);
  if (dev.txQueueLength !== 0) out.put("txqlen", dev.txQueueLength, `qlen ${dev.txQueueLength}`);
  if (style.family !== "inet" || ip.options.details) putAddresses(ip, dev);
  putNamespace(ip, dev);
  if (ip.options.details) putDetails(ip, dev);
  if ((style.links || ip.options.details) && dev.alias !== "") {
    out.text(`${out.separator}    `);
    out.put("ifalias", dev.alias, `alias ${dev.alias}`);
  }
  if (style.links && ip.options.stats > 0) {
    out.newline();
    putStats(ip, dev);
  }
  out.text("\n");
}

function putBrief(ip: Ip, dev: NetDevice, style: LinkStyle): void {
  const { out } = ip;
  putName(ip, dev, (name) => `${name.padEnd(16)} `);
  const state = operstate(dev);
  out.put("operstate", state, `${state.padEnd(14)} `);
  if (style.family !== "link") return;
  const { address } = linkAddresses(dev);
  out.put("address", address, `${address} `);
  putFlags(ip, dev);
  out.text("\n");
}

/** lib/utils.c:print_name_and_link. */
function putName(ip: Ip, dev: NetDevice, text: (name: string) => string): void {
  const { out } = ip;
  const lower = lowerLink(dev);
  if (lower === undefined) return out.put("ifname", dev.name, text(dev.name));
  let link = "NONE";
  if (lower.kernel !== dev.kernel) {
    link = `if${lower.ifindex}`;
    out.field("link_index", lower.ifindex);
  } else if (lower.ifindex !== 0) {
    link = nameOf(dev.kernel, lower.ifindex);
    out.field("link", link);
  } else out.field("link", null);
  out.put("ifname", dev.name, text(`${dev.name}@${link}`));
}

function putFlags(ip: Ip, dev: NetDevice): void {
  const { out } = ip;
  const flags = linkFlags(dev);
  out.array("flags", "<");
  for (const [i, flag] of flags.entries()) out.item(flag, i === flags.length - 1 ? flag : `${flag},`);
  if (isBelowDown(dev)) out.item("M-DOWN", ",M-DOWN");
  out.endArray("> ");
}

/** The device below, in the same namespace, is not up: told in text only as M-DOWN. */
function isBelowDown(dev: NetDevice): boolean {
  const lower = lowerLink(dev);
  if (lower === undefined || lower.ifindex === 0 || lower.kernel !== dev.kernel) return false;
  return dev.kernel.deviceByIndex(lower.ifindex)?.up === false;
}

function putAddresses(ip: Ip, dev: NetDevice): void {
  const { out } = ip;
  const type = linkType(dev);
  const { address, broadcast } = linkAddresses(dev);
  out.newline();
  out.put("link_type", type, `    link/${type} `);
  out.put("address", address, address);
  const toPeer = linkFlags(dev).includes("POINTOPOINT");
  out.text(toPeer ? " peer " : " brd ");
  if (toPeer) out.field("link_pointtopoint", true);
  out.put("broadcast", broadcast, broadcast);
}

/** Where the other end is, when that is another namespace. */
function putNamespace(ip: Ip, dev: NetDevice): void {
  const lower = lowerLink(dev);
  if (lower === undefined || lower.kernel === dev.kernel) return;
  ip.out.field("link_netnsid", namespaceId(dev.kernel, lower.kernel));
  ip.out.text(` link-netns ${lower.kernel.name}`);
}

/** How much one packet may hold before it is cut; no device here gathers any, so these are Linux's own. */
function offloadLimits(dev: NetDevice): readonly (readonly [name: string, limit: number])[] {
  return [
    ["gso_max_size", GSO_MAX],
    ["gso_max_segs", 65_535],
    ["tso_max_size", tsoMax(dev)],
    ["tso_max_segs", 65_535],
    ["gro_max_size", GSO_MAX],
  ];
}

const GSO_MAX = 65_536;
/** Devices that are no more than memory take larger ones. */
const TSO_MAX = 524_280;

function tsoMax(dev: NetDevice): number {
  if (dev instanceof BridgeDevice)
    return Math.min(...dev.ports.map((port) => tsoMax(port.dev)), dev.ports.length === 0 ? GSO_MAX : TSO_MAX);
  const lower = dev instanceof VlanDevice ? dev.lower : undefined;
  const below = dev instanceof VxlanDevice ? dev.kernel.deviceByIndex(dev.config.link) : lower;
  if (below !== undefined) return tsoMax(below);
  return dev.kind === "veth" || dev === dev.kernel.loopback ? TSO_MAX : GSO_MAX;
}

/** The limits of the MTU as the device tells them; 0: none. Tunnels check theirs on their own (net/ipv4/ip_gre.c). */
function mtuLimits(dev: NetDevice): readonly [low: number, high: number] {
  const [low, high] = dev.mtuRange;
  if (dev.kind === "gre") return [0, 0];
  return [low, dev.kind === "gretap" || high === NO_LIMIT ? 0 : high];
}

const NO_LIMIT = 0x7fff_ffff;

function putDetails(ip: Ip, dev: NetDevice): void {
  const { out } = ip;
  const [low, max] = mtuLimits(dev);
  out.put("promiscuity", dev.promiscuity, ` promiscuity ${dev.promiscuity} `);
  out.put("allmulti", dev.allmulti, ` allmulti ${dev.allmulti} `);
  out.put("min_mtu", low, `minmtu ${low} `);
  out.put("max_mtu", max, `maxmtu ${max} `);
  putKind(ip, dev);
  out.put("num_tx_queues", 1, "numtxqueues 1 ");
  out.put("num_rx_queues", 1, "numrxqueues 1 ");
  for (const [name, value] of offloadLimits(dev)) out.put(name, value, `${name} ${value} `);
}

/** What only a device of its kind, or a port of a bridge, has (ip/ipaddress.c:print_linktype). */
function putKind(ip: Ip, dev: NetDevice): void {
  const { out } = ip;
  const port = dev.rxHandler instanceof BridgePort ? dev.rxHandler : undefined;
  if (dev.kind === "" && port === undefined) return;
  out.object("linkinfo");
  if (dev.kind !== "") {
    out.newline();
    out.put("info_kind", dev.kind, `    ${dev.kind} `);
    putData(linkKind(dev.kind), "info_data", ip, dev);
  }
  if (port !== undefined) {
    out.newline();
    out.put("info_slave_kind", "bridge", "    bridge_slave ");
    putData(linkKind("bridge_slave"), "info_slave_data", ip, dev);
  }
  out.endObject();
}

function putData(kind: LinkKind | undefined, key: string, ip: Ip, dev: NetDevice): void {
  if (kind?.put === undefined) return;
  ip.out.object(key);
  kind.put(ip, dev);
  ip.out.endObject();
}
