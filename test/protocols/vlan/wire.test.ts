import fc from "fast-check";
import { expect, it } from "vitest";
import { hex } from "../../../src/core/bytes.ts";
import * as ethernet from "../../../src/protocols/ethernet/wire.ts";
import * as vlan from "../../../src/protocols/vlan/wire.ts";
import { staysInside } from "../../harness/bounds.ts";
import { roundTrips, survivesGarbage, survivesMutation } from "../../harness/codec.ts";
import { find } from "../../harness/frames.ts";
import { haveShared, itNeeds } from "../../harness/shared.ts";

const type = fc.nat(0xffff);
const tag = fc.record({ pcp: fc.nat(7), dei: fc.boolean(), vid: fc.nat(4095), type });

it("reads back the tag that it writes", () => roundTrips(vlan, tag));
it("takes any bytes", () => survivesGarbage(vlan, 256));
it("takes damaged tags", () => survivesMutation(vlan, tag));
it("reads a tag from its own bytes only", () => staysInside(vlan, tag));

it("splits the TCI into priority, drop eligibility and VLAN", () => {
  const b = Uint8Array.of(0xb1, 0x23, 0x08, 0x00);
  expect(vlan.decode(b, 0, 4)).toEqual({ ok: true, value: { pcp: 5, dei: true, vid: 0x123, type: 0x0800 } });
  expect([vlan.tci(b, 0), vlan.pcp(b, 0), vlan.dei(b, 0), vlan.vid(b, 0)]).toEqual([0xb123, 5, 1, 0x123]);
  expect(vlan.makeTci(5, 1, 0x123)).toBe(0xb123);
  vlan.setVid(b, 0, 0xffe);
  vlan.setPcp(b, 0, 2);
  expect(hex(b)).toBe("5f:fe:08:00");
  vlan.setTci(b, 0, 1);
  expect(hex(b)).toBe("00:01:08:00");
});

it("knows the tag protocol identifiers of 802.1Q, 802.1ad and the old 0x9100", () => {
  for (const tpid of [0x8100, 0x88a8, 0x9100]) expect(vlan.isTpid(tpid)).toBe(true);
  for (const other of [0x0800, 0x0806, 0x86dd, 0x88cc, 0x9000]) expect(vlan.isTpid(other)).toBe(false);
});

it("reads a tag inside a tag", () => {
  const b = Uint8Array.of(0x00, 0x64, 0x81, 0x00, 0x00, 0xc8, 0x08, 0x06);
  const outer = vlan.decode(b, 0, 8);
  expect(outer).toMatchObject({ value: { vid: 100, type: 0x8100 } });
  expect(vlan.isTpid(vlan.innerType(b, 0))).toBe(true);
  expect(vlan.decode(b, 4, 8)).toMatchObject({ value: { vid: 200, type: 0x0806 } });
});

it("inserts a tag into the headroom and takes it off again", () =>
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 14, maxLength: 40 }), fc.nat(0xffff), (frame, tci) => {
      const b = new Uint8Array(4 + frame.length);
      b.set(frame, 4);
      vlan.insertTag(b, 4, ethernet.ETHERTYPE_QINQ, tci);
      const want = [...frame.subarray(0, 12), 0x88, 0xa8, tci >> 8, tci & 255, ...frame.subarray(12)];
      expect([...b]).toEqual(want);
      expect(vlan.removeTag(b, 0)).toBe(tci);
      expect(b.slice(4)).toEqual(frame);
    }),
  ));

itNeeds(haveShared)("captures: tags read as tshark reads them and come back byte for byte", () => {
  const found = find("vlan", "vlan");
  expect(found.length).toBeGreaterThan(15);
  for (const { name, bytes, at, end, want } of found) {
    const got = vlan.decode(bytes, at, end);
    if (!got.ok) throw new Error(`${name}: ${got.why}`);
    const { pcp, dei, vid, type } = got.value;
    expect(want, name).toMatchObject({ prio: pcp, dei: dei ? 1 : 0, id: vid, type });
    const b = new Uint8Array(vlan.encodedLength(got.value)).fill(0xa5);
    vlan.encode(got.value, b, 0);
    expect(b, name).toEqual(bytes.slice(at, at + b.length));
  }
});
