import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Netem } from "../../../../src/nodes/kernel/tc/netem.ts";
import { ClassfulQdisc, type Qdisc } from "../../../../src/nodes/kernel/tc/qdisc.ts";
import { cases } from "../../../harness/shared.ts";
import { cls, QueueLab } from "./queue-lab.ts";

/** What a root qdisc can be, and what can be done to it while packets wait. `netem` duplicates nothing here: see `netem.test.ts`. */
const KINDS = [
  "pfifo limit 5",
  "pfifo limit 1000",
  "bfifo limit 9000",
  "pfifo_head_drop limit 4",
  "pfifo_fast",
  "prio bands 3",
  "prio bands 8 priomap 7 6 5 4 3 2 1 0 1 2 3 4 5 6 7 0",
  "tbf rate 2mbit burst 3kb limit 20kb",
  "tbf rate 1mbit burst 10kb latency 50ms peakrate 3mbit mtu 2000",
  "htb default 10",
  "htb default 10 r2q 50 direct_qlen 7",
  "sfq perturb 1",
  "sfq limit 20 divisor 64 quantum 1514 headdrop",
  "fq_codel limit 40 target 1ms interval 10ms",
  "fq_codel flows 4 memory_limit 20kb noecn",
  "netem delay 10ms 5ms loss 10% reorder 20% 50%",
  "netem delay 3ms limit 10 rate 2mbit corrupt 5%",
  "netem loss gemodel 10% 50% 90% 1% slot 1ms 5ms packets 4",
  "noqueue",
] as const;
const BELOW = KINDS.filter((k) => k !== "noqueue");

type Step =
  | { readonly kind: "send"; readonly bytes: number; readonly count: number; readonly to: number; readonly tos: number }
  | { readonly kind: "run"; readonly us: number }
  | { readonly kind: "tc"; readonly line: string }
  | { readonly kind: "carrier"; readonly up: boolean };

const step = (): fc.Arbitrary<Step> => {
  const send = fc.record({
    kind: fc.constant("send" as const),
    bytes: fc.integer({ min: 60, max: 1514 }),
    count: fc.integer({ min: 1, max: 12 }),
    to: fc.constantFrom(0, 1, 2, 3, 0x10, 0x20, 0x21, 0x30, 0x100),
    tos: fc.constantFrom(0, 8, 16, 1, 2, 3),
  });
  const parent = fc.constantFrom(
    "root",
    "parent 1:1",
    "parent 1:2",
    "parent 1:10",
    "parent 1:20",
    "parent 1:21",
    "parent 1:30",
  );
  const kind = fc.constantFrom(...KINDS);
  const below = fc.constantFrom(...BELOW);
  const verb = fc.constantFrom("add", "change", "replace", "del");
  const qdisc = fc.oneof(
    fc.tuple(verb, kind).map(([v, k]) => `qdisc ${v} dev out root handle 1: ${k}`),
    fc.tuple(verb, parent, below).map(([v, p, k]) => `qdisc ${v} dev out ${p} ${k}`),
    parent.map((p) => `qdisc del dev out ${p}`),
  );
  const minor = fc.constantFrom("1:10", "1:20", "1:21", "1:30", "1:1");
  const htb = fc.constantFrom(
    "rate 1mbit",
    "rate 500kbit ceil 3mbit prio 3",
    "rate 2mbit ceil 2mbit burst 20k quantum 1500",
  );
  const tcClass = fc.oneof(
    fc
      .tuple(verb, fc.constantFrom("1:", "1:1", "1:10", "1:20"), minor, htb)
      .map(([v, p, id, o]) => `class ${v} dev out parent ${p} classid ${id} htb ${o}`),
    minor.map((id) => `class del dev out classid ${id}`),
  );
  const action = fc.constantFrom(
    "flowid 1:10",
    "flowid 1:2",
    "action drop",
    "flowid 1:20 action pass",
    "action police rate 1mbit burst 3k drop",
  );
  const filter = fc.oneof(
    fc
      .tuple(fc.constantFrom("1:", "1:10"), fc.integer({ min: 1, max: 4 }), fc.constantFrom("8", "16"), action)
      .map(
        ([p, prio, tos, a]) =>
          `filter add dev out parent ${p} protocol ip prio ${prio} u32 match ip tos ${tos} 0x1c ${a}`,
      ),
    fc.constant("filter del dev out parent 1:"),
    fc.integer({ min: 1, max: 4 }).map((prio) => `filter del dev out parent 1: prio ${prio}`),
    fc
      .tuple(fc.integer({ min: 1, max: 4 }), action)
      .map(([prio, a]) => `filter add dev out parent 1: prio ${prio} matchall ${a}`),
  );
  return fc.oneof(
    { weight: 5, arbitrary: send },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant("run" as const), us: fc.integer({ min: 1, max: 60_000 }) }) },
    { weight: 4, arbitrary: fc.oneof(qdisc, tcClass, filter).map((line): Step => ({ kind: "tc", line })) },
    { weight: 1, arbitrary: fc.boolean().map((up): Step => ({ kind: "carrier", up })) },
  );
};

/** Lengths, counters and sums that have to agree in every qdisc of the tree. */
function sound(q: Qdisc): void {
  expect(q.qlen).toBeGreaterThanOrEqual(0);
  expect({ kind: q.kind, empty: q.qlen === 0 }).toEqual({ kind: q.kind, empty: q.backlog === 0 });
  if (q instanceof Netem && q.leafOf() === null) return;
  if (!(q instanceof ClassfulQdisc)) return;
  const children = [...q.children()];
  const [packets, bytes] = [children.reduce((n, c) => n + c.qlen, 0), children.reduce((n, c) => n + c.backlog, 0)];
  if (q.kind === "tbf" || q.kind === "prio") {
    // one packet that the qdisc above has looked at may wait in this one itself (qdisc_peek_dequeued)
    const ahead = q.qlen - packets;
    expect([0, q.above === null ? 0 : 1]).toContain(ahead);
    if (ahead === 0) expect([q.kind, q.backlog]).toEqual([q.kind, bytes]);
  }
  expect(q.qlen).toBeGreaterThanOrEqual(packets);
  for (const child of children) sound(child);
}

function perform(lab: QueueLab, s: Step): void {
  switch (s.kind) {
    case "send":
      for (let i = 0; i < s.count; i++)
        lab.send({ bytes: s.bytes, priority: s.to === 0 ? 0 : cls(s.to), tos: s.tos, flow: i });
      return;
    case "run":
      return lab.run(s.us / 1e6);
    case "tc":
      return void lab.try(s.line);
    case "carrier":
      return lab.cable.setUp(s.up);
  }
}

describe("whatever is asked of traffic control while packets wait", () => {
  it("sends every packet once, drops it for a reason, or still has it; and nothing is left in the end", () => {
    fc.assert(
      fc.property(fc.constantFrom(...KINDS), fc.array(step(), { minLength: 5, maxLength: 60 }), (first, steps) => {
        const lab = new QueueLab();
        lab.tc(`qdisc add dev out root handle 1: ${first}`);
        for (const s of steps) {
          perform(lab, s);
          lab.conserved();
          const root = lab.dev.qdisc?.root;
          if (root != null) sound(root);
        }
        lab.cable.setUp(true);
        lab.end();
      }),
      { numRuns: cases(300, 20_000) },
    );
  });

  it("counts at the top what left, in packets and bytes, and what was dropped", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...KINDS.filter((k) => k !== "noqueue" && !k.startsWith("netem"))),
        fc.array(fc.tuple(fc.integer({ min: 60, max: 1514 }), fc.nat(5000), fc.nat(7)), { maxLength: 80 }),
        (kind, sends) => {
          const lab = new QueueLab();
          lab.tc(`qdisc add dev out root handle 1: ${kind}`);
          for (const [bytes, us, flow] of sends) {
            lab.send({ bytes, flow, tos: (flow & 1) * 2 });
            lab.run(us / 1e6);
          }
          const root = lab.dev.qdisc?.root as Qdisc;
          const bytes = lab.left.reduce((n, l) => n + l.bytes, 0);
          expect([root.packets, root.bytes, root.drops]).toEqual([lab.left.length, bytes, lab.drops("qdisc")]);
          lab.end();
        },
      ),
      { numRuns: cases(150, 5000) },
    );
  });
});

describe("words", () => {
  const word = fc.constantFrom(
    ..."qdisc class filter action chain add change replace del show link dev out root ingress clsact egress parent 1: 1:1 1:10 ffff: handle 2: 10: 800: 800::800 classid flowid protocol ip arp all 802.1q prio 1 2 65536 pref u32 fw flower matchall htb tbf prio sfq fq_codel netem pfifo bfifo pfifo_fast noqueue default rate 1mbit ceil 2gbit burst 1k cburst 0 limit 10 latency 5ms delay 1s 10ms loss 5% 101% duplicate corrupt reorder gap 3 distribution normal pareto slot ecn bands 16 priomap 0 quantum 1514 perturb divisor 1024 flows target interval match src 10.0.0.0/8 dport 80 0xffff tos at 12 nexthdr+0 0xff divisor ht link offset sample police conform-exceed drop/pass action pass drop reclassify pipe continue goto mirred egress mirror redirect index 7 cookie -s -d -j -p -r -g estimator mpu 64 overhead linklayer atm mtu peakrate help x -1 4294967296 99999999999".split(
      " ",
    ),
  );
  it("in any order never crash tc, whatever traffic follows", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(
            fc.constantFrom("qdisc add", "class add", "filter add", "qdisc", "filter replace", ""),
            fc.array(word, { maxLength: 14 }),
          ),
          { minLength: 1, maxLength: 8 },
        ),
        (lines) => {
          const lab = new QueueLab();
          lab.try("qdisc add dev out root handle 1: htb default 10");
          lab.try("class add dev out parent 1: classid 1:10 htb rate 1mbit");
          for (const [verb, words] of lines) {
            const [status, output] = lab.try(`${verb} ${verb === "" ? "" : "dev out"} ${words.join(" ")}`);
            expect([0, 1, 2, 255]).toContain(status);
            if (status !== 0) expect(output).not.toBe("");
            for (let i = 0; i < 3; i++) lab.send({ bytes: 100, flow: i });
            lab.run(0.001);
          }
          lab.end();
        },
      ),
      { numRuns: cases(400, 50_000) },
    );
  });
});
