import fc from "fast-check";
import { expect, it } from "vitest";
import { fold16, sum16 } from "../../../../src/core/checksum.ts";
import { type Packet, PacketPool } from "../../../../src/core/packet.ts";
import { fragment } from "../../../../src/nodes/kernel/ipv4/fragment.ts";
import {
  flagsAndOffset,
  fragmentOffset,
  headerLength,
  id,
  moreFragments,
  totalLength,
  validHeader,
} from "../../../../src/protocols/ipv4/wire.ts";
import { mustEqual } from "../../../harness/codec.ts";
import { ipPacket, type PacketFields } from "../../../harness/kernels.ts";
import { cases } from "../../../harness/shared.ts";

const payload = (bytes: number): Uint8Array => Uint8Array.from({ length: bytes }, (_, i) => (i * 7 + (i >> 8)) & 255);

function packet(pool: PacketPool, bytes: number, fields: PacketFields = {}): Packet {
  const b = ipPacket("10.0.1.1", "10.0.2.1", 17, payload(bytes), { id: 4711, ...fields });
  const p = pool.alloc(b.length);
  p.buf.set(b, p.start);
  p.net = p.start;
  return p;
}
const shape = (pieces: readonly Packet[]): number[][] =>
  pieces.map((p) => [fragmentOffset(p.buf, p.net), p.length, Number(moreFragments(p.buf, p.net))]);

it("cuts as Linux does: full pieces, multiples of 8, the rest last", () => {
  // The shape of a 3008-octet echo request captured on Linux 6.18 with an MTU of 1500.
  const pieces = fragment(new PacketPool(), packet(new PacketPool(), 3008), 1500);
  expect(shape(pieces)).toEqual([
    [0, 1500, 1],
    [1480, 1500, 1],
    [2960, 68, 0],
  ]);
  expect(pieces.map((p) => id(p.buf, p.net))).toEqual([4711, 4711, 4711]);
});

it("leaves alone what fits, with its sum", () => {
  const pool = new PacketPool();
  const p = packet(pool, 1480);
  p.cacheSum(p.start + 28);
  const pieces = fragment(pool, p, 1500);
  expect([pieces.length, pieces[0] === p, p.sumFrom]).toEqual([1, true, p.start + 28]);
});

it("cuts fragments again, and keeps their place and their flag", () => {
  const pool = new PacketPool();
  expect(shape(fragment(pool, packet(pool, 800, { word: 0x2000 | 100 }), 420))).toEqual([
    [800, 420, 1],
    [1200, 420, 1],
  ]);
  expect(shape(fragment(pool, packet(pool, 804, { word: 100 }), 420))).toEqual([
    [800, 420, 1],
    [1200, 420, 1],
    [1600, 24, 0],
  ]);
});

it("drops DF and the reserved bit, as what is cut anyway cannot have them", () => {
  const pool = new PacketPool();
  const words = fragment(pool, packet(pool, 100, { word: 0xc000 }), 84).map((p) => flagsAndOffset(p.buf, p.net));
  expect(words).toEqual([0x2000, 8]);
});

it("copies into later pieces only the options that are marked for it, the rest become no-operations", () => {
  const pool = new PacketPool();
  const options = Uint8Array.of(7, 7, 4, 1, 2, 3, 4, 148, 4, 0, 0, 0); // record route, router alert
  const [first, second] = fragment(pool, packet(pool, 100, { options }), 100) as [Packet, Packet];
  expect(first.buf.slice(first.net + 20, first.net + 32)).toEqual(options);
  expect(second.buf.slice(second.net + 20, second.net + 32)).toEqual(
    Uint8Array.of(1, 1, 1, 1, 1, 1, 1, 148, 4, 0, 0, 0),
  );
});

it("keeps the packet's marks", () => {
  const pool = new PacketPool();
  const p = packet(pool, 3000);
  Object.assign(p, { mark: 5, priority: 6, iif: 7, depth: 2, note: "translated" });
  for (const piece of fragment(pool, p, 1500))
    expect(piece).toMatchObject({ mark: 5, priority: 6, iif: 7, depth: 2, note: "translated" });
});

it("property: pieces fit, are sound, and hold the data of the whole once and in order", () => {
  const options = fc.constantFrom(0, 4, 40).map((n) => new Uint8Array(n).fill(1));
  const word = fc.constantFrom(0, 0x2000 | 100);
  const mtu = fc.oneof(fc.integer({ min: 0, max: 80 }), fc.integer({ min: 68, max: 2000 }));
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 3000 }), mtu, options, word, (n, most, o, w) => {
      const pool = new PacketPool();
      const bytes = w === 0 ? n : (n + 7) & ~7;
      const pieces = fragment(pool, packet(pool, bytes, { options: o, word: w }), most);
      const data: number[] = [];
      for (const p of pieces) {
        const more = p !== pieces.at(-1) || w !== 0;
        const got = [validHeader(p.buf, p.start, p.end), totalLength(p.buf, p.net), fragmentOffset(p.buf, p.net)];
        mustEqual([...got, moreFragments(p.buf, p.net)], [0, p.length, (w & 0x1fff) * 8 + data.length, more]);
        if (p.length > Math.max(most, 20 + o.length + 8)) expect.fail(`${p.length} octets, MTU ${most}`);
        data.push(...p.buf.subarray(p.net + headerLength(p.buf, p.net), p.end));
      }
      mustEqual(Uint8Array.from(data), payload(bytes));
      expect(pool.born).toBe(pieces.length);
      expect(pieces.every((p) => p.sumFrom < 0 || fold16(sum16(p.buf, p.sumFrom, p.end)) === p.sum)).toBe(true);
    }),
    { numRuns: cases(200, 20_000) },
  );
});
