import type { CommandSet } from "../../frr/command.ts";
import type { BgpDaemon } from "./daemon.ts";

/** The shows of bgpd. */
export function installShows(_set: CommandSet<BgpDaemon>): void {}
