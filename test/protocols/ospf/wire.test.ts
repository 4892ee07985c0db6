import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { lsaChecksum, lsaChecksumHolds } from "../../../src/protocols/ospf/lsa-checksum.ts";
import * as lsa from "../../../src/protocols/ospf/lsa-codec.ts";
import * as ospf from "../../../src/protocols/ospf/wire.ts";
import { captured } from "../../harness/captures.ts";
import { accepts, roundTrips, survivesGarbage, survivesMutation } from "../../harness/codec.ts";
import { haveShared, itNeeds } from "../../harness/shared.ts";

const u8 = fc.nat(255);
const u16 = fc.nat(0xffff);
const u24 = fc.nat(0xffffff);
const u32 = fc.nat(0xffffffff);
const header = (type: fc.Arbitrary<number>, length: fc.Arbitrary<number>): fc.Arbitrary<lsa.LsaHeader> =>
  fc.record({ age: u16, options: u8, type, id: u32, adv: u32, seq: u32, checksum: u16, length });
const link: fc.Arbitrary<lsa.RouterLink> = fc.record({
  id: u32,
  data: u32,
  type: u8,
  metric: u16,
  tos: fc.array(fc.record({ tos: u8, reserved: u8, metric: u16 }), { maxLength: 2 }),
});
const bodies: readonly (readonly [readonly number[], fc.Arbitrary<lsa.LsaBody>])[] = [
  [
    [1],
    fc.record({
      kind: fc.constant("router" as const),
      flags: u8,
      reserved: u8,
      links: fc.array(link, { maxLength: 4 }),
    }),
  ],
  [[2], fc.record({ kind: fc.constant("network" as const), mask: u32, attached: fc.array(u32, { maxLength: 5 }) })],
  [
    [3, 4],
    fc.record({
      kind: fc.constant("summary" as const),
      mask: u32,
      metrics: fc.array(fc.record({ tos: u8, metric: u24 }), { minLength: 1, maxLength: 3 }),
    }),
  ],
  [
    [5, 7],
    fc.record({
      kind: fc.constant("external" as const),
      mask: u32,
      routes: fc.array(fc.record({ flags: u8, metric: u24, forward: u32, tag: u32 }), { minLength: 1, maxLength: 3 }),
    }),
  ],
  [[0, 6, 9, 10, 11, 255], fc.record({ kind: fc.constant("raw" as const), bytes: fc.uint8Array({ maxLength: 20 }) })],
];
const lsaValue: fc.Arbitrary<lsa.LsaValue> = fc.oneof(
  ...bodies.map(([types, body]) =>
    fc.tuple(header(fc.constantFrom(...types), fc.constant(0)), body).map(([h, b]) => ({
      header: { ...h, length: lsa.LSA_HEADER + lsa.lsaBodyLength(b) },
      body: b,
    })),
  ),
);
const headers = fc.array(header(u8, u16), { maxLength: 4 });
const packet: fc.Arbitrary<ospf.OspfPacket> = fc.record({
  routerId: u32,
  areaId: u32,
  checksum: u16,
  authType: u16,
  auth: fc.uint8Array({ minLength: 8, maxLength: 8 }),
  trailer: fc.uint8Array({ maxLength: 20 }),
  body: fc.oneof(
    fc.record({
      kind: fc.constant("hello" as const),
      mask: u32,
      intervalS: u16,
      options: u8,
      priority: u8,
      deadS: u32,
      dr: u32,
      bdr: u32,
      neighbors: fc.array(u32, { maxLength: 4 }),
    }),
    fc.record({ kind: fc.constant("dd" as const), mtu: u16, options: u8, flags: u8, seq: u32, headers }),
    fc.record({
      kind: fc.constant("request" as const),
      requests: fc.array(fc.record({ type: u32, id: u32, adv: u32 }), { maxLength: 4 }),
    }),
    fc.record({ kind: fc.constant("update" as const), lsas: fc.array(lsaValue, { maxLength: 3 }) }),
    fc.record({ kind: fc.constant("ack" as const), headers }),
    fc.record({
      kind: fc.constant("other" as const),
      type: fc.constantFrom(0, 6, 255),
      bytes: fc.uint8Array({ maxLength: 9 }),
    }),
  ),
});

/** Ethernet and an IP header without options. */
const AT = 34;

itNeeds(haveShared).each([
  "ospf/ndpi-ospfv2_add_new_prefix.pcap",
  "ospf/packetlife-OSPF_LSA_types.pcap",
  "ospf/packetlife-OSPF_broadcast_adjacencies.pcap",
  "ospf/rj-ospf-5.pcap",
  "ospf/tcpdump-ospf-ack.pcap",
])("every octet of %s is explained, and its checksums hold", (name) => {
  for (const { bytes } of captured(name)) {
    const end = 14 + ((bytes[16] as number) << 8) + (bytes[17] as number);
    const value = accepts(ospf, bytes, AT, end);
    expect(value).toBeDefined();
    expect(ospf.checksumHolds(bytes, AT, AT + ospf.packetLength(bytes, AT))).toBe(true);
    if (value?.body.kind !== "update") continue;
    let at = AT + ospf.HEADER + 4;
    for (const { header: h, body } of value.body.lsas) {
      expect(body.kind).not.toBe("raw");
      expect(lsaChecksumHolds(bytes, at, at + h.length)).toBe(true);
      expect(lsaChecksum(bytes, at, at + h.length)).toBe(h.checksum);
      at += h.length;
    }
  }
});

describe("packets", () => {
  it("read back what they write", () => roundTrips(ospf, packet));
  it("survive garbage", () => survivesGarbage(ospf, 120));
  it("survive mutation", () => survivesMutation(ospf, packet));
  it("of another version are refused", () => {
    const b = new Uint8Array(44);
    b[0] = 3;
    b[3] = 44;
    expect(ospf.decode(b, 0, 44)).toMatchObject({ ok: false, why: "version" });
  });
  it("longer than what arrived are refused", () => {
    const b = new Uint8Array(44);
    b[0] = 2;
    b[3] = 45;
    expect(ospf.decode(b, 0, 44)).toMatchObject({ ok: false, why: "length" });
  });
});

describe("the checksum of an advertisement", () => {
  it("holds when it is put in, and no longer when an octet changes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 20, maxLength: 300 }), fc.nat(), fc.nat(253), (b, where, change) => {
        const sum = lsaChecksum(b, 0, b.length);
        b[16] = sum >> 8;
        b[17] = sum;
        expect(lsaChecksumHolds(b, 0, b.length)).toBe(true);
        const at = 2 + (where % (b.length - 2));
        const before = b[at] as number;
        b[at] = (before + 1 + change) & 255;
        // 0 and 255 are the same to it
        if (b[at] % 255 !== before % 255) expect(lsaChecksumHolds(b, 0, b.length)).toBe(false);
      }),
    );
  });
  it("does not cover the age", () => {
    const b = new Uint8Array(24).fill(7);
    const sum = lsaChecksum(b, 0, 24);
    b[0] = 99;
    expect(lsaChecksum(b, 0, 24)).toBe(sum);
  });
});
