import { formatMac } from "../../../core/addr.ts";
import { addBridge, BridgeDevice } from "../../../nodes/kernel/dev/bridge.ts";
import { type BridgeSettings, bridgeSettings, changeBridge } from "../../../nodes/kernel/dev/bridge-settings.ts";
import { type Args, type Option, option, readOptions, unbuilt } from "../args.ts";
import type { Ip } from "../context.ts";
import { answer, failure } from "../exit.ts";
import { parseLinkAddress } from "../values.ts";
import { bridgeIdText, putTimer } from "./bridge-text.ts";
import { hex, type LinkKind, unknownOption, unsignedOr } from "./kind.ts";
import { readVlanProtocol } from "./vlan-protocol.ts";

type Draft = { -readonly [K in keyof BridgeSettings]?: BridgeSettings[K] } & { fdb_flush?: boolean };

const U8 = 0xff;
const U16 = 0xffff;
const U32 = 0xffff_ffff;

/** A number from 0 to `max` under its name. */
const number = (
  name:
    | "forward_delay"
    | "hello_time"
    | "max_age"
    | "ageing_time"
    | "priority"
    | "group_fwd_mask"
    | "vlan_default_pvid",
  max: number,
) => option<Draft>(name, (s, args) => (s[name] = unsignedOr(`invalid ${name}`, args.next(), max)));
/** A switch, 0 or anything else, under its name. */
const flag = (
  pattern: string,
  name: "stp_state" | "vlan_filtering" | "no_linklocal_learn" | "mcast_snooping",
  max: number,
) => option<Draft>(pattern, (s, args) => (s[name] = unsignedOr(`invalid ${name}`, args.next(), max) === 0 ? 0 : 1));

const OPTIONS: readonly Option<Draft>[] = [
  number("forward_delay", U32),
  number("hello_time", U32),
  number("max_age", U32),
  number("ageing_time", U32),
  flag("stp_state", "stp_state", U32),
  number("priority", U16),
  flag("vlan_filtering", "vlan_filtering", U8),
  option("vlan_protocol", (s, args) => (s.vlan_protocol = readVlanProtocol("invalid vlan_protocol", args.next()))),
  number("group_fwd_mask", U16),
  option("group_address", (s, args) => (s.group_address = formatMac(parseLinkAddress(args.next()).value))),
  flag("=no_linklocal_learn", "no_linklocal_learn", U8),
  option("fdb_flush", (s) => (s.fdb_flush = true)),
  number("vlan_default_pvid", U16),
  unbuilt("vlan_stats_enabled|vlan_stats_per_port|mcast_router", "bridge: "),
  flag("mcast_snooping", "mcast_snooping", U8),
  unbuilt("=mcast_vlan_snooping|mcast_query_use_ifaddr|mcast_querier|mcast_hash_elasticity|mcast_hash_max", "bridge: "),
  unbuilt("mcast_last_member_count|mcast_startup_query_count|mcast_last_member_interval", "bridge: "),
  unbuilt("mcast_membership_interval|mcast_querier_interval|mcast_query_interval", "bridge: "),
  unbuilt("mcast_query_response_interval|mcast_startup_query_interval|mcast_stats_enabled", "bridge: "),
  unbuilt("mcast_igmp_version|mcast_mld_version|nf_call_iptables|nf_call_ip6tables|nf_call_arptables", "bridge: "),
];

const USAGE = [
  "Usage: ... bridge [ forward_delay CENTISECONDS ] [ hello_time CENTISECONDS ] [ max_age CENTISECONDS ]",
  "                  [ ageing_time CENTISECONDS ] [ stp_state { 0 | 1 } ] [ priority PRIORITY ]",
  "                  [ vlan_filtering { 0 | 1 } ] [ vlan_protocol { 802.1Q | 802.1ad } ] [ vlan_default_pvid VID ]",
  "                  [ group_fwd_mask MASK ] [ group_address ADDRESS ] [ no_linklocal_learn { 0 | 1 } ]",
  "                  [ mcast_snooping 0 ] [ fdb_flush ]",
].join("\n");

/** A learning bridge (ip/iplink_bridge.c). */
export const bridge: LinkKind = {
  add(_, request, args) {
    const settings = read(args);
    return (kernel) => {
      const dev = answer(addBridge(kernel, request.name ?? "bridge%d"));
      const set = changeBridge(dev, settings);
      if (!set.ok) kernel.unregister(dev);
      answer(set);
      return dev;
    };
  },
  change(_, dev, args) {
    const settings = read(args);
    answer(changeBridge(dev as BridgeDevice, settings));
    if (settings.fdb_flush) (dev as BridgeDevice).fdb.flush();
  },
  put(ip, dev) {
    if (dev instanceof BridgeDevice) put(ip, dev);
  },
  usage: USAGE,
};

function read(args: Args): Draft {
  const settings: Draft = {};
  readOptions(args, OPTIONS, settings, (_, words) => {
    if (words.abbreviates("help")) throw failure(USAGE);
    throw unknownOption("bridge", words.word);
  });
  return settings;
}

/** What a kernel without multicast snooping and bridge netfilter shows; the root is the root, not the bridge itself. */
function put(ip: Ip, dev: BridgeDevice): void {
  const { out } = ip;
  const s = bridgeSettings(dev);
  const tree = dev.stp.status();
  const show = (key: string, value: number | string): void => out.put(key, value, `${key} ${value} `);
  show("forward_delay", s.forward_delay);
  show("hello_time", s.hello_time);
  show("max_age", s.max_age);
  show("ageing_time", s.ageing_time);
  show("stp_state", s.stp_state);
  show("priority", s.priority);
  show("vlan_filtering", s.vlan_filtering);
  show("vlan_protocol", s.vlan_protocol);
  show("bridge_id", bridgeIdText(tree.id));
  const root = bridgeIdText(tree.root);
  out.put("root_id", root, `designated_root ${root} `);
  show("root_port", tree.rootPort);
  show("root_path_cost", tree.rootCost);
  show("topology_change", tree.topologyChange ? 1 : 0);
  show("topology_change_detected", tree.topologyChangeDetected ? 1 : 0);
  putTimer(out, "hello_timer", tree.helloTimer);
  putTimer(out, "tcn_timer", tree.tcnTimer);
  putTimer(out, "topology_change_timer", tree.topologyChangeTimer);
  putTimer(out, "gc_timer", dev.fdb.sweepNs);
  show("vlan_default_pvid", s.vlan_default_pvid);
  show("vlan_stats_enabled", 0);
  show("vlan_stats_per_port", 0);
  out.put("group_fwd_mask", hex(s.group_fwd_mask), `group_fwd_mask ${hex(s.group_fwd_mask)} `);
  out.put("group_addr", s.group_address, `group_address ${s.group_address} `);
  show("no_linklocal_learn", s.no_linklocal_learn);
  show("mcast_vlan_snooping", 0);
}
