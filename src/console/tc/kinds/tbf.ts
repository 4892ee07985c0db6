import type { NetDevice } from "../../../nodes/kernel/netdev.ts";
import { nsToTicks, type RateSpec } from "../../../nodes/kernel/tc/rate.ts";
import { Tbf, type TbfOptions } from "../../../nodes/kernel/tc/tbf.ts";
import type { Args } from "../../ip/args.ts";
import { illegal, type Tc } from "../context.ts";
import { linklayerOf, rateOf } from "../parse.ts";
import {
  cellLogOf,
  formatRate,
  formatSize,
  formatTime,
  parseSize,
  parseSizeAndCell,
  parseTime,
  parseUnsigned,
  ticksToUs,
  xmitSize,
  xmitTicks,
} from "../units.ts";
import type { QdiscKind } from "./kind.ts";

const USAGE = [
  "Usage: ... tbf rate RATE burst BYTES[/CELL] { limit BYTES | latency TIME }",
  "	[ peakrate RATE mtu BYTES[/CELL] ] [ mpu BYTES ] [ overhead BYTES ] [ linklayer TYPE ]",
].join("\n");

interface Read {
  limit: number;
  latency: number;
  burst: number;
  cellLog: number;
  mtu: number;
  peakLog: number;
  mpu: number;
  overhead: number;
  rate: number;
  peak: number;
  linklayer: RateSpec["linklayer"];
}

const unreadable = (option: string, value: string, ...before: readonly string[]): Error =>
  illegal(...before, `tbf: illegal value for "${option}": "${value}"`);

function fail(option: string, value: string): never {
  throw unreadable(option, value);
}
const once = (before: number, option: string): void => {
  if (before !== 0) throw illegal(`tbf: duplicate "${option}" specification`);
};

/** tc/q_tbf.c:tbf_parse_opt. */
function parse(args: Args, _tc: Tc, dev: NetDevice | undefined): { kind: "tbf"; options: TbfOptions } {
  const r: Read = {
    limit: 0,
    latency: 0,
    burst: 0,
    cellLog: -1,
    mtu: 0,
    peakLog: -1,
    mpu: 0,
    overhead: 0,
    rate: 0,
    peak: 0,
    linklayer: "ethernet",
  };
  for (; args.more; args.step()) parseOption(args, r, dev);
  check(r);
  return { kind: "tbf", options: optionsOf(r) };
}

function parseOption(args: Args, r: Read, dev: NetDevice | undefined): void {
  const option = args.word;
  if (args.abbreviates("limit")) parseLimit(args, r);
  else if (args.abbreviates("latency")) parseLatency(args, r);
  else if (args.abbreviates("burst") || args.is("buffer", "maxburst")) {
    const value = args.next();
    once(r.burst, "buffer/burst/maxburst");
    const read = parseSizeAndCell(value) ?? fail(option, value);
    r.burst = read.size;
    r.cellLog = read.cellLog;
  } else if (args.is("mtu", "minburst")) {
    const value = args.next();
    once(r.mtu, "mtu/minburst");
    const read = parseSizeAndCell(value) ?? fail(option, value);
    r.mtu = read.size;
    r.peakLog = read.cellLog;
  } else if (args.is("mpu")) {
    const value = args.next();
    once(r.mpu, "mpu");
    r.mpu = parseSize(value) ?? fail("mpu", value);
  } else if (args.is("rate")) r.rate = rate(args, "rate", r.rate, dev);
  else if (args.abbreviates("peakrate")) r.peak = rate(args, "peakrate", r.peak, dev);
  else if (args.abbreviates("overhead")) {
    const value = args.next();
    once(r.overhead, "overhead");
    r.overhead = parseUnsigned(value, 10, 0xffff) ?? fail("overhead", value);
  } else if (args.abbreviates("linklayer")) {
    const value = args.next();
    r.linklayer = linklayerOf(value) ?? fail("linklayer", value);
  } else if (args.is("help")) throw illegal(USAGE);
  else throw illegal(`tbf: unknown parameter "${option}"`, USAGE);
}

function parseLimit(args: Args, r: Read): void {
  const value = args.next();
  once(r.limit, "limit");
  if (r.latency !== 0) throw illegal('tbf: specifying both "latency" and "limit" is not allowed');
  r.limit = parseSize(value) ?? fail("limit", value);
}
function parseLatency(args: Args, r: Read): void {
  const value = args.next();
  once(r.latency, "latency");
  if (r.limit !== 0) throw illegal('tbf: specifying both "limit" and "/latency" is not allowed');
  r.latency = parseTime(value) ?? fail("latency", value);
}

function rate(args: Args, option: string, before: number, dev: NetDevice | undefined): number {
  const value = args.next();
  once(before, option);
  const read = rateOf(value, dev);
  if (typeof read === "object") throw unreadable(option, value, read.why);
  return read ?? fail(option, value);
}

/** What is missing is told all at once. */
function check(r: Read): void {
  const missing: string[] = [];
  if (r.rate === 0) missing.push('tbf: the "rate" parameter is mandatory.');
  if (r.burst === 0) missing.push('tbf: the "burst" parameter is mandatory.');
  if (r.peak !== 0 && r.mtu === 0) missing.push('tbf: when "peakrate" is specified, "mtu" must also be specified.');
  if (r.limit === 0 && r.latency === 0) missing.push('tbf: either "limit" or "latency" is required.');
  if (missing.length > 0) throw illegal(...missing, USAGE);
}

function optionsOf(r: Read): TbfOptions {
  let { limit } = r;
  if (limit === 0) {
    limit = (r.rate * r.latency) / 1e6 + r.burst;
    if (r.peak !== 0) limit = Math.min(limit, (r.peak * r.latency) / 1e6 + r.mtu);
    limit = Math.floor(limit);
  }
  const { overhead, mpu, linklayer } = r;
  const spec = (bytesPerSecond: number, log: number): RateSpec => ({
    bytesPerSecond,
    overhead,
    mpu,
    linklayer,
    cellLog: log < 0 ? cellLogOf(r.mtu) : log,
  });
  return {
    rate: spec(r.rate, r.cellLog),
    burst: r.burst,
    buffer: xmitTicks(r.rate, r.burst),
    mtu: r.mtu,
    mtuTicks: r.peak === 0 ? 0 : xmitTicks(r.peak, r.mtu),
    limit,
    ...(r.peak === 0 ? {} : { peak: spec(r.peak, r.peakLog) }),
  };
}

/** tc/q_tbf.c:tbf_print_opt. */
function print(qdisc: unknown, { out, options: { details, raw, iec } }: Tc): void {
  if (!(qdisc instanceof Tbf)) return;
  const { spec } = qdisc.rate;
  const peak = qdisc.peak?.spec;
  const buffer = nsToTicks(qdisc.buffer);
  const mtu = nsToTicks(qdisc.mtu);
  const burst = xmitSize(spec.bytesPerSecond, buffer);
  out.put("rate", spec.bytesPerSecond, `rate ${formatRate(spec.bytesPerSecond, iec)} `);
  if (details) {
    out.put("burst", `${formatSize(burst)}/1`, `burst ${formatSize(burst)}/1 `);
    out.put("mpu", spec.mpu, `mpu ${formatSize(spec.mpu)} `);
  } else out.put("burst", burst, `burst ${formatSize(burst)} `);
  if (raw) out.put("burst_raw", buffer.toString(16), `[${hex8(buffer)}] `);
  if (peak !== undefined) {
    out.text(`peakrate ${formatRate(peak.bytesPerSecond, iec)} `);
    const least = xmitSize(peak.bytesPerSecond, mtu);
    if (details) {
      out.put("mtu", `${formatSize(least)}/1`, `mtu ${formatSize(least)}/1 `);
      out.put("mpu", peak.mpu, `mpu ${formatSize(peak.mpu)} `);
    } else out.put("minburst", least, `minburst ${formatSize(least)} `);
    if (raw) out.put("mtu_raw", mtu.toString(16), `[${hex8(mtu)}] `);
  }
  let latency = 1e6 * (qdisc.limit / spec.bytesPerSecond) - ticksToUs(buffer);
  if (peak !== undefined) latency = Math.max(latency, 1e6 * (qdisc.limit / peak.bytesPerSecond) - ticksToUs(mtu));
  if (latency >= 0) out.put("lat", Math.floor(latency), `lat ${formatTime(Math.floor(latency))} `);
  if (raw || latency < 0) out.put("limit", qdisc.limit, `limit ${formatSize(qdisc.limit)} `);
  if (spec.overhead > 0) out.put("overhead", spec.overhead, `overhead ${spec.overhead} `);
  if (spec.linklayer === "atm" || details) out.put("linklayer", spec.linklayer, `linklayer ${spec.linklayer} `);
}
const hex8 = (value: number): string => value.toString(16).padStart(8, "0");

export const tbf: QdiscKind = { parse, print, printClass() {} };
