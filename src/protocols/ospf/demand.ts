import type { Ipv4 } from "../../core/addr.ts";
import { isSystemWide } from "./flood.ts";
import { LS_INFINITY, LSA_ASBR_SUMMARY, type LsaBody } from "./lsa-codec.ts";
import type { Area, Ospf } from "./model.ts";
import { OPTION_DC } from "./wire.ts";

/** What flood reduction (RFC 4136) says of advertisements that this router makes. */

/** `flood-reduction`, of the process or of an area (ospfd/ospf_lsa.h:OSPF_FR_CONFIG). */
export const reducesFlooding = (ospf: Ospf, area: Area): boolean =>
  ospf.settings.floodReduction || area.settings.floodReduction;

/** An advertisement by which a border router says that somebody elsewhere does not know DoNotAge (RFC 1793 §2.5.1). */
export const isIndication = (a: { readonly type: number; readonly options: number; readonly body: LsaBody }): boolean =>
  a.type === LSA_ASBR_SUMMARY && saysInfinity(a.body) && (a.options & OPTION_DC) === 0;
const saysInfinity = (body: LsaBody): boolean => body.kind === "summary" && body.metrics[0]?.metric === LS_INFINITY;

/** Options of an own advertisement: the DC bit as it is configured (ospfd/ospf_flood.c:ospf_flood_through_interface). */
export function demandedOptions(
  ospf: Ospf,
  area: Area,
  {
    type,
    id,
    options,
    body,
  }: { readonly type: number; readonly id: Ipv4; readonly options: number; readonly body: LsaBody },
): number {
  const plain = options & ~OPTION_DC;
  if (type === LSA_ASBR_SUMMARY && id === ospf.routerId && saysInfinity(body)) return plain;
  const all = isSystemWide(type) ? outside(ospf) : [area];
  return all.length > 0 && all.every((a) => reducesFlooding(ospf, a)) ? plain | OPTION_DC : plain;
}
/** Whether an own advertisement leaves as one that does not age: all who get it know how to keep it (RFC 4136 §2). */
export function staysYoung(ospf: Ospf, area: Area, type: number): boolean {
  if (!isSystemWide(type)) return area.reduction.enabled;
  const all = outside(ospf);
  return all.length > 0 && all.every((a) => a.reduction.enabled && !a.reduction.heard);
}

/** Areas that advertisements of the whole system go to. */
const outside = (ospf: Ospf): readonly Area[] =>
  [...ospf.areas.values()].filter((a) => a.external && a.interfaces.length > 0);
