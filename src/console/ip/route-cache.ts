import { S } from "../../core/time.ts";
import type { RouteMetrics } from "../../nodes/kernel/fib/route.ts";
import type { PathException } from "../../nodes/kernel/ipv4/exceptions.ts";
import type { Ip } from "./context.ts";

/** `cache <local> expires 597sec` (ip/iproute.c:print_cache_flags, print_rta_cacheinfo). */
export function putCache(ip: Ip, flags: readonly string[], exception: PathException | undefined): void {
  const { out } = ip;
  out.text(`${out.separator}    cache `);
  out.array("cache", flags.length === 0 ? "" : "<");
  for (const [i, flag] of flags.entries()) out.item(flag, i === flags.length - 1 ? `${flag}> ` : `${flag},`);
  out.endArray();
  if (exception === undefined) return;
  const left = Math.floor((exception.expiresAt - ip.kernel.sim.now) / S);
  if (left !== 0) out.put("expires", left, `expires ${left}sec `);
}

/** The metrics of a route, with the path's MTU where one was learnt. */
export const metricsOf = (metrics: RouteMetrics, e: PathException | undefined): RouteMetrics =>
  e === undefined || e.mtu === 0 ? metrics : { ...metrics, mtu: e.mtu, mtuLocked: e.locked ? 1 : metrics.mtuLocked };
