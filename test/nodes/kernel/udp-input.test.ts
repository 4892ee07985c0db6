import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { SocketError, UdpSocket } from "../../../src/core/os.ts";
import { S } from "../../../src/core/time.ts";
import { allDrops, device, inject, ip, must } from "../../harness/kernels.ts";
import { bytes, complement, listen, pair, udp, udpPacket, word } from "./datagrams.ts";

/** What UDP sockets hear, and what becomes of errors; as Linux 6.18 in the same situations. */

describe("errors of ICMP", () => {
  it("end a connected socket's next send, once", () => {
    const { lab, a } = pair();
    const s = udp(a);
    must(s.connect(ip("10.9.0.2"), 9));
    const words: string[] = [];
    const send = (to?: readonly [string, number]): void => {
      words.push(word(to === undefined ? s.send(bytes(1)) : s.sendTo(bytes(1), ip(to[0]), to[1])));
      lab.run(S);
    };
    send();
    send();
    send();
    send(["10.9.0.2", 0]);
    send();
    send();
    expect(words).toEqual(["ok", "ECONNREFUSED", "ok", "EINVAL", "ECONNREFUSED", "ok"]);
    lab.end();
  });
  it("do not trouble a socket without a peer, unless it asks for them", () => {
    const { lab, a } = pair();
    const s = udp(a, "", 77);
    must(s.sendTo(bytes(1), ip("10.9.0.2"), 9));
    lab.run(S);
    expect(word(s.sendTo(bytes(1), ip("10.9.0.2"), 9))).toBe("ok");
    lab.run(S);
    const errors: SocketError[] = [];
    s.onError((e) => errors.push(e));
    must(s.sendTo(bytes(1), ip("10.9.0.2"), 9));
    lab.run(S);
    expect(errors).toEqual([
      {
        errno: "ECONNREFUSED",
        icmpType: 3,
        icmpCode: 3,
        offender: ip("10.9.0.2"),
        mtuBytes: 0,
        destination: ip("10.9.0.2"),
        destinationPort: 9,
        sourcePort: 77,
        ttl: 64,
      },
    ]);
  });
  it.each([
    [0, "ENETUNREACH", false],
    [1, "EHOSTUNREACH", false],
    [2, "ENOPROTOOPT", true],
    [3, "ECONNREFUSED", true],
    [4, "EMSGSIZE", true],
    [5, "EOPNOTSUPP", false],
    [6, "ENETUNREACH", true],
    [7, "EHOSTDOWN", true],
    [8, "ENONET", true],
    [9, "ENETUNREACH", true],
    [10, "EHOSTUNREACH", true],
    [11, "ENETUNREACH", false],
    [12, "EHOSTUNREACH", false],
    [13, "EHOSTUNREACH", true],
    [14, "EHOSTUNREACH", true],
    [15, "EHOSTUNREACH", true],
  ])("unreachable, code %i, is %s; fatal: %s", (code, errno, fatal) => {
    const { a } = pair();
    const s = udp(a, "", 77);
    must(s.connect(ip("10.9.0.2"), 9));
    const about = udpPacket("10.9.0.1", 77, "10.9.0.2", 9, 20);
    const message = Uint8Array.of(3, code, 0, 0, 0, 0, 2, 88, ...about);
    complement(message);
    inject(a, "e0", icmp("10.9.0.2", "10.9.0.1", message));
    expect(word(s.send(bytes(1)))).toBe(fatal ? errno : "ok");
    const errors: SocketError[] = [];
    s.onError((e) => errors.push(e));
    inject(a, "e0", icmp("10.9.0.2", "10.9.0.1", message));
    expect(errors.map((e) => [e.errno, e.icmpCode, e.mtuBytes])).toEqual([[errno, code, code === 4 ? 600 : 0]]);
  });
});

describe("what comes in", () => {
  it("goes to the socket that fits best", () => {
    const { lab, a, b } = pair();
    const heard: string[] = [];
    const make = (name: string, at: string, setUp: (s: UdpSocket) => void = () => {}): void => {
      const s = a.os.udpSocket();
      setUp(s);
      must(s.bind(at === "" ? 0 : ip(at), 500));
      s.onReceive(() => heard.push(name));
      if (name === "connected") must(s.connect(ip("10.9.0.2"), 600));
    };
    make("on e0", "", (s) => Object.assign(s.options, { ifname: "e0" }));
    make("on e1", "", (s) => Object.assign(s.options, { ifname: "e1" }));
    const from = (port: number, to: string): void => {
      const s = udp(b, "", port);
      must(s.sendTo(bytes(1), ip(to), 500));
      s.close();
      lab.run(S);
    };
    from(600, "10.9.0.1");
    expect(heard.splice(0)).toEqual(["on e0"]);
    const { a: other, b: peer, lab: lab2 } = pair();
    const names: string[] = [];
    const one = (name: string, at: string): UdpSocket => {
      const s = udp(other, at, 500);
      s.onReceive(() => names.push(name));
      return s;
    };
    one("10.9.0.1", "10.9.0.1");
    must(one("connected", "10.9.1.1").connect(ip("10.9.0.2"), 600));
    for (const [port, to] of [
      [600, "10.9.0.1"],
      [600, "10.9.1.1"],
      [601, "10.9.1.1"],
    ] as const) {
      const s = udp(peer, "", port);
      must(s.sendTo(bytes(1), ip(to), 500, { ifname: "e0" }));
      s.close();
      lab2.run(S);
    }
    expect(names).toEqual(["10.9.0.1", "connected"]);
  });
  it("comes with its octets, none where there are none", () => {
    const { lab, a, b } = pair();
    const got: number[][] = [];
    udp(a, "", 9).onReceive((buf, o, end) => got.push(Array.from(buf.subarray(o, end))));
    const s = udp(b);
    for (const payload of [[1, 2, 3], [], [255]]) must(s.sendTo(Uint8Array.from(payload), ip("10.9.0.1"), 9));
    lab.run(S);
    expect(got).toEqual([[1, 2, 3], [], [255]]);
  });
  it("for another address, or by another device, is not for the only socket on the port", () => {
    const { lab, a, b } = pair();
    const heard = [listen(udp(a, "10.9.0.1", 500))];
    const bound = a.os.udpSocket();
    bound.options.ifname = "e1";
    must(bound.bind(0, 501));
    heard.push(listen(bound));
    const s = udp(b);
    must(s.sendTo(bytes(1), ip("10.9.0.1"), 500));
    must(s.sendTo(bytes(1), ip("10.9.1.1"), 500, { ifname: "e0" }));
    must(s.sendTo(bytes(1), ip("10.9.0.1"), 501));
    lab.run(S);
    expect(heard.map((h) => h.length)).toEqual([1, 0]);
    lab.end();
  });
  it("for a group goes to every socket on its port that takes it, whoever joined", () => {
    const { lab, a, b } = pair();
    const heard: string[] = [];
    const make = (name: string, port: number, at = ""): UdpSocket => {
      const s = udp(a, at, port);
      s.onReceive(() => heard.push(name));
      return s;
    };
    const joined = make("joined, any", 700);
    make("bound to the group", 701, "239.2.2.2");
    make("bound to an address", 702, "10.9.0.1");
    const send = (port: number): void => {
      must(udp(b).sendTo(bytes(1), ip("239.2.2.2"), port, { ifname: "e0" }));
      lab.run(S);
    };
    for (const port of [700, 701, 702]) send(port);
    expect(heard).toEqual([]);
    must(joined.joinGroup(ip("239.2.2.2"), "e0"));
    for (const port of [700, 701, 702]) send(port);
    expect(heard.splice(0)).toEqual(["joined, any", "bound to the group"]);
    must(joined.leaveGroup(ip("239.2.2.2"), "e0"));
    for (const port of [700, 701]) send(port);
    expect(heard).toEqual([]);
    lab.end();
  });
  it("with a wrong length or checksum is dropped, without a checksum heard, beyond its length padding", () => {
    const { lab, a } = pair();
    const heard = listen(udp(a, "", 9));
    const good = udpPacket("10.9.0.2", 5, "10.9.0.1", 9, 10);
    const but = (change: (b: Uint8Array) => void): void => {
      const b = good.slice();
      change(b);
      inject(a, "e0", b);
    };
    but(() => {});
    but((b) => (b[30] = 1));
    but((b) => b.fill(0, 26, 28));
    but((b) => b.set([0, 7], 24));
    but((b) => b.set([0, 200], 24));
    but((b) => b.set([0, 14, 0, 0], 24));
    inject(a, "e0", udpPacket("10.9.0.2", 5, "10.9.0.1", 9, 10).slice(0, 28).fill(24, 3, 4));
    lab.run(S);
    expect(heard.map((h) => h.split(", ")[1])).toEqual(["10 octets", "10 octets", "6 octets"]);
    expect(allDrops(a)).toMatchObject({ "udp: bad checksum": 1, "udp: malformed": 2 });
  });
});

describe("a closed socket", () => {
  it("does nothing more", () => {
    const { lab, a, b } = pair();
    const s = udp(a, "", 9);
    const heard = listen(s);
    must(s.joinGroup(ip("239.1.1.1"), "e0"));
    s.close();
    s.close();
    const words = [s.bind(0, 1), s.connect(ip("10.9.0.2"), 9), s.sendTo(bytes(1), ip("10.9.0.2"), 9)];
    expect([...words, s.joinGroup(ip("239.1.1.1"), "e0"), s.leaveGroup(ip("239.1.1.1"), "e0")].map(word)).toEqual(
      Array(5).fill("EBADF"),
    );
    expect(device(a, "e0").inet.groups?.size).toBe(0);
    must(udp(b).sendTo(bytes(1), ip("10.9.0.1"), 9));
    lab.run(S);
    expect(heard).toEqual([]);
  });
  it("hears nothing though it is closed by one that hears the same datagram", () => {
    const { lab, a, b } = pair();
    const [first, second] = [udp(a, "10.9.0.255", 9), udp(a, "255.255.255.255", 9)];
    expect(word(a.os.udpSocket().bind(0, 9))).toBe("EADDRINUSE");
    const heard = listen(second);
    first.onReceive(() => second.close());
    must(udp(b).sendTo(bytes(1), ip("10.9.0.255"), 9, { broadcast: true }));
    must(udp(b).sendTo(bytes(1), ip("255.255.255.255"), 9, { broadcast: true, ifname: "e0" }));
    lab.run(S);
    expect(heard).toEqual([]);
  });
});

describe("groups", () => {
  it("are joined once per device and socket, counted, and forgotten with the device", () => {
    const { a } = pair();
    const [s, t] = [udp(a), udp(a)];
    const group = ip("239.1.1.1");
    expect(word(s.joinGroup(ip("10.0.0.1"), "e0"))).toBe("EINVAL");
    expect(word(s.joinGroup(group, "nope"))).toBe("ENODEV");
    expect([word(s.joinGroup(group, "e0")), word(s.joinGroup(group, "e0")), word(s.joinGroup(group, "e1"))]).toEqual([
      "ok",
      "EADDRINUSE",
      "ok",
    ]);
    expect([word(t.joinGroup(group, "e0")), word(t.leaveGroup(group, "e1"))]).toEqual(["ok", "EADDRNOTAVAIL"]);
    const members = (): number | undefined => device(a, "e0").inet.groups?.get(group);
    expect(members()).toBe(2);
    must(s.leaveGroup(group, "e0"));
    expect(members()).toBe(1);
    must(a.rename(device(a, "e0"), "eth9"));
    must(t.leaveGroup(group, "eth9"));
    expect(device(a, "eth9").inet.groups?.get(group)).toBeUndefined();
    a.unregister(device(a, "e1"));
    expect(word(s.leaveGroup(group, "e1"))).toBe("EADDRNOTAVAIL");
    s.close();
  });
});

it("whatever comes in never throws, and every packet dies", () => {
  const { lab, a } = pair();
  udp(a, "", 9).onReceive(() => {});
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 0, maxLength: 60 }), (payload) => {
      const p = udpPacket("10.9.0.2", 5, "10.9.0.1", 9, payload.length);
      p.set(payload, 20);
      inject(a, "e0", p);
      lab.run(0);
      expect(lab.sim.pool.born - lab.sim.pool.dead).toBeLessThan(3); // an answer may wait for its neighbour
      lab.run(10 * S);
    }),
  );
  lab.end();
});

function icmp(from: string, to: string, message: Uint8Array): Uint8Array {
  const packet = udpPacket(from, 0, to, 0, message.length - 8);
  packet.set(message, 20);
  packet[9] = 1;
  packet.fill(0, 10, 12);
  complement(packet.subarray(0, 20), 10);
  return packet;
}
