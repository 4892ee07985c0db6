import fc from "fast-check";
import { expect, it } from "vitest";
import * as gre from "../../../src/protocols/gre/wire.ts";
import { layersOf } from "../../harness/captures.ts";
import { accepts, roundTrips, survivesGarbage, survivesMutation } from "../../harness/codec.ts";
import { haveShared, itNeeds } from "../../harness/shared.ts";

const u16 = fc.nat(0xffff);
const u32 = fc.nat(0xffffffff);
const { FLAG_ACK, FLAG_CHECKSUM, FLAG_KEY, FLAG_ROUTING, FLAG_SEQUENCE, TYPE_WCCP } = gre;

/** Source routes: entries that are not empty, then the closing one. */
const routing = fc
  .array(fc.tuple(u16, fc.nat(255), fc.uint8Array({ minLength: 1, maxLength: 8 })), { maxLength: 3 })
  .map((entries) =>
    Uint8Array.from([...entries.flatMap(([af, at, r]) => [af >> 8, af & 255, at, r.length, ...r]), 0, 0, 9, 0]),
  );

/** Any header that `decode` can give: the flags decide which fields are there. */
const header: fc.Arbitrary<gre.GreHeader> = fc
  .record({
    flags: fc.oneof(
      fc.tuple(u16, fc.nat(1)).map(([f, version]) => (f & 0xfff8) | version),
      fc.constant(0),
    ),
    protocol: fc.oneof(u16, fc.constantFrom(gre.TYPE_IPV4, gre.TYPE_TEB, gre.TYPE_PPP, TYPE_WCCP)),
    fields: fc.tuple(u16, u16, u32, u32, u32, u32),
    routing,
  })
  .map(({ flags, protocol, fields: [checksum, offset, key, sequence, ack, redirect], routing }) => ({
    flags,
    protocol,
    ...(flags & (FLAG_CHECKSUM | FLAG_ROUTING) && { checksum, offset }),
    ...(flags & FLAG_KEY && { key }),
    ...(flags & FLAG_SEQUENCE && { sequence }),
    ...((flags & 0x87) === 0x81 && { ack }),
    ...(flags & FLAG_ROUTING && { routing }),
    ...(flags === 0 && protocol === TYPE_WCCP && redirect >>> 28 !== 4 && { redirect }),
  }));

const bytes = (hex: string): Uint8Array =>
  Uint8Array.from(hex.match(/../g) ?? [], (octet) => Number.parseInt(octet, 16));
/** Ethernet and IPv4 without options: where every capture has its GRE header. */
const AT = 14 + 20;

itNeeds(haveShared).each([
  "gre/packetlife-GRE.pcap",
  "gre/packetnet-gre_all_options.pcap",
  "nvgre/packetnet-gre_nvgre.pcap",
])("agrees with tshark on %s", (name) => {
  const found = layersOf(name, "gre");
  expect(found.length).toBeGreaterThan(0);
  for (const { frame, layer } of found) {
    const v = accepts(gre, frame.bytes, AT) as gre.GreHeader;
    const good = { csum_status: gre.verifyChecksum(frame.bytes, AT, frame.bytes.length) ? "good" : "bad" };
    expect({
      p: "gre",
      flags: v.flags,
      proto: v.protocol,
      ...(v.checksum !== undefined && { csum: v.checksum, offset: v.offset, ...good }),
      ...(v.key !== undefined && { key: v.key }),
      ...(v.sequence !== undefined && { seq: v.sequence }),
    }).toEqual(layer);
  }
});

itNeeds(haveShared)("seals to the checksum of the captures", () => {
  for (const { frame, layer } of layersOf("gre/packetnet-gre_all_options.pcap", "gre")) {
    const b = frame.bytes.slice();
    b[AT + 4] = 0x5a;
    expect(gre.verifyChecksum(b, AT, b.length)).toBe(false);
    gre.seal(b, AT, b.length);
    expect(gre.decode(b, AT, b.length)).toMatchObject({ value: { checksum: layer["csum"] } });
  }
});

itNeeds(haveShared)("splits an NVGRE key into VSID and FlowID", () => {
  const [found] = layersOf("nvgre/packetnet-gre_nvgre.pcap", "gre");
  const key = found?.layer["key"] as number;
  expect([gre.vsid(key), gre.flowId(key)]).toEqual([0x123456, 2]);
  expect(gre.nvgreKey(0xffffff, 0xfe)).toBe(0xfffffffe);
});

it("reads back what it writes", () => roundTrips(gre, header));
it("never throws, and re-encodes what it accepts", () => survivesGarbage(gre, 48));
it("survives changed and cut headers", () => survivesMutation(gre, header));

it("reads PPTP's version 1 with payload length, call id and acknowledgment", () => {
  const b = bytes("3081880b00047fff0000000100000009ff03c021");
  const got = gre.decode(b, 0, b.length);
  expect(got).toEqual({
    ok: true,
    value: { flags: 0x3081, protocol: gre.TYPE_PPP, key: 0x00047fff, sequence: 1, ack: 9 },
  });
  expect([gre.version(b, 0), gre.headerLength(b, 0)]).toEqual([1, 16]);
  expect([gre.payloadLength(0x00047fff), gre.callId(0x00047fff)]).toEqual([4, 0x7fff]);
});

it("takes the A bit for an acknowledgment in version 1 only", () => {
  expect(gre.fieldsLength(FLAG_ACK)).toBe(4);
  expect(gre.fieldsLength(FLAG_ACK | 1)).toBe(8);
  expect(gre.fieldsLength(FLAG_ACK | 2)).toBe(4);
});

it("keeps source routes, and brings checksum and offset with them", () => {
  const routes = "0800040801020304050607080000 0000".replace(" ", "");
  const b = bytes(`40000800abcd0004${routes}45`);
  const got = gre.decode(b, 0, b.length);
  expect(got).toEqual({
    ok: true,
    value: { flags: 0x4000, protocol: 0x0800, checksum: 0xabcd, offset: 4, routing: bytes(routes) },
  });
  expect(gre.decode(b, 0, 16)).toEqual({ ok: false, why: "routing", at: 8 });
  expect(gre.decode(b, 0, 22)).toEqual({ ok: false, why: "routing", at: 20 });
});

it("refuses versions that nobody defined", () => {
  expect(gre.decode(bytes("00020800"), 0, 4)).toEqual({ ok: false, why: "version", at: 1 });
});

it("says where a cut header ends", () => {
  expect(gre.decode(bytes("000008"), 0, 3)).toEqual({ ok: false, why: "short", at: 3 });
  expect(gre.decode(bytes("b00008000000000000000001000000"), 0, 15)).toEqual({ ok: false, why: "short", at: 15 });
});

it("tells WCCP version 2 by its redirect header", () => {
  const v1 = bytes("0000883e45000014");
  const v2 = bytes("0000883e0000010245000014");
  expect(gre.decode(v1, 0, v1.length)).toEqual({ ok: true, value: { flags: 0, protocol: TYPE_WCCP } });
  expect(gre.decode(v2, 0, v2.length)).toEqual({
    ok: true,
    value: { flags: 0, protocol: TYPE_WCCP, redirect: 0x0102 },
  });
  expect(gre.decode(v2, 0, 7)).toEqual({ ok: false, why: "short", at: 7 });
  expect([gre.payloadOffset(v1, 0, 8), gre.payloadOffset(v2, 0, 12), gre.payloadOffset(v2, 0, 7)]).toEqual([4, 8, -1]);
});

it("finds the payload of what Linux takes, and refuses the rest", () => {
  const at = (hex: string): number => gre.payloadOffset(bytes(hex), 0, hex.length / 2);
  expect(at("b0000800000000000000000100000002" + "45")).toBe(16);
  expect(at("20000800")).toBe(-1);
  expect(at("4000080000000000")).toBe(-1);
  expect(at("3001880b0000000000000000")).toBe(-1);
  expect(at("0000")).toBe(-1);
});

it("writes headers that its accessors read", () => {
  const summed = fc.constantFrom(0, FLAG_CHECKSUM);
  const flags = fc.tuple(summed, fc.constantFrom(0, FLAG_KEY), fc.constantFrom(0, FLAG_SEQUENCE));
  fc.assert(
    fc.property(
      flags,
      u16,
      u32,
      u32,
      fc.uint8Array({ maxLength: 9 }),
      ([c, k, s], protocol, key, sequence, payload) => {
        const b = new Uint8Array(2 + gre.fieldsLength(c | k | s) + payload.length).fill(0xa5);
        gre.writeHeader(b, 2, c | k | s, protocol, key, sequence);
        b.set(payload, 2 + gre.headerLength(b, 2));
        gre.seal(b, 2, b.length);
        expect([gre.flags(b, 2), gre.protocolType(b, 2), gre.version(b, 2)]).toEqual([c | k | s, protocol, 0]);
        if (k) expect(gre.key(b, 2)).toBe(key);
        if (s) expect(gre.sequence(b, 2)).toBe(sequence);
        expect(gre.verifyChecksum(b, 2, b.length)).toBe(true);
        expect([b[0], b[1]]).toEqual([0xa5, 0xa5]);
      },
    ),
  );
});
