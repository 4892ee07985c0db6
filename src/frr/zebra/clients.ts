import type { Ipv4, Prefix } from "../../core/addr.ts";
import { isLoopback } from "../../core/addr.ts";
import type { OsAlarm } from "../../core/os.ts";
import { type Nanos, NEVER, S } from "../../core/time.ts";
import {
  type NexthopState,
  type RouteKind,
  type RouteSource,
  sourceOf,
  type ZebraClient,
  type ZebraInterface,
  type ZebraLabelWay,
  type ZebraNexthop,
  type ZebraRouteTold,
  type ZebraSession,
  type ZebraWay,
} from "../zapi.ts";
import { AddressSet } from "./address-set.ts";
import type { RibNode, RibTable, RouteEntry, RouteFacts } from "./rib.ts";

/** What a session asks of zebra. */
export interface ClientHost {
  now(): Nanos;
  /** Runs `what` later in the same instant. */
  later(what: () => void): void;
  addRoute(prefix: Prefix, table: number | undefined, facts: RouteFacts): void;
  /** One list for all next hops that are equal. */
  shared(hops: readonly ZebraNexthop[]): readonly ZebraNexthop[];
  removeRoute(session: number, kind: RouteKind, prefix: Prefix, of: RouteOf): void;
  /** Drops the routes of a session. `before`: only those that came before this moment. */
  removeSession(session: number, before?: Nanos): void;
  label(session: number, label: number, ways: readonly ZebraLabelWay[]): void;
  alarm(ring: () => void): OsAlarm;
  interfaces(): readonly ZebraInterface[];
  routerId(): Ipv4;
  readonly main: RibTable;
  viaDefault(): boolean;
}
/** Which of a session's routes to a prefix is meant; what is left out does not matter, the table is main unless told. */
export interface RouteOf {
  readonly table?: number | undefined;
  readonly distance?: number | undefined;
}

const DISTANCES: { readonly [K in RouteKind]: number } = {
  kernel: 0,
  connected: 0,
  local: 0,
  static: 1,
  ospf: 110,
  bgp: 20,
};

/** An address that clients follow. */
export interface Watched {
  readonly address: Ipv4;
  readonly by: Map<Client, WatchOptions>;
  /** The route that leads there, as it was told last. */
  match: { readonly kind: RouteKind; readonly prefix: Prefix } | undefined;
  ways: readonly ZebraNexthop[];
  told: Map<Client, string>;
}
interface WatchOptions {
  readonly connected?: boolean;
  readonly allowDefault?: boolean;
}

/** A daemon that is connected. */
export class Client {
  readonly id: number;
  readonly client: ZebraClient;
  readonly connectedAt: Nanos;
  readonly redistributes = new Set<RouteSource | "default">();
  lastReadAt: Nanos;
  lastWriteAt: Nanos;
  added = 0;
  removed = 0;
  open = true;
  /** What came of ways that were told: a daemon tells the same one for many prefixes. */
  readonly #facts = new WeakMap<ZebraWay, RouteFacts>();

  constructor(id: number, client: ZebraClient, now: Nanos) {
    this.id = id;
    this.client = client;
    this.connectedAt = now;
    this.lastReadAt = now;
    this.lastWriteAt = now;
  }

  /** A way as zebra keeps it. */
  facts(way: ZebraWay, host: Pick<ClientHost, "shared">): RouteFacts {
    const known = this.#facts.get(way);
    if (known !== undefined) return known;
    const { kind, instance } = this.client;
    const facts: RouteFacts = {
      kind,
      ...(instance === undefined || instance === 0 ? {} : { instance }),
      session: this.id,
      distance: way.distance ?? DISTANCES[kind],
      metric: way.metric,
      tag: way.tag ?? 0,
      nexthops: host.shared(way.nexthops),
      recursive: way.recursive ?? false,
      internal: way.internal ?? false,
      byDistance: kind === "static",
    };
    this.#facts.set(way, facts);
    return facts;
  }
}

/** The daemons that are connected, and what each of them wants to know. */
export class Clients {
  readonly #host: ClientHost;
  #clients: readonly Client[] = [];
  #sessions = 0;
  readonly #watched = new Map<Ipv4, Watched>();
  readonly #addresses = new AddressSet();
  /** Routes of daemons that restart, by source: whose they are, and when they go. `since`: the daemon is back. */
  readonly #kept = new Map<RouteSource, { readonly id: number; since: Nanos | undefined; readonly alarm: OsAlarm }>();

  constructor(host: ClientHost) {
    this.#host = host;
  }

  /** zebra ends. */
  stop(): void {
    for (const { alarm } of this.#kept.values()) alarm.set(NEVER);
    this.#kept.clear();
  }
  all(): readonly Client[] {
    return this.#clients;
  }
  /** The addresses that somebody follows, in their order. */
  watched(): readonly Watched[] {
    return [...this.#watched.values()].sort((a, b) => a.address - b.address);
  }
  of(session: number): Client | undefined {
    for (const c of this.#clients) if (c.id === session) return c;
    return undefined;
  }

  connect(client: ZebraClient): ZebraSession {
    const host = this.#host;
    // The next session of a daemon that restarts takes over its routes.
    const source = sourceOf(client.kind, client.instance);
    const kept = this.#kept.get(source);
    if (kept !== undefined) kept.since = host.now();
    const me = new Client(kept?.id ?? ++this.#sessions, client, host.now());
    this.#clients = [...this.#clients, me];
    this.#tell(me, (c) => {
      for (const i of host.interfaces()) c.interfaceChanged(i);
      c.routerId(host.routerId());
    });
    const heard = (): void => {
      me.lastReadAt = host.now();
    };
    return {
      add: (prefix, way) => {
        heard();
        me.added++;
        host.addRoute(prefix, way.table, me.facts(way, host));
      },
      remove: (prefix, of = {}) => {
        heard();
        me.removed++;
        host.removeRoute(me.id, client.kind, prefix, of);
      },
      redistribute: (asked, on) => {
        heard();
        this.#redistribute(me, asked, on);
      },
      watchNexthop: (address, on, options = {}) => {
        heard();
        this.#watch(me, address, on, options);
      },
      label: (label, ways) => {
        heard();
        host.label(me.id, label, ways);
      },
      updated: () => this.#sweep(source),
      close: (keepS) => this.#close(me, keepS),
    };
  }

  interfaceChanged(i: ZebraInterface): void {
    for (const c of this.#clients) this.#tell(c, (client) => client.interfaceChanged(i));
  }
  interfaceRemoved(ifname: string): void {
    for (const c of this.#clients) this.#tell(c, (client) => client.interfaceRemoved(ifname));
  }
  routerId(id: Ipv4): void {
    for (const c of this.#clients) this.#tell(c, (client) => client.routerId(id));
  }
  routeNotify(session: number, prefix: Prefix, installed: boolean): void {
    const c = this.of(session);
    if (c?.client.routeNotify !== undefined) this.#notify(c, prefix, installed);
  }

  #notify(c: Client, prefix: Prefix, installed: boolean): void {
    this.#tell(c, (client) => client.routeNotify?.(prefix, installed));
  }

  /** The selected route of a prefix is another one, or has changed (zebra/redistribute.c:redistribute_update, redistribute_delete). */
  selected(node: RibNode, old: RouteEntry | undefined, now: RouteEntry | undefined): void {
    if (node.table !== this.#host.main.id || isLoopback(node.prefix.address)) return;
    for (const c of this.#clients) if (c.redistributes.size > 0) this.#tellSelected(c, node, old, now);
  }
  #tellSelected(c: Client, node: RibNode, old: RouteEntry | undefined, now: RouteEntry | undefined): void {
    const wants = (e: RouteEntry | undefined): e is RouteEntry =>
      e !== undefined && e.facts.session !== c.id && wanted(c, node.prefix, e.facts);
    if (wants(now)) {
      const told = toldOf(node.prefix, now);
      this.#tell(c, (client) => client.redistributed(told));
    } else if (wants(old)) {
      const told = toldOf(node.prefix, old);
      this.#tell(c, (client) => client.unredistributed(told));
    }
  }

  /** Whether a prefix holds an address that somebody follows. */
  follow(prefix: Prefix): boolean {
    return this.#addresses.someIn(prefix);
  }
  /** Looks at all followed addresses anew, and tells of those that are reached otherwise. */
  evaluate(): void {
    for (const w of this.#watched.values()) for (const c of w.by.keys()) this.#evaluate(w, c);
  }

  #redistribute(me: Client, source: RouteSource | "default", on: boolean): void {
    const had = me.redistributes.has(source);
    if (!on) {
      me.redistributes.delete(source);
      return;
    }
    me.redistributes.add(source);
    if (had) return;
    for (const node of this.#host.main.sorted()) {
      const e = node.selected;
      if (e === undefined || e.facts.session === me.id || isLoopback(node.prefix.address)) continue;
      if (source === "default" ? node.prefix.length !== 0 : sourceOf(e.kind, e.facts.instance) !== source) continue;
      const told = toldOf(node.prefix, e);
      this.#tell(me, (client) => client.redistributed(told));
    }
  }

  #watch(me: Client, address: Ipv4, on: boolean, options: WatchOptions): void {
    const known = this.#watched.get(address);
    if (!on) {
      known?.by.delete(me);
      known?.told.delete(me);
      if (known?.by.size === 0) {
        this.#watched.delete(address);
        this.#addresses.delete(address);
      }
      return;
    }
    const w = known ?? { address, by: new Map(), match: undefined, ways: [], told: new Map() };
    this.#watched.set(address, w);
    this.#addresses.add(address);
    w.by.set(me, options);
    w.told.delete(me);
    this.#evaluate(w, me);
  }

  #evaluate(w: Watched, c: Client): void {
    const found = this.#reach(w.address, w.by.get(c) ?? {});
    const [prefix, e] = found ?? [];
    const ways = e?.ways() ?? [];
    w.match = e === undefined || prefix === undefined ? undefined : { kind: e.kind, prefix };
    w.ways = ways;
    const state: NexthopState = {
      address: w.address,
      nexthops: ways,
      metric: e?.facts.metric ?? 0,
      distance: e?.facts.distance ?? 0,
      kind: e?.kind,
      prefix,
    };
    const text = JSON.stringify(state);
    if (w.told.get(c) === text) return;
    w.told.set(c, text);
    this.#tell(c, (client) => client.nexthopChanged(state));
  }

  /** zebra/zebra_rnh.c:zebra_rnh_resolve_nexthop_entry. */
  #reach(address: Ipv4, options: WatchOptions): readonly [Prefix, RouteEntry] | undefined {
    for (const node of this.#host.main.covering(address)) {
      if (node.prefix.length === 0 && !this.#host.viaDefault() && options.allowDefault !== true) return undefined;
      const e = node.selected;
      if (e === undefined || !e.installed || e.ways().length === 0) continue;
      if (options.connected === true && e.kind !== "connected" && e.kind !== "local") continue;
      return [node.prefix, e];
    }
    return undefined;
  }

  #close(me: Client, keepS: number | undefined): void {
    if (!me.open) return;
    me.open = false;
    this.#clients = this.#clients.filter((c) => c !== me);
    for (const w of [...this.#watched.values()]) if (w.by.has(me)) this.#watch(me, w.address, false, {});
    const source = sourceOf(me.client.kind, me.client.instance);
    this.#kept.get(source)?.alarm.set(NEVER);
    this.#kept.delete(source);
    if (keepS === undefined) return this.#host.removeSession(me.id);
    const alarm = this.#host.alarm(() => this.#sweep(source));
    alarm.set(this.#host.now() + keepS * S);
    this.#kept.set(source, { id: me.id, since: undefined, alarm });
  }
  /** What a daemon has not added again since it is back is dropped; all of it when it is not back. */
  #sweep(source: RouteSource): void {
    const kept = this.#kept.get(source);
    if (kept === undefined) return;
    kept.alarm.set(NEVER);
    this.#kept.delete(source);
    this.#host.removeSession(kept.id, kept.since);
  }

  #tell(c: Client, what: (client: ZebraClient) => void): void {
    this.#host.later(() => {
      if (!c.open) return;
      c.lastWriteAt = this.#host.now();
      what(c.client);
    });
  }
}

const wanted = (c: Client, prefix: Prefix, { kind, instance }: RouteFacts): boolean =>
  c.redistributes.has(sourceOf(kind, instance)) || (prefix.length === 0 && c.redistributes.has("default"));

const toldOf = (prefix: Prefix, e: RouteEntry): ZebraRouteTold => ({
  kind: e.kind,
  ...(e.facts.instance === undefined ? {} : { instance: e.facts.instance }),
  prefix,
  distance: e.facts.distance,
  metric: e.facts.metric,
  tag: e.facts.tag,
  nexthops: e.ways(),
});
