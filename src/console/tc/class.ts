import { type ClassRequest, deleteClass, modifyClass } from "../../nodes/kernel/tc/class-requests.ts";
import { FqCodel } from "../../nodes/kernel/tc/fq-codel.ts";
import { formatHandle, type Handle, majorOf, minorOf, ROOT } from "../../nodes/kernel/tc/handle.ts";
import { Htb } from "../../nodes/kernel/tc/htb.ts";
import { ClassfulQdisc, type Qdisc } from "../../nodes/kernel/tc/qdisc.ts";
import { nsToTicks } from "../../nodes/kernel/tc/rate.ts";
import { Sfq } from "../../nodes/kernel/tc/sfq.ts";
import type { Args } from "../ip/args.ts";
import { usage } from "../ip/exit.ts";
import { answer, deviceNamed, illegal, notBuilt, remark, type Tc } from "./context.ts";
import { KINDS } from "./kinds/registry.ts";
import { duplicate, wrong } from "./parse.ts";
import { type Counters, printCounters } from "./stats.ts";
import { formatTime, parseClassid, parseQdiscHandle } from "./units.ts";

/** `tc class` (tc/tc_class.c). It knows no JSON. */
export function tcClass(tc: Tc, args: Args): void {
  const verb = args.word;
  if (!args.more) return list(tc, args);
  const is = (...words: readonly string[]): boolean => args.abbreviates(...words);
  const rest = (): Args => {
    args.step();
    return args;
  };
  if (is("add")) return modify(tc, rest(), "add");
  if (is("change")) return modify(tc, rest(), "change");
  if (is("replace")) return modify(tc, rest(), "replace");
  if (is("delete")) return modify(tc, rest(), "delete");
  if (is("list", "show", "lst")) return list(tc, rest());
  if (is("help")) return tc.self.err(`${USAGE}\n`);
  throw usage(`Command "${verb}" is unknown, try "tc class help".`);
}

function modify(tc: Tc, args: Args, verb: "add" | "change" | "replace" | "delete"): void {
  let [name, classid, parent]: [string, Handle, Handle] = ["", 0, 0];
  let kind: string | undefined;
  for (; args.more && kind === undefined; args.step()) {
    if (args.is("dev")) {
      const word = args.next();
      if (name !== "") throw duplicate("dev", word);
      name = word;
    } else if (args.is("classid")) {
      const text = args.next();
      if (classid !== 0) throw duplicate("classid", text);
      classid = parseClassid(text) ?? invalid("invalid class ID", text);
    } else if (args.is("handle")) throw illegal('Error: try "classid" instead of "handle"');
    else if (args.is("root")) {
      if (parent !== 0) throw usage('Error: "root" is duplicate parent ID.');
      parent = ROOT;
    } else if (args.is("parent")) {
      const text = args.next();
      if (parent !== 0) throw duplicate("parent", text);
      parent = parseClassid(text) ?? invalid("invalid parent ID", text);
    } else if (args.abbreviates("estimator")) throw notBuilt("class estimator");
    else if (args.abbreviates("help")) throw usage(USAGE);
    else kind = args.word;
  }
  const named = tc.kernel.device(name);
  const parseClass = kind === undefined ? undefined : KINDS.get(kind)?.parseClass;
  if (kind !== undefined && parseClass === undefined) throw illegal(`Error: Qdisc "${kind}" is classless.`);
  const options = parseClass?.(args, named);
  if (name === "") throw answer({ ok: false, errno: "ENODEV" });
  const request: ClassRequest = { dev: deviceNamed(tc, name), classid, parent, options };
  remark(tc, answer(verb === "delete" ? deleteClass(request) : modifyClass(request, verb)).warning);
}

function invalid(why: string, argument: string): never {
  throw wrong(why, argument);
}

function list(tc: Tc, args: Args): void {
  let name = "";
  let [parent, qdisc, classid]: [Handle, Handle, Handle] = [0, 0, 0];
  for (; args.more; args.step()) {
    if (args.is("dev")) {
      const word = args.next();
      if (name !== "") throw duplicate("dev", word);
      name = word;
    } else if (args.is("qdisc")) qdisc = parseQdiscHandle(args.next()) ?? invalid("invalid qdisc ID", args.word);
    else if (args.is("classid")) classid = parseClassid(args.next()) ?? invalid("invalid class ID", args.word);
    else if (args.is("root")) {
      if (parent !== 0) throw usage('Error: "root" is duplicate parent ID');
      parent = ROOT;
    } else if (args.is("parent")) {
      if (parent !== 0) throw duplicate("parent", args.word);
      parent = parseClassid(args.next()) ?? invalid("invalid parent ID", args.word);
    } else if (args.abbreviates("help")) throw usage(USAGE);
    else throw usage(`What is "${args.word}"? Try "tc class help".`);
  }
  if (name === "") return;
  const tx = deviceNamed(tc, name).qdisc;
  const root = tx?.root ?? null;
  if (tx === null || root === null) return;
  for (const q of [root, ...tx.below()]) {
    if (parent !== 0 && q.handle !== majorOf(parent)) continue;
    for (const id of q.classids()) {
      if (qdisc !== 0 && majorOf(id) !== qdisc) continue;
      if (classid === 0 || id === classid) printClass(tc, q, id, qdisc !== 0);
    }
  }
}

function printClass(tc: Tc, q: Qdisc, id: Handle, short: boolean): void {
  const { out } = tc;
  const shown = (handle: Handle): string => formatHandle(short ? minorOf(handle) : handle);
  const parent = q instanceof ClassfulQdisc ? q.parentOf(id) : q.handle;
  out.text(`class ${q.kind} ${shown(id)} `);
  out.text(parent === ROOT ? "root " : `parent ${shown(parent)} `);
  const leaf = q instanceof ClassfulQdisc ? (q.leafOf(id)?.handle ?? 0) : 0;
  if (leaf !== 0) out.text(`leaf ${(leaf >>> 16).toString(16)}: `);
  KINDS.get(q.kind)?.printClass?.(q, id, tc);
  out.text("\n");
  if (!tc.options.stats) return;
  const { counters, more } = classStats(q, id);
  printCounters(tc, counters, " ");
  out.text("\n");
  if (more !== "") out.text(`${more}\n`);
}

/** The counters of a class, and what its kind tells beyond them. */
function classStats(q: Qdisc, id: Handle): { readonly counters: Counters; readonly more: string } {
  if (q instanceof Htb) return htbStats(q, id);
  if (q instanceof FqCodel) return fqCodelStats(q, id);
  if (q instanceof Sfq) {
    const flow = q.flowOf(id);
    const queue = { drops: 0, overlimits: 0, requeues: 0, backlog: flow?.backlog ?? 0, qlen: flow?.qlen ?? 0 };
    return { counters: { queue }, more: `  allot ${flow?.allot ?? 0}` };
  }
  const leaf = q.kind === "prio" && q instanceof ClassfulQdisc ? q.leafOf(id) : null;
  if (leaf === null) return { counters: {}, more: "" };
  const { bytes, packets, drops, overlimits, requeues, backlog, qlen } = leaf;
  return {
    counters: { sent: { bytes, packets }, queue: { drops, overlimits, requeues, backlog, qlen } },
    more: "",
  };
}

function htbStats(q: Htb, id: Handle): { readonly counters: Counters; readonly more: string } {
  const cl = q.classOf(id);
  if (cl === undefined) return { counters: {}, more: "" };
  const { bytes, packets, drops, overlimits } = cl;
  const queue = { drops, overlimits, requeues: 0, backlog: cl.leaf?.backlog ?? 0, qlen: cl.leaf?.qlen ?? 0 };
  const lines = [
    ` lended: ${cl.lends} borrowed: ${cl.borrows} giants: 0`,
    ` tokens: ${ticks(cl.tokens)} ctokens: ${ticks(cl.ctokens)}\n`,
  ];
  return { counters: { sent: { bytes, packets }, queue }, more: lines.join("\n") };
}
const ticks = (ns: number): number => Math.max(-0x8000_0000, Math.min(0x7fff_ffff, nsToTicks(ns)));

function fqCodelStats(q: FqCodel, id: Handle): { readonly counters: Counters; readonly more: string } {
  const found = q.flowOf(id);
  if (found === undefined) return { counters: {}, more: "" };
  const { flow, backlog } = found;
  const { codel } = flow;
  const queue = { drops: flow.dropped, overlimits: 0, requeues: 0, backlog, qlen: flow.size };
  const us = (ns: number): number => Math.floor(ns / 1000);
  let more = `  deficit ${flow.deficit} count ${codel.count} lastcount ${codel.lastCount}`;
  more += ` ldelay ${formatTime(us(codel.delay))}`;
  if (codel.dropping) {
    const next = us(codel.dropNext - q.dev.kernel.sim.now);
    more += ` dropping drop_next ${next < 0 ? "-" : ""}${formatTime(Math.abs(next))}`;
  }
  return { counters: { queue }, more };
}

const USAGE = [
  "Usage: tc class { add | del | change | replace } dev STRING [ classid CLASSID ] { root | parent CLASSID }",
  "                [ QDISC_KIND [ help | OPTIONS ] ]",
  "       tc class show [ dev STRING ] [ root | parent CLASSID ] [ qdisc QHANDLE ] [ classid CLASSID ]",
].join("\n");
