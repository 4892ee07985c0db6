import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { maskOf, networkOf, parsePrefix } from "../../../../src/core/addr.ts";
import { Fib, type RouteChange } from "../../../../src/nodes/kernel/fib/fib.ts";
import type { FibHost } from "../../../../src/nodes/kernel/fib/host.ts";
import type { Route, RouteSpec, RouteType } from "../../../../src/nodes/kernel/fib/route.ts";
import type { Flow, Rule, RuleSpec } from "../../../../src/nodes/kernel/fib/rules.ts";
import { FibResult } from "../../../../src/nodes/kernel/fib/search.ts";
import { cases } from "../../../harness/shared.ts";

/** Devices 1…4: `lo`, `e1`…, all up unless told. */
function host(state: { down?: Set<number>; dark?: Set<number>; ignores?: boolean } = {}): FibHost {
  return {
    device: (i) =>
      i >= 1 && i <= 4
        ? { name: i === 1 ? "lo" : `e${i - 1}`, up: !state.down?.has(i), carrier: !state.dark?.has(i) }
        : undefined,
    ignoresLinkdown: () => state.ignores ?? false,
  };
}
const flow = (dst: number, more: Partial<Flow> = {}): Flow => ({
  dst,
  src: 0,
  tos: 0,
  mark: 0,
  iif: 1,
  oif: 0,
  ...more,
});
const at = (text: string): { dst: number; length: number } => {
  const p = parsePrefix(text) as { address: number; length: number };
  return { dst: p.address, length: p.length };
};
const ip = (text: string): number => at(text).dst;

interface Answer {
  readonly route: Route | undefined;
  readonly errno: string;
}
const ERRNO: Partial<Record<RouteType, string>> = {
  blackhole: "EINVAL",
  unreachable: "EHOSTUNREACH",
  prohibit: "EACCES",
  throw: "EAGAIN",
};

/** One table, or several as one, by looking at every route. */
function scan(routes: readonly Route[], f: Flow): Answer {
  const fits = routes.filter((r) => networkOf(f.dst, r.length) === r.dst && (r.tos === 0 || r.tos === (f.tos & 0x1c)));
  const usable = fits.filter(
    (r) => r.nexthops.length === 0 || r.nexthops.some((h) => !h.dead && (f.oif === 0 || h.ifindex === f.oif)),
  );
  // The sort is stable: routes that are equal in all this keep the order of the dump.
  const [best] = usable.sort(
    (a, b) => b.length - a.length || b.table - a.table || b.tos - a.tos || a.metric - b.metric,
  );
  if (best === undefined) return { route: undefined, errno: "EAGAIN" };
  return { route: best, errno: ERRNO[best.type] ?? "" };
}

function selects(r: Rule, f: Flow, h: FibHost): boolean {
  const within =
    ((f.src ^ r.from) & maskOf(r.fromLength)) === 0 &&
    ((f.dst ^ r.to) & maskOf(r.toLength)) === 0 &&
    ((f.mark ^ r.mark) & r.markMask) === 0 &&
    (r.tos === 0 || r.tos === (f.tos & 0x1c)) &&
    (r.iif === "" || h.device(f.iif)?.name === r.iif) &&
    (r.oif === "" || h.device(f.oif)?.name === r.oif);
  return within !== r.not;
}

/** The plain way through everything: what `Fib.lookup` must answer. */
function naive(fib: Fib, f: Flow, h: FibHost, split: boolean): Answer {
  const end = (a: Answer): Answer => (a.errno === "EAGAIN" ? { route: undefined, errno: "ENETUNREACH" } : a);
  if (!split) {
    const both = scan([...fib.routes(255), ...fib.routes(254)], f);
    return end(both.errno === "EAGAIN" ? scan(fib.routes(253), f) : both);
  }
  for (let i = 0; i < fib.rules().length; i++) {
    const r = fib.rules()[i] as Rule;
    if (!selects(r, f, h)) continue;
    if (r.action === "goto") {
      const target = fib.rules().findIndex((other) => other.priority === r.goto);
      if (target >= 0) i = target - 1;
    }
    if (r.action === "goto" || r.action === "nop") continue;
    if (r.action !== "table")
      return {
        route: undefined,
        errno: { blackhole: "EINVAL", unreachable: "ENETUNREACH", prohibit: "EACCES" }[r.action],
      };
    const a = scan(fib.routes(r.table), f);
    if (a.errno === "EAGAIN" || (a.errno === "" && (a.route as Route).length <= r.suppressPrefixLength)) continue;
    return a;
  }
  return { route: undefined, errno: "ENETUNREACH" };
}

const address = fc
  .tuple(fc.constantFrom(10, 10, 11, 127, 200), fc.constantFrom(0, 0, 64), fc.nat(2))
  .map(([a, b, c]) => a * 2 ** 24 + b * 2 ** 16 + c);
const length = fc.constantFrom(0, 1, 7, 8, 9, 16, 30, 31, 32, 32);
const table = fc.constantFrom(255, 254, 254, 254, 253, 7);
const route: fc.Arbitrary<RouteSpec> = fc
  .record({
    address,
    length,
    table,
    tos: fc.constantFrom(0, 0, 0, 8, 16),
    metric: fc.constantFrom(0, 0, 5),
    type: fc.constantFrom<RouteType>("unicast", "unicast", "unicast", "blackhole", "unreachable", "prohibit", "throw"),
    ways: fc.array(fc.record({ ifindex: fc.integer({ min: 1, max: 4 }), weight: fc.integer({ min: 1, max: 256 }) }), {
      minLength: 1,
      maxLength: 3,
    }),
  })
  .map(({ address: a, ways, type, ...rest }) => ({
    ...rest,
    type,
    dst: networkOf(a, rest.length),
    ...(type !== "unicast" ? {} : ways.length === 1 ? { ifindex: ways[0]?.ifindex } : { nexthops: ways }),
  }));
const rule: fc.Arbitrary<RuleSpec> = fc.record(
  {
    priority: fc.constantFrom(0, 10, 20, 30, 32_766),
    not: fc.boolean(),
    from: address,
    fromLength: length,
    to: address,
    toLength: length,
    tos: fc.constantFrom(0, 8),
    mark: fc.constantFrom(0, 1, 3),
    markMask: fc.constantFrom(0, 1, 0xff),
    iif: fc.constantFrom("lo", "e1", "none"),
    oif: fc.constantFrom("e1", "e2"),
    action: fc.constantFrom("table", "table", "table", "goto", "nop", "blackhole", "unreachable", "prohibit"),
    table,
    goto: fc.constantFrom(20, 30, 32_766),
    suppressPrefixLength: fc.constantFrom(0, 8),
  },
  { requiredKeys: ["action"] },
);
type Deed =
  | { readonly do: "add" | "append" | "replace" | "prepend" | "change" | "delete"; readonly spec: RouteSpec }
  | { readonly do: "rule" | "unrule"; readonly rule: RuleSpec }
  | { readonly do: "drop"; readonly nth: number }
  | { readonly do: "down" | "up" | "remove"; readonly ifindex: number };
const routeDeed: fc.Arbitrary<Deed> = fc.record({
  do: fc.constantFrom("add", "add", "append", "replace", "prepend", "change", "delete"),
  spec: route,
});
/** Deletes a route that is there. */
const dropDeed: fc.Arbitrary<Deed> = fc.record({ do: fc.constant("drop" as const), nth: fc.nat(1000) });
const ruleDeed: fc.Arbitrary<Deed> = fc.record({ do: fc.constantFrom("rule", "rule", "unrule"), rule });
const deviceDeed: fc.Arbitrary<Deed> = fc.record({
  do: fc.constantFrom("down", "up", "up"),
  ifindex: fc.integer({ min: 1, max: 4 }),
});
const question = fc.record({
  dst: address,
  src: address,
  tos: fc.constantFrom(0, 0, 8, 16, 0xb8),
  mark: fc.constantFrom(0, 0, 1, 2, 3),
  iif: fc.constantFrom(1, 2),
  oif: fc.constantFrom(0, 0, 0, 2, 3),
});

/** Does one thing; says whether it touched the rules. */
function perform(fib: Fib, deed: Deed, down: Set<number>): boolean {
  if ("nth" in deed) {
    const all = fib.routes();
    const r = all[deed.nth % Math.max(1, all.length)];
    if (r !== undefined)
      expect(fib.deleteRoute({ dst: r.dst, length: r.length, tos: r.tos, table: r.table, metric: r.metric }).ok).toBe(
        true,
      );
    return false;
  }
  if ("spec" in deed) {
    if (deed.do === "delete") fib.deleteRoute({ ...deed.spec, nexthops: undefined });
    else fib.addRoute(deed.spec, deed.do);
    return false;
  }
  if ("rule" in deed) return (deed.do === "rule" ? fib.addRule(deed.rule) : fib.deleteRule(deed.rule)).ok;
  if (deed.do === "down") {
    down.add(deed.ifindex);
    fib.deviceDown(deed.ifindex);
  } else {
    down.delete(deed.ifindex);
    fib.deviceUp(deed.ifindex);
  }
  return false;
}

describe("looking up", () => {
  const agree = (deeds: readonly Deed[], questions: readonly Flow[]): void => {
    const down = new Set<number>();
    const h = host({ down });
    const fib = new Fib(h);
    const out = new FibResult();
    const known = new Map<Flow, { generation: number; route: Route | null; errno: string }>();
    let split = false;
    for (const deed of deeds) {
      split = perform(fib, deed, down) || split;
      for (const f of questions) {
        const want = naive(fib, f, h, split);
        expect(fib.lookup(f, out)).toBe(want.errno === "");
        expect(out.errno).toBe(want.errno);
        if (want.errno === "") {
          expect(out.route).toBe(want.route);
          const ways = out.route?.nexthops ?? [];
          expect(out.nexthop).toBe(
            ways.length === 1 ? ways[0] : f.oif === 0 ? null : ways.find((w) => w.ifindex === f.oif && !w.dead),
          );
        }
        // Who keeps an answer may use it while the generation stands.
        const kept = known.get(f);
        if (kept?.generation === fib.generation)
          expect([kept.errno, want.errno === "" ? kept.route : null]).toEqual([
            out.errno,
            want.errno === "" ? out.route : null,
          ]);
        known.set(f, { generation: fib.generation, route: want.errno === "" ? out.route : null, errno: out.errno });
      }
    }
  };

  it("finds what a scan over all routes finds, and the generation tells when that may have changed", () => {
    const deeds = fc.array(
      fc.oneof(
        { weight: 6, arbitrary: routeDeed },
        { weight: 1, arbitrary: dropDeed },
        { weight: 1, arbitrary: deviceDeed },
      ),
      {
        maxLength: 30,
      },
    );
    fc.assert(fc.property(deeds, fc.array(question, { minLength: 1, maxLength: 12 }), agree), {
      numRuns: cases(300, 10_000),
    });
  });

  it("walks the rules as a scan over all of them does", () => {
    const deeds = fc.array(
      fc.oneof(
        { weight: 4, arbitrary: routeDeed },
        { weight: 1, arbitrary: dropDeed },
        { weight: 3, arbitrary: ruleDeed },
        { weight: 1, arbitrary: deviceDeed },
      ),
      { maxLength: 30 },
    );
    fc.assert(fc.property(deeds, fc.array(question, { minLength: 1, maxLength: 12 }), agree), {
      numRuns: cases(300, 10_000),
    });
  });

  it("keeps every route in its place: tables, prefixes, then tos, then metric", () => {
    fc.assert(
      fc.property(fc.array(routeDeed, { maxLength: 40 }), (deeds) => {
        const fib = new Fib(host());
        for (const deed of deeds) perform(fib, deed, new Set());
        const all = fib.routes();
        expect(all.length).toBe(fib.size);
        for (let i = 1; i < all.length; i++) {
          const [a, b] = [all[i - 1] as Route, all[i] as Route];
          if (a.table !== b.table) continue;
          const order = a.dst - b.dst || b.length - a.length || b.tos - a.tos || a.metric - b.metric;
          expect(order).toBeLessThanOrEqual(0);
        }
        for (const r of all) expect(fib.routes(r.table)).toContain(r);
      }),
      { numRuns: cases(300, 10_000) },
    );
  });

  it("says that answers depend on more than the destination from the first rule or type of service on", () => {
    const fib = new Fib(host());
    expect(fib.addRoute({ ...at("10.0.0.0/8"), ifindex: 2 }).ok).toBe(true);
    expect(fib.hasCustomRules).toBe(false);
    expect(fib.addRoute({ ...at("10.0.0.0/8"), ifindex: 2, tos: 8 }).ok).toBe(true);
    expect(fib.hasCustomRules).toBe(true);
    const other = new Fib(host());
    expect(other.deleteRule({ priority: 32_767 }).ok).toBe(true);
    expect(other.hasCustomRules).toBe(true);
  });

  it("names table and rule, the same for a route that refuses", () => {
    const fib = new Fib(host());
    const out = new FibResult();
    fib.addRoute({ ...at("10.0.0.1/32"), type: "local", ifindex: 2 });
    fib.addRoute({ ...at("20.0.0.0/8"), type: "blackhole" });
    fib.addRoute({ ...at("30.0.0.0/8"), ifindex: 2, table: 253 });
    const asked = (dst: string): unknown[] => [
      fib.lookup(flow(ip(dst)), out),
      out.errno,
      out.route?.table,
      out.table,
      out.rulePriority,
    ];
    expect(asked("10.0.0.1")).toEqual([true, "", 255, 254, 0]); // As Linux says while local and main are one.
    expect(asked("20.0.0.1")).toEqual([false, "EINVAL", 254, 254, 32_766]);
    expect(asked("30.0.0.1")).toEqual([true, "", 253, 253, 32_767]);
    expect(asked("40.0.0.1")).toEqual([false, "ENETUNREACH", undefined, 0, 0]);
    fib.addRule({ priority: 5, to: ip("50.0.0.0"), toLength: 8, action: "prohibit" });
    expect(asked("10.0.0.1")).toEqual([true, "", 255, 255, 0]);
    expect(asked("20.0.0.1")).toEqual([false, "EINVAL", 254, 254, 32_766]);
    expect(asked("50.0.0.1")).toEqual([false, "EACCES", undefined, 0, 5]);
  });

  it("forgets what it knew of a device's name and settings when told", () => {
    const fib = new Fib(host());
    const before = fib.generation;
    fib.settingsChanged();
    expect(fib.generation).not.toBe(before);
  });
});

describe("what an address is", () => {
  it("follows the local table, and is a broadcast while there is none", () => {
    const fib = new Fib(host());
    expect(fib.addressType(ip("10.0.0.1"))).toBe("broadcast"); // inet_addr_type without a table
    fib.addRoute({ ...at("10.0.0.1/32"), type: "local", ifindex: 2 });
    fib.addRoute({ ...at("10.0.0.255/32"), type: "broadcast", ifindex: 2 });
    expect(
      ["10.0.0.1", "10.0.0.255", "10.0.0.2", "0.0.0.0", "255.255.255.255", "224.0.0.5"].map((a) =>
        fib.addressType(ip(a)),
      ),
    ).toEqual(["local", "broadcast", "unicast", "broadcast", "broadcast", "multicast"]);
  });
});

describe("listeners", () => {
  const listen = (fib: Fib): RouteChange[] => {
    const heard: RouteChange[] = [];
    fib.onChange((change) => heard.push(change));
    return heard;
  };
  const text = (changes: readonly RouteChange[]): string[] =>
    changes.map(
      (c) => `${c.op}${c.silent ? " silently" : ""} ${c.route.metric}${c.old ? ` for ${c.old.protocol}` : ""}`,
    );

  it("hear of every change, and that Linux keeps quiet about what goes with a device", () => {
    const down = new Set<number>();
    const fib = new Fib(host({ down }));
    const heard = listen(fib);
    fib.addRoute({ ...at("10.0.0.0/8"), ifindex: 2, metric: 1 });
    fib.addRoute({ ...at("10.0.0.0/8"), ifindex: 3, metric: 1, protocol: 4 }, "replace");
    fib.addRoute({ ...at("10.0.0.0/8"), ifindex: 3, metric: 2 });
    fib.addRoute({ ...at("10.0.0.0/8"), ifindex: 3, metric: 2 }, "replace"); // the same: nothing happens
    fib.deleteRoute({ ...at("10.0.0.0/8"), metric: 1 });
    down.add(3);
    fib.deviceDown(3);
    expect(text(heard)).toEqual(["add 1", "replace 1 for 3", "add 2", "del 1", "del silently 2"]);
    expect(fib.size).toBe(0);
  });

  it("add up to the tables", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            { weight: 5, arbitrary: routeDeed },
            { weight: 1, arbitrary: dropDeed },
            { weight: 1, arbitrary: deviceDeed },
          ),
          {
            maxLength: 40,
          },
        ),
        (deeds) => {
          const down = new Set<number>();
          const fib = new Fib(host({ down }));
          const mirror = new Set<Route>();
          fib.onChange((c) => {
            if (c.old !== undefined) expect(mirror.delete(c.old)).toBe(true);
            if (c.op === "del") expect(mirror.delete(c.route)).toBe(true);
            else mirror.add(c.route);
          });
          for (const deed of deeds) perform(fib, deed, down);
          expect(new Set(fib.routes())).toEqual(mirror);
          expect(fib.multipath).toBe([...mirror].some((r) => r.nexthops.length > 1));
        },
      ),
      { numRuns: cases(200, 10_000) },
    );
  });

  it("hear of a flush when it is over, and may act on it", () => {
    const down = new Set<number>();
    const fib = new Fib(host({ down }));
    for (const dst of ["10.0.0.0/8", "11.0.0.0/8", "12.0.0.0/8"]) fib.addRoute({ ...at(dst), ifindex: 3 });
    fib.onChange((c) => {
      if (c.op === "del") fib.addRoute({ dst: c.route.dst, length: c.route.length, ifindex: 2 });
    });
    down.add(3);
    fib.deviceDown(3);
    expect(fib.routes().map((r) => r.nexthops[0]?.ifindex)).toEqual([2, 2, 2]);
    expect(fib.flush((r) => r.dst === ip("11.0.0.0"))).toBe(1);
    expect(fib.size).toBe(3);
  });

  it("stop hearing when they say so", () => {
    const fib = new Fib(host());
    const heard: RouteChange[] = [];
    const stop = fib.onChange((change) => heard.push(change));
    stop();
    fib.addRoute({ ...at("10.0.0.0/8"), ifindex: 2 });
    expect(heard).toEqual([]);
  });
});
