import { CommandSet } from "../../frr/command.ts";
import { installInterfaceCommands } from "./commands-interface.ts";
import { installProcessCommands } from "./commands-process.ts";
import type { OspfDaemon } from "./daemon.ts";

function build(): CommandSet<OspfDaemon> {
  const set = new CommandSet<OspfDaemon>("ospfd");
  installInterfaceCommands(set);
  installProcessCommands(set);
  return set;
}

/** Every command of ospfd. */
export const OSPF_COMMANDS: CommandSet<never> = build() as unknown as CommandSet<never>;
