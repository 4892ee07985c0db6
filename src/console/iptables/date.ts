import { type Nanos, S } from "../../core/time.ts";

const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"] as const;
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"] as const;
const MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;
/** 1970-01-01, when simulated time begins, was a Thursday. */
const FIRST_DAY = 4;

/** `Thu Jan  1 00:00:12 1970`: the moment as C's `ctime(3)` tells it, in UTC. Simulated time ends before the first leap year. */
export function stamp(now: Nanos): string {
  const seconds = Math.floor(now / S);
  const day = Math.floor(seconds / 86_400);
  let left = day % 365;
  let month = 0;
  while (left >= (MONTH_DAYS[month] as number)) left -= MONTH_DAYS[month++] as number;
  const clock = [seconds / 3600, seconds / 60, seconds].map((part, i) => Math.floor(part) % (i === 0 ? 24 : 60));
  const time = clock.map((part) => String(part).padStart(2, "0")).join(":");
  const year = 1970 + Math.floor(day / 365);
  return `${DAYS[(FIRST_DAY + day) % 7]} ${MONTHS[month]} ${String(left + 1).padStart(2)} ${time} ${year}`;
}
