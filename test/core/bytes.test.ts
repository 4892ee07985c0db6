import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hex, i32, setU8, setU16, setU24, setU32, setU48, u8, u16, u24, u32, u48 } from "../../src/core/bytes.ts";

const widths = [
  { octets: 1, read: u8, write: setU8 },
  { octets: 2, read: u16, write: setU16 },
  { octets: 3, read: u24, write: setU24 },
  { octets: 4, read: u32, write: setU32 },
  { octets: 6, read: u48, write: setU48 },
];

describe.each(widths)("$octets octets", ({ octets, read, write }) => {
  const value = fc.maxSafeNat().map((n) => n % 256 ** octets);

  it("are written highest first, and nothing beside them", () => {
    fc.assert(
      fc.property(value, fc.nat(5), (v, o) => {
        const b = new Uint8Array(12).fill(0xa5);
        write(b, o, v);
        const digits = v.toString(16).padStart(2 * octets, "0");
        expect(hex(b, 0, 12, "")).toBe("a5".repeat(o) + digits + "a5".repeat(12 - o - octets));
        expect(read(b, o)).toBe(v);
      }),
    );
  });
});

it("four octets are read signed too", () => {
  expect(i32(Uint8Array.of(0xff, 0xff, 0xff, 0xfe), 0)).toBe(-2);
  expect(i32(Uint8Array.of(0x7f, 0xff, 0xff, 0xff), 0)).toBe(0x7fffffff);
});

it("signed words are written as their bits", () => {
  const b = new Uint8Array(4);
  setU32(b, 0, -2);
  expect(u32(b, 0)).toBe(0xfffffffe);
});

it("octet strings are printed as tshark prints them", () => {
  expect(hex(Uint8Array.of(0xde, 0xad, 0x0e, 0xef))).toBe("de:ad:0e:ef");
  expect(hex(Uint8Array.of(0xde, 0xad, 0x0e, 0xef), 1, 3)).toBe("ad:0e");
  expect(hex(new Uint8Array(0))).toBe("");
});
