import { granted, type Outcome, refused } from "../../../../core/errno.ts";
import type { Conntrack } from "../conntrack/conntrack.ts";
import type { MatchContext } from "../matches/matches.ts";
import type { Nat } from "../nat/nat.ts";
import type { Action, RuleSite, RuleSpec } from "../rule.ts";
import { type CtTarget, checkCt, makeCt, makeNotrack, type NotrackTarget } from "./ct.ts";
import { type LogTarget, makeLog } from "./log.ts";
import { type ConnmarkTarget, type MarkTarget, makeConnmark, makeMark } from "./mark.ts";
import {
  checkDestination,
  checkMasquerade,
  checkSource,
  type DnatTarget,
  type MasqueradeTarget,
  makeDnat,
  makeMasquerade,
  makeRedirect,
  makeSnat,
  type RedirectTarget,
  type SnatTarget,
} from "./nat.ts";
import { checkReject, makeReject, type RejectTarget } from "./reject.ts";
import { checkTcpmss, makeTcpmss, type TcpmssTarget } from "./tcpmss.ts";
import { checkTtl, makeTtl, type TtlTarget } from "./ttl.ts";

/** What ends a rule without doing anything else. `jump` comes back, `goto` does not. */
export type VerdictTarget =
  | { readonly kind: "ACCEPT" | "DROP" | "RETURN" }
  | { readonly kind: "jump" | "goto"; readonly chain: string };

/** A target as it was given, under its name in iptables. */
export type TargetSpec = VerdictTarget | ActionSpec;
export type ActionSpec =
  | ConnmarkTarget
  | CtTarget
  | DnatTarget
  | LogTarget
  | MarkTarget
  | MasqueradeTarget
  | NotrackTarget
  | RedirectTarget
  | RejectTarget
  | SnatTarget
  | TcpmssTarget
  | TtlTarget;

/** What targets may ask of their node. */
export interface TargetContext extends MatchContext {
  /** Translation, whether it runs already or not. */
  readonly nat: () => Nat;
  readonly conntrack: () => Conntrack;
}

/** Whether a target of that name is built, verdicts included; other names are chains. */
export const isTarget = (name: string): boolean =>
  name === "ACCEPT" || name === "DROP" || name === "RETURN" || Object.hasOwn(ACTIONS, name);

export const isVerdict = (spec: TargetSpec): spec is VerdictTarget =>
  spec.kind === "ACCEPT" ||
  spec.kind === "DROP" ||
  spec.kind === "RETURN" ||
  spec.kind === "jump" ||
  spec.kind === "goto";

/** Makes a target ready. Refused: a name that is not built, or options that make no sense together. */
export function makeAction(spec: ActionSpec, rule: RuleSpec, context: TargetContext): Outcome<Action> {
  const kind = ACTIONS[spec.kind] as Kind<ActionSpec["kind"]> | undefined;
  if (kind === undefined) {
    const { kind: name } = spec as { kind: string };
    return refused("ENOENT", `Couldn't load target \`${name}':No such file or directory`);
  }
  return kind.make(spec, rule, context);
}

/** Whether a target may stand where it is to stand: the table, and the hooks from which packets come here. */
export function checkAction(spec: ActionSpec, rule: RuleSpec, site: RuleSite): Outcome {
  const { check } = ACTIONS[spec.kind] as Kind<ActionSpec["kind"]>;
  return check === undefined || check(spec, rule, site) ? granted(undefined) : refused("EINVAL");
}

interface Kind<K extends ActionSpec["kind"]> {
  make(spec: Extract<ActionSpec, { kind: K }>, rule: RuleSpec, context: TargetContext): Outcome<Action>;
  check?(spec: Extract<ActionSpec, { kind: K }>, rule: RuleSpec, site: RuleSite): boolean;
}

const ACTIONS: { readonly [K in ActionSpec["kind"]]: Kind<K> } = {
  CONNMARK: { make: makeConnmark },
  CT: { make: makeCt, check: checkCt },
  DNAT: { make: makeDnat, check: checkDestination },
  LOG: { make: makeLog },
  MARK: { make: makeMark },
  MASQUERADE: { make: makeMasquerade, check: checkMasquerade },
  NOTRACK: { make: makeNotrack, check: checkCt },
  REDIRECT: { make: makeRedirect, check: checkDestination },
  REJECT: { make: makeReject, check: checkReject },
  SNAT: { make: makeSnat, check: checkSource },
  TCPMSS: { make: makeTcpmss, check: checkTcpmss },
  TTL: { make: makeTtl, check: checkTtl },
};
