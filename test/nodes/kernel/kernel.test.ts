import { describe, expect, it } from "vitest";
import { formatIp } from "../../../src/core/addr.ts";
import { Simulation } from "../../../src/core/sim.ts";
import { S } from "../../../src/core/time.ts";
import type { TraceEvent } from "../../../src/core/trace.ts";
import { EthernetDevice } from "../../../src/nodes/kernel/dev/ethernet.ts";
import { Kernel } from "../../../src/nodes/kernel/kernel.ts";
import { allDrops, chain, device, drops, ip, ipPacket, must, ping } from "../../harness/kernels.ts";
import { pair, word } from "./datagrams.ts";

const add = (k: Kernel, name: string) => k.register(name, (final, ifindex) => new EthernetDevice(k, final, ifindex));
const node = (): Kernel => new Kernel(new Simulation(), "h1");
const names = (k: Kernel): string[] => [...k.devices()].map((d) => `${d.ifindex} ${d.name}`);

describe("devices", () => {
  it("are numbered from lo on, and a number is not given again soon", () => {
    const k = node();
    for (const name of ["eth0", "eth1"]) must(add(k, name));
    k.unregister(device(k, "eth1"));
    must(add(k, "eth2"));
    expect(names(k)).toEqual(["1 lo", "2 eth0", "4 eth2"]);
    expect([k.device("eth1"), k.deviceByIndex(3), k.deviceByIndex(4)?.name]).toEqual([undefined, undefined, "eth2"]);
  });
  it("get the lowest free number where the name asks for one", () => {
    const k = node();
    const made = ["eth%d", "eth%d", "veth%d", "eth%d"].map((name) => must(add(k, name)).name);
    expect(made).toEqual(["eth0", "eth1", "veth0", "eth2"]);
    k.unregister(device(k, "eth1"));
    expect(must(add(k, "eth%d")).name).toBe("eth1");
    must(k.rename(device(k, "eth0"), "other%d"));
    expect([must(add(k, "eth%d")).name, k.device("other0")?.ifindex]).toEqual(["eth0", 2]);
  });
  it.each([
    "",
    ".",
    "..",
    "a b",
    "a/b",
    "a:b",
    "a\tb",
    "sixteen-letters-",
    "fourteen-ltr%d%d",
    "100%",
    "a%b",
    "a b%d",
    "sixteen-letters%d",
  ])("are not named %j", (name) => {
    const k = node();
    expect(add(k, name)).toEqual({ ok: false, errno: "EINVAL", detail: `"${name}" not a valid ifname` });
    must(add(k, "eth0"));
    expect(word(k.rename(device(k, "eth0"), name))).toBe("EINVAL");
  });
  it("have names of their own", () => {
    const k = node();
    must(add(k, "fifteen-letters"));
    expect(word(add(k, "fifteen-letters"))).toBe("EEXIST");
    must(add(k, "eth0"));
    expect([word(k.rename(device(k, "eth0"), "lo")), word(k.rename(device(k, "eth0"), "eth0"))]).toEqual([
      "EEXIST",
      "ok",
    ]);
  });
  it("tell who watches, and the trace, in order", () => {
    const k = node();
    const told: string[] = [];
    const traced: TraceEvent[] = [];
    k.watchDevices((dev, event) => told.push(`${dev.name} ${event}`));
    k.sim.trace.listen((e) => traced.push(e));
    const dev = must(add(k, "eth0"));
    must(k.setUp(dev, true));
    must(k.setUp(dev, true));
    must(k.setMtu(dev, 1400));
    k.setMac(dev, 0x020000000001);
    k.setMac(dev, 0x020000000001);
    must(k.rename(dev, "wan"));
    must(k.setUp(dev, false));
    k.unregister(dev);
    k.unregister(dev);
    expect(told).toEqual([
      ...["eth0 registered", "eth0 up", "eth0 mtu", "eth0 address", "wan renamed", "wan down", "wan unregistered"],
    ]);
    expect(traced.map((e) => `${e.node} ${e.kind} ${e.fields["dev"]} ${e.fields["event"]} ${e.fields["up"]}`)).toEqual([
      ...[
        "h1 link eth0 registered false",
        "h1 link eth0 up true",
        "h1 link eth0 mtu true",
        "h1 link eth0 address true",
      ],
      ...["h1 link wan renamed true", "h1 link wan down false", "h1 link wan unregistered false"],
    ]);
  });
  it("take an MTU within their bounds, and say which one it breaks", () => {
    const k = node();
    const dev = must(add(k, "eth0"));
    expect(k.setMtu(dev, 67)).toEqual({ ok: false, errno: "EINVAL", detail: "mtu less than device minimum" });
    expect(k.setMtu(dev, 65_536)).toEqual({ ok: false, errno: "EINVAL", detail: "mtu greater than device maximum" });
    expect(["68", "65535"].map((n) => word(k.setMtu(dev, Number(n))))).toEqual(["ok", "ok"]);
    expect(dev.mtu).toBe(65_535);
  });
  it("take along their addresses, routes and neighbours when they go", () => {
    const { lab, a } = pair();
    ping(a, "10.9.0.2");
    lab.run(S);
    must(a.fib.addRoute({ dst: ip("8.0.0.0"), length: 8, gateway: ip("10.9.0.2") }));
    a.unregister(device(a, "e0"));
    expect(a.addresses.list().map((x) => formatIp(x.address))).toEqual(["127.0.0.1", "10.7.0.1"]);
    expect(a.fib.routes(254).map((r) => formatIp(r.dst))).toEqual(["10.7.0.0"]);
    expect(a.neigh.size).toBe(0);
    lab.end();
  });
  it("copy their settings from the defaults of the day", () => {
    const k = node();
    k.sysctl.default.rp_filter = 1;
    k.sysctl.neighDefault.ucastSolicit = 7;
    const dev = must(add(k, "eth0"));
    k.sysctl.default.rp_filter = 2;
    expect([dev.inet.conf.rp_filter, dev.inet.neighParms.ucastSolicit]).toEqual([1, 7]);
  });
});

describe("a device's settings and everybody's", () => {
  const table = (read: (d: EthernetDevice) => unknown): unknown[] => {
    const k = node();
    const dev = must(add(k, "eth0"));
    return [0, 1, 2, 3].map((bits) => {
      for (const key of ["rp_filter", "accept_redirects"] as const) {
        dev.inet.conf[key] = bits & 1;
        k.sysctl.all[key] = (bits >> 1) * 2;
      }
      return read(dev);
    });
  };
  it("go together by or, and, or the larger", () => {
    expect(table((d) => d.inet.or("rp_filter"))).toEqual([false, true, true, true]);
    expect(table((d) => d.inet.and("rp_filter"))).toEqual([false, false, false, true]);
    expect(table((d) => d.inet.max("rp_filter"))).toEqual([0, 1, 2, 2]);
  });
  it("for redirects: hosts obey when either says so, routers when both do", () => {
    expect(table((d) => d.inet.acceptsRedirects)).toEqual([false, true, true, true]);
    expect(
      table((d) => {
        d.inet.conf.forwarding = 1;
        return d.inet.acceptsRedirects;
      }),
    ).toEqual([false, false, false, true]);
  });
  it("forwarding is set on all, now and later, and redirects follow (inet_forward_change)", () => {
    const k = node();
    const dev = must(add(k, "eth0"));
    k.setForwarding(true);
    const later = must(add(k, "eth1"));
    expect([dev.inet.forwarding, later.inet.forwarding, k.loopback.inet.forwarding]).toEqual([true, true, true]);
    expect(k.sysctl.all.accept_redirects).toBe(0);
    k.setForwarding(false);
    expect([dev.inet.forwarding, k.sysctl.all.accept_redirects]).toEqual([false, 1]);
  });
});

describe("a drop", () => {
  it("is counted by its reason, and traced with device, length and addresses", () => {
    const { lab, h1, r1 } = chain();
    const traced: TraceEvent[] = [];
    lab.sim.trace.listen((e) => {
      if (e.kind === "drop") traced.push(e);
    });
    ping(h1, "10.0.2.9", { ttl: 1, bytes: 12 });
    lab.run(S);
    expect(drops(r1, "ip: TTL exceeded")).toBe(1);
    expect(traced.map((e) => [e.node, e.fields])).toEqual([
      ["r1", { reason: "ip: TTL exceeded", where: "eth0", length: 40, src: "10.0.1.1", dst: "10.0.2.9" }],
    ]);
  });
  it("of a captured packet is told to the capture", () => {
    const { h1 } = chain();
    const comments: string[] = [];
    h1.sim.capture = { comment: (record, text) => comments.push(`${record}: ${text}`) };
    for (const record of [0, 7]) {
      const p = h1.sim.pool.alloc(20);
      p.record = record;
      h1.drop(p, 1, "eth0");
    }
    expect(comments).toEqual(["7: dropped by h1 (eth0): other host: the frame is addressed to another MAC"]);
  });
  it("comes to frames that are no frames, or of a type that nobody knows", () => {
    const { lab, a } = pair();
    const dev = device(a, "e0");
    const take = (bytes: readonly number[]): void => {
      const p = lab.sim.pool.alloc(bytes.length);
      p.buf.set(bytes, p.start);
      a.receive(p, dev);
    };
    take([1, 2, 3]);
    take([...Array<number>(12).fill(2), 0x88, 0xb5, 1, 2]);
    take([...Array<number>(12).fill(2), 0x81, 0x00, 0, 9, 8, 0]);
    expect(allDrops(a)).toEqual({
      "frame too short": 1,
      "unknown ethertype": 1,
      "no VLAN device for this tag": 1,
    });
    lab.end();
  });
});

describe("a frame with a tag of priority alone", () => {
  it("is taken as if it had none", () => {
    const { lab, a } = pair();
    const heard: number[] = [];
    a.os.rawSocket(200).onReceive((_b, o, end) => heard.push(end - o));
    const packet = ipPacket("10.9.0.2", "10.9.0.1", 200, new Uint8Array(30));
    const p = lab.sim.pool.alloc(18 + packet.length);
    p.buf.set([...Array<number>(12).fill(2), 0x81, 0x00, 0xe0, 0, 8, 0, ...packet], p.start);
    a.receive(p, device(a, "e0"));
    expect(heard).toEqual([30]);
    lab.end();
  });
});

it("nodes differ in what the seed gives them, and are the same for the same seed", () => {
  const make = (seed: number, name: string): string => {
    const k = new Kernel(new Simulation(seed), name);
    return `${k.hashSeed} ${must(add(k, "eth0")).mac}`;
  };
  expect(make(1, "h1")).toBe(make(1, "h1"));
  expect(new Set([make(1, "h1"), make(2, "h1"), make(1, "h2")]).size).toBe(3);
});
