import type { NetDevice } from "../../../nodes/kernel/netdev.ts";
import { Htb, type HtbClassOptions } from "../../../nodes/kernel/tc/htb.ts";
import type { HtbClass } from "../../../nodes/kernel/tc/htb-class.ts";
import { nsToTicks, type RateSpec } from "../../../nodes/kernel/tc/rate.ts";
import type { Args } from "../../ip/args.ts";
import { illegal, notBuilt, type Tc } from "../context.ts";
import { linklayerOf, rateOf } from "../parse.ts";
import { cellLogOf, formatRate, formatSize, parseSizeAndCell, parseUnsigned, xmitSize, xmitTicks } from "../units.ts";
import type { QdiscKind } from "./kind.ts";

const USAGE = [
  "Usage: ... qdisc add ... htb [default N] [r2q N] [direct_qlen P]",
  "... class add ... htb rate R1 [ceil R2] [burst B1] [cburst B2] [prio P] [quantum Q]",
  "                      [mpu B] [overhead O] [mtu MTU] [linklayer {ethernet|atm}]",
].join("\n");

const unreadable = (option: string, ...before: readonly string[]): Error =>
  illegal(...before, `Illegal "${option}"`, USAGE);
const unknown = (word: string): Error => illegal(`What is "${word}"?`, USAGE);

/** The value behind an option, as a number. */
function number(args: Args, option: string, base: 10 | 16 = 10, max?: number): number {
  const value = parseUnsigned(args.next(), base, max);
  if (value === undefined) throw unreadable(option);
  return value;
}

/** `tc qdisc … htb` (tc/q_htb.c:htb_parse_opt). */
function parse(args: Args): ReturnType<QdiscKind["parse"]> {
  let defcls = 0;
  let r2q = 10;
  let directQlen: number | undefined;
  let offload = false;
  for (; args.more; args.step()) {
    if (args.abbreviates("r2q")) r2q = number(args, "r2q");
    else if (args.abbreviates("default")) defcls = number(args, "default", 16);
    else if (args.abbreviates("debug")) throw notBuilt("htb debug");
    else if (args.abbreviates("direct_qlen")) directQlen = number(args, "direct_qlen");
    else if (args.abbreviates("offload")) offload = true;
    else throw unknown(args.word);
  }
  if (offload) return { kind: "htb", options: { defcls, r2q, offload } };
  return { kind: "htb", options: { defcls, r2q, ...(directQlen === undefined ? {} : { directQlen }) } };
}

/** `tc class … htb` (tc/q_htb.c:htb_parse_class_opt). */
function parseClass(args: Args, dev: NetDevice | undefined): HtbClassOptions {
  const o = { prio: 0, mtu: 1600, mpu: 0, overhead: 0, quantum: 0, rate: 0, ceil: 0, burst: 0, cburst: 0 };
  let linklayer: RateSpec["linklayer"] = "ethernet";
  let [cellLog, ceilLog] = [-1, -1];
  for (; args.more; args.step()) {
    const option = args.word;
    if (args.abbreviates("prio")) o.prio = number(args, "prio");
    else if (args.abbreviates("mtu")) o.mtu = number(args, "mtu");
    else if (args.abbreviates("mpu")) o.mpu = number(args, "mpu", 10, 0xffff);
    else if (args.abbreviates("overhead")) o.overhead = number(args, "overhead", 10, 0xffff);
    else if (args.abbreviates("linklayer")) linklayer = linklayerOf(args.next()) ?? fail("linklayer");
    else if (args.abbreviates("quantum")) o.quantum = number(args, "quantum");
    else if (args.abbreviates("burst") || args.is("buffer", "maxburst")) {
      const read = parseSizeAndCell(args.next()) ?? fail(option);
      o.burst = read.size;
      cellLog = read.cellLog < 0 ? cellLog : read.cellLog;
    } else if (args.abbreviates("cburst") || args.is("cbuffer", "cmaxburst")) {
      const read = parseSizeAndCell(args.next()) ?? fail(option);
      o.cburst = read.size;
      ceilLog = read.cellLog < 0 ? ceilLog : read.cellLog;
    } else if (args.is("ceil")) o.ceil = rate(args, "ceil", o.ceil, dev);
    else if (args.is("rate")) o.rate = rate(args, "rate", o.rate, dev);
    else if (args.is("help")) throw illegal(USAGE);
    else throw unknown(option);
  }
  if (o.rate === 0) throw illegal('"rate" is required.');
  const ceil = o.ceil || o.rate;
  const { overhead, mpu } = o;
  const spec = (bytesPerSecond: number, log: number): RateSpec => ({
    bytesPerSecond,
    overhead,
    mpu,
    linklayer,
    cellLog: log < 0 ? cellLogOf(o.mtu) : log,
  });
  return {
    rate: spec(o.rate, cellLog),
    ceil: spec(ceil, ceilLog),
    buffer: xmitTicks(o.rate, o.burst || Math.floor(o.rate / HZ) + o.mtu),
    cbuffer: xmitTicks(ceil, o.cburst || Math.floor(ceil / HZ) + o.mtu),
    quantum: o.quantum,
    prio: o.prio,
  };
}
/** The kernel says that its clock has nanoseconds (/proc/net/psched), so that bursts are what one of them sends, and a packet. */
const HZ = 1_000_000_000;

function fail(option: string): never {
  throw unreadable(option);
}

function rate(args: Args, option: string, before: number, dev: NetDevice | undefined): number {
  const text = args.next();
  if (before !== 0) throw illegal(`Double "${option}" spec`);
  const read = rateOf(text, dev);
  if (typeof read === "object") throw unreadable(option, read.why);
  return read ?? fail(option);
}

function print(qdisc: unknown, tc: Tc): void {
  if (!(qdisc instanceof Htb)) return;
  const { out, options } = tc;
  const fallback = qdisc.defcls === 0 ? "0" : `0x${qdisc.defcls.toString(16)}`;
  out.put("r2q", qdisc.r2q, `r2q ${qdisc.r2q}`);
  out.put("default", fallback, ` default ${fallback}`);
  out.put("direct_packets_stat", qdisc.directPackets, ` direct_packets_stat ${qdisc.directPackets}`);
  if (options.details) out.put("ver", "3.17", " ver 3.17");
  out.put("direct_qlen", qdisc.directQlen, ` direct_qlen ${qdisc.directQlen}`);
}

function printClass(qdisc: unknown, classid: number, tc: Tc): void {
  const cl = qdisc instanceof Htb ? qdisc.classOf(classid) : undefined;
  if (cl !== undefined) tc.out.text(classText(cl, tc));
}

/** tc/q_htb.c:htb_print_opt. */
function classText(cl: HtbClass, { options: { details, raw, iec } }: Tc): string {
  const rateSpec = cl.rate.spec;
  const ceilSpec = cl.ceil.spec;
  const [buffer, cbuffer] = [nsToTicks(cl.buffer), nsToTicks(cl.cbuffer)];
  const burst = formatSize(xmitSize(rateSpec.bytesPerSecond, buffer));
  const cburst = formatSize(xmitSize(ceilSpec.bytesPerSecond, cbuffer));
  let text = "";
  if (cl.level === 0) text += `prio ${cl.prio} ${details ? `quantum ${cl.quantum} ` : ""}`;
  text += `rate ${formatRate(rateSpec.bytesPerSecond, iec)} `;
  if (rateSpec.overhead > 0) text += `overhead ${rateSpec.overhead} `;
  text += `ceil ${formatRate(ceilSpec.bytesPerSecond, iec)} `;
  if (rateSpec.linklayer === "atm" || details) text += `linklayer ${rateSpec.linklayer} `;
  if (details) {
    text += `burst ${burst}/1 mpu ${formatSize(rateSpec.mpu)} cburst ${cburst}/1 mpu ${formatSize(ceilSpec.mpu)} `;
    text += `level ${cl.level} `;
  } else text += `burst ${burst} cburst ${cburst} `;
  if (raw) text += `buffer [${hex8(buffer)}] cbuffer [${hex8(cbuffer)}] `;
  return text;
}
const hex8 = (value: number): string => value.toString(16).padStart(8, "0");

export const htb: QdiscKind = { parse, print, parseClass, printClass };
