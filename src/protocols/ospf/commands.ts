import { CommandSet } from "../../frr/command.ts";
import { installPolicy } from "../../frr/policy.ts";
import { installInterfaceCommands } from "./commands-interface.ts";
import { installProcessCommands } from "./commands-process.ts";
import type { OspfDaemon } from "./daemon.ts";
import { OSPF_RULES } from "./policy.ts";

function build(): CommandSet<OspfDaemon> {
  const set = new CommandSet<OspfDaemon>("ospfd");
  installInterfaceCommands(set);
  installProcessCommands(set);
  installPolicy(set, (d) => d.policy, OSPF_RULES);
  return set;
}

/** Every command of ospfd. */
export const OSPF_COMMANDS: CommandSet<never> = build() as unknown as CommandSet<never>;
