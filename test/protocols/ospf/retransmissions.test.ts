import fc from "fast-check";
import { expect, it } from "vitest";
import { makeLsa } from "../../../src/protocols/ospf/lsa.ts";
import { LSA_ROUTER } from "../../../src/protocols/ospf/lsa-codec.ts";
import { Slot } from "../../../src/protocols/ospf/lsdb.ts";
import { isAwaited, RetransmissionList, Retransmissions } from "../../../src/protocols/ospf/retransmissions.ts";
import { cases } from "../../harness/shared.ts";

const NEIGHBORS = 40; // more than there are bits
const SLOTS = 6;
const n = fc.nat(NEIGHBORS - 1);
const slot = fc.nat(SLOTS - 1);

it("lists hold what was put on them and not taken off, whoever else has the same", () => {
  const step = fc.oneof(
    fc.tuple(fc.constant("add" as const), n, slot),
    fc.tuple(fc.constant("delete" as const), n, slot),
    fc.tuple(fc.constant("forget" as const), n, slot),
    fc.tuple(fc.constant("clear" as const), n, slot),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const slots = Array.from({ length: SLOTS }, (_, i) => {
        const body = { kind: "router" as const, flags: 0, reserved: 0, links: [] };
        return new Slot(makeLsa({ type: LSA_ROUTER, options: 0, id: i, adv: i, seq: 1, body }), 0, 0, false);
      });
      const all = new Retransmissions();
      const lists = Array.from({ length: NEIGHBORS }, () => new RetransmissionList(all));
      const model = lists.map(() => new Set<Slot>());
      for (const [what, i, k] of steps) {
        const [list, known, one] = [lists[i] as RetransmissionList, model[i] as Set<Slot>, slots[k] as Slot];
        if (what === "add") expect(list.add(one)).toBe(!known.has(one));
        if (what === "add") known.add(one);
        if (what === "delete") expect(list.delete(one)).toBe(known.delete(one));
        if (what === "forget") all.forget(one);
        if (what === "forget") for (const m of model) m.delete(one);
        if (what === "clear") list.clear();
        if (what === "clear") known.clear();
        expect(new Set(list.slots())).toEqual(known);
      }
      for (const [i, list] of lists.entries())
        expect([list.size, new Set(list.slots())]).toEqual([model[i]?.size, model[i]]);
      for (const one of slots) expect(isAwaited(one)).toBe(model.some((m) => m.has(one)));
    }),
    { numRuns: cases(200, 20_000) },
  );
});
