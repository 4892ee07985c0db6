import type { Ipv4 } from "../../../core/addr.ts";
import { MS, type Nanos, S } from "../../../core/time.ts";
import { ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED } from "../../../protocols/icmp/wire.ts";
import type { Kernel } from "../kernel.ts";

/** The bucket is filled no more often than so (net/ipv4/icmp.c:icmp_global_allow, HZ / 50). */
const REFILL: Nanos = 20 * MS;
/** What may be saved up for one destination, in messages. */
const BURST_FACTOR = 6; // net/ipv4/inetpeer.c:XRLIM_BURST_FACTOR

/** How many messages a node may send: in all, and to one destination (RFC 1812 §4.3.2.8). */
export class IcmpLimits {
  readonly #kernel: Kernel;
  #credit = 0;
  #filledAt: Nanos = -S;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** Whether a message of this kind is limited at all; `type` is at most 18 (`icmpv4_mask_allow`). */
  applies(type: number, code: number): boolean {
    if (type === ICMP_DEST_UNREACH && code === ICMP_FRAG_NEEDED) return false;
    return ((1 << type) & this.#kernel.sysctl.icmp_ratemask) !== 0;
  }

  /** Whether the node may send one more now; what it sends it has to `consume` (net/ipv4/icmp.c:icmp_global_allow). */
  global(): boolean {
    if (this.#credit > 0) return true;
    const { sim, sysctl } = this.#kernel;
    const span = Math.min(sim.now - this.#filledAt, S);
    if (span < REFILL) return false;
    const more = Math.floor((sysctl.icmp_msgs_per_sec * span) / S);
    if (more === 0) return false;
    this.#filledAt = sim.now;
    this.#credit = Math.min(this.#credit + more, sysctl.icmp_msgs_burst);
    return true;
  }

  /** A message costs one credit on average, and 0 to 2 in fact, so that nobody can count others' messages. */
  consume(): void {
    this.#credit -= this.#kernel.sim.rng(`icmp ${this.#kernel.name}`).int(3);
  }

  /** Whether one more may go to `dst` (net/ipv4/icmp.c:icmpv4_xrlim_allow). */
  destination(dst: Ipv4): boolean {
    const { ipv4, sim, sysctl } = this.#kernel;
    const cost = sysctl.icmp_ratelimit * MS;
    return cost === 0 || ipv4.peers.get(dst).spend(sim.now, cost, BURST_FACTOR * cost);
  }

  /** Whether `source` is told once more that its packet has no route: a limit beside the others (net/ipv4/route.c:ip_error). */
  unroutable(source: Ipv4): boolean {
    const { ipv4, sim, sysctl } = this.#kernel;
    return ipv4.peers.get(source).spend(sim.now, sysctl.route_error_cost_ms * MS, sysctl.route_error_burst_ms * MS);
  }
}
