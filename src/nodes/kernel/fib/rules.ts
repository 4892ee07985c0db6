import { type Ipv4, maskOf } from "../../../core/addr.ts";
import { granted, type Outcome, type Refused, refused } from "../../../core/errno.ts";
import type { FibHost } from "./host.ts";
import { PROTOCOL_KERNEL, TABLE_DEFAULT, TABLE_LOCAL, TABLE_MAIN } from "./route.ts";
import { TOS_MASK } from "./search.ts";
import type { FibTable } from "./table.ts";

/** What is asked of the tables. Mutable, so that callers reuse one. */
export interface Flow {
  dst: Ipv4;
  /** 0: not chosen yet. */
  src: Ipv4;
  /** The DS field. */
  tos: number;
  mark: number;
  /** The device that the packet came by; the loopback's for packets made here. */
  iif: number;
  /** The device that it must leave by; 0: any. */
  oif: number;
}

export type RuleAction = "table" | "goto" | "nop" | "blackhole" | "unreachable" | "prohibit";

/** A request about a policy rule, as `ip rule` would put it. What is left out is not looked at. */
export interface RuleSpec {
  /** One below the first rule that is not 0 when left out. */
  readonly priority?: number;
  /** The selector's sense turned round. */
  readonly not?: boolean;
  readonly from?: Ipv4;
  readonly fromLength?: number;
  readonly to?: Ipv4;
  readonly toLength?: number;
  readonly tos?: number;
  readonly mark?: number;
  /** All bits of a mark that is not 0 when left out. */
  readonly markMask?: number;
  readonly iif?: string;
  readonly oif?: string;
  readonly action?: RuleAction;
  /** 0: the lowest table that does not exist yet, which is made. Main when left out on adding. */
  readonly table?: number;
  readonly goto?: number;
  /** A route found is passed over when its prefix is not longer. */
  readonly suppressPrefixLength?: number;
  readonly protocol?: number;
}

/** A policy rule. */
export class Rule {
  readonly priority: number;
  readonly not: boolean;
  readonly from: Ipv4;
  readonly fromLength: number;
  readonly to: Ipv4;
  readonly toLength: number;
  readonly tos: number;
  readonly mark: number;
  readonly markMask: number;
  /** Device names; empty: any. */
  readonly iif: string;
  readonly oif: string;
  readonly action: RuleAction;
  readonly table: number;
  readonly goto: number;
  /** −1: none. */
  readonly suppressPrefixLength: number;
  readonly protocol: number;
  readonly #fromMask: number;
  readonly #toMask: number;
  /** The table, once it exists. Set by the owner of the tables. */
  tableFound: FibTable | null = null;
  /** Where `goto` leads: a place in the list, −1 while no such rule exists. */
  target = -1;

  constructor(priority: number, table: number, spec: RuleSpec) {
    this.priority = priority;
    this.table = table;
    this.not = spec.not ?? false;
    this.from = spec.from ?? 0;
    this.fromLength = spec.fromLength ?? (spec.from === undefined ? 0 : 32);
    this.to = spec.to ?? 0;
    this.toLength = spec.toLength ?? (spec.to === undefined ? 0 : 32);
    this.tos = spec.tos ?? 0;
    this.mark = spec.mark ?? 0;
    this.markMask = spec.markMask ?? (this.mark === 0 ? 0 : 0xffffffff);
    this.iif = spec.iif ?? "";
    this.oif = spec.oif ?? "";
    this.action = spec.action ?? "table";
    this.goto = spec.goto ?? 0;
    this.suppressPrefixLength = spec.suppressPrefixLength ?? -1;
    this.protocol = spec.protocol ?? 0;
    this.#fromMask = maskOf(this.fromLength) | 0;
    this.#toMask = maskOf(this.toLength) | 0;
  }

  /** Whether the rule is about this flow (net/core/fib_rules.c:fib_rule_match). Devices are told by their names. */
  covers(flow: Flow, host: FibHost): boolean {
    return this.#selects(flow, host) !== this.not;
  }

  #selects(flow: Flow, host: FibHost): boolean {
    if (((flow.src ^ this.from) & this.#fromMask) !== 0 || ((flow.dst ^ this.to) & this.#toMask) !== 0) return false;
    if (((flow.mark ^ this.mark) & this.markMask) !== 0) return false;
    if (this.tos !== 0 && this.tos !== (flow.tos & TOS_MASK)) return false;
    if (this.iif !== "" && this.iif !== host.device(flow.iif)?.name) return false;
    return this.oif === "" || this.oif === host.device(flow.oif)?.name;
  }
}

export const RULES_MAX = 4_096;

/** The rules that every namespace starts with (net/ipv4/fib_rules.c:fib_default_rules_init). */
const BY_KERNEL: RuleSpec = { protocol: PROTOCOL_KERNEL };
const DEFAULTS: readonly Rule[] = [
  new Rule(0, TABLE_LOCAL, BY_KERNEL),
  new Rule(32_766, TABLE_MAIN, BY_KERNEL),
  new Rule(32_767, TABLE_DEFAULT, BY_KERNEL),
];

/** The routing policy database: rules in the order of their priorities. */
export class RuleList {
  #rules: readonly Rule[] = DEFAULTS;

  get list(): readonly Rule[] {
    return this.#rules;
  }

  /** Checks a request and works out the rule (net/core/fib_rules.c:fib_newrule). `emptyTable` finds a table for number 0. */
  check(spec: RuleSpec, emptyTable: () => number | undefined): Outcome<Rule> {
    const priority = spec.priority ?? this.#defaultPriority();
    const bad = badForm(spec, priority);
    if (bad !== undefined) return bad;
    const action = spec.action ?? "table";
    const table = action === "table" ? (spec.table ?? TABLE_MAIN) : (spec.table ?? 0);
    const rule = new Rule(priority, table, spec);
    if (this.#rules.some((old) => same(old, rule, spec))) return refused("EEXIST");
    const tos = spec.tos ?? 0;
    if ((tos & 3) !== 0) return refused("EINVAL", "Invalid dsfield (tos): ECN bits must be 0");
    if ((tos & ~0x1e) !== 0) return refused("EINVAL", "Invalid tos");
    if (this.#rules.length >= RULES_MAX) return refused("ENOBUFS");
    if (table !== 0 || action !== "table") return granted(rule);
    const empty = emptyTable();
    return empty === undefined ? refused("ENOBUFS") : granted(new Rule(priority, empty, spec));
  }

  /** Puts a rule behind those of its priority. */
  insert(rule: Rule): void {
    const at = this.#rules.findIndex((old) => old.priority > rule.priority);
    const rules = at < 0 ? [...this.#rules, rule] : [...this.#rules.slice(0, at), rule, ...this.#rules.slice(at)];
    this.#set(rules);
  }

  /** The first rule that has all of what the request names (net/core/fib_rules.c:rule_find). */
  find(spec: RuleSpec): Outcome<Rule> {
    const bad = badForm(spec, spec.priority ?? this.#defaultPriority());
    if (bad !== undefined) return bad;
    const rule = this.#rules.find((other) => means(other, spec));
    return rule === undefined ? refused("ENOENT") : granted(rule);
  }

  remove(rule: Rule): void {
    this.#set(this.#rules.filter((old) => old !== rule));
  }

  /** Takes copies, for the default ones are everybody's, and resolves jumps: the first rule of the priority is meant. */
  #set(rules: readonly Rule[]): void {
    this.#rules = rules.map((rule) =>
      DEFAULTS.includes(rule) ? new Rule(rule.priority, rule.table, BY_KERNEL) : rule,
    );
    for (const rule of this.#rules) {
      if (rule.action === "goto") rule.target = this.#rules.findIndex((other) => other.priority === rule.goto);
    }
  }

  /** net/core/fib_rules.c:fib_default_rule_pref: below the second rule, whatever the first is. */
  #defaultPriority(): number {
    const second = this.#rules[1];
    return second === undefined || second.priority === 0 ? 0 : second.priority - 1;
  }
}

/** What is wrong with a request in itself, to add or to delete (net/core/fib_rules.c:fib_nl2rule). */
function badForm(spec: RuleSpec, priority: number): Refused | undefined {
  if ((spec.fromLength ?? 0) > 32) return refused("EINVAL", "Invalid source address");
  if ((spec.toLength ?? 0) > 32) return refused("EINVAL", "Invalid dst address");
  if (spec.action !== "goto") return spec.goto === undefined ? undefined : refused("EINVAL", "Unexpected goto");
  if (spec.goto === undefined) return refused("EINVAL", "Missing goto target for action goto");
  return spec.goto <= priority ? refused("EINVAL", "Backward goto not supported") : undefined;
}

/** Nothing in the new rule tells it from the old one; selectors that the request leaves out do not count (`rule_exists`). */
function same(old: Rule, rule: Rule, spec: RuleSpec): boolean {
  return (
    old.action === rule.action &&
    old.table === rule.table &&
    old.priority === rule.priority &&
    old.iif === rule.iif &&
    old.oif === rule.oif &&
    old.mark === rule.mark &&
    old.markMask === rule.markMask &&
    old.suppressPrefixLength === rule.suppressPrefixLength &&
    old.protocol === rule.protocol &&
    sameSelector(old, spec)
  );
}

/** net/ipv4/fib_rules.c:fib4_rule_compare. */
function sameSelector(rule: Rule, spec: RuleSpec): boolean {
  const from = spec.fromLength ?? (spec.from === undefined ? 0 : 32);
  const to = spec.toLength ?? (spec.to === undefined ? 0 : 32);
  if (from !== 0 && (rule.fromLength !== from || rule.from !== (spec.from ?? 0))) return false;
  if (to !== 0 && (rule.toLength !== to || rule.to !== (spec.to ?? 0))) return false;
  return !spec.tos || spec.tos === rule.tos;
}

function means(rule: Rule, spec: RuleSpec): boolean {
  const markMask = spec.markMask ?? (spec.mark ? 0xffffffff : 0);
  return (
    (spec.action === undefined || spec.action === rule.action) &&
    (!spec.table || spec.table === rule.table) &&
    (spec.priority === undefined || spec.priority === rule.priority) &&
    (!spec.iif || spec.iif === rule.iif) &&
    (!spec.oif || spec.oif === rule.oif) &&
    (!spec.mark || spec.mark === rule.mark) &&
    (markMask === 0 || markMask === rule.markMask) &&
    (spec.suppressPrefixLength === undefined || spec.suppressPrefixLength === rule.suppressPrefixLength) &&
    (!spec.protocol || spec.protocol === rule.protocol) &&
    sameSelector(rule, spec)
  );
}
