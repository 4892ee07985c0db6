import { describe, expect, it } from "vitest";
import { Packet } from "../../../../src/core/packet.ts";
import { ecnDecapsulate, ecnEncapsulate } from "../../../../src/nodes/kernel/dev/ecn.ts";
import { tos, validHeader, writeHeader } from "../../../../src/protocols/ipv4/wire.ts";

const NOT = 0;
const ECT1 = 1;
const ECT0 = 2;
const CE = 3;

describe("congestion marks through tunnels", () => {
  it.each([
    [NOT, NOT],
    [ECT0, ECT0],
    [ECT1, ECT1],
    [CE, ECT0], // RFC 3168 §9.1.1: congestion before the tunnel stays inside
  ])("inner mark %i leaves as %i", (inner, outer) => {
    expect(ecnEncapsulate(0x48, 0xe0 | inner)).toBe(0x48 | outer);
    expect(ecnEncapsulate(0x4b, inner)).toBe(0x48 | outer);
  });

  /** RFC 6040 §4.2, the table of what leaves the tunnel; -1 for "drop". */
  const table: readonly (readonly [number, number, number, number, number])[] = [
    // inner, then what comes of outer Not-ECT, ECT(1), ECT(0), CE
    [NOT, NOT, NOT, NOT, -1],
    [ECT1, ECT1, ECT1, ECT1, CE],
    [ECT0, ECT0, ECT1, ECT0, CE],
    [CE, CE, CE, CE, CE],
  ];
  it.each(table)("inner mark %i meets every outer one", (inner, ...results) => {
    for (const [outer, expected] of [NOT, ECT1, ECT0, CE].map((mark, i) => [mark, results[i]] as const)) {
      const p = new Packet(64);
      p.end = 20;
      writeHeader(p.buf, 0, 0x28 | inner, 20, 1, 0, 64, 17, 0x0a000001, 0x0a000002);
      const passes = ecnDecapsulate(p, 0, 0x0800, 0x90 | outer);
      expect(passes ? tos(p.buf, 0) : -1).toBe(expected === -1 ? -1 : 0x28 | (expected as number));
      expect(validHeader(p.buf, 0, 20)).toBe(0);
    }
  });

  it("marks IPv6, leaves what is not IP alone, and counts a cut header as none", () => {
    const p = new Packet(64);
    p.end = 40;
    p.buf.set([0x60, 0x20, 0xab, 0xcd]); // traffic class 2: ECT(0)
    p.sumFrom = 0;
    expect(ecnDecapsulate(p, 0, 0x86dd, CE)).toBe(true);
    expect([...p.buf.subarray(0, 4)]).toEqual([0x60, 0x30, 0xab, 0xcd]);
    expect(p.sumFrom).toBe(-1);
    expect(ecnDecapsulate(p, 0, 0x0806, CE)).toBe(true);
    p.end = 19;
    expect(ecnDecapsulate(p, 0, 0x0800, CE)).toBe(true);
  });
});
