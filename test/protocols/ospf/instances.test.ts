import { expect, it } from "vitest";
import type { Daemon } from "../../../src/core/os.ts";
import { Net } from "../../../src/lab/net.ts";
import type { LabNode } from "../../../src/lab/node.ts";
import { frrDaemonsOf } from "../../../src/nodes/daemons.ts";

const MIDDLE = `
interface e1
 ip address 10.1.1.2/24
 ip ospf 1 area 0
 ip ospf hello-interval 2
 ip ospf dead-interval 8
!
interface e2
 ip address 10.1.2.2/24
 ip ospf 2 area 0
 ip ospf hello-interval 2
 ip ospf dead-interval 8
!
router ospf 1
 ospf router-id 2.2.2.1
!
router ospf 2
 ospf router-id 2.2.2.2
`;
const END = (i: number, address: string, lo: string): string => `
interface lo
 ip address ${lo}/32
 ip ospf area 0
!
interface e0
 ip address ${address}/24
 ip ospf area 0
 ip ospf hello-interval 2
 ip ospf dead-interval 8
!
router ospf
 ospf router-id ${i}.${i}.${i}.${i}
`;

/** r1, r2 and r3 in a row; r2 has a process for each side. `more`: lines of its configuration at the end. */
function row(more = ""): { readonly net: Net; readonly r1: LabNode; readonly r2: LabNode; readonly r3: LabNode } {
  const net = new Net(1, {});
  const [r1, r2, r3] = [net.router("r1"), net.router("r2"), net.router("r3")];
  net.link(r1, r2, { name: "e0", peerName: "e1" });
  net.link(r3, r2, { name: "e0", peerName: "e2" });
  r1.frr(END(1, "10.1.1.1", "1.1.1.1"));
  r2.frr(MIDDLE + more);
  r3.frr(END(3, "10.1.2.3", "3.3.3.3"));
  net.run("40s");
  return { net, r1, r2, r3 };
}
const vtysh = (r: LabNode, ...lines: readonly string[]): string =>
  r.exec(`vtysh ${lines.map((l) => `-c '${l}'`).join(" ")}`).output;
const json = (r: LabNode, line: string) => JSON.parse(vtysh(r, line));

it("each process has its own interfaces, neighbours and routes, and says which one it is", () => {
  const { r1, r2, r3 } = row();
  const shown = vtysh(r2, "show ip route");
  expect(shown).toMatch(/^O\[1\]>\* 1\.1\.1\.1\/32 \[110\/\d+\] via 10\.1\.1\.1, e1, weight 1,/m);
  expect(shown).toMatch(/^O\[2\]>\* 3\.3\.3\.3\/32 \[110\/\d+\] via 10\.1\.2\.3, e2, weight 1,/m);
  expect(json(r2, "show ip route 3.3.3.3/32 json")["3.3.3.3/32"][0]).toMatchObject({ protocol: "ospf", instance: 2 });
  expect(vtysh(r2, "show ip route 3.3.3.3")).toContain('Known via "ospf[2]"');
  expect(vtysh(r2, "show ip route ospf 1")).not.toContain("3.3.3.3");
  expect(vtysh(r2, "show ip route ospf 2")).toContain("3.3.3.3");
  expect(vtysh(r2, "show ip route ospf")).toMatch(/1\.1\.1\.1[\s\S]*3\.3\.3\.3/);
  expect(vtysh(r2, "show zebra client summary")).toMatch(/^ospf\[1:0\][\s\S]*^ospf\[2:0\]/m);
  // one side knows nothing of the other
  expect(vtysh(r1, "show ip route")).not.toContain("3.3.3.3");
  expect(vtysh(r3, "show ip route")).not.toContain("1.1.1.1");
  expect(vtysh(r2, "show ip ospf 2 neighbor")).toMatch(/^\nOSPF Instance: 2\n\n[\s\S]*3\.3\.3\.3/);
  expect(vtysh(r2, "show ip ospf 2 neighbor")).not.toContain("1.1.1.1");
  expect(vtysh(r2, "show ip ospf neighbor")).toMatch(
    /OSPF Instance: 1\n[\s\S]*1\.1\.1\.1[\s\S]*OSPF Instance: 2\n[\s\S]*3\.3\.3\.3/,
  );
  expect(json(r2, "show ip ospf 1 json")).toMatchObject({ ospfInstance: 1, routerId: "2.2.2.1" });
  expect(json(r2, "show ip ospf 2 database json")).toMatchObject({ ospfInstance: 2, routerId: "2.2.2.2" });
});

it("redistribute ospf N takes over the routes of another process", () => {
  const { net, r1, r2, r3 } = row(" redistribute ospf 1 metric 33 metric-type 1\n");
  expect(vtysh(r3, "show ip route")).toMatch(/^O>\* 1\.1\.1\.1\/32 \[110\/\d+\] via 10\.1\.2\.2/m);
  expect(vtysh(r3, "show ip ospf database external 1.1.1.1")).toContain("Metric: 33");
  expect(vtysh(r1, "show ip route")).not.toContain("3.3.3.3");
  const typed = vtysh(r2, "configure terminal", "router ospf 1", "redistribute ospf 2");
  expect(typed).toBe("");
  net.run("5s");
  expect(vtysh(r1, "show ip route")).toContain("3.3.3.3");
  expect(vtysh(r2, "show running-config")).toContain(
    "router ospf 2\n ospf router-id 2.2.2.2\n redistribute ospf 1 metric 33 metric-type 1\nexit",
  );
  vtysh(r2, "configure terminal", "router ospf 2", "no redistribute ospf 1");
  net.run("5s");
  expect(vtysh(r3, "show ip route")).not.toContain("1.1.1.1");
  expect(vtysh(r2, "configure terminal", "router ospf 2", "redistribute ospf 2")).toContain(
    "Same instance OSPF redistribution not allowed",
  );
  expect(vtysh(r1, "configure terminal", "router ospf", "redistribute ospf 2")).toContain(
    "Instance redistribution in non-instanced OSPF not allowed",
  );
});

it("a default route of another process is one to tell of", () => {
  const { net, r1, r2, r3 } = row();
  vtysh(r1, "configure terminal", "router ospf", "default-information originate always");
  vtysh(r2, "configure terminal", "router ospf 2", "default-information originate");
  net.run("10s");
  expect(vtysh(r3, "show ip route 0.0.0.0/0")).toContain('Known via "ospf"');
  expect(vtysh(r2, "show ip route 0.0.0.0/0")).toContain('Known via "ospf[1]"');
});

it("what is written names the process, and reads back", () => {
  const { r2 } = row();
  const written = vtysh(r2, "show running-config");
  expect(written).toContain(
    "interface e1\n ip address 10.1.1.2/24\n ip ospf 1 area 0\n ip ospf dead-interval 8\n ip ospf hello-interval 2\nexit",
  );
  expect(written).toContain(
    "router ospf 1\n ospf router-id 2.2.2.1\nexit\n!\nrouter ospf 2\n ospf router-id 2.2.2.2\nexit",
  );
  const again = new Net(1, {}).router("r2");
  for (const name of ["e1", "e2"]) again.exec(`ip link add ${name} type dummy`);
  again.frr(written.replace(/^[\s\S]*?Current configuration:\n/, ""));
  expect(vtysh(again, "show running-config")).toBe(written);
});

it("lines for a process that does not run go nowhere, and say so", () => {
  const { r1, r2 } = row();
  const ignored = "% [ospfd]: command ignored as it targets an instance that is not running\n";
  expect(vtysh(r2, "show ip ospf 7 neighbor")).toBe(ignored);
  expect(vtysh(r2, "configure terminal", "router ospf 7")).toBe(ignored);
  expect(vtysh(r2, "configure terminal", "router ospf")).toBe(ignored);
  expect(vtysh(r1, "configure terminal", "router ospf 7")).toContain("% OSPF is not running in instance mode");
  expect(vtysh(r2, "show daemons")).toBe(" zebra staticd ospfd\n");
});

it("an interface goes from one process to another", () => {
  const { net, r2 } = row();
  vtysh(r2, "configure terminal", "interface e1", "ip ospf 2 area 0");
  net.run("30s");
  expect(vtysh(r2, "show ip ospf 1 neighbor")).not.toContain("1.1.1.1");
  expect(vtysh(r2, "show ip ospf 2 neighbor")).toContain("1.1.1.1");
  expect(vtysh(r2, "show running-config")).toContain("\n ip ospf 2 area 0\n ip ospf dead");
  vtysh(r2, "configure terminal", "interface e1", "no ip ospf 2 area 0");
  net.run("1s");
  expect(vtysh(r2, "show ip ospf 2 neighbor")).not.toContain("1.1.1.1");
});

it("one process ends or restarts without the others", () => {
  const { net, r2 } = row("router ospf 1\n graceful-restart\n");
  const [first, second] = ["ospfd-1", "ospfd-2"].map((n) => r2.kernel.os.local.find<Daemon>(`vty ${n}`) as Daemon);
  const routes = (): string => vtysh(r2, "show ip route ospf");
  first?.kill?.();
  net.run("3s");
  expect(routes()).toMatch(/1\.1\.1\.1[\s\S]*3\.3\.3\.3/); // zebra keeps them
  second?.stop();
  net.run("1s");
  expect(routes()).not.toContain("3.3.3.3");
  expect(routes()).toContain("1.1.1.1");
  first?.start();
  second?.start();
  net.run("60s");
  expect(routes()).toMatch(/1\.1\.1\.1[\s\S]*3\.3\.3\.3/);
  expect(r2.kernel.os.files.open("/var/lib/frr/ospfd-1.json").ok).toBe(true);
  expect(r2.kernel.os.files.open("/var/lib/frr/ospfd.json").ok).toBe(false);
  vtysh(r2, "clear ip ospf 2 process");
  net.run("1s");
  expect(routes()).toContain("1.1.1.1");
  expect(routes()).not.toContain("3.3.3.3");
});

it("a configuration says which processes there are", () => {
  expect(frrDaemonsOf(MIDDLE, [])).toEqual(["zebra", "staticd", "ospfd-1", "ospfd-2"]);
  expect(frrDaemonsOf("router ospf\n", ["bgpd"])).toEqual(["zebra", "staticd", "ospfd", "bgpd"]);
  expect(frrDaemonsOf("interface e0\n ip ospf cost 3\n", [])).toEqual(["zebra", "staticd", "ospfd"]);
  expect(frrDaemonsOf("router ospf 12\nrouter bgp 1\nrouter ospf 3\n", [])).toEqual([
    "zebra",
    "staticd",
    "ospfd-3",
    "ospfd-12",
    "bgpd",
  ]);
  const r = new Net(1, {}).router("r");
  expect(() => r.frr("router ospf\nrouter ospf 2\n")).toThrow("OSPF is not running in instance mode");
  expect(() => r.run("ospfd-70000", { config: "" })).toThrow('there is no daemon "ospfd-70000"');
});
