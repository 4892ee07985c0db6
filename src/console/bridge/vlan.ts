import { type Outcome, refused } from "../../core/errno.ts";
import { BridgeDevice } from "../../nodes/kernel/dev/bridge.ts";
import { BridgePort } from "../../nodes/kernel/dev/bridge-port.ts";
import { addVlan, deleteVlan, type PortVlan } from "../../nodes/kernel/dev/bridge-vlan.ts";
import type { NetDevice } from "../../nodes/kernel/netdev.ts";
import { Args, type Option, option, readOptions } from "../ip/args.ts";
import { duplicate, usage, wrong } from "../ip/exit.ts";
import { answer, type Bridge, bridgeNamed, deviceNamed, integer, notBuilt, unknown } from "./context.ts";

const VIDS = 4096;
const NAME_WIDTH = 16;
const ID_WIDTH = 9;

/** `bridge vlan` (bridge/vlan.c:do_vlan). */
export function vlan(b: Bridge, args: Args): void {
  if (!args.more) return show(b, args);
  const rest = new Args(args.rest.slice(1));
  if (args.abbreviates("add")) return modify(b, rest, "add");
  if (args.abbreviates("delete")) return modify(b, rest, "del");
  if (args.abbreviates("show", "lst", "list")) return show(b, rest);
  if (args.abbreviates("tunnelshow", "set") || args.is("global")) throw notBuilt(`bridge vlan ${args.word}`);
  if (args.abbreviates("help")) throw usage(USAGE);
  throw usage(`Command "${args.word}" is unknown, try "bridge vlan help".`);
}

interface Draft {
  dev?: string;
  first: number;
  /** −1: one VLAN alone. */
  last: number;
  self: boolean;
  master: boolean;
  pvid: boolean;
  untagged: boolean;
}

const OPTIONS: readonly Option<Draft>[] = [
  option("=dev", (d, args) => {
    d.dev = args.next();
  }),
  option("=vid", (d, args) => {
    const m = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(args.next());
    if (m === null) throw wrong("invalid vid", args.word);
    d.first = Number(m[1]);
    d.last = m[2] === undefined ? -1 : Number(m[2]);
  }),
  option("=self", (d) => {
    d.self = true;
  }),
  option("=master", (d) => {
    d.master = true;
  }),
  option("=pvid", (d) => {
    d.pvid = true;
  }),
  option("=untagged", (d) => {
    d.untagged = true;
  }),
  option("=tunnel_info", () => {
    throw notBuilt('"tunnel_info"');
  }),
];

/** bridge/vlan.c:vlan_modify. */
function modify(b: Bridge, args: Args, what: "add" | "del"): void {
  const flags = { self: false, master: false, pvid: false, untagged: false };
  const d: Draft = { first: -1, last: -1, ...flags };
  readOptions(args, OPTIONS, d, (_, words) => {
    throw words.abbreviates("help") ? usage(USAGE) : unknown(`vlan ${what}`, words.word);
  });
  if (d.dev === undefined || d.first === -1) throw usage("Device and VLAN ID are required arguments.");
  const dev = bridgeNamed(b, d.dev);
  if (d.first >= VIDS) throw usage(`Invalid VLAN ID "${d.first}"`);
  if (d.last !== -1) {
    if (d.last >= VIDS || d.first >= d.last) throw usage(`Invalid VLAN range "${d.first}-${d.last}"`);
    if (d.pvid) throw usage("pvid cannot be configured for a vlan range");
  }
  const change = (bridge: BridgeDevice, port: BridgePort | null): Outcome => {
    for (let vid = d.first; vid <= Math.max(d.first, d.last); vid++) {
      const done = what === "add" ? addVlan(bridge, port, vid, d) : deleteVlan(bridge, port, vid);
      if (!done.ok) return done;
    }
    return { ok: true, value: undefined };
  };
  // net/core/rtnetlink.c:rtnl_bridge_setlink
  const port = dev.rxHandler;
  if (d.master || !d.self) answer(port instanceof BridgePort ? change(port.bridge, port) : refused("EOPNOTSUPP"));
  if (d.self) answer(dev instanceof BridgeDevice ? change(dev, null) : refused("EOPNOTSUPP"));
}

/** VLANs of neighbouring numbers that are alike in all that is told of them. */
interface Range {
  readonly first: PortVlan;
  readonly last: number;
}

/** bridge/vlan.c:vlan_show. */
function show(b: Bridge, args: Args): void {
  let name: string | undefined;
  let vid = 0;
  for (; args.more; args.step()) {
    if (args.is("dev")) {
      if (name !== undefined) throw duplicate("dev", args.next());
      name = args.next();
    } else if (args.is("vid")) {
      if (vid !== 0) throw duplicate("vid", args.next());
      vid = integer(args);
    } else throw args.is("help") ? usage(USAGE) : unknown("vlan show", args.word);
  }
  const only = name === undefined ? undefined : deviceNamed(b, name);
  if (b.stats) throw notBuilt("-statistics of VLANs");
  const { out } = b;
  out.begin();
  out.text(`${"port".padEnd(NAME_WIDTH)}  ${"vlan-id".padEnd(ID_WIDTH)}\n`);
  for (const dev of b.kernel.devices()) {
    if (only !== undefined && dev !== only) continue;
    for (const list of groupsOf(dev)) {
      const ranges = rangesOf(list, b.compress || b.details);
      putPort(b, dev, vid === 0 ? ranges : ranges.filter((r) => r.first.vid <= vid && vid <= r.last));
    }
  }
  out.end();
}

/** The VLANs that a device has as a port, and as a bridge. */
function groupsOf(dev: NetDevice): (readonly PortVlan[])[] {
  const groups: (readonly PortVlan[])[] = [];
  if (dev.rxHandler instanceof BridgePort) groups.push(dev.rxHandler.vlans.list());
  if (dev instanceof BridgeDevice) groups.push(dev.ownVlans.list());
  return groups;
}

/** net/bridge/br_netlink.c:br_fill_ifvlaninfo_compressed. */
function rangesOf(list: readonly PortVlan[], compress: boolean): Range[] {
  const ranges: Range[] = [];
  for (const each of list) {
    const before = ranges.at(-1);
    const joins =
      compress &&
      before !== undefined &&
      each.vid === before.last + 1 &&
      each.untagged === before.first.untagged &&
      !each.pvid &&
      !before.first.pvid;
    if (joins) ranges[ranges.length - 1] = { first: before.first, last: each.vid };
    else ranges.push({ first: each, last: each.vid });
  }
  return ranges;
}

/** bridge/vlan.c:print_vlan_info, and with `-d` print_vlan_opts. */
function putPort(b: Bridge, dev: NetDevice, ranges: readonly Range[]): void {
  if (ranges.length === 0) return;
  const { out } = b;
  out.object();
  out.put("ifname", dev.name, `${dev.name.padEnd(NAME_WIDTH)}  `);
  out.array("vlans");
  for (const [i, { first, last }] of ranges.entries()) {
    if (i > 0) out.text(`${" ".repeat(NAME_WIDTH)}  `);
    out.object();
    out.put("vlan", first.vid, String(first.vid));
    if (last !== first.vid) out.put("vlanEnd", last, `-${last}`);
    putFlags(b, first);
    if (b.details) {
      out.newline();
      out.text(`${" ".repeat(NAME_WIDTH)}    `);
      out.put("state", "forwarding", "state forwarding ");
      out.put("mcast_router", 1, "mcast_router 1 ");
    }
    out.endObject();
    out.newline();
  }
  out.endArray();
  out.endObject();
}

function putFlags(b: Bridge, { pvid, untagged }: PortVlan): void {
  if (!pvid && !untagged) return;
  b.out.array("flags");
  if (pvid) b.out.item("PVID", " PVID");
  if (untagged) b.out.item("Egress Untagged", " Egress Untagged");
  b.out.endArray();
}

const USAGE = [
  "Usage: bridge vlan { add | del } vid VLAN_ID[-VLAN_ID] dev DEV [ pvid ] [ untagged ] [ self ] [ master ]",
  "       bridge vlan { show } [ dev DEV ] [ vid VLAN_ID ]",
].join("\n");
