import type { SetRule } from "../../frr/route-map.ts";
import { sortedCommunities } from "./community.ts";
import type { CommunityKind } from "./lists.ts";
import type { Route } from "./route.ts";

/** What route maps change by lists of communities (bgpd/bgp_routemap.c:route_set_community_change and its like). */
export const COMM_LIST_SETS: readonly SetRule<Route>[] = [
  ...deletes("comm-list", "community-list", "community"),
  ...deletes("large-comm-list", "large-community-list", "large-community"),
  ...deletes("extended-comm-list", "extcommunity-list", "extcommunity"),
  fromList("comm-list add", (r) => r.attributes.communities),
  fromList("comm-list replace", () => []),
];

/** `set comm-list NAME delete`, or as FRR 10 spells it, `set comm-list delete NAME`. */
function deletes(name: string, refers: string, kind: CommunityKind): readonly SetRule<Route>[] {
  const compile = (value: string) => {
    const [list = ""] = value.split(" ");
    return (r: Route): void => drop(r, kind, list);
  };
  return [
    { name, pattern: "WORD$value delete", refers, value: (a) => `${a.text("value")} delete`, compile },
    { name: `${name} delete`, pattern: "WORD$value", refers, compile },
  ];
}

function drop(r: Route, kind: CommunityKind, name: string): void {
  const list = r.lists.communities[kind].find(name);
  if (list === undefined) return;
  const stays = (c: number | string): boolean => !list.permitsOne(c, r.oneText(kind, c));
  const { communities, large, extended } = r.attributes;
  if (kind === "community") return r.change({ communities: communities.filter(stays) });
  r.change(kind === "large-community" ? { large: large.filter(stays) } : { extended: extended.filter(stays) });
}

/** What the list permits by value is put in, beside what `kept` says. */
function fromList(name: string, kept: (r: Route) => readonly number[]): SetRule<Route> {
  return {
    name,
    pattern: "WORD$value",
    refers: "community-list",
    compile: (value) => (r) => {
      const list = r.lists.communities.community.find(value);
      if (list === undefined) return;
      const added = list.rules.flatMap((rule) => (rule.verdict === "permit" ? (rule.values ?? []) : []));
      r.change({ communities: sortedCommunities([...kept(r), ...(added as readonly number[])]) });
    },
  };
}
