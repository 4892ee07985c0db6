import type { Ipv4 } from "../../core/addr.ts";
import type { ZebraInterface } from "../../frr/zapi.ts";
import { UNREACHED, type Vertex } from "./graph.ts";
import type { HopSet } from "./hops.ts";
import { LINK_POINT_TO_POINT, LINK_TRANSIT } from "./lsa-codec.ts";
import { type Area, type Ospf, OspfInterface } from "./model.ts";
import type { Routing } from "./routing.ts";
import type { VirtualLinkSettings } from "./settings.ts";

/** Links of the backbone through another area: RFC 2328 §15 (ospfd/ospf_interface.c: ospf_vl_*). */

/** ospfd/ospf_interface.h:OSPF_VL_MTU. */
const MTU_BYTES = 1500;

/** Keeps the virtual links of a router as its routes say. */
export class VirtualLinks {
  readonly #ospf: Ospf;
  readonly #routing: Routing;
  /** Those that are up, with the ways of each. */
  readonly #up = new Map<VirtualLinkSettings, { readonly oi: OspfInterface; hops: HopSet }>();

  constructor(ospf: Ospf, routing: Routing) {
    this.#ospf = ospf;
    this.#routing = routing;
    routing.hooks.virtualHops = (peer) => this.#hopsTo(peer);
  }

  /** Routes were computed, or the configuration has changed. */
  update(): void {
    const { settings, enabled, stopping } = this.#ospf;
    for (const [link, up] of [...this.#up]) if (!settings.virtualLinks.includes(link)) this.#takeDown(link, up.oi);
    if (!enabled || stopping) return;
    for (const link of settings.virtualLinks) this.#updateOne(link);
  }

  #updateOne(link: VirtualLinkSettings): void {
    const ospf = this.#ospf;
    const area = ospf.areas.get(link.area);
    const peer = area && this.#routing.graphs.get(area)?.routers.get(link.peer);
    const end = area === undefined || peer === undefined ? undefined : ends(ospf, area, peer);
    const known = this.#up.get(link);
    if (area === undefined || peer?.hops === undefined || end === undefined) {
      if (known !== undefined) this.#takeDown(link, known.oi);
      return;
    }
    if (known !== undefined && known.oi.address === end.own && known.oi.peer?.address === end.far) {
      if (known.oi.cost !== peer.dist) {
        known.oi.cost = peer.dist;
        ospf.hooks.routerLsa(known.oi.area);
      }
      if (known.hops !== peer.hops) this.#routing.recomputeArea(known.oi.area);
      known.hops = peer.hops;
      return;
    }
    if (known !== undefined) this.#takeDown(link, known.oi);
    this.#bringUp(link, area, peer.hops, { ...end, cost: peer.dist });
  }

  #bringUp(
    link: VirtualLinkSettings,
    transit: Area,
    hops: HopSet,
    end: { readonly own: Ipv4; readonly far: Ipv4; readonly cost: number },
  ): void {
    const ospf = this.#ospf;
    const kind = { type: "virtual", variant: "" } as const;
    const oi = new OspfInterface(ospf, deviceOf(link), { address: end.own, length: 32 }, ospf.area(0), kind);
    oi.settings = link.settings;
    oi.peer = { address: end.far, routerId: link.peer, transit };
    oi.cost = end.cost;
    ospf.interfaces.push(oi);
    oi.area.interfaces.push(oi);
    this.#up.set(link, { oi, hops });
    ospf.hooks.interfaceEvent(oi, "InterfaceUp");
  }

  #takeDown(link: VirtualLinkSettings, oi: OspfInterface): void {
    this.#up.delete(link);
    this.#ospf.hooks.interfaceGone(oi);
  }

  #hopsTo(peer: Ipv4): HopSet | undefined {
    for (const [link, { oi, hops }] of this.#up) if (link.peer === peer && oi.state !== "Down") return hops;
    return undefined;
  }
}

/** The addresses of both ends: of the way out here, and of the way in there; undefined: there is no way (§15). */
function ends(ospf: Ospf, area: Area, peer: Vertex): { readonly own: Ipv4; readonly far: Ipv4 } | undefined {
  const first = peer.hops?.hops[0];
  if (peer.dist === UNREACHED || first === undefined || !ospf.abrConfigured(area)) return undefined;
  const own = area.interfaces.find((oi) => oi.ifname === first.ifname)?.address;
  const far = farAddress(peer);
  return own === undefined || far === undefined ? undefined : { own, far };
}

/** The address by which the shortest path comes to a router. */
function farAddress(peer: Vertex): Ipv4 | undefined {
  for (const way of peer.lsa?.shape.ways ?? []) {
    const { link } = way;
    if (link === undefined || (link.type !== LINK_TRANSIT && link.type !== LINK_POINT_TO_POINT)) continue;
    const before = peer.graph.find(way.id, way.toNetwork);
    if (before === undefined || before.dist === UNREACHED) continue;
    const back = before.lsa?.shape.ways.some(
      (w) => !w.toNetwork && w.id === peer.id && before.dist + w.cost === peer.dist,
    );
    if (back) return link.data;
  }
  return undefined;
}

const deviceOf = (link: VirtualLinkSettings): ZebraInterface => ({
  ifname: `VLINK${link.number}`,
  ifindex: 0,
  mtuBytes: MTU_BYTES,
  bandwidthMbps: 0,
  up: true,
  running: true,
  loopback: false,
  broadcast: false,
  pointToPoint: true,
  multicast: false,
  addresses: [],
});
