import { describe, expect, it } from "vitest";
import { parsePrefix } from "../../../../src/core/addr.ts";
import { Fib } from "../../../../src/nodes/kernel/fib/fib.ts";
import type { FibHost } from "../../../../src/nodes/kernel/fib/host.ts";
import type { RouteSpec } from "../../../../src/nodes/kernel/fib/route.ts";
import { RULES_MAX } from "../../../../src/nodes/kernel/fib/rules.ts";
import { TABLES_MAX } from "../../../../src/nodes/kernel/fib/tables.ts";

const host = (): FibHost => ({ device: (i) => ({ name: `e${i}`, up: true, carrier: true }) });
const at = (text: string): { dst: number; length: number } => {
  const p = parsePrefix(text) as { address: number; length: number };
  return { dst: p.address, length: p.length };
};

describe("limits", () => {
  it("keeps metrics within what packets can say", () => {
    const made = new Fib(host()).addRoute({
      ...at("10.0.0.0/8"),
      ifindex: 2,
      metrics: { mtu: 70_000, advmss: 70_000, hoplimit: 300, mtuLocked: 1 },
    });
    expect(made.ok && [made.value.mtu, made.value.advmss, made.value.metrics.hoplimit, made.value.mtuLocked]).toEqual([
      65_520,
      65_495,
      255,
      true,
    ]);
  });

  it("refuses the route, the table and the rule that are one too many, and counts it", () => {
    const fib = new Fib(host(), 2);
    expect(fib.addRoute({ ...at("10.0.0.0/8"), ifindex: 2 }).ok).toBe(true);
    expect(fib.addRoute({ ...at("11.0.0.0/8"), ifindex: 2 }).ok).toBe(true);
    expect(fib.addRoute({ ...at("12.0.0.0/8"), ifindex: 2 })).toEqual({ ok: false, errno: "ENOBUFS" });
    expect(fib.refusedFull).toBe(1);

    const tables = new Fib(host());
    for (let id = 1; id <= TABLES_MAX; id++) tables.addRoute({ ...at("10.0.0.0/8"), ifindex: 2, table: 1000 + id });
    expect(tables.size).toBe(TABLES_MAX);
    expect(tables.addRoute({ ...at("10.0.0.0/8"), ifindex: 2, table: 1 })).toEqual({ ok: false, errno: "ENOBUFS" });
    expect(tables.addRule({ table: 0 })).toEqual({ ok: false, errno: "ENOBUFS" });

    const rules = new Fib(host());
    for (let i = rules.rules().length; i < RULES_MAX; i++) rules.addRule({ priority: i, table: 7 });
    expect(rules.rules().length).toBe(RULES_MAX);
    expect(rules.addRule({ priority: RULES_MAX, table: 7 })).toEqual({ ok: false, errno: "ENOBUFS" });
    expect(rules.refusedFull).toBe(1);
  });

  it("refuses weights and numbers of next hops that no request can have", () => {
    const fib = new Fib(host());
    const legs = (weight: number, count: number): RouteSpec => ({
      ...at("10.0.0.0/8"),
      nexthops: Array.from({ length: count }, () => ({ ifindex: 2, weight })),
    });
    expect([legs(0, 2), legs(257, 2), legs(1, 0)].map((spec) => fib.addRoute(spec))).toEqual(
      Array.from({ length: 3 }, () => ({ ok: false, errno: "EINVAL" })),
    );
    expect(fib.addRoute(legs(1, 257))).toEqual({ ok: false, errno: "EMSGSIZE" });
    expect(fib.addRoute(legs(256, 256)).ok).toBe(true);
  });
});
