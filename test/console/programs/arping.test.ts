import { expect, it } from "vitest";
import { arping } from "../../../src/console/programs/arping.ts";
import { parseIp } from "../../../src/core/addr.ts";
import { refused } from "../../../src/core/errno.ts";
import { MS, S, US } from "../../../src/core/time.ts";
import * as arp from "../../../src/protocols/arp/wire.ts";
import * as ethernet from "../../../src/protocols/ethernet/wire.ts";
import { FakeOs, type FakeProcess, start } from "../../harness/fake-os.ts";

const ip = (text: string): number => parseIp(text) as number;
const [H1, H2] = [ip("10.0.0.1"), ip("10.0.0.2")];
const [M1, M2] = [0x02_0000_0000_01, 0x02_0000_0000_0a];
const ALL = 0xffff_ffff_ffff;

const packet = (
  to: number,
  from: number,
  op: number,
  sha: number,
  spa: number,
  tha: number,
  tpa: number,
): Uint8Array => {
  const frame = new Uint8Array(60);
  ethernet.writeHeader(frame, 0, to, from, ethernet.ETHERTYPE_ARP);
  arp.writePacket(frame, 14, op, sha, spa, tha, tpa);
  return frame;
};

/** A node on whose link `H2` answers after `rtt`, until `last`. */
function node(rtt = 150 * US, last = Number.POSITIVE_INFINITY): FakeOs {
  const os = new FakeOs().device("eth0", H1, M1);
  os.onFrame = (frame, socket) => {
    if (arp.op(frame, 14) !== arp.ARPOP_REQUEST || arp.tpa(frame, 14) !== H2 || os.now() > last) return;
    const reply = packet(M1, M2, arp.ARPOP_REPLY, M2, H2, M1, arp.spa(frame, 14));
    os.after(rtt, () => socket.deliver(reply));
  };
  return os;
}

function run(os: FakeOs, line: string, until = 60 * S): FakeProcess {
  const process = start(arping, os, line);
  os.advance(until);
  return process;
}

it("asks everybody once, then the one who answered", () => {
  const os = node();
  const targets: number[] = [];
  const { onFrame } = os;
  os.onFrame = (frame, socket) => {
    targets.push(ethernet.dst(frame, 0), arp.tha(frame, 14));
    onFrame(frame, socket);
  };
  const process = run(os, "-c 3 -I eth0 10.0.0.2");
  expect(process.output).toBe(`ARPING 10.0.0.2 from 10.0.0.1 eth0
${"Unicast reply from 10.0.0.2 [02:00:00:00:00:0A]  0.150ms\n".repeat(3)}Sent 3 probes (1 broadcast(s))
Received 3 response(s)
`);
  expect(targets).toEqual([ALL, ALL, M2, M2, M2, M2]);
  expect(process.status).toBe(0);
  expect(os.packets[0]?.closed).toBe(true);
});

it("keeps on broadcasting with -b, and is quiet with -q", () => {
  expect(run(node(), "-b -c 2 10.0.0.2").output).toContain("Sent 2 probes (2 broadcast(s))\nReceived 2 response(s)\n");
  const quiet = run(node(), "-q -c 1 10.0.0.2");
  expect([quiet.output, quiet.status]).toEqual(["", 0]);
});

it("ends at the first answer with -f, at the timeout with -w, at the count", () => {
  const ended = (line: string, os = node()): [number, number | undefined] => {
    const process = start(arping, os, line);
    for (let t = 0; process.status === undefined; t += MS) os.advance(t);
    return [os.now(), process.status];
  };
  expect(ended("-f 10.0.0.2")).toEqual([MS, 0]);
  expect(ended("-w 2 10.0.0.2")).toEqual([2 * S, 0]);
  expect(ended("-w 5 -c 2 10.0.0.2")).toEqual([S + MS, 0]); // with a timeout, the last answer ends it
  expect(ended("-c 2 10.0.0.2")).toEqual([2 * S, 0]);
  expect(ended("-c 2 -i 3 10.0.0.2")).toEqual([6 * S, 0]);
  expect(ended("-c 5 -w 2 10.0.0.2")).toEqual([2 * S, 1]);
  expect(run(node(), "-w 2 10.0.0.2").output).toContain("Sent 3 probes (1 broadcast(s))\nReceived 2 response(s)\n");
  expect(ended("-c 2 10.0.0.77")).toEqual([2 * S, 1]);
  expect(ended("-c 3 10.0.0.2", node(MS, S / 2))).toEqual([3 * S, 1]);
});

it("finds out whether an address is taken", () => {
  const taken = run(node(), "-D -c 2 -I eth0 10.0.0.2");
  expect(taken.output).toBe(`ARPING 10.0.0.2 from 0.0.0.0 eth0
Unicast reply from 10.0.0.2 [02:00:00:00:00:0A]  0.150ms
Sent 1 probes (1 broadcast(s))
Received 1 response(s)
`);
  expect(taken.status).toBe(1);
  const free = run(node(), "-D -c 2 10.0.0.77");
  expect(free.output).toContain("Sent 2 probes (2 broadcast(s))\nReceived 0 response(s)\n");
  expect(free.status).toBe(0);
});

it("announces the own address as a request (-U) or a reply (-A)", () => {
  const sent: string[] = [];
  const os = node();
  os.onFrame = (f) => {
    sent.push([arp.op(f, 14), arp.spa(f, 14) === H1, arp.tpa(f, 14) === H1, arp.tha(f, 14).toString(16)].join(" "));
  };
  const process = run(os, "-U -c 1 -I eth0 10.0.0.1");
  expect(process.output).toBe(
    "ARPING 10.0.0.1 from 10.0.0.1 eth0\nSent 1 probes (1 broadcast(s))\nReceived 0 response(s)\n",
  );
  expect(process.status).toBe(0);
  run(os, "-A -c 1 10.0.0.1", 120 * S);
  expect(sent).toEqual(["1 true true ffffffffffff", "2 true true 20000000001"]);
});

it("counts only what is meant for it, and says how it came", () => {
  const os = node();
  os.onFrame = (_frame, socket) => {
    const heard = [
      packet(M1, M2, arp.ARPOP_REPLY, M2, ip("10.0.0.3"), M1, H1), // another address
      packet(M1, M2, arp.ARPOP_REPLY, M2, H2, 0x99, H1), // not our MAC
      packet(0x99, M2, arp.ARPOP_REPLY, M2, H2, M1, H1), // to another host
      packet(ALL, M2, arp.ARPOP_REQUEST, M2, H2, M1, H1),
      packet(M1, M2, arp.ARPOP_REPLY, M2, H2, M1, H1).subarray(0, 30), // cut
    ];
    for (const frame of heard) os.after(MS, () => socket.deliver(frame));
    os.after(MS, () => socket.deliver(packet(M1, M2, arp.ARPOP_REPLY, M2, H2, M1, H1), true)); // outgoing
  };
  expect(run(os, "-c 1 10.0.0.2").output).toBe(`ARPING 10.0.0.2 from 10.0.0.1 eth0
Broadcast request from 10.0.0.2 [02:00:00:00:00:0A]  1.000ms
Sent 1 probes (1 broadcast(s))
Received 1 response(s) (1 request(s), 1 broadcast(s))
`);
});

it("sums up when interrupted", () => {
  const os = node();
  const process = run(os, "10.0.0.2", 2.5 * S);
  process.interrupt();
  expect(process.output).toContain("Sent 3 probes (1 broadcast(s))\nReceived 3 response(s)\n");
  os.advance(10 * S);
});

it.each([
  ["", 2, /usage: arping/],
  ["-x 10.0.0.2", 2, /^arping: invalid option -- 'x'\n$/],
  ["-c 0 10.0.0.2", 1, /^arping: invalid argument: '0': out of range: 1 <= value <= 2147483647\n$/],
  ["-I eth9 10.0.0.2", 2, /^arping: Device eth9 not available\.\n$/],
  ["-s zz 10.0.0.2", 2, /^arping: invalid source zz\n$/],
  ["-s 9.9.9.9 10.0.0.2", 2, /^arping: bind: Cannot assign requested address\n$/],
  ["h2", 2, /^arping: h2: Name or service not known\n$/],
])("refuses %s", (line, status, errors) => {
  const process = run(node(), line);
  expect(process.errors).toMatch(errors);
  expect([process.status, process.output]).toEqual([status, ""]);
});

it("needs a device that speaks ARP and is up", () => {
  const os = node();
  os.links.push({
    ifname: "lo",
    ifindex: 2,
    mac: 0,
    mtuBytes: 65536,
    up: true,
    carrier: true,
    arp: false,
    ethernet: true,
  });
  os.links.push({
    ifname: "eth1",
    ifindex: 3,
    mac: 3,
    mtuBytes: 1500,
    up: false,
    carrier: false,
    arp: true,
    ethernet: true,
  });
  expect(run(os, "-I lo 10.0.0.2")).toMatchObject({ output: 'Interface "lo" is not ARPable\n', status: 2 });
  expect(run(os, "-I eth1 10.0.0.2")).toMatchObject({ output: 'Interface "eth1" is down\n', status: 2 });
  os.routes = () => refused("ENETUNREACH");
  expect(run(os, "8.8.8.8").errors).toContain("Please, use option -I.");
});
