import type { CommandSet, Said } from "../command.ts";
import { CLASSES, type LinkParams, LOSS_PRECISION } from "../link-params.ts";
import type { Args } from "../pattern.ts";
import type { ZebraInterfaceContext } from "./commands.ts";
import type { Zebra } from "./zebra.ts";

type Context = ZebraInterfaceContext;

/** Groups of shared risk of one link, at most (lib/if.h:LP_MAX_SRLG). */
const SRLGS_MAX = 32;

/** `link-params` of an interface (zebra/zebra_cli.c). Entering the block is what switches it on. */
export function installLinkParams(commands: CommandSet<Zebra>): void {
  const change = (c: Context, more: Partial<LinkParams>): void => {
    c.i.config.linkParams = { ...c.i.config.linkParams, ...more };
    c.zebra.interfaces.configured(c.i);
  };
  commands
    .open<Context, Context>("interface", "link-params", "link-params", (c) => {
      if (c.i.config.linkParams === undefined) change(c, {});
      return { context: c };
    })
    .addIn<Context>("interface", "no link-params", remove)
    .addIn<Context>("link-params", "enable", () => undefined)
    .addIn<Context>("link-params", "no enable", remove);
  const on = (text: string, run: (c: Context, args: Args) => Said): void => {
    commands.addIn<Context>("link-params", text, run);
  };
  type NumberKey = "metric" | "delayVariation";
  const number = (words: string, range: string, key: NumberKey): void => {
    on(`${words} ${range}$value`, (c, a) => change(c, { [key]: a.int("value") }));
    on(`no ${words} [${range}]`, (c) => change(c, { [key]: undefined }));
  };
  number("metric", "(0-4294967295)", "metric");
  number("delay-variation", "(0-16777215)", "delayVariation");
  for (const [words, key] of RATES) {
    on(`${words} WORD$rate`, (c, a) => {
      const rate = rateOf(a);
      return rate === undefined ? INVALID_RATE : change(c, { [key]: rate });
    });
    on(`no ${words} [WORD]`, (c) => change(c, { [key]: undefined }));
  }
  on("unrsv-bw (0-7)$class WORD$rate", (c, a) => {
    const rate = rateOf(a);
    if (rate === undefined) return INVALID_RATE;
    return change(c, { unrsvBw: unreserved(c, a.int("class"), rate) });
  });
  on("no unrsv-bw (0-7)$class [WORD]", (c, a) => change(c, { unrsvBw: unreserved(c, a.int("class"), undefined) }));
  installMore(on, change);
}

function remove(c: Context): void {
  c.i.config.linkParams = undefined;
  c.zebra.interfaces.configured(c.i);
}

function installMore(
  on: (text: string, run: (c: Context, args: Args) => Said) => void,
  change: (c: Context, more: Partial<LinkParams>) => void,
): void {
  on("admin-grp WORD$bits", (c, a) => {
    const bits = a.text("bits");
    if (!/^0x[0-9a-f]{1,8}$/i.test(bits)) return { refused: "Invalid bitpattern value\n" };
    return change(c, { adminGroup: Number.parseInt(bits, 16) });
  });
  on("no admin-grp [WORD]", (c) => change(c, { adminGroup: undefined }));
  on("delay (0-16777215)$delay [min (0-16777215)$min max (0-16777215)$max]", (c, a) => {
    const [min, max] = [a.findInt("min"), a.findInt("max")];
    return change(c, {
      delay: a.int("delay"),
      delayRange: min === undefined || max === undefined ? undefined : { min, max },
    });
  });
  on("no delay [(0-16777215) [min (0-16777215) max (0-16777215)]]", (c) =>
    change(c, { delay: undefined, delayRange: undefined }),
  );
  on("packet-loss WORD$percent", (c, a) => {
    const percent = Number(a.text("percent"));
    if (!(percent >= 0 && percent <= 50.331642)) return { refused: "Invalid packet loss value\n" };
    return change(c, { packetLoss: Math.floor(percent / LOSS_PRECISION) });
  });
  on("no packet-loss [WORD]", (c) => change(c, { packetLoss: undefined }));
  on("neighbor A.B.C.D$address as (1-4294967295)$as", (c, a) =>
    change(c, { neighbor: { address: a.ip("address"), as: a.int("as") } }),
  );
  on("no neighbor [A.B.C.D as (1-4294967295)]", (c) => change(c, { neighbor: undefined }));
  on("srlg (0-4294967295)$group", (c, a) => {
    const known = c.i.config.linkParams?.srlgs ?? [];
    if (known.length >= SRLGS_MAX) return { refused: `% at most ${SRLGS_MAX} groups of shared risk\n` };
    return change(c, { srlgs: [...known.filter((n) => n !== a.int("group")), a.int("group")] });
  });
  on("no srlg (0-4294967295)$group", (c, a) =>
    change(c, { srlgs: (c.i.config.linkParams?.srlgs ?? []).filter((n) => n !== a.int("group")) }),
  );
}

const RATES = [
  ["max-bw", "maxBw"],
  ["max-rsv-bw", "maxRsvBw"],
  ["res-bw", "resBw"],
  ["ava-bw", "avaBw"],
  ["use-bw", "useBw"],
] as const;
const INVALID_RATE = { refused: "Invalid bandwidth value\n" };

/** As sscanf reads `%g` into a float. */
function rateOf(a: Args): number | undefined {
  const text = a.text("rate");
  if (!/^\+?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) return undefined;
  const rate = Math.fround(Number(text));
  return Number.isFinite(rate) ? rate : undefined;
}
function unreserved(c: Context, at: number, rate: number | undefined): readonly (number | undefined)[] {
  const known = c.i.config.linkParams?.unrsvBw;
  return Array.from({ length: CLASSES }, (_, i) => (i === at ? rate : known?.[i]));
}
