import fc from "fast-check";
import { expect, it } from "vitest";
import { fold16, sum16 } from "../../../../src/core/checksum.ts";
import type { Packet } from "../../../../src/core/packet.ts";
import { S } from "../../../../src/core/time.ts";
import type { Kernel } from "../../../../src/nodes/kernel/kernel.ts";
import { ecn } from "../../../../src/protocols/ipv4/wire.ts";
import {
  address,
  allDrops,
  chain,
  device,
  drops,
  hear,
  ip,
  ipPacket,
  type Lab,
  type PacketFields,
  ping,
  read,
  route,
  type Seen,
} from "../../../harness/kernels.ts";
import { cases } from "../../../harness/shared.ts";

const octets = (bytes: number, from = 0): Uint8Array =>
  Uint8Array.from({ length: bytes }, (_, i) => ((i + from) * 7 + ((i + from) >> 8)) & 255);

interface Cut extends PacketFields {
  readonly from?: string;
  readonly more?: boolean;
  readonly df?: boolean;
}

/** Gives `h2` the octets [offset, offset + bytes) of a datagram whose octets are `octets`; what came of it. */
function give(h2: Kernel, offset: number, bytes: number, cut: Cut = {}): Seen | undefined {
  const word = (offset >> 3) | ((cut.more ?? true) ? 0x2000 : 0) | (cut.df ? 0x4000 : 0);
  const b = ipPacket(cut.from ?? "10.0.1.1", "10.0.2.1", 253, octets(bytes, offset), { id: 7, ...cut, word });
  const p = h2.sim.pool.alloc(b.length);
  p.buf.set(b, p.start);
  p.net = p.start;
  p.iif = device(h2, "eth0").ifindex;
  const whole = h2.ipv4.reassembly.add(p, device(h2, "eth0"));
  return whole === null ? undefined : finish(h2, whole);
}
function finish(h2: Kernel, p: Packet): Seen {
  expect([p.net, p.iif]).toEqual([p.start, device(h2, "eth0").ifindex]);
  if (p.sumFrom >= 0) expect(p.sum).toBe(fold16(sum16(p.buf, p.sumFrom, p.end)));
  const seen = read(0, p.buf.slice(p.start, p.end));
  h2.consume(p);
  return seen;
}
const last: Cut = { more: false };
const BAD = "ip: fragment overlaps or is malformed";

function scene(): { lab: Lab; h2: Kernel; h1: Kernel } {
  const { lab, h1, h2 } = chain();
  return { lab, h1, h2 };
}

it("carries a large echo both ways through a router", () => {
  const { lab, h1, r1, h2 } = chain();
  const heard = hear(h1);
  for (const bytes of [1472, 1473, 3000, 65_507]) ping(h1, "10.0.2.1", { bytes });
  lab.run(S);
  expect(heard.map((s) => [s.icmp?.type, s.icmp?.body.length])).toEqual([1472, 1473, 3000, 65_507].map((n) => [0, n]));
  expect(heard[3]?.icmp?.body).toEqual(Uint8Array.from({ length: 65_507 }, (_, i) => i * 7));
  expect([h1, r1, h2].map(allDrops)).toEqual([{}, {}, {}]);
  expect(h2.ipv4.reassembly.stats).toMatchObject({ reasmOks: 3, reasmFails: 0 });
  expect(h2.ipv4.reassembly.memory).toBe(0);
  lab.end();
});

it("property: fragments in any order, some of them twice, give the datagram", () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 120 }), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(sizes, fc.integer({ min: 1, max: 900 }), fc.infiniteStream(fc.nat(1000)), (steps, tail, draws) => {
      const { lab, h2 } = scene();
      const offsets = [0];
      for (const step of steps) offsets.push((offsets.at(-1) as number) + 8 * step);
      const pieces = offsets.map((at, i) => ({ at, bytes: i < steps.length ? 8 * (steps[i] as number) : tail }));
      const order = pieces.map((piece) => ({ piece, key: draws.next().value as number })).sort((a, b) => a.key - b.key);
      const wholes: Seen[] = [];
      for (const [i, { piece, key }] of order.entries()) {
        const more = piece !== pieces.at(-1);
        const repeats = i < order.length - 1 && key % 3 === 0 ? 2 : 1;
        for (let n = 0; n < repeats; n++) {
          const whole = give(h2, piece.at, piece.bytes, { more });
          if (whole !== undefined) wholes.push(whole);
        }
      }
      const bytes = (offsets.at(-1) as number) + tail;
      expect(wholes.length).toBe(1);
      expect(wholes[0]?.data).toEqual(octets(bytes));
      expect(wholes[0]?.ip).toMatchObject({ totalLength: 20 + bytes, flags: 0, fragmentOffset: 0 });
      expect([h2.ipv4.reassembly.queues, h2.ipv4.reassembly.memory]).toEqual([0, 0]);
      lab.end();
    }),
    { numRuns: cases(100, 10_000) },
  );
});

it("keeps datagrams apart by addresses, protocol and identification", () => {
  const { lab, h2 } = scene();
  give(h2, 0, 8);
  expect(give(h2, 8, 8, { ...last, id: 8 })).toBeUndefined();
  expect(give(h2, 8, 8, { ...last, from: "10.0.1.2" })).toBeUndefined();
  expect(h2.ipv4.reassembly.queues).toBe(3);
  expect(give(h2, 8, 8, last)?.data).toEqual(octets(16));
  lab.end();
});

it("takes the header of the first fragment, with its options", () => {
  const { lab, h2 } = scene();
  const options = Uint8Array.of(7, 7, 4, 0, 0, 0, 0, 0);
  give(h2, 16, 16, { ...last, ttl: 9 });
  const whole = give(h2, 0, 16, { ttl: 5, options });
  expect(whole?.ip).toMatchObject({ ttl: 5, optionsRaw: options, totalLength: 28 + 32 });
  lab.end();
});

it.each([
  [
    "overlaps the end of another",
    [
      [0, 16],
      [8, 16],
    ],
  ],
  [
    "overlaps the beginning of another",
    [
      [16, 16],
      [8, 16],
    ],
  ],
  [
    "encloses another",
    [
      [8, 8],
      [0, 24],
    ],
  ],
  [
    "touches two that came apart",
    [
      [0, 8],
      [16, 8],
      [8, 8],
      [0, 16],
    ],
  ],
])("drops the whole datagram when a fragment %s", (_what, pieces) => {
  const { lab, h2 } = scene();
  for (const [at, bytes] of pieces as number[][]) expect(give(h2, at as number, bytes as number)).toBeUndefined();
  expect(drops(h2, BAD)).toBe(pieces.length);
  expect(h2.ipv4.reassembly.stats).toMatchObject({ reasmOverlaps: 1, reasmFails: 1 });
  expect(h2.ipv4.reassembly.queues).toBe(0);
  lab.end();
});

it("ignores duplicates, also of parts of what came in one run", () => {
  const { lab, h2 } = scene();
  for (const [at, bytes] of [
    [0, 16],
    [0, 16],
    [16, 16],
    [8, 16],
  ] as const)
    give(h2, at, bytes);
  expect(drops(h2, BAD)).toBe(2);
  expect(give(h2, 32, 1, last)?.data).toEqual(octets(33));
  expect(h2.ipv4.reassembly.stats).toMatchObject({ reasmReqds: 5, reasmOks: 1, reasmOverlaps: 0, reasmFails: 0 });
  lab.end();
});

it.each([
  [
    "data beyond the end",
    [
      [16, 8, last],
      [24, 8, {}],
    ],
  ],
  [
    "an end before data that are here",
    [
      [16, 8, {}],
      [8, 8, last],
    ],
  ],
  [
    "another end",
    [
      [16, 8, last],
      [24, 8, last],
    ],
  ],
  [
    "no data",
    [
      [0, 8, {}],
      [8, 0, last],
    ],
  ],
  [
    "fewer than 8 octets in the middle",
    [
      [0, 8, {}],
      [8, 7, {}],
    ],
  ],
])("drops the whole datagram for %s", (_what, pieces) => {
  const { lab, h2 } = scene();
  for (const [at, bytes, cut] of pieces as [number, number, Cut][]) give(h2, at, bytes, cut);
  expect(allDrops(h2)).toEqual({ [BAD]: 2 });
  expect(h2.ipv4.reassembly.stats).toMatchObject({ reasmFails: 1 });
  lab.end();
});

it("cuts a middle fragment to a multiple of 8", () => {
  const { lab, h2 } = scene();
  give(h2, 0, 13);
  expect(give(h2, 8, 4, last)?.data).toEqual(octets(12));
  lab.end();
});

it("drops datagrams of more than 65535 octets", () => {
  const { lab, h2 } = scene();
  for (let at = 0; at < 65_520; at += 1560) expect(give(h2, at, 1560)).toBeUndefined();
  expect(give(h2, 65_520, 1400, last)).toBeUndefined();
  expect(drops(h2, BAD)).toBe(43);
  expect(h2.ipv4.reassembly.memory).toBe(0);
  lab.end();
});

it.each([
  [[0, 0], 0],
  [[1, 1], 1],
  [[2, 2], 2],
  [[3, 3], 3],
  [[1, 2], 1], // the first fragment's stands
  [[2, 3], 3],
  [[3, 1], 3],
  [[0, 3], -1],
  [[0, 2], -1],
  [[1, 0], -1],
] as const)("RFC 3168 §5.3: fragments with ECN %j give %i", ([first, second], want) => {
  const { lab, h2 } = scene();
  give(h2, 0, 8, { tos: first });
  const whole = give(h2, 8, 8, { ...last, tos: second });
  if (want < 0) expect([whole, drops(h2, BAD)]).toEqual([undefined, 2]);
  else expect(whole === undefined ? -1 : ecn(whole.bytes, 0)).toBe(want);
  lab.end();
});

it("sets DF again when the largest fragment had it", () => {
  const { lab, h2 } = scene();
  give(h2, 0, 16, { df: true });
  expect(give(h2, 16, 8, last)?.ip.flags).toBe(2);
  give(h2, 0, 16);
  expect(give(h2, 16, 8, { ...last, df: true })?.ip.flags).toBe(0);
  lab.end();
});

it("gives up after 30 s, and says so when it has the first fragment", () => {
  const { lab, h1, h2 } = scene();
  const heard = hear(h1);
  give(h2, 0, 16);
  lab.run(S);
  give(h2, 8, 16, { id: 8 });
  lab.run(28.999 * S);
  expect([heard.length, h2.ipv4.reassembly.queues]).toEqual([0, 2]);
  lab.run(S);
  expect(heard.map((s) => [s.icmp?.type, s.icmp?.code, s.ip.src])).toEqual([[11, 1, ip("10.0.2.1")]]);
  expect(heard[0]?.icmp?.body).toEqual(ipPacket("10.0.1.1", "10.0.2.1", 253, octets(16), { id: 7, word: 0x2000 }));
  lab.run(2 * S);
  expect(heard.length).toBe(1);
  expect(drops(h2, "ip: reassembly timed out")).toBe(2);
  expect(h2.ipv4.reassembly.stats).toMatchObject({ reasmTimeout: 2, reasmFails: 2 });
  expect([h2.ipv4.reassembly.queues, h2.ipv4.reassembly.memory]).toEqual([0, 0]);
  lab.end();
});

it("says nothing when the datagram is for another by then", () => {
  const { lab, h2 } = scene();
  give(h2, 0, 16);
  address(h2, device(h2, "eth0"), "10.0.3.1/24");
  route(h2, "10.0.1.0/24", "10.0.3.2");
  h2.addresses.remove(device(h2, "eth0").ifindex, ip("10.0.2.1"));
  h2.setForwarding(true);
  lab.run(31 * S);
  expect([h2.icmp.stats.outMsgs, drops(h2, "ip: reassembly timed out")]).toEqual([0, 1]);
  lab.end();
});

it("obeys a shorter time for what comes later", () => {
  const { lab, h2 } = scene();
  give(h2, 0, 16);
  h2.sysctl.ipfrag_time = 2;
  give(h2, 0, 16, { id: 8 });
  lab.run(2 * S);
  expect(h2.ipv4.reassembly.queues).toBe(1);
  lab.end();
});

it("counts memory as Linux does, and takes no more than 4 MB", () => {
  const { lab, h2 } = scene();
  const { reassembly } = h2.ipv4;
  // `FRAG: memory` of /proc/net/sockstat, Linux 6.18: incomplete datagrams of these sizes.
  const measured = [8, 256, 600, 1200, 1480].map((bytes, i) => {
    const before = reassembly.memory;
    give(h2, 8, bytes, { id: 100 + i });
    return reassembly.memory - before;
  });
  expect(measured).toEqual([1032, 1480, 1480, 2504, 2504]);
  for (let id = 200; id < 2200; id++) give(h2, 8, 1480, { id });
  expect(reassembly.memory).toBeGreaterThan(4 * 1024 * 1024);
  expect(reassembly.memory).toBeLessThan(4 * 1024 * 1024 + 2505);
  expect(drops(h2, "ip: reassembly memory full")).toBe(2000 - (reassembly.queues - 5));
  lab.end();
  expect(reassembly.memory).toBe(0);
});

it("starts anew when more than 64 fragments of the sender came in between", () => {
  const { lab, h2 } = scene();
  give(h2, 0, 8);
  for (let id = 100; id < 164; id++) give(h2, 0, 8, { id });
  expect(give(h2, 8, 8, last)).toBeUndefined();
  expect(drops(h2, "ip: reassembly timed out")).toBe(1);
  expect(give(h2, 0, 8)?.data).toEqual(octets(16));
  for (let id = 200; id < 264; id++) give(h2, 0, 8, { id, from: "10.0.1.2" });
  give(h2, 0, 8);
  for (let id = 300; id < 363; id++) give(h2, 0, 8, { id });
  expect(give(h2, 8, 8, last)?.data).toEqual(octets(16));
  lab.end();
});
