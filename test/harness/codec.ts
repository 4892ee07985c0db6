import fc from "fast-check";
import { expect } from "vitest";
import type { Decoded } from "../../src/core/result.ts";
import { cases } from "./shared.ts";

/** What every `wire.ts` offers, as the properties below need it. */
export interface Codec<T> {
  decode(b: Uint8Array, o: number, end: number): Decoded<T>;
  encodedLength(v: T): number;
  encode(v: T, b: Uint8Array, o: number): void;
}

const runs = { numRuns: cases(500, 100_000) };
/** Where values are put in the buffers below: not at 0, so that a forgotten offset shows. */
const AT = 3;

/** `value` as bytes at offset `AT` of a buffer of 0xa5, so that an octet left unwritten shows. */
function written<T>(codec: Codec<T>, value: T): Uint8Array {
  const b = new Uint8Array(AT + codec.encodedLength(value)).fill(0xa5);
  codec.encode(value, b, AT);
  return b;
}

/** Encoding and decoding any value gives the value; nothing before it is touched. */
export function roundTrips<T>(codec: Codec<T>, value: fc.Arbitrary<T>): void {
  fc.assert(
    fc.property(value, (v) => {
      const b = written(codec, v);
      mustEqual(codec.decode(b, AT, b.length), { ok: true, value: v });
      mustEqual(b.slice(0, AT), Uint8Array.of(0xa5, 0xa5, 0xa5));
    }),
    runs,
  );
}

/** No bytes make `decode` throw, and those that it accepts it writes again as they were. */
export function survivesGarbage<T>(codec: Codec<T>, maxLength = 96): void {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength, size: "max" }), (b) => {
      accepts(codec, b, 0);
    }),
    runs,
  );
}

/** The same for valid values with a few octets changed and the end cut off, which reach deeper than garbage. */
export function survivesMutation<T>(codec: Codec<T>, value: fc.Arbitrary<T>): void {
  const change = fc.tuple(fc.nat(0xffff), fc.nat(255));
  fc.assert(
    fc.property(value, fc.array(change, { maxLength: 4 }), fc.nat(0xffff), (v, changes, cut) => {
      const b = written(codec, v);
      for (const [where, octet] of changes) b[AT + (where % (b.length - AT))] = octet;
      accepts(codec, cut % 3 === 0 ? b.slice(0, AT + (cut % (b.length - AT + 1))) : b, AT);
    }),
    runs,
  );
}

/** Decodes `b` from `o`; when good, the value encodes to the octets that it was read from. */
export function accepts<T>(codec: Codec<T>, b: Uint8Array, o: number, end = b.length): T | undefined {
  const got = codec.decode(b, o, end);
  if (!got.ok) {
    if (got.at < o || got.at > end) expect.fail(`${got.why} is told at ${got.at}, outside of ${o} to ${end}`);
    return undefined;
  }
  const length = codec.encodedLength(got.value);
  if (o + length > end) expect.fail(`${length} octets were read of ${end - o}`);
  const again = new Uint8Array(length).fill(0xa5);
  codec.encode(got.value, again, 0);
  mustEqual(again, b.slice(o, o + length));
  return got.value;
}

/** As `expect(got).toEqual(want)`, at a hundredth of the time while they are equal. */
export function mustEqual(got: unknown, want: unknown): void {
  if (!equal(got, want)) expect(got).toEqual(want);
}

function equal(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (a instanceof Uint8Array && b instanceof Uint8Array) return a.length === b.length && a.every((x, i) => x === b[i]);
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  const keys = Object.keys(a);
  const field = (of: object, key: string): unknown => (of as Record<string, unknown>)[key];
  return keys.length === Object.keys(b).length && keys.every((key) => equal(field(a, key), field(b, key)));
}
