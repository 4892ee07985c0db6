import type { FrrProgram } from "../daemon.ts";
import { ZEBRA_COMMANDS } from "./commands.ts";
import { Zebra, type ZebraOptions } from "./zebra.ts";

/** zebra, for nodes to start. */
export const ZEBRA: FrrProgram<ZebraOptions> = {
  name: "zebra",
  commands: ZEBRA_COMMANDS,
  protocol: "ZEBRA",
  endMessage: "XVBTQ-5QTVQ",
  begin: (os, options, log) => new Zebra(os, options, log),
};
