import fc from "fast-check";
import { expect, it } from "vitest";
import { span } from "../../../src/protocols/tcp/sequence.ts";
import type { TcpSettings } from "../../../src/protocols/tcp/settings.ts";
import { CLOSED, TIME_WAIT } from "../../../src/protocols/tcp/state.ts";
import { cases } from "../../harness/shared.ts";
import { Drill, type Inject, PLAIN, SACK_ONLY, SYN_OPTIONS } from "./drill.ts";

/** Anything may come in, at any time, and the program may do anything: what holds nevertheless. */

/** What octet stands at sequence number `seq` of either stream, counted from the initial one. */
const octet = (seq: number): number => (seq - 1) & 0xff;
const octets = (seq: number, n: number): Uint8Array => Uint8Array.from({ length: n }, (_, i) => octet(seq + i));

interface SegmentStep {
  readonly kind: "segment";
  readonly flags: string;
  /** Distances: from RCV.NXT, from SND.UNA. */
  readonly seq: number;
  readonly ack: number;
  readonly bytes: number;
  readonly win: number;
  readonly sack: readonly (readonly [number, number])[];
  /** Far away. */
  readonly wild: boolean;
  readonly echo: number;
  readonly ecn: number;
}
type Step =
  | SegmentStep
  | { readonly kind: "write" | "advance"; readonly n: number }
  | { readonly kind: (typeof CALLS)[number] }
  | { readonly kind: "react"; readonly step: Step };

const CALLS = ["read", "pause", "shutdown", "close", "abort", "refuse", "accept", "mtu", "unreachable"] as const;

const flags = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom("A", "PA") },
  { weight: 2, arbitrary: fc.constantFrom("FA", "AE", "AC", "UA", "FPA") },
  { weight: 1, arbitrary: fc.constantFrom("", "S", "SA", "R", "RA", "F", "SF", "FSRPAUEC", "SR", "P") },
);
const near = fc.oneof(
  fc.constant(0),
  fc.integer({ min: -3000, max: 6000 }),
  fc.integer({ min: -100_000, max: 100_000 }),
);
const edge = fc.oneof(fc.nat(20_000), fc.integer({ min: -3000, max: 60_000 }));
const segment: fc.Arbitrary<SegmentStep> = fc.record({
  kind: fc.constant("segment" as const),
  flags,
  seq: near,
  ack: fc.oneof(fc.nat(1448), fc.integer({ min: -3000, max: 30_000 })),
  bytes: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 1448 })),
  win: fc.oneof(fc.constant(512), fc.constant(0), fc.nat(0xffff)),
  sack: fc.array(fc.tuple(edge, edge), { maxLength: 4 }),
  wild: fc.integer({ min: 0, max: 19 }).map((n) => n === 0),
  echo: fc.oneof(fc.constant(0), fc.integer({ min: -100, max: 100 })),
  ecn: fc.constantFrom(0, 0, 1, 2, 3),
});
const call = (...kinds: (typeof CALLS)[number][]): fc.Arbitrary<Step> => fc.record({ kind: fc.constantFrom(...kinds) });
const write: fc.Arbitrary<Step> = fc.record({
  kind: fc.constant("write" as const),
  n: fc.integer({ min: 1, max: 20_000 }),
});
const advance: fc.Arbitrary<Step> = fc.record({
  kind: fc.constant("advance" as const),
  n: fc.oneof(fc.nat(50), fc.nat(3000), fc.nat(200_000)),
});
const react: fc.Arbitrary<Step> = fc.record({
  kind: fc.constant("react" as const),
  step: fc.oneof(write, call("read", "pause", "shutdown", "close", "abort")),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 10, arbitrary: segment },
  { weight: 4, arbitrary: write },
  { weight: 4, arbitrary: advance },
  { weight: 3, arbitrary: call("read", "pause", "refuse", "accept", "mtu", "unreachable") },
  { weight: 1, arbitrary: call("shutdown", "close", "abort") },
  { weight: 1, arbitrary: react },
);

const settings: fc.Arbitrary<Partial<TcpSettings>> = fc.record(
  {
    tcp_sack: fc.constantFrom(0, 1),
    tcp_recovery: fc.constantFrom(0, 1, 3),
    tcp_frto: fc.constantFrom(0, 2),
    tcp_early_retrans: fc.constantFrom(0, 3),
    tcp_ecn: fc.constantFrom(1, 2),
    tcp_mtu_probing: fc.constantFrom(0, 1, 2),
    tcp_rmem: fc.constantFrom<[number, number, number]>([4096, 5000, 10_000], [4096, 131_072, 6_291_456]),
  },
  { requiredKeys: [] },
);
/** Sequence numbers begin near the end of 32 bits, of 31, or anywhere. */
const initial = fc.oneof(
  fc.integer({ min: -30_000, max: 100 }),
  fc.integer({ min: -30_000, max: 100 }).map((n) => (0x7fffffff + n) | 0),
  fc.integer(),
);

it("whatever comes, octets stand in their places, counters count, and memory is bounded", () => {
  fc.assert(
    fc.property(
      settings,
      initial,
      initial,
      fc.constantFrom(SYN_OPTIONS, PLAIN, SACK_ONLY),
      fc.boolean(),
      fc.array(step, { maxLength: 60 }),
      (chosen, iss, irs, options, passive, steps) => {
        const d = new Drill(chosen, { iss, irs });
        if (passive) {
          d.listen(options);
          d.inject({ seq: 1, ack: 1 });
        } else d.open(options);
        for (const s of steps) {
          play(d, s);
          d.check();
          judge(d);
        }
        d.refusing = false;
        // In the end nobody answers any more: it gives up, and gives everything back.
        if (d.c.state !== CLOSED && d.c.state !== TIME_WAIT) d.c.abort(d.now);
        d.c.close(d.now);
        expect(d.pool.dead).toBe(d.pool.born);
      },
    ),
    { numRuns: cases(400, 100_000) },
  );
}, 600_000);

function play(d: Drill, s: Step): void {
  const { c } = d;
  if ((s.kind === "segment" || s.kind === "unreachable") && (c.state === CLOSED || c.state === TIME_WAIT)) return;
  switch (s.kind) {
    case "segment":
      d.inject(segmentOf(d, s));
      return;
    case "write":
      d.write(s.n);
      return;
    case "advance":
      d.advance(s.n);
      return;
    case "read":
      d.read();
      return;
    case "pause":
      return c.setReading(d.now, false);
    case "shutdown":
      return c.shutdown(d.now);
    case "close":
      return c.close(d.now);
    case "abort":
      return c.abort(d.now);
    case "refuse":
      d.refusing = true;
      return;
    case "accept":
      d.refusing = false;
      return;
    case "react":
      d.reaction = () => play(d, s.step);
      return;
    case "mtu":
      d.mtu = Math.max(300, d.mtu - 100);
      return c.mtuReduced(d.now);
    case "unreachable":
      return c.icmpError(d.now, "EHOSTUNREACH", c.snd.una, true);
  }
}

function segmentOf(d: Drill, s: SegmentStep): Inject {
  const { snd, rcv } = d.c;
  const seq = (span(d.irs, rcv.nxt) + s.seq * (s.wild ? 20_000 : 1)) | 0;
  const una = span(d.iss, snd.una);
  return {
    flags: s.flags,
    seq,
    ack: una + (s.wild ? s.ack * 70_000 : s.ack),
    win: s.win,
    data: octets(seq, s.bytes),
    ecn: s.ecn,
    ...(s.sack.length > 0 && d.c.sackOk
      ? { sack: s.sack.slice(0, 3).map(([l, r]) => [una + l, una + r] as const) }
      : {}),
    ...(s.echo === 0 ? {} : { echo: Math.floor(d.now / 1e6) + s.echo }),
  };
}

/** What went out and what the program got is what stands there; nothing is kept without bounds. */
function judge(d: Drill): void {
  const { c } = d;
  expect(d.received.findIndex((b, i) => b !== octet(i + 1))).toBe(-1);
  for (const { seq, data } of d.takeSegments()) {
    expect(data.findIndex((b, i) => b !== octet(seq + i))).toBe(-1);
    expect(span(seq, span(d.iss, c.snd.nxt))).toBeGreaterThanOrEqual(data.length);
  }
  // Linux lets one segment more in than the buffer holds.
  expect(c.rcv.memory).toBeLessThanOrEqual(Math.max(c.rcv.buffer, c.settings.tcp_rmem[2]) + 2304);
  expect(c.rcv.reassembly.size).toBeLessThanOrEqual(c.settings.tcp_rmem[2] / 768 + 1);
  if (c.state !== CLOSED) return;
  expect([c.snd.queue.bytes, c.rcv.reassembly.size, c.deadline]).toEqual([0, 0, Number.POSITIVE_INFINITY]);
}
