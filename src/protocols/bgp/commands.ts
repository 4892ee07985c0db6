import { CommandSet } from "../../frr/command.ts";
import { installLog } from "../../frr/log-commands.ts";
import { installPolicy } from "../../frr/policy.ts";
import { installClear } from "./commands-clear.ts";
import { installDampening } from "./commands-dampening.ts";
import { installLists } from "./commands-lists.ts";
import { installNeighbors } from "./commands-neighbor.ts";
import { installNeighborFamily } from "./commands-neighbor-family.ts";
import { installNeighborMore } from "./commands-neighbor-more.ts";
import { installProcess } from "./commands-process.ts";
import { installProcessMore } from "./commands-process-more.ts";
import { installRestart } from "./commands-restart.ts";
import { installRoutes } from "./commands-routes.ts";
import { installSessions } from "./commands-session.ts";
import type { BgpDaemon } from "./daemon.ts";
import { MATCHES, SETS } from "./policy-rules.ts";
import { installShows } from "./show.ts";

const set = new CommandSet<BgpDaemon>("bgpd");

installLog(set);
installProcess(set);
installNeighbors(set);
installNeighborFamily(set);
installNeighborMore(set);
installProcessMore(set);
installDampening(set);
installRestart(set);
installSessions(set);
installRoutes(set);
installLists(set);
installPolicy(set, (d) => d.policy, { label: "BGP", matches: MATCHES, sets: SETS });
installShows(set);
installClear(set);

/** Everything that bgpd can be told. */
export const BGP_COMMANDS = set as unknown as CommandSet<never>;
