import { actionOf } from "../../nodes/kernel/tc/actions/action.ts";
import { Police, type PoliceOptions } from "../../nodes/kernel/tc/actions/police.ts";
import { TC_OK, TC_RECLASSIFY, type Verdict } from "../../nodes/kernel/tc/filters/filter.ts";
import type { RateSpec } from "../../nodes/kernel/tc/rate.ts";
import { type Args, abbreviates } from "../ip/args.ts";
import { answer, illegal, notBuilt, REMARK, type Tc } from "./context.ts";
import { duplicate, linklayerOf, wrong } from "./parse.ts";
import { cellLogOf, parseRate, parseSize, parseSizeAndCell, parseUnsigned, xmitTicks } from "./units.ts";
import { Unreadable } from "./unreadable.ts";
import { verdictOf } from "./verdicts.ts";

interface Read {
  index: number;
  burst: number;
  cellLog: number;
  mtu: number;
  peakLog: number;
  mpu: number;
  rate: number;
  peak: number;
  overhead: number;
  linklayer: RateSpec["linklayer"];
  exceed: Verdict;
  conform: Verdict;
}

const CONTROLS = ["reclassify", "drop", "shot", "continue", "pass", "ok", "pipe", "goto"];

/** `police …` that a filter says itself, not an action of it. */
export function parseBarePolice(tc: Tc, args: Args): Police {
  try {
    return parsePolice(tc, args, true);
  } catch (why) {
    throw why instanceof Unreadable ? illegal(...why.lines, 'Illegal "police"') : why;
  }
}

/** The word at hand is the one behind `police` (tc/m_police.c:act_parse_police). */
export function parsePolice(tc: Tc, args: Args, bare = false): Police {
  const r: Read = {
    index: 0,
    burst: 0,
    cellLog: -1,
    mtu: 0,
    peakLog: -1,
    mpu: 0,
    rate: 0,
    peak: 0,
    overhead: 0,
    linklayer: "ethernet",
    exceed: TC_RECLASSIFY,
    conform: TC_OK,
  };
  let any = false;
  for (; args.more && parseOption(args, r); args.step()) any = true;
  if (!any) throw new Unreadable();
  const known = r.index === 0 ? undefined : actionOf(tc.kernel, "police", r.index);
  if (known instanceof Police) return known;
  check(r);
  return answer(Police.create(tc.kernel, { ...optionsOf(r), bare }, r.index), REMARK);
}

/** False: the word at hand belongs to somebody else. */
function parseOption(args: Args, r: Read): boolean {
  const value = (key: string, before = 0): string => {
    const text = args.next();
    if (before !== 0) throw duplicate(key, text);
    return text;
  };
  if (args.abbreviates("index")) r.index = parseUnsigned(value("index"), 10) ?? bad("index", args);
  else if (args.abbreviates("burst") || args.is("buffer", "maxburst")) {
    const read = parseSizeAndCell(value("buffer/burst", r.burst)) ?? bad("buffer", args);
    r.burst = read.size;
    r.cellLog = read.cellLog;
  } else if (args.is("mtu", "minburst")) {
    const read = parseSizeAndCell(value("mtu/minburst", r.mtu)) ?? bad("mtu", args);
    r.mtu = read.size;
    r.peakLog = read.cellLog;
  } else if (args.is("mpu")) r.mpu = parseSize(value("mpu", r.mpu)) ?? bad("mpu", args);
  else if (args.is("rate")) r.rate = parseRate(value("rate", r.rate)) ?? bad("rate", args);
  else if (args.is("avrate")) throw notBuilt("police avrate");
  else if (args.abbreviates("peakrate")) r.peak = parseRate(value("peakrate", r.peak)) ?? bad("peakrate", args);
  else if (CONTROLS.some((name) => args.abbreviates(name))) r.exceed = verdictOf(args.word) ?? bad("action", args);
  else if (args.is("conform-exceed")) parseControls(args.next(), r);
  else if (args.abbreviates("overhead")) r.overhead = parseUnsigned(args.next(), 10, 0xffff) ?? bad("overhead", args);
  else if (args.abbreviates("linklayer")) r.linklayer = linklayerOf(args.next()) ?? bad("linklayer", args);
  else if (abbreviates(args.word, "pkts_rate") || abbreviates(args.word, "pkts_burst"))
    throw notBuilt("police pkts_rate");
  else return false;
  return true;
}

function bad(option: string, args: Args): never {
  throw wrong(option, args.word);
}

/** `EXCEED` or `EXCEED/CONFORM`. */
function parseControls(text: string, r: Read): void {
  const [exceed = "", conform] = text.split("/");
  const [exceedVerdict, conformVerdict] = [verdictOf(exceed), conform === undefined ? TC_OK : verdictOf(conform)];
  if (exceedVerdict === undefined || conformVerdict === undefined) {
    throw new Unreadable(...(conform === undefined ? [`Bad action type ${exceed}`] : []));
  }
  r.exceed = exceedVerdict;
  r.conform = conformVerdict;
}

function check(r: Read): void {
  const refuse = (why: string): never => {
    throw new Unreadable(why);
  };
  if (r.rate === 0 && r.index === 0 && r.mtu === 0) {
    refuse("'rate' or 'avrate' or 'mtu' or 'pkts_rate' MUST be specified.");
  }
  if (r.rate !== 0 && r.burst === 0) refuse("'burst' requires 'rate'.");
  if (r.peak !== 0 && r.rate === 0) refuse("'peakrate' requires 'rate'.");
  if (r.peak !== 0 && r.mtu === 0) refuse("'mtu' is required, if 'peakrate' is requested.");
}

function optionsOf(r: Read): PoliceOptions {
  const { overhead, mpu, linklayer } = r;
  const spec = (bytesPerSecond: number, log: number): RateSpec | undefined =>
    bytesPerSecond === 0
      ? undefined
      : { bytesPerSecond, overhead, mpu, linklayer, cellLog: log < 0 ? cellLogOf(r.mtu) : log };
  return {
    rate: spec(r.rate, r.cellLog),
    peak: spec(r.peak, r.peakLog),
    burst: r.rate === 0 ? 0 : xmitTicks(r.rate, r.burst),
    mtu: r.mtu,
    exceed: r.exceed,
    conform: r.conform,
  };
}
