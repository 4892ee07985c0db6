import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  BROADCAST_MAC,
  broadcastOf,
  formatIp,
  formatMac,
  formatPrefix,
  isGroupMac,
  isLoopback,
  isMulticast,
  lengthOfMask,
  maskOf,
  multicastMac,
  networkOf,
  parseIp,
  parseMac,
  parsePrefix,
} from "../../src/core/addr.ts";

const anyIp = fc.nat(0xffff_ffff);
const anyMac = fc.maxSafeNat().map((n) => n % 0x1_0000_0000_0000);
const anyLength = fc.nat(32);

describe("IPv4 addresses", () => {
  it("are read back as printed, signed or unsigned", () => {
    fc.assert(
      fc.property(anyIp, (a) => {
        expect(parseIp(formatIp(a))).toBe(a);
        expect(formatIp(a | 0)).toBe(formatIp(a));
      }),
    );
  });
  it.each([
    "",
    "1.2.3",
    "1.2.3.4.5",
    "256.0.0.1",
    "1.2.3.1000",
    "1.2.3.-4",
    " 1.2.3.4",
    "1.2.3.4 ",
    "a.b.c.d",
    "1..2.3",
  ])("refuse %j", (text) => {
    expect(parseIp(text)).toBeUndefined();
  });
  it("have no leading zeros, which could be octal", () => {
    expect(parseIp("010.0.0.1")).toBeUndefined();
    expect(parseIp("10.0.0.00")).toBeUndefined();
    expect(parseIp("10.0.0.0")).toBe(0x0a000000);
  });
  it("tell groups and loopback by their first bits", () => {
    expect([isMulticast(0xe0000000), isMulticast(0xefffffff)]).toEqual([true, true]);
    expect([isMulticast(0xdfffffff), isMulticast(0xf0000000)]).toEqual([false, false]);
    expect([isMulticast(0xe0000001 | 0), isLoopback(0x7f000001)]).toEqual([true, true]);
    expect([isLoopback(0x7effffff), isLoopback(0x80000000)]).toEqual([false, false]);
  });
});

describe("prefixes", () => {
  it("are read back as printed", () => {
    fc.assert(
      fc.property(anyIp, anyLength, (address, length) => {
        expect(parsePrefix(formatPrefix({ address, length }))).toEqual({ address, length });
      }),
    );
  });
  it("have the length they are told when they name none", () => {
    expect(parsePrefix("10.0.0.1")).toEqual({ address: 0x0a000001, length: 32 });
    expect(parsePrefix("10.0.0.1", 24)).toEqual({ address: 0x0a000001, length: 24 });
  });
  it.each(["10.0.0.1/33", "10.0.0.1/", "10.0.0.1/-1", "10.0.0.1/a", "10.0.0/8", "10.0.0.1/024", "/24", "10.0.0.1/8/8"])(
    "refuse %j",
    (text) => {
      expect(parsePrefix(text)).toBeUndefined();
    },
  );
  it("have masks, networks and broadcast addresses bit by bit", () => {
    fc.assert(
      fc.property(anyIp, anyLength, (address, length) => {
        const bits = address.toString(2).padStart(32, "0");
        const head = bits.slice(0, length);
        const with_ = (bit: string): number => Number.parseInt(head.padEnd(32, bit), 2);
        expect(maskOf(length).toString(2).padStart(32, "0")).toBe("1".repeat(length).padEnd(32, "0"));
        expect(networkOf(address, length)).toBe(with_("0"));
        expect(broadcastOf(address, length)).toBe(with_("1"));
        expect(lengthOfMask(maskOf(length))).toBe(length);
      }),
    );
  });
  it.each([0x00ffffff, 0xff00ff00, 0xfffffffd, 1])("refuse the mask %i, which has a hole", (mask) => {
    expect(lengthOfMask(mask)).toBeUndefined();
  });
});

describe("MAC addresses", () => {
  it("are read back as printed", () => {
    fc.assert(
      fc.property(anyMac, (mac) => {
        expect(parseMac(formatMac(mac))).toBe(mac);
        expect(parseMac(formatMac(mac).toUpperCase())).toBe(mac);
      }),
    );
    expect(formatMac(0x0200_0000_000a)).toBe("02:00:00:00:00:0a");
  });
  it.each(["", "02:00:00:00:00", "02:00:00:00:00:00:00", "2:0:0:0:0:1", "02-00-00-00-00-01", "02:00:00:00:00:0g"])(
    "refuse %j",
    (text) => {
      expect(parseMac(text)).toBeUndefined();
    },
  );
  it("are group addresses when the lowest bit of the first octet is set", () => {
    fc.assert(
      fc.property(anyMac, (mac) => {
        expect(isGroupMac(mac)).toBe((Number.parseInt(formatMac(mac).slice(0, 2), 16) & 1) === 1);
      }),
    );
    expect(isGroupMac(BROADCAST_MAC)).toBe(true);
  });
  it("of an IPv4 group carry its low 23 bits", () => {
    expect(formatMac(multicastMac(0xe0000005))).toBe("01:00:5e:00:00:05");
    expect(formatMac(multicastMac(0xefffffff))).toBe("01:00:5e:7f:ff:ff"); // RFC 1112 §6.4
  });
});
