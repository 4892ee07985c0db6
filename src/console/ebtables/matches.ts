import { formatIp, type Ipv4 } from "../../core/addr.ts";
import type { EbMatchSpec } from "../../nodes/kernel/netfilter/ebtables/rule.ts";
import { parseAddress } from "../iptables/addresses.ts";
import { problem } from "../iptables/exit.ts";
import { not } from "../iptables/kind.ts";
import { hex, maskSuffix, whole, wholeBefore } from "../iptables/numbers.ts";
import { parsePortRange, portsText } from "../iptables/ports.ts";
import { parseProtocol, protocolName } from "../iptables/protocols.ts";
import { etherType, hexNumber } from "./ethertypes.ts";
import { macText, parseMacAndMask } from "./macs.ts";

/** An option of a match: part of what it asks. Given again, it takes the place of what was there. */
export interface EbOption {
  readonly names: readonly string[];
  readonly kind: EbMatchSpec["kind"];
  /** Whether it has no value. */
  readonly bare?: boolean;
  readonly read: (text: string, not: { readonly invert?: true }) => object;
}

type Not = { readonly invert?: true };
const ARP_OPCODES = [
  "Request",
  "Reply",
  "Request_Reverse",
  "Reply_Reverse",
  "DRARP_Request",
  "DRARP_Reply",
  "DRARP_Error",
  "InARP_Request",
  "ARP_NAK",
] as const;
const PACKET_TYPES = ["host", "broadcast", "multicast", "otherhost"] as const;
const VLAN_ID_MAX = 4094;

const ports = (text: string, invert: Not): object => ({ ...parsePortRange(text, undefined), ...invert });
const address = (text: string, invert: Not): object => ({ ...parseAddress(text), ...invert });
const decimal = (text: string, max: number): number | undefined =>
  /^\d{1,9}$/.test(text) && Number(text) <= max ? Number(text) : undefined;

function arpMac(text: string, invert: Not): object {
  const spec = parseMacAndMask(text);
  if (spec === undefined) throw problem("Problem with ARP MAC address argument");
  return { ...spec, ...invert };
}

function arpNumber(value: number | undefined, what: string, invert: Not): object {
  if (value === undefined || value > 0xffff) throw problem(`Problem with specified ARP ${what}`);
  return { number: value, ...invert };
}

const opcode = (text: string): number | undefined => {
  const named = ARP_OPCODES.findIndex((name) => name.toLowerCase() === text.toLowerCase());
  return named < 0 ? decimal(text, 0xffff) : named + 1;
};

function tos(text: string, invert: Not): object {
  const value = hexNumber(text);
  if (value === undefined || value > 0xff) throw problem("Problem with specified IP tos");
  return { tos: value, ...invert };
}

function vlanNumber(text: string, name: string, max: number, invert: Not): object {
  const number = decimal(text, max);
  if (number === undefined) throw problem(`Invalid --vlan-${name} range ('${text}')`);
  return { number, ...invert };
}

function vlanType(text: string, invert: Not): object {
  const type = hexNumber(text) ?? etherType(text);
  if (type === undefined || type > 0xffff) throw problem(`Unknown --vlan-encap value ('${text}')`);
  return { type, ...invert };
}

/** `value[/mask]`; `/mask`: any of the bits. */
function mark(text: string, { invert }: Not): object {
  const { value, rest } = text.startsWith("/") ? { value: 0, rest: text } : wholeBefore(text);
  const mask = rest === "" ? 0xffff_ffff : rest === "/" ? 0 : rest.startsWith("/") ? whole(rest.slice(1)) : undefined;
  if (value === undefined || mask === undefined) throw problem(`Bad mark value '${text}'`);
  const inverted = (invert === true) !== text.startsWith("/");
  return { mark: value, mask, invert: inverted ? true : undefined };
}

function packetType(text: string, invert: Not): object {
  const type = PACKET_TYPES[decimal(text, 3) ?? -1] ?? PACKET_TYPES.find((name) => name === text.toLowerCase());
  if (type === undefined) throw problem(`Could not parse class '${text}'`);
  return { type, ...invert };
}

const ip = (names: readonly string[], key: string, read: EbOption["read"]): EbOption => ({
  names: names.map((name) => `ip-${name}`),
  kind: "ip",
  read: (text, invert) => ({ [key]: read(text, invert) }),
});
const arp = (names: readonly string[], key: string, read: EbOption["read"]): EbOption => ({
  names: names.map((name) => `arp-${name}`),
  kind: "arp",
  read: (text, invert) => ({ [key]: read(text, invert) }),
});
const vlan = (name: string, key: string, read: EbOption["read"]): EbOption => ({
  names: [`vlan-${name}`],
  kind: "vlan",
  read: (text, invert) => ({ [key]: read(text, invert) }),
});

/** All options of all matches: they need no `-m`. */
export const MATCH_OPTIONS: readonly EbOption[] = [
  ip(["source", "src"], "source", address),
  ip(["destination", "dst"], "destination", address),
  ip(["tos"], "tos", tos),
  ip(["protocol", "proto"], "protocol", (text, invert) => ({ number: parseProtocol(text.toLowerCase()), ...invert })),
  ip(["source-port", "sport"], "sport", ports),
  ip(["destination-port", "dport"], "dport", ports),
  arp(["opcode", "op"], "opcode", (text, invert) => arpNumber(opcode(text), "opcode", invert)),
  arp(["htype"], "htype", (text, invert) =>
    arpNumber(/^ethernet$/i.test(text) ? 1 : decimal(text, 0xffff), "hardware type", invert),
  ),
  arp(["ptype"], "ptype", (text, invert) => arpNumber(hexNumber(text) ?? etherType(text), "protocol type", invert)),
  arp(["ip-src"], "ipSource", address),
  arp(["ip-dst"], "ipDestination", address),
  arp(["mac-src"], "macSource", arpMac),
  arp(["mac-dst"], "macDestination", arpMac),
  { names: ["arp-gratuitous"], kind: "arp", bare: true, read: (_, invert) => ({ gratuitous: invert }) },
  vlan("id", "id", (text, invert) => vlanNumber(text, "id", VLAN_ID_MAX, invert)),
  vlan("prio", "priority", (text, invert) => vlanNumber(text, "prio", 7, invert)),
  vlan("encap", "encapsulated", vlanType),
  { names: ["mark"], kind: "mark", read: mark },
  { names: ["pkttype-type"], kind: "pkttype", read: packetType },
];

type Part = { readonly invert?: boolean } | undefined;

/** A match as `-L` shows it, a space behind each option. */
export function matchText(spec: EbMatchSpec): string {
  const parts: string[] = [];
  const add = <P extends Part>(name: string, part: P, text: (part: NonNullable<P>) => string): void => {
    if (part !== undefined) parts.push(`--${name} ${not(part as NonNullable<P>)}${text(part as NonNullable<P>)} `);
  };
  const masked = (a: { readonly address: Ipv4; readonly mask: Ipv4 }): string =>
    formatIp(a.address) + maskSuffix(a.mask);
  switch (spec.kind) {
    case "ip":
      add("ip-src", spec.source, masked);
      add("ip-dst", spec.destination, masked);
      add("ip-tos", spec.tos, (t) => `0x${t.tos.toString(16).toUpperCase().padStart(2, "0")}`);
      add("ip-proto", spec.protocol, (p) => (p.number === 0 ? "ip" : protocolName(p.number)));
      add("ip-sport", spec.sport, portsText);
      add("ip-dport", spec.dport, portsText);
      break;
    case "arp":
      add("arp-op", spec.opcode, (o) => ARP_OPCODES[o.number - 1] ?? String(o.number));
      add("arp-htype", spec.htype, (h) => String(h.number));
      add("arp-ptype", spec.ptype, (p) => hex(p.number));
      add("arp-ip-src", spec.ipSource, masked);
      add("arp-ip-dst", spec.ipDestination, masked);
      add("arp-mac-src", spec.macSource, (m) => macText(m, false));
      add("arp-mac-dst", spec.macDestination, (m) => macText(m, false));
      if (spec.gratuitous !== undefined) parts.push(`${not(spec.gratuitous)}--arp-gratuitous `);
      break;
    case "vlan":
      add("vlan-id", spec.id, (v) => String(v.number));
      add("vlan-prio", spec.priority, (v) => String(v.number));
      add("vlan-encap", spec.encapsulated, (v) => v.type.toString(16).toUpperCase().padStart(4, "0"));
      break;
    case "mark":
      parts.push(`--mark ${markText(spec)} `);
      break;
    case "pkttype":
      add("pkttype-type", spec, (p) => p.type);
  }
  return parts.join("");
}

/** What has one bit of a mask at least is told as such. */
function markText(spec: Extract<EbMatchSpec, { kind: "mark" }>): string {
  if (spec.mask === 0xffff_ffff) return `${not(spec)}${hex(spec.mark)}`;
  if (spec.mark === 0) return `${spec.invert === true ? "" : "! "}/${hex(spec.mask)}`;
  return `${not(spec)}${hex(spec.mark)}/${hex(spec.mask)}`;
}
