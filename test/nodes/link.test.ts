import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fold16, sum16 } from "../../src/core/checksum.ts";
import { MS, NEVER, S, US } from "../../src/core/time.ts";
import type { LineQuality } from "../../src/nodes/link.ts";
import { cases } from "../harness/shared.ts";
import { CableLab, type Frame } from "./cables.ts";

const GBIT = 1_000_000_000;
const ids = (frames: readonly Frame[]): number[] => frames.map((f) => f.id);
const times = (frames: readonly Frame[]): number[] => frames.map((f) => f.at);
const rising = (n: readonly number[]): boolean => n.every((x, i) => i === 0 || (n[i - 1] as number) <= x);

describe("serialisation", () => {
  it("takes the frame with preamble, check sequence and gap: 84 octets at least", () => {
    const lab = new CableLab({ rateBps: GBIT });
    lab.send(60);
    lab.at(10_000, () => lab.send(10));
    lab.at(20_000, () => lab.send(1514));
    lab.sim.advance(S);
    expect(times(lab.b.received)).toEqual([672, 10_000 + 672, 20_000 + 1538 * 8]); // IEEE 802.3 §4.4.2
  });

  it("at 100 Gbit/s carries the fractions of 6.72 ns along: exact over 1,000 frames", () => {
    const lab = new CableLab({ rateBps: 100 * GBIT, queueFrames: 2000 });
    lab.send(60, 1000);
    lab.sim.advance(S);
    expect(times(lab.b.received)).toEqual(Array.from({ length: 1000 }, (_, i) => Math.floor((i + 1) * 6.72 + 1e-9)));
    expect(lab.b.received.at(-1)?.at).toBe(6720);
  });

  it("carries the fraction also to a frame that comes just when the line falls free", () => {
    const lab = new CableLab({ rateBps: 100 * GBIT });
    const next = (): void => {
      lab.send(60);
      const { freeAt } = lab.cable.lines[0];
      if (lab.b.received.length < 999) lab.at(freeAt, next);
    };
    lab.at(0, next);
    lab.sim.advance(S);
    expect(lab.b.received.at(999)?.at).toBe(6720);
  });

  it("is exact for any sizes and any rate, back to back", () => {
    const frames = fc.array(fc.integer({ min: 1, max: 9000 }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(frames, fc.integer({ min: 64_000, max: 400 * GBIT }), fc.nat(1000), (lengths, rateBps, delayNs) => {
        const lab = new CableLab({ rateBps, delayNs });
        for (const length of lengths) lab.send(length);
        lab.sim.advance(NEVER);
        let bits = 0n;
        const wanted = lengths.map((length) => {
          bits += BigInt((Math.max(length, 60) + 24) * 8);
          return Number((bits * 1_000_000_000n) / BigInt(rateBps)) + delayNs;
        });
        expect(times(lab.b.received)).toEqual(wanted);
      }),
      { numRuns: cases(100, 10_000) },
    );
  });

  it("begins anew after a pause", () => {
    const lab = new CableLab({ rateBps: 100 * GBIT });
    lab.send(60);
    lab.at(100, () => lab.send(60));
    lab.sim.advance(S);
    expect(times(lab.b.received)).toEqual([6, 106]);
  });

  it("without a rate forwards at once, in order", () => {
    const lab = new CableLab();
    lab.send(1500, 5);
    lab.sim.advance(0);
    expect([ids(lab.b.received), times(lab.b.received)]).toEqual([
      [0, 1, 2, 3, 4],
      [0, 0, 0, 0, 0],
    ]);
  });

  it("is counted by the line: when it will be free, how many frames and bytes it took", () => {
    const lab = new CableLab({ rateBps: GBIT });
    lab.send(100, 3);
    const [line, back] = lab.cable.lines;
    expect([line.freeAt, line.frames, line.bytes]).toEqual([3 * 124 * 8, 3, 300]);
    expect([back.freeAt, back.frames, back.bytes]).toEqual([0, 0, 0]);
  });
});

describe("delay", () => {
  it("comes on top of serialisation, for many frames in flight at once", () => {
    const lab = new CableLab({ rateBps: GBIT, delayNs: 10 * MS });
    lab.send(1000, 500);
    expect(lab.sim.pending).toBe(1); // only the first stands in the queue
    lab.sim.advance(S);
    expect(times(lab.b.received)).toEqual(Array.from({ length: 500 }, (_, i) => (i + 1) * 8192 + 10 * MS));
    expect(ids(lab.b.received)).toEqual(Array.from({ length: 500 }, (_, i) => i));
  });

  it("that shrinks lets nothing overtake what is in flight", () => {
    const lab = new CableLab({ delayNs: 100 * MS });
    lab.send(100);
    lab.at(MS, () => {
      lab.cable.tune({ delayNs: 0 });
      lab.send(100);
    });
    lab.at(200 * MS, () => lab.send(100));
    lab.sim.advance(S);
    expect(lab.b.received.map((f) => [f.id, f.at])).toEqual([
      [0, 100 * MS],
      [1, 100 * MS],
      [2, 200 * MS],
    ]);
  });

  it("and a rate that is taken away leaves what waits in its place", () => {
    const lab = new CableLab({ rateBps: 1_000_000 });
    lab.send(101, 2);
    lab.cable.tune({ rateBps: 0 });
    lab.send(101);
    lab.sim.advance(S);
    expect(times(lab.b.received)).toEqual([MS, 2 * MS, 2 * MS]);
  });
});

describe("the queue in front of a line", () => {
  it("holds as many frames as it is told, beside the one that is being sent", () => {
    const lab = new CableLab({ rateBps: GBIT, queueFrames: 10 });
    lab.send(60, 20);
    expect(ids(lab.a.lost)).toEqual([11, 12, 13, 14, 15, 16, 17, 18, 19]);
    expect(new Set(lab.a.lost.map((f) => f.reason))).toEqual(new Set(["transmit queue full"]));
    lab.sim.advance(672); // one has left, and one may come
    lab.send(60, 3);
    expect(ids(lab.a.lost).slice(9)).toEqual([21, 22]);
    lab.sim.advance(S);
    expect(ids(lab.b.received)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 20]);
    expect(lab.alive).toBe(0);
  });
  it("of no frames lets one at a time pass", () => {
    const lab = new CableLab({ rateBps: GBIT, queueFrames: 0 });
    lab.send(60, 3);
    lab.at(672, () => lab.send(60));
    lab.sim.advance(S);
    expect([ids(lab.b.received), ids(lab.a.lost)]).toEqual([
      [0, 3],
      [1, 2],
    ]);
  });
  it("does not count what has left and is in flight", () => {
    const lab = new CableLab({ rateBps: GBIT, queueFrames: 0, delayNs: S });
    for (let i = 0; i < 50; i++) lab.at(i * 672, () => lab.send(60));
    lab.sim.advance(2 * S);
    expect(lab.b.received).toHaveLength(50);
  });
  it("counts frames that will be lost on the line: an overload that leads nowhere leaves no debt", () => {
    for (const fault of [{ blocked: true }, { loss: 1 }, { mtuBytes: 50 }, { reorder: 1, delayNs: MS }]) {
      const lab = new CableLab({ rateBps: GBIT, queueFrames: 10, ...fault });
      for (let i = 0; i < 100; i++) lab.at(i, () => lab.send(60, 5));
      lab.at(100, () => lab.cable.tune({ blocked: false, loss: 0, mtuBytes: 0, reorder: 0, delayNs: 0 }));
      lab.at(20_000, () => lab.send(60));
      lab.sim.advance(S);
      expect(lab.b.received.at(-1)).toEqual({ at: 20_672, id: 500, length: 60 });
      expect(lab.a.lost.filter((f) => f.reason === "transmit queue full")).toHaveLength(489);
      expect(lab.alive).toBe(0);
    }
  });
});

describe("faults", () => {
  const N = 20_000;
  /** A run of many frames, 1 µs apart. */
  const run = (quality: Partial<LineQuality>, seed = 1): CableLab => {
    const lab = new CableLab(quality, seed);
    for (let i = 0; i < N; i++) lab.at(i * US, () => lab.send(100));
    lab.sim.advance(10 * S);
    expect(lab.alive).toBe(0);
    return lab;
  };
  /** Within five standard deviations of the share. */
  const about = (count: number, share: number): void => {
    expect(Math.abs(count - N * share)).toBeLessThan(5 * Math.sqrt(N * share * (1 - share)) + 1);
  };

  it.each([1, 2, 3])("lose, duplicate, corrupt and reorder at about their rates (seed %i)", (seed) => {
    const lossy = run({ loss: 0.1 }, seed);
    about(lossy.a.lost.length, 0.1);
    expect(lossy.b.received).toHaveLength(N - lossy.a.lost.length);
    expect(new Set(lossy.a.lost.map((f) => f.reason))).toEqual(new Set(["lost on the cable"]));

    const twice = ids(run({ duplicate: 0.05 }, seed).b.received);
    about(twice.length - N, 0.05);
    expect(rising(twice)).toBe(true);
    expect(new Set(twice).size).toBe(N);

    const overtaken = run({ reorder: 0.02, delayNs: 500 * US }, seed).b.received;
    about(overtaken.filter((f) => f.at === f.id * US).length, 0.02);
    expect(run({ reorder: 0.02, delayNs: 500 * US }, seed).cable.lines[0].frames).toBe(N);
    expect(ids(overtaken).toSorted((a, b) => a - b)).toEqual(Array.from({ length: N }, (_, i) => i));
    expect(rising(ids(overtaken.filter((f) => f.at !== f.id * US)))).toBe(true);
  });

  it("corrupt one bit of a frame, and let it be summed anew", () => {
    const lab = new CableLab({ corrupt: 0.1 });
    let damaged = 0;
    lab.b.onReceive = (p) => {
      const want = p.mark & 0xff;
      expect(fold16(p.sumOf(p.start))).toBe(fold16(sum16(p.buf, p.start, p.end)));
      const flips = p.buf.subarray(p.start, p.end).reduce((n, byte) => n + bits(byte ^ want), 0);
      if (flips === 0) return;
      damaged++;
      expect(flips).toBe(1);
    };
    for (let i = 0; i < N; i++) lab.at(i, () => lab.send(60));
    lab.sim.advance(S);
    about(damaged, 0.1);
  });

  it("are the same for the same seed, and others for another", () => {
    const quality = { loss: 0.1, duplicate: 0.1, corrupt: 0.1, reorder: 0.1, jitterNs: 300, delayNs: 1000 };
    const [one, again, other] = [run(quality, 5), run(quality, 5), run(quality, 6)];
    expect(again.b.received).toEqual(one.b.received);
    expect(again.sim.fingerprint.toString()).toBe(one.sim.fingerprint.toString());
    expect(other.b.received).not.toEqual(one.b.received);
  });

  it("jitter spreads the delay both ways, and keeps the order", () => {
    const lab = new CableLab({ delayNs: 100 * US, jitterNs: 50 * US });
    for (let i = 0; i < 500; i++) lab.at(i * MS, () => lab.send(100));
    for (let i = 0; i < 500; i++) lab.at(S + i * US, () => lab.send(100));
    lab.sim.advance(2 * S);
    const { received } = lab.b;
    expect(ids(received)).toEqual(Array.from({ length: 1000 }, (_, i) => i));
    const delays = received.slice(0, 500).map((f) => f.at - f.id * MS);
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(50 * US);
    expect(Math.min(...delays)).toBeLessThan(55 * US);
    expect(Math.max(...delays)).toBeLessThanOrEqual(150 * US);
    expect(Math.max(...delays)).toBeGreaterThan(145 * US);
    expect(rising(times(received))).toBe(true);
  });

  it("jitter larger than the delay lets nothing arrive before it has left", () => {
    const lab = new CableLab({ delayNs: US, jitterNs: MS, rateBps: GBIT });
    for (let i = 0; i < 200; i++) lab.at(i * 10 * MS, () => lab.send(60));
    lab.sim.advance(3 * S);
    expect(lab.b.received.every((f) => f.at >= f.id * 10 * MS + 672)).toBe(true);
  });

  it("have an MTU of their own: longer frames vanish", () => {
    const lab = new CableLab({ mtuBytes: 1000 });
    for (const length of [999, 1000, 1001]) lab.send(length);
    lab.sim.advance(0);
    expect([ids(lab.b.received), ids(lab.a.lost)]).toEqual([[0, 1], [2]]);
    expect(lab.a.lost[0]?.reason).toBe("frame longer than the device's MTU");
  });
});

describe("one direction", () => {
  it("is tuned alone, and keeps what is not named", () => {
    const lab = new CableLab({ delayNs: 5, loss: 0.5 });
    lab.cable.tune({ delayNs: 70, loss: 0 }, lab.b);
    expect(lab.cable.lines.map((l) => [l.quality.delayNs, l.quality.loss])).toEqual([
      [5, 0.5],
      [70, 0],
    ]);
    lab.cable.tune({ loss: 0 });
    lab.send(100, 1, lab.a);
    lab.send(100, 1, lab.b);
    lab.sim.advance(S);
    expect([times(lab.b.received), times(lab.a.received)]).toEqual([[5], [70]]);
  });
  it("may be blocked in silence, while the other works and both see a carrier", () => {
    const lab = new CableLab();
    lab.cable.tune({ blocked: true }, lab.a);
    lab.send(100, 2, lab.a);
    lab.send(100, 2, lab.b);
    lab.sim.advance(0);
    expect([lab.b.received.length, lab.a.received.length]).toEqual([0, 2]);
    expect(lab.a.lost.map((f) => f.reason)).toEqual(["blocked on the cable", "blocked on the cable"]);
    expect([lab.cable.up, lab.a.carrier, lab.b.carrier]).toEqual([true, [], []]);
  });
});

describe("a cut", () => {
  it("is seen at both ends, and loses what is in flight or waits", () => {
    const lab = new CableLab({ rateBps: GBIT, delayNs: MS });
    lab.send(1000, 100, lab.a);
    lab.send(1000, 3, lab.b);
    lab.at(10 * 8192 + MS, () => lab.cable.setUp(false));
    lab.sim.advance(10 * 8192 + MS);
    expect([lab.a.carrier, lab.b.carrier]).toEqual([[false], [false]]);
    expect([lab.b.received.length, lab.a.lost.length, lab.a.received.length, lab.alive]).toEqual([10, 90, 3, 0]);
    expect(new Set(lab.a.lost.map((f) => f.reason))).toEqual(new Set(["carrier is down"]));
    lab.send(100);
    expect(lab.a.lost).toHaveLength(91);
  });

  it("that is mended before a frame would have arrived loses it all the same", () => {
    const lab = new CableLab({ delayNs: 10 * MS });
    lab.send(100, 2);
    lab.at(MS, () => lab.cable.setUp(false));
    lab.at(2 * MS, () => {
      lab.cable.setUp(true);
      lab.send(100);
    });
    lab.sim.advance(S);
    expect(lab.b.received.map((f) => [f.id, f.at])).toEqual([[2, 12 * MS]]);
    expect(lab.a.lost.map((f) => [f.id, f.at])).toEqual([
      [0, MS],
      [1, MS],
    ]);
    expect([lab.a.carrier, lab.alive]).toEqual([[false, true], 0]);
  });

  it("leaves a free line: no frame waits for those that were lost", () => {
    const lab = new CableLab({ rateBps: 1_000_000, delayNs: 10 * MS });
    lab.send(101, 50);
    lab.at(MS / 2, () => {
      lab.cable.setUp(false);
      lab.cable.setUp(true);
      lab.cable.tune({ delayNs: 0 });
      lab.send(101);
    });
    lab.sim.advance(S);
    expect(lab.b.received.map((f) => [f.id, f.at])).toEqual([[50, MS + MS / 2]]);
  });

  it("leaves no place in the queue taken by frames that were lost", () => {
    const lab = new CableLab({ rateBps: 1_000_000, queueFrames: 1, blocked: true });
    lab.send(101, 2);
    lab.cable.setUp(false);
    lab.cable.setUp(true);
    lab.cable.tune({ blocked: false });
    lab.send(101, 2);
    lab.sim.advance(S);
    expect(ids(lab.b.received)).toEqual([2, 3]);
  });

  it("loses frames that overtake, too", () => {
    const lab = new CableLab({ rateBps: 1_000_000, delayNs: 10 * MS, reorder: 1 });
    lab.send(101);
    lab.cable.setUp(false);
    lab.cable.setUp(true);
    lab.sim.advance(S);
    expect([lab.b.received, lab.a.lost.length, lab.alive]).toEqual([[], 1, 0]);
  });

  it("changes nothing where there is none, nor the second time", () => {
    const lab = new CableLab();
    lab.cable.setUp(true);
    lab.cable.setUp(false);
    lab.cable.setUp(false);
    expect(lab.a.carrier).toEqual([false]);
  });
});

describe("a cable", () => {
  it("reports the rate of its first direction as its speed, 10 Gbit/s without one", () => {
    const lab = new CableLab();
    expect(lab.cable.speedBps).toBe(10 * GBIT);
    lab.cable.tune({ rateBps: 5 });
    expect(lab.cable.speedBps).toBe(5);
  });
  it("marks its frames in the fingerprint, apart from other cables and by direction", () => {
    const print = (from: "a" | "b", cables: number): string => {
      const lab = new CableLab({}, 1, cables);
      lab.send(60, 1, lab[from]);
      return lab.sim.fingerprint.toString();
    };
    expect(print("a", 0)).toBe(print("a", 0));
    expect(new Set([print("a", 0), print("b", 0), print("a", 1), print("b", 1)]).size).toBe(4);
  });
  it("knows its ends", () => {
    const { cable, a, b } = new CableLab();
    expect([cable.peerOf(a), cable.peerOf(b), cable.name]).toEqual([b, a, "h1-eth0 h2-eth0"]);
    expect([cable.lineFrom(a), cable.lineFrom(b)]).toEqual([...cable.lines]);
    expect(cable.lines.map((l) => l.label)).toEqual(["h1-eth0 to h2-eth0", "h2-eth0 to h1-eth0"]);
  });

  const operation = fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant("send" as const), n: fc.integer({ min: 1, max: 5 }) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("wait" as const), n: fc.nat(3000) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("up" as const), n: fc.nat(1) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("tune" as const), n: fc.nat(99) }) },
  );
  const QUALITIES: readonly Partial<LineQuality>[] = [
    { rateBps: 0 },
    { rateBps: GBIT },
    { rateBps: 3_333_333 },
    { delayNs: 0 },
    { delayNs: 5000 },
    { jitterNs: 4000 },
    { loss: 0.3, duplicate: 0.3 },
    { corrupt: 0.3, reorder: 0.4 },
    { jitterNs: 0, loss: 0, duplicate: 0, corrupt: 0, reorder: 0 },
    { queueFrames: 3 },
    { mtuBytes: 80 },
    { mtuBytes: 0, blocked: true },
    { blocked: false },
  ];

  it("delivers or loses every frame once, in order but for those that overtake, whatever is done to it", () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), fc.nat(1000), (operations, seed) => {
        const lab = new CableLab({ rateBps: GBIT, delayNs: 1000 }, seed);
        let reorders = false;
        for (const { kind, n } of operations) {
          if (kind === "send") lab.send(60 + 10 * n, n, n % 2 === 0 ? lab.a : lab.b);
          else if (kind === "wait") lab.sim.advance(lab.sim.now + n);
          else if (kind === "up") lab.cable.setUp(n === 1);
          else {
            const change = QUALITIES[n % QUALITIES.length] as Partial<LineQuality>;
            reorders ||= (change.reorder ?? 0) > 0;
            lab.cable.tune(change, [undefined, lab.a, lab.b][n % 3]);
          }
          const counted = [lab.a, lab.b].reduce((sum, end) => sum + end.received.length + end.lost.length, 0);
          expect(lab.sim.pool.dead).toBe(counted);
        }
        lab.sim.advance(NEVER);
        expect(lab.alive).toBe(0);
        for (const [to, from] of [
          [lab.a, lab.b],
          [lab.b, lab.a],
        ] as const) {
          if (!reorders) expect(rising(ids(to.received))).toBe(true);
          expect(rising(times(to.received))).toBe(true);
          const fates = new Set([...ids(to.received), ...ids(from.lost)]);
          const copies = to.received.length + from.lost.length - fates.size;
          expect(copies).toBeGreaterThanOrEqual(0);
        }
      }),
      { numRuns: cases(300, 30_000) },
    );
  });
});

const bits = (byte: number): number => byte.toString(2).replaceAll("0", "").length;
