import { describe, expect, it } from "vitest";
import { Net } from "../../src/lab/net.ts";
import { type Explanation, explain } from "../../src/lab/why.ts";
import { whyText } from "../../src/lab/why-text.ts";

/** `h1`, `h3` on switch `s1` with `r1`; behind `r1` and `r2`, 1 ms apart, `h2`. */
function network(seed = 1): Net {
  const net = new Net(seed);
  const [h1, h3, s1] = [net.host("h1"), net.host("h3"), net.switch("s1")];
  const [r1, r2, h2] = [net.router("r1"), net.router("r2"), net.host("h2")];
  net.link(h1, s1, { ip: "10.0.1.2/24" });
  net.link(h3, s1, { ip: "10.0.1.3/24" });
  net.link(r1, s1, { ip: "10.0.1.1/24" });
  net.link(r1, r2, { ip: "10.0.2.1/24", peerIp: "10.0.2.2/24", delay: "1ms" });
  net.link(r2, h2, { ip: "10.0.3.1/24", peerIp: "10.0.3.2/24" });
  h1.sh("ip route add default via 10.0.1.1");
  h3.sh("ip route add default via 10.0.1.1");
  h2.sh("ip route add default via 10.0.3.1");
  r1.sh("ip route add 10.0.3.0/24 via 10.0.2.2");
  r2.sh("ip route add 10.0.1.0/24 via 10.0.2.1");
  return net;
}

const texts = (e: Explanation, hop: number): string[] => e.steps.filter((s) => s.hop === hop).map((s) => s.text);
const hops = (e: Explanation): string[] => e.steps.filter((s, i) => s.hop !== e.steps[i - 1]?.hop).map((s) => s.node);

/** Whatever happened, every packet ends. */
function over(net: Net): void {
  net.run("300s");
  expect(net.sim.pool.born).toBe(net.sim.pool.dead);
}

describe("a packet that arrives", () => {
  it("is told of hop by hop, there and back, with rule, route, neighbour, device and time", () => {
    const net = network();
    const e = explain(net, "h1", "h2");
    expect([e.verdict, e.reason, e.destination]).toEqual(["delivered", "h2 answered after 4.000 ms", "10.0.3.2"]);
    expect(hops(e)).toEqual(["h1", "s1", "r1", "r2", "h2", "r2", "r1", "s1", "h1"]);
    const r1 = net.node("r1").dev("r1-eth0");
    const mac = r1.mac.toString(16).padStart(12, "0").match(/../g)?.join(":");
    expect(texts(e, 1)).toEqual([
      "sends 10.0.1.2 > 10.0.3.2: ICMP echo request, ttl 64",
      "rule 32766 (from all lookup main), route default via 10.0.1.1 dev h1-eth0",
      "neighbour 10.0.1.1 is not known: ARP asks on h1-eth0, the packet waits",
      `neighbour 10.0.1.1 is ${mac}, reachable`,
      "h1-eth0 transmits 98 bytes",
    ]);
    expect(texts(e, 2)).toEqual([
      "s1-eth0 receives 10.0.1.2 > 10.0.3.2: ICMP echo request, ttl 64",
      `s1 knows ${mac} behind s1-eth2`,
      "s1-eth2 transmits 98 bytes",
    ]);
    expect(texts(e, 3)[1]).toBe("rule 32766 (from all lookup main), route 10.0.3.0/24 via 10.0.2.2 dev r1-eth1");
    expect(texts(e, 4)[0]).toBe("r2-eth0 receives 10.0.1.2 > 10.0.3.2: ICMP echo request, ttl 63");
    expect(texts(e, 5).slice(1, 4)).toEqual([
      "rule 0 (from all lookup local), local 10.0.3.2: for this node",
      "delivered to this node: ICMP echo request",
      "sends 10.0.3.2 > 10.0.1.2: ICMP echo reply, ttl 64",
    ]);
    expect(texts(e, 9).at(-1)).toBe("delivered to this node: ICMP echo reply");
    expect(e.steps.filter((s) => s.hop === 4)[0]?.after_s).toBe(0.003);
    over(net);
  });

  it("asks no neighbour that is known", () => {
    const net = network();
    explain(net, "h1", "h2");
    expect(explain(net, "h1", "h2").steps.some((s) => s.text.includes("not known"))).toBe(false);
    over(net);
  });

  it("may be a fragment and be put together again", () => {
    const net = network();
    const e = explain(net, "h1", "h2", { sizeBytes: 3000 });
    expect(e.verdict).toBe("delivered");
    expect(texts(e, 4)[0]).toBe("r2-eth0 receives 10.0.1.2 > 10.0.3.2: fragment at 0 of ICMP echo request, ttl 63");
    expect(texts(e, 5)).toContain("delivered to this node: ICMP echo request");
    expect(e.elsewhere).toEqual([]);
    over(net);
  });

  it("may be UDP, and then a socket takes it", () => {
    const net = network();
    const socket = net.node("h2").kernel.os.udpSocket();
    socket.bind(0, 7000);
    const e = explain(net, "h1", "h2", { udpPort: 7000 });
    expect([e.verdict, e.reason]).toEqual(["delivered", "h2 took it on UDP port 7000"]);
    over(net);
  });

  it("may not leave its node", () => {
    const net = network();
    const e = explain(net, "h1", "10.0.1.2");
    expect([e.verdict, hops(e)]).toEqual(["delivered", ["h1"]]);
    expect(e.steps.filter((s) => s.device === "lo" && s.kind === "receive").length).toBe(2);
    over(net);
  });

  it("is told of with the rule that a policy made", () => {
    const net = network();
    net.node("r1").sh("ip route add 10.0.3.0/24 via 10.0.2.2 table 77");
    net.node("r1").sh("ip route del 10.0.3.0/24");
    net.node("r1").sh("ip rule add from 10.0.1.0/24 to 10.0.3.2 lookup 77 priority 100");
    const e = explain(net, "h1", "h2");
    expect(e.verdict).toBe("delivered");
    expect(texts(e, 3)[1]).toBe(
      "rule 100 (from 10.0.1.0/24 to 10.0.3.2 lookup 77), route 10.0.3.0/24 via 10.0.2.2 dev r1-eth1",
    );
  });
});

describe("a packet that is dropped", () => {
  const net = network();
  const because = (from: string, to: string, options = {}): string => explain(net, from, to, options).reason;

  it("for its TTL is told of with the ICMP error's way home", () => {
    const e = explain(net, "h1", "h2", { ttl: 1 });
    expect([e.verdict, e.reason]).toEqual(["dropped", "at r1 (r1-eth0): ip: TTL exceeded"]);
    expect(hops(e)).toEqual(["h1", "s1", "r1", "s1", "h1"]);
    const r1 = texts(e, 3);
    expect(r1.slice(2, 4)).toEqual(["ip: TTL exceeded", "sends 10.0.1.1 > 10.0.1.2: ICMP time exceeded, ttl 64"]);
    expect(texts(e, 5).at(-1)).toBe("delivered to this node: ICMP time exceeded");
  });

  it("for want of a route, here or on the way", () => {
    expect(because("h1", "10.9.9.9")).toBe("at r1 (r1-eth0): ip: no route");
    const e = explain(net, "r1", "10.9.9.9");
    expect(e.reason).toBe("r1 does not send it: Network is unreachable");
    expect(e.steps.map((s) => s.text)).toEqual(["no route to 10.9.9.9", "not sent: Network is unreachable"]);
  });

  it("by a route that refuses", () => {
    net.node("r1").sh("ip route add prohibit 10.7.0.0/16");
    const e = explain(net, "h1", "10.7.1.1");
    expect(e.reason).toBe("at r1 (r1-eth0): ip: prohibit route");
    expect(texts(e, 3)[1]).toBe("rule 32766 (from all lookup main), prohibit 10.7.0.0/16");
  });

  it("because nobody has the address, after three requests", () => {
    explain(net, "h1", "h2");
    const e = explain(net, "h1", "10.0.3.77");
    expect(e.reason).toBe("at r2 (r2-eth1): neigh: resolution failed");
    const drop = e.steps.find((s) => s.kind === "drop");
    expect(drop?.after_s).toBeCloseTo(3.001, 6);
    expect(whyText(e)).toContain("      dropped: neigh: resolution failed, at 3001.000 ms\n");
  });

  it("because nobody listens on the port", () => {
    const e = explain(net, "h1", "h2", { udpPort: 9 });
    expect([e.verdict, e.reason]).toEqual(["dropped", "at h2 (h2-eth0): udp: no socket on this port"]);
    expect(e.steps.at(-1)?.text).toBe("delivered to this node: ICMP port unreachable");
  });

  it("because it does not fit", () => {
    expect(because("h1", "h2", { sizeBytes: 2000, dontFragment: true })).toBe(
      "h1 does not send it: Message too long, mtu 1500",
    );
    net.node("r1").sh("ip link set r1-eth1 mtu 1000");
    const e = explain(net, "h3", "h2", { sizeBytes: 1400, dontFragment: true });
    expect(e.reason).toBe("at r1 (r1-eth1): ip: does not fit and must not be fragmented");
    expect(e.steps.at(-1)?.text).toBe("delivered to this node: ICMP fragmentation needed");
    net.node("r1").sh("ip link set r1-eth1 mtu 1500");
  });

  it("on a cable that loses it, going or coming back", () => {
    const cable = net.cable("r1", "r2");
    cable.tune({ loss: 1 }, cable.ends[0]);
    expect(because("h1", "h2")).toBe("at r1 (r1-eth1): lost on the cable");
    cable.tune({ loss: 0 });
    cable.tune({ loss: 1 }, cable.ends[1]);
    expect(because("h1", "h2")).toBe("the answer of h2, at r2 (r2-eth0): lost on the cable");
    cable.tune({ loss: 0 });
  });

  it("by a host that does not forward", () => {
    net.node("h3").sh("ip route add 10.5.0.0/16 via 10.0.1.1");
    net.node("r1").sh("ip route add 10.5.0.0/16 via 10.0.1.2");
    expect(because("h3", "10.5.0.1")).toBe("at h1 (h1-eth0): ip: forwarding is off");
  });

  it("is told of to its end, though a router has sent a redirect before", () => {
    net.node("r1").sh("ip route add 10.8.0.0/16 via 10.0.1.3");
    const e = explain(net, "h1", "10.8.0.1");
    expect(e.reason).toBe("at h3 (h3-eth0): ip: forwarding is off");
    expect(hops(e)).toEqual(["h1", "s1", "r1", "s1", "h3"]);
    expect(e.elsewhere).toContain("h1: delivered to this node: ICMP redirect");
  });

  it("by a source check", () => {
    net.node("r2").sh("sysctl -w net.ipv4.conf.all.rp_filter=1");
    net.node("r2").sh("ip route replace 10.0.1.0/24 via 10.0.3.2");
    expect(because("h1", "h2")).toBe("at r2 (r2-eth0): ip: reverse path filter");
    net.node("r2").sh("sysctl -w net.ipv4.conf.all.rp_filter=0");
    net.node("r2").sh("ip route replace 10.0.1.0/24 via 10.0.2.1");
    expect(explain(net, "h1", "h2").verdict).toBe("delivered");
  });

  it("leaves no packet behind", () => over(net));
});

describe("a packet that nobody answers", () => {
  it("is told of as far as it came", () => {
    const net = network();
    net.node("h1").sh("ip link add d0 type dummy");
    net.node("h1").sh("ip link set d0 up");
    net.node("h1").sh("ip route add 10.6.0.0/16 dev d0");
    const e = explain(net, "h1", "10.6.0.1");
    expect([e.verdict, e.reason]).toEqual(["unanswered", "it ended at h1 without an answer"]);
    expect(e.steps.at(-1)?.text).toBe("d0 transmits 98 bytes");
    over(net);
  });

  it("is not waited for longer than asked", () => {
    const net = network();
    explain(net, "h1", "h2");
    net.cable("r1", "r2").tune({ delayNs: 10_000_000_000 });
    const before = net.now;
    const e = explain(net, "h1", "h2", { within: "12s" });
    expect([e.verdict, e.reason]).toEqual(["unanswered", "still on its way at r2 after 12 s"]);
    expect(net.now - before).toBe(12_000_000_000);
    over(net);
  });

  it("by will is a drop like others", () => {
    const net = network();
    net.node("h2").sh("sysctl -w net.ipv4.icmp_echo_ignore_all=1");
    expect(explain(net, "h1", "h2").reason).toBe("at h2 (h2-eth0): icmp: ignored");
  });
});

describe("on its way through", () => {
  it("a bridge that does not know the addressee it is flooded, and the copies are told of apart", () => {
    const net = network();
    explain(net, "h1", "h3");
    net.node("s1").sh("bridge fdb flush dev s1");
    const e = explain(net, "h1", "h3");
    expect(e.verdict).toBe("delivered");
    expect(texts(e, 2)[1]).toMatch(/^s1 does not know ([0-9a-f]{2}:){5}[0-9a-f]{2}: floods$/);
    expect(e.elsewhere).toEqual(["r1: dropped: other host: the frame is addressed to another MAC"]);
    over(net);
  });

  it("a hub it is repeated", () => {
    const net = new Net();
    const [a, b, hub] = [net.host("a"), net.host("b"), net.hub("h")];
    net.link(a, hub, { ip: "10.0.0.1/24" });
    net.link(b, hub, { ip: "10.0.0.2/24" });
    const e = explain(net, "a", "b");
    expect(hops(e)).toEqual(["a", "h", "b", "h", "a"]);
    expect(texts(e, 2)).toEqual(["repeated to all other ports"]);
    over(net);
  });

  it("a tunnel it is wrapped and taken out", () => {
    const net = network();
    for (const [node, local, remote, inner] of [
      ["h1", "10.0.1.2", "10.0.3.2", "192.168.0.1"],
      ["h2", "10.0.3.2", "10.0.1.2", "192.168.0.2"],
    ] as const) {
      net.node(node).sh(`ip link add gre1 type gre local ${local} remote ${remote}`);
      net.node(node).sh("ip link set gre1 up");
      net.node(node).sh(`ip addr add ${inner}/24 dev gre1`);
    }
    const e = explain(net, "h1", "192.168.0.2");
    expect(e.verdict).toBe("delivered");
    const at = (hop: number): string[] => texts(e, hop);
    expect(at(1)).toEqual(
      expect.arrayContaining([
        "gre1 transmits 84 bytes",
        "encapsulated by gre1: GRE to 10.0.3.2",
        "sends 10.0.1.2 > 10.0.3.2: GRE, ttl 64",
      ]),
    );
    expect(at(5).slice(0, 4)).toEqual([
      "h2-eth0 receives 10.0.1.2 > 10.0.3.2: GRE, ttl 62",
      "rule 0 (from all lookup local), local 10.0.3.2: for this node",
      "delivered to this node: GRE",
      "gre1 takes out 192.168.0.1 > 192.168.0.2: ICMP echo request, ttl 64",
    ]);
    over(net);
  });

  it("a VXLAN and a VLAN it is told of by their names", () => {
    const net = network();
    for (const [node, local, remote, inner] of [
      ["h1", "10.0.1.2", "10.0.3.2", "192.168.0.1"],
      ["h2", "10.0.3.2", "10.0.1.2", "192.168.0.2"],
    ] as const) {
      net.node(node).sh(`ip link add vx type vxlan id 7 local ${local} remote ${remote} dstport 4789`);
      net.node(node).sh("ip link add link vx name vx.5 type vlan id 5");
      net.node(node).sh("ip link set vx up");
      net.node(node).sh("ip link set vx.5 up");
      net.node(node).sh(`ip addr add ${inner}/24 dev vx.5`);
    }
    const e = explain(net, "h1", "192.168.0.2");
    expect(e.verdict).toBe("delivered");
    expect(texts(e, 1)).toContain("encapsulated by vx: VXLAN vni 7 to 10.0.3.2");
    const h2 = texts(e, 5);
    expect(h2).toContain("vx takes out vlan 5, 192.168.0.1 > 192.168.0.2: ICMP echo request, ttl 64");
    expect(h2).toContain("vx.5 receives 192.168.0.1 > 192.168.0.2: ICMP echo request, ttl 64");
    over(net);
  });
});

describe("asking", () => {
  it("does not change what happens: the run that is asked is the run that pings", () => {
    const followed = network();
    explain(followed, "h1", "h2");
    const pinged = network();
    pinged.node("h1").exec("ping -c 1 10.0.3.2");
    const frames = (net: Net): number[] => net.cables.flatMap((c) => c.lines.map((l) => l.frames));
    expect(frames(followed)).toEqual(frames(pinged));
  });

  it("leaves devices without taps", () => {
    const net = network();
    explain(net, "h1", "h2");
    const tapped = [...net.nodes.values()].flatMap((n) => [...n.kernel.devices()].filter((d) => d.tapped));
    expect(tapped).toEqual([]);
  });

  it("from a node or for a node that is not there is refused", () => {
    const net = network();
    expect(() => explain(net, "h9", "h1")).toThrow("there is no node h9");
    expect(() => explain(net, "h1", "h9")).toThrow('"h9": expected an IPv4 address or the name of a node');
  });

  it("gives a text like a traceroute's, and the verdict last", () => {
    const lines = whyText(explain(network(), "h1", "h2")).split("\n");
    expect(lines[0]).toBe("why h1 10.0.3.2: ICMP echo request, 56 bytes");
    expect(lines.filter((l) => /^ *\d+ {2}\S/.test(l))).toEqual([
      " 1  h1  0.000 ms",
      " 2  s1  0.000 ms",
      " 3  r1  0.000 ms",
      " 4  r2  3.000 ms",
      " 5  h2  3.000 ms",
      " 6  r2  3.000 ms",
      " 7  r1  4.000 ms",
      " 8  s1  4.000 ms",
      " 9  h1  4.000 ms",
    ]);
    expect(lines.at(-2)).toBe("delivered: h2 answered after 4.000 ms");
  });
});
