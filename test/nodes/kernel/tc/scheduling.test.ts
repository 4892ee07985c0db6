import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { startCommand } from "../../../../src/console/shell.ts";
import type { FqCodel } from "../../../../src/nodes/kernel/tc/fq-codel.ts";
import type { Htb } from "../../../../src/nodes/kernel/tc/htb.ts";
import type { Qdisc } from "../../../../src/nodes/kernel/tc/qdisc.ts";
import { cases } from "../../../harness/shared.ts";
import { cls, type Left, QueueLab } from "./queue-lab.ts";

/** Qdiscs that the recorded kernel lacked, held against the source functions that they are named after. */

const ids = (left: readonly Left[]): number[] => left.map((l) => l.id);
const shares = (left: readonly Left[], flowOf: readonly number[]): Record<number, number> => {
  const bytes: Record<number, number> = {};
  for (const l of left) bytes[flowOf[l.id] as number] = (bytes[flowOf[l.id] as number] ?? 0) + l.bytes;
  return bytes;
};

/** A cable of 8 Mbit/s: a frame of 1,000 bytes, preamble and all, takes a little more than 1 ms. */
function slow(qdisc: string): QueueLab {
  const lab = new QueueLab();
  lab.cable.tune({ rateBps: 8_000_000, queueFrames: 1000 });
  lab.tc(`qdisc add dev out root handle 1: ${qdisc}`);
  return lab;
}
/** Every flow sends a frame of its size each `us`, for `seconds`. Returns the flow of each frame. */
function load(lab: QueueLab, sizes: readonly number[], us: number, seconds: number, options = {}): number[] {
  const flowOf: number[] = [];
  for (let t = 0; t < seconds * 1e6; t += us) {
    for (const [flow, bytes] of sizes.entries()) flowOf[lab.send({ bytes, flow, ...options })] = flow;
    lab.run(us / 1e6);
  }
  return flowOf;
}

describe("pfifo_fast", () => {
  it("serves bands by type of service (pfifo_fast_dequeue, prio2band)", () => {
    const lab = slow("pfifo_fast");
    const order = [0x08, 0x00, 0x10, 0x00, 0x10, 0x08];
    lab.send({ tos: 0x08 }); // takes the line
    for (const tos of order) lab.send({ tos });
    lab.run(1);
    expect(ids(lab.left)).toEqual([0, 3, 5, 2, 4, 1, 6]);
    lab.end();
  });
  it("holds as many packets in each band as the device's queue is long", () => {
    const lab = slow("pfifo_fast");
    lab.dev.txQueueLength = 3;
    for (let i = 0; i < 6; i++) for (const tos of [0x08, 0x00, 0x10]) lab.send({ tos });
    lab.run(1);
    // the first went straight to the line
    expect([lab.left.length, lab.drops("qdisc: queue full")]).toEqual([10, 8]);
    lab.end();
  });
});

describe("pfifo and bfifo", () => {
  it("hold packets or bytes up to their limits (pfifo_enqueue, bfifo_enqueue)", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 4, max: 30 }),
        fc.array(fc.integer({ min: 60, max: 1514 }), { maxLength: 60 }),
        (limit, sizes) => {
          for (const [kind, room] of [
            [`pfifo limit ${limit}`, limit],
            [`bfifo limit ${limit * 500}`, limit * 500],
          ] as const) {
            const lab = slow(kind);
            lab.send({ bytes: 1514 });
            const kept: number[] = [];
            let used = 0;
            for (const bytes of sizes) {
              const id = lab.send({ bytes });
              const takes = kind.startsWith("p") ? 1 : bytes;
              if (used + takes > room) continue;
              used += takes;
              kept.push(id);
            }
            lab.run(1);
            const [first, ...rest] = ids(lab.left);
            expect([first, rest]).toEqual([0, kept]);
            lab.end();
          }
        },
      ),
      { numRuns: cases(60, 5000) },
    );
  });
  it("drop the oldest with pfifo_head_drop (pfifo_tail_enqueue)", () => {
    const lab = slow("pfifo_head_drop limit 3");
    for (let i = 0; i < 8; i++) lab.send();
    lab.run(1);
    expect(ids(lab.left)).toEqual([0, 5, 6, 7]);
    lab.end();
  });
});

describe("prio", () => {
  it("serves a band only while all before it are empty (prio_dequeue)", () => {
    const lab = slow("prio");
    for (const minor of [1, 3, 2, 1, 3, 2, 1]) lab.send({ priority: cls(minor) });
    lab.run(1);
    expect(ids(lab.left)).toEqual([0, 3, 6, 2, 5, 1, 4]);
    lab.end();
  });
  it("starves the last band for as long as the first has more than the line takes", () => {
    const lab = slow("prio");
    for (let i = 0; i < 100; i++) lab.send({ priority: cls(3) });
    for (let i = 0; i < 500; i++) {
      lab.send({ priority: cls(1) });
      lab.run(0.001);
    }
    expect(lab.left.filter((l) => l.priority === cls(3)).length).toBe(1);
    lab.end();
  });
});

describe("tbf", () => {
  it("never passes more than burst and rate in any window, nor less while packets wait (tbf_dequeue)", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 200, max: 8000 }),
        fc.integer({ min: 1600, max: 30_000 }),
        fc.array(fc.tuple(fc.integer({ min: 60, max: 1514 }), fc.nat(3000)), { minLength: 1, maxLength: 150 }),
        (kbit, burst, sends) => {
          const lab = new QueueLab();
          lab.tc(`qdisc add dev out root tbf rate ${kbit}kbit burst ${burst} limit 1mb`);
          const [offered, sizes]: [number[], number[]] = [[], []];
          for (const [bytes, us] of sends) {
            offered.push(lab.sim.now);
            sizes.push(bytes);
            lab.send({ bytes });
            lab.run(us / 1e6);
          }
          lab.run(60);
          // the ideal bucket, in bits and nanoseconds
          let [tokens, at] = [burst * 8, offered[0] as number];
          for (const [i, l] of lab.left.entries()) {
            const ready = Math.max(offered[i] as number, at);
            const cost = (sizes[i] as number) * 8;
            const then = Math.min(burst * 8, tokens + ((ready - at) * kbit) / 1e6);
            const due = ready + Math.max(0, ((cost - then) * 1e6) / kbit);
            expect(Math.abs(l.at - due)).toBeLessThan(2000 + 100 * i);
            tokens = Math.min(burst * 8, tokens + ((l.at - at) * kbit) / 1e6) - cost;
            at = l.at;
          }
          expect(lab.left.length).toBe(sends.length);
          lab.end();
        },
      ),
      { numRuns: cases(100, 5000) },
    );
  });
  it("drops what is longer than its bucket (tbf_enqueue)", () => {
    const lab = new QueueLab();
    lab.tc("qdisc add dev out root tbf rate 1mbit burst 999 limit 100kb");
    lab.send({ bytes: 1000 });
    lab.send({ bytes: 999 });
    lab.run(1);
    expect([ids(lab.left), lab.drops("qdisc: longer than the bucket")]).toEqual([[1], 1]);
    lab.end();
  });
});

describe("sfq", () => {
  it("gives flows of any packet size the same bytes (sfq_dequeue)", () => {
    const lab = slow("sfq");
    const flowOf = load(lab, [1514, 500, 200], 400, 2);
    const bytes = Object.values(shares(lab.left, flowOf));
    // preamble and gap are the line's, not the discipline's
    expect(Math.max(...bytes) / Math.min(...bytes)).toBeLessThan(1.05);
    lab.end();
  });
  it("takes from the longest flow when it is full (sfq_drop)", () => {
    const lab = slow("sfq limit 30");
    const flowOf: number[] = [];
    for (let i = 0; i < 100; i++) flowOf[lab.send({ flow: 0 })] = 0;
    for (let i = 0; i < 5; i++) flowOf[lab.send({ flow: 1 })] = 1;
    lab.run(1);
    expect(lab.left.filter((l) => flowOf[l.id] === 1).length).toBe(5);
    expect(lab.left.length).toBe(31);
    lab.end();
  });
});

describe("fq_codel", () => {
  it("gives flows of any packet size the same bytes (fq_codel_dequeue)", () => {
    const lab = slow("fq_codel");
    const flowOf = load(lab, [1514, 700, 300], 500, 2);
    const bytes = Object.values(shares(lab.left, flowOf));
    expect(Math.max(...bytes) / Math.min(...bytes)).toBeLessThan(1.05);
    lab.end();
  });
  it("lets a flow that sends little pass those that wait: new flows first", () => {
    const lab = slow("fq_codel");
    for (let i = 0; i < 50; i++) lab.send({ flow: 0 });
    lab.run(0.01);
    const id = lab.send({ flow: 1, bytes: 100 });
    const at = lab.sim.now;
    lab.run(0.005);
    const mine = lab.left.find((l) => l.id === id) as Left;
    expect(mine.at - at).toBeLessThan(2e6);
    lab.end();
  });
  it("drops nothing while queues stay below the target, and begins an interval after they do not (codel_should_drop)", () => {
    const lab = slow("fq_codel limit 10000");
    load(lab, [1000], 1100, 1); // below the line's rate
    expect(lab.drops("qdisc")).toBe(0);
    const from = lab.sim.now;
    let firstAt = 0;
    for (let t = 0; t < 400; t++) {
      lab.send();
      lab.send();
      lab.run(0.001);
      if (firstAt === 0 && lab.drops("qdisc: waited too long") > 0) firstAt = lab.sim.now;
    }
    const ms = (firstAt - from) / 1e6;
    expect(ms).toBeGreaterThan(100);
    expect(ms).toBeLessThan(125);
    lab.end();
  });
  it("drops ever faster, by what codel_Newton_step takes for the root of their count (codel_control_law)", () => {
    const lab = slow("fq_codel limit 10000 noecn");
    const at: number[] = [];
    let before = 0;
    for (let t = 0; t < 1500; t++) {
      for (let i = 0; i < 3; i++) lab.send();
      lab.run(0.001);
      const now = lab.drops("qdisc: waited too long");
      if (now > before) at.push(lab.sim.now / 1e6);
      before = now;
    }
    // one Newton step for each drop, from 1 on: the second is due after half an interval, not after its root of two
    let root = 1;
    for (let n = 1; n <= 12; n++) {
      if (n > 1) root = (root * (3 - n * root * root)) / 2;
      expect(Math.abs((at[n] as number) - (at[n - 1] as number) - 100 * root)).toBeLessThan(2);
    }
    lab.end();
  });
  it("marks instead where the flow understands it (INET_ECN_set_ce)", () => {
    const lab = slow("fq_codel limit 10000");
    load(lab, [1000], 500, 1, { tos: 2 });
    const q = lab.dev.qdisc?.root as FqCodel;
    expect([q.ecnMarks > 5, lab.drops("qdisc: waited too long")]).toEqual([true, 0]);
    lab.end();
  });
  it("takes half of the fattest flow, at most a batch, when it is full (fq_codel_drop)", () => {
    const lab = slow("fq_codel limit 100");
    for (let i = 0; i < 90; i++) lab.send({ flow: 0 });
    for (let i = 0; i < 20; i++) lab.send({ flow: 1 });
    lab.run(2);
    const q = lab.dev.qdisc?.root as FqCodel;
    expect([q.dropOverLimit, lab.drops("qdisc")]).toEqual([45, 45]);
    lab.end();
  });
});

describe("htb", () => {
  it("warns of quanta that are too small or too big (htb_change_class)", () => {
    const lab = new QueueLab();
    lab.tc("qdisc add dev out root handle 1: htb");
    const warn = (options: string): string => lab.tc(`class replace dev out parent 1: classid 1:10 htb ${options}`);
    expect(warn("rate 64kbit")).toBe("Warning: sch_htb: quantum of class 10010 is small. Consider r2q change.\n");
    expect(warn("rate 20mbit")).toBe("Warning: sch_htb: quantum of class 10010 is big. Consider r2q change.\n");
    expect(warn("rate 20mbit quantum 2000")).toBe("");
    const htb = lab.dev.qdisc?.root as Htb;
    const quantum = (): number | undefined => htb.classOf(cls(0x10))?.quantum;
    expect(quantum()).toBe(2000);
    warn("rate 64kbit");
    expect(quantum()).toBe(1000);
    warn("rate 1gbit");
    expect(quantum()).toBe(200_000);
  });
  it("lets at most direct_qlen packets past the classes wait (htb_enqueue)", () => {
    const lab = slow("htb direct_qlen 4");
    for (let i = 0; i < 10; i++) lab.send();
    lab.run(1);
    expect([lab.left.length, lab.drops("qdisc: queue full")]).toEqual([5, 5]);
    lab.end();
  });
  it("drops what waits in a leaf that gets a child, and serves it as a leaf again without one (htb_parent_to_leaf)", () => {
    const lab = new QueueLab();
    lab.tc("qdisc add dev out root handle 1: htb");
    lab.tc("class add dev out parent 1: classid 1:10 htb rate 80kbit");
    for (let i = 0; i < 10; i++) lab.send({ priority: cls(0x10) });
    const sent = lab.left.length;
    lab.tc("class add dev out parent 1:10 classid 1:11 htb rate 80kbit");
    lab.run(5);
    expect([lab.left.length, lab.drops("qdisc: emptied")]).toEqual([sent, 10 - sent]);
    lab.tc("class del dev out classid 1:11");
    lab.send({ priority: cls(0x10) });
    lab.run(5);
    expect(lab.left.length).toBe(sent + 1);
    lab.end();
  });
  it("never wakes without need: an idle tree has no event", () => {
    const lab = new QueueLab();
    lab.tc("qdisc add dev out root handle 1: htb default 10");
    lab.tc("class add dev out parent 1: classid 1:10 htb rate 1mbit");
    for (let i = 0; i < 10; i++) lab.send();
    lab.run(1);
    expect(lab.left.length).toBe(10);
    const { events } = lab.sim;
    lab.run(1000);
    expect(lab.sim.events).toBe(events);
  });
});

describe("drops below", () => {
  it("count once in every qdisc above, and in the class (net_xmit_drop_count)", () => {
    const lab = slow("htb default 10");
    lab.tc("class add dev out parent 1: classid 1:10 htb rate 1mbit burst 1600 cburst 1600");
    lab.tc("qdisc add dev out parent 1:10 handle 10: prio");
    lab.tc("qdisc add dev out parent 10:2 handle 20: pfifo limit 5");
    for (let i = 0; i < 20; i++) lab.send();
    const drops = [...lab.tc("-s qdisc show dev out").matchAll(/dropped (\d+)/g)].map((m) => Number(m[1]));
    expect(drops).toEqual([14, 14, 14]); // one is on the line, five wait
    expect(lab.tc("-s class show dev out classid 1:10")).toContain("(dropped 14, overlimits");
    lab.end();
  });
  it("that happen later, or without a packet being enqueued, are told to those above (qdisc_tree_reduce_backlog)", () => {
    const lab = slow("prio");
    lab.tc("qdisc add dev out parent 1:2 handle 20: fq_codel limit 1000 noecn");
    for (let i = 0; i < 500; i++) {
      lab.send();
      lab.send();
      lab.run(0.001);
    }
    const late = lab.drops("qdisc: waited too long");
    expect(late).toBeGreaterThan(5);
    const root = lab.dev.qdisc?.root as Qdisc;
    expect([root.drops, root.qlen + lab.left.length + late]).toEqual([late, 1000]);
    const waited = root.qlen;
    lab.tc("qdisc del dev out parent 1:2 handle 20:");
    expect([root.qlen, root.backlog, root.drops]).toEqual([0, 0, late + waited]);
    lab.end();
  });
  it("say where, to those who listen", () => {
    const lab = slow("pfifo limit 1");
    const where: unknown[] = [];
    lab.sim.trace.listen((e) => {
      if (e.kind === "drop") where.push(e.fields["where"]);
    });
    for (let i = 0; i < 4; i++) lab.send();
    expect(where).toEqual(["out pfifo 1:", "out pfifo 1:"]);
  });
});

describe("a qdisc on a line that is free", () => {
  it.each(["pfifo_fast", "pfifo", "htb default 10", "fq_codel", "sfq", "prio"])("adds no event: %s", (kind) => {
    const events = (qdisc: boolean): number => {
      const lab = new QueueLab();
      lab.cable.tune({ rateBps: 100_000_000 });
      if (qdisc) lab.tc(`qdisc add dev out root handle 1: ${kind}`);
      if (qdisc && kind.startsWith("htb")) lab.tc("class add dev out parent 1: classid 1:10 htb rate 90mbit burst 30k");
      const { events: before } = lab.sim;
      for (let i = 0; i < 100; i++) {
        lab.send();
        lab.run(0.001);
      }
      expect(lab.left.length).toBe(100);
      return lab.sim.events - before;
    };
    expect(events(true)).toBe(events(false));
  });
});

describe("a program that sends through a queue", () => {
  it("gets its send buffer back, whatever becomes of the packets (sock_wfree)", () => {
    const ends = [
      "qdisc del dev out root",
      "qdisc replace dev out root pfifo limit 1",
      "class del dev out classid 1:10",
      "",
    ];
    for (const end of ends) {
      const lab = new QueueLab();
      lab.tc("qdisc add dev out root handle 1: htb default 10");
      lab.tc("class add dev out parent 1: classid 1:10 htb rate 100kbit");
      startCommand(lab.kernel, { kernel: () => undefined, names: () => [] }, "ip addr add 10.0.0.1/24 dev out");
      startCommand(
        lab.kernel,
        { kernel: () => undefined, names: () => [] },
        "ip neigh add 10.0.0.2 lladdr 2:0:0:0:0:9 dev out",
      );
      const socket = lab.kernel.udp.socket();
      socket.connect(0x0a00_0002, 9);
      let sent = 0;
      while (socket.send(new Uint8Array(1472)).ok) sent++;
      expect(sent).toBe(95); // two pass at once, 93 fill it
      expect(socket.sendBuffer.used).toBeGreaterThanOrEqual(socket.sendBuffer.limit);
      if (end !== "") lab.tc(end);
      lab.run(20);
      expect([end, socket.sendBuffer.used]).toEqual([end, 0]);
    }
  });
});
