import { formatIp, formatMac } from "../../../core/addr.ts";
import type { FilterProto } from "../../../nodes/kernel/tc/filters/filter.ts";
import { Flower, type FlowerFilter, type FlowerMatch } from "../../../nodes/kernel/tc/filters/flower.ts";
import { FLOWER_FIRST_FRAG, FLOWER_FRAG, type FlowerField } from "../../../nodes/kernel/tc/filters/flower-key.ts";
import { formatHandle } from "../../../nodes/kernel/tc/handle.ts";
import type { Printer } from "../../ip/printer.ts";
import { printActions } from "../actions.ts";
import type { Tc } from "../context.ts";
import { formatProtocol } from "../protocols.ts";

/** The filters of a preference, as `tc filter show` prints them. */
export function* flowerEntries(proto: FilterProto): Generator<{ handle: number; print: (tc: Tc) => void }> {
  if (!(proto instanceof Flower)) return;
  for (const f of proto.filters) yield { handle: f.handle, print: (tc) => printFlower(tc, f) };
}

/** Fields in the order in which they are printed. */
const ORDER: readonly FlowerField[] = [
  "vlan_id",
  "vlan_prio",
  "vlan_ethtype",
  "dst_mac",
  "src_mac",
  "eth_type",
  "ip_proto",
  "ip_tos",
  "ip_ttl",
  "dst_ip",
  "src_ip",
  "dst_port",
  "src_port",
  "tcp_flags",
  "icmp_type",
  "icmp_code",
  "ip_flags",
];

/** tc/f_flower.c:flower_print_opt. */
function printFlower(tc: Tc, f: FlowerFilter): void {
  const { out } = tc;
  const { target } = f;
  out.put("handle", f.handle, `handle 0x${f.handle.toString(16)} `);
  if (target.named) out.put("classid", formatHandle(target.classid), `classid ${formatHandle(target.classid)} `);
  const indev = f.matches.find((m) => m.field === "indev");
  if (indev !== undefined) {
    const name = tc.kernel.deviceByIndex(indev.value)?.name ?? `if${indev.value}`;
    out.newline();
    out.put("indev", name, `  indev ${name}`);
  }
  out.object("keys");
  for (const field of ORDER) {
    const match = f.matches.find((m) => m.field === field);
    if (match !== undefined) printMatch(out, match);
    // behind a VLAN tag, the type of what it carries is the frame's
    if (match?.field === "vlan_ethtype") printMatch(out, { ...match, field: "eth_type" });
  }
  out.endObject();
  out.newline();
  out.put("not_in_hw", true, "  not_in_hw");
  printActions(tc, target.actions);
}

function printMatch(out: Printer, m: FlowerMatch): void {
  const { field, value } = m;
  out.newline();
  if (m.last !== undefined) return printRange(out, field, value, m.last);
  switch (field) {
    case "dst_mac":
    case "src_mac":
      return put(out, field, formatMac(value) + suffix(m.mask, 48, formatMac));
    case "dst_ip":
    case "src_ip":
      return put(out, field, formatIp(value) + suffix(m.mask, 32, formatIp));
    case "eth_type":
      return put(out, field, ETHERTYPES[value] ?? value.toString(16).padStart(4, "0"));
    case "vlan_ethtype":
      return put(out, field, formatProtocol(value));
    case "ip_proto":
      return put(out, field, PROTOCOLS[value] ?? value.toString(16).padStart(2, "0"));
    case "tcp_flags":
      return put(out, field, `0x${value.toString(16)}/${m.mask.toString(16)}`);
    case "icmp_type":
    case "icmp_code":
      return put(out, field, m.mask === 0xff ? `${value}` : `${value}/${m.mask}`);
    case "ip_flags":
      return printFlags(out, m);
    default:
      return printMasked(out, m);
  }
}

const ETHERTYPES: Readonly<Record<number, string>> = { 2048: "ipv4", 34525: "ipv6", 2054: "arp", 32821: "rarp" };
const PROTOCOLS: Readonly<Record<number, string>> = { 1: "icmp", 6: "tcp", 17: "udp", 58: "icmpv6", 132: "sctp" };
/** The mask that is not printed. */
const FULL: Readonly<Partial<Record<FlowerField, number>>> = {
  ip_tos: 0xff,
  ip_ttl: 0xff,
  dst_port: 0xffff,
  src_port: 0xffff,
};

function put(out: Printer, field: FlowerField, value: string | number): void {
  out.put(field, value, `  ${field} ${value}`);
}

function printMasked(out: Printer, { field, value, mask }: FlowerMatch): void {
  put(out, field, value);
  const full = FULL[field];
  if (full !== undefined && mask !== full) out.put(`${field}_mask`, mask.toString(16), `/0x${mask.toString(16)}`);
}

function printRange(out: Printer, field: FlowerField, first: number, last: number): void {
  out.text(`  ${field} ${first}-${last}`);
  out.object(field);
  out.field("start", first);
  out.field("end", last);
  out.endObject();
}

function printFlags(out: Printer, { field, value, mask }: FlowerMatch): void {
  const flags = [["frag", FLOWER_FRAG] as const, ["firstfrag", FLOWER_FIRST_FRAG] as const];
  const shown = flags.filter(([, bit]) => (mask & bit) !== 0);
  out.text(`  ${field} ${shown.map(([name, bit]) => ((value & bit) === 0 ? `no${name}` : name)).join("/")}`);
  out.object(field);
  for (const [name, bit] of shown) out.field(name, (value & bit) !== 0);
  out.endObject();
}

/** `/24` of a mask of so many leading ones, the mask itself of any other, nothing of a full one. */
function suffix(mask: number, width: number, format: (mask: number) => string): string {
  const digits = mask.toString(2).padStart(width, "0");
  const ones = /^(1+)0*$/.exec(digits)?.[1]?.length;
  if (ones === undefined) return `/${format(mask)}`;
  return ones === width ? "" : `/${ones}`;
}
