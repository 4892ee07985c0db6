import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatIp } from "../../../../src/core/addr.ts";
import type { TcpOptions } from "../../../../src/core/tcp-socket.ts";
import { MS, S } from "../../../../src/core/time.ts";
import type { Kernel } from "../../../../src/nodes/kernel/kernel.ts";
import type { TcpSock } from "../../../../src/nodes/kernel/tcp-sock.ts";
import { message } from "../../../../src/protocols/icmp/wire.ts";
import { encodeOptions, type TcpOption } from "../../../../src/protocols/tcp/option-values.ts";
import { HEADER, seal, writeHeader } from "../../../../src/protocols/tcp/wire.ts";
import { allDrops, encodeMessage, inject, ipPacket } from "../../../harness/kernels.ts";
import { cases } from "../../../harness/shared.ts";
import { A, B, connect, type Pair, pair, patientArp, pattern, watch } from "./hosts.ts";

/** Who cannot see a connection sends into it. */

interface Forged {
  readonly flags: number;
  readonly seq: number;
  readonly ack: number;
  readonly win?: number;
  readonly options?: readonly TcpOption[];
  readonly data?: Uint8Array;
}

/** A segment from `remote`'s end of a connection of `local`, as an IP packet. */
function forge(s: TcpSock, f: Forged): Uint8Array {
  const options = encodeOptions(f.options ?? []);
  const data = f.data ?? new Uint8Array(0);
  const header = HEADER + options.length;
  const b = new Uint8Array(header + data.length);
  writeHeader(b, 0, s.remotePort, s.localPort, f.seq, f.ack, header, f.flags, f.win ?? 512);
  b.set(options, HEADER);
  b.set(data, header);
  seal(b, 0, b.length, s.remoteAddress, s.localAddress);
  return ipPacket(formatIp(s.remoteAddress), formatIp(s.localAddress), 6, b);
}

/** An ICMP error about a segment of `s` with the sequence number `seq`. */
function forgeError(s: TcpSock, type: number, code: number, mtu: number, seq: number): Uint8Array {
  const quoted = new Uint8Array(HEADER);
  writeHeader(quoted, 0, s.localPort, s.remotePort, seq, 0, HEADER, 16, 512);
  const inner = ipPacket(formatIp(s.localAddress), formatIp(s.remoteAddress), 6, quoted, { word: 0x4000 });
  const m = encodeMessage(message(type, code, mtu, inner));
  return ipPacket("192.0.2.1", formatIp(s.localAddress), 1, m);
}

const established = (k: Kernel): TcpSock => [...k.tcp.connections()][0] as TcpSock;

/** Any sequence number but those that would do: from `low` on as many as `count`. */
const miss = (draw: number, low: number, count: number): number => (low + count + (draw % (2 ** 32 - count))) | 0;

interface Blow {
  readonly at: number;
  readonly atServer: boolean;
  readonly kind: "reset" | "syn" | "data" | "no ack" | "error" | "mtu";
  /** Two numbers that the attacker guesses, wrongly. */
  readonly seq: number;
  readonly ack: number;
  readonly flags: number;
  readonly stamp: number | null;
  readonly bytes: number;
}
/** Close to the right one, or anywhere. */
const guess = fc.oneof(
  fc.nat(3000),
  fc.nat(100_000),
  fc.nat(0xfffffffe),
  fc.nat(100_000).map((n) => 0xfffffffe - n),
);
const blow: fc.Arbitrary<Blow> = fc.record({
  at: fc.nat(400),
  atServer: fc.boolean(),
  kind: fc.constantFrom("reset", "syn", "data", "no ack", "error", "mtu"),
  seq: guess,
  ack: guess,
  flags: fc.nat(0xff),
  stamp: fc.option(fc.nat(0xffffffff)),
  bytes: fc.constantFrom(0, 1, 100, 1400),
});

/** The segment, wrong in the one number that must not be known. */
function strike(k: Kernel, b: Blow): void {
  const s = established(k);
  if (s === undefined || s.state === "SYN-SENT" || s.state === "SYN-RECEIVED") return;
  const { snd, rcv } = s.connection;
  const options: TcpOption[] =
    b.stamp === null ? [] : [{ kind: "nop" }, { kind: "nop" }, { kind: "timestamps", tsval: b.stamp, tsecr: 0 }];
  const data = new Uint8Array(b.bytes).fill(0xee);
  const [fin, syn, rst, ack] = [1, 2, 4, 16];
  const nearly = (rcv.nxt + (b.seq | 0)) | 0;
  switch (b.kind) {
    case "reset": {
      // Not the next one, nor the end of what was selectively acknowledged, nor the one before where a FIN came (RFC 5961 §3.2).
      const known = [rcv.nxt, (rcv.nxt - 1) | 0, rcv.sacks.rightmost(rcv.nxt)];
      if (known.includes(nearly)) return;
      return inject(k, "eth0", forge(s, { flags: rst | (b.flags & ~syn), seq: nearly, ack: b.ack, options }));
    }
    case "syn":
      return inject(k, "eth0", forge(s, { flags: syn | (b.flags & ~rst), seq: nearly, ack: b.ack, options, data }));
    case "data": {
      // An acknowledgement of what was not sent, or is older than a window (RFC 5961 §5).
      const low = (snd.una - snd.maxWnd) | 0;
      const wrong = miss(b.ack, low, ((snd.nxt - low) >>> 0) + 1);
      const flags = (b.flags & ~(syn | rst)) | ack;
      return inject(k, "eth0", forge(s, { flags, seq: nearly, ack: wrong, options, data, win: b.flags }));
    }
    case "no ack":
      return inject(k, "eth0", forge(s, { flags: (b.flags & ~(ack | rst)) | fin, seq: nearly, ack: 0, options, data }));
    case "error":
    case "mtu": {
      const wrong = miss(b.seq, snd.una, ((snd.nxt - snd.una) >>> 0) + 1);
      const [type, code] =
        b.kind === "mtu"
          ? [3, 4]
          : ([
              [3, 1],
              [3, 2],
              [3, 3],
              [11, 0],
              [12, 0],
            ][b.flags % 5] as [number, number]);
      return inject(k, "eth0", forgeError(s, type, code, 68 + b.bytes, wrong));
    }
  }
}

function until(net: Pair, limit: number, met: () => boolean): void {
  for (const end = net.sim.now + limit; net.sim.now < end && !met(); ) net.sim.advance(net.sim.now + 10 * MS);
}

it("blind, neither ends nor changes a connection", () => {
  fc.assert(
    fc.property(
      fc.nat(0xffff),
      fc.array(blow, { minLength: 1, maxLength: 60 }),
      fc.nat(60_000),
      fc.constantFrom(0, 0.05),
      fc.constantFrom<TcpOptions>({}, { rcvbuf: 5000 }, { maxSegment: 536 }),
      (seed, blows, bytes, loss, options) => {
        const net = pair(seed, { rateBps: 10_000_000, delayNs: 5 * MS, loss });
        patientArp(net);
        for (const b of blows)
          net.sim.at(b.at * MS, { label: "attacker", fire: () => strike(b.atServer ? net.b : net.a, b) });
        const { client, server } = connect(net, options, options);
        until(net, 100 * S, () => client.connected && server.accepted);
        const peer = server.end();
        client.send(pattern(bytes, 1), () => client.socket.shutdown());
        peer.send(pattern(bytes >> 1, 2), () => peer.socket.shutdown());
        until(net, 1000 * S, () => client.ended && peer.ended);
        net.sim.advance(net.sim.now + S);
        expect([client.failed, peer.failed, client.ended, peer.ended]).toEqual([null, null, true, true]);
        expect(Buffer.compare(peer.bytes, pattern(bytes, 1))).toBe(0);
        expect(Buffer.compare(client.bytes, pattern(bytes >> 1, 2))).toBe(0);
        client.socket.close();
        peer.socket.close();
        net.sim.advance(net.sim.now + 400 * S);
        expect([[...net.a.tcp.connections()].length, [...net.b.tcp.connections()].length]).toEqual([0, 0]);
        expect(net.sim.pool.dead).toBe(net.sim.pool.born);
      },
    ),
    { numRuns: cases(40, 10_000) },
  );
}, 600_000);

describe("an ICMP error about a segment that is out", () => {
  it("does not end an established connection, however hard it says it is (RFC 5927 §5.2)", () => {
    const net = pair(1, { delayNs: 5 * MS });
    const { client } = connect(net);
    net.sim.advance(S);
    client.send(pattern(100));
    const s = established(net.a);
    for (const code of [0, 1, 2, 3, 5, 9, 10, 13])
      inject(net.a, "eth0", forgeError(s, 3, code, 0, s.connection.snd.una));
    net.sim.advance(2 * S);
    expect([client.failed, client.socket.state, client.socket.unacked]).toEqual([null, "ESTABLISHED", 0]);
  });

  it("makes packets smaller, no smaller than the least MTU, and nothing is lost (RFC 5927 §7)", () => {
    const net = pair(1, { delayNs: 5 * MS });
    const { client, server } = connect(net);
    net.sim.advance(S);
    client.send(pattern(100_000));
    const s = established(net.a);
    inject(net.a, "eth0", forgeError(s, 3, 4, 68, s.connection.snd.una));
    net.sim.advance(3 * S);
    expect(client.socket.info().pmtu).toBe(552);
    expect(Buffer.compare(server.end().bytes, pattern(100_000))).toBe(0);
  });

  it("is counted when it quotes what is not out", () => {
    const net = pair(1, { delayNs: 5 * MS });
    const { client } = connect(net);
    net.sim.advance(S);
    client.send(pattern(100));
    const s = established(net.a);
    inject(net.a, "eth0", forgeError(s, 3, 4, 600, (s.connection.snd.nxt + 1) | 0));
    inject(net.a, "eth0", forgeError(s, 3, 4, 600, (s.connection.snd.una - 1) | 0));
    expect([client.socket.info().pmtu, net.a.tcp.stats.outOfWindowIcmps]).toEqual([1500, 2]);
  });
});

it("challenges are as many in a second as the node's limit says, about (RFC 5961 §7)", () => {
  const net = pair(1, { delayNs: MS });
  Object.assign(net.a.sysctl, { tcp_challenge_ack_limit: 10, tcp_invalid_ratelimit: 0 });
  connect(net);
  net.sim.advance(S + 1);
  const seen = watch(net.a);
  const inSecond = (): number => {
    seen.length = 0;
    for (let i = 0; i < 40; i++) {
      const s = established(net.a);
      inject(net.a, "eth0", forge(s, { flags: 2, seq: s.connection.rcv.nxt, ack: 0 }));
      net.sim.advance(net.sim.now + 20 * MS);
    }
    const { length } = seen.filter((s) => s.out);
    net.sim.advance(net.sim.now + 200 * MS);
    return length;
  };
  const counts = [inSecond(), inSecond(), inSecond(), inSecond()];
  expect(counts.every((n) => n >= 5 && n <= 15)).toBe(true);
  expect(new Set(counts).size).toBeGreaterThan(1); // or strangers could count
});

const raw = fc.record({
  flags: fc.oneof(fc.constantFrom(2, 16, 4, 18, 17, 20), fc.nat(0xfff)),
  port: fc.constantFrom(80, 81, 0, 40_000),
  from: fc.nat(120),
  sport: fc.constantFrom(0, 1, 1000, 1001),
  seq: fc.oneof(fc.constant(0), fc.nat(0xffffffff)),
  ack: fc.nat(0xffffffff),
  /** In words; below 5 it is nonsense. */
  offset: fc.constantFrom(5, 5, 5, 6, 8, 15, 4, 0),
  rest: fc.uint8Array({ maxLength: 60 }),
  corrupt: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
  wait: fc.constantFrom(0, 0, 1, 100, 5000),
  answered: fc.boolean(),
});

it("takes any segments at listeners and nobodies, within its limits", () => {
  fc.assert(
    fc.property(
      fc.array(raw, { maxLength: 150 }),
      fc.constantFrom(0, 1, 2),
      fc.boolean(),
      (segments, cookies, held) => {
        const net = pair();
        const { b, sim } = net;
        Object.assign(b.sysctl, { tcp_syncookies: cookies, tcp_max_tw_buckets: 5, tcp_max_syn_backlog: 16 });
        const listener = b.os.tcpSocket();
        listener.bind(0, 80);
        listener.listen(4, (s) => s.onEnd(() => s.close()));
        listener.holdAccept(held);
        const own = [...b.tcp.listeners()][0];
        for (const r of segments) {
          const bytes = new Uint8Array(20 + r.rest.length);
          writeHeader(bytes, 0, r.sport, r.port, r.seq, r.ack, 4 * r.offset, r.flags, 1000);
          bytes.set(r.rest, 20);
          const from = (A + 100 + r.from) >>> 0;
          seal(bytes, 0, bytes.length, from, B);
          if (r.corrupt) bytes[4] = (bytes[4] as number) ^ 1;
          inject(b, "eth0", ipPacket(formatIp(from), formatIp(B), 6, bytes));
          if (r.answered) for (const s of b.tcp.connections()) acknowledge(b, s);
          sim.advance(sim.now + r.wait * MS);
          expect(own?.listener?.halfOpen).toBeLessThanOrEqual(4);
          expect(own?.listener?.waiting).toBeLessThanOrEqual(5);
          expect([...b.tcp.waits()].length).toBeLessThanOrEqual(5);
        }
        listener.close();
        for (const s of [...b.tcp.connections()]) s.abort();
        sim.advance(sim.now + 300 * S);
        expect([...b.tcp.connections()]).toEqual([]);
        expect(sim.pool.dead).toBe(sim.pool.born);
        const { inSegs, inErrs } = b.tcp.stats;
        expect([inSegs, inErrs]).toEqual([segments.length + acknowledged, countBad(b)]);
        acknowledged = 0;
      },
    ),
    { numRuns: cases(40, 10_000) },
  );
}, 600_000);

/** Segments that `acknowledge` made up. */
let acknowledged = 0;
/** The last acknowledgement of a handshake, and a FIN. */
function acknowledge(k: Kernel, s: TcpSock): void {
  const { snd, rcv, timestampsOk } = s.connection;
  if (timestampsOk) return;
  acknowledged++;
  inject(k, "eth0", forge(s, { flags: 17, seq: rcv.nxt, ack: snd.nxt }));
}
const countBad = (k: Kernel): number => (allDrops(k)["tcp: malformed"] ?? 0) + (allDrops(k)["tcp: bad checksum"] ?? 0);
