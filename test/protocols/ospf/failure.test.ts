import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { MS, S } from "../../../src/core/time.ts";
import { decode, HEADER, type } from "../../../src/protocols/ospf/wire.ts";
import { readCapture } from "../../../src/report/read-capture.ts";
import { device } from "../../harness/kernels.ts";
import { haveShared, itNeeds, sharedPath } from "../../harness/shared.ts";
import { FAST, POINT_TO_POINT, ring } from "./ring.ts";

describe.each([
  ["broadcast", FAST],
  ["point-to-point", FAST + POINT_TO_POINT],
])("when the cable r1 – r2 fails (%s)", (_name, settings) => {
  // anchors/linux/RESULTS.md §4: 20 ms from the failure until packets go the other way, 3 to 4 s when nobody tells
  it("the way round is taken at once when carrier is lost", () => {
    const { lab, routers, cables } = ring(1, settings);
    lab.run(60 * S);
    const [r1] = routers;
    const across = r1?.ospfd.routing.dests.find(0x0aff0002, 32);
    expect(across?.path?.cost).toBe(10);
    cables.get("12")?.setUp(false);
    lab.run(30 * MS);
    expect(across?.path?.cost).toBe(30);
    cables.get("12")?.setUp(true);
    lab.run(20 * S);
    expect(across?.path?.cost).toBe(10);
  });
});

describe("adjacency as in FRR's capture", () => {
  /** Kinds of packets as letters, hellos left out: `d` description, `r` request, `u` update, `a` acknowledgement; upper case: by r2. */
  const word = (packets: readonly { from: number; bytes: Uint8Array }[]): string =>
    packets
      .filter(({ bytes }) => type(bytes, 0) !== 1)
      .map(({ from, bytes }) => (from === 2 ? ".HDRUA" : ".hdrua")[type(bytes, 0)])
      .join("");

  itNeeds(haveShared)("a designated router that is first has to say everything again after five seconds", () => {
    const file = new Uint8Array(readFileSync(sharedPath("anchors/linux/ospf_ring_adjacency.pcap")));
    const real = readCapture(file).packets.map((p) => ({ from: p.bytes[29] as number, bytes: p.bytes.slice(34) }));
    // r2 a little before r1, as in the capture; the others long enough after them to be out of the way
    const { lab, routers } = ring(1, FAST, (i) => (i === 2 ? 40 : i === 1 ? 48 : 2000));
    const [r1] = routers;
    if (r1 === undefined) throw new Error("no router");
    const ours: { at: number; from: number; bytes: Uint8Array }[] = [];
    const dev = device(r1.kernel, "e12");
    dev.addTap({
      frame: (_dev, p) => {
        if (p.buf[p.start + 23] === 89)
          ours.push({ at: lab.sim.now, from: p.buf[p.start + 29] as number, bytes: p.buf.slice(p.start + 34, p.end) });
      },
    });
    lab.run(10_500 * MS);
    const at = (letters: string): readonly number[] =>
      ours.filter((p) => type(p.bytes, 0) !== 1 && letters.includes("..drua"[type(p.bytes, 0)] ?? "")).map((p) => p.at);
    const [first = 0, second = 0, third = 0] = at("d");
    expect(Math.abs(second - first - 8 * MS)).toBeLessThan(3 * MS);
    expect(Math.round((third - first) / S)).toBe(5);
    // the same packets by each sender; which of two that cross on the cable is seen first, and which updates leave together, is the processors' affair
    const crossing = /^DdDdD(drR|dRr|Rdr)[Uu]{3,4}/;
    for (const sender of [/[^A-Z]/g, /[^a-z]/g]) {
      const [theirs, mine] = [real, ours].map((packets) => word(packets).replace(sender, "").slice(0, 5)) as [
        string,
        string,
      ];
      expect(mine).toBe(theirs);
      expect(mine.toLowerCase()).toBe("dddru");
    }
    expect(word(real)).toMatch(crossing);
    expect(word(ours)).toMatch(crossing);
    expect(at("a").every((t) => t - third < 1.1 * S)).toBe(true);
    for (const { bytes } of ours) {
      const got = decode(bytes, 0, bytes.length);
      expect(got.ok && bytes.length >= HEADER).toBe(true);
    }
  });
});
