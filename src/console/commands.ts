import { brctl } from "./brctl/command.ts";
import { bridge } from "./bridge/command.ts";
import { conntrack } from "./conntrack/command.ts";
import { ebtables } from "./ebtables/command.ts";
import { ip } from "./ip/ip.ts";
import { iptables } from "./iptables/command.ts";
import { iptablesRestore } from "./iptables/restore-command.ts";
import { iptablesSave } from "./iptables/save-command.ts";
import { arp } from "./net-tools/arp.ts";
import { ifconfig } from "./net-tools/ifconfig.ts";
import { route } from "./net-tools/route.ts";
import type { SystemProgram } from "./process.ts";
import { PROGRAMS } from "./programs/registry.ts";
import { cat } from "./small/cat.ts";
import { echo, fail, sleep, succeed } from "./small/coreutils.ts";
import { ethtool } from "./small/ethtool.ts";
import { dd, fallocate, head, ls, md5sum, rm, truncate, wc } from "./small/files.ts";
import { hostname } from "./small/hostname.ts";
import { ss } from "./ss/command.ts";
import { sysctl } from "./sysctl/command.ts";
import { tc } from "./tc/tc.ts";

/** Every command that can be typed at a node, by name: the one place that lists them. */
export const COMMANDS: ReadonlyMap<string, SystemProgram> = new Map<string, SystemProgram>([
  ...PROGRAMS,
  ["arp", arp],
  ["brctl", brctl],
  ["bridge", bridge],
  ["cat", cat],
  ["conntrack", conntrack],
  ["dd", dd],
  ["ebtables", ebtables],
  ["echo", echo],
  ["ethtool", ethtool],
  ["fallocate", fallocate],
  ["false", fail],
  ["head", head],
  ["hostname", hostname],
  ["ifconfig", ifconfig],
  ["ip", ip],
  ["iptables", iptables],
  ["iptables-nft", iptables],
  ["iptables-restore", iptablesRestore],
  ["iptables-save", iptablesSave],
  ["ls", ls],
  ["md5sum", md5sum],
  ["rm", rm],
  ["route", route],
  ["sleep", sleep],
  ["ss", ss],
  ["sysctl", sysctl],
  ["tc", tc],
  ["true", succeed],
  ["truncate", truncate],
  ["wc", wc],
]);
