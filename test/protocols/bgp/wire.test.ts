import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hex } from "../../../src/core/bytes.ts";
import { announce, capabilitiesOf } from "../../../src/protocols/bgp/capability.ts";
import {
  type BgpMessage,
  type BgpOpen,
  decode,
  encode,
  encoded,
  encodedLength,
} from "../../../src/protocols/bgp/wire.ts";
import { roundTrips, survivesGarbage, survivesMutation } from "../../harness/codec.ts";
import { hexBytes } from "../../report/frames.ts";
import { message } from "./arbitrary.ts";

const codec = { decode: (b: Uint8Array, o: number, end: number) => decode(b, o, end), encode, encodedLength };
const MARKER = "ff".repeat(16);
const read = (text: string, maxLength?: number): ReturnType<typeof decode> => {
  const b = hexBytes(MARKER + text);
  return decode(b, 0, b.length, maxLength);
};
const owed = (text: string, maxLength?: number): string => {
  const got = read(text, maxLength);
  if (got.ok) return "good";
  const { code, subcode, data } = got.answer;
  return `${code}/${subcode} ${hex(data)}`.trim();
};

describe("BGP messages", () => {
  it("are read back as they were written", () => roundTrips<BgpMessage>(codec, message));
  it("whatever the octets, are values or faults", () => survivesGarbage(codec));
  it("of garbage behind a sound header are values or faults", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.uint8Array({ maxLength: 80 }), (type, body) => {
        const b = new Uint8Array(19 + body.length).fill(0xff);
        b.set([0, b.length, type], 16);
        b.set(body, 19);
        const got = decode(b, 0, b.length);
        if (got.ok) expect(encoded(got.value)).toEqual(b);
      }),
    );
  });
  it("survive changed and missing octets", () => survivesMutation<BgpMessage>(codec, message));

  it("FRR's OPEN is read to the last capability", () => {
    const got = read(
      "005e0104fdea00b402020202410206010400010001020280000202020002024600020641040000fdea020206000206450400010101020649040272320002044002c0780209470700010180000000",
    );
    expect(got).toMatchObject({ ok: true, value: { kind: "open", as: 65002, holdS: 180, id: 0x02020202 } });
    const caps = capabilitiesOf((got as { value: BgpOpen }).value);
    expect(caps).toMatchObject({
      ipv4Unicast: true,
      as4: 65002,
      hostname: "r2",
      domain: undefined,
      refresh: true,
      oldRefresh: true,
      enhancedRefresh: true,
      extendedMessage: true,
      addPath: { sends: false, takes: true },
      longLived: true,
      gracefulRestart: { restarted: true, notification: true, timeS: 120, families: [] },
    });
  });
  it("our OPEN announces FRR's capabilities in FRR's order", () => {
    const restart = { restarted: true, notification: true, timeS: 120, longLivedS: 0 };
    const addPath = { sends: false, takes: true };
    const parameters = announce({ as: 65002, hostname: "r2", extendedMessage: true, addPath, restart });
    const b = encoded({ kind: "open", version: 4, as: 65002, holdS: 180, id: 0x02020202, parameters, extended: false });
    expect(hex(b.subarray(19), 0, undefined, "")).toBe(
      "04fdea00b402020202410206010400010001020280000202020002024600020641040000fdea020206000206450400010101" +
        "0206490402723200" +
        "02044002c0780209470700010180000000",
    );
  });
});

describe("a fault carries the answer that is owed", () => {
  it.each([
    ["a wrong length", "0012 04", "1/2 00:12"],
    ["a KEEPALIVE with a body", "0014 04 00", "1/2 00:14"],
    ["an UPDATE without its lengths", "0015 02 0000", "1/2 00:15"],
    ["an OPEN cut short", "001c 01 04000100b4010101 01", "1/2 00:1c"],
    ["a type that is none", "0013 06", "1/3 06"],
    ["a ROUTE-REFRESH cut short", "0015 05 0001", `7/1 ${"ff:".repeat(16)}00:15:05`],
    ["parameters that overrun the OPEN", "001d 01 04 0001 00b4 01010101 05", "2/0"],
    ["a parameter that overruns its list", "001f 01 04 0001 00b4 01010101 02 0209", "2/0"],
    ["withdrawn routes that overrun the UPDATE", "0017 02 0005 0000", "3/1"],
    ["attributes that overrun the UPDATE", "0017 02 0000 0005", "3/1"],
    ["a prefix of 33 bits", "001d 02 0000 0000 21 0a000000 00", "3/10"],
    ["a prefix that overruns the UPDATE", "0019 02 0000 0000 18 0a", "3/10"],
  ])("%s", (_what, text, want) => {
    expect(owed(text)).toBe(want);
  });
  it("a marker that is not all ones", () => {
    const b = encoded({ kind: "keepalive" });
    b[5] = 0;
    expect(decode(b, 0, b.length)).toMatchObject({ ok: false, answer: { code: 1, subcode: 1 } });
  });
  it("a message beyond 4,096 octets without the capability", () => {
    const b = encoded({ kind: "notification", code: 6, subcode: 2, data: new Uint8Array(5000) });
    expect(decode(b, 0, b.length, 4096)).toMatchObject({ ok: false, answer: { code: 1, subcode: 2 } });
    expect(decode(b, 0, b.length).ok).toBe(true);
  });
});
