import type { CommandSet, Said } from "../../frr/command.ts";
import type { Args } from "../../frr/pattern.ts";
import type { Bgp } from "./bgp.ts";
import { setting } from "./commands-neighbor.ts";
import { on, ROUTER } from "./commands-process.ts";
import type { BgpDaemon } from "./daemon.ts";
import { RESTART_DEFAULTS, type RestartMode, type RestartSettings } from "./settings.ts";

type Changes = Partial<RestartSettings>;
const CHANGED = "Graceful restart configuration changed, reset all peers to take effect\n";

/** Graceful restarts (RFC 4724, 8538, 9494): of the process, of all processes, of neighbours. */
export function installRestart(set: CommandSet<BgpDaemon>): void {
  installModes(set);
  installTimes(set);
  installFlags(set);
  installNeighbor(set, "graceful-restart", "restart");
  installNeighbor(set, "graceful-restart-helper", "helper");
  installNeighbor(set, "graceful-restart-disable", "disable");
}

/** Whoever is no longer helped is forgotten at once. */
function apply(bgp: Bgp, changes: Changes): void {
  bgp.change({ restart: { ...bgp.globals.restart, ...changes } });
  for (const peer of bgp.peers.values()) if (peer.restartMode === "disable") peer.helper?.stop();
}

/** A statement about the process, which may as well stand outside of `router bgp` and is about all of them then. */
function everywhere(set: CommandSet<BgpDaemon>, words: string, changes: (a: Args) => Changes, says: Said = undefined) {
  on(set, words, (bgp, a) => {
    apply(bgp, changes(a));
    return says;
  });
  set.add("config", words, (d, a): Said => {
    d.restart = { ...d.restart, ...changes(a) };
    if (d.bgp !== undefined) apply(d.bgp, changes(a));
    return says;
  });
}

function installModes(set: CommandSet<BgpDaemon>): void {
  everywhere(set, "bgp graceful-restart", () => ({ mode: "restart" }), CHANGED);
  everywhere(set, "no bgp graceful-restart", () => ({ mode: "helper" }), CHANGED);
  everywhere(set, "bgp graceful-restart-disable", () => ({ mode: "disable" }), CHANGED);
  everywhere(set, "no bgp graceful-restart-disable", () => ({ mode: "helper" }), CHANGED);
}

type TimeKey = "restartS" | "stalepathS" | "selectDeferS" | "ribStaleS" | "longLivedS";

function installTimes(set: CommandSet<BgpDaemon>): void {
  const time = (words: string, range: string, key: TimeKey): void => {
    everywhere(set, `bgp ${words} ${range}$s`, (a) => ({ [key]: a.int("s") }));
    everywhere(set, `no bgp ${words} [${range}]`, () => ({ [key]: RESTART_DEFAULTS[key] }));
  };
  time("graceful-restart restart-time", "(0-4095)", "restartS");
  time("graceful-restart stalepath-time", "(1-4095)", "stalepathS");
  time("graceful-restart select-defer-time", "(0-3600)", "selectDeferS");
  time("graceful-restart rib-stale-time", "(1-3600)", "ribStaleS");
  time("long-lived-graceful-restart stale-time", "(1-16777215)", "longLivedS");
}

type FlagKey = "preserveForwarding" | "notification" | "hardReset" | "disableEndOfRib";

function installFlags(set: CommandSet<BgpDaemon>): void {
  const flag = (words: string, key: FlagKey): void => {
    everywhere(set, `bgp ${words}`, () => ({ [key]: true }));
    everywhere(set, `no bgp ${words}`, () => ({ [key]: false }));
  };
  flag("graceful-restart preserve-fw-state", "preserveForwarding");
  flag("graceful-restart notification", "notification");
  flag("graceful-restart disable-eor", "disableEndOfRib");
  flag("hard-administrative-reset", "hardReset");
}

function installNeighbor(set: CommandSet<BgpDaemon>, words: string, mode: RestartMode): void {
  setting(
    set,
    [ROUTER],
    words,
    words,
    "none",
    () => ({ restartMode: mode }),
    (_a, own) => (own.restartMode === mode ? { restartMode: undefined } : {}),
    (peer) => {
      if (peer.restartMode === "disable") peer.helper?.stop();
    },
  );
}
