import type { NetDevice } from "../../nodes/kernel/netdev.ts";
import type { RateSpec } from "../../nodes/kernel/tc/rate.ts";
import { abbreviates } from "../ip/args.ts";
import { Exit } from "../ip/exit.ts";
import { formatG, parsePercent, parseRate } from "./units.ts";

/** Why a part of a device's speed is no rate: told before the option itself is. */
export interface BadRate {
  readonly why: string;
}

/** A rate, or a part of the device's speed: `6mbit`, `30%` (tc/tc_util.c:get_percent_rate64). Undefined when it is none. */
export function rateOf(text: string, dev: NetDevice | undefined): number | BadRate | undefined {
  if (!text.includes("%")) return parseRate(text);
  if (dev === undefined) return { why: "No device specified; specify device to rate limit by percentage" };
  if (dev.speedBps === 0) {
    return { why: `property "speed" in file /sys/class/net/${dev.name}/speed is currently unknown` };
  }
  const part = parsePercent(text);
  if (part === undefined) {
    return { why: `Invalid rate specified; should be between [0,100]% but is ${text}` };
  }
  return parseRate((part * dev.speedBps).toFixed(6));
}

/** `ethernet`, `atm`, `adsl` (tc/tc_util.c:get_linklayer). */
export function linklayerOf(text: string): RateSpec["linklayer"] | undefined {
  if (abbreviates(text, "ethernet")) return "ethernet";
  return abbreviates(text, "atm") || abbreviates(text, "adsl") ? "atm" : undefined;
}

/** A value that is wrong (lib/utils.c:invarg). */
export const wrong = (why: string, argument: string): Exit =>
  new Exit(255, `Error: argument "${argument}" is wrong: ${why}`);
/** An option that was given before (lib/utils.c:duparg). */
export const duplicate = (key: string, argument: string): Exit =>
  new Exit(255, `Error: duplicate "${key}": "${argument}" is the second value.`);

/** A probability as the kernel takes it: 32 bits, all of them 1. */
export const toChance = (part: number): number => {
  const scaled = part * 0xffff_ffff;
  const down = Math.floor(scaled);
  const rest = scaled - down;
  return rest > 0.5 || (rest === 0.5 && down % 2 === 1) ? down + 1 : down;
};
export const formatChance = (chance: number): string => `${formatG((100 * chance) / 0xffff_ffff)}%`;
export const chanceNumber = (chance: number): string => formatG(chance / 0xffff_ffff);
