import type { ZebraNexthop, ZebraRoute } from "../../frr/zapi.ts";
import type { Dest, Path } from "./destinations.ts";
import type { Ospf } from "./model.ts";

/** What OSPF's routes are to zebra (ospfd/ospf_zebra.c:ospf_zebra_add). */

/** Tells zebra of the way to a destination, or that there is none. */
export function installRoute(ospf: Ospf, dest: Dest): void {
  const { zebra } = ospf;
  if (zebra === undefined) return;
  const prefix = { address: dest.address, length: dest.length };
  if (dest.path === undefined) zebra.remove(prefix);
  else zebra.add(routeOf(ospf, dest, dest.path));
}

function routeOf(ospf: Ospf, dest: Dest, path: Path): ZebraRoute {
  const distance = distanceOf(ospf, path);
  return {
    prefix: { address: dest.address, length: dest.length },
    nexthops: nexthopsOf(ospf, path),
    distance,
    metric: path.kind === "external2" ? path.type2Cost : path.cost,
    ...(path.tag === 0 ? {} : { tag: path.tag }),
  };
}

export function nexthopsOf(ospf: Ospf, path: Path): readonly ZebraNexthop[] {
  if (path.kind === "discard") return [{ gateway: 0, blackhole: "blackhole" }];
  return path.hops.hops.slice(0, ospf.settings.maximumPaths).map(({ gateway, ifname }) => ({ gateway, ifname }));
}

/** ospfd/ospf_zebra.c:ospf_distance_apply. */
function distanceOf(ospf: Ospf, path: Path): number {
  const { settings } = ospf;
  const own =
    path.kind === "intra"
      ? settings.distanceIntra
      : path.kind === "inter" || path.kind === "discard"
        ? settings.distanceInter
        : settings.distanceExternal;
  return own ?? settings.distance;
}
