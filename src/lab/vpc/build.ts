import type { Net } from "../net.ts";
import type { LabNode } from "../node.ts";
import type { Duration } from "../quantities.ts";
import { type Gre, HYPERVISOR, type Plan, type Segment, type Vpc, VXLAN_PORT, type Vxlan } from "./plan.ts";

/** The hypervisor's namespace, which routes between a tenant's VPCs and never between tenants. */
export function buildHypervisor(net: Net): LabNode {
  return net.nodes.get(HYPERVISOR) ?? net.router(HYPERVISOR);
}

/** Builds a tenant's networks with the commands of the document's programs. `hop`: what crossing a veth pair takes. */
export function buildTenant(net: Net, p: Plan, hop: Duration): void {
  const hypervisor = buildHypervisor(net);
  for (const v of p.vpcs) buildVpc(net, hypervisor, p, v, hop);
  for (const g of p.gres) buildGre(net.node(g.source.namespace), g);
  for (const s of p.segments) buildSegment(net, s, hop);
  for (const x of p.vxlans) buildVxlan(net.node(x.gre.source.namespace), p, x);
}

/** A VPC's namespace and its pair to the hypervisor, whose policy rule keeps this tenant's packets in this tenant's table. */
function buildVpc(net: Net, hypervisor: LabNode, p: Plan, v: Vpc, hop: Duration): void {
  const node = net.router(v.namespace);
  net.link(node, hypervisor, { name: v.inside, peerName: v.outside, ip: v.address, peerIp: v.gateway, delay: hop });
  const gateway = bare(v.gateway);
  node.sh(`ip route add default via ${gateway}`);
  const table = 100 + p.tenant.id;
  if (v.id === 1) hypervisor.sh(`ip route add prohibit default table ${table}`);
  hypervisor.sh(`ip route add ${networkOf(v.address)} dev ${v.outside} table ${table}`);
  hypervisor.sh(`ip rule add iif ${v.outside} lookup ${table}`);
}

function buildGre(node: LabNode, g: Gre): void {
  node.sh(`ip link add ${g.name} type gre remote ${bare(g.destination.address)} local ${bare(g.source.address)}`);
  node.sh(`ip link set ${g.name} up`);
  node.sh(`ip addr add ${g.address} dev ${g.name}`);
  node.sh(`ip route add ${g.pairNetwork} dev ${g.name}`);
}

/** A subnet in a VPC: a bridge that is the gateway, and the machine behind its first port. */
function buildSegment(net: Net, s: Segment, hop: Duration): void {
  const node = net.node(s.vpc.namespace);
  node.sh(`ip link add ${s.bridge} type bridge`);
  node.sh(`ip link set ${s.bridge} up`);
  node.sh(`ip addr add ${s.gateway} dev ${s.bridge}`);
  const machine = net.host(s.machine);
  net.link(machine, node, { name: s.machineInterface, peerName: s.bridgeInterface, ip: s.machineAddress, delay: hop });
  machine.sh(`ip route add default via ${bare(s.gateway)}`);
  node.sh(`ip link set ${s.bridgeInterface} master ${s.bridge}`);
}

/** A VXLAN end, riding on its GRE. Where a subnet stands in three VPCs or more, the tunnels must not pass frames on to one another. */
function buildVxlan(node: LabNode, p: Plan, x: Vxlan): void {
  const bridge = p.segments.find((s) => s.vpc === x.gre.source && s.subnet === x.subnet)?.bridge;
  node.sh(
    `ip link add ${x.name} type vxlan id ${x.vni} dev ${x.gre.name} remote ${bare(x.remote)} dstport ${VXLAN_PORT}`,
  );
  node.sh(`ip link set ${x.name} master ${bridge} up`);
  const siblings = p.vxlans.filter((other) => other.subnet === x.subnet && other.gre.source === x.gre.source);
  if (siblings.length > 1) node.sh(`bridge link set dev ${x.name} isolated on`);
}

/** The MTUs of a tenant's interfaces. */
export interface Sizes {
  readonly gre: number;
  readonly vxlan: number;
  /** Of the machines' interfaces. */
  readonly machine: number;
  /** Whether VXLAN forbids that its packets are fragmented. */
  readonly df: "set" | "unset";
}

/** What Linux chooses for the document's commands: each tunnel leaves room for its headers, the machines keep 1500. */
export const CHOSEN_SIZES: Sizes = { gre: 1476, vxlan: 1426, machine: 1500, df: "unset" };

/** Sets the MTUs of a tenant that is built. */
export function resize(net: Net, p: Plan, sizes: Sizes): void {
  const setGre = (mtu: number): void => {
    for (const g of p.gres) net.node(g.source.namespace).sh(`ip link set ${g.name} mtu ${mtu}`);
  };
  // The kernel refuses a VXLAN that is larger than its device when it is set, and does not look again.
  setGre(sizes.vxlan + VXLAN_HEADERS);
  for (const x of p.vxlans) {
    const node = net.node(x.gre.source.namespace);
    node.sh(`ip link set ${x.name} mtu ${sizes.vxlan}`);
    node.sh(`ip link set ${x.name} type vxlan df ${sizes.df}`);
  }
  setGre(sizes.gre);
  for (const s of p.segments) net.node(s.machine).sh(`ip link set ${s.machineInterface} mtu ${sizes.machine}`);
}

/** IP, UDP, VXLAN and the inner Ethernet header. */
const VXLAN_HEADERS = 50;

/** The address of `10.0.0.1/24`. */
export const bare = (prefix: string): string => prefix.slice(0, prefix.indexOf("/"));
const networkOf = (prefix: string): string => `${bare(prefix).replace(/\d+$/, "0")}/24`;
