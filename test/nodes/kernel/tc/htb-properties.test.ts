import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Htb } from "../../../../src/nodes/kernel/tc/htb.ts";
import type { Qdisc } from "../../../../src/nodes/kernel/tc/qdisc.ts";
import type { TxQueue } from "../../../../src/nodes/kernel/tc/tx-queue.ts";
import { cases } from "../../../harness/shared.ts";
import { cls, type Left, QueueLab } from "./queue-lab.ts";

/** A class of a random tree: rates in kbit/s, bursts in bytes. */
interface Class {
  readonly minor: number;
  readonly parent: number;
  readonly rate: number;
  readonly ceil: number;
  readonly burst: number;
  readonly cburst: number;
  readonly prio: number;
  readonly quantum: number;
  readonly leaf: boolean;
}

const share = fc.record({
  weight: fc.integer({ min: 1, max: 10 }),
  more: fc.integer({ min: 0, max: 20 }),
  burst: fc.integer({ min: 1, max: 20_000 }),
  cburst: fc.integer({ min: 1, max: 20_000 }),
  prio: fc.nat(7),
  quantum: fc.integer({ min: 1000, max: 6000 }),
});
type Share = typeof share extends fc.Arbitrary<infer T> ? T : never;

/** A tree whose children's rates sum to no more than their parent's: two or three levels, up to six leaves. */
const tree = fc
  .tuple(
    fc.integer({ min: 1000, max: 20_000 }),
    share,
    fc.array(fc.tuple(share, fc.array(share, { maxLength: 3 })), { minLength: 1, maxLength: 3 }),
  )
  .map(([total, top, branches]): Class[] => {
    const classes: Class[] = [node(1, 0, total, total, top, false)];
    const sum = branches.reduce((n, [s]) => n + s.weight, 0);
    for (const [i, [s, below]] of branches.entries()) {
      const minor = 0x10 * (i + 1);
      const rate = Math.floor((total * s.weight) / sum);
      classes.push(
        node(minor, 1, rate, Math.min(total, rate + Math.floor((total * s.more) / 10)), s, below.length === 0),
      );
      const inner = below.reduce((n, b) => n + b.weight, 0);
      for (const [j, b] of below.entries()) {
        const part = Math.max(1, Math.floor((rate * b.weight) / inner));
        classes.push(
          node(minor + j + 1, minor, part, Math.min(total, part + Math.floor((total * b.more) / 10)), b, true),
        );
      }
    }
    return classes;
  });
const node = (minor: number, parent: number, rate: number, ceil: number, s: Share, leaf: boolean): Class => {
  const { burst, cburst, prio, quantum } = s;
  return { minor, parent, rate, ceil: Math.max(rate, ceil), burst, cburst, prio, quantum, leaf };
};

/** What a leaf is offered: packets of one size at a multiple of its rate, from a time on (seconds). */
const load = fc.record({
  bytes: fc.integer({ min: 60, max: 1514 }),
  /** Tenths of the rate; the queue never runs dry from 11 on. */
  tenths: fc.integer({ min: 0, max: 40 }),
  from: fc.integer({ min: 0, max: 10 }),
});
type Load = typeof load extends fc.Arbitrary<infer T> ? T : never;

const SECONDS = 3;

interface Run {
  readonly lab: QueueLab;
  readonly leaves: readonly Class[];
  readonly loads: ReadonlyMap<number, Load>;
  /** When each frame was offered. */
  readonly offeredAt: readonly number[];
}

function run(classes: readonly Class[], loads: readonly Load[]): Run {
  const lab = new QueueLab();
  lab.tc("qdisc add dev out root handle 1: htb");
  for (const c of classes) {
    const hex = (n: number) => (n === 0 ? "1:" : `1:${n.toString(16)}`);
    lab.tc(
      `class add dev out parent ${hex(c.parent)} classid ${hex(c.minor)} htb rate ${c.rate}kbit ceil ${c.ceil}kbit burst ${c.burst} cburst ${c.cburst} prio ${c.prio} quantum ${c.quantum}`,
    );
  }
  const leaves = classes.filter((c) => c.leaf);
  const offeredAt: number[] = [];
  const byLeaf = new Map<number, Load>();
  for (const [i, leaf] of leaves.entries()) {
    const l = loads[i % loads.length] as Load;
    byLeaf.set(leaf.minor, l);
    if (l.tenths === 0) continue;
    const gap = (l.bytes * 8) / (leaf.rate * 100 * l.tenths);
    let n = 0;
    for (let at = 0.01 + l.from / 10; at < SECONDS && n < 700; at += gap, n++) {
      lab.sim.at(Math.round(at * 1e9), {
        label: "load",
        fire: () => (offeredAt[lab.send({ bytes: l.bytes, priority: cls(leaf.minor) })] = lab.sim.now),
      });
    }
  }
  lab.run(SECONDS);
  return { lab, leaves, loads: byLeaf, offeredAt };
}

/** The deepest that a bucket filled by what left, and emptied at `rate` bits per nanosecond, ever was: bytes. */
function deepest(left: readonly Left[], kbps: number): number {
  let [level, at, most] = [0, 0, 0];
  for (const l of left) {
    level = Math.max(0, level - ((l.at - at) * kbps) / 8e6) + l.bytes;
    at = l.at;
    most = Math.max(most, level);
  }
  return most;
}
const below = (classes: readonly Class[], minor: number): number[] =>
  classes.flatMap((c) =>
    c.minor === minor || c.parent === minor ? (c.minor === minor ? [minor] : below(classes, c.minor)) : [],
  );

const queueOf = (lab: QueueLab, c: Class): Qdisc => {
  const { root } = lab.dev.qdisc as TxQueue;
  return (root as Htb).leafOf(cls(c.minor)) as Qdisc;
};

const runs = { numRuns: cases(25, 1000) };
/** What rounding of rates and times, and of bursts by `tc`, may add: bytes. */
const SLACK = 20;

describe("htb, whatever the tree", () => {
  it("never exceeds a leaf's ceiling: in any window its rate times the time, its burst, and one packet", () => {
    fc.assert(
      fc.property(tree, fc.array(load, { minLength: 1, maxLength: 6 }), (classes, loads) => {
        const { lab, leaves } = run(classes, loads);
        for (const c of leaves) {
          const left = lab.left.filter((l) => l.priority === cls(c.minor));
          expect(deepest(left, c.ceil)).toBeLessThanOrEqual(c.cburst + 1514 + SLACK);
        }
        lab.conserved();
        lab.end();
      }),
      runs,
    );
  });

  it("never lets a parent's children exceed its ceiling by more than all bursts below, where their rates fit into its own", () => {
    fc.assert(
      fc.property(tree, fc.array(load, { minLength: 1, maxLength: 6 }), (classes, loads) => {
        const { lab } = run(classes, loads);
        for (const c of classes.filter((x) => !x.leaf)) {
          const under = new Set(below(classes, c.minor));
          const bursts = classes.filter((x) => under.has(x.minor)).reduce((n, x) => n + x.burst + 1514, 0);
          const ids = new Set([...under].map(cls));
          const left = lab.left.filter((l) => ids.has(l.priority));
          expect(deepest(left, c.ceil)).toBeLessThanOrEqual(c.cburst + 1514 + bursts + SLACK);
        }
        lab.end();
      }),
      runs,
    );
  });

  it("gives a leaf that always has packets its rate, but for one packet", () => {
    fc.assert(
      fc.property(tree, fc.array(load, { minLength: 1, maxLength: 6 }), (classes, loads) => {
        const { lab, leaves, loads: by, offeredAt } = run(classes, loads);
        for (const c of leaves) {
          const l = by.get(c.minor) as Load;
          if (l.tenths < 11) continue;
          const mine = lab.left.filter((x) => x.priority === cls(c.minor));
          if (mine.length === 0) continue;
          const waiting = queueOf(lab, c).qlen > 0;
          const until = waiting ? lab.sim.now : (mine.at(-1) as Left).at;
          const began = offeredAt[(mine[0] as Left).id] as number;
          const bytes = mine.reduce((n, x) => n + x.bytes, 0);
          expect(bytes + l.bytes + SLACK).toBeGreaterThanOrEqual(((until - began) * c.rate) / 8e6);
        }
        lab.end();
      }),
      runs,
    );
  });

  it("delays a leaf that stays below its rate by no more than a few of its packets take", () => {
    fc.assert(
      fc.property(tree, fc.array(load, { minLength: 1, maxLength: 6 }), (classes, loads) => {
        const { lab, leaves, loads: by, offeredAt } = run(classes, loads);
        for (const c of leaves) {
          const l = by.get(c.minor) as Load;
          if (l.tenths > 9) continue;
          const takes = (l.bytes * 8e6) / c.rate;
          for (const x of lab.left.filter((y) => y.priority === cls(c.minor)))
            expect(x.at - (offeredAt[x.id] as number)).toBeLessThanOrEqual(2 * takes + 1000);
        }
        lab.end();
      }),
      runs,
    );
  });
});
