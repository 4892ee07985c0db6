import { formatPrefix, networkOf, type Prefix } from "../core/addr.ts";
import type { CommandSet, Said } from "./command.ts";
import { type Json, prettyJson } from "./json.ts";
import type { Args } from "./pattern.ts";
import { LISTS_MAX, type PrefixList, type PrefixLists, type PrefixRule, prefixRuleText } from "./prefix-list.ts";
import { configurationFailed, tableFull } from "./refusal.ts";

const RULE = "<deny|permit>$action <any|A.B.C.D/M$prefix [{ge (0-32)$ge|le (0-32)$le}]>";

/** Adds `ip prefix-list` and its shows. `of`: the lists of the daemon that commands are run at; `label`: how FRR signs what it prints, `OSPF`. */
export function installPrefixLists<Root>(set: CommandSet<Root>, of: (d: Root) => PrefixLists, label: string): void {
  set
    .add("config", `ip prefix-list WORD$name [seq (1-4294967295)$seq] ${RULE}`, (d, a) => addRule(of(d), a))
    .add("config", `no ip prefix-list WORD$name [seq (1-4294967295)$seq] ${RULE}`, (d, a) => removeRule(of(d), a))
    .add("config", "no ip prefix-list WORD$name seq (1-4294967295)$seq", (d, a) => {
      of(d).remove(a.text("name"), (r) => r.seq === a.int("seq"));
    })
    .add("config", "no ip prefix-list WORD$name", (d, a) => of(d).drop(a.text("name")))
    .add("config", "ip prefix-list WORD$name description LINE...$text", (d, a) =>
      of(d).describe(a.text("name"), a.text("text")) ? undefined : tableFull("prefix lists", LISTS_MAX),
    )
    .add("config", "no ip prefix-list WORD$name description [LINE...]", (d, a) => {
      of(d).describe(a.text("name"), "");
    })
    .add("view", "show ip prefix-list [WORD$name] [json]", (d, a) => show(of(d), label, a, "plain"))
    .add("view", "show ip prefix-list detail$how [WORD$name] [json]", (d, a) => show(of(d), label, a, "detail"))
    .add("view", "show ip prefix-list summary$how [WORD$name] [json]", (d, a) => show(of(d), label, a, "summary"))
    .add("view", "show ip prefix-list WORD$name seq (1-4294967295)$seq", (d, a) =>
      found(of(d), a, (list) => list.rules.filter((r) => r.seq === a.int("seq")).map((r) => counted(list, r, label))),
    )
    .add("view", "show ip prefix-list WORD$name A.B.C.D/M$prefix [longer$longer|first-match$first]", (d, a) =>
      found(of(d), a, (list) => showPrefix(list, a)),
    );
}

function addRule(lists: PrefixLists, a: Args): Said {
  const rule = ruleOf(a);
  const low = rule.ge ?? rule.prefix.length;
  if (!rule.any && (low < rule.prefix.length || (rule.le ?? 32) < low))
    return configurationFailed(
      `Invalid prefix range for ${formatPrefix(rule.prefix)}: Make sure that mask length <= ge <= le`,
    );
  if (!lists.add(a.text("name"), { ...rule, seq: a.findInt("seq") })) return tableFull("prefix lists", LISTS_MAX);
}

/** A rule that is not there cannot be taken away: the command fails, and says nothing. */
function removeRule(lists: PrefixLists, a: Args): Said {
  const [want, seq] = [ruleOf(a), a.findInt("seq")];
  const text = prefixRuleText({ ...want, seq: 0 });
  const same = (r: PrefixRule): boolean => prefixRuleText({ ...r, seq: 0 }) === text;
  if (!lists.remove(a.text("name"), (r) => (seq === undefined || r.seq === seq) && same(r))) return { refused: "" };
}

function ruleOf(a: Args): Omit<PrefixRule, "seq"> {
  const verdict = a.text("action") === "permit" ? "permit" : "deny";
  if (!a.has("prefix")) return { verdict, prefix: { address: 0, length: 0 }, any: true, ge: undefined, le: 32 };
  const { address, length } = a.prefix("prefix");
  const prefix = { address: networkOf(address, length), length };
  return { verdict, prefix, any: false, ge: a.findInt("ge"), le: a.findInt("le") };
}

function found(lists: PrefixLists, a: Args, lines: (list: PrefixList) => readonly string[]): Said {
  const list = lists.find(a.text("name"));
  if (list === undefined) return "% Can't find specified prefix-list\n";
  return lines(list)
    .map((line) => `${line}\n`)
    .join("");
}

const counted = (list: PrefixList, r: PrefixRule, label = ""): string =>
  `${label === "" ? "" : `${label}: `}   ${prefixRuleText(r)} (hit count: ${list.hits.get(r.seq) ?? 0}, refcount: 0)`;

function showPrefix(list: PrefixList, a: Args): readonly string[] {
  const want = a.prefix("prefix");
  if (a.has("longer")) return list.rules.filter((r) => inside(want, r.prefix)).map((r) => `   ${prefixRuleText(r)}`);
  const fits = list.rules.filter(
    a.has("first") ? (r) => inside(r.prefix, want) : (r) => r.prefix.length === want.length && inside(want, r.prefix),
  );
  return (a.has("first") ? fits.slice(0, 1) : fits).map((r) => counted(list, r));
}

/** Whether `p` lies in `q`. */
const inside = (q: Prefix, p: Prefix): boolean =>
  p.length >= q.length && networkOf(p.address, q.length) === networkOf(q.address, q.length);

type How = "plain" | "detail" | "summary";

/** lib/plist.c:vty_show_prefix_list. */
function show(lists: PrefixLists, label: string, a: Args, how: How): Said {
  const name = a.find("name");
  const list = name === undefined ? undefined : lists.find(name);
  if (name !== undefined && list === undefined)
    return a.has("json") ? "{\n}\n" : "% Can't find specified prefix-list\n";
  const chosen = list === undefined ? [...lists.all()].sort((x, y) => (x.name < y.name ? -1 : 1)) : [list];
  if (a.has("json"))
    return prettyJson(new Map([[label, new Map<string, Json>(chosen.map((l) => [l.name, json(l, how)]))]]));
  const recent = lists.recent;
  const first =
    how === "plain" || list !== undefined || recent === undefined
      ? ""
      : `Prefix-list with the last deletion/insertion: ${recent}\n`;
  return first + chosen.map((l) => text(l, label, how)).join("");
}

function text(l: PrefixList, label: string, how: How): string {
  const lines = [`${label}: ip prefix-list ${l.name}:${how === "plain" ? ` ${l.rules.length} entries` : ""}`];
  if (l.description !== "") lines.push(`   Description: ${l.description}`);
  if (how !== "plain") {
    const [first, last] = [l.rules[0]?.seq ?? 0, l.rules.at(-1)?.seq ?? 0];
    lines.push(`   count: ${l.rules.length}, range entries: 0, sequences: ${first} - ${last}`);
  }
  if (how === "plain") lines.push(...l.rules.map((r) => `   ${prefixRuleText(r)}`));
  if (how === "detail") lines.push(...l.rules.map((r) => counted(l, r)));
  return lines.map((line) => `${line}\n`).join("");
}

function json(l: PrefixList, how: How): Json {
  const description = l.description === "" ? undefined : l.description;
  if (how === "plain")
    return { addressFamily: "IPv4", entries: l.rules.map((r) => ruleJson(l, r, false)), description };
  const head = {
    addressFamily: "IPv4",
    description,
    count: l.rules.length,
    rangeEntries: 0,
    sequenceStart: l.rules[0]?.seq ?? 0,
    sequenceEnd: l.rules.at(-1)?.seq ?? 0,
  };
  return how === "summary" ? head : { ...head, entries: l.rules.map((r) => ruleJson(l, r, true)) };
}

const ruleJson = (l: PrefixList, r: PrefixRule, detail: boolean): Json => ({
  sequenceNumber: r.seq,
  type: r.verdict,
  prefix: formatPrefix(r.prefix),
  minimumPrefixLength: r.ge,
  maximumPrefixLength: r.le,
  ...(detail ? { hitCount: l.hits.get(r.seq) ?? 0, referenceCount: 0 } : {}),
});
