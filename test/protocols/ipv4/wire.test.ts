import fc from "fast-check";
import { expect, it } from "vitest";
import { formatIp, parseIp } from "../../../src/core/addr.ts";
import { hex } from "../../../src/core/bytes.ts";
import {
  copiedOptions,
  encodeOptions,
  IPOPT_COPIED,
  IPOPT_RA,
  IPOPT_RR,
  type Ipv4Option,
  optionType,
  parseOptions,
} from "../../../src/protocols/ipv4/option-values.ts";
import * as ipv4 from "../../../src/protocols/ipv4/wire.ts";
import { staysInside } from "../../harness/bounds.ts";
import { roundTrips, survivesGarbage, survivesMutation } from "../../harness/codec.ts";
import { CLEAN, find, frames } from "../../harness/frames.ts";
import { cases, haveShared, itNeeds } from "../../harness/shared.ts";

const word = fc.nat(0xffff);
const octet = fc.nat(255);
const address = fc.nat(0xffff_ffff);
const octets = (min: number, max: number) => fc.uint8Array({ minLength: min, maxLength: max });
const option: fc.Arbitrary<Ipv4Option> = fc.oneof(
  fc.record({ kind: fc.constant("nop" as const) }),
  fc.record({
    kind: fc.constantFrom("rr" as const, "lsrr" as const, "ssrr" as const),
    pointer: octet,
    route: fc.array(address, { maxLength: 2 }),
  }),
  fc.record({
    kind: fc.constant("timestamp" as const),
    pointer: octet,
    overflow: fc.nat(15),
    flag: fc.nat(15),
    words: fc.array(address, { maxLength: 2 }),
  }),
  fc.record({ kind: fc.constant("routerAlert" as const), value: word }),
  fc.record({ kind: fc.constant("streamId" as const), id: word }),
  fc.record({ kind: fc.constant("security" as const), data: octets(0, 9) }),
  fc.record({ kind: fc.constant("unknown" as const), type: fc.constantFrom(82, 134, 222), data: octets(0, 8) }),
);
/** Lists that fit a header; every option that does not fit is left out. */
const options = fc.array(option, { maxLength: 6 }).map((list) => {
  const fit: Ipv4Option[] = [];
  for (const o of list) if (encodeOptions([...fit, o]).length <= ipv4.OPTIONS_MAX) fit.push(o);
  return fit;
});
const optionArea = fc.oneof(
  fc.constant(new Uint8Array(0)),
  options.map(encodeOptions),
  fc.nat(10).chain((n) => octets(4 * n, 4 * n)),
);
const header: fc.Arbitrary<ipv4.Ipv4Header> = fc
  .record({
    tos: octet,
    totalLength: fc.oneof(fc.constant(0), fc.integer({ min: 60, max: 0xffff })),
    id: word,
    flags: fc.nat(7),
    fragmentOffset: fc.nat(8191).map((n) => 8 * n),
    ttl: octet,
    protocol: octet,
    checksum: word,
    src: address,
    dst: address,
    optionsRaw: optionArea,
  })
  .map((h) => ({ ...h, ...parseOptions(h.optionsRaw) }));

const bytesOf = (h: ipv4.Ipv4Header): Uint8Array => {
  const b = new Uint8Array(ipv4.encodedLength(h)).fill(0xa5);
  ipv4.encode(h, b, 0);
  return b;
};
const from = (text: string) => Uint8Array.from(text.split(" "), (x) => Number.parseInt(x, 16));
const datagram = (optionsRaw: Uint8Array = new Uint8Array(0)): Uint8Array => {
  const b = new Uint8Array(20 + optionsRaw.length + 8);
  ipv4.writeHeader(b, 0, 0, b.length, 1, 0, 64, ipv4.IPPROTO_UDP, 0x0a000001, 0x0a000002);
  ipv4.setHeaderLength(b, 0, 20 + optionsRaw.length);
  b.set(optionsRaw, 20);
  ipv4.seal(b, 0);
  return b;
};

it("reads back the header that it writes", () => roundTrips(ipv4, header));
it("takes any bytes", () => survivesGarbage(ipv4, 256));
it("takes damaged headers", () => survivesMutation(ipv4, header));
it("reads a header from its own bytes only", () => staysInside(ipv4, header));

it("accessors agree with decode", () =>
  fc.assert(
    fc.property(header, (h) => {
      const b = bytesOf(h);
      const read = {
        tos: ipv4.tos(b, 0),
        totalLength: ipv4.totalLength(b, 0),
        id: ipv4.id(b, 0),
        flags: ipv4.flagsAndOffset(b, 0) >> 13,
        fragmentOffset: ipv4.fragmentOffset(b, 0),
        ttl: ipv4.ttl(b, 0),
        protocol: ipv4.protocol(b, 0),
        checksum: ipv4.checksum(b, 0),
        src: ipv4.src(b, 0),
        dst: ipv4.dst(b, 0),
      };
      expect(h).toMatchObject(read);
      expect([ipv4.version(b, 0), ipv4.headerLength(b, 0)]).toEqual([4, b.length]);
      expect([ipv4.dontFragment(b, 0), ipv4.moreFragments(b, 0)]).toEqual([(h.flags & 2) === 2, (h.flags & 1) === 1]);
      expect(ipv4.isFragment(b, 0)).toBe((h.flags & 1) === 1 || h.fragmentOffset > 0);
      expect([ipv4.srcI32(b, 0), ipv4.dstI32(b, 0)]).toEqual([h.src | 0, h.dst | 0]);
      expect([ipv4.dscp(b, 0), ipv4.ecn(b, 0)]).toEqual([h.tos >> 2, h.tos & 3]);
    }),
  ));

it("setters and writeHeader write what encode writes", () =>
  fc.assert(
    fc.property(header, (h) => {
      const b = bytesOf({ ...h, optionsRaw: new Uint8Array(0) });
      const c = new Uint8Array(20).fill(0xa5);
      ipv4.setHeaderLength(c, 0, 20);
      ipv4.setTos(c, 0, h.tos);
      ipv4.setTotalLength(c, 0, h.totalLength);
      ipv4.setId(c, 0, h.id);
      ipv4.setFlagsAndOffset(c, 0, (h.flags << 13) | (h.fragmentOffset >> 3));
      ipv4.setTtl(c, 0, h.ttl);
      ipv4.setProtocol(c, 0, h.protocol);
      ipv4.setChecksum(c, 0, h.checksum);
      ipv4.setSrc(c, 0, h.src);
      ipv4.setDst(c, 0, h.dst | 0);
      expect(c).toEqual(b);
      const d = new Uint8Array(20);
      const flagsAndOffset = ipv4.flagsAndOffset(b, 0);
      ipv4.writeHeader(d, 0, h.tos, h.totalLength, h.id, flagsAndOffset, h.ttl, h.protocol, h.src | 0, h.dst);
      ipv4.seal(b, 0);
      expect(d).toEqual(b);
      expect(ipv4.verify(d, 0, 20)).toBe("good");
    }),
  ));

it("seals headers with options, and the total length where it is told the end", () =>
  fc.assert(
    fc.property(header, octets(0, 40), (h, data) => {
      const b = Uint8Array.of(0xee, ...bytesOf(h), ...data);
      ipv4.seal(b, 1);
      expect(ipv4.verify(b, 1, b.length)).toBe("good");
      expect(ipv4.totalLength(b, 1)).toBe(h.totalLength);
      ipv4.seal(b, 1, b.length);
      expect(ipv4.totalLength(b, 1)).toBe(b.length - 1);
      expect(ipv4.validHeader(b, 1, b.length)).toBe(ipv4.HEADER_OK);
    }),
  ));

it("keeps the checksum right when TTL, TOS and addresses change", () =>
  fc.assert(
    fc.property(header, octet, address, address, (h, tos, src, dst) => {
      const b = bytesOf({ ...h, ttl: h.ttl || 1 });
      ipv4.seal(b, 0);
      const sealed = (): Uint8Array => {
        const c = b.slice();
        ipv4.seal(c, 0);
        return c;
      };
      expect(ipv4.decrementTtl(b, 0)).toBe((h.ttl || 1) - 1);
      expect(ipv4.ttl(b, 0)).toBe((h.ttl || 1) - 1);
      expect(b).toEqual(sealed());
      ipv4.changeTos(b, 0, tos);
      expect(b).toEqual(sealed());
      ipv4.changeSrc(b, 0, src);
      ipv4.changeDst(b, 0, dst | 0);
      expect(b).toEqual(sealed());
      expect([ipv4.tos(b, 0), ipv4.src(b, 0), ipv4.dst(b, 0)]).toEqual([tos, src, dst]);
    }),
  ));

it("checks a header in the order of Linux", () => {
  const check = (change: (b: Uint8Array) => void, end?: number) => {
    const b = datagram();
    change(b);
    return ipv4.validHeader(b, 0, end ?? b.length);
  };
  const resealed = (at: number, value: number) => (b: Uint8Array) => {
    b[at] = value;
    ipv4.seal(b, 0);
  };
  const nothing = () => undefined;
  expect(check(nothing)).toBe(ipv4.HEADER_OK);
  expect(check(nothing, 19)).toBe(ipv4.HEADER_SHORT);
  expect(check(resealed(0, 0x65))).toBe(ipv4.HEADER_VERSION);
  expect(check(resealed(0, 0x44))).toBe(ipv4.HEADER_IHL);
  expect(check(resealed(0, 0x4f))).toBe(ipv4.HEADER_IHL);
  expect(check((b) => b.fill(0, 10, 12))).toBe(ipv4.HEADER_CHECKSUM);
  expect(check((b) => b.fill(0xff, 2, 4))).toBe(ipv4.HEADER_CHECKSUM); // before the length
  expect(check(resealed(3, 29))).toBe(ipv4.HEADER_TRUNCATED);
  expect(check(nothing, 27)).toBe(ipv4.HEADER_TRUNCATED);
  expect(check(resealed(3, 19))).toBe(ipv4.HEADER_TOTAL_LENGTH);
});

it("says where a bad header is bad", () => {
  const b = datagram();
  const bad = (why: string, at: number) => ({ ok: false, why, at });
  expect(ipv4.decode(b, 0, 19)).toEqual(bad("short", 19));
  b[3] = 19;
  expect(ipv4.decode(b, 0, 28)).toEqual(bad("length", 2));
  b[0] = 0x4f;
  expect(ipv4.decode(b, 0, 28)).toEqual(bad("short", 28));
  b[0] = 0x44;
  expect(ipv4.decode(b, 0, 28)).toEqual(bad("header length", 0));
  b[0] = 0x65;
  expect(ipv4.decode(b, 0, 28)).toEqual(bad("version", 0));
});

it("reads headers whose data is cut off, and finds the end of what is there", () => {
  const b = datagram();
  expect(ipv4.decode(b, 0, 20)).toMatchObject({ ok: true, value: { totalLength: 28 } });
  expect(ipv4.verify(b, 0, 20)).toBe("good");
  expect(ipv4.verify(b, 0, 19)).toBe("unverified");
  expect(ipv4.dataEnd(b, 0, 24)).toBe(24);
  expect(ipv4.dataEnd(b, 0, 46)).toBe(28); // Ethernet padding is not data
  ipv4.setTotalLength(b, 0, 0); // offloaded
  expect(ipv4.decode(b, 0, 28).ok).toBe(true);
  expect(ipv4.dataEnd(b, 0, 46)).toBe(46);
  expect(ipv4.verify(b, 0, 28)).toBe("bad");
});

it("writes the options that it reads, padded with the end of the list", () =>
  fc.assert(
    fc.property(options, (list) => {
      const raw = encodeOptions(list);
      const read = parseOptions(raw);
      expect(raw.length % 4).toBe(0);
      expect(read.optionsFault).toBe(-1);
      expect(read.options.filter((o) => o.kind !== "eol")).toEqual(list);
      expect(encodeOptions(read.options)).toEqual(raw);
    }),
  ));

it("reads every kind of option", () => {
  const raw = from(
    "07 07 04 0a 00 00 01 83 03 04 89 03 04 44 08 09 13 00 00 00 2a 94 04 00 00 88 04 00 07 82 03 aa 52 02 01 00",
  );
  const read = parseOptions(raw);
  expect(read.options).toEqual([
    { kind: "rr", pointer: 4, route: [0x0a000001] },
    { kind: "lsrr", pointer: 4, route: [] },
    { kind: "ssrr", pointer: 4, route: [] },
    { kind: "timestamp", pointer: 9, overflow: 1, flag: 3, words: [42] },
    { kind: "routerAlert", value: 0 },
    { kind: "streamId", id: 7 },
    { kind: "security", data: Uint8Array.of(0xaa) },
    { kind: "unknown", type: 82, data: new Uint8Array(0) },
    { kind: "nop" },
    { kind: "eol" },
  ]);
  expect(read.options.map(optionType)).toEqual([7, 131, 137, 68, 148, 136, 130, 82, 1, 0]);
});

it("keeps malformed option lists as they are, and says where they break", () => {
  const read = (text: string) => parseOptions(from(text));
  expect(read("01 07 27 04")).toEqual({ options: [{ kind: "nop" }], optionsFault: 1 });
  expect(read("44 01 05 00")).toEqual({ options: [], optionsFault: 0 });
  expect(read("01 01 01 94")).toMatchObject({ optionsFault: 3 });
  expect(read("07 04 04 00")).toMatchObject({ options: [{ kind: "unknown", type: 7, data: Uint8Array.of(4, 0) }] });
  expect(read("00 07 27 04")).toEqual({ options: [{ kind: "eol" }], optionsFault: -1 });
});

it("copies into later fragments only what is marked for it", () => {
  const raw = from("07 07 04 0a 00 00 01 83 07 04 0a 00 00 02 01 94 04 00 00 44 04 05 00 00");
  expect(hex(copiedOptions(raw))).toBe("83:07:04:0a:00:00:02:94:04:00:00:00");
  const b = datagram(raw);
  ipv4.blankUncopiedOptions(b, 0);
  expect(hex(b, 20, 44)).toBe("01:01:01:01:01:01:01:83:07:04:0a:00:00:02:01:94:04:00:00:01:01:01:01:00");
  expect(ipv4.findOption(b, 0, IPOPT_RA)).toBe(35);
  expect(ipv4.findOption(b, 0, IPOPT_RR)).toBe(-1);
});

it("finds and blanks options in any option area without leaving it", () =>
  fc.assert(
    fc.property(optionArea, octet, (raw, type) => {
      const b = datagram(raw);
      const before = b.slice();
      const { options } = parseOptions(raw);
      const at = ipv4.findOption(b, 0, type);
      expect(at >= 0).toBe(options.some((o) => optionType(o) === type));
      ipv4.blankUncopiedOptions(b, 0);
      expect(b.slice(0, 20)).toEqual(before.slice(0, 20));
      expect(b.slice(20 + raw.length)).toEqual(before.slice(20 + raw.length));
      const kept = options.filter((o) => (optionType(o) & IPOPT_COPIED) !== 0);
      const left = parseOptions(b.slice(20, 20 + raw.length)).options;
      expect(left.filter((o) => o.kind !== "nop" && o.kind !== "eol")).toEqual(kept);
    }),
  ));

it("looks for the final destination at the end of a source route that is not exhausted", () => {
  const final = (text: string) => ipv4.finalDst(datagram(from(text)), 0);
  expect(final("83 0b 04 01 02 03 04 05 06 07 08 00")).toBe(parseIp("5.6.7.8"));
  expect(final("01 89 07 08 01 02 03 04")).toBe(0x0a000002); // exhausted
  expect(final("01 89 07 04 01 02 03 04")).toBe(parseIp("1.2.3.4"));
  expect(final("83 03 04 00")).toBe(0x0a000002);
  expect(final("83 0b 04 01")).toBe(0x0a000002); // cut
  expect(ipv4.finalDst(datagram(), 0)).toBe(0x0a000002);
});

itNeeds(haveShared)("captures: headers read as tshark reads them and come back byte for byte", () => {
  const found = find("ip", ...CLEAN);
  expect(found.length).toBeGreaterThan(500);
  for (const { name, bytes, at, end, want } of found) {
    const got = ipv4.decode(bytes, at, end);
    if (!got.ok) throw new Error(`${name}: ${got.why}`);
    const {
      tos,
      totalLength: len,
      id,
      flags,
      fragmentOffset,
      ttl,
      protocol: proto,
      checksum: csum,
      ...rest
    } = got.value;
    const [src, dst, df, mf] = [formatIp(rest.src), formatIp(ipv4.finalDst(bytes, at)), (flags >> 1) & 1, flags & 1];
    const lengths = { ver: 4, hlen: 20 + rest.optionsRaw.length, len, frag_offset: fragmentOffset / 8 };
    const csum_status = ipv4.verify(bytes, at, end);
    expect(want, name).toMatchObject({ ...lengths, tos, id, flags, df, mf, ttl, proto, csum, src, dst, csum_status });
    const types = rest.options.map(optionType);
    expect(want["options"], name).toEqual(types.length ? types : undefined);
    const b = bytesOf(got.value);
    expect(b, name).toEqual(bytes.slice(at, at + b.length));
  }
});

itNeeds(haveShared)("captures: route, timestamp and security options", () => {
  const options = find("ip", "ipv4").flatMap(({ bytes, at, end }) => {
    const got = ipv4.decode(bytes, at, end);
    return got.ok ? got.value.options.filter((o) => o.kind !== "eol" && o.kind !== "nop") : [];
  });
  expect(options).toEqual([
    { kind: "rr", pointer: 4, route: [] },
    { kind: "lsrr", pointer: 4, route: [parseIp("1.2.3.4"), parseIp("5.6.7.8")] },
    { kind: "timestamp", pointer: 9, overflow: 0, flag: 0, words: [0] },
    { kind: "security", data: from("00 00 00 00 00 00 58 59 5a") },
    { kind: "ssrr", pointer: 4, route: [parseIp("1.1.1.1"), parseIp("8.8.8.8")] },
    { kind: "streamId", id: 0 },
  ]);
});

itNeeds(haveShared)("malformed captures: no frame makes it throw, at any offset", () => {
  const all = frames("malformed");
  expect(all.length).toBeGreaterThan(200);
  for (const b of all) for (let o = 0; o < Math.min(b.length, 80); o++) ipv4.decode(b, o, b.length);
});

it("judges a header through a view as it does without", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 0, maxLength: 80, size: "max" }),
      fc.boolean(),
      fc.nat(80),
      (bytes, repair, cut) => {
        const b = bytes.slice();
        if (repair && b.length >= 20) {
          b[0] = 0x45;
          ipv4.seal(b, 0, b.length);
        }
        const end = Math.min(cut, b.length);
        const view = new DataView(b.buffer);
        expect(ipv4.validHeaderIn(view, b, 0, end)).toBe(ipv4.validHeader(b, 0, end));
      },
    ),
    { numRuns: cases(2000, 100_000) },
  );
});
