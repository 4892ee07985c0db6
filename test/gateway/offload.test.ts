import fc from "fast-check";
import { expect, it } from "vitest";
import { setU16, setU32, u16, u32 } from "../../src/core/bytes.ts";
import { complement16, fold16, pseudoHeader, sum16 } from "../../src/core/checksum.ts";
import { finishFrame, type OffloadCounters } from "../../src/gateway/offload.ts";

const SRC = 0x0a000001;
const DST = 0x0a000002;
const ETHERNET = 14;
const IP = ETHERNET;
const L4 = IP + 20;

const counters = (): OffloadCounters => ({ repaired: 0, segmented: 0, segments: 0, tooLong: 0 });

/** An Ethernet frame with IPv4 and `l4` in it, its IP checksum right. */
function frame(protocol: number, l4: Uint8Array, fragment = 0x4000, tag = false): Uint8Array {
  const at = ETHERNET + (tag ? 4 : 0);
  const b = new Uint8Array(at + 20 + l4.length);
  setU16(b, at - 2, 0x0800);
  if (tag) setU16(b, 12, 0x8100);
  b.set([0x45, 0], at);
  setU16(b, at + 2, 20 + l4.length);
  setU16(b, at + 4, 700);
  setU16(b, at + 6, fragment);
  b.set([64, protocol], at + 8);
  setU32(b, at + 12, SRC);
  setU32(b, at + 16, DST);
  setU16(b, at + 10, complement16(sum16(b, at, at + 20)));
  b.set(l4, at + 20);
  return b;
}

/** As a kernel leaves it: the checksum field holds the sum of the pseudo-header (CHECKSUM_PARTIAL). */
function unfilled(protocol: number, l4: Uint8Array): Uint8Array {
  setU16(l4, protocol === 6 ? 16 : 6, fold16(pseudoHeader(SRC, DST, protocol, l4.length)));
  return l4;
}

function tcp(data: Uint8Array, flags: number): Uint8Array {
  const b = new Uint8Array(32 + data.length); // with 12 octets of options
  setU32(b, 4, 0xffff_ff00);
  b[12] = 0x80;
  b[13] = flags;
  b.set([1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2], 20);
  b.set(data, 32);
  return unfilled(6, b);
}
function udp(data: Uint8Array): Uint8Array {
  const b = new Uint8Array(8 + data.length);
  setU16(b, 4, b.length);
  b.set(data, 8);
  return unfilled(17, b);
}

function finish(b: Uint8Array, mtu = 1500): { out: Uint8Array[]; counters: OffloadCounters } {
  const out: Uint8Array[] = [];
  const c = counters();
  finishFrame(b, 0, b.length, mtu, c, (x, o, end) => out.push(x.slice(o, end)));
  return { out, counters: c };
}

const goodIp = (b: Uint8Array, at = IP): boolean => fold16(sum16(b, at, at + 20)) === 0xffff;
const goodL4 = (b: Uint8Array, at = L4): boolean =>
  fold16(sum16(b, at, b.length) + pseudoHeader(SRC, DST, b[at - 11] as number, b.length - at)) === 0xffff;

const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 7) & 0xff);

it.each([
  ["tcp", 6, () => tcp(bytes(100), 0x18)],
  ["udp", 17, () => udp(bytes(101))],
])("fills in an unfilled checksum of %s", (_, protocol, make) => {
  const { out, counters } = finish(frame(protocol, make()));
  expect(out).toHaveLength(1);
  expect(goodL4(out[0] as Uint8Array)).toBe(true);
  expect(counters.repaired).toBe(1);
});

it("finds the checksum behind a VLAN tag", () => {
  const { out } = finish(frame(6, tcp(bytes(10), 0x18), 0x4000, true));
  expect(goodL4(out[0] as Uint8Array, L4 + 4)).toBe(true);
});

it("leaves right checksums, and wrong ones that no kernel left so: that is a damaged packet", () => {
  const right = finish(frame(17, udp(bytes(9)))).out[0] as Uint8Array;
  expect(finish(right.slice()).out[0]).toEqual(right);
  const damaged = right.slice();
  damaged[L4 + 9] = (damaged[L4 + 9] as number) ^ 1;
  const again = finish(damaged.slice());
  expect(again.out[0]).toEqual(damaged);
  expect(again.counters.repaired).toBe(0);
});

it("leaves UDP without a checksum, fragments, and what is not IPv4", () => {
  const none = frame(17, udp(bytes(9)));
  setU16(none, L4 + 6, 0);
  const fragment = frame(17, udp(bytes(16)), 0x2000);
  const arp = frame(17, udp(bytes(9)));
  setU16(arp, 12, 0x0806);
  for (const b of [none, fragment, arp]) expect(finish(b.slice()).out).toEqual([b]);
});

it("cuts what GSO hands over: every segment whole, in order, FIN and PSH on the last, CWR on the first", () => {
  const data = bytes(60_000);
  const { out, counters } = finish(frame(6, tcp(data, 0x80 | 0x10 | 0x08 | 0x01)));
  expect(counters).toMatchObject({ segmented: 1, segments: out.length, tooLong: 0 });
  expect(out).toHaveLength(Math.ceil(60_000 / 1448));
  const got: number[] = [];
  for (const [i, b] of out.entries()) {
    expect(b.length).toBeLessThanOrEqual(ETHERNET + 1500);
    expect([goodIp(b), goodL4(b)]).toEqual([true, true]);
    expect(u16(b, IP + 4)).toBe(700 + i);
    expect(u16(b, IP + 6)).toBe(0x4000);
    expect(u32(b, L4 + 4)).toBe((0xffff_ff00 + got.length) >>> 0);
    expect(b[L4 + 13]).toBe(0x10 | (i === 0 ? 0x80 : 0) | (i === out.length - 1 ? 0x09 : 0));
    got.push(...b.subarray(L4 + 32));
  }
  expect(Uint8Array.from(got)).toEqual(data);
});

it("fragments a datagram that is too long for the device", () => {
  const data = bytes(4000);
  const { out } = finish(frame(17, udp(data)));
  expect(out.map((b) => u16(b, IP + 6))).toEqual([0x2000, 0x2000 | 185, 370]);
  expect(out.every((b) => goodIp(b))).toBe(true);
  const whole = Uint8Array.from(out.flatMap((b) => [...b.subarray(L4)]));
  expect(whole.subarray(8)).toEqual(data);
  expect(fold16(sum16(whole, 0, whole.length) + pseudoHeader(SRC, DST, 17, whole.length))).toBe(0xffff);
});

it("counts what is too long and cannot be cut", () => {
  const { out, counters } = finish(frame(1, bytes(3000)));
  expect(out).toEqual([]);
  expect(counters.tooLong).toBe(1);
});

it("whatever the bytes, nothing longer than the device comes out, and nothing is thrown", () =>
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 14, maxLength: 200, size: "max" }),
      fc.integer({ min: 68, max: 180 }),
      (b, mtu) => {
        setU16(b, 12, 0x0800);
        for (const f of finish(b.slice(), mtu).out) expect(f.length).toBeLessThanOrEqual(mtu + 14);
      },
    ),
  ));
