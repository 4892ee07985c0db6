import { parseIp } from "../../core/addr.ts";
import type { MatchRule, SetRule } from "../../frr/route-map.ts";
import { parseNodeTarget, sortedHex } from "./community.ts";
import type { Peer } from "./peer.ts";
import type { Route } from "./route.ts";

/** Clauses of route maps about neighbours, paths' lengths, and routers that routes are for (bgpd/bgp_routemap.c). */
export const PEER_MATCHES: readonly MatchRule<Route>[] = [
  {
    name: "peer",
    pattern: "<A.B.C.D|local|WORD>$value",
    // On its way out a route is asked about whom it goes to.
    compile: (value) => (r) => (value === "local" ? r.from === undefined : isPeer(r.to ?? r.from, value)),
  },
  {
    name: "src-peer",
    pattern: "<A.B.C.D|WORD>$value",
    compile: (value) => (r) => isPeer(r.from, value),
  },
  {
    name: "as-path-count",
    pattern: "(0-1028)$value",
    compile: (value) => (r) => r.attributes.asPath.hops === Number(value),
  },
];

/** By address, or by the name of its group. */
const isPeer = (peer: Peer | undefined, value: string): boolean =>
  peer !== undefined && (peer.address === parseIp(value) || peer.group?.name === value);

export const PEER_SETS: readonly SetRule<Route>[] = [
  {
    name: "extcommunity nt",
    pattern: "LINE...$value",
    value: (a) => {
      const value = a.text("value").trim().replace(/\s+/g, " ");
      const sound = value.split(" ").every((w) => parseNodeTarget(w) !== undefined);
      return sound ? value : { refused: "% Malformed extended communities attribute\n" };
    },
    compile: (value) => {
      const targets = value.split(" ").flatMap((w) => parseNodeTarget(w) ?? []);
      return (r) => r.change({ extended: sortedHex([...r.attributes.extended, ...targets]) });
    },
  },
];
