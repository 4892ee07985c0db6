import type { ConfigBlock } from "../../frr/vty.ts";
import type { BgpDaemon } from "./daemon.ts";

/** bgpd's part of the running configuration. */
export function writeBgpConfig(d: BgpDaemon): readonly ConfigBlock[] {
  return d.policy.writeConfig();
}
