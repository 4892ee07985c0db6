import type { MatchSpec } from "../../nodes/kernel/netfilter/matches/matches.ts";
import type { RuleSpec } from "../../nodes/kernel/netfilter/rule.ts";
import type { ActionSpec } from "../../nodes/kernel/netfilter/targets/targets.ts";
import type { Given, Option } from "./option.ts";

/** How a rule is listed. */
export interface Style {
  /** `-n`: no names of ports and hosts. */
  readonly numeric: boolean;
}

/** A match as the command line knows it. What `list` and `save` give begins with a space. */
export interface MatchKind<K extends MatchSpec["kind"] = MatchSpec["kind"]> {
  readonly name: K;
  readonly options: readonly Option[];
  /** The match that was meant; refuses what makes no sense together. */
  build(given: Given, rule: RuleSpec): Extract<MatchSpec, { kind: K }>;
  /** Refuses a rule that it cannot be part of, once all of it is known. */
  fits?(spec: Extract<MatchSpec, { kind: K }>, rule: RuleSpec): void;
  /** For `-L`. */
  list(spec: Extract<MatchSpec, { kind: K }>, style: Style, rule: RuleSpec): string;
  /** Behind `-m name`, for `-S` and `iptables-save`. */
  save(spec: Extract<MatchSpec, { kind: K }>): string;
}

/** A target as the command line knows it. */
export interface TargetKind<K extends ActionSpec["kind"] = ActionSpec["kind"]> {
  readonly name: K;
  /** In the column `target`, where it is another name than its own. */
  readonly listName?: string;
  readonly options: readonly Option[];
  build(given: Given, rule: RuleSpec): Extract<ActionSpec, { kind: K }>;
  list(spec: Extract<ActionSpec, { kind: K }>, style: Style): string;
  /** Behind `-j name`. */
  save(spec: Extract<ActionSpec, { kind: K }>): string;
}

/** `! ` where a part of a rule is inverted. */
export const not = (part: { readonly invert?: boolean }): string => (part.invert === true ? "! " : "");
/** `!` where a part of a rule is inverted. */
export const bang = (part: { readonly invert?: boolean }): string => (part.invert === true ? "!" : "");
