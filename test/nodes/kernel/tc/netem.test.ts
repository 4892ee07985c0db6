import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cases } from "../../../harness/shared.ts";
import { type Left, QueueLab } from "./queue-lab.ts";

/** net/sched/sch_netem.c, by what it does to many packets. Bounds are five deviations of what chance allows. */

interface Passed {
  readonly lab: QueueLab;
  /** When each packet was offered, ns. */
  readonly offeredAt: readonly number[];
}

/** Sends `count` packets, `gapUs` apart, through netem with these options. */
function pass(options: string, count = 4000, gapUs = 100, bytes = 1000): Passed {
  const lab = new QueueLab();
  lab.tc(`qdisc add dev out root handle 1: netem limit 100000 ${options}`);
  const offeredAt: number[] = [];
  for (let i = 0; i < count; i++) {
    offeredAt.push(lab.sim.now);
    lab.send({ bytes });
    lab.run(gapUs / 1e6);
  }
  lab.run(5);
  return { lab, offeredAt };
}
const delays = ({ lab, offeredAt }: Passed): number[] =>
  lab.left.map((l) => (l.at - (offeredAt[l.id] as number)) / 1e6);
const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
const deviation = (values: readonly number[]): number => {
  const m = mean(values);
  return Math.sqrt(mean(values.map((v) => (v - m) ** 2)));
};
/** How far a count of `n` draws of probability `p` may be from n p. */
const five = (n: number, p: number): number => 5 * Math.sqrt(n * p * (1 - p)) + 1;
const overtaken = (left: readonly Left[]): number =>
  left.filter((l, i) => i > 0 && l.id < (left[i - 1] as Left).id).length;

describe("netem", () => {
  it("delays every packet by exactly that, in order", () => {
    const run = pass("delay 10ms", 200);
    expect(new Set(delays(run))).toEqual(new Set([10]));
    expect(run.lab.left.map((l) => l.id)).toEqual(run.offeredAt.map((_, i) => i));
    run.lab.end();
  });

  it("spreads delays evenly over twice the jitter, and packets overtake (tabledist without a table)", () => {
    const run = pass("delay 10ms 4ms");
    const all = delays(run);
    expect(Math.min(...all)).toBeGreaterThanOrEqual(6);
    expect(Math.max(...all)).toBeLessThan(14);
    expect(Math.abs(mean(all) - 10)).toBeLessThan((5 * 4) / Math.sqrt(3 * all.length));
    expect(Math.abs(deviation(all) - 4 / Math.sqrt(3))).toBeLessThan(0.1);
    expect(overtaken(run.lab.left)).toBeGreaterThan(1000);
  });

  it("draws delays from distributions whose mean and deviation are the ones asked for (tabledist)", () => {
    for (const name of ["normal", "pareto", "paretonormal"]) {
      const all = delays(pass(`delay 100ms 10ms distribution ${name}`));
      expect(Math.abs(mean(all) - 100)).toBeLessThan(1.5);
      expect(Math.abs(deviation(all) - 10)).toBeLessThan(name === "normal" ? 0.6 : 5);
    }
    const normal = delays(pass("delay 100ms 10ms distribution normal"));
    const within = normal.filter((d) => Math.abs(d - 100) <= 10).length;
    expect(Math.abs(within - 0.6827 * normal.length)).toBeLessThan(five(normal.length, 0.6827));
  });

  it("loses in rows with a correlation, and draws delays as if there were none (get_crandom, tabledist's remainder)", () => {
    const { lab } = pass("loss 30% 50%", 6000);
    const came = new Set(lab.left.map((l) => l.id));
    const lost = Array.from({ length: 6000 }, (_, i) => !came.has(i));
    const all = mean(lost.map(Number));
    const after = mean(
      lost
        .slice(1)
        .filter((_, i) => lost[i])
        .map(Number),
    );
    expect(after).toBeGreaterThan(1.5 * all);
    const next = (options: string): number => {
      const run = pass(options, 4000);
      const byId = [...run.lab.left].sort((x, y) => x.id - y.id).map((l) => l.at - (run.offeredAt[l.id] as number));
      const m = mean(byId);
      return mean(byId.slice(1).map((d, i) => (d - m) * ((byId[i] as number) - m))) / deviation(byId) ** 2;
    };
    expect(Math.abs(next("delay 10ms 4ms"))).toBeLessThan(0.1);
    expect(Math.abs(next("delay 10ms 4ms 50%"))).toBeLessThan(0.1);
  });

  it("loses, duplicates and corrupts as often as asked, whatever the chances", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 100 }), fc.integer({ min: 0, max: 100 }), (loss, duplicate) => {
        const n = 1500;
        const { lab } = pass(`loss ${loss}% duplicate ${duplicate}%`, n, 1, 60);
        // a packet that is drawn for both goes on alone: one copy made, one taken away
        const [l, d] = [loss / 100, duplicate / 100];
        const lost = lab.drops("qdisc: lost");
        expect(Math.abs(lost - n * l * (1 - d) - n * d * (1 - l) * l)).toBeLessThan(2 * five(n, 0.5) + n * 0.05);
        const copies = lab.left.length + lost - n;
        expect(copies).toBeGreaterThanOrEqual(0);
        if (loss === 0) expect(Math.abs(copies - n * d)).toBeLessThan(five(n, d));
        if (duplicate === 0) expect(Math.abs(lost - n * l)).toBeLessThan(five(n, l));
        lab.end();
      }),
      { numRuns: cases(12, 1000) },
    );
  });

  it("corrupts one bit, and leaves the rest as it was", () => {
    const lab = new QueueLab();
    const flipped: number[] = [];
    lab.dev.addTap({
      frame: (_d, p) => {
        let bits = 0;
        const sent = new Uint8Array(1000);
        sent.set(original);
        new DataView(sent.buffer).setUint32(44, lab.left.length - 1); // it has counted this one
        for (let i = 0; i < 1000; i++)
          for (let x = (p.buf[p.start + i] as number) ^ (sent[i] as number); x !== 0; x &= x - 1) bits++;
        flipped.push(bits);
      },
    });
    let original = new Uint8Array(1000);
    const grab = {
      frame: (_d: unknown, p: { buf: Uint8Array; start: number; end: number }) =>
        (original = p.buf.slice(p.start, p.end)),
    };
    lab.dev.addTap(grab);
    lab.send();
    lab.dev.removeTap(grab);
    lab.tc("qdisc add dev out root netem corrupt 30%");
    for (let i = 1; i < 1000; i++) lab.send();
    const changed = flipped.slice(1).filter((bits) => bits > 0);
    expect(Math.abs(changed.length - 300)).toBeLessThan(five(1000, 0.3));
    expect(changed.every((bits) => bits === 1)).toBe(true);
    lab.end();
  });

  it("loses bursts as the Gilbert-Elliott model has them (loss_gilb_ell)", () => {
    const { lab } = pass("loss gemodel 5% 25%", 6000);
    const lost = lab.drops("qdisc: lost");
    expect(Math.abs(lost / 6000 - 5 / 30)).toBeLessThan(0.035);
    const ids = lab.left.map((l) => l.id);
    const bursts = ids.filter((id, i) => i > 0 && id > (ids[i - 1] as number) + 1).length;
    expect(Math.abs(lost / bursts - 4)).toBeLessThan(0.8);
  });

  it("lets every gap-th packet overtake with the chance of reorder", () => {
    const all = delays(pass("delay 10ms reorder 100% gap 5", 500));
    expect(all.filter((d) => d === 0).length).toBe(100);
    const some = delays(pass("delay 10ms reorder 25%", 4000));
    expect(Math.abs(some.filter((d) => d === 0).length - 1000)).toBeLessThan(five(4000, 0.25));
  });

  it("sends no faster than its rate, with overhead and cells (packet_time_ns)", () => {
    const { lab } = pass("rate 1mbit 20 48 5", 50, 10);
    const cells = Math.ceil((1000 + 20) / 48) * 53;
    const gaps = lab.left.slice(1).map((l, i) => l.at - (lab.left[i] as Left).at);
    expect(new Set(gaps)).toEqual(new Set([cells * 8000]));
  });

  it("holds no more than its limit", () => {
    const lab = new QueueLab();
    lab.tc("qdisc add dev out root netem delay 1s limit 10");
    for (let i = 0; i < 25; i++) lab.send();
    lab.run(2);
    expect([lab.left.length, lab.drops("qdisc: queue full")]).toEqual([10, 15]);
    lab.end();
  });

  it("sends in bunches with slots (get_slot_next)", () => {
    const { lab } = pass("slot 20ms 20ms packets 3", 30, 100);
    const times = [...new Set(lab.left.map((l) => l.at))];
    const counts = times.map((at) => lab.left.filter((l) => l.at === at).length);
    expect(Math.max(...counts)).toBeLessThanOrEqual(3);
    expect(times.slice(2).every((at, i) => at - (times[i + 1] as number) >= 20e6)).toBe(true);
  });

  it("is the same again with the same seed, and leaks nothing with copies", () => {
    const options = "delay 5ms 3ms loss 10% duplicate 20% corrupt 3% reorder 10% gap 3";
    const [a, b] = [pass(options, 500), pass(options, 500)];
    expect(a.lab.left).toEqual(b.lab.left);
    a.lab.conserved(a.lab.sim.pool.born - a.offeredAt.length);
    a.lab.end();
  });
});
