import { problem } from "./exit.ts";
import { whole } from "./numbers.ts";

/** Names of protocols (Debian 12's /etc/protocols): `name,alias:number`. */
const PROTOCOLS = `
  ip:0 hopopt:0 icmp:1 igmp:2 ggp:3 ipencap,ip-encap:4 st:5 tcp:6 egp:8 igp:9 pup:12 udp:17 hmp:20 xns-idp:22 rdp:27
  iso-tp4:29 dccp:33 xtp:36 ddp:37 idpr-cmtp:38 ipv6:41 ipv6-route:43 ipv6-frag:44 idrp:45 rsvp:46 gre:47
  esp,ipsec-esp:50 ah,ipsec-ah:51 skip:57 ipv6-icmp:58 ipv6-nonxt:59 ipv6-opts:60 rspf,cphb:73 vmtp:81 eigrp:88
  ospf,ospfigp:89 ax.25:93 ipip:94 etherip:97 encap:98 pim:103 ipcomp:108 vrrp:112 l2tp:115 isis:124 sctp:132 fc:133
  mobility-header:135 udplite:136 mpls-in-ip:137 manet:138 hip:139 shim6:140 wesp:141 rohc:142 ethernet:143
`;
/** Names of libxtables' own, where the file has none (`xtables_chain_protos`). */
const OWN: ReadonlyMap<string, number> = new Map([
  ["all", 0],
  ["icmpv6", 58],
  ["ipv6-mh", 135],
  ["mh", 135],
]);

const byName = new Map<string, number>();
const byNumber = new Map<number, string>();
for (const entry of PROTOCOLS.trim().split(/\s+/)) {
  const [names = "", number = ""] = entry.split(":");
  for (const name of names.split(",")) if (!byName.has(name)) byName.set(name, Number(number));
  if (!byNumber.has(Number(number))) byNumber.set(Number(number), names.split(",")[0] as string);
}
byNumber.set(0, "all");

/** A protocol by number or name, as `-p` takes it. */
export function parseProtocol(text: string): number {
  const number = whole(text, 255) ?? byName.get(text) ?? OWN.get(text);
  if (number === undefined) throw problem(`unknown protocol "${text}" specified`);
  return number;
}

/** `tcp`, `all`, or the number where it has no name. */
export const protocolName = (number: number): string => byNumber.get(number) ?? String(number);
