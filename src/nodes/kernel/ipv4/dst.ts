import type { Ipv4 } from "../../../core/addr.ts";
import type { Errno } from "../../../core/errno.ts";
import { type Nanos, NEVER } from "../../../core/time.ts";
import type { Route } from "../fib/route.ts";
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

export class Dst {
  type = DST_ERROR;
  errno: Errno | "" = "";
  /** The device it leaves by; the receiving one for what stays here. */
  dev: NetDevice;
  /** Whom to give it to on that device: the gateway, or the destination itself. */
  nextHop: Ipv4 = 0;
  /** Whether `nextHop` is a gateway. */
  viaGateway = false;
  neigh: Neighbour | null = null;
  mtu = 1500;
  /** The path's MTU was learnt or locked: never exceeded even by what we send ourselves. */
  mtuLocked = false;
  /** The source that a packet without one gets. */
  source: Ipv4 = 0;
  /** It goes back where it came from, and its sender should be told a better way (RFC 1812 §5.2.7.2). */
  redirect = false;
  route: Route | null = null;
  /** More than one next hop and layer-4 hashing: ask again for every packet. */
  perPacket = false;
  /** Table and rule that answered, for `why` and `ip route get`. */
  table = 0;
  rulePriority = 0;
  expiresAt: Nanos = NEVER;

  // The question it answers.
  keyDst = 0;
  keySrc = 0;
  keyIif = 0;
  keyTos = 0;
  keyMark = 0;
  generation = -1;

  constructor(dev: NetDevice) {
    this.dev = dev;
  }
}
