import { parseMac } from "../../../core/addr.ts";
import { PROTOCOL_ALL } from "../../../nodes/kernel/tc/filters/filter.ts";
import type { FlowerMatch } from "../../../nodes/kernel/tc/filters/flower.ts";
import { FLOWER_FIRST_FRAG, FLOWER_FRAG, type FlowerField } from "../../../nodes/kernel/tc/filters/flower-key.ts";
import { type Args, abbreviates } from "../../ip/args.ts";
import { deviceNamed, illegal, notBuilt, type Tc } from "../context.ts";
import { parseProtocol } from "../protocols.ts";
import { parseUnsigned } from "../units.ts";
import { flowerEntries } from "./flower-print.ts";
import type { FilterKind } from "./kind.ts";
import { type Common, parseCommon } from "./plain.ts";
import { parsePrefixText } from "./u32-keys.ts";

const USAGE = [
  "Usage: ... flower [ MATCH-LIST ] [ classid CLASSID ] [ action ACTION-SPEC ]",
  "Where: MATCH := { indev DEV | vlan_id VID | vlan_prio PRIORITY | vlan_ethtype TYPE | dst_mac MAC | src_mac MAC |",
  "       ip_proto [tcp | udp | sctp | icmp | HEX] | ip_tos TOS | ip_ttl TTL | dst_ip PREFIX | src_ip PREFIX |",
  "       dst_port PORT[-PORT] | src_port PORT[-PORT] | tcp_flags FLAGS | type ICMP-TYPE | code ICMP-CODE | ip_flags FLAGS }",
].join("\n");

const IPV4 = 0x0800;
const [ICMP, TCP, UDP, SCTP] = [1, 6, 17, 132];
const VLAN_TYPES = [0x8100, 0x88a8];
/** Words that the real program knows and this one does not. */
const OTHERS =
  /^(hw_tc|verbose|ct_|num_of_vlans|cvlan_|mpls|arp_|pppoe_sid|ppp_proto|enc_|geneve_opts|vxlan_opts|erspan_opts|gtp_opts)/;

/** What has been read of a filter. */
interface Read extends Common {
  readonly matches: Map<FlowerField, FlowerMatch>;
  /** The protocol of the filter, and the EtherType that the fields of the network header belong to. */
  readonly protocol: number;
  etherType: number;
  carried: number;
}

function fail(option: string, ...before: readonly string[]): never {
  throw illegal(...before, `Illegal "${option}"`);
}

/** tc/f_flower.c:flower_parse_opt. */
export const flower: FilterKind = {
  parse(args, tc, text, protocol) {
    const handle = text === undefined ? 0 : parseUnsigned(text, 0);
    if (handle === undefined) throw illegal(`Illegal "handle"`);
    const r: Read = { matches: new Map(), protocol, etherType: protocol, carried: -1 };
    while (args.more) {
      if (parseCommon(args, tc, r, "flower")) continue;
      parseMatch(args, tc, r);
      args.step();
    }
    if (protocol !== PROTOCOL_ALL && !VLAN_TYPES.includes(protocol)) put(r, "eth_type", protocol, 0xffff);
    const { classid, actions } = r;
    return { handle, spec: { kind: "flower", options: { matches: [...r.matches.values()], classid, actions } } };
  },
  entries: flowerEntries,
};

const put = (r: Read, field: FlowerField, value: number, mask: number, last?: number): void => {
  r.matches.set(field, { field, value, mask, last });
};

function parseMatch(args: Args, tc: Tc, r: Read): void {
  const option = args.word;
  const is = (name: string): boolean => abbreviates(option, name);
  if (OTHERS.test(option)) throw notBuilt(`flower ${option}`);
  if (is("ip_flags")) return parseFlags(args.next(), r);
  if (is("indev")) return put(r, "indev", deviceNamed(tc, args.next()).ifindex, 0xffff_ffff);
  if (is("vlan_id")) return parseVlan(args.next(), r, "vlan_id", 0xfff);
  if (is("vlan_prio")) return parseVlan(args.next(), r, "vlan_prio", 7);
  if (is("vlan_ethtype")) return parseVlanType(args.next(), r);
  if (is("dst_mac")) return parseAddress(args.next(), r, "dst_mac");
  if (is("src_mac")) return parseAddress(args.next(), r, "src_mac");
  if (is("ip_proto")) return parseCarried(args.next(), r);
  if (is("ip_tos")) return parseMasked(args.next(), r, "ip_tos", 16, 0xff);
  if (is("ip_ttl")) return parseMasked(args.next(), r, "ip_ttl", 10, 0xff);
  if (is("dst_ip")) return parseIp(args.next(), r, "dst_ip");
  if (is("src_ip")) return parseIp(args.next(), r, "src_ip");
  if (is("dst_port")) return parsePort(args.next(), r, "dst_port");
  if (is("src_port")) return parsePort(args.next(), r, "src_port");
  if (is("tcp_flags")) return parseMasked(args.next(), r, "tcp_flags", 16, 0xfff);
  if (is("type")) return parseIcmp(args.next(), r, "icmp_type");
  if (is("code")) return parseIcmp(args.next(), r, "icmp_code");
  throw option === "help" ? illegal(USAGE) : illegal(`What is "${option}"?`, USAGE);
}

/** VALUE[/MASK]; the mask is all ones unless it is given. */
function parseMasked(
  text: string,
  r: Read,
  field: FlowerField,
  base: 0 | 10 | 16,
  max: number,
  name: string = field,
): void {
  const [valueText = "", maskText] = text.split("/");
  const value = parseUnsigned(valueText, base, max) ?? fail(name);
  const mask = maskText === undefined ? max : (parseUnsigned(maskText, base, max) ?? fail(name));
  put(r, field, (value & mask) >>> 0, mask);
}

function parseVlan(text: string, r: Read, field: "vlan_id" | "vlan_prio", max: number): void {
  if (!VLAN_TYPES.includes(r.protocol)) {
    throw illegal(`Can't set "${field}" if ethertype isn't 802.1Q or 802.1AD and num_of_vlans is 0`);
  }
  put(r, field, parseUnsigned(text, 10, max) ?? fail(field), max);
}
function parseVlanType(text: string, r: Read): void {
  if (!VLAN_TYPES.includes(r.protocol)) {
    throw illegal("Can't set \"vlan_ethtype\" if ethertype isn't 802.1Q or 802.1AD and num_of_vlans is 0");
  }
  const type = parseProtocol(text);
  if (type === undefined) throw illegal(`Error: argument "${text}" is wrong: invalid vlan_ethtype`);
  put(r, "vlan_ethtype", type, 0xffff);
  r.etherType = type;
}

/** MAC[/MASK], the mask as a MAC or as a number of bits. */
function parseAddress(text: string, r: Read, field: "dst_mac" | "src_mac"): void {
  const [macText = "", maskText] = text.split("/");
  const mac = parseMac(macText) ?? fail(field, `"${macText}" is invalid lladdr.`);
  let mask = 2 ** 48 - 1;
  if (maskText?.includes(":")) mask = parseMac(maskText) ?? fail(field, `"${maskText}" is invalid lladdr.`);
  else if (maskText !== undefined) {
    const bits = parseUnsigned(maskText, 0, 48) ?? fail(field);
    mask = 2 ** 48 - 2 ** (48 - bits);
  }
  put(r, field, mac, mask);
}

function parseCarried(text: string, r: Read): void {
  if (r.etherType !== IPV4) fail("ip_proto", 'Illegal "eth_type" for ip proto');
  const named = [["tcp", TCP] as const, ["udp", UDP] as const, ["sctp", SCTP] as const, ["icmp", ICMP] as const];
  r.carried = named.find(([name]) => abbreviates(text, name))?.[1] ?? parseUnsigned(text, 16, 0xff) ?? fail("ip_proto");
  put(r, "ip_proto", r.carried, 0xff);
}

function parseIp(text: string, r: Read, field: "dst_ip" | "src_ip"): void {
  if (text.includes(":")) throw notBuilt(`flower ${field} with IPv6`);
  if (r.etherType !== IPV4) fail(field);
  const prefix = parsePrefixText(text);
  if (prefix === undefined) throw illegal(`Error: inet prefix is expected rather than "${text}".`);
  put(r, field, (prefix.address & prefix.mask) >>> 0, prefix.mask);
}

/** PORT, PORT/MASK, or FIRST-LAST. */
function parsePort(text: string, r: Read, field: "dst_port" | "src_port"): void {
  if (![TCP, UDP, SCTP].includes(r.carried)) fail(field);
  const range = /^(\d+)-(\d+)$/.exec(text);
  if (range === null) return parseMasked(text, r, field, text.includes("/") ? 0 : 10, 0xffff);
  const first = parseUnsigned(range[1] as string, 10, 0xffff) ?? fail(field);
  const last = parseUnsigned(range[2] as string, 10, 0xffff) ?? fail(field);
  if (last <= first) fail(field, "max value should be greater than min value");
  put(r, field, first, 0xffff, last);
}

function parseIcmp(text: string, r: Read, field: "icmp_type" | "icmp_code"): void {
  const name = field.replace("_", " ");
  if (r.carried !== ICMP) fail(name);
  parseMasked(text, r, field, 10, 0xff, name);
}

/** `frag/nofirstfrag`: bits that must be set, and that must not. */
function parseFlags(text: string, r: Read): void {
  let [value, mask] = [0, 0];
  for (const word of text.split("/")) {
    const name = word.replace(/^no/, "");
    const bit = name === "frag" ? FLOWER_FRAG : name === "firstfrag" ? FLOWER_FIRST_FRAG : fail("ip_flags");
    mask |= bit;
    value = word.startsWith("no") ? value & ~bit : value | bit;
  }
  put(r, "ip_flags", value, mask);
}
