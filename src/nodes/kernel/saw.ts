import { formatIp, formatMac, maskOf } from "../../core/addr.ts";
import { u8, u16 } from "../../core/bytes.ts";
import type { Packet } from "../../core/packet.ts";
import type { StepKind } from "../../core/trail.ts";
import { ETHERTYPE_IPV4, HEADER, dst as macDst } from "../../protocols/ethernet/wire.ts";
import {
  fragmentOffset,
  headerLength,
  HEADER as IP_HEADER,
  IPPROTO_ICMP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  dst as ipDst,
  src as ipSrc,
  isFragment,
  protocol,
  ttl,
} from "../../protocols/ipv4/wire.ts";
import { isTpid, TAG } from "../../protocols/vlan/wire.ts";
import { tableName } from "./fib/names.ts";
import type { Route } from "./fib/route.ts";
import type { Rule } from "./fib/rules.ts";
import { DST_BROADCAST, DST_ERROR, DST_FORWARD, DST_LOCAL, DST_MULTICAST, type Dst } from "./ipv4/dst.ts";
import type { Kernel } from "./kernel.ts";
import type { Neighbour } from "./neigh.ts";
import type { NetDevice } from "./netdev.ts";

/**
 * What the data path tells of packets that are followed (`Packet.trail`). It calls these where it decides something, after it
 * has decided: they look, and change nothing.
 */

/** Notes a step; the others here choose the words. */
export function saw(p: Packet, kernel: Kernel, device: string, kind: StepKind, text: string): void {
  p.trail?.note(kernel.sim.now, kernel.name, device, kind, text);
}

/** A device has received the frame at `p.start`. */
export function sawReceive(p: Packet, dev: NetDevice): void {
  const verb = TUNNELS.has(dev.kind) ? "takes out" : "receives";
  saw(p, dev.kernel, dev.name, "receive", `${dev.name} ${verb} ${frameText(p, dev.headerLength)}`);
}

/** A device is about to send the frame at `p.start`: how its addressee was found, and how much leaves. */
export function sawTransmit(p: Packet, dev: NetDevice): void {
  sawNeighbour(p, dev);
  saw(p, dev.kernel, dev.name, "transmit", `${dev.name} transmits ${p.end - p.start} bytes`);
}

/** Where a packet that came in goes. */
export function sawRoute(p: Packet, kernel: Kernel, d: Dst): void {
  remember(p, d);
  saw(p, kernel, d.dev.name, "route", routeText(kernel, d, ipDst(p.buf, p.net)));
}

/** A packet was made here, or wrapped: it leaves by `d`. */
export function sawOutput(p: Packet, kernel: Kernel, d: Dst): void {
  remember(p, d);
  saw(p, kernel, "", "send", `sends ${packetText(p.buf, p.net, p.end)}`);
  saw(p, kernel, d.dev.name, "route", routeText(kernel, d, ipDst(p.buf, p.net)));
}

/** A packet was for this node: `p.start` is behind the IP header. */
export function sawDeliver(p: Packet, dev: NetDevice): void {
  const { kernel } = dev;
  saw(p, kernel, dev.name, "deliver", `delivered to this node: ${contentText(p.buf, p.net, p.end)}`);
  p.trail?.watch.onDeliver?.(kernel.name, p);
}

/** The link address of the next hop is not known: the packet waits. */
export function sawWait(p: Packet, n: Neighbour): void {
  const text = `neighbour ${formatIp(n.ip)} is not known: ARP asks on ${n.dev.name}, the packet waits`;
  saw(p, n.dev.kernel, n.dev.name, "neighbour", text);
}

/** A bridge knows behind which port the frame's addressee is. */
export function sawForward(p: Packet, bridge: NetDevice, port: string): void {
  saw(
    p,
    bridge.kernel,
    bridge.name,
    "bridge",
    `${bridge.name} knows ${formatMac(macDst(p.buf, p.start))} behind ${port}`,
  );
}

/** A bridge sends the frame out at all its ports: the addressee is `unknown`, or many are meant. */
export function sawFlood(p: Packet, bridge: NetDevice, unknown: boolean): void {
  const mac = formatMac(macDst(p.buf, p.start));
  const why = unknown ? `does not know ${mac}` : `sends what is for ${mac} to all`;
  saw(p, bridge.kernel, bridge.name, "bridge", `${bridge.name} ${why}: floods`);
}

/** `10.0.1.2 > 10.0.3.2: ICMP echo request, ttl 64`. */
export function packetText(b: Uint8Array, net: number, end: number): string {
  if (end - net < IP_HEADER) return "a packet cut short";
  const ways = `${formatIp(ipSrc(b, net))} > ${formatIp(ipDst(b, net))}`;
  return `${ways}: ${contentText(b, net, end)}, ttl ${ttl(b, net)}`;
}

/** `rule 32766 (from all lookup main), route 10.0.3.0/24 via 10.0.2.2 dev eth1`. */
export function routeText(kernel: Kernel, d: Dst, to: number): string {
  switch (d.type) {
    case DST_FORWARD:
      return `${ruleText(kernel, d)}${wayText(d, to)}`;
    case DST_LOCAL:
      return `${ruleText(kernel, d)}local ${formatIp(to)}: for this node`;
    case DST_BROADCAST:
    case DST_MULTICAST:
      return `${formatIp(to)} is for many, this node among them`;
    default: {
      if (d.route === null) return d.type === DST_ERROR ? `no route to ${formatIp(to)}` : "addresses that cannot be";
      const type = d.route.type === "unicast" ? "route" : d.route.type;
      return `${ruleText(kernel, d)}${type} ${prefixText(d.route)}`;
    }
  }
}

function remember(p: Packet, d: Dst): void {
  if (p.trail !== null) p.trail.nextHop = d.type === DST_FORWARD || d.type === DST_BROADCAST ? d.nextHop >>> 0 : 0;
}

/** The link address that routing's next hop has, told once for every time that it was routed. */
function sawNeighbour(p: Packet, dev: NetDevice): void {
  const hop = p.trail?.nextHop ?? 0;
  const n = hop === 0 ? undefined : dev.kernel.neigh.find(dev, hop);
  if (p.trail === null || n === undefined || dev.headerLength === 0 || n.mac === 0) return;
  p.trail.nextHop = 0;
  saw(p, dev.kernel, dev.name, "neighbour", `neighbour ${formatIp(n.ip)} is ${formatMac(n.mac)}, ${n.state}`);
}

const TUNNELS = new Set(["gre", "gretap", "vxlan", "geneve"]);

function frameText(p: Packet, headerOctets: number): string {
  const { buf, start, end } = p;
  if (headerOctets === 0) return packetText(buf, start, end);
  if (end - start < HEADER) return "a frame cut short";
  let at = start + HEADER;
  const vlans: string[] = [];
  for (; isTpid(u16(buf, at - 2)) && at + TAG <= end; at += TAG) vlans.push(`vlan ${u16(buf, at) & 0xfff}`);
  const tags = vlans.map((v) => `${v}, `).join("");
  if (u16(buf, at - 2) === ETHERTYPE_IPV4) return `${tags}${packetText(buf, at, end)}`;
  return `${tags}a frame for ${formatMac(macDst(buf, start))}`;
}

function contentText(b: Uint8Array, net: number, end: number): string {
  const at = net + headerLength(b, net);
  const offset = fragmentOffset(b, net);
  const piece = isFragment(b, net) ? `fragment at ${offset} of ` : "";
  if (offset > 0 || at + 4 > end) return `${piece}${PROTOCOLS.get(protocol(b, net)) ?? `protocol ${protocol(b, net)}`}`;
  switch (protocol(b, net)) {
    case IPPROTO_ICMP:
      return `${piece}ICMP ${icmpText(u8(b, at), u8(b, at + 1))}`;
    case IPPROTO_UDP:
      return `${piece}UDP port ${u16(b, at)} > ${u16(b, at + 2)}`;
    case IPPROTO_TCP:
      return `${piece}TCP port ${u16(b, at)} > ${u16(b, at + 2)}`;
    default:
      return `${piece}${PROTOCOLS.get(protocol(b, net)) ?? `protocol ${protocol(b, net)}`}`;
  }
}

const PROTOCOLS = new Map([
  [1, "ICMP"],
  [2, "IGMP"],
  [4, "IPIP"],
  [6, "TCP"],
  [17, "UDP"],
  [47, "GRE"],
  [50, "ESP"],
  [89, "OSPF"],
  [112, "VRRP"],
]);
const ICMP_TYPES = new Map([
  [0, "echo reply"],
  [4, "source quench"],
  [5, "redirect"],
  [8, "echo request"],
  [11, "time exceeded"],
  [12, "parameter problem"],
]);
/** Codes of "destination unreachable" (RFC 792, RFC 1122 §3.2.2.1, RFC 1812 §5.2.7.1). */
const UNREACHABLE = new Map([
  [0, "network unreachable"],
  [1, "host unreachable"],
  [2, "protocol unreachable"],
  [3, "port unreachable"],
  [4, "fragmentation needed"],
  [5, "source route failed"],
  [9, "network prohibited"],
  [10, "host prohibited"],
  [13, "communication prohibited"],
]);

const icmpText = (type: number, code: number): string =>
  type === 3
    ? (UNREACHABLE.get(code) ?? `destination unreachable, code ${code}`)
    : (ICMP_TYPES.get(type) ?? `type ${type}`);

/** The rule that chose the table; nothing where no rule was asked (a packet bound to a device). */
function ruleText(kernel: Kernel, d: Dst): string {
  const table = d.route?.table;
  if (table === undefined) return "";
  const rule = kernel.fib.rules().find((r) => r.priority === d.rulePriority && r.table === table);
  return rule === undefined ? "" : `rule ${rule.priority} (${selectorText(rule)} lookup ${tableName(table)}), `;
}

/** As `ip rule` writes it. */
function selectorText(rule: Rule): string {
  const prefix = (address: number, length: number): string =>
    `${formatIp((address & maskOf(length)) >>> 0)}${length === 32 ? "" : `/${length}`}`;
  return [
    ...(rule.not ? ["not"] : []),
    `from ${rule.fromLength === 0 ? "all" : prefix(rule.from, rule.fromLength)}`,
    ...(rule.toLength === 0 ? [] : [`to ${prefix(rule.to, rule.toLength)}`]),
    ...(rule.tos === 0 ? [] : [`tos 0x${rule.tos.toString(16)}`]),
    ...(rule.mark === 0 && rule.markMask === 0 ? [] : [`fwmark 0x${rule.mark.toString(16)}`]),
    ...(rule.iif === "" ? [] : [`iif ${rule.iif}`]),
    ...(rule.oif === "" ? [] : [`oif ${rule.oif}`]),
  ].join(" ");
}

function wayText(d: Dst, to: number): string {
  const route = d.route === null ? `${formatIp(to)} on the link` : `route ${prefixText(d.route)}`;
  const via = d.viaGateway || d.nextHop >>> 0 !== to >>> 0 ? ` via ${formatIp(d.nextHop)}` : "";
  const ways = d.route?.nexthops.length ?? 1;
  const chosen = ways > 1 ? `, one of ${ways} ways` : "";
  const learnt = d.mtu < d.dev.mtu ? `, mtu ${d.mtu}` : "";
  return `${route}${via} dev ${d.dev.name}${chosen}${learnt}`;
}

const prefixText = (r: Route): string => (r.length === 0 ? "default" : `${formatIp(r.dst)}/${r.length}`);
