import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatPrefix, maskOf, networkOf, parsePrefix } from "../../../../src/core/addr.ts";
import { shorter, Trie } from "../../../../src/nodes/kernel/fib/trie.ts";
import { cases } from "../../../harness/shared.ts";

interface Held {
  readonly name: string;
}
const key = (address: number, length: number): string => formatPrefix({ address, length });

/** The plain way: every prefix, one after the other. */
class List {
  readonly all = new Map<string, { address: number; length: number }>();

  best(ip: number): string | undefined {
    let best: { address: number; length: number } | undefined;
    for (const p of this.all.values()) {
      if (networkOf(ip, p.length) === p.address && (best === undefined || p.length > best.length)) best = p;
    }
    return best && key(best.address, best.length);
  }
}

function put(trie: Trie<Held>, list: List, address: number, length: number): void {
  const name = key(address, length);
  if (list.all.has(name)) return;
  list.all.set(name, { address, length });
  trie.put(trie.insert(address, length), { name });
}
function take(trie: Trie<Held>, list: List, address: number, length: number): void {
  const node = trie.exact(address, length);
  const name = list.all.has(key(address, length)) ? key(address, length) : undefined;
  if (node?.first?.name !== name) throw new Error(`${node?.first?.name} stands where ${name} should`);
  if (node !== null) trie.put(node, null);
  list.all.delete(key(address, length));
}

/** Prefixes that share bits: few different octets, all lengths. */
const prefix = fc
  .tuple(
    fc.constantFrom(0, 1, 10, 127, 128, 192, 255),
    fc.constantFrom(0, 1, 128, 255),
    fc.nat(3),
    fc.nat(3),
    fc.nat(32),
  )
  .map(([a, b, c, d, length]) => ({
    address: networkOf(a * 2 ** 24 + b * 2 ** 16 + c * 64 * 256 + d * 64, length),
    length,
  }));

describe("a trie of prefixes", () => {
  it("finds what a list would find, whatever came and went", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.boolean(), prefix), { maxLength: 60 }),
        fc.array(fc.nat(0xffffffff)),
        (history, extra) => {
          const trie = new Trie<Held>();
          const list = new List();
          for (const [come, p] of history) (come ? put : take)(trie, list, p.address, p.length);
          const probes = history.flatMap(([, p]) => [
            p.address,
            (p.address | ~maskOf(p.length)) >>> 0,
            (p.address ^ 1) >>> 0,
          ]);
          for (const ip of [...probes, ...extra]) {
            expect(trie.best(ip)?.name).toBe(list.best(ip));
            expect(trie.find(ip)?.first?.name).toBe(list.best(ip));
          }
          for (const [, p] of history) take(trie, list, p.address, p.length);
          expect(trie.nodes).toBe(0);
          expect(trie.find(0)).toBeNull();
        },
      ),
      { numRuns: cases(500, 40_000) },
    );
  });

  it("finds the same by its slots when it is large, while it grows and while it shrinks", () => {
    const trie = new Trie<Held>();
    const list = new List();
    let seed = 1;
    const draw = (below: number): number => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      return Math.floor((seed / 2 ** 32) * below);
    };
    const next = (): [number, number] => {
      const length = [0, 6, 8, 11, 12, 13, 15, 16, 17, 24, 24, 24, 24, 28, 31, 32][draw(16)] as number;
      return [networkOf(draw(24) * 2 ** 24 + draw(256) * 2 ** 16 + draw(8) * 8192 + draw(8192), length), length];
    };
    // The walk from the root is held against the list above; here the slots are held against the walk.
    let wrong = 0;
    const agree = (address: number, length: number): void => {
      const last = (address | ~maskOf(length)) >>> 0;
      for (const ip of [address, last, last + 1, address - 1, address ^ 0x10000, draw(2 ** 32)]) {
        if (trie.best(ip) !== (trie.find(ip)?.first ?? null)) wrong++;
      }
    };
    while (list.all.size < 17_000) {
      const [address, length] = next();
      put(trie, list, address, length);
      if (list.all.size % 8 === 0) agree(address, length);
    }
    for (let i = 0; i < 300; i++) {
      const ip = draw(28) * 2 ** 24 + draw(2 ** 24);
      expect(trie.best(ip)?.name).toBe(list.best(ip));
    }
    for (const [i, p] of [...list.all.values()].entries()) {
      take(trie, list, p.address, p.length);
      if (i % 8 === 0) agree(p.address, p.length);
    }
    expect(wrong).toBe(0);
    expect(trie.nodes).toBe(0);
  });

  it("lists by address, and the longer prefix first where two begin at the same", () => {
    const trie = new Trie<Held>();
    for (const text of [
      "10.0.0.0/8",
      "0.0.0.0/0",
      "10.0.0.0/24",
      "10.0.0.1/32",
      "9.0.0.0/8",
      "10.0.0.0/32",
      "0.0.0.0/1",
      "128.0.0.0/1",
    ]) {
      const p = parsePrefix(text) as { address: number; length: number };
      trie.put(trie.insert(p.address, p.length), { name: text });
    }
    expect(trie.ordered().map((node) => node.first?.name)).toEqual([
      "0.0.0.0/1",
      "0.0.0.0/0",
      "9.0.0.0/8",
      "10.0.0.0/32",
      "10.0.0.0/24",
      "10.0.0.0/8",
      "10.0.0.1/32",
      "128.0.0.0/1",
    ]);
  });

  it("climbs to the next shorter prefix that holds something", () => {
    const trie = new Trie<Held>();
    for (const text of ["10.0.0.0/8", "10.1.0.0/16", "10.2.0.0/16"]) {
      const p = parsePrefix(text) as { address: number; length: number };
      trie.put(trie.insert(p.address, p.length), { name: text });
    }
    const node = trie.find(0x0a010203);
    expect(node?.first?.name).toBe("10.1.0.0/16");
    expect(shorter(node?.up ?? null)?.first?.name).toBe("10.0.0.0/8");
    expect(shorter(null)).toBeNull();
  });
});
