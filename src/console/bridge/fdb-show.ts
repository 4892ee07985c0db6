import { formatIp, formatMac } from "../../core/addr.ts";
import { type Nanos, S } from "../../core/time.ts";
import { BridgeDevice } from "../../nodes/kernel/dev/bridge.ts";
import { dumpFdb, type FdbRow } from "../../nodes/kernel/dev/fdb-requests.ts";
import { VxlanDevice } from "../../nodes/kernel/dev/vxlan.ts";
import type { NetDevice } from "../../nodes/kernel/netdev.ts";
import { type Args, type Option, option, readOptions } from "../ip/args.ts";
import { duplicate, Exit, usage, wrong } from "../ip/exit.ts";
import { parseUnsigned } from "../ip/values.ts";
import { type Bridge, bridgeNamed, deviceNamed, integer, notBuilt, unknown } from "./context.ts";
import { FDB_USAGE, readAddress, readMac, readVlan } from "./fdb-words.ts";

/** Bits of a neighbour's state (`include/uapi/linux/neighbour.h`: `NUD_…`). */
const REACHABLE = 0x02;
const STALE = 0x04;
const NOARP = 0x40;
const PERMANENT = 0x80;

/** Which entries are wanted; 0: all. */
interface Filter {
  dev?: string;
  br?: string;
  vid: number;
  states: number;
  dynamic: boolean;
}

const OPTIONS: readonly Option<Filter>[] = [
  option("=brport|=dev", (f, args) => {
    f.dev = args.next();
  }),
  option("=br", (f, args) => {
    f.br = args.next();
  }),
  option("=vlan", (f, args) => {
    if (f.vid !== 0) throw duplicate("vlan", args.next());
    f.vid = integer(args);
  }),
  option("=state", (f, args) => {
    f.states |= readState(args.next());
  }),
  option("=dynamic", (f) => {
    f.dynamic = true;
  }),
];

/** `bridge fdb show` (bridge/fdb.c:fdb_show). */
export function showEntries(b: Bridge, args: Args): void {
  const f: Filter = { vid: 0, states: 0, dynamic: false };
  readOptions(args, OPTIONS, f, (_, words) => {
    throw words.abbreviates("help") ? usage(FDB_USAGE) : unknown("fdb show", words.word);
  });
  const bridge = f.br === undefined ? undefined : bridgeNamed(b, f.br);
  const dev = f.dev === undefined ? undefined : deviceNamed(b, f.dev);
  b.out.begin();
  for (const row of dumpFdb(b.kernel, bridge, dev)) if (isWanted(row, f)) putEntry(b, row, dev === undefined);
  b.out.end();
}

function isWanted(row: FdbRow, f: Filter): boolean {
  if (f.states !== 0 && (stateBits(row) & f.states) === 0) return false;
  if (f.vid !== 0 && row.vid !== f.vid) return false;
  return !f.dynamic || row.state !== "permanent";
}

/** A VXLAN device keeps the bits that it was sent: `permanent` and `static` each come with a second one. */
function stateBits(row: FdbRow): number {
  const vxlan = row.master === undefined && row.dev instanceof VxlanDevice;
  if (row.state === "permanent") return vxlan ? PERMANENT | NOARP : PERMANENT;
  if (row.state === "static") return vxlan ? NOARP | REACHABLE : NOARP;
  return REACHABLE;
}

/** bridge/fdb.c:state_a2n. */
function readState(text: string): number {
  const is = (...names: string[]): boolean => text !== "" && names.some((name) => name.startsWith(text));
  if (is("permanent")) return PERMANENT;
  if (is("static", "temp")) return NOARP;
  if (is("stale")) return STALE;
  if (is("reachable", "dynamic")) return REACHABLE;
  if (text === "all") return 0xffff;
  const bits = parseUnsigned(text, 0xffff);
  if (bits === undefined) throw wrong("invalid state", text);
  return bits;
}

/** bridge/fdb.c:print_fdb. `named`: the device is told. */
function putEntry(b: Bridge, row: FdbRow, named: boolean): void {
  const { out } = b;
  out.object();
  out.put("mac", formatMac(row.mac), `${formatMac(row.mac)} `);
  if (named) out.put("ifname", row.dev.name, `dev ${row.dev.name} `);
  if (row.dst !== undefined) out.put("dst", formatIp(row.dst), `dst ${formatIp(row.dst)} `);
  if (row.vid !== 0) out.put("vlan", row.vid, `vlan ${row.vid} `);
  if (row.port !== undefined) out.put("port", row.port, `port ${row.port} `);
  if (row.vni !== undefined) out.put("vni", row.vni, `vni ${row.vni} `);
  if (row.via !== undefined) out.put("viaIf", row.via.name, `via ${row.via.name} `);
  if (b.stats && row.usedNs !== undefined && row.updatedNs !== undefined) {
    const [used, updated] = [wholeSeconds(row.usedNs), wholeSeconds(row.updatedNs)];
    out.field("used", used);
    out.field("updated", updated);
    out.text(`used ${used}/${updated} `);
  }
  out.array("flags");
  for (const flag of flagsOf(row)) out.item(flag, `${flag} `);
  out.endArray();
  if (row.master !== undefined) out.put("master", row.master.name, `master ${row.master.name} `);
  const state = row.state === "dynamic" ? "" : row.state;
  out.put("state", state, `${state}\n`);
  out.endObject();
}

const wholeSeconds = (span: Nanos): number => Math.floor(span / S);

const flagsOf = (row: FdbRow): string[] => [
  ...(row.master === undefined ? ["self"] : []),
  ...(row.external ? ["extern_learn"] : []),
  ...(row.offloaded ? ["offload"] : []),
  ...(row.sticky ? ["sticky"] : []),
];

interface Get {
  dev?: string;
  br?: string;
  address?: string;
  vid?: number;
  self: boolean;
  master: boolean;
}

const GET_OPTIONS: readonly Option<Get>[] = [
  option("=brport|=dev", (g, args) => {
    g.dev = args.next();
  }),
  option("=br", (g, args) => {
    g.br = args.next();
  }),
  option("=vni", () => {
    throw notBuilt('"vni" of fdb get');
  }),
  option("=self", (g) => {
    g.self = true;
  }),
  option("master", (g) => {
    g.master = true;
  }),
  option("vlan", (g, args) => {
    g.vid = readVlan(args, g.vid);
  }),
  option("dynamic", () => {
    throw notBuilt('"dynamic" of fdb get');
  }),
];

/** `bridge fdb get` (bridge/fdb.c:fdb_get). */
export function getEntry(b: Bridge, args: Args): void {
  const g: Get = { self: false, master: false };
  readOptions(args, GET_OPTIONS, g, (get, words) => {
    get.address = readAddress(words, get.address);
  });
  if ((g.dev === undefined && g.br === undefined) || g.address === undefined) {
    throw usage("Device or master and address are required arguments.");
  }
  const mac = readMac(g.address);
  const dev = g.dev === undefined ? undefined : deviceNamed(b, g.dev);
  const bridge = g.br === undefined ? undefined : bridgeNamed(b, g.br);
  const table = tableOf(dev, bridge, g);
  const found = [...dumpFdb(b.kernel, table instanceof BridgeDevice ? table : undefined)].find(
    (row) =>
      row.mac === mac &&
      (table instanceof BridgeDevice ? row.master === table : row.master === undefined && row.dev === table) &&
      row.vid === (g.vid ?? 0),
  );
  if (found === undefined) throw refusal("Fdb entry not found");
  b.out.begin();
  putEntry(b, found, true);
  b.out.end();
}

/** The device whose table is asked (net/core/rtnetlink.c:rtnl_fdb_get). */
function tableOf(dev: NetDevice | undefined, bridge: NetDevice | undefined, g: Get): NetDevice {
  if (dev !== undefined && bridge !== undefined) throw refusal("Master and device are mutually exclusive");
  let table = bridge ?? dev;
  if (dev !== undefined && (g.master || !g.self)) {
    table = dev.master;
    if (table === undefined) throw refusal("Device is not a bridge port");
  }
  if (table instanceof BridgeDevice || table instanceof VxlanDevice) return table;
  throw refusal("Fdb get operation not supported by device");
}

/** Status 254 (-2). */
const refusal = (why: string): Exit => new Exit(254, `Error: ${why}.`);
