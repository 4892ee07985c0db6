import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compileFilter, type Filter } from "../../../src/console/tcpdump/filter/compile.ts";
import { formatFrame } from "../../../src/console/tcpdump/frame.ts";
import { TcpdumpState } from "../../../src/console/tcpdump/state.ts";
import { readCapture } from "../../../src/report/read-capture.ts";
import { cases, haveProgram, haveShared, itNeeds, sharedPath } from "../../harness/shared.ts";
import { arpPacket, echo, ether, ieee8023, ip, tag, tcp, udpTo } from "./build.ts";

function filter(expression: string): Filter {
  const compiled = compileFilter(expression);
  if (!compiled.ok) throw new Error(compiled.why);
  return compiled.filter;
}
const passes = (expression: string, frame: Uint8Array, ethernet = true, outgoing = false): boolean =>
  filter(expression)({ b: frame, o: 0, end: frame.length, bytes: frame.length, ethernet, outgoing });

const [A, B] = ["10.0.0.1", "10.0.0.2"];
const FRAMES = {
  ping: ether(0x0800, ip(A, B, 1, echo(1, 1))),
  pong: ether(0x0800, ip(B, A, 1, echo(1, 1, 64, 0)), 0x02_0000_0000_01, 0x02_0000_0000_02),
  dns: ether(0x0800, ip(A, "8.8.8.8", 17, udpTo(5353, 53, new Uint8Array(10)))),
  http: ether(0x0800, tcp(A, B, [40000, 80], [1, 0], 2)),
  fragment: ether(0x0800, ip(A, B, 17, udpTo(1000, 53, new Uint8Array(4)), { flags: 5 })),
  arp: ether(0x0806, arpPacket(1, "02:00:00:00:00:01", A, "00:00:00:00:00:00", B), 0xffff_ffff_ffff),
  tagged: ether(0x8100, tag(5, 0x0800, ip(A, B, 1, echo(1, 1)))),
  bpdu: ieee8023(Uint8Array.of(0x42, 0x42, 3, 0, 0, 0, 0)),
  hello: ether(0x0800, ip(A, "224.0.0.5", 89, new Uint8Array(44)), 0x0100_5e00_0005),
};

it.each([
  ["", "ping pong dns http fragment arp tagged bpdu hello"],
  ["ip", "ping pong dns http fragment hello"],
  ["arp", "arp"],
  ["icmp", "ping pong"],
  ["tcp", "http"],
  ["udp", "dns fragment"],
  ["stp", "bpdu"],
  ["not ip", "arp tagged bpdu"],
  ["icmp or arp", "ping pong arp"],
  ["icmp || arp", "ping pong arp"],
  ["host 10.0.0.2", "ping pong http fragment arp"],
  ["ip host 10.0.0.2", "ping pong http fragment"],
  ["arp host 10.0.0.2", "arp"],
  ["src host 10.0.0.2", "pong"],
  ["src 10.0.0.2", "pong"],
  ["dst 10.0.0.2 and not arp", "ping http fragment"],
  ["src or dst 8.8.8.8", "dns"],
  ["src and dst net 10.0.0.0/24", "ping pong http fragment arp"],
  ["net 8", "dns"],
  ["net 8.8.0.0 mask 255.255.0.0", "dns"],
  ["dst net 224.0.0.0/4", "hello"],
  ["port 53", "dns"], // no ports in a later fragment
  ["udp port 53", "dns"],
  ["tcp port 53", ""],
  ["tcp dst port http", "http"],
  ["src port 80", ""],
  ["port 53 or 80", "dns http"],
  ["portrange 50-80", "dns http"],
  ["ether host 02:00:00:00:00:02", "ping pong dns http fragment tagged"],
  ["ether src 02:00:00:00:00:02", "pong"],
  ["ether dst ff:ff:ff:ff:ff:ff", "arp"],
  ["ether proto 0x0806", "arp"],
  ["ether proto \\ip and ip proto 89", "hello"],
  ["ip proto \\icmp", "ping pong"],
  ["ip proto ospf", "hello"],
  ["proto 89", "hello"],
  ["broadcast", "arp"],
  ["multicast", "arp bpdu hello"],
  ["ip multicast", "hello"],
  ["vlan", "tagged"],
  ["vlan 5", "tagged"],
  ["vlan 6", ""],
  ["vlan 5 and icmp", "tagged"],
  ["icmp or vlan and icmp", "tagged"], // from the left: (icmp or vlan) and then icmp behind the tag
  ["less 60", "dns http fragment arp bpdu"],
  ["greater 98", "ping pong tagged"],
  ["not (icmp or arp) and ip", "dns http fragment hello"],
  ["not icmp and ip", "dns http fragment hello"], // not binds to icmp alone
  ["! ( ip )", "arp tagged bpdu"],
  ["outbound", ""],
])("'%s' lets through: %s", (expression, names) => {
  const through = Object.entries(FRAMES).filter(([, frame]) => passes(expression, frame));
  expect(through.map(([name]) => name).join(" ")).toBe(names);
});

it("knows which way a frame goes, and frames without an Ethernet header", () => {
  expect([passes("inbound", FRAMES.ping), passes("outbound", FRAMES.ping, true, true)]).toEqual([true, true]);
  const bare = FRAMES.ping.subarray(14);
  const words = ["icmp", "host 10.0.0.2", "arp", "ether host 02:00:00:00:00:02", "vlan", "stp"];
  expect(words.map((word) => passes(word, bare, false))).toEqual([true, true, false, false, false, false]);
});

it.each([
  ["foo", "can't parse filter expression: syntax error"],
  ["tcp and", "can't parse filter expression: syntax error"],
  ["(tcp", "can't parse filter expression: syntax error"],
  ["tcp)", "can't parse filter expression: syntax error"],
  ["10.0.0.1", "can't parse filter expression: syntax error"],
  ["host 10.0.0.1 10.0.0.2", "can't parse filter expression: syntax error"],
  ["ip proto tcp", "can't parse filter expression: syntax error"],
  ["greater x", "can't parse filter expression: syntax error"],
  ["port", "can't parse filter expression: syntax error"],
  ["ether", "can't parse filter expression: syntax error"],
  ["host foo", "unknown host 'foo'"],
  ["host 10.0.0.256", "invalid IPv4 address '10.0.0.256'"],
  ["port 99999", "illegal port number 99999 > 65535"],
  ["port nosuch", "unknown port 'nosuch'"],
  ["ether host 1", "illegal link layer address"],
  ["net 10.1.2.3/8", 'non-network bits set in "10.1.2.3/8"'],
  ["tcp host 10.0.0.1", "'tcp' modifier applied to host"],
  ["arp port 3", "illegal qualifier of 'port'"],
  ["vlan 5000", "VLAN tag 5000 greater than maximum 4095"],
  ["tcp[13] & 2 != 0", "filter: 'tcp[13]' is not built"],
  ["gateway r1", "filter: 'gateway' is not built"],
  ["mpls", "filter: 'mpls' is not built"],
  ["ip broadcast", "filter: 'ip broadcast' is not built"],
])("refuses '%s'", (expression, why) => {
  expect(compileFilter(expression)).toEqual({ ok: false, why });
});

describe("beside the real tcpdump", () => {
  const CAPTURES = [
    "vlan/packetlife-ICMP_across_dot1q.pcap",
    "arp/sanders-arp_resolution.pcapng",
    "tcp/packetlife-HTTP.pcap",
    "vrrp/packetlife-VRRP_preempt.pcap",
    "ospf/packetlife-OSPF_broadcast_adjacencies.pcap",
    "stp/packetlife-STP-TCN-TCAck.pcapng",
  ];
  const EXPRESSIONS = [
    ...["ip", "arp", "icmp", "tcp", "vlan", "vlan 123", "vlan and arp", "stp", "vrrp", "ip proto 89", "ip multicast"],
    ...[
      "multicast",
      "ether broadcast",
      "not ip",
      "less 70",
      "greater 100",
      "tcp port 80",
      "src port 80 or dst port 57678",
    ],
    ...["host 192.168.1.140", "src host 174.143.213.184 and tcp", "dst net 224", "net 192.168.0.0/16 and not tcp"],
    ...["ether proto 0x0806 or ip proto \\tcp", "icmp or vlan and icmp", "not (tcp or arp) or host 192.168.0.30"],
  ];
  itNeeds(haveShared && haveProgram("tcpdump"))("lets the same frames through", () => {
    const different: string[] = [];
    for (const name of CAPTURES) {
      const path = sharedPath("corpora", "pcaps", name);
      const { packets } = readCapture(new Uint8Array(readFileSync(path)));
      for (const expression of EXPRESSIONS) {
        const real = execFileSync("tcpdump", ["-nntS", "-r", path, expression], {
          stdio: ["ignore", "pipe", "ignore"],
        });
        const options = { link: false, verbose: 0, absolute: true };
        const ours = packets
          .filter(({ bytes: b, originalLength }) =>
            filter(expression)({ b, o: 0, end: b.length, bytes: originalLength, ethernet: true, outgoing: false }),
          )
          .map(({ bytes: b, originalLength }) =>
            formatFrame(b, 0, b.length, "ethernet", options, new TcpdumpState(), originalLength),
          );
        if (ours.map((line) => `${line}\n`).join("") !== real.toString("latin1"))
          different.push(`${name}: ${expression}`);
      }
    }
    expect(different).toEqual([]);
  });
});

it("never throws, whatever the words and the frame", () => {
  const word = fc.constantFrom(
    ...["ip", "tcp", "arp", "ether", "vlan", "src", "dst", "host", "net", "port", "proto", "mask", "and", "or", "not"],
    ...[
      "(",
      ")",
      "!",
      "10.0.0.1",
      "10/8",
      "80",
      "\\tcp",
      "02:00:00:00:00:01",
      "less",
      "stp",
      "portrange",
      "5-9",
      "broadcast",
    ],
  );
  fc.assert(
    fc.property(
      fc.array(word, { maxLength: 8 }),
      fc.uint8Array({ maxLength: 60, size: "max" }),
      fc.boolean(),
      (words, b, raw) => {
        const compiled = compileFilter(words.join(" "));
        if (!compiled.ok) {
          expect(compiled.why).not.toBe("");
          return;
        }
        const frame = { b, o: 0, end: b.length, bytes: b.length, ethernet: !raw, outgoing: false };
        expect([true, false]).toContain(compiled.filter(frame));
      },
    ),
    { numRuns: cases(2000, 100_000) },
  );
});

it("refuses what is nested too deeply", () => {
  expect(compileFilter(`${"( ".repeat(101)}ip${" )".repeat(101)}`)).toEqual({
    ok: false,
    why: "filter: too deeply nested",
  });
  expect(compileFilter("not ".repeat(50_000) + "ip")).toEqual({ ok: false, why: "filter: too deeply nested" });
});
