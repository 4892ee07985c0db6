import { type Ipv4, networkOf } from "../../../core/addr.ts";
import { granted, type Outcome, type Refused, refused } from "../../../core/errno.ts";
import {
  defaultScope,
  type Route,
  type RouteInfo,
  type RouteSpec,
  type RouteType,
  SCOPE_GLOBAL,
  SCOPE_NOWHERE,
} from "./route.ts";
import { matchesWay } from "./semantics.ts";
import { Trie, type TrieNode } from "./trie.ts";

/** How `ip route` may add: the flags NLM_F_CREATE, EXCL, REPLACE and APPEND put together. */
export type AddMode = "add" | "replace" | "change" | "append" | "prepend";

/** Where a new route goes. */
export interface Place {
  /** The route that it takes the place of. */
  readonly replaces: Route | null;
  /** The route of the same prefix that it goes before; null: behind those of its table. */
  readonly before: Route | null;
  /** The very same route stands there already, and first: nothing is to be done. */
  readonly same: Route | null;
}

/**
 * One routing table. Tables local and main share a trie until the first policy rule comes (net/ipv4/fib_frontend.c:
 * fib_new_table), so that the longest prefix of both wins; hence every route knows its table.
 */
export class FibTable {
  readonly id: number;
  trie: Trie<Route>;

  constructor(id: number, trie: Trie<Route>) {
    this.id = id;
    this.trie = trie;
  }

  /** Where a route would go, or why not (net/ipv4/fib_trie.c:fib_table_insert). */
  place(dst: Ipv4, length: number, tos: number, info: RouteInfo, mode: AddMode): Outcome<Place> {
    const first = this.#find(dst, length, tos, info.metric);
    if (first === null || first.tos !== tos || first.metric !== info.metric) {
      return mode === "change" ? refused("ENOENT") : granted({ replaces: null, before: first, same: null });
    }
    if (mode === "add") return refused("EEXIST");
    let behind: Route | null = first;
    let same: Route | null = null;
    for (; behind !== null && this.#alike(behind, tos, info.metric); behind = behind.next) {
      if (behind.info !== info) continue;
      same = behind;
      break;
    }
    if (mode === "replace" || mode === "change") {
      if (same === null) return granted({ replaces: first, before: null, same: null });
      return same === first ? granted({ replaces: null, before: null, same }) : refused("EEXIST");
    }
    if (same !== null) return refused("EEXIST");
    return granted({ replaces: null, before: mode === "append" ? behind : first, same: null });
  }

  /** Puts a route where `place` said. */
  insert(route: Route, place: Place): void {
    const node = this.trie.insert(route.dst, route.length);
    if (place.replaces !== null) {
      route.next = place.replaces.next;
      this.#link(node, before(node, place.replaces), route);
      place.replaces.next = null;
      return;
    }
    let at: Route | null = null;
    if (place.before !== null) at = before(node, place.before);
    else for (let r = node.first; r !== null && r.table >= this.id; r = r.next) at = r;
    route.next = at === null ? node.first : at.next;
    this.#link(node, at, route);
  }

  /** The route that a deletion means (net/ipv4/fib_trie.c:fib_table_delete). */
  match(spec: RouteSpec): Route | null {
    const tos = spec.tos ?? 0;
    let route = this.#find(spec.dst, spec.length, tos, 0);
    for (; route !== null && route.table === this.id && route.tos === tos; route = route.next) {
      if (spec.type !== undefined && spec.type !== route.type) continue;
      const scope = spec.scope ?? scopeToDelete(spec.type);
      if (scope !== SCOPE_NOWHERE && scope !== route.scope) continue;
      if (spec.prefsrc && spec.prefsrc !== route.prefsrc) continue;
      if (spec.protocol && spec.protocol !== route.protocol) continue;
      if (matchesWay(spec, route.info)) return route;
    }
    return null;
  }

  remove(route: Route): void {
    const node = this.trie.exact(route.dst, route.length) as TrieNode<Route>;
    const at = before(node, route);
    this.#link(node, at, route.next);
    route.next = null;
  }

  /** All routes in the order of the kernel's dump. */
  routes(): Route[] {
    const all: Route[] = [];
    for (const node of this.trie.ordered()) {
      for (let route = node.first; route !== null; route = route.next) if (route.table === this.id) all.push(route);
    }
    return all;
  }

  /** The first route of this prefix that a new one of `tos` and `metric` would stand before (`fib_find_alias`). */
  #find(dst: Ipv4, length: number, tos: number, metric: number): Route | null {
    let route = this.trie.exact(dst, length)?.first ?? null;
    while (route !== null && route.table > this.id) route = route.next;
    for (; route !== null && route.table === this.id; route = route.next) {
      if (route.tos < tos || (route.tos === tos && route.metric >= metric)) return route;
    }
    return null;
  }

  #link(node: TrieNode<Route>, at: Route | null, route: Route | null): void {
    if (at === null) this.trie.put(node, route);
    else at.next = route;
  }

  #alike(route: Route, tos: number, metric: number): boolean {
    return route.table === this.id && route.tos === tos && route.metric === metric;
  }
}

/** Splits the shared trie: local's routes get their own (net/ipv4/fib_trie.c:fib_trie_unmerge, fib_table_flush_external). */
export function unmerge(local: FibTable, main: FibTable): void {
  if (local.trie !== main.trie) return;
  const routes = local.routes();
  for (const route of routes) local.remove(route);
  local.trie = new Trie();
  for (const route of routes) local.insert(route, { replaces: null, before: null, same: null });
}

/** Whether `dst/length` is a prefix: 0…32, no bits behind it (`fib_valid_key_len`). */
export function badPrefix(dst: Ipv4, length: number): Refused | undefined {
  if (length > 32) return refused("EINVAL", "Invalid prefix length");
  if (networkOf(dst, length) !== dst) return refused("EINVAL", "Invalid prefix for given prefix length");
  return undefined;
}

/** What iproute2 asks to be deleted when no scope is given: any, but for the types that have their own. */
const scopeToDelete = (type: RouteType | undefined): number =>
  type === undefined || defaultScope(type, true) === SCOPE_GLOBAL ? SCOPE_NOWHERE : defaultScope(type, true);

/** The route before `route` in its prefix; null when it is the first. */
function before(node: TrieNode<Route>, route: Route): Route | null {
  if (node.first === route) return null;
  let at = node.first as Route;
  while (at.next !== route) at = at.next as Route;
  return at;
}
