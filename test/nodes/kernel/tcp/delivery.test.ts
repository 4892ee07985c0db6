import fc from "fast-check";
import { expect, it } from "vitest";
import type { TcpOptions } from "../../../../src/core/tcp-socket.ts";
import { MS, S } from "../../../../src/core/time.ts";
import type { LineQuality } from "../../../../src/nodes/link.ts";
import { initialSequence, portWord } from "../../../../src/protocols/tcp/isn.ts";
import type { TcpSettings } from "../../../../src/protocols/tcp/settings.ts";
import { cases } from "../../../harness/shared.ts";
import { A, B, connect, type Pair, pair, patientArp, pattern } from "./hosts.ts";

/** The client's port: what sequence numbers begin with depends on it. */
const PORT = 40_000;

const share = (most: number): fc.Arbitrary<number> => fc.integer({ min: 0, max: 100 }).map((n) => (n * most) / 100);

const quality: fc.Arbitrary<Partial<LineQuality>> = fc.record({
  rateBps: fc.constantFrom(0, 1_000_000, 10_000_000, 100_000_000),
  delayNs: fc.constantFrom(0, 100_000, 5 * MS, 50 * MS),
  jitterNs: fc.constantFrom(0, 0, 3 * MS),
  loss: share(0.15),
  duplicate: share(0.15),
  corrupt: share(0.05),
  reorder: share(0.2),
  queueFrames: fc.constantFrom(3, 20, 1000),
});

const settings: fc.Arbitrary<Partial<TcpSettings>> = fc.record(
  {
    tcp_sack: fc.constantFrom(0, 1),
    tcp_dsack: fc.constantFrom(0, 1),
    tcp_timestamps: fc.constantFrom(0, 1),
    tcp_window_scaling: fc.constantFrom(0, 1),
    tcp_recovery: fc.constantFrom(0, 1),
    tcp_frto: fc.constantFrom(0, 2),
    tcp_early_retrans: fc.constantFrom(0, 3),
    tcp_ecn: fc.constantFrom(1, 2),
    tcp_mtu_probing: fc.constantFrom(0, 1, 2),
    tcp_congestion_control: fc.constantFrom("cubic", "reno"),
  },
  { requiredKeys: [] },
);

const options: fc.Arbitrary<TcpOptions> = fc.record(
  {
    noDelay: fc.boolean(),
    rcvbuf: fc.constantFrom(2304, 5000, 40_000),
    sndbuf: fc.constantFrom(4608, 20_000),
    maxSegment: fc.constantFrom(100, 536, 1000),
    maxSynRetries: fc.constant(1000),
    rtoMaxMs: fc.constantFrom(20_000, 60_000),
  },
  { requiredKeys: ["maxSynRetries", "rtoMaxMs"] },
);

interface Plan {
  readonly seed: number;
  readonly quality: Partial<LineQuality>;
  readonly settings: readonly [Partial<TcpSettings>, Partial<TcpSettings>];
  readonly options: readonly [TcpOptions, TcpOptions];
  readonly up: number;
  readonly down: number;
  /** The sequence numbers of the client, or the server, begin so far below 2^32 or 2^31; undefined: anywhere. */
  readonly wrap: readonly ["a" | "b", 0 | 0x80000000, number] | undefined;
  /** The server answers only when it has read everything: half close. */
  readonly halfClose: boolean;
  /** The server stops reading now and then. */
  readonly pauses: boolean;
}

const plan: fc.Arbitrary<Plan> = fc.record({
  seed: fc.nat(0xffff),
  quality,
  settings: fc.tuple(settings, settings),
  options: fc.tuple(options, options),
  up: fc.oneof(fc.nat(30), fc.nat(150_000)),
  down: fc.oneof(fc.nat(30), fc.nat(150_000)),
  wrap: fc.option(
    fc.tuple(
      fc.constantFrom("a" as const, "b" as const),
      fc.constantFrom(0 as const, 0x80000000 as const),
      fc.nat(90_000),
    ),
    { nil: undefined },
  ),
  halfClose: fc.boolean(),
  pauses: fc.boolean(),
});

it("delivers exactly the bytes sent, whatever the cable does to frames", () => {
  fc.assert(fc.property(plan, play), { numRuns: cases(60, 10_000) });
}, 900_000);

function play(plan: Plan): void {
  const net = pair(plan.seed, plan.quality);
  Object.assign(net.a.sysctl, plan.settings[0], { tcp_retries2: 1000 });
  Object.assign(net.b.sysctl, plan.settings[1], { tcp_retries2: 1000, tcp_synack_retries: 100 });
  patientArp(net);
  if (plan.wrap !== undefined) waitForSequence(net, ...plan.wrap);
  const [up, down] = [pattern(plan.up, 1), pattern(plan.down, 2)];
  const { client, server } = connect(net, plan.options[0], plan.options[1], PORT);
  const { sim } = net;
  const until = (limit: number, met: () => boolean): void => {
    for (const end = sim.now + limit; sim.now < end && !met(); ) sim.advance(sim.now + 100 * MS);
  };
  until(3600 * S, () => client.connected);
  expect(client.failed).toBe(null);
  client.send(up, () => client.socket.shutdown());
  until(3600 * S, () => server.accepted);
  const peer = server.end();
  const answer = (): void => peer.send(down, () => peer.socket.shutdown());
  if (plan.pauses) peer.socket.pause();
  if (!plan.halfClose) answer();
  for (let i = 0; plan.pauses && i < 8; i++) {
    sim.advance(sim.now + 1 * S);
    if (i % 2 === 0) peer.socket.resume();
    else peer.socket.pause();
  }
  peer.socket.resume();
  until(200_000 * S, () => peer.ended);
  if (plan.halfClose) answer();
  until(200_000 * S, () => client.ended && client.socket.state !== "FIN-WAIT-1");
  expect([peer.failed, client.failed]).toEqual([null, null]);
  expect([peer.ended, client.ended]).toEqual([true, true]);
  expect(Buffer.compare(peer.bytes, up)).toBe(0);
  expect(Buffer.compare(client.bytes, down)).toBe(0);
  client.socket.close();
  peer.socket.close();
  sim.advance(sim.now + 2000 * S);
  expect([[...net.a.tcp.connections()].length, [...net.b.tcp.connections()].length]).toEqual([0, 0]);
  expect(sim.pool.dead).toBe(sim.pool.born);
}

/** Waits until the next connection's initial sequence number on a host is about `below` below `at`, by the clock of RFC 6528. */
function waitForSequence({ sim, a, b }: Pair, host: "a" | "b", at: number, below: number): void {
  const ports = portWord(PORT, 80);
  const now =
    host === "a"
      ? initialSequence(a.tcp.secret, sim.now, A, B, ports)
      : initialSequence(b.tcp.secret, sim.now, B, A, portWord(80, PORT));
  sim.advance(sim.now + ((at - below - now) >>> 0) * 64);
}
