import type { Table } from "../net.ts";
import type { Plan } from "./plan.ts";

/** The four tables that the Overlay document prints of a tenant: its Figure 2. */
export function planTables(p: Plan): readonly Table[] {
  const t = p.tenant.id;
  return [
    {
      title: `vpc (tenant ${t})`,
      columns: ["t_id", "vpc_id", "ipa", "gw", "if1", "if2", "nsi"],
      rows: p.vpcs.map((v) => [t, v.id, v.address, v.gateway, v.inside, v.outside, v.namespace]),
    },
    {
      title: `gretun (tenant ${t})`,
      columns: ["gretun", "s_vpc", "d_vpc", "s_gre_ip", "d_gre_ip", "gre_ip", "gre_pair"],
      rows: p.gres.map((g) => [
        g.name,
        g.source.namespace,
        g.destination.namespace,
        g.source.address,
        g.destination.address,
        g.address,
        g.pair,
      ]),
    },
    {
      title: `gre_pair (tenant ${t})`,
      columns: ["gretun", "s_vpc", "d_vpc", "gre_pair", "gre_pair_ip"],
      rows: p.gres.map((g) => [g.name, g.source.namespace, g.destination.namespace, g.pair, g.pairNetwork]),
    },
    {
      title: `vxlan (tenant ${t})`,
      columns: ["t_id", "subnet", "s_vpc", "d_vpc", "s_gre", "d_gre_ip", "s_vx", "vx_pair", "vn_id", "vm"],
      rows: p.vxlans.map((x) => [
        t,
        `${x.subnet}.0.0.0/24`,
        x.gre.source.namespace,
        x.gre.destination.namespace,
        x.gre.name,
        x.remote,
        x.name,
        x.pair,
        x.vni,
        `${x.gre.source.namespace}-s${x.subnet}_vm`,
      ]),
    },
  ];
}
