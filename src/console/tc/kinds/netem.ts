import type { NetDevice } from "../../../nodes/kernel/netdev.ts";
import type { DistributionName } from "../../../nodes/kernel/tc/distributions.ts";
import type { NetemOptions } from "../../../nodes/kernel/tc/netem.ts";
import type { FourStateLoss, GilbertElliotLoss } from "../../../nodes/kernel/tc/netem-loss.ts";
import { ticksToNs } from "../../../nodes/kernel/tc/rate.ts";
import type { Args } from "../../ip/args.ts";
import { illegal, type Tc } from "../context.ts";
import { rateOf, toChance } from "../parse.ts";
import { parsePercent, parseSigned, parseSize, parseTime, parseTime64, parseUnsigned, usToTicks } from "../units.ts";
import type { QdiscKind } from "./kind.ts";
import { printNetem } from "./netem-print.ts";

const USAGE = [
  "Usage: ... netem [ limit PACKETS ] [ delay TIME [ JITTER [CORRELATION]]]",
  "                 [ distribution {normal|pareto|paretonormal} ] [ ecn ]",
  "                 [ corrupt PERCENT [CORRELATION]] [ duplicate PERCENT [CORRELATION]]",
  "                 [ loss random PERCENT [CORRELATION]] [ loss state P13 [P31 [P32 [P23 P14]]]",
  "                 [ loss gemodel PERCENT [R [1-H [1-K]]] [ reorder PERCENT [CORRELATION] [ gap DISTANCE ]]",
  "                 [ rate RATE [PACKETOVERHEAD] [CELLSIZE] [CELLOVERHEAD]]",
  "                 [ slot MIN_DELAY [MAX_DELAY] [packets MAX_PACKETS] [bytes MAX_BYTES]]",
  "                 [ slot distribution NAME DELAY JITTER [packets MAX_PACKETS] [bytes MAX_BYTES]]",
].join("\n");

type Read = { -readonly [K in keyof NetemOptions]: NetemOptions[K] } & {
  delayCorrelation?: number;
  lossCorrelation?: number;
  duplicateCorrelation?: number;
  /** One was given that makes `tc` tell the kernel of any: that of duplicates alone does not. */
  correlated?: boolean;
};

function fail(option: string): never {
  throw illegal(`Illegal "${option}"`);
}
/** Whether another value of the same option follows. */
const numberFollows = (args: Args): boolean => /^\d/.test(args.following ?? "");
const signedFollows = (args: Args): boolean => /^[-\d]/.test(args.following ?? "");

const chance = (text: string, option: string): number => toChance(parsePercent(text) ?? fail(option));
const optionalChance = (args: Args, option: string): number | undefined =>
  numberFollows(args) ? chance(args.next(), option) : undefined;
const nanos = (text: string, option: string): number => ticksToNs(usToTicks(parseTime(text) ?? fail(option)));

/** tc/q_netem.c:netem_parse_opt. */
function parse(args: Args, _tc: Tc, dev: NetDevice | undefined): { kind: "netem"; options: NetemOptions } {
  const r: Read = { limit: 1000, latency: 0, jitter: 0, loss: 0, duplicate: 0, gap: 0 };
  for (; args.more; args.step()) parseOption(args, r, dev);
  check(r);
  const { delayCorrelation, lossCorrelation, duplicateCorrelation, correlated, ...options } = r;
  if (correlated) {
    options.correlations = {
      delay: delayCorrelation ?? 0,
      loss: lossCorrelation ?? 0,
      duplicate: duplicateCorrelation ?? 0,
    };
  }
  return { kind: "netem", options };
}

function parseOption(args: Args, r: Read, dev: NetDevice | undefined): void {
  if (args.abbreviates("limit")) r.limit = parseSize(args.next()) ?? fail("limit");
  else if (args.abbreviates("latency", "delay")) parseDelay(args, r);
  else if (args.abbreviates("loss", "drop")) parseLoss(args, r);
  else if (args.abbreviates("ecn")) r.ecn = true;
  else if (args.abbreviates("reorder")) r.reorder = chances(args, "reorder", r);
  else if (args.abbreviates("corrupt")) r.corrupt = chances(args, "corrupt", r);
  else if (args.abbreviates("gap")) r.gap = parseUnsigned(args.next(), 0) ?? fail("gap");
  else if (args.abbreviates("duplicate")) {
    r.duplicate = chance(args.next(), "duplicate");
    const correlation = optionalChance(args, "duplicate");
    if (correlation !== undefined) r.duplicateCorrelation = correlation;
  } else if (args.abbreviates("distribution")) r.distribution = distributionOf(args.next());
  else if (args.abbreviates("rate")) parseRate(args, r, dev);
  else if (args.abbreviates("slot")) parseSlot(args, r);
  else if (args.is("help")) throw illegal(USAGE);
  else throw illegal(`What is "${args.word}"?`, USAGE);
}

function chances(args: Args, option: string, r: Read): { probability: number; correlation: number } {
  const probability = chance(args.next(), option);
  return { probability, correlation: correlationOf(args, option, r) ?? 0 };
}
function correlationOf(args: Args, option: string, r: Read): number | undefined {
  const correlation = optionalChance(args, option);
  if (correlation !== undefined) r.correlated = true;
  return correlation;
}

function parseDelay(args: Args, r: Read): void {
  r.latency = nanos(args.next(), "latency");
  if (!numberFollows(args)) return;
  r.jitter = nanos(args.next(), "latency");
  const correlation = correlationOf(args, "latency", r);
  if (correlation !== undefined) r.delayCorrelation = correlation;
}

function parseLoss(args: Args, r: Read): void {
  if (r.loss > 0 || r.lossModel !== undefined) throw illegal('Illegal "duplicate loss argument\n"');
  const model = args.next();
  if (model === "state") r.lossModel = fourStates(args);
  else if (model === "gemodel") r.lossModel = gilbertElliot(args);
  else {
    if (model === "random") args.next();
    else if (!/^\d/.test(model)) throw illegal(`Unknown loss parameter: ${model}`);
    r.loss = chance(args.word, "loss percent");
    const correlation = correlationOf(args, "loss correlation", r);
    if (correlation !== undefined) r.lossCorrelation = correlation;
  }
}

/** What is not given follows from p13: one state, out of which every packet leads. */
function fourStates(args: Args): FourStateLoss {
  const p13 = parsePercent(args.next()) ?? fail("loss p13");
  const p31 = optionalChance(args, "loss p31");
  const p32 = p31 === undefined ? undefined : optionalChance(args, "loss p32");
  const p23 = p32 === undefined ? undefined : optionalChance(args, "loss p23");
  const p14 = p23 === undefined ? undefined : optionalChance(args, "loss p14");
  return {
    model: "state",
    p13: toChance(p13),
    p31: p31 ?? toChance(1 - p13),
    p32: p32 ?? 0,
    p23: p23 ?? 0xffff_ffff,
    p14: p14 ?? 0,
  };
}

/** `1-h` is given, and h is kept. */
function gilbertElliot(args: Args): GilbertElliotLoss {
  const p = parsePercent(args.next()) ?? fail("loss gemodel p");
  const r = optionalChance(args, "loss gemodel r");
  const lossBad = r === undefined ? undefined : optionalChance(args, "loss gemodel h");
  const k1 = lossBad === undefined ? undefined : optionalChance(args, "loss gemodel k");
  return {
    model: "gemodel",
    p: toChance(p),
    r: r ?? toChance(1 - p),
    h: lossBad === undefined ? 0 : 0xffff_ffff - lossBad,
    k1: k1 ?? 0,
  };
}

function distributionOf(name: string): DistributionName {
  if (name === "normal" || name === "pareto" || name === "paretonormal") return name;
  const file = `/usr/lib/x86_64-linux-gnu/tc//${name}.dist`;
  throw illegal(`No distribution data for ${name} (${file}: No such file or directory)`);
}

function parseRate(args: Args, r: Read, dev: NetDevice | undefined): void {
  const bytesPerSecond = rateOf(args.next(), dev);
  if (bytesPerSecond === undefined) throw fail("rate");
  if (typeof bytesPerSecond === "object") throw illegal(bytesPerSecond.why, 'Illegal "rate"');
  const packetOverhead = signedFollows(args) ? (parseSigned(args.next()) ?? fail("rate")) : 0;
  const cellSize = numberFollows(args) ? (parseUnsigned(args.next(), 0) ?? fail("rate")) : 0;
  const cellOverhead = signedFollows(args) ? (parseSigned(args.next()) ?? fail("rate")) : 0;
  if (bytesPerSecond > 0) r.rate = { bytesPerSecond, packetOverhead, cellSize, cellOverhead };
}

function parseSlot(args: Args, r: Read): void {
  const span = (what: string): number => parseTime64(args.next()) ?? fail(`slot ${what}`);
  let slot = { min: 0, max: 0, packets: 0, bytes: 0 };
  let dist: { name: DistributionName; delay: number; jitter: number } | undefined;
  if (numberFollows(args)) {
    const min = span("min_delay");
    const max = numberFollows(args) ? span("max_delay") : min;
    if (max < min) fail("slot max_delay");
    slot = { ...slot, min, max };
  } else {
    if (args.next() !== "distribution") throw illegal(`Unknown slot parameter: ${args.word}`);
    const name = distributionOf(args.next());
    dist = { name, delay: span("delay"), jitter: span("jitter") };
    if (dist.jitter <= 0) throw illegal("Non-positive jitter");
  }
  if (args.following !== undefined && "packets".startsWith(args.following)) {
    args.next();
    slot.packets = parseSigned(args.following ?? "") ?? fail("slot packets");
    args.next();
  }
  if (args.following !== undefined && "bytes".startsWith(args.following)) {
    args.next();
    slot.bytes = parseSize(args.following ?? "") ?? fail("slot bytes");
    args.next();
  }
  r.slot = dist === undefined ? slot : { ...slot, distribution: dist };
}

function check(r: Read): void {
  if (r.reorder !== undefined && r.reorder.probability > 0) {
    if (r.latency === 0) throw illegal("reordering not possible without specifying some delay", USAGE);
    if (r.gap === 0) r.gap = 1;
  } else if (r.gap > 0) throw illegal("gap specified without reorder probability", USAGE);
  if (r.ecn && r.loss <= 0 && r.lossModel === undefined) throw illegal("ecn requested without loss model", USAGE);
  if (r.distribution !== undefined && (r.latency === 0 || r.jitter === 0)) {
    throw illegal("distribution specified but no latency and jitter values", USAGE);
  }
}

export const netem: QdiscKind = { parse, print: printNetem, printClass() {} };
