import type { Ipv4 } from "../../../core/addr.ts";
import { done, granted, type Outcome, refused } from "../../../core/errno.ts";
import { IPV4_EXPLICIT_NULL, LABEL_MAX, UNRESERVED } from "../../../protocols/mpls/wire.ts";
import { checkLabels } from "../fib/encap.ts";
import { PROTOCOL_BOOT, PROTOCOL_KERNEL } from "../fib/route.ts";
import { FibResult } from "../fib/search.ts";
import type { Kernel } from "../kernel.ts";
import type { Neighbour } from "../neigh.ts";
import type { NetDevice } from "../netdev.ts";

/** One way out of a label route (`struct mpls_nh`). */
export class LabelHop {
  /** What takes the label's place, top first; empty: the label is popped. */
  readonly labels: readonly number[];
  readonly dev: NetDevice;
  /** The neighbour that gets it; undefined: the device itself. */
  readonly via: Ipv4 | undefined;
  dead: boolean;
  linkdown: boolean;
  neigh: Neighbour | null = null;

  constructor(labels: readonly number[], dev: NetDevice, via: Ipv4 | undefined) {
    this.labels = labels;
    this.dev = dev;
    this.via = via;
    this.dead = !dev.up;
    this.linkdown = dev.up && !dev.running;
  }
  get alive(): boolean {
    return !this.dead && !this.linkdown;
  }
}

/** What becomes of packets with a label (`struct mpls_route`). */
export interface LabelRoute {
  readonly label: number;
  readonly protocol: number;
  /** Whether the label's TTL goes on in what follows; undefined: as `net.mpls.ip_ttl_propagate` says. */
  readonly ttlPropagate: boolean | undefined;
  readonly hops: readonly LabelHop[];
}

/** A way as it is asked for. Without `ifindex` the route to `via` tells the device. */
export interface LabelHopSpec {
  readonly labels?: readonly number[];
  readonly via?: Ipv4;
  readonly ifindex?: number;
}
/** A request about a label, as `ip -f mpls route` puts it. */
export interface LabelRouteSpec {
  readonly label: number;
  readonly protocol?: number;
  readonly ttlPropagate?: boolean | undefined;
  readonly hops: readonly LabelHopSpec[];
}

/** What a request about a label does with a route that is there, or is not. */
export type LabelMode = "add" | "replace" | "change";

/** Ways that one label may have. */
const HOPS_MAX = 255;

/** The platform label table (net/mpls/af_mpls.c). */
export class LabelRoutes {
  readonly #kernel: Kernel;
  readonly #routes = new Map<number, LabelRoute>();
  readonly #watchers: ((op: "new" | "del", route: LabelRoute) => void)[] = [];
  #limit = 0;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** `net.mpls.platform_labels`: labels below it may be used. */
  get limit(): number {
    return this.#limit;
  }
  /** net/mpls/af_mpls.c:resize_platform_label_table. Routes of labels that are no more go. */
  resize(limit: number): void {
    const { loopback } = this.#kernel;
    for (const label of [...this.#routes.keys()]) if (label >= limit) this.#remove(label);
    if (limit > IPV4_EXPLICIT_NULL && !this.#routes.has(IPV4_EXPLICIT_NULL)) {
      const hops = [new LabelHop([], loopback, undefined)];
      const route = { label: IPV4_EXPLICIT_NULL, protocol: PROTOCOL_KERNEL, ttlPropagate: undefined, hops };
      this.#routes.set(IPV4_EXPLICIT_NULL, route);
    }
    this.#limit = limit;
  }

  find(label: number): LabelRoute | undefined {
    return this.#routes.get(label);
  }
  /** All but the reserved labels', in ascending order. */
  list(): readonly LabelRoute[] {
    return [...this.#routes.values()].filter((r) => r.label >= UNRESERVED).sort((a, b) => a.label - b.label);
  }
  /** Calls `watcher` after every change of a label's route. A route that goes with its device is told of too. */
  onChange(watcher: (op: "new" | "del", route: LabelRoute) => void): void {
    this.#watchers.push(watcher);
  }

  /** net/mpls/af_mpls.c:mpls_route_add. */
  add(spec: LabelRouteSpec, mode: LabelMode): Outcome {
    const known = this.#check(spec.label);
    if (!known.ok) return known;
    const old = this.#routes.get(spec.label);
    if (mode === "add" && old !== undefined) return refused("EEXIST");
    if (mode === "change" && old === undefined) return refused("ENOENT");
    if (spec.hops.length === 0) return refused("EINVAL", "Route does not contain a nexthop");
    if (spec.hops.length > HOPS_MAX) return refused("EINVAL");
    const hops: LabelHop[] = [];
    for (const one of spec.hops) {
      const hop = this.#hop(one);
      if (!hop.ok) return hop;
      hops.push(hop.value);
    }
    const { label, protocol = PROTOCOL_BOOT, ttlPropagate } = spec;
    const route = { label, protocol, ttlPropagate, hops };
    this.#routes.set(label, route);
    for (const watch of this.#watchers) watch("new", route);
    return done;
  }

  /** net/mpls/af_mpls.c:mpls_route_del: what is not there is deleted too. */
  delete(label: number): Outcome {
    const known = this.#check(label);
    if (known.ok) this.#remove(label);
    return known;
  }

  /** A device changed: net/mpls/af_mpls.c:mpls_ifup and mpls_ifdown. */
  deviceChanged(dev: NetDevice): void {
    for (const { hops } of this.#routes.values()) {
      for (const hop of hops) {
        if (hop.dev !== dev) continue;
        hop.dead = !dev.up;
        hop.linkdown = !dev.running;
      }
    }
  }
  /** A device is gone: a route goes with its last way. */
  deviceRemoved(dev: NetDevice): void {
    for (const route of [...this.#routes.values()]) {
      const left = route.hops.filter((hop) => hop.dev !== dev);
      if (left.length === 0) this.#remove(route.label);
      else if (left.length < route.hops.length) this.#routes.set(route.label, { ...route, hops: left });
    }
  }

  #remove(label: number): void {
    const route = this.#routes.get(label);
    if (route === undefined) return;
    this.#routes.delete(label);
    if (label >= UNRESERVED) for (const watch of this.#watchers) watch("del", route);
  }

  /** net/mpls/af_mpls.c:mpls_label_ok. */
  #check(label: number): Outcome {
    if (!(label >= UNRESERVED && label <= LABEL_MAX)) {
      return refused("EINVAL", "Invalid label - must be MPLS_LABEL_FIRST_UNRESERVED or higher");
    }
    if (label < this.#limit) return done;
    return refused("EINVAL", "Label >= configured maximum in platform_labels");
  }

  /** net/mpls/af_mpls.c:mpls_nh_assign_dev. */
  #hop({ labels = [], via, ifindex = 0 }: LabelHopSpec): Outcome<LabelHop> {
    const checked = checkLabels(labels);
    if (!checked.ok) return checked;
    const kernel = this.#kernel;
    const dev = kernel.deviceByIndex(ifindex === 0 && via !== undefined ? this.#deviceTo(via) : ifindex);
    if (dev === undefined) return refused("ENODEV");
    if (dev.headerLength === 0) return refused("EOPNOTSUPP", `MPLS over a ${dev.kind} device is not built`);
    return granted(new LabelHop(labels, dev, via));
  }

  /** net/mpls/af_mpls.c:inet_fib_lookup_dev; 0 when there is no way. */
  #deviceTo(via: Ipv4): number {
    const iif = this.#kernel.loopback.ifindex;
    const found = this.#kernel.fib.lookup({ dst: via, src: 0, tos: 0, mark: 0, iif, oif: 0 }, result);
    return found ? ((result.nexthop ?? result.firstHop)?.ifindex ?? 0) : 0;
  }
}

const result = new FibResult();
