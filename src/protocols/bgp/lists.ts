/** As-path access lists and community lists: what only BGP's policy has (bgpd/bgp_filter.c, bgp_clist.c). */

import type { Verdict } from "../../frr/prefix-list.ts";
import {
  communityText,
  extendedText,
  largeText,
  parseColor,
  parseCommunity,
  parseExtended,
  parseLarge,
  parseNodeTarget,
} from "./community.ts";

export interface TextRule {
  readonly seq: number;
  readonly verdict: Verdict;
  /** As typed. */
  readonly text: string;
  readonly test: RegExp;
}

/** A list of regular expressions. */
export class AsPathList {
  readonly name: string;
  rules: readonly TextRule[] = [];

  constructor(name: string) {
    this.name = name;
  }
  /** The first expression that matches decides; none: deny. */
  decide(text: string): Verdict {
    return this.rules.find((r) => r.test.test(text))?.verdict ?? "deny";
  }
}

/** Longest regular expression, and the characters that one may have: those of POSIX, `_` among them. */
const REGEX_MAX = 400;

/**
 * FRR's regular expressions (bgpd/bgp_regex.c): POSIX extended, and `_` stands for any delimiter: the ends, spaces, commas, braces and parentheses.
 * Undefined: it is none.
 */
export function asPathRegex(text: string): RegExp | undefined {
  if (text.length > REGEX_MAX || !/^([\d\s^$.*+?()[\]{}|,_-]|\\[^\w\s])*$/.test(text)) return undefined;
  try {
    return new RegExp(text.replaceAll("_", "(?:^|[,{}() ]|$)"));
  } catch {
    return undefined;
  }
}
/** The same for communities, whose text has letters and colons too. */
export function communityRegex(text: string): RegExp | undefined {
  if (text.length > REGEX_MAX || !/^([\w\s^$.*+?()[\]{}|,:-]|\\[^\w\s])*$/.test(text)) return undefined;
  try {
    return new RegExp(text.replaceAll("_", "(?:^|[,{}() ]|$)"));
  } catch {
    return undefined;
  }
}

export type CommunityKind = "community" | "large-community" | "extcommunity";

export interface CommunityRule {
  readonly seq: number;
  readonly verdict: Verdict;
  /** As the running configuration prints it. */
  readonly text: string;
  /** Standard: all of these must be there. Values as `Attributes` keeps them. */
  readonly values: readonly (number | string)[] | undefined;
  /** Expanded: tried on the whole text. */
  readonly test: RegExp | undefined;
}

/** `bgp community-list standard NAME …` and its like. */
export class CommunityList {
  readonly name: string;
  readonly kind: CommunityKind;
  readonly expanded: boolean;
  rules: readonly CommunityRule[] = [];

  constructor(name: string, kind: CommunityKind, expanded: boolean) {
    this.name = name;
    this.kind = kind;
    this.expanded = expanded;
  }
  /** bgpd/bgp_clist.c:community_list_match. */
  decide(has: readonly (number | string)[], text: string): Verdict {
    return this.rules.find((r) => ruleMatches(r, has, text, false))?.verdict ?? "deny";
  }
  /** `exact-match`: these and no others. */
  decideExactly(has: readonly (number | string)[], text: string): Verdict {
    return this.rules.find((r) => ruleMatches(r, has, text, true))?.verdict ?? "deny";
  }
  /** `any`: one of the communities is one that a rule names (bgpd/bgp_clist.c:community_list_any_match). */
  permitsAny(has: readonly (number | string)[], textOf: (value: number | string) => string): boolean {
    const names = (r: CommunityRule, c: number | string): boolean =>
      r.test?.test(textOf(c)) ?? r.values?.some((v) => v === INTERNET || v === c) ?? false;
    return has.some((c) => this.rules.find((r) => names(r, c))?.verdict === "permit");
  }
  /** Whether one community of many is permitted: for `set comm-list … delete` (bgpd/bgp_clist.c:community_list_match_delete). */
  permitsOne(value: number | string, text: string): boolean {
    return this.rules.find((r) => r.test?.test(text) ?? r.values?.includes(value) ?? false)?.verdict === "permit";
  }
}

function ruleMatches(r: CommunityRule, has: readonly (number | string)[], text: string, exact: boolean): boolean {
  if (r.test !== undefined) return r.test.test(text);
  const values = r.values ?? [];
  return values.every((v) => v === INTERNET || has.includes(v)) && (!exact || values.length === has.length);
}
/** `internet` matches everything. */
const INTERNET = 0;

/** Reads the values of a standard list; undefined: one of them is none. */
export function parseValues(kind: CommunityKind, words: readonly string[]): (number | string)[] | undefined {
  const values: (number | string)[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as string;
    let value: number | string | undefined;
    if (kind === "community") value = parseCommunity(word);
    else if (kind === "large-community") value = parseLarge(word);
    else if (word === "rt" || word === "soo") value = parseExtended(word, words[++i] ?? "");
    else if (word === "nt") value = parseNodeTarget(words[++i] ?? "");
    else if (word === "color") value = parseColor(words[++i] ?? "");
    if (value === undefined) return undefined;
    values.push(value);
  }
  return values;
}

export const valueText = (kind: CommunityKind, v: number | string): string =>
  kind === "community"
    ? communityText(v as number)
    : kind === "large-community"
      ? largeText(v as string)
      : extendedText(v as string);

/** Lists of one kind, and rules in one. */
const LISTS_MAX = 10_000;

/** Lists by name. */
class Table<L> {
  readonly #lists = new Map<string, L>();
  find(name: string): L | undefined {
    return this.#lists.get(name);
  }
  all(): readonly L[] {
    return [...this.#lists.values()];
  }
  reach(name: string, make: () => L): L | undefined {
    const known = this.#lists.get(name);
    if (known !== undefined || this.#lists.size >= LISTS_MAX) return known;
    const made = make();
    this.#lists.set(name, made);
    return made;
  }
  delete(name: string): boolean {
    return this.#lists.delete(name);
  }
}

/** All lists of a process. */
export class PolicyListTable {
  readonly asPaths = new Table<AsPathList>();
  readonly communities: Readonly<Record<CommunityKind, Table<CommunityList>>> = {
    community: new Table(),
    "large-community": new Table(),
    extcommunity: new Table(),
  };
}
