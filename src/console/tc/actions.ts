import type { Action } from "../../nodes/kernel/tc/actions/action.ts";
import { Gact } from "../../nodes/kernel/tc/actions/gact.ts";
import { Mirred } from "../../nodes/kernel/tc/actions/mirred.ts";
import { Police } from "../../nodes/kernel/tc/actions/police.ts";
import { TC_OK, type Verdict } from "../../nodes/kernel/tc/filters/filter.ts";
import { nsToTicks } from "../../nodes/kernel/tc/rate.ts";
import type { Tc } from "./context.ts";
import { printCounters } from "./stats.ts";
import { formatRate, formatSize, xmitSize } from "./units.ts";
import { formatVerdict } from "./verdicts.ts";

/** Whether the filter itself says so: it is no entry of a list of actions. */
export const isBare = (action: Action): boolean => action instanceof Police && action.options.bare === true;

/** Prints the actions of a filter (tc/m_action.c:tc_print_action); `before` stands before what the filter says itself. */
export function printActions(tc: Tc, actions: readonly Action[], before = "\n"): void {
  const { out } = tc;
  for (const police of actions.filter(isBare)) {
    out.text(before);
    printAction(tc, police);
  }
  const listed = actions.filter((action) => !isBare(action));
  if (listed.length === 0) return;
  out.array("actions");
  for (const [i, action] of listed.entries()) {
    out.object();
    out.newline();
    out.put("order", i + 1, `\taction order ${i + 1}: `);
    printAction(tc, action);
    if (tc.options.stats) printStats(tc, action);
    out.endObject();
  }
  out.endArray();
}

function printAction(tc: Tc, action: Action): void {
  const { out } = tc;
  if (action instanceof Police) return printPolice(tc, action);
  out.put("kind", action.kind, `${action.kind} `);
  if (action instanceof Mirred) {
    const what = action.redirect ? "redirect" : "mirror";
    out.text(`(Egress ${action.redirect ? "Redirect" : "Mirror"}`);
    out.field("mirred_action", what);
    out.field("direction", "egress");
    out.put("to_dev", action.dev.name, ` to device ${action.dev.name})`);
    printVerdict(tc, " ", action.verdict, "");
    out.newline();
    printIndex(tc, action, "\t");
  } else if (action instanceof Gact) {
    printVerdict(tc, "action ", action.verdict, "");
    out.object("prob");
    out.newline();
    out.put("random_type", "none", "\t random type none");
    printVerdict(tc, " ", TC_OK, " ");
    out.put("val", 0, "val 0");
    out.endObject();
    out.newline();
    printIndex(tc, action, "\t ");
  }
}

function printIndex(tc: Tc, action: Action, before: string): void {
  const { out } = tc;
  out.put("index", action.index, `${before}index ${action.index}`);
  out.put("ref", action.users, ` ref ${action.users}`);
  out.put("bind", action.users, ` bind ${action.users}`);
  if (tc.options.stats) printTimes(tc, action);
  out.newline();
}

/** tc/m_police.c:print_police. */
function printPolice(tc: Tc, p: Police): void {
  const { out, options } = tc;
  const rate = p.rate?.spec.bytesPerSecond ?? 0;
  const burst = rate === 0 ? 0 : xmitSize(rate, nsToTicks(p.burst));
  out.field("kind", "police");
  out.text(` police 0x${p.index.toString(16)} `);
  out.field("index", p.index);
  out.text(`rate ${formatRate(rate, options.iec)} burst ${formatSize(burst)} mtu ${formatSize(p.mtu)} `);
  if (p.peak !== null) out.text(`peakrate ${formatRate(p.peak.spec.bytesPerSecond, options.iec)} `);
  printVerdict(tc, "action ", p.options.exceed, "");
  if (p.options.conform !== TC_OK) printVerdict(tc, "/", p.options.conform, " ");
  else out.text(" ");
  const overhead = p.rate?.spec.overhead ?? 0;
  out.put("overhead", overhead, `overhead ${formatSize(overhead)} `);
  const linklayer = p.rate?.spec.linklayer ?? "ethernet";
  if (linklayer === "atm" || options.details) out.put("linklayer", linklayer, `linklayer ${linklayer} `);
  out.newline();
  out.put("ref", p.users, `\tref ${p.users} `);
  out.put("bind", p.users, `bind ${p.users} `);
  if (options.stats) printTimes(tc, p);
  out.newline();
}

function printVerdict({ out }: Tc, before: string, verdict: Verdict, behind: string): void {
  out.text(before);
  out.object("control_action");
  out.put("type", formatVerdict(verdict), formatVerdict(verdict));
  out.endObject();
  out.text(behind);
}

/** When it was made, and when used last and first (tc/tc_util.c:print_tm). */
function printTimes({ out, kernel }: Tc, action: Action): void {
  const ago = (at: number): number => Math.floor((kernel.sim.now - at) / 1e9);
  const time = (key: string, at: number, word: string): void => out.put(key, ago(at), ` ${word} ${ago(at)} sec`);
  time("installed", action.installedAt, "installed");
  time("last_used", action.usedAt, "used");
  if (action.packets > 0) time("first_used", action.firstUsedAt, "firstused");
}

function printStats(tc: Tc, action: Action): void {
  const { out } = tc;
  out.text("\tAction statistics:");
  out.newline();
  out.object("stats");
  const { bytes, packets, drops, overlimits } = action;
  printCounters(tc, { sent: { bytes, packets }, queue: { drops, overlimits, requeues: 0, backlog: 0, qlen: 0 } }, "\t");
  out.endObject();
  out.newline();
}
