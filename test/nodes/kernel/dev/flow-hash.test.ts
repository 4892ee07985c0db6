import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { setU16, setU32 } from "../../../../src/core/bytes.ts";
import { Packet } from "../../../../src/core/packet.ts";
import { flowPort, flowHash as hashOf } from "../../../../src/nodes/kernel/dev/flow-hash.ts";
import { innerOffset, innerType } from "../../../../src/nodes/kernel/dev/inner.ts";
import { writeHeader as ethernet } from "../../../../src/protocols/ethernet/wire.ts";
import { IP_MF, writeHeader } from "../../../../src/protocols/ipv4/wire.ts";
import { insertTag } from "../../../../src/protocols/vlan/wire.ts";

const SEED = 7;

function flowHash(p: Packet, seed: number): number {
  const at = innerOffset(p);
  return at < 0 ? 0 : hashOf(p, at, innerType(p, at), seed);
}

interface Flow {
  readonly src: number;
  readonly dst: number;
  readonly sport: number;
  readonly dport: number;
  readonly protocol: number;
}

function frame(f: Flow, flags = 0, tag?: number): Packet {
  const p = new Packet(128);
  p.start = 16;
  p.end = p.start + 14 + 20 + 8;
  ethernet(p.buf, p.start, 0x020000000002, 0x020000000001, 0x0800);
  writeHeader(p.buf, p.start + 14, 0, 28, 1, flags, 64, f.protocol, f.src, f.dst);
  setU16(p.buf, p.start + 34, f.sport);
  setU16(p.buf, p.start + 36, f.dport);
  if (tag !== undefined) {
    p.start -= 4;
    insertTag(p.buf, p.start, 0x8100, tag);
  }
  return p;
}

const flow: fc.Arbitrary<Flow> = fc.record({
  src: fc.nat(0xffffffff),
  dst: fc.nat(0xffffffff),
  sport: fc.nat(0xffff),
  dport: fc.nat(0xffff),
  protocol: fc.constantFrom(6, 17, 132, 1),
});
const back = (f: Flow): Flow => ({ ...f, src: f.dst, dst: f.src, sport: f.dport, dport: f.sport });

describe("flow hash", () => {
  it("is alike in both directions, between equal addresses too", () => {
    fc.assert(
      fc.property(flow, fc.boolean(), (f, alike) => {
        const g = alike ? { ...f, dst: f.src } : f;
        const there = g.protocol === 1 ? { ...g, sport: 8 << 8, dport: 1 } : g;
        const here = g.protocol === 1 ? { ...back(g), sport: 0, dport: 2 } : back(g); // an echo and its reply
        expect(flowHash(frame(there), SEED)).toBe(flowHash(frame(here), SEED));
      }),
    );
  });

  it("tells flows apart: by ports, addresses, protocol, VLAN and seed", () => {
    const f: Flow = { src: 0x0a000001, dst: 0x0a000002, sport: 1000, dport: 80, protocol: 6 };
    const hashes = [
      flowHash(frame(f), SEED),
      flowHash(frame({ ...f, sport: 1001 }), SEED),
      flowHash(frame({ ...f, dst: 0x0a000003 }), SEED),
      flowHash(frame({ ...f, protocol: 17 }), SEED),
      flowHash(frame(f, 0, 5), SEED),
      flowHash(frame(f), SEED + 1),
    ];
    expect(new Set(hashes).size).toBe(hashes.length);
  });

  it("keeps the fragments of a datagram together: they have no ports", () => {
    const f: Flow = { src: 1, dst: 2, sport: 1000, dport: 80, protocol: 17 };
    expect(flowHash(frame(f, IP_MF), SEED)).toBe(flowHash(frame({ ...f, sport: 7, dport: 9 }, 100), SEED));
    expect(flowHash(frame(f, IP_MF), SEED)).not.toBe(flowHash(frame(f), SEED));
  });

  it("is one for all ARP, and for each Ethertype another", () => {
    const p = new Packet(64);
    p.end = 60;
    ethernet(p.buf, 0, 0xffffffffffff, 0x020000000001, 0x0806);
    const arp = flowHash(p, SEED);
    setU32(p.buf, 28, 0x0a000001);
    expect(flowHash(p, SEED)).toBe(arp);
    setU16(p.buf, 12, 0x88cc);
    expect(flowHash(p, SEED)).not.toBe(arp);
  });

  it("hashes IPv6 alike in both directions", () => {
    const six = (from: number, to: number): Packet => {
      const p = new Packet(128);
      p.end = 14 + 40 + 8;
      ethernet(p.buf, 0, 2, 1, 0x86dd);
      p.buf[20] = 17;
      setU32(p.buf, 14 + 20, from);
      setU32(p.buf, 14 + 36, to);
      setU16(p.buf, 54, from);
      setU16(p.buf, 56, to);
      return p;
    };
    expect(flowHash(six(5, 9), SEED)).toBe(flowHash(six(9, 5), SEED));
    expect(flowHash(six(5, 9), SEED)).not.toBe(flowHash(six(5, 10), SEED));
  });

  it("never throws, whatever the bytes, and gives 32 bits", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.constantFrom(0x0800, 0x86dd, 0x8100, 0x0806), (b, type) => {
        const p = new Packet(128);
        p.buf.set(b);
        p.end = b.length;
        if (b.length >= 14) setU16(p.buf, 12, type);
        const h = flowHash(p, SEED);
        expect(h).toBe(h >>> 0);
      }),
    );
  });
});

it("ports lie in the range, and fill it", () => {
  fc.assert(
    fc.property(fc.nat(0xffffffff), fc.nat(65_534), fc.nat(65_535), (hash, a, b) => {
      const [low, high] = a < b ? [a, b] : [b, a + 1];
      const port = flowPort(hash, low, high);
      expect(port).toBeGreaterThanOrEqual(low);
      expect(port).toBeLessThan(high);
    }),
  );
  expect(flowPort(0, 32_768, 60_999)).toBe(32_768);
  expect(flowPort(0xffff_0000, 32_768, 60_999)).toBe(60_998);
});
