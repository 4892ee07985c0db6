import { expect, it } from "vitest";
import { parseIp } from "../../../src/core/addr.ts";
import { NEVER, S } from "../../../src/core/time.ts";
import { runningConfig } from "../../../src/frr/running-config.ts";
import { VtySession } from "../../../src/frr/vty.ts";
import { LSA_EXTERNAL, LSA_NETWORK, LSA_ROUTER, MAX_AGE } from "../../../src/protocols/ospf/lsa-codec.ts";
import { address, device } from "../../harness/kernels.ts";
import { configure, neighborStates, OspfLab, type Router, show } from "./net.ts";

const ip = (text: string): number => parseIp(text) as number;
const HELPER = " graceful-restart helper enable\n";
const GRACEFUL = " graceful-restart grace-period 60\n";
const ID = (i: number): number => (0x0aff0000 + i) >>> 0;

interface Row {
  readonly lab: OspfLab;
  readonly r1: Router;
  readonly r2: Router;
  readonly r3: Router;
}
/** r1, r2, r3 in a row; r2 restarts, r1 and r3 help. r1 is in area 1, so that r2 is a border router; it tells of a connected network too. */
function row(more: { readonly r2?: string; readonly link?: string; readonly helper?: string } = {}): Row {
  const lab = new OspfLab();
  const [a, b, c] = [lab.router("r1"), lab.router("r2"), lab.router("r3")];
  lab.hub([a, "e12 10.0.12.1/24"], [b, "e21 10.0.12.2/24"]);
  lab.hub([b, "e23 10.0.23.2/24"], [c, "e32 10.0.23.3/24"]);
  lab.hub([b, "out 192.168.7.1/24"]);
  const link = more.link ?? " ip ospf network point-to-point\n";
  const at = (name: string, area: number): string =>
    `interface ${name}\n ip ospf area ${area}\n${link} ip ospf hello-interval 2\n ip ospf dead-interval 8\n`;
  const lo = (area: number): string => `interface lo\n ip ospf area ${area}\n`;
  const process = (i: number, lines: string): string => `router ospf\n ospf router-id 10.255.0.${i}\n${lines}`;
  const helper = more.helper ?? HELPER;
  const r1 = lab.frr(a, at("e12", 1) + lo(1) + process(1, helper), "10.9.0.1/32");
  const r2 = lab.frr(
    b,
    at("e21", 1) + at("e23", 0) + process(2, more.r2 ?? `${GRACEFUL} redistribute connected\n`),
    "10.9.0.2/32",
  );
  const r3 = lab.frr(c, at("e32", 0) + lo(0) + process(3, helper), "10.9.0.3/32");
  lab.run(60 * S);
  return { lab, r1, r2, r3 };
}

const kernelHas = (r: Router, prefix: string): boolean =>
  r.kernel.os.route.list(254).some((x) => x.protocol === 188 && x.prefix.address === ip(prefix));
const view = (r: Router, line: string): string => {
  const got = new VtySession([{ commands: r.frr.commands, root: r.frr.root }]).view(line.split(" "));
  return got.output;
};
const prepare = (r: Router): string => view(r, "graceful-restart prepare ip ospf");
/** Whether everybody can reach everybody, as the kernels' routes say. */
const whole = ({ r1, r2, r3 }: Row): boolean =>
  kernelHas(r1, "10.9.0.3") &&
  kernelHas(r1, "192.168.7.0") &&
  kernelHas(r2, "10.9.0.1") &&
  kernelHas(r2, "10.9.0.3") &&
  kernelHas(r3, "10.9.0.1");
/** Lets time pass; whether all was reachable at each tenth of a second. */
function stays(net: Row, seconds: number): boolean {
  let always = true;
  for (let i = 0; i < 10 * seconds; i++) {
    net.lab.run(S / 10);
    always &&= whole(net);
  }
  return always;
}
const restarting = (r: Router): boolean => r.ospfd.ospf.restarting !== undefined;
const slotsOf = (r: Router, area: number, type: number) => r.ospfd.ospf.area(area).lsdb.sorted(type);
const exitSeen = (r: Router): string => show(r, "show ip ospf graceful-restart helper");

it("who has announced its restart comes back as if it had never been away", () => {
  const net = row();
  const { lab, r1, r2, r3 } = net;
  expect(whole(net)).toBe(true);
  const before = slotsOf(r1, 1, LSA_ROUTER).find((s) => s.lsa.adv === ID(2))?.lsa;
  const routes = show(r1, "show ip ospf route");
  expect(prepare(r2)).toBe("");
  lab.run(S);
  expect(show(r1, "show ip ospf database opaque-link")).toContain(
    "   Grace period:60\n   Restart reason:Software restart\n",
  );
  expect(show(r1, "show ip ospf neighbor detail")).toContain("HELPER Status : Inprogress");
  r2.frr.stop();
  expect(stays(net, 20)).toBe(true); // longer than the dead interval
  r2.frr.start();
  lab.run(S);
  expect(restarting(r2)).toBe(true);
  expect(slotsOf(r2, 1, LSA_ROUTER).filter((s) => s.lsa.adv === ID(2))).toHaveLength(0);
  expect(stays(net, 20)).toBe(true);
  expect(restarting(r2)).toBe(false);
  expect(Object.values(neighborStates(r2))).toEqual(["Full", "Full"]);
  for (const r of [r1, r3]) expect(exitSeen(r)).toContain("Last Helper exit Reason :Successful graceful restart");
  const after = slotsOf(r1, 1, LSA_ROUTER).find((s) => s.lsa.adv === ID(2))?.lsa;
  expect(after?.seq).toBe((before?.seq ?? 0) + 1);
  expect(after !== undefined && before !== undefined && after.sameContents(before)).toBe(true);
  expect(show(r1, "show ip ospf route")).toBe(routes);
  // what came back from others is refreshed as what it makes itself
  for (const area of [0, 1])
    for (const s of slotsOf(r2, area, 3)) if (s.self && s.age < MAX_AGE) expect(s.refreshAt).toBeLessThan(NEVER);
  expect(stays(net, 100)).toBe(true); // and zebra's timer of stale routes has no effect any more
});

it("who is killed tells neighbours before its first hello that it is back", () => {
  const net = row();
  const { lab, r1, r2 } = net;
  r2.frr.kill();
  lab.run(S);
  r2.frr.start();
  lab.run(S);
  expect(show(r1, "show ip ospf database opaque-link json")).toContain('"opaqueType":"Grace-LSA"');
  expect(show(r1, "show ip ospf database opaque-link")).toContain("Restart reason:Unknown restart");
  expect(r2.ospfd.ospf.interfaces.filter((oi) => !oi.device.loopback).map((oi) => oi.counters.helloOut)).toEqual([
    0, 0,
  ]);
  expect(stays(net, 30)).toBe(true);
  expect(restarting(r2)).toBe(false);
  expect(exitSeen(r1)).toContain("Successful graceful restart");
});

it("who just stops is gone at once, and so is who is killed without being told to restart gracefully", () => {
  for (const r2 of [GRACEFUL, ""]) {
    const net = row({ r2: `${r2} redistribute connected\n` });
    expect(whole(net)).toBe(true);
    if (r2 === "") net.r2.frr.kill();
    else net.r2.frr.stop();
    net.lab.run(S);
    expect(kernelHas(net.r2, "10.9.0.1")).toBe(false);
    expect(kernelHas(net.r1, "10.9.0.3")).toBe(r2 === ""); // nobody has told it
    net.lab.run(10 * S);
    expect(kernelHas(net.r1, "10.9.0.3")).toBe(false);
    net.r2.frr.start();
    net.lab.run(100 * S);
    expect(whole(net)).toBe(true);
  }
});

it("it ends with its time, and takes back what nobody tells of any more", () => {
  const net = row({ helper: `${HELPER} no graceful-restart helper strict-lsa-checking\n` });
  const { lab, r2, r3 } = net;
  prepare(r2);
  lab.run(S);
  r2.frr.stop();
  r3.frr.kill();
  lab.run(S);
  r2.frr.start();
  lab.run(50 * S);
  expect(restarting(r2)).toBe(true);
  expect(kernelHas(r2, "10.9.0.3")).toBe(true);
  lab.run(10 * S);
  expect(restarting(r2)).toBe(false);
  expect(r2.ospfd.graceful.exitReason).toBe("grace period has expired");
  expect(kernelHas(r2, "10.9.0.3")).toBe(false);
  expect(kernelHas(r2, "10.9.0.1")).toBe(true);
  expect(exitSeen(net.r1)).toContain("Last Helper exit Reason :");
});

it("routes of who does not come back go with the grace period", () => {
  const { lab, r2 } = row();
  prepare(r2);
  lab.run(S);
  r2.frr.stop();
  lab.run(58 * S);
  expect(kernelHas(r2, "10.9.0.3")).toBe(true);
  lab.run(5 * S);
  expect(kernelHas(r2, "10.9.0.3")).toBe(false);
  r2.frr.start();
  lab.run(10 * S);
  expect(restarting(r2)).toBe(false); // it is too late for that
});

it("it ends at once when a neighbour contradicts what was before", () => {
  const { lab, r2, r3 } = row({ helper: `${HELPER} no graceful-restart helper strict-lsa-checking\n` });
  prepare(r2);
  lab.run(S);
  r2.frr.stop();
  for (const up of [false, true]) {
    r3.kernel.setUp(device(r3.kernel, "e32"), up); // r3 forgets its neighbour
    lab.run(S);
  }
  r2.frr.start();
  lab.run(20 * S);
  expect(restarting(r2)).toBe(false);
  expect(r2.ospfd.graceful.exitReason).toBe(
    "detected inconsistent LSA[Type1,id10.255.0.2,ar10.255.0.2] [area 0.0.0.0]",
  );
});

it("who was the designated router is that again", () => {
  const net = row({ link: " ip ospf priority 1\n" });
  const { lab, r2, r3 } = net;
  const drs = () => r2.ospfd.ospf.interfaces.filter((oi) => oi.elects).map((oi) => [oi.ifname, oi.dr, oi.state]);
  const before = drs();
  expect(before.some(([, , state]) => state === "DR")).toBe(true);
  prepare(r2);
  lab.run(S);
  r2.frr.stop();
  lab.run(5 * S);
  r2.frr.start();
  expect(stays(net, 40)).toBe(true);
  expect(restarting(r2)).toBe(false);
  expect(drs()).toEqual(before);
  expect(slotsOf(r3, 0, LSA_NETWORK).filter((s) => s.age < MAX_AGE)).toHaveLength(1);
});

it("externals that are no more are withdrawn once it is over", () => {
  const { lab, r1, r2 } = row();
  address(r2.kernel, device(r2.kernel, "out"), "172.20.0.1/16");
  lab.run(5 * S);
  expect(kernelHas(r1, "172.20.0.0")).toBe(true);
  prepare(r2);
  lab.run(S);
  r2.frr.stop();
  r2.kernel.os.addr.del("out", ip("172.20.0.1"), 16);
  lab.run(S);
  expect(kernelHas(r1, "172.20.0.0")).toBe(true);
  r2.frr.start();
  lab.run(30 * S);
  expect(kernelHas(r1, "172.20.0.0")).toBe(false);
  expect(kernelHas(r1, "192.168.7.0")).toBe(true);
  const own = r2.ospfd.ospf.lsdb.sorted(LSA_EXTERNAL).filter((s) => s.self && s.age < MAX_AGE);
  expect(own.every((s) => s.refreshAt !== undefined)).toBe(true);
});

it("shutdown leaves routes alone for as long, and no shutdown goes on", () => {
  const net = row();
  const { lab, r2 } = net;
  configure(r2, "router ospf", "shutdown");
  expect(stays(net, 6)).toBe(true);
  expect(r2.ospfd.ospf.interfaces).toHaveLength(0);
  configure(r2, "router ospf", "no shutdown");
  expect(stays(net, 40)).toBe(true);
  expect(restarting(r2)).toBe(false);
  configure(r2, "router ospf", "shutdown");
  lab.run(70 * S);
  expect(kernelHas(r2, "10.9.0.3")).toBe(false);
});

it("is configured as FRR is, and refused where it cannot work", () => {
  const { lab, r2 } = row({ r2: " graceful-restart\n" });
  const lines = (): string => runningConfig("r2", [r2.frr]);
  expect(lines()).toContain("\n graceful-restart\n");
  configure(r2, "interface e21", "ip ospf graceful-restart hello-delay 3");
  configure(r2, "router ospf", "graceful-restart grace-period 90");
  expect(lines()).toContain("\n graceful-restart grace-period 90\n");
  expect(lines()).toContain("\n ip ospf graceful-restart hello-delay 3\n");
  const state = (): string => JSON.stringify(r2.kernel.os.files.open("/var/lib/frr/ospfd.json").ok);
  expect(state()).toBe("true");
  configure(r2, "router ospf", "no capability opaque");
  expect(prepare(r2)).toContain("% Can't start graceful restart: opaque capability not enabled (VRF default)");
  expect(() => configure(r2, "router ospf", "shutdown")).toThrow("opaque capability is not enabled");
  configure(r2, "router ospf", "capability opaque");
  prepare(r2);
  expect(() => configure(r2, "router ospf", "no graceful-restart")).toThrow("Graceful Restart preparation in progress");
  configure(r2, "no router ospf");
  lab.run(S);
  configure(r2, "router ospf");
  expect(restarting(r2)).toBe(false);
});
