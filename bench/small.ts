import { Bench } from "tinybench";
import { fold16, sum16, sumView } from "../src/core/checksum.ts";
import { Fingerprint } from "../src/core/fingerprint.ts";
import { PacketPool } from "../src/core/packet.ts";
import { EventQueue, type Handler } from "../src/core/queue.ts";
import { Fib } from "../src/nodes/kernel/fib/fib.ts";
import { FibResult } from "../src/nodes/kernel/fib/search.ts";
import { decrementTtl, validHeader, writeHeader } from "../src/protocols/ipv4/wire.ts";

/** The small things that a packet-hop is made of, in nanoseconds each. */
export async function benchSmall(): Promise<Readonly<Record<string, number>>> {
  const bench = new Bench({ time: 300, warmupTime: 100 });
  addQueue(bench, 16);
  addQueue(bench, 4096);
  addPacket(bench);
  addRoutes(bench, 100_000);
  await bench.run();
  const results: Record<string, number> = {};
  for (const task of bench.tasks) {
    const { result } = task;
    if (result.state === "completed") results[task.name] = Math.round((result.latency.p50 * 1e6 * 10) / BATCH) / 10;
  }
  return results;
}

/** Operations in one timed call: the clock is too coarse for one. */
const BATCH = 1000;

function addQueue(bench: Bench, pending: number): void {
  const queue = new EventQueue();
  const handler: Handler = { label: "bench", fire: () => {} };
  let sequence = 0;
  let x = 1;
  const step = (): number => (x = (x * 16_807) % 2_147_483_647);
  for (let i = 0; i < pending; i++) queue.push(step(), sequence++, handler);
  let now = 0;
  bench.add(`queue: take and push, ${pending} pending`, () => {
    for (let i = 0; i < BATCH; i++) {
      now = queue.nextAt();
      queue.take();
      queue.push(now + (step() % 100_000), sequence++, handler);
    }
  });
}

function addPacket(bench: Bench): void {
  const pool = new PacketPool();
  const p = pool.alloc(1042);
  writeHeader(p.buf, p.start + 14, 0, 1028, 1, 0, 64, 17, 0x0a000001, 0x0a000002);
  p.cacheSum(p.start + 42);
  const fingerprint = new Fingerprint();
  let sink = 0;
  const repeat = (name: string, f: () => void): void => {
    bench.add(name, () => {
      for (let i = 0; i < BATCH; i++) f();
    });
  };
  repeat("packet: alloc and release", () => pool.release(pool.alloc(1000)));
  repeat("checksum: 1,000 bytes", () => {
    sink += sumView(p.view, p.start + 42, p.end);
  });
  repeat("checksum: a header", () => {
    sink += fold16(sum16(p.buf, p.start + 14, p.start + 34));
  });
  repeat("ipv4: check a header, decrement the TTL", () => {
    sink += validHeader(p.buf, p.start + 14, p.end);
    if (decrementTtl(p.buf, p.start + 14) < 2)
      writeHeader(p.buf, p.start + 14, 0, 1028, 1, 0, 64, 17, 0x0a000001, 0x0a000002);
  });
  repeat("fingerprint: one frame", () => fingerprint.record(++sink % 1e9, 1, p));
}

function addRoutes(bench: Bench, routes: number): void {
  const fib = new Fib({ device: () => ({ name: "eth0", up: true, carrier: true }) });
  let x = 1;
  const step = (): number => (x = (x * 16_807) % 2_147_483_647);
  for (let i = 0; i < routes; i++)
    fib.addRoute(
      {
        dst: (0x01000000 + (step() % 0xd0000000) - (step() % 256)) & 0xffffff00,
        length: 24,
        nexthops: [{ ifindex: 2 }],
      },
      "append",
    );
  const out = new FibResult();
  const flow = { dst: 0, src: 0, tos: 0, mark: 0, iif: 1, oif: 0 };
  bench.add(`fib: look-up among ${routes} routes`, () => {
    for (let i = 0; i < BATCH; i++) {
      flow.dst = (0x01000000 + (step() % 0xd0000000)) >>> 0;
      fib.lookup(flow, out);
    }
  });
}
