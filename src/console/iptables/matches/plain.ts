import { formatMac } from "../../../core/addr.ts";
import type { TtlMatch } from "../../../nodes/kernel/netfilter/matches/ttl.ts";
import { problem } from "../exit.ts";
import { bang, type MatchKind, not } from "../kind.ts";
import { hex } from "../numbers.ts";
import { macAddress, markAndMask, number, type Option, range, text } from "../option.ts";
import { quoted } from "../quote.ts";

const COMMENT_MAX = 255;

/** `-m comment`. */
export const comment: MatchKind<"comment"> = {
  name: "comment",
  options: [{ name: "comment", must: true, read: text(COMMENT_MAX) }],
  build: (given) => ({ kind: "comment", text: given.get<string>("comment") ?? "" }),
  list: (spec) => ` /* ${spec.text} */`,
  save: (spec) => ` --comment ${quoted(spec.text)}`,
};

/** `-m length`. */
export const length: MatchKind<"length"> = {
  name: "length",
  options: [{ name: "length", must: true, invert: true, read: range(65_535) }],
  build(given) {
    const { min, max } = given.get<{ min: number; max: number }>("length") ?? { min: 0, max: 0 };
    return { kind: "length", min, max, ...given.not("length") };
  },
  list: (spec) => ` length ${bang(spec)}${lengths(spec)}`,
  save: (spec) => ` ${not(spec)}--length ${lengths(spec)}`,
};
const lengths = ({ min, max }: { readonly min: number; readonly max: number }): string =>
  min === max ? String(min) : `${min}:${max}`;

/** `-m mac`. */
export const mac: MatchKind<"mac"> = {
  name: "mac",
  options: [{ name: "mac-source", must: true, invert: true, read: macAddress }],
  build: (given) => ({ kind: "mac", source: given.get<number>("mac-source") ?? 0, ...given.not("mac-source") }),
  list: (spec) => ` MAC ${not(spec)}${formatMac(spec.source)}`,
  save: (spec) => ` ${not(spec)}--mac-source ${formatMac(spec.source)}`,
};

type Marked = { readonly mark: number; readonly mask: number };
const markOption: Option = { name: "mark", must: true, invert: true, read: markAndMask };
const markText = ({ mark, mask }: Marked): string => (mask === 0xffff_ffff ? hex(mark) : `${hex(mark)}/${hex(mask)}`);

/** `-m mark`. */
export const mark: MatchKind<"mark"> = {
  name: "mark",
  options: [markOption],
  build: (given) => ({ kind: "mark", ...(given.get<Marked>("mark") as Marked), ...given.not("mark") }),
  list: (spec) => ` mark match ${not(spec)}${markText(spec)}`,
  save: (spec) => ` ${not(spec)}--mark ${markText(spec)}`,
};

/** `-m connmark`. */
export const connmark: MatchKind<"connmark"> = {
  name: "connmark",
  options: [markOption],
  build: (given) => ({ kind: "connmark", ...(given.get<Marked>("mark") as Marked), ...given.not("mark") }),
  list: (spec) => ` connmark match ${bang(spec)} ${markText(spec)}`,
  save: (spec) => ` ${not(spec)}--mark ${markText(spec)}`,
};

const TTL_OPS = { lt: "<", gt: ">", eq: "==" } as const;
const TTL_ORDER = ["lt", "gt", "eq"] as const;

/** `-m ttl`. */
export const ttl: MatchKind<"ttl"> = {
  name: "ttl",
  options: [
    { name: "ttl-lt", id: "lt", read: number(0, 255), excludes: ["gt", "eq"] },
    { name: "ttl-gt", id: "gt", read: number(0, 255), excludes: ["lt", "eq"] },
    { name: "ttl-eq", id: "eq", read: number(0, 255), invert: true, excludes: ["lt", "gt"] },
    { name: "ttl", id: "eq", read: number(0, 255), invert: true },
  ],
  build(given): TtlMatch {
    const op = TTL_ORDER.find((each) => given.has(each));
    if (op === undefined) throw problem("TTL match: You must specify one of `--ttl-eq', `--ttl-lt', `--ttl-gt");
    return { kind: "ttl", op, ttl: given.get<number>(op) ?? 0, ...given.not(op) };
  },
  list: (spec) => ` TTL match TTL ${spec.invert === true ? "!=" : TTL_OPS[spec.op]} ${spec.ttl}`,
  save: (spec) => ` ${not(spec)}--ttl-${spec.op} ${spec.ttl}`,
};
