import { done, granted, type Outcome, refused } from "../../../core/errno.ts";
import { type Chain, copyChain, goesTo, makeChain, placeRule } from "./chain.ts";
import { hooksOf, makeMatch } from "./matches/matches.ts";
import { JUMPS_MAX, Program } from "./program.ts";
import type { Action, Matcher, Rule, RuleSpec, TableName } from "./rule.ts";
import { FORWARD, HOOK_NAMES, type HookState, LOCAL_IN, LOCAL_OUT, POST_ROUTING, PRE_ROUTING } from "./state.ts";
import { checkAction, isTarget, isVerdict, makeAction, type TargetContext } from "./targets/targets.ts";

/** XT_EXTENSION_MAXNAMELEN without the closing zero. */
const NAME_MAX = 28;
const CHAINS_MAX = 4096;
const RULES_MAX = 1 << 17;

/** The built-in chains of each table, by their hooks. */
export const TABLE_HOOKS: Readonly<Record<TableName, readonly number[]>> = {
  raw: [PRE_ROUTING, LOCAL_OUT],
  mangle: [PRE_ROUTING, LOCAL_IN, FORWARD, LOCAL_OUT, POST_ROUTING],
  nat: [PRE_ROUTING, LOCAL_IN, LOCAL_OUT, POST_ROUTING],
  filter: [LOCAL_IN, FORWARD, LOCAL_OUT],
};
export const TABLE_NAMES: readonly TableName[] = ["filter", "nat", "mangle", "raw"];

const NO_CHAIN = "No chain/target/match by that name.";
const NO_RULE = "Bad rule (does a matching rule exist in that chain?).";
const BAD_POLICY = "Bad built-in chain name.";

/** A table of rules, with the requests of `iptables`, refused as it words them. */
export class Table {
  readonly name: TableName;
  readonly #context: TargetContext;
  /** Called after every change. */
  readonly #changed: (table: Table) => void;
  /** Built-in chains first, then those that were made, in that order. */
  #chains: Map<string, Chain>;
  #program: Program | null = null;
  /** A rule that was here once asks for flows, or translates. */
  tracks = false;
  translates = false;
  /** Whether it was changed since it was made, or cleared: Linux shows no others. */
  exists = false;

  constructor(name: TableName, context: TargetContext, changed: (table: Table) => void) {
    this.name = name;
    this.#context = context;
    this.#changed = changed;
    this.#chains = builtIn(name);
  }

  /** Walks the chain of a hook. */
  run(s: HookState): number {
    this.#program ??= new Program(this.name, [...this.#chains.values()]);
    return this.#program.run(s);
  }

  /** The chains, built-in ones first; rules and counters as they are now. */
  chains(): readonly Chain[] {
    return [...this.#chains.values()];
  }
  chain(name: string): Chain | undefined {
    return this.#chains.get(name);
  }
  /** How many rules go to a chain, as `iptables -L` prints it. */
  references(name: string): number {
    return this.chains().reduce((n, chain) => n + (chain.goes.get(name) ?? 0), 0);
  }

  // --- rules ---------------------------------------------------------------------------------------------------

  /** `iptables -A`. */
  append(name: string, spec: RuleSpec): Outcome {
    const chain = this.#chains.get(name);
    return chain === undefined ? refused("ENOENT", NO_CHAIN) : this.#place(chain, chain.rules.length, 0, spec);
  }
  /** `iptables -I chain number`: from 1 on. */
  insert(name: string, spec: RuleSpec, number = 1): Outcome {
    const chain = this.#chains.get(name);
    if (chain === undefined) return refused("ENOENT", NO_CHAIN);
    if (number < 1 || number > chain.rules.length + 1) return refused("E2BIG", "Index of insertion too big.");
    return this.#place(chain, number - 1, 0, spec);
  }
  /** `iptables -R`. */
  replace(name: string, number: number, spec: RuleSpec): Outcome {
    const chain = this.#chains.get(name);
    if (chain === undefined) return refused("ENOENT", NO_CHAIN);
    if (number < 1 || number > chain.rules.length) return refused("E2BIG", "Index of replacement too big.");
    return this.#place(chain, number - 1, 1, spec);
  }
  /** `iptables -D`: by number, or the first rule like `which`. */
  delete(name: string, which: number | RuleSpec): Outcome {
    const chain = this.#chains.get(name);
    if (chain === undefined) return refused("ENOENT", NO_CHAIN);
    const at = typeof which === "number" ? which - 1 : findRule(chain, which);
    if (typeof which === "number" && (at < 0 || at >= chain.rules.length))
      return refused("E2BIG", "Index of deletion too big.");
    if (at < 0) return refused("ENOENT", NO_RULE);
    const [gone] = placeRule(chain, at, 1);
    if (gone !== undefined && goesTo(gone) !== undefined) this.#reach();
    return this.#touch();
  }
  /** `iptables -C`. */
  check(name: string, spec: RuleSpec): Outcome {
    const chain = this.#chains.get(name);
    if (chain === undefined) return refused("ENOENT", NO_CHAIN);
    return findRule(chain, spec) < 0 ? refused("ENOENT", NO_RULE) : done;
  }

  // --- chains --------------------------------------------------------------------------------------------------

  /** `iptables -F`: one chain's rules, or all. */
  flush(name?: string): Outcome {
    const chains = this.#some(name);
    if (chains === undefined) return refused("ENOENT", NO_CHAIN);
    for (const chain of chains) {
      chain.rules.length = 0;
      chain.goes.clear();
    }
    this.#reach();
    return this.#touch();
  }
  /** `iptables -Z`: counters of all chains, of one, or of one rule. */
  zero(name?: string, number?: number): Outcome {
    const chains = this.#some(name);
    if (chains === undefined) return refused("ENOENT", NO_CHAIN);
    if (number !== undefined && chains[0]?.rules[number - 1] === undefined)
      return refused("E2BIG", "Index of zeroing too big.");
    for (const chain of chains) {
      if (number === undefined) chain.packets = chain.bytes = 0;
      for (const rule of number === undefined ? chain.rules : chain.rules.slice(number - 1, number)) {
        rule.packets = 0;
        rule.bytes = 0;
      }
    }
    return done;
  }
  /** `iptables -N`. */
  newChain(name: string): Outcome {
    const bad = this.#badName(name);
    if (bad !== undefined) return bad;
    if (this.#chains.has(name)) return refused("EEXIST", "Chain already exists.");
    if (this.#chains.size >= CHAINS_MAX) return refused("ENOSPC");
    this.#chains.set(name, makeChain(name, -1));
    return this.#touch();
  }
  /** `iptables -X`: one chain that is empty and that no rule goes to, or all of them. */
  deleteChain(name?: string): Outcome {
    if (name === undefined) {
      const made = this.chains().filter((c) => c.hook < 0);
      if (made.some((c) => c.rules.length > 0 || this.references(c.name) > 0)) return refused("EBUSY");
      for (const chain of made) this.#chains.delete(chain.name);
      return this.#touch();
    }
    const chain = this.#chains.get(name);
    if (chain === undefined || chain.hook >= 0) return refused("ENOENT", NO_CHAIN);
    if (this.references(name) > 0 || chain.rules.length > 0) return refused("EBUSY");
    this.#chains.delete(name);
    return this.#touch();
  }
  /** `iptables -E`. Rules that go there follow. */
  renameChain(from: string, to: string): Outcome {
    const chain = this.#chains.get(from);
    if (chain === undefined || chain.hook >= 0) return refused("ENOENT", NO_CHAIN);
    const bad = this.#badName(to);
    if (bad !== undefined) return bad;
    if (this.#chains.has(to)) return refused("EEXIST", "File exists.");
    chain.name = to;
    for (const each of this.#chains.values()) {
      const rules = each.goes.get(from);
      if (rules === undefined) continue;
      for (const [i, rule] of each.rules.entries()) each.rules[i] = renamed(rule, from, to);
      each.goes.delete(from);
      each.goes.set(to, rules);
    }
    this.#chains = new Map(this.chains().map((c) => [c.name, c]));
    return this.#touch();
  }
  /** `iptables -P`. */
  policy(name: string, policy: "ACCEPT" | "DROP"): Outcome {
    const chain = this.#chains.get(name);
    if (chain === undefined || chain.hook < 0) return refused("EINVAL", BAD_POLICY);
    if (this.name === "nat" && policy === "DROP")
      return refused(
        "EINVAL",
        'The "nat" table is not intended for filtering, the use of DROP is therefore inhibited.',
      );
    chain.policy = policy;
    return this.#touch();
  }

  /** Empties the table: no chains but the built-in ones, which accept. */
  clear(): void {
    this.#chains = builtIn(this.name);
    this.#program = null;
    this.exists = false;
  }

  /** Does several changes as one: when it returns false, none of them was made. */
  transaction(change: () => boolean): void {
    const before = new Map([...this.#chains].map(([name, chain]) => [name, copyChain(chain)]));
    const { exists } = this;
    if (change()) return;
    this.#chains = before;
    this.#program = null;
    this.exists = exists;
  }

  // --- inside --------------------------------------------------------------------------------------------------

  #place(chain: Chain, at: number, instead: number, spec: RuleSpec): Outcome {
    const rules = this.chains().reduce((n, c) => n + c.rules.length, 0);
    if (rules >= RULES_MAX) return refused("ENOSPC");
    const made = this.#make(spec);
    if (!made.ok) return made;
    const fits = this.#check(made.value, chain.hooks);
    if (!fits.ok) return fits;
    const to = goesTo(made.value);
    const isNew = to !== undefined && !chain.goes.has(to);
    const old = placeRule(chain, at, instead, made.value);
    const reached = isNew || old.some((rule) => goesTo(rule) !== undefined) ? this.#reach() : done;
    if (reached.ok) {
      const { action, matchers } = made.value;
      this.tracks ||= action?.tracks === true || matchers.some((m) => m.tracks === true);
      this.translates ||= action?.translates === true;
      return this.#touch();
    }
    placeRule(chain, at, 1, old[0]);
    this.#reach();
    return reached;
  }

  #make(spec: RuleSpec): Outcome<Rule> {
    const { target } = spec;
    // A rule that no address can fit.
    if ([spec.source, spec.destination].some((a) => a?.mask === 0 && a.invert === true)) return refused("EINVAL");
    if (target !== undefined && (target.kind === "jump" || target.kind === "goto")) {
      const chain = this.#chains.get(target.chain);
      if (chain === undefined) return refused("ENOENT", `Chain '${target.chain}' does not exist`);
      if (chain.hook >= 0) return refused("EOPNOTSUPP"); // net/netfilter/nf_tables_api.c:nft_verdict_init
    }
    const matchers: Matcher[] = [];
    for (const match of spec.matches ?? []) {
      const made = makeMatch(match, spec, this.#context);
      if (!made.ok) return made;
      matchers.push(made.value);
    }
    let action: Action | null = null;
    if (target !== undefined && !isVerdict(target)) {
      const made = makeAction(target, spec, this.#context);
      if (!made.ok) return made;
      action = made.value;
    }
    return granted({ spec, packets: 0, bytes: 0, matchers, action, where: "" });
  }

  /** Whether a rule may stand where packets of these hooks come. */
  #check(rule: Rule, hooks: number): Outcome {
    const { spec } = rule;
    const site = { table: this.name, hooks };
    if ((spec.matches ?? []).some((m) => (hooks & ~hooksOf(m)) !== 0)) return refused("EINVAL");
    const { target } = spec;
    return target === undefined || isVerdict(target) ? done : checkAction(target, spec, site);
  }

  /**
   * Finds out from which hooks each chain is reached, and whether all rules may be asked there. Refused are loops, and more
   * jumps inside one another than a packet may be in (net/netfilter/nf_tables_api.c:nft_chain_validate).
   */
  #reach(): Outcome {
    const before = new Map(this.chains().map((c) => [c, c.hooks]));
    for (const chain of before.keys()) chain.hooks = chain.hook < 0 ? 0 : 1 << chain.hook;
    for (const chain of before.keys())
      if (chain.hook >= 0 && !this.#walk(chain, 1 << chain.hook, 1, new Map())) return refused("EMLINK");
    for (const [chain, hooks] of before) {
      if ((chain.hooks & ~hooks) === 0) continue;
      for (const rule of chain.rules) {
        const fits = this.#check(rule, chain.hooks);
        if (!fits.ok) return fits;
      }
    }
    return done;
  }

  /** Marks what is reached from a chain; `deepest` is how deep each chain was entered. A loop ends too deep. */
  #walk(chain: Chain, bit: number, depth: number, deepest: Map<Chain, number>): boolean {
    if (depth > JUMPS_MAX) return false;
    if ((deepest.get(chain) ?? 0) >= depth) return true;
    deepest.set(chain, depth);
    for (const name of chain.goes.keys()) {
      const to = this.#chains.get(name) as Chain;
      to.hooks |= bit;
      if (!this.#walk(to, bit, depth + 1, deepest)) return false;
    }
    return true;
  }

  #touch(): Outcome {
    this.#program = null;
    this.exists = true;
    this.#changed(this);
    return done;
  }

  #some(name: string | undefined): Chain[] | undefined {
    if (name === undefined) return [...this.#chains.values()];
    const chain = this.#chains.get(name);
    return chain === undefined ? undefined : [chain];
  }

  #badName(name: string): Outcome | undefined {
    if (isTarget(name)) return refused("EINVAL", "chain name may not clash with target name");
    if (name.length === 0 || name.length > NAME_MAX)
      return refused("EINVAL", `chain name \`${name}' too long (must be under ${NAME_MAX + 1} chars)`);
    if (/^[-!]/.test(name)) return refused("EINVAL", "chain name not allowed to start with `" + name.charAt(0) + "'");
    return /\s/.test(name) ? refused("EINVAL", "Invalid chain name") : undefined;
  }
}

function builtIn(table: TableName): Map<string, Chain> {
  return new Map(
    TABLE_HOOKS[table].map((hook) => {
      const name = HOOK_NAMES[hook] as string;
      return [name, makeChain(name, hook)];
    }),
  );
}

const findRule = (chain: Chain, spec: RuleSpec): number => {
  const wanted = canonical(spec);
  return chain.rules.findIndex((rule) => canonical(rule.spec) === wanted);
};

/** The same text for rules that say the same. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "";
  const entries = Object.entries(value).filter(([, v]) => v !== undefined && v !== false);
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([k, v]) => `${k}:${canonical(v)}`).join()}}`;
}

function renamed(rule: Rule, from: string, to: string): Rule {
  const { target } = rule.spec;
  if (target === undefined || (target.kind !== "jump" && target.kind !== "goto") || target.chain !== from) return rule;
  return { ...rule, spec: { ...rule.spec, target: { ...target, chain: to } } };
}
