import type { Action } from "../../../nodes/kernel/tc/actions/action.ts";
import type { FilterSpec } from "../../../nodes/kernel/tc/filter-requests.ts";
import { Fw } from "../../../nodes/kernel/tc/filters/fw.ts";
import { Basic, Matchall } from "../../../nodes/kernel/tc/filters/matchall.ts";
import { formatHandle } from "../../../nodes/kernel/tc/handle.ts";
import type { Args } from "../../ip/args.ts";
import { isBare, printActions } from "../actions.ts";
import { parseActions } from "../actions-parse.ts";
import type { Tc } from "../context.ts";
import { illegal, notBuilt } from "../context.ts";
import { parseBarePolice } from "../police.ts";
import { parseClassid, parseSigned, parseUnsigned } from "../units.ts";
import type { FilterKind } from "./kind.ts";

/** What all filters may name: a class and actions. */
export interface Common {
  classid?: number | undefined;
  actions?: readonly Action[] | undefined;
}

/** Reads what all filters may name; false: the word at hand is none of that. What is read is left behind. */
export function parseCommon(args: Args, tc: Tc, o: Common, kind: FilterSpec["kind"]): boolean {
  if (args.abbreviates("classid") || args.is("flowid")) {
    o.classid = parseClassid(args.next());
    if (o.classid === undefined) throw illegal('Illegal "classid"');
    args.step();
  } else if (args.abbreviates("action")) {
    args.next();
    o.actions = [...(o.actions ?? []), ...parseActions(tc, args, kind === "fw" ? "fw " : "")];
  } else if (args.abbreviates("police") && kind !== "flower" && kind !== "matchall") {
    args.next();
    o.actions = [...(o.actions ?? []), parseBarePolice(tc, args)];
  } else if (args.is("skip_hw", "skip_sw")) throw notBuilt(`${args.word} (no card here has filters of its own)`);
  else return false;
  return true;
}

function fail(why: string): never {
  throw illegal(why);
}

/** A handle that is a plain number. */
function number(handle: string | undefined): number {
  if (handle === undefined) return 0;
  const value = parseSigned(handle);
  if (value === undefined || value < 0) throw illegal(`Illegal handle "${handle}", must be numeric.`);
  return value;
}

/** `fw`: the handle is the mark, and behind a `/` its mask (tc/f_fw.c). */
export const fw: FilterKind = {
  parse(args, tc, text) {
    let [handle, mask]: [number, number | undefined] = [0, undefined];
    if (text !== undefined) {
      const [mark = "", maskText] = text.split("/");
      handle = parseUnsigned(mark, 0) ?? fail(`Illegal "handle"`);
      if (maskText !== undefined) mask = parseUnsigned(maskText, 0) ?? fail(`Illegal "handle" mask`);
    }
    if (!args.more) return { handle, spec: { kind: "fw" } };
    const o: Common & { indev?: string } = {};
    while (args.more) {
      if (parseCommon(args, tc, o, "fw")) continue;
      if (args.is("indev")) {
        o.indev = args.next();
        args.step();
      } else if (args.is("help")) throw illegal(FW_USAGE);
      else throw illegal(`What is "${args.word}"?`, FW_USAGE);
    }
    return { handle, spec: { kind: "fw", options: { ...o, mask } } };
  },
  *entries(proto) {
    if (!(proto instanceof Fw)) return;
    for (const f of proto.filters) {
      const mask = proto.mask === 0xffff_ffff ? "" : `/0x${proto.mask.toString(16)}`;
      let text = `handle 0x${f.handle.toString(16)}${mask} `;
      if (f.target.named) text += `classid ${formatHandle(f.target.classid)} `;
      if (f.indev !== undefined) text += `input dev ${f.indev} `;
      const print = (tc: Tc): void => {
        tc.out.text(text);
        if (f.target.actions.some((action) => !isBare(action))) tc.out.text("\n");
        printActions(tc, f.target.actions, "");
      };
      yield { handle: f.handle, print };
    }
  },
};
const FW_USAGE = "Usage: ... [ handle MARK[/MASK] ] fw [ classid CLASSID ] [ indev DEV ] [ action ACTION_SPEC ]";

/** `matchall` (tc/f_matchall.c). */
export const matchall: FilterKind = {
  parse(args, tc, text) {
    const handle = number(text);
    if (!args.more) return { handle, spec: { kind: "matchall" } };
    return { handle, spec: { kind: "matchall", options: plainOptions(args, tc, "matchall") } };
  },
  *entries(proto) {
    if (!(proto instanceof Matchall)) return;
    const { target, handle } = proto;
    if (target === null) return;
    const print = (tc: Tc): void => {
      const { out } = tc;
      out.put("handle", handle, `handle 0x${handle.toString(16)} `);
      if (target.named) out.put("flowid", formatHandle(target.classid), `flowid ${formatHandle(target.classid)} `);
      out.put("not_in_hw", true, "\n  not_in_hw");
      if (tc.options.stats) out.put("rule_hit", proto.hits, ` (rule hit ${proto.hits})`);
      printActions(tc, target.actions);
    };
    yield { handle, print };
  },
};

/** `basic`, without extended matches (tc/f_basic.c). */
export const basic: FilterKind = {
  parse(args, tc, text) {
    const handle = number(text);
    if (!args.more) return { handle, spec: { kind: "basic" } };
    return { handle, spec: { kind: "basic", options: plainOptions(args, tc, "basic") } };
  },
  *entries(proto) {
    if (!(proto instanceof Basic)) return;
    for (const { handle, target } of proto.filters) {
      const print = (tc: Tc): void => {
        const { out } = tc;
        out.put("handle", handle.toString(16), `handle 0x${handle.toString(16)} `);
        if (target.named) out.put("flowid", formatHandle(target.classid), `flowid ${formatHandle(target.classid)} `);
        printActions(tc, target.actions);
      };
      yield { handle, print };
    }
  },
};

function plainOptions(args: Args, tc: Tc, kind: "matchall" | "basic"): Common {
  const o: Common = {};
  const usage = `Usage: ... ${kind} [ classid CLASSID ] [ action ACTION_SPEC ]`;
  while (args.more) {
    if (parseCommon(args, tc, o, kind)) continue;
    if (kind === "basic" && args.abbreviates("match")) throw notBuilt("basic match (extended matches)");
    if (args.is("help")) throw illegal(usage);
    throw illegal(`What is "${args.word}"?`, usage);
  }
  return o;
}
