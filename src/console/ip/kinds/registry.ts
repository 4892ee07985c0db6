import { bridge } from "./bridge.ts";
import { bridgeSlave } from "./bridge-slave.ts";
import { dummy } from "./dummy.ts";
import { geneve } from "./geneve.ts";
import { gre, gretap } from "./gre.ts";
import type { LinkKind } from "./kind.ts";
import { veth } from "./veth.ts";
import { vlan } from "./vlan.ts";
import { vxlan } from "./vxlan.ts";

const KINDS: ReadonlyMap<string, LinkKind> = new Map<string, LinkKind>([
  ["bridge", bridge],
  ["bridge_slave", bridgeSlave],
  ["dummy", dummy],
  ["geneve", geneve],
  ["gre", gre],
  ["gretap", gretap],
  ["veth", veth],
  ["vlan", vlan],
  ["vxlan", vxlan],
]);

/** What `ip link … type NAME` knows; undefined for a kind that is not built. */
export const linkKind = (name: string): LinkKind | undefined => KINDS.get(name);
