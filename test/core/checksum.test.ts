import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  complement16,
  fold16,
  pseudoHeader,
  sum16,
  sumView,
  swapSum,
  updateChecksum,
} from "../../src/core/checksum.ts";

/** The sum as RFC 1071 §4.1 has it, in exact arithmetic. */
function slowSum(b: Uint8Array, o: number, end: number): bigint {
  let sum = 0n;
  for (let i = o; i < end; i += 2)
    sum += BigInt(b[i] as number) * 256n + BigInt(i + 1 < end ? (b[i + 1] as number) : 0);
  return sum;
}

const bytes = fc.uint8Array({ minLength: 0, maxLength: 100, size: "max" });

describe("the sum of 16-bit words", () => {
  it("is the one of RFC 1071, at any offset and length; folded, by both ways of adding", () => {
    fc.assert(
      fc.property(bytes, fc.nat(100), fc.nat(100), (b, x, y) => {
        const o = Math.min(x, y, b.length);
        const end = Math.min(Math.max(x, y), b.length);
        const exact = Number(slowSum(b, o, end));
        expect(sum16(b, o, end)).toBe(exact);
        expect(fold16(sumView(new DataView(b.buffer, b.byteOffset, b.byteLength), o, end))).toBe(fold16(exact));
      }),
    );
  });
  it.each([32_767, 32_768, 32_769, 32_776, 65_535, 65_549, 200_001])("is exact for %i octets, all ones", (length) => {
    const b = new Uint8Array(length).fill(0xff);
    const exact = Number(slowSum(b, 0, length));
    expect(sum16(b, 0, length)).toBe(exact);
    expect(fold16(sumView(new DataView(b.buffer), 0, length))).toBe(fold16(exact));
  });
  it("has the checksum of RFC 1071 §3's example", () => {
    const b = Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7);
    expect(fold16(sum16(b, 0, 8))).toBe(0xddf2);
    expect(complement16(sum16(b, 0, 8))).toBe(0x220d);
  });
});

it("folding keeps a sum modulo 65535, and only nothing gives 0", () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (sum) => {
      const folded = fold16(sum);
      expect(folded).toBeLessThanOrEqual(0xffff);
      expect(folded % 0xffff).toBe(sum % 0xffff);
      expect(folded === 0).toBe(sum === 0);
    }),
  );
});

it("a sum that begins at an odd offset counts with its octets swapped", () => {
  fc.assert(
    fc.property(bytes, fc.nat(99), (b, at) => {
      const odd = Math.min(at | 1, b.length % 2 === 1 ? b.length : Math.max(b.length - 1, 0));
      const whole = fold16(sum16(b, 0, b.length));
      const head = sum16(b, 0, odd);
      const tail = sum16(b, odd, b.length);
      expect(fold16(head + (odd % 2 === 1 ? swapSum(tail) : tail))).toBe(whole);
    }),
  );
});

it("a checksum follows the change of a word as if it were computed anew", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 20, maxLength: 20 }), fc.nat(8), fc.nat(0xffff), (b, word, after) => {
      b[18] = b[19] = 0xff; // never all zeros, as no header is
      const sum = (): number => complement16(sum16(b, 0, 20));
      const before = sum();
      const view = new DataView(b.buffer, b.byteOffset);
      const old = view.getUint16(2 * word);
      view.setUint16(2 * word, after);
      expect(updateChecksum(before, old, after)).toBe(sum());
    }),
  );
});

it("RFC 1624 §4: the example that its predecessor got wrong", () => {
  expect(updateChecksum(0xdd2f, 0x5555, 0x3285)).toBe(0x0000);
});

it("the pseudo-header counts signed and unsigned addresses alike", () => {
  fc.assert(
    fc.property(fc.nat(0xffffffff), fc.nat(0xffffffff), fc.nat(255), fc.nat(0xffff), (src, dst, protocol, length) => {
      const b = new Uint8Array(12);
      const view = new DataView(b.buffer);
      view.setUint32(0, src);
      view.setUint32(4, dst);
      view.setUint16(8, protocol);
      view.setUint16(10, length);
      expect(pseudoHeader(src, dst, protocol, length)).toBe(sum16(b, 0, 12));
      expect(pseudoHeader(src | 0, dst | 0, protocol, length)).toBe(sum16(b, 0, 12));
    }),
  );
});
