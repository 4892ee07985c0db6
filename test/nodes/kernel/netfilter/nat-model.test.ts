import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatIp } from "../../../../src/core/addr.ts";
import { fold16, sum16 } from "../../../../src/core/checksum.ts";
import { MS, S } from "../../../../src/core/time.ts";
import type { Kernel } from "../../../../src/nodes/kernel/kernel.ts";
import { ICMP_ECHOREPLY } from "../../../../src/protocols/icmp/wire.ts";
import { validHeader } from "../../../../src/protocols/ipv4/wire.ts";
import { TCP_ACK, TCP_SYN } from "../../../../src/protocols/tcp/wire.ts";
import { allDrops, ip, type Seen, send } from "../../../harness/kernels.ts";
import { cases } from "../../../harness/shared.ts";
import {
  EXT,
  flows,
  type Heard,
  listen,
  masquerade,
  type NatLab,
  natLab,
  O1,
  O2,
  sendEcho,
  sendTcp,
  sendUdp,
} from "./nat-lab.ts";

/** What may happen: a host inside sends, of few ports, so that they collide; somebody answers or complains; time passes. */
type Step =
  | {
      readonly kind: "udp" | "tcp" | "echo" | "zero" | "long";
      readonly from: 0 | 1;
      readonly sport: number;
      readonly to: 0 | 1;
      readonly dport: number;
    }
  | { readonly kind: "answer" | "complain"; readonly at: 0 | 1; readonly which: number }
  | { readonly kind: "wait"; readonly seconds: number }
  | { readonly kind: "stray"; readonly from: 0 | 1; readonly port: number };

const end = fc.constantFrom(0 as const, 1 as const);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom("udp" as const, "tcp" as const, "echo" as const, "zero" as const, "long" as const),
      from: end,
      sport: fc.constantFrom(5000, 5001, 700),
      to: end,
      dport: fc.constantFrom(7000, 7001),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constantFrom("answer" as const, "complain" as const), at: end, which: fc.nat(9) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("wait" as const), seconds: fc.constantFrom(1, 3, 25, 130, 400) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("stray" as const), from: end, port: fc.constantFrom(5000, 5001, 700) }),
  },
);

/** A packet that arrived outside, and who sent it. */
interface Sent {
  readonly seen: Seen;
  readonly from: 0 | 1;
  readonly port: number;
  readonly at: number;
}

class Play {
  readonly l: NatLab;
  readonly inside: readonly [Kernel, Kernel];
  readonly outside: readonly [Kernel, Kernel];
  readonly insideHeard: readonly [Heard, Heard];
  readonly outsideHeard: readonly [Heard, Heard];
  /** What arrived at each host outside, the newest last. */
  readonly sent: [Sent[], Sent[]] = [[], []];

  constructor(rfc: boolean) {
    this.l = natLab([masquerade]);
    const { h1, h2, o1, o2, nf } = this.l;
    if (rfc) nf.nat.setMode({ filtering: "endpoint-independent", unsolicitedSyn: "drop" });
    this.inside = [h1, h2];
    this.outside = [o1, o2];
    this.insideHeard = [listen(h1), listen(h2)];
    this.outsideHeard = [listen(o1), listen(o2)];
  }

  do(s: Step): void {
    switch (s.kind) {
      case "wait":
        return this.l.lab.run(s.seconds * S);
      case "stray":
        sendUdp(this.outside[s.from], 9999, EXT, s.port);
        return this.l.lab.run(MS);
      case "answer":
      case "complain":
        return this.#back(s);
      default:
        return this.#out(s);
    }
  }

  #out(s: Extract<Step, { readonly sport: number }>): void {
    const from = this.inside[s.from];
    const to = [O1, O2][s.to] as string;
    const before = this.outsideHeard[s.to].packets().length;
    if (s.kind === "udp") sendUdp(from, s.sport, to, s.dport);
    else if (s.kind === "long") sendUdp(from, s.sport, to, s.dport, new Uint8Array(2900).fill(s.sport & 255));
    else if (s.kind === "tcp") sendTcp(from, s.sport, to, s.dport, { flags: TCP_SYN, seq: 1000 });
    else if (s.kind === "echo") sendEcho(from, to, s.sport);
    else {
      const b = new Uint8Array(12);
      new DataView(b.buffer).setUint32(0, (s.sport << 16) | s.dport);
      b[5] = 12; // length; a checksum of 0: there is none
      send(from, 17, to, b);
    }
    this.l.lab.run(MS);
    const seen = this.outsideHeard[s.to].packets()[before];
    if (seen === undefined) return;
    if (s.kind === "zero") expect(new DataView(seen.data.buffer, seen.data.byteOffset).getUint16(6)).toBe(0);
    expect(formatIp(seen.ip.src)).toBe(EXT);
    this.sent[s.to].push({ seen, from: s.from, port: s.sport, at: this.l.lab.sim.now });
  }

  /** What is answered at once comes back to who sent it, and to nobody else; what is quoted is the sender's own packet. */
  #back(s: Extract<Step, { readonly which: number }>): void {
    const all = this.sent[s.at];
    const about = all[all.length - 1 - (s.which % Math.max(1, all.length))];
    if (about === undefined) return;
    const host = this.outside[s.at];
    const { ip: header, data } = about.seen;
    const view = new DataView(data.buffer, data.byteOffset);
    const before = this.insideHeard.map((h) => h.packets().length);
    // A flow lives for 30 s at least, and until another one's sender closes it; older ones may be somebody else's by now.
    const fresh = this.l.lab.sim.now - about.at < 20 * S && all.indexOf(about) === all.length - 1;
    if (s.kind === "complain") complain(host, about.seen);
    else if (header.protocol === 17) sendUdp(host, view.getUint16(2), EXT, view.getUint16(0), "back");
    else if (header.protocol === 6)
      sendTcp(host, view.getUint16(2), EXT, view.getUint16(0), { flags: TCP_SYN | TCP_ACK, seq: 1, ack: 1001 });
    else sendEcho(host, EXT, view.getUint16(4), 1, ICMP_ECHOREPLY);
    this.l.lab.run(MS);
    const got = this.insideHeard.map((h, i) => h.packets().slice(before[i]));
    const mine = got[about.from] as Seen[];
    if (fresh) {
      expect(mine.length).toBe(1);
      expect(got[1 - about.from]).toEqual([]);
    }
    for (const seen of mine) {
      if (s.kind === "complain") checkQuoted(seen, seen.ip.dst);
      else if (fresh && header.protocol !== 1)
        expect(new DataView(seen.data.buffer, seen.data.byteOffset).getUint16(2)).toBe(about.port);
      else if (fresh) expect(seen.icmp?.rest === undefined ? -1 : seen.icmp.rest >>> 16).toBe(about.port);
    }
  }
}

function complain(host: Kernel, about: Seen): void {
  const quoted = about.bytes.subarray(0, 64);
  const b = new Uint8Array(8 + quoted.length);
  b[0] = 3;
  b[1] = 3;
  b.set(quoted, 8);
  new DataView(b.buffer).setUint16(2, ~fold16(sum16(b, 0, b.length)));
  send(host, 1, EXT, b);
}

/** An error quotes a packet of whom it is for, whose header is sound. */
function checkQuoted(error: Seen, to: number): void {
  const b = error.data.subarray(8);
  const view = new DataView(b.buffer, b.byteOffset);
  expect(fold16(sum16(b, 0, 20))).toBe(0xffff);
  expect(validHeader(error.bytes, 0, error.bytes.length)).toBe(0);
  expect(view.getUint32(12)).toBe(to);
}

/** Packets that the router dropped since there was no room for their flows, or another had their addresses and ports. */
function refused(l: NatLab): number {
  const drops = allDrops(l.r);
  const reasons = ["conntrack: table full", "conntrack: another flow has these addresses and ports"];
  return reasons.reduce((sum, reason) => sum + (drops[reason] ?? 0), 0);
}

/** No two flows look alike from outside; in the mode of the RFCs no two inside endpoints have one outside endpoint. */
function checkMappings(l: NatLab, rfc: boolean): void {
  const outside = new Map<string, string>();
  for (const f of flows(l.nf)) {
    if (f.reply.dst !== ip(EXT)) continue;
    const mine = `${f.protocol} ${f.reply.dport ?? f.reply.id}`;
    const owner = `${f.original.src} ${f.original.sport ?? f.original.id}`;
    const key = rfc ? mine : `${mine} ${f.reply.src} ${f.reply.sport ?? f.reply.type}`;
    if (!rfc) expect(outside.has(key)).toBe(false);
    expect(outside.get(key) ?? owner).toBe(owner);
    outside.set(key, owner);
  }
}

describe.each([
  ["Linux's mode", false],
  ["the RFCs' mode", true],
] as const)("%s, whatever happens", (_name, rfc) => {
  it("no two live mappings share an outside endpoint, answers come back to who sent, checksums are right", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const play = new Play(rfc);
        for (const s of steps) {
          play.do(s);
          checkMappings(play.l, rfc);
        }
        play.l.lab.end();
      }),
      { numRuns: cases(60, 5_000) },
    );
  });

  it("never tracks more than it may; what finds no room is dropped and counted", () => {
    const some = fc.record({
      from: end,
      sport: fc.integer({ min: 1024, max: 1100 }),
      answered: fc.boolean(),
      wait: fc.constantFrom(0, 3, 40),
    });
    fc.assert(
      fc.property(fc.array(some, { maxLength: 40 }), fc.integer({ min: 1, max: 8 }), (steps, max) => {
        const { l, inside, outside } = new Play(rfc);
        const { conntrack } = l.nf;
        conntrack.set("nf_conntrack_max", max);
        for (const { from, sport, answered, wait } of steps) {
          const [before, reached] = [conntrack.stats.drop, refused(l)];
          sendUdp(inside[from], sport, O1, 7000);
          l.lab.run(MS);
          expect(refused(l) - reached).toBe(conntrack.stats.drop - before);
          if (answered) {
            l.lab.run(3 * S);
            sendUdp(outside[0], 7000, EXT, sport);
            sendUdp(inside[from], sport, O1, 7000);
          }
          l.lab.run(wait * S + MS);
          expect(conntrack.table.count).toBeLessThanOrEqual(max);
          expect(flows(l.nf).length).toBeLessThanOrEqual(max);
        }
        l.lab.end();
      }),
      { numRuns: cases(60, 5_000) },
    );
  });
});

it("in the RFCs' mode, what somebody sends to the router by chance takes no endpoint away from the inside", () => {
  const { l, inside, outside, outsideHeard } = new Play(true);
  sendUdp(outside[0], 7000, EXT, 5000);
  l.lab.run(MS);
  sendUdp(inside[0], 5000, O1, 7000);
  l.lab.run(MS);
  expect(outsideHeard[0].texts(17)).toEqual([`${EXT}:5000 > ${O1}:7000`]);
});

it("a full table: entries without an answer make room, entries with one do not", () => {
  const { l, inside, outside } = new Play(false);
  const { conntrack } = l.nf;
  conntrack.set("nf_conntrack_max", 4);
  for (let i = 0; i < 8; i++) sendUdp(inside[0], 6000 + i, O1, 7000);
  l.lab.run(MS);
  expect(conntrack.table.count).toBe(4);
  // Some were driven out, some found no room, and then the collector made some.
  expect(conntrack.table.earlyDrops + conntrack.stats.drop).toBeGreaterThan(0);
  for (const f of flows(l.nf)) {
    l.lab.run(3 * S);
    sendUdp(outside[0], 7000, EXT, f.reply.dport ?? 0);
    l.lab.run(MS);
    sendUdp(inside[0], f.original.sport ?? 0, O1, 7000);
    l.lab.run(MS);
  }
  expect(flows(l.nf).filter((f) => f.assured).length).toBe(4);
  const before = conntrack.stats.drop;
  for (let i = 0; i < 5; i++) sendUdp(inside[1], 6100 + i, O1, 7000);
  l.lab.run(MS);
  expect(conntrack.stats.drop - before).toBe(5);
  expect(flows(l.nf).filter((f) => f.assured).length).toBe(4);
});
