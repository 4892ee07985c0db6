/** Frames as text for people: a line for each frame, an indented one for each layer. */

import type { Fields, FieldValue, Layer } from "./dissect/walk.ts";
import type { Frame } from "./dissect.ts";

const NAMES: Readonly<Record<string, string>> = {
  eth: "Ethernet",
  vlan: "802.1Q VLAN",
  ieee8021ad: "802.1ad VLAN",
  llc: "Logical link control",
  arp: "ARP",
  stp: "Spanning tree",
  lldp: "LLDP",
  sll: "Linux cooked capture",
  null: "Loopback",
  ppp: "PPP",
  pppoes: "PPPoE session",
  mpls: "MPLS",
  ip: "IPv4",
  ipv6: "IPv6",
  icmp: "ICMP",
  udp: "UDP",
  tcp: "TCP",
  gre: "GRE",
  vxlan: "VXLAN",
  geneve: "Geneve",
  l2tp: "L2TP",
  data: "Data",
};

/** Keys that read better in hex, with their digits. */
const HEX: Readonly<Record<string, number>> = {
  "eth.type": 4,
  "eth.fcs": 8,
  "vlan.type": 4,
  "sll.type": 4,
  "llc.dsap": 2,
  "llc.ssap": 2,
  "llc.control": 2,
  "llc.oui": 6,
  "llc.type": 4,
  "llc.pid": 4,
  "arp.proto": 4,
  "stp.flags": 2,
  "stp.port": 4,
  "ppp.protocol": 4,
  "ip.tos": 2,
  "ip.id": 4,
  "ip.csum": 4,
  "icmp.csum": 4,
  "udp.csum": 4,
  "tcp.csum": 4,
  "tcp.flags": 3,
  "gre.flags": 4,
  "gre.proto": 4,
  "gre.key": 8,
  "gre.csum": 4,
  "vxlan.flags": 4,
  "geneve.proto": 4,
};

const TCP_FLAGS = ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR", "AE"];
/** Longer texts are cut, with a note of it. */
const TEXT_MAX = 120;

/** One frame. `startNs`: the time stamp that counts as zero, the first frame's as a rule. */
export function frameText(frame: Frame, startNs: bigint): string {
  const size = frame.caplen < frame.len ? `${frame.len} octets, ${frame.caplen} captured` : `${frame.len} octets`;
  const flaw = frame.malformed ? " (malformed)" : "";
  const head = `${frame.n}  ${seconds(frame.timeNs - startNs)}  ${size}  ${frame.stack}${flaw}`;
  return [head, ...frame.layers.flatMap((layer) => layerLines(layer, "    "))].join("\n");
}

/** `1.000000042`. */
function seconds(ns: bigint): string {
  const size = ns < 0n ? -ns : ns;
  return `${ns < 0n ? "-" : ""}${size / 1_000_000_000n}.${String(size % 1_000_000_000n).padStart(9, "0")}`;
}

function layerLines(layer: Layer, indent: string): string[] {
  const words: string[] = [];
  const lines: string[] = [];
  for (const [key, value] of Object.entries(layer.fields)) {
    if (isTable(value)) lines.push(...value.map((row) => `${indent}    ${rowText(row)}`));
    else words.push(`${key} ${valueText(layer.p, key, value)}`);
  }
  const quoted = (layer.quoted ?? []).flatMap((inner) => layerLines(inner, `${indent}    `));
  const title = `${indent}${NAMES[layer.p] ?? layer.p}`;
  return [words.length > 0 ? `${title}: ${words.join(", ")}` : title, ...lines, ...quoted];
}

/** Options and the like: a line for each. */
const isTable = (value: FieldValue): value is readonly Fields[] =>
  Array.isArray(value) && value.some((row) => typeof row === "object");

const rowText = (row: Fields): string =>
  Object.entries(row)
    .map(([key, value]) => `${key} ${valueText("", key, value)}`)
    .join(", ");

function valueText(p: string, key: string, value: FieldValue): string {
  const digits = HEX[`${p}.${key}`];
  if (typeof value === "number" && digits !== undefined) {
    const text = `0x${value.toString(16).padStart(digits, "0")}`;
    return p === "tcp" && key === "flags" ? `${text} (${flagNames(value)})` : text;
  }
  if (Array.isArray(value)) return `[${value.join(" ")}]`;
  if (typeof value !== "string") return String(value);
  const line = JSON.stringify(value).slice(1, -1);
  return line.length > TEXT_MAX ? `${line.slice(0, TEXT_MAX)}…` : line;
}

const flagNames = (flags: number): string => TCP_FLAGS.filter((_, bit) => (flags >> bit) & 1).join(" ");
