import type { CommandSet } from "../../frr/command.ts";
import { FAMILY_MODES, setting } from "./commands-neighbor.ts";
import { ROUTER } from "./commands-process.ts";
import type { BgpDaemon } from "./daemon.ts";
import type { PeerSettings, Role } from "./settings.ts";

/** What else is said of neighbours: roles, add-path, conditions, limits. */
export function installNeighborMore(set: CommandSet<BgpDaemon>): void {
  toggle(set, ROUTER_ONLY, "solo", "solo", "out");
  toggle(set, ROUTER_ONLY, "dont-capability-negotiate", "withoutCapabilities", "reset");
  toggle(set, ROUTER_ONLY, "sender-as-path-loop-detection", "senderLoops", "out");
  toggle(set, ROUTER_ONLY, "aigp", "aigp", "reset");
  toggle(set, ROUTER_ONLY, "extended-optional-parameters", "extendedParameters", "reset");
  toggle(set, ROUTER_ONLY, "disable-link-bw-encoding-ieee", "wholeBandwidths", "both");
  toggle(set, ROUTER_ONLY, "graceful-shutdown", "gracefulShutdown", "both");
  toggle(set, FAMILY_MODES, "route-server-client", "routeServerClient", "reset");
  toggle(set, FAMILY_MODES, "disable-addpath-rx", "disableAddPathRx", "reset");
  installRoles(set);
  installAddPath(set);
  installLimits(set);
}

const ROUTER_ONLY: readonly string[] = [ROUTER];

type Toggle = {
  [K in keyof PeerSettings]-?: NonNullable<PeerSettings[K]> extends boolean ? K : never;
}[keyof PeerSettings];

/** A setting that is on or not said. */
function toggle(
  set: CommandSet<BgpDaemon>,
  modes: readonly string[],
  words: string,
  key: Toggle,
  effect: "reset" | "out" | "both",
): void {
  setting(
    set,
    modes,
    words,
    words,
    effect,
    () => ({ [key]: true }),
    () => ({ [key]: undefined }),
  );
}

function installRoles(set: CommandSet<BgpDaemon>): void {
  const roles = "<provider|rs-server|rs-client|customer|peer>";
  setting(
    set,
    ROUTER_ONLY,
    `local-role ${roles}$role [strict-mode]`,
    `local-role [${roles} [strict-mode]]`,
    "reset",
    (a) => ({ localRole: { role: a.text("role") as Role, strict: a.has("strict-mode") } }),
    () => ({ localRole: undefined }),
  );
}

function installAddPath(set: CommandSet<BgpDaemon>): void {
  const ways = [
    ["addpath-tx-all-paths", "all"],
    ["addpath-tx-bestpath-per-AS", "bestPerAs"],
  ] as const;
  for (const [words, addPathTx] of ways)
    setting(
      set,
      FAMILY_MODES,
      words,
      words,
      "reset",
      () => ({ addPathTx }),
      () => ({ addPathTx: undefined }),
    );
  setting(
    set,
    FAMILY_MODES,
    "addpath-rx-paths-limit (1-65535)$limit",
    "addpath-rx-paths-limit [(1-65535)]",
    "reset",
    (a) => ({ addPathRxLimit: a.int("limit") }),
    () => ({ addPathRxLimit: undefined }),
  );
  setting(
    set,
    FAMILY_MODES,
    "addpath-tx-best-selected (1-6)$count",
    "addpath-tx-best-selected [(1-6)]",
    "reset",
    (a) => ({ addPathTx: a.int("count") }),
    () => ({ addPathTx: undefined }),
  );
}

function installLimits(set: CommandSet<BgpDaemon>): void {
  setting(
    set,
    FAMILY_MODES,
    "maximum-prefix-out (1-4294967295)$max",
    "maximum-prefix-out [(1-4294967295)]",
    "out",
    (a) => ({ maximumPrefixOut: a.int("max") }),
    () => ({ maximumPrefixOut: undefined }),
  );
  setting(
    set,
    FAMILY_MODES,
    "advertise-map WORD$map <exist-map|non-exist-map>$how WORD$condition",
    "advertise-map WORD <exist-map|non-exist-map> WORD",
    "out",
    (a) => ({
      conditional: { map: a.text("map"), condition: a.text("condition"), exists: a.text("how") === "exist-map" },
    }),
    () => ({ conditional: undefined }),
  );
}
