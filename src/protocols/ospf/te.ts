import type { Ipv4 } from "../../core/addr.ts";
import type { ActiveLinkParams } from "../../frr/link-params.ts";
import { flush } from "./flood.ts";
import { LSA_OPAQUE_AREA, LSA_OPAQUE_AS, MAX_AGE } from "./lsa-codec.ts";
import type { Lsdb, Slot } from "./lsdb.ts";
import type { Area, Ospf, OspfInterface } from "./model.ts";
import { originateIfChanged } from "./originate.ts";
import { opaqueId, opaqueType } from "./sr-tlv.ts";
import { encodeTe, OPAQUE_INTER_AS, OPAQUE_TE, type TeLink } from "./te-tlv.ts";
import { OPTION_E, OPTION_O } from "./wire.ts";

/** Where links to other systems are told: in the whole one (type 11), or in one area (type 10; RFC 5392 §3.1). */
export type InterAs = "as" | { readonly area: Ipv4; readonly text: string } | undefined;

/** Traffic engineering (RFC 3630, RFC 5392; ospfd/ospf_te.c): links that have parameters and a full neighbour are told of, one in an advertisement. */
export class TrafficEngineering {
  on = false;
  routerAddress: Ipv4 | undefined;
  interAs: InterAs;
  readonly #ospf: Ospf;
  /** Numbers of links, as they were met. */
  readonly #numbers = new Map<string, number>();
  #pending = false;
  /** Something of this router's may be told. */
  #told = false;

  constructor(ospf: Ospf) {
    this.#ospf = ospf;
  }

  /** `no router ospf`. */
  reset(): void {
    this.on = false;
    this.routerAddress = this.interAs = undefined;
    this.schedule();
  }
  /** Links, neighbours or settings may be others. */
  schedule(): void {
    if (this.#pending || (!this.on && !this.#told)) return;
    this.#pending = true;
    this.#ospf.later(() => {
      this.#pending = false;
      this.#update();
    });
  }
  /** Something newer than what this router says of itself was heard. Returns whether this is what says it. */
  claimed(area: Area, slot: Slot): boolean {
    if (!isTe(slot)) return false;
    flush(this.#ospf, area, slot);
    this.#told = true;
    this.schedule();
    return true;
  }

  /** A link as it is told; undefined: it is not, or not yet: nobody at its other end is known, or another system is (ospfd/ospf_te.c:is_mandated_params_set). */
  linkOf(oi: OspfInterface): TeLink | undefined {
    const { linkParams: params, loopback } = oi.device;
    if (params === undefined || loopback || oi.state === "Down" || oi.peer !== undefined) return undefined;
    if (!oi.elects && oi.type !== "point-to-point") return undefined;
    const link = this.partOf(oi, params);
    return link.id === undefined && params.neighbor === undefined ? undefined : link;
  }
  /** What is known of a link (ospfd/ospf_te.c:ospf_mpls_te_ism_change, ospf_mpls_te_nsm_change). */
  partOf(oi: OspfInterface, params: ActiveLinkParams): TeLink {
    const multiaccess = oi.elects;
    const full = oi.neighbors.all.find((n) => n.counted);
    const id = full === undefined ? undefined : multiaccess ? oi.dr || undefined : full.routerId;
    return {
      multiaccess,
      id,
      local: oi.address,
      remote: multiaccess ? undefined : full?.address,
      params,
    };
  }

  #update(): void {
    const ospf = this.#ospf;
    if (ospf.stopping) return;
    const wanted = new Map<Lsdb, Map<Ipv4, Uint8Array>>();
    const put = (lsdb: Lsdb, id: Ipv4, bytes: Uint8Array): void => {
      const own = wanted.get(lsdb) ?? new Map<Ipv4, Uint8Array>();
      wanted.set(lsdb, own.set(id, bytes));
    };
    this.#number();
    if (this.on && this.routerAddress !== undefined && ospf.settings.opaque)
      for (const oi of ospf.interfaces) {
        const link = this.linkOf(oi);
        const lsdb = link === undefined ? undefined : this.#where(oi, link);
        if (link === undefined || lsdb === undefined) continue;
        const between = link.params.neighbor !== undefined;
        const id = opaqueId(between ? OPAQUE_INTER_AS : OPAQUE_TE, this.#numbers.get(oi.ifname) ?? 0);
        put(lsdb, id, encodeTe(between ? undefined : this.routerAddress, link));
      }
    for (const area of ospf.areas.values()) this.#tell(area, area.lsdb, LSA_OPAQUE_AREA, wanted.get(area.lsdb));
    const [any] = ospf.areas.values();
    if (any !== undefined) this.#tell(any, ospf.lsdb, LSA_OPAQUE_AS, wanted.get(ospf.lsdb));
    this.#told = wanted.size > 0;
  }
  /** Devices are numbered in the order in which zebra tells of them. */
  #number(): void {
    for (const ifname of this.#ospf.devices.keys())
      if (!this.#numbers.has(ifname)) this.#numbers.set(ifname, this.#numbers.size + 1);
  }
  #where(oi: OspfInterface, link: TeLink): Lsdb | undefined {
    if (link.params.neighbor === undefined) return oi.area.lsdb;
    if (this.interAs === "as") return this.#ospf.lsdb;
    return this.interAs === undefined ? undefined : this.#ospf.areas.get(this.interAs.area)?.lsdb;
  }
  #tell(area: Area, lsdb: Lsdb, type: number, wanted: ReadonlyMap<Ipv4, Uint8Array> | undefined): void {
    const ospf = this.#ospf;
    const own: Slot[] = [];
    lsdb.each(type, (slot) => {
      if (slot.self && isTe(slot) && slot.age < MAX_AGE) own.push(slot);
    });
    for (const slot of own) if (wanted?.has(slot.lsa.id) !== true) flush(ospf, area, slot);
    const options = OPTION_O | (type === LSA_OPAQUE_AS ? OPTION_E : area.options);
    for (const [id, bytes] of wanted ?? [])
      originateIfChanged(ospf, area, { type, id, options, body: { kind: "raw", bytes } });
  }
}

const isTe = ({ lsa: { type, id } }: Slot): boolean =>
  (type === LSA_OPAQUE_AREA || type === LSA_OPAQUE_AS) &&
  (opaqueType(id) === OPAQUE_TE || opaqueType(id) === OPAQUE_INTER_AS);
