import { MS, type Nanos, S } from "../../core/time.ts";
import type { Kernel } from "./kernel.ts";
import type { Neighbour } from "./neigh.ts";
import type { NetDevice } from "./netdev.ts";

/** `net.ipv4.conf.<device>`: the settings that change what this stack does, with Linux's defaults. */
export class DeviceConf {
  forwarding = 0;
  rp_filter = 0;
  accept_source_route = 1;
  accept_redirects = 1;
  send_redirects = 1;
  secure_redirects = 1;
  shared_media = 1;
  accept_local = 0;
  route_localnet = 0;
  proxy_arp = 0;
  proxy_arp_pvlan = 0;
  arp_filter = 0;
  arp_announce = 0;
  arp_ignore = 0;
  arp_accept = 0;
  arp_notify = 0;
  drop_gratuitous_arp = 0;
  promote_secondaries = 0;
  ignore_routes_with_linkdown = 0;
}
export type ConfKey = keyof DeviceConf;

/** `net.ipv4.neigh.<device>`: neighbour discovery, with Linux's defaults (`net/ipv4/arp.c:arp_tbl`). */
export class NeighParms {
  baseReachableNs: Nanos = 30 * S;
  delayFirstProbeNs: Nanos = 5 * S;
  retransNs: Nanos = S;
  gcStaleNs: Nanos = 60 * S;
  lockNs: Nanos = S;
  ucastSolicit = 3;
  mcastSolicit = 3;
  mcastResolicit = 0;
  appSolicit = 0;
  unresQueueBytes = 212_992;
  proxyDelayNs: Nanos = 800 * MS;
  proxyQueueLength = 64;
}

/** What the IPv4 layer keeps of a device (`struct in_device`). */
export class InDevice {
  readonly dev: NetDevice;
  readonly conf: DeviceConf;
  readonly neighParms: NeighParms;
  /** Neighbours on this device by address. Made when the first one is. */
  neighbours: Map<number, Neighbour> | null = null;
  /** The drawn part of the reachable time; 0 until the first neighbour answered. */
  reachableShare = 0;
  /** Multicast groups joined on this device, with the number of sockets that did. */
  groups: Map<number, number> | null = null;
  readonly #kernel: Kernel;

  constructor(kernel: Kernel, dev: NetDevice, conf: DeviceConf, neighParms: NeighParms) {
    this.#kernel = kernel;
    this.dev = dev;
    this.conf = conf;
    this.neighParms = neighParms;
  }

  /** IN_DEV_FORWARD. */
  get forwarding(): boolean {
    return this.conf.forwarding !== 0;
  }
  /** IN_DEV_ORCONF: on when `all` or the device says so. */
  or(key: ConfKey): boolean {
    return this.conf[key] !== 0 || this.#kernel.sysctl.all[key] !== 0;
  }
  /** IN_DEV_ANDCONF: on when both say so. */
  and(key: ConfKey): boolean {
    return this.conf[key] !== 0 && this.#kernel.sysctl.all[key] !== 0;
  }
  /** IN_DEV_MAXCONF: the larger of the two. */
  max(key: ConfKey): number {
    return Math.max(this.conf[key], this.#kernel.sysctl.all[key]);
  }
  /** IN_DEV_RX_REDIRECTS: hosts obey when either says so, routers when both do. */
  get acceptsRedirects(): boolean {
    return this.forwarding ? this.and("accept_redirects") : this.or("accept_redirects");
  }
}
