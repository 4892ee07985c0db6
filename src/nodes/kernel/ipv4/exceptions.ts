import type { Ipv4 } from "../../../core/addr.ts";
import { type Nanos, NEVER } from "../../../core/time.ts";
import type { Kernel } from "../kernel.ts";

/** What was learnt of the way to one destination: its MTU, or a better gateway (`struct fib_nh_exception`). */
export interface PathException {
  /** 0: not learnt. */
  mtu: number;
  /** The path's MTU is below `min_pmtu`: fragment instead of sending DF. */
  locked: boolean;
  /** 0: not learnt. */
  gateway: Ipv4;
  expiresAt: Nanos;
}

/** Destinations remembered; the oldest goes when one more is learnt (FNHE_HASH_SIZE × FNHE_RECLAIM_DEPTH on Linux). */
const EXCEPTIONS_MAX = 2048 * 5;

/** The learnt exceptions of a node. */
export class PathExceptions {
  readonly #kernel: Kernel;
  readonly #known = new Map<Ipv4, PathException>();

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** What is known of the way to `dst` and has not expired. */
  find(dst: Ipv4): PathException | undefined {
    if (this.#known.size === 0) return undefined;
    const e = this.#known.get(dst);
    if (e === undefined || e.expiresAt > this.#kernel.sim.now) return e;
    this.#known.delete(dst);
    return undefined;
  }

  /** net/ipv4/route.c:__ip_rt_update_pmtu: an ICMP message or a tunnel says that `mtu` bytes fit on the way to `dst`. */
  learnMtu(dst: Ipv4, mtu: number): void {
    const { sysctl, sim } = this.#kernel;
    const locked = mtu < sysctl.min_pmtu;
    this.#learn(dst, {
      ...this.#current(dst),
      mtu: locked ? sysctl.min_pmtu : mtu,
      locked,
      expiresAt: sim.now + sysctl.mtu_expires_s * 1e9,
    });
  }

  /** net/ipv4/route.c:__ip_do_redirect. */
  learnGateway(dst: Ipv4, gateway: Ipv4): void {
    this.#learn(dst, { ...this.#current(dst), gateway, expiresAt: NEVER });
  }

  /** `ip route flush cache`. */
  flush(): void {
    this.#known.clear();
    this.#kernel.ipv4.routes.invalidate();
  }

  #current(dst: Ipv4): PathException {
    return this.find(dst) ?? { mtu: 0, locked: false, gateway: 0, expiresAt: NEVER };
  }

  #learn(dst: Ipv4, e: PathException): void {
    this.#known.delete(dst);
    this.#known.set(dst, e);
    if (this.#known.size > EXCEPTIONS_MAX) this.#known.delete(this.#known.keys().next().value as Ipv4);
    this.#kernel.ipv4.routes.invalidate();
  }
}
