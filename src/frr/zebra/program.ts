import type { FrrProgram } from "../daemon.ts";
import { ZEBRA_COMMANDS } from "./commands.ts";
import { Zebra, type ZebraOptions } from "./zebra.ts";

/** zebra, for nodes to start. */
export const ZEBRA: FrrProgram<ZebraOptions> = {
  name: "zebra",
  commands: ZEBRA_COMMANDS,
  begin: (os, options) => new Zebra(os, options),
};
