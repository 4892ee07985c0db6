import { type Ipv4, parseIp } from "../../core/addr.ts";
import { type Args, parseAs } from "../../frr/pattern.ts";
import type { MatchRule, SetRule } from "../../frr/route-map.ts";
import { byPrefixList, commonMatches, commonSets, newMetric } from "../../frr/route-map-rules.ts";
import { AS_SEQUENCE, makePath } from "./as-path.ts";
import { ORIGIN_WORDS } from "./attributes.ts";
import { parseCommunity, parseExtended, parseLarge, sortedCommunities, sortedHex } from "./community.ts";
import type { BgpDaemon } from "./daemon.ts";
import { COMM_LIST_SETS } from "./policy-comm-lists.ts";
import { MORE_MATCHES, MORE_SETS } from "./policy-more.ts";
import { PEER_MATCHES, PEER_SETS } from "./policy-peers.ts";
import type { Route } from "./route.ts";

/** What BGP's route maps can ask and change (bgpd/bgp_routemap.c). */

const common = {
  prefix: (r: Route) => r.prefix,
  nexthop: (r: Route) => r.nextHop,
  metric: (r: Route) => r.attributes.med ?? 0,
  tag: (r: Route) => r.attributes.tag,
  setMetric: (r: Route, med: number) => r.change({ med }),
  setTag: (r: Route, tag: number) => r.change({ tag }),
  setNexthop: (r: Route, nextHop: Ipv4) => {
    r.nextHop = nextHop;
    r.nextHopSet = "address";
  },
};

/** A list of the daemon's own, found through the route: clauses are compiled before they know whose they are. */
const listsOf = (r: Route): BgpDaemon["lists"] | undefined => r.lists;

export const MATCHES: readonly MatchRule<Route>[] = [
  ...commonMatches(common),
  byPrefixList("ip route-source prefix-list", (r: Route) => ({ address: r.from?.address ?? 0, length: 32 })),
  {
    name: "ip next-hop address",
    pattern: "A.B.C.D$value",
    compile: (value) => (r) => r.nextHop === parseIp(value),
  },
  {
    name: "as-path",
    pattern: "WORD$value",
    refers: "as-path-list",
    compile: (value) => (r) => listsOf(r)?.asPaths.find(value)?.decide(r.pathText) === "permit",
  },
  communityMatch("community", "community-list", "community", (r) => r.attributes.communities),
  communityMatch("large-community", "large-community-list", "large-community", (r) => r.attributes.large),
  communityMatch("extcommunity", "extcommunity-list", "extcommunity", (r) => r.attributes.extended),
  ...MORE_MATCHES,
  ...PEER_MATCHES,
  {
    name: "local-preference",
    pattern: "(0-4294967295)$value",
    compile: (value) => (r) => (r.attributes.localPref ?? 100) === Number(value),
  },
  {
    name: "origin",
    pattern: "<egp|igp|incomplete>$value",
    compile: (value) => (r) => r.attributes.origin === ORIGIN_WORDS.indexOf(value),
  },
  {
    name: "source-protocol",
    pattern: "<kernel|connected|static|ospf|bgp>$value",
    compile: (value) => (r) => r.protocol === value,
  },
  {
    name: "probability",
    pattern: "(0-100)$value",
    compile: (value) => (r) => r.draw() * 100 < Number(value),
  },
];

function communityMatch(
  name: "community" | "large-community" | "extcommunity",
  refers: string,
  kind: "community" | "large-community" | "extcommunity",
  of: (r: Route) => readonly (number | string)[],
): MatchRule<Route> {
  return {
    name,
    pattern: name === "extcommunity" ? "WORD$value [any]" : "WORD$value [<exact-match|any>]",
    refers,
    value: (a: Args) => a.text("value") + (a.has("exact-match") ? " exact-match" : a.has("any") ? " any" : ""),
    compile: (value) => {
      const [list = "", how] = value.split(" ");
      return (r) => {
        const found = listsOf(r)?.communities[kind].find(list);
        if (found === undefined) return false;
        if (how === "any") return found.permitsAny(of(r), (c) => r.oneText(kind, c));
        const text = r.communityText(kind);
        return (how === undefined ? found.decide(of(r), text) : found.decideExactly(of(r), text)) === "permit";
      };
    },
  };
}

export const SETS: readonly SetRule<Route>[] = [
  ...commonSets(common),
  { name: "ip next-hop peer-address", pattern: "", compile: () => (r) => void (r.nextHopSet = "peer") },
  { name: "ip next-hop unchanged", pattern: "", compile: () => (r) => void (r.nextHopSet = "unchanged") },
  {
    name: "local-preference",
    pattern: "WORD$value",
    value: (a) =>
      /^[+-]?\d{1,10}$/.test(a.text("value")) ? a.text("value") : { refused: "% Invalid local-preference\n" },
    compile: (value) => (r) => r.change({ localPref: newMetric(value, r.attributes.localPref ?? 100) }),
  },
  { name: "weight", pattern: "(0-4294967295)$value", compile: (v) => (r) => r.change({ weight: Number(v) }) },
  {
    name: "origin",
    pattern: "<egp|igp|incomplete>$value",
    compile: (value) => (r) => r.change({ origin: ORIGIN_WORDS.indexOf(value) }),
  },
  {
    name: "as-path prepend",
    pattern: "LINE...$value",
    value: (a) => asValue(a),
    compile: (value) => {
      const words = value.split(" ");
      return (r) => {
        const first = r.attributes.asPath.neighborAs;
        const as =
          words[0] === "last-as"
            ? new Array<number>(Number(words[1])).fill(first)
            : words.flatMap((w) => parseAs(w) ?? []);
        if (words[0] === "last-as" && first === 0) return;
        r.change({ asPath: makePath([{ type: AS_SEQUENCE, as }, ...r.attributes.asPath.segments]) });
      };
    },
  },
  {
    name: "aggregator as",
    pattern: "ASNUM$as A.B.C.D$address",
    value: (a) => `${a.int("as")} ${a.text("address")}`,
    compile: (value) => {
      const [as = "0", address = ""] = value.split(" ");
      return (r) => r.change({ aggregator: { as: Number(as), address: parseIp(address) ?? 0 } });
    },
  },
  ...MORE_SETS,
  ...PEER_SETS,
  { name: "atomic-aggregate", pattern: "", compile: () => (r) => r.change({ atomicAggregate: true }) },
  {
    name: "originator-id",
    pattern: "A.B.C.D$value",
    compile: (value) => (r) => r.change({ originatorId: parseIp(value) }),
  },
  {
    name: "community",
    pattern: "LINE...$value",
    value: (a) => communityValue(a, (w) => parseCommunity(w) !== undefined),
    compile: (value) => {
      const { words, additive } = additiveOf(value);
      const values = words.flatMap((w) => parseCommunity(w) ?? []);
      return (r) =>
        r.change({ communities: sortedCommunities([...(additive ? r.attributes.communities : []), ...values]) });
    },
  },
  {
    name: "large-community",
    pattern: "LINE...$value",
    value: (a) => communityValue(a, (w) => parseLarge(w) !== undefined),
    compile: (value) => {
      const { words, additive } = additiveOf(value);
      const values = words.flatMap((w) => parseLarge(w) ?? []);
      return (r) => r.change({ large: sortedHex([...(additive ? r.attributes.large : []), ...values]) });
    },
  },
  extendedSet("rt"),
  extendedSet("soo"),
  ...COMM_LIST_SETS,
];

function asValue(a: Args): string | { readonly refused: string } {
  const value = a.text("value").trim().replace(/\s+/g, " ");
  if (/^last-as (10|[1-9])$/.test(value)) return value;
  const sound = value.split(" ").every((w) => parseAs(w) !== undefined);
  return sound && value.split(" ").length <= 255 ? value : { refused: "% Malformed AS path\n" };
}

/** `none`, or communities with perhaps `additive` behind them. */
function communityValue(a: Args, isOne: (word: string) => boolean): string | { readonly refused: string } {
  const value = a.text("value").trim().replace(/\s+/g, " ");
  const { words } = additiveOf(value);
  if (value === "none") return value;
  return words.length > 0 && words.every(isOne) ? value : { refused: "% Malformed communities attribute\n" };
}
function additiveOf(value: string): { readonly words: readonly string[]; readonly additive: boolean } {
  const words = value === "none" ? [] : value.split(" ");
  const additive = words.at(-1) === "additive";
  return { words: additive ? words.slice(0, -1) : words, additive };
}

function extendedSet(kind: "rt" | "soo"): SetRule<Route> {
  return {
    name: `extcommunity ${kind}`,
    pattern: "LINE...$value",
    value: (a) => communityValue(a, (w) => parseExtended(kind, w) !== undefined),
    compile: (value) => {
      const { words, additive } = additiveOf(value);
      const values = words.flatMap((w) => parseExtended(kind, w) ?? []);
      return (r) => r.change({ extended: sortedHex([...(additive ? r.attributes.extended : []), ...values]) });
    },
  };
}
