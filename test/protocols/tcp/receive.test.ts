import { describe, expect, it } from "vitest";
import { Drill, PLAIN, SYN_OPTIONS } from "./drill.ts";

/** Past the first segments, which are all acknowledged at once: from here on the peer has received `n` octets. */
function settled(n = 40): Drill {
  const d = new Drill().open().read();
  for (let i = 0; i < n; i++) d.inject({ data: 1448 });
  d.advance(200);
  d.take();
  return d;
}
const octets = (from: number, n: number): Uint8Array => Uint8Array.from({ length: n }, (_, i) => (from + i) & 0xff);

describe("acknowledgements", () => {
  it("go at once for the first segments, then for every second one", () => {
    const d = new Drill().open().read();
    const acks: number[] = [];
    for (let i = 0; i < 60; i++) {
      d.inject({ data: 1448 });
      acks.push(d.take().length);
    }
    expect(acks.slice(0, 16)).toEqual(new Array(16).fill(1));
    expect(acks.slice(-10)).toEqual([0, 1, 0, 1, 0, 1, 0, 1, 0, 1]);
  });

  it("of a single segment wait 40 ms", () => {
    const d = settled();
    const start = d.now / 1e6;
    d.inject({ data: 1448 });
    d.advance(1000);
    expect(d.take({ times: true }).map((l) => Math.round(Number(l.split(":")[0]) - start))).toEqual([40]);
  });

  it("ride on data that the program sends", () => {
    const d = settled();
    d.inject({ data: 1448 });
    d.write(10);
    d.advance(1000);
    expect(d.take()[0]).toBe("PA 1 59369 len 10");
    expect(d.c.rcv.pending).toBe(0);
  });

  it("go at once for what is out of order, with the blocks that are there, the newest first", () => {
    const d = settled();
    const base = 40 * 1448 + 1;
    d.inject({ seq: base + 100, data: 100 });
    d.inject({ seq: base + 300, data: 100 });
    d.inject({ seq: base + 500, data: 100 });
    d.inject({ seq: base + 200, data: 100 });
    expect(d.take()).toEqual([
      `A 1 ${base} sack ${base + 100}-${base + 200}`,
      `A 1 ${base} sack ${base + 300}-${base + 400} ${base + 100}-${base + 200}`,
      `A 1 ${base} sack ${base + 500}-${base + 600} ${base + 300}-${base + 400} ${base + 100}-${base + 200}`,
      `A 1 ${base} sack ${base + 100}-${base + 400} ${base + 500}-${base + 600}`,
    ]);
  });

  it("go at once for what fills a hole", () => {
    const d = settled();
    const base = 40 * 1448 + 1;
    d.inject({ seq: base + 100, data: 100 });
    d.take();
    d.inject({ seq: base, data: 100 });
    expect(d.take()).toEqual([`A 1 ${base + 200}`]);
  });

  it("tell of data that came twice", () => {
    const d = settled();
    const base = 40 * 1448 + 1;
    d.inject({ seq: base - 1448, data: 1448 });
    expect(d.take()).toEqual([`A 1 ${base} sack ${base - 1448}-${base}`]);
    d.inject({ seq: base + 200, data: 100 });
    d.inject({ seq: base + 200, data: 100 });
    expect(d.take()[1]).toBe(`A 1 ${base} sack ${base + 200}-${base + 300} ${base + 200}-${base + 300}`);
  });

  it("tell of everything behind holes that a longer segment covers", () => {
    const d = settled();
    const base = 40 * 1448 + 1;
    d.inject({ seq: base + 200, data: 100 });
    d.inject({ seq: base + 400, data: 100 });
    d.take();
    d.inject({ seq: base + 100, data: 500 });
    expect(d.take()).toEqual([`A 1 ${base} sack ${base + 200}-${base + 500} ${base + 100}-${base + 600}`]);
    expect(d.c.rcv.reassembly.size).toBe(1);
  });

  it("tell nothing of that when the setting forbids it, nor of holes without SACK", () => {
    const d = new Drill({ tcp_dsack: 0 }).open().read();
    d.inject({ seq: 1, data: 10 });
    d.inject({ seq: 1, data: 10 });
    expect(d.take().every((l) => !l.includes("sack"))).toBe(true);
    const plain = new Drill().open(PLAIN).read();
    plain.inject({ seq: 100, data: 10 });
    expect(plain.take()).toEqual(["A 1 1"]);
  });

  it("tell one block less beside timestamps", () => {
    const d = settled();
    const base = 40 * 1448 + 1;
    for (let i = 1; i <= 6; i++) d.inject({ seq: base + 200 * i, data: 100 });
    const last = d.takeHeaders().at(-1);
    const sack = last?.options.find((o) => o.kind === "sack");
    expect(sack?.kind === "sack" && sack.blocks.length).toBe(3);
  });
});

describe("data", () => {
  it("is handed on in order, whatever the order in which it comes, and once", () => {
    const d = new Drill().open().read();
    for (const [from, n] of [
      [500, 100],
      [0, 100],
      [50, 200],
      [400, 300],
      [150, 500],
      [0, 1000],
      [900, 200],
    ] as const)
      d.inject({ seq: 1 + from, data: octets(from, n) });
    expect(d.received).toEqual([...octets(0, 1100)]);
  });

  it("that overlaps keeps what came first", () => {
    const d = new Drill().open().read();
    d.inject({ seq: 101, data: new Uint8Array(100).fill(1) });
    d.inject({ seq: 51, data: new Uint8Array(100).fill(2) });
    d.inject({ seq: 1, data: new Uint8Array(50).fill(3) });
    expect(d.received).toEqual([...new Array(50).fill(3), ...new Array(50).fill(2), ...new Array(100).fill(1)]);
  });

  it("waits while the program does not read, and the window shuts", () => {
    const d = new Drill({ tcp_rmem: [4096, 20_000, 20_000] }).open(SYN_OPTIONS, 65_535);
    let seq = 1;
    for (let i = 0; i < 30; i++) {
      d.inject({ seq, data: 1000 });
      seq = d.c.rcv.nxt - d.irs;
    }
    expect(d.takeHeaders().at(-1)?.window).toBe(0);
    expect(d.c.rcv.nxt - d.irs - 1).toBeLessThan(20_000);
    d.read();
    expect(d.received.length).toBe(d.c.rcv.nxt - d.irs - 1);
    expect(d.takeHeaders().at(-1)?.window).toBeGreaterThan(0);
  });

  it("beyond the window is not taken, and answered", () => {
    const d = new Drill().open().read();
    d.inject({ seq: 200_000, data: 10 });
    expect([d.take(), d.received]).toEqual([["A 1 1"], []]);
  });

  it("into a shut window is answered at once, and not taken", () => {
    const d = new Drill({ tcp_rmem: [4096, 8000, 8000] }).open();
    for (let i = 0; i < 12; i++) d.inject({ data: 1000 });
    d.take();
    const { nxt } = d.c.rcv;
    d.inject({ data: 1 });
    expect([d.take({ win: true }), d.c.rcv.nxt]).toEqual([[`A 1 ${nxt - d.irs} win 0`], nxt]);
  });

  it("behind a hole is thrown away when memory runs out, and told no more", () => {
    const d = new Drill({ tcp_rmem: [4096, 8000, 8000] }).open().read();
    for (let i = 0; i < 40; i++) d.inject({ seq: 11 + 30 * i, data: 20 });
    expect(d.c.rcv.memory).toBeLessThan(12_000);
    d.check();
  });

  it("the window that was told is never taken back", () => {
    const d = new Drill().open();
    let edge = 0;
    for (let i = 0; i < 60; i++) {
      d.inject({ data: 500 });
      for (const h of d.takeHeaders()) {
        const right = h.ack - d.irs + h.window * 128;
        expect(right).toBeGreaterThanOrEqual(edge);
        edge = right;
      }
    }
  });

  it("the window opens by no small steps", () => {
    const d = new Drill({ tcp_window_scaling: 0, tcp_rmem: [4096, 12_000, 12_000] }).open();
    for (let i = 0; i < 20; i++) d.inject({ data: 500 });
    d.take();
    d.c.rcv.paused = false;
    d.read();
    const windows = d.takeHeaders().map((h) => h.window);
    expect(windows.length).toBe(1);
    expect(windows[0]).toBeGreaterThan(1000);
  });

  it("that a program takes fast makes the receive buffer grow", () => {
    const d = new Drill().open().read();
    for (let round = 0; round < 12; round++) {
      for (let i = 0; i < 10 + 20 * round; i++) d.inject({ data: 1448 });
      d.advance(100);
    }
    expect(d.c.rcv.buffer).toBeGreaterThan(500_000);
    const fixed = new Drill();
    fixed.c.rcv.buffer = 131_072;
    fixed.c.rcv.bufferLocked = true;
    fixed.open().read();
    for (let i = 0; i < 500; i++) fixed.advance(1).inject({ data: 1448 });
    expect(fixed.c.rcv.buffer).toBe(131_072);
  });
});

describe("timestamps", () => {
  it("echo the one of the segment that is next in order, not of those behind a hole", () => {
    const d = new Drill().open().read();
    d.advance(1000);
    d.inject({ seq: 1, data: 10, stamp: 500 });
    d.inject({ seq: 21, data: 10, stamp: 600 });
    const echoes = d.takeHeaders().map((h) => {
      const o = h.options.find((option) => option.kind === "timestamps");
      return o?.kind === "timestamps" ? o.tsecr - 1_000_000 : -1;
    });
    expect(echoes).toEqual([500, 500]);
  });

  it("older than one that was seen make a segment a duplicate", () => {
    const d = new Drill().open().read();
    d.advance(1000);
    d.inject({ seq: 1, data: 10, stamp: 900 });
    d.take();
    d.inject({ seq: 11, data: 10, stamp: 300 });
    expect([d.received.length, d.news.at(-1), d.take()]).toEqual([10, "drop: tcp: old timestamp", ["A 1 11"]]);
  });

  it("may be old by a timeout on an acknowledgement that says nothing new: it was overtaken", () => {
    const d = new Drill().open().read();
    d.write(10);
    d.advance(2000);
    d.inject({ data: 10, ack: 1 });
    d.inject({ ack: 1 });
    d.take();
    d.news.length = 0;
    const now = d.now / 1e6;
    const rto = d.c.rtt.rto / 1e6;
    d.inject({ ack: 1, stamp: now - rto });
    expect(d.news).toEqual([]);
    d.inject({ ack: 1, stamp: now - rto - 1 });
    d.inject({ ack: 1, stamp: now - 100, data: 1 });
    d.inject({ ack: 1, stamp: now - 100, seq: 5 });
    expect(d.news).toEqual(new Array(3).fill("drop: tcp: old timestamp"));
  });

  it("that are old do no harm to a reset", () => {
    const d = new Drill().open();
    d.advance(1000);
    d.inject({ flags: "R", seq: 1, stamp: 0 });
    expect(d.state).toBe("CLOSED");
  });

  it("of a peer that was silent for 24 days are believed again", () => {
    const d = new Drill().open().read();
    d.advance(25 * 24 * 3600 * 1000);
    d.inject({ seq: 1, data: 10, stamp: -50_000 });
    expect(d.received.length).toBe(10);
  });
});
