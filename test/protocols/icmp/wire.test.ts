import fc from "fast-check";
import { expect, it } from "vitest";
import { parseIp } from "../../../src/core/addr.ts";
import { hex } from "../../../src/core/bytes.ts";
import { sum16 } from "../../../src/core/checksum.ts";
import * as icmp from "../../../src/protocols/icmp/wire.ts";
import * as ext from "../../../src/protocols/icmp-extensions/wire.ts";
import * as ipv4 from "../../../src/protocols/ipv4/wire.ts";
import { staysInside } from "../../harness/bounds.ts";
import { roundTrips, survivesGarbage, survivesMutation } from "../../harness/codec.ts";
import { CLEAN, find, frames } from "../../harness/frames.ts";
import { haveShared, itNeeds } from "../../harness/shared.ts";

const octet = fc.nat(255);
const word = fc.nat(0xffff);
const types = fc.oneof(fc.constantFrom(0, 3, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18), octet);
const plain = fc
  .tuple(types, octet, fc.nat(0xffff_ffff), fc.uint8Array({ maxLength: 200 }))
  .map(([type, code, rest, body]) => icmp.message(type, code, rest, body));
const mpls = ext.extensions([ext.mplsObject([{ label: 16, tc: 0, bottom: true, ttl: 1 }])]);
const extended = fc
  .tuple(fc.constantFrom(3, 11, 12), octet, word, fc.uint8Array({ maxLength: 140 }))
  .map(([type, code, rest, quote]) => icmp.extendedError(type, code, rest, quote, mpls));
const message = fc.oneof(plain, extended);
const bytesOf = (m: icmp.IcmpMessage): Uint8Array => {
  const b = new Uint8Array(icmp.encodedLength(m)).fill(0xa5);
  icmp.encode(m, b, 0);
  return b;
};
const from = (text: string): Uint8Array => Uint8Array.from(text.split(" "), (x) => Number.parseInt(x, 16));
const contentOf = (type: number, code: number, rest: number, body = "") =>
  icmp.message(type, code, rest, body ? from(body) : new Uint8Array(0)).content;

it("reads back the message that it writes", () => roundTrips(icmp, message));
it("takes any bytes", () => survivesGarbage(icmp, 256));
it("takes damaged messages", () => survivesMutation(icmp, message));
it("reads a message from its own bytes only", () => staysInside(icmp, message));

it("seals what it verifies, and says when it cannot", () =>
  fc.assert(
    fc.property(message, fc.integer({ min: 1, max: 255 }), (m, flip) => {
      const b = bytesOf(m);
      expect(icmp.verify(b, 0, b.length)).toBe("good");
      expect(icmp.verify(b, 0, b.length, b.length + 1)).toBe("unverified");
      expect(icmp.verify(b, 0, b.length, Number.POSITIVE_INFINITY)).toBe("unverified");
      expect(icmp.verify(b, 0, 3)).toBe("unverified");
      const c = b.slice();
      icmp.setChecksum(c, 0, 0xdead);
      icmp.sealSum(c, 0, sum16(m.body, 0, m.body.length));
      expect(c).toEqual(b);
      b[7] = b[7]! ^ flip;
      expect(icmp.verify(b, 0, b.length)).toBe("bad");
    }),
  ));

it("accessors and setters agree with decode", () =>
  fc.assert(
    fc.property(message, word, word, fc.nat(0xffff_ffff), (m, id, seq, address) => {
      const b = bytesOf(m);
      const { type, code, checksum, rest } = m;
      expect([icmp.type(b, 0), icmp.code(b, 0), icmp.checksum(b, 0), icmp.rest(b, 0)]).toEqual([
        type,
        code,
        checksum,
        rest,
      ]);
      icmp.adjustChecksum16(b, 0, icmp.id(b, 0), id);
      icmp.setId(b, 0, id);
      expect(icmp.verify(b, 0, b.length)).toBe("good");
      icmp.setSeq(b, 0, seq);
      expect([icmp.id(b, 0), icmp.seq(b, 0), icmp.rest(b, 0)]).toEqual([id, seq, id * 65536 + seq]);
      icmp.setMtu(b, 0, id);
      icmp.setPointer(b, 0, 7);
      expect([icmp.mtu(b, 0), icmp.pointer(b, 0)]).toEqual([id, 7]);
      icmp.setGateway(b, 0, address);
      expect(icmp.gateway(b, 0)).toBe(address);
      icmp.setRest(b, 0, 5);
      expect(icmp.rest(b, 0)).toBe(5);
    }),
  ));

it("reads echo, information, mask and timestamp messages", () => {
  const both = { id: 0x1234, seq: 7 };
  for (const type of [icmp.ICMP_ECHO, icmp.ICMP_ECHOREPLY]) {
    expect(contentOf(type, 0, 0x1234_0007)).toEqual({ kind: "echo", ...both });
  }
  for (const type of [15, 16]) expect(contentOf(type, 0, 0x1234_0007)).toEqual({ kind: "information", ...both });
  for (const type of [17, 18]) {
    expect(contentOf(type, 0, 0x1234_0007, "ff ff ff 00")).toEqual({ kind: "mask", ...both, mask: 0xffffff00 });
    expect(contentOf(type, 0, 0x1234_0007, "ff ff ff")).toEqual({ kind: "raw" });
  }
  for (const type of [13, 14]) {
    const stamps = { originate: 1, receive: 2, transmit: 0x80000003 };
    const body = "00 00 00 01 00 00 00 02 80 00 00 03";
    expect(contentOf(type, 0, 0x1234_0007, body)).toEqual({ kind: "timestamp", ...both, ...stamps });
    expect(contentOf(type, 0, 0x1234_0007, body.slice(0, -3))).toEqual({ kind: "raw" });
  }
});

it("reads router discovery", () => {
  expect(contentOf(10, 0, 0)).toEqual({ kind: "routerSolicitation" });
  const two = "0a 00 00 01 00 00 00 05 0a 00 00 02 80 00 00 00";
  const entries = [
    { address: parseIp("10.0.0.1"), preference: 5 },
    { address: parseIp("10.0.0.2"), preference: -0x80000000 },
  ];
  expect(contentOf(9, 0, 0x0202_0708, two)).toEqual({
    kind: "routerAdvertisement",
    lifetime: 1800,
    entrySize: 2,
    entries,
  });
  expect(contentOf(9, 0, 0x0104_0708, two)).toMatchObject({ entrySize: 4, entries: entries.slice(0, 1) });
  expect(contentOf(9, 0, 0x0302_0708, two)).toEqual({ kind: "raw" });
  expect(contentOf(9, 0, 0x0101_0708, two)).toEqual({ kind: "raw" });
});

it("reads gateway, next-hop MTU and pointer where the type has them", () => {
  const error = { kind: "error", gateway: 0, mtu: 0, pointer: 0, quoteEnd: 3, extensionsAt: -1 };
  const quote = "45 00 00";
  expect(contentOf(5, 1, 0x0a000001, quote)).toEqual({ ...error, gateway: 0x0a000001 });
  expect(contentOf(3, 4, 1400, quote)).toEqual({ ...error, mtu: 1400 });
  expect(contentOf(3, 3, 1400, quote)).toEqual(error);
  expect(contentOf(12, 0, 0x14000000, quote)).toEqual({ ...error, pointer: 20 });
  expect(contentOf(11, 0, 0x14000578, quote)).toEqual(error);
  expect(contentOf(4, 0, 0x14000578, quote)).toEqual(error);
  expect(contentOf(42, 0, 0x14000578, quote)).toEqual({ kind: "raw" });
  expect([3, 4, 5, 11, 12].every(icmp.isError)).toBe(true);
  expect([0, 8, 9, 10, 13, 14, 15, 16, 17, 18, 42].some(icmp.isError)).toBe(false);
});

it("finds extensions by the length field, behind the padded quotation", () => {
  for (const [length, quoted] of [
    [28, 128],
    [128, 128],
    [130, 132],
    [200, 200],
  ] as const) {
    const quote = new Uint8Array(length).fill(0x11);
    const m = icmp.extendedError(icmp.ICMP_DEST_UNREACH, icmp.ICMP_FRAG_NEEDED, 1400, quote, mpls);
    expect(m.rest).toBe(((quoted / 4) << 16) | 1400);
    expect(m.content).toMatchObject({ quoteEnd: quoted, extensionsAt: quoted, mtu: 1400, extensions: mpls });
    const b = bytesOf(m);
    expect(hex(b, 8 + length, 8 + quoted)).toBe(hex(new Uint8Array(quoted - length)));
    expect(icmp.quoteEnd(b, 0, b.length)).toBe(8 + quoted);
    expect(ext.verify(b, 8 + quoted, b.length)).toBe("good");
  }
});

it("takes no extensions from a length below 128 octets or beyond the message, nor from other types", () => {
  const m = icmp.extendedError(icmp.ICMP_TIME_EXCEEDED, 0, 0, new Uint8Array(28), mpls);
  const read = (type: number, words: number) => icmp.message(type, 0, words << 16, m.body).content;
  const none = { quoteEnd: m.body.length, extensionsAt: -1 };
  expect(read(11, 32)).toMatchObject({ quoteEnd: 128, extensionsAt: 128 });
  expect(read(11, 31)).toMatchObject(none);
  expect(read(11, 35)).toMatchObject(none); // leaves no room for a header
  expect(read(11, 255)).toMatchObject(none);
  expect(read(4, 32)).toMatchObject(none);
  expect(read(5, 32)).toMatchObject(none);
});

it("finds extensions at octet 128 when senders of the time before gave no length, if version and checksum are right", () => {
  const m = icmp.extendedError(icmp.ICMP_TIME_EXCEEDED, 0, 0, new Uint8Array(28), mpls);
  const read = (change: (body: Uint8Array) => void) => {
    const body = m.body.slice();
    change(body);
    return icmp.message(11, 0, 0, body).content;
  };
  expect(read(() => undefined)).toMatchObject({ quoteEnd: 128, extensionsAt: 128, extensions: mpls });
  const none = { quoteEnd: m.body.length, extensionsAt: -1 };
  expect(read((b) => b.fill(0x11, 135, 136))).toMatchObject(none);
  expect(read((b) => b.fill(0, 130, 132))).toMatchObject(none); // no checksum proves nothing
  expect(read((b) => ext.seal(b.fill(0x10, 128, 129), 128, b.length))).toMatchObject(none);
});

itNeeds(haveShared)("captures: messages read as tshark reads them and come back byte for byte", () => {
  const found = find("icmp", ...CLEAN);
  expect(found.length).toBeGreaterThan(20);
  for (const { name, bytes, at, end, wireEnd, want } of found) {
    const got = icmp.decode(bytes, at, end);
    if (!got.ok) throw new Error(`${name}: ${got.why}`);
    const { type, code, checksum: csum, body, content } = got.value;
    const csum_status = icmp.verify(bytes, at, end, wireEnd);
    expect(want, name).toMatchObject({ type, code, csum, csum_status });
    expect(bytesOf(got.value), name).toEqual(bytes.slice(at, end));
    if (content.kind === "echo") {
      // tshark takes a timestamp of 16 octets off the data of ping programs
      const { id, seq } = content;
      expect(want, name).toMatchObject({ id, seq });
      expect([body.length, body.length - 16, body.length - 8], name).toContain(want["data_len"]);
    } else expect(content, name).toMatchObject({ kind: "error" });
  }
});

itNeeds(haveShared)("captures: quoted datagrams stand at the start of the body", () => {
  const quoted = find("icmp", ...CLEAN).filter(({ bytes, at }) => icmp.isError(icmp.type(bytes, at)));
  expect(quoted.length).toBeGreaterThan(2);
  for (const { name, bytes, at, end } of quoted) {
    const last = icmp.quoteEnd(bytes, at, end);
    expect(ipv4.decode(bytes, at + icmp.HEADER, last), name).toMatchObject({ ok: true });
  }
});

itNeeds(haveShared)("malformed captures: no frame makes it throw, at any offset", () => {
  const all = frames("malformed");
  expect(all.length).toBeGreaterThan(200);
  for (const b of all) {
    for (let o = 0; o < Math.min(b.length, 60); o++) {
      const got = icmp.decode(b, o, b.length);
      if (!got.ok || got.value.content.kind !== "error") continue;
      for (const object of got.value.content.extensions?.objects ?? []) {
        ext.mplsStack(object);
        ext.interfaceInfo(object);
      }
    }
  }
});
