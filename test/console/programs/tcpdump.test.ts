import { expect, it } from "vitest";
import { tcpdump } from "../../../src/console/programs/tcpdump.ts";
import { parseIp } from "../../../src/core/addr.ts";
import { MS, S } from "../../../src/core/time.ts";
import { FakeOs, type FakeProcess, start } from "../../harness/fake-os.ts";
import { arpPacket, echo, ether, ip } from "../tcpdump/build.ts";

const address = (text: string): number => parseIp(text) as number;
const PING = ether(0x0800, ip("10.0.0.1", "10.0.0.2", 1, echo(7, 1)));
const PONG = ether(0x0800, ip("10.0.0.2", "10.0.0.1", 1, echo(7, 1, 64, 0)));
const ARP = ether(0x0806, arpPacket(1, "02:00:00:00:00:01", "10.0.0.1", "00:00:00:00:00:00", "10.0.0.2"));

const node = (): FakeOs => new FakeOs().device("eth0", address("10.0.0.1"), 1).device("eth1", address("10.1.0.1"), 2);

function run(line: string, os = node()): [FakeProcess, FakeOs] {
  const process = start(tcpdump, os, line);
  const see = (at: number, frame: Uint8Array, outgoing: boolean, n = 0): void =>
    os.at(at, () => os.packets[n]?.deliver(frame, outgoing));
  see(S, ARP, true);
  see(S + MS, PING, true);
  see(S + 2 * MS, PONG, false);
  see(S + 3 * MS, PING, false, 1);
  os.advance(2 * S);
  return [process, os];
}

it("prints each frame with its time, then sums up", () => {
  const [process, os] = run("-nn -i eth0");
  process.interrupt();
  expect(process.output).toBe(`00:00:01.000000 ARP, Request who-has 10.0.0.2 tell 10.0.0.1, length 28
00:00:01.001000 IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 7, seq 1, length 64
00:00:01.002000 IP 10.0.0.2 > 10.0.0.1: ICMP echo reply, id 7, seq 1, length 64
`);
  expect(process.errors).toBe(`tcpdump: verbose output suppressed, use -v[v]... for full protocol decode
listening on eth0, link-type EN10MB (Ethernet), snapshot length 262144 bytes

3 packets captured
3 packets received by filter
0 packets dropped by kernel
`);
  expect(process.status).toBe(0);
  expect(os.packets.map((p) => [p.ifname, p.etherType, p.closed])).toEqual([["eth0", 3, true]]);
});

it("stops after -c frames that pass the filter", () => {
  const [process] = run("-c 1 -t -l icmp and src 10.0.0.2 -i eth0");
  expect(process.output).toBe("IP 10.0.0.2 > 10.0.0.1: ICMP echo reply, id 7, seq 1, length 64\n");
  expect(process.errors).toContain("\n1 packet captured\n1 packet received by filter\n");
  expect(process.status).toBe(0);
});

it("listens on every device with -i any", () => {
  const [process] = run("-i any -n -ttttt -# icmp");
  expect(
    process.output,
  ).toBe(`    1   00:00:00.000000 eth0  Out IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 7, seq 1, length 64
    2   00:00:00.001000 eth0  In  IP 10.0.0.2 > 10.0.0.1: ICMP echo reply, id 7, seq 1, length 64
    3   00:00:00.002000 eth1  In  IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 7, seq 1, length 64
`);
  expect(process.errors).toContain("listening on any, link-type LINUX_SLL2 (Linux cooked v2)");
});

it("takes one direction with -Q, the first octets with -s, and shows headers with -e and -v", () => {
  expect(run("-Q in -t")[0].output).toBe("IP 10.0.0.2 > 10.0.0.1: ICMP echo reply, id 7, seq 1, length 64\n");
  expect(run("-Q out -t arp")[0].output).toContain("ARP, Request");
  expect(run("-t -s 34 -Q in")[0].output).toBe("IP 10.0.0.2 > 10.0.0.1:  [|icmp]\n");
  const [verbose] = run("-t -e -v -c1 icmp");
  expect(verbose.output).toBe(
    "02:00:00:00:00:01 > 02:00:00:00:00:02, ethertype IPv4 (0x0800), length 98: " +
      "(tos 0x0, ttl 64, id 0, offset 0, flags [none], proto ICMP (1), length 84)\n" +
      "    10.0.0.1 > 10.0.0.2: ICMP echo request, id 7, seq 1, length 64\n",
  );
  expect(verbose.errors.startsWith("tcpdump: listening on eth0, link-type EN10MB")).toBe(true);
});

it("shows bare packets of a tunnel", () => {
  const os = node();
  os.links[0] = { ...(os.links[0] as (typeof os.links)[0]), ethernet: false };
  const process = start(tcpdump, os, "-i eth0 -t host 10.0.0.2");
  os.packets[0]?.deliver(PING.subarray(14));
  expect(process.output).toBe("IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 7, seq 1, length 64\n");
  expect(process.errors).toContain("link-type RAW (Raw IP)");
});

it.each([
  ["-i eth9", "tcpdump: eth9: No such device exists\n(No such device exists)"],
  ["-i eth1", "tcpdump: eth1: That device is not up"],
  ["--foo", "tcpdump: unrecognized option '--foo'"],
  ["-k", "tcpdump: invalid option -- 'k'"],
  ["-c", "tcpdump: option requires an argument -- 'c'"],
  ["-c x", "tcpdump: invalid packet count x"],
  ["-s -1", "tcpdump: invalid snaplen -1 (must be >= 0 and <= 262144)"],
  ["-Q up", "tcpdump: unknown capture direction `up'"],
  ["-w file.pcap", "tcpdump: option -w is not built"],
  ["-X", "tcpdump: option -X is not built"],
  ["host foo", "tcpdump: unknown host 'foo'"],
  ["tcp[0] = 1", "tcpdump: filter: 'tcp[0]' is not built"],
])("refuses %s", (line, why) => {
  const os = node();
  os.links[1] = { ...(os.links[1] as (typeof os.links)[1]), up: false };
  expect(run(line, os)[0]).toMatchObject({ errors: `${why}\n`, output: "", status: 1 });
});
