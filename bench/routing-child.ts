import { Graph } from "../src/protocols/ospf/graph.ts";
import { HopSets } from "../src/protocols/ospf/hops.ts";
import { makeLsa } from "../src/protocols/ospf/lsa.ts";
import { LINK_POINT_TO_POINT, LSA_ROUTER, type RouterLink } from "../src/protocols/ospf/lsa-codec.ts";
import { shortestPaths } from "../src/protocols/ospf/spf.ts";
import { type Built, bgpClos, ospfGrid } from "./routing-workload.ts";

/** One run in a process of its own: `routing-child.ts ospf WIDTH HEIGHT`, or `routing-child.ts bgp PREFIXES`. Prints its figures as JSON. */
const [kind, size, height] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
const begun = performance.now();
const built = kind === "ospf" ? ospfGrid(size, height) : bgpClos(size);
built.net.untilConverged();
const seconds = (performance.now() - begun) / 1000;
const { user, system } = process.cpuUsage();
const answer = {
  routers: built.routers.length,
  cables: built.cables.length,
  complete: built.routers.every((node) => knows(node) >= built.prefixes),
  seconds,
  cpu_s: (user + system) / 1e6,
  simulated_s: built.net.now / 1e9,
  rss_max_mb: process.resourceUsage().maxRSS / 1024,
  ...(kind === "ospf" ? { ...ospfFigures(built, seconds), ...pathTimes(size, height) } : {}),
};
process.stdout.write(`${JSON.stringify(answer)}\n`);

/** Prefixes of the measured kind in a router's kernel. */
function knows(node: Built["routers"][number]): number {
  const routes = node.kernel.fib.routes(254);
  return kind === "ospf"
    ? routes.filter((r) => r.length === 30).length
    : routes.filter((r) => r.length === 24 && r.dst >>> 24 === 20).length;
}

interface OspfShown {
  readonly advertisements: number;
  readonly spf: { readonly runs: number; readonly looked: number };
}
function totals({ routers }: Built): { lsas: number; runs: number; looked: number } {
  const sum = { lsas: 0, runs: 0, looked: 0 };
  for (const node of routers) {
    const shown = node.kernel.os.local.find<{ show(): unknown }>("views ospfd")?.show() as OspfShown;
    sum.lsas += shown.advertisements;
    sum.runs += shown.spf.runs;
    sum.looked += shown.spf.looked;
  }
  return sum;
}

/** Advertisements a second, and what a cut cable in the middle costs all routers together. */
function ospfFigures(net: Built, wall: number): Record<string, number> {
  const before = totals(net);
  const at = net.net.now;
  const from = performance.now();
  net.cables[net.cables.length >> 1]?.setUp(false);
  net.net.runTo(at + 1e9);
  net.net.untilConverged();
  const after = totals(net);
  return {
    lsas: before.lsas,
    lsas_per_s: before.lsas / wall,
    spf_runs: before.runs,
    failure_wall_s: (performance.now() - from) / 1000,
    failure_simulated_s: (net.net.now - at) / 1e9,
    failure_spf_runs: after.runs - before.runs,
    failure_looked_per_run: (after.looked - before.looked) / Math.max(1, after.runs - before.runs),
  };
}

/** How long paths through such a grid take to compute, in microseconds: all of them, and after the cut of a cable in the middle. */
function pathTimes(width: number, height: number): { spf_us: number; spf_repair_us: number } {
  const ways = new Map<number, RouterLink[]>();
  const join = (a: number, b: number): void => {
    for (const [x, y, n] of [
      [a, b, 1],
      [b, a, 2],
    ] as const)
      ways.get(x)?.push({
        id: y,
        data: (a * 4 + (b - a === 1 ? 0 : 1)) * 4 + n,
        type: LINK_POINT_TO_POINT,
        metric: 10,
        tos: [],
      });
  };
  for (let i = 1; i <= width * height; i++) ways.set(i, []);
  for (let i = 1; i <= width * height; i++) {
    if (i % width !== 0) join(i, i + 1);
    if (i + width <= width * height) join(i, i + width);
  }
  const said = (id: number) =>
    makeLsa({
      type: LSA_ROUTER,
      options: 2,
      id,
      adv: id,
      seq: 1,
      body: { kind: "router", flags: 0, reserved: 0, links: ways.get(id) ?? [] },
    });
  const graph = new Graph();
  for (const id of ways.keys()) {
    const lsa = said(id);
    graph.says(graph.vertexOf(lsa), lsa, true);
  }
  const root = {
    id: 1,
    sets: new HopSets(),
    neighborHop: (link: RouterLink, gateway: number) => ({ ifname: `e${link.data}`, ifindex: link.data, gateway }),
    networkHop: () => undefined,
    virtualHops: () => undefined,
  };
  const time = (what: () => void): number => {
    const from = performance.now();
    what();
    return (performance.now() - from) * 1000;
  };
  const compute = (): void => {
    shortestPaths(graph, root, () => {});
  };
  const [all, some]: [number[], number[]] = [[], []];
  const middle = (height >> 1) * width + (width >> 1);
  const whole = [said(middle), said(middle + 1)];
  const without = (id: number, other: number): void => {
    ways.set(
      id,
      (ways.get(id) ?? []).filter((w) => w.id !== other),
    );
  };
  without(middle, middle + 1);
  without(middle + 1, middle);
  const cut = [said(middle), said(middle + 1)];
  for (let i = 0; i < 200; i++) {
    graph.anew = true;
    all.push(time(compute));
    for (const lsa of i % 2 === 0 ? cut : whole) graph.says(graph.vertexOf(lsa), lsa, true);
    some.push(time(compute));
  }
  const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] as number;
  return { spf_us: median(all), spf_repair_us: median(some) };
}
