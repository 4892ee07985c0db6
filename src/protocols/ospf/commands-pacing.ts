import type { Args } from "../../frr/pattern.ts";
import {
  type AdjacencyPacingMode,
  adjacencyPacingOf,
  LIMIT_FIRST,
  LIMIT_MAX,
  type PacingThresholds,
  THRESHOLDS,
} from "./adjacency-pacing.ts";
import type { InterfaceContext, On } from "./commands-interface.ts";
import { retransmitTo } from "./flood.ts";
import { type LsaPacingSettings, retunePacing } from "./lsa-pacing.ts";
import type { OspfInterface } from "./model.ts";
import { type InterfaceSettings, unset } from "./settings.ts";

/** `ip ospf adjacency-pacing …` and `ip ospf lsa-pacing …` (ospfd/ospf_vty.c). They hold for all addresses of an interface. */
export function installPacing(on: On): void {
  installAdjacency(on);
  installThresholds(on);
  installLsa(on);
  installGaps(on);
}

/** An interface begins: it paces as its settings say. */
export function beginPacing(oi: OspfInterface): void {
  oi.adjacencyPacing = adjacencyPacingOf(oi, oi.settings);
  retunePacing(oi, oi.settings.lsaPacing, retransmitTo);
}

const interfacesOf = ({ daemon, ifname }: InterfaceContext): readonly OspfInterface[] =>
  daemon.ospf.interfaces.filter((oi) => oi.ifname === ifname);

function setMode(c: InterfaceContext, mode: AdjacencyPacingMode): void {
  c.settings.adjacencyPacing = mode;
  for (const oi of interfacesOf(c)) {
    if (oi.adjacencyPacing === undefined) oi.adjacencyPacing = adjacencyPacingOf(oi, c.settings);
    else oi.adjacencyPacing.change(mode);
  }
}

function installAdjacency(on: On): void {
  on("ip ospf adjacency-pacing static (1-65535)$limit", (c, args) => {
    const before = c.settings.adjacencyPacing;
    const limit = args.int("limit");
    setMode(c, { limit });
    return before === "dynamic" ? `% Switching from dynamic to static pacing (limit=${limit})\n` : undefined;
  });
  on("ip ospf adjacency-pacing dynamic", (c) => {
    const before = c.settings.adjacencyPacing;
    setMode(c, "dynamic");
    const { high, low } = c.settings.adjacencyThresholds ?? THRESHOLDS;
    const from =
      typeof before === "object" ? `% Switching from static (limit=${before.limit}) to dynamic pacing\n` : "";
    if (interfacesOf(c).length === 0) return from;
    return `${from}% Dynamic pacing initialized: start_limit=${LIMIT_FIRST} max=${LIMIT_MAX} H=${high} L=${low}\n`;
  });
  on("no ip ospf adjacency-pacing", (c) => {
    const before = c.settings.adjacencyPacing;
    unset(c.settings, "adjacencyPacing", "adjacencyThresholds");
    for (const oi of interfacesOf(c)) {
      oi.adjacencyPacing?.stop();
      oi.adjacencyPacing = undefined;
    }
    if (before === undefined) return undefined;
    if (before === "dynamic") return "% Disabling dynamic adjacency pacing\n";
    return `% Disabling static adjacency pacing (was limit=${before.limit})\n`;
  });
}

function installThresholds(on: On): void {
  const tell = (c: InterfaceContext, thresholds: PacingThresholds): void => {
    for (const oi of interfacesOf(c)) if (oi.adjacencyPacing !== undefined) oi.adjacencyPacing.thresholds = thresholds;
  };
  on("ip ospf adjacency-pacing dynamic thresholds (1-1000)$high (1-1000)$low", (c, args) => {
    const [high, low] = [args.int("high"), args.int("low")];
    if (low >= high) return { refused: `% Error: Low water (${low}) must be less than high water (${high})\n` };
    c.settings.adjacencyThresholds = { high, low };
    tell(c, { high, low });
    return `% Dynamic pacing thresholds: H=${high} L=${low}\n`;
  });
  on("no ip ospf adjacency-pacing dynamic thresholds", (c) => {
    unset(c.settings, "adjacencyThresholds");
    tell(c, THRESHOLDS);
  });
}

function setLsa(c: InterfaceContext, change: Partial<LsaPacingSettings>): void {
  c.settings.lsaPacing = { enabled: false, ...c.settings.lsaPacing, ...change };
  for (const oi of interfacesOf(c)) retunePacing(oi, c.settings.lsaPacing, retransmitTo);
}

function installLsa(on: On): void {
  on("[no] ip ospf lsa-pacing", (c, args) => setLsa(c, { enabled: !args.has("no") }));
  const number = (words: string, range: string, key: "factor" | "adjustMs" | "maxLsas"): void => {
    on(`[no] ip ospf lsa-pacing ${words} ${range}$value`, (c, args) =>
      setLsa(c, { [key]: args.has("no") ? undefined : args.int("value") }),
    );
    on(`no ip ospf lsa-pacing ${words}`, (c) => setLsa(c, { [key]: undefined }));
  };
  number("factor", "(1-64)", "factor");
  number("adjust-interval", "(1-60000)", "adjustMs");
  number("max-lsas-per-update", "(1-200)", "maxLsas");
  const marks = "low-watermark (0-1000000)$low high-watermark (1-1000000)$high";
  on(`[no] ip ospf lsa-pacing ${marks}`, (c, args) => {
    const [low, high] = [args.int("low"), args.int("high")];
    if (args.has("no")) return setLsa(c, { marks: undefined });
    if (low >= high) return { refused: `% low-water (${low}) must be < high-water (${high})\n` };
    return setLsa(c, { marks: { low, high } });
  });
}

function installGaps(on: On): void {
  const clear = (c: InterfaceContext): void => setLsa(c, { initialMs: undefined });
  on("no ip ospf lsa-pacing initial-gap", clear);
  on("[no] ip ospf lsa-pacing initial-gap (1-60000)$gap", (c, args) => {
    if (args.has("no")) return clear(c);
    const gap = args.int("gap");
    const { min, max } = c.settings.lsaPacing?.gapMs ?? { min: 1, max: 60_000 };
    if (gap < min || gap > max) return { refused: `% initial-gap (${gap}) must be between ${min} and ${max}\n` };
    return setLsa(c, { initialMs: gap });
  });
  on("[no] ip ospf lsa-pacing min-gap (1-60000)$min max-gap (1-60000)$max", (c, args: Args) => {
    if (args.has("no")) return setLsa(c, { gapMs: undefined });
    const [min, max] = [args.int("min"), args.int("max")];
    if (min > max) return { refused: `% min (${min}) must be <= max (${max})\n` };
    const initial = c.settings.lsaPacing?.initialMs;
    const within = initial === undefined ? undefined : Math.min(Math.max(initial, min), max);
    return setLsa(c, { gapMs: { min, max }, initialMs: within });
  });
}

/** The lines of the running configuration (ospfd/ospf_vty.c:config_write_interface_one). */
export function writePacing({ adjacencyPacing, adjacencyThresholds, lsaPacing }: InterfaceSettings): readonly string[] {
  const lines: string[] = [];
  const adjacency = "ip ospf adjacency-pacing";
  if (typeof adjacencyPacing === "object") lines.push(`${adjacency} static ${adjacencyPacing.limit}`);
  if (adjacencyPacing === "dynamic") {
    lines.push(`${adjacency} dynamic`);
    if (adjacencyThresholds !== undefined)
      lines.push(`${adjacency} dynamic thresholds ${adjacencyThresholds.high} ${adjacencyThresholds.low}`);
  }
  if (lsaPacing?.enabled !== true) return lines;
  const { initialMs, marks, gapMs, factor, adjustMs, maxLsas } = lsaPacing;
  const add = (words: string, value: number | string | undefined): void => {
    if (value !== undefined) lines.push(`ip ospf lsa-pacing ${words} ${value}`);
  };
  lines.push("ip ospf lsa-pacing");
  add("initial-gap", initialMs);
  if (marks !== undefined) add("low-watermark", `${marks.low} high-watermark ${marks.high}`);
  if (gapMs !== undefined) add("min-gap", `${gapMs.min} max-gap ${gapMs.max}`);
  add("factor", factor);
  add("adjust-interval", adjustMs);
  add("max-lsas-per-update", maxLsas);
  return lines;
}
