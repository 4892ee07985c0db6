import fc from "fast-check";
import { expect, it } from "vitest";
import { formatIp } from "../../../../src/core/addr.ts";
import { Simulation } from "../../../../src/core/sim.ts";
import { MS, S } from "../../../../src/core/time.ts";
import { EthernetDevice } from "../../../../src/nodes/kernel/dev/ethernet.ts";
import { Kernel } from "../../../../src/nodes/kernel/kernel.ts";
import {
  CT_NEW,
  CT_RELATED,
  FLOW_SHIFT,
  IPS_ASSURED,
  IPS_CONFIRMED,
  W_MARK,
  W_STATUS,
} from "../../../../src/nodes/kernel/netfilter/conntrack/flow.ts";
import { netfilter } from "../../../../src/nodes/kernel/netfilter/hooks.ts";
import type { MatchSpec } from "../../../../src/nodes/kernel/netfilter/matches/matches.ts";
import type { Rule, RuleSpec, TableName } from "../../../../src/nodes/kernel/netfilter/rule.ts";
import { FORWARD } from "../../../../src/nodes/kernel/netfilter/state.ts";
import type { TargetSpec } from "../../../../src/nodes/kernel/netfilter/targets/targets.ts";
import { LEARN, VerdictCache, WALK } from "../../../../src/nodes/kernel/netfilter/verdict-cache.ts";
import { HEADER, seal, writeHeader } from "../../../../src/protocols/ipv4/wire.ts";
import { TCP_ACK, TCP_SYN } from "../../../../src/protocols/tcp/wire.ts";
import * as udp from "../../../../src/protocols/udp/wire.ts";
import { allDrops, device, ip, must, route } from "../../../harness/kernels.ts";
import { cases } from "../../../harness/shared.ts";
import {
  EXT,
  H1,
  H2,
  type Heard,
  listen,
  masquerade,
  type NatLab,
  natLab,
  O1,
  O2,
  sendTcp,
  sendUdp,
} from "./nat-lab.ts";

// What is remembered of packets must not be seen: a router whose every walk is forgotten, since it begins with a rule that
// must always be asked, drops, marks and counts the same.

const BUILT_IN = ["filter FORWARD", "mangle PREROUTING", "mangle FORWARD", "mangle POSTROUTING"] as const;
const PLACES = [...BUILT_IN, "filter U", "mangle U"] as const;
type Place = (typeof PLACES)[number];
const FORGETS: RuleSpec = { matches: [{ kind: "ttl", op: "gt", ttl: 255 }] };

type Step =
  | {
      readonly kind: "send";
      readonly tcp: boolean;
      readonly from: 0 | 1;
      readonly sport: number;
      readonly size: number;
    }
  | { readonly kind: "answer"; readonly at: 0 | 1; readonly which: number; readonly flags: number }
  | { readonly kind: "wait"; readonly seconds: number }
  | {
      readonly kind: "append" | "insert" | "replace";
      readonly place: Place;
      readonly at: number;
      readonly rule: RuleSpec;
    }
  | { readonly kind: "delete" | "policy" | "zero"; readonly place: Place; readonly at: number }
  | { readonly kind: "rename" | "forget"; readonly which: 0 | 1 };

const bit = fc.constantFrom(0 as const, 1 as const);
const ports = fc.constantFrom({ low: 5000, high: 5000 }, { low: 0, high: 6000 }, { low: 7001, high: 7001 });
const small = fc.constantFrom(0, 1, 2, 3);
const invert = fc.boolean();
const marks = { mark: small, mask: fc.constantFrom(1, 3), invert };
const states = fc.subarray(["NEW", "ESTABLISHED", "INVALID"] as const, { minLength: 1 });
const match: fc.Arbitrary<MatchSpec> = fc.oneof(
  fc.record({ kind: fc.constant("state" as const), states, invert }),
  fc.record({
    kind: fc.constant("conntrack" as const),
    state: fc.record({ states: fc.constant(["SNAT" as const]), invert }),
  }),
  fc.record({
    kind: fc.constant("conntrack" as const),
    status: fc.record({
      statuses: fc.subarray(["SEEN_REPLY", "ASSURED", "CONFIRMED"] as const, { minLength: 1 }),
      invert,
    }),
  }),
  fc.record({
    kind: fc.constant("conntrack" as const),
    direction: fc.constantFrom("ORIGINAL" as const, "REPLY" as const),
  }),
  fc.record({ kind: fc.constant("conntrack" as const), expire: fc.constant({ min: 0, max: 20 }) }),
  fc.record({ kind: fc.constant("mark" as const), ...marks }),
  fc.record({ kind: fc.constant("connmark" as const), ...marks }),
  fc.record({ kind: fc.constant("length" as const), min: fc.constant(0), max: fc.constant(100), invert }),
  fc.record({
    kind: fc.constant("limit" as const),
    rate: fc.constant(1),
    unit: fc.constant("minute" as const),
    burst: fc.constant(2),
  }),
  fc.record({
    kind: fc.constant("statistic" as const),
    mode: fc.constant("nth" as const),
    every: fc.constant(3),
    packet: fc.constant(1),
  }),
  fc.constant({ kind: "comment" as const, text: "always" }),
);
const portMatch: fc.Arbitrary<RuleSpec> = fc.oneof(
  fc.record({
    protocol: fc.constant({ number: 17 }),
    matches: fc.tuple(fc.record({ kind: fc.constant("udp" as const), sport: ports })),
  }),
  fc.record({
    protocol: fc.constant({ number: 6 }),
    matches: fc.tuple(fc.record({ kind: fc.constant("tcp" as const), dport: ports })),
  }),
  fc.constant<RuleSpec>({ protocol: { number: 6 }, matches: [{ kind: "tcp", flags: { mask: 2, comp: 2 } }] }),
  fc.record({
    protocol: fc.constant({ number: 17 }),
    matches: fc.tuple(
      fc.record({
        kind: fc.constant("multiport" as const),
        ends: fc.constant("either" as const),
        ports: fc.tuple(ports),
      }),
    ),
  }),
);
const target: fc.Arbitrary<TargetSpec | undefined> = fc.oneof(
  { weight: 12, arbitrary: fc.constant(undefined) },
  { weight: 2, arbitrary: fc.constantFrom<TargetSpec>({ kind: "ACCEPT" }, { kind: "RETURN" }) },
  { weight: 1, arbitrary: fc.constant<TargetSpec>({ kind: "DROP" }) },
  { weight: 2, arbitrary: fc.constantFrom<TargetSpec>({ kind: "jump", chain: "U" }, { kind: "goto", chain: "U" }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom<TargetSpec>(
      { kind: "MARK", op: "xor-mark", value: 1 },
      { kind: "CONNMARK", op: "xor-mark", value: 1 },
      { kind: "CONNMARK", op: "restore-mark" },
      { kind: "TTL", op: "inc", value: 1 },
    ),
  },
);
const address = fc.record({
  address: fc.constantFrom(H1, H2, O1, O2).map(ip),
  mask: fc.constantFrom(0xffffffff, 0xffffff00),
  invert,
});
const device1 = fc.record({ name: fc.constantFrom("eth0", "eth1", "wan+"), invert });
const rule: fc.Arbitrary<RuleSpec> = fc
  .tuple(
    fc.record({ source: address, destination: address, in: device1, out: device1 }, { requiredKeys: [] }),
    fc.option(portMatch, { nil: {} as RuleSpec, freq: 2 }),
    fc.option(match, { nil: undefined, freq: 1 }),
    target,
  )
  .map(([where, what, also, to]) => ({
    ...(Object.keys(where).length > 2 ? {} : where),
    ...what,
    matches: [...(what.matches ?? []), ...(also === undefined ? [] : [also])],
    ...(to === undefined ? {} : { target: to }),
  }));
const place = fc.constantFrom(...PLACES);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant("send" as const),
      tcp: fc.boolean(),
      from: bit,
      sport: fc.constantFrom(5000, 7001),
      size: fc.constantFrom(5, 200),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("answer" as const),
      at: bit,
      which: fc.nat(3),
      flags: fc.constantFrom(TCP_SYN | TCP_ACK, TCP_ACK),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("wait" as const), seconds: fc.constantFrom(1, 3, 40, 500) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom("append" as const, "insert" as const, "replace" as const),
      place,
      at: fc.nat(9),
      rule,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom("delete" as const, "policy" as const, "zero" as const),
      place,
      at: fc.nat(9),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom("rename" as const, "forget" as const), which: bit }) },
);

/** One of the two routers, with the hosts around it. */
class World {
  readonly l: NatLab;
  readonly #heard: readonly [Heard, Heard];
  readonly #inside: readonly [Heard, Heard];
  /** 1 where every built-in chain begins with the rule that must always be asked. */
  readonly #more: number;

  constructor(forgets: boolean, rules: readonly (readonly [Place, RuleSpec])[]) {
    this.l = natLab([masquerade]);
    for (const host of [this.l.o1, this.l.o2]) route(host, "192.168.1.0/24", EXT);
    this.#heard = [listen(this.l.o1), listen(this.l.o2)];
    this.#inside = [listen(this.l.h1), listen(this.l.h2)];
    this.#more = forgets ? 1 : 0;
    for (const table of ["filter", "mangle"] as const) must(this.l.nf.table(table).newChain("U"));
    if (forgets) for (const where of BUILT_IN) this.#do({ kind: "append", place: where, at: 0, rule: FORGETS });
    for (const [where, spec] of rules) this.#do({ kind: "append", place: where, at: 0, rule: spec });
  }

  /** Does a step; what was refused is told. */
  play(s: Step): unknown {
    const did = this.#do(s);
    this.l.lab.run(5 * MS);
    return did;
  }

  /** All that can be seen from outside. */
  seen(): unknown {
    const { nf, r } = this.l;
    const chains = BUILT_IN.concat(PLACES.slice(BUILT_IN.length) as never).map((where) => {
      const [table, name] = where.split(" ") as [TableName, string];
      const chain = nf.table(table).chain(name);
      const rules = (chain?.rules ?? []).slice(isBuiltIn(where) ? this.#more : 0);
      return {
        where,
        packets: chain?.packets,
        bytes: chain?.bytes,
        rules: rules.map((x: Rule) => [x.packets, x.bytes]),
      };
    });
    return { chains, drops: allDrops(r), heard: [...this.#heard, ...this.#inside].map((h) => h.texts()) };
  }

  #do(s: Step): unknown {
    const { l } = this;
    switch (s.kind) {
      case "send": {
        const [from, to] = [s.from === 0 ? l.h1 : l.h2, s.size === 5 ? O1 : O2];
        const payload = new Uint8Array(s.size);
        if (s.tcp) return sendTcp(from, s.sport, to, 80, { flags: TCP_SYN, payload: payload.subarray(0, 0) });
        return sendUdp(from, s.sport, to, 7001, payload);
      }
      case "answer":
        return this.#answer(s.at, s.which, s.flags);
      case "wait":
        return l.lab.run(s.seconds * S);
      case "rename": {
        const dev = [...l.r.devices()][1 + s.which];
        const name = dev?.name.startsWith("eth") === true ? `wan${s.which}` : `eth${s.which}`;
        return dev === undefined ? undefined : l.r.rename(dev, name);
      }
      case "forget":
        for (const slot of [...l.nf.conntrack.table.slots(l.lab.sim.now)])
          if (slot % 2 === s.which) l.nf.conntrack.kill(slot);
        return undefined;
      default:
        return this.#change(s);
    }
  }

  #change(s: Extract<Step, { readonly place: Place }>): unknown {
    const [name, chain] = s.place.split(" ") as [TableName, string];
    const table = this.l.nf.table(name);
    const number = s.at + 1 + (isBuiltIn(s.place) ? this.#more : 0);
    switch (s.kind) {
      case "append":
        return table.append(chain, s.rule);
      case "insert":
        return table.insert(chain, s.rule, number);
      case "replace":
        return table.replace(chain, number, s.rule);
      case "delete":
        return table.delete(chain, number);
      case "policy":
        return table.policy(chain, s.at === 0 ? "DROP" : "ACCEPT");
      case "zero":
        return table.zero(chain);
    }
  }

  /** A host outside answers one of the packets that it heard last. */
  #answer(at: 0 | 1, which: number, flags: number): void {
    const packet = this.#heard[at].packets().at(-1 - which);
    if (packet === undefined) return;
    const view = new DataView(packet.data.buffer, packet.data.byteOffset);
    const [sport, dport] = [view.getUint16(2), view.getUint16(0)];
    const from = at === 0 ? this.l.o1 : this.l.o2;
    if (packet.ip.protocol === 6) sendTcp(from, sport, formatIp(packet.ip.src), dport, { flags, ack: 1 });
    else sendUdp(from, sport, formatIp(packet.ip.src), dport);
  }
}

const isBuiltIn = (where: Place): boolean => (BUILT_IN as readonly Place[]).includes(where);

it("counts, marks and drops as a router does that remembers nothing", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(place, rule), { minLength: 16, maxLength: 40 }),
      fc.array(step, { minLength: 10, maxLength: 60, size: "max" }),
      (rules, steps) => {
        const [one, other] = [new World(false, rules), new World(true, rules)];
        for (const s of steps) {
          expect(one.play(s)).toEqual(other.play(s));
          expect(one.seen()).toEqual(other.seen());
        }
      },
    ),
    { numRuns: cases(30, 20_000) },
  );
}, 600_000);

it("knows a packet again only when all is alike that a rule could ask for", () => {
  const sim = new Simulation(1);
  const r = new Kernel(sim, "r");
  const nf = netfilter(r);
  const { table } = nf.conntrack;
  const [one, other] = [device(r, "lo"), must(r.register("eth0", (name, i) => new EthernetDevice(r, name, i)))];
  const p = sim.pool.alloc(HEADER + 20);
  const s = nf.enter(FORWARD, p);
  const o = table.allocate(17, 0, 0) << FLOW_SHIFT;
  const packet = (source = "10.0.0.1", destination = "10.0.0.2", protocol = 17, sport = 5000, dport = 53): void => {
    writeHeader(p.buf, p.start, 0, HEADER + 20, 0, 0, 64, protocol, ip(source), ip(destination));
    udp.writeHeader(p.buf, p.start + HEADER, sport, dport, 20);
    p.net = p.start;
    s.read();
  };
  const plain = (): void => {
    packet();
    table.words[o + W_STATUS] = IPS_CONFIRMED;
    table.words[o + W_MARK] = p.mark = 0;
    p.nfct = o >> FLOW_SHIFT;
    p.nfctInfo = CT_NEW;
    [s.in, s.out] = [one, other];
  };
  const changes: Readonly<Record<string, () => void>> = {
    source: () => packet("10.0.0.9"),
    destination: () => packet("10.0.0.1", "10.0.0.9"),
    protocol: () => packet("10.0.0.1", "10.0.0.2", 6),
    sport: () => packet("10.0.0.1", "10.0.0.2", 17, 5001),
    dport: () => packet("10.0.0.1", "10.0.0.2", 17, 5000, 54),
    state: () => (p.nfctInfo = CT_RELATED),
    status: () => (table.words[o + W_STATUS]! |= IPS_ASSURED),
    connmark: () => (table.words[o + W_MARK] = 1),
    mark: () => (p.mark = 1),
    in: () => (s.in = null),
    out: () => (s.out = one),
    name: () => must(r.rename(other, other.name === "eth0" ? "wan0" : "eth0")),
  };
  const known = new VerdictCache(table, true);
  const path = known.start.endingAt(7);
  if (path === null) throw new Error("no path");
  for (const [what, change] of Object.entries(changes)) {
    plain();
    if (known.find(s) === LEARN) known.learn(path);
    expect([what, known.find(s)]).toEqual([what, path.number]);
    change();
    expect([what, known.find(s)]).toEqual([what, LEARN]);
    expect([what, known.find(s)]).toEqual([what, WALK]);
  }
  plain();
  table.words[o + W_STATUS] = 0; // not confirmed
  expect(known.find(s)).toBe(WALK);
  sim.pool.release(p);
});

it("counts right when more flows pass than can be remembered", () => {
  const [FLOWS, ROUNDS] = [9_000, 4];
  const sim = new Simulation(1);
  const r = new Kernel(sim, "r");
  const lo = device(r, "lo");
  must(r.addresses.add(lo.ifindex, { address: ip("10.0.0.1"), length: 32 }));
  const nf = netfilter(r);
  nf.enableConntrack();
  nf.conntrack.set("nf_conntrack_udp_timeout", 1000);
  const rules: RuleSpec[] = Array.from({ length: 10 }, (_, i) => ({
    protocol: { number: 17 },
    matches: [{ kind: "udp", sport: { low: 10_000 + 1000 * i, high: 10_999 + 1000 * i } }],
    ...(i % 3 === 0 && { target: { kind: "ACCEPT" } }),
  }));
  rules.push({ protocol: { number: 17 } });
  for (const spec of rules) must(nf.table("filter").append("INPUT", spec));
  for (let round = 0; round < ROUNDS; round++)
    for (let i = 0; i < FLOWS; i++) {
      const b = new Uint8Array(HEADER + 8);
      writeHeader(b, 0, 0, b.length, 0, 0, 64, 17, ip("10.0.0.1"), ip("10.0.0.1"));
      seal(b, 0);
      udp.writeHeader(b, HEADER, 10_000 + i, 53, 8);
      const p = sim.pool.alloc(b.length);
      p.buf.set(b, p.start);
      p.iif = lo.ifindex;
      r.ipv4.receive(p, lo);
      if (i % 500 === 0) sim.advance(sim.now + MS);
    }
  const counted = nf
    .table("filter")
    .chain("INPUT")
    ?.rules.map((x) => x.packets);
  expect(counted).toEqual(rules.map((_, i) => (i < 9 ? ROUNDS * 1000 : i === 9 ? 0 : ROUNDS * 6000)));
});
