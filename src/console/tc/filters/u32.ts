import { U32, type U32Options, type U32Selector } from "../../../nodes/kernel/tc/filters/u32.ts";
import { bucketOf, htidOf, nodeOf, type U32Knode } from "../../../nodes/kernel/tc/filters/u32-tables.ts";
import { formatHandle } from "../../../nodes/kernel/tc/handle.ts";
import type { Args } from "../../ip/args.ts";
import { printActions } from "../actions.ts";
import { illegal, type Tc } from "../context.ts";
import { parseSigned, parseUnsigned } from "../units.ts";
import type { FilterKind } from "./kind.ts";
import { parseCommon } from "./plain.ts";
import { KeyList, parseSelector } from "./u32-keys.ts";
import { printKey } from "./u32-print.ts";

const USAGE = [
  "Usage: ... u32 [ match SELECTOR ... ] [ link HTID ] [ classid CLASSID ] [ action ACTION_SPEC ]",
  "               [ offset OFFSET_SPEC ] [ ht HTID ] [ hashkey HASHKEY_SPEC ] [ sample SAMPLE ]",
  "or         u32 divisor DIVISOR",
].join("\n");

interface Read {
  readonly keys: KeyList;
  classid?: number | undefined;
  actions?: U32Options["actions"];
  mark?: U32Options["mark"];
  indev?: string;
  divisor?: number;
  link?: number;
  order: number;
  hash: number;
  sampled: boolean;
  matched: boolean;
  plus?: number;
  variable?: { at: number; mask: number; shift: number };
  eat: boolean;
  hashKey?: { mask: number; at: number };
}

/** `800:0:800`, `2:7b:`, `0x80000800` (tc/f_u32.c:get_u32_handle). */
function parseHandle(text: string): number | undefined {
  if (!text.includes(":")) return text.startsWith("0x") ? parseUnsigned(text, 16) : undefined;
  const [table = "", bucket = "", node = "", ...more] = text.split(":");
  const numberOf = (part: string, below: number): number | undefined =>
    part === "" ? 0 : parseUnsigned(part, 16, below - 1);
  const parts = [numberOf(table, 0x1000), numberOf(bucket, 0x100), numberOf(node, 0x1000)] as const;
  if (more.length > 0 || parts.includes(undefined)) return undefined;
  return (((parts[0] ?? 0) << 20) | ((parts[1] ?? 0) << 12) | (parts[2] ?? 0)) >>> 0;
}

export function formatU32Handle(handle: number): string {
  if (handle === 0) return "none";
  const hex = (value: number): string => value.toString(16);
  const table = htidOf(handle) === 0 ? "" : `${hex(htidOf(handle) >>> 20)}:`;
  const bucket = bucketOf(handle) === 0 ? "" : hex(bucketOf(handle));
  const node = nodeOf(handle) === 0 ? "" : `:${hex(nodeOf(handle))}`;
  return table + bucket + node;
}

/** tc/f_u32.c:u32_parse_opt. */
function parse(args: Args, tc: Tc, text: string | undefined): ReturnType<FilterKind["parse"]> {
  let handle = 0;
  if (text !== undefined) {
    const read = parseHandle(text);
    if (read === undefined) throw illegal("Illegal filter ID");
    handle = read;
  }
  if (!args.more) return { handle, spec: { kind: "u32" } };
  const r: Read = { keys: new KeyList(), order: 0, hash: 0, sampled: false, matched: false, eat: false };
  while (args.more) parseOption(args, tc, r, text !== undefined);
  if (r.order !== 0) {
    if (nodeOf(handle) !== 0 && r.order !== nodeOf(handle)) throw illegal('"order" contradicts "handle"');
    handle = (handle | r.order) >>> 0;
  }
  return { handle, spec: { kind: "u32", options: optionsOf(r) } };
}

function parseOption(args: Args, tc: Tc, r: Read, handled: boolean): void {
  const value = (): string => args.next();
  if (args.abbreviates("match")) {
    args.next();
    if (!parseSelector(args, r.keys, r)) throw illegal('Illegal "match"');
    r.matched = true;
  } else if (args.abbreviates("offset")) parseOffset(args, r);
  else if (args.abbreviates("hashkey")) parseHashKey(args, r);
  else if (parseCommon(args, tc, r, "u32")) return;
  else if (args.abbreviates("divisor")) {
    r.divisor = divisorOf(value(), 'Illegal "divisor"');
    args.step();
  } else if (args.abbreviates("order")) {
    r.order = parseUnsigned(value(), 0) ?? fail('Illegal "order"');
    args.step();
  } else if (args.is("link")) {
    r.link = parseHandle(value()) ?? fail('Illegal "link"');
    if (nodeOf(r.link) !== 0) throw illegal('"link" must be a hash table.');
    args.step();
  } else if (args.is("ht")) {
    const table = parseHandle(value()) ?? fail('Illegal "ht"');
    if (handled && nodeOf(table) !== 0) throw illegal('"ht" must be a hash table.');
    r.hash = r.sampled ? ((r.hash & 0xff000) | htidOf(table)) >>> 0 : (table & 0xffff_f000) >>> 0;
    args.step();
  } else if (args.is("sample")) parseSample(args, r);
  else if (args.is("indev")) {
    r.indev = value();
    args.step();
  } else if (args.is("help")) throw illegal(USAGE);
  else throw illegal(`What is "${args.word}"?`, USAGE);
}

function fail(why: string): never {
  throw illegal(why);
}

function divisorOf(text: string, why: string): number {
  const divisor = parseUnsigned(text, 0) ?? 0;
  return divisor === 0 || divisor > 0x100 || (divisor & (divisor - 1)) !== 0 ? fail(why) : divisor;
}

/** The bucket that a packet with this key would fall into. */
function parseSample(args: Args, r: Read): void {
  args.next();
  const sample = new KeyList();
  if (!parseSelector(args, sample, r)) throw illegal('Illegal "sample"');
  const [key, ...more] = sample.keys;
  if (key === undefined || more.length > 0) throw illegal('"sample" must contain exactly ONE key.');
  let divisor = 0x100;
  if (args.is("divisor")) {
    divisor = divisorOf(args.next(), 'Illegal sample "divisor"');
    args.step();
  }
  const shift = key.mask === 0 ? 0 : 31 - Math.clz32(key.mask & -key.mask);
  const bucket = ((key.value & key.mask) >>> shift) % divisor;
  r.hash = ((bucket << 12) | htidOf(r.hash)) >>> 0;
  r.sampled = true;
}

function parseOffset(args: Args, r: Read): void {
  const bad = (): never => fail('Illegal "offset"');
  const variable = (): { at: number; mask: number; shift: number } => (r.variable ??= { at: 0, mask: 0, shift: 0 });
  for (args.next(); args.more; args.step()) {
    if (args.abbreviates("plus")) r.plus = parseSigned(args.next()) ?? bad();
    else if (args.abbreviates("at")) {
      variable().at = parseSigned(args.next()) ?? bad();
      if (variable().at % 2 !== 0) throw illegal('offset "at" must be even', 'Illegal "offset"');
    } else if (args.abbreviates("mask")) variable().mask = parseUnsigned(args.next(), 16, 0xffff) ?? bad();
    else if (args.abbreviates("shift")) variable().shift = parseSigned(args.next()) ?? bad();
    else if (args.abbreviates("eat")) r.eat = true;
    else break;
  }
}

function parseHashKey(args: Args, r: Read): void {
  const bad = (): never => fail('Illegal "hashkey"');
  const key = r.hashKey ?? { mask: 0, at: 0 };
  r.hashKey = key;
  for (args.next(); args.more; args.step()) {
    if (args.abbreviates("mask")) key.mask = parseUnsigned(args.next(), 16) ?? bad();
    else if (args.abbreviates("at")) {
      key.at = parseSigned(args.next()) ?? bad();
      if (key.at % 4 !== 0) bad();
    } else break;
  }
}

function optionsOf(r: Read): U32Options {
  const terminal = r.classid !== undefined || r.actions !== undefined;
  const selector: U32Selector = {
    keys: r.keys.keys,
    terminal,
    plus: r.plus,
    variable: r.variable,
    eat: r.eat,
    hash: r.hashKey,
  };
  return {
    selector: r.matched ? selector : undefined,
    classid: r.classid,
    divisor: r.divisor,
    hash: r.hash === 0 ? undefined : r.hash,
    link: r.link,
    mark: r.mark,
    indev: r.indev,
    actions: r.actions,
  };
}

export const u32: FilterKind = {
  parse,
  *entries(proto) {
    if (!(proto instanceof U32)) return;
    for (const table of proto.tables()) {
      const name = formatU32Handle(table.handle);
      const divisor = table.buckets.length;
      const print = ({ out }: Tc): void => {
        out.put("fh", name, `fh ${name} `);
        out.put("ht_divisor", divisor, `ht divisor ${divisor} `);
      };
      yield { handle: table.handle, print };
      for (const node of table.nodes()) {
        yield { handle: node.handle, print: (tc) => printNode(tc, node, proto.protocol) };
      }
    }
  },
};

/** tc/f_u32.c:u32_print_opt. */
function printNode(tc: Tc, node: U32Knode, protocol: number): void {
  const { out } = tc;
  const { handle, selector, target } = node;
  const table = (htidOf(handle) >>> 20).toString(16);
  const bucket = bucketOf(handle).toString(16);
  out.put("fh", formatU32Handle(handle), `fh ${formatU32Handle(handle)} `);
  out.put("order", nodeOf(handle), `order ${nodeOf(handle)} `);
  out.put("key_ht", table, `key ht ${table} `);
  out.put("bkt", bucket, `bkt ${bucket} `);
  if (target.named) {
    if (selector.terminal) out.text("*");
    out.put("flowid", formatHandle(target.classid), `flowid ${formatHandle(target.classid)} `);
  } else if (selector.terminal) out.text("terminal flowid ");
  if (node.down !== null) {
    const link = formatU32Handle(node.down.handle);
    out.put("link", link, `link ${link} `);
  }
  out.put("not_in_hw", true, "not_in_hw ");
  printMark(tc, node);
  for (const key of selector.keys) printKey(tc, key, protocol);
  printOffset(tc, selector);
  if (node.indev !== undefined) {
    out.newline();
    out.put("input_dev", node.indev, `  input dev ${node.indev}`);
    out.newline();
  }
  printActions(tc, target.actions);
}

function printMark({ out }: Tc, { mark, marks }: U32Knode): void {
  if (mark === undefined) return;
  const hex = (value: number): string => `0x${value.toString(16)}`;
  const padded = (value: number): string => `0x${value.toString(16).padStart(4, "0")}`;
  out.newline();
  out.put("fwmark_value", hex(mark.value), `  mark ${padded(mark.value)} `);
  out.put("fwmark_mask", hex(mark.mask), `${padded(mark.mask)} `);
  out.put("fwmark_success", marks, `(success ${marks})`);
}

function printOffset({ out }: Tc, { plus, variable, eat, hash }: U32Selector): void {
  if (plus !== undefined || variable !== undefined) {
    out.newline();
    out.text("    offset ");
    if (variable !== undefined) {
      out.put("offset_mask", variable.mask.toString(16), variable.mask.toString(16).padStart(4, "0"));
      out.put("offset_shift", variable.shift, `>>${variable.shift} `);
      out.put("offset_off", variable.at, `at ${variable.at} `);
    }
    if (plus !== undefined && plus !== 0) out.put("plus", plus, `plus ${plus} `);
  }
  if (eat) out.text(" eat ");
  if (hash === undefined || hash.mask === 0) return;
  out.newline();
  out.put("hash_mask", hash.mask.toString(16), `    hash mask ${hash.mask.toString(16).padStart(8, "0")} `);
  out.put("hash_off", hash.at, `at ${hash.at} `);
}
