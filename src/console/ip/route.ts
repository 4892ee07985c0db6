import { SCOPE_GLOBAL } from "../../nodes/kernel/fib/route.ts";
import type { AddMode } from "../../nodes/kernel/fib/table.ts";
import { Args } from "./args.ts";
import type { Ip } from "./context.ts";
import { answer, notBuilt, usage } from "./exit.ts";
import { labelRoute } from "./label-route.ts";
import { getRoute } from "./route-get.ts";
import { flushRoutes, listRoutes } from "./route-list.ts";
import { ROUTE_USAGE, readRoute } from "./route-request.ts";

/** `ip route` (ip/iproute.c:do_iproute). */
export function route(ip: Ip, args: Args): void {
  if (ip.options.family === "mpls") return labelRoute(ip, args);
  if (!args.more) return listRoutes(ip, args);
  const rest = new Args(args.rest.slice(1));
  if (args.abbreviates("add")) return add(ip, rest, "add");
  if (args.abbreviates("change") || args.is("chg")) return add(ip, rest, "change");
  if (args.abbreviates("replace")) return add(ip, rest, "replace");
  if (args.abbreviates("prepend")) return add(ip, rest, "prepend");
  if (args.abbreviates("append")) return add(ip, rest, "append");
  if (args.abbreviates("test")) throw notBuilt("ip route test");
  if (args.abbreviates("delete")) return remove(ip, rest);
  if (args.abbreviates("list", "show", "lst")) return listRoutes(ip, rest);
  if (args.abbreviates("get")) return getRoute(ip, rest);
  if (args.abbreviates("flush")) return flushRoutes(ip, rest);
  for (const other of ["save", "restore", "showdump"]) if (args.abbreviates(other)) throw notBuilt(`ip route ${other}`);
  if (args.abbreviates("help")) throw usage(ROUTE_USAGE);
  throw usage(`Command "${args.word}" is unknown, try "ip route help".`);
}

function add(ip: Ip, args: Args, mode: AddMode): void {
  const spec = readRoute(ip, args);
  // A gateway of 0.0.0.0 is none, but it was given: the route is not for the link alone.
  const far = spec.gateway === 0 && (spec.type ?? "unicast") === "unicast";
  answer(ip.kernel.fib.addRoute(far ? { scope: SCOPE_GLOBAL, ...spec } : spec, mode));
}

function remove(ip: Ip, args: Args): void {
  answer(ip.kernel.fib.deleteRoute(readRoute(ip, args)));
}
