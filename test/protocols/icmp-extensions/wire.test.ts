import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, it } from "vitest";
import { hex, setU16 } from "../../../src/core/bytes.ts";
import * as icmp from "../../../src/protocols/icmp/wire.ts";
import * as ext from "../../../src/protocols/icmp-extensions/wire.ts";
import * as ipv4 from "../../../src/protocols/ipv4/wire.ts";
import { staysInside } from "../../harness/bounds.ts";
import { roundTrips, survivesGarbage, survivesMutation } from "../../harness/codec.ts";
import { haveProgram, itNeeds } from "../../harness/shared.ts";

const octet = fc.nat(255);
const object: fc.Arbitrary<ext.ExtensionObject> = fc.record({
  class: fc.oneof(fc.constantFrom(1, 2, 3), octet),
  ctype: octet,
  data: fc.uint8Array({ maxLength: 40 }),
});
/** Octets too few for an object, or whose length cannot be. */
const tail = fc.oneof(
  fc.uint8Array({ maxLength: 3 }),
  fc.tuple(fc.constantFrom(0, 3, 9, 0xffff), octet).map(([length, x]) => {
    const b = Uint8Array.of(0, 0, x, x, x);
    setU16(b, 0, length);
    return b;
  }),
);
const structure = fc.record({
  version: fc.nat(15),
  reserved: fc.nat(0xfff),
  checksum: fc.nat(0xffff),
  objects: fc.array(object, { maxLength: 5 }),
  tail,
});
const stack = fc.array(fc.record({ label: fc.nat(0xfffff), tc: fc.nat(7), bottom: fc.boolean(), ttl: octet }), {
  maxLength: 5,
});
const optional = <T>(key: string, value: fc.Arbitrary<T>) =>
  fc.oneof(
    fc.constant({}),
    value.map((v) => ({ [key]: v })),
  );
const info: fc.Arbitrary<ext.InterfaceInfo> = fc
  .tuple(
    fc.record({ role: fc.nat(3) }),
    optional("ifindex", fc.nat(0xffff_ffff)),
    optional(
      "address",
      fc.constantFrom(1, 2).chain((afi) => {
        const size = afi === 1 ? 4 : 16;
        return fc.record({ afi: fc.constant(afi), octets: fc.uint8Array({ minLength: size, maxLength: size }) });
      }),
    ),
    optional("name", fc.uint8Array({ min: 1, maxLength: 63 })),
    optional("mtu", fc.nat(0xffff_ffff)),
  )
  .map((parts) => Object.assign({}, ...parts));
const from = (text: string): Uint8Array => Uint8Array.from(text.split(" "), (x) => Number.parseInt(x, 16));

it("reads back the structure that it writes", () => roundTrips(ext, structure));
it("takes any bytes", () => survivesGarbage(ext, 256));
it("takes damaged structures", () => survivesMutation(ext, structure));
it("reads a structure from its own bytes only", () => staysInside(ext, structure));

it("reads back MPLS label stacks", () =>
  fc.assert(
    fc.property(stack, (entries) => {
      expect(ext.mplsStack(ext.mplsObject(entries))).toEqual(entries);
    }),
  ));

it("reads back what an interface object tells", () =>
  fc.assert(
    fc.property(info, (told) => {
      expect(ext.interfaceInfo(ext.interfaceObject(told))).toEqual(told);
    }),
  ));

it("reads objects of any class, form and data without throwing", () =>
  fc.assert(
    fc.property(object, (o) => {
      for (const entry of ext.mplsStack(o) ?? []) expect(entry.label).toBeLessThan(1 << 20);
      const told = ext.interfaceInfo(o);
      if (told?.name) expect(told.name.length).toBeLessThan(o.data.length);
      if (told?.address) expect(told.address.octets.length).toBe(told.address.afi === 1 ? 4 : 16);
    }),
  ));

it("reads a label stack as RFC 3032 lays it out", () => {
  const data = from("00 01 01 01 ff ff fe 40");
  expect(ext.mplsStack({ class: 1, ctype: 1, data })).toEqual([
    { label: 16, tc: 0, bottom: true, ttl: 1 },
    { label: 0xfffff, tc: 7, bottom: false, ttl: 64 },
  ]);
  expect(ext.mplsStack({ class: 1, ctype: 1, data: data.slice(0, 7) })).toBeUndefined();
  expect(ext.mplsStack({ class: 1, ctype: 2, data })).toBeUndefined();
  expect(ext.mplsStack({ class: 2, ctype: 1, data })).toBeUndefined();
});

it("reads index, address, name and MTU in this order, as the C-Type says", () => {
  const name = new TextEncoder().encode("eth0");
  const told = {
    role: ext.ROLE_OUTGOING,
    ifindex: 3,
    address: { afi: 1, octets: from("0a 00 00 01") },
    name,
    mtu: 1500,
  };
  const made = ext.interfaceObject(told);
  expect(made.ctype).toBe(0x8f);
  expect(hex(made.data)).toBe("00:00:00:03:00:01:00:00:0a:00:00:01:08:65:74:68:30:00:00:00:00:00:05:dc");
  expect(ext.interfaceInfo(made)).toEqual(told);
});

it("refuses interface objects shorter than they claim, and names of no length", () => {
  const read = (ctype: number, text: string) => ext.interfaceInfo({ class: 2, ctype, data: from(text) });
  expect(read(0x08, "00 00 00")).toBeUndefined();
  expect(read(0x04, "00 01 00 00 0a 00 00")).toBeUndefined();
  expect(read(0x04, "00 03 00 00 0a 00 00 01")).toBeUndefined(); // a family of unknown size
  expect(read(0x02, "00 65 74 68")).toBeUndefined();
  expect(read(0x02, "08 65 74 68")).toBeUndefined();
  expect(read(0x01, "00 00 05")).toBeUndefined();
  expect(read(0x02, "04 65 74 68")).toMatchObject({ name: new TextEncoder().encode("eth") });
  expect(read(0xc0, "00")).toEqual({ role: 3 });
});

it("a checksum of 0 is not present, any other is judged", () => {
  const x = ext.extensions([ext.mplsObject([{ label: 16, tc: 0, bottom: true, ttl: 1 }])]);
  const b = new Uint8Array(ext.encodedLength(x));
  ext.encode(x, b, 0);
  expect(ext.verify(b, 0, b.length)).toBe("good");
  expect(ext.verify(b, 0, 3)).toBe("unverified");
  b[7] = 9;
  expect(ext.verify(b, 0, b.length)).toBe("bad");
  ext.seal(b, 0, b.length);
  expect(ext.verify(b, 0, b.length)).toBe("good");
  setU16(b, 2, 0);
  expect(ext.verify(b, 0, b.length)).toBe("not_present");
});

it("stops at an object of impossible length and keeps the rest", () => {
  const b = from("20 00 00 00 00 08 01 01 00 01 01 01 00 03 01 01 ff");
  expect(ext.decode(b, 0, b.length)).toMatchObject({
    value: { version: 2, objects: [{ class: 1, ctype: 1 }], tail: from("00 03 01 01 ff") },
  });
  b[13] = 6; // beyond the end
  expect(ext.decode(b, 0, b.length)).toMatchObject({ value: { tail: from("00 06 01 01 ff") } });
  expect(ext.decode(b, 0, 3)).toEqual({ ok: false, why: "short", at: 3 });
});

/** A capture of one raw IPv4 datagram (link type 228), for tshark. */
const captureOf = (datagram: Uint8Array): Uint8Array => {
  const words = Uint32Array.of(0xa1b2c3d4, 0x00040002, 0, 0, 65535, 228, 0, 0, datagram.length, datagram.length);
  return Uint8Array.of(...new Uint8Array(words.buffer), ...datagram);
};

itNeeds(haveProgram("tshark"))("tshark reads the extensions that we write", () => {
  const stack = [
    { label: 16004, tc: 3, bottom: false, ttl: 1 },
    { label: 17, tc: 0, bottom: true, ttl: 255 },
  ];
  const name = new TextEncoder().encode("eth0");
  const told = {
    role: ext.ROLE_OUTGOING,
    ifindex: 3,
    address: { afi: 1, octets: from("0a 00 00 01") },
    name,
    mtu: 1500,
  };
  const tail = ext.extensions([ext.mplsObject(stack), ext.interfaceObject(told)]);
  const quote = new Uint8Array(28);
  ipv4.writeHeader(quote, 0, 0, 28, 1, 0, 1, ipv4.IPPROTO_UDP, 1, 2);
  const error = icmp.extendedError(icmp.ICMP_TIME_EXCEEDED, 0, 0, quote, tail);
  const b = new Uint8Array(20 + icmp.encodedLength(error));
  ipv4.writeHeader(b, 0, 0, b.length, 1, 0, 64, ipv4.IPPROTO_ICMP, 3, 4);
  icmp.encode(error, b, 20);
  const folder = mkdtempSync(join(tmpdir(), "netloom-"));
  try {
    writeFileSync(join(folder, "one.pcap"), captureOf(b));
    const shown = ["mpls.label", "mpls.exp", "mpls.ttl", "int_info.index", "int_info.ipv4", "int_info.name"];
    const fields = [...shown, "int_info.mtu", "checksum.status", "ext.checksum.status"].flatMap((f) => [
      "-e",
      `icmp.${f}`,
    ]);
    const args = ["-n", "-r", join(folder, "one.pcap"), "-T", "fields", ...fields];
    const line = execFileSync("tshark", args, { stdio: ["ignore", "pipe", "ignore"] }).toString();
    expect(line.trim().split("\t")).toEqual(["16004,17", "3,0", "1,255", "3", "10.0.0.1", "eth0", "1500", "1", "1"]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
