import { CommandSet } from "../../frr/command.ts";
import { installKeyChains } from "../../frr/key-chain.ts";
import { installLog } from "../../frr/log-commands.ts";
import { installPolicy } from "../../frr/policy.ts";
import { installClear } from "./commands-clear.ts";
import { installShowGraceful } from "./commands-graceful.ts";
import { installInterfaceCommands } from "./commands-interface.ts";
import { installProcessCommands } from "./commands-process.ts";
import { installShowSegmentRouting } from "./commands-sr.ts";
import { installShowSummary } from "./commands-summary.ts";
import type { OspfDaemon } from "./daemon.ts";
import { OSPF_RULES } from "./policy.ts";
import { installShowDatabase } from "./show-database.ts";
import { installShowInterface } from "./show-interface.ts";
import { installShowNeighbor } from "./show-neighbor.ts";
import { installShowProcess } from "./show-process.ts";
import { installShowRoute } from "./show-route.ts";

function build(): CommandSet<OspfDaemon> {
  const set = new CommandSet<OspfDaemon>("ospfd");
  installInterfaceCommands(set);
  installProcessCommands(set);
  installLog(set);
  installKeyChains(set, (d) => d.ospf.keyChains);
  installPolicy(set, (d) => d.policy, OSPF_RULES);
  installShowNeighbor(set);
  installShowInterface(set);
  installShowRoute(set);
  installShowDatabase(set);
  installShowProcess(set);
  installShowSummary(set);
  installShowGraceful(set);
  installShowSegmentRouting(set);
  installClear(set);
  return set;
}

/** Every command of ospfd. */
export const OSPF_COMMANDS: CommandSet<never> = build() as unknown as CommandSet<never>;
