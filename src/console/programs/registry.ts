import type { Program } from "../../core/os.ts";
import { arping } from "./arping.ts";
import { ping } from "./ping.ts";
import { tcpdump } from "./tcpdump.ts";
import { traceroute } from "./traceroute.ts";

/** The programs that need the system calls alone, by name: one line each. */
export const PROGRAMS: ReadonlyMap<string, Program> = new Map<string, Program>([
  ["arping", arping],
  ["ping", ping],
  ["tcpdump", tcpdump],
  ["traceroute", traceroute],
]);
