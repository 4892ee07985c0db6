import { LabError } from "../errors.ts";

/**
 * Names, addresses and numbers of a tenant's virtual private clouds, as the Overlay document has them. A tenant owns VPCs
 * 1…V; every pair of VPCs is joined by GRE, and every subnet that stands in both by VXLAN over that GRE.
 */

/** A tenant: its VPCs are numbered from 1, a subnet names the VPCs that it stands in. */
export interface Tenant {
  readonly id: number;
  readonly vpcs: number;
  readonly subnets: readonly { readonly id: number; readonly vpcs: readonly number[] }[];
}

/** A VPC: a namespace with a veth pair to the hypervisor. */
export interface Vpc {
  readonly tenant: number;
  readonly id: number;
  /** Address in the VPC's namespace, and the gateway's in the hypervisor's. */
  readonly address: string;
  readonly gateway: string;
  /** The pair's end in the VPC, and the end in the hypervisor. */
  readonly inside: string;
  readonly outside: string;
  readonly namespace: string;
}

/** One end of a GRE tunnel: from the VPC `source` to `destination`. */
export interface Gre {
  readonly name: string;
  readonly source: Vpc;
  readonly destination: Vpc;
  /** Inner address of this end. */
  readonly address: string;
  /** Counts the tunnels of the source VPC: the third octet of `address`. */
  readonly ordinal: number;
  readonly pair: string;
  /** Network of the other end's inner address. */
  readonly pairNetwork: string;
}

/** One end of a VXLAN tunnel: one subnet, on one GRE. */
export interface Vxlan {
  readonly name: string;
  readonly subnet: number;
  readonly gre: Gre;
  /** Inner address of the GRE's other end: where the VXLAN leads. */
  readonly remote: string;
  readonly pair: string;
  readonly vni: number;
}

/** A subnet in one VPC: its bridge, its gateway there, and its machine. */
export interface Segment {
  readonly vpc: Vpc;
  readonly subnet: number;
  /** `21.0.0.0/24`. */
  readonly network: string;
  readonly bridge: string;
  /** The gateway that the bridge is: 21.0.0.111 in VPC 1. */
  readonly gateway: string;
  readonly machine: string;
  readonly machineInterface: string;
  readonly bridgeInterface: string;
  readonly machineAddress: string;
}

export interface Plan {
  readonly tenant: Tenant;
  readonly vpcs: readonly Vpc[];
  readonly gres: readonly Gre[];
  readonly vxlans: readonly Vxlan[];
  readonly segments: readonly Segment[];
}

/** The hypervisor's namespace. */
export const HYPERVISOR = "ns25";
/** VXLAN's port in the document's commands. */
export const VXLAN_PORT = 4789;
/** Two digits of a VNI name the pair of VPCs, and a VPC's letter is its first interface's: nine is the most. */
const VPCS_MAX = 9;
const TENANTS_MAX = 254;
const SUBNET_MAX = 223;

/** Lays out a tenant's networks. */
export function plan(tenant: Tenant): Plan {
  checkTenant(tenant);
  const vpcs = Array.from({ length: tenant.vpcs }, (_, i) => vpc(tenant.id, i + 1));
  const gres = layGres(tenant.id, vpcs);
  const vxlans = tenant.subnets.flatMap((subnet) =>
    gres
      .filter((g) => subnet.vpcs.includes(g.source.id) && subnet.vpcs.includes(g.destination.id))
      .map((g) => vxlan(tenant.id, subnet.id, g, gres)),
  );
  const segments = tenant.subnets.flatMap((subnet) =>
    subnet.vpcs.map((id) => segment(tenant.id, subnet.id, vpcs[id - 1] as Vpc)),
  );
  return { tenant, vpcs, gres, vxlans, segments };
}

/** Extends a subnet to a further VPC, as the document's "migration" does: refused where it stands already. */
export function extendSubnet(tenant: Tenant, subnet: number, from: number, to: number): Tenant {
  const found = tenant.subnets.find((s) => s.id === subnet && s.vpcs.includes(from));
  if (found === undefined) throw new LabError(`tenant ${tenant.id}: VPC ${from} has no subnet ${subnet}`);
  if (found.vpcs.includes(to)) throw new LabError(`tenant ${tenant.id}: VPC ${to} already has subnet ${subnet}`);
  if (to < 1 || to > tenant.vpcs) throw new LabError(`tenant ${tenant.id} has no VPC ${to}`);
  const vpcs = [...found.vpcs, to].sort((a, b) => a - b);
  return { ...tenant, subnets: tenant.subnets.map((s) => (s === found ? { id: subnet, vpcs } : s)) };
}

function vpc(tenant: number, id: number): Vpc {
  const letter = String.fromCharCode("a".charCodeAt(0) + id - 1);
  return {
    tenant,
    id,
    address: `${id}.${id}.${tenant}.1/24`,
    gateway: `${id}.${id}.${tenant}.25/24`,
    inside: `${letter}1_t${tenant}`,
    outside: `${letter}25_t${tenant}`,
    namespace: `ns${id}_t${tenant}`,
  };
}

/**
 * The ends of all tunnels, by source VPC and ordinal. Pairs are numbered from the highest VPC down (13, 23, 12 for three
 * VPCs); each end takes the next ordinal of its own VPC.
 */
function layGres(tenant: number, vpcs: readonly Vpc[]): Gre[] {
  const used = new Map<number, number>();
  const next = (id: number): number => {
    const n = (used.get(id) ?? 0) + 1;
    used.set(id, n);
    return n;
  };
  const ends: Gre[] = [];
  for (let d = vpcs.length; d >= 2; d--) {
    for (let s = 1; s < d; s++) {
      const [low, high] = [vpcs[s - 1] as Vpc, vpcs[d - 1] as Vpc];
      const [lowOrdinal, highOrdinal] = [next(s), next(d)];
      ends.push(greEnd(tenant, low, high, lowOrdinal, highOrdinal), greEnd(tenant, high, low, highOrdinal, lowOrdinal));
    }
  }
  return ends.sort((a, b) => a.source.id - b.source.id || a.ordinal - b.ordinal);
}

const greEnd = (tenant: number, source: Vpc, destination: Vpc, ordinal: number, pairOrdinal: number): Gre => ({
  name: `gre${source.id}${destination.id}_t${tenant}`,
  source,
  destination,
  address: `1${source.id}.1${source.id}.${ordinal}.1/24`,
  ordinal,
  pair: `gre${destination.id}${source.id}_t${tenant}`,
  pairNetwork: `1${destination.id}.1${destination.id}.${pairOrdinal}.0/24`,
});

function vxlan(tenant: number, subnet: number, gre: Gre, gres: readonly Gre[]): Vxlan {
  const [s, d] = [gre.source.id, gre.destination.id];
  const other = gres.find((g) => g.name === gre.pair) as Gre;
  return {
    name: `vx_s${subnet}_${s}${d}_t${tenant}`,
    subnet,
    gre,
    remote: other.address,
    pair: `vx_s${subnet}_${d}${s}_t${tenant}`,
    vni: Number(`${subnet}${Math.min(s, d)}${Math.max(s, d)}`),
  };
}

const segment = (tenant: number, subnet: number, at: Vpc): Segment => ({
  vpc: at,
  subnet,
  network: `${subnet}.0.0.0/24`,
  bridge: `br_s${subnet}_t${tenant}`,
  gateway: `${subnet}.0.0.11${at.id}/24`,
  machine: `${at.namespace}-s${subnet}_vm`,
  machineInterface: `${at.namespace}-s${subnet}_if1`,
  bridgeInterface: `${at.namespace}-s${subnet}_if2`,
  machineAddress: `${subnet}.0.0.${at.id}/24`,
});

function checkTenant(t: Tenant): void {
  if (t.id < 1 || t.id > TENANTS_MAX) throw new LabError(`tenant ${t.id}: expected a number from 1 to ${TENANTS_MAX}`);
  if (t.vpcs < 1 || t.vpcs > VPCS_MAX) throw new LabError(`tenant ${t.id}: ${t.vpcs} VPCs: expected 1 to ${VPCS_MAX}`);
  for (const s of t.subnets) {
    if (s.id < 1 || s.id > SUBNET_MAX || s.id === 127)
      throw new LabError(
        `tenant ${t.id}: subnet ${s.id}: expected 1 to ${SUBNET_MAX}, the first octet of its addresses`,
      );
    const stranger = s.vpcs.find((v) => v < 1 || v > t.vpcs);
    if (stranger !== undefined) throw new LabError(`tenant ${t.id}: subnet ${s.id}: there is no VPC ${stranger}`);
  }
}
