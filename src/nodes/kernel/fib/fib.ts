import { type Ipv4, isMulticast, LIMITED_BROADCAST } from "../../../core/addr.ts";
import { type Errno, granted, type Outcome, refused } from "../../../core/errno.ts";
import { type FibHost, LOOPBACK_IFINDEX } from "./host.ts";
import { type DownEvent, InfoStore } from "./info-store.ts";
import {
  type NextHop,
  Route,
  type RouteInfo,
  type RouteSpec,
  type RouteType,
  routeRequest,
  SCOPE_LINK,
  TABLE_LOCAL,
  TABLE_MAIN,
  tableOf,
} from "./route.ts";
import { type Flow, type Rule, RuleList, type RuleSpec } from "./rules.ts";
import { FibResult, search } from "./search.ts";
import { createInfo } from "./semantics.ts";
import { type AddMode, badPrefix, type FibTable, type Place } from "./table.ts";
import { TableSet } from "./tables.ts";
import type { RouteWay } from "./way.ts";

export const ROUTES_MAX = 1_048_576;

/** A route came, went, or took another's place. */
export interface RouteChange {
  readonly op: "add" | "del" | "replace";
  readonly route: Route;
  /** The route that was replaced. */
  readonly old?: Route;
  /** Gone with a device or an address: Linux sends no netlink message then, so `ip monitor` shows nothing. */
  readonly silent: boolean;
}

/** The routing tables and policy rules of one network namespace. */
export class Fib {
  /** Counts the changes that can alter an answer: what was looked up before one is stale. */
  generation = 0;
  /** Answers may depend on more than destination and device: rules were changed, or a route has a type of service. */
  hasCustomRules = false;
  /** Requests refused because there were too many tables, routes or rules. */
  refusedFull = 0;
  readonly #host: FibHost;
  readonly #tables = new TableSet();
  readonly #rules = new RuleList();
  readonly #infos: InfoStore;
  readonly #routesMax: number;
  #routes = 0;
  /** Counts what can alter how a request is checked: devices, addresses, rules, and routes that gateways are reached by. */
  #grounds = 0;
  #listeners: readonly ((change: RouteChange) => void)[] = NO_LISTENERS;

  constructor(host: FibHost, routesMax = ROUTES_MAX) {
    this.#host = host;
    this.#routesMax = routesMax;
    this.#infos = new InfoStore(host);
  }

  /** Whether any route has several next hops. */
  get multipath(): boolean {
    return this.#infos.multipath > 0;
  }
  /** Local and main are asked one after the other: a rule was added or deleted once. */
  get split(): boolean {
    return this.#tables.split;
  }
  /** Routes in all tables. */
  get size(): number {
    return this.#routes;
  }

  /** Where a flow goes (include/net/ip_fib.h:fib_lookup). False: nowhere, and `out.errno` says why. */
  lookup(flow: Flow, out: FibResult): boolean {
    return this.#decide(flow, 0, this.#host, out);
  }

  /**
   * One way of a route, by a 31-bit hash and in proportion to the weights, among those that live. A way whose own address
   * is `src` is preferred (net/ipv4/fib_semantics.c:fib_select_multipath).
   */
  selectPath(route: Route, hash: number, src: Ipv4 = 0): NextHop {
    const { nexthops, bounds } = route.info;
    let best = nexthops[0] as NextHop;
    if (bounds === null) return best;
    let most = -1;
    for (let i = 0; i < bounds.length; i++) {
      const hop = nexthops[i] as NextHop;
      const bound = bounds[i] as number;
      if (bound < 0) continue;
      const home = src !== 0 && this.#host.selectSource?.(hop.ifindex, hop.gateway, route.scope) === src;
      const score = (home ? 2 : 0) + (hash <= bound ? 1 : 0);
      if (score <= most) continue;
      best = hop;
      most = score;
      if (score === 3 || (src === 0 && score === 1)) break;
    }
    return best;
  }

  /**
   * What an address is by one table (net/ipv4/fib_frontend.c:inet_addr_type): local, broadcast, multicast, or unicast when
   * no route says otherwise.
   */
  addressType(address: Ipv4, table = TABLE_LOCAL): RouteType {
    if (address === 0 || address === LIMITED_BROADCAST) return "broadcast";
    if (isMulticast(address)) return "multicast";
    const found = this.#tables.get(table);
    if (found === undefined) return "broadcast";
    const out = scratch;
    if (search(found.trie, address, 0, 0, 0, this.#host, out) !== "" || out.route === null) return "unicast";
    return out.route.type;
  }

  /** `ip route add`, `replace`, `change`, `append`, `prepend`. */
  addRoute(spec: RouteSpec, mode: AddMode = "add"): Outcome<Route> {
    const tos = spec.tos ?? 0;
    if ((tos & 3) !== 0) return refused("EINVAL", "Invalid dsfield (tos): ECN bits must be 0");
    const bad = badPrefix(spec.dst, spec.length);
    if (bad !== undefined) return bad;
    const info = this.#infoOf(spec);
    return info.ok ? this.#add(spec.dst, spec.length, tos, info.value, mode) : info;
  }

  /** `ip route replace` of a prefix by a way that others take as well: it is checked again only when its grounds have changed. */
  put(dst: Ipv4, length: number, way: RouteWay): Outcome<Route> {
    const bad = badPrefix(dst, length);
    if (bad !== undefined) return bad;
    let { info } = way;
    if (info !== null && info.users > 0 && way.checkedAt === this.#grounds) info.users++;
    else {
      const found = this.#infoOf(way.spec);
      if (!found.ok) return found;
      info = way.info = found.value;
      way.checkedAt = this.#grounds;
    }
    return this.#add(dst, length, way.spec.tos ?? 0, info, "replace");
  }

  /** What a request comes to, with one user more. */
  #infoOf(spec: RouteSpec): Outcome<RouteInfo> {
    const want = routeRequest(spec);
    if (this.#tables.make(want.table) === undefined) return this.#full();
    this.#resolveRules();
    const made = createInfo(spec, want, {
      device: (ifindex) => this.#host.device(ifindex),
      addressType: (address, id) => this.addressType(address, id),
      reach: (id, gateway, scope, oif) => this.#reach(id, gateway, scope, oif),
    });
    return made.ok ? granted(this.#infos.share(made.value)) : made;
  }

  #add(dst: Ipv4, length: number, tos: number, info: RouteInfo, mode: AddMode): Outcome<Route> {
    const table = this.#tables.get(info.table) as FibTable;
    const place = this.#routes < this.#routesMax ? table.place(dst, length, tos, info, mode) : this.#full();
    if (!place.ok || place.value.same !== null) {
      this.#infos.release(info);
      return place.ok ? granted(place.value.same as Route) : place;
    }
    return granted(this.#insert(new Route(dst, length, tos, info), table, place.value));
  }

  /** `ip route del`: the first route that has all of what the request names. */
  deleteRoute(spec: RouteSpec): Outcome<Route> {
    if (((spec.tos ?? 0) & 3) !== 0) return refused("EINVAL", "Invalid dsfield (tos): ECN bits must be 0");
    const bad = badPrefix(spec.dst, spec.length);
    if (bad !== undefined) return bad;
    const table = this.#tables.get(tableOf(spec));
    if (table === undefined) return refused("ESRCH", "FIB table does not exist");
    const route = table.match(spec);
    if (route === null) return refused("ESRCH");
    this.#remove(table, route);
    this.#tell({ op: "del", route, silent: false });
    return granted(route);
  }

  /** All routes, or one table's, in the order in which the kernel dumps them. */
  routes(table?: number): Route[] {
    const ids = table === undefined ? this.#tables.ids() : [table];
    return ids.flatMap((id) => this.#tables.get(id)?.routes() ?? []);
  }

  /** Whether a table exists: it does from its first route on, emptied or not. */
  hasTable(table: number): boolean {
    return this.#tables.get(table) !== undefined;
  }

  /** Deletes what `unwanted` says, one after the other as `ip route flush` does. Returns how many. */
  flush(unwanted: (route: Route) => boolean): number {
    return this.#sweep(unwanted, false);
  }

  /** `ip rule add`. */
  addRule(spec: RuleSpec): Outcome<Rule> {
    const checked = this.#rules.check(spec, () => this.#tables.make(this.#tables.firstFree())?.id);
    if (!checked.ok) return checked.errno === "ENOBUFS" ? this.#full() : checked;
    this.#rulesChange();
    this.#rules.insert(checked.value);
    this.#resolveRules();
    return checked;
  }

  /** `ip rule del`: the first rule that has all of what the request names. */
  deleteRule(spec: RuleSpec): Outcome<Rule> {
    const found = this.#rules.find(spec);
    if (!found.ok) return found;
    this.#rulesChange();
    this.#rules.remove(found.value);
    this.#resolveRules();
    return found;
  }

  /** The rules, in the order in which they are asked. */
  rules(): readonly Rule[] {
    return this.#rules.list;
  }

  /** The device came up, or got an address: next hops over it live again. Connected routes come from the `AddressBook`. */
  deviceUp(ifindex: number): void {
    this.#grounds++;
    this.#infos.up(ifindex, "up");
    this.#stale();
  }
  /** The device went down: routes over it go, but for the local ones (net/ipv4/fib_frontend.c:fib_disable_ip). */
  deviceDown(ifindex: number): void {
    this.#down(ifindex, "down");
  }
  /** The device lost its last address, which ends IPv4 on it: all routes over it go. */
  lastAddressRemoved(ifindex: number): void {
    this.#down(ifindex, "last-address");
  }
  /** The device is no more: all routes over it go, multipath ones as a whole. */
  deviceRemoved(ifindex: number): void {
    this.#down(ifindex, "removed");
  }
  /** The carrier came or went, as `FibHost.device` says: next hops lose or get `linkdown`. Without meaning while it is down. */
  carrierChanged(ifindex: number): void {
    const device = this.#host.device(ifindex);
    this.#grounds++;
    if (device === undefined || !device.up) return;
    if (!device.carrier) return this.#down(ifindex, "carrier");
    this.#infos.up(ifindex, "carrier");
    this.#stale();
  }
  /** An address of this host is gone: routes in main that preferred it as source go (`fib_sync_down_addr`). */
  addressRemoved(address: Ipv4): void {
    this.#grounds++;
    if (this.#infos.addressRemoved(address)) this.#sweep(isDead, true);
    this.#stale();
  }
  /**
   * A setting of `FibHost` or a device's name changed: nothing that was looked up holds. As in Linux, the shares of multipath
   * routes follow with the next event of one of their devices.
   */
  settingsChanged(): void {
    this.#grounds++;
    this.#stale();
  }

  /** Tells of every route that comes, goes or is replaced. The result ends it. */
  onChange(listener: (change: RouteChange) => void): () => void {
    this.#listeners = [...this.#listeners, listener];
    return () => {
      this.#listeners = this.#listeners.filter((l) => l !== listener);
    };
  }

  /** Gateways are reached by routes of a narrower scope than the world (`checkGatewayHop`); sources and types are told by such as well. */
  #grounded(route: Route): void {
    if (route.scope >= SCOPE_LINK) this.#grounds++;
  }

  #stale(): void {
    this.generation++;
    this.#host.answersChanged?.();
  }

  #decide(flow: Flow, scope: number, host: FibHost | null, out: FibResult): boolean {
    out.clear();
    out.errno = this.#tables.split ? this.#byRules(flow, scope, host, out) : this.#byDefault(flow, scope, host, out);
    return out.errno === "";
  }

  /** Without rules of its own a host asks local and main as one, then default. */
  #byDefault(flow: Flow, scope: number, host: FibHost | null, out: FibResult): Errno | "" {
    const { main, last } = this.#tables;
    let errno: Errno | "" = "EAGAIN";
    if (main !== null) errno = search(main.trie, flow.dst, flow.tos, flow.oif, scope, host, out);
    if (errno === "EAGAIN" && last !== null) errno = search(last.trie, flow.dst, flow.tos, flow.oif, scope, host, out);
    if (out.route !== null) {
      const { table } = out.route;
      out.table = table === TABLE_LOCAL ? TABLE_MAIN : table;
      out.rulePriority = table === TABLE_LOCAL ? 0 : table === TABLE_MAIN ? 32_766 : 32_767;
    }
    return errno === "EAGAIN" ? "ENETUNREACH" : errno;
  }

  /** net/core/fib_rules.c:fib_rules_lookup with net/ipv4/fib_rules.c:fib4_rule_action. */
  #byRules(flow: Flow, scope: number, host: FibHost | null, out: FibResult): Errno | "" {
    const rules = this.#rules.list;
    for (let i = 0; i < rules.length; i++) {
      const rule = rules[i] as Rule;
      if (!rule.covers(flow, this.#host)) continue;
      if (rule.action === "goto" && rule.target >= 0) i = rule.target - 1;
      if (rule.action === "goto" || rule.action === "nop") continue;
      out.clear();
      out.rulePriority = rule.priority;
      if (rule.action !== "table") return RULE_ERRORS[rule.action];
      if (rule.tableFound === null) continue;
      const errno = search(rule.tableFound.trie, flow.dst, flow.tos, flow.oif, scope, host, out);
      if (errno === "EAGAIN") continue;
      if (errno === "" && (out.route as Route).length <= rule.suppressPrefixLength) continue;
      out.table = rule.table;
      return errno;
    }
    out.clear();
    return "ENETUNREACH";
  }

  /** net/ipv4/fib_semantics.c:fib_check_nh_v4_gw: a table of one's own is asked before the rules; carrier does not matter. */
  #reach(table: number, gateway: Ipv4, scope: number, oif: number): FibResult {
    const out = scratch;
    out.clear();
    const own = table === TABLE_MAIN ? undefined : this.#tables.get(table);
    if (own !== undefined && search(own.trie, gateway, 0, oif, scope, null, out) === "") return out;
    this.#decide({ dst: gateway, src: 0, tos: 0, mark: 0, iif: LOOPBACK_IFINDEX, oif }, scope, null, out);
    return out;
  }

  #insert(route: Route, table: FibTable, place: Place): Route {
    table.insert(route, place);
    if (route.tos !== 0) this.hasCustomRules = true;
    this.#grounded(route);
    this.#stale();
    if (place.replaces === null) {
      this.#routes++;
      this.#tell({ op: "add", route, silent: false });
    } else {
      this.#grounded(place.replaces);
      this.#infos.release(place.replaces.info);
      this.#tell({ op: "replace", route, old: place.replaces, silent: false });
    }
    return route;
  }

  #remove(table: FibTable, route: Route): void {
    table.remove(route);
    this.#grounded(route);
    this.#routes--;
    this.#infos.release(route.info);
    this.#stale();
  }

  /** Listeners hear when all is done, so that they may act on what is left. */
  #sweep(unwanted: (route: Route) => boolean, silent: boolean): number {
    const gone: Route[] = [];
    for (const id of this.#tables.ids()) {
      const table = this.#tables.get(id) as FibTable;
      for (const route of table.routes()) {
        if (!unwanted(route)) continue;
        this.#remove(table, route);
        gone.push(route);
      }
    }
    for (const route of gone) this.#tell({ op: "del", route, silent });
    return gone.length;
  }

  #down(ifindex: number, event: DownEvent): void {
    this.#grounds++;
    if (this.#infos.down(ifindex, event)) this.#sweep(isDead, true);
    this.#stale();
  }

  /** From the first rule added or deleted on, rules are walked. */
  #rulesChange(): void {
    this.#grounds++;
    this.#tables.separate();
    this.hasCustomRules = true;
    this.#stale();
  }

  #resolveRules(): void {
    if (!this.#tables.split) return;
    for (const rule of this.#rules.list) rule.tableFound = this.#tables.get(rule.table) ?? null;
  }

  #full(): Outcome<never> {
    this.refusedFull++;
    return refused("ENOBUFS");
  }

  #tell(change: RouteChange): void {
    for (const listener of this.#listeners) listener(change);
  }
}

const NO_LISTENERS: readonly [] = [];
/** Holds the answers of look-ups that this file makes for itself. */
const scratch = new FibResult();
const RULE_ERRORS = { blackhole: "EINVAL", unreachable: "ENETUNREACH", prohibit: "EACCES" } as const;

const isDead = (route: Route): boolean => route.info.dead;
