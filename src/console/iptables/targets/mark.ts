import type { ConnmarkTarget } from "../../../nodes/kernel/netfilter/targets/mark.ts";
import { problem } from "../exit.ts";
import type { TargetKind } from "../kind.ts";
import { hex } from "../numbers.ts";
import { type Given, markAndMask, number, type Option } from "../option.ts";

const ALL = 0xffff_ffff;
const SETTERS = ["set-xmark", "set-mark", "and-mark", "or-mark", "xor-mark"] as const;
const MOVERS = ["save-mark", "restore-mark"] as const;

const setters = (others: readonly string[]): readonly Option[] =>
  SETTERS.map((name) => ({
    name,
    read: name.startsWith("set-") ? markAndMask : number(0, ALL),
    excludes: ["set-mark", ...others, "and-mark", "or-mark", "xor-mark", "set-xmark"].filter((other) => other !== name),
  }));

/** What every way of setting a mark amounts to; undefined when none was given. */
function markOf(given: Given): { readonly op: "set-xmark"; readonly value: number; readonly mask: number } | undefined {
  const op = "set-xmark" as const;
  const [set, xset] = [given.get<Marked>("set-mark"), given.get<Marked>("set-xmark")];
  if (set !== undefined) return { op, value: set.mark, mask: (set.mark | set.mask) >>> 0 };
  if (xset !== undefined) return { op, value: xset.mark, mask: xset.mask };
  const and = given.get<number>("and-mark");
  if (and !== undefined) return { op, value: 0, mask: ~and >>> 0 };
  const or = given.get<number>("or-mark");
  if (or !== undefined) return { op, value: or, mask: or };
  const xor = given.get<number>("xor-mark");
  return xor === undefined ? undefined : { op, value: xor, mask: 0 };
}
interface Marked {
  readonly mark: number;
  readonly mask: number;
}

/** The shortest way to say it (extensions/libxt_MARK.c:mark_tg_print). */
function listMark(value: number, mask: number): string {
  if (value === 0) return `and ${hex(~mask)}`;
  if (value === mask) return `or ${hex(value)}`;
  if (mask === 0) return `xor ${hex(value)}`;
  return mask === ALL ? `set ${hex(value)}` : `xset ${hex(value)}/${hex(mask)}`;
}

/** `-j MARK`. */
export const mark: TargetKind<"MARK"> = {
  name: "MARK",
  options: setters([]),
  build(given) {
    const set = markOf(given);
    if (set === undefined) throw problem("MARK: One of the --set-xmark, --{and,or,xor,set}-mark options is required");
    return { kind: "MARK", ...set };
  },
  list: ({ value, mask = ALL }) => ` MARK ${listMark(value, mask)}`,
  save: ({ value, mask = ALL }) => ` --set-xmark ${hex(value)}/${hex(mask)}`,
};

/** `-j CONNMARK`. */
export const connmark: TargetKind<"CONNMARK"> = {
  name: "CONNMARK",
  options: [
    ...setters(MOVERS),
    ...MOVERS.map((name) => ({ name, excludes: [...SETTERS, ...MOVERS].filter((other) => other !== name) })),
    { name: "ctmask", read: number(0, ALL), excludes: ["mask"] },
    { name: "nfmask", read: number(0, ALL), excludes: ["mask"] },
    { name: "mask", read: number(0, ALL), excludes: ["ctmask", "nfmask"] },
  ],
  build(given): ConnmarkTarget {
    const moves = MOVERS.find((name) => given.has(name));
    const masked = ["ctmask", "nfmask", "mask"].some((name) => given.has(name));
    const set = markOf(given);
    if (set === undefined && moves === undefined) throw problem("CONNMARK target: No operation specified");
    if (masked && moves === undefined)
      throw problem("CONNMARK: --ctmask, --nfmask and --mask need --save-mark or --restore-mark");
    if (set !== undefined) return { kind: "CONNMARK", ...set };
    const both = given.get<number>("mask");
    const nfmask = both ?? given.get<number>("nfmask") ?? ALL;
    const ctmask = both ?? given.get<number>("ctmask") ?? ALL;
    return { kind: "CONNMARK", op: moves as (typeof MOVERS)[number], nfmask, ctmask };
  },
  list(spec) {
    if ("value" in spec) return ` CONNMARK ${listMark(spec.value, spec.mask ?? ALL)}`;
    const { op, nfmask = ALL, ctmask = ALL } = spec;
    const head = ` CONNMARK ${op === "save-mark" ? "save" : "restore"}`;
    if (nfmask === ctmask) return head + (nfmask === ALL ? "" : ` mask ${hex(nfmask)}`);
    if (op === "save-mark") return `${head} nfmask ${hex(nfmask)} ctmask ~${hex(ctmask)}`;
    return `${head} ctmask ${hex(ctmask)} nfmask ~${hex(nfmask)}`;
  },
  save(spec) {
    if ("value" in spec) return ` --set-xmark ${hex(spec.value)}/${hex(spec.mask ?? ALL)}`;
    return ` --${spec.op} --nfmask ${hex(spec.nfmask ?? ALL)} --ctmask ${hex(spec.ctmask ?? ALL)}`;
  },
};
