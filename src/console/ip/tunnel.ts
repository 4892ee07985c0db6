import { formatIp, isMulticast } from "../../core/addr.ts";
import { strerror } from "../../core/errno.ts";
import { addGre, GreDevice } from "../../nodes/kernel/dev/gre.ts";
import type { IpTunnelOptions, IpTunnelParms } from "../../nodes/kernel/dev/ip-tunnel.ts";
import { Args, type Option, option, readOptions } from "./args.ts";
import { deviceNamed, type Ip, nameOf } from "./context.ts";
import { failure, garbage, notBuilt, usage, wrong } from "./exit.ts";
import { readKey } from "./kinds/gre.ts";
import { unsignedOr } from "./kinds/kind.ts";
import { isDeviceName } from "./link-request.ts";
import { dsfieldName, dsfieldNumber } from "./names.ts";
import { parseAddress32 } from "./values.ts";

/** `ip tunnel` (ip/iptunnel.c:do_iptunnel): GRE tunnels as the older interface has them. */
export function tunnel(ip: Ip, args: Args): void {
  const rest = new Args(args.rest.slice(1));
  if (!args.more || args.abbreviates("show", "lst", "list")) return show(ip, read(ip, rest));
  if (args.abbreviates("add")) return add(ip, read(ip, rest));
  if (args.abbreviates("change")) return change(ip, read(ip, rest, true));
  if (args.abbreviates("delete")) return remove(ip, read(ip, rest));
  for (const other of ["prl", "6rd"]) if (args.abbreviates(other)) throw notBuilt(`ip tunnel ${other}`);
  if (args.abbreviates("help")) throw usage(USAGE);
  throw usage(`Command "${args.word}" is unknown, try "ip tunnel help"`);
}

type Draft = { -readonly [K in keyof IpTunnelOptions]?: IpTunnelOptions[K] } & {
  readonly ip: Ip;
  name: string;
  mode?: "gre";
  /** A tunnel whose parameters stay where no option changes them. */
  base?: GreDevice;
};

/** The tunnel that every namespace with GRE has on Linux; messages name it. */
const BASE = "gre0";
const NO_KEY = -1;

const OPTIONS: readonly Option<Draft>[] = [
  option("=mode", (t, args) => {
    const mode = args.next();
    if (["ipip", "ip/ip", "sit", "ipv6/ip", "isatap", "vti"].includes(mode)) throw notBuilt(`tunnel mode "${mode}"`);
    if (mode !== "gre" && mode !== "gre/ip") throw usage(`Unknown tunnel mode "${mode}"`);
    t.mode = "gre";
  }),
  option("=key", (t, args) => (t.ikey = t.okey = readKey("key", args.next()))),
  option("=ikey", (t, args) => (t.ikey = readKey("ikey", args.next()))),
  option("=okey", (t, args) => (t.okey = readKey("okey", args.next()))),
  option("=seq", (t) => (t.iseq = t.oseq = true)),
  option("=iseq", (t) => (t.iseq = true)),
  option("=oseq", (t) => (t.oseq = true)),
  option("=csum", (t) => (t.icsum = t.ocsum = true)),
  option("=icsum", (t) => (t.icsum = true)),
  option("=ocsum", (t) => (t.ocsum = true)),
  option("=nopmtudisc", (t) => (t.pmtudisc = false)),
  option("=pmtudisc", (t) => (t.pmtudisc = true)),
  option("=remote", (t, args) => (t.remote = parseAddress32(args.next()))),
  option("=local", (t, args) => (t.local = parseAddress32(args.next()))),
  option("=dev", (t, args) => (t.dev = args.next())),
  option("=ttl|=hoplimit|=hlim", (t, args) => {
    const text = args.next();
    t.ttl = text === "inherit" ? 0 : unsignedOr("invalid TTL\n", text, 255);
  }),
  option("=tos|=tclass|dsfield", (t, args) => {
    const text = args.next();
    if (text.startsWith("inherit/")) throw notBuilt(`tos "${text}"`);
    t.tos = text === "inherit" ? text : dsfieldNumber(text);
    if (t.tos === undefined) throw wrong("bad TOS value", text);
  }),
];

function read(ip: Ip, args: Args, changes = false): Draft {
  const t: Draft = { ip, name: "" };
  const first = args.is("name") ? args.following : args.word;
  readOptions(args, OPTIONS, t, (draft, words) => {
    if (words.is("name")) words.next();
    else if (words.abbreviates("help")) throw usage(USAGE);
    if (draft.name !== "") throw garbage("name", words.word);
    if (!isDeviceName(words.word)) throw wrong('"name" not a valid ifname', words.word);
    draft.name = words.word;
    if (!changes || words.word !== first) return;
    draft.base = tunnelNamed(ip, draft.name);
    draft.mode = "gre";
  });
  if (t.mode === undefined && t.name.startsWith("gre")) t.mode = "gre";
  if (t.dev !== undefined) deviceNamed(ip, t.dev);
  if (isMulticast(t.remote ?? 0) && !t.local) throw failure("A broadcast tunnel requires a source address");
  return t;
}

function check(t: Draft): Draft {
  if (t.ttl && t.pmtudisc === false) throw failure("ttl != 0 and nopmtudisc are incompatible");
  if (t.mode === undefined) throw failure("cannot determine tunnel mode (ipip, gre, vti or sit)");
  return t;
}

function add(ip: Ip, t: Draft): void {
  const { ip: _, name, mode: __, base: ___, ...options } = check(t);
  const added = addGre(ip.kernel, name || "gre%d", options);
  if (!added.ok) throw failure(`add tunnel "${BASE}" failed: ${added.detail ?? strerror(added.errno)}`);
}

function change(ip: Ip, t: Draft): void {
  const { ip: _, name, mode: __, base, ...options } = check(t);
  const dev = base ?? tunnelNamed(ip, name, "change");
  if (base === undefined && dev.parms.link !== 0 && options.dev === undefined) throw notBuilt(`"change" without "dev"`);
  const changed = dev.change(base === undefined ? { ...DEFAULTS, ...options } : options);
  if (!changed.ok) throw failure(`change tunnel "${name}" failed: ${changed.detail ?? strerror(changed.errno)}`);
}

/** What `change` makes of options that are not named, unless the tunnel's name stands first. */
const DEFAULTS: IpTunnelOptions = {
  local: 0,
  remote: 0,
  ttl: 0,
  tos: 0,
  key: NO_KEY,
  csum: false,
  seq: false,
  pmtudisc: true,
};

function tunnelNamed(ip: Ip, name: string, doing = "get"): GreDevice {
  const dev = ip.kernel.device(name || BASE);
  if (dev instanceof GreDevice) return dev;
  throw failure(`${doing} tunnel "${name || BASE}" failed: ${strerror("ENODEV")}`);
}

function remove(ip: Ip, t: Draft): void {
  ip.kernel.unregister(tunnelNamed(ip, t.name, "delete"));
}

function show(ip: Ip, t: Draft): void {
  const { out, kernel } = ip;
  if (ip.options.stats > 0) throw notBuilt("ip -s tunnel");
  if (t.mode !== undefined && t.name !== "") tunnelNamed(ip, t.name);
  out.begin();
  for (const dev of kernel.devices()) {
    if (!(dev instanceof GreDevice) || !fits(dev, t)) continue;
    putTunnel(ip, dev);
    out.text("\n");
  }
  out.end();
}

function fits(dev: GreDevice, t: Draft): boolean {
  const p = dev.parms;
  return (
    (t.name === "" || dev.name === t.name) &&
    (!t.remote || t.remote === p.remote) &&
    (!t.local || t.local === p.local) &&
    (t.dev === undefined || t.dev === nameOf(dev.kernel, p.link)) &&
    (t.ikey === undefined || t.ikey === p.ikey)
  );
}

/** ip/iptunnel.c:print_tunnel. */
function putTunnel(ip: Ip, dev: GreDevice): void {
  const { out } = ip;
  const p = dev.parms;
  const end = (address: number): string => (address === 0 && !out.json ? "any" : formatIp(address));
  out.object();
  out.put("ifname", dev.name, `${dev.name}: `);
  out.put("mode", "gre/ip", "gre/ip ");
  out.put("remote", end(p.remote), `remote ${end(p.remote)} `);
  out.put("local", end(p.local), `local ${end(p.local)}`);
  if (p.link !== 0) out.put("dev", nameOf(dev.kernel, p.link), ` dev ${nameOf(dev.kernel, p.link)}`);
  if (p.ttl === 0) out.text(" ttl inherit");
  else out.put("ttl", p.ttl, ` ttl ${p.ttl}`);
  if (p.tos === 1) out.text(" tos inherit");
  else if (p.tos !== 0) out.put("tos", dsfieldName(p.tos), ` tos ${dsfieldName(p.tos)}`);
  if (p.df === 0) out.put("nopmtudisc", null, " nopmtudisc");
  putKeys(ip, p);
  putFlags(ip, p);
  out.endObject();
}

function putKeys(ip: Ip, { ikey, okey }: IpTunnelParms): void {
  const { out } = ip;
  if (ikey !== NO_KEY && ikey === okey) return out.put("key", ikey, ` key ${ikey}`);
  if (ikey !== NO_KEY) out.put("ikey", ikey, ` ikey ${ikey}`);
  if (okey !== NO_KEY) out.put("okey", okey, ` okey ${okey}`);
}

function putFlags(ip: Ip, parms: IpTunnelParms): void {
  const { out } = ip;
  const flags: readonly [keyof IpTunnelParms, string, string][] = [
    ["iseq", "rx_drop_ooseq", "Drop packets out of sequence."],
    ["icsum", "rx_csum", "Checksum in received packet is required."],
    ["oseq", "tx_seq", "Sequence packets on output."],
    ["ocsum", "tx_csum", "Checksum output packets."],
  ];
  out.array("flags");
  for (const [flag, key, words] of flags) if (parms[flag]) out.item(key, `${out.separator}  ${words}`);
  out.endArray();
}

const USAGE = [
  "Usage: ip tunnel { add | change | del | show } [ NAME ] [ mode gre ] [ remote ADDR ] [ local ADDR ]",
  "        [ [i|o]seq ] [ [i|o]key KEY ] [ [i|o]csum ] [ ttl TTL ] [ tos TOS ] [ [no]pmtudisc ] [ dev DEV ]",
].join("\n");
