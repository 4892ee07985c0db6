import { expect, it } from "vitest";
import { formatIp } from "../../../src/core/addr.ts";
import { S } from "../../../src/core/time.ts";
import { configure, OspfLab, type Router } from "./net.ts";

const FAST = " ip ospf hello-interval 1\n ip ospf dead-interval 4\n ip ospf network point-to-point\n";

/** r1 — area 0 — r2 — area 1 — r3, with a stub network of r1 and one of r3. `more`: what stands in `router ospf` of each. */
function chain(more: readonly [string, string, string] = ["", "", ""]): {
  lab: OspfLab;
  r1: Router;
  r2: Router;
  r3: Router;
} {
  const lab = new OspfLab();
  const [a, b, c] = [lab.router("r1"), lab.router("r2"), lab.router("r3")];
  lab.cable([a, "e0 10.0.12.1/24"], [b, "e0 10.0.12.2/24"]);
  lab.cable([b, "e1 10.0.23.2/24"], [c, "e0 10.0.23.3/24"]);
  lab.cable([a, "s0 10.1.0.1/24"], [lab.host("h1"), "eth0 10.1.0.9/24"]);
  lab.cable([c, "s0 10.3.0.1/24"], [lab.host("h3"), "eth0 10.3.0.9/24"]);
  lab.cable([c, "x0 192.168.9.1/24"], [lab.host("h4"), "eth0 192.168.9.9/24"]);
  const at = (name: string, area: number): string => `interface ${name}\n ip ospf area ${area}\n${FAST}`;
  const text = (i: number, interfaces: string): string =>
    `${interfaces}router ospf\n ospf router-id 10.255.0.${i}\n${more[i - 1]}`;
  const r1 = lab.frr(a, text(1, at("e0", 0) + at("s0", 0)));
  const r2 = lab.frr(b, text(2, at("e0", 0) + at("e1", 1)));
  const r3 = lab.frr(c, text(3, at("e0", 1) + at("s0", 1)));
  lab.run(40 * S);
  return { lab, r1, r2, r3 };
}

/** The routes of a router, as `prefix kind cost`. */
function routes(r: Router): string[] {
  const { networks } = r.ospfd.view("ospf routes", {}) as {
    networks: { prefix: string; type: string; cost: number; type2cost?: number }[];
  };
  return networks.map((n) => `${n.prefix} ${n.type} ${n.cost}${n.type2cost === undefined ? "" : `/${n.type2cost}`}`);
}
const externals = (r: Router): string[] =>
  r.ospfd.ospf.lsdb
    .sorted(5)
    .filter((s) => s.age < 3600)
    .map((s) => `${formatIp(s.lsa.id)} ${formatIp(s.lsa.adv)}`);

it("a border router tells each area of the other", () => {
  const { r1, r2, r3 } = chain();
  expect(r2.ospfd.ospf.abr).toBe(true);
  expect(routes(r1)).toEqual(["10.0.12.0/24 N 10", "10.0.23.0/24 N IA 20", "10.1.0.0/24 N 10", "10.3.0.0/24 N IA 30"]);
  expect(routes(r3)).toEqual(["10.0.12.0/24 N IA 20", "10.0.23.0/24 N 10", "10.1.0.0/24 N IA 30", "10.3.0.0/24 N 10"]);
});

it("ranges stand for what lies in them, go nowhere where nothing does, and may be silent", () => {
  const { lab, r1, r2 } = chain(["", " area 1 range 10.3.0.0/16\n area 1 range 10.0.23.0/24 not-advertise\n", ""]);
  expect(routes(r1)).toEqual(["10.0.12.0/24 N 10", "10.1.0.0/24 N 10", "10.3.0.0/16 N IA 30"]);
  expect(r2.ospfd.routing.dests.find(0x0a030000, 16)?.path?.kind).toBe("discard");
  configure(r2, "router ospf", "area 1 range 10.3.0.0/16 cost 99");
  lab.run(10 * S);
  expect(routes(r1)).toContain("10.3.0.0/16 N IA 109");
  configure(r2, "router ospf", "area 1 range 10.3.0.0/16 substitute 10.33.0.0/16");
  lab.run(10 * S);
  expect(routes(r1)).toContain("10.33.0.0/16 N IA 109");
  configure(r2, "router ospf", "no area 1 range 10.3.0.0/16");
  lab.run(10 * S);
  expect(routes(r1)).toContain("10.3.0.0/24 N IA 30");
});

it("externals of both types, with the way to who put them in", () => {
  const { lab, r1, r3 } = chain(["", "", " redistribute connected metric 5\n"]);
  expect(externals(r1)).toEqual(["192.168.9.0 10.255.0.3"]);
  expect(routes(r1)).toContain("192.168.9.0/24 N E2 20/5");
  configure(r3, "router ospf", "redistribute connected metric 5 metric-type 1");
  lab.run(10 * S);
  expect(routes(r1)).toContain("192.168.9.0/24 N E1 25");
  configure(r3, "router ospf", "no redistribute connected");
  lab.run(10 * S);
  expect(externals(r1)).toEqual([]);
});

it("a stub area hears of no externals, and gets a default; a totally stubby one nothing else", () => {
  const stub = " area 1 stub\n";
  const { lab, r2, r3 } = chain([" redistribute connected\n default-information originate always\n", stub, stub]);
  expect(externals(r2)).toEqual(["0.0.0.0 10.255.0.1"]);
  expect(externals(r3)).toEqual([]);
  expect(routes(r3)).toContain("0.0.0.0/0 N IA 11");
  expect(routes(r3)).toContain("10.1.0.0/24 N IA 30");
  configure(r2, "router ospf", "area 1 stub no-summary");
  lab.run(10 * S);
  expect(routes(r3)).toEqual(["0.0.0.0/0 N IA 11", "10.0.23.0/24 N 10", "10.3.0.0/24 N 10"]);
});

it("an NSSA keeps its externals as type 7; its border router translates them", () => {
  const nssa = " area 1 nssa\n";
  const { lab, r1, r2, r3 } = chain(["", nssa, `${nssa} redistribute connected metric 7\n`]);
  expect([...r3.ospfd.ospf.areas.values()].map((a) => a.lsdb.count(7))).toEqual([1]);
  expect(externals(r3)).toEqual([]);
  expect(externals(r1)).toEqual(["192.168.9.0 10.255.0.2"]);
  expect(routes(r1)).toContain("192.168.9.0/24 N E2 20/7");
  expect(r2.ospfd.ospf.asbr).toBe(true);
  configure(r3, "router ospf", "no redistribute connected");
  lab.run(20 * S);
  expect(externals(r1)).toEqual([]);
  configure(r2, "router ospf", "area 1 nssa default-information-originate");
  lab.run(20 * S);
  expect(routes(r3).filter((r) => r.startsWith("0.0.0.0/0"))).toHaveLength(1);
});

it("says that it is no way through, while it is told to", () => {
  const { lab, r2, r3 } = chain();
  configure(r2, "router ospf", "max-metric router-lsa administrative");
  lab.run(10 * S);
  const link = r3.ospfd.routing.graphs.values().next().value?.routers.get(0x0aff0002)?.lsa?.shape.ways[0];
  expect(link?.cost).toBe(0xffff);
  configure(r2, "router ospf", "no max-metric router-lsa administrative");
  lab.run(10 * S);
  expect(routes(r3)).toContain("10.1.0.0/24 N IA 30");
});

it("what stops withdraws everything that it said", () => {
  const { lab, r1, r2, r3 } = chain(["", "", " redistribute connected\n"]);
  r3.frr.stop();
  lab.run(70 * S);
  expect(externals(r1)).toEqual([]);
  expect([...r2.ospfd.ospf.areas.values()].flatMap((a) => a.lsdb.sorted(1).map((s) => formatIp(s.lsa.adv)))).toEqual([
    ...["10.255.0.1", "10.255.0.2"],
    "10.255.0.2",
  ]);
  expect(routes(r1)).toEqual(["10.0.12.0/24 N 10", "10.0.23.0/24 N IA 20", "10.1.0.0/24 N 10"]);
});
