import fc from "fast-check";
import { expect, it } from "vitest";
import * as l2tp from "../../../src/protocols/l2tpv3/wire.ts";
import { layersOf } from "../../harness/captures.ts";
import { accepts, type Codec, roundTrips, survivesGarbage, survivesMutation } from "../../harness/codec.ts";
import { cases, haveShared, itNeeds } from "../../harness/shared.ts";

const u16 = fc.nat(0xffff);
const u32 = fc.nat(0xffffffff);
const octets = (maxLength: number, minLength = 0): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength, maxLength });
const avp: fc.Arbitrary<l2tp.Avp> = fc.record({ flags: fc.nat(63), vendor: u16, type: u16, value: octets(12) });
const avps = fc.array(avp, { maxLength: 4 }).map(l2tp.writeAvps);
const none = new Uint8Array(0);

const control = (over: "udp" | "ip"): fc.Arbitrary<l2tp.L2tpv3Header> =>
  fc.record({ flags: u16, connection: u32, ns: u16, nr: u16, avpsRaw: avps }).map((v) => ({
    kind: "control",
    over,
    ...v,
    flags: (v.flags & 0xfff0) | 0xc803,
    length: 12 + v.avpsRaw.length,
  }));
const data = ({ over, cookieOctets, sublayer }: l2tp.Framing): fc.Arbitrary<l2tp.L2tpv3Header> =>
  fc
    .record({
      session: fc.integer({ min: 1, max: 0xffffffff }),
      cookie: octets(cookieOctets, cookieOctets),
      sequence: fc.nat(0xffffff),
      flags: u16,
      reserved: u16,
    })
    .map(({ sequence, session, cookie, flags, reserved }) => ({
      kind: "data",
      over,
      flags: over === "udp" ? (flags & 0x7ff0) | 3 : 0,
      reserved: over === "udp" ? reserved : 0,
      session,
      cookie,
      ...(sublayer && { sublayer: { flags: flags & 0xff, sequence } }),
    }));
const v2: fc.Arbitrary<l2tp.L2tpv3Header> = fc
  .record({ flags: u16, tunnel: u16, session: u16, ns: u16, nr: u16, pad: octets(6), avpsRaw: avps })
  .map(({ flags: bits, tunnel, session, ns, nr, pad, avpsRaw: raw }) => {
    const flags = (bits & 0xfff0) | 2;
    const avpsRaw = flags & l2tp.FLAG_CONTROL ? raw : none;
    const offsetRaw = Uint8Array.of(0, pad.length, ...pad);
    const v: l2tp.L2tpv2Message = {
      kind: "v2",
      flags,
      tunnel,
      session,
      avpsRaw,
      ...(flags & l2tp.FLAG_SEQUENCE && { ns, nr }),
      ...(flags & l2tp.FLAG_OFFSET && { offsetRaw }),
    };
    return flags & l2tp.FLAG_LENGTH ? { ...v, length: l2tp.encodedLength(v) } : v;
  });

const codec = (framing: l2tp.Framing): Codec<l2tp.L2tpv3Header> => ({
  ...l2tp,
  decode: (b, o, end) => l2tp.decode(b, o, end, framing),
});
const framings: l2tp.Framing[] = (["udp", "ip"] as const).flatMap((over) =>
  ([0, 4, 8] as const).flatMap((cookieOctets) => [true, false].map((sublayer) => ({ over, cookieOctets, sublayer }))),
);
/** Each framing with what can be sent in it. */
const each = framings.map((framing) => ({
  name: `${framing.over}, cookie ${framing.cookieOctets}, ${framing.sublayer ? "sublayer" : "bare"}`,
  framing,
  value: fc.oneof(data(framing), control(framing.over), ...(framing.over === "udp" ? [v2] : [])),
}));

const UDP = 14 + 20 + 8;

itNeeds(haveShared)("agrees with tshark on version 3 data over UDP", () => {
  const found = layersOf("l2tpv3/packetlife-arp_l2tpv3.pcap", "l2tp");
  expect(found.length).toBeGreaterThan(0);
  for (const { frame, layer } of found) {
    const framing: l2tp.Framing = { over: "udp", cookieOctets: 0, sublayer: true };
    const v = accepts(codec(framing), frame.bytes, UDP) as l2tp.DataMessage;
    expect({ p: "l2tp", type: v.flags >> 15, ver: v.flags & 15, sid: v.session }).toEqual(layer);
    expect(v.sublayer).toEqual({ flags: 0, sequence: 0 });
    const inner = UDP + l2tp.headerLength(framing);
    expect([...frame.bytes.slice(inner, inner + 6)]).toEqual([255, 255, 255, 255, 255, 255]); // an ARP broadcast
  }
});

itNeeds(haveShared)("agrees with tshark on version 2 control messages cut short", () => {
  const found = layersOf("malformed/tcpdump-l2tp-avp-overflow.pcap", "l2tp");
  expect(found.length).toBeGreaterThan(10);
  for (const { frame, layer } of found) {
    const v = accepts(l2tp, frame.bytes, UDP) as l2tp.L2tpv2Message;
    expect(v.kind).toBe("v2");
    expect({
      p: "l2tp",
      type: v.flags >> 15,
      ver: v.flags & 15,
      length: v.length,
      tunnel: v.tunnel,
      session: v.session,
      avps: l2tp.readAvps(v.avpsRaw, 0, v.avpsRaw.length).avps.map((a) => a.type),
    }).toEqual(layer);
    expect(l2tp.verifyLength(frame.bytes, UDP, frame.bytes.length, "udp")).toBe(false);
  }
});

itNeeds(haveShared)("agrees with tshark on protocol 115", () => {
  const found = layersOf("malformed/ndpi-fuzz-2006-09-29-28586.pcap", "l2tp");
  expect(found.length).toBe(1);
  for (const { frame, layer } of found) {
    const v = accepts(codec(l2tp.BARE_IP), frame.bytes, 14 + 20) as l2tp.DataMessage;
    expect({ p: "l2tp", sid: v.session }).toEqual(layer);
  }
});

it.each(each)("reads back what it writes: $name", ({ framing, value }) => roundTrips(codec(framing), value));
it.each(each)("never throws, and re-encodes what it accepts: $name", ({ framing }) =>
  survivesGarbage(codec(framing), 48),
);
it.each(each)("survives changed and cut packets: $name", ({ framing, value }) =>
  survivesMutation(codec(framing), value),
);

it("reads back the AVPs that it writes", () =>
  fc.assert(
    fc.property(fc.array(avp, { maxLength: 6 }), (list) => {
      const raw = l2tp.writeAvps(list);
      expect(l2tp.readAvps(raw, 0, raw.length)).toEqual({ avps: list });
    }),
  ));

it("reads AVPs from any bytes, in order and up to the fault", () =>
  fc.assert(
    fc.property(octets(96), fc.nat(8), (b, o) => {
      const { avps, bad } = l2tp.readAvps(b, o, b.length);
      const raw = l2tp.writeAvps(avps);
      expect(raw).toEqual(b.slice(o, o + raw.length));
      if (bad) expect(bad.at).toBeGreaterThanOrEqual(o + raw.length);
      else expect(raw.length).toBe(Math.max(0, b.length - o));
    }),
    { numRuns: cases(500, 100_000) },
  ));

const bytes = (hex: string): Uint8Array =>
  Uint8Array.from(hex.match(/[0-9a-f]{2}/g) ?? [], (x) => Number.parseInt(x, 16));
/** A Start-Control-Connection-Request with its message type AVP. */
const SCCRQ = "c803 0014 00000000 0000 0000" + "8008 0000 0000 0001";

it("reads control messages over UDP, and over IP after a zero session id", () => {
  const message = { kind: "control", flags: 0xc803, length: 20, connection: 0, ns: 0, nr: 0 };
  const [udp, ip] = [bytes(SCCRQ), bytes(`00000000${SCCRQ}`)];
  expect(l2tp.decode(udp, 0, 20)).toMatchObject({ ok: true, value: { ...message, over: "udp" } });
  expect(l2tp.decode(ip, 0, 24, l2tp.BARE_IP)).toMatchObject({ ok: true, value: { ...message, over: "ip" } });
  expect([l2tp.isControl(udp, 0, "udp"), l2tp.isControl(ip, 0, "ip"), l2tp.version(udp, 0)]).toEqual([true, true, 3]);
  const { avps } = l2tp.readAvps(udp, 12, 20);
  expect(avps).toEqual([{ flags: 0x20, vendor: 0, type: 0, value: Uint8Array.of(0, 1) }]);
  expect(avps.map((a) => [l2tp.isMandatory(a), l2tp.isHidden(a)])).toEqual([[true, false]]);
});

it("seals a control message with its length", () => {
  for (const [hex, over] of [
    [SCCRQ, "udp"],
    [`00000000${SCCRQ}`, "ip"],
  ] as const) {
    const right = bytes(hex);
    const b = right.slice();
    b[over === "ip" ? 7 : 3] = 0x77;
    expect(l2tp.verifyLength(b, 0, b.length, over)).toBe(false);
    l2tp.seal(b, 0, b.length, over);
    expect(b).toEqual(right);
    expect(l2tp.verifyLength(b, 0, b.length, over)).toBe(true);
    expect(l2tp.verifyLength(b, 0, b.length - 1, over)).toBe(false);
  }
});

it.each([
  ["another version", "c801001400000000000000008008000000000001", "version", 1],
  ["a control message without L", "8803001400000000000000008008000000000001", "flags", 0],
  ["a control message without S", "c003001400000000000000008008000000000001", "flags", 0],
  ["a length under the header's", "c803000b00000000000000008008000000000001", "length", 2],
  ["a cut control message", "c8030014000000000000", "short", 10],
  ["a cut data message", "00030000000000", "short", 7],
  ["one octet", "c8", "short", 1],
  ["version 2, an offset beyond the end", "0202000100020009", "length", 6],
  ["version 2, a length under the header's", "4002000700010002", "length", 2],
])("refuses %s", (_, hex, why, at) => {
  expect(l2tp.decode(bytes(hex), 0, hex.length / 2)).toEqual({ ok: false, why, at });
});

it("tells where AVPs are malformed", () => {
  expect(l2tp.readAvps(bytes("800800000000000180050000000000"), 0, 15)).toMatchObject({
    avps: [{ type: 0 }],
    bad: { why: "length", at: 8 },
  });
  expect(l2tp.readAvps(bytes("800900000000"), 0, 6)).toMatchObject({ avps: [], bad: { why: "length", at: 0 } });
  expect(l2tp.readAvps(bytes("8008"), 0, 2)).toMatchObject({ avps: [], bad: { why: "short", at: 2 } });
});

it("writes data headers that its accessors read", () => {
  const framing = fc.constantFrom(...framings);
  const sequence = fc.integer({ min: -1, max: 0xffffff });
  fc.assert(
    fc.property(
      framing,
      fc.integer({ min: 1, max: 0xffffffff }),
      octets(8, 8),
      sequence,
      (f, session, cookie, sequence) => {
        const b = new Uint8Array(2 + l2tp.headerLength(f)).fill(0xa5);
        l2tp.writeHeader(b, 1, f, session, cookie, sequence);
        expect(l2tp.sessionId(b, 1, f.over)).toBe(session);
        expect(l2tp.sequence(b, 1, f)).toBe(f.sublayer ? sequence : -1);
        expect(l2tp.cookieMatches(b, 1, f, cookie)).toBe(true);
        const other = cookie.map((octet, i) => (i === 3 ? octet ^ 1 : octet));
        expect(l2tp.cookieMatches(b, 1, f, other)).toBe(f.cookieOctets === 0);
        expect(l2tp.isControl(b, 1, f.over)).toBe(false);
        expect(l2tp.decode(b, 1, b.length - 1, f)).toMatchObject({
          ok: true,
          value: { kind: "data", session, reserved: 0 },
        });
        expect([b[0], b.at(-1)]).toEqual([0xa5, 0xa5]);
      },
    ),
  );
});
