import type { Ipv4 } from "../../../core/addr.ts";
import type { Errno } from "../../../core/errno.ts";
import type { FibHost } from "./host.ts";
import type { NextHop, Route } from "./route.ts";
import { shorter, type Trie } from "./trie.ts";

/** The answer of a look-up. Reused by its owner: a look-up allocates nothing. */
export class FibResult {
  /** The route that decided, also when it refuses (blackhole, unreachable, prohibit). */
  route: Route | null = null;
  /** The way out: the only one, or the one over the wanted device; null when `selectPath` has to choose among several. */
  nexthop: NextHop | null = null;
  /** The first way out that is alive. */
  firstHop: NextHop | null = null;
  /** The table that was asked. As Linux says, main also for local's routes until the first change of the rules. */
  table = 0;
  rulePriority = 0;
  /** Why there is no way; empty when there is. */
  errno: Errno | "" = "";

  clear(): void {
    this.route = null;
    this.nexthop = null;
    this.firstHop = null;
    this.table = 0;
    this.rulePriority = 0;
    this.errno = "";
  }
}

/** The bits of the DS field that routes and rules are compared with (INET_DSCP_LEGACY_TOS_MASK). */
export const TOS_MASK = 0x1c;

/**
 * One table's answer (net/ipv4/fib_trie.c:fib_table_lookup). EAGAIN: nothing fits, or a throw route does. Routes of a wider
 * scope than `scope` are passed over; with `host` null, carrier does not matter. `oif` 0: by any device.
 */
export function search(
  trie: Trie<Route>,
  dst: Ipv4,
  tos: number,
  oif: number,
  scope: number,
  host: FibHost | null,
  out: FibResult,
): Errno | "" {
  const wantedTos = tos & TOS_MASK;
  const best = trie.best(dst);
  if (best === null) return "EAGAIN";
  const verdict = judge(best, wantedTos, oif, scope, host, out);
  if (verdict !== undefined) return verdict;
  // The rare case: the first route of the longest prefix is passed over, so that others and shorter prefixes have their turn.
  for (let node = trie.find(dst); node !== null; node = shorter(node.up)) {
    for (let route = node.first; route !== null; route = route.next) {
      const next = judge(route, wantedTos, oif, scope, host, out);
      if (next !== undefined) return next;
    }
  }
  return "EAGAIN";
}

/** What one route says; undefined: it is passed over. */
function judge(
  route: Route,
  tos: number,
  oif: number,
  scope: number,
  host: FibHost | null,
  out: FibResult,
): Errno | "" | undefined {
  const info = route.info;
  if ((route.tos !== 0 && route.tos !== tos) || info.scope < scope) return undefined;
  if (info.error !== "") {
    out.route = route;
    return info.error;
  }
  if (info.dead) return undefined;
  const hops = info.nexthops;
  for (let i = 0; i < hops.length; i++) {
    const hop = hops[i] as NextHop;
    if (hop.dead || (oif !== 0 && oif !== hop.ifindex)) continue;
    if (hop.linkdown && host?.ignoresLinkdown?.(hop.ifindex)) continue;
    out.route = route;
    out.firstHop = hop;
    out.nexthop = hops.length === 1 || oif !== 0 ? hop : null;
    return "";
  }
  return undefined;
}
