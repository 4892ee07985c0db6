import { expect, it } from "vitest";
import { MS, type Nanos, S } from "../../../../src/core/time.ts";
import { allDrops, chain, hear, inject, ip, ipPacket, ping, route, type Seen, send } from "../../../harness/kernels.ts";

const SEQ = 20 + 6;
/** The sequence numbers of the pings that errors tell of. */
const told = (seen: readonly Seen[]): number[] => seen.map((s) => s.icmp?.body[SEQ + 1] as number);

/** Pings at a steady pace, and gives the numbers of those that were answered with an error. */
function errorsOf(to: string, count: number, pace: Nanos, ttl: number): number[] {
  const { lab, h1 } = chain();
  const heard = hear(h1);
  for (let seq = 1; seq <= count; seq++) {
    ping(h1, to, { seq, ttl });
    lab.run(pace);
  }
  lab.end();
  return told(heard.filter((s) => s.icmp?.type !== 0));
}

it("sends six errors at once to one destination, then one a second", () => {
  // Linux 6.18, same pings: 1 to 7, 11, 16, 21, 26, …
  expect(errorsOf("10.0.2.1", 31, 200 * MS, 1)).toEqual([1, 2, 3, 4, 5, 6, 7, 11, 16, 21, 26, 31]);
});

it("counts what has no route twice, so that a steady sender is told but at first", () => {
  expect(errorsOf("198.51.100.1", 60, 200 * MS, 64)).toEqual([1, 2]); // as measured on Linux 6.18
  expect(errorsOf("198.51.100.1", 15, S, 64)).toEqual([1, 2, 3, 4]); // likewise
});

it("never holds back what path MTU discovery needs", () => {
  const { lab, h1, r1 } = chain();
  const heard = hear(h1);
  route(r1, "10.0.2.1/32", "eth1");
  const dev = r1.device("eth1");
  if (dev !== undefined) dev.mtu = 1000;
  for (let i = 0; i < 50; i++)
    inject(r1, "eth0", ipPacket("10.0.1.1", "10.0.2.1", 17, new Uint8Array(1400), { word: 0x4000 }));
  lab.run(S);
  expect(heard.length).toBe(50);
  expect(heard[49]?.icmp).toMatchObject({ type: 3, code: 4, content: { mtu: 1000 } });
  lab.end();
});

it("limits the node as a whole to a burst of 50 and 1000 a second", () => {
  const { lab, r1 } = chain();
  route(r1, "172.16.0.0/12", "10.0.1.1");
  const counts: number[] = [];
  for (let ms = 0; ms < 2000; ms++) {
    for (let i = 0; i < 8; i++) {
      const from = `172.${16 + i}.${ms >> 8}.${ms & 255}`;
      inject(r1, "eth0", ipPacket(from, "10.0.2.1", 17, new Uint8Array(8), { ttl: 1 }));
    }
    if (ms % 1000 === 999 || ms === 9) counts.push(r1.icmp.stats.outMsgs);
    lab.run(MS);
  }
  const [burst, first, second] = counts as [number, number, number];
  expect(burst).toBeGreaterThan(30); // a message costs 0 to 2 credits
  expect(burst).toBeLessThan(80);
  expect(Math.abs(first - 1050)).toBeLessThan(150);
  expect(Math.abs(second - first - 1000)).toBeLessThan(150);
  expect(r1.icmp.stats.outRateLimitGlobal).toBe(16_000 - second);
  lab.end();
});

it("leaves the loopback device alone", () => {
  const { lab, h1 } = chain();
  const heard = hear(h1);
  for (let i = 0; i < 100; i++) send(h1, 253, "127.0.0.1", new Uint8Array(8));
  lab.run(S);
  expect(heard.length).toBe(100);
  expect(allDrops(h1)).toEqual({ "ip: no socket for this protocol": 100 });
  lab.end();
});

it("limits the types of the mask only, at the rate that is set", () => {
  const { lab, h1, r1 } = chain();
  const heard = hear(h1);
  r1.sysctl.icmp_ratemask = 1; // echo replies
  for (let i = 0; i < 20; i++) ping(h1, "10.0.2.1", { ttl: 1 });
  for (let i = 0; i < 20; i++) ping(h1, "10.0.1.254");
  lab.run(S);
  expect(heard.filter((s) => s.icmp?.type === 11).length).toBe(20);
  expect(heard.filter((s) => s.icmp?.type === 0).length).toBe(6);
  expect(r1.icmp.stats.outRateLimitHost).toBe(14);
  r1.sysctl.icmp_ratelimit = 0;
  for (let i = 0; i < 20; i++) ping(h1, "10.0.1.254");
  lab.run(S);
  expect(heard.filter((s) => s.icmp?.type === 0).length).toBe(26);
  expect(heard[0]?.ip.src).toBe(ip("10.0.1.254"));
  lab.end();
});
