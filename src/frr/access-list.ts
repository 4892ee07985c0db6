import { formatIp, formatPrefix, type Ipv4, maskOf, networkOf, type Prefix } from "../core/addr.ts";
import { LISTS_MAX, nextSeq, RULES_MAX, type Verdict, withRule } from "./prefix-list.ts";
import type { ConfigBlock } from "./vty.ts";

/** What a rule of an access list looks at. Masks are wildcards: their bits do not matter. */
export type AccessMatch =
  | { readonly kind: "prefix"; readonly prefix: Prefix; readonly exact: boolean }
  | { readonly kind: "standard"; readonly address: Ipv4; readonly wildcard: Ipv4 }
  | {
      readonly kind: "extended";
      readonly source: Ipv4;
      readonly sourceWildcard: Ipv4;
      readonly destination: Ipv4;
      readonly destinationWildcard: Ipv4;
    };

export interface AccessRule {
  readonly seq: number;
  readonly verdict: Verdict;
  readonly match: AccessMatch;
}

/** `access-list NAME`. */
export class AccessList {
  readonly name: string;
  remark = "";
  /** By sequence number. */
  rules: readonly AccessRule[] = [];

  constructor(name: string) {
    this.name = name;
  }
  /** The first rule that matches decides; none: deny (lib/filter.c:access_list_apply). */
  decide(p: Prefix): Verdict {
    return this.rules.find((r) => matches(r.match, p))?.verdict ?? "deny";
  }
}

/** The access lists of one daemon, in the order of their making. */
export class AccessLists {
  readonly #lists = new Map<string, AccessList>();
  readonly #changed: (name: string) => void;

  /** `changed` is told of every list whose answers may be others now. */
  constructor(changed: (name: string) => void) {
    this.#changed = changed;
  }

  find(name: string): AccessList | undefined {
    return this.#lists.get(name);
  }
  all(): readonly AccessList[] {
    return [...this.#lists.values()];
  }

  /** Adds a rule; one without number goes to the end, unless it is there. False: there are too many. */
  add(name: string, seq: number | undefined, verdict: Verdict, match: AccessMatch): boolean {
    const list = this.#make(name);
    if (list === undefined || list.rules.length >= RULES_MAX) return false;
    const text = accessMatchText(match);
    const twin = list.rules.some((r) => r.verdict === verdict && accessMatchText(r.match) === text);
    if (seq === undefined && twin) return true;
    list.rules = withRule(list.rules, { seq: seq ?? nextSeq(list.rules), verdict, match });
    this.#changed(name);
    return true;
  }
  /** Takes rules away. False: there was none such. */
  remove(name: string, unwanted: (rule: AccessRule) => boolean): boolean {
    const list = this.#lists.get(name);
    const left = list?.rules.filter((r) => !unwanted(r)) ?? [];
    if (list === undefined || left.length === list.rules.length) return false;
    list.rules = left;
    if (left.length === 0 && list.remark === "") this.#lists.delete(name);
    this.#changed(name);
    return true;
  }
  remark(name: string, remark: string): boolean {
    if (remark === "" && !this.#lists.has(name)) return true;
    const list = this.#make(name);
    if (list === undefined) return false;
    list.remark = remark;
    if (remark === "" && list.rules.length === 0) this.#lists.delete(name);
    return true;
  }
  drop(name: string): void {
    if (this.#lists.delete(name)) this.#changed(name);
  }

  /** Its lines of the running configuration. */
  writeConfig(): readonly ConfigBlock[] {
    return this.all().map(({ name, remark, rules }) => ({
      section: "access-list",
      head: "",
      lines: [
        ...(remark === "" ? [] : [`access-list ${name} remark ${remark}`]),
        ...rules.map((r) => `access-list ${name} seq ${r.seq} ${r.verdict} ${accessMatchText(r.match)}`),
      ],
    }));
  }

  #make(name: string): AccessList | undefined {
    const known = this.#lists.get(name);
    if (known !== undefined) return known;
    if (this.#lists.size >= LISTS_MAX) return undefined;
    const list = new AccessList(name);
    this.#lists.set(name, list);
    return list;
  }
}

/** As the running configuration writes it. */
export function accessMatchText(m: AccessMatch): string {
  switch (m.kind) {
    case "prefix":
      return m.prefix.length === 0 && !m.exact ? "any" : formatPrefix(m.prefix) + (m.exact ? " exact-match" : "");
    case "standard":
      return formatIp(m.address) + (m.wildcard === 0 ? "" : ` ${formatIp(m.wildcard)}`);
    case "extended":
      return `ip ${host(m.source, m.sourceWildcard)} ${host(m.destination, m.destinationWildcard)}`;
  }
}

function host(address: Ipv4, wildcard: Ipv4): string {
  if (wildcard === 0xffffffff) return "any";
  return wildcard === 0 ? `host ${formatIp(address)}` : `${formatIp(address)} ${formatIp(wildcard)}`;
}

/** lib/filter.c:filter_match_zebra, filter_match_cisco. */
function matches(m: AccessMatch, p: Prefix): boolean {
  const equal = (a: Ipv4, b: Ipv4, wildcard: Ipv4): boolean => ((a ^ b) & ~wildcard) === 0;
  switch (m.kind) {
    case "prefix":
      if (m.exact ? p.length !== m.prefix.length : p.length < m.prefix.length) return false;
      return networkOf(p.address, m.prefix.length) === m.prefix.address;
    case "standard":
      return equal(p.address, m.address, m.wildcard);
    case "extended":
      return (
        equal(p.address, m.source, m.sourceWildcard) && equal(maskOf(p.length), m.destination, m.destinationWildcard)
      );
  }
}
