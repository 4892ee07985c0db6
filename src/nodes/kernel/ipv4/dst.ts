import type { Ipv4 } from "../../../core/addr.ts";
import type { Errno } from "../../../core/errno.ts";
import type { Simulation } from "../../../core/sim.ts";
import { type Nanos, NEVER } from "../../../core/time.ts";
import type { NextHop, Route } from "../fib/route.ts";
import type { Neighbour } from "../neigh.ts";
import type { NetDevice } from "../netdev.ts";

/** What is to be done with a packet (`struct dst_entry`): the answer of the route look-up, kept for the next packet alike. */
export const DST_FORWARD = 1;
export const DST_LOCAL = 2;
export const DST_BROADCAST = 3;
export const DST_MULTICAST = 4;
export const DST_ERROR = 5;
export const DST_MARTIAN_SOURCE = 6;
export const DST_MARTIAN_DESTINATION = 7;
export const DST_RP_FILTER = 8;

/** The bits of the type of service that routing looks at (IPTOS_RT_MASK). */
export const TOS_ROUTING = 0x1c;

/** A time in which nothing changed that a route could depend on: an answer is good while its epoch is not over. */
export class Epoch {
  over = false;
}
const NO_EPOCH = new Epoch();
NO_EPOCH.over = true;

export class Dst {
  // The question it answers: what every packet compares stands first, so that it shares cache lines.
  keyDst = 0;
  keySrc = 0;
  keyIif = 0;
  keyTos = 0;
  keyMark = 0;
  epoch = NO_EPOCH;
  /** Not good for ever: `expiresAt` says how long. */
  expires = false;
  /** More than one next hop and layer-4 hashing: ask again for every packet. */
  perPacket = false;
  type = DST_ERROR;
  /** It goes back where it came from, and its sender should be told a better way (RFC 1812 §5.2.7.2). */
  redirect = false;
  mtu = 1500;
  /** The path's MTU was learnt or locked: never exceeded even by what we send ourselves. */
  mtuLocked = false;
  /** `IP_DF` for datagrams made here, or 0 (net/ipv4/ip_output.c:ip_dont_fragment). */
  df = 0;
  /** TTL of datagrams made here (net/ipv4/route.c:ip4_dst_hoplimit). */
  hopLimit = 0;
  neigh: Neighbour | null = null;
  /** The device it leaves by; the receiving one for what stays here. */
  dev: NetDevice;
  /** Whom to give it to on that device: the gateway, or the destination itself. */
  nextHop: Ipv4 = 0;

  /** Whether `nextHop` is a gateway. */
  viaGateway = false;
  errno: Errno | "" = "";
  /** The source that a packet without one gets. */
  source: Ipv4 = 0;
  route: Route | null = null;
  /** The way of `route` that was chosen. */
  hop: NextHop | null = null;
  /** Table and rule that answered, for `why` and `ip route get`. */
  table = 0;
  rulePriority = 0;
  expiresAt: Nanos = NEVER;

  constructor(dev: NetDevice) {
    this.dev = dev;
  }

  /** Whether the answer is still good at `sim.now`. */
  holds(sim: Simulation): boolean {
    return !this.epoch.over && !this.perPacket && !(this.expires && this.expiresAt <= sim.now);
  }
}
