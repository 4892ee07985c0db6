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
}

export const makeChain = (name: string, hook: number): Chain => ({
  name,
  hook,
  policy: "ACCEPT",
  packets: 0,
  bytes: 0,
  rules: [],
  hooks: hook < 0 ? 0 : 1 << hook,
});

/** Names of the chains to which a chain's rules go. */
export const goesTo = (chain: Chain): string[] =>
  chain.rules.flatMap(({ spec: { target } }) =>
    target !== undefined && (target.kind === "jump" || target.kind === "goto") ? [target.chain] : [],
  );
