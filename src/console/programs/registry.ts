import type { Program } from "../../core/os.ts";
import { curl } from "../curl/command.ts";
import { busybox, httpd, python3 } from "../httpd/command.ts";
import { iperf3 } from "../iperf3/command.ts";
import { nc } from "../nc/command.ts";
import { vtysh } from "../vtysh/command.ts";
import { arping } from "./arping.ts";
import { ping } from "./ping.ts";
import { tcpdump } from "./tcpdump.ts";
import { traceroute } from "./traceroute.ts";

/** The programs that need the system calls alone, by name: one line each. */
export const PROGRAMS: ReadonlyMap<string, Program> = new Map<string, Program>([
  ["arping", arping],
  ["busybox", busybox],
  ["curl", curl],
  ["httpd", httpd],
  ["iperf3", iperf3],
  ["nc", nc],
  ["ping", ping],
  ["python3", python3],
  ["tcpdump", tcpdump],
  ["traceroute", traceroute],
  ["vtysh", vtysh],
]);
