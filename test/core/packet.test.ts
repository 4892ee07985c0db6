import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fold16, sum16 } from "../../src/core/checksum.ts";
import { HEADROOM, PACKET_HOST, type Packet, PacketPool } from "../../src/core/packet.ts";
import { cases } from "../harness/shared.ts";

/** What is done to a packet on its way: `n` counts octets, `at` chooses among the places that there are. */
const step = fc.oneof(
  fc.record({ kind: fc.constant("push" as const), n: fc.nat(60), fill: fc.nat(255) }),
  fc.record({ kind: fc.constant("push" as const), n: fc.integer({ min: 100, max: 500 }), fill: fc.nat(255) }),
  fc.record({ kind: fc.constant("pull" as const), n: fc.nat(60), fill: fc.constant(0) }),
  fc.record({ kind: fc.constant("trim" as const), n: fc.nat(60), fill: fc.constant(0) }),
  fc.record({ kind: fc.constant("cache" as const), n: fc.nat(400), fill: fc.constant(0) }),
  fc.record({ kind: fc.constant("clone" as const), n: fc.constant(0), fill: fc.constant(0) }),
  fc.record({ kind: fc.constant("sum" as const), n: fc.nat(400), fill: fc.constant(0) }),
);

/** A place between the packet's first and one past its last byte. */
const place = (p: Packet, n: number): number => p.start + (n % (p.length + 1));
const content = (p: Packet): number[] => Array.from(p.buf.subarray(p.start, p.end));

describe("a packet", () => {
  it("keeps its bytes and the sum of any part of them, however it is wrapped, stripped, cut and copied", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.array(step, { maxLength: 25 }), (bytes, steps) => {
        const pool = new PacketPool();
        let p = pool.alloc(bytes.length);
        p.buf.set(bytes, p.start);
        let model = Array.from(bytes);
        for (const { kind, n, fill } of steps) {
          switch (kind) {
            case "push":
              p.push(n);
              p.buf.fill(fill, p.start, p.start + n);
              model = [...Array<number>(n).fill(fill), ...model];
              break;
            case "pull":
              p.pull(Math.min(n, p.length));
              model = model.slice(n);
              break;
            case "trim":
              p.trim(Math.max(p.length - n, 0));
              model = model.slice(0, Math.max(model.length - n, 0));
              break;
            case "cache":
              p.cacheSum(place(p, n));
              break;
            case "clone": {
              const old = p;
              p = pool.clone(old);
              old.buf.fill(0xee);
              pool.release(old);
              break;
            }
            case "sum": {
              const from = place(p, n);
              expect(fold16(p.sumOf(from))).toBe(fold16(sum16(p.buf, from, p.end)));
            }
          }
          expect(content(p)).toEqual(model);
          expect(p.view.buffer).toBe(p.buf.buffer);
        }
        for (let from = p.start; from <= p.end; from += 7)
          expect(fold16(p.sumOf(from))).toBe(fold16(sum16(p.buf, from, p.end)));
      }),
      { numRuns: cases(500, 50_000) },
    );
  });

  it("does not take a sum for bytes that were stripped and written anew", () => {
    const pool = new PacketPool();
    const p = pool.alloc(40);
    p.buf.fill(1, p.start, p.end);
    p.cacheSum(p.start + 4);
    p.pull(20);
    p.push(20);
    p.buf.fill(2, p.start, p.start + 20);
    expect(fold16(p.sumOf(p.start))).toBe(fold16(sum16(p.buf, p.start, p.end)));
  });

  it("remembers where its IP header is when it moves, and that it has none", () => {
    const pool = new PacketPool();
    const p = pool.alloc(20);
    p.push(HEADROOM + 1);
    expect(p.net).toBe(0);
    p.net = p.start + 14;
    p.buf[p.net] = 0x45;
    p.push(1000);
    expect(p.buf[p.net]).toBe(0x45);
  });
});

describe("a copy", () => {
  it("has the marks of the packet, and bytes of its own", () => {
    const pool = new PacketPool();
    const p = pool.alloc(10);
    p.buf.fill(7, p.start, p.end);
    Object.assign(p, { net: p.start + 2, iif: 3, mark: 4, priority: 5, type: 2, depth: 1, note: "nat", record: 9 });
    const c = pool.clone(p);
    p.buf.fill(0, p.start, p.end);
    expect(content(c)).toEqual(Array(10).fill(7));
    expect(c.net - c.start).toBe(2);
    expect([c.iif, c.mark, c.priority, c.type, c.depth, c.note]).toEqual([3, 4, 5, 2, 1, "nat"]);
    expect(c.record).toBe(0); // the capture holds the packet, not its copies
  });
});

describe("the pool", () => {
  it("gives packets as new, with headroom, whatever the last owner left in them", () => {
    const pool = new PacketPool();
    const used = pool.alloc(100);
    Object.assign(used, { net: 5, iif: 3, mark: 4, priority: 5, type: 2, depth: 1, note: "x", record: 9 });
    used.cacheSum(used.start);
    used.pull(50);
    pool.release(used);
    const p = pool.alloc(60);
    expect(p).toBe(used);
    expect([p.start, p.end, p.length]).toEqual([HEADROOM, HEADROOM + 60, 60]);
    expect([p.net, p.iif, p.mark, p.priority, p.depth, p.note, p.record]).toEqual([0, 0, 0, 0, 0, "", 0]);
    expect([p.type, p.sumFrom]).toEqual([PACKET_HOST, -1]);
  });
  it("counts the born and the dead", () => {
    const pool = new PacketPool();
    const p = pool.alloc(1);
    const c = pool.clone(p);
    expect([pool.born, pool.dead]).toEqual([2, 0]);
    pool.release(p);
    pool.release(c);
    expect([pool.born, pool.dead]).toEqual([2, 2]);
  });
  it("gives long frames a buffer of their own, and keeps only those of the usual size", () => {
    const pool = new PacketPool();
    const jumbo = pool.alloc(65_535);
    expect(jumbo.length).toBe(65_535);
    jumbo.buf.fill(1, jumbo.start, jumbo.end);
    pool.release(jumbo);
    const wrapped = pool.alloc(1000);
    wrapped.push(HEADROOM + 20);
    pool.release(wrapped);
    const p = pool.alloc(1000);
    expect(p).not.toBe(jumbo);
    expect(p).not.toBe(wrapped);
    expect(p.buf.length).toBe(2048);
  });
});
