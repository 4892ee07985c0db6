import { CommandSet, NOT_MY_INSTANCE, type Said } from "../../frr/command.ts";
import { installKeyChains } from "../../frr/key-chain.ts";
import { installLog } from "../../frr/log-commands.ts";
import type { Args } from "../../frr/pattern.ts";
import { installPolicy } from "../../frr/policy.ts";
import { installClear } from "./commands-clear.ts";
import { installShowGraceful } from "./commands-graceful.ts";
import { installInterfaceCommands } from "./commands-interface.ts";
import { installProcessCommands } from "./commands-process.ts";
import { installShowSegmentRouting } from "./commands-sr.ts";
import { installShowSummary } from "./commands-summary.ts";
import { installShowTrafficEngineering } from "./commands-te.ts";
import type { OspfDaemon } from "./daemon.ts";
import { OSPF_RULES } from "./policy.ts";
import { installShowDatabase } from "./show-database.ts";
import { installShowInterface } from "./show-interface.ts";
import { installShowNeighbor } from "./show-neighbor.ts";
import { installShowProcess } from "./show-process.ts";
import { installShowRoute } from "./show-route.ts";
import { installShowTed } from "./show-ted.ts";

/** Operational commands may name one of several processes: `show ip ospf 2 neighbor`. Each says of itself which one it is. */
class OspfCommands extends CommandSet<OspfDaemon> {
  override add(mode: "view" | "config", text: string, run: (daemon: OspfDaemon, args: Args) => Said): this {
    const named = mode === "view" ? /^(show ip ospf|clear ip ospf(?! interface))\b/.exec(text)?.[0] : undefined;
    if (named === undefined) return super.add(mode, text, run);
    return super.add(mode, `${named} [(1-65535)$instance]${text.slice(named.length)}`, (daemon, args) => {
      const { instance } = daemon.ospf;
      if ((args.findInt("instance") ?? instance) !== instance) return NOT_MY_INSTANCE;
      const said = run(daemon, args);
      if (instance === 0 || typeof said !== "string" || said === "") return said;
      if (!args.has("json")) return `\nOSPF Instance: ${instance}\n\n${said}`;
      return said.replace(/^\{\n(?!\})/, `{\n  "ospfInstance":${instance},\n`);
    });
  }
}

function build(): CommandSet<OspfDaemon> {
  const set = new OspfCommands("ospfd");
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
  installShowTrafficEngineering(set);
  installShowTed(set);
  installClear(set);
  return set;
}

/** Every command of ospfd. */
export const OSPF_COMMANDS: CommandSet<never> = build() as unknown as CommandSet<never>;
