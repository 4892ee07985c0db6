import { formatMac } from "../../core/addr.ts";
import * as ethernet from "../../protocols/ethernet/wire.ts";
import { printArp } from "./arp.ts";
import { printLlc } from "./llc.ts";
import { printLldp } from "./lldp.ts";
import { ETHERTYPE_NAMES } from "./names.ts";
import type { MacPair, Printer } from "./printer.ts";

/** `ethertype IPv4 (0x0800)`. */
const typeText = (type: number): string =>
  `ethertype ${ETHERTYPE_NAMES.get(type) ?? "Unknown"} (0x${type.toString(16).padStart(4, "0")})`;

const TAGS: readonly number[] = [
  ethernet.ETHERTYPE_VLAN,
  ethernet.ETHERTYPE_QINQ,
  ethernet.ETHERTYPE_QINQ_OLD,
  0x9200, // an older one still
];

/** An Ethernet frame at `o`, tags and all (`print-ether.c:ether_common_print`). */
export function printEthernet(p: Printer, o: number, length: number): void {
  p.protocol = "ether";
  if (p.available(o) < ethernet.HEADER) return p.truncated();
  const { link } = p.options;
  const macs = { src: ethernet.src(p.b, o), dst: ethernet.dst(p.b, o) };
  const addresses = `${formatMac(macs.src)} > ${formatMac(macs.dst)}, `;
  if (link) p.out(addresses);
  let type = p.u16(o + 12);
  let at = o + ethernet.HEADER;
  let lengthTold = false;
  const tell = (text: string, bytes: number): void => {
    p.out(lengthTold ? `${text}, ` : `${text}, length ${bytes}: `);
    lengthTold = true;
  };
  while (TAGS.includes(type)) {
    if (p.available(at) < 4 || o + length - at < 4) {
      p.protocol = "vlan";
      return p.truncated();
    }
    if (link) {
      tell(typeText(type), length);
      p.out(`${tagText(p.u16(at))}, `);
    }
    type = p.u16(at + 2);
    at += 4;
  }
  const rest = o + length - at;
  if (ethernet.isLength(type)) {
    const bytes = Math.min(type, rest);
    if (link) p.out(lengthTold ? "802.3" : `802.3, length ${bytes}: `);
    p.within(at + bytes, () => {
      if (!printLlc(p, at, bytes, macs)) p.dump(at, p.available(at));
    });
    return;
  }
  if (link) tell(typeText(type), length);
  if (p.to.etherType(p, type, at, rest, macs)) return;
  if (!link) p.out(`${addresses}${typeText(type)}, length ${length}: `);
  p.dump(at, p.available(at));
}

/** `vlan 5, p 0`, with `, DEI` where the bit is set (IEEE 802.1Q §9.6). */
export const tagText = (tci: number): string => `vlan ${tci & 0xfff}, p ${tci >> 13}${tci & 0x1000 ? ", DEI" : ""}`;

/** What follows an EtherType; false, and nothing printed, for one that has no printer here. */
export function printEtherType(p: Printer, type: number, o: number, length: number, _macs?: MacPair): boolean {
  switch (type) {
    case ethernet.ETHERTYPE_IPV4:
      p.to.ip(p, o, length);
      return true;
    case ethernet.ETHERTYPE_ARP:
    case ethernet.ETHERTYPE_RARP:
      printArp(p, o, length);
      return true;
    case ethernet.ETHERTYPE_LLDP:
      printLldp(p, o, length);
      return true;
    default:
      return false;
  }
}
