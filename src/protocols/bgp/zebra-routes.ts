import type { ZebraNexthop } from "../../frr/zapi.ts";
import type { Bgp } from "./bgp.ts";
import type { Peer } from "./peer.ts";
import { FROM_AGGREGATE, FROM_PEER, type Path, type RibNode } from "./rib.ts";

/** ZEBRA_EBGP_DISTANCE_DEFAULT, ZEBRA_IBGP_DISTANCE_DEFAULT; aggregates are local. */
const EBGP_DISTANCE = 20;
const IBGP_DISTANCE = 200;

/** Best paths on their way to zebra (bgpd/bgp_zebra.c:bgp_zebra_announce). */
export class Installer {
  readonly #bgp: Bgp;

  constructor(bgp: Bgp) {
    this.#bgp = bgp;
  }

  /** Tells zebra of the paths that are used to a prefix; those of this router itself need no route, but for aggregates. */
  install(node: RibNode, used: readonly Path[]): void {
    const best = used[0];
    const wanted = best !== undefined && (best.kind === FROM_PEER || best.kind === FROM_AGGREGATE);
    const { zebra } = this.#bgp;
    if (!wanted || zebra === undefined) {
      if (node.told === "") return;
      node.told = "";
      zebra?.remove(node);
      return;
    }
    const distance = this.distanceOf(best);
    const metric = best.attributes.med ?? 0;
    const nexthops = best.kind === FROM_AGGREGATE ? BLACKHOLE : used.map(nexthopOf);
    let told = `${distance} ${metric} ${best.attributes.tag}`;
    for (const n of nexthops) told += ` ${n.gateway}`;
    if (node.told === told) return;
    node.told = told;
    const prefix = { address: node.address, length: node.length };
    const { tag } = best.attributes;
    const recursive = best.kind === FROM_PEER && !(best.source as Peer).singleHop;
    zebra.add({ prefix, nexthops, distance, metric, ...(tag > 0 ? { tag } : {}), recursive });
  }
  /** zebra has come back, and knows nothing. */
  again(): void {
    for (const node of this.#bgp.rib) {
      node.told = "";
      if (node.best !== undefined) this.#bgp.enqueue(node);
    }
  }

  distanceOf(best: Path): number {
    const { distance } = this.#bgp.globals;
    if (best.kind !== FROM_PEER) return distance?.local ?? IBGP_DISTANCE;
    return best.source.sort === "ebgp" ? (distance?.ebgp ?? EBGP_DISTANCE) : (distance?.ibgp ?? IBGP_DISTANCE);
  }
}

const BLACKHOLE: readonly ZebraNexthop[] = [{ gateway: 0, blackhole: "null0" }];
const nexthopOf = (p: Path): ZebraNexthop => ({ gateway: p.nextHop.address });
