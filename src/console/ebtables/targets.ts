import { formatMac, type Mac } from "../../core/addr.ts";
import type { EbTargetSpec, EbVerdict } from "../../nodes/kernel/netfilter/ebtables/rule.ts";
import { problem } from "../iptables/exit.ts";
import { hex, whole } from "../iptables/numbers.ts";
import { parseOctets } from "./macs.ts";

const VERDICTS = ["ACCEPT", "DROP", "CONTINUE", "RETURN"] as const;
export const isVerdict = (name: string): name is EbVerdict => (VERDICTS as readonly string[]).includes(name);

type Kind = "mark" | "snat" | "dnat" | "redirect" | "arpreply";
/** Options given to a target, by their first names. */
export type TargetOptions = ReadonlyMap<string, string>;

/** A target with options of its own. */
interface EbTarget {
  /** Each with its names; whether it has no value. */
  readonly options: readonly (readonly [names: readonly string[], bare?: true])[];
  readonly build: (given: TargetOptions) => EbTargetSpec;
}

const MARK_OPS = ["set", "or", "and", "xor"] as const;

const TARGETS: Readonly<Record<Kind, EbTarget>> = {
  mark: {
    options: [...MARK_OPS.map((op) => [[`mark-${op}`]] as const), [["mark-target"]]],
    build(given) {
      const ops = MARK_OPS.filter((op) => given.has(`mark-${op}`));
      const [op = "set", second] = ops;
      if (second !== undefined) throw problem(`--mark-${second} cannot be used together with specific --mark option`);
      if (given.size === 0) throw problem("You must specify some option");
      const text = given.get(`mark-${op}`) ?? "0";
      const value = whole(text);
      if (value === undefined) throw problem(`Bad MARK value '${text}'`);
      return { kind: "mark", op, value, verdict: verdictOf(given, "mark-target", "ACCEPT") };
    },
  },
  snat: {
    options: [[["to-source", "to-src"]], [["snat-target"]], [["snat-arp"], true]],
    build(given) {
      const mac = macOf(given, "to-source");
      const verdict = verdictOf(given, "snat-target", "ACCEPT");
      return { kind: "snat", mac, ...(given.has("snat-arp") && { arp: true }), verdict };
    },
  },
  dnat: {
    options: [[["to-destination", "to-dst"]], [["dnat-target"]]],
    build: (given) => ({
      kind: "dnat",
      mac: macOf(given, "to-destination"),
      verdict: verdictOf(given, "dnat-target", "ACCEPT"),
    }),
  },
  redirect: {
    options: [[["redirect-target"]]],
    build: (given) => ({ kind: "redirect", verdict: verdictOf(given, "redirect-target", "ACCEPT") }),
  },
  arpreply: {
    options: [[["arpreply-mac"]], [["arpreply-target"]]],
    build: (given) => ({
      kind: "arpreply",
      mac: given.has("arpreply-mac") ? macOf(given, "arpreply-mac") : 0,
      verdict: verdictOf(given, "arpreply-target", "DROP"),
    }),
  },
};

/** A target with options by its name; undefined for verdicts and chains. */
export const targetNamed = (name: string): EbTarget | undefined =>
  Object.hasOwn(TARGETS, name) ? TARGETS[name as Kind] : undefined;

function macOf(given: TargetOptions, option: string): Mac {
  const text = given.get(option);
  if (text === undefined) throw problem("You must specify proper arguments");
  const mac = parseOctets(text);
  if (mac === undefined) throw problem(`Problem with specified --${option} mac`);
  return mac;
}

function verdictOf(given: TargetOptions, option: string, usual: EbVerdict): EbVerdict {
  const name = given.get(option) ?? usual;
  if (!isVerdict(name)) throw problem(`Illegal --${option} target`);
  return name;
}

/** A target as `-L` shows it, behind `-j `. */
export function targetText(spec: EbTargetSpec): string {
  switch (spec.kind) {
    case "jump":
      return spec.chain;
    case "mark":
      return `mark --mark-${spec.op} ${hex(spec.value)} --mark-target ${spec.verdict}`;
    case "snat":
      return `snat --to-src ${formatMac(spec.mac)}${spec.arp === true ? " --snat-arp" : ""} --snat-target ${spec.verdict}`;
    case "dnat":
      return `dnat --to-dst ${formatMac(spec.mac)} --dnat-target ${spec.verdict}`;
    case "redirect":
      return `redirect ${spec.verdict === "ACCEPT" ? "" : `--redirect-target ${spec.verdict}`}`;
    case "arpreply":
      return `arpreply --arpreply-mac ${formatMac(spec.mac)}${spec.verdict === "DROP" ? "" : ` --arpreply-target ${spec.verdict}`}`;
    default:
      return spec.kind;
  }
}
