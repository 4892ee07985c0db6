import { formatIp, formatPrefix } from "../../core/addr.ts";
import type { RouteKind } from "../zapi.ts";
import type { Nexthop, RibTable, RouteEntry } from "./rib.ts";

/** A route for programs that look at the table. */
export interface RibView {
  readonly protocol: RouteKind;
  readonly instance?: number;
  readonly selected: boolean;
  readonly distance: number;
  readonly metric: number;
  readonly tag: number;
  readonly installed: boolean;
  /** A gateway that was resolved through another route is followed by where it leads. */
  readonly nexthops: readonly NexthopView[];
}
export interface NexthopView {
  readonly via?: string;
  readonly iface?: string;
  readonly connected?: true;
  readonly blackhole?: true;
  readonly active: boolean;
  readonly recursive?: true;
  readonly weight: number;
}

/** The routes of a table by prefix, `10.0.0.0/8`. */
export const ribView = (table: RibTable): ReadonlyMap<string, readonly RibView[]> =>
  new Map(
    table.sorted().map((node) => [
      formatPrefix(node.prefix),
      node
        .entries()
        .filter((e) => !e.removed)
        .map(view),
    ]),
  );

const view = (e: RouteEntry): RibView => ({
  protocol: e.kind,
  ...(e.facts.instance === undefined ? {} : { instance: e.facts.instance }),
  selected: e.selected,
  distance: e.facts.distance,
  metric: e.facts.metric,
  tag: e.facts.tag,
  installed: e.installed,
  nexthops: e.nexthops.flatMap((h) => [hopView(h), ...h.resolved.map(hopView)]),
});

const hopView = (h: Nexthop): NexthopView => ({
  ...(h.gateway === 0 ? {} : { via: formatIp(h.gateway) }),
  ...(h.ifname === "" ? {} : { iface: h.ifname }),
  ...(h.gateway === 0 && h.blackhole === undefined ? { connected: true } : {}),
  ...(h.blackhole === undefined ? {} : { blackhole: true }),
  ...(h.resolved.length > 0 ? { recursive: true } : {}),
  active: h.active,
  weight: h.weight,
});
