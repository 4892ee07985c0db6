import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AS_SEQUENCE, AS_SET, makePath } from "../../../src/protocols/bgp/as-path.ts";
import { mergePaths } from "../../../src/protocols/bgp/as-path-octets.ts";
import { readCached } from "../../../src/protocols/bgp/attribute-cache.ts";
import { readAttributes, type Sender } from "../../../src/protocols/bgp/attribute-decode.ts";
import { attributesRoom, writeAttributes } from "../../../src/protocols/bgp/attribute-encode.ts";
import { type AttributeFields, makeAttributes, PLAIN, sameAttributes } from "../../../src/protocols/bgp/attributes.ts";
import { sortedCommunities, sortedHex } from "../../../src/protocols/bgp/community.ts";
import { cases } from "../../harness/shared.ts";
import { hexBytes } from "../../report/frames.ts";

const IBGP: Sender = { as4: true, sort: "ibgp" };
const EBGP: Sender = { as4: true, sort: "ebgp" };
const OLD: Sender = { as4: false, sort: "ebgp" };
const GOOD = "40010100 50020006 0201 0000fdea 400304 0a000c02";
const read = (text: string, sender = EBGP, announces = true) => {
  const b = hexBytes(text);
  return readAttributes(b, 0, b.length, sender, announces);
};

const u32 = fc.nat(0xffffffff);
const as = fc.integer({ min: 1, max: 0xffffffff });
const optional = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(value, { nil: undefined });
const hexes = (digits: number): fc.Arbitrary<readonly string[]> =>
  fc
    .array(fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: digits, maxLength: digits }))
    .map(sortedHex);
const path = fc
  .array(
    fc.record({ type: fc.constantFrom(AS_SEQUENCE, AS_SET), as: fc.array(as, { minLength: 1, maxLength: 300 }) }),
    {
      maxLength: 3,
    },
  )
  .map(makePath);
/** What may come from an internal neighbour. */
const fields: fc.Arbitrary<AttributeFields> = fc.record({
  origin: fc.nat(2),
  asPath: path,
  med: optional(u32),
  localPref: u32,
  atomicAggregate: fc.boolean(),
  aggregator: optional(fc.record({ as, address: u32 })),
  communities: fc.array(u32, { maxLength: 80 }).map(sortedCommunities),
  originatorId: optional(u32),
  clusterList: fc.array(u32, { maxLength: 5 }),
  extended: hexes(16),
  large: hexes(24),
  unknown: fc
    .array(fc.tuple(fc.integer({ min: 40, max: 250 }), fc.uint8Array({ maxLength: 300 })), { maxLength: 3 })
    .map((list) =>
      [...new Map(list)]
        .sort(([a], [b]) => a - b)
        .map(([type, value]) => ({ flags: value.length > 255 ? 0xf0 : 0xe0, type, value })),
    ),
  aigp: optional(fc.nat(Number.MAX_SAFE_INTEGER)),
  otc: optional(u32),
  weight: fc.constant(0),
  tag: fc.constant(0),
});

describe("path attributes", () => {
  it("are read back as they were written", () => {
    fc.assert(
      fc.property(fields, fc.integer({ min: 0x01000000, max: 0x7effffff }), (f, nextHop) => {
        const a = makeAttributes(f);
        const b = new Uint8Array(attributesRoom(a));
        const { end } = writeAttributes(a, nextHop, IBGP, b, 0);
        const got = readAttributes(b, 0, end, IBGP, true);
        expect(got).toMatchObject({ verdict: "good", nextHop });
        expect(sameAttributes(got.attributes, a)).toBe(true);
        expect(sameAttributes(readCached(b, 0, end, IBGP, true).attributes, a)).toBe(true);
      }),
      { numRuns: cases(200, 20_000) },
    );
  });
  it("written for speakers of two octets are whole again behind them", () => {
    fc.assert(
      fc.property(fields, (f) => {
        const a = makeAttributes({ ...f, originatorId: undefined, clusterList: [], localPref: undefined });
        const b = new Uint8Array(attributesRoom(a));
        const { end } = writeAttributes(a, 0x0a000001, OLD, b, 0);
        expect(sameAttributes(readAttributes(b, 0, end, OLD, true).attributes, a)).toBe(true);
      }),
      { numRuns: cases(200, 20_000) },
    );
  });
  it("whatever the octets, are taken, withdrawn, or end the session with an answer", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 120 }),
        fc.constantFrom(IBGP, EBGP, OLD),
        fc.boolean(),
        (b, sender, announces) => {
          const got = readAttributes(b, 0, b.length, sender, announces);
          expect(got.verdict === "reset").toBe(got.answer !== undefined);
        },
      ),
      { numRuns: cases(1000, 100_000) },
    );
  });
});

describe("RFC 7606: what a fault costs", () => {
  it.each([
    ["nothing wrong", GOOD, "good"],
    ["ORIGIN of two octets", "4001020000 50020006 0201 0000fdea 400304 0a000c02", "withdraw"],
    ["an unknown ORIGIN", "40010103 50020006 0201 0000fdea 400304 0a000c02", "withdraw"],
    ["AS_PATH with a segment cut short", "40010100 50020006 0202 0000fdea 400304 0a000c02", "withdraw"],
    ["AS_PATH with a segment of no numbers", "40010100 50020002 0200 400304 0a000c02", "withdraw"],
    ["confederation segments from outside", "40010100 50020006 0301 0000fdea 400304 0a000c02", "withdraw"],
    ["NEXT_HOP of five octets", "40010100 50020006 0201 0000fdea 400305 0a000c0200", "withdraw"],
    ["a NEXT_HOP that is none", "40010100 50020006 0201 0000fdea 400304 7f000001", "withdraw"],
    ["no NEXT_HOP", "40010100 50020006 0201 0000fdea", "withdraw"],
    ["no ORIGIN", "50020006 0201 0000fdea 400304 0a000c02", "withdraw"],
    ["MED of three octets", `${GOOD} 800403 000001`, "withdraw"],
    ["wrong flags", `${GOOD} 400404 00000001`, "withdraw"],
    ["communities of three octets", `${GOOD} c00803 000001`, "withdraw"],
    ["no communities in the attribute", `${GOOD} c00800`, "withdraw"],
    ["large communities of eight octets", `${GOOD} c02008 0000000100000002`, "withdraw"],
    ["an attribute that overruns the list", `${GOOD} c00808 000001`, "withdraw"],
    ["ATOMIC_AGGREGATE with a value only costs the attribute", `${GOOD} 400601 00`, "good"],
    ["AGGREGATOR of six octets only costs the attribute", `${GOOD} c00706 000100000000`, "good"],
    ["LOCAL_PREF from outside is passed over", `${GOOD} 400502 0001`, "good"],
    ["ORIGINATOR_ID from outside is passed over", `${GOOD} 800902 0001`, "good"],
    ["a second ORIGIN is passed over", `${GOOD} 40010107`, "good"],
    ["an unknown optional attribute", `${GOOD} 80f002 0001`, "good"],
    ["an unknown well-known attribute", `${GOOD} 40f002 0001`, "reset"],
    ["two MP_REACH", `${GOOD} 800e09 00010104 0a000001 00 800e09 00010104 0a000001 00`, "reset"],
    ["MP_REACH cut short", `${GOOD} 800e03 000101`, "reset"],
  ])("%s", (_what, text, verdict) => {
    expect(read(text).verdict).toBe(verdict);
  });
  it("LOCAL_PREF must come from inside", () => {
    expect(read(GOOD, IBGP).verdict).toBe("withdraw");
    expect(read(`${GOOD} 400504 00000064`, IBGP)).toMatchObject({ verdict: "good", attributes: { localPref: 100 } });
  });
  it("unknown transitive attributes go on with the partial bit, others do not", () => {
    const { attributes } = read(`${GOOD} c0f002 0001 80f102 0001`);
    expect(attributes.unknown).toEqual([{ flags: 0xe0, type: 0xf0, value: Uint8Array.of(0, 1) }]);
  });
});

describe("AS paths", () => {
  it.each([
    ["23456 23456 1", "70000 80000 1", "70000 80000 1"],
    ["5 23456 23456 1", "70000 80000 1", "5 70000 80000 1"],
    ["23456", "70000 80000", "23456"],
  ])("merge %s with %s", (seen, as4, want) => {
    const of = (text: string) => makePath([{ type: AS_SEQUENCE, as: text.split(" ").map(Number) }]);
    expect(mergePaths(of(seen), of(as4)).text).toBe(want);
  });
  it("count sets once", () => {
    const p = makePath([
      { type: AS_SEQUENCE, as: [1, 2] },
      { type: AS_SET, as: [4, 3, 4] },
    ]);
    expect([p.text, p.hops, p.neighborAs, p.origin]).toEqual(["1 2 {3,4}", 3, 1, 4]);
  });
  it("no pool keeps apart what is equal", () => {
    expect(makeAttributes(PLAIN)).toBe(makeAttributes({ ...PLAIN }));
  });
});
