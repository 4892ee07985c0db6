import { describe, expect, it } from "vitest";
import { formatIp } from "../../../src/core/addr.ts";
import type { SocketError } from "../../../src/core/os.ts";
import { S } from "../../../src/core/time.ts";
import { chain, device, ip, must, route, watch } from "../../harness/kernels.ts";
import { bytes, listen, pair, udp, word } from "./datagrams.ts";

/** UDP sockets; errno words and addresses are those of Linux 6.18 in the same situations. */

describe("bind", () => {
  it("takes own addresses, the loopback's, groups, broadcast and all; others not, unless ip_nonlocal_bind", () => {
    const { a } = pair();
    const at = (address: string): string => word(a.os.udpSocket().bind(ip(address), 900));
    expect(["10.9.0.1", "10.7.0.1", "127.9.9.9", "224.0.0.5", "10.9.0.255", "255.255.255.255"].map(at)).toEqual(
      Array(6).fill("ok"),
    );
    expect([at("10.9.0.77"), at("10.9.0.2"), at("0.1.2.3")]).toEqual(Array(3).fill("EADDRNOTAVAIL"));
    a.sysctl.ip_nonlocal_bind = 1;
    expect(at("10.9.0.77")).toBe("ok");
  });
  it("is done once", () => {
    const { a } = pair();
    const s = udp(a, "", 902);
    expect([word(s.bind(0, 903)), word(s.bind(ip("10.9.0.77"), 903))]).toEqual(["EINVAL", "EADDRNOTAVAIL"]);
    expect([s.localAddress, s.localPort]).toEqual([0, 902]);
  });
  it("gives a port at an address to one socket, until it is closed", () => {
    const { a } = pair();
    const first = udp(a, "10.9.0.1", 900);
    expect(word(a.os.udpSocket().bind(ip("10.9.0.1"), 900))).toBe("EADDRINUSE");
    expect(word(a.os.udpSocket().bind(0, 900))).toBe("EADDRINUSE");
    expect(word(a.os.udpSocket().bind(ip("10.7.0.1"), 900))).toBe("ok");
    first.close();
    expect(word(a.os.udpSocket().bind(ip("10.9.0.1"), 900))).toBe("ok");
  });
  it("gives one port to sockets that are bound to different devices", () => {
    const { a } = pair();
    const at = (ifname: string): string => {
      const s = a.os.udpSocket();
      s.options.ifname = ifname;
      return word(s.bind(0, 67));
    };
    expect([at("e0"), at("e1"), at("e0")]).toEqual(["ok", "ok", "EADDRINUSE"]);
    expect(word(a.os.udpSocket().bind(0, 67))).toBe("EADDRINUSE");
  });
  it("leaves a tunnel's port alone", () => {
    const { a } = pair();
    must(a.udp.registerTunnel(4789, () => false));
    expect(word(a.os.udpSocket().bind(0, 4789))).toBe("EADDRINUSE");
    udp(a, "", 4790);
    expect(word(a.udp.registerTunnel(4790, () => false))).toBe("EADDRINUSE");
    udp(a, "", 4791).close();
    expect(word(a.udp.registerTunnel(4791, () => false))).toBe("ok");
    a.udp.unregisterTunnel(4789);
    expect(word(a.os.udpSocket().bind(0, 4789))).toBe("ok");
  });
  it("is refused to more than 65,536 sockets on a node", () => {
    const { a } = pair();
    for (let port = 1; port <= 65_535; port++) udp(a, "127.0.0.1", port);
    const last = udp(a, "127.0.0.2", 1);
    expect(word(a.os.udpSocket().bind(ip("127.0.0.2"), 2))).toBe("ENOBUFS");
    last.close();
    expect(word(a.os.udpSocket().bind(ip("127.0.0.2"), 2))).toBe("ok");
  });
  it("with port 0 draws one of ip_local_port_range, by the seed, never one twice", () => {
    const ports = (seed: number): number[] => {
      const { a } = pair(seed);
      return Array.from({ length: 500 }, () => udp(a, "10.9.0.1").localPort);
    };
    const drawn = ports(1);
    expect(new Set(drawn).size).toBe(500);
    expect(drawn.every((p) => p >= 32_768 && p <= 60_999)).toBe(true);
    expect(ports(1)).toEqual(drawn);
    expect(ports(2)).not.toEqual(drawn);
  });
  it("with port 0 takes the last free one, and then none", () => {
    const { a } = pair();
    Object.assign(a.sysctl, { ip_local_port_range_low: 50_000, ip_local_port_range_high: 50_004 });
    const ports = Array.from({ length: 5 }, () => udp(a, "127.0.0.1").localPort);
    expect(ports.toSorted()).toEqual([50_000, 50_001, 50_002, 50_003, 50_004]);
    expect(word(a.os.udpSocket().bind(0, 0))).toBe("EADDRINUSE");
    expect(word(a.os.udpSocket().sendTo(bytes(1), ip("10.9.0.2"), 9))).toBe("EAGAIN");
    expect(word(a.os.udpSocket().connect(ip("10.9.0.2"), 9))).toBe("EAGAIN");
  });
});

describe("connect", () => {
  it("chooses the own address by the route, and keeps it when connected anew", () => {
    const { a } = pair();
    const s = udp(a, "", 904);
    must(s.connect(ip("10.9.0.2"), 9));
    expect([formatIp(s.localAddress), s.localPort]).toEqual(["10.9.0.1", 904]);
    must(s.connect(ip("10.7.0.9"), 9));
    expect(formatIp(s.localAddress)).toBe("10.9.0.1");
  });
  it("is refused where there is no route, and for broadcast without permission", () => {
    const { a } = pair();
    expect(word(a.os.udpSocket().connect(ip("99.9.9.9"), 9))).toBe("ENETUNREACH");
    const s = a.os.udpSocket();
    expect(word(s.connect(ip("10.9.0.255"), 9))).toBe("EACCES");
    s.options.broadcast = true;
    expect(word(s.connect(ip("10.9.0.255"), 9))).toBe("ok");
  });
  it("hears its peer alone", () => {
    const { lab, a, b } = pair();
    const s = udp(a, "10.9.0.1", 500);
    const heard = listen(s);
    must(s.connect(ip("10.9.0.2"), 600));
    for (const port of [600, 601]) must(udp(b, "", port).sendTo(bytes(port - 599), ip("10.9.0.1"), 500));
    lab.run(S);
    expect(heard).toEqual(["10.9.0.2:600 > 10.9.0.1:500, 1 octets"]);
    lab.end();
  });
  it("sends the way of its new peer when connected anew", () => {
    const { lab, a } = pair();
    const [near, far] = [watch(a, "e0").out, watch(a, "e1").out];
    const s = udp(a);
    must(s.connect(ip("10.9.0.2"), 9));
    must(s.send(bytes(1)));
    s.close();
    const t = udp(a, "", 77);
    must(t.connect(ip("10.9.0.2"), 9));
    must(t.send(bytes(1)));
    must(t.connect(ip("10.7.0.2"), 9));
    must(t.send(bytes(1)));
    lab.run(S);
    expect(near.map((p) => formatIp(p.ip.dst))).toEqual(["10.9.0.2", "10.9.0.2"]);
    expect(far.map((p) => `${formatIp(p.ip.src)} ${formatIp(p.ip.dst)}`)).toContain("10.9.0.1 10.7.0.2");
  });
  it("to no address is to this host", () => {
    const { lab, a } = pair();
    const heard = listen(udp(a, "", 9));
    const s = udp(a);
    must(s.connect(0, 9));
    expect([formatIp(s.localAddress), word(s.send(bytes(2)))]).toEqual(["127.0.0.1", "ok"]);
    must(udp(a, "", 5).sendTo(bytes(3), 0, 9));
    lab.run(S);
    expect(heard).toEqual([`127.0.0.1:${s.localPort} > 127.0.0.1:9, 2 octets`, "127.0.0.1:5 > 127.0.0.1:9, 3 octets"]);
  });
});

describe("send", () => {
  it.each([
    ["to port 0", "10.9.0.2", 0, 1, "EINVAL"],
    ["to port 1", "10.9.0.2", 1, 1, "ok"],
    ["to port 65,535", "10.9.0.2", 65_535, 1, "ok"],
    ["to port 65,536", "10.9.0.2", 65_536, 1, "EINVAL"],
    ["65,508 octets", "10.9.0.2", 9, 65_508, "EMSGSIZE"],
    ["65,507 octets", "10.9.0.2", 9, 65_507, "ok"],
    ["without a route", "99.0.0.1", 9, 1, "ENETUNREACH"],
    ["to a subnet's broadcast without permission", "10.9.0.255", 9, 1, "EACCES"],
    ["to everybody without a route", "255.255.255.255", 9, 1, "ENETUNREACH"],
    ["to a group without a route", "239.1.1.1", 9, 1, "ENETUNREACH"],
  ])("%s", (_what, to, port, length, wanted) => {
    const { lab, a } = pair();
    expect(word(udp(a).sendTo(bytes(length), ip(to), port))).toBe(wanted);
    lab.end();
  });
  it("needs a peer, unless told one", () => {
    expect(word(udp(pair().a).send(bytes(1)))).toBe("EDESTADDRREQ");
  });
  it("to everybody and to groups leaves by the device of the address that it is bound to", () => {
    const { lab, a } = pair();
    const [e0, e1] = [watch(a, "e0").out, watch(a, "e1").out];
    const s = udp(a, "10.7.0.1");
    expect(word(s.sendTo(bytes(1), ip("255.255.255.255"), 9))).toBe("EACCES");
    must(s.sendTo(bytes(1), ip("255.255.255.255"), 9, { broadcast: true }));
    must(s.sendTo(bytes(1), ip("239.1.1.1"), 9));
    lab.run(S);
    expect([e0.length, e1.map((p) => [formatIp(p.ip.dst), p.ip.ttl])]).toEqual([
      0,
      [
        ["255.255.255.255", 64],
        ["239.1.1.1", 1],
      ],
    ]);
  });
  it("from a socket that is bound to a group or broadcast has an address of the host", () => {
    const { lab, a } = pair();
    const { out } = watch(a, "e0");
    for (const [i, at] of ["224.0.0.5", "10.9.0.255"].entries())
      must(udp(a, at, 900 + i).sendTo(bytes(1), ip("10.9.0.2"), 9));
    lab.run(S);
    expect(out.map((p) => formatIp(p.ip.src))).toEqual(["10.9.0.1", "10.9.0.1"]);
  });
  it("from an address that was taken away does not go", () => {
    const { a } = pair();
    const s = udp(a, "10.9.1.1");
    const c = udp(a, "10.9.1.1");
    must(c.connect(ip("10.9.0.2"), 9));
    must(c.send(bytes(1)));
    must(a.addresses.remove(device(a, "e0").ifindex, ip("10.9.1.1"), 24));
    expect([word(s.sendTo(bytes(1), ip("10.9.0.2"), 9)), word(c.send(bytes(1)))]).toEqual([
      "ENETUNREACH",
      "ENETUNREACH",
    ]);
  });
  it("by a device goes there whatever the routes say, and not by one that is not there", () => {
    const { lab, a } = pair();
    const { out } = watch(a, "e1");
    const s = udp(a);
    s.options.ifname = "e1";
    must(s.sendTo(bytes(1), ip("10.7.0.2"), 9));
    expect(word(s.sendTo(bytes(1), ip("10.9.0.2"), 9, { ifname: "nope" }))).toBe("ENODEV");
    lab.run(S);
    expect(out.map((p) => formatIp(p.ip.dst))).toContain("10.7.0.2");
  });
  it("with its options follows them, kept or given for one datagram", () => {
    const { lab, a, b } = pair();
    const heard: string[] = [];
    const hears = udp(b, "", 9);
    hears.onReceive((_b, _o, _e, i) => heard.push(`ttl ${i.ttl} tos ${i.tos} from ${formatIp(i.source)}`));
    const s = udp(a);
    must(s.connect(ip("10.9.0.2"), 9));
    must(s.send(bytes(1)));
    Object.assign(s.options, { ttl: 9, tos: 0x10, source: ip("10.9.1.1") });
    must(s.send(bytes(1)));
    must(s.sendTo(bytes(1), ip("10.9.0.2"), 9, { ttl: 3, tos: 4, source: ip("10.7.0.1") }));
    a.sysctl.ip_default_ttl = 33;
    a.ipv4.routes.invalidate();
    must(udp(a).sendTo(bytes(1), ip("10.9.0.2"), 9));
    lab.run(S);
    expect(heard).toEqual([
      "ttl 64 tos 0 from 10.9.0.1",
      "ttl 9 tos 16 from 10.9.1.1",
      "ttl 3 tos 4 from 10.7.0.1",
      "ttl 33 tos 0 from 10.9.0.1",
    ]);
  });
});

describe("a connected socket's kept route", () => {
  it("follows every option, every change of routes, and every change back", () => {
    const { lab, h1, r1, h2 } = chain();
    udp(h2, "", 9);
    lab.cable([h1, "eth1 10.0.3.1/24"], [r1, "eth2 10.0.3.254/24"]);
    const ways = { eth0: watch(h1, "eth0").out, eth1: watch(h1, "eth1").out };
    const s = udp(h1);
    must(s.connect(ip("10.0.2.1"), 9));
    const by = (): string => {
      for (const way of Object.values(ways)) way.length = 0;
      must(s.send(bytes(1)));
      lab.run(S);
      return Object.entries(ways)
        .flatMap(([name, out]) => out.map(() => name))
        .join();
    };
    must(h1.fib.addRule({ priority: 10, mark: 5, table: 100 }));
    must(h1.fib.addRule({ priority: 11, tos: 0x10, table: 100 }));
    must(h1.fib.addRoute({ dst: 0, length: 0, table: 100, gateway: ip("10.0.3.254") }));
    must(h1.fib.addRoute({ dst: 0, length: 0, metric: 9, gateway: ip("10.0.3.254") }));
    const seen = [by()];
    s.options.mark = 5;
    seen.push(by());
    delete s.options.mark;
    seen.push(by());
    s.options.tos = 0x10;
    seen.push(by());
    s.options.tos = 0;
    seen.push(by());
    delete s.options.tos;
    s.options.ifname = "eth1";
    seen.push(by());
    delete s.options.ifname;
    seen.push(by());
    route(h1, "10.0.2.0/24", "10.0.3.254");
    seen.push(by());
    expect(seen).toEqual(["eth0", "eth1", "eth0", "eth1", "eth0", "eth1", "eth0", "eth1"]);
  });
  it("follows a source route", () => {
    const { lab, a } = pair();
    const { out } = watch(a, "e1");
    const s = udp(a, "10.9.0.1");
    must(s.connect(ip("10.9.0.2"), 9));
    must(s.send(bytes(1)));
    s.options.options = Uint8Array.of(131, 7, 4, 10, 7, 0, 2, 0); // LSRR by 10.7.0.2
    must(s.send(bytes(1)));
    lab.run(S);
    expect(out.map((p) => formatIp(p.ip.dst))).toContain("10.7.0.2");
  });
});

describe("datagrams too long for the path", () => {
  const modes = ["want", "do", "dont", "probe"] as const;
  it.each([
    ["want", 1472, "ok"],
    ["want", 1473, "ok"],
    ["do", 1472, "ok"],
    ["do", 1473, "EMSGSIZE"],
    ["dont", 1473, "ok"],
    ["probe", 1472, "ok"],
    ["probe", 1473, "EMSGSIZE"],
  ] as const)("%s, %i octets: %s", (mode, length, wanted) => {
    const { a } = pair();
    expect(word(udp(a).sendTo(bytes(length), ip("10.9.0.2"), 9, { pathMtuDiscovery: mode }))).toBe(wanted);
  });
  it("say so to who asked for errors, with the MTU", () => {
    const { a } = pair();
    const errors: SocketError[] = [];
    const s = udp(a, "", 77);
    s.onError((e) => errors.push(e));
    expect(word(s.sendTo(bytes(2000), ip("10.9.0.2"), 9, { pathMtuDiscovery: "do" }))).toBe("EMSGSIZE");
    expect(errors).toMatchObject([{ errno: "EMSGSIZE", mtuBytes: 1500, destinationPort: 9, sourcePort: 77 }]);
  });
  it("set DF but for dont, and after the path's MTU was learnt only what probes it does not heed", () => {
    const { lab, h1, r1 } = chain();
    r1.setMtu(device(r1, "eth1"), 1000);
    const { out } = watch(h1, "eth0");
    const send = (mode: (typeof modes)[number], length: number): string => {
      out.length = 0;
      const result = word(udp(h1).sendTo(bytes(length), ip("10.0.2.1"), 9, { pathMtuDiscovery: mode }));
      lab.run(S);
      return `${result} ${out.map((p) => `${p.ip.totalLength}${p.ip.flags & 2 ? " DF" : ""}`).join()}`;
    };
    expect(send("dont", 1472)).toBe("ok 1500");
    expect(send("want", 1472)).toBe("ok 1500 DF"); // r1 says: 1000
    expect(modes.map((mode) => send(mode, 1200))).toEqual(["ok 996,252", "EMSGSIZE ", "ok 996,252", "ok 1228 DF"]);
  });
});
