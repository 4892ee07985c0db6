import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { S } from "../../../src/core/time.ts";
import { Policy } from "../../../src/frr/policy.ts";
import { AS_SEQUENCE, makePath } from "../../../src/protocols/bgp/as-path.ts";
import { type AttributeFields, makeAttributes, PLAIN } from "../../../src/protocols/bgp/attributes.ts";
import { Bgp } from "../../../src/protocols/bgp/bgp.ts";
import { PolicyListTable } from "../../../src/protocols/bgp/lists.ts";
import type { Peer } from "../../../src/protocols/bgp/peer.ts";
import type { Route } from "../../../src/protocols/bgp/route.ts";
import { FakeOs } from "../../harness/fake-os.ts";
import { cases } from "../../harness/shared.ts";

/** A process without a network: neighbours are said to be there, and their routes are put in by hand. */
class Table {
  readonly os = new FakeOs();
  readonly bgp = new Bgp(this.os, 65000, new Policy<Route>(), new PolicyListTable());
  readonly peers: Peer[] = [];

  constructor(count = 4, internal = 2) {
    this.bgp.change({ requiresPolicy: false, compareRouterId: true, alwaysCompareMed: true, routerId: 99 });
    for (let i = 0; i < count; i++) {
      const peer = this.bgp.addPeer(0x0a000001 + i) as Peer;
      peer.own = { remoteAs: i < internal ? 65000 : 65001 + i };
      peer.touch();
      peer.remoteId = 100 + i;
      this.peers.push(peer);
    }
  }
  /** zebra only tells of next hops that somebody asks about: told again with every route. */
  readonly #metrics = new Map<number, number>();
  reach(address: number, metric: number): void {
    this.#metrics.set(address, metric);
    const nexthops = metric < 0 ? [] : [{ gateway: 0, ifname: "e" }];
    this.bgp.nexthopChanged({ address, nexthops, metric, distance: 0, kind: "connected", prefix: undefined });
  }
  announce(peer: number, prefix: number, fields: Partial<AttributeFields>): void {
    const attributes = makeAttributes({ ...PLAIN, ...fields });
    const from = this.peers[peer] as Peer;
    this.bgp.inbound.announce(from, prefix << 16, 16, attributes, from.address);
    const metric = this.#metrics.get(from.address);
    if (metric !== undefined) this.reach(from.address, metric);
  }
  settle(): void {
    this.os.advance(this.os.clock + S);
  }
  /** Best path and reason of a prefix: number of the neighbour. */
  best(prefix: number): string {
    const node = this.bgp.rib.find(prefix << 16, 16);
    if (node?.best === undefined) return "none";
    return `${this.peers.indexOf(node.best.source as Peer)} ${node.best.attributes.key} ${node.best.attributes.asPath.text}`;
  }
  reason(prefix: number): string | undefined {
    return this.bgp.rib.find(prefix << 16, 16)?.reason;
  }
}

const sequence = (...as: number[]) => makePath([{ type: AS_SEQUENCE, as }]);
const someFields: fc.Arbitrary<Partial<AttributeFields>> = fc.record({
  origin: fc.nat(2),
  asPath: fc.array(fc.constantFrom(65001, 65002, 65003), { maxLength: 3 }).map((as) => sequence(...as)),
  med: fc.option(fc.nat(2), { nil: undefined }),
  localPref: fc.option(fc.constantFrom(90, 100, 110), { nil: undefined }),
});
const step = fc.oneof(
  fc.record({ kind: fc.constant("announce" as const), peer: fc.nat(3), prefix: fc.nat(2), fields: someFields }),
  fc.record({ kind: fc.constant("withdraw" as const), peer: fc.nat(3), prefix: fc.nat(2) }),
  fc.record({ kind: fc.constant("metric" as const), peer: fc.nat(3), metric: fc.integer({ min: -1, max: 2 }) }),
  fc.record({ kind: fc.constant("lost" as const), peer: fc.nat(3) }),
  fc.record({ kind: fc.constant("settle" as const) }),
);

describe("the table", () => {
  it("after any history is the one that the same routes make from scratch, in any order", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), fc.infiniteStream(fc.nat(1000)), (history, order) => {
        const table = new Table();
        const routes = new Map<string, () => void>();
        const again = new Table();
        const metrics = [-1, -1, -1, -1];
        for (const s of history) {
          if (s.kind === "settle") table.settle();
          else if (s.kind === "announce") {
            table.announce(s.peer, s.prefix, s.fields);
            routes.set(`${s.peer} ${s.prefix}`, () => again.announce(s.peer, s.prefix, s.fields));
          } else if (s.kind === "withdraw") {
            table.bgp.inbound.withdraw(table.peers[s.peer] as Peer, s.prefix << 16, 16);
            routes.delete(`${s.peer} ${s.prefix}`);
          } else if (s.kind === "lost") {
            table.bgp.inbound.clear(table.peers[s.peer] as Peer);
            for (const key of [...routes.keys()]) if (key.startsWith(`${s.peer} `)) routes.delete(key);
          } else {
            metrics[s.peer] = s.metric;
            table.reach(0x0a000001 + s.peer, s.metric);
          }
        }
        for (const [i, metric] of metrics.entries()) for (const t of [table, again]) t.reach(0x0a000001 + i, metric);
        table.settle();
        const shuffled = [...routes.values()].map((run) => ({ run, at: order.next().value ?? 0 }));
        for (const { run } of shuffled.sort((a, b) => a.at - b.at)) run();
        for (const [i, metric] of metrics.entries()) again.reach(0x0a000001 + i, metric);
        again.settle();
        for (const prefix of [0, 1, 2]) expect(table.best(prefix)).toBe(again.best(prefix));
        const held = [...table.bgp.rib].reduce((n, node) => n + node.paths.length, 0);
        expect(table.peers.reduce((n, p) => n + p.accepted, 0)).toBe(held);
      }),
      { numRuns: cases(300, 20_000) },
    );
  });

  it.each<readonly [string, Partial<AttributeFields>, Partial<AttributeFields>]>([
    ["Weight", { weight: 10 }, { localPref: 500 }],
    ["Local Pref", { localPref: 200, asPath: sequence(1, 2, 3) }, { localPref: 100 }],
    ["AS Path", { asPath: sequence(1), origin: 2 }, { asPath: sequence(1, 2) }],
    ["Origin", { origin: 0, med: 9 }, { origin: 1, med: 1 }],
    ["MED", { med: 1 }, { med: 2 }],
    ["Router ID", {}, {}],
  ])("decides by %s", (reason, better, worse) => {
    for (const swap of [false, true]) {
      const table = new Table(2, 2);
      for (const i of [0, 1]) table.reach(0x0a000001 + i, 0);
      const first = () => table.announce(0, 5, better);
      const second = () => table.announce(1, 5, worse);
      for (const run of swap ? [second, first] : [first, second]) run();
      table.settle();
      expect(table.best(5)[0]).toBe("0");
      expect(table.reason(5)).toBe(reason);
    }
  });
  it("prefers external neighbours, then the nearer next hop", () => {
    const table = new Table(3, 2);
    for (const [i, metric] of [5, 1, 9].entries()) table.reach(0x0a000001 + i, metric);
    for (const i of [0, 1]) table.announce(i, 5, { asPath: sequence(7), localPref: 100 });
    table.settle();
    expect([table.best(5)[0], table.reason(5)]).toEqual(["1", "IGP Metric"]);
    table.announce(2, 5, { asPath: sequence(7) });
    table.settle();
    expect([table.best(5)[0], table.reason(5)]).toEqual(["2", "Peer Type"]);
  });
  it("drops paths whose next hop is gone, loops, and next hops that are none", () => {
    const table = new Table(2, 1);
    table.announce(1, 5, {});
    table.settle();
    expect(table.best(5)).toBe("none");
    table.reach(0x0a000002, 0);
    table.settle();
    expect(table.best(5)[0]).toBe("1");
    table.announce(1, 5, { asPath: sequence(65002, 65000) });
    table.settle();
    expect(table.bgp.rib.size).toBe(0);
  });
});
