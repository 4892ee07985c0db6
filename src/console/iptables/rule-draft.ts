import type { MatchSpec } from "../../nodes/kernel/netfilter/matches/matches.ts";
import type { AddressSpec, NameSpec, RuleSpec } from "../../nodes/kernel/netfilter/rule.ts";
import type { TargetSpec } from "../../nodes/kernel/netfilter/targets/targets.ts";
import { parseAddresses } from "./addresses.ts";
import { problem } from "./exit.ts";
import { isAny } from "./interfaces.ts";
import type { Loaded } from "./long-options.ts";
import { isVerdictName } from "./registry.ts";

/** Hosts or networks as they were typed, several apart by commas. */
interface TypedAddresses {
  readonly text: string;
  readonly invert: boolean;
}

/** A rule as far as the words of a command line have told of it. */
export class RuleDraft {
  protocol: { readonly text: string; readonly number: number; readonly invert: boolean } | undefined;
  sources: TypedAddresses | undefined;
  destinations: TypedAddresses | undefined;
  in: NameSpec | undefined;
  out: NameSpec | undefined;
  fragment: { readonly invert?: boolean } | undefined;
  jump: { readonly name: string; readonly goto: boolean } | undefined;
  /** The extension that `jump` names, if it names one. */
  target: Loaded | undefined;
  readonly matches: Loaded[] = [];
}

/** Everything but addresses, matches and target. */
export function headOf(draft: RuleDraft): RuleSpec {
  const { protocol, fragment } = draft;
  return {
    ...(draft.in !== undefined && !isAny(draft.in) && { in: draft.in }),
    ...(draft.out !== undefined && !isAny(draft.out) && { out: draft.out }),
    ...(protocol !== undefined &&
      protocol.number !== 0 && { protocol: { number: protocol.number, ...inverted(protocol.invert) } }),
    ...(fragment !== undefined && { fragment }),
  };
}

/** The matches, each checked for what it was not given. */
export const matchesOf = (draft: RuleDraft, head: RuleSpec): readonly MatchSpec[] =>
  draft.matches.map((each) => built<MatchSpec>(each, head));

/** The target; undefined: the rule only counts. */
export function targetOf({ target, jump }: RuleDraft, head: RuleSpec): TargetSpec | undefined {
  if (target !== undefined) return built<TargetSpec>(target, head);
  if (jump === undefined) return undefined;
  const { name, goto } = jump;
  if (goto) return { kind: "goto", chain: name };
  return isVerdictName(name) ? { kind: name } : { kind: "jump", chain: name };
}

/** Every pair of a source and a destination: a rule each. */
export function addressesOf({ sources, destinations }: RuleDraft): readonly Pick<RuleSpec, "source" | "destination">[] {
  const read = (given: TypedAddresses | undefined) =>
    given === undefined ? [undefined] : parseAddresses(given.text).map((a) => addressSpec(a, given.invert));
  const [from, to] = [read(sources), read(destinations)];
  const many = from.length > 1 || to.length > 1;
  if (many && (sources?.invert === true || destinations?.invert === true))
    throw problem("! not allowed with multiple source or destination IP addresses");
  return from.flatMap((source) =>
    to.map((destination) => ({
      ...(source !== undefined && { source }),
      ...(destination !== undefined && { destination }),
    })),
  );
}

function built<T>({ kind, given }: Loaded, head: RuleSpec): T {
  const spec = kind.build(given, head);
  given.check(kind.name, kind.options);
  return spec as T;
}

/** The mark of an inverted word, where it is one. */
export const inverted = (invert: boolean): { readonly invert?: true } => (invert ? { invert: true } : {});

/** An address with a mask of 0 asks for nothing. */
const addressSpec = (address: Omit<AddressSpec, "invert">, invert: boolean): AddressSpec | undefined =>
  address.mask === 0 && !invert ? undefined : { ...address, ...inverted(invert) };
