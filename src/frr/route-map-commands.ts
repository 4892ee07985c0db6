import type { CommandSet, Entered, Said } from "./command.ts";
import { type Json, prettyJson } from "./json.ts";
import type { Args } from "./pattern.ts";
import type { PolicyRules } from "./policy.ts";
import { LISTS_MAX } from "./prefix-list.ts";
import { configurationFailed, tableFull } from "./refusal.ts";
import type { Clause, RouteMap, RouteMapEntry, RouteMapTable, RuleWords } from "./route-map.ts";

/** Adds `route-map`, what can be typed in it, and its show. */
export function installRouteMaps<Root, Subject>(
  set: CommandSet<Root>,
  of: (d: Root) => RouteMapTable<Subject>,
  rules: PolicyRules<Subject>,
): void {
  type Entry = RouteMapEntry<Subject>;
  set
    .open<Root, Entry>(
      "config",
      "route-map WORD$name <deny|permit>$action (1-65535)$seq",
      "route-map",
      (d, a): Entered<Entry> | { readonly refused: string } => {
        const entry = of(d).entry(a.text("name"), a.int("seq"), a.text("action") === "permit" ? "permit" : "deny");
        return entry === undefined ? tableFull("route maps", LISTS_MAX) : { context: entry };
      },
    )
    .add("config", "no route-map WORD$name [<deny|permit> (1-65535)$seq]", (d, a) => {
      of(d).drop(a.text("name"), a.findInt("seq"));
    })
    .add("view", "show route-map [WORD$name] [json]", (d, a) => show(of(d), rules.label, a));
  for (const rule of rules.matches)
    install<Root, Subject>(
      set,
      "match",
      rule,
      (e, value) => e.match(rule, value),
      (e, value) => e.unmatch(rule.name, value),
    );
  for (const rule of rules.sets)
    install<Root, Subject>(
      set,
      "set",
      rule,
      (e, value) => e.set(rule, value),
      (e, value) => e.unset(rule.name, value),
    );
  installFlow(set);
}

/** `match WORDS VALUE` and how it is taken back. */
function install<Root, S>(
  set: CommandSet<Root>,
  verb: "match" | "set",
  rule: RuleWords,
  on: (e: RouteMapEntry<S>, value: string) => void,
  off: (e: RouteMapEntry<S>, value?: string) => void,
): void {
  const text = `${verb} ${rule.name} ${rule.pattern}`.trim();
  const kept = (a: Args) => rule.value?.(a) ?? a.find("value") ?? "";
  set.addIn<RouteMapEntry<S>>("route-map", text, (e, a): Said => {
    const value = kept(a);
    if (typeof value !== "string") return value;
    on(e, value);
  });
  if (rule.pattern !== "") set.addIn<RouteMapEntry<S>>("route-map", `no ${verb} ${rule.name}`, (e) => off(e));
  set.addIn<RouteMapEntry<S>>("route-map", `no ${text}`, (e) => off(e));
}

/** What an entry says of itself and of what follows it. */
function installFlow<Root, S>(set: CommandSet<Root>): void {
  type Entry = RouteMapEntry<S>;
  const goto = (e: Entry, a: Args): Said => {
    if (a.int("to") <= e.seq) return configurationFailed();
    e.onMatch = a.int("to");
    e.changed();
  };
  const exit = (e: Entry): void => {
    e.onMatch = "exit";
    e.changed();
  };
  const call = (e: Entry, name: string): Said => {
    if (name === e.map.name) return configurationFailed();
    e.call = name;
    e.changed();
  };
  set
    .addIn<Entry>("route-map", "description LINE...$text", (e, a) => {
      e.description = a.text("text");
    })
    .addIn<Entry>("route-map", "no description [LINE...]", (e) => {
      e.description = "";
    })
    .addIn<Entry>("route-map", "call WORD$name", (e, a) => call(e, a.text("name")))
    .addIn<Entry>("route-map", "no call [WORD]", (e) => call(e, ""))
    .addIn<Entry>("route-map", "on-match next", (e) => {
      e.onMatch = "next";
      e.changed();
    })
    .addIn<Entry>("route-map", "on-match goto (1-65535)$to", goto)
    .addIn<Entry>("route-map", "continue (1-65535)$to", goto)
    .addIn<Entry>("route-map", "no on-match <next|goto [(1-65535)]>", exit)
    .addIn<Entry>("route-map", "no continue [(1-65535)]", exit);
}

/** lib/routemap.c:vty_show_route_map. */
function show<S>(table: RouteMapTable<S>, label: string, a: Args): Said {
  const name = a.find("name");
  const map = name === undefined ? undefined : table.find(name);
  const chosen =
    name === undefined ? [...table.all()].sort((x, y) => (x.name < y.name ? -1 : 1)) : map === undefined ? [] : [map];
  if (a.has("json"))
    return prettyJson(new Map([[label, new Map<string, Json>(chosen.map((m) => [m.name, mapJson(m)]))]]));
  const missing = name !== undefined && map === undefined ? `${label}: 'route-map ${name}' not found\n` : "";
  return `${label}:\n${missing}${chosen.map(mapText).join("")}`;
}

function mapText<S>(map: RouteMap<S>): string {
  const pending = map.table.pending.has(map.name);
  const head = `route-map: ${map.name} Invoked: ${map.invoked} Optimization: enabled Processed Change: ${pending}\n`;
  return head + map.entries.map(entryText).join("");
}

function entryText<S>(e: RouteMapEntry<S>): string {
  const lines = [
    ` ${e.verdict}, sequence ${e.seq} Invoked ${e.invoked}`,
    ...(e.description === "" ? [] : ["  Description:", `    ${e.description}`]),
    "  Match clauses:",
    ...known(e.matches).map((words) => `    ${words}`),
    "  Set clauses:",
    ...known(e.sets).map((words) => `    ${words}`),
    "  Call clause:",
    ...(e.call === "" ? [] : [`    Call ${e.call}`]),
    "  Action:",
    `    ${actionOf(e)}`,
  ];
  return `${lines.join("\n")}\n`;
}

/** Only clauses that the daemon asks are shown. */
const known = (clauses: readonly Clause<RuleWords, unknown>[]): readonly string[] =>
  clauses.filter((c) => c.run !== undefined).map((c) => (c.value === "" ? c.rule.name : `${c.rule.name} ${c.value}`));

const actionOf = (e: { readonly onMatch: "exit" | "next" | number }): string =>
  e.onMatch === "exit" ? "Exit routemap" : e.onMatch === "next" ? "Continue to next entry" : `Goto ${e.onMatch}`;

const mapJson = <S>(map: RouteMap<S>): Json => ({
  invoked: map.invoked,
  disabledOptimization: false,
  processedChange: map.table.pending.has(map.name),
  rules: map.entries.map((e) => ({
    sequenceNumber: e.seq,
    type: e.verdict,
    invoked: e.invoked,
    description: e.description === "" ? undefined : e.description,
    matchClauses: known(e.matches),
    setClauses: known(e.sets),
    callClause: e.call === "" ? undefined : e.call,
    action: actionOf(e),
  })),
});
