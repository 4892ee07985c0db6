import { readFileSync } from "node:fs";
import { afterEach, describe, expect, it } from "vitest";
import { granted, refused } from "../../../src/core/errno.ts";
import { S } from "../../../src/core/time.ts";
import { buildClab } from "../../../src/lab/clab/build.ts";
import { parseClab } from "../../../src/lab/clab/parse.ts";
import { LabError } from "../../../src/lab/errors.ts";
import { Net } from "../../../src/lab/net.ts";
import { DAEMONS, type DaemonFactory } from "../../../src/nodes/daemons.ts";
import { BridgeDevice } from "../../../src/nodes/kernel/dev/bridge.ts";
import { build, FILE, refusal, topology } from "./labs.ts";

const CHAIN = topology(
  `h1:
  kind: linux
  exec: [ip addr add 10.0.1.2/24 dev eth1, ip route add default via 10.0.1.1]
r1:
  kind: linux
  exec: [ip addr add 10.0.1.1/24 dev eth1, ip addr add 10.0.2.1/24 dev eth2]
h2:
  kind: linux
  exec: [ip addr add 10.0.2.2/24 dev eth1, ip route add default via 10.0.2.1]`,
  `- endpoints: ["h1:eth1", "r1:eth1"]
- endpoints: ["r1:eth2", "h2:eth1"]
  mtu: 1500
  vars: {netloom: {delay: 1ms}}`,
);

describe("a built lab", () => {
  it("has nodes that forward, cables, and what the exec lists configured, at time 0", () => {
    const { net, warned } = build(CHAIN);
    expect(net.now).toBe(0);
    expect(warned).toEqual([]);
    expect(net.node("h1").ping("10.0.2.2").received).toBe(1);
    expect(net.now).toBe(4_000_000); // ARP and echo, there and back, by 1 ms each
  });

  it("has devices of 9500 octets unless the link tells another size, and no eth0", () => {
    const { net } = build(CHAIN);
    const mtus = [...net.node("r1").kernel.devices()].map((d) => [d.name, d.mtu]);
    expect(mtus).toEqual([
      ["lo", 65_536],
      ["eth1", 9500],
      ["eth2", 1500],
    ]);
  });

  it("has bridges named like their nodes, with the interfaces as ports", () => {
    const host = (n: number): string => `h${n}: {kind: linux, exec: [ip addr add 10.0.0.${n}/24 dev eth1]}`;
    const { net } = build(
      topology(
        `br1: {kind: bridge}\n${[1, 2, 3].map(host).join("\n")}`,
        [1, 2, 3].map((n) => `- endpoints: ["h${n}:eth1", "br1:port${n}"]`).join("\n"),
      ),
    );
    const bridge = net.node("br1").dev("br1");
    if (!(bridge instanceof BridgeDevice)) throw new Error("no bridge");
    expect(bridge.ports.map((p) => p.dev.name)).toEqual(["port1", "port2", "port3"]);
    for (const to of ["10.0.0.2", "10.0.0.3"]) expect(net.node("h1").ping(to).received).toBe(1);
  });

  it("treats frames as the link says, in the direction that an end says it of", () => {
    const { net } = build(
      topology(
        "a: {kind: linux}\nb: {kind: linux}",
        `- type: veth
  endpoints:
    - {node: a, interface: eth1, vars: {netloom: {loss: 1%, delay: 2ms}}}
    - {node: b, interface: eth1}
  vars: {netloom: {delay: 5ms, queue: 9}}`,
      ),
    );
    const [there, back] = net.cable("a", "b").lines.map((l) => l.quality);
    expect([there?.delayNs, there?.loss, there?.queueFrames]).toEqual([2_000_000, 0.01, 9]);
    expect([back?.delayNs, back?.loss, back?.queueFrames]).toEqual([5_000_000, 0, 9]);
  });

  it("gives interfaces the MACs that the file names", () => {
    const { net } = build(
      topology(
        "a: {kind: linux}\nb: {kind: linux}",
        `- {type: veth, endpoints: [{node: a, interface: eth1, mac: "02:00:00:00:00:0a"}, {node: b, interface: eth1}]}`,
      ),
    );
    expect(net.node("a").dev("eth1").mac).toBe(0x0200_0000_000a);
  });

  it("keeps a node's CPU busy for its service time with every packet", () => {
    const slow = CHAIN.replace("r1:\n", "r1:\n      config: {vars: {netloom: {service-time: 2ms}}}\n");
    const { net } = build(slow);
    const before = build(CHAIN).net;
    for (const n of [net, before]) n.node("h1").ping("10.0.2.2");
    const rtt = (n: Net): number => n.node("h1").ping("10.0.2.2").rtt.minUs;
    expect([rtt(before), rtt(net)]).toEqual([2000, 6000]);
  });

  it("applies sysctls before anything else", () => {
    const { net } = build(
      topology("a: {kind: linux, sysctls: {net.ipv4.ip_default_ttl: 9}, exec: [sysctl net.ipv4.ip_default_ttl]}"),
    );
    expect(net.node("a").kernel.sysctl.ip_default_ttl).toBe(9);
    expect(refusal(() => build(topology("a: {kind: linux, sysctls: {net.nothing: 1}}")))).toMatch(
      /^t\.clab\.yml:4: node a: sysctl -w net\.nothing='1': .+/,
    );
  });

  it("tells of what is left out", () => {
    const { warned } = build(topology("a: {kind: linux, exec: [ip -6 addr show]}"));
    expect(warned).toEqual([`${FILE}: IPv6 is not built, left out: line 4 (a: ip -6 addr show)`]);
  });
});

describe("exec lists", () => {
  it("run in order on one node, and side by side on several", () => {
    const { net } = build(CHAIN.replace("via 10.0.1.1]", "via 10.0.1.1, ping -c 2 10.0.2.2, ip link set lo mtu 1400]"));
    expect(net.now).toBe(S + 2_000_000 + 2_000_000 - 2_000_000);
    expect(net.node("h1").dev("lo").mtu).toBe(1400);
  });

  it("that fail name file, line, node, command, and what the tool said", () => {
    const text = topology("a:\n  kind: linux\n  exec:\n    - ip link set lo mtu 1400\n    - ip link set eth7 up");
    expect(refusal(() => build(text))).toBe(`${FILE}:8: node a: ip link set eth7 up: Cannot find device "eth7"`);
  });

  it("that fail after a while fail likewise", () => {
    const text = CHAIN.replace("via 10.0.1.1]", "via 10.0.1.1, ping -c 1 -W 1 10.0.1.77]");
    expect(refusal(() => build(text))).toMatch(
      /^t\.clab\.yml:6: node h1: ping -c 1 -W 1 10\.0\.1\.77: PING 10\.0\.1\.77 .* \/ .*100% packet loss/,
    );
  });

  it("that never end are an error too", () => {
    const text = topology("a: {kind: linux, exec: [ping 127.0.0.1]}");
    expect(refusal(() => build(text))).toBe(`${FILE}:4: node a: ping 127.0.0.1: has not ended after 3600 s`);
  });
});

describe("daemons", () => {
  const daemons = DAEMONS as Map<string, DaemonFactory>;
  const replaced: [string, DaemonFactory | undefined][] = [];
  afterEach(() => {
    for (const [name, real] of replaced.splice(0)) {
      if (real === undefined) daemons.delete(name);
      else daemons.set(name, real);
    }
  });
  /** Pretends that daemons are built, and lists what they are started with. */
  function pretend(...names: string[]): unknown[] {
    const started: unknown[] = [];
    for (const name of names) {
      replaced.push([name, daemons.get(name)]);
      daemons.set(name, (os, config) => {
        started.push([os.hostname, name, config]);
        if ((config as { text: string }).text.includes("nonsense")) return refused("EINVAL", "line 1: nonsense");
        return granted({ start() {}, stop() {}, show: () => "", busy: () => false });
      });
    }
    return started;
  }
  const router = (binds: string): string =>
    topology(`r1:\n  kind: linux\n  image: quay.io/frrouting/frr:10.5.1\n  binds: [${binds}]`);
  const both = router('"d:/etc/frr/daemons", "c:/etc/frr/frr.conf"');

  it("that are not built are named with the line that wants them", () => {
    expect(refusal(() => build(both, { d: "sharpd=yes\n", c: "hostname r1\n" }))).toMatch(
      /^t\.clab\.yml:4: node r1: daemon is not built: sharpd \(d:1\); built: /,
    );
  });

  it("are none where the files ask for none", () => {
    const files = {
      d: '# comment\nzebra=yes\nbgpd=no\nvtysh_enable=yes\nzebra_options="  -A 127.0.0.1 -s 90000000"\n',
      c: "frr version 10.5.1\nfrr defaults traditional\nhostname r1\nlog syslog\nno ipv6 forwarding\n!\nline vty\n!\n",
    };
    expect(build(both, files).net.node("r1").daemons).toEqual([]);
    expect(build(router('"v:/etc/frr/vtysh.conf"'), {}).net.node("r1").daemons).toEqual([]);
  });

  it("are started with their configuration, in FRR's order; zebra and staticd when there is work for them", () => {
    const started = pretend("zebra", "staticd", "ospfd", "bgpd");
    const c = "interface eth1\n ip address 10.0.0.1/24\nip route 10.1.0.0/16 10.0.0.2\n";
    const { net } = build(both, { d: "ospfd=yes\nbgpd=yes\n", c });
    const config = { path: "c", text: c };
    expect(started).toEqual([
      ["r1", "zebra", config],
      ["r1", "bgpd", config],
      ["r1", "ospfd", config],
      ["r1", "staticd", config],
    ]);
    expect(net.node("r1").daemons.length).toBe(4);
  });

  it("of other programs are started when their file is bound", () => {
    const started = pretend("keepalived", "dnsmasq");
    build(router('"k:/etc/keepalived/keepalived.conf", "q:/etc/dnsmasq.conf"'), { k: "one", q: "two" });
    expect(started).toEqual([
      ["r1", "keepalived", { path: "k", text: "one" }],
      ["r1", "dnsmasq", { path: "q", text: "two" }],
    ]);
  });

  it("find their files in a directory that is bound", () => {
    const started = pretend("bfdd");
    build(router('"conf/:/etc/frr"'), { "conf/daemons": "bfdd=yes" });
    expect(started).toEqual([["r1", "bfdd", { path: "conf/daemons", text: "" }]]);
    expect(refusal(() => build(router('"conf:/etc/frr"')))).toBe(
      `${FILE}:7: bind conf: no daemons and no frr.conf in it, expected a directory with FRR's files`,
    );
  });

  it("that refuse their configuration are named with the node's line", () => {
    pretend("pbrd");
    expect(refusal(() => build(both, { d: "pbrd=yes\n", c: "! nonsense\n" }))).toBe(
      `${FILE}:4: r1: pbrd: line 1: nonsense`,
    );
  });

  it("of IPv6 are left out openly", () => {
    expect(build(both, { d: "ospf6d=yes\n", c: "" }).warned).toEqual([
      `${FILE}: IPv6 is not built, left out: d:1 (ospf6d)`,
    ]);
  });

  it.each([
    ["a file that is missing", '"x:/etc/frr/daemons"', {}, "7: bind x: no such file, or not readable, expected a file"],
    [
      "a line of daemons that is none",
      '"d:/etc/frr/daemons"',
      { d: "ospfd=yes\nfood=yes" },
      'd:2: "food=yes", expected a daemon of FRR with =yes or =no',
    ],
    [
      "a bind of something else",
      '"x:/opt/x"',
      {},
      "7: a bind to /opt/x is not built, expected one of /etc/frr/daemons, /etc/frr/frr.conf, /etc/keepalived/keepalived.conf, /etc/dnsmasq.conf",
    ],
  ])("%s is refused", (_, binds, files, message) => {
    expect(refusal(() => build(router(binds), files))).toBe(message.startsWith("d:") ? message : `${FILE}:${message}`);
  });
});

describe("a schedule", () => {
  const scheduled = (events: string): string =>
    CHAIN.replace("  nodes:", `  defaults: {config: {vars: {netloom: {schedule: [${events}]}}}}\n  nodes:`);
  const pings = (net: Net): number => net.node("h1").ping("10.0.2.2", { timeoutNs: S }).received;

  it.each([
    ['{at: 10s, cut: "h2:eth1"}, {at: 20s, mend: "h2:eth1"}'],
    ['{at: 10s, down: "r1:eth2"}, {at: 20s, up: "r1:eth2"}'],
    ["{at: 10s, power-off: r1}, {at: 20s, power-on: r1}"],
    ['{at: 10s, tune: "h1:eth1", loss: 100%}, {at: 20s, tune: "h1:eth1", loss: 0}'],
    ['{at: 10s, exec: "r1: ip link set eth1 down"}, {at: 20s, exec: "r1: ip link set eth1 up"}'],
  ])("%s takes effect at its time", (events) => {
    const { net } = build(scheduled(events));
    expect(pings(net)).toBe(1);
    net.runTo(12 * S);
    expect(pings(net)).toBe(0);
    net.runTo(30 * S);
    expect(pings(net)).toBe(1);
  });

  it("is waited for by the end of the run, and so are its commands", () => {
    const { net, said, checked } = build(
      scheduled('{at: 10s, exec: "h1: ping -c 2 10.0.2.2"}, {at: 5s, exec: "h1: ping -c 1 -W 1 10.9.9.9"}'),
    );
    net.settle();
    expect(net.now).toBeGreaterThan(11 * S);
    expect(said.map((s) => s.split("\n")[0])).toEqual([
      "at 5.000 s: h1# ping -c 1 -W 1 10.9.9.9",
      "at 10.000 s: h1# ping -c 2 10.0.2.2",
    ]);
    expect(checked.map((c) => [c.name, c.ok])).toEqual([
      ["at 5.000 s: h1: ping -c 1 -W 1 10.9.9.9", false],
      ["at 10.000 s: h1: ping -c 2 10.0.2.2", true],
    ]);
  });

  it("of a device that is gone by then is a check that fails", () => {
    const { net, checked } = build(scheduled('{at: 1s, exec: "h1: ip link del eth1"}, {at: 2s, down: "h1:eth1"}'));
    net.settle();
    expect(checked.at(-1)).toEqual({ name: "at 2.000 s: down h1:eth1", ok: false, detail: "the device is gone" });
  });
});

it("the same file with the same seed is the same run, and another seed another", () => {
  const fingerprint = (seed: number): string => {
    const text = CHAIN.replace("  nodes:", `  defaults: {config: {vars: {netloom: {seed: ${seed}}}}}\n  nodes:`);
    const { net } = build(text);
    net.node("h1").ping("10.0.2.2", { count: 3 });
    return net.sim.fingerprint.toString();
  };
  expect(fingerprint(5)).toBe(fingerprint(5));
  expect(fingerprint(5)).not.toBe(fingerprint(6));
});

it("the examples are built and reach one another", () => {
  for (const [file, from, to] of [
    ["routed", "h1", "10.0.3.2"],
    ["bridge", "h1", "192.168.0.3"],
    ["mpls", "h1", "10.2.0.2"],
    ["l2tp", "h1", "192.168.7.2"],
  ] as const) {
    const path = `examples/${file}.clab.yml`;
    const net = new Net();
    buildClab(net, parseClab(readFileSync(path, "utf8"), path), () => {
      throw new LabError("no files");
    });
    expect(net.node(from).ping(to).received).toBe(1);
  }
});
