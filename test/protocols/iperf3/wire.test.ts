import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  ControlReader,
  datagramHeader,
  encodeJson,
  encodeParameters,
  encodeResults,
  type Parameters,
  type Results,
  readDatagram,
  readParameters,
  readResults,
  writeDatagram,
} from "../../../src/protocols/iperf3/wire.ts";
import { cases } from "../../harness/shared.ts";

const runs = { numRuns: cases(300, 50_000) };
const small = fc.nat(500);
const parameters: fc.Arbitrary<Parameters> = fc.record({
  udp: fc.boolean(),
  omit: small,
  time: small,
  num: fc.nat(),
  blockcount: fc.nat(),
  mss: small,
  noDelay: fc.boolean(),
  parallel: fc.integer({ min: 1, max: 128 }),
  reverse: fc.boolean(),
  bidirectional: fc.boolean(),
  window: fc.nat(1 << 20),
  len: fc.integer({ min: 1, max: 1 << 20 }),
  bandwidth: fc.nat(),
  tos: fc.nat(255),
  congestion: fc.constantFrom("", "reno", "cubic"),
  getServerOutput: fc.boolean(),
  udpCounters64: fc.boolean(),
});
const stream = fc.record({
  id: fc.nat(300),
  bytes: fc.nat(),
  retransmits: fc.integer({ min: -1, max: 1000 }),
  jitter: fc.double({ min: 0, max: 1, noNaN: true }).map((x) => x + 0),
  errors: small,
  packets: small,
  startTime: small,
  endTime: small,
});
const results: fc.Arbitrary<Results> = fc.record(
  {
    senderHasRetransmits: fc.constantFrom(-1, 0, 1),
    congestion: fc.constantFrom("", "cubic"),
    serverOutput: fc.string(),
    streams: fc.array(stream, { maxLength: 4 }),
  },
  { requiredKeys: ["senderHasRetransmits", "congestion", "streams"] },
);
const parsed = (b: Uint8Array): unknown => {
  const reader = new ControlReader();
  reader.push(b, 0, b.length);
  const json = reader.json();
  if (json?.ok !== true) throw new Error("no JSON");
  return json.value;
};

describe("messages of iperf3", () => {
  it("writes the parameters that iperf 3.12 writes", () => {
    const base = { omit: 0, time: 10, num: 0, blockcount: 0, mss: 0, noDelay: false, parallel: 1, reverse: false };
    const more = {
      bidirectional: false,
      window: 0,
      tos: 0,
      congestion: "",
      getServerOutput: false,
      udpCounters64: false,
    };
    const text = (p: Partial<Parameters>): string =>
      new TextDecoder().decode(
        encodeParameters({ ...base, ...more, udp: false, len: 131_072, bandwidth: 0, ...p }).subarray(4),
      );
    expect(text({ time: 0, num: 131_072 })).toBe(
      '{"tcp":true,"omit":0,"time":0,"num":131072,"blockcount":0,"parallel":1,"len":131072,"pacing_timer":1000,"client_version":"3.12"}',
    );
    expect(text({ udp: true, time: 1, len: 1448, bandwidth: 100_000 })).toBe(
      '{"udp":true,"omit":0,"time":1,"num":0,"blockcount":0,"parallel":1,"len":1448,"bandwidth":100000,"pacing_timer":1000,"client_version":"3.12"}',
    );
  });
  it("reads the parameters that it writes", () => {
    fc.assert(
      fc.property(parameters, (p) => {
        expect(readParameters(parsed(encodeParameters(p)))).toEqual({ ok: true, value: p });
      }),
      runs,
    );
  });
  it("reads results, those of iperf 3.12 too", () => {
    fc.assert(
      fc.property(results, (r) => {
        expect(readResults(parsed(encodeResults(r)))).toEqual({ ok: true, value: r });
      }),
      runs,
    );
    const recorded =
      '{"cpu_util_total":86.9,"cpu_util_user":86.4,"cpu_util_system":0,"sender_has_retransmits":18446744073709551615,"congestion_used":"bbr","streams":[{"id":1,"bytes":131072,"retransmits":18446744073709551615,"jitter":0,"errors":0,"packets":0,"start_time":0,"end_time":0.000204}]}';
    expect(readResults(JSON.parse(recorded))).toEqual({
      ok: true,
      value: {
        senderHasRetransmits: -1,
        congestion: "bbr",
        streams: [
          { id: 1, bytes: 131_072, retransmits: -1, jitter: 0, errors: 0, packets: 0, startTime: 0, endTime: 0.000204 },
        ],
      },
    });
  });
  it("takes a conversation apart however it comes", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), (step) => {
        const cookie = "abcdefghijklmnopqrstuvwxyz0123456789";
        const wire = Uint8Array.of(
          ...cookie.split("").map((c) => c.charCodeAt(0)),
          0,
          9,
          0xff,
          ...encodeJson({ a: [1] }),
          4,
        );
        const reader = new ControlReader();
        const got: unknown[] = [];
        const steps = [
          () => reader.cookie(),
          () => reader.state(),
          () => reader.state(),
          () => reader.json(),
          () => reader.state(),
        ];
        for (let at = 0; at < wire.length; at += step) {
          reader.push(wire, at, Math.min(wire.length, at + step));
          for (let next = steps[got.length]?.(); next !== undefined; next = steps[got.length]?.()) got.push(next);
        }
        expect(got).toEqual([cookie, 9, -1, { ok: true, value: { a: [1] } }, 4]);
      }),
      runs,
    );
  });
  it("survives any bytes and any JSON", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.json(), (b, text) => {
        const reader = new ControlReader();
        reader.push(b, 0, b.length);
        reader.json();
        const json: unknown = JSON.parse(text);
        const p = readParameters(json);
        if (p.ok) expect(readParameters(parsed(encodeParameters(p.value)))).toEqual(p);
        const r = readResults(json);
        if (r.ok) expect(r.value.streams.length).toBeGreaterThanOrEqual(0);
        readDatagram(b, 0, b.length, b.length % 2 === 0);
      }),
      runs,
    );
    expect(readParameters({ tcp: true, len: 5, parallel: 1, time: -1 })).toMatchObject({ ok: false, why: "time" });
    expect(readParameters({ len: 5, parallel: 1 })).toMatchObject({ ok: false, why: "protocol" });
  });
  it("writes datagrams that it reads again", () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(2 ** 31 - 1), fc.boolean(), (us, count, wide) => {
        const b = new Uint8Array(datagramHeader(wide));
        const number = wide ? count * 4096 : count;
        writeDatagram(b, us * 1000, number, wide);
        const got = readDatagram(b, 0, b.length, wide);
        expect(got.ok && got.value.count).toBe(number);
        expect(got.ok && got.value.sentAt).toBeCloseTo(us / 1e6, 6);
      }),
      runs,
    );
  });
});
