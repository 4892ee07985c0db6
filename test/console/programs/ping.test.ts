import fc from "fast-check";
import { expect, it } from "vitest";
import type { PingResult } from "../../../src/console/ping/api.ts";
import { startPing } from "../../../src/console/ping/engine.ts";
import { formatPercent, formatRtt } from "../../../src/console/ping/statistics.ts";
import { ping } from "../../../src/console/programs/ping.ts";
import { parseIp } from "../../../src/core/addr.ts";
import { setU16, setU32, u16 } from "../../../src/core/bytes.ts";
import { done, refused } from "../../../src/core/errno.ts";
import { MS, S, US } from "../../../src/core/time.ts";
import { seal } from "../../../src/protocols/icmp/wire.ts";
import { FakeOs, type FakeProcess, start } from "../../harness/fake-os.ts";
import { cases } from "../../harness/shared.ts";

const ip = (text: string): number => parseIp(text) as number;
const H1 = ip("10.0.0.1");
const H2 = ip("10.0.0.2");

const node = (): FakeOs => new FakeOs().device("eth0", H1, 0x0200_0000_0001);

/** The echo reply to a request. */
function answer(request: Uint8Array): Uint8Array {
  const reply = request.slice();
  reply[0] = 0;
  seal(reply, 0, reply.length);
  return reply;
}

/** An ICMP error that quotes a request to `to`. */
function error(type: number, code: number, rest: number, request: Uint8Array, to: number): Uint8Array {
  const message = new Uint8Array(8 + 20 + 8);
  message.set([type, code]);
  setU32(message, 4, rest);
  message[8] = 0x45;
  setU32(message, 24, to);
  message.set(request.subarray(0, 8), 28);
  seal(message, 0, message.length);
  return message;
}

/** A node whose requests are answered after `rtts` in turn (the last one for all that follow; `undefined`: lost). */
function answering(...rtts: (number | undefined)[]): FakeOs {
  const os = node();
  os.onRaw = (payload, to) => {
    const rtt = rtts.length > 1 ? rtts.shift() : rtts[0];
    const reply = answer(payload);
    if (rtt !== undefined) os.after(rtt, () => os.deliver(reply, to, H1));
    return done;
  };
  return os;
}

function run(os: FakeOs, line: string, until = 60 * S): FakeProcess {
  const process = start(ping, os, line);
  os.advance(until);
  return process;
}

it("prints what iputils prints", () => {
  const rtts = [219, 203, 149, 244].map((us) => us * US); // the document's ping of 31.0.0.2
  const process = run(answering(...rtts), "-c 4 31.0.0.2");
  expect(process.output).toBe(`PING 31.0.0.2 (31.0.0.2) 56(84) bytes of data.
64 bytes from 31.0.0.2: icmp_seq=1 ttl=64 time=0.219 ms
64 bytes from 31.0.0.2: icmp_seq=2 ttl=64 time=0.203 ms
64 bytes from 31.0.0.2: icmp_seq=3 ttl=64 time=0.149 ms
64 bytes from 31.0.0.2: icmp_seq=4 ttl=64 time=0.244 ms

--- 31.0.0.2 ping statistics ---
4 packets transmitted, 4 received, 0% packet loss, time 3000ms
rtt min/avg/max/mdev = 0.149/0.203/0.244/0.034 ms
`);
  expect(process.status).toBe(0);
});

it("sends a time stamp and counted octets, under a sum that is right", () => {
  const os = answering(MS);
  const sent: Uint8Array[] = [];
  const { onRaw } = os;
  os.onRaw = (payload, to, socket) => {
    sent.push(payload.slice());
    return onRaw(payload, to, socket);
  };
  os.clock = 7 * S + 250 * MS;
  run(os, "-c 2 -i 0.5 10.0.0.2");
  const [first, second] = sent as [Uint8Array, Uint8Array];
  expect([...first.subarray(8, 26)]).toEqual([7, 0, 0, 0, 0, 0, 0, 0, 0x90, 0xd0, 3, 0, 0, 0, 0, 0, 0x10, 0x11]);
  expect([u16(first, 6), u16(second, 6)]).toEqual([1, 2]);
  expect(u16(first, 4)).toBe(u16(second, 4));
  const resealed = first.slice();
  seal(resealed, 0, resealed.length);
  expect(resealed).toEqual(first);
});

it("reports a destination whose neighbour is silent as errors, with the pipe", () => {
  const os = node();
  const requests: Uint8Array[] = [];
  os.onRaw = (payload) => {
    requests.push(payload.slice());
    if (requests.length === 3)
      for (const r of requests) os.after(100 * MS, () => os.deliver(error(3, 1, 0, r, H2), H1, H1));
    return done;
  };
  const process = run(os, "-c 3 10.0.0.2");
  expect(process.output).toBe(`PING 10.0.0.2 (10.0.0.2) 56(84) bytes of data.
From 10.0.0.1 icmp_seq=1 Destination Host Unreachable
From 10.0.0.1 icmp_seq=2 Destination Host Unreachable
From 10.0.0.1 icmp_seq=3 Destination Host Unreachable

--- 10.0.0.2 ping statistics ---
3 packets transmitted, 0 received, +3 errors, 100% packet loss, time 2000ms
pipe 3
`);
  expect(process.status).toBe(1);
});

it.each([
  [11, 0, 0, "From 10.0.0.9 icmp_seq=1 Time to live exceeded"],
  [3, 4, 1450, "From 10.0.0.9 icmp_seq=1 Frag needed and DF set (mtu = 1450)"],
  [3, 0, 0, "From 10.0.0.9 icmp_seq=1 Destination Net Unreachable"],
  [3, 13, 0, "From 10.0.0.9 icmp_seq=1 Packet filtered"],
  [12, 0, 0x14000000, "From 10.0.0.9 icmp_seq=1 Parameter problem: pointer = 20"],
])("words ICMP error %i/%i", (type, code, rest, line) => {
  const os = node();
  os.onRaw = (payload) => {
    const request = payload.slice();
    os.after(MS, () => os.deliver(error(type, code, rest, request, H2), ip("10.0.0.9"), H1));
    return done;
  };
  const process = run(os, "-c1 10.0.0.2");
  expect(process.output.split("\n")[1]).toBe(line);
  expect(process.output).toContain("1 packets transmitted, 0 received, +1 errors, 100% packet loss, time 0ms\n\n");
});

it("prints redirects beside the answers", () => {
  const os = node();
  os.onRaw = (payload, to) => {
    const request = payload.slice();
    os.after(MS, () => os.deliver(error(5, 1, ip("10.0.0.254"), request, to), ip("10.0.0.253"), H1));
    os.after(2 * MS, () => os.deliver(answer(request), to, H1, 63));
    return done;
  };
  const process = run(os, "-c1 10.9.0.1");
  expect(process.output.split("\n").slice(1, 3)).toEqual([
    "From 10.0.0.253: icmp_seq=1 Redirect Host(New nexthop: 10.0.0.254)",
    "64 bytes from 10.9.0.1: icmp_seq=1 ttl=63 time=2.00 ms",
  ]);
  expect(process.status).toBe(0);
});

it("names what the own kernel refuses, and counts a message too long as an error", () => {
  const os = node();
  os.onRaw = (_payload, to, socket) => {
    socket.failed({
      errno: "EMSGSIZE",
      icmpType: 0,
      icmpCode: 0,
      offender: 0,
      mtuBytes: 1400,
      destination: to,
      destinationPort: 0,
      sourcePort: 0,
      ttl: 0,
    });
    return refused("EMSGSIZE");
  };
  const tooLong = run(os, "-M do -s 2000 -c 2 10.0.0.2");
  expect(tooLong.errors).toBe("ping: local error: message too long, mtu=1400\n".repeat(2));
  expect(tooLong.output).toContain("2 packets transmitted, 0 received, +2 errors, 100% packet loss, time 1000ms\n");
  const unrouted = node();
  unrouted.onRaw = () => refused("ENETUNREACH");
  expect(run(unrouted, "-c 1 10.0.0.2").errors).toBe("ping: sendmsg: Network is unreachable\n");
});

it.each([
  ["", 1, "ping: usage error: Destination address required\n"],
  ["-c 0 10.0.0.2", 1, "ping: invalid argument: '0': out of range: 1 <= value <= 9223372036854775807\n"],
  ["-c x 10.0.0.2", 1, "ping: invalid argument: 'x'\n"],
  ["-c", 2, "ping: option requires an argument -- 'c'\n"],
  ["-Z 10.0.0.2", 2, "ping: invalid option -- 'Z'\n"],
  ["-t 256 10.0.0.2", 1, "ping: invalid argument: '256': out of range: 0 <= value <= 255\n"],
  ["-t 0 10.0.0.2", 2, "ping: cannot set unicast time-to-live: Invalid argument\n"],
  ["-Q 300 10.0.0.2", 2, "ping: the decimal value of TOS bits must be in range 0-255: 300\n"],
  ["-M maybe 10.0.0.2", 2, "ping: invalid -M argument: maybe\n"],
  ["-W -1 10.0.0.2", 2, "ping: bad linger time: -1\n"],
  ["-p xyz 10.0.0.2", 2, "ping: patterns must be specified as hex digits: xyz\n"],
  ["-I eth9 10.0.0.2", 2, "ping: SO_BINDTODEVICE eth9: No such device\n"],
  ["-I 10.0.0.7 10.0.0.2", 2, "ping: bind: Cannot assign requested address\n"],
  ["-T tsonly 10.0.0.2", 2, "ping: option -T is not built\n"],
  ["-6 10.0.0.2", 2, "ping: option -6: IPv6 is not built\n"],
  ["nowhere", 2, "ping: nowhere: Name or service not known\n"],
  ["10.0.0.255", 2, "ping: Do you want to ping broadcast? Then -b. If not, check your local firewall rules\n"],
])("refuses %s", (line, status, errors) => {
  const process = run(answering(MS), line);
  expect([process.status, process.errors, process.output]).toEqual([status, errors, ""]);
});

it("says so when there is no route, and ends with 2", () => {
  const os = node();
  os.routes = () => refused("ENETUNREACH");
  const process = run(os, "-c1 8.8.8.8");
  expect([process.errors, process.status]).toEqual(["ping: connect: Network is unreachable\n", 2]);
  expect([...os.udps, ...os.raws].every((s) => s.closed)).toBe(true);
});

it("runs until it is interrupted, then sums up", () => {
  const os = answering(MS);
  const process = run(os, "10.0.0.2", 10 * S - 1);
  expect(process.status).toBeUndefined();
  process.interrupt();
  expect(process.output).toContain("10 packets transmitted, 10 received, 0% packet loss, time 9000ms\n");
  expect(process.status).toBe(0);
  expect(os.raws[0]?.closed).toBe(true);
  os.advance(100 * S);
});

it("waits for the last answer: 10 s, -W, or twice the longest round trip", () => {
  const ends = (os: FakeOs, line: string): number => {
    const process = start(ping, os, line);
    for (let t = 0; process.status === undefined; t += 100 * MS) os.advance(t);
    return os.now();
  };
  expect(ends(answering(undefined), "-c 2 10.0.0.2")).toBe(11 * S);
  expect(ends(answering(undefined), "-c 2 -W 2.5 10.0.0.2")).toBe(3.5 * S);
  expect(ends(answering(800 * MS, undefined), "-c 2 10.0.0.2")).toBe(2.6 * S);
  expect(ends(answering(100 * MS, undefined), "-c 2 10.0.0.2")).toBe(2 * S);
  expect(ends(answering(undefined), "-w 3 -c 9 10.0.0.2")).toBe(3 * S);
});

it("keeps sending until the deadline, and fails when the count was not answered", () => {
  const process = run(answering(undefined, undefined, undefined, MS), "-w 5 -c 2 10.0.0.2");
  expect(process.output).toContain("5 packets transmitted, 2 received, 60% packet loss, time 4000ms");
  expect(process.status).toBe(0);
  expect(run(answering(MS, undefined), "-w 5 -c 2 10.0.0.2").status).toBe(1);
});

it("marks duplicates, other answerers, cut and changed data", () => {
  const os = node();
  os.onRaw = (payload, to) => {
    const reply = answer(payload);
    const changed = reply.slice();
    changed[8 + 20] = 0xaa;
    os.after(MS, () => os.deliver(reply, to, H1));
    os.after(2 * MS, () => os.deliver(reply, ip("10.0.0.3"), H1));
    os.after(3 * MS, () => os.deliver(reply.subarray(0, 40), to, H1));
    os.after(4 * MS, () => os.deliver(changed, to, H1));
    os.after(5 * MS, () => os.deliver(setId(reply.slice()), to, H1));
    return done;
  };
  const process = run(os, "-s 24 10.0.0.2", 900 * MS);
  process.interrupt();
  expect(process.output).toBe(`PING 10.0.0.2 (10.0.0.2) 24(52) bytes of data.
32 bytes from 10.0.0.2: icmp_seq=1 ttl=64 time=1.00 ms
32 bytes from 10.0.0.3: icmp_seq=1 ttl=64 time=2.00 ms (DUP!) (DIFFERENT ADDRESS!)
32 bytes from 10.0.0.2: icmp_seq=1 ttl=64 time=3.00 ms (DUP!)
32 bytes from 10.0.0.2: icmp_seq=1 ttl=64 time=4.00 ms (DUP!)
wrong data byte #20 should be 0x14 but was 0xaa
#16\t10 11 12 13 aa 15 16 17 

--- 10.0.0.2 ping statistics ---
1 packets transmitted, 1 received, +3 duplicates, 0% packet loss, time 0ms
rtt min/avg/max/mdev = 1.000/2.500/4.000/1.118 ms
`);
});

/** The reply of another ping on this node. */
function setId(reply: Uint8Array): Uint8Array {
  setU16(reply, 4, u16(reply, 4) ^ 1);
  return reply;
}

it("floods, preloads and adapts", () => {
  const flood = run(answering(100 * US), "-f -c 5 10.0.0.2");
  expect(flood.output.split("\n").slice(1)).toEqual([
    `${".\b \b".repeat(5)}`,
    "--- 10.0.0.2 ping statistics ---",
    "5 packets transmitted, 5 received, 0% packet loss, time 0ms",
    "rtt min/avg/max/mdev = 0.100/0.100/0.100/0.000 ms, ipg/ewma 0.100/0.100 ms",
    "",
  ]);
  const lost = run(answering(undefined), "-f -w 1 10.0.0.2"); // 100 a second while nothing is answered
  expect(lost.output).toContain("100 packets transmitted, 0 received, 100% packet loss, time 990ms");
  const preload = run(answering(5 * MS), "-l 3 -c 4 10.0.0.2");
  expect(preload.output).toContain("4 packets transmitted, 4 received, 0% packet loss, time 1000ms");
  expect(preload.output).toContain(", pipe 3\n");
  const adaptive = run(answering(30 * MS), "-A -c 3 10.0.0.2");
  expect(adaptive.output).toContain(
    "time 60ms\nrtt min/avg/max/mdev = 30.000/30.000/30.000/0.000 ms, ipg/ewma 30.000/30.000 ms\n",
  );
});

it("shows the recorded route, and says when it stayed the same", () => {
  const os = node();
  os.onRaw = (payload, to, socket) => {
    const reply = answer(payload);
    const options = (socket.options.options as Uint8Array).slice(1); // Linux leaves the NOP out of replies
    const echoed = new Uint8Array(40);
    echoed.set(options);
    echoed[2] = 12;
    setU32(echoed, 3, H1);
    setU32(echoed, 7, to);
    os.after(MS, () => os.deliver(reply, to, H1, 64, 1, echoed));
    return done;
  };
  const process = run(os, "-R -c 2 10.0.0.2");
  expect(process.output.split("--- ")[0]).toBe(`PING 10.0.0.2 (10.0.0.2) 56(124) bytes of data.
64 bytes from 10.0.0.2: icmp_seq=1 ttl=64 time=1.00 ms
RR: \t10.0.0.1
\t10.0.0.2

64 bytes from 10.0.0.2: icmp_seq=2 ttl=64 time=1.00 ms\t(same route)

`);
});

it("gives its socket what was asked for", () => {
  const os = answering(MS);
  run(os, "-c1 -I eth0 -t 5 -Q 0x10 -m 7 -M do 10.0.0.2");
  expect(os.raws[0]?.options).toEqual({
    ifname: "eth0",
    ttl: 5,
    multicastTtl: 5,
    tos: 16,
    mark: 7,
    pathMtuDiscovery: "do",
  });
  const wide = run(os, "-c1 -I eth0 -D -b 10.0.0.255", 70 * S);
  expect(wide.errors).toBe("WARNING: pinging broadcast address\n");
  expect(wide.output.split("\n").slice(0, 2)).toEqual([
    "PING 10.0.0.255 (10.0.0.255) from 10.0.0.1 eth0: 56(84) bytes of data.",
    "[60.001000] 64 bytes from 10.0.0.255: icmp_seq=1 ttl=64 time=1.00 ms",
  ]);
});

it("reports through the typed interface what the text says", () => {
  const results: PingResult[] = [];
  const os = answering(300 * US, undefined, 700 * US);
  startPing(os, { to: H2, count: 3 }, (r) => results.push(r));
  os.advance(60 * S);
  expect(results).toMatchObject([
    { transmitted: 3, received: 2, duplicates: 0, errors: 0, rttsNs: [300 * US, 700 * US], status: 0, source: H1 },
  ]);
  expect(results[0]?.lossPercent).toBeCloseTo(33.33, 1);
  os.routes = () => refused("EHOSTUNREACH");
  startPing(os, { to: H2 }, (r) => results.push(r));
  expect(results[1]).toMatchObject({ transmitted: 0, status: 2, refused: "connect: No route to host" });
});

it("survives an answer that comes while the request is being sent", () => {
  const os = node();
  os.onRaw = (payload, to) => {
    os.deliver(answer(payload), to, H1);
    return done;
  };
  const process = run(os, "-f -c 1000 10.0.0.2");
  expect(process.output).toContain("1000 packets transmitted, 1000 received, 0% packet loss, time 10ms");
});

it("rounds times as iputils does", () => {
  const shown = (us: number): string => formatRtt(us);
  expect([0, 7, 196, 999].map(shown)).toEqual(["0.000", "0.007", "0.196", "0.999"]);
  expect([1000, 1234, 1235, 9994].map(shown)).toEqual(["1.00", "1.23", "1.24", "9.99"]);
  expect([9995, 10_000, 12_345, 99_949].map(shown)).toEqual(["10.0", "10.0", "12.3", "99.9"]);
  expect([99_950, 123_456, 3_069_873].map(shown)).toEqual(["100", "123", "3070"]);
  expect([0, 100, 100 / 3, 200 / 3, 25, 1e-5].map(formatPercent)).toEqual([
    "0",
    "100",
    "33.3333",
    "66.6667",
    "25",
    "1e-05",
  ]);
});

it("never counts more answers than requests, whatever comes in", () =>
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(3000), fc.nat(3), fc.uint8Array({ maxLength: 60 })), { maxLength: 30 }),
      (events) => {
        const os = node();
        let last = new Uint8Array(64);
        os.onRaw = (payload) => {
          last = payload.slice();
          return done;
        };
        const results: PingResult[] = [];
        const run = startPing(os, { to: H2, count: 3 }, (r) => results.push(r));
        for (const [at, kind, bytes] of events) {
          os.at(at * MS, () => {
            const message = kind === 0 ? answer(last) : kind === 1 ? error(3, 1, 0, last, H2) : bytes;
            os.deliver(kind === 2 ? message.subarray(0, 12) : message, H2, H1);
          });
        }
        os.advance(3 * S);
        run.stop();
        expect(results).toHaveLength(1);
        const [r] = results as [PingResult];
        expect(r.received + r.errors).toBeLessThanOrEqual(Math.max(r.transmitted, 3));
        expect(r.received).toBeLessThanOrEqual(r.transmitted);
        expect(r.rttsNs).toHaveLength(r.received);
      },
    ),
    { numRuns: cases(300, 20_000) },
  ));
