import type { Ipv4 } from "../../../core/addr.ts";
import { sameEncap } from "./encap.ts";
import type { FibHost } from "./host.ts";
import { METRIC_NAMES, type NextHop, type RouteInfo, SCOPE_NOWHERE, TABLE_MAIN } from "./route.ts";

/** What happens to a device, with what it does to the ways over it (net/ipv4/fib_semantics.c:fib_sync_down_dev). */
export type DownEvent = "carrier" | "down" | "last-address" | "removed";

/** All ways out that any route of this host uses, each kept once; devices' events change them here. */
export class InfoStore {
  /** Chains by hash, a power of two of them. */
  #buckets: (RouteInfo | null)[] = [null, null, null, null];
  #count = 0;
  readonly #host: FibHost;
  /** How many have several next hops. */
  multipath = 0;

  constructor(host: FibHost) {
    this.#host = host;
  }

  /** The info equal to `fresh`, which becomes the known one when there is none yet (`fib_find_info`). Counts a user. */
  share(fresh: RouteInfo): RouteInfo {
    for (let info = this.#buckets[this.#slot(fresh)] ?? null; info !== null; info = info.chain) {
      if (!equal(info, fresh)) continue;
      info.users++;
      return info;
    }
    fresh.users = 1;
    if (++this.#count > this.#buckets.length) this.#grow();
    this.#link(fresh);
    if (fresh.bounds !== null) this.multipath++;
    this.#rebalance(fresh);
    return fresh;
  }

  /** One user less; the last one takes the info along. */
  release(info: RouteInfo): void {
    if (--info.users > 0) return;
    const slot = this.#slot(info);
    let before = this.#buckets[slot] as RouteInfo;
    if (before === info) this.#buckets[slot] = info.chain;
    else {
      while (before.chain !== info) before = before.chain as RouteInfo;
      before.chain = info.chain;
    }
    info.chain = null;
    this.#count--;
    if (info.bounds !== null) this.multipath--;
  }

  /** The device is going. True when some route has no way left, and a flush is due. */
  down(ifindex: number, event: DownEvent): boolean {
    const force = event === "last-address" || event === "removed";
    let flush = false;
    this.#overDevice(ifindex, (info) => {
      let dead = 0;
      for (const hop of info.nexthops) {
        if (hop.dead) dead++;
        else if (hop.ifindex === ifindex && (force || hop.scope !== SCOPE_NOWHERE)) {
          if (event !== "carrier") hop.dead = true;
          hop.linkdown = true;
          dead++;
        }
        // A device that is gone takes all of a multipath route with it.
        if (event === "removed" && hop.ifindex === ifindex) dead = info.nexthops.length;
        if (dead === info.nexthops.length) break;
      }
      if (dead === info.nexthops.length) {
        if (event !== "carrier") info.dead = flush = true;
        info.linkdown = true;
      }
      this.#rebalance(info);
    });
    return flush;
  }

  /** The device is back, or has its carrier back: dead ways over it live again (net/ipv4/fib_semantics.c:fib_sync_up). */
  up(ifindex: number, event: "up" | "carrier"): void {
    const device = this.#host.device(ifindex);
    if (device === undefined || !device.up) return;
    const carrier = event === "carrier" || device.carrier;
    this.#overDevice(ifindex, (info) => {
      let alive = 0;
      for (const hop of info.nexthops) {
        const ails = (event === "up" && hop.dead) || (carrier && hop.linkdown);
        if (ails && hop.ifindex === ifindex) {
          if (event === "up") hop.dead = false;
          if (carrier) hop.linkdown = false;
        } else if (ails) continue;
        alive++;
      }
      if (alive > 0) {
        if (event === "up") info.dead = false;
        if (carrier) info.linkdown = false;
      }
      this.#rebalance(info);
    });
  }

  /** An address of this host is gone: routes of table main that prefer it as source die (`fib_sync_down_addr`). */
  addressRemoved(address: Ipv4): boolean {
    let flush = false;
    for (const info of this.#all()) {
      if (info.prefsrc === address && address !== 0 && info.table === TABLE_MAIN) info.dead = flush = true;
    }
    return flush;
  }

  /** Shares out the 31-bit hash space by weight among the ways that live (`fib_rebalance`). */
  #rebalance(info: RouteInfo): void {
    if (info.bounds === null) return;
    let total = 0;
    for (const hop of info.nexthops) if (this.#usable(hop)) total += hop.weight;
    let weight = 0;
    for (const [i, hop] of info.nexthops.entries()) {
      if (this.#usable(hop)) weight += hop.weight;
      info.bounds[i] = this.#usable(hop) ? Math.floor((weight * 2 ** 31 + Math.floor(total / 2)) / total) - 1 : -1;
    }
  }

  #usable(hop: NextHop): boolean {
    return !hop.dead && !(hop.linkdown && this.#host.ignoresLinkdown?.(hop.ifindex));
  }

  #overDevice(ifindex: number, visit: (info: RouteInfo) => void): void {
    for (const info of this.#all()) if (info.nexthops.some((hop) => hop.ifindex === ifindex)) visit(info);
  }

  #all(): RouteInfo[] {
    const all: RouteInfo[] = [];
    for (const first of this.#buckets) for (let info = first; info !== null; info = info.chain) all.push(info);
    return all;
  }

  #slot(info: RouteInfo): number {
    return hashOf(info) & (this.#buckets.length - 1);
  }

  #link(info: RouteInfo): void {
    const slot = this.#slot(info);
    info.chain = this.#buckets[slot] as RouteInfo | null;
    this.#buckets[slot] = info;
  }

  #grow(): void {
    const all = this.#all();
    this.#buckets = new Array(this.#buckets.length * 2).fill(null);
    for (const info of all) this.#link(info);
  }
}

function hashOf(info: RouteInfo): number {
  let hash = info.nexthops.length ^ (info.protocol << 8) ^ info.scope ^ info.prefsrc ^ info.metric ^ (info.table << 16);
  for (const hop of info.nexthops) hash = Math.imul(hash, 31) ^ hop.ifindex ^ hop.gateway;
  return Math.imul(hash, 0x9e3779b1) >>> 8;
}

/** Alike but for what devices' states make of them. */
function equal(a: RouteInfo, b: RouteInfo): boolean {
  return (
    a.type === b.type &&
    a.table === b.table &&
    a.scope === b.scope &&
    a.protocol === b.protocol &&
    a.metric === b.metric &&
    a.prefsrc === b.prefsrc &&
    a.nexthops.length === b.nexthops.length &&
    a.nexthops.every((hop, i) => sameHop(hop, b.nexthops[i] as NextHop)) &&
    (a.metrics === b.metrics || METRIC_NAMES.every((name) => a.metrics[name] === b.metrics[name]))
  );
}

const sameHop = (a: NextHop, b: NextHop): boolean =>
  a.ifindex === b.ifindex &&
  a.gateway === b.gateway &&
  a.weight === b.weight &&
  a.onlink === b.onlink &&
  a.scope === b.scope &&
  sameEncap(a.encap, b.encap);
