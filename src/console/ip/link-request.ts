import type { Kernel } from "../../nodes/kernel/kernel.ts";
import type { NetDevice } from "../../nodes/kernel/netdev.ts";
import { type Args, type Option, option, readOptions, STOP, unbuilt } from "./args.ts";
import { deviceNamed, type Ip } from "./context.ts";
import { duplicate, failure, garbage, usage, wrong } from "./exit.ts";
import { type LinkAddress, parseInteger, parseLinkAddress } from "./values.ts";

/** What `ip link add` and `ip link set` say of a device, whatever its kind (ip/iplink.c:iplink_parse). */
export interface LinkRequest {
  /** The device that is meant, or its name to be. */
  dev?: string;
  /** Its new name. */
  name?: string;
  /** The device below it. */
  link?: string;
  up?: boolean;
  address?: LinkAddress;
  broadcast?: LinkAddress;
  mtu?: number;
  txqueuelen?: number;
  group?: number;
  alias?: string;
  /** null: none. */
  master?: NetDevice | null;
  netns?: Kernel;
  promisc?: boolean;
  allmulticast?: boolean;
  multicast?: boolean;
  arp?: boolean;
  /** The word behind `type`; what follows it is left unread. */
  type?: string;
}

interface Draft extends LinkRequest {
  readonly ip: Ip;
  /** `dev` was set by `name`: another device may still be named. */
  devIsName: boolean;
}

const ALIAS_MAX = 255;
const NAME_MAX = 15;

/** Whether the kernel takes it for a device's name (lib/utils.c:check_ifname). */
export const isDeviceName = (name: string): boolean => name.length <= NAME_MAX && isLongDeviceName(name);
const isLongDeviceName = (name: string): boolean => name !== "" && !/[/\s]/.test(name);

const OPTIONS: readonly Option<Draft>[] = [
  option("=up", (r) => (r.up = true)),
  option("=down", (r) => (r.up = false)),
  option("=name", (r, args) => {
    const name = args.next();
    if (r.name !== undefined) throw duplicate("name", name);
    if (!isDeviceName(name)) throw wrong('"name" not a valid ifname', name);
    r.name = name;
    if (r.dev !== undefined) return;
    r.dev = name;
    r.devIsName = true;
  }),
  unbuilt("=index"),
  option("link", (r, args) => (r.link = args.next())),
  option("address", (r, args) => (r.address = parseLinkAddress(args.next()))),
  option("broadcast|=brd", (r, args) => (r.broadcast = parseLinkAddress(args.next()))),
  option("txqueuelen|=qlen|txqlen", (r, args) => {
    const text = args.next();
    if (r.txqueuelen !== undefined) throw duplicate("txqueuelen", text);
    r.txqueuelen = integer("txqueuelen", text);
  }),
  option("=mtu", (r, args) => {
    const text = args.next();
    if (r.mtu !== undefined) throw duplicate("mtu", text);
    r.mtu = integer("mtu", text);
  }),
  unbuilt("=xdpgeneric|=xdpdrv|=xdpoffload|=xdp"),
  option("=netns", (r, args) => {
    const name = args.next();
    if (r.netns !== undefined) throw duplicate("netns", name);
    const kernel = r.ip.world.kernel(name);
    if (kernel === undefined) throw wrong('Invalid "netns" value\n', name);
    r.netns = kernel;
  }),
  option("=multicast", (r, args) => (r.multicast = onOff("multicast", args.next()))),
  option("=allmulticast", (r, args) => (r.allmulticast = onOff("allmulticast", args.next()))),
  option("=promisc", (r, args) => (r.promisc = onOff("promisc", args.next()))),
  unbuilt("=trailers"),
  option("=arp", (r, args) => (r.arp = onOff("arp", args.next()))),
  unbuilt("=carrier|=vf"),
  option("master", (r, args) => {
    const name = args.next();
    const master = r.ip.kernel.device(name);
    if (master === undefined) throw wrong("Device does not exist\n", name);
    r.master = master;
  }),
  unbuilt("=vrf"),
  option("nomaster", (r) => (r.master = null)),
  unbuilt("dynamic"),
  option("type", (r, args) => {
    r.type = args.next();
    return STOP;
  }),
  option("alias", (r, args) => {
    const alias = args.next();
    if (alias.length > ALIAS_MAX) throw wrong("alias too long\n", alias);
    r.alias = alias;
  }),
  option("=group", (r, args) => {
    const text = args.next();
    if (r.group !== undefined) throw duplicate("group", text);
    r.group = parseGroup(text);
  }),
  unbuilt("=mode|=state|numtxqueues|numrxqueues|addrgenmode|link-netns|link-netnsid|=protodown|=protodown_reason"),
  unbuilt("=gso_max_size|=gso_max_segs|=gro_max_size|=parentdev"),
];

/** Reads up to the end, or up to and with `type KIND`. */
export function readLinkRequest(ip: Ip, args: Args, creating: boolean): LinkRequest {
  const r: Draft = { ip, devIsName: false };
  readOptions(args, OPTIONS, r, readDevice);
  if (r.name === undefined) r.name = r.dev;
  if (r.dev !== undefined && r.address !== undefined && !creating) checkOctets(ip, r.dev, r.address.octets);
  if (r.group !== undefined && r.dev === undefined) return checkGroupRequest(r, args, creating);
  if (!creating) {
    if (r.dev === undefined) throw usage('Not enough information: "dev" argument is required.');
    deviceNamed(ip, r.dev);
    if (r.name === r.dev) r.name = undefined;
  } else {
    if (r.name !== r.dev) throw usage('both "name" and "dev" cannot be used when creating devices.');
    if (r.link !== undefined) deviceNamed(ip, r.link);
  }
  return r;
}

/** A word that is no option is the device. */
function readDevice(r: Draft, args: Args): void {
  if (args.abbreviates("help")) throw usage(LINK_USAGE);
  if (args.is("dev")) args.next();
  if (r.dev !== undefined && !r.devIsName) throw garbage("dev", args.word);
  if (!isLongDeviceName(args.word)) throw wrong('"dev" not a valid ifname', args.word);
  r.dev = args.word;
  r.devIsName = false;
}

function checkOctets(ip: Ip, name: string, octets: number): void {
  const dev = ip.kernel.device(name);
  const needed = dev?.kind === "gre" ? 4 : 6;
  if (dev !== undefined && octets !== needed) {
    throw failure(`Invalid address length ${octets} - must be ${needed} bytes`);
  }
}

/** `ip link set group G …`: every device of the group is meant. */
function checkGroupRequest(r: Draft, args: Args, creating: boolean): LinkRequest {
  if (args.more) throw usage(`Garbage instead of arguments "${args.word} ...". Try "ip link help".`);
  if (creating) throw usage("group cannot be used when creating devices.");
  r.type = undefined;
  return r;
}

/** A group of devices: `default` or a number. */
export function parseGroup(text: string): number {
  const group = text === "default" ? 0 : parseInteger(text);
  if (group === undefined || group < 0) throw wrong('Invalid "group" value\n', text);
  return group;
}

function integer(what: string, text: string): number {
  const value = parseInteger(text);
  if (value === undefined) throw wrong(`Invalid "${what}" value\n`, text);
  return value;
}

/** `on` or `off` (ip/iplink.c:on_off). */
export function onOff(what: string, text: string): boolean {
  if (text === "on" || text === "off") return text === "on";
  throw failure(`Error: argument of "${what}" must be "on" or "off", not "${text}"`);
}

export const LINK_USAGE = [
  "Usage: ip link add [ link DEV ] [ name ] NAME [ mtu MTU ] [ address LLADDR ] [ txqueuelen PACKETS ]",
  "                   [ netns NAME ] type TYPE [ ARGS ]",
  "       ip link delete { DEVICE | dev DEVICE | group GROUP }",
  "       ip link set { DEVICE | dev DEVICE | group GROUP } [ { up | down } ] [ type TYPE ARGS ]",
  "                   [ { arp | multicast | allmulticast | promisc } { on | off } ] [ txqueuelen PACKETS ]",
  "                   [ name NEWNAME ] [ address LLADDR ] [ broadcast LLADDR ] [ mtu MTU ] [ netns NAME ] [ alias NAME ]",
  "                   [ group GROUP ] [ master DEVICE | nomaster ]",
  "       ip link show [ DEVICE | group GROUP ] [ up ] [ master DEVICE | nomaster ] [ type TYPE ]",
  "TYPE := { bridge | bridge_slave | dummy | geneve | gre | gretap | veth | vlan | vxlan }",
].join("\n");
