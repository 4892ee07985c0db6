import { DAY_S } from "../core/calendar.ts";
import { type Nanos, S } from "../core/time.ts";

/** A span as FRR prints it: `01:02:03`, `2d03h04m`, `01w2d03h` (lib/monotime.h:frrtime_to_interval). */
export function uptimeText(span: Nanos): string {
  const total = Math.floor(span / S);
  const two = (n: number): string => String(n).padStart(2, "0");
  const [d, h, m, s] = [
    Math.floor(total / DAY_S),
    Math.floor(total / 3600) % 24,
    Math.floor(total / 60) % 60,
    total % 60,
  ];
  if (d === 0) return `${two(h)}:${two(m)}:${two(s)}`;
  if (d < 7) return `${d}d${two(h)}h${two(m)}m`;
  return `${two(Math.floor(d / 7))}w${d % 7}d${two(h)}h`;
}
