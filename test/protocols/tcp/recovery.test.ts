import { describe, expect, it } from "vitest";
import { LOSS, OPEN, RECOVERY } from "../../../src/protocols/tcp/recovery-state.ts";
import { RttEstimator } from "../../../src/protocols/tcp/rtt.ts";
import { Drill, PLAIN, SACK_ONLY, SYN_OPTIONS } from "./drill.ts";

const M = 1448;
/** Where segment `i` begins. */
const at = (i: number): number => 1 + i * M;

/** Ten segments are out, 100 ms of round trip. */
function ten(settings: object = {}, options = SYN_OPTIONS): Drill {
  const d = new Drill(settings).open(options);
  d.write(20 * M);
  return d;
}
const seqs = (lines: readonly string[]): number[] => lines.map((l) => (Number(l.split(" ")[1]) - 1) / M);

describe("round trips", () => {
  it("are smoothed as RFC 6298 has it, and the timeout is the round trip and 200 ms at least", () => {
    const rtt = new RttEstimator();
    const sample = (us: number): number => {
      rtt.sample(us, 0, 1, 200_000);
      rtt.reset(120e9);
      return rtt.rto / 1e6;
    };
    expect(sample(100_000)).toBe(300); // 100 + 4 · 50
    expect(sample(100_000)).toBe(300);
    for (let i = 0; i < 50; i++) rtt.sample(100_000, 2 + i, 2 + i, 200_000);
    expect(sample(100_000)).toBe(300);
    expect(sample(500_000)).toBeGreaterThan(400);
  });

  it("may be light minutes long", () => {
    const d = new Drill({ tcp_rto_max_ms: 4_000_000, tcp_syn_retries: 30 }).open(SYN_OPTIONS, 65_535, 1_320_000);
    d.write(100);
    d.take();
    d.advance(1_320_000);
    d.inject({ ack: 101 });
    expect([d.take(), Math.round(d.c.rtt.srtt / 1e9)]).toEqual([[], 1320]);
  });

  it("are not measured by what was sent twice, without timestamps", () => {
    const d = new Drill().open(SACK_ONLY);
    const { srtt8 } = d.c.rtt;
    d.write(M);
    d.advance(2000);
    d.inject({ ack: at(1) });
    expect(d.c.rtt.srtt8).toBe(srtt8);
  });

  it("are measured by the echo of a timestamp then", () => {
    const d = new Drill().open();
    d.write(M);
    d.advance(700);
    d.inject({ ack: at(1), echo: d.now / 1e6 - 50 });
    expect(Math.round(d.c.rtt.srtt / 1e6)).toBe(94); // 7/8 of 100 and 1/8 of 50
  });
});

describe("timeouts", () => {
  it("send the oldest segment again, twice as late each time, up to the ceiling", () => {
    const d = new Drill({ tcp_early_retrans: 0, tcp_rto_max_ms: 5000 }).open();
    d.write(M);
    d.advance(20_000);
    const times = d.take({ times: true }).map((l) => Number(l.split(":")[0]));
    const gaps = times.slice(1).map((t, i) => Math.round(t - (times[i] as number)));
    expect(gaps).toEqual([300, 600, 1200, 2400, 4800, 5000, 5000]);
  });

  it("leave a window of one segment, and slow start begins", () => {
    const d = ten({ tcp_early_retrans: 0, tcp_frto: 0 });
    d.take();
    d.advance(301);
    expect([seqs(d.take()), d.c.snd.cwnd, d.c.snd.ssthresh]).toEqual([[0], 1, 7]);
    d.inject({ ack: at(1) });
    expect(seqs(d.take())).toEqual([1, 2]);
    d.inject({ ack: at(3) });
    expect(seqs(d.take()).length).toBe(4);
    d.check();
  });

  it("are a reason to try another path, after three of them and at every one then", () => {
    const d = new Drill({ tcp_early_retrans: 0 }).open();
    d.write(M);
    const after: number[] = [];
    for (let ms = 100; ms < 20_000; ms += 100) {
      d.news.length = 0;
      d.advance(100);
      after.push(...d.news.filter((n) => n === "path suspect").map(() => d.c.snd.retransmits));
    }
    expect(after).toEqual([4, 5, 5, 6, 6]);
  });

  it("end the connection after as long as so many of them take", () => {
    const d = new Drill({ tcp_retries2: 4 }).open();
    d.write(M);
    d.advance(100_000);
    expect(d.news.slice(-2)).toEqual(["ESTABLISHED to CLOSED", "ETIMEDOUT"]);
    expect(d.take({ times: true }).at(-1)).toBe("4900: PA 1 1 len 1448"); // 31 · 200 ms have passed when the next is due
  });

  it("of 15 end it after some quarter of an hour", () => {
    const d = new Drill().open();
    d.write(M);
    d.advance(900_000);
    expect(d.state).toBe("ESTABLISHED");
    d.advance(200_000);
    expect(d.state).toBe("CLOSED");
  });

  it("that were for nothing are found out by the echo of a timestamp, and the window comes back", () => {
    const d = ten({ tcp_early_retrans: 0 });
    d.advance(301);
    expect(d.c.snd.cwnd).toBe(1);
    d.inject({ ack: at(4), echo: 100 });
    expect([d.c.recovery.phase, d.c.snd.cwnd >= 10]).toEqual([OPEN, true]);
  });

  it("that were for nothing are found out by F-RTO without timestamps", () => {
    const d = ten({ tcp_early_retrans: 0 }, SACK_ONLY);
    d.take();
    d.advance(301);
    d.take();
    d.inject({ ack: at(1) }); // advances, and no more
    expect(seqs(d.take())[0]).toBeGreaterThanOrEqual(9); // new data instead of what counts as lost
    d.inject({ ack: at(4) });
    expect([d.c.recovery.phase, d.c.snd.cwnd >= 10]).toEqual([OPEN, true]);
  });

  it("with a peer that has thrown away what it had are followed by everything", () => {
    const d = ten({ tcp_early_retrans: 0 }, SACK_ONLY);
    d.inject({ sack: [[at(1), at(10)]] });
    d.take();
    d.inject({ ack: at(1) }); // and not at(10): it reneges
    d.advance(2000);
    expect(seqs(d.take())).toContain(1);
    d.inject({ ack: at(2) });
    d.check();
  });
});

describe("an acknowledgement of part of a segment", () => {
  it("leaves the rest to be sent again, with its octets in their places", () => {
    const d = new Drill().open();
    d.write(1000);
    d.inject({ ack: 401 });
    d.take();
    d.advance(1000);
    const [again] = d.takeSegments();
    expect(again).toEqual({ seq: 401, data: Uint8Array.from({ length: 600 }, (_, i) => (400 + i) & 0xff) });
    d.inject({ ack: 1001 });
    expect([d.c.snd.sent.packetsOut, d.c.snd.queue.bytes]).toEqual([0, 0]);
  });

  it("does not bring it back when segments are cut anew", () => {
    const d = new Drill().open();
    d.write(1400);
    d.inject({ ack: 1300 });
    d.take();
    d.mtu = 600;
    d.c.mtuReduced(d.now);
    d.advance(1000);
    expect(d.take()[0]).toBe("PA 1300 1 len 101");
    d.check();
  });
});

describe("fast retransmit", () => {
  it("follows the third duplicate acknowledgement with SACK", () => {
    const d = ten({}, SACK_ONLY);
    d.advance(100);
    d.take();
    d.inject({ sack: [[at(1), at(2)]] });
    d.inject({ sack: [[at(1), at(3)]] });
    expect(seqs(d.take()).filter((i) => i < 10)).toEqual([]);
    d.inject({ sack: [[at(1), at(4)]] });
    expect(seqs(d.take())).toContain(0);
    expect([d.c.recovery.phase, d.c.snd.ssthresh]).toEqual([RECOVERY, 7]);
    d.check();
  });

  it("lets new data out on the first two duplicates (limited transmit)", () => {
    const d = ten({}, SACK_ONLY);
    d.advance(100);
    d.take();
    d.inject({ sack: [[at(1), at(2)]] });
    expect(seqs(d.take())).toEqual([10]);
    d.inject({ sack: [[at(1), at(3)]] });
    expect(seqs(d.take())).toEqual([11]);
  });

  it("ends when all that was out is acknowledged, with half the window or so", () => {
    const d = ten({}, SACK_ONLY);
    d.advance(100);
    for (const i of [2, 3, 4, 5, 6, 7, 8, 9, 10]) d.inject({ sack: [[at(1), at(i)]] });
    d.advance(100);
    d.inject({ ack: d.c.snd.nxt - d.iss });
    expect([d.c.recovery.phase, d.c.snd.ssthresh, d.c.snd.cwnd <= 8]).toEqual([OPEN, 7, true]);
    d.check();
  });

  it("sends out no more than proportional rate reduction lets", () => {
    const d = ten({}, SACK_ONLY);
    d.advance(100);
    d.take();
    let out = 0;
    for (const i of [2, 3, 4, 5, 6, 7, 8, 9, 10]) {
      d.inject({ sack: [[at(1), at(i)]] });
      out += d.take().length;
    }
    expect(out).toBeGreaterThanOrEqual(6);
    expect(out).toBeLessThanOrEqual(9);
  });

  it("goes on hole by hole without SACK (NewReno)", () => {
    const d = new Drill().open(PLAIN);
    d.write(10 * 1460);
    d.advance(100);
    d.take();
    for (let i = 0; i < 4; i++) d.inject({ win: 65_535 }); // the first is news of the window
    const seq = (line: string): number => (Number(line.split(" ")[1]) - 1) / 1460;
    expect(d.take().map(seq)).toEqual([0]);
    d.inject({ ack: 1 + 4 * 1460, win: 65_535 }); // a part: segment 4 is missing too
    expect(d.take().map(seq)).toEqual([4]);
    expect(d.c.recovery.phase).toBe(RECOVERY);
    d.inject({ ack: 1 + 10 * 1460, win: 65_535 });
    d.write(1460);
    d.inject({ ack: 1 + 11 * 1460, win: 65_535 });
    expect(d.c.recovery.phase).toBe(OPEN);
    d.check();
  });

  it("needs three duplicates without SACK; window updates are none", () => {
    const d = new Drill().open(PLAIN, 20_000);
    d.write(10 * 1460);
    d.advance(100);
    d.take();
    for (const win of [21_000, 22_000, 23_000, 24_000]) d.inject({ win });
    expect(d.c.recovery.phase).toBe(OPEN);
    d.inject({ win: 24_000 });
    d.inject({ win: 24_000 });
    expect(d.c.recovery.phase).not.toBe(RECOVERY);
    d.inject({ win: 24_000 });
    expect(d.c.recovery.phase).toBe(RECOVERY);
  });

  it("by counts alone where RACK is off (RFC 6675)", () => {
    const d = ten({ tcp_recovery: 0 }, SACK_ONLY);
    d.advance(100);
    d.inject({ sack: [[at(3), at(6)]] });
    expect([d.c.recovery.phase, d.c.snd.sent.lostOut]).toEqual([RECOVERY, 3]);
    d.check();
  });

  it("is undone when all that was sent again is reported twice", () => {
    const d = ten({}, SACK_ONLY);
    d.advance(100);
    for (const i of [2, 3, 4]) d.inject({ sack: [[at(1), at(i)]] });
    expect(d.c.recovery.phase).toBe(RECOVERY);
    d.advance(10);
    d.inject({ ack: at(4), sack: [[at(0), at(1)]] }); // segment 0 came twice: it was only late
    d.inject({ ack: d.c.snd.nxt - d.iss });
    expect([d.c.recovery.phase, d.c.snd.cwnd >= 10, d.c.recovery.reordering]).toEqual([OPEN, true, 3]);
  });

  it("waits longer on a network that reorders", () => {
    const d = ten({}, SACK_ONLY);
    d.advance(100);
    d.inject({ sack: [[at(5), at(6)]] });
    d.inject({
      sack: [
        [at(1), at(2)],
        [at(5), at(6)],
      ],
    }); // segment 1 behind 5, sent once: reordered
    expect([d.c.recovery.reorderSeen, d.c.recovery.reordering]).toEqual([1, 5]);
    d.take();
    for (const i of [7, 8, 9]) d.inject({ sack: [[at(5), at(i)]] });
    expect(seqs(d.take()).filter((i) => i < 10)).toEqual([]); // suspected, and given a quarter of a round trip
    d.advance(60);
    expect([seqs(d.take()).filter((i) => i < 10), d.c.snd.sent.lostOut]).toEqual([[0], 4]);
    d.check();
  });

  it("sends again what was lost again", () => {
    const d = ten({}, SACK_ONLY);
    d.advance(100);
    for (const i of [2, 3, 4]) d.inject({ sack: [[at(1), at(i)]] });
    d.take();
    d.advance(1);
    d.inject({ sack: [[at(1), at(5)]] }); // lets new data out, behind what was sent again
    d.inject({ sack: [[at(1), at(6)]] });
    d.inject({ sack: [[at(1), at(7)]] });
    d.take();
    d.advance(100);
    for (let i = 10; i < 14; i++)
      d.inject({
        sack: [
          [at(10), at(i + 1)],
          [at(1), at(7)],
        ],
      });
    expect(seqs(d.take())).toContain(0);
    d.check();
  });
});

it("duplicates that cannot be are not believed", () => {
  const d = ten();
  d.inject({ ack: at(10) });
  const { maxWnd } = d.c.snd;
  d.inject({ ack: at(10), sack: [[at(9), at(9)]] });
  d.inject({ ack: at(10), sack: [[at(9), at(8)]] });
  d.inject({ ack: at(10), sack: [[at(9) - maxWnd - 1, at(9)]] });
  expect(d.c.recovery.dsackDuplicates).toBe(0);
  d.inject({ ack: at(10), sack: [[at(7), at(9)]] });
  expect(d.c.recovery.dsackDuplicates).toBe(2);
});

describe("the tail of a transfer", () => {
  it("is probed after two round trips", () => {
    const d = new Drill().open();
    d.write(3 * M);
    d.take();
    d.advance(250);
    expect(d.take({ times: true })).toEqual(["302: PA 2897 1 len 1448"]); // 100 + 2 · 100 + 2
    d.inject({ ack: at(3) });
    expect(d.c.recovery.phase).toBe(OPEN);
  });

  it("is probed with new data when there is some", () => {
    const d = ten();
    d.take();
    d.advance(250);
    expect(seqs(d.take())).toEqual([10]);
  });

  it("that was lost, and repaired by the probe, was congestion", () => {
    const d = new Drill().open(SACK_ONLY);
    d.write(9 * M);
    d.advance(250);
    d.take();
    d.write(M);
    d.inject({ ack: at(10) });
    expect(d.c.snd.ssthresh).toBe(7);
  });

  it("waits for a delayed acknowledgement when one segment is out", () => {
    const d = new Drill().open();
    d.write(10);
    d.take();
    d.advance(299);
    expect(d.take()).toEqual([]);
  });

  it("is not probed when the setting says so", () => {
    const d = new Drill({ tcp_early_retrans: 0 }).open();
    d.write(3 * M);
    d.take();
    d.advance(299);
    expect(d.take()).toEqual([]);
  });
});

describe("paths of another MTU", () => {
  it("what is too large goes again at once in smaller pieces, and the window stays", () => {
    const d = new Drill().open();
    d.write(4 * M);
    d.advance(50);
    d.take();
    d.mtu = 1000;
    d.c.mtuReduced(d.now);
    expect(d.take().slice(0, 3)).toEqual(["A 1 1 len 948", "A 949 1 len 500", "A 1449 1 len 948"]);
    expect([d.c.snd.mss, d.c.snd.cwnd, d.c.recovery.phase]).toEqual([948, 10, LOSS]);
    d.check();
  });

  it("a larger MTU makes segments larger", () => {
    const d = new Drill();
    d.mtu = 1000;
    d.open();
    d.write(948);
    expect(d.take()).toEqual(["PA 1 1 len 948"]);
    d.mtu = 1500;
    d.inject({ ack: 949 });
    d.write(5000);
    expect(d.take()[0]).toBe("A 949 1 len 1448");
  });

  it("a path that swallows large packets is tried with smaller ones, if told", () => {
    const d = new Drill({ tcp_mtu_probing: 1 }).open();
    d.write(2 * M);
    d.advance(30_000);
    expect(d.take().some((l) => l.endsWith("len 1012"))).toBe(true); // tcp_base_mss 1024
    const off = new Drill().open();
    off.write(2 * M);
    off.advance(30_000);
    expect(off.take().every((l) => !l.endsWith("len 1012"))).toBe(true);
  });

  it("searches for the largest packet that passes, from a small one on, if told", () => {
    const d = new Drill({ tcp_mtu_probing: 2 }).open();
    let acked = 1;
    for (let i = 0; i < 60; i++) {
      d.write(60_000);
      d.advance(100);
      acked = d.c.snd.nxt - d.iss;
      d.inject({ ack: acked, win: 2000 });
    }
    expect(d.c.snd.mss).toBeGreaterThan(1400);
    d.check();
  });
});
