import type { CommandSet } from "../../frr/command.ts";
import { type Effect, FAMILY_MODES, flag, setting } from "./commands-neighbor.ts";
import type { BgpDaemon } from "./daemon.ts";
import type { Direction, Lists, PeerSettings } from "./settings.ts";

/** What is said of neighbours for IPv4 unicast: policy above all. */
export function installNeighborFamily(set: CommandSet<BgpDaemon>): void {
  setting(
    set,
    FAMILY_MODES,
    "activate",
    "activate",
    "reset",
    () => ({ activate: true }),
    () => ({ activate: false }),
  );
  flag(set, "route-reflector-client", "reflectorClient", "reset", FAMILY_MODES);
  flag(set, "soft-reconfiguration inbound", "softReconfiguration", "in", FAMILY_MODES);
  flag(set, "as-override", "asOverride", "out", FAMILY_MODES);
  lists(set, "route-map", "routeMaps");
  lists(set, "prefix-list", "prefixLists");
  lists(set, "distribute-list", "distributeLists");
  lists(set, "filter-list", "filterLists");
  installNextHops(set);
  installPaths(set);
  installLimits(set);
  installCommunities(set);
}

type ListKey = "routeMaps" | "prefixLists" | "distributeLists" | "filterLists";

/** `neighbor X prefix-list NAME in|out`: one in each direction. */
function lists(set: CommandSet<BgpDaemon>, word: string, key: ListKey): void {
  for (const direction of ["in", "out"] as const) {
    const effect: Effect = direction;
    setting(
      set,
      FAMILY_MODES,
      `${word} WORD$name ${direction}`,
      `${word} WORD ${direction}`,
      effect,
      (a, own) => ({ [key]: { ...own[key], [direction]: a.text("name") } }),
      (_a, own) => ({ [key]: without(own[key], direction) }),
    );
  }
}

function without(list: Lists | undefined, direction: Direction): Lists | undefined {
  const other = direction === "in" ? "out" : "in";
  const kept = list?.[other];
  return kept === undefined ? undefined : { [other]: kept };
}

function installNextHops(set: CommandSet<BgpDaemon>): void {
  setting(
    set,
    FAMILY_MODES,
    "next-hop-self [force]",
    "next-hop-self [force]",
    "out",
    (a) => ({ nextHopSelf: a.has("force") ? "force" : "self" }),
    () => ({ nextHopSelf: undefined }),
  );
  setting(
    set,
    FAMILY_MODES,
    "attribute-unchanged [{as-path|next-hop|med}]",
    "attribute-unchanged [{as-path|next-hop|med}]",
    "out",
    (a) => {
      const all = !a.has("as-path") && !a.has("next-hop") && !a.has("med");
      return {
        unchanged: { asPath: all || a.has("as-path"), nextHop: all || a.has("next-hop"), med: all || a.has("med") },
      };
    },
    () => ({ unchanged: undefined }),
  );
  setting(
    set,
    FAMILY_MODES,
    "default-originate [route-map WORD$map]",
    "default-originate [route-map WORD]",
    "out",
    (a) => ({ defaultOriginate: { routeMap: a.find("map") } }),
    () => ({ defaultOriginate: undefined }),
  );
  setting(
    set,
    FAMILY_MODES,
    "unsuppress-map WORD$name",
    "unsuppress-map [WORD]",
    "out",
    (a) => ({ unsuppressMap: a.text("name") }),
    () => ({ unsuppressMap: undefined }),
  );
}

function installPaths(set: CommandSet<BgpDaemon>): void {
  setting(
    set,
    FAMILY_MODES,
    "remove-private-AS [{all|replace-AS}]",
    "remove-private-AS [{all|replace-AS}]",
    "out",
    (a) => ({ removePrivateAs: { all: a.has("all"), replace: a.has("replace-AS") } }),
    () => ({ removePrivateAs: undefined }),
  );
  setting(
    set,
    FAMILY_MODES,
    "allowas-in [<(1-10)$times|origin>]",
    "allowas-in [<(1-10)|origin>]",
    "in",
    (a) => ({ allowAsIn: a.has("origin") ? "origin" : (a.findInt("times") ?? 3) }),
    () => ({ allowAsIn: undefined }),
  );
  setting(
    set,
    FAMILY_MODES,
    "weight (0-65535)$value",
    "weight [(0-65535)]",
    "in",
    (a) => ({ weight: a.int("value") }),
    () => ({ weight: undefined }),
  );
}

/** `maximum-prefix`. */
function installLimits(set: CommandSet<BgpDaemon>): void {
  setting(
    set,
    FAMILY_MODES,
    "maximum-prefix (1-4294967295)$max [(1-100)$threshold] [{warning-only|force|restart (1-65535)$minutes}]",
    "maximum-prefix [(1-4294967295) [(1-100)] [{warning-only|force|restart (1-65535)}]]",
    "limit",
    (a) => ({
      maximumPrefix: {
        max: a.int("max"),
        threshold: a.findInt("threshold") ?? 75,
        warningOnly: a.has("warning-only"),
        restartMin: a.findInt("minutes") ?? 0,
        force: a.has("force"),
      },
    }),
    () => ({ maximumPrefix: undefined }),
  );
}

const ALL = { standard: true, extended: true, large: true };

function installCommunities(set: CommandSet<BgpDaemon>): void {
  const kinds = "[<both|all|extended|standard|large>$kind]";
  const changed = (own: PeerSettings, kind: string | undefined, value: boolean): Partial<PeerSettings> => {
    const before = own.sendCommunity ?? ALL;
    const hits = (which: string): boolean =>
      kind === undefined || kind === which || kind === "all" || (kind === "both" && which !== "large");
    return {
      sendCommunity: {
        standard: hits("standard") ? value : before.standard,
        extended: hits("extended") ? value : before.extended,
        large: hits("large") ? value : before.large,
      },
    };
  };
  setting(
    set,
    FAMILY_MODES,
    `send-community ${kinds}`,
    `send-community ${kinds}`,
    "out",
    (a, own) => changed(own, a.find("kind"), true),
    (a, own) => changed(own, a.find("kind"), false),
  );
}
