import fc from "fast-check";
import { expect, it } from "vitest";
import { hex } from "../../../src/core/bytes.ts";
import * as geneve from "../../../src/protocols/geneve/wire.ts";
import { layersOf } from "../../harness/captures.ts";
import { accepts, mustEqual, roundTrips, survivesGarbage, survivesMutation } from "../../harness/codec.ts";
import { cases, haveShared, itNeeds } from "../../harness/shared.ts";

const option: fc.Arbitrary<geneve.GeneveOption> = fc.record({
  class: fc.nat(0xffff),
  type: fc.nat(255),
  reserved: fc.nat(7),
  data: fc.nat(4).chain((words) => fc.uint8Array({ minLength: 4 * words, maxLength: 4 * words })),
});
const options = fc.array(option, { maxLength: 5 });
const header: fc.Arbitrary<geneve.GeneveHeader> = fc.record({
  version: fc.constant(0),
  flags: fc.nat(255),
  protocol: fc.nat(0xffff),
  vni: fc.nat(0xffffff),
  reserved: fc.nat(255),
  optionsRaw: options.map(geneve.writeOptions),
});

/** Ethernet, IPv4 without options, UDP: where every capture has its Geneve header. */
const AT = 14 + 20 + 8;

itNeeds(haveShared).each(["suricata-geneve-decoder-input.pcap", "zeek-geneve.pcap"])(
  "agrees with tshark on %s",
  (name) => {
    const found = layersOf(`geneve/${name}`, "geneve");
    expect(found.length).toBeGreaterThan(0);
    for (const { frame, layer } of found) {
      const b = frame.bytes;
      const v = accepts(geneve, b, AT) as geneve.GeneveHeader;
      const list = geneve.readOptions(b, AT + geneve.HEADER, AT + geneve.headerLength(b, AT));
      expect(list.bad).toBeUndefined();
      expect(geneve.writeOptions(list.options)).toEqual(v.optionsRaw);
      const shown = list.options.map((x) => ({
        class: x.class,
        type: x.type,
        len: 4 + x.data.length,
        data: hex(x.data),
      }));
      expect({
        p: "geneve",
        ver: v.version,
        optlen: v.optionsRaw.length,
        oam: Number(geneve.control(b, AT)),
        critical: Number(geneve.critical(b, AT)),
        proto: v.protocol,
        vni: v.vni,
        ...(shown.length > 0 && { options: shown }),
      }).toEqual(layer);
    }
  },
);

it("reads back what it writes", () => roundTrips(geneve, header));
it("never throws, and re-encodes what it accepts", () => survivesGarbage(geneve, 96));
it("survives changed and cut headers", () => survivesMutation(geneve, header));

it("reads back the options that it writes", () =>
  fc.assert(
    fc.property(options, (list) => {
      const raw = geneve.writeOptions(list);
      expect(geneve.readOptions(raw, 0, raw.length)).toEqual({ options: list });
    }),
  ));

it("reads options from any bytes, in order and up to the fault", () =>
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: geneve.OPTIONS_MAX, size: "max" }), fc.nat(8), (b, o) => {
      const { options, bad } = geneve.readOptions(b, o, b.length);
      const raw = geneve.writeOptions(options);
      mustEqual(raw, b.slice(o, o + raw.length));
      if (bad === undefined) expect(raw.length).toBe(Math.max(0, b.length - o));
      else expect([o + raw.length, o + raw.length + 3]).toContain(bad.at);
    }),
    { numRuns: cases(500, 100_000) },
  ));

it("reads the header of a packet whose option list is malformed, and tells where it is", () => {
  const b = Uint8Array.of(0x02, 0x40, 0x65, 0x58, 0, 1, 228, 0, 0x01, 0x02, 0x83, 0x02, 1, 2, 3, 4, 0x45);
  const got = geneve.decode(b, 0, b.length);
  expect(got).toMatchObject({ ok: true, value: { flags: 0x40, protocol: 0x6558, vni: 484 } });
  expect(geneve.headerLength(b, 0)).toBe(16);
  expect(geneve.readOptions(b, 8, 16)).toEqual({ options: [], bad: { ok: false, why: "length", at: 11 } });
  expect(geneve.readOptions(b, 8, 10)).toEqual({ options: [], bad: { ok: false, why: "short", at: 8 } });
});

it("tells critical options", () => {
  const none = new Uint8Array(0);
  const critical = (type: number): boolean => geneve.isCritical({ class: 0x0102, type, reserved: 0, data: none });
  expect([critical(0x83), critical(0x03)]).toEqual([true, false]);
});

it("refuses other versions, and headers or options cut short", () => {
  const b = Uint8Array.of(0, 0, 0, 0x41, 0, 0x65, 0x58, 0, 0, 1, 0, 0, 0);
  expect(geneve.decode(b, 3, b.length)).toEqual({ ok: false, why: "version", at: 3 });
  b[3] = 1;
  expect(geneve.decode(b, 3, b.length)).toEqual({ ok: false, why: "short", at: 13 });
  expect(geneve.decode(b, 3, 10)).toEqual({ ok: false, why: "short", at: 10 });
});

it("writes headers that its accessors read, reserved bits zero", () => {
  const octets = fc.nat(63).map((words) => 4 * words);
  const flags = fc.constantFrom(0, geneve.FLAG_CONTROL, geneve.FLAG_CRITICAL);
  fc.assert(
    fc.property(fc.nat(0xffff), fc.nat(0xffffff), flags, octets, (protocol, vni, flags, octets) => {
      const b = new Uint8Array(10).fill(0xa5);
      geneve.writeHeader(b, 1, protocol, vni, flags, octets);
      expect([geneve.version(b, 1), geneve.optionsLength(b, 1), geneve.flags(b, 1)]).toEqual([0, octets, flags]);
      expect([geneve.protocol(b, 1), geneve.vni(b, 1), b[8]]).toEqual([protocol, vni, 0]);
      expect([geneve.control(b, 1), geneve.critical(b, 1)]).toEqual([flags === 0x80, flags === 0x40]);
      expect([b[0], b[9]]).toEqual([0xa5, 0xa5]);
    }),
  );
});
