import { arp } from "./arp.ts";
import { bgp } from "./bgp.ts";
import { eth } from "./eth.ts";
import { geneve } from "./geneve.ts";
import { gre } from "./gre.ts";
import { icmp } from "./icmp.ts";
import { ip } from "./ip.ts";
import { ipv6 } from "./ipv6.ts";
import { l2tp, l2tpIp } from "./l2tp.ts";
import { loopback, raw, sll, sll2 } from "./link.ts";
import { lldp } from "./lldp.ts";
import { mpls } from "./mpls.ts";
import { ospf } from "./ospf.ts";
import { ppp } from "./ppp.ts";
import { pppoe } from "./pppoe.ts";
import { stp } from "./stp.ts";
import { tcp } from "./tcp.ts";
import { udp } from "./udp.ts";
import { ieee8021ad, vlan } from "./vlan.ts";
import { vxlan } from "./vxlan.ts";
import type { Dissector, Tables } from "./walk.ts";

/** Every dissector that is found by a number. A new one is a file beside this one and a word here. */
const DISSECTORS: readonly Dissector[] = [
  ...[eth, raw, sll, sll2, loopback],
  ...[vlan, ieee8021ad, stp, lldp, arp, mpls, pppoe, ppp],
  ...[ip, ipv6, icmp, udp, tcp, bgp, ospf],
  ...[gre, vxlan, geneve, l2tp, l2tpIp],
];

/** Dissectors by their numbers. Where two have the same, the later one counts. */
export const makeTables = (dissectors: readonly Dissector[]): Tables => {
  const by = (numbers: (d: Dissector) => readonly number[] | undefined): ReadonlyMap<number, Dissector> =>
    new Map(dissectors.flatMap((d) => (numbers(d) ?? []).map((number) => [number, d] as const)));
  return {
    linkTypes: by((d) => d.linkTypes),
    etherTypes: by((d) => d.etherTypes),
    ipProtocols: by((d) => d.ipProtocols),
    udpPorts: by((d) => d.udpPorts),
    tcpPorts: by((d) => d.tcpPorts),
    llcSaps: by((d) => d.llcSaps),
    snapIds: by((d) => d.snapIds),
    pppProtocols: by((d) => d.pppProtocols),
  };
};

export const TABLES: Tables = makeTables(DISSECTORS);
