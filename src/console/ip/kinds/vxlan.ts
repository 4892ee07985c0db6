import { formatIp, type Ipv4, isMulticast } from "../../../core/addr.ts";
import { refused } from "../../../core/errno.ts";
import { S } from "../../../core/time.ts";
import { addVxlan, type VxlanChanges, VxlanDevice, type VxlanOptions } from "../../../nodes/kernel/dev/vxlan.ts";
import { type Args, type Option, option, readOptions } from "../args.ts";
import { complain, type Ip, nameOf } from "../context.ts";
import { answer, failure, usage, wrong } from "../exit.ts";
import { parseAddress } from "../values.ts";
import { type LinkKind, unknownOption, unsignedOr } from "./kind.ts";
import {
  once,
  onlyIpv6,
  putChecksum,
  putDf,
  putTos,
  putTtl,
  TTL_TOS_DF,
  toggle,
  type UdpDraft,
} from "./udp-options.ts";

type Draft = UdpDraft & { -readonly [K in keyof VxlanOptions]?: VxlanOptions[K] } & { readonly ip: Ip };

const U16 = 0xffff;
const U32 = 0xffff_ffff;
const VNI_MAX = 0xff_ffff;
const PORT_OF_GPE = 4790;

const OPTIONS: readonly Option<Draft>[] = [
  option("id|vni", (o, args) => {
    const text = args.next();
    once(o, "id", "id", text);
    o.id = unsignedOr("invalid id", text, VNI_MAX);
  }),
  option("group", (o, args) => readRemote(o, args, "group")),
  option("remote", (o, args) => readRemote(o, args, "remote")),
  option("local", (o, args) => {
    const text = args.next();
    once(o, "local", "local", text);
    o.local = parseAddress(text, o.ip.options.family);
    if (o.local === 0 || isMulticast(o.local)) throw wrong("invalid local address", text);
  }),
  option("dev", (o, args) => {
    const name = args.next();
    once(o, "dev", "dev", name);
    if (o.ip.kernel.device(name) === undefined) throw usage(`Cannot find device "${name}"`);
    o.dev = name;
  }),
  ...TTL_TOS_DF,
  option("ageing", (o, args) => {
    const text = args.next();
    once(o, "ageing", "ageing", text);
    o.ageing = text === "none" ? 0 : unsignedOr("ageing timer", text, U32);
  }),
  option("maxaddress", (o, args) => {
    const text = args.next();
    once(o, "maxaddress", "maxaddress", text);
    o.maxaddress = text === "unlimited" ? 0 : unsignedOr("max addresses", text, U32);
  }),
  option("port|srcport", (o, args) => {
    const text = args.next();
    once(o, "srcport", "srcport", text);
    const low = unsignedOr("min port", text, U16);
    const high = unsignedOr("max port", args.next(), U16);
    if (low !== 0 || high !== 0) o.srcport = [low, high];
  }),
  option("dstport", (o, args) => {
    const text = args.next();
    once(o, "dstport", "dstport", text);
    o.dstport = unsignedOr("dst port", text, U16);
  }),
  ...toggle<Draft>("learning", (o, on) => (o.learning = on)),
  ...toggle<Draft>("proxy", (o, on) => (o.proxy = on)),
  ...toggle<Draft>("rsc", (o, on) => (o.rsc = on)),
  ...toggle<Draft>("l2miss", (o, on) => (o.l2miss = on)),
  ...toggle<Draft>("l3miss", (o, on) => (o.l3miss = on)),
  ...toggle<Draft>("udpcsum", (o, on) => (o.udpcsum = on)),
  ...toggle<Draft>("udp6zerocsumtx", onlyIpv6("vxlan", "udp6zerocsumtx")),
  ...toggle<Draft>("udp6zerocsumrx", onlyIpv6("vxlan", "udp6zerocsumrx")),
  ...toggle<Draft>("remcsumtx", (o, on) => (o.remcsumtx = on)),
  ...toggle<Draft>("remcsumrx", (o, on) => (o.remcsumrx = on)),
  ...toggle<Draft>("external", (o, on) => (o.external = on)),
  option("gbp", (o, args) => {
    once(o, "gbp", args.word, args.word);
    o.gbp = true;
  }),
  option("gpe", (o, args) => {
    once(o, "gpe", args.word, args.word);
    o.gpe = true;
  }),
  ...toggle<Draft>("vnifilter", (o, on) => (o.vnifilter = on)),
];

const USAGE = [
  "Usage: ... vxlan id VNI [ { group | remote } ADDRESS ] [ local ADDRESS ] [ dev DEV ] [ dstport PORT ]",
  "                 [ srcport MIN MAX ] [ ttl { TTL | auto | inherit } ] [ tos { TOS | inherit } ]",
  "                 [ df { unset | set | inherit } ] [ [no]learning ] [ ageing SECONDS ] [ maxaddress NUMBER ]",
  "                 [ [no]udpcsum ] [ gbp ]",
].join("\n");

/** Ethernet in UDP, by network identifier (ip/iplink_vxlan.c). */
export const vxlan: LinkKind = {
  takesMtu: true,
  add(ip, request, args) {
    if (!args.more) answer(refused("EINVAL", "Required attributes not provided to perform the operation"));
    const { seen, ip: _, id, ...options } = read(ip, args, true);
    const mtu = request.mtu === undefined ? {} : { mtu: request.mtu };
    const name = request.name ?? "vxlan%d";
    return (kernel) => answer(addVxlan(kernel, name, { ...options, ...mtu, id: id ?? 0 }));
  },
  change(ip, dev, args) {
    const { seen, ip: _, ...changes } = read(ip, args, false);
    answer((dev as VxlanDevice).change(changes as VxlanChanges));
  },
  put(ip, dev) {
    if (dev instanceof VxlanDevice) put(ip, dev);
  },
  usage: USAGE,
};

function read(ip: Ip, args: Args, making: boolean): Draft {
  const o: Draft = { ip, seen: new Set() };
  readOptions(args, OPTIONS, o, (_, words) => {
    if (words.abbreviates("help")) throw failure(USAGE);
    throw unknownOption("vxlan", words.word);
  });
  if (!o.external && o.vnifilter) throw failure("vxlan: vnifilter is valid only when 'external' is set");
  if (o.external && o.id !== undefined) throw failure("vxlan: both 'external' and vni cannot be specified");
  if (making && !o.external && o.id === undefined) throw failure("vxlan: missing virtual network identifier");
  if (isMulticast(o.remote ?? 0) && o.dev === undefined) {
    throw failure("vxlan: 'group' requires 'dev' to be specified");
  }
  if (o.dstport === undefined && o.gpe) o.dstport = PORT_OF_GPE;
  else if (o.dstport === undefined && making) for (const line of PORT_WARNING) complain(ip, line);
  if (o.dstport === 0) o.dstport = undefined;
  return o;
}

const PORT_WARNING = [
  "vxlan: destination port not specified",
  "Will use Linux kernel default (non-standard value)",
  "Use 'dstport 4789' to get the IANA assigned value",
  "Use 'dstport 0' to get default and quiet this message",
];

function readRemote(o: Draft, args: Args, key: "group" | "remote"): void {
  const before: Ipv4 | undefined = o.remote;
  const fits = (address: Ipv4): boolean => address !== 0 && isMulticast(address) === (key === "group");
  if (before !== undefined && !fits(before)) throw failure("vxlan: both group and remote cannot be specified");
  const text = args.next();
  once(o, "remote", key, text);
  o.remote = parseAddress(text, o.ip.options.family);
  if (!fits(o.remote)) throw wrong(`invalid ${key} address`, text);
}

function put(ip: Ip, dev: VxlanDevice): void {
  const { out } = ip;
  const { remote, local, link, learning, maxaddress } = dev.config;
  const [low, high] = dev.sourcePorts;
  out.put("id", dev.vni, `id ${dev.vni} `);
  const key = isMulticast(remote) ? "group" : "remote";
  if (remote !== 0) out.put(key, formatIp(remote), `${key} ${formatIp(remote)} `);
  if (local !== 0) out.put("local", formatIp(local), `local ${formatIp(local)} `);
  if (link !== 0) out.put("link", nameOf(dev.kernel, link), `dev ${nameOf(dev.kernel, link)} `);
  out.object("port_range");
  out.field("low", low);
  out.field("high", high);
  out.endObject();
  out.text(`srcport ${low} ${high} `);
  out.put("port", dev.dstport, `dstport ${dev.dstport} `);
  out.put("learning", learning, learning ? "" : "nolearning ");
  putTos(out, dev.udp.tos);
  putTtl(out, dev.udp.ttl);
  putDf(out, dev.udp.df);
  const ageing = dev.fdb.ageingNs / S;
  out.put("ageing", ageing, `ageing ${ageing === 0 ? "none" : ageing} `);
  if (maxaddress !== 0) out.put("limit", maxaddress, `maxaddr ${maxaddress} `);
  putChecksum(out, dev.udp.udpcsum);
  out.put("udp_zero_csum6_tx", false, "noudp6zerocsumtx ");
  out.put("udp_zero_csum6_rx", false, "noudp6zerocsumrx ");
  if (dev.gbp) out.put("gbp", true, "gbp ");
}
