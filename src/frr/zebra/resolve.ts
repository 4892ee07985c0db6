import type { Ipv4, Prefix } from "../../core/addr.ts";
import type { ZebraNexthop } from "../zapi.ts";
import type { Nexthop, RibTable, RouteEntry } from "./rib.ts";

/** What the search for a way asks of its surroundings. */
export interface Surroundings {
  readonly main: RibTable;
  /** Whether a device is up and runs. */
  operative(ifname: string): boolean;
  /** `ip nht resolve-via-default`: the default route may resolve gateways. */
  viaDefault(): boolean;
}

/** Finds the ways of a route's next hops (zebra/zebra_nhg.c:nexthop_active). `prefix`: the route's own, which resolves nothing of it. */
export const resolveAll = (around: Surroundings, entry: RouteEntry, prefix: Prefix): readonly Nexthop[] =>
  entry.facts.nexthops.map((h) => resolve(around, h, entry, prefix));

function resolve(around: Surroundings, hop: ZebraNexthop, entry: RouteEntry, prefix: Prefix): Nexthop {
  const base: Nexthop = { ...hop, ifname: hop.ifname ?? "", weight: hop.weight ?? 1, active: false, resolved: [] };
  if (hop.blackhole !== undefined) return { ...base, active: true };
  if ((hop.labels ?? []).length > 0) return base; // MPLS is not built into zebra: a way with labels leads nowhere
  if (hop.gateway === 0 || hop.onlink === true) return { ...base, active: around.operative(base.ifname) };
  if (entry.kind === "kernel") return { ...base, active: around.operative(base.ifname) };
  const match = lookUp(around, hop.gateway, prefix);
  if (match === undefined) return base;
  if (match.kind === "connected" || match.kind === "local") return connected(around, base, match);
  if (!entry.facts.recursive || hop.ifname !== undefined) return base;
  const ways = match.ways();
  if (!match.installed || ways.length === 0) return base;
  const resolved = ways.map((way): Nexthop => ({ ...way, weight: base.weight, resolved: [] }));
  return { ...base, active: true, resolved };
}

/** A gateway on a connected network leaves by that network's device; by another one it cannot. */
function connected(around: Surroundings, base: Nexthop, match: RouteEntry): Nexthop {
  const device = match.nexthops.find((h) => base.ifname === "" || h.ifname === base.ifname);
  if (device === undefined) return base;
  return { ...base, ifname: device.ifname, active: around.operative(device.ifname) };
}

/** The selected route that leads to a gateway: the longest prefix that is not the route's own. */
function lookUp(around: Surroundings, gateway: Ipv4, own: Prefix): RouteEntry | undefined {
  for (const node of around.main.covering(gateway)) {
    const { prefix } = node;
    if (prefix.length === own.length && prefix.address === own.address) continue;
    const best = node.selected;
    if (best === undefined || best.removed) continue;
    if (prefix.length === 0 && !around.viaDefault()) return undefined;
    return best;
  }
  return undefined;
}
