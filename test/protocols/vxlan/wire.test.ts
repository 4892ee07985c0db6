import fc from "fast-check";
import { expect, it } from "vitest";
import * as vxlan from "../../../src/protocols/vxlan/wire.ts";
import { layersOf } from "../../harness/captures.ts";
import { accepts, roundTrips, survivesGarbage, survivesMutation } from "../../harness/codec.ts";
import { haveShared, itNeeds } from "../../harness/shared.ts";

const header: fc.Arbitrary<vxlan.VxlanHeader> = fc.record({
  flags: fc.nat(0xffff),
  group: fc.nat(0xffff),
  vni: fc.nat(0xffffff),
  reserved: fc.nat(255),
});

/** Ethernet, IPv4 without options, UDP: where every capture has its VXLAN header. */
const AT = 14 + 20 + 8;

itNeeds(haveShared).each(["pcpp-Vxlan1.pcap", "pcpp-Vxlan2.pcap", "tcpdump-tests-vxlan.pcap"])(
  "agrees with tshark on %s",
  (name) => {
    const found = layersOf(`vxlan/${name}`, "vxlan");
    expect(found.length).toBeGreaterThan(0);
    for (const { frame, layer } of found) {
      const v = accepts(vxlan, frame.bytes, AT) as vxlan.VxlanHeader;
      expect({ p: "vxlan", flags: v.flags, gbp: v.group, vni: v.vni, reserved8: v.reserved }).toEqual(layer);
    }
  },
);

it("reads back what it writes", () => roundTrips(vxlan, header));
it("never throws, and re-encodes what it accepts", () => survivesGarbage(vxlan, 16));
it("survives changed and cut headers", () => survivesMutation(vxlan, header));

it("says where a cut header ends", () => {
  expect(vxlan.decode(new Uint8Array(12), 5, 12)).toEqual({ ok: false, why: "short", at: 12 });
});

it("writes a plain header with the I flag and nothing else", () => {
  const b = new Uint8Array(10).fill(0xa5);
  vxlan.writeHeader(b, 1, 0xabcdef);
  expect([...b]).toEqual([0xa5, 0x08, 0, 0, 0, 0xab, 0xcd, 0xef, 0, 0xa5]);
});

it("adds a group policy id with its D and A flags", () => {
  const b = new Uint8Array(8);
  vxlan.writeHeader(b, 0, 1);
  vxlan.writeGroup(b, 0, 0x1234, vxlan.FLAG_DONT_LEARN | vxlan.FLAG_POLICY_APPLIED);
  expect([...b]).toEqual([0x88, 0x48, 0x12, 0x34, 0, 0, 1, 0]);
  expect([vxlan.flags(b, 0), vxlan.group(b, 0), vxlan.vni(b, 0)]).toEqual([0x8848, 0x1234, 1]);
});

it("knows the bits that a Linux device refuses", () => {
  const unknown = (word: number, last: number, gbp: boolean): boolean => {
    const b = new Uint8Array(8);
    vxlan.encode({ flags: word >>> 16, group: word & 0xffff, vni: 5, reserved: last }, b, 0);
    return vxlan.hasUnknownBits(b, 0, gbp);
  };
  expect(unknown(0x08000000, 0, false)).toBe(false);
  expect(unknown(0x08000000, 1, false)).toBe(true);
  expect(unknown(0x88000007, 0, false)).toBe(true);
  expect(unknown(0x88480007, 0, true)).toBe(false);
  expect(unknown(0x88490007, 0, true)).toBe(true);
  expect(unknown(0x08000007, 0, true)).toBe(true);
  for (let bit = 0; bit < 32; bit++) {
    expect(unknown((0x08000000 ^ (1 << bit)) >>> 0, 0, false)).toBe(bit !== 27);
  }
});
