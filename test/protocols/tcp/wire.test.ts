import fc from "fast-check";
import { expect, it } from "vitest";
import { hex } from "../../../src/core/bytes.ts";
import { sum16 } from "../../../src/core/checksum.ts";
import { encodeOptions, optionKind, parseOptions, type TcpOption } from "../../../src/protocols/tcp/option-values.ts";
import * as tcp from "../../../src/protocols/tcp/wire.ts";
import { staysInside } from "../../harness/bounds.ts";
import { roundTrips, survivesGarbage, survivesMutation } from "../../harness/codec.ts";
import { CLEAN, find, frames } from "../../harness/frames.ts";
import { haveShared, itNeeds } from "../../harness/shared.ts";

const octet = fc.nat(255);
const word = fc.nat(0xffff);
const long = fc.nat(0xffff_ffff);
const octets = (min: number, max: number) => fc.uint8Array({ minLength: min, maxLength: max });
const is = <K extends string>(kind: K) => fc.constant(kind);
const option: fc.Arbitrary<TcpOption> = fc.oneof(
  fc.record({ kind: fc.constantFrom("nop" as const, "sackPermitted" as const) }),
  fc.record({ kind: is("mss"), mss: word }),
  fc.record({ kind: is("windowScale"), shift: octet }),
  fc.record({ kind: is("sack"), blocks: fc.array(fc.record({ left: long, right: long }), { maxLength: 4 }) }),
  fc.record({ kind: is("timestamps"), tsval: long, tsecr: long }),
  fc.record({ kind: is("md5"), digest: octets(16, 16) }),
  fc.record({ kind: is("userTimeout"), minutes: fc.boolean(), timeout: fc.nat(0x7fff) }),
  fc.record({ kind: is("authentication"), keyId: octet, rnextKeyId: octet, mac: octets(0, 16) }),
  fc.record({ kind: is("fastOpen"), cookie: octets(0, 16) }),
  fc.record({ kind: is("mptcp"), data: octets(0, 20) }),
  fc.record({ kind: is("unknown"), type: fc.constantFrom(6, 27, 172, 253, 255), data: octets(0, 12) }),
);
/** Lists that fit a header; every option that does not fit is left out. */
const options = fc.array(option, { maxLength: 6 }).map((list) => {
  const fit: TcpOption[] = [];
  for (const o of list) if (encodeOptions([...fit, o]).length <= tcp.OPTIONS_MAX) fit.push(o);
  return fit;
});
const optionArea: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.constant(new Uint8Array(0)),
  options.map(encodeOptions),
  fc.nat(10).chain((n) => octets(4 * n, 4 * n)),
);
const header: fc.Arbitrary<tcp.TcpHeader> = fc
  .record({
    sport: word,
    dport: word,
    seq: long,
    ack: long,
    flags: fc.nat(0xfff),
    window: word,
    checksum: word,
    urgent: word,
    optionsRaw: optionArea,
  })
  .map((h) => ({ ...h, ...parseOptions(h.optionsRaw) }));
const bytesOf = (h: tcp.TcpHeader): Uint8Array => {
  const b = new Uint8Array(tcp.encodedLength(h)).fill(0xa5);
  tcp.encode(h, b, 0);
  return b;
};
const from = (text: string) => Uint8Array.from(text.split(" "), (x) => Number.parseInt(x, 16));
/** A header with this option area, at offset 2 of its buffer. */
const carrying = (raw: Uint8Array, flags: number): Uint8Array => {
  const b = new Uint8Array(2 + tcp.HEADER + raw.length);
  tcp.writeHeader(b, 2, 1, 2, 3, 4, tcp.HEADER + raw.length, flags, 5);
  b.set(raw, 2 + tcp.HEADER);
  return b;
};
const received = (raw: Uint8Array, flags: number): tcp.ReceivedOptions => {
  const into = tcp.receivedOptions();
  tcp.readOptions(carrying(raw, flags), 2, into);
  return into;
};

it("reads back the header that it writes", () => roundTrips(tcp, header));
it("takes any bytes", () => survivesGarbage(tcp, 256));
it("takes damaged headers", () => survivesMutation(tcp, header));
it("reads a header from its own bytes only", () => staysInside(tcp, header));

it("accessors, setters and writeHeader agree with decode", () =>
  fc.assert(
    fc.property(header, (h) => {
      const b = bytesOf(h);
      const read = {
        sport: tcp.sport(b, 0),
        dport: tcp.dport(b, 0),
        seq: tcp.seq(b, 0),
        ack: tcp.ack(b, 0),
        flags: tcp.flags(b, 0),
        window: tcp.window(b, 0),
        checksum: tcp.checksum(b, 0),
        urgent: tcp.urgent(b, 0),
      };
      expect(h).toMatchObject(read);
      expect(tcp.dataOffset(b, 0)).toBe(b.length);
      const c = b.slice().fill(0xa5, 0, 20);
      tcp.setSport(c, 0, h.sport);
      tcp.setDport(c, 0, h.dport);
      tcp.setSeq(c, 0, h.seq);
      tcp.setAck(c, 0, h.ack);
      tcp.setDataOffset(c, 0, b.length);
      tcp.setFlags(c, 0, h.flags);
      tcp.setWindow(c, 0, h.window);
      tcp.setChecksum(c, 0, h.checksum);
      tcp.setUrgent(c, 0, h.urgent);
      expect(c).toEqual(b);
      tcp.writeHeader(c.fill(0xa5, 0, 20), 0, h.sport, h.dport, h.seq, h.ack, b.length, h.flags, h.window);
      expect(tcp.decode(c, 0, c.length)).toEqual({ ok: true, value: { ...h, checksum: 0, urgent: 0 } });
    }),
  ));

it("says where a bad header is bad", () => {
  const b = carrying(new Uint8Array(4), tcp.TCP_ACK).slice(2);
  expect(tcp.decode(b, 0, 24)).toMatchObject({ ok: true });
  expect(tcp.decode(b, 0, 23)).toEqual({ ok: false, why: "short", at: 23 });
  expect(tcp.decode(b, 0, 19)).toEqual({ ok: false, why: "short", at: 19 });
  tcp.setDataOffset(b, 0, 16);
  expect(tcp.decode(b, 0, 24)).toEqual({ ok: false, why: "data offset", at: 12 });
});

it("keeps all twelve bits of flags", () => {
  const b = carrying(new Uint8Array(0), 0xfff);
  expect(tcp.flags(b, 2)).toBe(0xfff);
  tcp.setFlags(b, 2, tcp.TCP_AE | tcp.TCP_CWR | tcp.TCP_ECE | tcp.TCP_SYN);
  expect(hex(b, 14, 16)).toBe("51:c2");
});

it("seals what it verifies, and says when it cannot", () =>
  fc.assert(
    fc.property(header, octets(0, 40), long, long, fc.integer({ min: 1, max: 255 }), (h, data, src, dst, flip) => {
      const b = Uint8Array.of(0xee, ...bytesOf(h), ...data);
      tcp.seal(b, 1, b.length, src, dst);
      expect(tcp.verify(b, 1, b.length, src, dst | 0)).toBe("good");
      expect(tcp.verify(b, 1, b.length, src, dst, b.length + 1)).toBe("unverified");
      expect(tcp.verify(b, 1, 20, src, dst)).toBe("unverified");
      const c = b.slice();
      tcp.setChecksum(c, 1, 0xdead);
      tcp.sealSum(c, 1, c.length, src, dst, sum16(data, 0, data.length));
      expect(c).toEqual(b);
      b[5] = b[5]! ^ flip;
      expect(tcp.verify(b, 1, b.length, src, dst)).toBe("bad");
    }),
  ));

it("keeps the checksum right when ports, addresses and sequence numbers change", () =>
  fc.assert(
    fc.property(header, word, long, long, long, (h, port, seq, src, dst) => {
      const b = bytesOf(h);
      tcp.seal(b, 0, b.length, src, src);
      tcp.adjustChecksum16(b, 0, h.dport, port);
      tcp.setDport(b, 0, port);
      tcp.adjustChecksum32(b, 0, h.seq, seq);
      tcp.setSeq(b, 0, seq);
      tcp.adjustChecksum32(b, 0, src, dst | 0);
      expect(tcp.verify(b, 0, b.length, src, dst)).toBe("good");
    }),
  ));

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
  const read = (text: string) => parseOptions(from(text)).options;
  expect(read("02 04 05 b4 04 02 08 0a 00 00 00 01 80 00 00 02 01 03 03 07")).toEqual([
    { kind: "mss", mss: 1460 },
    { kind: "sackPermitted" },
    { kind: "timestamps", tsval: 1, tsecr: 0x80000002 },
    { kind: "nop" },
    { kind: "windowScale", shift: 7 },
  ]);
  expect(read("01 01 05 12 00 00 00 01 00 00 00 02 80 00 00 03 80 00 00 04").slice(2)).toEqual([
    {
      kind: "sack",
      blocks: [
        { left: 1, right: 2 },
        { left: 0x80000003, right: 0x80000004 },
      ],
    },
  ]);
  const digest = new Uint8Array(16).fill(9);
  expect(read(`13 12 ${"09 ".repeat(16)}1c 04 80 0f`)).toEqual([
    { kind: "md5", digest },
    { kind: "userTimeout", minutes: true, timeout: 15 },
  ]);
  expect(read("1d 06 01 02 aa bb 22 06 01 02 03 04 1e 04 20 81 fe 04 f9 89")).toEqual([
    { kind: "authentication", keyId: 1, rnextKeyId: 2, mac: Uint8Array.of(0xaa, 0xbb) },
    { kind: "fastOpen", cookie: Uint8Array.of(1, 2, 3, 4) },
    { kind: "mptcp", data: Uint8Array.of(0x20, 0x81) },
    { kind: "unknown", type: 254, data: Uint8Array.of(0xf9, 0x89) },
  ]);
  expect(read("00 02 04 05").map(optionKind)).toEqual([0]);
});

it("keeps options of odd lengths as unknown, and lists that break as they are", () => {
  const read = (text: string) => parseOptions(from(text));
  for (const text of [
    "02 03 05",
    "03 02",
    "04 03 00",
    "05 09 00 00 00 00 00 00 00",
    "08 03 00",
    "13 03 00",
    "1c 02",
    "1d 03 00",
  ]) {
    const [first, ...rest] = from(text);
    const data = Uint8Array.from(rest.slice(1));
    expect(read(text), text).toEqual({ options: [{ kind: "unknown", type: first, data }], optionsFault: -1 });
  }
  expect(read("01 01 04 89 02 04 05 b4")).toEqual({ options: [{ kind: "nop" }, { kind: "nop" }], optionsFault: 2 });
  expect(read("08 00 01 01")).toEqual({ options: [], optionsFault: 0 });
  expect(read("01 01 01 02")).toMatchObject({ optionsFault: 3 });
});

it("writes the options of a SYN as Linux does", () => {
  const write = (windowScale: number, sackPermitted: boolean, timestamps: boolean): string => {
    const b = new Uint8Array(42).fill(0xa5);
    const length = tcp.writeSynOptions(b, 1, 1460, windowScale, sackPermitted, timestamps, 0x0021d25a, 0);
    expect(length).toBe(tcp.synOptionsLength(windowScale, sackPermitted, timestamps));
    expect([b[0], b[1 + length]]).toEqual([0xa5, 0xa5]);
    return hex(b, 1, 1 + length);
  };
  expect(write(7, true, true)).toBe("02:04:05:b4:04:02:08:0a:00:21:d2:5a:00:00:00:00:01:03:03:07");
  expect(write(-1, false, true)).toBe("02:04:05:b4:01:01:08:0a:00:21:d2:5a:00:00:00:00");
  expect(write(0, true, false)).toBe("02:04:05:b4:01:01:04:02:01:03:03:00");
  expect(write(-1, false, false)).toBe("02:04:05:b4");
});

it("writes timestamps and SACK blocks for data segments", () =>
  fc.assert(
    fc.property(long, long, fc.array(long, { minLength: 6, maxLength: 6 }), fc.nat(3), (tsval, tsecr, edges, count) => {
      const raw = new Uint8Array(12 + 4 + 8 * count);
      tcp.writeTimestamps(raw, 0, tsval, tsecr);
      expect(tcp.writeSack(raw, 12, Int32Array.from(edges), count)).toBe(4 + 8 * count);
      const { options, optionsFault } = parseOptions(raw);
      const blocks = Array.from({ length: count }, (_, i) => ({ left: edges[2 * i], right: edges[2 * i + 1] }));
      expect(optionsFault).toBe(-1);
      expect(options.filter((o) => o.kind !== "nop")).toEqual([
        { kind: "timestamps", tsval, tsecr },
        { kind: "sack", blocks },
      ]);
    }),
  ));

it("reads received options without a list, as decode reads them with one", () =>
  fc.assert(
    fc.property(optionArea, fc.nat(0xfff), (raw, flags) => {
      const got = received(raw, flags);
      const last = <K extends TcpOption["kind"]>(kind: K) =>
        parseOptions(raw).options.findLast((o): o is Extract<TcpOption, { kind: K }> => o.kind === kind);
      const syn = (flags & tcp.TCP_SYN) !== 0;
      const shift = last("windowScale")?.shift;
      expect(got.mss).toBe(syn ? (last("mss")?.mss ?? 0) : 0);
      expect(got.windowScale).toBe(syn && shift !== undefined ? Math.min(shift, 14) : -1);
      expect(got.sackPermitted).toBe(syn && last("sackPermitted") !== undefined);
      const { tsval, tsecr } = last("timestamps") ?? {};
      expect(got.timestamps ? [got.tsval, got.tsecr] : [undefined, undefined]).toEqual([tsval, tsecr]);
      expect(got.cookieBytes).toBe(syn ? (last("fastOpen")?.cookie.length ?? -1) : -1);
      const b = carrying(raw, flags);
      if (got.sackBlocks > 0) {
        const sacks = parseOptions(raw).options.filter((o) => o.kind === "sack" && o.blocks.length > 0);
        expect(hex(b, got.sackAt, got.sackAt + 8 * got.sackBlocks)).toBe(
          hex(encodeOptions(sacks.slice(-1)), 2, 2 + 8 * got.sackBlocks),
        );
      }
    }),
  ));

it("forgets the options of the segment before", () => {
  const into = tcp.receivedOptions();
  const full = "02 04 05 b4 04 02 08 0a 00 00 00 01 00 00 00 02 01 03 03 0f 22 04 01 02";
  tcp.readOptions(carrying(from(full), tcp.TCP_SYN), 2, into);
  expect(into).toMatchObject({ mss: 1460, windowScale: 14, sackPermitted: true, timestamps: true, tsval: 1, tsecr: 2 });
  expect(into).toMatchObject({ cookieBytes: 2, cookieAt: 2 + 20 + 22 });
  tcp.readOptions(carrying(from("01 01 05 0a 00 00 00 01 00 00 00 02"), tcp.TCP_ACK), 2, into);
  expect(into).toMatchObject({ mss: 0, windowScale: -1, sackPermitted: false, timestamps: false, cookieBytes: -1 });
  expect(into).toMatchObject({ sackAt: 26, sackBlocks: 1 });
  tcp.readOptions(carrying(from("01 01 08 0a 00 00 00 03 00 00 00 04"), tcp.TCP_ACK), 2, into);
  expect(into).toMatchObject({ timestamps: true, tsval: 3, tsecr: 4, sackBlocks: 0 });
});

itNeeds(haveShared)("captures: headers read as tshark reads them and come back byte for byte", () => {
  const found = find("tcp", ...CLEAN);
  expect(found.length).toBeGreaterThan(200);
  const verdicts = new Set<string>();
  for (const { name, bytes, at, end, wireEnd, want, src, dst } of found) {
    const got = tcp.decode(bytes, at, end);
    if (!got.ok) throw new Error(`${name}: ${got.why}`);
    const { sport, dport, seq, ack, flags, window: win, checksum: csum, urgent: urg, ...rest } = got.value;
    const csum_status = tcp.verify(bytes, at, end, src, dst, wireEnd);
    verdicts.add(csum_status);
    const hlen = tcp.dataOffset(bytes, at);
    const read = { sport, dport, seq, ack, hlen, flags, win, csum, urg, payload_len: wireEnd - at - hlen, csum_status };
    expect(want, name).toMatchObject(read);
    expect(want["options_hex"], name).toBe(rest.optionsRaw.length ? hex(rest.optionsRaw) : undefined);
    const kinds = rest.options.map(optionKind);
    expect(want["option_kinds"], name).toEqual(kinds.length ? kinds : undefined);
    for (const o of rest.options) {
      if (o.kind === "mss") expect(want["mss"], name).toBe(o.mss);
      if (o.kind === "windowScale") expect(want["wscale"], name).toBe(o.shift);
      if (o.kind === "timestamps") expect(want, name).toMatchObject({ tsval: o.tsval, tsecr: o.tsecr });
    }
    expect(encodeOptions(rest.options), name).toEqual(rest.optionsRaw);
    const b = bytesOf(got.value);
    expect(b, name).toEqual(bytes.slice(at, at + b.length));
    if (csum_status !== "good") continue;
    const again = bytes.slice(at, end);
    tcp.seal(again, 0, again.length, src, dst);
    expect(again, name).toEqual(bytes.slice(at, end));
  }
  expect(verdicts).toContain("good");
  expect(verdicts).toContain("bad"); // sent from hosts that offload
});

itNeeds(haveShared)("malformed captures: no frame makes it throw, at any offset", () => {
  const all = frames("malformed");
  expect(all.length).toBeGreaterThan(200);
  const into = tcp.receivedOptions();
  for (const b of all) {
    for (let o = 0; o < Math.min(b.length, 80); o++) {
      if (tcp.decode(b, o, b.length).ok) tcp.readOptions(b, o, into);
      tcp.verify(b, o, b.length, 1, 2);
    }
  }
});
