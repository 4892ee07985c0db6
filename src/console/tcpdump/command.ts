import { getopt, notBuilt } from "../programs/options.ts";
import { compileFilter, type Filter } from "./filter/compile.ts";
import type { StampStyle } from "./frame.ts";
import type { FormatOptions } from "./printer.ts";

/** A tcpdump as it was typed. */
export interface TcpdumpCommand {
  /** `undefined`: the first device that is up. */
  readonly ifname: string | undefined;
  readonly count: number | undefined;
  /** Octets kept of a frame. */
  readonly snapLength: number;
  /** `-Q`. */
  readonly direction: "in" | "out" | "inout";
  /** `-#`. */
  readonly numbered: boolean;
  readonly stamp: StampStyle;
  readonly format: FormatOptions;
  readonly filter: Filter;
}

/** The command, or the complaint with the program's name before it. */
export type ParsedTcpdump =
  | { readonly ok: true; readonly value: TcpdumpCommand }
  | { readonly ok: false; readonly why: string };

const SNAP_LENGTH = 262_144;
/** By the number of `-t`. */
const STAMPS: readonly StampStyle[] = ["clock", "none", "seconds", "delta", "date", "since-first"];

/** Reads tcpdump's arguments: options wherever they stand, the rest is the filter. */
export function parseTcpdump(args: readonly string[]): ParsedTcpdump {
  const long = args.find((word, i) => word.startsWith("--") && word !== "--" && !args.slice(0, i).includes("--"));
  if (long !== undefined) return no(`unrecognized option '${long}'`);
  const line = getopt("tcpdump", args, "aAbB:c:C:dDeE:fF:G:hHi:IJj:KlLm:M:nNOpq#Q:r:s:StT:uUvV:w:W:xXy:Yz:Z:");
  if (!line.ok) return { ok: false, why: line.message };
  const times = (flag: string): number => line.options.filter((o) => o.flag === flag).length;
  const last = (flag: string): string | undefined => line.options.findLast((o) => o.flag === flag)?.value;
  const unbuilt = line.options.find((o) => !BUILT.includes(o.flag));
  if (unbuilt !== undefined) return { ok: false, why: notBuilt("tcpdump", `-${unbuilt.flag}`) };

  const count = last("c");
  if (count !== undefined && !/^[1-9]\d{0,8}$/.test(count)) return no(`invalid packet count ${count}`);
  const snap = last("s");
  if (snap !== undefined && !(/^\d{1,6}$/.test(snap) && Number(snap) <= SNAP_LENGTH))
    return no(`invalid snaplen ${snap} (must be >= 0 and <= ${SNAP_LENGTH})`);
  const direction = last("Q") ?? "inout";
  if (direction !== "in" && direction !== "out" && direction !== "inout")
    return no(`unknown capture direction \`${direction}'`);
  if (times("t") >= STAMPS.length) return no("only -t, -tt, -ttt, -tttt, and -ttttt are supported");
  const filter = compileFilter(line.rest.join(" "));
  if (!filter.ok) return no(filter.why);
  return {
    ok: true,
    value: {
      ifname: last("i"),
      count: count === undefined ? undefined : Number(count),
      snapLength: Number(snap ?? 0) || SNAP_LENGTH, // -s 0 asks for the default
      direction,
      numbered: times("#") > 0,
      stamp: STAMPS[times("t")] as StampStyle,
      format: { link: times("e") > 0, verbose: times("v"), absolute: times("S") > 0 },
      filter: filter.filter,
    },
  };
}

/** `-n`, `-l` and `-U` ask for what is always so: no names, every line at once. */
const BUILT = "ceilnQsStUv#";

const no = (why: string): ParsedTcpdump => ({ ok: false, why: `tcpdump: ${why}` });
