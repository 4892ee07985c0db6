import type { ZebraNexthop, ZebraWay } from "../../frr/zapi.ts";
import type { Dest, DestTable, Path } from "./destinations.ts";
import type { HopSet } from "./hops.ts";
import type { Ospf } from "./model.ts";
import type { SegmentRouting } from "./sr.ts";

/** What OSPF's routes are to zebra (ospfd/ospf_zebra.c:ospf_zebra_add). What is the same for many destinations is made once. */
export class RouteInstaller {
  readonly #ospf: Ospf;
  readonly #sr: SegmentRouting;
  #ways = new WeakMap<Path, ZebraWay>();
  /** What zebra is not told while this router restarts (ospfd/ospf_zebra.c:ospf_zebra_add, ospf_zebra_delete). */
  readonly #withheld = new Set<Dest>();
  #nexthops = new WeakMap<HopSet, readonly ZebraNexthop[]>();

  constructor(ospf: Ospf, sr: SegmentRouting) {
    this.#ospf = ospf;
    this.#sr = sr;
  }

  /** Tells zebra of the way to a destination, or that there is none. */
  install(dest: Dest): void {
    const { zebra, restarting } = this.#ospf;
    if (restarting !== undefined) return void this.#withheld.add(dest);
    if (zebra === undefined) return;
    if (dest.path === undefined) zebra.remove(dest.prefix);
    else zebra.add(dest.prefix, this.#labelled(dest, this.#wayOf(dest.path)));
  }
  /** This router has restarted: zebra is told of what there is, and that the rest was lost meanwhile. */
  release(dests: DestTable): void {
    dests.each((dest) => dest.path && this.install(dest));
    for (const dest of this.#withheld)
      if (dests.find(dest.address, dest.length)?.path === undefined) this.#ospf.zebra?.remove(dest.prefix);
    this.#withheld.clear();
  }
  /** Settings have changed that decide what zebra is told. */
  forget(): void {
    this.#ways = new WeakMap();
    this.#nexthops = new WeakMap();
  }

  /** The way with the labels of the prefix's segment, where it has one. */
  #labelled({ prefix }: Dest, way: ZebraWay): ZebraWay {
    const labels = this.#sr.labelsOf(prefix);
    if (labels === undefined) return way;
    const nexthops = way.nexthops.map((hop): ZebraNexthop => {
      const label = labels.get(hop.gateway);
      return label === undefined ? hop : { ...hop, labels: [label] };
    });
    return { ...way, nexthops };
  }
  #wayOf(path: Path): ZebraWay {
    let way = this.#ways.get(path);
    if (way !== undefined) return way;
    way = {
      nexthops: this.#nexthopsOf(path),
      distance: distanceOf(this.#ospf, path),
      metric: path.kind === "external2" ? path.type2Cost : path.cost,
      ...(path.tag === 0 ? {} : { tag: path.tag }),
    };
    this.#ways.set(path, way);
    return way;
  }
  #nexthopsOf({ kind, hops }: Path): readonly ZebraNexthop[] {
    if (kind === "discard") return NOWHERE;
    let made = this.#nexthops.get(hops);
    if (made !== undefined) return made;
    made = hops.hops.slice(0, this.#ospf.settings.maximumPaths).map(
      ({ gateway, ifname, onlink }): ZebraNexthop => ({
        gateway,
        ifname,
        ...(onlink && gateway !== 0 ? { onlink } : {}),
      }),
    );
    this.#nexthops.set(hops, made);
    return made;
  }
}

const NOWHERE: readonly ZebraNexthop[] = [{ gateway: 0, blackhole: "blackhole" }];

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
