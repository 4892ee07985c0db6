import { expect, it } from "vitest";
import { parseIp } from "../../../src/core/addr.ts";
import { Simulation } from "../../../src/core/sim.ts";
import { S } from "../../../src/core/time.ts";
import { addBridge } from "../../../src/nodes/kernel/dev/bridge.ts";
import { addDummy } from "../../../src/nodes/kernel/dev/dummy.ts";
import type { EthernetDevice } from "../../../src/nodes/kernel/dev/ethernet.ts";
import { addVeth } from "../../../src/nodes/kernel/dev/veth.ts";
import { addVlanDevice } from "../../../src/nodes/kernel/dev/vlan.ts";
import { Kernel } from "../../../src/nodes/kernel/kernel.ts";
import { moveDevice } from "../../../src/nodes/kernel/move.ts";
import type { NetDevice } from "../../../src/nodes/kernel/netdev.ts";

const ip = (text: string): number => parseIp(text) as number;

function pair(): { sim: Simulation; a: Kernel; b: Kernel; near: EthernetDevice; far: EthernetDevice } {
  const sim = new Simulation(1);
  const a = new Kernel(sim, "a");
  const b = new Kernel(sim, "b");
  const made = addVeth(a, "v0", { kernel: a, name: "v1" });
  if (!made.ok) throw new Error(made.errno);
  return { sim, a, b, near: made.value, far: made.value.peer as EthernetDevice };
}

/** Whether a datagram sent by `from` to port 7 of `to` arrives. */
function reaches(sim: Simulation, from: Kernel, to: Kernel, address: string): boolean {
  let heard = false;
  const server = to.os.udpSocket();
  server.bind(0, 7);
  server.onReceive(() => {
    heard = true;
  });
  const client = from.os.udpSocket();
  client.sendTo(new Uint8Array([1]), ip(address), 7);
  sim.advance(sim.now + S);
  server.close();
  client.close();
  return heard;
}

it("registers the peer of a veth first, and connects the two while both are up", () => {
  const { a, near, far } = pair();
  expect([far.ifindex, near.ifindex]).toEqual([2, 3]);
  a.setUp(near, true);
  expect([near.carrier, far.carrier]).toEqual([false, false]);
  a.setUp(far, true);
  expect([near.carrier, far.carrier]).toEqual([true, true]);
  a.setUp(near, false);
  expect([near.carrier, far.carrier]).toEqual([false, false]);
});

it("takes the first end back when the second cannot be made", () => {
  const { a } = pair();
  expect(addVeth(a, "v0", { kernel: a, name: "v9" })).toMatchObject({ ok: false, errno: "EEXIST" });
  expect(a.device("v9")).toBeUndefined();
});

it("moves one end to another namespace, down and without addresses, and packets follow", () => {
  const { sim, a, b, near, far } = pair();
  a.setUp(near, true);
  a.setUp(far, true);
  a.addresses.add(near.ifindex, { address: ip("10.0.0.1"), length: 24 });
  a.addresses.add(far.ifindex, { address: ip("10.9.9.9"), length: 24 });
  const { mac } = far;

  expect(moveDevice(far, b)).toEqual({ ok: true, value: undefined });
  expect(a.device("v1")).toBeUndefined();
  expect(b.device("v1")).toBe(far);
  expect([far.kernel, far.ifindex, far.up, far.mac, far.activated]).toEqual([b, 2, false, mac, false]);
  expect([near.carrier, far.carrier]).toEqual([false, false]);
  expect(a.addresses.isLocal(ip("10.9.9.9"))).toBe(false);
  expect(a.fib.routes().some((r) => r.dst === ip("10.9.9.0"))).toBe(false);
  expect(b.addresses.list(2)).toEqual([]);

  b.setUp(far, true);
  b.addresses.add(far.ifindex, { address: ip("10.0.0.2"), length: 24 });
  expect([near.carrier, far.carrier]).toEqual([true, true]);
  expect(reaches(sim, a, b, "10.0.0.2")).toBe(true);
  expect(reaches(sim, b, a, "10.0.0.1")).toBe(true);
});

it("gives a device another number when its own is taken, and does not give numbers out twice", () => {
  const { a, b, near, far } = pair();
  addDummy(b, "d0");
  expect(moveDevice(far, b).ok && far.ifindex).toBe(3);
  expect(moveDevice(near, b).ok && near.ifindex).toBe(4);
  const next = addDummy(a, "d0");
  expect(next.ok && next.value.ifindex).toBe(4);
});

it("refuses what cannot move, and a name that is taken there", () => {
  const { a, b, far, near } = pair();
  const bridge = addBridge(a, "br0");
  if (!bridge.ok) throw new Error(bridge.errno);
  for (const dev of [a.loopback, bridge.value] as readonly NetDevice[]) {
    expect(moveDevice(dev, b)).toEqual({ ok: false, errno: "EINVAL", detail: "The interface netns is immutable" });
  }
  addDummy(b, "v1");
  expect(moveDevice(far, b)).toMatchObject({ ok: false, errno: "EEXIST" });
  expect(far.kernel).toBe(a);
  expect(moveDevice(far, b, "w1").ok).toBe(true);
  expect(b.device("w1")).toBe(far);
  addVlanDevice(a, "v0.5", near, { id: 5 });
  expect(moveDevice(near, b)).toMatchObject({ ok: false, errno: "EOPNOTSUPP" });
});

it("lets a bridge go of a port that moves, and takes both ends away with one of them", () => {
  const { a, b, near, far } = pair();
  const bridge = addBridge(a, "br0");
  if (!bridge.ok) throw new Error(bridge.errno);
  bridge.value.addPort(near);
  expect(moveDevice(near, b).ok).toBe(true);
  expect(bridge.value.ports).toEqual([]);
  expect(near.master).toBeUndefined();
  b.unregister(near);
  expect([a.device("v1"), b.device("v0")]).toEqual([undefined, undefined]);
  expect(far.cable).toBeNull();
});

it("numbers cables in the order in which they are made, wherever that is", () => {
  const { sim } = pair();
  expect(sim.nextCable()).toBe(1);
});

it("counts what a dummy sends, and lets it go", () => {
  const sim = new Simulation(1);
  const a = new Kernel(sim, "a");
  const made = addDummy(a, "d0");
  if (!made.ok) throw new Error(made.errno);
  a.setUp(made.value, true);
  a.addresses.add(made.value.ifindex, { address: ip("10.0.0.1"), length: 24 });
  a.os.udpSocket().sendTo(new Uint8Array(10), ip("10.0.0.2"), 7);
  sim.advance(S);
  expect(made.value.stats).toMatchObject({ txPackets: 1, txBytes: 52, txDropped: 0 });
  expect(sim.pool.dead).toBe(sim.pool.born);
});
