import {
  formatIp,
  formatMac,
  type Ipv4,
  isMulticast,
  LIMITED_BROADCAST,
  type Mac,
  multicastMac,
} from "../../core/addr.ts";
import type { Packet } from "../../core/packet.ts";
import { type Nanos, S } from "../../core/time.ts";
import type { Kernel } from "./kernel.ts";
import { isValid, Neighbour, type NeighState } from "./neigh.ts";
import { NeighCollector } from "./neigh-gc.ts";
import type { NetDevice } from "./netdev.ts";

/** A table that is full is not collected more often than this, nor are entries that changed within it (net/core/neighbour.c:neigh_alloc, neigh_forced_gc). */
const GC_INTERVAL: Nanos = 5 * S;

/** The ARP table of a node: neighbours by device and address, their number bounded as by `gc_thresh1..3`. */
export class NeighTable {
  readonly kernel: Kernel;
  /** Who sends the requests (`arp_solicit`): `packet` is the last that waits, whose source the request may use. */
  solicit: (neighbour: Neighbour, to: Mac, packet: Packet | undefined) => void = () => {};
  gcThresh1 = 128;
  gcThresh2 = 512;
  gcThresh3 = 1024;
  #entries = 0;
  #permanent = 0;
  /** Made when there are enough entries for it. */
  #collector: NeighCollector | null = null;
  #collectedAt: Nanos = Number.NEGATIVE_INFINITY;

  constructor(kernel: Kernel) {
    this.kernel = kernel;
  }

  /** All entries, permanent ones too. */
  get size(): number {
    return this.#entries;
  }

  /** An entry became permanent, which counts against no threshold but the first, or is so no longer. */
  exempted(permanent: boolean): void {
    this.#permanent += permanent ? 1 : -1;
  }

  find(dev: NetDevice, ip: Ipv4): Neighbour | undefined {
    return dev.inet.neighbours?.get(ip);
  }

  /** The neighbour, made if need be; undefined when the table is full. */
  findOrCreate(dev: NetDevice, ip: Ipv4): Neighbour | undefined {
    const known = dev.inet.neighbours?.get(ip);
    if (known !== undefined) return known;
    if (!this.#makeRoom()) return undefined;
    const n = new Neighbour(this, dev, ip);
    dev.inet.neighbours ??= new Map();
    dev.inet.neighbours.set(ip, n);
    this.#entries++;
    if (this.#entries >= this.gcThresh1) (this.#collector ??= new NeighCollector(this)).added();
    const fixed = fixedMac(dev, ip);
    if (fixed !== undefined) {
      n.mac = fixed;
      n.refreshHeader();
      n.state = "noarp";
      n.ready = true;
    }
    return n;
  }

  remove(n: Neighbour): void {
    if (n.dev.inet.neighbours?.get(n.ip) !== n) return;
    n.dev.inet.neighbours.delete(n.ip);
    this.#entries--;
    if (n.state === "permanent") this.#permanent--;
    n.die();
  }

  /** The device went down or changed its address (`neigh_ifdown`, `neigh_changeaddr`); permanent entries stay on a carrier loss. */
  flushDevice(dev: NetDevice, keepPermanent = false): void {
    for (const n of [...(dev.inet.neighbours?.values() ?? [])]) {
      if (!(keepPermanent && n.state === "permanent")) this.remove(n);
    }
  }

  *entries(): Generator<Neighbour> {
    for (const dev of this.kernel.devices()) yield* dev.inet.neighbours?.values() ?? [];
  }

  /** Reachable time is random between half and one and a half of the base (`neigh_rand_reach_time`), drawn per device. */
  reachableNs(dev: NetDevice): Nanos {
    const { inet } = dev;
    if (inet.reachableShare === 0)
      inet.reachableShare = 0.5 + this.kernel.sim.rngOnce(`reachable ${dev.label}`).float();
    return Math.floor(inet.neighParms.baseReachableNs * inet.reachableShare);
  }

  changed(n: Neighbour, from: NeighState): void {
    const { sim, name } = this.kernel;
    if (!sim.trace.on) return;
    sim.trace.emit(sim.now, name, "neigh.state", {
      dev: n.dev.name,
      ip: formatIp(n.ip),
      mac: isValid(n.state) ? formatMac(n.mac) : "",
      from,
      to: n.state,
    });
  }

  /** net/core/neighbour.c:neigh_alloc: collects when the table is large; refuses when that freed nothing. */
  #makeRoom(): boolean {
    const now = this.kernel.sim.now;
    const before = this.#entries - this.#permanent;
    if (before < this.gcThresh3 && (before < this.gcThresh2 || now <= this.#collectedAt + GC_INTERVAL)) return true;
    this.#collectedAt = now;
    for (const n of this.entries()) {
      const idle = n.state === "stale" || n.state === "none";
      if (n.state === "failed" || n.state === "noarp" || (idle && now > n.updatedAt + GC_INTERVAL)) this.remove(n);
      if (this.#entries - this.#permanent < this.gcThresh2) break;
    }
    return this.#entries - this.#permanent < this.gcThresh3;
  }
}

/** Link addresses that need no asking (net/ipv4/arp.c:arp_constructor). */
function fixedMac(dev: NetDevice, ip: Ipv4): Mac | undefined {
  if (dev.headerLength === 0) return 0;
  if (isMulticast(ip)) return multicastMac(ip);
  if (dev.noArp) return dev.mac;
  if (ip === LIMITED_BROADCAST || dev.kernel.addresses.isBroadcast(ip)) return dev.broadcast;
  return undefined;
}
