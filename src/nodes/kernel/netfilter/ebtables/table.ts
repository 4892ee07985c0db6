import { dropReason } from "../../../../core/drop.ts";
import { done, granted, type Outcome, type Refused, refused } from "../../../../core/errno.ts";
import { HEADER } from "../../../../protocols/ethernet/wire.ts";
import { saw } from "../../saw.ts";
import {
  BR_FORWARD,
  BR_HOOK_NAMES,
  BR_LOCAL_IN,
  BR_LOCAL_OUT,
  BR_POST_ROUTING,
  BR_PRE_ROUTING,
  type FrameState,
} from "./frame.ts";
import { makeTest } from "./matches.ts";
import type { EbChain, EbRule, EbRuleSpec, EbTableName, EbVerdict } from "./rule.ts";
import { makeAction, mayStand } from "./targets.ts";

export const BY_RULE = dropReason("ebtables: dropped by a rule");
export const BY_POLICY = dropReason("ebtables: dropped by a chain's policy");

const HOOKS: Readonly<Record<EbTableName, readonly number[]>> = {
  filter: [BR_LOCAL_IN, BR_FORWARD, BR_LOCAL_OUT],
  nat: [BR_PRE_ROUTING, BR_LOCAL_OUT, BR_POST_ROUTING],
};
const CHAINS_MAX = 4096;
const RULES_MAX = 1 << 16;
/** EBT_CHAIN_MAXNAMELEN without the closing zero. */
const NAME_MAX = 31;
const JUMPS_MAX = 16;
const TARGETS = new Set(["ACCEPT", "DROP", "CONTINUE", "RETURN", "mark", "snat", "dnat", "redirect", "arpreply"]);

/** A table of ebtables, with its requests (net/bridge/netfilter/ebtables.c). */
export class EbTable {
  readonly name: EbTableName;
  /** Built-in chains first. */
  #chains = new Map<string, EbChain>();
  readonly #changed: () => void;
  /** Who dropped the last frame, and why. */
  reason = BY_RULE;
  where = "";

  constructor(name: EbTableName, changed: () => void) {
    this.name = name;
    this.#changed = changed;
    for (const hook of HOOKS[name]) {
      const chain = BR_HOOK_NAMES[hook] as string;
      this.#chains.set(chain, { name: chain, hook, policy: "ACCEPT", packets: 0, bytes: 0, rules: [] });
    }
  }

  chains(): readonly EbChain[] {
    return [...this.#chains.values()];
  }
  chain(name: string): EbChain | undefined {
    return this.#chains.get(name);
  }

  /** Walks the chain of a hook: whether the frame may go on (ebtables.c:ebt_do_table). */
  run(s: FrameState): boolean {
    const chain = this.#chains.get(BR_HOOK_NAMES[s.hook] as string);
    if (chain === undefined) return true;
    const bytes = s.p.end - s.p.start - HEADER;
    const verdict = this.#walk(s, chain, bytes);
    if (verdict === "ACCEPT") return true;
    if (verdict === "DROP") return false;
    chain.packets++;
    chain.bytes += bytes;
    this.reason = BY_POLICY;
    this.where = `ebtables ${this.name} ${chain.name} policy`;
    return chain.policy !== "DROP";
  }

  /** `CONTINUE`: the end of the chain was reached, or a rule returned. */
  #walk(s: FrameState, chain: EbChain, bytes: number): EbVerdict {
    for (let i = 0; i < chain.rules.length; i++) {
      const rule = chain.rules[i] as EbRule;
      if (!rule.test(s)) continue;
      rule.packets++;
      rule.bytes += bytes;
      const { target } = rule.spec;
      if (s.p.trail !== null)
        saw(s.p, s.kernel, s.in?.name ?? "", "filter", `${this.#place(chain, i)}: ${target.kind}`);
      if (target.kind === "jump") {
        const verdict = this.#enter(s, this.#chains.get(target.chain) as EbChain, bytes);
        if (verdict !== "CONTINUE") return verdict;
        continue;
      }
      const verdict = rule.run(s);
      if (verdict === "CONTINUE") continue;
      if (verdict === "DROP") {
        this.reason = BY_RULE;
        this.where = this.#place(chain, i);
      }
      return verdict === "RETURN" ? "CONTINUE" : verdict;
    }
    return "CONTINUE";
  }

  /** A chain that was made has a policy too: what is done at its end, usually to return. */
  #enter(s: FrameState, chain: EbChain, bytes: number): EbVerdict {
    const verdict = this.#walk(s, chain, bytes);
    if (verdict !== "CONTINUE" || chain.policy === "RETURN" || chain.policy === "CONTINUE") return verdict;
    if (chain.policy === "DROP") {
      this.reason = BY_POLICY;
      this.where = `ebtables ${this.name} ${chain.name} policy`;
    }
    return chain.policy;
  }

  #place(chain: EbChain, i: number): string {
    return `ebtables ${this.name} ${chain.name} rule ${i + 1}`;
  }

  // --- requests ------------------------------------------------------------------------------------------------

  /** `ebtables -A`. */
  append(name: string, spec: EbRuleSpec): Outcome {
    return this.insert(name, spec, (this.#chains.get(name)?.rules.length ?? 0) + 1);
  }
  /** `ebtables -I chain number`: from 1 on. */
  insert(name: string, spec: EbRuleSpec, number = 1): Outcome {
    const chain = this.#chains.get(name);
    if (chain === undefined) return noChain(name);
    if (number < 1 || number > chain.rules.length + 1)
      return refused("E2BIG", "The specified rule number is incorrect");
    if (this.chains().reduce((n, c) => n + c.rules.length, 0) >= RULES_MAX) return refused("ENOSPC");
    const made = this.#make(spec);
    if (!made.ok) return made;
    chain.rules.splice(number - 1, 0, made.value);
    const sound = this.#validate();
    if (!sound.ok) {
      chain.rules.splice(number - 1, 1);
      return sound;
    }
    this.#changed();
    return done;
  }
  /** `ebtables -D`: by number, or the first rule like `which`. */
  delete(name: string, which: number | EbRuleSpec): Outcome {
    const chain = this.#chains.get(name);
    if (chain === undefined) return noChain(name);
    const wanted = typeof which === "number" ? "" : JSON.stringify(which);
    const at = typeof which === "number" ? which - 1 : chain.rules.findIndex((r) => JSON.stringify(r.spec) === wanted);
    if (chain.rules[at] === undefined) return refused("ENOENT", "Sorry, rule does not exist");
    chain.rules.splice(at, 1);
    return done;
  }
  /** `ebtables -F`. */
  flush(name?: string): Outcome {
    if (name !== undefined && !this.#chains.has(name)) return noChain(name);
    for (const chain of this.#chains.values()) if (name === undefined || chain.name === name) chain.rules.length = 0;
    return done;
  }
  /** `ebtables -Z`. */
  zero(name?: string): Outcome {
    if (name !== undefined && !this.#chains.has(name)) return noChain(name);
    for (const chain of this.#chains.values()) {
      if (name !== undefined && chain.name !== name) continue;
      for (const counted of [chain, ...chain.rules]) counted.packets = counted.bytes = 0;
    }
    return done;
  }
  /** `ebtables -N`; the policy of a chain that was made says what is done at its end. */
  newChain(name: string, policy: EbVerdict = "ACCEPT"): Outcome {
    const bad = this.#badName(name);
    if (bad !== undefined) return bad;
    if (this.#chains.size >= CHAINS_MAX) return refused("ENOSPC");
    this.#chains.set(name, { name, hook: -1, policy, packets: 0, bytes: 0, rules: [] });
    return done;
  }
  /** `ebtables -X`. */
  deleteChain(name: string): Outcome {
    const chain = this.#chains.get(name);
    if (chain === undefined) return noChain(name);
    if (chain.hook >= 0) return refused("EINVAL", "You can't remove a standard chain");
    if (this.isTarget(name)) return refused("EBUSY", "Can't delete the chain, it's referenced");
    this.#chains.delete(name);
    return done;
  }
  /** Whether a rule goes to a chain. */
  isTarget(name: string): boolean {
    const goes = ({ spec: { target } }: EbRule): boolean => target.kind === "jump" && target.chain === name;
    return this.chains().some((chain) => chain.rules.some(goes));
  }
  /** `ebtables -E`. Rules that go there follow. */
  renameChain(from: string, to: string): Outcome {
    const chain = this.#chains.get(from);
    if (chain === undefined) return noChain(from);
    if (chain.hook >= 0) return refused("EINVAL", "You can't rename a standard chain");
    const bad = this.#badName(to);
    if (bad !== undefined) return bad;
    chain.name = to;
    for (const { rules } of this.#chains.values())
      for (const [i, rule] of rules.entries()) rules[i] = renamed(rule, from, to);
    this.#chains = new Map(this.chains().map((c) => [c.name, c]));
    return done;
  }
  /** `ebtables -P`. */
  policy(name: string, policy: EbVerdict): Outcome {
    const chain = this.#chains.get(name);
    if (chain === undefined) return noChain(name);
    if (chain.hook >= 0 && policy === "RETURN")
      return refused("EINVAL", "Policy RETURN only allowed for user defined chains");
    if (chain.hook >= 0 && policy === "CONTINUE") return refused("EINVAL", "Wrong policy");
    chain.policy = policy;
    this.#changed();
    return done;
  }

  // --- inside --------------------------------------------------------------------------------------------------

  #badName(name: string): Refused | undefined {
    if (this.#chains.has(name)) return refused("EEXIST", `Chain ${name} already exists`);
    if (TARGETS.has(name)) return refused("EINVAL", `Target with name ${name} exists`);
    const sound = name.length > 0 && name.length <= NAME_MAX && !/^-|\s/.test(name);
    return sound ? undefined : refused("EINVAL", "Invalid chain name");
  }

  #make(spec: EbRuleSpec): Outcome<EbRule> {
    const { target } = spec;
    if (target.kind === "jump") {
      const to = this.#chains.get(target.chain);
      if (to === undefined) return noChain(target.chain);
      if (to.hook >= 0) return refused("EOPNOTSUPP"); // net/netfilter/nf_tables_api.c:nft_verdict_init
    }
    const test = makeTest(spec);
    if (!test.ok) return test;
    const action = makeAction(target);
    if (!action.ok) return action;
    return granted({ spec, packets: 0, bytes: 0, test: test.value, run: action.value });
  }

  /** No loops on the way of a frame, and every target where it may stand (nf_tables_api.c:nft_chain_validate). */
  #validate(): Outcome {
    const walk = (chain: EbChain, hooks: number, depth: number): Outcome => {
      if (depth > JUMPS_MAX) return refused("EMLINK");
      for (const { spec } of chain.rules) {
        if (!mayStand(spec, this.name, hooks)) return refused("EINVAL");
        if (spec.target.kind !== "jump") continue;
        const below = walk(this.#chains.get(spec.target.chain) as EbChain, hooks, depth + 1);
        if (!below.ok) return below;
      }
      return done;
    };
    for (const chain of this.#chains.values()) {
      if (chain.hook < 0) continue;
      const sound = walk(chain, 1 << chain.hook, 0);
      if (!sound.ok) return sound;
    }
    return done;
  }
}

function renamed(rule: EbRule, from: string, to: string): EbRule {
  const { target } = rule.spec;
  if (target.kind !== "jump" || target.chain !== from) return rule;
  return { ...rule, spec: { ...rule.spec, target: { ...target, chain: to } } };
}

const noChain = (name: string): Refused => refused("ENOENT", `Chain '${name}' doesn't exist`);
