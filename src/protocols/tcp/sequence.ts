/**
 * Sequence numbers are 32 bits and wrap (RFC 9293 §3.4). The engine keeps them signed, so that they stay small integers;
 * two of them are less than 2^31 apart.
 */

/** Whether `a` comes before `b`. */
export const before = (a: number, b: number): boolean => ((a - b) | 0) < 0;
/** Whether `a` comes behind `b`. */
export const after = (a: number, b: number): boolean => ((b - a) | 0) < 0;
/** Octets from `from` up to `to`; negative when `to` comes first. */
export const span = (from: number, to: number): number => (to - from) | 0;
/** Whether `low` ≤ `x` ≤ `high`. */
export const between = (x: number, low: number, high: number): boolean => (high - low) >>> 0 >= (x - low) >>> 0;
