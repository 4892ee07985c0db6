import { describe, expect, it } from "vitest";
import { Drill, type Inject, SYN_OPTIONS } from "./drill.ts";

/** Segments of who does not know the sequence numbers (RFC 5961), and errors (RFC 5927, RFC 6069). */

/** A connection on which both have sent 100 octets, the last of ours not acknowledged. */
function talking(): Drill {
  const d = new Drill({ tcp_invalid_ratelimit: 0 }).open().read();
  d.write(100);
  d.inject({ data: 100, ack: 101 });
  d.write(100);
  d.advance(1);
  d.take();
  d.news.length = 0;
  return d;
}
const NEXT = 101;
/** What it answers to a segment, and what it says of it. */
function answer(d: Drill, s: Inject): string {
  const { length } = d.news;
  d.inject(s);
  return [...d.take(), ...d.news.slice(length), d.state].join(", ");
}
const CHALLENGE = `A 201 ${NEXT}`;

describe("RFC 5961", () => {
  it("a reset that is not the next is challenged, one out of the window is dropped", () => {
    const d = talking();
    const window = d.c.rcv.wnd;
    for (const seq of [NEXT + 1, NEXT + 1000, NEXT + window])
      expect(answer(d, { flags: "R", seq })).toBe(`${CHALLENGE}, drop: tcp: out of window, ESTABLISHED`);
    for (const seq of [NEXT - 1, NEXT + window + 1, NEXT - 70_000, NEXT + 0x7fff_0000])
      expect(answer(d, { flags: "R", seq })).toBe("drop: tcp: out of window, ESTABLISHED");
    expect(answer(d, { flags: "R", seq: NEXT })).toBe("drop: tcp: reset, ESTABLISHED to CLOSED, ECONNRESET, CLOSED");
  });

  it("a reset at the end of what was selectively acknowledged counts: the peer may have gone on there", () => {
    const d = talking();
    d.inject({ seq: NEXT + 100, data: 50 });
    d.take();
    expect(answer(d, { flags: "R", seq: NEXT + 150 })).toContain("ECONNRESET");
  });

  it("a reset behind a FIN counts, also that of a peer that has forgotten its own", () => {
    for (const seq of [NEXT, NEXT + 1]) {
      const d = talking();
      d.inject({ flags: "FA" });
      expect(answer(d, { flags: "R", seq })).toContain("EPIPE, CLOSED");
    }
  });

  it("a SYN is challenged, wherever it lies", () => {
    const d = talking();
    for (const seq of [NEXT, NEXT + 10, NEXT - 10, NEXT + 0x7000_0000])
      expect(answer(d, { flags: "S", seq })).toMatch(new RegExp(`^${CHALLENGE}, drop: .*, ESTABLISHED$`));
    expect(answer(d, { flags: "SA", seq: NEXT })).toContain(CHALLENGE);
  });

  it("an acknowledgement too old or too new is challenged, and its data dropped", () => {
    const d = talking();
    const { maxWnd } = d.c.snd;
    for (const ack of [202, 101 - maxWnd - 1, 101 + 0x7000_0000])
      expect(answer(d, { seq: NEXT, ack, data: 10 })).toBe(
        `${CHALLENGE}, drop: tcp: acknowledgement of what was not sent, ESTABLISHED`,
      );
    expect(d.received.length).toBe(100);
    d.inject({ seq: NEXT, ack: 101 - maxWnd, data: 10 });
    expect(d.received.length).toBe(110);
  });

  it("challenges are limited, in a connection and in a node", () => {
    const d = new Drill().open();
    d.inject({ flags: "S", seq: 1 });
    d.inject({ flags: "S", seq: 1 });
    d.advance(499);
    d.inject({ flags: "S", seq: 1 });
    expect(d.take().length).toBe(1);
    d.advance(1);
    d.inject({ flags: "S", seq: 1 });
    expect(d.take().length).toBe(1);
    d.challenges = 1;
    for (let i = 0; i < 3; i++) {
      d.advance(600);
      d.inject({ flags: "S", seq: 1 });
    }
    expect(d.take().length).toBe(1);
  });
});

describe("timestamps", () => {
  it("are not remembered from a segment whose acknowledgement is none", () => {
    const d = talking();
    const known = d.c.rcv.tsRecent;
    d.inject({ seq: NEXT, ack: 5000, stamp: 900_000, data: 10 });
    d.inject({ seq: NEXT - 50, ack: -100_000, stamp: 900_000, data: 60 });
    expect(d.c.rcv.tsRecent).toBe(known);
    d.inject({ seq: NEXT, data: 10 });
    expect(d.received.length).toBe(110);
  });
});

describe("ICMP errors", () => {
  /** Three timeouts: the next is 1.6 s away. */
  function silent(): Drill {
    const d = talking();
    d.advance(1500);
    d.take();
    return d;
  }
  const next = (d: Drill): number => Math.round((d.c.deadline - d.now) / 1e6);

  it("takes a step of backing off back when a router says that it has no way", () => {
    const d = silent();
    const [rto, backoff] = [d.c.rtt.rto, d.c.snd.backoff];
    const before = next(d);
    d.c.icmpError(d.now, "EHOSTUNREACH", d.c.snd.una, true);
    expect([d.c.rtt.rto, d.c.snd.backoff]).toEqual([rto / 2, backoff - 1]);
    expect(next(d)).toBeLessThan(before);
  });

  it("does so for the segment that has timed out only, and for no other error", () => {
    const d = silent();
    const { rto } = d.c.rtt;
    d.c.icmpError(d.now, "EHOSTUNREACH", d.c.snd.una + 1, true);
    d.c.icmpError(d.now, "ECONNREFUSED", d.c.snd.una, false);
    expect(d.c.rtt.rto).toBe(rto);
  });

  it("are the reason when the connection times out after all", () => {
    const d = silent();
    d.c.icmpError(d.now, "EHOSTUNREACH", d.c.snd.una, true);
    d.advance(2_000_000);
    expect(d.news.at(-1)).toBe("EHOSTUNREACH");
  });

  it("end an attempt to connect, and a half open connection when there is no way, silently", () => {
    const d = new Drill().connect();
    d.c.icmpError(d.now, "ECONNREFUSED", d.c.snd.una, false);
    expect([d.state, d.news.at(-1)]).toEqual(["CLOSED", "ECONNREFUSED"]);
    const passive = new Drill().listen(SYN_OPTIONS);
    passive.c.icmpError(passive.now, "ECONNREFUSED", passive.c.snd.una, false);
    expect(passive.state).toBe("SYN-RECEIVED");
    passive.c.icmpError(passive.now, "EHOSTUNREACH", passive.c.snd.una, true);
    expect([passive.state, passive.news.includes("EHOSTUNREACH")]).toEqual(["CLOSED", false]);
  });
});
