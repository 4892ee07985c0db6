import { MS, type Nanos, NEVER, S } from "../../core/time.ts";
import { OPTION_E, OPTION_MT, OPTION_NP, OPTION_O } from "./wire.ts";

/** How ospfd prints things (ospfd/ospf_dump.c). */

/** A span: `14.225s`, `1m05s`, `2h03m04s` (ospf_timeval_dump). */
export function spanText(span: Nanos): string {
  const total = Math.floor(span / S);
  const [d, h, m, s] = [
    Math.floor(total / 86400),
    Math.floor(total / 3600) % 24,
    Math.floor(total / 60) % 60,
    total % 60,
  ];
  const two = (n: number): string => `${n}`.padStart(2, "0");
  if (d >= 7) return `${Math.floor(d / 7)}w${d % 7}d${two(h)}h`;
  if (d > 0) return `${d}d${two(h)}h${two(m)}m`;
  if (h > 0) return `${h}h${two(m)}m${two(s)}s`;
  if (m > 0) return `${m}m${two(s)}s`;
  const ms = Math.floor(span / MS);
  return ms > 0 ? `${s}.${`${ms % 1000}`.padStart(3, "0")}s` : `${Math.floor(span / 1000)} usecs`;
}

/** A timer: what is left, or `inactive` (ospf_timer_dump). */
export const timerText = (deadline: Nanos, now: Nanos): string =>
  deadline === NEVER ? "inactive" : spanText(Math.max(0, deadline - now));

/** Whole milliseconds. */
export const millis = (span: Nanos): number => Math.floor(span / MS);

/** `*|-|-|-|-|-|E|-` (ospf_options_dump). */
export const optionsText = (options: number): string =>
  [
    options & OPTION_O ? "O" : "-",
    options & 0x20 ? "DC" : "-",
    options & 0x10 ? "EA" : "-",
    options & OPTION_NP ? "N/P" : "-",
    options & 4 ? "MC" : "-",
    options & OPTION_E ? "E" : "-",
    options & OPTION_MT ? "M/T" : "-",
  ].reduce((text, word) => `${text}|${word}`, "*");

export const hex4 = (n: number): string => n.toString(16).padStart(4, "0");
export const hex8 = (n: number): string => (n >>> 0).toString(16).padStart(8, "0");
