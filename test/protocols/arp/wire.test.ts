import fc from "fast-check";
import { expect, it } from "vitest";
import { formatIp, formatMac } from "../../../src/core/addr.ts";
import { hex } from "../../../src/core/bytes.ts";
import * as arp from "../../../src/protocols/arp/wire.ts";
import { staysInside } from "../../harness/bounds.ts";
import { roundTrips, survivesGarbage, survivesMutation } from "../../harness/codec.ts";
import { CLEAN, find } from "../../harness/frames.ts";
import { haveShared, itNeeds } from "../../harness/shared.ts";

const octets = (n: number) => fc.uint8Array({ minLength: n, maxLength: n });
const lengths = fc.oneof(
  fc.constant([6, 4] as const),
  fc.tuple(fc.nat(20), fc.nat(20)),
  fc.tuple(fc.nat(255), fc.nat(255)),
);
const packet: fc.Arbitrary<arp.ArpPacket> = lengths.chain(([h, p]) =>
  fc.record({
    hardware: fc.nat(0xffff),
    protocol: fc.nat(0xffff),
    op: fc.nat(0xffff),
    sha: octets(h),
    spa: octets(p),
    tha: octets(h),
    tpa: octets(p),
  }),
);
const [mac, ip] = [fc.nat(0xffff_ffff_ffff), fc.nat(0xffff_ffff)];

it("reads back the packet that it writes", () => roundTrips(arp, packet));
it("takes any bytes", () => survivesGarbage(arp, 256));
it("takes damaged packets", () => survivesMutation(arp, packet));
it("reads a packet from its own bytes only", () => staysInside(arp, packet));

it("reads addresses of any length, none included", () => {
  const b = Uint8Array.of(0, 15, 0x08, 0x00, 2, 4, 0, 8, 0x18, 0x41, 10, 0, 0, 1, 0, 0, 10, 0, 0, 2);
  expect(arp.decode(b, 0, b.length)).toMatchObject({ value: { hardware: 15, op: 8, sha: Uint8Array.of(0x18, 0x41) } });
  expect(arp.decode(b, 0, b.length - 1)).toEqual({ ok: false, why: "short", at: 19 });
  expect(arp.decode(new Uint8Array(8), 0, 8)).toMatchObject({ ok: true, value: { sha: new Uint8Array(0) } });
  expect(arp.isEthernetIpv4(b, 0, b.length)).toBe(false);
});

it("accessors, setters and decode agree on IPv4 over Ethernet", () =>
  fc.assert(
    fc.property(fc.nat(0xffff), mac, ip, mac, ip, (op, sha, spa, tha, tpa) => {
      const b = new Uint8Array(arp.LENGTH).fill(0xa5);
      arp.writePacket(b, 0, op, sha, spa, tha, tpa);
      expect(arp.isEthernetIpv4(b, 0, b.length)).toBe(true);
      expect([arp.op(b, 0), arp.sha(b, 0), arp.spa(b, 0), arp.tha(b, 0), arp.tpa(b, 0)]).toEqual([
        op,
        sha,
        spa,
        tha,
        tpa,
      ]);
      const got = arp.decode(b, 0, b.length);
      if (!got.ok) throw new Error(got.why);
      expect(arp.addresses(got.value)).toEqual({ sha, spa, tha, tpa });
      const c = b.slice();
      arp.setOp(c, 0, 7);
      arp.setSha(c, 0, tha);
      arp.setSpa(c, 0, tpa);
      arp.setTha(c, 0, sha);
      arp.setTpa(c, 0, spa);
      const swapped = new Uint8Array(arp.LENGTH);
      arp.writePacket(swapped, 0, 7, tha, tpa, sha, spa);
      expect(c).toEqual(swapped);
    }),
  ));

it("takes what an Ethernet device of Linux takes for ARP", () => {
  const b = new Uint8Array(arp.LENGTH);
  const changed = (at: number, value: number) => {
    arp.writePacket(b, 0, arp.ARPOP_REPLY, 1, 2, 3, 4);
    b[at] = value;
    return arp.isEthernetIpv4(b, 0, b.length);
  };
  expect(changed(1, arp.ARPHRD_IEEE802)).toBe(true);
  expect(changed(1, arp.ARPHRD_FRAME_RELAY)).toBe(false);
  expect(changed(2, 0x86)).toBe(false);
  expect(changed(4, 8)).toBe(false);
  expect(changed(5, 16)).toBe(false);
  expect(changed(1, 1)).toBe(true);
  expect(arp.isEthernetIpv4(b, 0, b.length - 1)).toBe(false);
});

it("tells probes, announcements and gratuitous replies apart", () => {
  const b = new Uint8Array(arp.LENGTH);
  const kinds = () => [arp.isProbe(b, 0), arp.isAnnouncement(b, 0), arp.isGratuitous(b, 0)];
  arp.writeProbe(b, 0, 0x02_00_00_00_00_01, 0x0a000001);
  expect(hex(b, 8)).toBe("02:00:00:00:00:01:00:00:00:00:00:00:00:00:00:00:0a:00:00:01");
  expect(kinds()).toEqual([true, false, false]);
  arp.writeAnnouncement(b, 0, 0x02_00_00_00_00_01, 0x0a000001);
  expect(hex(b, 8)).toBe("02:00:00:00:00:01:0a:00:00:01:00:00:00:00:00:00:0a:00:00:01");
  expect(kinds()).toEqual([false, true, true]);
  arp.writePacket(b, 0, arp.ARPOP_REPLY, 7, 9, 7, 9);
  expect(kinds()).toEqual([false, false, true]);
  arp.writePacket(b, 0, arp.ARPOP_REPLY, 7, 9, 8, 9);
  expect(kinds()).toEqual([false, false, false]);
  arp.writePacket(b, 0, arp.ARPOP_REQUEST, 7, 9, 0, 10);
  expect(kinds()).toEqual([false, false, false]);
});

itNeeds(haveShared)("captures: packets read as tshark reads them and come back byte for byte", () => {
  const found = find("arp", ...CLEAN);
  expect(found.length).toBeGreaterThan(15);
  for (const { name, bytes, at, end, want } of found) {
    const got = arp.decode(bytes, at, end);
    if (!got.ok) throw new Error(`${name}: ${got.why}`);
    const { hardware: hw, protocol: proto, op } = got.value;
    const { sha, spa, tha, tpa } = arp.addresses(got.value) ?? { sha: 0, spa: 0, tha: 0, tpa: 0 };
    const [hlen, plen] = [got.value.sha.length, got.value.spa.length];
    const macs = { sha: formatMac(sha), tha: formatMac(tha) };
    const read = { hw, proto, op, hlen, plen, ...macs, spa: formatIp(spa), tpa: formatIp(tpa) };
    expect(want, name).toMatchObject(read);
    const b = new Uint8Array(arp.encodedLength(got.value)).fill(0xa5);
    arp.encode(got.value, b, 0);
    expect(b, name).toEqual(bytes.slice(at, at + b.length));
  }
});
