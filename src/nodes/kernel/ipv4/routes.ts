import { ANY, type Ipv4, isLoopback, isMulticast, LIMITED_BROADCAST } from "../../../core/addr.ts";
import type { Errno } from "../../../core/errno.ts";
import { NEVER } from "../../../core/time.ts";
import { IP_DF } from "../../../protocols/ipv4/wire.ts";
import { ENTRY } from "../../../protocols/mpls/wire.ts";
import { type NextHop, SCOPE_GLOBAL, SCOPE_HOST, SCOPE_LINK } from "../fib/route.ts";
import type { Flow } from "../fib/rules.ts";
import { FibResult } from "../fib/search.ts";
import type { Kernel } from "../kernel.ts";
import type { NetDevice } from "../netdev.ts";
import {
  DST_BROADCAST,
  DST_ERROR,
  DST_FORWARD,
  DST_LOCAL,
  DST_MARTIAN_DESTINATION,
  DST_MARTIAN_SOURCE,
  DST_MULTICAST,
  DST_RP_FILTER,
  Dst,
  Epoch,
} from "./dst.ts";

const SLOTS_MIN = 8;
const SLOTS_MAX = 32_768;

/**
 * Route look-ups with Linux's checks around them (net/ipv4/route.c), and their answers kept in a cache of two slots a question.
 * An answer holds while nothing that could change it changed: until its epoch is over.
 */
export class Routes {
  /** Since the last change of addresses, routes, rules, settings and devices. */
  #epoch = new Epoch();
  readonly #kernel: Kernel;
  #slots: (Dst | null)[] = new Array(SLOTS_MIN).fill(null);
  #evictions = 0;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** Everything that was looked up may be wrong now. */
  invalidate(): void {
    this.#epoch.over = true;
    this.#epoch = new Epoch();
  }

  /** Where a packet that came in by `dev` goes (`ip_route_input`). */
  input(dst: Ipv4, src: Ipv4, dev: NetDevice, tos: number, mark: number): Dst {
    const d = this.#cached(dst | 0, src | 0, dev.ifindex, tos, mark);
    if (d !== null) return d;
    const fresh = this.#slot(dst | 0, src | 0, dev.ifindex, tos, mark, dev);
    this.#resolveInput(fresh, dst >>> 0, src >>> 0, dev, tos, mark);
    return fresh;
  }

  /** Where a packet made here goes (`ip_route_output_key`). `src` 0: none chosen yet; `oif` 0: by any device. */
  output(dst: Ipv4, src: Ipv4, oif: number, tos: number, mark: number): Dst {
    const d = this.#cached(dst | 0, src | 0, ~oif, tos, mark);
    if (d !== null) return d;
    const { loopback, sysctl } = this.#kernel;
    const fresh = this.#slot(dst | 0, src | 0, ~oif, tos, mark, loopback);
    this.#resolveOutput(fresh, dst >>> 0, src >>> 0, oif, tos, mark);
    fresh.df = sysctl.ip_no_pmtu_disc === 0 && !fresh.mtuLocked ? IP_DF : 0;
    fresh.hopLimit = fresh.route?.metrics.hoplimit || sysctl.ip_default_ttl;
    return fresh;
  }

  /** Whether an address is a host that could be routed to, not a broadcast, a group or ourselves (`inet_addr_type`). */
  isUnicast(address: Ipv4): boolean {
    const book = this.#kernel.addresses;
    return (
      address !== ANY &&
      !isMulticast(address) &&
      address !== LIMITED_BROADCAST &&
      !book.isLocal(address) &&
      !book.isBroadcast(address)
    );
  }

  /** The answer in either slot of the question's pair, while it holds. */
  #cached(dst: number, src: number, iif: number, tos: number, mark: number): Dst | null {
    const slots = this.#slots;
    const at = hash(dst, src, iif) & (slots.length - 1);
    const first = slots[at] as Dst | null;
    if (first !== null && answers(first, dst, src, iif, tos, mark)) return first.holds(this.#kernel.sim) ? first : null;
    const second = slots[at ^ 1] as Dst | null;
    if (second !== null && answers(second, dst, src, iif, tos, mark))
      return second.holds(this.#kernel.sim) ? second : null;
    return null;
  }

  /** A fresh answer in the question's pair of slots. A busy cache grows, so that a router with many flows does not thrash. */
  #slot(dst: number, src: number, iif: number, tos: number, mark: number, dev: NetDevice): Dst {
    const d = new Dst(dev);
    d.keyDst = dst;
    d.keySrc = src;
    d.keyIif = iif;
    d.keyTos = tos;
    d.keyMark = mark;
    d.epoch = this.#epoch;
    if (!this.#place(d) && ++this.#evictions > this.#slots.length / 2 && this.#slots.length < SLOTS_MAX) this.#grow();
    return d;
  }

  /** Puts an answer where it belongs. False when it drove one out that was still good. */
  #place(d: Dst): boolean {
    const slots = this.#slots;
    const at = hash(d.keyDst, d.keySrc, d.keyIif) & (slots.length - 1);
    const same = (slot: number): boolean => {
      const old = slots[slot] as Dst | null;
      return old === null || old.epoch.over || answers(old, d.keyDst, d.keySrc, d.keyIif, d.keyTos, d.keyMark);
    };
    const free = same(at) ? at : same(at ^ 1) ? at ^ 1 : -1;
    slots[free < 0 ? at : free] = d;
    return free >= 0;
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Array(old.length * 4).fill(null);
    this.#evictions = 0;
    for (const d of old) if (d !== null && !d.epoch.over) this.#place(d);
  }

  /** net/ipv4/route.c:ip_route_input_slow. */
  #resolveInput(d: Dst, dst: Ipv4, src: Ipv4, dev: NetDevice, tos: number, mark: number): void {
    d.dev = dev;
    if (isMulticast(dst)) return this.#resolveMulticast(d, dst, src, dev, tos);
    if (isMulticast(src) || src === LIMITED_BROADCAST) return answer(d, DST_MARTIAN_SOURCE);
    if (dst === LIMITED_BROADCAST || (src === ANY && dst === ANY)) return this.#broadcast(d, src, dev, tos);
    if (isZeroNet(src)) return answer(d, DST_MARTIAN_SOURCE);
    if (isZeroNet(dst)) return answer(d, DST_MARTIAN_DESTINATION);
    const loopbackAllowed = dev === this.#kernel.loopback || dev.inet.or("route_localnet");
    if (!loopbackAllowed && isLoopback(dst)) return answer(d, DST_MARTIAN_DESTINATION);
    if (!loopbackAllowed && isLoopback(src)) return answer(d, DST_MARTIAN_SOURCE);

    const out = result;
    const found = this.#lookup(dst, src, tos, mark, dev.ifindex, 0, out);
    const route = out.route;
    d.route = route;
    d.table = out.table;
    d.rulePriority = out.rulePriority;
    if (!found || route === null) return this.#noRoute(d, dev, out.errno || "ENETUNREACH");
    if (route.type === "broadcast") return this.#broadcast(d, src, dev, tos);
    if (route.type === "local") {
      const verdict = this.#validateSource(src, dst, dev, tos, 0);
      return answer(d, verdict < 0 ? -verdict : DST_LOCAL);
    }
    if (!dev.inet.forwarding) return this.#noRoute(d, dev, "EHOSTUNREACH");
    if (route.type !== "unicast") return answer(d, DST_MARTIAN_DESTINATION);
    const hop = this.#choose(d, out, src, dst);
    const verdict = this.#validateSource(src, dst, dev, tos, hop?.ifindex ?? 0);
    if (verdict < 0) return answer(d, -verdict);
    if (!this.#fillHop(d, hop, dst, kernelForwardsByPmtu(this.#kernel))) return this.#noRoute(d, dev, "EHOSTUNREACH");
    d.type = DST_FORWARD;
    // net/ipv4/route.c:__mkroute_input: the sender is a neighbour on the device that the packet would leave by.
    d.redirect =
      d.dev === dev &&
      verdict > 0 &&
      (dev.inet.or("shared_media") || this.#kernel.addresses.onLinkWith(dev.ifindex, src, d.nextHop));
  }

  /** net/ipv4/route.c:ip_route_input_mc. */
  #resolveMulticast(d: Dst, dst: Ipv4, src: Ipv4, dev: NetDevice, tos: number): void {
    const joined = dst === ALL_HOSTS || (dev.inet.groups?.has(dst) ?? false);
    if (!joined) return answer(d, DST_ERROR, "EINVAL");
    if (isMulticast(src) || src === LIMITED_BROADCAST || (isLoopback(src) && !dev.inet.or("route_localnet")))
      return answer(d, DST_MARTIAN_SOURCE);
    if (isZeroNet(src)) return isLinkLocalGroup(dst) ? answer(d, DST_MULTICAST) : answer(d, DST_MARTIAN_SOURCE);
    const verdict = this.#validateSource(src, ANY, dev, tos, 0);
    answer(d, verdict < 0 ? -verdict : DST_MULTICAST);
  }

  #broadcast(d: Dst, src: Ipv4, dev: NetDevice, tos: number): void {
    if (!isZeroNet(src)) {
      const verdict = this.#validateSource(src, ANY, dev, tos, 0);
      if (verdict < 0) return answer(d, -verdict);
    }
    answer(d, DST_BROADCAST);
  }

  /** `ip_error` answers with an ICMP message according to the errno; a host that does not forward stays silent. */
  #noRoute(d: Dst, dev: NetDevice, errno: Errno): void {
    answer(d, DST_ERROR, dev.inet.forwarding ? errno : "EHOSTUNREACH");
  }

  /**
   * net/ipv4/fib_frontend.c:fib_validate_source. Positive: the source is a neighbour on this device; 0: it is not, and
   * may pass; negative: the type of the refusal. `oif`: by which device the packet will leave, 0 when it stays here.
   */
  #validateSource(src: Ipv4, dst: Ipv4, dev: NetDevice, tos: number, oif: number): number {
    const kernel = this.#kernel;
    const mode = dev.inet.max("rp_filter");
    const acceptLocal = dev === kernel.loopback || dev.inet.or("accept_local");
    if (mode === 0 && (dev.ifindex !== oif || !dev.inet.or("send_redirects"))) {
      if (acceptLocal) return 0;
      if (!kernel.fib.hasCustomRules) return this.#isOwn(src) ? -DST_MARTIAN_SOURCE : 0;
    }
    const out = reverse;
    if (!this.#lookup(src, dst, tos, 0, kernel.loopback.ifindex, 0, out) || out.route === null) {
      return mode === 0 ? 0 : -DST_RP_FILTER;
    }
    const { route } = out;
    if (route.type !== "unicast" && !(route.type === "local" && acceptLocal)) return -DST_MARTIAN_SOURCE;
    for (const hop of route.nexthops) {
      if (hop.ifindex === dev.ifindex || (route.type === "local" && dev === kernel.loopback))
        return hop.scope >= SCOPE_HOST ? 1 : 0;
    }
    const nameless = kernel.addresses.list(dev.ifindex).length === 0;
    if (mode === 1 || (nameless && mode !== 0)) return -DST_RP_FILTER;
    if (nameless) return 0;
    // Loose mode: any route to the source will do (RFC 3704 §2.4).
    if (!this.#lookup(src, dst, tos, 0, kernel.loopback.ifindex, dev.ifindex, out) || out.route?.type !== "unicast")
      return 0;
    return (out.nexthop ?? (out.route.nexthops[0] as NextHop)).scope >= SCOPE_HOST ? 1 : 0;
  }

  /** An address of this host, or one that somebody made its own by a route. */
  #isOwn(address: Ipv4): boolean {
    const { addresses, fib } = this.#kernel;
    return addresses.isLocal(address) || (!isLoopback(address) && fib.addressType(address) === "local");
  }

  /** net/ipv4/route.c:ip_route_output_key_hash_rcu. */
  #resolveOutput(d: Dst, dst: Ipv4, wanted: Ipv4, oif: number, tos: number, mark: number): void {
    const kernel = this.#kernel;
    const bound = oif === 0 ? undefined : kernel.deviceByIndex(oif);
    const everybody = dst === LIMITED_BROADCAST;
    if (wanted !== ANY) {
      if (isMulticast(wanted) || wanted === LIMITED_BROADCAST) return answer(d, DST_ERROR, "EINVAL");
      const home = kernel.deviceByIndex(this.#homeOf(wanted));
      if (home === undefined) return answer(d, DST_ERROR, "ENETUNREACH");
      if (oif === 0 && (everybody || isMulticast(dst))) return this.#onLink(d, dst, wanted, home);
    }
    if (oif !== 0 && bound === undefined) return answer(d, DST_ERROR, "ENODEV");
    if (bound !== undefined && !bound.up) return answer(d, DST_ERROR, "ENETUNREACH");
    if (bound !== undefined && (everybody || isLinkLocalGroup(dst))) return this.#onLink(d, dst, wanted, bound);
    let src = wanted;
    if (bound !== undefined && src === ANY && (dst === ANY || isMulticast(dst)))
      src = kernel.addresses.selectSource(bound.ifindex, ANY, dst === ANY ? SCOPE_HOST : SCOPE_GLOBAL);
    if (dst === ANY) return this.#toSelf(d, src || LOOPBACK, src || LOOPBACK); // 0.0.0.0 is this host
    const out = result;
    if (!this.#lookup(dst, src, tos, mark, kernel.loopback.ifindex, oif, out) || out.route === null) {
      // What has no way by the device that it is bound to is taken for a neighbour there.
      if (bound !== undefined) return this.#onLink(d, dst, src, bound);
      return answer(d, DST_ERROR, out.errno || "ENETUNREACH");
    }
    const { route } = out;
    d.route = route;
    d.table = out.table;
    d.rulePriority = out.rulePriority;
    if (route.type === "local") return this.#toSelf(d, dst, src || route.prefsrc || dst);
    const hop = this.#choose(d, out, src, dst);
    if (hop === null || !this.#fillHop(d, hop, dst, true)) return answer(d, DST_ERROR, "ENETUNREACH");
    d.source = src || route.prefsrc || kernel.addresses.selectSource(hop.ifindex, hop.gateway, route.scope);
    const broadcast = everybody || route.type === "broadcast";
    // A default route leads to groups and broadcast on its device, but never to its gateway (__mkroute_output).
    if (broadcast || (isMulticast(dst) && route.length < 4)) return this.#onLink(d, dst, d.source, d.dev);
    d.type = isMulticast(dst) ? DST_BROADCAST : DST_FORWARD;
    this.#refuseLoopback(d);
  }

  /** The device that has an address of this host; 0 when none has (net/ipv4/devinet.c:__ip_dev_find). */
  #homeOf(address: Ipv4): number {
    const { addresses, fib, loopback } = this.#kernel;
    return addresses.deviceOf(address) ?? (fib.addressType(address) === "local" ? loopback.ifindex : 0);
  }

  #toSelf(d: Dst, target: Ipv4, source: Ipv4): void {
    const { loopback } = this.#kernel;
    d.type = DST_LOCAL;
    d.dev = loopback;
    d.nextHop = target;
    d.source = source;
    d.mtu = loopback.mtu;
  }

  /** To a neighbour on a device, or to many there, without asking for routes. */
  #onLink(d: Dst, dst: Ipv4, src: Ipv4, dev: NetDevice): void {
    d.type = isMulticast(dst) || this.#isBroadcast(d, dst) ? DST_BROADCAST : DST_FORWARD;
    d.errno = "";
    d.dev = dev;
    d.viaGateway = false;
    d.nextHop = dst;
    d.mtu = dev.mtu;
    d.mtuLocked = false;
    d.expires = false;
    d.source = src || this.#kernel.addresses.selectSource(dev.ifindex, ANY, SCOPE_LINK);
    this.#refuseLoopback(d);
  }

  #isBroadcast(d: Dst, dst: Ipv4): boolean {
    return dst === LIMITED_BROADCAST || d.route?.type === "broadcast";
  }

  /** Nothing with a loopback address leaves the host (RFC 1122 §3.2.1.3). */
  #refuseLoopback(d: Dst): void {
    if (isLoopback(d.source) && d.dev !== this.#kernel.loopback && !d.dev.inet.or("route_localnet"))
      answer(d, DST_ERROR, "EINVAL");
  }

  #choose(d: Dst, out: FibResult, src: Ipv4, dst: Ipv4): NextHop | null {
    if (out.nexthop !== null || out.route === null) return out.nexthop;
    return this.#kernel.fib.selectPath(out.route, this.#kernel.ipv4.multipathHash(d, src, dst), src);
  }

  /** Device, next hop, MTU and what was learnt of the path; `usePmtu`: its MTU too (`ip_dst_mtu_maybe_forward`). */
  #fillHop(d: Dst, hop: NextHop | null, dst: Ipv4, usePmtu: boolean): boolean {
    const dev = hop === null ? undefined : this.#kernel.deviceByIndex(hop.ifindex);
    if (hop === null || dev === undefined) return false;
    d.dev = dev;
    d.hop = hop;
    d.viaGateway = hop.gateway !== 0 && hop.scope === SCOPE_LINK; // rt_set_nexthop
    d.nextHop = d.viaGateway ? hop.gateway : dst;
    d.mtu = d.route?.mtu ? Math.min(d.route.mtu, MTU_MAX) : dev.mtu;
    d.mtuLocked = d.route?.mtuLocked ?? false;
    const known = this.#kernel.ipv4.exceptions.find(dst);
    if (known !== undefined && known.info === d.route?.info) {
      if (usePmtu && known.mtu > 0) d.mtu = Math.min(d.mtu, known.mtu);
      if (usePmtu) d.mtuLocked ||= known.locked;
      if (known.gateway !== 0 && known.hop === hop) d.nextHop = known.gateway;
      d.expiresAt = known.expiresAt;
      d.expires = known.expiresAt !== NEVER;
    }
    if (hop.encap !== null) d.mtu = Math.max(d.mtu - ENTRY * hop.encap.labels.length, 0); // lwtunnel_headroom
    return true;
  }

  #lookup(dst: Ipv4, src: Ipv4, tos: number, mark: number, iif: number, oif: number, out: FibResult): boolean {
    flow.dst = dst;
    flow.src = src;
    flow.tos = tos;
    flow.mark = mark;
    flow.iif = iif;
    flow.oif = oif;
    return this.#kernel.fib.lookup(flow, out);
  }
}

/** Questions and answers of one look-up at a time, whichever node asks. */
const flow: Flow = { dst: 0, src: 0, tos: 0, mark: 0, iif: 0, oif: 0 };
const result = new FibResult();
const reverse = new FibResult();

const LOOPBACK: Ipv4 = 0x7f000001;
const ALL_HOSTS: Ipv4 = 0xe0000001;
const MTU_MAX = 65_535;

const kernelForwardsByPmtu = (kernel: Kernel): boolean => kernel.sysctl.ip_forward_use_pmtu !== 0;
/** 224.0.0.0/24: groups that no router forwards (RFC 5771 §4). */
const isLinkLocalGroup = (a: Ipv4): boolean => a >>> 8 === 0xe00000;
/** Linux takes 0.0.0.0 alone for no address; the rest of 0/8 is unicast to it (include/linux/in.h:ipv4_is_zeronet). */
const isZeroNet = (a: Ipv4): boolean => a === ANY;

/** Whether an answer is one to this question. */
export const answers = (d: Dst, dst: number, src: number, iif: number, tos: number, mark: number): boolean =>
  d.keyDst === dst && d.keySrc === src && d.keyIif === iif && d.keyTos === tos && d.keyMark === mark;

function hash(dst: number, src: number, iif: number): number {
  const h = Math.imul(dst ^ Math.imul(src, 0x9e3779b1) ^ iif, 0x85ebca6b);
  return h ^ (h >>> 15);
}

function answer(d: Dst, type: number, errno: Errno | "" = ""): void {
  d.type = type;
  d.errno = errno;
}
