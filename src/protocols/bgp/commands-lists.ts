import type { CommandSet, Said } from "../../frr/command.ts";
import type { Args } from "../../frr/pattern.ts";
import { RULES_MAX } from "../../frr/prefix-list.ts";
import type { BgpDaemon } from "./daemon.ts";
import {
  AsPathList,
  asPathRegex,
  type CommunityKind,
  CommunityList,
  communityRegex,
  parseValues,
  valueText,
} from "./lists.ts";

/** `bgp as-path access-list` and the lists of communities. */
export function installLists(set: CommandSet<BgpDaemon>): void {
  const words = "bgp as-path access-list WORD$name [seq (0-4294967295)$seq] <deny|permit>$action LINE...$regex";
  set.add("config", words, addAsPath);
  set.add("config", `no ${words}`, removeAsPath);
  set.add("config", "no bgp as-path access-list WORD$name", (d, a): Said => {
    if (!d.lists.asPaths.delete(a.text("name"))) return { refused: "% Can't find the list\n" };
    d.policy.touched("as-path-list", a.text("name"));
  });
  communities(set, "community", "community-list");
  communities(set, "large-community", "large-community-list");
  communities(set, "extcommunity", "extcommunity-list");
}

function addAsPath(d: BgpDaemon, a: Args): Said {
  const name = a.text("name");
  const test = asPathRegex(a.text("regex"));
  if (test === undefined) return { refused: `can't compile regexp ${a.text("regex")}\n` };
  const list = d.lists.asPaths.reach(name, () => new AsPathList(name));
  if (list === undefined || list.rules.length >= RULES_MAX) return { refused: "% Too many lists\n" };
  const verdict = a.text("action") === "permit" ? "permit" : "deny";
  const text = a.text("regex");
  if (a.findInt("seq") === undefined && list.rules.some((r) => r.verdict === verdict && r.text === text)) return;
  list.rules = withRule(list.rules, { seq: a.findInt("seq") ?? nextSeq(list.rules), verdict, text, test });
  d.policy.touched("as-path-list", name);
}

function removeAsPath(d: BgpDaemon, a: Args): Said {
  const list = d.lists.asPaths.find(a.text("name"));
  if (list === undefined) return { refused: "% Can't find the list\n" };
  const seq = a.findInt("seq");
  list.rules = list.rules.filter(
    (r) => r.text !== a.text("regex") || r.verdict !== a.text("action") || (seq !== undefined && r.seq !== seq),
  );
  if (list.rules.length === 0) d.lists.asPaths.delete(list.name);
  d.policy.touched("as-path-list", list.name);
}

function communities(set: CommandSet<BgpDaemon>, kind: CommunityKind, word: string): void {
  const add =
    (expanded: boolean) =>
    (d: BgpDaemon, a: Args): Said =>
      addCommunity(d, a, kind, word, expanded);
  const forms: readonly (readonly [string, boolean])[] = [
    ["<(1-99)|standard WORD>$name", false],
    ["<(100-500)|expanded WORD>$name", true],
  ];
  for (const [name, expanded] of forms) {
    const pattern = name
      .replace(/standard WORD/, "standard WORD$given")
      .replace(/expanded WORD/, "expanded WORD$given")
      .replace("(1-99)", "(1-99)$given")
      .replace("(100-500)", "(100-500)$given")
      .replace(">$name", ">");
    const words = `bgp ${word} ${pattern} [seq (0-4294967295)$seq] <deny|permit>$action LINE...$values`;
    set.add("config", words, add(expanded));
    set.add("config", `no ${words}`, (d, a) => removeCommunity(d, a, kind, word, expanded));
    set.add("config", `no bgp ${word} ${pattern}`, (d, a): Said => {
      if (!d.lists.communities[kind].delete(a.text("given"))) return { refused: "% Can't find the list\n" };
      d.policy.touched(word, a.text("given"));
    });
  }
}

function addCommunity(d: BgpDaemon, a: Args, kind: CommunityKind, word: string, expanded: boolean): Said {
  const name = a.text("given");
  const text = a.text("values");
  const values = expanded ? undefined : parseValues(kind, text.split(/\s+/));
  const test = expanded ? communityRegex(text) : undefined;
  if (values === undefined && test === undefined) return { refused: `% Malformed ${word} value\n` };
  const list = d.lists.communities[kind].reach(name, () => new CommunityList(name, kind, expanded));
  if (list === undefined || list.rules.length >= RULES_MAX) return { refused: "% Too many lists\n" };
  if (list.expanded !== expanded)
    return {
      refused: `% Community name conflict, previously defined as ${list.expanded ? "expanded" : "standard"} community\n`,
    };
  const verdict = a.text("action") === "permit" ? "permit" : "deny";
  const shown = values === undefined ? text : values.map((v) => written(kind, v)).join(" ");
  if (a.findInt("seq") === undefined && list.rules.some((r) => r.verdict === verdict && r.text === shown)) return;
  const seq = a.findInt("seq") ?? nextSeq(list.rules);
  list.rules = withRule(list.rules, { seq, verdict, text: shown, values, test });
  d.policy.touched(word, name);
}

/** `rt 65003:5` where shows say `RT:65003:5`. */
const written = (kind: CommunityKind, v: number | string): string =>
  kind === "extcommunity" ? valueText(kind, v).replace(/^RT:/, "rt ").replace(/^SoO:/, "soo ") : valueText(kind, v);

function removeCommunity(d: BgpDaemon, a: Args, kind: CommunityKind, word: string, expanded: boolean): Said {
  const list = d.lists.communities[kind].find(a.text("given"));
  if (list === undefined || list.expanded !== expanded) return { refused: "% Can't find the list\n" };
  const text = a.text("values");
  const values = expanded ? undefined : parseValues(kind, text.split(/\s+/));
  const shown = values === undefined ? text : values.map((v) => written(kind, v)).join(" ");
  list.rules = list.rules.filter((r) => r.text !== shown || r.verdict !== a.text("action"));
  if (list.rules.length === 0) d.lists.communities[kind].delete(list.name);
  d.policy.touched(word, list.name);
}

const nextSeq = (rules: readonly { readonly seq: number }[]): number => (rules.at(-1)?.seq ?? 0) + 5;
const withRule = <R extends { readonly seq: number }>(rules: readonly R[], rule: R): R[] =>
  [...rules.filter((r) => r.seq !== rule.seq), rule].sort((x, y) => x.seq - y.seq);
