import { expect, it } from "vitest";
import { bad, type Decoded, good } from "../../src/core/result.ts";

it("decoded bytes are a value, or why they are none and where", () => {
  const read = (b: Uint8Array): Decoded<number> => (b.length === 0 ? bad("short", 0) : good(b[0] as number));
  expect(read(Uint8Array.of(7))).toEqual({ ok: true, value: 7 });
  expect(read(new Uint8Array(0))).toEqual({ ok: false, why: "short", at: 0 });
});
