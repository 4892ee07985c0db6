import fc from "fast-check";
import { type Codec, mustEqual } from "./codec.ts";
import { cases } from "./shared.ts";

/** `decode` reads [o, end) and nothing else: what lies around it changes neither the answer nor the place of the fault. */
export function staysInside<T>(codec: Codec<T>, value: fc.Arbitrary<T>): void {
  const valid = value.map((v) => {
    const b = new Uint8Array(codec.encodedLength(v));
    codec.encode(v, b, 0);
    return b;
  });
  const cut = fc.tuple(valid, fc.nat(0xffff)).map(([b, n]) => b.slice(0, n % (b.length + 1)));
  const bytes = fc.oneof(fc.uint8Array({ maxLength: 256, size: "max" }), valid, cut);
  const around = fc.uint8Array({ maxLength: 64 });
  fc.assert(
    fc.property(bytes, around, around, (b, before, behind) => {
      const wide = Uint8Array.of(...before, ...b, ...behind);
      const alone = codec.decode(b, 0, b.length);
      const within = codec.decode(wide, before.length, before.length + b.length);
      mustEqual(within, alone.ok ? alone : { ...alone, at: alone.at + before.length });
    }),
    { numRuns: cases(500, 100_000) },
  );
}
