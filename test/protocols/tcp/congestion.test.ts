import { describe, expect, it } from "vitest";
import { Cubic } from "../../../src/protocols/tcp/congestion/cubic.ts";
import { Reno } from "../../../src/protocols/tcp/congestion/reno.ts";
import { CWR, OPEN } from "../../../src/protocols/tcp/recovery-state.ts";
import { Drill, SACK_ONLY, SYN_OPTIONS } from "./drill.ts";

const M = 1448;

/** A round trip of 100 ms in which everything that may be sent is sent, and acknowledged by twos. */
function round(d: Drill): void {
  d.write(400 * M);
  d.take();
  d.advance(100);
  const { sent } = d.c.snd;
  const ends: number[] = [];
  for (let i = sent.head; i < sent.tail; i++) ends.push(((sent.end[i & sent.mask] as number) - d.iss) | 0);
  for (let i = 1; i < ends.length; i += 2) d.inject({ ack: ends[i] as number, win: 40_000 });
  d.inject({ ack: ends.at(-1) as number, win: 40_000 });
  d.take();
}

const opened = (control: Reno | Cubic, settings: object = {}): Drill => {
  const d = new Drill({ tcp_wmem: [4096, 4_000_000, 4_000_000], ...settings }, { control }).open(SYN_OPTIONS, 65_535);
  d.inject({ win: 40_000 });
  return d;
};

describe("slow start", () => {
  it("doubles the window in a round trip, up to the threshold", () => {
    const d = opened(new Reno());
    const windows: number[] = [];
    for (let i = 0; i < 4; i++) {
      round(d);
      windows.push(d.c.snd.cwnd);
    }
    expect(windows).toEqual([20, 40, 80, 160]);
    const low = opened(new Reno());
    low.c.snd.ssthresh = 15;
    round(low);
    expect(low.c.snd.cwnd).toBe(15);
  });

  it("does not grow a window that is not used", () => {
    const d = opened(new Reno());
    for (let i = 0; i < 20; i++) {
      d.write(100);
      d.advance(100);
      d.inject({ ack: d.c.snd.nxt - d.iss });
    }
    expect(d.c.snd.cwnd).toBe(10);
  });

  it("ends when the delay rises (HyStart)", () => {
    const d = opened(new Cubic());
    for (let i = 0; i < 2; i++) round(d);
    for (let extra = 10; d.c.snd.ssthresh > 10_000 && extra < 200; extra += 10) {
      d.advance(extra);
      round(d);
    }
    expect(d.c.snd.ssthresh).toBeLessThan(10_000);
  });

  it("begins anew after a pause, unless the setting forbids it", () => {
    const afterPause = (settings: object, ms: number): number => {
      const d = opened(new Reno(), settings);
      d.c.snd.cwnd = 160;
      d.write(M);
      d.advance(100);
      d.inject({ ack: 1 + M, win: 40_000 });
      d.advance(ms);
      d.write(M);
      return d.c.snd.cwnd;
    };
    expect([afterPause({}, 10_000), afterPause({}, 700), afterPause({}, 100)]).toEqual([10, 40, 160]);
    expect(afterPause({ tcp_slow_start_after_idle: 0 }, 10_000)).toBe(160);
  });
});

describe("Reno", () => {
  it("grows by a segment in a round trip", () => {
    const d = opened(new Reno());
    d.c.snd.ssthresh = 10;
    const windows: number[] = [];
    for (let i = 0; i < 5; i++) {
      round(d);
      windows.push(d.c.snd.cwnd);
    }
    expect(windows).toEqual([11, 12, 13, 14, 15]);
  });

  it("halves its window", () => {
    const d = opened(new Reno());
    d.c.snd.cwnd = 40;
    expect(new Reno().ssthresh(d.c)).toBe(20);
    d.c.snd.cwnd = 3;
    expect(new Reno().ssthresh(d.c)).toBe(2);
  });
});

describe("CUBIC", () => {
  it("reduces its window by 0.3, and remembers less when it was on the way up", () => {
    const d = opened(new Cubic());
    const cubic = new Cubic();
    d.c.snd.cwnd = 100;
    expect(cubic.ssthresh(d.c)).toBe(70);
    d.c.snd.cwnd = 90;
    expect(cubic.ssthresh(d.c)).toBe(63);
  });

  it("grows along the cubic: fast, flat where the loss was, and fast again", () => {
    const d = opened(new Cubic());
    d.c.snd.cwnd = 100;
    d.c.snd.ssthresh = d.c.congestion.ssthresh(d.c); // a loss at 100
    d.c.snd.cwnd = 70;
    const windows: number[] = [];
    for (let i = 0; i < 80; i++) {
      round(d);
      windows.push(d.c.snd.cwnd);
    }
    // W(t) = 0.4 (t - K)³ + 100, K = ∛(30 / 0.4) = 4.2 s (RFC 9438 figures 1 and 2), after each 100 ms.
    const wanted = windows.map((_, i) => 0.4 * ((i + 1) * 0.1 - 4.217) ** 3 + 100);
    const off = windows.map((w, i) => Math.abs(w - (wanted[i] as number)) / (wanted[i] as number));
    expect(Math.max(...off)).toBeLessThan(0.08);
    expect(windows.slice(38, 46).every((w) => Math.abs(w - 100) <= 2)).toBe(true);
  });

  it("is never slower than Reno would be", () => {
    const d = opened(new Cubic());
    d.c.snd.cwnd = 20;
    d.c.snd.ssthresh = d.c.congestion.ssthresh(d.c);
    d.c.snd.cwnd = 14;
    for (let i = 0; i < 20; i++) round(d);
    // Reno with a factor of 0.7 grows by 3 (1 - 0.7) / (1 + 0.7) = 0.53 in a round trip.
    expect(d.c.snd.cwnd).toBeGreaterThanOrEqual(14 + 9);
  });

  it("draws the same curve every time", () => {
    const run = (): number[] => {
      const d = opened(new Cubic());
      d.c.snd.ssthresh = 30;
      return Array.from({ length: 50 }, () => {
        round(d);
        return d.c.snd.cwnd;
      });
    };
    expect(run()).toEqual(run());
  });
});

describe("ECN", () => {
  const granted = (): Drill => {
    const d = new Drill({ tcp_ecn: 1 }).connect();
    d.take();
    d.advance(100).inject({ flags: "SAE", seq: 0, ack: 1, win: 65_535, options: SYN_OPTIONS });
    d.take();
    return d;
  };

  it("marks new segments as capable, neither acknowledgements nor what is sent again", () => {
    const d = granted();
    d.write(M);
    d.inject({ flags: "PA", data: 10 });
    d.advance(1000);
    const lines = d.take();
    expect(lines[0]).toBe("PA 1 1 len 1448 ect");
    expect(lines.slice(1).every((l) => !l.includes("ect"))).toBe(true);
  });

  it("reduces the window once in a round trip when congestion is echoed, and says so", () => {
    const d = granted();
    d.write(30 * M);
    d.take();
    d.advance(100);
    d.inject({ flags: "AE", ack: 1 + M });
    expect([d.c.recovery.phase, d.c.snd.ssthresh]).toEqual([CWR, 7]);
    for (let i = 2; i <= 8; i++) d.inject({ flags: "AE", ack: 1 + i * M });
    expect(d.c.snd.ssthresh).toBe(7);
    const lines = d.take();
    expect(lines.filter((l) => l.split(" ")[0]?.includes("C")).length).toBe(1);
    d.inject({ ack: d.c.snd.nxt - d.iss });
    d.inject({ ack: d.c.snd.nxt - d.iss });
    expect(d.c.recovery.phase).toBe(OPEN);
  });

  it("echoes a mark until the sender says that it has slowed down", () => {
    const d = granted().read();
    d.inject({ data: 100, ecn: 3 });
    expect(d.take()).toEqual(["AE 1 101"]);
    d.inject({ data: 100, ecn: 2 });
    d.inject({ data: 100, ecn: 2 });
    expect(d.take().every((l) => l.startsWith("AE"))).toBe(true);
    d.inject({ flags: "AC", data: 100, ecn: 2 });
    expect(d.take()).toEqual(["A 1 401"]);
  });

  it("is not used when the peer does not grant it", () => {
    const d = new Drill({ tcp_ecn: 1 }).connect();
    d.advance(100).inject({ flags: "SA", seq: 0, ack: 1, win: 65_535, options: SYN_OPTIONS });
    d.take();
    d.write(M);
    expect(d.take()).toEqual(["PA 1 1 len 1448"]);
    d.inject({ flags: "AE", ack: 1 + M });
    expect(d.c.recovery.phase).toBe(OPEN);
  });
});

it("a window that the program does not fill falls towards what is used", () => {
  const d = new Drill({}, { control: new Reno() }).open(SACK_ONLY);
  d.c.snd.cwnd = 100;
  for (let i = 0; i < 40; i++) {
    d.write(100);
    d.advance(100);
    d.inject({ ack: d.c.snd.nxt - d.iss });
  }
  expect(d.c.snd.cwnd).toBeLessThan(30);
});
