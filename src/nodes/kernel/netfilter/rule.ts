import type { Ipv4 } from "../../../core/addr.ts";
import type { Outcome } from "../../../core/errno.ts";
import type { MatchSpec } from "./matches/matches.ts";
import type { HookState } from "./state.ts";
import type { TargetSpec } from "./targets/targets.ts";

/** `-s`, `-d`: an address under a mask, which need not be contiguous. */
export interface AddressSpec {
  readonly address: Ipv4;
  readonly mask: Ipv4;
  readonly invert?: boolean;
}

/** `-i`, `-o`: a device's name; one that ends in `+` stands for all that begin so. */
export interface NameSpec {
  readonly name: string;
  readonly invert?: boolean;
}

/** A rule as somebody gave it, so that it can be printed again. */
export interface RuleSpec {
  readonly source?: AddressSpec;
  readonly destination?: AddressSpec;
  readonly in?: NameSpec;
  readonly out?: NameSpec;
  /** 0 stands for all. */
  readonly protocol?: { readonly number: number; readonly invert?: boolean };
  /** `-f`: later fragments only. */
  readonly fragment?: { readonly invert?: boolean };
  readonly matches?: readonly MatchSpec[];
  /** Without one the rule only counts. */
  readonly target?: TargetSpec;
}

/** A rule in its chain. */
export interface Rule {
  readonly spec: RuleSpec;
  packets: number;
  bytes: number;
  /** What the data path asks; made once, since some of it remembers. */
  readonly matchers: readonly Matcher[];
  readonly action: Action | null;
  /** Where it stands, for people: `filter FORWARD rule 3`. Empty until somebody asked. */
  where: string;
}

/** A match ready to be asked. */
export interface Matcher {
  test(s: HookState): boolean;
  /** It asks for a packet's flow: connection tracking must run. */
  readonly tracks?: boolean;
  /** It asks for nothing but what a `VerdictCache` looks packets up by: of packets alike it says the same. */
  readonly steady?: boolean;
}

/** A target that does something: its verdict is one of `NF_…`, `CONTINUE`, or `RETURN`. */
export interface Action {
  run(s: HookState): number;
  readonly tracks?: boolean;
  /** It needs translation. */
  readonly translates?: boolean;
}

/** The packet goes on with the next rule (`XT_CONTINUE`); with the rule behind the jump (`XT_RETURN`). */
export const CONTINUE = -1;
export const RETURN = -2;

/** Where a rule stands, as the checks of matches and targets want to know it. */
export interface RuleSite {
  readonly table: TableName;
  /** Bit n: a packet at hook n may come here. */
  readonly hooks: number;
}
export type TableName = "raw" | "mangle" | "nat" | "filter";

/** Why a match or target may not stand where it is to stand, or how it is made ready. */
export type Check = (site: RuleSite) => Outcome;
