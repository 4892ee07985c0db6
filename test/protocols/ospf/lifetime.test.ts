import { expect, it } from "vitest";
import { setU16, setU32 } from "../../../src/core/bytes.ts";
import { S } from "../../../src/core/time.ts";
import { makeLsa } from "../../../src/protocols/ospf/lsa.ts";
import { lsaChecksum } from "../../../src/protocols/ospf/lsa-checksum.ts";
import { LSDB_MAX } from "../../../src/protocols/ospf/lsdb.ts";
import { packetChecksum } from "../../../src/protocols/ospf/wire.ts";
import { inject, ip, ipPacket } from "../../harness/kernels.ts";
import { configure, neighborStates, OspfLab, type Router, show } from "./net.ts";

const ID = (i: number): number => 0x0aff0000 + i;
const at = (ifname: string, area: number, more = ""): string =>
  `interface ${ifname}\n ip ospf area ${area}\n ip ospf network point-to-point\n ip ospf hello-interval 1\n ip ospf dead-interval 4\n${more}`;

/** r1 – r2 – r3 on links between two; `areas` of both links, `more` in each router's process. */
function line(areas: readonly [number, number] = [0, 0], more: readonly string[] = []) {
  const lab = new OspfLab();
  const [a, b, c] = [lab.router("r1"), lab.router("r2"), lab.router("r3")];
  const first = lab.cable([a, "e12 10.0.12.1/24"], [b, "e21 10.0.12.2/24"]);
  lab.cable([b, "e23 10.0.23.2/24"], [c, "e32 10.0.23.3/24"]);
  const process = (i: number): string => `router ospf\n ospf router-id 10.255.0.${i}\n${more[i - 1] ?? ""}`;
  const r1 = lab.frr(a, at("e12", areas[0]) + process(1));
  const r2 = lab.frr(b, at("e21", areas[0]) + at("e23", areas[1]) + process(2));
  const r3 = lab.frr(c, at("e32", areas[1]) + process(3));
  lab.run(30 * S);
  return { lab, r1, r2, r3, first };
}
const slotOf = (r: Router, type: number, id: number, adv: number) => {
  const { ospf } = r.ospfd;
  const found = ospf.lsdb.find(type, id, adv);
  return found ?? [...ospf.areas.values()].map((area) => area.lsdb.find(type, id, adv)).find((s) => s !== undefined);
};
const full = (r: Router): boolean => Object.values(neighborStates(r)).every((s) => s === "Full");

/** Gives r2 an advertisement as if r1 had sent it. */
function tell(r2: Router, lsa: ReturnType<typeof makeLsa>, age = 1): void {
  const b = new Uint8Array(28 + lsa.length);
  b.set([2, 4]);
  setU16(b, 2, b.length);
  setU32(b, 4, ID(1));
  setU32(b, 24, 1);
  b.set(lsa.bytes, 28);
  setU16(b, 28, age);
  setU16(b, 28 + 16, lsaChecksum(b, 28, b.length));
  setU16(b, 12, packetChecksum(b, 0, b.length));
  inject(r2.kernel, "e21", ipPacket("10.0.12.1", "224.0.0.5", 89, b, { ttl: 1 }));
}
const opaque = (type: 9 | 10 | 11) =>
  makeLsa({
    type,
    options: 0x42,
    id: 0xc8000001,
    adv: ID(1),
    seq: 0x80000001 | 0,
    body: { kind: "raw", bytes: new Uint8Array(8) },
  });

it("own advertisements are refreshed before others forget them, and the others' grow old", () => {
  const { lab, r2 } = line();
  const seq = (): number => slotOf(r2, 1, ID(1), ID(1))?.lsa.seq ?? 0;
  const before = seq();
  let oldest = 0;
  for (let i = 0; i < 60; i++) {
    lab.run(60 * S);
    oldest = Math.max(oldest, slotOf(r2, 1, ID(1), ID(1))?.ageNow(lab.sim.now) ?? 3600);
  }
  expect(seq() - before).toBe(2);
  expect(oldest).toBeGreaterThan(1500);
  expect(oldest).toBeLessThan(1800);
});

it("what nobody refreshes is withdrawn after an hour, and taken out", () => {
  const { lab, r2, r3, first } = line();
  first.setUp(false);
  lab.run(3500 * S);
  expect(slotOf(r3, 1, ID(1), ID(1))).toBeDefined();
  lab.run(300 * S);
  expect([slotOf(r2, 1, ID(1), ID(1)), slotOf(r3, 1, ID(1), ID(1))]).toEqual([undefined, undefined]);
});

it("opaque advertisements go as far as their type says, and only to those who take them", () => {
  const { lab, r2, r3 } = line();
  for (const type of [9, 10, 11] as const) tell(r2, opaque(type));
  lab.run(5 * S);
  expect([9, 10, 11].map((type) => slotOf(r2, type, 0xc8000001, ID(1)) !== undefined)).toEqual([true, true, true]);
  expect([9, 10, 11].map((type) => slotOf(r3, type, 0xc8000001, ID(1)) !== undefined)).toEqual([false, true, true]);
  expect(show(r3, "show ip ospf database")).toContain("Area-Local Opaque-LSA (Area 0.0.0.0)");
  const deaf = line([0, 0], ["", "", " no capability opaque\n"]);
  tell(deaf.r2, opaque(10));
  deaf.lab.run(5 * S);
  expect(slotOf(deaf.r2, 10, 0xc8000001, ID(1))).toBeDefined();
  expect(slotOf(deaf.r3, 10, 0xc8000001, ID(1))).toBeUndefined();
  const stub = line([0, 1], ["", " area 1 stub\n", " area 1 stub\n"]);
  tell(stub.r2, opaque(11));
  stub.lab.run(5 * S);
  expect(slotOf(stub.r2, 11, 0xc8000001, ID(1))).toBeDefined();
  expect(slotOf(stub.r3, 11, 0xc8000001, ID(1))).toBeUndefined();
});

it("a full database takes no more", () => {
  const { lab, r2 } = line();
  r2.ospfd.ospf.lsdb.size = LSDB_MAX;
  tell(r2, opaque(11));
  lab.run(S); // until ospfd has read it
  expect(r2.ospfd.ospf.dropped.get("database full")).toBe(1);
  expect(slotOf(r2, 11, 0xc8000001, ID(1))).toBeUndefined();
});

it.each([
  "clear ip ospf process",
  "clear ip ospf neighbor",
  "clear ip ospf neighbor 10.255.0.1",
  "clear ip ospf interface e21",
])("%s begins adjacencies anew", (command) => {
  const { lab, r1, r2, r3 } = line();
  const changes = [...(r2.ospfd.ospf.interfaces[0]?.neighbors.all ?? [])][0];
  expect(full(r2)).toBe(true);
  show(r2, command);
  expect(changes?.state).toBe("Deleted");
  lab.run(30 * S);
  expect([full(r1), full(r2), full(r3)]).toEqual([true, true, true]);
  expect(show(r1, "show ip ospf route")).toContain("10.0.23.0/24");
});

it("is no way through for as long as it was told after its start", () => {
  const { lab, r2 } = line([0, 0], ["", " max-metric router-lsa on-startup 120\n"]);
  const metrics = (): unknown[] => {
    const body = slotOf(r2, 1, ID(2), ID(2))?.lsa.body;
    return body?.kind === "router" ? body.links.filter((l) => l.type === 1).map((l) => l.metric) : [];
  };
  expect(metrics()).toEqual([0xffff, 0xffff]);
  lab.run(100 * S);
  expect(metrics()).toEqual([10, 10]);
});

it("is no way through for a while before it goes, when it was told so", () => {
  const { lab, r1, r2 } = line([0, 0], ["", " max-metric router-lsa on-shutdown 20\n"]);
  configure(r2, "no router ospf");
  lab.run(10 * S);
  const body = slotOf(r1, 1, ID(2), ID(2))?.lsa.body;
  const links = body?.kind === "router" ? body.links.filter((l) => l.type === 1) : [];
  expect(links.map((l) => l.metric)).toEqual([0xffff, 0xffff]);
  expect(full(r1)).toBe(true);
  lab.run(15 * S);
  expect(neighborStates(r1)).toEqual({});
});

it("what a border router is depends on the kind of such routers", () => {
  for (const [areas, expected] of [
    [[0, 1], { cisco: true, ibm: true, standard: true }],
    [[1, 2], { cisco: false, ibm: false, standard: true }],
  ] as const)
    for (const [kind, is] of Object.entries(expected)) {
      const { r2 } = line(areas, ["", ` ospf abr-type ${kind}\n`]);
      expect([kind, r2.ospfd.ospf.abr]).toEqual([kind, is]);
    }
});

it("externals are told as summaries, after a while, with a tag or not at all", () => {
  const { lab, r1, r2 } = line();
  const lo = ["10.77.1.1/32", "10.77.2.1/32", "10.78.0.1/32"];
  for (const address of lo) r1.kernel.addresses.add(1, { address: ip(address.split("/")[0] as string), length: 32 });
  const told = (): string[] =>
    show(r2, "show ip ospf route")
      .split("\n")
      .filter((l) => l.startsWith("N E"))
      .map((l) => l.replace(/ +/g, " "));
  configure(r1, "router ospf", "redistribute connected", "summary-address 10.77.0.0/16 tag 7");
  lab.run(4 * S);
  expect(told()).toHaveLength(3);
  lab.run(6 * S);
  expect(told()).toEqual(["N E2 10.77.0.0/16 [10/20] tag: 7", "N E2 10.78.0.1/32 [10/20] tag: 0"]);
  expect(JSON.parse(show(r1, "show ip ospf summary-address json"))["10.77.0.0/16"]).toEqual({
    summaryAddress: "10.77.0.0/16",
    metricType: "E2",
    metric: 20,
    tag: 7,
    externalRouteCount: 2,
  });
  configure(r1, "router ospf", "summary-address 10.77.0.0/16 no-advertise");
  lab.run(10 * S);
  expect(told()).toEqual(["N E2 10.78.0.1/32 [10/20] tag: 0"]);
  configure(r1, "router ospf", "summary-address 10.77.0.0/16");
  lab.run(10 * S);
  expect(told()).toHaveLength(2);
  for (const address of lo.slice(0, 2)) r1.kernel.addresses.remove(1, ip(address.split("/")[0] as string));
  lab.run(10 * S);
  expect(told()).toEqual(["N E2 10.78.0.1/32 [10/20] tag: 0"]);
  configure(r1, "router ospf", "no summary-address 10.77.0.0/16");
  expect(() => configure(r1, "router ospf", "summary-address 0.0.0.0/0")).toThrow("Default address");
  expect(() => configure(r1, "router ospf", "summary-address 10.1.1.1/32")).toThrow("Not a valid summary address");
});
