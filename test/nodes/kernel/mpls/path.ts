import { DROP_REASONS, type DropText } from "../../../../src/core/drop.ts";
import { Net } from "../../../../src/lab/net.ts";
import type { LabNode } from "../../../../src/lab/node.ts";

/** A frame seen on a device. */
export interface Frame {
  readonly at: number;
  readonly bytes: Uint8Array;
  readonly outgoing: boolean;
  readonly note: string;
}

/**
 * `h1` 10.1.0.2 – `r1` – `r2` – `r3` – `r4` – `h2` 10.2.0.2; between routers 10.0.12.0/24, 10.0.23.0/24, 10.0.34.0/24, router n
 * with .n; a label path each way. To `h2`: r1 pushes 200, r2 swaps it to 300, r3 pops. To `h1`: 403, 302, popped by r2.
 */
export class LabelPath {
  readonly net: Net;
  readonly h1: LabNode;
  readonly h2: LabNode;
  readonly r: readonly LabNode[];

  constructor(seed = 1) {
    const net = new Net(seed);
    this.net = net;
    const [h1, h2] = [net.host("h1"), net.host("h2")];
    const r = [1, 2, 3, 4].map((n) => net.router(`r${n}`));
    const [r1, r2, r3, r4] = r as [LabNode, LabNode, LabNode, LabNode];
    net.link(h1, r1, { ip: "10.1.0.2/24", peerIp: "10.1.0.1/24" });
    net.link(r1, r2, { ip: "10.0.12.1/24", peerIp: "10.0.12.2/24" });
    net.link(r2, r3, { ip: "10.0.23.2/24", peerIp: "10.0.23.3/24" });
    net.link(r3, r4, { ip: "10.0.34.3/24", peerIp: "10.0.34.4/24" });
    net.link(r4, h2, { ip: "10.2.0.1/24", peerIp: "10.2.0.2/24" });
    h1.sh("ip route add default via 10.1.0.1");
    h2.sh("ip route add default via 10.2.0.1");
    // Plain routes for ICMP errors; hosts' own packets go by labels.
    r2.sh("ip route add 10.1.0.0/24 via 10.0.12.1");
    r3.sh("ip route add 10.1.0.0/24 via 10.0.23.2");
    r2.sh("ip route add 10.2.0.0/24 via 10.0.23.3");
    r3.sh("ip route add 10.2.0.0/24 via 10.0.34.4");
    r1.sh("ip route add 10.0.0.0/16 via 10.0.12.2");
    r4.sh("ip route add 10.0.0.0/16 via 10.0.34.3");
    for (const node of r) {
      node.sh("sysctl -q -w net.mpls.platform_labels=1000");
      for (const dev of node.kernel.devices())
        if (dev.name !== "lo") node.sh(`sysctl -q -w net.mpls.conf.${dev.name}.input=1`);
    }
    r1.sh("ip route add 10.2.0.0/24 encap mpls 200 via 10.0.12.2");
    r2.sh("ip -f mpls route add 200 as 300 via inet 10.0.23.3");
    r3.sh("ip -f mpls route add 300 via inet 10.0.34.4");
    r4.sh("ip route add 10.1.0.0/24 encap mpls 403 via 10.0.34.3");
    r3.sh("ip -f mpls route add 403 as 302 via inet 10.0.23.2");
    r2.sh("ip -f mpls route add 302 via inet 10.0.12.1");
    this.h1 = h1;
    this.h2 = h2;
    this.r = r;
  }

  router(n: number): LabNode {
    return this.r[n - 1] as LabNode;
  }

  /** The frames that pass a device from now on. */
  sniff(node: LabNode, dev: string): Frame[] {
    const seen: Frame[] = [];
    const { sim } = this.net;
    node.dev(dev).addTap({
      frame: (_, p, outgoing) =>
        void seen.push({ at: sim.now, bytes: p.buf.slice(p.start, p.end), outgoing, note: p.note }),
    });
    return seen;
  }

  drops(node: LabNode, text: DropText): number {
    return node.kernel.drops[DROP_REASONS.indexOf(text)] as number;
  }
}
