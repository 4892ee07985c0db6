import { expect, it } from "vitest";
import { traceroute } from "../../../src/console/programs/traceroute.ts";
import { adoptFinal, newProbe, type Probe, timeoutOf } from "../../../src/console/traceroute/probe.ts";
import { parseIp } from "../../../src/core/addr.ts";
import { setU32 } from "../../../src/core/bytes.ts";
import { done, refused } from "../../../src/core/errno.ts";
import type { SocketError } from "../../../src/core/os.ts";
import { MS, S, US } from "../../../src/core/time.ts";
import { seal } from "../../../src/protocols/icmp/wire.ts";
import { FakeOs, type FakeProcess, type FakeUdp, start } from "../../harness/fake-os.ts";

const ip = (text: string): number => parseIp(text) as number;
const [H1, DST] = [ip("10.0.1.2"), ip("10.0.3.2")];
const ROUTERS = [ip("10.0.1.1"), ip("10.0.2.2")];

const icmpError = (socket: FakeUdp, type: number, code: number, from: number, mtuBytes = 0, ttl = 64): SocketError => ({
  errno: "EHOSTUNREACH",
  icmpType: type,
  icmpCode: code,
  offender: from,
  mtuBytes,
  destination: socket.remoteAddress,
  destinationPort: socket.remotePort,
  sourcePort: socket.localPort,
  ttl,
});

/** What became of the probe with this TTL: an ICMP error after a millisecond a hop, or nothing. */
type Fate = readonly [type: number, code: number, from: number, mtuBytes?: number] | undefined;

/** A node two routers away from the destination, unless `fate` says otherwise. */
function node(fate: (ttl: number, bytes: number) => Fate = twoRouters): FakeOs {
  const os = new FakeOs().device("eth0", H1, 1);
  os.onUdp = (payload, socket) => {
    const ttl = socket.options.ttl as number;
    const what = fate(ttl, payload.length + 28);
    if (what === undefined) return done;
    const [type, code, from, mtu] = what;
    os.after(Math.min(ttl, 3) * MS, () => {
      if (!socket.closed) socket.failed(icmpError(socket, type, code, from, mtu, 65 - Math.min(ttl, 3)));
    });
    return done;
  };
  return os;
}

function twoRouters(ttl: number): Fate {
  const router = ROUTERS[ttl - 1];
  return router === undefined ? [3, 3, DST] : [11, 0, router];
}

function run(os: FakeOs, line: string, until = 600 * S): FakeProcess {
  const process = start(traceroute, os, line);
  os.advance(until);
  return process;
}

it("prints what traceroute prints", () => {
  const os = node();
  const process = run(os, "-n 10.0.3.2");
  expect(process.output).toBe(`traceroute to 10.0.3.2 (10.0.3.2), 30 hops max, 60 byte packets
 1  10.0.1.1  1.000 ms  1.000 ms  1.000 ms
 2  10.0.2.2  2.000 ms  2.000 ms  2.000 ms
 3  10.0.3.2  3.000 ms  3.000 ms  3.000 ms
`);
  expect(process.status).toBe(0);
  expect(os.udps.every((s) => s.closed)).toBe(true);
  expect(os.udps.slice(0, 4).map((s) => s.remotePort)).toEqual([33434, 33435, 33436, 33437]);
  expect(os.udps).toHaveLength(16 + 3 + 3); // each answer lets one more go, until the last hop is known
  expect(run(node(), "10.0.3.2 -q 1").output).toContain("\n 1  10.0.1.1 (10.0.1.1)  1.000 ms\n 2  10.0.2.2 (10.0.2.2)");
});

it("prints who answers when a hop has several routers, and stars for silence", () => {
  let n = 0;
  const fates: Fate[] = [[11, 0, ROUTERS[0]!], undefined, [11, 0, ip("10.0.1.9")]];
  const os = node((ttl) => (ttl === 1 ? fates[n++ % 3] : ttl === 2 ? undefined : [3, 3, DST]));
  expect(run(os, "-n 10.0.3.2").output).toBe(`traceroute to 10.0.3.2 (10.0.3.2), 30 hops max, 60 byte packets
 1  10.0.1.1  1.000 ms * 10.0.1.9  1.000 ms
 2  * * *
 3  10.0.3.2  3.000 ms  3.000 ms  3.000 ms
`);
});

it.each([
  [3, 0, "!N"],
  [3, 1, "!H"],
  [3, 2, "!P"],
  [3, 13, "!X"],
  [3, 14, "!V"],
  [3, 15, "!C"],
  [3, 5, "!S"],
  [3, 99, "!<99>"],
  [11, 1, "!<11-1>"],
])("prints ICMP error %i/%i as %s and goes no further", (type, code, note) => {
  const process = run(
    node((ttl) => (ttl === 1 ? [11, 0, ROUTERS[0]!] : [type, code, ROUTERS[1]!])),
    "-n -q1 10.0.3.2",
  );
  expect(process.output.split("\n").slice(1)).toEqual([" 1  10.0.1.1  1.000 ms", ` 2  10.0.2.2  2.000 ms ${note}`, ""]);
});

it("tells the MTU of a hop with -F, and finds the path's with --mtu", () => {
  const narrow = (ttl: number, bytes: number): Fate =>
    ttl > 1 && bytes > 1400 ? [3, 4, ROUTERS[0]!, 1400] : twoRouters(ttl);
  expect(run(node(narrow), "-n -F 10.0.3.2 1450").output).toBe(
    `traceroute to 10.0.3.2 (10.0.3.2), 30 hops max, 1450 byte packets
 1  10.0.1.1  1.000 ms  1.000 ms  1.000 ms
 2  10.0.1.1  2.000 ms !F-1400  2.000 ms !F-1400  2.000 ms !F-1400
`,
  );
  const os = node(narrow);
  const { onUdp } = os;
  os.onUdp = (payload, socket) => {
    if (payload.length + 28 <= 1500) return onUdp(payload, socket);
    socket.failed({ ...icmpError(socket, 0, 0, 0, 1500), errno: "EMSGSIZE" });
    return refused("EMSGSIZE");
  };
  expect(run(os, "-n --mtu 10.0.3.2").output).toBe(`traceroute to 10.0.3.2 (10.0.3.2), 30 hops max, 65000 byte packets
 1  10.0.1.1  1.000 ms F=1500  1.000 ms  1.000 ms
 2  10.0.2.2  2.000 ms F=1400  2.000 ms  2.000 ms
 3  10.0.3.2  3.000 ms  3.000 ms  3.000 ms
`);
  expect(run(os, "-n -F 10.0.3.2 2000").output).toContain("\n 1  *  0.000 ms !F-1500 *  0.000 ms !F-1500 *");
});

it("sends echo requests with -I", () => {
  const os = new FakeOs().device("eth0", H1, 1);
  const sent: { readonly ttl: number; readonly message: Uint8Array }[] = [];
  os.rawSocket = (protocol) => {
    const socket = FakeOs.prototype.rawSocket.call(os, protocol);
    socket.sendTo = (payload: Uint8Array, to: number, options?: { ttl?: number }) => {
      const ttl = options?.ttl as number;
      const message = payload.slice();
      sent.push({ ttl, message });
      const router = ROUTERS[ttl - 1];
      const reply = router === undefined ? echoReply(message) : timeExceeded(message, to);
      os.after(ttl * MS, () => os.deliver(reply, router ?? to, H1));
      return done;
    };
    return socket;
  };
  expect(
    run(os, "-I -n -q 2 10.0.3.2 100").output,
  ).toBe(`traceroute to 10.0.3.2 (10.0.3.2), 30 hops max, 100 byte packets
 1  10.0.1.1  1.000 ms  1.000 ms
 2  10.0.2.2  2.000 ms  2.000 ms
 3  10.0.3.2  3.000 ms  3.000 ms
`);
  expect(sent[0]?.message).toHaveLength(80);
  expect([...(sent[0]?.message.subarray(8, 12) ?? [])]).toEqual([0x48, 0x49, 0x4a, 0x4b]);
});

function echoReply(request: Uint8Array): Uint8Array {
  const reply = request.slice();
  reply[0] = 0;
  seal(reply, 0, reply.length);
  return reply;
}
function timeExceeded(request: Uint8Array, to: number): Uint8Array {
  const message = new Uint8Array(36);
  message[0] = 11;
  message[8] = 0x45;
  setU32(message, 24, to);
  message.set(request.subarray(0, 8), 28);
  return message;
}

it("spaces, limits and places its probes as told", () => {
  const ends = (line: string, os = node(() => undefined)): number => {
    const process = start(traceroute, os, line);
    for (let t = 0; process.status === undefined; t += 10 * MS) os.advance(t);
    return os.now();
  };
  expect(ends("-n -m 2 10.0.3.2")).toBe(5 * S); // all six wait together
  expect(ends("-n -m 2 -w 1.5 10.0.3.2")).toBe(1.5 * S);
  expect(ends("-n -m 2 -N 1 -w 1 10.0.3.2")).toBe(6 * S);
  expect(ends("-n -m 2 -q 1 --sport=5000 -w 1 10.0.3.2")).toBe(2 * S);
  expect(ends("-n -m 1 -z 0.5 -w 1 10.0.3.2")).toBe(2 * S);
  const os = node();
  expect(run(os, "-n -f 2 -q 1 -U -t 16 --fwmark 9 10.0.3.2").output).toBe(
    "traceroute to 10.0.3.2 (10.0.3.2), 30 hops max, 60 byte packets\n 2  10.0.2.2  2.000 ms\n 3  10.0.3.2  3.000 ms\n",
  );
  expect(os.udps[0]).toMatchObject({ remotePort: 53, options: { ttl: 2, tos: 16, mark: 9, pathMtuDiscovery: "dont" } });
});

it("shows how long the way back is with --back", () => {
  const os = node();
  const { onUdp } = os;
  os.onUdp = (payload, socket) => {
    if ((socket.options.ttl as number) < 3) return onUdp(payload, socket);
    os.after(MS, () => socket.closed || socket.failed(icmpError(socket, 3, 3, DST, 0, 60)));
    return done;
  };
  expect(run(os, "-n -q 1 --back 10.0.3.2").output).toContain("\n 3  10.0.3.2 '-5'  1.000 ms\n");
});

it.each([
  ["", 'Specify "host" missing argument.'],
  ["-x 10.0.3.2", "Bad option `-x' (argc 1)"],
  ["-n --foo 10.0.3.2", "Bad option `--foo' (argc 2)"],
  ["-q", "Option `-q' (argc 1) requires an argument: `-q nqueries'"],
  ["-q 11 10.0.3.2", "no more than 10 probes per hop"],
  ["-m 300 10.0.3.2", "max hops cannot be more than 255"],
  ["-f 31 10.0.3.2", "first hop out of range"],
  ["-w x 10.0.3.2", "Cannot handle `-w' option with arg `x'"],
  ["-w 1,2,3,4 10.0.3.2", "Cannot handle `-w' option with arg `1,2,3,4'"],
  ["10.0.3.2 10 20", "Extra arg `20' (position 3, argc 3)"],
  ["10.0.3.2 70000", "too big packetlen 70000 specified"],
  ["-T 10.0.3.2", "traceroute: option -T is not built"],
  ["--dccp 10.0.3.2", "traceroute: option --dccp is not built"],
  ["h9", "h9: Name or service not known"],
])("refuses %s", (line, why) => {
  expect(run(node(), line)).toMatchObject({ errors: `${why}\n`, output: "", status: 2 });
});

it("says which call failed", () => {
  const header = "traceroute to 10.0.3.2 (10.0.3.2), 30 hops max, 60 byte packets";
  const os = node();
  os.routes = () => refused("ENETUNREACH");
  expect(run(os, "10.0.3.2")).toMatchObject({
    output: header,
    errors: "\nconnect: Network is unreachable\n",
    status: 1,
  });
  expect(run(node(), "-i eth9 10.0.3.2").errors).toBe("\nsetsockopt SO_BINDTODEVICE: No such device\n");
  expect(run(node(), "-s 9.9.9.9 10.0.3.2").errors).toBe("\nbind: Cannot assign requested address\n");
  expect(run(node(), "-I -s 9.9.9.9 10.0.3.2").errors).toBe("\nbind: Cannot assign requested address\n");
  const process = run(
    node(() => undefined),
    "10.0.3.2",
    S,
  );
  process.interrupt();
  expect(process.status).toBe(130);
});

it("waits for a probe as long as its neighbours make plausible", () => {
  const answered = (took: number): Probe => ({ ...newProbe(), sentAt: 0, receivedAt: took, done: true });
  const silent: Probe = { ...newProbe(), sentAt: 0 };
  const wait = { maxNs: 5 * S, here: 3, near: 10 };
  expect(timeoutOf([answered(4 * MS), silent], 1, 3, wait)).toBe(15 * MS);
  expect(timeoutOf([silent, silent, silent, answered(4 * MS)], 0, 3, wait)).toBe(50 * MS);
  expect(timeoutOf([silent, silent], 0, 3, wait)).toBe(5 * S);
  expect(timeoutOf([answered(3 * S), silent], 1, 3, wait)).toBe(5 * S);
  expect(timeoutOf([answered(4 * MS), silent], 1, 3, { ...wait, here: 0, near: 0 })).toBe(5 * S);
});

it("moves a late final answer to the hop that it belongs to", () => {
  const silent = (): Probe => ({ ...newProbe(), sentAt: 0, done: true });
  const waiting = (): Probe => ({ ...newProbe(), sentAt: 0 });
  const hop = (from: number, ttl: number): Probe => ({ ...silent(), from, ttl, receivedAt: US });
  const final = (ttl: number, note = "!H"): Probe => ({ ...hop(DST, ttl), final: true, note });
  const moved = (probes: Probe[], n: number): boolean => {
    const answer = probes.at(-1) as Probe;
    adoptFinal(probes, n, 1);
    return probes[n] === answer;
  };
  expect(moved([hop(ROUTERS[0]!, 64), silent(), waiting(), final(63)], 1)).toBe(true);
  expect(moved([hop(ROUTERS[0]!, 64), silent(), waiting(), final(61)], 1)).toBe(false); // two hops further
  expect(moved([hop(ROUTERS[0]!, 64), silent(), final(63, "")], 1)).toBe(false); // an answer without a complaint
  expect(moved([hop(DST, 0), silent(), waiting(), final(0)], 1)).toBe(true); // the one who answered before
  expect(moved([silent(), hop(ROUTERS[1]!, 63), final(62)], 0)).toBe(false); // a later hop did answer
});
