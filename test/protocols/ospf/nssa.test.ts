import { expect, it } from "vitest";
import { formatIp } from "../../../src/core/addr.ts";
import { S } from "../../../src/core/time.ts";
import { configure, OspfLab, type Router } from "./net.ts";

const FAST = " ip ospf hello-interval 1\n ip ospf dead-interval 4\n ip ospf network point-to-point\n";

/** r1 — area 0 — r2 — area 1, an NSSA — r3, which has three networks elsewhere and puts them in. */
function nssa(more = ""): { lab: OspfLab; r1: Router; r2: Router; r3: Router } {
  const lab = new OspfLab();
  const [a, b, c] = [lab.router("r1"), lab.router("r2"), lab.router("r3")];
  lab.cable([a, "e0 10.0.12.1/24"], [b, "e0 10.0.12.2/24"]);
  lab.cable([b, "e1 10.0.23.2/24"], [c, "e0 10.0.23.3/24"]);
  for (const [i, prefix] of ["172.16.1.1/25", "172.16.1.129/25", "172.17.0.1/16"].entries())
    lab.cable([c, `x${i} ${prefix}`], [lab.host(`h${i}`), "eth0"]);
  const at = (name: string, area: number): string => `interface ${name}\n ip ospf area ${area}\n${FAST}`;
  const text = (i: number, interfaces: string, inside = ""): string =>
    `${interfaces}router ospf\n ospf router-id 10.255.0.${i}\n${inside}`;
  const r1 = lab.frr(a, text(1, at("e0", 0)));
  const r2 = lab.frr(b, text(2, at("e0", 0) + at("e1", 1), ` area 1 nssa\n${more}`));
  const r3 = lab.frr(c, text(3, at("e0", 1), " area 1 nssa\n redistribute connected metric 7\n"));
  lab.run(30 * S);
  return { lab, r1, r2, r3 };
}

/** Externals of the whole system: `id metric forwarding-address`. */
const externals = (r: Router): string[] =>
  r.ospfd.ospf.lsdb
    .sorted(5)
    .filter((s) => s.age < 3600)
    .map(({ lsa }) => {
      const { body } = lsa;
      const route = body.kind === "external" ? body.routes[0] : undefined;
      return `${formatIp(lsa.id)} ${route?.metric} ${formatIp(route?.forward ?? 0)}`;
    });

it("a range stands for the type 7 that lie in it, with the greatest of their metrics or its own, or is silent", () => {
  const { lab, r1, r2 } = nssa(" area 1 nssa range 172.16.1.0/24\n");
  expect(externals(r1)).toEqual(["172.16.1.0 7 0.0.0.0", "172.17.0.0 7 10.0.23.3"]);
  expect(r2.ospfd.routing.dests.find(0xac100100, 24)?.path?.kind).toBe("discard");
  configure(r2, "router ospf", "area 1 nssa range 172.16.1.0/24 cost 900");
  lab.run(10 * S);
  expect(externals(r1)).toContain("172.16.1.0 900 0.0.0.0");
  configure(r2, "router ospf", "area 1 nssa range 172.16.1.0/24 not-advertise");
  lab.run(10 * S);
  expect(externals(r1)).toEqual(["172.17.0.0 7 10.0.23.3"]);
  expect(r2.ospfd.routing.dests.find(0xac100100, 24)?.path?.kind).not.toBe("discard");
  configure(r2, "router ospf", "no area 1 nssa range 172.16.1.0/24");
  lab.run(10 * S);
  expect(externals(r1)).toEqual(["172.16.1.0 7 10.0.23.3", "172.16.1.128 7 10.0.23.3", "172.17.0.0 7 10.0.23.3"]);
});

it("a range of an area that is no NSSA is refused", () => {
  const { r2 } = nssa();
  expect(() => configure(r2, "router ospf", "area 0 nssa range 10.0.0.0/8")).toThrow("First configure 0 as an NSSA");
});

it("the forwarding address is left out where that is asked for", () => {
  const { lab, r1, r2 } = nssa();
  configure(r2, "router ospf", "area 1 nssa suppress-fa");
  lab.run(10 * S);
  expect(externals(r1)).toContain("172.17.0.0 7 0.0.0.0");
});

it("a default route is told inside by a border router, and taken back", () => {
  const { lab, r2, r3 } = nssa();
  const inside = (): (string | undefined)[] =>
    [...r3.ospfd.ospf.areas.values()]
      .flatMap((a) => a.lsdb.sorted(7))
      .filter((s) => s.lsa.id === 0 && s.age < 3600)
      .map(({ lsa }) => (lsa.body.kind === "external" ? `${lsa.body.routes[0]?.metric} ${lsa.options}` : undefined));
  configure(r2, "router ospf", "area 1 nssa default-information-originate metric 12 metric-type 1");
  lab.run(10 * S);
  expect(inside()).toEqual(["12 0"]);
  configure(r2, "router ospf", "area 1 nssa");
  lab.run(10 * S);
  expect(inside()).toEqual([]);
});

it("a router inside tells a default only while it has one itself", () => {
  const { lab, r2, r3 } = nssa();
  configure(r3, "router ospf", "area 1 nssa default-information-originate");
  lab.run(10 * S);
  const found = () => r2.ospfd.routing.dests.find(0, 0)?.path?.kind;
  expect(found()).toBe(undefined);
  const hops = [{ gateway: 0xac100105, ifindex: 0, weight: 1, onlink: false }];
  r3.kernel.os.route.replace({ prefix: { address: 0, length: 0 }, protocol: 3, nexthops: hops });
  lab.run(10 * S);
  expect(found()).toBe("external2");
});
