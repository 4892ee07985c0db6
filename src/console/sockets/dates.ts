import { type Nanos, S } from "../../core/time.ts";

const DAYS = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const LENGTHS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Simulated time as a calendar has it: a run begins with 1970, and ends in it. */
export function calendar(now: Nanos): {
  readonly weekday: string;
  readonly day: string;
  readonly month: string;
  readonly clock: string;
} {
  const seconds = Math.floor(now / S);
  const days = Math.floor(seconds / 86_400);
  let month = 0;
  let day = days;
  while (day >= (LENGTHS[month % 12] as number)) day -= LENGTHS[month++ % 12] as number;
  const two = (n: number): string => String(n).padStart(2, "0");
  const clock = `${two(Math.floor(seconds / 3600) % 24)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return { weekday: DAYS[days % 7] as string, day: two(day + 1), month: MONTHS[month % 12] as string, clock };
}

/** IMF-fixdate of RFC 9110 §5.6.7, which iperf3 prints too. */
export function httpDate(now: Nanos): string {
  const { weekday, day, month, clock } = calendar(now);
  return `${weekday}, ${day} ${month} 1970 ${clock} GMT`;
}
