import type { Ipv4 } from "../../../core/addr.ts";
import { type Nanos, S } from "../../../core/time.ts";
import type { NextHop, RouteInfo } from "../fib/route.ts";
import type { Kernel } from "../kernel.ts";
import { DST_FORWARD, type Dst } from "./dst.ts";

/** What was learnt of the way to one destination: its MTU, or a better gateway (`struct fib_nh_exception`). */
export interface PathException {
  /** 0: not learnt. */
  mtu: number;
  /** The path's MTU is below `min_pmtu`: fragment instead of sending DF. */
  locked: boolean;
  /** 0: not learnt. */
  gateway: Ipv4;
  expiresAt: Nanos;
  /** The routes for which it was learnt, and the way out that the gateway replaces: it says nothing of others. */
  info: RouteInfo | undefined;
  hop: NextHop | null;
}

/** Destinations remembered; the oldest goes when one more is learnt (FNHE_HASH_SIZE × FNHE_RECLAIM_DEPTH on Linux). */
const EXCEPTIONS_MAX = 2048 * 5;
/** How long a redirect is obeyed (`net.ipv4.route.gc_timeout`). */
const REDIRECT_LIFE: Nanos = 300 * S;

/** The learnt exceptions of a node. */
export class PathExceptions {
  readonly #kernel: Kernel;
  /** Made when the first one is learnt. */
  #known: Map<Ipv4, PathException> | null = null;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** What is known of the way to `dst` and has not expired. */
  find(dst: Ipv4): PathException | undefined {
    const e = this.#known?.get(dst);
    if (e === undefined || e.expiresAt > this.#kernel.sim.now) return e;
    this.#known?.delete(dst);
    return undefined;
  }

  /**
   * An ICMP message or a tunnel says that `mtu` bytes fit on the way to `dst`, which is `d` (net/ipv4/route.c:__ip_rt_update_pmtu).
   * An MTU that is larger than the one in use is not believed.
   */
  learnMtu(dst: Ipv4, mtu: number, d: Dst = this.#kernel.ipv4.routes.output(dst, 0, 0, 0, 0)): void {
    const { sysctl, sim } = this.#kernel;
    if (d.type !== DST_FORWARD || d.mtuLocked || d.mtu < mtu) return;
    const locked = mtu < sysctl.min_pmtu;
    const life = sysctl.mtu_expires_s * S;
    const e = this.#current(dst, d);
    const fits = locked ? sysctl.min_pmtu : mtu;
    if (e.mtu === fits && !locked && e.expiresAt - sim.now > life / 2) return;
    this.#learn(dst, { ...e, mtu: fits, locked, expiresAt: sim.now + life });
  }

  /** What leaves by `d` should go to `gateway` (net/ipv4/route.c:__ip_do_redirect). */
  learnGateway(d: Dst, gateway: Ipv4): void {
    const dst = d.keyDst >>> 0;
    const e = this.#current(dst, d);
    this.#learn(dst, { ...e, gateway, hop: d.hop, expiresAt: this.#kernel.sim.now + REDIRECT_LIFE });
  }

  /** What is known and has not expired, with the destination, the oldest first. */
  *entries(): Generator<readonly [Ipv4, PathException]> {
    for (const [dst, e] of this.#known ?? []) if (e.expiresAt > this.#kernel.sim.now) yield [dst, e];
  }

  /** `ip route flush cache`. */
  flush(): void {
    this.#known = null;
    this.#kernel.ipv4.routes.invalidate();
  }

  /** What is known already, as far as it was learnt for the same routes. */
  #current(dst: Ipv4, d: Dst): PathException {
    const known = this.find(dst);
    const info = d.route?.info;
    if (known !== undefined && known.info === info) return known;
    return { mtu: 0, locked: false, gateway: 0, expiresAt: 0, info, hop: null };
  }

  #learn(dst: Ipv4, e: PathException): void {
    this.#known ??= new Map();
    this.#known.delete(dst);
    this.#known.set(dst, e);
    if (this.#known.size > EXCEPTIONS_MAX) this.#known.delete(this.#known.keys().next().value as Ipv4);
    this.#kernel.ipv4.routes.invalidate();
  }
}
