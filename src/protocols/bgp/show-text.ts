import type { Nanos } from "../../core/time.ts";
import { S } from "../../core/time.ts";

/** Texts that several shows share. */

const DAY_S = 86_400;

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

const WEEKDAYS = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** An instant as `ctime` prints it: simulated time begins with 1970. */
export function ctime(at: Nanos): string {
  const s = Math.floor(at / S);
  let days = Math.floor(s / DAY_S);
  const weekday = WEEKDAYS[days % 7];
  let year = 1970;
  const leap = (y: number): boolean => (y % 4 === 0 && y % 100 !== 0) || y % 400 === 0;
  for (; days >= (leap(year) ? 366 : 365); year++) days -= leap(year) ? 366 : 365;
  const lengths = [31, leap(year) ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
  let month = 0;
  for (; days >= (lengths[month] as number); month++) days -= lengths[month] as number;
  const two = (n: number): string => String(Math.floor(n)).padStart(2, "0");
  const clock = `${two((s % DAY_S) / 3600)}:${two((s % 3600) / 60)}:${two(s % 60)}`;
  return `${weekday} ${MONTHS[month]} ${String(days + 1).padStart(2)} ${clock} ${year}`;
}
