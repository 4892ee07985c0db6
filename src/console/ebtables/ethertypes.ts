/** Names of EtherTypes (Debian 12's /etc/ethertypes): `name,alias:type`. */
const ETHERTYPES = `
  IPv4,ip,ip4:0800 X25:0805 ARP,ether-arp:0806 FR_ARP:0808 BPQ:08ff TRILL:22f3 L2-IS-IS:22f4 TEB:6558 RAW_FR:6559
  RARP:8035 ATALK:809b AARP:80f3 802_1Q,8021q,1q,802.1q,dot1q:8100 IPX:8137 NetBEUI:8191 IPv6,ip6:86dd PPP:880b
  MPLS:8847 MPLS_MULTI:8848 ATMMPOA:884c PPP_DISC:8863 PPP_SES:8864 ATMFATE:8884 EAPOL:888e S-TAG:88a8
  EAP_PREAUTH:88c7 LLDP:88cc MACSEC:88e5 PBB,macinmac:88e7 MVRP:88f5 PTP:88f7 FCOE:8906 FIP:8914 ROCE:8915
  LoWPAN:a0ed
`;

const byName = new Map<string, number>();
const byType = new Map<number, string>();
for (const entry of ETHERTYPES.trim().split(/\s+/)) {
  const [names = "", digits = ""] = entry.split(":");
  const type = Number.parseInt(digits, 16);
  byType.set(type, names.split(",")[0] as string);
  for (const name of names.split(",")) byName.set(name.toLowerCase(), type);
}

/** The EtherType of a name, written in whatever letters. */
export const etherType = (name: string): number | undefined => byName.get(name.toLowerCase());
export const etherTypeName = (type: number): string | undefined => byType.get(type);

/** A hexadecimal number, with 0x before it or without. */
export const hexNumber = (text: string): number | undefined =>
  /^(0x)?[0-9a-f]{1,8}$/i.test(text) ? Number.parseInt(text.replace(/^0x/i, ""), 16) : undefined;
