import type { Ipv4 } from "../../../core/addr.ts";
import { dropReason } from "../../../core/drop.ts";
import { PACKET_HOST, type Packet } from "../../../core/packet.ts";
import { dst as ipDst } from "../../../protocols/ipv4/wire.ts";
import { DST_ERROR, type Dst, TOS_ROUTING } from "../ipv4/dst.ts";
import type { Kernel } from "../kernel.ts";
import { ETHERNET_MTU_MIN, type NetDevice } from "../netdev.ts";
import { isIpv4 } from "./inner.ts";

/** What every tunnel device does with a packet that it wraps, whatever it wraps it in. */

export const RECURSION = dropReason("recursion: too many tunnels inside one another");
export const NO_TUNNEL = dropReason("tunnel: no such tunnel");
export const MALFORMED = dropReason("tunnel: malformed header");
export const BAD_CHECKSUM = dropReason("tunnel: bad checksum");
export const OUT_OF_SEQUENCE = dropReason("tunnel: out of sequence");
export const NO_DESTINATION = dropReason("tunnel: no destination");
export const LOOP = dropReason("tunnel: loop");
export const BAD_ECN = dropReason("tunnel: congestion mark on a packet that is not ECN-capable");
export const NO_ROUTE = dropReason("ip: no route");
export const TOO_BIG = dropReason("ip: does not fit and must not be fragmented");

/** Octets of an outer IPv4 header: tunnels send no options. */
export const OUTER_IP = 20;
/** Tunnels inside one another that a packet may pass on one node (include/linux/netdevice.h:XMIT_RECURSION_LIMIT). */
const DEPTH_MAX = 8;
/** What tunnels guess of a lower device that they cannot find. */
const MTU_GUESS = 1500;

/** State that a kernel has once something asks for it (`net_generic`): the tunnels of one kind in one namespace. */
export function perKernel<T>(make: (kernel: Kernel) => T): (kernel: Kernel) => T {
  const known = new WeakMap<Kernel, T>();
  return (kernel) => {
    let state = known.get(kernel);
    if (state === undefined) {
      state = make(kernel);
      known.set(kernel, state);
    }
    return state;
  };
}

/** The route of a tunnel's packets, asked for again when anything could have changed it (`struct dst_cache`). */
export class OuterRoute {
  #known: Dst | null = null;

  /** `local` 0: the route chooses the source. */
  find(kernel: Kernel, remote: Ipv4, local: Ipv4, oif: number, tos: number, mark: number): Dst {
    const d = this.#known;
    const bits = tos & TOS_ROUTING;
    if (d !== null && d.keyTos === bits && d.keyMark === mark && d.holds(kernel.sim)) return d;
    const fresh = kernel.ipv4.routes.output(remote, local, oif, bits, mark);
    this.#known = fresh;
    return fresh;
  }

  /** The end points changed. */
  forget(): void {
    this.#known = null;
  }
}

/** Whether a tunnel may send by `d`. If not, the packet is gone, counted as Linux counts it. */
export function routable(dev: NetDevice, p: Packet, d: Dst): boolean {
  const { stats, kernel } = dev;
  if (d.errno !== "" || d.type === DST_ERROR) {
    stats.txErrors++;
    stats.txCarrierErrors++;
    kernel.drop(p, NO_ROUTE, dev.name);
    return false;
  }
  if (d.dev !== dev) return true;
  stats.txErrors++;
  stats.collisions++;
  kernel.drop(p, LOOP, dev.name);
  return false;
}

/** Counts one more tunnel around the packet. False when that is one too many, and the packet is gone. */
export function descends(dev: NetDevice, p: Packet): boolean {
  if (p.depth < DEPTH_MAX) {
    p.depth++;
    return true;
  }
  dev.stats.txErrors++;
  dev.kernel.drop(p, RECURSION, dev.name);
  return false;
}

/** The packet now is the tunnel's own (net/core/skbuff.c:skb_scrub_packet); mark and priority stay. */
export function scrub(p: Packet): void {
  p.iif = 0;
  p.type = PACKET_HOST;
}

/** Adds to what captures say of the packet. */
export function annotate(p: Packet, text: string): void {
  p.note = p.note === "" ? text : `${p.note}; ${text}`;
}

/**
 * Tells the routes of this node that only `mtu` bytes of the inner packet fit (net/core: skb_dst_update_pmtu_no_confirm).
 * What is forwarded is not told: routers do not look at learnt MTUs, unless `ip_forward_use_pmtu` says so.
 */
export function learnInnerMtu(kernel: Kernel, p: Packet, at: number, type: number, mtu: number): void {
  if (!isIpv4(p, at, type) || (p.iif !== 0 && kernel.sysctl.ip_forward_use_pmtu === 0)) return;
  kernel.ipv4.exceptions.learnMtu(ipDst(p.buf, at), mtu);
}

/** The MTU of the device towards `remote` when a tunnel is made: of the route's, else of the one it is bound to, else a guess. */
export function lowerMtu(kernel: Kernel, remote: Ipv4, local: Ipv4, link: number, tos: number, mark: number): number {
  const d = kernel.ipv4.routes.output(remote, local, link, tos & TOS_ROUTING, mark);
  if (d.errno === "" && d.type !== DST_ERROR) return d.dev.mtu;
  return kernel.deviceByIndex(link)?.mtu ?? MTU_GUESS;
}

/** `mtu` within what a tunnel device takes. */
export const clampMtu = (mtu: number, high: number): number => Math.max(ETHERNET_MTU_MIN, Math.min(mtu, high));
