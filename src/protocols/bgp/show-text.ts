import { calendarOf, DAY_S, MONTHS, weekdayOf } from "../../core/calendar.ts";
import type { Nanos } from "../../core/time.ts";
import { S } from "../../core/time.ts";

/** Texts that several shows share. */

/** How long ago, as FRR's peer_uptime says it: `00:01:02`, `2d03h04m`, `01w2d03h`. */
export function uptime(since: Nanos, now: Nanos): string {
  if (since < 0) return "never";
  const s = Math.floor((now - since) / S);
  const two = (n: number): string => String(Math.floor(n)).padStart(2, "0");
  if (s < DAY_S) return `${two(s / 3600)}:${two((s % 3600) / 60)}:${two(s % 60)}`;
  const hours = two((s % DAY_S) / 3600);
  if (s < 7 * DAY_S) return `${Math.floor(s / DAY_S)}d${hours}h${two((s % 3600) / 60)}m`;
  return `${two(s / (7 * DAY_S))}w${Math.floor((s % (7 * DAY_S)) / DAY_S)}d${hours}h`;
}

/** An instant as `ctime` prints it: simulated time begins with 1970. */
export function ctime(at: Nanos): string {
  const { year, month, day, clock } = calendarOf(at);
  return `${weekdayOf(at)} ${MONTHS[month]} ${String(day).padStart(2)} ${clock} ${year}`;
}
