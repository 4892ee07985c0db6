import { type Ipv4, networkOf, type Prefix } from "../../core/addr.ts";
import type { ZebraNexthop } from "../zapi.ts";
import { AddressSet } from "./address-set.ts";
import { type Nexthop, Resolution, type RibTable, type RouteEntry } from "./rib.ts";

/** What the search for a way asks of its surroundings. */
export interface Surroundings {
  readonly main: RibTable;
  /** Whether a device is up and runs. */
  operative(ifname: string): boolean;
  /** `ip nht resolve-via-default`: the default route may resolve gateways. */
  viaDefault(): boolean;
}

/** Resolutions that are kept, at most. */
const KEPT_MAX = 10_000;

/**
 * Finds where next hops lead (zebra/zebra_nhg.c:nexthop_active), once for all routes that share them. What it found holds until `forget`, or until a
 * route changes that one of the gateways lies behind.
 */
export class Resolver {
  readonly #around: Surroundings;
  readonly #known = new Map<readonly ZebraNexthop[], { readonly of: RouteEntry; readonly resolution: Resolution }>();
  readonly #lists = new Map<string, readonly ZebraNexthop[]>();
  /** Gateways of routes, those of routes that are gone among them. */
  readonly #gateways = new AddressSet();

  constructor(around: Surroundings) {
    this.#around = around;
  }

  /** One list for all that are equal. */
  shared(hops: readonly ZebraNexthop[]): readonly ZebraNexthop[] {
    const key = hops.map(textOf).join();
    const known = this.#lists.get(key);
    if (known !== undefined) return known;
    if (this.#lists.size >= KEPT_MAX) this.#lists.clear();
    this.#lists.set(key, hops);
    for (const h of hops) if (h.gateway !== 0) this.#gateways.add(h.gateway);
    return hops;
  }

  /** Where a route leads. `prefix`: its own, which resolves nothing of it. */
  resolve(entry: RouteEntry, prefix: Prefix): Resolution {
    const { nexthops, recursive } = entry.facts;
    const known = this.#known.get(nexthops);
    const holds = known?.of.kind === entry.kind && known.of.facts.recursive === recursive;
    const own = liesIn(nexthops, prefix);
    if (known !== undefined && holds && !own) return known.resolution;
    const resolution = new Resolution(nexthops.map((h) => resolve(this.#around, h, entry, prefix)));
    if (own) return resolution;
    if (this.#known.size >= KEPT_MAX) this.#known.clear();
    this.#known.set(nexthops, { of: entry, resolution });
    return resolution;
  }

  /** The routes of `prefix` changed. Returns whether gateways lie behind it: what was found does not hold then. */
  changed(prefix: Prefix): boolean {
    if (!this.#gateways.someIn(prefix)) return false;
    this.forget();
    return true;
  }
  /** The gateways behind a prefix. */
  behind(prefix: Prefix): readonly Ipv4[] {
    return this.#gateways.in(prefix);
  }

  /** Nothing that was found holds any longer. */
  forget(): void {
    this.#known.clear();
  }
}

/** Whether the prefix holds one of the gateways. */
function liesIn(hops: readonly ZebraNexthop[], { address, length }: Prefix): boolean {
  for (const h of hops) if (h.gateway !== 0 && networkOf(h.gateway, length) === address) return true;
  return false;
}

const textOf = (h: ZebraNexthop): string =>
  `${h.gateway} ${h.ifname ?? ""} ${h.weight ?? 1} ${h.onlink ?? false} ${h.blackhole ?? ""} ${h.source ?? 0} ${h.labels?.join("/") ?? ""}`;

function resolve(around: Surroundings, hop: ZebraNexthop, entry: RouteEntry, prefix: Prefix): Nexthop {
  const base: Nexthop = { ...hop, ifname: hop.ifname ?? "", weight: hop.weight ?? 1, active: false, resolved: [] };
  if (hop.blackhole !== undefined) return { ...base, active: true };
  if (hop.gateway === 0 || hop.onlink === true) return { ...base, active: around.operative(base.ifname) };
  if (entry.kind === "kernel") return { ...base, active: around.operative(base.ifname) };
  // a route that does not resolve goes on to what is connected (zebra/zebra_nhg.c:nexthop_active)
  const recursive = entry.facts.recursive === true && hop.ifname === undefined;
  const match = lookUp(around, hop.gateway, prefix, recursive);
  if (match === undefined) return base;
  if (isConnected(match)) return connected(around, base, match);
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

const isConnected = ({ kind }: RouteEntry): boolean => kind === "connected" || kind === "local";

/** The selected route that leads to a gateway: the longest prefix that is not the route's own. `any`: not only a connected one. */
function lookUp(around: Surroundings, gateway: Ipv4, own: Prefix, any: boolean): RouteEntry | undefined {
  for (const node of around.main.covering(gateway)) {
    const { prefix } = node;
    if (prefix.length === own.length && prefix.address === own.address) continue;
    const best = node.selected;
    if (best === undefined || best.removed) continue;
    if (prefix.length === 0 && !around.viaDefault()) return undefined;
    if (any || isConnected(best)) return best;
  }
  return undefined;
}
