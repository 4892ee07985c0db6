import { brctl } from "./brctl/command.ts";
import { bridge } from "./bridge/command.ts";
import { ip } from "./ip/ip.ts";
import type { SystemProgram } from "./process.ts";
import { PROGRAMS } from "./programs/registry.ts";
import { sysctl } from "./sysctl/command.ts";

/** Every command that can be typed at a node, by name: the one place that lists them. */
export const COMMANDS: ReadonlyMap<string, SystemProgram> = new Map<string, SystemProgram>([
  ...PROGRAMS,
  ["brctl", brctl],
  ["bridge", bridge],
  ["ip", ip],
  ["sysctl", sysctl],
]);
