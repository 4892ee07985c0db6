import type { Args } from "./pattern.ts";
import type { PolicyLists } from "./policy.ts";
import { LISTS_MAX, RULES_MAX, type Verdict } from "./prefix-list.ts";
import type { ConfigBlock } from "./vty.ts";

/** A kind of `match` clause. A daemon lists the kinds that it knows: see `installPolicy`. */
export interface MatchRule<Subject> extends RuleWords {
  /**
   * Makes the test of a clause, once; undefined from the test: the clause does not apply to this route, and is passed over (RMAP_NOOP).
   * Left out: the daemon keeps and writes the clause and never asks it, as FRR does where a daemon has no hook for it.
   */
  readonly compile?: (value: string, lists: PolicyLists) => (subject: Subject) => boolean | undefined;
}

/** A kind of `set` clause. */
export interface SetRule<Subject> extends RuleWords {
  readonly compile?: (value: string, lists: PolicyLists) => (subject: Subject) => void;
}

export interface RuleWords {
  /** The words behind `match` or `set`: `ip address prefix-list`. A later clause of that name takes the place of the first. */
  readonly name: string;
  /** FRR's pattern of what follows; empty: nothing. */
  readonly pattern: string;
  /** What is kept of it, as the running configuration prints it; the value named `value` unless told. */
  readonly value?: (args: Args) => string | { readonly refused: string };
  /** The kind of list that the first word of the value names: a change there is a change of the route map. */
  readonly refers?: string;
}

/** A clause of a route map. */
export interface Clause<Rule, Run> {
  readonly rule: Rule;
  readonly value: string;
  readonly run: Run | undefined;
}
type MatchClause<S> = Clause<MatchRule<S>, (subject: S) => boolean | undefined>;
type SetClause<S> = Clause<SetRule<S>, (subject: S) => void>;

/** What follows a permitted match: the end, the next entry, or the first one from a number on. */
export type OnMatch = "exit" | "next" | number;

/** `route-map NAME permit 10`. */
export class RouteMapEntry<Subject> {
  readonly map: RouteMap<Subject>;
  readonly seq: number;
  verdict: Verdict;
  description = "";
  matches: readonly MatchClause<Subject>[] = [];
  sets: readonly SetClause<Subject>[] = [];
  /** Another route map that is asked as well. */
  call = "";
  onMatch: OnMatch = "exit";
  /** How often it was asked. */
  invoked = 0;

  constructor(map: RouteMap<Subject>, seq: number, verdict: Verdict) {
    this.map = map;
    this.seq = seq;
    this.verdict = verdict;
  }

  /** Sets a clause; one of the same name goes. */
  match(rule: MatchRule<Subject>, value: string): void {
    const run = rule.compile?.(value, this.map.table.lists);
    this.matches = [...this.matches.filter((c) => c.rule.name !== rule.name), { rule, value, run }];
    this.changed();
  }
  set(rule: SetRule<Subject>, value: string): void {
    const run = rule.compile?.(value, this.map.table.lists);
    this.sets = [...this.sets.filter((c) => c.rule.name !== rule.name), { rule, value, run }];
    this.changed();
  }
  /** Takes a clause away; with a value only the one that has it. */
  unmatch(name: string, value?: string): void {
    this.matches = this.matches.filter((c) => c.rule.name !== name || (value !== undefined && c.value !== value));
    this.changed();
  }
  unset(name: string, value?: string): void {
    this.sets = this.sets.filter((c) => c.rule.name !== name || (value !== undefined && c.value !== value));
    this.changed();
  }
  changed(): void {
    this.map.table.changed(this.map.name);
  }

  /** lib/routemap.c:route_map_apply_match: all must hold; those that do not apply do not count, unless none does. */
  asks(subject: Subject): "match" | "no match" | "no answer" {
    if (this.matches.length === 0) return "match";
    let matched = false;
    let asked = false;
    for (const { run } of this.matches) {
      if (run === undefined) continue;
      asked = true;
      const answer = run(subject);
      if (answer === false) return "no match";
      if (answer === true) matched = true;
    }
    return matched || !asked ? "match" : "no answer";
  }
}

/** A route map: entries by sequence number. */
export class RouteMap<Subject> {
  readonly table: RouteMapTable<Subject>;
  readonly name: string;
  entries: readonly RouteMapEntry<Subject>[] = [];
  /** How often it was asked. */
  invoked = 0;

  constructor(table: RouteMapTable<Subject>, name: string) {
    this.table = table;
    this.name = name;
  }
}

/** Route maps calling each other, at most (lib/routemap.h:RMAP_RECURSION_LIMIT). */
const CALLS_MAX = 10;

/** The route maps of one daemon, in the order of their making. `Subject`: a route as the daemon's clauses see and change it. */
export class RouteMapTable<Subject> {
  readonly lists: PolicyLists;
  /** Maps whose change the daemon has still to take in: `show route-map` tells. */
  readonly pending = new Set<string>();
  readonly #maps = new Map<string, RouteMap<Subject>>();
  readonly #changed: (name: string) => void;

  constructor(lists: PolicyLists, changed: (name: string) => void) {
    this.lists = lists;
    this.#changed = changed;
  }

  find(name: string): RouteMap<Subject> | undefined {
    return this.#maps.get(name);
  }
  all(): readonly RouteMap<Subject>[] {
    return [...this.#maps.values()];
  }

  /** What a route map says to a route, which its `set` clauses change. A map that is not there denies (lib/routemap.c:route_map_apply_ext). */
  apply(name: string, subject: Subject): Verdict {
    return this.#apply(name, subject, 0, subject);
  }
  /** The same, but what it sets, it sets of another route. */
  applyTo(name: string, subject: Subject, changed: Subject): Verdict {
    return this.#apply(name, subject, 0, changed);
  }

  /** The entry of that number, made if need be; undefined: there are too many. */
  entry(name: string, seq: number, verdict: Verdict): RouteMapEntry<Subject> | undefined {
    const map = this.#maps.get(name) ?? new RouteMap(this, name);
    const known = map.entries.find((e) => e.seq === seq);
    if (known !== undefined) {
      if (known.verdict !== verdict) {
        known.verdict = verdict;
        this.changed(name);
      }
      return known;
    }
    if (this.#maps.size >= LISTS_MAX || map.entries.length >= RULES_MAX) return undefined;
    const entry = new RouteMapEntry(map, seq, verdict);
    map.entries = [...map.entries, entry].sort((a, b) => a.seq - b.seq);
    this.#maps.set(name, map);
    this.changed(name);
    return entry;
  }
  /** Takes an entry away, or without number the whole map. */
  drop(name: string, seq?: number): void {
    const map = this.#maps.get(name);
    if (map === undefined) return;
    map.entries = seq === undefined ? [] : map.entries.filter((e) => e.seq !== seq);
    if (map.entries.length === 0) this.#maps.delete(name);
    this.changed(name);
  }
  changed(name: string): void {
    this.#changed(name);
  }

  /** The maps that look at a list, or call a map, directly. `kind`: as `RuleWords.refers`, or `route-map`. */
  users(kind: string, name: string): readonly string[] {
    const uses = (e: RouteMapEntry<Subject>): boolean =>
      (kind === "route-map" && e.call === name) ||
      [...e.matches, ...e.sets].some((c) => c.rule.refers === kind && c.value.split(" ")[0] === name);
    return this.all().flatMap((map) => (map.entries.some(uses) ? [map.name] : []));
  }

  /** Its blocks of the running configuration. */
  writeConfig(): readonly ConfigBlock[] {
    return this.all().flatMap((map) => map.entries.map(blockOf));
  }

  #apply(name: string, subject: Subject, calls: number, changed: Subject): Verdict {
    const map = this.#maps.get(name);
    if (map === undefined || calls > CALLS_MAX) return "deny";
    map.invoked++;
    let verdict: Verdict = "deny";
    for (let i = 0; i < map.entries.length; i++) {
      const entry = map.entries[i] as RouteMapEntry<Subject>;
      entry.invoked++;
      if (entry.asks(subject) !== "match") continue;
      if (entry.verdict === "deny") return "deny";
      verdict = "permit";
      for (const { run } of entry.sets) run?.(changed);
      if (entry.call !== "" && this.#maps.has(entry.call))
        verdict = this.#apply(entry.call, subject, calls + 1, changed);
      if (verdict === "deny" || entry.onMatch === "exit") return verdict;
      const { onMatch } = entry;
      if (onMatch === "next") continue;
      const next = map.entries.findIndex((e) => e.seq >= onMatch);
      if (next < 0) return verdict;
      i = next - 1;
    }
    return verdict;
  }
}

function blockOf<S>(e: RouteMapEntry<S>): ConfigBlock {
  const words = (verb: string, c: Clause<RuleWords, unknown>): string =>
    ` ${verb} ${c.rule.name}${c.value === "" ? "" : ` ${c.value}`}`;
  return {
    section: "route-map",
    head: `route-map ${e.map.name} ${e.verdict} ${e.seq}`,
    lines: [
      ...(e.description === "" ? [] : [` description ${e.description}`]),
      ...e.matches.map((c) => words("match", c)),
      ...e.sets.map((c) => words("set", c)),
      ...(e.call === "" ? [] : [` call ${e.call}`]),
      ...(e.onMatch === "exit" ? [] : [e.onMatch === "next" ? " on-match next" : ` on-match goto ${e.onMatch}`]),
    ],
    end: "exit",
  };
}
