import type { Net } from "../net.ts";

/** How many segments one cable carries: by VLAN tags, and by VXLAN. */
export interface SegmentOutcome {
  readonly vlans: number;
  /** What the next VLAN was answered. */
  readonly refusal: string;
  readonly vxlans: number;
}

const VLANS_MAX = 4094;

/** Makes VLAN devices on one cable until the kernel refuses, then `vxlans` VXLAN devices beside them. */
export function exhaustVlans(net: Net, vxlans: number): SegmentOutcome {
  const [node, peer] = [net.host("trunk1"), net.host("trunk2")];
  net.link(node, peer, { name: "eth0", peerName: "eth0", ip: "192.0.2.1/24", peerIp: "192.0.2.2/24" });
  let vlans = 0;
  let refusal = "";
  for (let id = 1; refusal === "" && id <= VLANS_MAX + 1; id++) {
    const made = node.exec(`ip link add link eth0 name eth0.${id} type vlan id ${id}`);
    if (made.status === 0) vlans++;
    else refusal = made.output.trim().split("\n")[0] as string;
  }
  let made = 0;
  for (let i = 0; i < vxlans; i++) {
    if (
      node.exec(
        `ip link add vx${i} type vxlan id ${VLANS_MAX + 2 + i} local 192.0.2.1 remote 192.0.2.2 dev eth0 dstport 4789`,
      ).status === 0
    )
      made++;
  }
  return { vlans, refusal, vxlans: made };
}
