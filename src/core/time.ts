/** An instant or a span of simulated time in whole nanoseconds: exact for 104 days. */
export type Nanos = number;

export const US: Nanos = 1_000;
export const MS: Nanos = 1_000_000;
export const CENTIS: Nanos = 10_000_000;
export const S: Nanos = 1_000_000_000;
/** The deadline of what has none. */
export const NEVER: Nanos = Number.POSITIVE_INFINITY;

const UNITS: Readonly<Record<string, Nanos>> = { ns: 1, us: US, ms: MS, s: S, m: 60 * S, min: 60 * S, h: 3600 * S };

/** `50us`, `1.5ms`, `30s`, `2h`; a bare number counts `bare` (seconds unless told). `undefined` when it is none. */
export function parseDuration(text: string, bare: Nanos = S): Nanos | undefined {
  const m = /^(\d+(?:\.\d+)?)(ns|us|ms|s|m|min|h)?$/.exec(text);
  if (!m) return undefined;
  const span = Math.round(Number(m[1]) * (m[2] === undefined ? bare : (UNITS[m[2]] as Nanos)));
  return Number.isSafeInteger(span) ? span : undefined;
}

/** Simulated seconds with as many decimals as asked for: `1.000042`. */
export const seconds = (t: Nanos, decimals = 6): string => (t / S).toFixed(decimals);
