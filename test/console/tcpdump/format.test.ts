import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatFrame, formatStamp, type LinkType } from "../../../src/console/tcpdump/frame.ts";
import { TcpdumpState } from "../../../src/console/tcpdump/state.ts";
import { S, US } from "../../../src/core/time.ts";
import { readCapture } from "../../../src/report/read-capture.ts";
import { CLEAN, files, frames } from "../../harness/frames.ts";
import { cases, full, haveProgram, haveShared, itNeeds, sharedPath } from "../../harness/shared.ts";
import { arpPacket, echo, ether, geneveTo, greTo, icmpError, ieee8023, ip, tag, tcp, udpTo, vxlanTo } from "./build.ts";

const plain = { link: false, verbose: 0, absolute: false };
const show = (frame: Uint8Array, options = {}, state = new TcpdumpState(), linkType: LinkType = "ethernet"): string =>
  formatFrame(frame, 0, frame.length, linkType, { ...plain, ...options }, state);

/** The time of day in nanoseconds. */
function instant(clock: string): number {
  const [h, m, s, us] = clock.split(/[:.]/).map(Number) as [number, number, number, number];
  return ((h * 60 + m) * 60 + s) * S + us * US;
}

describe("the capture of document 001", () => {
  const VMS = { "21.0.0.111": "c6:ac:41:42:e6:93", "21.0.0.2": "2a:6e:ef:6e:4f:23" };
  const ZERO = "00:00:00:00:00:00";
  const OUTER: Readonly<Record<string, readonly string[]>> = {
    out: ["1.1.1.1", "2.2.1.1", "11.11.1.1", "12.12.1.1"],
    back: ["2.2.1.1", "1.1.1.1", "12.12.1.1", "11.11.1.1"],
  };
  const tunnelled = (way: string, port: number, inner: Uint8Array): Uint8Array => {
    const [a, b, c, d] = OUTER[way] as [string, string, string, string];
    const overlay = ip(c, d, 17, udpTo(port, 4789, vxlanTo(2112, inner)));
    return ether(0x0800, ip(a, b, 47, greTo(0x0800, overlay)));
  };
  const ping = (way: string, seq: number): Uint8Array => {
    const [from, to] = way === "out" ? ["21.0.0.111", "21.0.0.2"] : ["21.0.0.2", "21.0.0.111"];
    return tunnelled(
      way,
      59469,
      ether(0x0800, ip(from as string, to as string, 1, echo(96, seq, 64, way === "out" ? 8 : 0))),
    );
  };
  const arp = (...fields: [number, string, string, string, string]): Uint8Array => ether(0x0806, arpPacket(...fields));
  const packets: readonly (readonly [string, Uint8Array])[] = [
    ["20:53:30.185766", ping("out", 4)],
    ["20:53:30.185934", ping("back", 4)],
    ["20:53:31.209731", ping("out", 5)],
    ["20:53:31.209801", ping("back", 5)],
    ["20:53:32.233690", ping("out", 6)],
    ["20:53:32.233760", ping("back", 6)],
    ["20:53:32.329682", arp(1, "9e:0d:38:6d:4a:05", "1.1.1.25", ZERO, "1.1.1.1")],
    ["20:53:32.329705", arp(1, "02:f4:1e:95:24:72", "1.1.1.1", ZERO, "1.1.1.25")],
    ["20:53:32.329792", arp(2, "9e:0d:38:6d:4a:05", "1.1.1.25", "02:f4:1e:95:24:72", "1.1.1.1")],
    ["20:53:32.329797", tunnelled("back", 49621, arp(1, VMS["21.0.0.2"], "21.0.0.2", ZERO, "21.0.0.111"))],
    ["20:53:32.329781", arp(2, "02:f4:1e:95:24:72", "1.1.1.1", "9e:0d:38:6d:4a:05", "1.1.1.25")],
    ["20:53:32.329838", tunnelled("out", 49621, arp(2, VMS["21.0.0.111"], "21.0.0.111", VMS["21.0.0.2"], "21.0.0.2"))],
    ["20:53:33.257720", ping("out", 7)],
    ["20:53:33.257792", ping("back", 7)],
  ];

  itNeeds(haveShared)("comes out as it is printed there, all 14 packets", () => {
    const listing = readFileSync(sharedPath("documents", "001-listings.txt"), "utf8");
    const section = listing.slice(listing.indexOf("== 5."), listing.indexOf("Cleaned: nothing."));
    const state = new TcpdumpState();
    const lines = packets.map(([at, frame]) => formatStamp(instant(at), "clock", state) + show(frame, {}, state));
    expect(lines.join("\n")).toBe(section.split("\n").slice(1).join("\n").trim());
  });
});

it("ends a VXLAN header with a newline, as tcpdump does", () => {
  const inner = ether(0x0800, ip("21.0.0.1", "21.0.0.2", 1, echo(96, 4)));
  const overlay = ip("11.11.1.1", "12.12.1.1", 17, udpTo(59469, 4789, vxlanTo(2112, inner)));
  const frame = ether(0x0800, ip("1.1.1.1", "2.2.1.1", 47, greTo(0x0800, overlay)));
  expect(show(frame)).toBe(
    "IP 1.1.1.1 > 2.2.1.1: GREv0, length 138: IP 11.11.1.1.59469 > 12.12.1.1.4789: VXLAN, flags [I] (0x08), vni 2112\n" +
      "IP 21.0.0.1 > 21.0.0.2: ICMP echo request, id 96, seq 4, length 64",
  );
});

it("prints ARP", () => {
  const [a, b, none] = ["02:00:00:00:00:01", "02:00:00:00:00:02", "00:00:00:00:00:00"];
  expect(show(ether(0x0806, arpPacket(1, a, "10.0.0.1", none, "10.0.0.2")))).toBe(
    "ARP, Request who-has 10.0.0.2 tell 10.0.0.1, length 28",
  );
  expect(show(ether(0x0806, arpPacket(1, a, "10.0.0.1", b, "10.0.0.2")))).toContain(
    "who-has 10.0.0.2 (02:00:00:00:00:02) tell",
  );
  expect(show(ether(0x0806, arpPacket(2, b, "10.0.0.2", a, "10.0.0.1")), { verbose: 1 })).toBe(
    "ARP, Ethernet (len 6), IPv4 (len 4), Reply 10.0.0.2 is-at 02:00:00:00:00:02, length 28",
  );
});

it("prints link headers with -e, tags and all", () => {
  const payload = ip("10.0.0.1", "10.0.0.2", 1, echo(1, 1));
  expect(show(ether(0x0800, payload), { link: true })).toBe(
    "02:00:00:00:00:01 > 02:00:00:00:00:02, ethertype IPv4 (0x0800), length 98: 10.0.0.1 > 10.0.0.2: ICMP echo request, id 1, seq 1, length 64",
  );
  expect(show(ether(0x8100, tag(0x6005, 0x0800, payload)), { link: true })).toBe(
    "02:00:00:00:00:01 > 02:00:00:00:00:02, ethertype 802.1Q (0x8100), length 102: vlan 5, p 3, ethertype IPv4 (0x0800), 10.0.0.1 > 10.0.0.2: ICMP echo request, id 1, seq 1, length 64",
  );
  expect(show(ether(0x8100, tag(5, 0x0800, payload)))).toBe(
    "IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 1, seq 1, length 64",
  );
});

it("prints the IP header with -v, bad checksums too", () => {
  const good = ip("10.0.0.1", "10.0.0.2", 1, echo(1, 1), { id: 7, flags: 0x4000, ttl: 63, tos: 0x10 });
  expect(show(ether(0x0800, good), { verbose: 1 })).toBe(
    "IP (tos 0x10, ttl 63, id 7, offset 0, flags [DF], proto ICMP (1), length 84)\n" +
      "    10.0.0.1 > 10.0.0.2: ICMP echo request, id 1, seq 1, length 64",
  );
  const bad = good.slice();
  bad[8] = 62;
  expect(show(ether(0x0800, bad), { verbose: 1 })).toMatch(/length 84, bad cksum [0-9a-f]{4} \(->[0-9a-f]{4}\)!\)\n/);
  const route = Uint8Array.of(7, 11, 8, 10, 0, 0, 1, 0, 0, 0, 0, 0);
  expect(show(ether(0x0800, ip("10.0.0.1", "10.0.0.2", 1, echo(1, 1), { options: route })), { verbose: 1 })).toContain(
    ", options (RR 10.0.0.1, 0.0.0.0,EOL))",
  );
});

it("prints fragments", () => {
  const first = ip("10.0.0.1", "10.0.0.2", 17, udpTo(1000, 2000, new Uint8Array(1472)), { flags: 0x2000 });
  first.set([5, 0xc8], 24); // the datagram's length, not the fragment's
  expect(show(ether(0x0800, first))).toBe("IP 10.0.0.1.1000 > 10.0.0.2.2000: UDP, length 1472");
  const later = ip("10.0.0.1", "10.0.0.2", 17, new Uint8Array(20), { flags: 185 });
  expect(show(ether(0x0800, later))).toBe("IP 10.0.0.1 > 10.0.0.2: ip-proto-17");
});

it.each([
  [3, 0, 0, "net 10.0.0.2 unreachable"],
  [3, 1, 0, "host 10.0.0.2 unreachable"],
  [3, 3, 0, "10.0.0.2 udp port 33434 unreachable"],
  [3, 4, 1400, "10.0.0.2 unreachable - need to frag (mtu 1400)"],
  [3, 13, 0, "host 10.0.0.2 unreachable - admin prohibited filter"],
  [5, 1, 0x0a000001, "redirect 10.0.0.2 to host 10.0.0.1"],
  [11, 0, 0, "time exceeded in-transit"],
  [11, 1, 0, "ip reassembly time exceeded"],
  [12, 0, 0x14000000, "parameter problem - octet 20"],
])("prints ICMP error %i/%i", (type, code, rest, text) => {
  const quoted = ip("10.0.0.1", "10.0.0.2", 17, udpTo(1000, 33434, new Uint8Array(0)));
  expect(show(ether(0x0800, ip("10.0.0.9", "10.0.0.1", 1, icmpError(type, code, rest, quoted))))).toBe(
    `IP 10.0.0.9 > 10.0.0.1: ICMP ${text}, length 36`,
  );
});

it("counts TCP sequence numbers from the handshake on, in both directions", () => {
  const state = new TcpdumpState();
  const [a, b] = ["10.0.0.1", "10.0.0.2"];
  const line = (segment: Uint8Array, options = {}): string => show(ether(0x0800, segment), options, state);
  const syn = { options: Uint8Array.of(2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 9, 0, 0, 0, 0, 1, 3, 3, 7) };
  expect(line(tcp(a, b, [40000, 80], [1000, 0], 0x02, syn))).toBe(
    "IP 10.0.0.1.40000 > 10.0.0.2.80: Flags [S], seq 1000, win 1000, options [mss 1460,sackOK,TS val 9 ecr 0,nop,wscale 7], length 0",
  );
  expect(line(tcp(b, a, [80, 40000], [5000, 1001], 0x12))).toBe(
    "IP 10.0.0.2.80 > 10.0.0.1.40000: Flags [S.], seq 5000, ack 1001, win 1000, length 0",
  );
  expect(line(tcp(a, b, [40000, 80], [1001, 5001], 0x10))).toContain("Flags [.], ack 1, win 1000, length 0");
  const get = new TextEncoder().encode("GET / HTTP/1.1\r\nHost: h2\r\n\r\n");
  expect(line(tcp(a, b, [40000, 80], [1001, 5001], 0x18, { payload: get }))).toContain(
    "Flags [P.], seq 1:29, ack 1, win 1000, length 28: HTTP: GET / HTTP/1.1",
  );
  const sack = { options: Uint8Array.of(1, 1, 5, 10, 0, 0, 4, 0xe9, 0, 0, 5, 0x4d) };
  expect(line(tcp(b, a, [80, 40000], [5001, 1029], 0x10, sack))).toContain(
    "ack 29, win 1000, options [nop,nop,sack 1 {257:357}]",
  );
  expect(line(tcp(a, b, [40000, 80], [1001, 5001], 0x11), { absolute: true })).toContain(
    "Flags [F.], seq 1001, ack 5001",
  );
  expect(line(tcp(a, b, [40000, 80], [1001, 5001], 0x10), { verbose: 1 })).toMatch(
    /Flags \[\.\], cksum 0x[0-9a-f]{4} \(correct\), ack 1/,
  );
});

it("forgets the oldest of too many TCP connections", () => {
  const state = new TcpdumpState();
  for (let i = 0; i <= 65_536; i++) state.remember(String(i), { seq: i, ack: 0 });
  expect([state.find("0"), state.find("1"), state.find("65536")]).toEqual([
    undefined,
    { seq: 1, ack: 0 },
    { seq: 65_536, ack: 0 },
  ]);
});

it("prints Geneve, GRE with keys, spanning tree, and the protocols of routers", () => {
  const inner = ether(0x0800, ip("10.9.0.1", "10.9.0.2", 1, echo(1, 1)));
  const geneve = ip("10.0.0.1", "10.0.0.2", 17, udpTo(5000, 6081, geneveTo(10, 0x6558, inner)));
  expect(show(ether(0x0800, geneve))).toBe(
    "IP 10.0.0.1.5000 > 10.0.0.2.6081: Geneve, Flags [none], vni 0xa: IP 10.9.0.1 > 10.9.0.2: ICMP echo request, id 1, seq 1, length 64",
  );
  expect(show(ether(0x0800, ip("10.0.0.1", "10.0.0.2", 47, greTo(0x6558, inner, 0x3000, 0x2a, 7))))).toContain(
    "GREv0, key=0x2a, seq 7, length 110: IP 10.9.0.1 > 10.9.0.2: ICMP",
  );
  const bpdu = new Uint8Array(3 + 35);
  bpdu.set([
    0x42, 0x42, 3, 0, 0, 0, 0, 0x01, 0x80, 0, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0x80, 0, 2, 0, 0, 0, 0, 1, 0x80, 1,
  ]);
  expect(show(ieee8023(bpdu))).toBe(
    "STP 802.1d, Config, Flags [Topology change], bridge-id 8000.02:00:00:00:00:01.8001, length 35",
  );
  const vrrp = Uint8Array.of(0x31, 7, 200, 1, 0, 100, 0, 0, 10, 0, 0, 1);
  expect(show(ether(0x0800, ip("10.0.0.2", "224.0.0.18", 112, vrrp, { ttl: 255 })))).toBe(
    "IP 10.0.0.2 > 224.0.0.18: VRRPv3, Advertisement, vrid 7, prio 200, intvl 100cs, length 12",
  );
  const hello = new Uint8Array(44);
  hello.set([2, 1, 0, 44]);
  expect(show(ether(0x0800, ip("10.0.0.1", "224.0.0.5", 89, hello, { ttl: 1 })))).toBe(
    "IP 10.0.0.1 > 224.0.0.5: OSPFv2, Hello, length 44",
  );
});

it("prints what it does not know as tcpdump does", () => {
  expect(
    show(
      ether(
        0x88b5,
        Uint8Array.from("hello, world", (c) => c.charCodeAt(0)),
      ),
    ),
  ).toBe(
    "02:00:00:00:00:01 > 02:00:00:00:00:02, ethertype Unknown (0x88b5), length 26: \n" +
      "\t0x0000:  6865 6c6c 6f2c 2077 6f72 6c64            hello,.world",
  );
  expect(show(ether(0x0800, ip("10.0.0.1", "10.0.0.2", 253, new Uint8Array(20))))).toBe(
    "IP 10.0.0.1 > 10.0.0.2:  ip-proto-253 20",
  );
  expect(show(ip("10.0.0.1", "10.0.0.2", 1, echo(1, 1)), {}, new TcpdumpState(), "raw")).toBe(
    "IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 1, seq 1, length 64",
  );
});

it("says where a frame is cut", () => {
  const frame = ether(0x0800, ip("10.0.0.1", "10.0.0.2", 1, echo(1, 1)));
  const cut = (bytes: number): string =>
    formatFrame(frame, 0, bytes, "ethernet", plain, new TcpdumpState(), frame.length);
  expect(cut(10)).toBe(" [|ether]");
  expect(cut(20)).toBe("IP  [|ip]");
  expect(cut(34)).toBe("IP 10.0.0.1 > 10.0.0.2:  [|icmp]");
  expect(cut(42)).toBe("IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 1, seq 1, length 64");
});

it("prints frames of -i any without their Ethernet header", () => {
  const frame = ether(0x0800, ip("10.0.0.1", "10.0.0.2", 1, echo(1, 1)));
  const line = (outgoing: boolean, link: boolean, dst = frame): string =>
    formatFrame(dst, 0, dst.length, "ethernet", { ...plain, link }, new TcpdumpState(), dst.length, {
      ifname: "eth0",
      ifindex: 2,
      outgoing,
    });
  expect(line(true, false)).toBe("eth0  Out IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 1, seq 1, length 64");
  expect(line(false, true)).toBe(
    "eth0  In  ifindex 2 02:00:00:00:00:01 ethertype IPv4 (0x0800), length 104: 10.0.0.1 > 10.0.0.2: ICMP echo request, id 1, seq 1, length 64",
  );
  const all = ether(
    0x0806,
    arpPacket(1, "02:00:00:00:00:01", "10.0.0.1", "00:00:00:00:00:00", "10.0.0.2"),
    0xffff_ffff_ffff,
  );
  expect(line(false, false, all)).toBe("eth0  B   ARP, Request who-has 10.0.0.2 tell 10.0.0.1, length 28");
});

it("shows the time in every style of -t", () => {
  const at = 90_061 * S + 123_456 * US;
  const state = new TcpdumpState();
  const styles = ["clock", "none", "seconds", "date"] as const;
  expect(styles.map((style) => formatStamp(at, style, state))).toEqual([
    "01:01:01.123456 ",
    "",
    "90061.123456 ",
    "1970-01-02 01:01:01.123456 ",
  ]);
  expect([at, at + 5 * US, at + 9 * US].map((t) => formatStamp(t, "delta", state))).toEqual([
    " 00:00:00.000000 ",
    " 00:00:00.000005 ",
    " 00:00:00.000004 ",
  ]);
  const since = new TcpdumpState();
  expect([at, at + 5 * US, at + 9 * US].map((t) => formatStamp(t, "since-first", since)).at(-1)).toBe(
    " 00:00:00.000009 ",
  );
});

/** Captures with protocols that have no printer here, or only a short one with `-v`. */
const OTHERS = /LLDP_and_CDP|sip_reqs|packetnet-udp\.pcap|udp_dns|BgpPackets/;
const SHORT_WITH_V = /^(bgp|dhcp|ospf|openflow|lldp)\//;

describe("beside the real tcpdump", () => {
  const captures = haveShared ? CLEAN.flatMap(files).filter((name) => !OTHERS.test(name)) : [];
  const flagSets = full ? ["-t", "-t -e", "-t -v", "-t -e -vv", "-t -S"] : ["-t", "-t -e -vv"];
  for (const flags of flagSets) {
    itNeeds(haveShared && haveProgram("tcpdump"))(`prints the captures as \`tcpdump -nn ${flags}\``, () => {
      const link = flags.includes("-e");
      const verbose = /-(v+)/.exec(flags)?.[1]?.length ?? 0;
      const absolute = flags.includes("-S");
      const different: string[] = [];
      for (const name of captures) {
        if (verbose > 0 && SHORT_WITH_V.test(name)) continue;
        const path = sharedPath("corpora", "pcaps", name);
        const real = execFileSync("tcpdump", ["-nn", ...flags.split(" "), "-r", path], {
          stdio: ["ignore", "pipe", "ignore"],
        });
        const state = new TcpdumpState();
        const { packets, interfaces } = readCapture(new Uint8Array(readFileSync(path)));
        const ours = packets.map(({ bytes, originalLength, interface: n }) => {
          const linkType = interfaces[n]?.linkType === 1 ? "ethernet" : "raw";
          return `${formatFrame(bytes, 0, bytes.length, linkType, { link, verbose, absolute }, state, originalLength)}\n`;
        });
        if (ours.join("") !== real.toString("latin1")) different.push(name);
      }
      expect(different).toEqual([]);
    });
  }
});

describe("on anything", () => {
  const whole = haveShared
    ? fc.constantFrom(...frames(...CLEAN))
    : fc.constant(ether(0x0800, ip("1.1.1.1", "2.2.2.2", 1, echo(1, 1))));
  /** Garbage, or a frame with up to four octets changed and perhaps its end cut off. */
  const damaged = fc.oneof(
    fc.uint8Array({ maxLength: 200, size: "max" }),
    fc
      .tuple(whole, fc.array(fc.tuple(fc.nat(0xffff), fc.nat(255)), { maxLength: 4 }), fc.nat(0xffff))
      .map(([b, blows, cut]) => {
        const copy = b.slice(0, cut % 2 === 0 ? b.length : cut % (b.length + 1));
        for (const [where, octet] of blows) if (copy.length > 0) copy[where % Math.min(copy.length, 120)] = octet;
        return copy;
      }),
  );
  const options = fc.record({ link: fc.boolean(), verbose: fc.nat(3), absolute: fc.boolean() });
  it("never throws, and reads nothing but the frame", () =>
    fc.assert(
      fc.property(damaged, options, fc.boolean(), fc.nat(200), (bytes, o, raw, missing) => {
        const linkType = raw ? "raw" : "ethernet";
        const alone = formatFrame(bytes, 0, bytes.length, linkType, o, new TcpdumpState(), bytes.length + missing);
        const wide = new Uint8Array(bytes.length + 40).fill(0x5a);
        wide.set(bytes, 7);
        const within = formatFrame(wide, 7, 7 + bytes.length, linkType, o, new TcpdumpState(), bytes.length + missing);
        expect(within).toBe(alone);
        expect(alone.length).toBeLessThan(100_000);
      }),
      { numRuns: cases(1000, 100_000) },
    ));
});
