import { describe, expect, it } from "vitest";
import { S } from "../../../src/core/time.ts";
import { ip } from "../../harness/kernels.ts";
import { configure, neighborStates, OspfLab, type Router, show } from "./net.ts";

const FAST = " ip ospf hello-interval 1\n ip ospf dead-interval 4\n";
const process = (id: number, more = ""): string => `router ospf\n ospf router-id 10.255.0.${id}\n${more}`;

/** Three routers on a switch, 10.0.0.1 to 10.0.0.3, each with a network of its own behind it. `at`: what stands at the interface of the n-th. */
function lan(at: (n: number) => string, more: (n: number) => string = () => ""): { lab: OspfLab; routers: Router[] } {
  const lab = new OspfLab();
  const kernels = [1, 2, 3].map((n) => lab.router(`r${n}`));
  lab.hub(...kernels.map((kernel, i) => [kernel, `e0 10.0.0.${i + 1}/24`] as const));
  const routers = kernels.map((kernel, i) => {
    const n = i + 1;
    const lo = "interface lo\n ip ospf area 0\n";
    return lab.frr(kernel, `interface e0\n ip ospf area 0\n${at(n)}${lo}${process(n, more(n))}`, `10.9.0.${n}/32`);
  });
  return { lab, routers };
}
const states = (r: Router | undefined): string[] => Object.values(neighborStates(r as Router));
const first = <T>(all: readonly T[]): T => all[0] as T;

describe("networks without broadcast", () => {
  const others = (n: number): string =>
    [1, 2, 3]
      .flatMap((m) => (m === n ? [] : ` neighbor 10.0.0.${m} priority ${m === 3 ? 0 : 1} poll-interval 20\n`))
      .join("");

  it("elects a designated router among the neighbours that are configured, by unicast alone", () => {
    const { lab, routers } = lan(
      (n) => `${FAST} ip ospf network non-broadcast\n${n === 3 ? " ip ospf priority 0\n" : ""}`,
      others,
    );
    lab.run(90 * S);
    expect(states(routers[2])).toEqual(["Full", "Full"]);
    expect(show(first(routers), "show ip ospf interface e0")).toContain("Network Type NBMA");
    expect(show(routers[2] as Router, "show ip ospf interface e0")).toContain("State DROther");
    expect(show(first(routers), "show ip ospf route")).toContain("N    10.9.0.3/32");
  });

  it("a neighbour that nobody has configured is not spoken to, and one taken away is forgotten", () => {
    const { lab, routers } = lan(() => `${FAST} ip ospf network non-broadcast\n`);
    lab.run(60 * S);
    expect(states(first(routers))).toEqual([]);
    configure(first(routers), "router ospf", "neighbor 10.0.0.2");
    lab.run(60 * S);
    expect(states(first(routers))).toEqual(["Full"]);
    configure(first(routers), "router ospf", "no neighbor 10.0.0.2");
    expect(states(first(routers))).toEqual([]);
  });

  it("a silent neighbour is polled, and comes back", () => {
    const { lab, routers } = lan(
      (n) => `${FAST}${n === 3 ? " ip ospf priority 0\n" : ""} ip ospf network non-broadcast\n`,
      others,
    );
    lab.run(60 * S);
    routers[1]?.frr.stop();
    lab.run(60 * S);
    expect(states(first(routers))).toHaveLength(1);
    routers[1]?.frr.start();
    lab.run(90 * S);
    expect(states(first(routers))).toEqual(["Full", "Full"]);
  });
});

describe.each(["", " delay-reflood", " non-broadcast"])("point-to-multipoint%s", (variant) => {
  it("is a bundle of links: host routes, and no designated router", () => {
    const { lab, routers } = lan(
      () => `${FAST} ip ospf network point-to-multipoint${variant}\n`,
      (n) =>
        variant === " non-broadcast"
          ? [1, 2, 3].map((m) => (m === n ? "" : ` neighbor 10.0.0.${m} poll-interval 10\n`)).join("")
          : "",
    );
    lab.run(60 * S);
    const r1 = first(routers);
    expect(states(r1)).toEqual(["Full", "Full"]);
    expect(show(r1, "show ip ospf database")).not.toContain("Net Link States");
    expect(show(r1, "show ip ospf route")).toContain(
      "N    10.0.0.2/32           [10] area: 0.0.0.0\n                           via 10.0.0.2, e0\n",
    );
    // what lies behind a neighbour is reached over its host route's network
    const behind = r1.kernel.fib.routes().find((r) => r.dst === ip("10.9.0.2"));
    expect(behind?.nexthops.map((h) => h.gateway)).toEqual([ip("10.0.0.2")]);
    expect(JSON.parse(show(r1, "show ip ospf interface e0 json")).interfaces.e0).toMatchObject({
      networkType: "POINTOMULTIPOINT",
      state: "Point-To-Point",
      p2mpDelayReflood: variant === " delay-reflood",
      p2mpNonBroadcast: variant === " non-broadcast",
      nbrAdjacentCount: 2,
    });
    expect(
      first(routers)
        .frr.writeConfig()
        .find((b) => b.head === "interface e0")?.lines,
    ).toContain(` ip ospf network point-to-multipoint${variant}`);
  });
});

it("unnumbered links share the address of another, and their routes are on-link", () => {
  const lab = new OspfLab();
  const [a, b] = [lab.router("r1"), lab.router("r2")];
  lab.cable([a, "e1 10.1.1.1/32"], [b, "e1 10.1.1.2/32"]);
  lab.cable([a, "e2 10.1.1.1/32"], [b, "e2 10.1.1.2/32"]);
  const link = (name: string): string => `interface ${name}\n ip ospf area 0\n ip ospf network point-to-point\n${FAST}`;
  const lo = "interface lo\n ip ospf area 0\n";
  const r1 = lab.frr(a, link("e1") + link("e2") + lo + process(1), "10.9.0.1/32");
  lab.frr(b, link("e1") + link("e2") + lo + process(2), "10.9.0.2/32");
  lab.run(30 * S);
  expect(states(r1)).toEqual(["Full", "Full"]);
  expect(show(r1, "show ip ospf interface e1")).toContain("This interface is UNNUMBERED, Area 0.0.0.0");
  expect(show(r1, "show ip ospf route")).toContain(
    "N    10.9.0.2/32           [10] area: 0.0.0.0\n                           via 10.1.1.2, e1\n                           via 10.1.1.2, e2\n",
  );
});

it("settings of one address count before those of its interface, and are taken back to them", () => {
  const { lab, routers } = lan(() => `${FAST} ip ospf cost 7\n ip ospf cost 70 10.0.0.1\n`);
  const r1 = first(routers);
  lab.run(30 * S);
  const cost = (r: Router): unknown => JSON.parse(show(r, "show ip ospf interface e0 json")).interfaces.e0.cost;
  expect(routers.map(cost)).toEqual([70, 7, 7]);
  expect(r1.frr.writeConfig().find((b) => b.head === "interface e0")?.lines).toContain(" ip ospf cost 70 10.0.0.1");
  configure(r1, "interface e0", "no ip ospf cost 70 10.0.0.1");
  expect(cost(r1)).toBe(7);
});

it("a suppressed prefix is told nowhere, and yet carries what lies beyond", () => {
  const { lab, routers } = lan(() => `${FAST} ip ospf prefix-suppression\n`);
  lab.run(60 * S);
  const route = show(first(routers), "show ip ospf route");
  expect(route).not.toContain("10.0.0.0/24");
  expect(route).toContain(
    "N    10.9.0.2/32           [10] area: 0.0.0.0\n                           via 10.0.0.2, e0\n",
  );
});

it("a filter of neighbours lets in whom its list permits", () => {
  const { lab, routers } = lan(() => FAST);
  const r1 = first(routers);
  lab.run(60 * S);
  configure(r1, "ip prefix-list P seq 5 deny 10.0.0.3/32", "ip prefix-list P seq 10 permit any");
  configure(r1, "interface e0", "ip ospf neighbor-filter P");
  lab.run(10 * S);
  expect(Object.keys(neighborStates(r1))).toHaveLength(1);
  expect(r1.ospfd.ospf.dropped.get("neighbor filter")).toBeGreaterThan(0);
  configure(r1, "interface e0", "no ip ospf neighbor-filter");
  lab.run(10 * S);
  expect(Object.keys(neighborStates(r1))).toHaveLength(2);
});

it("what is shut down falls silent, and comes back as it was", () => {
  const { lab, routers } = lan(() => FAST);
  const [r1, r2] = routers as [Router, Router];
  lab.run(60 * S);
  configure(r2, "router ospf", "shutdown");
  lab.run(10 * S);
  expect(Object.keys(neighborStates(r1))).toHaveLength(1);
  expect(show(r1, "show ip ospf route")).not.toContain("10.9.0.2/32");
  configure(r2, "router ospf", "no shutdown");
  lab.run(60 * S);
  expect(show(r1, "show ip ospf route")).toContain("10.9.0.2/32");
  expect(show(r2, "show ip ospf route")).toContain("10.9.0.1/32");
});
