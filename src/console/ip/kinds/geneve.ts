import { formatIp, isMulticast } from "../../../core/addr.ts";
import { refused } from "../../../core/errno.ts";
import { addGeneve, type GeneveChanges, GeneveDevice, type GeneveOptions } from "../../../nodes/kernel/dev/geneve.ts";
import { type Args, type Option, option, readOptions } from "../args.ts";
import type { Ip } from "../context.ts";
import { answer, failure, wrong } from "../exit.ts";
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

type Draft = UdpDraft & { -readonly [K in keyof GeneveOptions]?: GeneveOptions[K] } & { readonly ip: Ip };

const VNI_MAX = 0xff_ffff;

const OPTIONS: readonly Option<Draft>[] = [
  option("id|vni", (o, args) => {
    const text = args.next();
    once(o, "id", "id", text);
    o.id = unsignedOr("invalid id", text, VNI_MAX);
  }),
  option("remote", (o, args) => {
    const text = args.next();
    once(o, "remote", "remote", text);
    o.remote = parseAddress(text, o.ip.options.family);
    if (o.remote === 0 || isMulticast(o.remote)) throw wrong("invalid remote address", text);
  }),
  ...TTL_TOS_DF,
  option("dstport", (o, args) => {
    const text = args.next();
    once(o, "dstport", "dstport", text);
    o.dstport = unsignedOr("dstport", text, 0xffff) || undefined;
  }),
  ...toggle<Draft>("external", (o, on) => (o.external = on)),
  ...toggle<Draft>("udpcsum", (o, on) => (o.udpcsum = on)),
  ...toggle<Draft>("udp6zerocsumtx", onlyIpv6("geneve", "udp6zerocsumtx")),
  ...toggle<Draft>("udp6zerocsumrx", onlyIpv6("geneve", "udp6zerocsumrx")),
  option("=innerprotoinherit", (o, args) => {
    once(o, "innerprotoinherit", args.word, args.word);
    o.innerprotoinherit = true;
  }),
];

const USAGE = [
  "Usage: ... geneve id VNI remote ADDRESS [ ttl { TTL | auto | inherit } ] [ tos { TOS | inherit } ]",
  "                  [ df { unset | set | inherit } ] [ dstport PORT ] [ [no]udpcsum ]",
].join("\n");

/** Ethernet in UDP with room for options (ip/iplink_geneve.c). */
export const geneve: LinkKind = {
  takesMtu: true,
  add(ip, request, args) {
    if (!args.more) answer(refused("EINVAL", "Not enough attributes provided to perform the operation"));
    const { seen, ip: _, id, remote, ...options } = read(ip, args, true);
    const mtu = request.mtu === undefined ? {} : { mtu: request.mtu };
    const name = request.name ?? "geneve%d";
    return (kernel) => answer(addGeneve(kernel, name, { ...options, ...mtu, id: id ?? 0, remote: remote ?? 0 }));
  },
  change(ip, dev, args) {
    const { seen, ip: _, ...changes } = read(ip, args, false);
    answer((dev as GeneveDevice).change(changes as GeneveChanges));
  },
  put(ip, dev) {
    if (dev instanceof GeneveDevice) put(ip, dev);
  },
  usage: USAGE,
};

function read(ip: Ip, args: Args, making: boolean): Draft {
  const o: Draft = { ip, seen: new Set() };
  readOptions(args, OPTIONS, o, (_, words) => {
    if (words.abbreviates("help")) throw failure(USAGE);
    throw unknownOption("geneve", words.word);
  });
  if (o.external && o.id !== undefined) throw failure("geneve: both 'external' and vni cannot be specified");
  if (!o.external && o.id === undefined) throw failure("geneve: missing virtual network identifier");
  if (making && !o.external && o.remote === undefined) throw failure("geneve: remote link partner not specified");
  return o;
}

function put(ip: Ip, dev: GeneveDevice): void {
  const { out } = ip;
  out.put("id", dev.vni, `id ${dev.vni} `);
  out.put("remote", formatIp(dev.remote), `remote ${formatIp(dev.remote)} `);
  putTtl(out, dev.udp.ttl);
  putTos(out, dev.udp.tos);
  putDf(out, dev.udp.df);
  out.put("port", dev.dstport, `dstport ${dev.dstport} `);
  putChecksum(out, dev.udp.udpcsum);
}
