import type { Ipv4, Mac } from "../../../core/addr.ts";
import { done, type Outcome, refused } from "../../../core/errno.ts";
import type { Nanos } from "../../../core/time.ts";
import type { Kernel } from "../kernel.ts";
import type { NetDevice } from "../netdev.ts";
import { BridgeDevice } from "./bridge.ts";
import { BridgePort } from "./bridge-port.ts";
import { addDeviceMac, deleteDeviceMac, deviceMacs, isEthernet } from "./device-fdb.ts";
import type { FdbEntry } from "./fdb-entry.ts";
import { VxlanDevice } from "./vxlan.ts";
import type { VxlanFdbOptions } from "./vxlan-fdb.ts";

/** Requests about forwarding tables, whoever's: `bridge fdb` (net/core/rtnetlink.c:rtnl_fdb_add and its like). */

/** How long an entry lives. */
export type FdbState = "permanent" | "static" | "dynamic";

/** Where a request goes: the device's own table, that of the bridge whose port it is, or both. */
export interface FdbTarget {
  readonly self: boolean;
  readonly master: boolean;
}

/** An entry to be added or deleted. What the table has no use for is ignored, as on Linux. */
export interface FdbRequest extends FdbTarget {
  readonly mac: Mac;
  /** Undefined: without one, and in every VLAN of the port. */
  readonly vid: number | undefined;
  readonly state: FdbState;
  readonly sticky: boolean;
  readonly use: boolean;
  readonly external: boolean;
  /** Of a VXLAN device's entries. */
  readonly dst: Ipv4 | undefined;
  readonly port: number | undefined;
  readonly vni: number | undefined;
  readonly via: string | undefined;
}

/** Which entries to flush; what is undefined does not matter. */
export interface FdbFlush extends FdbTarget {
  readonly vid: number | undefined;
  readonly brport: NetDevice | undefined;
  readonly permanent: boolean | undefined;
  /** `static` or `permanent`: does not age. */
  readonly static: boolean | undefined;
  readonly user: boolean | undefined;
  readonly external: boolean | undefined;
  readonly sticky: boolean | undefined;
  readonly offloaded: boolean | undefined;
}

/** One line of `bridge fdb show`. */
export interface FdbRow {
  readonly mac: Mac;
  readonly dev: NetDevice;
  /** The bridge in whose table it stands; undefined: in the device's own. */
  readonly master: NetDevice | undefined;
  /** 0: none. */
  readonly vid: number;
  readonly state: FdbState;
  readonly external: boolean;
  readonly offloaded: boolean;
  readonly sticky: boolean;
  /** Where a VXLAN device sends it; port and VNI where they are not the device's own. */
  readonly dst: Ipv4 | undefined;
  readonly port: number | undefined;
  readonly vni: number | undefined;
  readonly via: NetDevice | undefined;
  /** Since it was last used, and confirmed; undefined where nobody counts. */
  readonly usedNs: Nanos | undefined;
  readonly updatedNs: Nanos | undefined;
}

const VID_MAX = 4095;

/** net/core/rtnetlink.c:rtnl_fdb_add. */
export function addFdb(dev: NetDevice, r: FdbRequest, mode: "add" | "append" | "replace"): Outcome {
  if (!isEthernet(dev)) return refused("EINVAL", "FDB add only supported for Ethernet devices");
  return change(dev, r, {
    bridge: (bridge, port) => bridge.fdb.add(port, bridgeRequest(r, mode)),
    vxlan: (vxlan) => vxlan.fdb[mode](r.mac, vxlanOptions(r)),
    own: () => addDeviceMac(dev, r.mac, mode === "add"),
  });
}

/** net/core/rtnetlink.c:rtnl_fdb_del. */
export function deleteFdb(dev: NetDevice, r: FdbRequest): Outcome {
  if (!isEthernet(dev)) return refused("EINVAL", "FDB delete only supported for Ethernet devices");
  return change(dev, r, {
    bridge: (bridge, port) => bridge.fdb.delete(port, r.mac, r.vid ?? 0),
    vxlan: (vxlan) => vxlan.fdb.remove(r.mac, vxlanOptions(r)),
    own: () => deleteDeviceMac(dev, r.mac),
  });
}

/** Does one thing to one table: of a bridge (`port` null: what is for the bridge itself), of a VXLAN device, of another one. */
interface Change {
  readonly bridge: (bridge: BridgeDevice, port: BridgePort | null) => Outcome;
  readonly vxlan: (vxlan: VxlanDevice) => Outcome;
  readonly own: () => Outcome;
}

/** The bridge first, then the device itself; the first refusal ends it. */
function change(dev: NetDevice, r: FdbRequest, to: Change): Outcome {
  if (r.vid !== undefined && !(r.vid > 0 && r.vid < VID_MAX)) return refused("EINVAL", "invalid vlan id");
  const port = dev.rxHandler;
  let outcome: Outcome = refused("EOPNOTSUPP");
  if (r.master && port instanceof BridgePort) {
    outcome = to.bridge(port.bridge, port);
    if (!outcome.ok) return outcome;
  }
  if (!r.self) return outcome;
  if (dev instanceof BridgeDevice) return to.bridge(dev, null);
  if (dev instanceof VxlanDevice) return to.vxlan(dev);
  return r.state === "permanent" && r.vid === undefined ? to.own() : refused("EINVAL");
}

const bridgeRequest = (r: FdbRequest, mode: "add" | "append" | "replace") => ({
  mac: r.mac,
  vid: r.vid ?? 0,
  kind: r.state,
  mode,
  sticky: r.sticky,
  use: r.use,
  external: r.external,
});

const vxlanOptions = (r: FdbRequest): VxlanFdbOptions => ({
  ...(r.dst === undefined ? {} : { dst: r.dst }),
  ...(r.port === undefined ? {} : { port: r.port }),
  ...(r.vni === undefined ? {} : { vni: r.vni }),
  ...(r.via === undefined ? {} : { via: r.via }),
  state: r.state,
  external: r.external,
  sticky: r.sticky,
});

/** `bridge fdb flush`: all that fits, addresses of this machine and what was added by hand too. */
export function flushFdb(dev: NetDevice, f: FdbFlush): Outcome {
  const port = dev.rxHandler;
  let outcome: Outcome = refused("EOPNOTSUPP");
  if (f.master && port instanceof BridgePort) {
    outcome = flushBridge(port.bridge, port.dev, f);
    if (!outcome.ok) return outcome;
  }
  if (!f.self) return outcome;
  if (dev instanceof BridgeDevice) return flushBridge(dev, undefined, f);
  if (dev instanceof VxlanDevice) return flushVxlan(dev, f);
  return refused("EOPNOTSUPP");
}

/** net/bridge/br_fdb.c:br_fdb_delete_bulk. `of`: the port by which the bridge was named. */
function flushBridge(bridge: BridgeDevice, of: NetDevice | undefined, f: FdbFlush): Outcome {
  if (f.vid !== undefined && !(f.vid > 0 && f.vid < VID_MAX)) return refused("ERANGE", "integer out of range");
  const { brport } = f;
  if (brport !== undefined) {
    if (brport instanceof BridgeDevice) {
      const other = "bridge: Flush bridge device does not match target bridge device";
      if (brport !== bridge) return refused("EINVAL", other);
    } else if (!(brport.rxHandler instanceof BridgePort)) {
      return refused("EINVAL", "bridge: Flush device is not a bridge or bridge port");
    } else if (brport.master !== bridge) {
      return refused("EINVAL", "bridge: Port belongs to a different bridge device");
    }
  }
  const only = brport ?? of;
  bridge.fdb.flushWhere(
    (e) =>
      (f.vid === undefined || e.vid === f.vid) &&
      (only === undefined || only === (e.port?.dev ?? bridge)) &&
      fits(f.permanent, e.local) &&
      fits(f.static, e.static) &&
      fits(f.user, e.user) &&
      fits(f.external, e.external) &&
      fits(f.sticky, e.sticky) &&
      fits(f.offloaded, e.offloaded),
  );
  return done;
}

/** drivers/net/vxlan/vxlan_core.c:vxlan_fdb_delete_bulk. */
function flushVxlan(vxlan: VxlanDevice, f: FdbFlush): Outcome {
  if (f.vid !== undefined) return refused("EINVAL", "Unsupported attribute");
  if (f.user !== undefined || f.sticky !== undefined) {
    return refused("EINVAL", "Unsupported fdb flush ndm flag bits set");
  }
  if (f.brport !== undefined) return refused("EOPNOTSUPP", '"brport" of a VXLAN device is not built');
  vxlan.fdb.flushWhere(
    (e) =>
      fits(f.permanent, e.state === "permanent") &&
      fits(f.static, e.state !== "dynamic") &&
      fits(f.external, e.external) &&
      fits(f.offloaded, false),
  );
  return done;
}

const fits = (wanted: boolean | undefined, is: boolean): boolean => wanted === undefined || wanted === is;

/**
 * net/core/rtnetlink.c:rtnl_fdb_dump: every table's entries, device by device: what its bridge has for it, then its own. `bridge`
 * leaves what belongs to that one, `only` what belongs to that device.
 */
export function* dumpFdb(kernel: Kernel, bridge?: NetDevice, only?: NetDevice): Generator<FdbRow> {
  const tables = new Map<BridgeDevice, Map<NetDevice, FdbEntry[]>>();
  for (const dev of kernel.devices()) {
    if (only !== undefined && dev !== only) continue;
    const { master } = dev;
    if (bridge !== undefined && master !== bridge && !(dev === bridge && dev instanceof BridgeDevice)) continue;
    if (master instanceof BridgeDevice) yield* bridgeRows(master, dev, tables);
    if (dev instanceof VxlanDevice) yield* vxlanRows(dev);
    else for (const mac of deviceMacs(dev)) yield { ...PLAIN, mac, dev };
    if (dev instanceof BridgeDevice) yield* bridgeRows(dev, dev, tables);
  }
}

/** What a bridge has for a port, or for itself. */
function* bridgeRows(
  bridge: BridgeDevice,
  dev: NetDevice,
  tables: Map<BridgeDevice, Map<NetDevice, FdbEntry[]>>,
): Generator<FdbRow> {
  let table = tables.get(bridge);
  if (table === undefined) {
    table = new Map();
    tables.set(bridge, table);
    for (const e of bridge.fdb.entries()) {
      const of = e.port?.dev ?? bridge;
      const list = table.get(of);
      if (list === undefined) table.set(of, [e]);
      else list.push(e);
    }
  }
  for (const e of table.get(dev) ?? []) yield bridgeRow(bridge, e);
}

const bridgeRow = (bridge: BridgeDevice, e: FdbEntry): FdbRow => ({
  ...PLAIN,
  mac: e.mac,
  dev: e.port?.dev ?? bridge,
  master: bridge,
  vid: e.vid,
  state: e.local ? "permanent" : e.static ? "static" : "dynamic",
  external: e.external,
  offloaded: e.offloaded,
  sticky: e.sticky,
  usedNs: e.usedNs,
  updatedNs: e.updatedNs,
});

function* vxlanRows(dev: VxlanDevice): Generator<FdbRow> {
  const { now } = dev.kernel.sim;
  for (const row of dev.fdb.rows()) {
    const { ip, port, vni, ifindex } = row.to;
    yield {
      ...PLAIN,
      mac: row.mac,
      dev,
      state: row.state,
      external: row.external,
      sticky: row.sticky,
      dst: ip === 0 ? undefined : ip,
      port: port === dev.dstport ? undefined : port,
      vni: vni === dev.vni ? undefined : vni,
      via: dev.kernel.deviceByIndex(ifindex),
      usedNs: now - row.usedAt,
      updatedNs: now - row.updatedAt,
    };
  }
}

/** An entry of a device's own, without anything. */
const PLAIN = {
  master: undefined,
  vid: 0,
  state: "permanent",
  external: false,
  offloaded: false,
  sticky: false,
  dst: undefined,
  port: undefined,
  vni: undefined,
  via: undefined,
  usedNs: undefined,
  updatedNs: undefined,
} as const;
