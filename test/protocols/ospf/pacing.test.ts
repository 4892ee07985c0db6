import { describe, expect, it } from "vitest";
import { parsePrefix } from "../../../src/core/addr.ts";
import { MS, S } from "../../../src/core/time.ts";
import { LSA_EXTERNAL } from "../../../src/protocols/ospf/lsa-codec.ts";
import { configure, OspfLab, type Router, show } from "./net.ts";

const FAST = " ip ospf hello-interval 1\n ip ospf dead-interval 4\n";

/** Routers on a switch, the first of them the designated one; `at`: what stands at the first one's interface. */
function lan(count: number, at: string, more = "") {
  const lab = new OspfLab();
  const kernels = Array.from({ length: count }, (_, i) => lab.router(`r${i + 1}`));
  lab.hub(...kernels.map((kernel, i) => [kernel, `e0 10.0.0.${i + 1}/24`] as const));
  const routers = kernels.map((kernel, i) =>
    lab.frr(
      kernel,
      `interface e0\n ip ospf area 0\n ip ospf priority ${255 - i}\n${FAST}${i === 0 ? at : ""}router ospf\n ospf router-id 1.1.1.${i + 1}\n${i === 0 ? more : ""}`,
    ),
  );
  return { lab, routers, first: routers[0] as Router };
}
/** How many neighbours of the first router are in each state. */
const census = (r: Router): Record<string, number> => {
  const all: Record<string, number> = {};
  for (const oi of r.ospfd.ospf.interfaces) for (const n of oi.neighbors.all) all[n.state] = (all[n.state] ?? 0) + 1;
  return all;
};
const comingUp = (r: Router): number => {
  const { ExStart = 0, Exchange = 0, Loading = 0 } = census(r);
  return ExStart + Exchange + Loading;
};
/** The most that came up at once until all were full. */
function mostAtOnce(lab: OspfLab, r: Router, all: number): number {
  let most = 0;
  for (let i = 0; i < 6000 && census(r)["Full"] !== all; i++) {
    lab.run(20 * MS);
    most = Math.max(most, comingUp(r));
  }
  expect(census(r)).toEqual({ Full: all });
  return most;
}

describe("adjacencies that keep a pace", () => {
  it("as many adjacencies come up at once as the limit says", () => {
    for (const limit of [1, 2]) {
      const { lab, first } = lan(6, ` ip ospf adjacency-pacing static ${limit}\n`);
      expect(mostAtOnce(lab, first, 5)).toBe(limit);
    }
    const { lab, first } = lan(6, "");
    expect(mostAtOnce(lab, first, 5)).toBeGreaterThan(3);
  });

  it("a limit that adapts begins with one, grows while little is unacknowledged, and falls while much is", () => {
    const { lab, first } = lan(6, " ip ospf adjacency-pacing dynamic\n");
    const limit = (): number | undefined => first.ospfd.ospf.interfaces[0]?.adjacencyPacing?.limit;
    lab.run(S / 5);
    expect(limit()).toBe(1);
    mostAtOnce(lab, first, 5);
    const grown = limit() ?? 0;
    expect(grown).toBeGreaterThan(1);
    configure(first, "interface e0", "ip ospf adjacency-pacing dynamic thresholds 2 1");
    const [running] = first.ospfd.ospf.interfaces;
    for (const n of running?.neighbors.all ?? [])
      first.ospfd.ospf.areas.get(0)?.lsdb.eachOfAll((slot) => n.retransmit.add(slot));
    running?.adjacencyPacing?.feedback();
    lab.run(S / 10);
    expect(limit()).toBe(Math.floor(grown / 2));
  });

  it("who waits begins as soon as nothing is paced any more", () => {
    const { lab, first } = lan(4, " ip ospf adjacency-pacing static 1\n");
    for (let i = 0; i < 1000 && comingUp(first) === 0; i++) lab.run(10 * MS);
    expect(first.ospfd.ospf.interfaces[0]?.adjacencyPacing?.waiting.size).toBeGreaterThan(0);
    configure(first, "interface e0", "no ip ospf adjacency-pacing");
    lab.run(10 * MS);
    expect(comingUp(first)).toBe(3);
  });
});

describe("updates that keep a distance", () => {
  const EXTERNALS = 6;
  const routes = Array.from({ length: EXTERNALS }, (_, i) => `10.77.${i}.0/24`);

  /** Two full neighbours; then the first one tells of some externals at once. When each reached the second, from then on in milliseconds. */
  function arrivals(at: string): readonly number[] {
    const { lab, first, routers } = lan(2, at, " redistribute kernel\n");
    lab.run(30 * S);
    const [, second] = routers as [Router, Router];
    const begin = lab.sim.now;
    for (const text of routes) {
      const prefix = parsePrefix(text);
      if (prefix !== undefined) first.kernel.os.route.replace({ prefix, type: "blackhole", protocol: 3 });
    }
    const times: number[] = [];
    for (let i = 0; i < 4000 && times.length < EXTERNALS; i++) {
      lab.run(MS);
      let known = 0;
      second.ospfd.ospf.lsdb.eachOfAll((slot) => {
        if (slot.lsa.type === LSA_EXTERNAL) known++;
      });
      while (times.length < known) times.push((lab.sim.now - begin) / MS);
    }
    return times;
  }
  const gaps = (times: readonly number[]): number[] => times.slice(1).map((t, i) => Math.round(t - (times[i] ?? 0)));

  it("each update waits for the gap after the one before, with as many advertisements as it may have", () => {
    const paced =
      " ip ospf lsa-pacing\n ip ospf lsa-pacing min-gap 200 max-gap 200\n ip ospf lsa-pacing adjust-interval 60000\n";
    const one = arrivals(paced);
    expect(one).toHaveLength(EXTERNALS);
    for (const gap of gaps(one)) expect(gap).toBeGreaterThanOrEqual(199);
    const three = arrivals(`${paced} ip ospf lsa-pacing max-lsas-per-update 3\n`);
    expect(gaps(three).map((gap) => gap > 100)).toEqual([false, false, true, false, false]);
    const none = arrivals("");
    expect((none.at(-1) ?? 0) - (none[0] ?? 0)).toBeLessThan(50);
  });

  it("what waits when pacing ends is sent by the usual way", () => {
    const { lab, first, routers } = lan(2, " ip ospf lsa-pacing\n ip ospf lsa-pacing min-gap 60000 max-gap 60000\n");
    lab.run(60 * S);
    const [, second] = routers as [Router, Router];
    configure(first, "router ospf", "default-information originate always");
    lab.run(2 * S);
    configure(first, "router ospf", "default-information originate always metric 77");
    lab.run(20 * S);
    const metric = (): string => show(second, "show ip ospf database external").match(/Metric: (\d+)/)?.[1] ?? "";
    expect(metric()).not.toBe("77");
    configure(first, "interface e0", "no ip ospf lsa-pacing");
    lab.run(15 * S);
    expect(metric()).toBe("77");
  });

  it("the gap grows while much is unacknowledged, and is the least when nothing is", () => {
    const { lab, first } = lan(2, " ip ospf lsa-pacing\n ip ospf lsa-pacing initial-gap 100\n");
    lab.run(30 * S);
    const { ospf } = first.ospfd;
    const [oi] = ospf.interfaces;
    const [n] = oi?.neighbors.all ?? [];
    configure(first, "router ospf", "default-information originate always");
    lab.run(10 * S);
    const pacing = oi?.lsaPacing;
    const queue = n?.paced;
    if (pacing === undefined || queue === undefined || n === undefined) throw new Error("nothing is paced");
    expect(queue.gap).toBe(20 * MS);
    ospf.areas.get(0)?.lsdb.eachOfAll((slot) => n.retransmit.add(slot));
    configure(first, "interface e0", "ip ospf lsa-pacing low-watermark 0 high-watermark 1");
    lab.run(2 * S);
    const many = oi?.lsaPacing;
    if (many !== undefined) queue.adjust(many);
    expect(queue.gap).toBe(200 * MS);
  });
});

it("pacing is written as it was typed, and refused as FRR refuses it", () => {
  const { first } = lan(1, "");
  const lines = (): string[] =>
    first.frr
      .writeConfig()
      .flatMap((b) => b.lines)
      .filter((line) => line.includes("pacing"));
  const typed = [
    " ip ospf adjacency-pacing dynamic",
    " ip ospf adjacency-pacing dynamic thresholds 50 5",
    " ip ospf lsa-pacing",
    " ip ospf lsa-pacing adjust-interval 150",
    " ip ospf lsa-pacing factor 4",
    " ip ospf lsa-pacing initial-gap 25",
    " ip ospf lsa-pacing low-watermark 3 high-watermark 15",
    " ip ospf lsa-pacing max-lsas-per-update 40",
    " ip ospf lsa-pacing min-gap 8 max-gap 800",
  ];
  configure(first, "interface e0", ...typed);
  expect(lines()).toEqual(typed);
  const refused = (line: string): string => {
    try {
      configure(first, "interface e0", line);
    } catch (e) {
      return String(e).trim();
    }
    return "taken";
  };
  expect(refused("ip ospf lsa-pacing initial-gap 900")).toContain("% initial-gap (900) must be between 8 and 800");
  expect(refused("ip ospf lsa-pacing min-gap 9 max-gap 8")).toContain("% min (9) must be <= max (8)");
  expect(refused("ip ospf lsa-pacing low-watermark 9 high-watermark 9")).toContain(
    "% low-water (9) must be < high-water (9)",
  );
  expect(refused("ip ospf adjacency-pacing dynamic thresholds 5 5")).toContain(
    "Low water (5) must be less than high water (5)",
  );
  configure(first, "interface e0", "ip ospf lsa-pacing min-gap 30 max-gap 40", "no ip ospf lsa-pacing factor");
  expect(lines()).toContain(" ip ospf lsa-pacing initial-gap 30");
  configure(first, "interface e0", "no ip ospf lsa-pacing", "ip ospf adjacency-pacing static 4");
  expect(lines()).toEqual([" ip ospf adjacency-pacing static 4"]);
});
