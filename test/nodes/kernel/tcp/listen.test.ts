import { describe, expect, it } from "vitest";
import { formatIp } from "../../../../src/core/addr.ts";
import type { TcpSocket } from "../../../../src/core/tcp-socket.ts";
import { MS, S } from "../../../../src/core/time.ts";
import type { Kernel } from "../../../../src/nodes/kernel/kernel.ts";
import type { TcpListener } from "../../../../src/nodes/kernel/tcp-listen.ts";
import { seal, TCP_RST, TCP_SYN, writeHeader } from "../../../../src/protocols/tcp/wire.ts";
import { allDrops, drops, inject, ipPacket, must } from "../../../harness/kernels.ts";
import { A, B, connect, End, type Pair, pair, pattern, type Seen, watch } from "./hosts.ts";

const listener = (k: Kernel): TcpListener => [...k.tcp.listeners()][0]?.listener as TcpListener;

/** SYNs from as many hosts, which do not exist. */
function flood(k: Kernel, count: number, port = 80): void {
  for (let i = 0; i < count; i++) {
    const from = (A + 10 + i) >>> 0;
    const b = new Uint8Array(20);
    writeHeader(b, 0, 1000, port, 77, 0, 20, TCP_SYN, 1000);
    seal(b, 0, 20, from, B);
    inject(k, "eth0", ipPacket(formatIp(from), formatIp(B), 6, b));
  }
}

/** A listener with a backlog, whose connections are told to `accepted`. */
function listen(k: Kernel, backlog: number, accepted: (s: TcpSocket) => void = () => {}): TcpSocket {
  const s = k.os.tcpSocket();
  must(s.bind(0, 80));
  must(s.listen(backlog, accepted));
  return s;
}

/** Connects from `a` to port 80 of `b`. */
function dial(net: Pair, options = {}): End {
  const s = net.a.os.tcpSocket();
  Object.assign(s.options, options);
  const end = new End(s).read();
  must(
    s.connect(B, 80, (failed) => {
      end.connected = failed === null;
      end.failed = failed;
    }),
  );
  return end;
}
const of = (seen: readonly Seen[], flag: number): Seen[] => seen.filter((s) => (s.tcp.flags & flag) !== 0);

describe("a flood of SYNs", () => {
  it("fills the backlog, and then gets cookies: a connection with all its options is made of one (RFC 4987 §3.6)", () => {
    const net = pair(1, { delayNs: MS });
    let server: End | undefined;
    listen(net.b, 4, (s) => {
      server = new End(s).read();
    });
    flood(net.b, 50);
    expect(listener(net.b).halfOpen).toBe(4);
    const client = dial(net);
    net.sim.advance(S);
    expect([client.connected, listener(net.b).halfOpen]).toEqual([true, 4]);
    const { mss, sndWscale, rcvWscale, sack, timestamps } = (server as End).socket.info();
    expect({ mss, sndWscale, rcvWscale, sack, timestamps }).toEqual({
      mss: 1448,
      sndWscale: 7,
      rcvWscale: 7,
      sack: true,
      timestamps: true,
    });
    client.send(pattern(100_000), () => client.socket.shutdown());
    net.sim.advance(5 * S);
    expect([Buffer.compare((server as End).bytes, pattern(100_000)), server?.ended]).toEqual([0, true]);
  });

  it("leaves a peer without timestamps the size of segments only", () => {
    const net = pair(1, { delayNs: MS });
    net.a.sysctl.tcp_timestamps = 0;
    let server: TcpSocket | undefined;
    listen(net.b, 1, (s) => {
      server = s;
    });
    flood(net.b, 3);
    const client = dial(net, { maxSegment: 1300 });
    net.sim.advance(S);
    const { mss, sndWscale, sack, timestamps } = (server as TcpSocket).info();
    expect([client.connected, mss, sndWscale, sack, timestamps]).toEqual([true, 1300, -1, false, false]);
  });

  it("is dropped where cookies are forbidden", () => {
    const net = pair(1, { delayNs: MS });
    net.b.sysctl.tcp_syncookies = 0;
    listen(net.b, 4);
    flood(net.b, 50);
    expect([listener(net.b).halfOpen, drops(net.b, "tcp: backlog full")]).toEqual([4, 46]);
    const seen = watch(net.b);
    dial(net);
    net.sim.advance(500 * MS);
    expect(of(seen, TCP_SYN).filter((s) => s.out && s.tcp.dport !== 1000)).toEqual([]);
  });

  it("with cookies always, is not remembered at all", () => {
    const net = pair(1, { delayNs: MS });
    net.b.sysctl.tcp_syncookies = 2;
    let accepted = 0;
    listen(net.b, 4, () => accepted++);
    flood(net.b, 10);
    const client = dial(net);
    net.sim.advance(S);
    expect([listener(net.b).halfOpen, accepted, client.connected]).toEqual([0, 1, true]);
  });

  it("half open connections leave after their SYN-ACKs were repeated, and make room", () => {
    const net = pair(1, { delayNs: MS });
    listen(net.b, 4);
    net.a.device("eth0")?.addTap({ frame: (_dev, p, out) => void (out || p.view.setUint16(p.start + 46, 0)) }); // deaf for TCP
    const seen = watch(net.b);
    dial(net, { maxSynRetries: 0 });
    net.sim.advance(62 * S);
    expect([listener(net.b).halfOpen, of(seen, TCP_SYN).filter((s) => s.out).length]).toEqual([1, 6]);
    net.sim.advance(64 * S);
    expect([listener(net.b).halfOpen, net.b.tcp.stats.attemptFails]).toEqual([0, 1]);
  });

  it("an acknowledgement that brings no cookie back is reset; so is one when no cookie was sent", () => {
    const net = pair(1, { delayNs: MS });
    listen(net.b, 1);
    const forged = (ack: number): void => {
      const b = new Uint8Array(20);
      writeHeader(b, 0, 1000, 80, 78, ack, 20, 16, 1000);
      seal(b, 0, 20, A, B);
      inject(net.b, "eth0", ipPacket(formatIp(A), formatIp(B), 6, b));
    };
    const seen = watch(net.b);
    forged(5);
    flood(net.b, 3);
    forged(6);
    net.sim.advance(S);
    expect(
      of(seen, TCP_RST)
        .filter((s) => s.out)
        .map((s) => s.tcp.seq),
    ).toEqual([5, 6]);
    expect([...net.b.tcp.connections()].length).toBe(1);
  });
});

describe("a listener", () => {
  it.each([
    ["S", 2, [18]],
    ["SF", 3, []],
    ["none", 0, []],
    ["F", 1, []],
    ["R", 4, []],
    ["SR", 6, []],
    ["A", 16, [4]],
    ["SA", 18, [4]],
    ["RA", 20, []],
  ])("answers a segment with %s", (_name, flags, answers) => {
    const net = pair(1, { delayNs: MS });
    listen(net.b, 4);
    const seen = watch(net.b);
    const b = new Uint8Array(20);
    writeHeader(b, 0, 1000, 80, 77, 99, 20, flags, 1000);
    seal(b, 0, 20, A, B);
    inject(net.b, "eth0", ipPacket(formatIp(A), formatIp(B), 6, b));
    net.sim.advance(3 * MS);
    expect(seen.filter((s) => s.out).map((s) => s.tcp.flags)).toEqual(answers);
    expect(listener(net.b).halfOpen).toBe(flags === 2 ? 1 : 0);
  });
});

describe("connections that nobody takes", () => {
  it("wait in the backlog, and what they bring waits with them", () => {
    const net = pair(1, { delayNs: MS });
    const taken: End[] = [];
    const l = listen(net.b, 2, (s) => taken.push(new End(s).read()));
    l.holdAccept(true);
    const client = dial(net);
    net.sim.advance(S);
    client.send(pattern(100), () => client.socket.shutdown());
    net.sim.advance(2 * S);
    expect([client.connected, listener(net.b).waiting, taken.length]).toEqual([true, 1, 0]);
    l.holdAccept(false);
    expect([taken[0]?.received, taken[0]?.ended, listener(net.b).waiting]).toEqual([100, true, 0]);
  });

  it("of which there are one more than the backlog says leave no room: SYNs are dropped", () => {
    const net = pair(1, { delayNs: MS });
    const l = listen(net.b, 1, () => {});
    l.holdAccept(true);
    const clients = [dial(net), dial(net)];
    net.sim.advance(S);
    expect([clients.map((c) => c.connected), listener(net.b).waiting]).toEqual([[true, true], 2]);
    dial(net);
    net.sim.advance(1500 * MS);
    expect([listener(net.b).waiting, drops(net.b, "tcp: accept queue full")]).toEqual([2, 1]);
    l.holdAccept(false);
    net.sim.advance(5 * S);
    expect([...net.b.tcp.connections()].length).toBe(3);
  });

  it.each([
    [0, "ESTABLISHED"],
    [1, "CLOSED"],
  ])(
    "while there is no room the last acknowledgement is not heard, or answered with a reset if told: %i",
    (abort, state) => {
      const net = pair(1, { delayNs: MS });
      net.b.sysctl.tcp_abort_on_overflow = abort;
      const l = listen(net.b, 2);
      l.holdAccept(true);
      const clients = [dial(net), dial(net)];
      net.sim.advance(3 * MS + 500_000); // SYNs are there, acknowledgements are not
      must(l.listen(0, () => {}));
      net.sim.advance(500 * MS);
      expect([clients.map((c) => c.connected), listener(net.b).waiting]).toEqual([[true, true], 1]);
      expect(clients[1]?.socket.state).toBe(state);
      l.holdAccept(false);
      net.sim.advance(10 * S);
      expect([...net.b.tcp.connections()].length).toBe(abort === 0 ? 2 : 1);
    },
  );

  it("nor are cookies taken back then: nothing is said", () => {
    const net = pair(1, { delayNs: MS });
    net.b.sysctl.tcp_syncookies = 2;
    listen(net.b, 0).holdAccept(true);
    const clients = [dial(net), dial(net)];
    net.sim.advance(500 * MS);
    expect(clients.map((c) => c.socket.state)).toEqual(["ESTABLISHED", "ESTABLISHED"]);
    expect([listener(net.b).waiting, drops(net.b, "tcp: accept queue full")]).toEqual([1, 1]);
  });

  it("are reset when the listener closes; half open ones are forgotten", () => {
    const net = pair(1, { delayNs: MS });
    const l = listen(net.b, 4, () => {});
    l.holdAccept(true);
    const client = dial(net);
    net.sim.advance(S);
    flood(net.b, 2);
    l.close();
    net.sim.advance(2 * S);
    expect([client.failed, [...net.b.tcp.connections()].length, [...net.b.tcp.listeners()].length]).toEqual([
      "ECONNRESET",
      0,
      0,
    ]);
  });
});

describe("signatures (RFC 2385)", () => {
  const key = (text: string) => () => new TextEncoder().encode(text);

  it("of both sides let a connection through, and everything that it carries", () => {
    const net = pair(1, { delayNs: MS, loss: 0.02 });
    const { client, server } = connect(net, { md5: key("secret") }, { md5: key("secret") });
    const seen = watch(net.a);
    net.sim.advance(4 * S);
    client.send(pattern(50_000), () => client.socket.shutdown());
    server.end().send(pattern(20_000), () => server.end().socket.shutdown());
    net.sim.advance(60 * S);
    expect(Buffer.compare(server.end().bytes, pattern(50_000))).toBe(0);
    expect(Buffer.compare(client.bytes, pattern(20_000))).toBe(0);
    expect(seen.every((s) => s.tcp.options.some((o) => o.kind === "md5"))).toBe(true);
  });

  it.each([
    ["another key", { md5: key("secret") }, { md5: key("other") }],
    ["none at the client", {}, { md5: key("secret") }],
    ["none at the server", { md5: key("secret") }, {}],
  ])("that do not fit let nobody in: %s", (_name, client, server) => {
    const net = pair(1, { delayNs: MS });
    const c = connect(net, { ...client, maxSynRetries: 1 }, server);
    net.sim.advance(20 * S);
    expect([c.client.failed, c.server.accepted]).toEqual(["ETIMEDOUT", false]);
    expect((allDrops(net.b)["tcp: bad signature"] ?? 0) + (allDrops(net.a)["tcp: bad signature"] ?? 0)).toBeGreaterThan(
      0,
    );
  });

  it("are missing on a stranger's reset, which ends nothing", () => {
    const net = pair(1, { delayNs: MS });
    const { client } = connect(net, { md5: key("secret") }, { md5: key("secret") }, 4000);
    net.sim.advance(S);
    const { rcv } = ([...net.a.tcp.connections()][0] as { connection: { rcv: { nxt: number } } }).connection;
    const b = new Uint8Array(20);
    writeHeader(b, 0, 80, 4000, rcv.nxt, 0, 20, TCP_RST, 0);
    seal(b, 0, 20, B, A);
    inject(net.a, "eth0", ipPacket(formatIp(B), formatIp(A), 6, b));
    expect([client.failed, client.socket.state, drops(net.a, "tcp: bad signature")]).toEqual([null, "ESTABLISHED", 1]);
  });
});
