import { Net } from "../src/lab/net.ts";
import type { LabNode } from "../src/lab/node.ts";
import type { EthernetDevice } from "../src/nodes/kernel/dev/ethernet.ts";
import type { Cable } from "../src/nodes/link.ts";

/** Large networks of routing daemons, each router with zebra and a kernel's table of its own. */

/** Routers under construction: what each is configured with, and numbers for the cables between them. */
class Fabric {
  readonly net = new Net(1);
  readonly cables: Cable[] = [];
  readonly #interfaces = new Map<LabNode, string[]>();

  router(name: string): LabNode {
    const node = this.net.router(name);
    this.#interfaces.set(node, []);
    return node;
  }
  /** A cable with a /30 of 100.64.0.0/10. `inside`: what stands in both interfaces. Returns the addresses of both ends. */
  join(a: LabNode, b: LabNode, ...inside: readonly string[]): readonly [string, string] {
    const k = this.cables.length;
    const cable = this.net.link(a, b);
    this.cables.push(cable);
    const net = `100.${64 + (k >> 14)}.${(k >> 6) & 255}.`;
    const [x, y] = [`${net}${(k & 63) * 4 + 1}`, `${net}${(k & 63) * 4 + 2}`];
    for (const [node, at, address] of [
      [a, 0, x],
      [b, 1, y],
    ] as const) {
      const dev = cable.ends[at] as EthernetDevice;
      this.#interfaces
        .get(node)
        ?.push(`interface ${dev.name}`, ` ip address ${address}/30`, ...inside.map((line) => ` ${line}`));
    }
    return [x, y];
  }
  start(node: LabNode, ...lines: readonly string[]): void {
    node.frr([...(this.#interfaces.get(node) ?? []), ...lines, ""].join("\n"));
  }
}

export interface Built {
  readonly net: Net;
  readonly routers: readonly LabNode[];
  readonly cables: readonly Cable[];
  /** Prefixes that every router knows in the end. */
  readonly prefixes: number;
}

/** `width` × `height` OSPF routers of one area, joined by point-to-point cables. */
export function ospfGrid(width: number, height: number): Built {
  const fabric = new Fabric();
  const rows = Array.from({ length: height }, (_, y) =>
    Array.from({ length: width }, (__, x) => fabric.router(`r${y}-${x}`)),
  );
  const ospf = ["ip ospf area 0", "ip ospf network point-to-point"];
  for (const [y, row] of rows.entries())
    for (const [x, node] of row.entries()) {
      for (const to of [row[x + 1], rows[y + 1]?.[x]]) if (to !== undefined) fabric.join(node, to, ...ospf);
    }
  for (const [y, row] of rows.entries())
    for (const [x, node] of row.entries()) fabric.start(node, "router ospf", ` ospf router-id 1.1.${y}.${x}`);
  return { net: fabric.net, routers: rows.flat(), cables: fabric.cables, prefixes: fabric.cables.length };
}

/**
 * Three tiers of BGP speakers: 40 pods of 20 leaves and 4 aggregation routers, 40 spines; every pod has an AS, and every leaf. `prefixes` are shared out among the leaves.
 */
export function bgpClos(prefixes: number, [pods, leaves, aggregators, spines] = [40, 20, 4, 40]): Built {
  const fabric = new Fabric();
  const neighbors = new Map<LabNode, string[]>();
  const as = new Map<LabNode, number>();
  const speaker = (name: string, number: number): LabNode => {
    const node = fabric.router(name);
    as.set(node, number);
    neighbors.set(node, []);
    return node;
  };
  const join = (a: LabNode, b: LabNode): void => {
    const [x, y] = fabric.join(a, b);
    neighbors.get(a)?.push(` neighbor ${y} remote-as ${as.get(b)}`);
    neighbors.get(b)?.push(` neighbor ${x} remote-as ${as.get(a)}`);
  };
  const top = Array.from({ length: spines ?? 0 }, (_, s) => speaker(`s${s}`, 65_000));
  const bottom: LabNode[] = [];
  for (let p = 0; p < (pods ?? 0); p++) {
    const middle = Array.from({ length: aggregators ?? 0 }, (_, a) => speaker(`p${p}a${a}`, 4_200_000_000 + p));
    for (const [i, a] of middle.entries()) for (const [s, t] of top.entries()) if (s % middle.length === i) join(t, a);
    for (let l = 0; l < (leaves ?? 0); l++) {
      const leaf = speaker(`p${p}l${l}`, 4_200_010_000 + bottom.length);
      for (const a of middle) join(a, leaf);
      bottom.push(leaf);
    }
  }
  const own = new Map<LabNode, string[]>();
  for (let i = 0; i < prefixes; i++) {
    const leaf = bottom[i % bottom.length] as LabNode;
    own.set(leaf, [...(own.get(leaf) ?? []), `20.${i >> 8}.${i & 255}.0/24`]);
  }
  for (const [node, lines] of neighbors) {
    const networks = own.get(node) ?? [];
    fabric.start(
      node,
      ...networks.map((prefix) => `ip route ${prefix} blackhole`),
      `router bgp ${as.get(node)}`,
      " no bgp ebgp-requires-policy",
      " bgp bestpath as-path multipath-relax",
      ...lines,
      " address-family ipv4 unicast",
      "  maximum-paths 64",
      ...networks.map((prefix) => `  network ${prefix}`),
      " exit-address-family",
    );
  }
  return { net: fabric.net, routers: [...neighbors.keys()], cables: fabric.cables, prefixes };
}
