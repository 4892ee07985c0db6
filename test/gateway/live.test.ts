import { createSocket } from "node:dgram";
import { afterEach, expect, it } from "vitest";
import { parseMac } from "../../src/core/addr.ts";
import { Simulation } from "../../src/core/sim.ts";
import { Gateway } from "../../src/gateway/gateway.ts";
import { Pacer } from "../../src/gateway/pacing.ts";
import { Net } from "../../src/lab/net.ts";
import { EthernetDevice } from "../../src/nodes/kernel/dev/ethernet.ts";

const LOOPBACK = "127.0.0.1";

const open: (() => void)[] = [];
afterEach(() => {
  for (const close of open.splice(0)) close();
});

/** A network of one host behind a gateway, paced by the wall clock. `port` 0: drawn. */
async function site(address: string, kind: "vxlan" | "udp", port: number, remotes: readonly number[]) {
  const net = new Net(1);
  const host = net.host("h1");
  const { kernel } = host;
  const made = kernel.register("eth0", (name, ifindex) => new EthernetDevice(kernel, name, ifindex, ""));
  if (!made.ok) throw new Error(made.errno);
  kernel.setMac(made.value, parseMac(`02:00:00:00:00:0${address.at(-1)}`) as number);
  kernel.setUp(made.value, true);
  host.addAddress("eth0", `${address}/24`);
  const pacer = new Pacer(net.sim);
  const gateway = new Gateway(
    net.sim,
    made.value,
    {
      kind,
      vni: 7,
      local: { address: LOOPBACK, port },
      remotes: remotes.map((remote) => ({ address: LOOPBACK, port: remote })),
    },
    () => pacer.catchUp(),
    () => pacer.step(),
  );
  const own = await gateway.open();
  pacer.start();
  open.push(() => {
    pacer.stop();
    gateway.close();
  });
  return { host, gateway, pacer, port: own };
}

const until = async (done: () => boolean): Promise<boolean> => {
  for (let i = 0; i < 500 && !done(); i++) await new Promise((resolve) => setTimeout(resolve, 10));
  return done();
};

it("two simulations speak over real sockets", async () => {
  const b = await site("10.0.0.2", "vxlan", 0, []);
  const a = await site("10.0.0.1", "vxlan", 0, [b.port]);
  const heard: Buffer[] = [];
  // b knows nobody, and answers to VXLAN's own port: the test stands there for a.
  const vtep = createSocket("udp4");
  await new Promise<void>((resolve) => vtep.bind(4789, LOOPBACK, resolve));
  vtep.on("message", (m) => heard.push(m));
  open.push(() => vtep.close());
  const ping = a.host.spawn("ping -c 1 -W 1 10.0.0.2");
  a.pacer.step();
  expect(await until(() => heard.length > 0)).toBe(true);
  expect(b.gateway.counters.rxFrames).toBeGreaterThan(0);
  const arp = heard[0] as Buffer;
  expect(arp.readUInt16BE(8 + 12)).toBe(0x0806);
  expect(arp.readUInt16BE(8 + 20)).toBe(2);
  ping.interrupt();
});

it("bare frames both ways: a ping across", async () => {
  const probe = createSocket("udp4");
  const port = await new Promise<number>((resolve) => probe.bind(0, LOOPBACK, () => resolve(probe.address().port)));
  probe.close();
  const a = await site("10.0.0.1", "udp", 0, [port]);
  const b = await site("10.0.0.2", "udp", port, [a.port]);
  const ping = a.host.spawn("ping -c 3 -i 0.05 10.0.0.2");
  a.pacer.step();
  expect(await until(() => ping.ended)).toBe(true);
  expect(ping.output).toContain("3 packets transmitted, 3 received");
  expect(b.gateway.counters).toMatchObject({ strangers: 0, txErrors: 0, txNowhere: 0 });
  expect(a.pacer.lateness.instants).toBeGreaterThan(0);
});

it("an event happens when its instant has come, not before", async () => {
  const sim = new Simulation();
  const seen: number[] = [];
  const begun = performance.now();
  for (const ms of [5, 20, 40]) sim.at(ms * 1e6, { label: "t", fire: () => seen.push(performance.now() - begun - ms) });
  const pacer = new Pacer(sim);
  pacer.start();
  open.push(() => pacer.stop());
  expect(await until(() => seen.length === 3)).toBe(true);
  expect(seen.every((late) => late > -1)).toBe(true);
  pacer.stop();
  expect(pacer.lateness).toMatchObject({ instants: expect.any(Number) });
  expect(pacer.lateness.p50Ms).toBeLessThanOrEqual(pacer.lateness.maxMs);
});

it("a datagram of another network, or none at all, is counted and goes nowhere", async () => {
  const a = await site("10.0.0.1", "vxlan", 0, []);
  const socket = createSocket("udp4");
  for (const bytes of [
    Buffer.alloc(0),
    Buffer.alloc(30),
    Buffer.from([8, 0, 0, 0, 0, 0, 9, 0, ...new Array(60).fill(0)]),
  ])
    socket.send(bytes, a.port, LOOPBACK);
  open.push(() => socket.close());
  expect(await until(() => a.gateway.counters.strangers === 3)).toBe(true);
  expect(a.gateway.counters.rxFrames).toBe(0);
});
