import type { CommandSet } from "../../frr/command.ts";
import { FAMILY_MODES, flag, setting } from "./commands-neighbor.ts";
import { ROUTER } from "./commands-process.ts";
import type { BgpDaemon } from "./daemon.ts";
import type { Role } from "./settings.ts";

/** What else is said of neighbours: roles, add-path, conditions, limits. */
export function installNeighborMore(set: CommandSet<BgpDaemon>): void {
  flag(set, "solo", "solo", "out", ROUTER_ONLY);
  flag(set, "dont-capability-negotiate", "withoutCapabilities", "reset", ROUTER_ONLY);
  flag(set, "sender-as-path-loop-detection", "senderLoops", "out", ROUTER_ONLY);
  flag(set, "aigp", "aigp", "reset", ROUTER_ONLY);
  flag(set, "extended-optional-parameters", "extendedParameters", "reset", ROUTER_ONLY);
  flag(set, "disable-link-bw-encoding-ieee", "wholeBandwidths", "both", ROUTER_ONLY);
  flag(set, "graceful-shutdown", "gracefulShutdown", "both", ROUTER_ONLY);
  flag(set, "route-server-client", "routeServerClient", "reset", FAMILY_MODES);
  flag(set, "disable-addpath-rx", "disableAddPathRx", "reset", FAMILY_MODES);
  installRoles(set);
  installAddPath(set);
  installLimits(set);
}

const ROUTER_ONLY: readonly string[] = [ROUTER];

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
