import { type Outcome, strerror } from "../../core/errno.ts";
import type { Kernel } from "../../nodes/kernel/kernel.ts";
import { bridgeHooks } from "../../nodes/kernel/netfilter/ebtables/hooks.ts";
import type { EbChain, EbRule, EbRuleSpec } from "../../nodes/kernel/netfilter/ebtables/rule.ts";
import type { EbTable } from "../../nodes/kernel/netfilter/ebtables/table.ts";
import { Exit, failure, kernelRefused, problem } from "../iptables/exit.ts";
import type { Request } from "./request.ts";
import { ruleText } from "./rule-text.ts";

const NO_CHAIN = "No chain/target/match by that name";
const NO_RULE = "Bad rule (does a matching rule exist in that chain?)";

/** Does what a command line asks. */
export function perform(kernel: Kernel, request: Request, out: (text: string) => void): void {
  const { table: name, command, chain, rule } = request;
  const found = bridgeHooks(kernel).table(name);
  if (!found.ok) throw new Exit(3, found.errno === "ENOENT" ? `table '${name}' does not exist` : (found.detail ?? ""));
  const table = found.value;
  switch (command) {
    case "L":
      list(table, request, out);
      if (request.zero) table.zero(chain);
      return;
    case "A":
    case "I":
      return addRule(table, request);
    case "D":
      return request.last > 0 ? deleteNumbers(table, request) : deleteRule(table, chain as string, rule);
    case "F":
    case "Z":
      if (chain !== undefined) chainOf(table, chain);
      if (command === "F") table.flush(chain);
      else table.zero(chain);
      return;
    case "N":
      return newChain(table, request);
    case "E":
      return rename(table, chain as string, request.newName as string);
    case "X":
      return deleteChains(table, chain);
    case "P":
      chainOf(table, chain as string);
      return must(table.policy(chain as string, request.policy ?? "ACCEPT"));
  }
}

/** Refusals that the command line was checked for already say something of their own. */
function must(outcome: Outcome): void {
  if (!outcome.ok) throw problem(outcome.detail ?? strerror(outcome.errno));
}

function chainOf(table: EbTable, name: string): EbChain {
  const chain = table.chain(name);
  if (chain === undefined) throw failure(NO_CHAIN);
  return chain;
}

/** Built-in ones, then the others by name. */
function inOrder(table: EbTable): readonly EbChain[] {
  const made = table.chains().filter((chain) => chain.hook < 0);
  made.sort((a, b) => (a.name < b.name ? -1 : 1));
  return [...table.chains().filter((chain) => chain.hook >= 0), ...made];
}

function list(table: EbTable, request: Request, out: (text: string) => void): void {
  const { chain: name, numbers, counters } = request;
  const chains = inOrder(table).filter((chain) => name === undefined || chain.name === name);
  if (chains.length === 0)
    throw new Exit(1, `chain \`${name}' in table \`${table.name}' is incompatible, use 'nft' tool.`);
  out(`Bridge table: ${table.name}\n`);
  for (const chain of chains) {
    const policy = chain.hook < 0 ? "RETURN" : chain.policy;
    out(`\nBridge chain: ${chain.name}, entries: ${chain.rules.length}, policy: ${policy}\n`);
    const lines = chain.rules.map((rule, i) => {
      const number = numbers ? `${i + 1} ` : "";
      const counted = counters ? ` , pcnt = ${rule.packets} -- bcnt = ${rule.bytes}` : "";
      return `${number}${ruleText(rule.spec)}${counted}\n`;
    });
    out(lines.join(""));
  }
}

function addRule(table: EbTable, request: Request): void {
  const { command, rule } = request;
  const name = request.chain as string;
  if (rule.target.kind === "jump" && table.chain(rule.target.chain) === undefined)
    throw problem(`Chain '${rule.target.chain}' does not exist`);
  const chain = chainOf(table, name);
  const number = command === "A" ? chain.rules.length + 1 : request.first;
  if (number > chain.rules.length + 1) throw failure("Index of insertion too big");
  const operation = command === "A" ? "RULE_APPEND" : "RULE_INSERT";
  const added = asksPortsOfNone(rule) ? ({ ok: false, errno: "EINVAL" } as const) : table.insert(name, rule, number);
  if (!added.ok) throw kernelRefused(` ${operation} failed (${strerror(added.errno)}): rule in chain ${name}`);
  const made = chain.rules[number - 1] as EbRule;
  made.packets = request.packets;
  made.bytes = request.bytes;
}

const WITH_PORTS = [6, 17, 33, 132, 136];

/** Ports of packets that may have none (net/bridge/netfilter/ebt_ip.c:ebt_ip_mt_check). */
const asksPortsOfNone = (rule: EbRuleSpec): boolean =>
  (rule.matches ?? []).some(
    (match) =>
      match.kind === "ip" &&
      (match.sport ?? match.dport) !== undefined &&
      (match.protocol?.invert === true || !WITH_PORTS.includes(match.protocol?.number ?? 0)),
  );

function deleteRule(table: EbTable, name: string, rule: EbRuleSpec): void {
  const { target } = rule;
  if (target.kind === "jump" && table.chain(target.chain) === undefined)
    throw problem(`Chain '${target.chain}' does not exist`);
  if (!table.delete(name, rule).ok) throw failure(NO_RULE);
}

/** From the first number to the last; behind the end of the chain there is nothing to delete. */
function deleteNumbers(table: EbTable, { chain: name, first, last }: Request): void {
  const chain = chainOf(table, name as string);
  if (first > chain.rules.length)
    throw failure(chain.hook >= 0 && chain.rules.length === 0 ? NO_CHAIN : "Index of deletion too big");
  for (let i = first; i <= last && chain.rules[first - 1] !== undefined; i++) must(table.delete(chain.name, first));
}

function newChain(table: EbTable, request: Request): void {
  const name = request.chain as string;
  if (table.chain(name) !== undefined) throw failure("Chain already exists");
  must(table.newChain(name, request.policy));
}

function rename(table: EbTable, from: string, to: string): void {
  if (table.chain(to) !== undefined) throw failure("File exists");
  chainOf(table, from);
  must(table.renameChain(from, to));
}

/** One chain, or all of them when nothing goes to any and none has a rule. */
function deleteChains(table: EbTable, name: string | undefined): void {
  const chains = name === undefined ? inOrder(table).filter((c) => c.hook < 0) : [chainOf(table, name)];
  for (const chain of chains) {
    if (chain.hook >= 0) throw failure("Directory not empty");
    const busy = chain.rules.length > 0 || table.isTarget(chain.name);
    if (busy) throw kernelRefused(` CHAIN_DEL failed (Device or resource busy): chain ${chain.name}`);
  }
  for (const chain of chains) must(table.deleteChain(chain.name));
}
