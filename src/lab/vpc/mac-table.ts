import type { Net } from "../net.ts";
import type { LabNode } from "../node.ts";

/** What a switch had to do for the machines of three hypervisors on it. */
export interface MacTableOutcome {
  /** Addresses that the switch has learnt, and how many it may. */
  readonly learnt: number;
  readonly limit: number;
  /** Unicast frames between the first two hypervisors that the third one got as well. */
  readonly flooded: number;
  readonly exchanged: number;
}

/**
 * Two hypervisors with `machines` machines each, and a third one that has nothing to do with them, on a switch that learns
 * `limit` addresses. Every machine has pinged its partner once; then all ping again, and what the third hypervisor gets of
 * that is counted. With `tunnels` the machines' frames travel in VXLAN between the hypervisors.
 */
export function overflowMacTable(
  net: Net,
  name: string,
  machines: number,
  limit: number,
  tunnels: boolean,
): MacTableOutcome {
  const tor = net.switch(`${name}-tor`, { macs: limit });
  const hypervisors = [1, 2, 3].map((h) => buildHypervisor(net, `${name}-hv${h}`, tor, h, tunnels));
  const [left, right] = [1, 2].map((h) =>
    Array.from({ length: machines }, (_, i) =>
      buildMachine(net, `${name}-m${h}-${i + 1}`, hypervisors[h - 1] as LabNode, `10.9.${h}.${i + 1}`),
    ),
  ) as [LabNode[], LabNode[]];
  const pingAll = (): number => left.filter((m, i) => m.ping((right[i] as LabNode).ip).received === 1).length;
  pingAll();
  const third = (hypervisors[2] as LabNode).dev("eth0").stats;
  const before = third.rxPackets;
  const answered = pingAll();
  const learnt = tor
    .sh(`bridge fdb show br ${tor.name} dynamic`)
    .split("\n")
    .filter((line) => line !== "").length;
  return { learnt, limit, flooded: third.rxPackets - before, exchanged: 2 * answered };
}

/** A hypervisor: its bridge joins its machines to the uplink, or to a VXLAN over it. */
function buildHypervisor(net: Net, name: string, tor: LabNode, number: number, tunnels: boolean): LabNode {
  const node = net.host(name);
  net.link(node, tor, { name: "eth0" });
  node.sh("ip link add br0 type bridge && ip link set br0 up");
  if (!tunnels) {
    node.sh("ip link set eth0 master br0");
    return node;
  }
  node.sh(`ip addr add 192.0.2.${number}/24 dev eth0`);
  node.sh(`ip link add vx0 type vxlan id 9000 local 192.0.2.${number} dev eth0 dstport 4789`);
  node.sh("ip link set vx0 master br0 up");
  for (const other of [1, 2, 3].filter((n) => n !== number))
    node.sh(`bridge fdb append 00:00:00:00:00:00 dev vx0 dst 192.0.2.${other}`);
  return node;
}

function buildMachine(net: Net, name: string, hypervisor: LabNode, address: string): LabNode {
  const machine = net.host(name);
  const port = `p${address.replace("10.9.", "").replace(".", "-")}`;
  net.link(machine, hypervisor, { name: "eth0", peerName: port, ip: `${address}/16` });
  hypervisor.sh(`ip link set ${port} master br0`);
  return machine;
}
