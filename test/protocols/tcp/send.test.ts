import { describe, expect, it } from "vitest";
import { Drill, PLAIN, SACK_ONLY, SYN_OPTIONS } from "./drill.ts";

describe("what is sent, and when", () => {
  it("cuts what is written into segments of the size agreed, and pushes the end of a write", () => {
    const d = new Drill().open();
    d.write(4000);
    expect(d.take()).toEqual(["A 1 1 len 1448", "A 1449 1 len 1448", "PA 2897 1 len 1104"]);
  });

  it("sends the octets that were written, in order", () => {
    const d = new Drill().open();
    d.write(2000);
    const sent = d.takeData().flatMap((b) => [...b]);
    expect(sent).toEqual(Array.from({ length: 2000 }, (_, i) => i & 0xff));
  });

  it("sends lent octets and made ones like written ones", () => {
    const d = new Drill().open();
    d.c.lend(
      d.now,
      Uint8Array.from({ length: 100 }, () => 7),
      20,
      70,
    );
    d.c.generate(d.now, { fill: (b, o, end, at) => b.fill(at & 0xff, o, end) }, 30);
    d.advance(1);
    d.inject({ ack: 51 });
    d.write(5);
    d.inject({ ack: 81 });
    const sent = d.takeData().flatMap((b) => [...b]);
    expect(sent).toEqual([...new Array(50).fill(7), ...new Array(30).fill(50), ...[0x50, 0x51, 0x52, 0x53, 0x54]]);
  });

  it("holds a small segment back while another is out, and sends it with the acknowledgement", () => {
    const d = new Drill().open();
    d.write(100);
    d.write(100);
    d.write(100);
    expect(d.take()).toEqual(["PA 1 1 len 100"]);
    d.inject({ ack: 101 });
    expect(d.take()).toEqual(["PA 101 1 len 200"]);
  });

  it("lets a small segment follow full ones, as Minshall has it", () => {
    const d = new Drill().open();
    d.write(1448 + 100);
    expect(d.take()).toEqual(["A 1 1 len 1448", "PA 1449 1 len 100"]);
    d.write(100);
    expect(d.take()).toEqual([]);
  });

  it("holds nothing back when the program wants no delay", () => {
    const d = new Drill().open();
    d.c.noDelay = true;
    d.write(100);
    d.write(100);
    expect(d.take()).toEqual(["PA 1 1 len 100", "PA 101 1 len 100"]);
  });

  it("sends no more than the peer's window takes, and no part of a segment", () => {
    const d = new Drill().open(SYN_OPTIONS, 3000);
    d.write(10_000);
    expect(d.take()).toEqual(["A 1 1 len 1448", "PA 1449 1 len 1448"]);
    d.inject({ ack: 1449, win: 23 }); // 2944 octets
    expect(d.take()).toEqual(["A 2897 1 len 1448"]);
  });

  it("gives a peer with a window of few octets half of it at a time", () => {
    const d = new Drill().open(PLAIN, 1000);
    d.write(3000);
    expect(d.take()).toEqual(["PA 1 1 len 500", "A 501 1 len 500"]);
  });

  it("takes no more than the send buffer holds, and tells when a third of it is free", () => {
    const d = new Drill();
    d.c.snd.buffer = 6000;
    d.c.snd.bufferLocked = true;
    d.open();
    expect([d.write(10_000), d.write(1)]).toEqual([6000, 0]);
    d.inject({ ack: 1449 });
    expect(d.news).toEqual([]);
    d.inject({ ack: 2897 });
    expect(d.news).toEqual(["writable"]);
    expect(d.write(10_000)).toBe(2896);
  });

  it("takes nothing before it is connected, nor after it was shut", () => {
    const d = new Drill().connect();
    expect(d.write(10)).toBe(0);
    const open = new Drill().open();
    open.c.shutdown(open.now);
    expect(open.write(10)).toBe(0);
  });

  it("lets only so much of itself wait in queues of its node, and goes on when they empty", () => {
    const d = new Drill({ tcp_limit_output_bytes: 5000 }).open(SYN_OPTIONS, 65_535, 1000);
    const left: (() => void)[] = [];
    const { transmit } = d;
    d.transmit = (p, ecn) => {
      const { owner, charge } = p;
      p.owner = null;
      left.push(() => owner?.left(d.now, charge)); // stays in a queueing discipline until told
      return transmit.call(d, p, ecn);
    };
    d.write(14_480);
    expect(d.take().length).toBe(4);
    left.shift()?.();
    d.advance(0);
    expect(d.take()).toEqual([]); // half of it must have left
    for (const leave of left.splice(0)) leave();
    d.advance(0);
    expect(d.take().length).toBe(4);
  });

  it("reduces its window when a queue of its own node is full, and keeps the segment", () => {
    const d = new Drill().open();
    d.refusing = true;
    d.write(3000);
    expect([d.c.snd.nxt - d.c.snd.una, d.c.recovery.phase, d.c.snd.ssthresh]).toEqual([0, 2, 7]);
    d.refusing = false;
    d.advance(500);
    expect(d.take().length).toBeGreaterThan(0);
  });
});

it("would pace at twice the window in a round trip in slow start, at 1.2 times later", () => {
  const d = new Drill().open();
  expect(d.c.pacingRate()).toBe((1448 * 10 * 2) / 0.1);
  d.c.snd.ssthresh = 10;
  expect(d.c.pacingRate()).toBe((1448 * 10 * 1.2) / 0.1);
});

describe("a peer that shuts its window", () => {
  it("is asked after a timeout, then less and less often, for as long as it answers", () => {
    const d = new Drill().open(SACK_ONLY, 2000);
    d.write(5000);
    d.inject({ ack: 1001, win: 0 });
    d.inject({ ack: 2001, win: 0 });
    d.take();
    for (let i = 0; i < 12; i++) {
      d.advance(60_000);
      d.inject({ ack: 2001, win: 0 });
    }
    const at = d.take({ times: true }).map((line) => Number(line.split(":")[0]));
    const gaps = at.slice(1).map((t, i) => Math.round((t - (at[i] as number)) / 100) / 10);
    expect(gaps.slice(0, 6)).toEqual([0.6, 1.1, 2.3, 4.6, 9.2, 18.4]);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(120);
    expect(d.state).toBe("ESTABLISHED");
  });

  it("is asked with a sequence number that it must answer", () => {
    const d = new Drill().open(SACK_ONLY, 1448);
    d.write(5000);
    d.inject({ ack: 1449, win: 0 });
    d.take();
    d.advance(400);
    expect(d.take()).toEqual(["A 1448 1"]);
  });

  it("gets as much as its window takes when that stays small", () => {
    const d = new Drill().open(PLAIN, 3000);
    d.write(5000);
    d.inject({ ack: 1461, win: 1500 });
    d.inject({ ack: 2921, win: 600 });
    d.take();
    d.advance(400);
    expect(d.take()).toEqual(["PA 2921 1 len 600"]);
  });

  it("gets what waits as soon as it opens", () => {
    const d = new Drill().open(SYN_OPTIONS, 1448);
    d.write(3000);
    d.inject({ ack: 1449, win: 0 });
    d.take();
    d.inject({ ack: 1449, win: 100 });
    expect(d.take()).toEqual(["A 1449 1 len 1448", "PA 2897 1 len 104"]);
  });

  it("is given up after as many probes as the setting says", () => {
    const d = new Drill({ tcp_retries2: 3 }).open(SYN_OPTIONS, 1448);
    d.write(3000);
    d.inject({ ack: 1449, win: 0 });
    d.advance(100_000);
    expect(d.news.at(-1)).toBe("ETIMEDOUT");
  });

  it("that takes its window back gets the oldest segment as a probe, and no other", () => {
    const d = new Drill().open(SYN_OPTIONS, 65_535);
    d.write(5000);
    d.inject({ ack: 1449, win: 0 });
    d.take();
    d.advance(1000);
    expect(d.take().every((line) => line === "A 1449 1 len 1448")).toBe(true);
    expect(d.state).toBe("ESTABLISHED");
  });
});

describe("keepalive", () => {
  const idle = (d: Drill): Drill => {
    Object.assign(d.c, { keepAlive: true, keepIdle: 10e9, keepInterval: 2e9, keepCount: 3 });
    return d.open();
  };

  it("probes an idle peer, and is content with an answer", () => {
    const d = idle(new Drill()).advance(10_000);
    expect(d.take()).toEqual(["A 0 1"]);
    d.inject({});
    d.advance(9900);
    expect(d.take()).toEqual([]);
    d.advance(200);
    expect(d.take()).toEqual(["A 0 1"]);
  });

  it("gives an idle peer up that does not answer, with a reset", () => {
    const d = idle(new Drill()).advance(60_000);
    expect(d.take({ times: true })).toEqual(["10100: A 0 1", "12100: A 0 1", "14100: A 0 1", "16100: RA 1 1"]);
    expect(d.news).toEqual(["ESTABLISHED to CLOSED", "ETIMEDOUT"]);
  });

  it("is off unless the program wants it", () => {
    expect(new Drill().open().advance(100_000_000).take()).toEqual([]);
  });
});
