import type { Ipv4 } from "../../../core/addr.ts";
import { type Nanos, S } from "../../../core/time.ts";
import type { Kernel } from "../kernel.ts";

/** Hosts remembered; the one known longest goes when another is met (net/ipv4/inetpeer.c:inet_peer_threshold). */
const PEERS_MAX = 65_664;
/** A new peer counts as one that was last met so long ago. */
const UNSEEN: Nanos = 60 * S;

/** What is remembered of another host, for limits on what it makes this one do (`struct inet_peer`). */
export class Peer {
  /** Time saved up: every error to it costs some. */
  tokens: Nanos = 0;
  lastAt: Nanos;
  /** Redirects that it was sent and did not heed yet. */
  redirects = 0;
  /** Fragments that came from it. */
  fragments = 0;

  constructor(lastAt: Nanos) {
    this.lastAt = lastAt;
  }

  /** net/ipv4/inetpeer.c:inet_peer_xrlim_allow, with a ceiling on what is saved up. */
  spend(now: Nanos, cost: Nanos, ceiling: Nanos): boolean {
    this.tokens = Math.min(this.tokens + now - this.lastAt, ceiling);
    this.lastAt = now;
    if (this.tokens < cost) return false;
    this.tokens -= cost;
    return true;
  }
}

/** The peers of one node. */
export class Peers {
  readonly #kernel: Kernel;
  #known: Map<Ipv4, Peer> | null = null;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  get size(): number {
    return this.#known?.size ?? 0;
  }

  /** The peer of that address, made if need be. */
  get(address: Ipv4): Peer {
    this.#known ??= new Map();
    const known = this.#known;
    let peer = known.get(address);
    if (peer === undefined) {
      if (known.size >= PEERS_MAX) known.delete(known.keys().next().value as Ipv4);
      peer = new Peer(this.#kernel.sim.now - UNSEEN);
      known.set(address, peer);
    }
    return peer;
  }
}
