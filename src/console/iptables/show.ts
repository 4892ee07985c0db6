import type { Kernel } from "../../nodes/kernel/kernel.ts";
import type { Chain } from "../../nodes/kernel/netfilter/chain.ts";
import type { TableName } from "../../nodes/kernel/netfilter/rule.ts";
import { Exit } from "./exit.ts";
import { listHeader, listRule } from "./list.ts";
import type { Request } from "./request.ts";
import { saveRule } from "./save.ts";
import { chainsOf, referencesOf } from "./tables.ts";

/** `iptables -L [chain [number]]`. */
export function list(kernel: Kernel, request: Request, out: (text: string) => void): void {
  const table = request.table as TableName;
  const all = chainsOf(kernel, table);
  const chains = chosen(all, request);
  const references = referencesOf(all);
  for (const [i, chain] of chains.entries()) {
    if (request.number > 0) {
      const rule = chain.rules[request.number - 1];
      if (rule !== undefined) out(listRule(rule, request.number, request));
      continue;
    }
    out(`${i === 0 ? "" : "\n"}${listHeader(chain, references.get(chain.name) ?? 0, request)}`);
    out(chain.rules.map((rule, n) => listRule(rule, n + 1, request)).join(""));
  }
}

/** `iptables -S [chain [number]]`. */
export function listRules(kernel: Kernel, request: Request, out: (text: string) => void): void {
  const chains = chosen(chainsOf(kernel, request.table as TableName), request);
  const counters = request.verbose ? "behind" : "none";
  if (request.number > 0) {
    const rule = chains[0]?.rules[request.number - 1];
    if (rule !== undefined) out(`${saveRule(chains[0]?.name ?? "", rule, counters)}\n`);
    return;
  }
  for (const chain of chains) {
    const { packets, bytes } = chain;
    const behind = request.verbose && chain.hook >= 0 ? ` -c ${packets} ${bytes}` : "";
    out(`${chain.hook < 0 ? `-N ${chain.name}` : `-P ${chain.name} ${chain.policy}`}${behind}\n`);
  }
  for (const chain of chains) out(chain.rules.map((rule) => `${saveRule(chain.name, rule, counters)}\n`).join(""));
}

/** The chain that was named, or all of them. */
function chosen(all: readonly Chain[], { chain: name, table }: Request): readonly Chain[] {
  const chains = name === undefined ? all : all.filter((chain) => chain.name === name);
  if (chains.length > 0) return chains;
  throw new Exit(1, `chain \`${name}' in table \`${table}' is incompatible, use 'nft' tool.`);
}
