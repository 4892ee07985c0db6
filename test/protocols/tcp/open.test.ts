import { describe, expect, it } from "vitest";
import { S } from "../../../src/core/time.ts";
import {
  checkCookie,
  hiddenEcn,
  hiddenSack,
  hiddenScale,
  hideOptions,
  initialSequence,
  makeCookie,
  portWord,
  stampOffset,
} from "../../../src/protocols/tcp/isn.ts";
import type { TcpOption } from "../../../src/protocols/tcp/option-values.ts";
import { Drill, PLAIN, SYN_OPTIONS } from "./drill.ts";

const kinds = (options: readonly TcpOption[]): string => options.map((o) => o.kind).join(" ");

describe("active open", () => {
  it("sends a SYN, acknowledges the answer, and then tells the program", () => {
    const d = new Drill().connect();
    expect(d.take({ win: true })).toEqual(["S 0 win 64240"]);
    d.advance(80).inject({ flags: "SA", seq: 0, ack: 1, options: SYN_OPTIONS });
    expect(d.take({ win: true })).toEqual(["A 1 1 win 502"]);
    expect([d.state, d.news]).toEqual(["ESTABLISHED", ["CLOSED to SYN-SENT", "SYN-SENT to ESTABLISHED", "connected"]]);
  });

  it("repeats its SYN after 1, 3, 7, 15, 31 and 63 seconds, and gives up after 127", () => {
    const d = new Drill().connect().advance(200_000);
    expect(d.take({ times: true })).toEqual([0, 1, 3, 7, 15, 31, 63].map((s) => `${s * 1000}: S 0`));
    expect(d.news.slice(-2)).toEqual(["SYN-SENT to CLOSED", "ETIMEDOUT"]);
  });

  it("repeats its SYN as often as the program says, at even intervals first if the setting says so", () => {
    const d = new Drill({ tcp_syn_linear_timeouts: 4 });
    d.c.synRetries = 2;
    d.connect().advance(200_000);
    expect(d.take({ times: true })).toEqual([0, 1, 2, 3, 4, 5, 7].map((s) => `${s * 1000}: S 0`));
    expect(d.news.at(-1)).toBe("ETIMEDOUT");
  });

  it("is refused by a reset that acknowledges its SYN, and by no other", () => {
    const d = new Drill().connect();
    expect(d.inject({ flags: "R", seq: 0 })).toBe(true);
    expect(d.inject({ flags: "RA", seq: 0, ack: 7 })).toBe(true);
    expect(d.state).toBe("SYN-SENT");
    d.inject({ flags: "RA", seq: 0, ack: 1 });
    expect([d.state, d.news.at(-1)]).toEqual(["CLOSED", "ECONNREFUSED"]);
  });

  it("wants a reset sent for an acknowledgement of what it has not sent, and repeats its SYN soon", () => {
    const d = new Drill().connect();
    d.take();
    expect(d.inject({ flags: "A", seq: 77, ack: 5000 })).toBe(false);
    d.advance(5);
    expect(d.take()).toEqual(["S 0"]);
    expect(d.state).toBe("SYN-SENT");
  });

  it("wants a reset sent for a SYN-ACK that echoes a timestamp that it has not sent", () => {
    const d = new Drill().connect().advance(50);
    const options = SYN_OPTIONS.map((o) => (o.kind === "timestamps" ? { ...o, tsval: 9, tsecr: 123_456 } : o));
    expect(d.inject({ flags: "SA", seq: 0, ack: 1, options })).toBe(false);
  });

  it("answers a SYN that crosses its own, and both become one connection", () => {
    const d = new Drill().connect();
    d.take();
    d.inject({ flags: "S", seq: 0, options: SYN_OPTIONS });
    expect([d.state, d.take()]).toEqual(["SYN-RECEIVED", ["SA 0 1"]]);
    d.inject({ flags: "SA", seq: 0, ack: 1 });
    expect(d.state).toBe("ESTABLISHED");
  });

  it("offers what the settings allow", () => {
    const offered = (settings: object): string => kinds(new Drill(settings).connect().takeHeaders()[0]?.options ?? []);
    expect(offered({})).toBe("mss sackPermitted timestamps nop windowScale");
    expect(offered({ tcp_timestamps: 0 })).toBe("mss nop nop sackPermitted nop windowScale");
    expect(offered({ tcp_timestamps: 0, tcp_sack: 0, tcp_window_scaling: 0 })).toBe("mss");
  });

  it("uses of the options only what both have offered", () => {
    const d = new Drill().open(PLAIN, 5000);
    expect([d.c.timestampsOk, d.c.sackOk, d.c.scalingOk]).toEqual([false, false, false]);
    d.write(2000);
    const [first] = d.takeHeaders();
    expect([first?.options, first?.window]).toEqual([[], 64_240]); // not scaled (RFC 7323 §2.2)
    expect(d.c.snd.mss).toBe(1460);
  });

  it("takes a size of segment of 536 from a peer that tells none", () => {
    const d = new Drill().open([], 5000);
    expect(d.c.snd.mss).toBe(536);
  });

  it("tells a window scale by the largest buffer that it may have", () => {
    const scale = (rmem: number): number => {
      const [syn] = new Drill({ tcp_rmem: [4096, 131_072, rmem], rmem_max: 0 }).connect().takeHeaders();
      const option = syn?.options.find((o) => o.kind === "windowScale");
      return option?.kind === "windowScale" ? option.shift : -1;
    };
    expect([65_535, 200_000, 6_291_456, 33_554_432, 2 ** 31].map(scale)).toEqual([0, 2, 7, 10, 14]);
  });

  it("asks for ECN when told, and not again in a SYN that must be repeated", () => {
    const d = new Drill({ tcp_ecn: 1 }).connect().advance(1500);
    expect(d.take()).toEqual(["SEC 0", "S 0"]);
  });

  it("begins with ten segments, with one when its SYN was lost twice", () => {
    const d = new Drill().open();
    expect(d.c.snd.cwnd).toBe(10);
    const late = new Drill().connect().advance(3500);
    late.inject({ flags: "SA", seq: 0, ack: 1, options: PLAIN });
    expect([late.c.snd.cwnd, late.c.rtt.rto / S]).toEqual([1, 3]); // RFC 6298 §5.7
  });
});

describe("passive open", () => {
  it("answers a SYN, and is established by the acknowledgement, even one with data", () => {
    const d = new Drill().listen();
    expect(d.take({ win: true })).toEqual(["SA 0 1 win 65160"]);
    d.advance(30).inject({ flags: "PA", seq: 1, ack: 1, data: 5 });
    expect([d.state, d.news.at(-1)]).toEqual(["ESTABLISHED", "connected"]);
    d.read();
    expect(d.received.length).toBe(5);
  });

  it("repeats its SYN-ACK, then forgets", () => {
    const d = new Drill().listen().advance(200_000);
    expect(d.take({ times: true })).toEqual([0, 1, 3, 7, 15, 31].map((s) => `${s * 1000}: SA 0 1`));
    expect(d.state).toBe("CLOSED");
  });

  it("answers a repeated SYN again, but not every one", () => {
    const d = new Drill().listen();
    d.take();
    d.advance(600).inject({ flags: "S", seq: 0, ack: 0, options: SYN_OPTIONS });
    d.inject({ flags: "S", seq: 0, ack: 0, options: SYN_OPTIONS });
    expect([d.take(), d.state]).toEqual([["SA 0 1"], "SYN-RECEIVED"]);
  });

  it("wants a reset sent for an unacceptable acknowledgement", () => {
    const d = new Drill().listen();
    expect(d.inject({ seq: 1, ack: 5 })).toBe(false);
    expect(d.inject({ seq: 1, ack: 0 })).toBe(false);
    expect(d.state).toBe("SYN-RECEIVED");
  });

  it("is over when a reset comes", () => {
    const d = new Drill().listen();
    d.inject({ flags: "R", seq: 1 });
    expect(d.state).toBe("CLOSED");
  });

  it("stays half open while there is no room for it", () => {
    const d = new Drill().listen();
    d.roomToEstablish = false;
    d.inject({ seq: 1, ack: 1 });
    expect(d.state).toBe("SYN-RECEIVED");
    d.roomToEstablish = true;
    d.inject({ seq: 1, ack: 1 });
    expect(d.state).toBe("ESTABLISHED");
  });

  it("grants ECN to a SYN that asks for it and could not have been marked", () => {
    const d = new Drill().listen(SYN_OPTIONS, "SEC");
    expect(d.take()).toEqual(["SAE 0 1"]);
    expect(new Drill({ tcp_ecn: 0 }).listen(SYN_OPTIONS, "SEC").take()).toEqual(["SA 0 1"]);
  });

  it("closed before it is open, it closes when it is", () => {
    const d = new Drill().listen();
    d.take();
    d.c.shutdown(d.now);
    d.inject({ seq: 1, ack: 1 });
    expect([d.state, d.take()]).toEqual(["FIN-WAIT-1", ["FA 1 1"]]);
  });
});

describe("numbers that strangers do not know", () => {
  const secret = [1, 2, 3, 4] as const;
  const ports = portWord(1000, 80);

  it("initial sequence numbers follow a clock of 64 ns, apart for every connection", () => {
    const at = (now: number, local = 1): number => initialSequence(secret, now, local, 2, ports);
    expect((at(64_000) - at(0)) | 0).toBe(1000);
    expect(new Set(Array.from({ length: 100 }, (_, i) => at(0, i))).size).toBe(100);
    expect(initialSequence([9, 2, 3, 4], 0, 1, 2, ports)).not.toBe(at(0));
  });

  it("timestamps begin anywhere, but alike for two hosts", () => {
    expect(stampOffset(secret, 1, 2)).toBe(stampOffset(secret, 1, 2));
    expect(stampOffset(secret, 1, 2)).not.toBe(stampOffset(secret, 1, 3));
  });

  it("a SYN cookie tells the size of segments, to the same peer, for two minutes", () => {
    for (const mss of [536, 1300, 1440, 1460]) {
      const cookie = makeCookie(secret, 5 * S, 1, 2, ports, 77, mss + 5);
      expect(checkCookie(secret, 65 * S, 1, 2, ports, 77, cookie)).toBe(mss);
      expect(checkCookie(secret, 125 * S, 1, 2, ports, 77, cookie)).toBe(0);
      expect(checkCookie(secret, 5 * S, 1, 3, ports, 77, cookie)).toBe(0);
      // Nor does it fit a segment a few octets ahead.
      for (const off of [-3, -2, -1, 1, 2, 3])
        expect(checkCookie(secret, 5 * S, 1, 2, ports, 77 + off, cookie)).toBe(0);
    }
    expect(checkCookie(secret, 0, 1, 2, ports, 1, 12_345)).toBe(0);
  });

  it("a timestamp hides the other options of a SYN, and does not run ahead", () => {
    for (const stamp of [0, 63, 64, 1_000_000, -1, 0x7fffffff]) {
      for (const [scale, sack, ecn] of [
        [7, true, false],
        [-1, false, true],
        [14, true, true],
        [0, false, false],
      ] as const) {
        const hidden = hideOptions(stamp, scale, sack, ecn);
        expect([hiddenScale(hidden), hiddenSack(hidden), hiddenEcn(hidden)]).toEqual([scale, sack, ecn]);
        expect((stamp - hidden) | 0).toBeGreaterThanOrEqual(0);
        expect((stamp - hidden) | 0).toBeLessThan(128);
      }
    }
  });
});
