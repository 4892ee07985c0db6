import { formatIp } from "../../core/addr.ts";
import type { Json } from "../../frr/json.ts";
import { parseArea } from "./area-id.ts";
import type { On } from "./commands-area.ts";
import { LSA_ROUTER } from "./lsa-codec.ts";
import type { Area } from "./model.ts";
import { OPTION_DC } from "./wire.ts";

/** `flood-reduction` and `area X flood-reduction` (ospfd/ospf_vty.c), and what `show ip ospf` says of it. */
export function installReduction(on: On): void {
  on("[no] flood-reduction", (d, args) => {
    d.ospf.settings.floodReduction = !args.has("no");
    d.reduction.configured(d.ospf.areas.values());
  });
  on("[no] area <A.B.C.D|(0-4294967295)>$area flood-reduction", (d, args) => {
    const text = args.text("area");
    const area = d.ospf.area(parseArea(text));
    area.text = text;
    area.settings.floodReduction = !args.has("no");
    d.reduction.configured([area]);
  });
}

const countYoung = (area: Area): number => {
  let count = 0;
  area.lsdb.each(LSA_ROUTER, (slot) => {
    if (!slot.self && (slot.lsa.options & OPTION_DC) !== 0) count++;
  });
  return count;
};

/** ospfd/ospf_vty.c:show_ip_ospf_area. */
export function reductionText(area: Area): readonly string[] {
  const { enabled, heard, indication } = area.reduction;
  return [
    ...(area.settings.floodReduction ? ["   Flood Reduction is configured."] : []),
    ...(enabled
      ? [
          "   Flood Reduction is enabled.",
          `   No of LSAs rcv'd with DC bit set ${countYoung(area)}`,
          ...(heard ? ["   Ind LSA by other abr."] : []),
          ...(indication === undefined ? [] : [`   Ind LSA generated ${formatIp(indication.lsa.id)}`]),
        ]
      : []),
  ];
}
export function reductionJson(area: Area): Record<string, Json> {
  const { enabled, heard, indication } = area.reduction;
  return {
    ...(area.settings.floodReduction ? { areaFloodReduction: "configured" } : {}),
    ...(enabled
      ? {
          areaFloodReductionEnabled: true,
          ...(countYoung(area) > 0 ? { lsasRecvDCbitSet: true } : {}),
          ...(heard ? { areaIndicationLsaRecv: "received" } : {}),
          ...(indication === undefined ? {} : { areaIndicationLsa: formatIp(indication.lsa.id) }),
        }
      : {}),
  };
}
