import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Fingerprint } from "../../src/core/fingerprint.ts";
import { type Packet, PacketPool } from "../../src/core/packet.ts";

interface Sent {
  readonly at: number;
  readonly line: number;
  readonly bytes: Uint8Array;
  /** Octets in front of the payload, whose sum is known; undefined: nobody has added it up. */
  readonly header?: number;
}

const pool = new PacketPool();

function packet({ bytes, header }: Sent): Packet {
  const p = pool.alloc(bytes.length);
  p.buf.set(bytes, p.start);
  if (header !== undefined) p.cacheSum(p.start + header);
  return p;
}

function printOf(...frames: readonly Sent[]): string {
  const print = new Fingerprint();
  for (const sent of frames) {
    const p = packet(sent);
    print.record(sent.at, sent.line, p);
    pool.release(p);
  }
  return print.toString();
}

const sent = fc.record({
  at: fc.maxSafeNat(),
  line: fc.nat(1_000_000),
  bytes: fc.uint8Array({ minLength: 60, maxLength: 120, size: "max" }),
  header: fc.integer({ min: 14, max: 60 }),
});
const run = fc.array(sent, { minLength: 1, maxLength: 5 });

/** The run with one of its frames changed. */
const but = (frames: readonly Sent[], at: number, change: (s: Sent) => Sent): readonly Sent[] =>
  frames.map((s, i) => (i === at % frames.length ? change(s) : s));

describe("the fingerprint", () => {
  it("is 16 hex digits, the same for the same frames", () => {
    fc.assert(
      fc.property(run, (frames) => {
        expect(printOf(...frames)).toMatch(/^[0-9a-f]{16}$/);
        expect(printOf(...frames)).toBe(printOf(...frames));
      }),
    );
  });
  it("is this one on every machine", () => {
    const bytes = Uint8Array.from({ length: 100 }, (_, i) => i * 37);
    expect(printOf()).toMatchInlineSnapshot(`"6e65746c6f6f6d31"`);
    expect(
      printOf({ at: 5_000_000_123, line: 3, bytes, header: 42 }, { at: 2 ** 50, line: 2, bytes }),
    ).toMatchInlineSnapshot(`"ab68f6a579d8cc56"`);
  });
  it("changes with any bit of any header", () => {
    fc.assert(
      fc.property(run, fc.nat(), fc.nat(), fc.nat(7), (frames, which, where, bit) => {
        const changed = but(frames, which, (s) => {
          const bytes = s.bytes.slice();
          const at = where % (s.header as number);
          bytes[at] = (bytes[at] as number) ^ (1 << bit);
          return { ...s, bytes };
        });
        expect(printOf(...changed)).not.toBe(printOf(...frames));
      }),
    );
  });
  it("changes with any bit of the payload, through its sum", () => {
    fc.assert(
      fc.property(run, fc.nat(), fc.nat(), fc.nat(7), (frames, which, where, bit) => {
        const changed = but(frames, which, (s) => {
          const bytes = s.bytes.slice();
          const at = (s.header as number) + (where % (bytes.length - (s.header as number) + 1));
          if (at < bytes.length) bytes[at] = (bytes[at] as number) ^ (1 << bit);
          return { ...s, bytes };
        });
        const same = changed.every((s, i) => Buffer.from(s.bytes).equals((frames[i] as Sent).bytes));
        expect(printOf(...changed) === printOf(...frames)).toBe(same);
      }),
    );
  });
  it("changes with time, cable, direction and length", () => {
    fc.assert(
      fc.property(run, fc.nat(), fc.integer({ min: 1, max: 1_000_000 }), (frames, which, by) => {
        const changes: ((s: Sent) => Sent)[] = [
          (s) => ({ ...s, at: s.at < by ? s.at + by : s.at - by }),
          (s) => ({ ...s, line: s.line + 2 * by }),
          (s) => ({ ...s, line: s.line ^ 1 }),
          (s) => ({ ...s, bytes: Uint8Array.of(...s.bytes, 0, 0) }),
          (s) => ({ ...s, line: s.line + 65_536 * by }),
        ];
        for (const change of changes) expect(printOf(...but(frames, which, change))).not.toBe(printOf(...frames));
      }),
    );
  });
  it("changes with the order of frames", () => {
    fc.assert(
      fc.property(sent, sent, (a, b) => {
        fc.pre(a.at !== b.at);
        expect(printOf(a, b)).not.toBe(printOf(b, a));
      }),
    );
  });
  it("knows nothing of where in its buffer a frame lies, nor of its marks", () => {
    fc.assert(
      fc.property(sent, fc.nat(300), (s, n) => {
        const p = packet(s);
        p.push(n);
        p.pull(n);
        Object.assign(p, { mark: n, priority: n, iif: n, type: 2, note: "x", net: 3 });
        const print = new Fingerprint();
        print.record(s.at, s.line, p);
        expect(print.toString()).toBe(printOf(s));
      }),
    );
  });
  it("adds up what nobody has, behind the first 64 octets", () => {
    const p = packet({ at: 0, line: 0, bytes: new Uint8Array(100).fill(3) });
    new Fingerprint().record(0, 0, p);
    expect([p.sumFrom - p.start, p.sum]).toEqual([64, 0x0303 * 18]);
    const short = packet({ at: 0, line: 0, bytes: new Uint8Array(20) });
    new Fingerprint().record(0, 0, short);
    expect(short.sumFrom).toBe(short.end);
  });
});
