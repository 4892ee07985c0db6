import { expect, it } from "vitest";
import type { SocketError } from "../../../../src/core/os.ts";
import { S } from "../../../../src/core/time.ts";
import type { Kernel } from "../../../../src/nodes/kernel/kernel.ts";
import { message } from "../../../../src/protocols/icmp/wire.ts";
import {
  allDrops,
  encodeMessage,
  hear,
  inject,
  ip,
  ipPacket,
  Lab,
  ping,
  route,
  send,
  watch,
} from "../../../harness/kernels.ts";

/** The chain of the harness with a narrow cable on the right. */
function narrow(mtu: number): { lab: Lab; h1: Kernel; r1: Kernel; h2: Kernel } {
  const lab = new Lab();
  const [h1, r1, h2] = [lab.host("h1"), lab.router("r1"), lab.host("h2")];
  lab.cable([h1, "eth0 10.0.1.1/24"], [r1, "eth0 10.0.1.254/24"]);
  lab.cable([r1, "eth1 10.0.2.254/24"], [h2, "eth0 10.0.2.1/24"], mtu);
  route(h1, "0.0.0.0/0", "10.0.1.254");
  route(h2, "0.0.0.0/0", "10.0.2.254");
  return { lab, h1, r1, h2 };
}
const mtuTo = (kernel: Kernel, to: string): number => kernel.ipv4.routes.output(ip(to), 0, 0, 0, 0).mtu;

/** Tells `h1` that so much fits on the way to 10.0.2.1. */
function tell(h1: Kernel, mtu: number, from = "10.0.1.1", protocol = 17): void {
  const quoted = ipPacket(from, "10.0.2.1", protocol, new Uint8Array(8));
  inject(h1, "eth0", ipPacket("10.0.1.254", "10.0.1.1", 1, encodeMessage(message(3, 4, mtu, quoted))));
}

it("learns the path's MTU from a router, and cuts what it sends from then on", () => {
  const { lab, h1, r1, h2 } = narrow(1400);
  const errors: SocketError[] = [];
  const got: number[] = [];
  const sent = watch(h1, "eth0").out;
  const server = h2.os.udpSocket();
  server.bind(0, 9);
  server.onReceive((_b, o, end) => got.push(end - o));
  const socket = h1.os.udpSocket();
  socket.onError((e) => errors.push(e));
  socket.sendTo(new Uint8Array(1472), ip("10.0.2.1"), 9);
  lab.run(S);
  expect(errors).toMatchObject([{ errno: "EMSGSIZE", mtuBytes: 1400, offender: ip("10.0.1.254"), destinationPort: 9 }]);
  expect(mtuTo(h1, "10.0.2.1")).toBe(1400);
  expect(mtuTo(h1, "10.0.2.2")).toBe(1500);
  expect(socket.sendTo(new Uint8Array(1472), ip("10.0.2.1"), 9, { pathMtuDiscovery: "do" })).toMatchObject({
    errno: "EMSGSIZE",
  });
  socket.sendTo(new Uint8Array(1472), ip("10.0.2.1"), 9);
  socket.sendTo(new Uint8Array(1372), ip("10.0.2.1"), 9);
  lab.run(S);
  expect(sent.map((s) => [s.ip.totalLength, s.ip.flags])).toEqual([
    [1500, 2],
    [1396, 1],
    [124, 0],
    [1400, 2],
  ]);
  expect(got).toEqual([1472, 1372]);
  expect([allDrops(r1), r1.icmp.stats.outDestUnreachs]).toEqual([
    { "ip: does not fit and must not be fragmented": 1 },
    1,
  ]);
  lab.end();
});

it("does not look at everything anew for what it knew", () => {
  const { lab, h1 } = narrow(1400);
  tell(h1, 1400);
  const known = h1.ipv4.routes.output(ip("10.0.2.1"), 0, 0, 0, 0);
  tell(h1, 1400);
  expect(h1.ipv4.routes.output(ip("10.0.2.1"), 0, 0, 0, 0)).toBe(known);
  lab.run(301 * S);
  tell(h1, 1400);
  lab.run(301 * S);
  expect(mtuTo(h1, "10.0.2.1")).toBe(1400);
  lab.end();
});

it("forgets it after ten minutes", () => {
  const { lab, h1 } = narrow(1400);
  tell(h1, 1400);
  lab.run(599 * S);
  expect(mtuTo(h1, "10.0.2.1")).toBe(1400);
  lab.run(2 * S);
  expect(mtuTo(h1, "10.0.2.1")).toBe(1500);
  lab.end();
});

it("goes no lower than 552 octets, and then lets routers cut", () => {
  const { lab, h1, h2 } = narrow(500);
  const heard = hear(h1);
  const sent = watch(h1, "eth0").out;
  ping(h1, "10.0.2.1", { bytes: 1000, pathMtuDiscovery: "want" });
  lab.run(S);
  expect([mtuTo(h1, "10.0.2.1"), heard.map((s) => s.icmp?.type)]).toEqual([552, [3]]);
  ping(h1, "10.0.2.1", { bytes: 1000, pathMtuDiscovery: "want" });
  ping(h1, "10.0.2.1", { bytes: 500, pathMtuDiscovery: "want" });
  lab.run(S);
  expect(sent.map((s) => [s.ip.totalLength, s.ip.flags])).toEqual([
    [1028, 2],
    [548, 1],
    [500, 0],
    [528, 0],
  ]);
  expect(heard.filter((s) => s.icmp?.type === 0).map((s) => s.icmp?.body.length)).toEqual([1000, 500]);
  expect(allDrops(h2)).toEqual({});
  lab.end();
});

it("a router that names no MTU counts as one that names too small a one", () => {
  const { lab, h1 } = narrow(1400);
  tell(h1, 0);
  const { mtu, mtuLocked } = h1.ipv4.routes.output(ip("10.0.2.1"), 0, 0, 0, 0);
  expect([mtu, mtuLocked]).toEqual([552, true]);
  lab.end();
});

it.each([
  ["more than is used already", 1600, {}],
  ["about what it did not send", 1400, { from: "10.0.1.2" }],
] as const)("does not believe a message %s", (_what, mtu, { from }: { from?: string }) => {
  const { lab, h1 } = narrow(1400);
  tell(h1, mtu, from);
  expect(h1.ipv4.exceptions.find(ip("10.0.2.1"))).toBeUndefined();
  lab.end();
});

it("does not lower a locked MTU, nor raise a learnt one", () => {
  const { lab, h1 } = narrow(1400);
  h1.fib.addRoute({ dst: ip("10.0.2.0"), length: 24, gateway: ip("10.0.1.254"), metrics: { mtu: 1300, mtuLocked: 1 } });
  tell(h1, 1000);
  expect(mtuTo(h1, "10.0.2.1")).toBe(1300);
  h1.fib.flush((r) => r.length === 24 && r.dst === ip("10.0.2.0"));
  tell(h1, 1000);
  tell(h1, 1200);
  expect(mtuTo(h1, "10.0.2.1")).toBe(1000);
  lab.end();
});

it("what was learnt goes with the route that it was learnt for", () => {
  const { lab, h1 } = narrow(1400);
  tell(h1, 1000);
  h1.fib.flush((r) => r.length === 0);
  route(h1, "0.0.0.0/0", "10.0.1.253");
  expect(mtuTo(h1, "10.0.2.1")).toBe(1500);
  lab.end();
});

it.each([
  [0, 17, 1000],
  [1, 17, 552],
  [2, 17, 1500],
  [3, 17, 1500],
  [3, 132, 1000],
  [3, 6, 1500], // no connection of ours is quoted (net/ipv4/tcp_ipv4.c:tcp_v4_err)
])("ip_no_pmtu_disc %i: a message about protocol %i makes it %i", (mode, protocol, want) => {
  const { lab, h1 } = narrow(1400);
  h1.sysctl.ip_no_pmtu_disc = mode;
  tell(h1, 1000, "10.0.1.1", protocol);
  expect(mtuTo(h1, "10.0.2.1")).toBe(want);
  lab.end();
});

it("routers forward by the device's MTU, unless told to heed what they learnt", () => {
  const { lab, h1, r1, h2 } = narrow(1500);
  const seen = watch(h2, "eth0").in;
  r1.ipv4.exceptions.learnMtu(ip("10.0.2.1"), 1000);
  send(h1, 253, "10.0.2.1", new Uint8Array(1400));
  lab.run(S);
  expect(seen.map((s) => s.ip.totalLength)).toEqual([1420]);
  r1.sysctl.ip_forward_use_pmtu = 1;
  r1.ipv4.routes.invalidate();
  send(h1, 253, "10.0.2.1", new Uint8Array(1400));
  lab.run(S);
  expect(seen.map((s) => s.ip.totalLength)).toEqual([1420, 996, 444]);
  lab.end();
});

it("keeps no more exceptions than Linux has room for", () => {
  const { lab, h1 } = narrow(1500);
  for (let i = 0; i < 10_300; i++) h1.ipv4.exceptions.learnMtu(ip("172.16.0.0") + i, 1000);
  expect(h1.ipv4.exceptions.find(ip("172.16.0.0"))).toBeUndefined();
  expect(h1.ipv4.exceptions.find(ip("172.16.40.0"))?.mtu).toBe(1000);
  lab.end();
});
