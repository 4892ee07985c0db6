import type { Cable } from "../../nodes/link.ts";
import type { Net } from "../net.ts";
import type { LabNode } from "../node.ts";

/** How the ring's interfaces are set. */
export interface Mode {
  readonly network: "broadcast" | "point-to-point";
  readonly helloS: 1 | 10;
}

/** Routers r1 to r4: `e12` of r1 and `e21` of r2 are the ends of a cable, 10.0.12.0/24 is on it, 10.255.0.1 is r1's own address. */
export interface OspfRing {
  readonly net: Net;
  readonly mode: Mode;
  readonly routers: readonly LabNode[];
  /** The cable between r1 and r2. */
  readonly first: Cable;
}

const EDGES = [
  [1, 2],
  [2, 3],
  [3, 4],
  [1, 4],
] as const;

/** Lays out the ring that was measured with FRR; no router runs yet. */
export function layRing(net: Net, mode: Mode): OspfRing {
  const routers = [1, 2, 3, 4].map((i) => net.router(`r${i}`));
  const cables = EDGES.map(([a, b]) =>
    net.link(routers[a - 1] as LabNode, routers[b - 1] as LabNode, {
      name: `e${a}${b}`,
      peerName: `e${b}${a}`,
      ip: `10.0.${a}${b}.${a}/24`,
      peerIp: `10.0.${a}${b}.${b}/24`,
    }),
  );
  for (const [i, router] of routers.entries()) router.addAddress("lo", `10.255.0.${i + 1}/32`);
  return { net, mode, routers, first: cables[0] as Cable };
}

/** A router's frr.conf. `i`: from 1. The release that was measured takes no opaque advertisements unless told to. */
export function configuration({ mode }: OspfRing, i: number): string {
  const kind = mode.network === "broadcast" ? [] : [" ip ospf network point-to-point"];
  const hello = mode.helloS === 10 ? [] : [" ip ospf hello-interval 1", " ip ospf dead-interval 4"];
  const names = EDGES.filter((e) => (e as readonly number[]).includes(i)).map(([a, b]) =>
    a === i ? `e${a}${b}` : `e${b}${a}`,
  );
  return [
    ...names.flatMap((name) => [`interface ${name}`, " ip ospf area 0", ...hello, ...kind, "!"]),
    ...["interface lo", " ip ospf area 0", " ip ospf passive", "!"],
    ...["router ospf", ` ospf router-id 10.255.0.${i}`, " log-adjacency-changes detail", " no capability opaque", ""],
  ].join("\n");
}
