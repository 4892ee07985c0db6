import type { Kernel } from "../../nodes/kernel/kernel.ts";
import { type Chain, makeChain } from "../../nodes/kernel/netfilter/chain.ts";
import { netfilter } from "../../nodes/kernel/netfilter/hooks.ts";
import type { TableName } from "../../nodes/kernel/netfilter/rule.ts";
import { HOOK_NAMES } from "../../nodes/kernel/netfilter/state.ts";
import { TABLE_HOOKS } from "../../nodes/kernel/netfilter/table.ts";
import { inOrder } from "./save.ts";

/** The order in which `iptables-save` writes tables (iptables/nft.h: `enum nft_table_type`). */
export const SAVE_ORDER: readonly TableName[] = ["mangle", "raw", "filter", "nat"];

export const isTable = (name: string): name is TableName => Object.hasOwn(TABLE_HOOKS, name);

/** Whether somebody has changed a table of a node. */
export const tableExists = (kernel: Kernel, name: TableName): boolean => kernel.firewall?.hasTable(name) === true;

/** The chains of a table as they are shown; of one that nobody has used the built-in ones. Looking makes no table. */
export function chainsOf(kernel: Kernel, name: TableName): readonly Chain[] {
  if (tableExists(kernel, name)) return inOrder(netfilter(kernel).table(name).chains());
  return TABLE_HOOKS[name].map((hook) => makeChain(HOOK_NAMES[hook] as string, hook));
}

/** How many rules go to each chain. */
export function referencesOf(chains: readonly Chain[]): ReadonlyMap<string, number> {
  const references = new Map<string, number>();
  for (const chain of chains)
    for (const [name, rules] of chain.goes) references.set(name, (references.get(name) ?? 0) + rules);
  return references;
}
