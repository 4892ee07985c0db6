import fc from "fast-check";
import { expect, it } from "vitest";
import { formatIp, formatMac } from "../../../src/core/addr.ts";
import type { Bad } from "../../../src/core/result.ts";
import * as lldp from "../../../src/protocols/lldp/wire.ts";
import { layersOf } from "../../harness/captures.ts";
import { accepts, roundTrips, survivesGarbage, survivesMutation } from "../../harness/codec.ts";
import { cases, haveShared, itNeeds } from "../../harness/shared.ts";

const u8 = fc.nat(255);
const u16 = fc.nat(0xffff);
const octets = (maxLength: number, minLength = 0): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength, maxLength });
const id = (type: 1 | 2): fc.Arbitrary<lldp.LldpTlv> =>
  fc.record({ type: fc.constant(type), subtype: u8, id: octets(20, 1) });
const ttl = fc.record({ type: fc.constant(lldp.TTL), seconds: u16 });
const optional: fc.Arbitrary<lldp.LldpTlv> = fc.oneof(
  fc.record({
    type: fc.constantFrom(lldp.PORT_DESCRIPTION, lldp.SYSTEM_NAME, lldp.SYSTEM_DESCRIPTION),
    text: octets(30),
  }),
  fc.record({ type: fc.constant(lldp.CAPABILITIES), capabilities: u16, enabled: u16 }),
  fc.record({
    type: fc.constant(lldp.MANAGEMENT_ADDRESS),
    family: u8,
    address: octets(31),
    interfaceSubtype: u8,
    interface: fc.nat(0xffffffff),
    oid: octets(16),
  }),
  fc.record({ type: fc.constant(lldp.ORGANIZATION), oui: fc.nat(0xffffff), subtype: u8, info: octets(30) }),
  fc.record({
    type: fc.constant("reserved" as const),
    number: fc.integer({ min: 9, max: 126 }),
    value: fc.oneof(octets(9), octets(lldp.VALUE_MAX, lldp.VALUE_MAX)),
  }),
);
const closing = fc.constantFrom<lldp.LldpTlv[]>([], [{ type: lldp.END }]);
const frame: fc.Arbitrary<lldp.LldpFrame> = fc
  .tuple(id(1), id(2), ttl, fc.array(optional, { maxLength: 6 }), closing)
  .map(([chassis, port, ttl, more, end]) => ({ tlvs: [chassis, port, ttl, ...more, ...end] }));

/** A TLV with tshark's names. */
function shown(tlv: lldp.LldpTlv): Record<string, unknown> {
  const head = { type: lldp.typeNumber(tlv), len: lldp.valueLength(tlv) };
  switch (tlv.type) {
    case lldp.CHASSIS_ID:
    case lldp.PORT_ID: {
      const which = tlv.type === lldp.CHASSIS_ID ? "chassis" : "port";
      const [mac, ip] = [lldp.macOf(tlv), lldp.ipv4Of(tlv)];
      const key = mac !== undefined ? "mac" : ip !== undefined ? "ip" : "id";
      return { ...head, [`${which}_subtype`]: tlv.subtype, [`${which}_${key}`]: lldp.formatId(tlv) };
    }
    case lldp.TTL:
      return { ...head, ttl: tlv.seconds };
    case lldp.PORT_DESCRIPTION:
    case lldp.SYSTEM_NAME:
    case lldp.SYSTEM_DESCRIPTION:
      return { ...head, [["port_desc", "sys_name", "sys_desc"][tlv.type - 4] as string]: lldp.text(tlv.text) };
    case lldp.CAPABILITIES:
      return { ...head, caps: tlv.capabilities, caps_enabled: tlv.enabled };
    case lldp.MANAGEMENT_ADDRESS:
      return { ...head, mgmt_ip: formatIp(lldp.ipv4Of(tlv) as number) };
    case lldp.ORGANIZATION:
      return { ...head, oui: tlv.oui };
    default:
      return head;
  }
}

itNeeds(haveShared).each(["packetlife-LLDP_and_CDP.pcap", "packetnet-lldp.pcap"])(
  "agrees with tshark on %s",
  (name) => {
    const found = layersOf(`lldp/${name}`, "lldp");
    expect(found.length).toBeGreaterThan(0);
    for (const { frame, layer } of found) {
      const v = accepts(lldp, frame.bytes, 14) as lldp.LldpFrame;
      expect(v.tlvs.map(shown)).toEqual(layer["tlvs"]);
      expect(14 + lldp.encodedLength(v)).toBe(frame.bytes.length);
    }
  },
);

it("reads back what it writes", () => roundTrips(lldp, frame));
it("never throws, and re-encodes what it accepts", () => survivesGarbage(lldp, 64));
it("survives changed and cut frames", () => survivesMutation(lldp, frame));

it("reads TLVs from any bytes, in order and up to the fault", () =>
  fc.assert(
    fc.property(octets(96), fc.nat(8), (b, o) => {
      const { tlvs, bad } = lldp.readTlvs(b, o, b.length);
      const length = lldp.encodedLength({ tlvs });
      const again = new Uint8Array(length).fill(0xa5);
      lldp.encode({ tlvs }, again, 0);
      expect(again).toEqual(b.slice(o, o + length));
      if (bad) expect(bad.at).toBeGreaterThanOrEqual(o + length);
    }),
    { numRuns: cases(500, 100_000) },
  ));

const bytes = (hex: string): Uint8Array =>
  Uint8Array.from(hex.match(/[0-9a-f]{2}/g) ?? [], (x) => Number.parseInt(x, 16));
const CHASSIS = "0207 04 0200000000aa";
const PORT = "0403 05 6130";
const TTL = "0602 0078";
const read = (hex: string): ReturnType<typeof lldp.decode> => lldp.decode(bytes(hex), 0, bytes(hex).length);
const fault = (why: string, at: number): Bad => ({ ok: false, why, at });

it("wants chassis, port and TTL first and once", () => {
  expect(read(CHASSIS + PORT + TTL)).toMatchObject({ ok: true });
  expect(read(CHASSIS + TTL + PORT)).toEqual(fault("order", 9));
  expect(read(PORT + CHASSIS + TTL)).toEqual(fault("order", 0));
  expect(read(CHASSIS + PORT + TTL + PORT)).toEqual(fault("twice", 18));
  expect(read(CHASSIS + PORT)).toEqual(fault("short", 14));
  expect(read("")).toEqual(fault("short", 0));
});

it("stops at the End TLV and leaves the padding alone", () => {
  const got = read(CHASSIS + PORT + TTL + "0000 0a01 41");
  expect(got.ok && got.value.tlvs.length).toBe(4);
  expect(got.ok && lldp.encodedLength(got.value)).toBe(20);
});

it.each([
  ["a TLV longer than the frame", "0a05 41", "length", 19],
  ["half a TLV header", "0a", "short", 19],
  ["an End TLV with a value", "0001 00", "length", 19],
  ["a TTL of three octets", "0603 000001", "length", 19],
  ["capabilities of two octets", "0e02 0014", "length", 19],
  ["an organization's TLV without subtype", "fe03 00120f", "length", 19],
  ["a chassis id without id", "0201 04", "length", 19],
  ["a management address that overruns its TLV", "1008 0a 01 01020304 0203", "length", 19],
  ["a management address with no room for its number", "1007 05 01 01020304 02", "length", 19],
  ["an object identifier that does not fill its TLV", "100c 05 01 01020304 02 00000001 01", "length", 19],
])("stops at %s", (_, tlv, why, at) => {
  const b = bytes(CHASSIS + PORT + TTL + tlv);
  expect(lldp.decode(b, 0, b.length)).toEqual(fault(why, at));
  expect(lldp.readTlvs(b, 0, b.length)).toMatchObject({
    tlvs: [{ type: 1 }, { type: 2 }, { type: 3 }],
    bad: { why, at },
  });
});

it("prints ids by their subtype", () => {
  const tlv = (type: 1 | 2, subtype: number, hex: string): lldp.IdTlv => ({ type, subtype, id: bytes(hex) });
  const ids = [tlv(1, 4, "0200000000aa"), tlv(2, 3, "0200000000ab"), tlv(1, 5, "01c0000201"), tlv(2, 4, "0200112233")];
  expect(ids.map(lldp.formatId)).toEqual(["02:00:00:00:00:aa", "02:00:00:00:00:ab", "192.0.2.1", "02:00:11:22:33"]);
  expect(lldp.formatId(tlv(2, 7, "65746830"))).toBe("eth0");
  expect(lldp.macOf(tlv(2, 4, "0200000000aa"))).toBeUndefined();
  expect(lldp.ipv4Of(tlv(1, 5, "02c0000201"))).toBeUndefined();
  expect(formatMac(lldp.NEAREST_BRIDGE)).toBe("01:80:c2:00:00:0e");
});
