import type { Ipv4 } from "../../core/addr.ts";
import type { NexthopState, RouteKind, ZebraNexthop, ZebraSession } from "../../frr/zapi.ts";
import type { NextHop } from "./rib.ts";

const NO_WAYS: readonly ZebraNexthop[] = [];

/** The next hop of what this router announces itself. */
export const SELF: NextHop = {
  ...{ address: 0, valid: true, metric: 0, uses: 0, connected: false, ways: NO_WAYS },
};

/** The next hops of all paths, as zebra says they are reached (bgpd/bgp_nht.c). */
export class NextHops {
  readonly #byKey = new Map<number, NextHop>();
  readonly #loops = new Map<Ipv4, NextHop>();
  readonly #states = new Map<Ipv4, NexthopState>();
  readonly #watched = new Map<Ipv4, number>();
  readonly #zebra: () => ZebraSession | undefined;
  readonly #changed: (nextHop: NextHop) => void;

  /** `changed` is told of every next hop that is reached in another way now. */
  constructor(zebra: () => ZebraSession | undefined, changed: (nextHop: NextHop) => void) {
    this.#zebra = zebra;
    this.#changed = changed;
  }

  /** The next hop of that address, made if need be. `connected`: only over a connected network. Give it back with `release`. */
  hold(address: Ipv4, connected: boolean): NextHop {
    if (address === 0) return SELF;
    const key = address * 2 + (connected ? 1 : 0);
    const known = this.#byKey.get(key);
    if (known !== undefined) {
      known.uses++;
      return known;
    }
    const made: NextHop = { address, valid: false, metric: 0, uses: 1, connected, ways: NO_WAYS };
    this.#byKey.set(key, made);
    const watchers = this.#watched.get(address) ?? 0;
    this.#watched.set(address, watchers + 1);
    if (watchers === 0) this.#zebra()?.watchNexthop(address, true);
    const state = this.#states.get(address);
    if (state !== undefined) apply(made, state);
    return made;
  }
  /** The next hop of a route to itself, which leads nowhere (bgpd/bgp_nht.c:bgp_find_or_add_nexthop). */
  loop(address: Ipv4): NextHop {
    const known = this.#loops.get(address);
    if (known !== undefined) return known;
    const uses = Number.POSITIVE_INFINITY;
    const made: NextHop = { address, valid: false, metric: 0, uses, connected: false, ways: NO_WAYS };
    this.#loops.set(address, made);
    return made;
  }
  /** A path, or a neighbour, no longer uses it. */
  release(nextHop: NextHop): void {
    if (nextHop === SELF || --nextHop.uses > 0) return;
    const { address } = nextHop;
    this.#byKey.delete(address * 2 + (nextHop.connected ? 1 : 0));
    const watchers = (this.#watched.get(address) ?? 1) - 1;
    if (watchers > 0) {
      this.#watched.set(address, watchers);
      return;
    }
    this.#watched.delete(address);
    this.#states.delete(address);
    this.#zebra()?.watchNexthop(address, false);
  }

  /** zebra has something new of an address. Returns whether it is reached in another way now. */
  told(state: NexthopState): boolean {
    if (!this.#watched.has(state.address)) return false;
    this.#states.set(state.address, state);
    let changed = false;
    for (const connected of [0, 1]) {
      const nextHop = this.#byKey.get(state.address * 2 + connected);
      if (nextHop === undefined || !apply(nextHop, state)) continue;
      changed = true;
      this.#changed(nextHop);
    }
    return changed;
  }
  /** zebra is there, and has heard of none of them. */
  watchAll(): void {
    for (const address of this.#watched.keys()) this.#zebra()?.watchNexthop(address, true);
  }
  all(): Iterable<NextHop> {
    return this.#byKey.values();
  }
  stateOf(address: Ipv4): NexthopState | undefined {
    return this.#states.get(address);
  }
}

/** Takes over what zebra says; false: it was known. */
function apply(n: NextHop, s: NexthopState): boolean {
  const valid = s.nexthops.length > 0 && (!n.connected || isConnected(s));
  const metric = valid ? s.metric : 0;
  const same = n.valid === valid && n.metric === metric && sameWays(n.ways, s.nexthops);
  n.valid = valid;
  n.metric = metric;
  n.ways = s.nexthops;
  return !same;
}
const isConnected = (s: NexthopState): boolean => isDirect(s.kind);
/** What counts as direct where only that will do (zebra/zebra_rnh.c:rnh_check_re_nexthops). */
export const isDirect = (kind: RouteKind | undefined): boolean =>
  kind === "connected" || kind === "local" || kind === "static";
const sameWays = (a: readonly ZebraNexthop[], b: readonly ZebraNexthop[]): boolean =>
  a.length === b.length && a.every((w, i) => w.gateway === b[i]?.gateway && w.ifname === b[i]?.ifname);
