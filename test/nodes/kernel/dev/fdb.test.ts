import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MacTable, macHigh, macLow, macOf } from "../../../../src/nodes/kernel/dev/fdb.ts";
import { cases } from "../../../harness/shared.ts";

/** Few addresses, so that keys meet again; scopes far apart, as VLANs and network identifiers are. */
const key = fc.record({
  mac: fc.nat(40).map((n) => 0x0200_ffff_fff0 + n),
  scope: fc.constantFrom(0, 1, 4094, 0xffffff),
});
const step = fc.record({ kind: fc.constantFrom("insert" as const, "remove" as const), ...{ key } });

describe("a table of MACs", () => {
  it("splits an address in two and puts it together again", () => {
    fc.assert(
      fc.property(fc.nat(0xffff_ffff_ffff), (mac) => {
        expect(macOf(macHigh(mac), macLow(mac))).toBe(mac);
      }),
    );
  });

  it("holds what a map and a list would hold, newest first", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const table = new MacTable(1000);
        let model: string[] = [];
        for (const { kind, key } of steps) {
          const name = `${key.mac} ${key.scope}`;
          const slot = table.find(macHigh(key.mac), macLow(key.mac), key.scope);
          expect(slot >= 0).toBe(model.includes(name));
          if (kind === "insert" && slot < 0) {
            table.insert(macHigh(key.mac), macLow(key.mac), key.scope);
            model = [name, ...model];
          }
          if (kind === "remove" && slot >= 0) {
            table.remove(slot);
            model = model.filter((n) => n !== name);
          }
        }
        const listed: string[] = [];
        for (let s = table.newest; s >= 0; s = table.older(s)) listed.push(`${table.mac(s)} ${table.scope(s)}`);
        expect(listed).toEqual(model);
        expect(table.size).toBe(model.length);
      }),
      { numRuns: cases(100, 20_000) },
    );
  });

  it("finds every one of many, after it grew, and after half of them went", () => {
    const table = new MacTable(20_000);
    const macs = Array.from({ length: 20_000 }, (_, i) => 0x0200_0000_0000 + i * 0x101);
    for (const mac of macs) table.updated[table.insert(macHigh(mac), macLow(mac), 7)] = mac;
    for (const [i, mac] of macs.entries()) if (i % 2 === 0) table.remove(table.find(macHigh(mac), macLow(mac), 7));
    const wrong = macs.filter((mac, i) => {
      const slot = table.find(macHigh(mac), macLow(mac), 7);
      return i % 2 === 0 ? slot !== -1 : table.updated[slot] !== mac;
    });
    expect(wrong).toEqual([]);
  });

  it("is full at its limit, and has room again when one goes", () => {
    const table = new MacTable(3);
    const slots = [1, 2, 3].map((n) => table.insert(0, n, 0));
    expect(table.insert(0, 4, 0)).toBe(-1);
    table.remove(slots[1]!);
    expect(table.insert(0, 4, 0)).toBe(slots[1]);
  });

  it("gives a slot without a trace of who had it before", () => {
    const table = new MacTable(1);
    const slot = table.insert(0, 1, 0);
    Object.assign(table.flags, { [slot]: 3 });
    Object.assign(table.updated, { [slot]: 5 });
    Object.assign(table.used, { [slot]: 7 });
    table.remove(slot);
    expect(table.insert(0, 2, 0)).toBe(slot);
    expect([table.flags[slot], table.updated[slot], table.used[slot]]).toEqual([0, 0, 0]);
  });
});
