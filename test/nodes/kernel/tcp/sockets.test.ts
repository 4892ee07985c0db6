import { describe, expect, it } from "vitest";
import type { TcpSocket } from "../../../../src/core/tcp-socket.ts";
import { MS, S } from "../../../../src/core/time.ts";
import type { Kernel } from "../../../../src/nodes/kernel/kernel.ts";
import { chain, device, must, watch as watchIp } from "../../../harness/kernels.ts";
import { A, B, connect, End, type Pair, pair, pattern, watch } from "./hosts.ts";

/** What programs may ask of sockets, and what they are told. */

const socket = (k: Kernel, options = {}): TcpSocket => {
  const s = k.os.tcpSocket();
  Object.assign(s.options, options);
  return s;
};
const errno = (o: { ok: boolean; errno?: string }): string => (o.ok ? "" : (o.errno ?? "?"));
const listen = (k: Kernel, port: number, accept: (s: TcpSocket) => void = () => {}): TcpSocket => {
  const s = socket(k);
  must(s.bind(0, port));
  must(s.listen(8, accept));
  return s;
};
const dial = (s: TcpSocket, to = B, port = 80): { failed: string | null | undefined } => {
  const result: { failed: string | null | undefined } = { failed: undefined };
  must(
    s.connect(to, port, (failed) => {
      result.failed = failed;
    }),
  );
  return result;
};
const opened = (seed = 1): Pair & { client: End; server: End } => {
  const net = pair(seed, { delayNs: MS });
  const { client, server } = connect(net);
  net.sim.advance(S);
  return { ...net, client, server: server.end() };
};

describe("bind", () => {
  it("takes addresses of this host, and ports that nobody has", () => {
    const { a } = pair();
    expect(errno(socket(a).bind(B, 80))).toBe("EADDRNOTAVAIL");
    must(socket(a).bind(A, 80));
    expect(errno(socket(a).bind(0, 80))).toBe("EADDRINUSE");
    expect(errno(socket(a).bind(A, 80))).toBe("EADDRINUSE");
    must(socket(a).bind(0x7f000001, 80));
    a.sysctl.ip_nonlocal_bind = 1;
    must(socket(a).bind(B, 80));
  });

  it("shares a port that all say may be shared, unless somebody listens there", () => {
    const { a } = pair();
    const [one, other, third] = [0, 1, 2].map(() => socket(a, { reuseAddress: true })) as [
      TcpSocket,
      TcpSocket,
      TcpSocket,
    ];
    must(one.bind(0, 80));
    must(other.bind(0, 80));
    expect(errno(socket(a).bind(0, 80))).toBe("EADDRINUSE");
    must(one.listen(1, () => {}));
    expect(errno(other.listen(1, () => {}))).toBe("EADDRINUSE");
    expect(errno(third.bind(0, 80))).toBe("EADDRINUSE");
  });

  it("shares a port between devices", () => {
    const { a } = pair();
    must(socket(a, { ifname: "lo" }).bind(0, 80));
    must(socket(a, { ifname: "eth0" }).bind(0, 80));
    expect(errno(socket(a, { ifname: "eth0" }).bind(0, 80))).toBe("EADDRINUSE");
    expect(errno(socket(a).bind(0, 80))).toBe("EADDRINUSE");
  });

  it("draws odd ports, and all of them before it gives up", () => {
    const { a } = pair();
    Object.assign(a.sysctl, { ip_local_port_range_low: 40_000, ip_local_port_range_high: 40_003 });
    const drawn = [0, 1, 2, 3].map(() => {
      const s = socket(a);
      must(s.bind(0, 0));
      return s.localPort;
    });
    expect(drawn.slice(0, 2).every((p) => p % 2 === 1)).toBe(true);
    expect([...drawn].sort()).toEqual([40_000, 40_001, 40_002, 40_003]);
    expect(errno(socket(a).bind(0, 0))).toBe("EADDRINUSE");
  });

  it("is done once, and not after connecting or closing", () => {
    const { a, client } = opened();
    const s = socket(a);
    must(s.bind(0, 81));
    expect(errno(s.bind(0, 82))).toBe("EINVAL");
    expect(errno(client.socket.bind(0, 82))).toBe("EINVAL");
    s.close();
    expect(errno(s.bind(0, 83))).toBe("EBADF");
    must(socket(a).bind(0, 81));
  });
});

describe("connect", () => {
  it("refuses what cannot be", () => {
    const { a, client } = opened();
    expect(errno(client.socket.connect(B, 80, () => {}))).toBe("EISCONN");
    expect(errno(socket(a).connect(0xc0000201, 80, () => {}))).toBe("ENETUNREACH");
    expect(errno(socket(a).connect(0x0a0000ff, 80, () => {}))).toBe("ENETUNREACH");
    expect(errno(socket(a, { ifname: "eth9" }).connect(B, 80, () => {}))).toBe("ENODEV");
    expect(errno(socket(a, { congestion: "vegas" }).connect(B, 80, () => {}))).toBe("ENOENT");
    const s = socket(a);
    dial(s);
    expect(errno(s.connect(B, 80, () => {}))).toBe("EALREADY");
    expect(errno(listen(a, 90).connect(B, 80, () => {}))).toBe("EISCONN");
    s.close();
    expect(errno(s.connect(B, 80, () => {}))).toBe("EBADF");
  });

  it("draws even ports, others to other peers alike, and none twice to one", () => {
    const net = pair(1, { delayNs: MS });
    Object.assign(net.a.sysctl, { ip_local_port_range_low: 40_000, ip_local_port_range_high: 40_003 });
    listen(net.b, 80);
    listen(net.b, 81);
    const sockets = [0, 1, 2, 3].map(() => socket(net.a));
    for (const s of sockets) dial(s);
    expect(sockets.slice(0, 2).every((s) => s.localPort % 2 === 0)).toBe(true);
    expect(new Set(sockets.map((s) => s.localPort)).size).toBe(4);
    expect(errno(socket(net.a).connect(B, 80, () => {}))).toBe("EADDRNOTAVAIL");
    const other = socket(net.a);
    dial(other, B, 81);
    net.sim.advance(S);
    expect([...sockets, other].map((s) => s.state)).toEqual(new Array(5).fill("ESTABLISHED"));
  });

  it("is told that nobody listens, and what ICMP says on the way", () => {
    const net = pair(1, { delayNs: MS });
    const refused = dial(socket(net.a), B, 99);
    const nobody = dial(socket(net.a), B + 7);
    net.sim.advance(5 * S);
    expect([refused.failed, nobody.failed]).toEqual(["ECONNREFUSED", "EHOSTUNREACH"]);
    expect(net.a.tcp.stats.attemptFails).toBe(2);
  });

  it("to this host goes over the loopback, to nobody too", () => {
    const { a, sim } = pair();
    let accepted = 0;
    listen(a, 80, () => accepted++);
    const [one, other] = [dial(socket(a), A), dial(socket(a), 0)];
    sim.advance(S);
    expect([one.failed, other.failed, accepted]).toEqual([null, null, 2]);
  });

  it("to itself is a connection with itself (RFC 9293 §3.5 figure 8)", () => {
    const { a, sim } = pair();
    const s = socket(a);
    must(s.bind(A, 5000));
    const end = new End(s).read();
    dial(s, A, 5000);
    sim.advance(S);
    end.send(pattern(1000));
    sim.advance(2 * S);
    expect([s.state, Buffer.compare(end.bytes, pattern(1000))]).toEqual(["ESTABLISHED", 0]);
  });
});

describe("a socket", () => {
  it("shows TTL, TOS and mark on what it sends, and accepted ones inherit them", () => {
    const net = pair(1, { delayNs: MS });
    const seen = watch(net.a);
    connect(net, { ttl: 5, tos: 0x28 }, { ttl: 7, tos: 0x48 });
    net.sim.advance(S);
    expect(seen.map((s) => [s.out, s.ttl, s.tos])).toEqual([
      [true, 5, 0x28],
      [false, 7, 0x48],
      [true, 5, 0x28],
    ]);
  });

  it("that listens is found by address and device, the best fitting one", () => {
    const net = pair(1, { delayNs: MS });
    const taken: string[] = [];
    const at = (name: string, address: number, ifname?: string): void => {
      const s = socket(net.b, { reuseAddress: true, ...(ifname === undefined ? {} : { ifname }) });
      must(s.bind(address, 80));
      must(s.listen(1, () => taken.push(name)));
    };
    at("device", 0, "eth0");
    at("other device", 0, "lo");
    dial(socket(net.a));
    net.sim.advance(S);
    expect(taken).toEqual(["device"]);
    const other = pair(1, { delayNs: MS });
    must(socket(other.b).bind(0x7f000001, 80));
    const s = socket(other.b);
    must(s.bind(0x7f000001, 81));
    must(s.listen(1, () => {}));
    const failed = dial(socket(other.a), B, 81);
    other.sim.advance(S);
    expect(failed.failed).toBe("ECONNREFUSED");
  });

  it("tells what ss shows: states, queues, timers", () => {
    const { sim, client, server, cable } = opened();
    server.socket.pause();
    client.send(pattern(500));
    sim.advance(sim.now + S);
    expect(server.socket.info().recvQueue).toBe(500);
    expect(client.socket.info()).toMatchObject({
      state: "ESTABLISHED",
      sendQueue: 0,
      timer: "",
      unacked: 0,
      bytesAcked: 501,
    });
    cable.tune({ blocked: true });
    client.send(pattern(700));
    sim.advance(sim.now + 700 * MS);
    expect(client.socket.info()).toMatchObject({
      sendQueue: 700,
      timer: "on",
      timerRetrans: 1,
      unacked: 1,
      retrans: 1,
      backoff: 1,
    });
    expect(client.socket.unacked).toBe(700);
  });

  it("is told of a reset, then is closed", () => {
    const { sim, a, b, client, server } = opened();
    server.socket.abort();
    sim.advance(sim.now + S);
    expect([client.failed, client.socket.state, client.socket.error]).toEqual(["ECONNRESET", "CLOSED", "ECONNRESET"]);
    expect(errno(client.socket.shutdown())).toBe("ENOTCONN");
    expect(client.socket.write(pattern(1))).toBe(0);
    expect([a.tcp.stats.estabResets, b.tcp.stats.estabResets]).toEqual([1, 1]);
  });
});

describe("TIME-WAIT", () => {
  /** A connection from port 5000 that the client has closed first. */
  function closed(net: Pair): void {
    const { client, server } = connect(net, {}, { reuseAddress: true }, 5000);
    net.sim.advance(net.sim.now + 100 * MS);
    client.socket.close();
    net.sim.advance(net.sim.now + 100 * MS);
    server.end().socket.close();
    net.sim.advance(net.sim.now + 100 * MS);
  }
  const waits = (k: Kernel): number => [...k.tcp.waits()].length;

  it("keeps the port for a minute, from all that do not share it", () => {
    const net = pair(1, { delayNs: MS });
    closed(net);
    expect([waits(net.a), waits(net.b)]).toEqual([1, 0]);
    expect(errno(socket(net.a).bind(0, 5000))).toBe("EADDRINUSE");
    net.sim.advance(net.sim.now + 60 * S);
    expect(waits(net.a)).toBe(0);
    must(socket(net.a).bind(0, 5000));
  });

  it("is left out beyond the limit of a node", () => {
    const net = pair(1, { delayNs: MS });
    net.a.sysctl.tcp_max_tw_buckets = 0;
    closed(net);
    expect(waits(net.a)).toBe(0);
  });

  it("gives way to a new connection from the same port, above the old sequence numbers", () => {
    const net = pair(1, { delayNs: MS });
    const server = listen(net.b, 81, (s) => s.close()); // the server closes first, and waits
    const once = (): string | null | undefined => {
      const s = socket(net.a, { reuseAddress: true });
      must(s.bind(0, 6000));
      const result = dial(s, B, 81);
      net.sim.advance(net.sim.now + 50 * MS);
      s.close();
      net.sim.advance(net.sim.now + 50 * MS);
      return result.failed;
    };
    expect([once(), waits(net.b), once(), waits(net.b)]).toEqual([null, 1, null, 1]);
    server.close();
  });

  it("gives a port back to connecting after a second if the setting says so (RFC 6191)", () => {
    for (const [reuse, expected] of [
      [0, "EADDRNOTAVAIL"],
      [1, ""],
    ] as const) {
      const net = pair(1, { delayNs: MS });
      Object.assign(net.a.sysctl, {
        tcp_tw_reuse: reuse,
        ip_local_port_range_low: 5000,
        ip_local_port_range_high: 5000,
      });
      listen(net.b, 80, (s) => s.onEnd(() => s.close()));
      const first = socket(net.a);
      dial(first);
      net.sim.advance(100 * MS);
      first.close();
      net.sim.advance(200 * MS);
      expect(waits(net.a)).toBe(1);
      expect(errno(socket(net.a).connect(B, 80, () => {}))).toBe("EADDRNOTAVAIL");
      net.sim.advance(2 * S);
      expect(errno(socket(net.a).connect(B, 80, () => {}))).toBe(expected);
    }
  });
});

describe("a path with a smaller MTU in its middle", () => {
  interface Passed {
    readonly received: number;
    readonly largest: number;
  }
  /** Sends 100,000 octets through `narrow`. */
  function through(narrow: (net: ReturnType<typeof chain>) => void, probing = 0): Passed {
    const net = chain();
    const { lab, h1, h2 } = net;
    narrow(net);
    h1.sysctl.tcp_mtu_probing = probing;
    let received = 0;
    const count = (_b: Uint8Array, o: number, end: number): void => {
      received += end - o;
    };
    listen(h2, 80, (s) => s.onData(count));
    const s = socket(h1);
    dial(s, 0x0a000201);
    lab.run(S);
    const seen = watchIp(h2, "eth0");
    new End(s).send(pattern(100_000));
    lab.run(120 * S);
    return { received, largest: Math.max(0, ...seen.in.map((p) => p.ip.totalLength)) };
  }

  it("is found out by the ICMP of its router, and nothing is lost (RFC 1191)", () => {
    const narrow = ({ r1 }: ReturnType<typeof chain>): void => {
      device(r1, "eth1").mtu = 1000;
    };
    expect(through(narrow)).toEqual({ received: 100_000, largest: 1000 });
  });

  it("that nobody tells of is a black hole, unless smaller packets are tried (RFC 4821 §7.7)", () => {
    const narrow = ({ right }: ReturnType<typeof chain>): void => right.tune({ mtuBytes: 1200 });
    expect(through(narrow, 0)).toEqual({ received: 0, largest: 0 });
    expect(through(narrow, 1)).toEqual({ received: 100_000, largest: 1172 }); // it goes on searching upwards
  });
});
