import { S } from "../../core/time.ts";
import { type Netfilter, netfilter } from "../../nodes/kernel/netfilter/hooks.ts";
import type { Filtering } from "../../nodes/kernel/netfilter/nat/rfc4787.ts";
import type { RuleSpec } from "../../nodes/kernel/netfilter/rule.ts";
import { LabError } from "../errors.ts";
import type { Net } from "../net.ts";
import type { LabNode } from "../node.ts";
import { ip, NatHost } from "./host.ts";

/** How the router translates: as Linux does, or as the RFCs want it. */
export type Mode = "linux" | "rfc4787";

/** The router's address outside, and a second one for those who want a pool. */
export const EXT = "203.0.113.1";
export const EXT2 = "203.0.113.2";
/** Where nobody is, on either side. */
export const INSIDE_NET = "192.168.1.0/24";

/** Two hosts inside, a router that translates, two hosts outside. */
export class Yard {
  readonly net: Net;
  readonly mode: Mode;
  readonly h1: NatHost;
  readonly h2: NatHost;
  readonly o1: NatHost;
  readonly o2: NatHost;
  readonly router: LabNode;
  readonly nf: Netfilter;
  #port = 20_000;

  constructor(net: Net, mode: Mode) {
    this.net = net;
    this.mode = mode;
    const inside = net.hub(`${mode}-lan`);
    const outside = net.hub(`${mode}-wan`);
    this.router = net.router(`${mode}-r`);
    net.link(this.router, inside, { name: "eth0", ip: "192.168.1.1/24", delay: "50us" });
    net.link(this.router, outside, { name: "eth1", ip: `${EXT}/24`, delay: "50us" });
    const host = (name: string, at: typeof inside, address: string): NatHost => {
      const node = net.host(`${mode}-${name}`);
      net.link(node, at, { name: "eth0", ip: `${address}/24`, delay: "50us" });
      return new NatHost(node, address);
    };
    this.h1 = host("h1", inside, "192.168.1.11");
    this.h2 = host("h2", inside, "192.168.1.12");
    this.o1 = host("o1", outside, "203.0.113.10");
    this.o2 = host("o2", outside, "203.0.113.11");
    for (const h of [this.h1, this.h2]) h.node.sh("ip route add default via 192.168.1.1");
    this.router.sh(`ip addr add ${EXT2}/24 dev eth1`);
    this.nf = netfilter(this.router.kernel);
    this.reset();
  }

  /** As it was at the beginning: no flow, no rule but the one that masquerades, everybody's neighbours known. */
  reset(): void {
    this.router.sh("conntrack -F");
    this.translateBy({ out: { name: "eth1" }, target: { kind: "MASQUERADE" } });
    this.nf.table("filter").flush();
    this.nf.conntrack.set("nf_conntrack_max", 262_144);
    this.router.sh("ip link set eth1 mtu 1500");
    if (this.mode === "rfc4787") this.filterBy("endpoint-independent");
    for (const [from, to] of [
      [this.h1, "192.168.1.1"],
      [this.h2, "192.168.1.1"],
      [this.o1, EXT],
      [this.o2, EXT],
    ] as const)
      from.node.ping(to);
    this.router.sh("conntrack -F");
    this.run(1);
    for (const host of this.hosts) host.take();
  }

  get hosts(): readonly NatHost[] {
    return [this.h1, this.h2, this.o1, this.o2];
  }

  /** The mode of the RFCs lets in whom it is told to; Linux has no choice. */
  filterBy(filtering: Filtering): void {
    if (this.mode === "rfc4787") this.nf.nat.setMode({ filtering, unsolicitedSyn: "icmp" });
  }

  /** The one rule for what leaves. */
  translateBy(rule: RuleSpec): void {
    const nat = this.nf.table("nat");
    nat.flush("POSTROUTING");
    const done = nat.append("POSTROUTING", rule);
    if (!done.ok) throw new LabError(`${this.router.name}: ${done.detail ?? done.errno}`);
  }
  /** The rule of a pool of both outside addresses. */
  usePool(): void {
    const range = { minAddress: ip(EXT), maxAddress: ip(EXT2) };
    this.translateBy({ out: { name: "eth1" }, target: { kind: "SNAT", range } });
  }

  /** Ports that no other requirement used. */
  port(count = 1): number {
    const port = this.#port;
    this.#port += count;
    return port;
  }

  /** Lets so many seconds pass. */
  run(seconds: number): void {
    this.net.runTo(this.net.now + seconds * S);
  }
  /** Lets packets arrive. */
  settle(): void {
    this.run(0.01);
  }

  /** The flows of the router that mention something, as `conntrack -L` prints them. */
  flows(about: string): string[] {
    const { output } = this.router.exec("conntrack -L");
    return output.split("\n").filter((line) => line.includes("src=") && line.includes(about));
  }
}
