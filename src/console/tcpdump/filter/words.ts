import { type Ipv4, maskOf } from "../../../core/addr.ts";
import * as ethernet from "../../../protocols/ethernet/wire.ts";
import * as ipv4 from "../../../protocols/ipv4/wire.ts";

/** Names of EtherTypes in filters. */
export const ETHER_PROTOCOLS: ReadonlyMap<string, number> = new Map([
  ["ip", ethernet.ETHERTYPE_IPV4],
  ["ip6", ethernet.ETHERTYPE_IPV6],
  ["arp", ethernet.ETHERTYPE_ARP],
  ["rarp", ethernet.ETHERTYPE_RARP],
]);

/** Names of IP protocols, as in /etc/protocols. */
export const IP_PROTOCOLS: ReadonlyMap<string, number> = new Map([
  ["icmp", ipv4.IPPROTO_ICMP],
  ["igmp", ipv4.IPPROTO_IGMP],
  ["ipencap", ipv4.IPPROTO_IPIP],
  ["tcp", ipv4.IPPROTO_TCP],
  ["udp", ipv4.IPPROTO_UDP],
  ["gre", ipv4.IPPROTO_GRE],
  ["esp", ipv4.IPPROTO_ESP],
  ["ah", ipv4.IPPROTO_AH],
  ["ospf", ipv4.IPPROTO_OSPF],
  ["pim", ipv4.IPPROTO_PIM],
  ["vrrp", ipv4.IPPROTO_VRRP],
  ["carp", ipv4.IPPROTO_CARP],
  ["l2tp", ipv4.IPPROTO_L2TP],
  ["sctp", ipv4.IPPROTO_SCTP],
]);
/** Those that are words of the filter language by themselves. */
export const IP_WORDS: readonly string[] = ["icmp", "igmp", "tcp", "udp", "esp", "ah", "pim", "vrrp", "carp", "sctp"];

/** Names of ports, as in /etc/services. */
export const PORTS: ReadonlyMap<string, number> = new Map([
  ["echo", 7],
  ["discard", 9],
  ["chargen", 19],
  ["ftp", 21],
  ["ssh", 22],
  ["telnet", 23],
  ["smtp", 25],
  ["domain", 53],
  ["bootps", 67],
  ["bootpc", 68],
  ["http", 80],
  ["ntp", 123],
  ["snmp", 161],
  ["bgp", 179],
  ["https", 443],
  ["syslog", 514],
  ["sip", 5060],
]);

const RESERVED: readonly string[] = [
  ...ETHER_PROTOCOLS.keys(),
  ...IP_WORDS,
  ..."ether stp src dst host net port portrange proto mask and or not vlan less greater broadcast multicast".split(" "),
  ..."inbound outbound ( ) ! && ||".split(" "),
];
/** A word that has a meaning, and is no identifier unless a backslash stands before it. */
export const isReserved = (word: string): boolean => RESERVED.includes(word);

/** Words of pcap-filter(7) that are refused by name. */
const UNBUILT: readonly string[] = (
  "gateway protochain fddi tr wlan slip decnet atalk aarp lat moprc mopdl iso esis isis clnp netbeui ipx lane llc len " +
  "ifname on rnr rulenum reason rset ruleset srnr subrulenum action type subtype dir addr1 addr2 addr3 addr4 mpls pppoed " +
  "pppoes geneve vpi vci link ppp radio icmp6 igrp"
).split(" ");
/** Whether a token belongs to a part of the language that is not there: a word of it, or arithmetic on octets. */
export const isUnbuilt = (token: string): boolean =>
  UNBUILT.includes(token) || /[[\]<>=+*&|]/.test(token.replace(/^(&&|\|\|)$/, ""));

/** A decimal, octal or hexadecimal number. */
export function parseNumber(text: string): number | undefined {
  if (/^0x[0-9a-f]{1,8}$/i.test(text)) return Number.parseInt(text, 16);
  if (/^0[0-7]{1,11}$/.test(text)) return Number.parseInt(text, 8);
  return /^\d{1,10}$/.test(text) ? Number(text) : undefined;
}

/** An address and the bits of it that count. */
export interface Network {
  readonly address: Ipv4;
  readonly mask: Ipv4;
}

/** `10`, `10.1`, `10.1.2.3` or any of them with `/length`: octets left out are zero, and without a length do not count. */
export function parseNetwork(text: string): Network | undefined {
  const [digits = "", length, extra] = text.split("/");
  const octets = digits.split(".");
  if (extra !== undefined || octets.length > 4) return undefined;
  let address = 0;
  for (const octet of octets) {
    if (!/^\d{1,3}$/.test(octet) || Number(octet) > 255) return undefined;
    address = address * 256 + Number(octet);
  }
  address *= 256 ** (4 - octets.length);
  if (length === undefined) return { address, mask: maskOf(8 * octets.length) };
  return /^\d{1,2}$/.test(length) && Number(length) <= 32 ? { address, mask: maskOf(Number(length)) } : undefined;
}
