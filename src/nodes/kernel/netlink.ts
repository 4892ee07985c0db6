import type { Prefix } from "../../core/addr.ts";
import { done, granted, type Outcome, refused } from "../../core/errno.ts";
import type { NetlinkMessage, OsNexthop, OsRouteEntry, OsRouteRequest } from "../../core/netlink.ts";
import type { OsAddress, OsLink } from "../../core/os.ts";
import { Alarm } from "../../core/sim.ts";
import { NEVER } from "../../core/time.ts";
import type { Ifaddr } from "./address-routes.ts";
import type { NextHop, NextHopSpec, Route, RouteSpec } from "./fib/route.ts";
import { RouteWay } from "./fib/way.ts";
import type { Kernel } from "./kernel.ts";
import type { NetDevice } from "./netdev.ts";

/** Messages that wait for their readers, at most: what exceeds it is lost, and they are told so. */
const WAITING_MAX = 100_000;

type Handler = (message: NetlinkMessage) => void;
interface Watch {
  readonly handler: Handler;
  /** Protocols of routes. */
  readonly unheard: ReadonlySet<number>;
}
const EVERYTHING_HEARD: ReadonlySet<number> = new Set();

/** Whether a watcher passes over a message: a route that comes, and takes the place of none but such. */
const passes = (m: NetlinkMessage, unheard: ReadonlySet<number>): boolean =>
  m.kind === "route" &&
  m.op === "new" &&
  unheard.has(m.route.protocol) &&
  (m.replaced === undefined || unheard.has(m.replaced.protocol));

/** Tells programs what changes in the kernel: later in the same instant, so that nobody is called from inside a change. */
export class Netlink {
  readonly #kernel: Kernel;
  readonly #alarm: Alarm;
  #handlers: readonly Watch[] = [];
  #waiting: NetlinkMessage[] = [];
  #listening = false;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    this.#alarm = new Alarm(kernel.sim, kernel.name, () => this.#deliver());
  }

  /** Calls `handler` with everything from now on. The result ends it. */
  watch(handler: Handler, unheard: ReadonlySet<number> = EVERYTHING_HEARD): () => void {
    this.#listen();
    const watch: Watch = { handler, unheard };
    this.#handlers = [...this.#handlers, watch];
    return () => {
      this.#handlers = this.#handlers.filter((h) => h !== watch);
    };
  }

  #listen(): void {
    if (this.#listening) return;
    this.#listening = true;
    const kernel = this.#kernel;
    kernel.watchDevices((dev, event) => {
      if (this.#handlers.length === 0) return;
      this.#tell({ kind: "link", op: event === "unregistered" ? "del" : "new", link: describeLink(dev) });
    });
    kernel.addresses.onChange(({ op, address }) => {
      if (this.#handlers.length === 0) return;
      this.#tell({ kind: "address", op: op === "del" ? "del" : "new", address: describeAddress(kernel, address) });
    });
    kernel.fib.onChange(({ op, route, old, silent }) => {
      if (silent) return;
      if (op !== "del" && !this.#hears(route) && (old === undefined || !this.#hears(old))) return;
      const replaced = old === undefined ? {} : { replaced: describeRoute(old) };
      this.#tell({ kind: "route", op: op === "del" ? "del" : "new", route: describeRoute(route), ...replaced });
    });
  }

  /** Whether anybody wants to hear of a route that comes. */
  #hears({ protocol }: Route): boolean {
    for (const { unheard } of this.#handlers) if (!unheard.has(protocol)) return true;
    return false;
  }

  #tell(message: NetlinkMessage): void {
    if (this.#waiting.length > WAITING_MAX) return;
    this.#waiting.push(this.#waiting.length === WAITING_MAX ? { kind: "overrun" } : message);
    if (this.#alarm.deadline === NEVER) this.#alarm.set(this.#kernel.sim.now);
  }

  #deliver(): void {
    const messages = this.#waiting;
    this.#waiting = [];
    for (const message of messages)
      for (const { handler, unheard } of this.#handlers) if (!passes(message, unheard)) handler(message);
  }
}

/** The routes of all tables, or of one, as a dump gives them. */
export const listRoutes = (kernel: Kernel, table?: number): readonly OsRouteEntry[] =>
  kernel.fib.routes(table).map(describeRoute);

/** RTM_NEWROUTE with NLM_F_CREATE and NLM_F_REPLACE. */
export function replaceRoute(kernel: Kernel, request: OsRouteRequest): Outcome {
  const spec = specOf(request);
  const added = kernel.fib.addRoute(spec, "replace");
  return added.ok ? done : added;
}

/** RTM_NEWNEXTHOP. */
export const makeWay = (request: Omit<OsRouteRequest, "prefix">): RouteWay =>
  new RouteWay(specOf({ ...request, prefix: NOWHERE }));
const NOWHERE = { address: 0, length: 0 };

/** RTM_NEWROUTE with RTA_NH_ID, NLM_F_CREATE and NLM_F_REPLACE. */
export function putRoute(kernel: Kernel, prefix: Prefix, way: RouteWay): Outcome {
  const added = kernel.fib.put(prefix.address, prefix.length, way);
  return added.ok ? done : added;
}

/** RTM_DELROUTE. */
export function deleteRoute(kernel: Kernel, request: OsRouteRequest): Outcome {
  const deleted = kernel.fib.deleteRoute(specOf(request));
  return deleted.ok ? done : deleted;
}

/** `ip link set NAME up|down`. */
export function setLinkUp(kernel: Kernel, ifname: string, up: boolean): Outcome {
  const dev = kernel.device(ifname);
  if (dev === undefined) return refused("ENODEV");
  const set = kernel.setUp(dev, up);
  return set.ok ? granted(undefined) : set;
}

export const describeLink = (dev: NetDevice): OsLink => ({
  ifname: dev.name,
  ifindex: dev.ifindex,
  mac: dev.mac,
  mtuBytes: dev.mtu,
  up: dev.up,
  carrier: dev.carrier,
  arp: !dev.noArp,
  ethernet: dev.headerLength > 0,
  kind: dev === dev.kernel.loopback ? "loopback" : dev.kind,
  multicast: dev.multicast && dev !== dev.kernel.loopback,
  pointToPoint: dev.pointToPoint,
  speedBps: dev.speedBps,
  lowerIfindex: dev.lowerIfindex,
});

export const describeAddress = (kernel: Kernel, a: Ifaddr): OsAddress => ({
  ifname: kernel.deviceByIndex(a.ifindex)?.name ?? "",
  address: a.address,
  length: a.length,
  secondary: a.secondary,
  peer: a.peer === a.address ? 0 : a.peer,
});

const describeRoute = (r: Route): OsRouteEntry => ({
  prefix: { address: r.dst, length: r.length },
  table: r.table,
  tos: r.tos,
  metric: r.metric,
  protocol: r.protocol,
  type: r.type,
  scope: r.scope,
  source: r.prefsrc,
  nexthops: r.nexthops.some((hop) => hop.encap !== null) ? r.nexthops.map(labelled) : r.nexthops,
});

const labelled = (hop: NextHop): OsNexthop => (hop.encap === null ? hop : { ...hop, labels: hop.encap.labels });

function specOf(r: OsRouteRequest): RouteSpec {
  const hops: NextHopSpec[] = (r.nexthops ?? []).map(({ gateway, ifindex, weight, onlink, labels = [] }) => ({
    gateway,
    ifindex,
    weight,
    onlink,
    ...(labels.length === 0 ? {} : { encap: { labels, ttl: -1 } }),
  }));
  const [only] = hops;
  return {
    dst: r.prefix.address,
    length: r.prefix.length,
    protocol: r.protocol,
    ...(r.table === undefined ? {} : { table: r.table }),
    ...(r.tos === undefined ? {} : { tos: r.tos }),
    ...(r.type === undefined ? {} : { type: r.type }),
    ...(r.scope === undefined ? {} : { scope: r.scope }),
    ...(r.metric === undefined ? {} : { metric: r.metric }),
    ...(r.source === undefined ? {} : { prefsrc: r.source }),
    ...(only === undefined ? {} : hops.length === 1 ? { ...only } : { nexthops: hops }),
  };
}
