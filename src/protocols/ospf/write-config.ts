import type { ConfigBlock } from "../../frr/vty.ts";
import type { OspfDaemon } from "./daemon.ts";

/** ospfd's part of the running configuration (ospfd/ospf_vty.c:ospf_config_write). */
export function writeConfig(_d: OspfDaemon): readonly ConfigBlock[] {
  return [];
}
