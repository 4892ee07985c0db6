import { expect, it } from "vitest";
import { formatIp } from "../../../src/core/addr.ts";
import { S } from "../../../src/core/time.ts";
import { OspfLab, type Router } from "./net.ts";

/** Two routers; the first puts in what its kernel has. */
function pair(): { lab: OspfLab; r1: Router; r2: Router } {
  const lab = new OspfLab();
  const [a, b] = [lab.router("r1"), lab.router("r2")];
  lab.cable([a, "e0 10.0.12.1/24"], [b, "e0 10.0.12.2/24"]);
  const at = "interface e0\n ip ospf area 0\n ip ospf network point-to-point\n ip ospf hello-interval 1\n";
  const text = (i: number, more = ""): string => `${at}router ospf\n ospf router-id 10.255.0.${i}\n${more}`;
  const r1 = lab.frr(a, text(1, " redistribute kernel\n"));
  const r2 = lab.frr(b, text(2));
  lab.run(10 * S);
  return { lab, r1, r2 };
}
const kernelRoute = (r: Router, address: number, length: number, on = true): void => {
  const nexthops = [{ gateway: 0, ifindex: r.kernel.device("e0")?.ifindex ?? 0, weight: 1, onlink: false }];
  r.kernel.os.route[on ? "replace" : "del"]({ prefix: { address, length }, protocol: 3, nexthops });
};
const ids = (r: Router): string[] =>
  r.ospfd.ospf.lsdb
    .sorted(5)
    .filter((s) => s.age < 3600)
    .map(({ lsa }) => `${formatIp(lsa.id)} ${formatIp(lsa.body.kind === "external" ? lsa.body.mask : 0)}`);

const NET = 0x0c000000;
it.each([
  ["the longest first", [24, 16, 8]],
  ["the shortest first", [8, 16, 24]],
])("prefixes of one address have ids of their own, %s", (_title, order) => {
  const { lab, r1, r2 } = pair();
  for (const length of order) {
    kernelRoute(r1, NET, length);
    lab.run(10 * S);
  }
  const all = ["12.0.0.0 255.0.0.0", "12.0.0.255 255.255.255.0", "12.0.255.255 255.255.0.0"];
  expect(ids(r2)).toEqual(all);
  for (const length of order) expect(r2.ospfd.routing.dests.find(NET, length)?.path?.kind).toBe("external2");
  kernelRoute(r1, NET, 16, false);
  lab.run(10 * S);
  expect(ids(r2)).toEqual(all.slice(0, 2));
  kernelRoute(r1, NET, 8, false);
  lab.run(10 * S);
  expect(ids(r2)).toEqual(["12.0.0.255 255.255.255.0"]);
});
