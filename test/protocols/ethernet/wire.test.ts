import fc from "fast-check";
import { expect, it } from "vitest";
import { formatMac } from "../../../src/core/addr.ts";
import * as ethernet from "../../../src/protocols/ethernet/wire.ts";
import { staysInside } from "../../harness/bounds.ts";
import { roundTrips, survivesGarbage, survivesMutation } from "../../harness/codec.ts";
import { CLEAN, find } from "../../harness/frames.ts";
import { haveShared, itNeeds } from "../../harness/shared.ts";

const mac = fc.nat(0xffff_ffff_ffff);
const header = fc.oneof(
  fc.record({
    kind: fc.constant("ethernet2" as const),
    dst: mac,
    src: mac,
    type: fc.integer({ min: 1501, max: 0xffff }),
  }),
  fc.record({ kind: fc.constant("ieee8023" as const), dst: mac, src: mac, length: fc.nat(1500) }),
);
const snap = fc.record({ oui: fc.nat(0xffffff), pid: fc.nat(0xffff) });
const control = fc.oneof(
  fc.nat(63).map((n) => (n << 2) | 3),
  fc.nat(0xffff).filter((n) => (n & 3) !== 3),
);
const llc: fc.Arbitrary<ethernet.LlcHeader> = fc.oneof(
  fc.record({ dsap: fc.nat(255), ssap: fc.nat(0xa9), control }),
  fc.record({ dsap: fc.constant(0xaa), ssap: fc.constant(0xaa), control, snap }),
);
const bytesOf = (h: ethernet.EthernetHeader | ethernet.Ieee8023Header): Uint8Array => {
  const b = new Uint8Array(ethernet.HEADER);
  ethernet.encode(h, b, 0);
  return b;
};
const llcBytes = (h: ethernet.LlcHeader): Uint8Array => {
  const b = new Uint8Array(ethernet.encodedLlcLength(h)).fill(0xa5);
  ethernet.encodeLlc(h, b, 0);
  return b;
};
const llcCodec = { decode: ethernet.decodeLlc, encodedLength: ethernet.encodedLlcLength, encode: ethernet.encodeLlc };

it("reads back the header that it writes", () => roundTrips(ethernet, header));
it("takes any bytes for a header", () => survivesGarbage(ethernet, 256));
it("takes damaged headers", () => survivesMutation(ethernet, header));
it("reads a header from its own bytes only", () => staysInside(ethernet, header));

it("reads back the LLC header that it writes", () => roundTrips(llcCodec, llc));
it("takes any bytes for an LLC header", () => survivesGarbage(llcCodec, 256));
it("takes damaged LLC headers", () => survivesMutation(llcCodec, llc));
it("reads an LLC header from its own bytes only", () => staysInside(llcCodec, llc));

it("takes 1500 for a length and 1501 for a type", () => {
  expect(ethernet.isLength(1500)).toBe(true);
  expect(ethernet.isLength(1501)).toBe(false);
  const b = bytesOf({ kind: "ieee8023", dst: 1, src: 2, length: 1500 });
  expect(ethernet.decode(b, 0, 14)).toMatchObject({ value: { kind: "ieee8023", length: 1500 } });
  ethernet.setEtherType(b, 0, 1501);
  expect(ethernet.decode(b, 0, 14)).toMatchObject({ value: { kind: "ethernet2", type: 1501 } });
});

it("reads a control field of one octet in U format, of two in I and S format", () => {
  const control = (...b: number[]) => ethernet.decodeLlc(Uint8Array.of(...b), 0, b.length);
  expect(control(0x42, 0x42, 0x03)).toEqual({ ok: true, value: { dsap: 0x42, ssap: 0x42, control: 0x03 } });
  expect(control(0xf0, 0xf0, 0x01, 0x0c)).toMatchObject({ value: { control: 0x0c01 } }); // S: receive ready
  expect(control(0xf0, 0xf0, 0x02, 0x0c)).toMatchObject({ value: { control: 0x0c02 } }); // I
  expect(control(0xf0, 0xf0, 0x02)).toEqual({ ok: false, why: "short", at: 3 });
  expect(control(0xaa, 0xaa, 0x03, 0, 0, 0x0c, 0x20)).toEqual({ ok: false, why: "short", at: 7 });
  expect(control(0xaa, 0xaa, 0x03, 0, 0, 0x0c, 0x20, 0)).toMatchObject({ value: { snap: { oui: 12, pid: 0x2000 } } });
});

it("seals the length of an 802.3 header and leaves an Ethernet II type alone", () => {
  const b = bytesOf({ kind: "ieee8023", dst: 1, src: 2, length: 0 });
  ethernet.seal(b, 0, 14 + 38);
  expect(ethernet.etherType(b, 0)).toBe(38);
  ethernet.writeHeader(b, 0, 1, 2, ethernet.ETHERTYPE_ARP);
  ethernet.seal(b, 0, 14 + 38);
  expect(ethernet.etherType(b, 0)).toBe(0x0806);
});

it("accessors and setters agree with decode", () =>
  fc.assert(
    fc.property(header, mac, mac, (h, dst, src) => {
      const b = bytesOf(h);
      expect([ethernet.dst(b, 0), ethernet.src(b, 0)]).toEqual([h.dst, h.src]);
      expect(ethernet.isGroup(b, 0)).toBe((b[0]! & 1) === 1);
      ethernet.setDst(b, 0, dst);
      ethernet.setSrc(b, 0, src);
      expect(ethernet.decode(b, 0, 14)).toEqual({ ok: true, value: { ...h, dst, src } });
      expect(ethernet.isBroadcast(b, 0)).toBe(dst === 0xffff_ffff_ffff);
      ethernet.setDst(b, 0, 0xffff_ffff_ffff);
      expect(ethernet.isBroadcast(b, 0)).toBe(true);
    }),
  ));

itNeeds(haveShared)("captures: Ethernet headers read as tshark reads them and come back byte for byte", () => {
  const found = find("eth", ...CLEAN);
  expect(found.length).toBeGreaterThan(500);
  for (const { name, bytes, at, want } of found) {
    const got = ethernet.decode(bytes, at, bytes.length);
    if (!got.ok) throw new Error(`${name}: ${got.why}`);
    const h = got.value;
    const read = {
      dst: formatMac(h.dst),
      src: formatMac(h.src),
      ...(h.kind === "ethernet2" ? { type: h.type } : { len: h.length }),
    };
    expect(want, name).toMatchObject(read);
    expect(bytesOf(h), name).toEqual(bytes.slice(at, at + 14));
  }
});

itNeeds(haveShared)("captures: LLC and SNAP headers read as tshark reads them and come back byte for byte", () => {
  const found = find("llc", ...CLEAN);
  expect(found.length).toBeGreaterThan(10);
  for (const { name, bytes, at, end, want } of found) {
    const got = ethernet.decodeLlc(bytes, at, end);
    if (!got.ok) throw new Error(`${name}: ${got.why}`);
    const { dsap, ssap, control, snap } = got.value;
    expect(want, name).toMatchObject({ dsap, ssap, control, ...(snap && { oui: snap.oui }) });
    expect("oui" in want).toBe(snap !== undefined);
    const b = llcBytes(got.value);
    expect(b, name).toEqual(bytes.slice(at, at + b.length));
  }
});
