import { expect, it } from "vitest";
import type { SocketError } from "../../../../src/core/os.ts";
import { PACKET_BROADCAST, type Packet } from "../../../../src/core/packet.ts";
import { MS, S } from "../../../../src/core/time.ts";
import type { Kernel } from "../../../../src/nodes/kernel/kernel.ts";
import { message } from "../../../../src/protocols/icmp/wire.ts";
import {
  allDrops,
  chain,
  device,
  encodeMessage,
  hear,
  inject,
  ip,
  ipPacket,
  Lab,
  type PacketFields,
  ping,
  route,
  type Seen,
  watch,
} from "../../../harness/kernels.ts";

interface Offender extends PacketFields {
  readonly from?: string;
  readonly to?: string;
  readonly protocol?: number;
  readonly payload?: Uint8Array;
  readonly as?: Partial<Packet>;
}

/** How many errors a router sends about a packet. */
function errorsAbout(spec: Offender): number {
  const { lab, r1 } = chain();
  const { from = "10.0.1.1", to = "10.0.2.1", protocol = 17, payload = new Uint8Array(16) } = spec;
  const bytes = ipPacket(from, to, protocol, payload, spec);
  const p = r1.sim.pool.alloc(bytes.length);
  p.buf.set(bytes, p.start);
  p.net = p.start;
  p.iif = device(r1, "eth0").ifindex;
  Object.assign(p, spec.as);
  r1.icmp.error(p, 11, 0, 0);
  r1.consume(p);
  lab.run(S);
  const sent = r1.icmp.stats.outMsgs;
  lab.end();
  return sent;
}
const icmp = (type: number): Offender => ({
  protocol: 1,
  payload: encodeMessage(message(type, 0, 0, new Uint8Array(28).fill(0x45))),
});

it.each([
  ["ICMP errors", [3, 4, 5, 11, 12].map(icmp)],
  ["ICMP messages that nobody knows", [1, 2, 6, 7, 9, 10, 19, 42].map(icmp)],
  ["ICMP without a type", [{ protocol: 1, payload: new Uint8Array(0) }]],
  ["later fragments", [{ word: 2 }]],
  ["link broadcasts", [{ as: { type: PACKET_BROADCAST } }]],
  ["packets to groups and broadcast addresses", ["224.0.0.1", "10.0.2.255", "255.255.255.255"].map((to) => ({ to }))],
  ["what no single host sent", ["0.0.0.0", "224.0.0.1", "10.0.1.255", "255.255.255.255"].map((from) => ({ from }))],
])("never answers %s", (_what, offenders: readonly Offender[]) => {
  expect(offenders.map(errorsAbout)).toEqual(offenders.map(() => 0));
});

it("answers queries, first fragments and all other protocols", () => {
  const offenders: readonly Offender[] = [...[0, 8, 13, 14, 15, 16, 17, 18].map(icmp), { word: 0x2000 }, {}];
  expect(offenders.map(errorsAbout)).toEqual(offenders.map(() => 1));
});

/** What `h1` hears when its packet's TTL runs out at `r1`, which is set up by `set`. */
function expired(set: (r1: Kernel) => void, from = "10.0.1.1"): Seen | undefined {
  const { lab, r1 } = chain();
  const out = [watch(r1, "eth0").out, watch(r1, "eth1").out];
  set(r1);
  inject(r1, "eth0", ipPacket(from, "10.0.2.1", 17, new Uint8Array(1000), { ttl: 1 }));
  lab.run(4 * S);
  lab.end();
  return out.flat()[0];
}

it("fits the way back, or stays unsent", () => {
  const limit =
    (mtu: number) =>
    (r1: Kernel): void => {
      r1.fib.addRoute({ dst: ip("10.0.1.1"), length: 32, ifindex: device(r1, "eth0").ifindex, metrics: { mtu } });
    };
  expect(expired(limit(100))?.ip.totalLength).toBe(100);
  expect(expired(limit(49))?.ip.totalLength).toBe(49);
  expect(expired(limit(48))).toBeUndefined();
});

it("has the TTL that the route back sets", () => {
  const set = (r1: Kernel): void => {
    r1.fib.addRoute({
      dst: ip("10.0.1.1"),
      length: 32,
      ifindex: device(r1, "eth0").ifindex,
      metrics: { hoplimit: 33 },
    });
  };
  expect(expired(set)?.ip.ttl).toBe(33);
});

it("comes from the address of the way back, or where told so of the device that received", () => {
  const neighbour = (r1: Kernel): void => {
    r1.neigh.findOrCreate(device(r1, "eth1"), ip("10.0.2.9"))?.update(0x020000000009, "reachable", true, true);
  };
  expect(expired(neighbour, "10.0.2.9")?.ip.src).toBe(ip("10.0.2.254"));
  const inbound = (r1: Kernel): void => {
    neighbour(r1);
    r1.sysctl.icmp_errors_use_inbound_ifaddr = 1;
  };
  expect(expired(inbound, "10.0.2.9")?.ip.src).toBe(ip("10.0.1.254"));
});

it("comes from 192.0.0.8 where there is no address at all", () => {
  const lab = new Lab();
  const [h1, r1] = [lab.host("h1"), lab.router("r1")];
  lab.cable([h1, "eth0 10.0.0.1/24"], [r1, "eth0"]);
  route(r1, "10.0.0.0/8", "eth0");
  const mac = device(h1, "eth0").mac;
  r1.neigh.findOrCreate(device(r1, "eth0"), ip("10.0.0.1"))?.update(mac, "permanent", true, true);
  const heard = hear(h1);
  inject(r1, "eth0", ipPacket("10.0.0.1", "10.9.9.9", 17, new Uint8Array(8), { ttl: 1 }));
  lab.run(S);
  expect(heard.map((s) => s.ip.src)).toEqual([ip("192.0.0.8")]);
  lab.end();
});

it("errors to itself are not limited per destination", () => {
  const { lab, h1 } = chain();
  const heard = hear(h1);
  for (let i = 10; i < 30; i++) ping(h1, `10.0.1.${i}`);
  lab.run(4 * S);
  expect(heard.length).toBe(20);
  lab.end();
});

it("refills the node's credit every 20 ms, not before", () => {
  const { lab, r1 } = chain();
  route(r1, "172.16.0.0/12", "10.0.1.1");
  const burst = (block: number): number => {
    const before = r1.icmp.stats.outMsgs;
    for (let i = 0; i < 250; i++)
      inject(r1, "eth0", ipPacket(`172.16.${block}.${i}`, "10.0.2.1", 17, new Uint8Array(8), { ttl: 1 }));
    return r1.icmp.stats.outMsgs - before;
  };
  expect(burst(1)).toBeGreaterThan(30);
  lab.run(19 * MS);
  expect(burst(2)).toBe(0);
  lab.run(MS);
  expect(burst(3)).toBeGreaterThan(9);
  lab.end();
});

/** What sockets of `h1` are told when it receives an error about a UDP datagram of its. */
function told(type: number, code: number, rest: number, set: (h1: Kernel) => void = () => {}, spec: Offender = {}) {
  const { lab, h1 } = chain();
  set(h1);
  const errors: SocketError[] = [];
  h1.os.rawSocket(spec.protocol ?? 17).onError((e) => errors.push(e));
  const quoted = ipPacket(
    spec.from ?? "10.0.1.1",
    spec.to ?? "10.0.2.1",
    spec.protocol ?? 17,
    spec.payload ?? new Uint8Array(8),
    spec,
  );
  inject(h1, "eth0", ipPacket("10.0.1.254", "10.0.1.1", 1, encodeMessage(message(type, code, rest, quoted))));
  const drops = Object.keys(allDrops(h1));
  lab.end();
  return { errors: errors.map((e) => [e.icmpType, e.icmpCode, e.errno]), drops };
}

it("passes errors on to sockets", () => {
  expect(told(3, 1, 0).errors).toEqual([[3, 1, "EHOSTUNREACH"]]);
  expect(told(3, 13, 0).errors).toEqual([[3, 13, "EHOSTUNREACH"]]);
  expect(told(11, 0, 0).errors).toEqual([[11, 0, "EHOSTUNREACH"]]);
  expect(told(12, 0, 20 << 24).errors).toEqual([[12, 0, "EPROTO"]]);
});

it("keeps to itself what means nothing to them", () => {
  expect(told(3, 16, 0)).toEqual({ errors: [], drops: ["icmp: ignored"] });
  expect(told(11, 1, 0)).toEqual({ errors: [], drops: [] });
  expect(told(3, 1, 0, () => {}, { payload: new Uint8Array(7) })).toEqual({ errors: [], drops: ["icmp: malformed"] });
  expect(told(3, 1, 0, () => {}, { protocol: 255 })).toEqual({ errors: [], drops: ["icmp: malformed"] });
});

it("believes errors about broadcasts, unless told not to", () => {
  expect(told(3, 1, 0, () => {}, { to: "10.0.1.255" }).errors.length).toBe(1);
  const strict = (h1: Kernel): void => {
    h1.sysctl.icmp_ignore_bogus_error_responses = 0;
  };
  expect(told(3, 1, 0, strict, { to: "10.0.1.255" })).toEqual({ errors: [], drops: ["icmp: ignored"] });
});
