import { type Nanos, S } from "./time.ts";

/** An instant as a calendar has it. */
export interface CalendarTime {
  readonly year: number;
  /** From 0 on. */
  readonly month: number;
  /** From 1 on. */
  readonly day: number;
  /** `20:53:30`. */
  readonly clock: string;
}

export const WEEKDAYS = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"] as const;
export const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"] as const;
export const DAY_S = 86_400;

/** Simulated time begins with 1970, in UTC. */
export function calendarOf(at: Nanos): CalendarTime {
  const s = Math.floor(at / S);
  let days = Math.floor(s / DAY_S);
  let year = 1970;
  const leap = (y: number): boolean => (y % 4 === 0 && y % 100 !== 0) || y % 400 === 0;
  for (; days >= (leap(year) ? 366 : 365); year++) days -= leap(year) ? 366 : 365;
  const lengths = [31, leap(year) ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
  let month = 0;
  for (; days >= (lengths[month] as number); month++) days -= lengths[month] as number;
  const clock = `${two(Math.floor(s / 3600) % 24)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
  return { year, month, day: days + 1, clock };
}

/** `Thu`. */
export const weekdayOf = (at: Nanos): string => WEEKDAYS[Math.floor(at / S / DAY_S) % 7] as string;

/** At least two digits. */
export const two = (n: number): string => String(n).padStart(2, "0");
