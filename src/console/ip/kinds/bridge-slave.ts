import { BridgePort, type PortSettings } from "../../../nodes/kernel/dev/bridge-port.ts";
import { type Args, abbreviates, type Option, option, readOptions, unbuilt } from "../args.ts";
import type { Ip } from "../context.ts";
import { answer, failure } from "../exit.ts";
import { bridgeIdText, putTimer } from "./bridge-text.ts";
import { hex, type LinkKind, unsignedOr } from "./kind.ts";

type Draft = { -readonly [K in keyof PortSettings]?: PortSettings[K] } & { fdb_flush?: boolean };
type Flag =
  | "hairpin"
  | "guard"
  | "root_block"
  | "learning"
  | "flood"
  | "mcast_flood"
  | "bcast_flood"
  | "isolated"
  | "locked";

const flag = (name: Flag): Option<Draft> => option(name, (s, args) => (s[name] = onOff(name, args.next())));

const OPTIONS: readonly Option<Draft>[] = [
  option("fdb_flush", (s) => (s.fdb_flush = true)),
  option("state", (s, args) => (s.state = unsignedOr("state is invalid", args.next(), 0xff))),
  option("priority", (s, args) => (s.priority = unsignedOr("priority is invalid", args.next(), 0xffff))),
  option("cost", (s, args) => (s.cost = unsignedOr("cost is invalid", args.next(), 0xffff_ffff))),
  flag("hairpin"),
  flag("guard"),
  flag("root_block"),
  unbuilt("fastleave", "bridge_slave: "),
  flag("learning"),
  flag("flood"),
  flag("mcast_flood"),
  flag("bcast_flood"),
  unbuilt("mcast_to_unicast|proxy_arp|proxy_arp_wifi|mcast_router|mcast_fast_leave|neigh_suppress", "bridge_slave: "),
  option("group_fwd_mask", (s, args) => {
    s.group_fwd_mask = unsignedOr("invalid group_fwd_mask", args.next(), 0xffff);
  }),
  unbuilt("vlan_tunnel", "bridge_slave: "),
  flag("isolated"),
  flag("locked"),
  unbuilt("backup_port|nobackup_port", "bridge_slave: "),
];

/** lib/utils.c:parse_on_off: abbreviations count, and `o` is off. */
function onOff(name: string, text: string): boolean {
  if (abbreviates(text, "off")) return false;
  if (abbreviates(text, "on")) return true;
  throw failure(`Error: argument of "${name}" must be one of "off", "on", not "${text}"`);
}

const USAGE = [
  "Usage: ... bridge_slave [ state STATE ] [ priority PRIORITY ] [ cost COST ] [ group_fwd_mask MASK ] [ fdb_flush ]",
  "                        [ { hairpin | guard | root_block | learning | flood | mcast_flood | bcast_flood |",
  "                            isolated | locked } { on | off } ]",
].join("\n");

/** A port of a bridge (ip/iplink_bridge_slave.c). */
export const bridgeSlave: LinkKind = {
  change(_, dev, args) {
    const settings = read(args);
    const port = dev.rxHandler as BridgePort;
    answer(port.change(settings));
    if (settings.fdb_flush) port.bridge.fdb.flushPort(port);
  },
  put(ip, dev) {
    if (dev.rxHandler instanceof BridgePort) put(ip, dev.rxHandler);
  },
  usage: USAGE,
};

function read(args: Args): Draft {
  const settings: Draft = {};
  readOptions(args, OPTIONS, settings, (_, words) => {
    if (words.abbreviates("help")) throw failure(USAGE);
    throw failure(`bridge_slave: unknown option "${words.word}"?`);
  });
  return settings;
}

/** What Linux calls the groups that a port can be told to forward. */
const GROUP_NAMES: Readonly<Record<number, string>> = { 0: "stp", 2: "lacp", 14: "lldp" };

function groupNames(mask: number): string {
  const bits = Array.from({ length: 16 }, (_, i) => i).filter((i) => (mask & (1 << i)) !== 0);
  return bits.length === 0 ? "0x0" : bits.map((i) => GROUP_NAMES[i] ?? hex(1 << i)).join(",");
}

function put(ip: Ip, port: BridgePort): void {
  const { out } = ip;
  const tree = port.bridge.stp.portStatus(port);
  const show = (key: string, value: number | string): void => out.put(key, value, `${key} ${value} `);
  const flag = (key: string, on: boolean): void => out.put(key, on, `${key} ${on ? "on" : "off"} `);
  show("state", port.stateName);
  show("priority", port.priority);
  show("cost", port.pathCost);
  flag("hairpin", port.hairpin);
  flag("guard", port.guard);
  flag("root_block", port.rootBlock);
  flag("fastleave", false);
  flag("learning", port.learning);
  flag("flood", port.flood);
  out.put("id", hex(tree.id), `port_id ${hex(tree.id)} `);
  out.put("no", hex(port.number), `port_no ${hex(port.number)} `);
  show("designated_port", tree.designatedPort);
  show("designated_cost", tree.designatedCost & 0xffff);
  const designated = bridgeIdText(tree.designatedBridge);
  out.put("bridge_id", designated, `designated_bridge ${designated} `);
  const root = bridgeIdText(tree.designatedRoot);
  out.put("root_id", root, `designated_root ${root} `);
  putTimer(out, "hold_timer", tree.holdTimer);
  putTimer(out, "message_age_timer", tree.messageAgeTimer);
  putTimer(out, "forward_delay_timer", tree.forwardDelayTimer);
  show("topology_change_ack", tree.topologyChangeAck ? 1 : 0);
  show("config_pending", tree.configPending ? 1 : 0);
  flag("proxy_arp", false);
  flag("proxy_arp_wifi", false);
  out.text("mcast_fast_leave off ");
  flag("mcast_flood", port.mcastFlood);
  flag("bcast_flood", port.bcastFlood);
  flag("mcast_to_unicast", false);
  flag("neigh_suppress", false);
  out.put("group_fwd_mask", hex(port.groupFwdMask), `group_fwd_mask ${hex(port.groupFwdMask)} `);
  show("group_fwd_mask_str", groupNames(port.groupFwdMask));
  flag("vlan_tunnel", false);
  flag("isolated", port.isolated);
  flag("locked", port.locked);
}
