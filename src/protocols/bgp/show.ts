import { formatIp, networkOf, parseIp } from "../../core/addr.ts";
import type { CommandSet, Said } from "../../frr/command.ts";
import { prettyJson } from "../../frr/json.ts";
import type { Args } from "../../frr/pattern.ts";
import { prefixRuleText } from "../../frr/prefix-list.ts";
import type { Bgp } from "./bgp.ts";
import { communitiesText, parseCommunity, parseLarge } from "./community.ts";
import type { BgpDaemon } from "./daemon.ts";
import { asPathRegex } from "./lists.ts";
import type { Peer } from "./peer.ts";
import { FROM_PEER, type Path } from "./rib.ts";
import { Route } from "./route.ts";
import { advertisedDetailJson, advertisedJson, receivedJson } from "./show-adj.ts";
import { nextHopsText, prefixCounts } from "./show-counts.ts";
import { neighborsJson, restartsJson } from "./show-neighbor-json.ts";
import { neighborText, restartLines } from "./show-neighbors.ts";
import { peerGroupsJson, peerGroupsText } from "./show-peer-groups.ts";
import { nodeJson, pathJson, prefixJson, prefixText } from "./show-prefix.ts";
import { summaryJson, summaryText } from "./show-summary.ts";
import { advertisedText, receivedText, tableJson, tableText } from "./show-table.ts";
import { updateGroupsJson, updateGroupsText } from "./show-update-groups.ts";

const NO_PROCESS = "% Default BGP instance not found\n";

/** Adds a show of one process. `words`: what follows `show bgp`. */
type Show = (words: string, run: (bgp: Bgp, a: Args, d: BgpDaemon) => Said) => void;

/** The shows of bgpd, in the spellings `show ip bgp …`, `show bgp …`, `show bgp ipv4 unicast …`. */
export function installShows(set: CommandSet<BgpDaemon>): void {
  const show: Show = (words, run) => {
    set.add("view", `show [ip] bgp [<view WORD$view|vrf <default|all>>] [ipv4 [unicast]] ${words}`, (d, a) => {
      const name = a.find("view");
      const bgp = name === undefined ? d.bgp : d.views.get(name);
      if (bgp !== undefined) return run(bgp, a, d);
      if (a.has("json")) return "{}\n";
      return name === undefined ? NO_PROCESS : `View/Vrf ${name} is unknown\n`;
    });
  };
  installTables(show);
  installByLists(show);
  installByAttributes(show);
  installNeighbors(show);
}

/** The table, whole or in part, and single prefixes. */
function installTables(show: Show): void {
  show("[json]", (bgp, a) => table(bgp, a, () => true));
  show("json detail", (bgp) =>
    tableJson(
      bgp,
      () => true,
      (node) => nodeJson(bgp, node),
    ),
  );
  show("detail [json]", (bgp, a) =>
    a.has("json")
      ? tableJson(
          bgp,
          () => true,
          (node, paths) => paths.map((p) => pathJson(bgp, node, p)),
        )
      : bgp.rib
          .sorted()
          .map((node) => prefixText(bgp, node))
          .join(""),
  );
  show("A.B.C.D$address [json]", prefix);
  show("A.B.C.D/M$prefix [json]", prefix);
  show("<A.B.C.D$address|A.B.C.D/M$prefix> <bestpath|multipath>$which [json]", prefix);
  show("cidr-only [json]", (bgp, a) => table(bgp, a, ({ node }) => node.length !== classfulLength(node.address)));
  show("A.B.C.D/M$prefix longer-prefixes [json]", (bgp, a) => {
    const { address, length } = a.prefix("prefix");
    return table(
      bgp,
      a,
      (p) => p.node.length >= length && networkOf(p.node.address, length) === networkOf(address, length),
    );
  });
  show("nexthop", (bgp) => nextHopsText(bgp));
}

/** What lists of the policy permit. */
function installByLists(show: Show): void {
  show("route-map WORD$name [json]", (bgp, a, d) => {
    const name = a.text("name");
    if (d.policy.routeMaps.find(name) === undefined) return { refused: `% ${name} is not a valid route-map name\n` };
    return table(bgp, a, (p) => d.policy.routeMaps.apply(name, routeOf(bgp, p)) === "permit");
  });
  show("prefix-list WORD$name [json]", (bgp, a, d) => {
    const list = d.policy.prefixLists.find(a.text("name"));
    if (list === undefined) return { refused: `% ${a.text("name")} is not a valid prefix-list name\n` };
    return table(bgp, a, (p) => list.decide(p.node) === "permit");
  });
  show("filter-list WORD$name [json]", (bgp, a, d) => {
    const list = d.lists.asPaths.find(a.text("name"));
    if (list === undefined) return { refused: `% ${a.text("name")} is not a valid AS-path access-list name\n` };
    return table(bgp, a, (p) => list.decide(bgp.asText(p.attributes.asPath)) === "permit");
  });
  show("community-list WORD$name [exact-match] [json]", (bgp, a, d) => {
    const list = d.lists.communities.community.find(a.text("name"));
    if (list === undefined) return { refused: `% ${a.text("name")} is not a valid community-list name\n` };
    return table(bgp, a, ({ attributes: { communities: has } }) => {
      const text = communitiesText(has);
      return (a.has("exact-match") ? list.decideExactly(has, text) : list.decide(has, text)) === "permit";
    });
  });
}

/** What AS paths and communities say. */
function installByAttributes(show: Show): void {
  show("regexp LINE...$regex", (bgp, a) => {
    const regex = asPathRegex(a.text("regex"));
    if (regex === undefined) return { refused: `Can't compile regexp ${a.text("regex")}\n` };
    return tableText(bgp, (p) => regex.test(bgp.asText(p.attributes.asPath)));
  });
  show("large-community [json]", (bgp, a) => table(bgp, a, (p) => p.attributes.large.length > 0));
  show("large-community WORD$value [json]", (bgp, a) => {
    const value = parseLarge(a.text("value"));
    if (value === undefined) return { refused: "% Large-community malformed\n" };
    return table(bgp, a, (p) => p.attributes.large.includes(value));
  });
  show("community [json]", (bgp, a) => table(bgp, a, (p) => p.attributes.communities.length > 0));
  show("community WORD$value [exact-match] [json]", byCommunity);
}

/** Neighbours, and their groups. */
function installNeighbors(show: Show): void {
  // Of one family, or of all: then by family.
  show("summary [json]", (bgp, a) => (a.has("json") ? summaryJson(bgp, a.has("unicast")) : summaryText(bgp)));
  show("neighbors graceful-restart [json]", (bgp, a) => restarts(bgp, a, bgp.sortedPeers()));
  show("neighbors A.B.C.D$peer graceful-restart [json]", (bgp, a) => withPeer(bgp, a, (p) => restarts(bgp, a, [p])));
  show("neighbors [json]", (bgp, a) => neighbors(bgp, a, bgp.sortedPeers()));
  show("neighbors A.B.C.D$peer [json]", (bgp, a) => withPeer(bgp, a, (p) => neighbors(bgp, a, [p])));
  show(
    "neighbors <A.B.C.D|WORD>$peer <advertised-routes|received-routes|filtered-routes|routes>$what [json]",
    (bgp, a) => withPeer(bgp, a, (p) => routesOf(bgp, a, p)),
  );
  show("neighbors A.B.C.D$peer advertised-routes detail json", (bgp, a) =>
    withPeer(bgp, a, (p) => advertisedDetailJson(bgp, p)),
  );
  show("neighbors A.B.C.D$peer prefix-counts [json]", (bgp, a) =>
    withPeer(bgp, a, (p) => prefixCounts(bgp, p, a.has("json"))),
  );
  show("neighbors A.B.C.D$peer orf-prefix-list", (bgp, a) => withPeer(bgp, a, filtersOf));
  show("<update-groups|update-group> [json]", (bgp, a) =>
    a.has("json") ? updateGroupsJson(bgp) : updateGroupsText(bgp),
  );
  show("peer-group [WORD$name] [json]", (bgp, a) => {
    const groups = [...bgp.groups.values()].filter((g) => !a.has("name") || g.name === a.text("name"));
    return a.has("json") ? peerGroupsJson(bgp, groups) : peerGroupsText(bgp, groups);
  });
}

const table = (bgp: Bgp, a: Args, wanted: (p: Path) => boolean): string =>
  a.has("json") ? tableJson(bgp, wanted) : tableText(bgp, wanted);

function prefix(bgp: Bgp, a: Args): Said {
  const exact = a.has("prefix") ? a.prefix("prefix") : undefined;
  const node =
    exact === undefined
      ? bgp.rib.lookup(a.ip("address"))
      : bgp.rib.find(networkOf(exact.address, exact.length), exact.length);
  if (node === undefined || node.paths.length === 0) return a.has("json") ? "{\n}\n" : "% Network not in table\n";
  const which = a.find("which");
  const wanted = (p: Path): boolean => which === undefined || node.best === p || (which === "multipath" && p.multipath);
  return a.has("json") ? prefixJson(bgp, node, wanted) : prefixText(bgp, node, wanted);
}

/** Of addresses with classes: 8, 16 or 24. */
const classfulLength = (address: number): number => (address >>> 31 === 0 ? 8 : address >>> 30 === 2 ? 16 : 24);

const routeOf = (bgp: Bgp, p: Path): Route => {
  const from = p.kind === FROM_PEER ? (p.source as Peer) : undefined;
  return new Route(bgp, p.node, p.attributes, p.nextHop.address, from, undefined, "bgp");
};

function byCommunity(bgp: Bgp, a: Args): Said {
  const value = parseCommunity(a.text("value"));
  if (value === undefined) return { refused: "% Community malformed\n" };
  const exact = a.has("exact-match");
  return table(bgp, a, ({ attributes: { communities: c } }) => c.includes(value) && (!exact || c.length === 1));
}

function withPeer(bgp: Bgp, a: Args, run: (p: Peer) => Said): Said {
  const name = a.text("peer");
  // The name of a group stands for its members, which are told the same.
  const peer = bgp.peers.get(parseIp(name) ?? 0) ?? bgp.sortedPeers().find((p) => p.group?.name === name);
  if (peer !== undefined) return run(peer);
  return a.has("json") ? prettyJson({ bgpNoSuchNeighbor: true }) : "% No such neighbor in this view/vrf\n\n";
}

/** What a neighbour wants (lib/plist.c:prefix_bgp_show_prefix_list). */
function filtersOf(p: Peer): string {
  const rules = p.filters?.rules ?? [];
  if (rules.length === 0) return "";
  const name = `${formatIp(p.address)}.1.1`;
  return `ip prefix-list ${name}: ${rules.length} entries\n${rules.map((r) => `   ${prefixRuleText(r)}\n`).join("")}`;
}

const restarts = (bgp: Bgp, a: Args, peers: readonly Peer[]): string =>
  a.has("json")
    ? restartsJson(bgp, peers)
    : peers.map((p) => `${[`BGP neighbor is ${formatIp(p.address)}`, ...restartLines(p)].join("\n")}\n\n`).join("");
const neighbors = (bgp: Bgp, a: Args, peers: readonly Peer[]): string =>
  a.has("json") ? neighborsJson(bgp, peers) : peers.map((p) => neighborText(bgp, p)).join("");

function routesOf(bgp: Bgp, a: Args, p: Peer): Said {
  const what = a.text("what");
  const denied = what === "filtered-routes";
  if (what === "routes") return table(bgp, a, (path) => path.source === p);
  if (a.has("json")) return what === "advertised-routes" ? advertisedJson(bgp, p) : receivedJson(bgp, p, denied);
  if (what === "advertised-routes") return advertisedText(bgp, p);
  if (p.settings.softReconfiguration !== true) return "% Inbound soft reconfiguration not enabled\n";
  const routes = bgp.inbound.received(p);
  const out = routes.filter((r) => bgp.inbound.isDenied(p, r));
  return denied ? receivedText(bgp, out, 0) : receivedText(bgp, routes, out.length);
}
