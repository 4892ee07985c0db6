import fc from "fast-check";
import { expect, it } from "vitest";
import { Graph, UNREACHED, type Vertex } from "../../../src/protocols/ospf/graph.ts";
import { HopSets } from "../../../src/protocols/ospf/hops.ts";
import { type Lsa, makeLsa } from "../../../src/protocols/ospf/lsa.ts";
import {
  LINK_POINT_TO_POINT,
  LINK_TRANSIT,
  LSA_NETWORK,
  LSA_ROUTER,
  type RouterLink,
} from "../../../src/protocols/ospf/lsa-codec.ts";
import type { Root } from "../../../src/protocols/ospf/root.ts";
import { shortestPaths } from "../../../src/protocols/ospf/spf.ts";
import { cases } from "../../harness/shared.ts";

const ROOT = 1;

/** Links and networks of an area: what routers and designated routers would say. Networks have ids from 1000 on. */
class Topology {
  readonly links = new Map<
    string,
    { readonly a: number; readonly b: number; readonly costs: readonly [number, number] }
  >();
  readonly members = new Map<number, Map<number, number>>();

  lsas(): Map<string, Lsa> {
    const ways = new Map<number, RouterLink[]>();
    const add = (router: number, link: Omit<RouterLink, "tos">): void => {
      ways.set(router, [...(ways.get(router) ?? []), { ...link, tos: [] }]);
    };
    for (const [key, { a, b, costs }] of this.links) {
      const data = Number(key.split("#")[1]);
      if (costs[0] > 0) add(a, { id: b, data: 10_000 + 2 * data, type: LINK_POINT_TO_POINT, metric: costs[0] });
      if (costs[1] > 0) add(b, { id: a, data: 10_001 + 2 * data, type: LINK_POINT_TO_POINT, metric: costs[1] });
    }
    const said = new Map<string, Lsa>();
    for (const [id, members] of this.members) {
      for (const [router, metric] of members) add(router, { id, data: id * 100 + router, type: LINK_TRANSIT, metric });
      const attached = [...members.keys()].sort((x, y) => x - y);
      const [adv = 0] = attached;
      if (attached.length > 1)
        said.set(`n${id}`, lsa(LSA_NETWORK, id, adv, { kind: "network", mask: 0xffffff00, attached }));
    }
    for (const [id, links] of ways)
      said.set(`r${id}`, lsa(LSA_ROUTER, id, id, { kind: "router", flags: 0, reserved: 0, links }));
    return said;
  }
}
const lsa = (type: number, id: number, adv: number, body: Parameters<typeof makeLsa>[0]["body"]): Lsa =>
  makeLsa({ type, options: 2, id, adv, seq: 1, body });

/** Over every link to whoever is there, but for one that nobody answers on. */
const root = (): Root => ({
  id: ROOT,
  sets: new HopSets(),
  neighborHop: (link, neighbor) =>
    link.data % 14 === 0 ? undefined : { ifname: `e${link.data}`, ifindex: link.data, gateway: neighbor },
  virtualHops: () => undefined,
  networkHop: (link) => ({ ifname: `e${link.data}`, ifindex: link.data, gateway: 0 }),
});

const text = (v: Vertex): string =>
  `${v.network ? "n" : "r"}${v.id} ${v.dist === UNREACHED ? "-" : v.dist} ${v.hops?.hops.map((h) => `${h.ifname}>${h.gateway}`).join(",") ?? ""}`;
const reached = (graph: Graph): string[] =>
  graph.vertices
    .filter((v) => v.dist !== UNREACHED)
    .map(text)
    .sort();

/** Says in the graph what the topology is now; vertices that said the same before are left alone. */
function tell(graph: Graph, said: Map<string, Lsa>, now: Map<string, Lsa>): void {
  for (const [key, old] of said) if (!now.has(key)) graph.says(graph.vertexOf(old), undefined, true);
  for (const [key, one] of now) if (said.get(key) !== one) graph.says(graph.vertexOf(one), one, true);
}

const router = fc.integer({ min: 1, max: 30 });
const change = fc.oneof(
  fc.record({
    kind: fc.constant("link" as const),
    a: router,
    b: router,
    n: fc.nat(1),
    costs: fc.tuple(fc.nat(3), fc.nat(3)),
  }),
  fc.record({ kind: fc.constant("cut" as const), at: fc.nat(100) }),
  fc.record({
    kind: fc.constant("join" as const),
    network: fc.integer({ min: 1000, max: 1003 }),
    a: router,
    cost: fc.integer({ min: 1, max: 3 }),
  }),
  fc.record({ kind: fc.constant("leave" as const), network: fc.integer({ min: 1000, max: 1003 }), a: router }),
);
type Change = typeof change extends fc.Arbitrary<infer T> ? T : never;

function apply(t: Topology, c: Change): void {
  if (c.kind === "link" && c.a !== c.b)
    t.links.set(`${c.a}-${c.b}#${c.a * 62 + c.b * 2 + c.n}`, { a: c.a, b: c.b, costs: c.costs });
  if (c.kind === "cut") t.links.delete([...t.links.keys()][c.at % Math.max(1, t.links.size)] ?? "");
  if (c.kind === "join") t.members.set(c.network, new Map([...(t.members.get(c.network) ?? []), [c.a, c.cost]]));
  if (c.kind === "leave") t.members.get(c.network)?.delete(c.a);
}

it("after any changes paths are those of a computation from the beginning, and who is told changed is who did", () => {
  const ring: Change[] = Array.from({ length: 30 }, (_, i) => ({
    kind: "link",
    a: i + 1,
    b: ((i + 1) % 30) + 1,
    n: 0,
    costs: [2, 2],
  }));
  fc.assert(
    fc.property(
      fc.array(change, { maxLength: 40 }),
      fc.array(fc.array(change, { minLength: 1, maxLength: 2 }), { maxLength: 12 }),
      (begin, steps) => {
        const topology = new Topology();
        for (const c of [...ring, ...begin]) apply(topology, c);
        const graph = new Graph();
        const from = root();
        let said = topology.lsas();
        tell(graph, new Map(), said);
        shortestPaths(graph, from, () => {});
        for (const step of steps) {
          for (const c of step) apply(topology, c);
          const now = topology.lsas();
          tell(graph, said, now);
          said = now;
          const before = new Map(graph.vertices.map((v) => [v, text(v)]));
          const told: Vertex[] = [];
          shortestPaths(graph, from, (v) => told.push(v));
          const fresh = new Graph();
          tell(fresh, new Map(), now);
          shortestPaths(fresh, root(), () => {});
          expect(reached(graph)).toEqual(reached(fresh));
          const moved = [...before].filter(([v, was]) => text(v) !== was).map(([v]) => v);
          expect(new Set(told)).toEqual(new Set(moved));
          expect(told.length).toBe(moved.length);
        }
      },
    ),
    { numRuns: cases(300, 100_000) },
  );
});

it("looks only at what lies behind a change", () => {
  const topology = new Topology();
  const side = 20;
  const id = (x: number, y: number): number => y * side + x + 1;
  let n = 0;
  const join = (a: number, b: number): void => {
    topology.links.set(`${a}-${b}#${(n += 7) + 1}`, { a, b, costs: [10, 10] });
  };
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++) {
      if (x + 1 < side) join(id(x, y), id(x + 1, y));
      if (y + 1 < side) join(id(x, y), id(x, y + 1));
    }
  const graph = new Graph();
  const from = root();
  const said = topology.lsas();
  tell(graph, new Map(), said);
  expect(shortestPaths(graph, from, () => {})).toBe(side * side);
  const far = [...topology.links].find(([, l]) => l.a === id(side - 2, side - 2) && l.b === id(side - 1, side - 2));
  topology.links.delete(far?.[0] ?? "");
  tell(graph, said, topology.lsas());
  const told: Vertex[] = [];
  expect(shortestPaths(graph, from, (v) => told.push(v))).toBeLessThan(12);
  expect(told).toEqual([]); // another way is as short
});
