import { calendarOf, MONTHS, two, weekdayOf } from "../../core/calendar.ts";
import type { Nanos } from "../../core/time.ts";

/** Simulated time as a calendar has it: a run begins with 1970, and ends in it. */
export function calendar(now: Nanos): {
  readonly weekday: string;
  readonly day: string;
  readonly month: string;
  readonly clock: string;
} {
  const { month, day, clock } = calendarOf(now);
  return { weekday: weekdayOf(now), day: two(day), month: MONTHS[month] as string, clock };
}

/** IMF-fixdate of RFC 9110 §5.6.7, which iperf3 prints too. */
export function httpDate(now: Nanos): string {
  const { weekday, day, month, clock } = calendar(now);
  return `${weekday}, ${day} ${month} 1970 ${clock} GMT`;
}
