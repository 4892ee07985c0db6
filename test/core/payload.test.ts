import fc from "fast-check";
import { expect, it } from "vitest";
import { fold16, sum16 } from "../../src/core/checksum.ts";
import { Payload } from "../../src/core/payload.ts";

it("has the sum of its bytes, and nobody can change them under it", () =>
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      const payload = new Payload(bytes);
      bytes.fill(0xff);
      expect(payload.sum).toBe(fold16(sum16(payload.bytes, 0, payload.length)));
    }),
  ));
