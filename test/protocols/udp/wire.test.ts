import fc from "fast-check";
import { expect, it } from "vitest";
import { sum16 } from "../../../src/core/checksum.ts";
import type { Decoded } from "../../../src/core/result.ts";
import * as udp from "../../../src/protocols/udp/wire.ts";
import { staysInside } from "../../harness/bounds.ts";
import { roundTrips, survivesGarbage, survivesMutation } from "../../harness/codec.ts";
import { CLEAN, find, frames } from "../../harness/frames.ts";
import { haveShared, itNeeds } from "../../harness/shared.ts";

const word = fc.nat(0xffff);
const address = fc.nat(0xffff_ffff);
const header = fc.record({ sport: word, dport: word, length: fc.integer({ min: 8, max: 0xffff }), checksum: word });
/** The codec over datagrams whose data a capture cut off: any length fits. */
const cut = {
  ...udp,
  decode: (b: Uint8Array, o: number, end: number): Decoded<udp.UdpHeader> => udp.decode(b, o, end, o + 0xffff),
};
const data = fc.uint8Array({ maxLength: 64 });
/** A sealed datagram at offset 1 of its buffer. */
const sealed = (body: Uint8Array, src: number, dst: number, sport = 53, dport = 1060): Uint8Array => {
  const b = new Uint8Array(1 + udp.HEADER + body.length).fill(0xa5);
  udp.writeHeader(b, 1, sport, dport, 0);
  b.set(body, 1 + udp.HEADER);
  udp.seal(b, 1, b.length, src, dst);
  return b;
};

it("reads back the header that it writes", () => roundTrips(cut, header));
it("takes any bytes", () => survivesGarbage(udp, 256));
it("takes damaged headers", () => survivesMutation(cut, header));
it("reads a header from its own bytes only", () => staysInside(udp, header));

it("refuses lengths below 8 and beyond the datagram", () => {
  const b = new Uint8Array(20);
  const read = (length: number, end = 20, wireEnd = end) => {
    udp.writeHeader(b, 0, 1, 2, length);
    return udp.decode(b, 0, end, wireEnd);
  };
  const bad = { ok: false, why: "length", at: 4 };
  expect(read(0)).toEqual(bad);
  expect(read(7)).toEqual(bad);
  expect(read(8)).toMatchObject({ ok: true });
  expect(read(20)).toMatchObject({ ok: true });
  expect(read(21)).toEqual(bad);
  expect(read(21, 20, 21)).toMatchObject({ ok: true }); // a capture cut the last octet
  expect(read(8, 7)).toEqual({ ok: false, why: "short", at: 7 });
});

it("seals what it verifies, and finds every changed octet", () =>
  fc.assert(
    fc.property(
      data,
      address,
      address,
      fc.nat(0xffff),
      fc.integer({ min: 1, max: 255 }),
      (body, src, dst, at, flip) => {
        const b = sealed(body, src, dst);
        expect(udp.length(b, 1)).toBe(8 + body.length);
        expect(udp.verify(b, 1, b.length, src, dst)).toBe("good");
        const summed = b.slice();
        udp.sealSum(summed, 1, b.length, src, dst | 0, sum16(body, 0, body.length));
        expect(summed).toEqual(b);
        const i = 9 + (at % (body.length || 1));
        if (body.length > 0) b[i] = b[i]! ^ flip;
        expect(udp.verify(b, 1, b.length, src, dst)).toBe(body.length > 0 ? "bad" : "good");
      },
    ),
  ));

it("sends a checksum that comes out as 0 as 0xffff", () => {
  // The pseudo-header is 17 + 10, the length counts 10 again: sport makes the sum 0xffff with the rest.
  const b = sealed(Uint8Array.of(0, 0), 0, 0, 0xffff - 17 - 10 - 10, 0);
  expect(udp.checksum(b, 1)).toBe(0xffff);
  expect(udp.verify(b, 1, b.length, 0, 0)).toBe("good");
});

it("a checksum of 0 is not present, a part of a datagram is not verified", () => {
  const b = sealed(Uint8Array.of(1, 2, 3), 5, 6);
  const verify = (end: number, fragment = false) => udp.verify(b, 1, end, 5, 6, fragment);
  expect(verify(12)).toBe("good");
  expect(verify(11)).toBe("unverified");
  expect(verify(8)).toBe("unverified");
  expect(verify(12, true)).toBe("unverified");
  expect(udp.verify(b, 1, 12, 5, 7)).toBe("bad");
  udp.setLength(b, 1, 7);
  expect(verify(12)).toBe("unverified");
  udp.setChecksum(b, 1, 0);
  expect(verify(12, true)).toBe("not_present");
});

it("keeps the checksum right when ports and addresses change", () =>
  fc.assert(
    fc.property(data, address, address, word, (body, src, dst, port) => {
      const b = sealed(body, src, dst);
      udp.adjustChecksum16(b, 1, udp.sport(b, 1), port);
      udp.setSport(b, 1, port);
      udp.adjustChecksum32(b, 1, src, dst | 0);
      expect(udp.verify(b, 1, b.length, dst, dst)).toBe("good");
      expect(udp.checksum(b, 1)).not.toBe(0);
      udp.setChecksum(b, 1, 0);
      udp.adjustChecksum32(b, 1, src, dst);
      expect(udp.checksum(b, 1)).toBe(0); // RFC 3022 §4.1
    }),
  ));

it("accessors and setters agree with decode", () =>
  fc.assert(
    fc.property(header, (h) => {
      const b = new Uint8Array(8).fill(0xa5);
      udp.setSport(b, 0, h.sport);
      udp.setDport(b, 0, h.dport);
      udp.setLength(b, 0, h.length);
      udp.setChecksum(b, 0, h.checksum);
      const read = {
        sport: udp.sport(b, 0),
        dport: udp.dport(b, 0),
        length: udp.length(b, 0),
        checksum: udp.checksum(b, 0),
      };
      expect(read).toEqual(h);
      expect(udp.decode(b, 0, 8, 0xffff)).toEqual({ ok: true, value: h });
    }),
  ));

itNeeds(haveShared)("captures: headers read as tshark reads them and come back byte for byte", () => {
  const found = find("udp", ...CLEAN);
  expect(found.length).toBeGreaterThan(150);
  const verdicts = new Set<string>();
  for (const { name, bytes, at, end, wireEnd, want, src, dst } of found) {
    const got = udp.decode(bytes, at, end, wireEnd);
    if (!got.ok) throw new Error(`${name}: ${got.why}`);
    const { sport, dport, length: len, checksum: csum } = got.value;
    const csum_status = udp.verify(bytes, at, end, src, dst);
    expect(want, name).toMatchObject({ sport, dport, len, csum, csum_status });
    verdicts.add(csum_status);
    const b = new Uint8Array(8).fill(0xa5);
    udp.encode(got.value, b, 0);
    expect(b, name).toEqual(bytes.slice(at, at + 8));
    if (csum_status !== "good") continue;
    const again = bytes.slice(at, at + len);
    udp.seal(again, 0, len, src, dst);
    expect(again, name).toEqual(bytes.slice(at, at + len));
  }
  expect([...verdicts].sort()).toEqual(["bad", "good", "not_present"]);
});

itNeeds(haveShared)("malformed captures: no frame makes it throw, at any offset", () => {
  const all = frames("malformed");
  expect(all.length).toBeGreaterThan(200);
  for (const b of all) {
    for (let o = 0; o < Math.min(b.length, 80); o++) {
      udp.decode(b, o, b.length);
      udp.verify(b, o, b.length, 1, 2);
    }
  }
});
