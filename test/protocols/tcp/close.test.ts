import { describe, expect, it } from "vitest";
import { Segment } from "../../../src/protocols/tcp/segment.ts";
import { TIME_WAIT_SPAN, TimeWait, TW_ACK, TW_DROP, TW_END, TW_SYN } from "../../../src/protocols/tcp/time-wait.ts";
import { Drill } from "./drill.ts";

const opened = (): Drill => new Drill().open().read();

describe("an orderly end", () => {
  it("of the side that closes first", () => {
    const d = opened();
    d.c.close(d.now);
    expect([d.take(), d.state]).toEqual([["FA 1 1"], "FIN-WAIT-1"]);
    d.inject({ ack: 2 });
    expect(d.state).toBe("FIN-WAIT-2");
    d.inject({ flags: "FA" });
    expect([d.take(), d.state]).toEqual([["A 2 2"], "TIME-WAIT"]);
  });

  it("of the other side", () => {
    const d = opened();
    d.inject({ flags: "FA" });
    expect([d.state, d.news.at(-1)]).toEqual(["CLOSE-WAIT", "ended"]);
    d.write(10);
    d.c.close(d.now);
    expect(d.state).toBe("LAST-ACK");
    expect(d.take().at(-1)).toBe("FA 11 2");
    d.inject({ ack: 12 });
    expect(d.state).toBe("CLOSED");
  });

  it("by both at once", () => {
    const d = opened();
    d.c.close(d.now);
    d.inject({ flags: "FA", ack: 1 });
    expect(d.state).toBe("CLOSING");
    d.inject({ ack: 2 });
    expect(d.state).toBe("TIME-WAIT");
  });

  it("with one FIN that acknowledges the other", () => {
    const d = opened();
    d.c.close(d.now);
    d.inject({ flags: "FA", ack: 2 });
    expect(d.state).toBe("TIME-WAIT");
  });

  it("sends everything that was written before the FIN", () => {
    const d = opened();
    d.write(20_000);
    d.c.shutdown(d.now);
    const lines = d.take();
    for (let i = 0; i < 10 && d.state === "FIN-WAIT-1"; i++) {
      d.inject({ ack: d.c.snd.nxt - d.iss });
      lines.push(...d.take());
    }
    expect(lines.at(-1)).toBe("FPA 18825 1 len 1176");
    expect(d.state).toBe("FIN-WAIT-2");
  });

  it("goes on reading when only its own half is shut", () => {
    const d = opened();
    d.c.shutdown(d.now);
    d.inject({ ack: 2, data: 100 });
    d.inject({ data: 100 });
    expect([d.received.length, d.state]).toEqual([200, "FIN-WAIT-2"]);
    d.inject({ flags: "FPA", data: 10 });
    expect([d.received.length, d.news.at(-1), d.state]).toEqual([210, "ended", "TIME-WAIT"]);
  });

  it("repeats a FIN that is lost, and gives up", () => {
    const d = opened();
    d.c.close(d.now);
    d.advance(10_000);
    expect(d.take().filter((l) => l === "FA 1 1").length).toBeGreaterThan(4);
    d.advance(200_000);
    expect(d.state).toBe("CLOSED");
  });

  it("takes a FIN that comes before the data in front of it only when that is there", () => {
    const d = opened();
    d.inject({ flags: "FA", seq: 101 });
    expect(d.state).toBe("ESTABLISHED");
    d.inject({ seq: 1, data: 100 });
    expect([d.state, d.received.length]).toEqual(["CLOSE-WAIT", 100]);
  });

  it("does not tell of the end before the program has read what came before", () => {
    const d = new Drill().open();
    d.c.wantEnd(d.now);
    d.inject({ flags: "FPA", data: 10 });
    expect(d.news).not.toContain("ended");
    d.read();
    expect([d.received.length, d.news.at(-1)]).toEqual([10, "ended"]);
  });

  it("leaves FIN-WAIT-2 after a minute when nobody has the socket any more", () => {
    const d = opened();
    d.c.close(d.now);
    d.inject({ ack: 2 });
    d.advance(59_000);
    expect(d.state).toBe("FIN-WAIT-2");
    d.advance(2000);
    expect(d.state).toBe("CLOSED");
    const held = opened();
    held.c.shutdown(held.now);
    held.inject({ ack: 2 });
    held.advance(10_000_000);
    expect(held.state).toBe("FIN-WAIT-2");
  });

  it("data after the peer's FIN is not taken", () => {
    const d = opened();
    d.inject({ flags: "FA" });
    d.inject({ data: 10 });
    expect(d.received).toEqual([]);
  });

  it("nor what overlaps the FIN", () => {
    const d = opened();
    d.inject({ flags: "FA", seq: 1, data: 5 });
    d.inject({ seq: 3, data: 10 });
    expect([d.received.length, d.c.rcv.nxt - d.irs]).toEqual([5, 7]);
  });
});

describe("a disorderly end", () => {
  it("closed with data unread, resets", () => {
    const d = new Drill().open();
    d.inject({ data: 10 });
    d.take();
    d.c.close(d.now);
    expect([d.take(), d.state]).toEqual([["RA 1 11"], "CLOSED"]);
  });

  it("aborted, resets", () => {
    const d = opened();
    d.write(10);
    d.take();
    d.c.abort(d.now);
    expect([d.take(), d.state]).toEqual([["RA 11 1"], "CLOSED"]);
  });

  it("aborted while connecting, says nothing", () => {
    const d = new Drill().connect();
    d.take();
    d.c.abort(d.now);
    expect([d.take(), d.state]).toEqual([[], "CLOSED"]);
  });

  it("data for who has closed is reset", () => {
    const d = opened();
    d.c.close(d.now);
    d.inject({ ack: 2 });
    expect(d.inject({ data: 10 })).toBe(false);
    expect(d.state).toBe("CLOSED");
  });

  it("a reset ends it, in words that fit", () => {
    const d = opened();
    d.inject({ flags: "R" });
    expect([d.state, d.news.at(-1)]).toEqual(["CLOSED", "ECONNRESET"]);
    const half = opened();
    half.inject({ flags: "FA" });
    half.inject({ flags: "R" });
    expect(half.news.at(-1)).toBe("EPIPE");
  });

  it("leaves what was received for the program to read", () => {
    const d = new Drill().open();
    d.inject({ data: 10 });
    d.inject({ flags: "R" });
    d.read();
    expect(d.received.length).toBe(10);
    expect(d.pool.born).toBe(d.pool.dead);
  });

  it("closed, leaves no packet behind", () => {
    const d = new Drill().open();
    d.inject({ data: 10 });
    d.inject({ seq: 50, data: 10 });
    d.c.close(d.now);
    expect(d.pool.born).toBe(d.pool.dead);
  });
});

describe("TIME-WAIT", () => {
  const waiting = (): { readonly w: TimeWait; readonly d: Drill } => {
    const d = opened();
    d.c.close(d.now);
    d.inject({ flags: "FA", ack: 2 });
    return { w: new TimeWait(d.c), d };
  };
  const segment = (d: Drill, fields: Partial<Segment>, stamp?: number): Segment => {
    const seg = new Segment();
    Object.assign(seg, { seq: d.c.rcv.nxt, ack: d.c.snd.nxt, flags: 16, ...fields });
    seg.end = (seg.seq + seg.bytes + (seg.flags & 2 ? 1 : 0) + (seg.flags & 1)) | 0;
    seg.options.timestamps = stamp !== undefined;
    seg.tsval = stamp ?? 0;
    return seg;
  };

  it("lasts a minute, and begins anew with every FIN that is repeated", () => {
    const { w, d } = waiting();
    expect(w.expiresAt - d.now).toBe(TIME_WAIT_SPAN);
    const later = d.now + 30e9;
    const fin = segment(d, { seq: (d.c.rcv.nxt - 1) | 0, flags: 17 });
    expect([w.receive(later, fin, d.settings), w.expiresAt - later]).toEqual([TW_ACK, TIME_WAIT_SPAN]);
    expect(w.ack(later)).toMatchObject({ seq: d.c.snd.nxt, ack: d.c.rcv.nxt });
  });

  it("answers not more often than the limit lets", () => {
    const { w, d } = waiting();
    const old = segment(d, { seq: (d.c.rcv.nxt - 50) | 0, bytes: 10 });
    expect([0, 1, 499, 501].map((ms) => w.receive(d.now + ms * 1e6, old, d.settings))).toEqual([
      TW_ACK,
      TW_DROP,
      TW_DROP,
      TW_ACK,
    ]);
  });

  it("gives way to a SYN above the old numbers, or with a newer timestamp, and to no other", () => {
    const { w, d } = waiting();
    const syn = (offset: number, stamp?: number): number =>
      w.receive(d.now, segment(d, { seq: (d.c.rcv.nxt + offset) | 0, flags: 2 }, stamp), d.settings);
    expect(syn(1)).toBe(TW_SYN);
    expect(syn(-100)).toBe(TW_ACK);
    expect(syn(-100, d.c.rcv.tsRecent + 1)).toBe(TW_SYN);
    expect(syn(1, d.c.rcv.tsRecent - 1)).not.toBe(TW_SYN);
    expect((w.nextIss - d.c.snd.nxt) | 0).toBeGreaterThan(65_535);
  });

  it("is ended by a reset that fits, unless the setting of RFC 1337 protects it", () => {
    const { w, d } = waiting();
    const reset = segment(d, { flags: 4 });
    expect(w.receive(d.now, segment(d, { seq: (d.c.rcv.nxt + 5) | 0, flags: 4 }), d.settings)).toBe(TW_DROP);
    expect(w.receive(d.now, reset, { ...d.settings, tcp_rfc1337: 1 })).toBe(TW_DROP);
    expect(w.receive(d.now, reset, Object.assign(Object.create(d.settings), {}))).toBe(TW_END);
  });
});
