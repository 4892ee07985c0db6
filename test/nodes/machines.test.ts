import { describe, expect, it } from "vitest";
import { Simulation } from "../../src/core/sim.ts";
import { S } from "../../src/core/time.ts";
import { DAEMONS, startDaemon } from "../../src/nodes/daemons.ts";
import { host } from "../../src/nodes/host.ts";
import { EthernetDevice } from "../../src/nodes/kernel/dev/ethernet.ts";
import type { Kernel } from "../../src/nodes/kernel/kernel.ts";
import { Cable } from "../../src/nodes/link.ts";
import { router } from "../../src/nodes/router.ts";
import { networkSwitch } from "../../src/nodes/switch.ts";
import { address, hear, must, ping, route } from "../harness/kernels.ts";

/** Joins machines by a cable between new devices. */
function join(a: Kernel, b: Kernel, addressA = "", addressB = ""): void {
  const [x, y] = [a, b].map((k) => must(k.register("eth%d", (n, i) => new EthernetDevice(k, n, i))));
  const cable = new Cable(a.sim, a.sim.nextCable(), x as EthernetDevice, y as EthernetDevice);
  for (const [k, dev, text] of [
    [a, x, addressA],
    [b, y, addressB],
  ] as const) {
    (dev as EthernetDevice).plug(cable);
    must(k.setUp(dev as EthernetDevice, true));
    if (text !== "") address(k, dev as EthernetDevice, text);
  }
}

/** h1 — middle — h2, all in one subnet or in two. */
function line(middle: (sim: Simulation, name: string) => Kernel, routed: boolean): { h1: Kernel; heard: unknown[] } {
  const sim = new Simulation();
  const [h1, m, h2] = [host(sim, "h1"), middle(sim, "m"), host(sim, "h2")];
  join(h1, m, "10.0.1.1/24", routed ? "10.0.1.254/24" : "");
  join(m, h2, routed ? "10.0.2.254/24" : "", routed ? "10.0.2.1/24" : "10.0.1.2/24");
  if (routed) {
    route(h1, "0.0.0.0/0", "10.0.1.254");
    route(h2, "0.0.0.0/0", "10.0.2.254");
  }
  const heard = hear(h1);
  ping(h1, routed ? "10.0.2.1" : "10.0.1.2");
  sim.advance(40 * S);
  return { h1, heard };
}

describe("a machine in the middle", () => {
  it("as a router forwards between subnets", () => {
    expect(line(router, true).heard).toMatchObject([{ icmp: { type: 0 } }]);
  });
  it("as a host does not", () => {
    expect(line(host, true).heard).toEqual([]);
  });
  it("as a switch joins its ports to one network: every port that is added is one of its bridge", () => {
    const bridging = (sim: Simulation, name: string): Kernel => must(networkSwitch(sim, name));
    expect(line(bridging, false).heard).toMatchObject([{ icmp: { type: 0 } }]);
    const sim = new Simulation();
    const [s, h] = [bridging(sim, "s1"), host(sim, "h1")];
    join(s, h);
    expect(networkSwitch(sim, "lo")).toEqual({ ok: false, errno: "EEXIST" });
    expect([s.device("s1")?.kind, s.device("s1")?.up, s.device("eth0")?.master?.name]).toEqual(["bridge", true, "s1"]);
  });
});

it("a router forwards on what is added later, a host does not", () => {
  const sim = new Simulation();
  const [r, h] = [router(sim, "r"), host(sim, "h")];
  join(r, h);
  expect([r.device("eth0")?.inet.forwarding, h.device("eth0")?.inet.forwarding]).toEqual([true, false]);
});

it("a daemon that nobody knows is refused by name, with those that are known", () => {
  const { os } = host(new Simulation(), "h1");
  const refused = startDaemon(os, "nosuchd", {});
  expect(refused).toMatchObject({ ok: false, errno: "ENOENT" });
  expect(refused.ok ? "" : refused.detail).toContain('there is no daemon "nosuchd"');
  for (const name of DAEMONS.keys()) expect(refused.ok ? "" : refused.detail).toContain(name);
});
