import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  ChunkedReader,
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  type Field,
  fieldOf,
  headEnd,
  persists,
  rangeOf,
  requestBody,
  responseBody,
} from "../../../src/protocols/http/wire.ts";
import { cases } from "../../harness/shared.ts";

const octets = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0));
const token = fc.stringMatching(/^[A-Za-z][A-Za-z0-9-]{0,11}$/);
const value = fc.stringMatching(/^[!-~]([ -~]{0,20}[!-~])?$/);
const fields: fc.Arbitrary<Field[]> = fc.array(fc.record({ name: token, value }), { maxLength: 6 });
const version = fc.constantFrom("1.0" as const, "1.1" as const);
const request = fc.record({ method: token, target: fc.stringMatching(/^\/[!-~]{0,30}$/), version, fields });
const response = fc.record({
  version,
  status: fc.integer({ min: 100, max: 999 }),
  reason: fc.stringMatching(/^([!-~]([ -~]{0,20}[!-~])?)?$/),
  fields,
});
const runs = { numRuns: cases(500, 100_000) };
const of = (text: string): Field[] =>
  text.split("\n").map((line) => ({ name: line.split(": ")[0] as string, value: line.split(": ")[1] as string }));

describe("heads", () => {
  it("writes heads that it reads again", () => {
    fc.assert(
      fc.property(request, response, (q, r) => {
        const [a, b] = [encodeRequest(q), encodeResponse(r)];
        expect(decodeRequest(a, 0, a.length)).toEqual({ ok: true, value: q });
        expect(decodeResponse(b, 0, b.length)).toEqual({ ok: true, value: r });
        expect(headEnd(a, 0, a.length)).toBe(a.length);
        expect(headEnd(a, 0, a.length - 1)).toBe(-1);
      }),
      runs,
    );
  });
  it("survives any bytes", () => {
    const garbage = fc.uint8Array({ maxLength: 200 });
    const cut = fc
      .tuple(request, fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 4 }))
      .map(([q, changes]) => {
        const b = encodeRequest(q);
        for (const [where, octet] of changes) b[where % b.length] = octet;
        return b;
      });
    fc.assert(
      fc.property(fc.oneof(garbage, cut), (b) => {
        const q = decodeRequest(b, 0, b.length);
        const r = decodeResponse(b, 0, b.length);
        if (q.ok) {
          const again = encodeRequest(q.value);
          expect(decodeRequest(again, 0, again.length)).toEqual(q);
        }
        if (r.ok) {
          const again = encodeResponse(r.value);
          expect(decodeResponse(again, 0, again.length)).toEqual(r);
        }
        new ChunkedReader().read(b, 0, b.length, () => {});
      }),
      runs,
    );
  });
  it("takes lines that end with a bare LF", () => {
    const b = octets("GET / HTTP/1.1\nHost: x\n\n");
    expect(decodeRequest(b, 0, headEnd(b, 0, b.length))).toMatchObject({ ok: true, value: { method: "GET" } });
  });
  it("refuses white space before the colon and folded lines", () => {
    for (const line of ["Host : x", " Host: x", "A: b\r\n folded"]) {
      const b = octets(`GET / HTTP/1.1\r\n${line}\r\n\r\n`);
      expect(decodeRequest(b, 0, b.length)).toMatchObject({ ok: false, why: "field" });
    }
  });
  it("finds fields whatever their case", () => {
    expect(fieldOf(of("Content-LENGTH: 5"), "content-length")).toBe("5");
    expect(fieldOf(of("A: 1"), "b")).toBeUndefined();
  });
});

describe("bodies", () => {
  const head = (text: string, status = 200) => ({ version: "1.1" as const, status, reason: "", fields: of(text) });
  it("tells how the end of a body is known", () => {
    expect(responseBody("GET", head("Content-Length: 12"))).toEqual({ kind: "length", octets: 12 });
    expect(responseBody("HEAD", head("Content-Length: 12"))).toEqual({ kind: "none" });
    expect(responseBody("GET", head("Content-Length: 12", 304))).toEqual({ kind: "none" });
    expect(responseBody("GET", head("A: b"))).toEqual({ kind: "close" });
    expect(responseBody("GET", head("Transfer-Encoding: chunked\nContent-Length: 3"))).toEqual({ kind: "chunked" });
    expect(responseBody("GET", head("Transfer-Encoding: gzip"))).toBeUndefined();
    expect(responseBody("GET", head("Content-Length: 3\nContent-Length: 4"))).toBeUndefined();
    expect(responseBody("GET", head("Content-Length: -3"))).toBeUndefined();
    expect(requestBody({ method: "POST", target: "/", version: "1.1", fields: of("A: b") })).toEqual({ kind: "none" });
  });
  it("puts chunked bodies together however they come", () => {
    const chunks = fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 6 });
    fc.assert(
      fc.property(chunks, fc.integer({ min: 1, max: 9 }), (parts, step) => {
        const text = parts.map((p) => `${p.length.toString(16)};x=y\r\n${String.fromCharCode(...p)}\r\n`).join("");
        const wire = octets(`${text}0\r\nT: v\r\n\r\nmore`);
        const reader = new ChunkedReader();
        const got: number[] = [];
        let at = 0;
        while (at < wire.length && !reader.done)
          at = reader.read(wire, at, Math.min(wire.length, at + step), (b, o, end) => got.push(...b.slice(o, end)));
        expect(got).toEqual(parts.flatMap((p) => [...p]));
        expect(reader.done).toBe(true);
        expect(wire.length - at).toBe(4);
      }),
      runs,
    );
  });
  it("tells which connections stay open", () => {
    const at = (v: "1.0" | "1.1", text: string) => persists({ version: v, fields: of(text) });
    expect([
      at("1.1", "A: b"),
      at("1.1", "Connection: Close"),
      at("1.0", "A: b"),
      at("1.0", "Connection: keep-alive"),
    ]).toEqual([true, false, false, true]);
  });
  it("reads ranges", () => {
    expect(rangeOf("bytes=0-9", 100)).toEqual({ from: 0, to: 9 });
    expect(rangeOf("bytes=90-", 100)).toEqual({ from: 90, to: 99 });
    expect(rangeOf("bytes=-7", 100)).toEqual({ from: 93, to: 99 });
    expect(rangeOf("bytes=50-1000", 100)).toEqual({ from: 50, to: 99 });
    for (const none of ["bytes=100-", "bytes=9-3", "bytes=0-1,3-4", "lines=1-2", "bytes=-", "bytes=-0"])
      expect(rangeOf(none, 100)).toBeUndefined();
  });
});
