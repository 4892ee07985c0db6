import { formatIp, isMulticast } from "../../../core/addr.ts";
import type { Outcome } from "../../../core/errno.ts";
import { addGre, GreDevice } from "../../../nodes/kernel/dev/gre.ts";
import { addGretap, GretapDevice } from "../../../nodes/kernel/dev/gretap.ts";
import { IpTunnelDevice, type IpTunnelOptions } from "../../../nodes/kernel/dev/ip-tunnel.ts";
import type { Kernel } from "../../../nodes/kernel/kernel.ts";
import { type Args, type Option, option, readOptions } from "../args.ts";
import { type Ip, nameOf } from "../context.ts";
import { answer, failure, notBuilt, usage } from "../exit.ts";
import { parseAddress, parseAddress32, parseUnsigned } from "../values.ts";
import { hex, type LinkKind, unsignedOr } from "./kind.ts";
import { putTos, readTos } from "./udp-options.ts";

type Draft = { -readonly [K in keyof IpTunnelOptions]?: IpTunnelOptions[K] } & { readonly ip: Ip };

/** No key in this direction. */
const NO_KEY = -1;

const OPTIONS: readonly Option<Draft>[] = [
  option("key", (o, args) => (o.ikey = o.okey = readKey("key", args.next()))),
  option("nokey", (o) => (o.ikey = o.okey = NO_KEY)),
  option("ikey", (o, args) => (o.ikey = readKey("ikey", args.next()))),
  option("noikey", (o) => (o.ikey = NO_KEY)),
  option("okey", (o, args) => (o.okey = readKey("okey", args.next()))),
  option("nookey", (o) => (o.okey = NO_KEY)),
  option("seq", (o) => (o.iseq = o.oseq = true)),
  option("noseq", (o) => (o.iseq = o.oseq = false)),
  option("iseq", (o) => (o.iseq = true)),
  option("noiseq", (o) => (o.iseq = false)),
  option("oseq", (o) => (o.oseq = true)),
  option("nooseq", (o) => (o.oseq = false)),
  option("csum", (o) => (o.icsum = o.ocsum = true)),
  option("nocsum", (o) => (o.icsum = o.ocsum = false)),
  option("icsum", (o) => (o.icsum = true)),
  option("noicsum", (o) => (o.icsum = false)),
  option("ocsum", (o) => (o.ocsum = true)),
  option("noocsum", (o) => (o.ocsum = false)),
  option("nopmtudisc", (o) => (o.pmtudisc = false)),
  option("pmtudisc", (o) => (o.pmtudisc = true)),
  option("remote", (o, args) => (o.remote = parseAddress(args.next(), "inet"))),
  option("local", (o, args) => (o.local = parseAddress(args.next(), "inet"))),
  option("dev", (o, args) => {
    const name = args.next();
    if (o.ip.kernel.device(name) === undefined) throw usage(`Cannot find device "${name}"`);
    o.dev = name;
  }),
  option("ttl|hoplimit|hlim", (o, args) => {
    const text = args.next();
    o.ttl = text === "inherit" ? 0 : unsignedOr("invalid TTL\n", text, 0xff);
  }),
  option("tos|tclass|dsfield", (o, args) => (o.tos = readTos(args.next()))),
  option("=noencap", () => {}),
  option("=encap|=encap-sport|=encap-dport|=encap-csum|=encap-udp6-csum|=encap-remcsum|=external", (_, args) => {
    throw notBuilt(`gre: "${args.word}"`);
  }),
  option("=ignore-df", (o) => (o.ignoreDf = true)),
  option("=noignore-df", (o) => (o.ignoreDf = false)),
  option("=fwmark", (o, args) => (o.fwmark = unsignedOr("invalid fwmark\n", args.next(), 0xffff_ffff))),
];

const USAGE = [
  "Usage: ... KIND remote ADDRESS [ local ADDRESS ] [ [no][i|o]seq ] [ [i|o]key KEY | no[i|o]key ] [ [no][i|o]csum ]",
  "                [ ttl { TTL | inherit } ] [ tos { TOS | inherit } ] [ [no]pmtudisc ] [ [no]ignore-df ] [ dev DEV ]",
  "                [ fwmark MARK ]",
].join("\n");

/** Bare IPv4 in GRE (ip/link_gre.c). */
export const gre: LinkKind = kind("gre", addGre, GreDevice);
/** Ethernet in GRE. */
export const gretap: LinkKind = kind("gretap", addGretap, GretapDevice);

type Tunnel = IpTunnelDevice & { change(options: IpTunnelOptions): Outcome };

function kind(
  name: string,
  add: (kernel: Kernel, name: string, options: IpTunnelOptions) => Outcome<Tunnel>,
  type: typeof GreDevice | typeof GretapDevice,
): LinkKind {
  return {
    takesMtu: true,
    add(ip, request, args) {
      const { ip: _, ...options } = read(ip, args, name);
      const mtu = request.mtu === undefined ? {} : { mtu: request.mtu };
      return (kernel) => answer(add(kernel, request.name ?? `${name}%d`, { ...options, ...mtu }));
    },
    change(ip, dev, args) {
      const { ip: _, ...options } = read(ip, args, name);
      if (dev instanceof type) answer(dev.change(options));
    },
    put(ip, dev) {
      if (dev instanceof IpTunnelDevice) put(ip, dev);
    },
    usage: USAGE.replace("KIND", name),
  };
}

function read(ip: Ip, args: Args, name: string): Draft {
  const o: Draft = { ip };
  readOptions(args, OPTIONS, o, () => {
    throw failure(USAGE.replace("KIND", name));
  });
  if (isMulticast(o.remote ?? 0) && !o.local) throw failure("A broadcast tunnel requires a source address.");
  return o;
}

/** A key: a number, or a dotted quad (ip/tunnel.c:tnl_parse_key). */
export function readKey(name: string, text: string): number {
  if (text.includes(".")) return parseAddress32(text);
  const key = parseUnsigned(text);
  if (key === undefined) {
    throw usage(`invalid value for "${name}": "${text}"; it should be an unsigned integer`);
  }
  return key;
}

function put(ip: Ip, dev: IpTunnelDevice): void {
  const { out } = ip;
  const p = dev.parms;
  const endpoint = (key: string, address: number): void => {
    const text = address === 0 ? "any" : formatIp(address);
    out.put(key, text, `${key} ${text} `);
  };
  endpoint("remote", p.remote);
  endpoint("local", p.local);
  if (p.link !== 0) out.put("link", nameOf(dev.kernel, p.link), `dev ${nameOf(dev.kernel, p.link)} `);
  out.put("ttl", p.ttl, p.ttl === 0 ? "ttl inherit " : `ttl ${p.ttl} `);
  putTos(out, p.tos);
  out.put("pmtudisc", p.df !== 0, p.df === 0 ? "nopmtudisc " : "");
  if (p.ignoreDf) out.put("ignore_df", true, "ignore-df ");
  if (p.ikey !== NO_KEY) out.put("ikey", formatIp(p.ikey), `ikey ${formatIp(p.ikey)} `);
  if (p.okey !== NO_KEY) out.put("okey", formatIp(p.okey), `okey ${formatIp(p.okey)} `);
  for (const flag of ["iseq", "oseq", "icsum", "ocsum"] as const) if (p[flag]) out.put(flag, true, `${flag} `);
  if (p.fwmark !== 0) out.put("fwmark", hex(p.fwmark), `fwmark ${hex(p.fwmark)} `);
}
