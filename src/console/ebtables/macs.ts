import { formatMac, type Mac } from "../../core/addr.ts";
import type { MacSpec } from "../../nodes/kernel/netfilter/ebtables/rule.ts";

const ALL: Mac = 0xffff_ffff_ffff;
const GROUP: Mac = 0x0100_0000_0000;

type Masked = Pick<MacSpec, "mac" | "mask">;
/** Addresses with names of their own. */
const NAMES: readonly (readonly [name: string, spec: Masked])[] = [
  ["Unicast", { mac: 0, mask: GROUP }],
  ["Multicast", { mac: GROUP, mask: GROUP }],
  ["Broadcast", { mac: ALL, mask: ALL }],
  ["BGA", { mac: 0x0180_c200_0000, mask: ALL }],
];

/** `address[/mask]`, or a name (libxtables/xtables.c:xtables_parse_mac_and_mask). Undefined when it is neither. */
export function parseMacAndMask(text: string): Masked | undefined {
  const named = NAMES.find(([name]) => name.toLowerCase() === text.toLowerCase());
  if (named !== undefined) return named[1];
  const slash = text.indexOf("/");
  const mac = parseOctets(slash < 0 ? text : text.slice(0, slash));
  const mask = slash < 0 ? ALL : parseOctets(text.slice(slash + 1));
  if (mac === undefined || mask === undefined) return undefined;
  return { mac: under(mac, mask), mask };
}

/** Six octets with colons between them; each may have one digit only. */
export function parseOctets(text: string): Mac | undefined {
  const octets = text.split(":");
  if (octets.length !== 6 || !octets.every((octet) => /^[0-9a-f]{1,2}$/i.test(octet))) return undefined;
  return octets.reduce((mac, octet) => mac * 256 + Number.parseInt(octet, 16), 0);
}

/** The bits of a MAC address that a mask leaves. */
const under = (mac: Mac, mask: Mac): Mac => Number(BigInt(mac) & BigInt(mask));

/** `Broadcast`, `00:11:22:33:44:55`, `00:11:22:00:00:00/ff:ff:ff:00:00:00`. */
export function macText({ mac, mask }: Masked, named = true): string {
  const name = named ? NAMES.find(([, spec]) => spec.mac === mac && spec.mask === mask)?.[0] : undefined;
  return name ?? formatMac(mac) + (mask === ALL ? "" : `/${formatMac(mask)}`);
}
