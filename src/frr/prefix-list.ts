import { formatPrefix, networkOf, type Prefix } from "../core/addr.ts";
import type { ConfigBlock } from "./vty.ts";

/** Lists of one kind, and rules of one list, at most. */
export const LISTS_MAX = 10_000;
export const RULES_MAX = 100_000;

export type Verdict = "permit" | "deny";

/** A rule of a prefix list. */
export interface PrefixRule {
  readonly seq: number;
  readonly verdict: Verdict;
  /** Without host bits. */
  readonly prefix: Prefix;
  /** Typed as `any`: 0.0.0.0/0 le 32. */
  readonly any: boolean;
  /** Length of a matching prefix at least, and at most; undefined: with neither, the length of `prefix` itself. */
  readonly ge: number | undefined;
  readonly le: number | undefined;
}

/** `ip prefix-list NAME`. */
export class PrefixList {
  readonly name: string;
  description = "";
  /** By sequence number. */
  rules: readonly PrefixRule[] = [];
  /** How often each rule decided, by sequence number. */
  readonly hits = new Map<number, number>();

  constructor(name: string) {
    this.name = name;
  }

  /** The first rule that matches decides; none: deny. A list without rules permits (lib/plist.c:prefix_list_apply_ext). */
  decide(p: Prefix): Verdict {
    if (this.rules.length === 0) return "permit";
    const rule = this.rules.find((r) => matches(r, p));
    if (rule === undefined) return "deny";
    this.hits.set(rule.seq, (this.hits.get(rule.seq) ?? 0) + 1);
    return rule.verdict;
  }
}

/** The prefix lists of one daemon, in the order of their making. */
export class PrefixLists {
  readonly #lists = new Map<string, PrefixList>();
  readonly #changed: (name: string) => void;
  /** The list that was changed last. */
  recent: string | undefined;

  /** `changed` is told of every list whose answers may be others now. */
  constructor(changed: (name: string) => void) {
    this.#changed = changed;
  }

  find(name: string): PrefixList | undefined {
    return this.#lists.get(name);
  }
  all(): readonly PrefixList[] {
    return [...this.#lists.values()];
  }

  /** Adds a rule; one without number goes to the end. False: there are too many. */
  add(name: string, rule: Omit<PrefixRule, "seq"> & { readonly seq?: number | undefined }): boolean {
    const list = this.#make(name);
    if (list === undefined || list.rules.length >= RULES_MAX) return false;
    const twin = rule.seq === undefined ? list.rules.find((r) => sameRule(r, rule)) : undefined;
    if (twin !== undefined) return true;
    const seq = rule.seq ?? nextSeq(list.rules);
    list.rules = withRule(list.rules, { ...rule, seq });
    this.#touch(name);
    return true;
  }
  /** Takes rules away. False: there was none such. */
  remove(name: string, unwanted: (rule: PrefixRule) => boolean): boolean {
    const list = this.#lists.get(name);
    if (list === undefined) return false;
    const left = list.rules.filter((r) => !unwanted(r));
    if (left.length === list.rules.length) return false;
    list.rules = left;
    if (left.length === 0 && list.description === "") this.#lists.delete(name);
    this.#touch(name);
    return true;
  }
  describe(name: string, description: string): boolean {
    if (description === "" && !this.#lists.has(name)) return true;
    const list = this.#make(name);
    if (list === undefined) return false;
    list.description = description;
    if (description === "" && list.rules.length === 0) this.drop(name);
    return true;
  }
  drop(name: string): void {
    if (this.#lists.delete(name)) this.#touch(name);
  }

  /** Its lines of the running configuration. */
  writeConfig(): readonly ConfigBlock[] {
    return this.all().map((list) => ({
      section: "prefix-list",
      head: "",
      lines: [
        ...(list.description === "" ? [] : [`ip prefix-list ${list.name} description ${list.description}`]),
        ...list.rules.map((r) => `ip prefix-list ${list.name} ${prefixRuleText(r)}`),
      ],
    }));
  }

  #make(name: string): PrefixList | undefined {
    const known = this.#lists.get(name);
    if (known !== undefined) return known;
    if (this.#lists.size >= LISTS_MAX) return undefined;
    const list = new PrefixList(name);
    this.#lists.set(name, list);
    return list;
  }
  #touch(name: string): void {
    this.recent = name;
    this.#changed(name);
  }
}

/** `seq 5 permit 10.0.0.0/8 le 24`. */
export function prefixRuleText(r: PrefixRule): string {
  const ge = r.ge === undefined ? "" : ` ge ${r.ge}`;
  const le = r.le === undefined ? "" : ` le ${r.le}`;
  return `seq ${r.seq} ${r.verdict} ${r.any ? "any" : formatPrefix(r.prefix) + ge + le}`;
}

/** The number of a rule that has none: the next multiple of five (lib/plist.c:prefix_new_seq_get). */
export const nextSeq = (rules: readonly { readonly seq: number }[]): number =>
  Math.floor((rules.at(-1)?.seq ?? 0) / 5) * 5 + 5;

/** Puts a rule in its place; the one with its number goes. */
export function withRule<R extends { readonly seq: number }>(rules: readonly R[], rule: R): readonly R[] {
  return [...rules.filter((r) => r.seq !== rule.seq), rule].sort((a, b) => a.seq - b.seq);
}

/** lib/plist.c:prefix_list_entry_match. */
function matches(r: PrefixRule, p: Prefix): boolean {
  if (p.length < r.prefix.length || networkOf(p.address, r.prefix.length) !== r.prefix.address) return false;
  if (r.ge === undefined && r.le === undefined) return p.length === r.prefix.length;
  return (r.le === undefined || p.length <= r.le) && (r.ge === undefined || p.length >= r.ge);
}

const sameRule = (a: Omit<PrefixRule, "seq">, b: Omit<PrefixRule, "seq">): boolean =>
  a.verdict === b.verdict &&
  a.prefix.address === b.prefix.address &&
  a.prefix.length === b.prefix.length &&
  a.any === b.any &&
  a.ge === b.ge &&
  a.le === b.le;
