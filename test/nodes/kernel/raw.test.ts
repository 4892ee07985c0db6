import { describe, expect, it } from "vitest";
import { formatIp } from "../../../src/core/addr.ts";
import type { RawSocket, SocketError } from "../../../src/core/os.ts";
import { S } from "../../../src/core/time.ts";
import type { Kernel } from "../../../src/nodes/kernel/kernel.ts";
import { chain, device, ip, must, ping, send, watch } from "../../harness/kernels.ts";
import { bytes, pair, udp, word } from "./datagrams.ts";

/** Raw sockets (net/ipv4/raw.c); errno words as of Linux 6.18. */

/** What a raw socket hears from now on: `10.9.0.2 > 10.9.0.1, 3 octets, ttl 64`. */
function listen(s: RawSocket, heard: string[] = []): string[] {
  s.onReceive((_b, o, end, i) =>
    heard.push(`${formatIp(i.source)} > ${formatIp(i.destination)}, ${end - o} octets, ttl ${i.ttl}`),
  );
  return heard;
}
const raw = (k: Kernel, protocol: number, at = ""): RawSocket => {
  const s = k.os.rawSocket(protocol);
  if (at !== "") must(s.bind(ip(at)));
  return s;
};

describe("a raw socket", () => {
  it("hears everything of its protocol, beside whoever else does", () => {
    const { lab, a, b } = pair();
    const [udps, more, icmps, others] = [17, 17, 1, 89].map((protocol) => listen(raw(a, protocol)));
    const heard: string[] = [];
    udp(a, "", 9).onReceive(() => heard.push("udp"));
    must(udp(b, "", 7).sendTo(bytes(3), ip("10.9.0.1"), 9));
    send(b, 89, "10.9.0.1", bytes(20));
    ping(b, "10.9.0.1");
    lab.run(S);
    expect(udps).toEqual(["10.9.0.2 > 10.9.0.1, 11 octets, ttl 64"]);
    expect([more, heard]).toEqual([udps, ["udp"]]);
    expect(icmps).toEqual(["10.9.0.2 > 10.9.0.1, 64 octets, ttl 64"]);
    expect(others).toEqual(["10.9.0.2 > 10.9.0.1, 20 octets, ttl 64"]);
    lab.end();
  });
  it("hears datagrams whole, though they came in fragments", () => {
    const { lab, a, b } = pair();
    const heard = listen(raw(a, 200));
    send(b, 200, "10.9.0.1", bytes(4000));
    lab.run(S);
    expect(heard).toEqual(["10.9.0.2 > 10.9.0.1, 4000 octets, ttl 64"]);
  });
  it("keeps a protocol that nobody speaks from being unreachable", () => {
    const { lab, a, b } = pair();
    const s = raw(a, 200);
    const told = listen(raw(b, 1));
    send(b, 200, "10.9.0.1", bytes(1));
    lab.run(S);
    expect(told).toEqual([]);
    s.close();
    send(b, 200, "10.9.0.1", bytes(1));
    lab.run(S);
    expect(told).toHaveLength(1);
  });
  it("bound to an address, or to a device, hears what is for it", () => {
    const { lab, a, b } = pair();
    const [one, other] = [listen(raw(a, 200, "10.9.0.1")), listen(raw(a, 200, "10.9.1.1"))];
    const by = raw(a, 200);
    by.options.ifname = "e1";
    const elsewhere = listen(by);
    must(raw(b, 200).sendTo(bytes(2), ip("10.9.0.1")));
    lab.run(S);
    expect([one.length, other, elsewhere]).toEqual([1, [], []]);
  });
  it.each([
    ["10.9.0.1", "ok"],
    ["127.0.0.7", "ok"],
    ["224.0.0.5", "ok"],
    ["10.9.0.255", "ok"],
    ["10.9.0.3", "EADDRNOTAVAIL"],
  ])("is bound to %s: %s", (at, wanted) => {
    expect(word(pair().a.os.rawSocket(200).bind(ip(at)))).toBe(wanted);
  });
  it("bound to a group or broadcast sends from an address of the host, to the loopback's not at all", () => {
    const { lab, a } = pair();
    const { out } = watch(a, "e0");
    for (const at of ["224.0.0.5", "10.9.0.255"]) must(raw(a, 200, at).sendTo(bytes(1), ip("10.9.0.2")));
    lab.run(S);
    expect(out.map((p) => formatIp(p.ip.src))).toEqual(["10.9.0.1", "10.9.0.1"]);
    expect(word(raw(a, 200, "127.0.0.7").sendTo(bytes(1), ip("10.9.0.2")))).toBe("EINVAL");
  });
  it.each([
    ["65,515 octets", "10.9.0.2", 65_515, "ok"],
    ["65,516 octets", "10.9.0.2", 65_516, "EMSGSIZE"],
    ["broadcast without permission", "10.9.0.255", 1, "EACCES"],
    ["without a route", "99.0.0.1", 1, "ENETUNREACH"],
  ])("sends %s: %s", (_what, to, length, wanted) => {
    const { lab, a } = pair();
    expect(word(raw(a, 200).sendTo(bytes(length), ip(to)))).toBe(wanted);
    lab.end();
  });
  it("sends its options, groups with TTL 1, and to no address to itself", () => {
    const { lab, a, b } = pair();
    const heard = listen(raw(b, 200));
    const s = raw(a, 200);
    must(b.os.rawSocket(200).joinGroup(ip("239.1.1.1"), "e0"));
    must(s.sendTo(bytes(1), ip("10.9.0.2"), { ttl: 7, source: ip("10.9.1.1") }));
    must(s.sendTo(bytes(2), ip("239.1.1.1"), { ifname: "e0" }));
    must(s.sendTo(bytes(3), ip("239.1.1.1"), { ifname: "e0", multicastTtl: 5 }));
    const own = listen(raw(a, 200));
    must(s.sendTo(bytes(4), 0));
    lab.run(S);
    expect([heard.toSorted(), own]).toEqual([
      [
        "10.9.0.1 > 239.1.1.1, 2 octets, ttl 1",
        "10.9.0.1 > 239.1.1.1, 3 octets, ttl 5",
        "10.9.1.1 > 10.9.0.2, 1 octets, ttl 7",
      ],
      ["127.0.0.1 > 127.0.0.1, 4 octets, ttl 64"],
    ]);
  });
  it("hears what it sends to a group that it is in, unless it does not want to", () => {
    const { lab, a, b } = pair();
    const [s, far] = [raw(a, 200), raw(b, 200)];
    const [own, heard] = [listen(s), listen(far)];
    for (const one of [s, far]) must(one.joinGroup(ip("239.1.1.1"), "e0"));
    must(s.sendTo(bytes(1), ip("239.1.1.1"), { ifname: "e0" }));
    must(s.sendTo(bytes(2), ip("239.1.1.1"), { ifname: "e0", multicastLoop: false }));
    must(s.sendTo(bytes(3), ip("10.9.0.1"), { multicastLoop: false }));
    lab.run(S);
    const from = "10.9.0.1 > 239.1.1.1";
    expect(own).toEqual([`${from}, 1 octets, ttl 1`, "10.9.0.1 > 10.9.0.1, 3 octets, ttl 64"]);
    expect(heard).toEqual([`${from}, 1 octets, ttl 1`, `${from}, 2 octets, ttl 1`]);
    lab.end();
  });
  it("is told of errors about what went out from its address", () => {
    const { lab, h1, r1 } = chain();
    const errors: string[] = [];
    const hear = (name: string, s: RawSocket): void =>
      s.onError((e: SocketError) =>
        errors.push(
          `${name}: ${e.errno} ${e.icmpType}/${e.icmpCode} from ${formatIp(e.offender)} about ${formatIp(e.destination)}`,
        ),
      );
    hear("any", raw(h1, 200));
    hear("its own", raw(h1, 200, "10.0.1.1"));
    hear("loopback's", raw(h1, 200, "127.0.0.1"));
    hear("other protocol", raw(h1, 201));
    send(h1, 200, "10.0.2.1", bytes(20), { ttl: 1 });
    lab.run(S);
    const text = "EHOSTUNREACH 11/0 from 10.0.1.254 about 10.0.2.1";
    expect(errors).toEqual([`any: ${text}`, `its own: ${text}`]);
    errors.length = 0;
    r1.setMtu(device(r1, "eth1"), 1000);
    const s = raw(h1, 200);
    hear("sender", s);
    expect(word(s.sendTo(bytes(1600), ip("10.0.2.1"), { pathMtuDiscovery: "do" }))).toBe("EMSGSIZE");
    expect(errors).toEqual(["sender: EMSGSIZE 0/0 from 0.0.0.0 about 10.0.2.1"]);
    lab.end();
  });
  it("closed does nothing more, though another closes it while both are to hear", () => {
    const { lab, a, b } = pair();
    const [first, second] = [raw(a, 200), raw(a, 200)];
    const heard = listen(second);
    first.onReceive(() => second.close());
    send(b, 200, "10.9.0.1", bytes(1));
    lab.run(S);
    expect(heard).toEqual([]);
    expect([word(second.bind(0)), word(second.sendTo(bytes(1), ip("10.9.0.2")))]).toEqual(["EBADF", "EBADF"]);
    second.close();
    expect(a.ipv4.rawListeners).toBe(1);
  });
});

it("there are at most 4,096 of them on a node: one more is closed from the start", () => {
  const { a } = pair();
  const sockets = Array.from({ length: 4097 }, () => a.os.rawSocket(200));
  expect(word((sockets[4096] as RawSocket).bind(0))).toBe("EBADF");
  expect(a.ipv4.rawListeners).toBe(4096);
  (sockets[0] as RawSocket).close();
  expect(word(a.os.rawSocket(200).bind(0))).toBe("ok");
});
