import { describe, expect, it } from "vitest";
import { formatIp } from "../../../../src/core/addr.ts";
import {
  DST_BROADCAST,
  DST_ERROR,
  DST_FORWARD,
  DST_LOCAL,
  DST_MARTIAN_DESTINATION,
  DST_MARTIAN_SOURCE,
  DST_MULTICAST,
  DST_RP_FILTER,
} from "../../../../src/nodes/kernel/ipv4/dst.ts";
import type { Kernel } from "../../../../src/nodes/kernel/kernel.ts";
import { address, device, ip, Lab, must, route } from "../../../harness/kernels.ts";

/** net/ipv4/route.c: `ip route get`, and what was heard of spoofed datagrams, on Linux 6.18 in the same situations. */

const KINDS: Readonly<Record<number, string>> = {
  [DST_FORWARD]: "forward",
  [DST_LOCAL]: "local",
  [DST_BROADCAST]: "broadcast",
  [DST_MULTICAST]: "multicast",
  [DST_MARTIAN_DESTINATION]: "martian destination",
  [DST_MARTIAN_SOURCE]: "martian source",
  [DST_RP_FILTER]: "rp filter",
};

/** Two devices with nobody of interest at their far ends. */
function node(): { lab: Lab; h: Kernel } {
  const lab = new Lab();
  const h = lab.host("h");
  lab.cable([h, "e0 10.9.0.1/24 10.9.1.1/24"], [lab.host("x"), "e0"]);
  lab.cable([h, "e1 10.7.0.1/24"], [lab.host("y"), "e0"]);
  return { lab, h };
}

/** Where what is made here goes: `forward 10.9.0.2 dev e0 src 10.9.0.1`, or why it does not. */
function way(h: Kernel, to: string, { from = "", oif = "" } = {}): string {
  const d = h.ipv4.routes.output(ip(to), from === "" ? 0 : ip(from), oif === "" ? 0 : device(h, oif).ifindex, 0, 0);
  if (d.type === DST_ERROR) return d.errno;
  const via = d.viaGateway ? ` via ${formatIp(d.nextHop)}` : "";
  expect(d.viaGateway || formatIp(d.nextHop)).toBe(d.viaGateway || (to === "0.0.0.0" ? formatIp(d.source) : to));
  return `${KINDS[d.type]}${via} dev ${d.dev.name} src ${formatIp(d.source)}`;
}

describe("what is made here", () => {
  const { h } = node();
  it.each([
    ["10.9.0.2", {}, "forward dev e0 src 10.9.0.1"],
    ["10.9.1.2", {}, "forward dev e0 src 10.9.1.1"],
    ["10.9.0.2", { from: "10.7.0.1" }, "forward dev e0 src 10.7.0.1"],
    ["10.9.0.2", { from: "10.9.0.77" }, "ENETUNREACH"],
    ["10.9.0.2", { from: "127.0.0.5" }, "EINVAL"],
    ["10.9.0.2", { from: "224.0.0.1" }, "EINVAL"],
    ["10.9.0.2", { from: "255.255.255.255" }, "EINVAL"],
    ["10.9.0.1", {}, "local dev lo src 10.9.0.1"],
    ["10.9.1.1", {}, "local dev lo src 10.9.1.1"],
    ["10.9.0.1", { oif: "e1" }, "forward dev e1 src 10.7.0.1"],
    ["127.9.9.9", {}, "local dev lo src 127.0.0.1"],
    ["0.0.0.0", {}, "local dev lo src 127.0.0.1"],
    ["0.0.0.0", { oif: "e0" }, "local dev lo src 10.9.0.1"],
    ["8.8.8.8", {}, "ENETUNREACH"],
    ["8.8.8.8", { oif: "e1" }, "forward dev e1 src 10.7.0.1"],
    ["8.8.8.8", { oif: "e0", from: "10.7.0.1" }, "forward dev e0 src 10.7.0.1"],
    ["0.1.2.3", { oif: "e0" }, "forward dev e0 src 10.9.0.1"],
    ["10.9.0.255", {}, "broadcast dev e0 src 10.9.0.1"],
    ["10.9.0.0", {}, "forward dev e0 src 10.9.0.1"],
    ["255.255.255.255", {}, "ENETUNREACH"],
    ["255.255.255.255", { oif: "e1" }, "broadcast dev e1 src 10.7.0.1"],
    ["255.255.255.255", { from: "10.7.0.1" }, "broadcast dev e1 src 10.7.0.1"],
    ["255.255.255.255", { from: "10.7.0.1", oif: "e0" }, "broadcast dev e0 src 10.7.0.1"],
    ["239.1.1.1", {}, "ENETUNREACH"],
    ["239.1.1.1", { from: "10.9.0.77" }, "ENETUNREACH"],
    ["239.1.1.1", { from: "10.9.0.1" }, "broadcast dev e0 src 10.9.0.1"],
    ["239.9.9.9", { oif: "e1" }, "broadcast dev e1 src 10.7.0.1"],
    ["224.0.0.5", { oif: "e1" }, "broadcast dev e1 src 10.7.0.1"],
    ["224.0.0.5", { from: "10.7.0.1" }, "broadcast dev e1 src 10.7.0.1"],
    ["224.0.0.5", { from: "127.0.0.1" }, "broadcast dev lo src 127.0.0.1"],
  ])("for %s %j: %s", (to, how, wanted) => {
    expect(way(h, to, how)).toBe(wanted);
  });
  it("by a device that is not there, or down", () => {
    const { h: own } = node();
    expect(own.ipv4.routes.output(ip("8.8.8.8"), 0, 99, 0, 0).errno).toBe("ENODEV");
    own.setUp(device(own, "e1"), false);
    expect([way(own, "8.8.8.8", { oif: "e1" }), way(own, "10.7.0.9")]).toEqual(["ENETUNREACH", "ENETUNREACH"]);
    expect(way(own, "10.7.0.1")).toBe("local dev lo src 10.7.0.1");
  });

  it("with a default route: groups and broadcast leave by its device, not for its gateway", () => {
    const { h: own } = node();
    route(own, "0.0.0.0/0", "10.9.0.2");
    expect(way(own, "8.8.8.8")).toBe("forward via 10.9.0.2 dev e0 src 10.9.0.1");
    expect(way(own, "239.1.1.1")).toBe("broadcast dev e0 src 10.9.0.1");
    expect(way(own, "224.0.0.9")).toBe("broadcast dev e0 src 10.9.0.1");
    expect(way(own, "255.255.255.255")).toBe("broadcast dev e0 src 10.9.0.1");
    expect(way(own, "239.1.1.1", { from: "10.7.0.1" })).toBe("broadcast dev e1 src 10.7.0.1");
    expect(way(own, "239.1.1.9", { oif: "e0" })).toBe("broadcast dev e0 src 10.9.0.1");
  });
  it("a route for groups may have a gateway", () => {
    const { h: own } = node();
    route(own, "239.0.0.0/8", "10.9.0.2");
    expect(way(own, "239.1.1.1")).toBe("broadcast via 10.9.0.2 dev e0 src 10.9.0.1");
    expect(way(own, "239.1.1.1", { oif: "e0" })).toBe("broadcast via 10.9.0.2 dev e0 src 10.9.0.1");
    expect(way(own, "239.1.1.1", { oif: "e1" })).toBe("broadcast dev e1 src 10.7.0.1");
  });
  it("refused by a route, is a neighbour all the same when bound to a device", () => {
    const { h: own } = node();
    for (const [net, type] of [
      ["50.0.0.0/8", "unreachable"],
      ["51.0.0.0/8", "prohibit"],
      ["52.0.0.0/8", "blackhole"],
      ["53.0.0.0/8", "throw"],
    ] as const)
      route(own, net, "", type);
    const nets = ["50.1.1.1", "51.1.1.1", "52.1.1.1", "53.1.1.1"];
    expect(nets.map((to) => way(own, to))).toEqual(["EHOSTUNREACH", "EACCES", "EINVAL", "ENETUNREACH"]);
    for (const to of nets) expect(way(own, to, { oif: "e0" })).toBe("forward dev e0 src 10.9.0.1");
  });
  it("has the first address of the device that is wide enough for the route, whatever its subnet", () => {
    const { h: own } = node();
    route(own, "10.5.0.0/16", "e0");
    route(own, "10.9.1.128/25", "e0");
    expect(way(own, "10.5.0.1")).toBe("forward dev e0 src 10.9.0.1");
    expect(way(own, "10.9.1.200")).toBe("forward dev e0 src 10.9.0.1");
    must(own.addresses.add(device(own, "e0").ifindex, { address: ip("10.33.0.1"), length: 24, scope: 253 }));
    route(own, "10.6.0.0/16", "10.33.0.9");
    must(own.fib.addRoute({ dst: ip("10.34.0.0"), length: 16, ifindex: device(own, "e0").ifindex, scope: 253 }));
    expect(way(own, "10.6.0.1")).toBe("forward via 10.33.0.9 dev e0 src 10.9.0.1");
    expect(way(own, "10.34.0.1")).toBe("forward dev e0 src 10.33.0.1");
  });
  it("with an address of the loopback leaves where route_localnet lets it", () => {
    const { h: own } = node();
    device(own, "e0").inet.conf.route_localnet = 1;
    expect(way(own, "10.9.0.2", { from: "127.0.0.5" })).toBe("forward dev e0 src 127.0.0.5");
  });
});

/** `b` with 10.9.0.2/24 on e0, where spoofed packets come in, and 10.8.0.1/24 on e1, where 10.8.0.9 is. It forwards. */
function spoofed(set: (b: Kernel) => void = () => {}): (from: string, to: string) => string {
  const lab = new Lab();
  const b = lab.router("b");
  lab.cable([b, "e0 10.9.0.2/24"], [lab.host("x"), "e0"]);
  lab.cable([b, "e1 10.8.0.1/24"], [lab.host("y"), "e0"]);
  set(b);
  b.ipv4.routes.invalidate();
  return (from, to) => KINDS[b.ipv4.routes.input(ip(to), ip(from), device(b, "e0"), 0, 0).type] ?? "error";
}
const SOURCES = [
  ...["10.9.0.1", "10.9.0.255", "10.8.0.255", "10.9.0.2", "10.8.0.1", "10.8.0.9", "77.7.7.7", "127.0.0.1"],
  ...["224.0.0.1", "255.255.255.255", "0.0.0.0", "10.9.0.0"],
];

describe("what comes in", () => {
  const heard = (get: (from: string, to: string) => string, to: string): string[] =>
    SOURCES.filter((from) => ["local", "forward", "broadcast", "multicast"].includes(get(from, to)));

  it.each([
    [
      "without checks",
      {},
      ["10.9.0.1", "10.9.0.255", "10.8.0.255", "10.8.0.9", "77.7.7.7", "10.9.0.0"],
      ["10.9.0.1", "10.9.0.255", "10.8.0.255", "10.8.0.9", "77.7.7.7", "10.9.0.0"],
    ],
    ["rp_filter 1", { rp_filter: 1 }, ["10.9.0.1", "10.9.0.0"], ["10.9.0.1", "10.9.0.0"]],
    ["rp_filter 2", { rp_filter: 2 }, ["10.9.0.1", "10.8.0.9", "10.9.0.0"], ["10.9.0.1", "10.8.0.9", "10.9.0.0"]],
    [
      "accept_local",
      { accept_local: 1 },
      ["10.9.0.1", "10.9.0.255", "10.8.0.255", "10.9.0.2", "10.8.0.1", "10.8.0.9", "77.7.7.7", "10.9.0.0"],
      ["10.9.0.1", "10.9.0.255", "10.8.0.255", "10.9.0.2", "10.8.0.1", "10.8.0.9", "77.7.7.7", "10.9.0.0"],
    ],
  ])("%s: whose packets are heard here, and whose go on", (_name, conf, here, on) => {
    const get = spoofed((b) => Object.assign(device(b, "e0").inet.conf, conf));
    expect([heard(get, "10.9.0.2"), heard(get, "10.8.0.9")]).toEqual([here, on]);
  });
  it("policy rules make the check a full one", () => {
    const get = spoofed((b) => must(b.fib.addRule({ priority: 5, to: ip("1.2.3.4"), toLength: 32, table: 254 })));
    expect(heard(get, "10.9.0.2")).toEqual(["10.9.0.1", "10.8.0.9", "77.7.7.7", "10.9.0.0"]);
  });
  it.each([
    [0, ["10.9.0.1", "10.9.0.255", "10.8.0.255", "10.8.0.9", "77.7.7.7", "10.9.0.0"]],
    [1, ["10.9.0.1", "10.9.0.0"]],
    [2, ["10.9.0.1", "10.8.0.9", "10.9.0.0"]],
  ])("for many, with rp_filter %i", (mode, sources) => {
    const get = spoofed((b) => Object.assign(device(b, "e0").inet.conf, { rp_filter: mode }));
    expect(heard(get, "10.9.0.255")).toEqual(sources);
    expect(heard(get, "224.0.0.1").filter((from) => from !== "0.0.0.0")).toEqual(sources);
    expect(get("0.0.0.0", "224.0.0.1")).toBe("multicast");
    expect(get("0.0.0.0", "10.9.0.255")).toBe("martian source");
    expect(get("0.0.0.0", "255.255.255.255")).toBe("broadcast");
  });
  it("tells martians from the reverse path filter", () => {
    const get = spoofed((b) => Object.assign(device(b, "e0").inet.conf, { rp_filter: 1 }));
    expect(SOURCES.map((from) => get(from, "10.9.0.2"))).toEqual([
      ...["local", "martian source", "martian source", "martian source", "martian source", "rp filter", "rp filter"],
      ...["martian source", "martian source", "martian source", "martian source", "local"],
    ]);
  });
  it("for a group that nobody here has joined is not for us, who has joined is", () => {
    const get = spoofed((b) => must(b.os.udpSocket().joinGroup(ip("239.1.1.1"), "e0")));
    expect([get("10.9.0.1", "239.1.1.1"), get("10.9.0.1", "239.1.1.2"), get("0.0.0.0", "239.1.1.1")]).toEqual([
      "multicast",
      "error",
      "martian source",
    ]);
  });
  it("for no address, or the loopback, is a martian destination", () => {
    const get = spoofed();
    expect([get("10.9.0.1", "0.0.0.0"), get("10.9.0.1", "127.0.0.1")]).toEqual([
      "martian destination",
      "martian destination",
    ]);
    const open = spoofed((b) => Object.assign(device(b, "e0").inet.conf, { route_localnet: 1 }));
    expect(open("10.9.0.1", "127.0.0.1")).toBe("local");
  });
});

describe("an own broadcast", () => {
  it("is heard by the sender's sockets, too, and so is a group that it has joined", () => {
    const lab = new Lab();
    const [h, other] = [lab.host("h"), lab.host("o")];
    lab.cable([h, "e0 10.9.0.1/24"], [other, "e0 10.9.0.2/24"]);
    const group = ip("239.1.1.1");
    const heard: string[] = [];
    for (const k of [h, other]) {
      const s = k.os.udpSocket();
      must(s.bind(0, 7000));
      must(s.joinGroup(group, "e0"));
      s.onReceive((_b, _o, _end, info) =>
        heard.push(`${k.name} ${formatIp(info.source)} > ${formatIp(info.destination)}`),
      );
    }
    const sender = h.os.udpSocket();
    must(sender.sendTo(new Uint8Array(3), ip("10.9.0.255"), 7000, { broadcast: true }));
    must(sender.sendTo(new Uint8Array(3), ip("255.255.255.255"), 7000, { broadcast: true, ifname: "e0" }));
    must(sender.sendTo(new Uint8Array(3), group, 7000, { ifname: "e0" }));
    must(sender.sendTo(new Uint8Array(3), ip("239.1.1.2"), 7000, { ifname: "e0" }));
    lab.run(1e9);
    expect(heard.toSorted()).toEqual([
      "h 10.9.0.1 > 10.9.0.255",
      "h 10.9.0.1 > 239.1.1.1",
      "h 10.9.0.1 > 255.255.255.255",
      "o 10.9.0.1 > 10.9.0.255",
      "o 10.9.0.1 > 239.1.1.1",
      "o 10.9.0.1 > 255.255.255.255",
    ]);
    lab.end();
  });
});

it("an address added later is known to the next look-up", () => {
  const { h } = node();
  expect(way(h, "10.44.0.9")).toBe("ENETUNREACH");
  address(h, device(h, "e1"), "10.44.0.1/24");
  expect(way(h, "10.44.0.9")).toBe("forward dev e1 src 10.44.0.1");
});
