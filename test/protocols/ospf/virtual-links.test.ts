import { expect, it } from "vitest";
import { S } from "../../../src/core/time.ts";
import { configure, neighborStates, OspfLab, show } from "./net.ts";

const on = (ifname: string, area: number): string =>
  `interface ${ifname}\n ip ospf area ${area}\n ip ospf hello-interval 1\n ip ospf dead-interval 4\n`;

/** r1 in the backbone, r2 – r3 – r4 in area 1, r5 in area 2 behind r4: whole only by a link between r2 and r4. */
function line() {
  const lab = new OspfLab();
  const [a, b, c, d, e] = [1, 2, 3, 4, 5].map((i) => lab.router(`r${i}`)) as [never, never, never, never, never];
  lab.cable([a, "e12 10.0.12.1/24"], [b, "e21 10.0.12.2/24"]);
  const between = lab.cable([b, "e23 10.0.23.2/24"], [c, "e32 10.0.23.3/24"]);
  lab.cable([c, "e34 10.0.34.3/24"], [d, "e43 10.0.34.4/24"]);
  lab.cable([d, "e45 10.0.45.4/24"], [e, "e54 10.0.45.5/24"]);
  const text = (i: number, interfaces: string, more = ""): string =>
    `${interfaces}router ospf\n ospf router-id 10.255.0.${i}\n${more}`;
  const r1 = lab.frr(a, text(1, on("e12", 0)));
  const r2 = lab.frr(b, text(2, on("e21", 0) + on("e23", 1), " area 1 virtual-link 10.255.0.4\n"));
  const r3 = lab.frr(c, text(3, on("e32", 1) + on("e34", 1)));
  const r4 = lab.frr(d, text(4, on("e43", 1) + on("e45", 2), " area 1 virtual-link 10.255.0.2\n"));
  const r5 = lab.frr(e, text(5, on("e54", 2)));
  return { lab, r1, r2, r3, r4, r5, between };
}

it("a virtual link joins an area to the backbone through another one, and falls with the way through it", () => {
  const { lab, r1, r2, r4, r5, between } = line();
  lab.run(60 * S);
  expect(Object.values(neighborStates(r2))).toEqual(["Full", "Full", "Full"]);
  expect(show(r2, "show ip ospf neighbor")).toMatch(/10\.255\.0\.4 .*Full\/- .*10\.0\.34\.4 +VLINK0:10\.0\.23\.2/);
  expect(show(r1, "show ip ospf route")).toContain(
    "N IA 10.0.45.0/24          [40] area: 0.0.0.0\n                           via 10.0.12.2, e12\n",
  );
  expect(show(r5, "show ip ospf route")).toContain("N IA 10.0.12.0/24          [40] area: 0.0.0.2\n");
  expect(show(r4, "show ip ospf route")).toContain(
    "N    10.0.12.0/24          [30] area: 0.0.0.0\n                           via 10.0.34.3, e43\n",
  );
  expect(show(r2, "show ip ospf database router 10.255.0.2")).toContain("Link connected to: a Virtual Link");
  expect(show(r2, "show ip ospf interface")).toContain("Network Type VIRTUALLINK, Cost: 20");
  between.setUp(false);
  lab.run(60 * S);
  expect(show(r1, "show ip ospf route")).not.toContain("10.0.45.0/24");
  between.setUp(true);
  lab.run(60 * S);
  expect(show(r1, "show ip ospf route")).toContain("10.0.45.0/24");
});

it("the same secret is needed at both ends, and what is typed is written", () => {
  const { lab, r1, r2, r4 } = line();
  const secret = (peer: string): string[] => [
    "router ospf",
    `area 1 virtual-link ${peer} authentication message-digest message-digest-key 1 md5 secret`,
  ];
  configure(r2, ...secret("10.255.0.4"));
  lab.run(60 * S);
  expect(show(r1, "show ip ospf route")).not.toContain("10.0.45.0/24");
  configure(r4, ...secret("10.255.0.2"));
  configure(r4, "router ospf", "area 1 virtual-link 10.255.0.2 dead-interval 60");
  configure(r2, "router ospf", "area 1 virtual-link 10.255.0.4 dead-interval 60");
  lab.run(60 * S);
  expect(show(r1, "show ip ospf route")).toContain("10.0.45.0/24");
  const written = r4.frr.writeConfig().find((block) => block.head === "router ospf");
  expect(written?.lines).toEqual([
    " ospf router-id 10.255.0.4",
    " area 1 virtual-link 10.255.0.2 hello-interval 10 retransmit-interval 5 transmit-delay 1 dead-interval 60",
    " area 1 virtual-link 10.255.0.2 authentication message-digest",
    " area 1 virtual-link 10.255.0.2 message-digest-key 1 md5 secret",
  ]);
  configure(r4, "router ospf", "no area 1 virtual-link 10.255.0.2");
  lab.run(90 * S);
  expect(show(r1, "show ip ospf route")).not.toContain("10.0.45.0/24");
  expect(() => configure(r4, "router ospf", "area 0 virtual-link 10.255.0.2")).toThrow("over the backbone");
});
