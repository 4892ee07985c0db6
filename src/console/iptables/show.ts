import type { Kernel } from "../../nodes/kernel/kernel.ts";
import type { TableName } from "../../nodes/kernel/netfilter/rule.ts";
import { Exit, failure } from "./exit.ts";
import { listHeader, listRule } from "./list.ts";
import type { Request } from "./request.ts";
import { saveRule } from "./save.ts";
import { chainsOf, referencesOf } from "./tables.ts";

/** `iptables -L [chain [number]]`. */
export function list(kernel: Kernel, request: Request, out: (text: string) => void): void {
  const table = request.table as TableName;
  const all = chainsOf(kernel, table);
  const chains = request.chain === undefined ? all : all.filter((chain) => chain.name === request.chain);
  if (chains.length === 0)
    throw new Exit(1, `chain \`${request.chain}' in table \`${table}' is incompatible, use 'nft' tool.`);
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
  const all = chainsOf(kernel, request.table as TableName);
  const chains = request.chain === undefined ? all : all.filter((chain) => chain.name === request.chain);
  if (chains.length === 0) throw failure("No chain/target/match by that name.");
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
