import fc from "fast-check";
import { expect, it } from "vitest";
import { hex } from "../../../src/core/bytes.ts";
import * as mpls from "../../../src/protocols/mpls/wire.ts";
import { staysInside } from "../../harness/bounds.ts";
import { roundTrips, survivesGarbage, survivesMutation } from "../../harness/codec.ts";

const entry = fc.record({ label: fc.nat(mpls.LABEL_MAX), tc: fc.nat(7), ttl: fc.nat(255) });
const stack = fc.array(entry, { minLength: 1, maxLength: 12 }).map((list) => ({
  entries: list.map((e, i) => ({ label: e.label, tc: e.tc, bottom: i === list.length - 1, ttl: e.ttl })),
}));

it("reads back the stacks that it writes", () => roundTrips(mpls, stack));
it("takes any bytes", () => survivesGarbage(mpls));
it("takes damaged stacks", () => survivesMutation(mpls, stack));
it("reads a stack from its own bytes only", () => staysInside(mpls, stack));

it("lays an entry out as label, traffic class, bottom and TTL", () => {
  const b = new Uint8Array(4);
  mpls.writeEntry(b, 0, 16_001, 5, true, 64);
  expect(hex(b)).toBe("03:e8:1b:40");
  expect([mpls.label(b, 0), mpls.tc(b, 0), mpls.isBottom(b, 0), mpls.ttl(b, 0)]).toEqual([16_001, 5, true, 64]);
  mpls.writeEntry(b, 0, mpls.LABEL_MAX, 7, true, 255);
  expect(hex(b)).toBe("ff:ff:ff:ff");
});

it("finds what the stack carries behind the bottom, or that there is none", () => {
  const b = Uint8Array.of(0, 1, 0, 9, 0, 2, 1, 8, 0x45);
  expect(mpls.payloadOffset(b, 0, 9)).toBe(8);
  expect(mpls.payloadOffset(b, 0, 7)).toBe(-1);
  expect(mpls.payloadOffset(Uint8Array.of(0, 1, 0, 9), 0, 4)).toBe(-1);
  expect(mpls.decode(b, 0, 7)).toMatchObject({ ok: false, why: "short", at: 7 });
  expect(mpls.decode(b, 0, 9)).toEqual({
    ok: true,
    value: {
      entries: [
        { label: 16, tc: 0, bottom: false, ttl: 9 },
        { label: 32, tc: 0, bottom: true, ttl: 8 },
      ],
    },
  });
});
