import type { Rule } from "./rule.ts";

/** A chain of a table. */
export interface Chain {
  name: string;
  /** The hook of a built-in chain; -1 for one that somebody made. */
  readonly hook: number;
  /** Of a built-in chain: what becomes of packets that reach its end. */
  policy: "ACCEPT" | "DROP";
  /** Packets and octets that reached the end of a built-in chain. */
  packets: number;
  bytes: number;
  readonly rules: Rule[];
  /** Bit n: packets at hook n may come here. */
  hooks: number;
  /** The chains to which its rules go, and how many of them to each. */
  readonly goes: Map<string, number>;
}

export const makeChain = (name: string, hook: number): Chain => ({
  name,
  hook,
  policy: "ACCEPT",
  packets: 0,
  bytes: 0,
  rules: [],
  hooks: hook < 0 ? 0 : 1 << hook,
  goes: new Map(),
});

/** The same chain, to be changed apart from it; both have the same rules. */
export const copyChain = (chain: Chain): Chain => ({ ...chain, rules: [...chain.rules], goes: new Map(chain.goes) });

/** Where a rule goes; undefined when it stays in its chain. */
export const goesTo = ({ spec: { target } }: Rule): string | undefined =>
  target?.kind === "jump" || target?.kind === "goto" ? target.chain : undefined;

/** Puts a rule in its place, instead of so many others, which are returned. */
export function placeRule(chain: Chain, at: number, instead: number, rule?: Rule): Rule[] {
  const old = chain.rules.splice(at, instead, ...(rule === undefined ? [] : [rule]));
  if (rule !== undefined) count(chain, rule, 1);
  for (const gone of old) count(chain, gone, -1);
  return old;
}

function count(chain: Chain, rule: Rule, by: number): void {
  const to = goesTo(rule);
  if (to === undefined) return;
  const n = (chain.goes.get(to) ?? 0) + by;
  if (n > 0) chain.goes.set(to, n);
  else chain.goes.delete(to);
}
