import { calendarOf, MONTHS, weekdayOf } from "../../core/calendar.ts";
import type { Nanos } from "../../core/time.ts";
import { uptimeText } from "../../frr/uptime.ts";

/** Texts that several shows share. */

/** How long ago; `never` where it never was (bgpd/bgpd.c:peer_uptime). */
export const uptime = (since: Nanos, now: Nanos): string => (since < 0 ? "never" : uptimeText(now - since));

/** An instant as `ctime` prints it: simulated time begins with 1970. */
export function ctime(at: Nanos): string {
  const { year, month, day, clock } = calendarOf(at);
  return `${weekdayOf(at)} ${MONTHS[month]} ${String(day).padStart(2)} ${clock} ${year}`;
}
