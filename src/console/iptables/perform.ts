import { type Outcome, type Refused, strerror } from "../../core/errno.ts";
import type { Kernel } from "../../nodes/kernel/kernel.ts";
import type { Chain } from "../../nodes/kernel/netfilter/chain.ts";
import { netfilter } from "../../nodes/kernel/netfilter/hooks.ts";
import type { Rule, RuleSpec, TableName } from "../../nodes/kernel/netfilter/rule.ts";
import type { Table } from "../../nodes/kernel/netfilter/table.ts";
import { type Exit, failure, kernelRefused, problem } from "./exit.ts";
import { tellRule } from "./list.ts";
import type { Command, Request } from "./request.ts";
import { list, listRules } from "./show.ts";
import { chainsOf, tableExists } from "./tables.ts";

const NO_CHAIN = "No chain/target/match by that name.";
const NO_RULE = "Bad rule (does a matching rule exist in that chain?).";
const NOT_BUILT_IN = "Bad built-in chain name.";

/** What the kernel was asked, in its own words, for the complaint when it refuses. */
type Operation = "RULE_APPEND" | "RULE_INSERT" | "RULE_REPLACE" | "CHAIN_USER_ADD" | "CHAIN_USER_DEL" | "CHAIN_DEL";

/** Does what a command line asks. `inTransaction`: who calls takes back all of it when a part is refused. */
export function perform(kernel: Kernel, request: Request, out: (text: string) => void, inTransaction = false): void {
  for (const command of request.commands) performOne(kernel, command, request, out, inTransaction);
}

function performOne(
  kernel: Kernel,
  command: Command,
  request: Request,
  out: (text: string) => void,
  inTransaction: boolean,
): void {
  if (command === "L") return list(kernel, request, out);
  if (command === "S") return listRules(kernel, request, out);
  const table = netfilter(kernel).table(request.table as TableName);
  switch (command) {
    case "A":
    case "I":
    case "R":
    case "D":
    case "C":
      return changeRules(table, command, request, out, inTransaction);
    case "D#":
      return deleteNumber(table, request);
    case "F":
    case "Z":
      return everyChain(kernel, table, command, request, out);
    case "Z#":
      if (isNew(chainOf(table, request.chain))) throw failure(NO_RULE);
      table.zero(request.chain, request.number);
      return;
    case "N":
      return newChain(table, request.chain as string);
    case "X":
      return deleteChains(kernel, table, request, out, inTransaction);
    case "E":
      return rename(table, request);
    case "P":
      return setPolicy(table, request);
  }
}

function chainOf(table: Table, name: string | undefined): Chain {
  const chain = table.chain(name ?? "");
  if (chain === undefined) throw failure(NO_CHAIN);
  return chain;
}

function changeRules(
  table: Table,
  command: Command,
  request: Request,
  out: (text: string) => void,
  inTransaction: boolean,
): void {
  for (const spec of request.rules) {
    const target = spec.target;
    if ((target?.kind === "jump" || target?.kind === "goto") && table.chain(target.chain) === undefined)
      throw problem(`Chain '${target.chain}' does not exist`);
  }
  let problemFound: Exit | undefined;
  const change = (): boolean => {
    for (const spec of request.rules) {
      const looksFirst = command === "C" || command === "D";
      if (request.verbose && !looksFirst) out(tellRule(spec));
      problemFound = changeRule(table, command, spec, request);
      if (problemFound !== undefined) return false;
      if (request.verbose && looksFirst) out(tellRule(spec));
    }
    return true;
  };
  // One rule comes whole or not at all anyway.
  if (inTransaction || request.rules.length === 1) change();
  else table.transaction(change);
  if (problemFound !== undefined) throw problemFound;
}

function changeRule(table: Table, command: Command, spec: RuleSpec, request: Request): Exit | undefined {
  const name = request.chain as string;
  const { number } = request;
  const chain = table.chain(name);
  if (command === "C" || command === "D") {
    const found =
      chain === undefined ? undefined : command === "C" ? table.check(name, spec) : table.delete(name, spec);
    return found?.ok === true ? undefined : failure(NO_RULE);
  }
  if (chain === undefined) return failure(NO_CHAIN);
  const { length } = chain.rules;
  if (command === "R") {
    if (number > length) return failure(isNew(chain) ? NO_CHAIN : "Index of replacement too big.");
    return settle(table.replace(name, number, spec), "RULE_REPLACE", chain, number - 1, request);
  }
  if (command === "A") return settle(table.append(name, spec), "RULE_APPEND", chain, length, request);
  if (number > length + 1) return failure("Index of insertion too big.");
  return settle(table.insert(name, spec, number), "RULE_INSERT", chain, number - 1, request);
}

/** Sets the counters of a rule that was taken, or tells why it was not. */
function settle(outcome: Outcome, operation: Operation, chain: Chain, at: number, request: Request): Exit | undefined {
  if (!outcome.ok) return refusal(operation, outcome, `rule in chain ${chain.name}`);
  const rule = chain.rules[at] as Rule;
  rule.packets = request.packets;
  rule.bytes = request.bytes;
  return undefined;
}

const refusal = (operation: Operation, { errno }: Refused, where: string): Exit =>
  kernelRefused(` ${operation} failed (${strerror(errno)}): ${where}`);

function deleteNumber(table: Table, request: Request): void {
  const chain = chainOf(table, request.chain);
  const { ok } = table.delete(chain.name, request.number);
  if (!ok) throw failure(isNew(chain) ? NO_CHAIN : "Index of deletion too big.");
}

/** A built-in chain is made in the kernel with its first rule: until then others complain about it. */
const isNew = (chain: Chain): boolean => chain.hook >= 0 && chain.rules.length === 0;

/** `-F` and `-Z`: of one chain, or of all. */
function everyChain(
  kernel: Kernel,
  table: Table,
  command: "F" | "Z",
  request: Request,
  out: (text: string) => void,
): void {
  if (request.chain !== undefined) chainOf(table, request.chain);
  const chains = chainsOf(kernel, table.name).filter((c) => request.chain === undefined || c.name === request.chain);
  for (const { name } of chains) {
    if (request.verbose) out(`${command === "F" ? "Flushing" : "Zeroing"} chain \`${name}'\n`);
    if (!tableExists(kernel, table.name)) continue;
    if (command === "F") table.flush(name);
    else table.zero(name);
  }
}

function newChain(table: Table, name: string): void {
  if (table.chain(name) !== undefined) throw failure("Chain already exists.");
  const made = table.newChain(name);
  if (!made.ok) throw refusal("CHAIN_USER_ADD", made, `chain ${name}`);
}

/** All of them, or none when one of them is still gone to. */
function deleteChains(
  kernel: Kernel,
  table: Table,
  request: Request,
  out: (text: string) => void,
  inTransaction: boolean,
): void {
  const { chain: name, verbose } = request;
  const chains = name === undefined ? chainsOf(kernel, table.name).filter((c) => c.hook < 0) : [chainOf(table, name)];
  if (name !== undefined && chains[0]?.hook !== -1) throw failure(NO_CHAIN);
  if (verbose) out(chains.map((chain) => `Deleting chain \`${chain.name}'\n`).join(""));
  let refused: Exit | undefined;
  const change = (): boolean => {
    for (const chain of chains) {
      const gone = table.deleteChain(chain.name);
      if (!gone.ok) refused ??= refusal("CHAIN_DEL", gone, `chain ${chain.name}`);
    }
    return refused === undefined;
  };
  if (inTransaction || chains.length === 0) change();
  else table.transaction(change);
  if (refused !== undefined) throw refused;
}

function rename(table: Table, request: Request): void {
  const [from, to] = [request.chain as string, request.newName as string];
  if (table.chain(to) !== undefined) throw failure("File exists.");
  const chain = chainOf(table, from);
  if (chain.hook >= 0) throw kernelRefused(` CHAIN_USER_RENAME failed (Operation not supported): chain ${from}`);
  const renamed = table.renameChain(from, to);
  if (!renamed.ok) throw problem(renamed.detail ?? strerror(renamed.errno));
}

function setPolicy(table: Table, request: Request): void {
  const { policy } = request;
  const chain = table.chain(request.chain as string);
  if (policy !== "ACCEPT" && policy !== "DROP") throw failure("Bad policy name. Run `dmesg' for more information.");
  if (chain === undefined || chain.hook < 0) throw failure(NOT_BUILT_IN);
  const set = table.policy(chain.name, policy);
  if (!set.ok) throw problem(set.detail ?? strerror(set.errno));
  if (request.packets !== 0 || request.bytes !== 0) {
    chain.packets = request.packets;
    chain.bytes = request.bytes;
  }
}
