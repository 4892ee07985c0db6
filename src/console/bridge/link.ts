import { refused } from "../../core/errno.ts";
import { BridgePort, type PortSettings, STATE_NAMES } from "../../nodes/kernel/dev/bridge-port.ts";
import { Args, type Option, option, readOptions } from "../ip/args.ts";
import { duplicate, usage } from "../ip/exit.ts";
import { linkFlags, lowerLink } from "../ip/link-facts.ts";
import { answer, type Bridge, bridgeNamed, deviceNamed, integer, notBuilt, onOff, unknown } from "./context.ts";

/** `bridge link` (bridge/link.c:do_link). */
export function link(b: Bridge, args: Args): void {
  if (!args.more) return show(b, args);
  const rest = new Args(args.rest.slice(1));
  if (args.abbreviates("set", "change")) return set(b, rest);
  if (args.abbreviates("show", "lst", "list")) return show(b, rest);
  if (args.abbreviates("help")) throw usage(USAGE);
  throw usage(`Command "${args.word}" is unknown, try "bridge link help".`);
}

interface Draft {
  dev?: string;
  self: boolean;
  master: boolean;
  readonly settings: { -readonly [K in keyof PortSettings]?: PortSettings[K] };
}

type Flag = {
  [K in keyof PortSettings]: PortSettings[K] extends boolean ? K : never;
}[keyof PortSettings];

const flag = (name: Flag): Option<Draft> =>
  option(`=${name}`, (d, args) => {
    d.settings[name] = onOff(args);
  });

const OPTIONS: readonly Option<Draft>[] = [
  option("=dev", (d, args) => {
    d.dev = args.next();
  }),
  ...(["guard", "hairpin", "root_block", "learning", "flood", "mcast_flood", "bcast_flood"] as const).map(flag),
  flag("isolated"),
  flag("locked"),
  option("=cost", (d, args) => {
    const cost = integer(args);
    if (cost > 0) d.settings.cost = cost; // as there, 0 and less change nothing
  }),
  option("=priority", (d, args) => {
    const priority = integer(args);
    if (priority >= 0) d.settings.priority = priority;
  }),
  option("=state", (d, args) => {
    d.settings.state = readState(args.next());
  }),
  option("=self", (d) => {
    d.self = true;
  }),
  option("=master", (d) => {
    d.master = true;
  }),
  option("=fastleave|=learning_sync|=mcast_router|=mcast_to_unicast|=hwmode|=neigh_suppress|=vlan_tunnel", refuse),
  option("=backup_port|=nobackup_port", refuse),
];

function refuse(_: Draft, args: Args): void {
  throw notBuilt(`"${args.word}"`);
}

function readState(text: string): number {
  if (/^[-+]?\d{1,3}$/.test(text)) return Number(text);
  const state = (STATE_NAMES as readonly string[]).indexOf(text);
  if (state < 0) throw usage("Error: invalid STP port state");
  return state;
}

/** bridge/link.c:brlink_modify. */
function set(b: Bridge, args: Args): void {
  const d: Draft = { self: false, master: false, settings: {} };
  readOptions(args, OPTIONS, d, (_, words) => {
    throw words.is("help") ? usage(USAGE) : unknown("link set", words.word);
  });
  if (d.dev === undefined) throw usage("Device is a required argument.");
  const dev = bridgeNamed(b, d.dev);
  // net/core/rtnetlink.c:rtnl_bridge_setlink: no device here has settings of its own
  const port = dev.rxHandler;
  if (d.self && !d.master) return answer(refused("EOPNOTSUPP"));
  answer(port instanceof BridgePort ? port.change(d.settings) : refused("EOPNOTSUPP"));
  if (d.self) answer(refused("EOPNOTSUPP"));
}

/** bridge/link.c:brlink_show. */
function show(b: Bridge, args: Args): void {
  let name: string | undefined;
  for (; args.more; args.step()) {
    if (!args.is("dev")) throw args.is("help") ? usage(USAGE) : unknown("link show", args.word);
    if (name !== undefined) throw duplicate("dev", args.next());
    name = args.next();
  }
  const dev = name === undefined ? undefined : deviceNamed(b, name);
  b.out.begin();
  for (const each of b.kernel.devices()) {
    const port = each.rxHandler;
    if ((dev === undefined || each === dev) && port instanceof BridgePort) putPort(b, port);
  }
  b.out.end();
}

/** bridge/link.c:print_linkinfo. */
function putPort(b: Bridge, port: BridgePort): void {
  const { out } = b;
  const { dev } = port;
  out.object();
  out.put("ifindex", dev.ifindex, `${dev.ifindex}: `);
  const lowerDown = putName(b, port);
  const flags = linkFlags(dev);
  out.array("flags", "<");
  for (const [i, each] of flags.entries()) out.item(each, i === flags.length - 1 ? each : `${each},`);
  if (lowerDown) out.item("M-DOWN", ",M-DOWN");
  out.endArray("> ");
  out.put("mtu", dev.mtu, `mtu ${dev.mtu} `);
  out.put("master", port.bridge.name, `master ${port.bridge.name} `);
  out.put("state", port.stateName, `state ${port.stateName} `);
  out.put("priority", port.priority, `priority ${port.priority} `);
  out.put("cost", port.pathCost, `cost ${port.pathCost} `);
  if (b.details) putDetails(b, port);
  out.text("\n");
  out.endObject();
}

/**
 * The name, and the device below. The bridge tells its number without saying in which namespace, so another end's is looked up
 * in this one (net/bridge/br_netlink.c:br_fill_ifinfo). True: that one is down.
 */
function putName(b: Bridge, { dev }: BridgePort): boolean {
  const { out } = b;
  const below = lowerLink(dev)?.ifindex ?? dev.ifindex;
  if (below === dev.ifindex) {
    out.put("ifname", dev.name, `${dev.name}: `);
    return false;
  }
  const lower = b.kernel.deviceByIndex(below);
  const link = below === 0 ? "NONE" : (lower?.name ?? `if${below}`);
  out.field("link", below === 0 ? null : link);
  out.put("ifname", dev.name, `${dev.name}@${link}: `);
  return below !== 0 && lower?.up === false;
}

/** bridge/link.c:print_protinfo. */
function putDetails(b: Bridge, port: BridgePort): void {
  const { out } = b;
  const put = (key: string, on: boolean): void => out.put(key, on, `${key} ${on ? "on" : "off"} `);
  out.text(`${out.separator}    `);
  put("hairpin", port.hairpin);
  put("guard", port.guard);
  put("root_block", port.rootBlock);
  put("fastleave", false);
  put("learning", port.learning);
  put("flood", port.flood);
  put("mcast_flood", port.mcastFlood);
  put("bcast_flood", port.bcastFlood);
  out.put("mcast_router", 1, "mcast_router 1 ");
  put("mcast_to_unicast", false);
  put("neigh_suppress", false);
  put("vlan_tunnel", false);
  put("isolated", port.isolated);
  put("locked", port.locked);
}

const USAGE = [
  "Usage: bridge link set dev DEV [ cost COST ] [ priority PRIO ] [ state STATE ]",
  "                               [ guard {on | off} ]",
  "                               [ hairpin {on | off} ]",
  "                               [ root_block {on | off} ]",
  "                               [ learning {on | off} ]",
  "                               [ flood {on | off} ]",
  "                               [ mcast_flood {on | off} ]",
  "                               [ bcast_flood {on | off} ]",
  "                               [ isolated {on | off} ]",
  "                               [ locked {on | off} ]",
  "                               [ self ] [ master ]",
  "       bridge link show [dev DEV]",
].join("\n");
