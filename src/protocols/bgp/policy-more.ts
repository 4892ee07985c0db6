import { type Args, parseAs } from "../../frr/pattern.ts";
import type { MatchRule, SetRule } from "../../frr/route-map.ts";
import { EMPTY_PATH } from "./as-path.ts";
import { parseColor, sortedHex } from "./community.ts";
import { bandwidthOf, encodeBandwidth } from "./link-bandwidth.ts";
import type { Route } from "./route.ts";

/** How many communities a route may have. */
export const MORE_MATCHES: readonly MatchRule<Route>[] = [
  {
    name: "community-limit",
    pattern: "(0-65535)$value",
    compile: (value) => (r) => r.attributes.communities.length <= Number(value),
  },
  {
    name: "extcommunity-limit",
    pattern: "(0-65535)$value",
    compile: (value) => (r) => r.attributes.extended.length <= Number(value),
  },
];

/** Clauses of route maps that change AS paths and extended communities (bgpd/bgp_routemap.c). */
export const MORE_SETS: readonly SetRule<Route>[] = [
  {
    name: "as-path exclude",
    pattern: "<all|as-path-access-list WORD$list|LINE...$value>",
    value: (a) => {
      if (a.has("all")) return "all";
      return a.has("list") ? `as-path-access-list ${a.text("list")}` : asNumbers(a.text("value"));
    },
    compile: (value) => {
      if (value === "all") return (r) => r.change({ asPath: EMPTY_PATH });
      const [word, list = ""] = value.split(" ");
      if (word === "as-path-access-list") return (r) => excludeListed(r, list);
      const out = value.split(" ").map(parseAs);
      return (r) => r.change({ asPath: r.attributes.asPath.map((as) => (out.includes(as) ? undefined : as)) });
    },
  },
  {
    name: "as-path replace",
    pattern: "<any$what|ASNUM$what|as-path-access-list WORD$list> [ASNUM$by]",
    value: (a) => (a.find("what") ?? `as-path-access-list ${a.text("list")}`) + (a.has("by") ? ` ${a.text("by")}` : ""),
    compile: (value) => {
      const words = value.split(" ");
      if (words[0] === "as-path-access-list") return (r) => replaceListed(r, words[1] ?? "", parseAs(words[2] ?? ""));
      const [what = "", by] = words;
      const [from, to] = [parseAs(what), by === undefined ? undefined : parseAs(by)];
      return (r) => {
        const ours = to ?? r.ownAs;
        r.change({ asPath: r.attributes.asPath.map((as) => (what === "any" || as === from ? ours : as)) });
      };
    },
  },
  {
    name: "aigp-metric",
    pattern: "<igp-metric|(1-4294967295)>$value",
    // What this router announces itself has the metric of its route as MED.
    compile: (value) => (r) => r.change({ aigp: value === "igp-metric" ? (r.attributes.med ?? 0) : Number(value) }),
  },
  { name: "metric igp", pattern: "", compile: () => (r) => r.change({ med: r.igpMetric() }) },
  {
    name: "metric aigp",
    pattern: "",
    compile: () => (r) => r.change({ med: r.attributes.aigp === undefined ? 0 : r.attributes.aigp + r.igpMetric() }),
  },
  { name: "extcommunity none", pattern: "", compile: () => (r) => r.change({ extended: [] }) },
  {
    name: "extcommunity bandwidth",
    pattern: "<(1-4294967295)|cumulative|num-multipaths>$how [non-transitive]",
    value: (a) => a.text("how") + (a.has("non-transitive") ? " non-transitive" : ""),
    compile: (value) => {
      const [how = "", word] = value.split(" ");
      return (r) => setBandwidth(r, how, word === undefined);
    },
  },
  {
    name: "extcommunity color",
    pattern: "LINE...$value",
    value: (a) => colors(a),
    compile: (value) => {
      const values = value.split(" ").flatMap((w) => parseColor(w) ?? []);
      // Colours take the place of colours; what else there is stays.
      return (r) => r.change({ extended: sortedHex([...r.attributes.extended.filter((e) => !isColor(e)), ...values]) });
    },
  },
];

const MALFORMED = { refused: "% Malformed extended communities attribute\n" };
const isColor = (hex: string): boolean => hex.startsWith("030b");

function colors(a: Args): string | { readonly refused: string } {
  const words = a.text("value").trim().split(/\s+/);
  return words.every((w) => parseColor(w) !== undefined) ? words.join(" ") : MALFORMED;
}

function asNumbers(text: string): string | { readonly refused: string } {
  const words = text.trim().split(/\s+/);
  const sound = words.length <= 255 && words.every((w) => parseAs(w) !== undefined);
  return sound ? words.join(" ") : { refused: "% Malformed AS path\n" };
}

function replaceListed(r: Route, name: string, by: number | undefined): void {
  const list = r.lists.asPaths.find(name);
  if (list === undefined) return;
  const to = by ?? r.ownAs;
  r.change({ asPath: r.attributes.asPath.map((as) => (list.decide(r.asText(as)) === "permit" ? to : as)) });
}

/** Each number that the list permits as a path of its own goes (bgpd/bgp_aspath.c:aspath_filter_exclude_acl). */
function excludeListed(r: Route, name: string): void {
  const list = r.lists.asPaths.find(name);
  if (list === undefined) return;
  r.change({ asPath: r.attributes.asPath.map((as) => (list.decide(r.asText(as)) === "permit" ? undefined : as)) });
}

const BYTES_PER_MBIT = 125_000;

/** Takes the place of what was told before. `cumulative`: of all paths in use; `num-multipaths`: 1 Mbit/s for each. */
function setBandwidth(r: Route, how: string, transitive: boolean): void {
  const bytesPerS = how === "cumulative" ? r.usedBandwidth() : BYTES_PER_MBIT * (Number(how) || r.usedPaths());
  if (bytesPerS === 0) return;
  const others = r.attributes.extended.filter((e) => bandwidthOf(e) === undefined);
  r.change({ extended: sortedHex([...others, encodeBandwidth(r.ownAs, bytesPerS, transitive)]) });
}
