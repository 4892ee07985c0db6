import { FqCodel, type FqCodelOptions } from "../../../nodes/kernel/tc/fq-codel.ts";
import type { Args } from "../../ip/args.ts";
import { illegal, notBuilt, type Tc } from "../context.ts";
import { formatSize, formatTime, parseSize, parseTime, parseUnsigned } from "../units.ts";
import type { QdiscKind } from "./kind.ts";

const USAGE = [
  "Usage: ... fq_codel	[ limit PACKETS ] [ flows NUMBER ] [ memory_limit BYTES ]",
  "			[ target TIME ] [ interval TIME ] [ quantum BYTES ]",
  "			[ [no]ecn ] [ ce_threshold TIME ] [ drop_batch SIZE ]",
].join("\n");

function fail(option: string): never {
  throw illegal(`Illegal "${option}"`);
}
const number = (args: Args, option: string): number => parseUnsigned(args.next(), 0) ?? fail(option);
const time = (args: Args, option: string): number => parseTime(args.next()) ?? fail(option);

/** tc/q_fq_codel.c:fq_codel_parse_opt. A number of 0 counts as not given. */
function parse(args: Args): { kind: "fq_codel"; options: FqCodelOptions } {
  const o: { -readonly [K in keyof FqCodelOptions]: FqCodelOptions[K] } = {};
  for (; args.more; args.step()) {
    if (args.is("limit")) o.limit = number(args, "limit");
    else if (args.is("flows")) o.flows = number(args, "flows");
    else if (args.is("quantum")) o.quantum = number(args, "quantum");
    else if (args.is("drop_batch")) o.dropBatch = number(args, "drop_batch");
    else if (args.is("target")) o.targetUs = time(args, "target");
    else if (args.is("ce_threshold")) o.ceThresholdUs = time(args, "ce_threshold");
    else if (args.is("ce_threshold_selector")) throw notBuilt("fq_codel ce_threshold_selector");
    else if (args.is("memory_limit")) o.memoryLimit = parseSize(args.next()) ?? fail("memory_limit");
    else if (args.is("interval")) o.intervalUs = time(args, "interval");
    else if (args.is("ecn", "noecn")) o.ecn = args.is("ecn");
    else if (args.is("help")) throw illegal(USAGE);
    else throw illegal(`What is "${args.word}"?`, USAGE);
  }
  const given = ([key, value]: [string, unknown]): boolean => value !== 0 || KEPT_ZEROES.includes(key);
  return { kind: "fq_codel", options: Object.fromEntries(Object.entries(o).filter(given)) };
}
const KEPT_ZEROES = ["ceThresholdUs", "memoryLimit"];

/** Times come back from CoDel's units rounded down to microseconds. */
const us = (ns: number): number => Math.floor(ns / 1000);

function print(qdisc: unknown, { out }: Tc): void {
  if (!(qdisc instanceof FqCodel)) return;
  const time = (key: string, ns: number): void => {
    out.field(key, us(ns));
    out.text(`${key} ${formatTime(us(ns))} `);
  };
  out.put("limit", qdisc.limit, `limit ${qdisc.limit}p `);
  out.put("flows", qdisc.flowCount, `flows ${qdisc.flowCount} `);
  out.put("quantum", qdisc.quantum, `quantum ${qdisc.quantum} `);
  time("target", qdisc.target);
  if (qdisc.ceThreshold !== undefined) time("ce_threshold", qdisc.ceThreshold);
  time("interval", qdisc.interval);
  out.put("memory_limit", qdisc.memoryLimit, `memory_limit ${formatSize(qdisc.memoryLimit)} `);
  if (qdisc.ecn) out.put("ecn", true, "ecn ");
  out.put("drop_batch", qdisc.dropBatch, `drop_batch ${qdisc.dropBatch} `);
}

function printStats(qdisc: unknown, { out }: Tc): boolean {
  if (!(qdisc instanceof FqCodel)) return false;
  const q = qdisc;
  out.put("maxpacket", q.maxPacket, `  maxpacket ${q.maxPacket}`);
  out.put("drop_overlimit", q.dropOverLimit, ` drop_overlimit ${q.dropOverLimit}`);
  out.put("new_flow_count", q.newFlowCount, ` new_flow_count ${q.newFlowCount}`);
  out.put("ecn_mark", q.ecnMarks, ` ecn_mark ${q.ecnMarks}`);
  if (q.ceMarks > 0) out.put("ce_mark", q.ceMarks, ` ce_mark ${q.ceMarks}`);
  if (q.memoryUsage > 0) out.put("memory_used", q.memoryUsage, ` memory_used ${q.memoryUsage}`);
  if (q.dropOverMemory > 0) out.put("drop_overmemory", q.dropOverMemory, ` drop_overmemory ${q.dropOverMemory}`);
  out.newline();
  out.put("new_flows_len", q.newFlows.length, `  new_flows_len ${q.newFlows.length}`);
  out.put("old_flows_len", q.oldFlows.length, ` old_flows_len ${q.oldFlows.length}`);
  return true;
}

export const fqCodel: QdiscKind = { parse, print, printStats, printClass() {} };
