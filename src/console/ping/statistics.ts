import { type Nanos, US } from "../../core/time.ts";

/** Round-trip times as iputils sums them up: whole microseconds, duplicates included. */
export class RttStatistics {
  count = 0;
  minUs = Number.POSITIVE_INFINITY;
  maxUs = 0;
  /** Eight times the exponentially weighted moving average (`ping_common.c:gather_statistics`). */
  ewma8Us = 0;
  #sumUs = 0;
  #squareSum = 0;

  add(rttNs: Nanos): void {
    const us = Math.floor(rttNs / US);
    this.count++;
    this.#sumUs += us;
    this.#squareSum += us * us;
    this.minUs = Math.min(this.minUs, us);
    this.maxUs = Math.max(this.maxUs, us);
    this.ewma8Us = this.ewma8Us === 0 ? us * 8 : this.ewma8Us + us - Math.floor(this.ewma8Us / 8);
  }

  get averageUs(): number {
    return Math.floor(this.#sumUs / this.count);
  }

  /** The standard deviation, in the computation order of `ping_common.c:finish`. */
  get deviationUs(): number {
    const variance =
      this.#sumUs < INT_MAX
        ? (this.#squareSum - (this.#sumUs * this.#sumUs) / this.count) / this.count
        : this.#squareSum / this.count - this.averageUs * this.averageUs;
    return integerRoot(Math.trunc(variance));
  }
}

const INT_MAX = 0x7fff_ffff;

/** The integer square root by Newton's method, rounded down. */
function integerRoot(square: number): number {
  let previous = Number.POSITIVE_INFINITY;
  let root = square;
  while (root > 0 && root < previous) {
    previous = root;
    root = Math.floor((root + Math.floor(square / root)) / 2);
  }
  return Math.min(root, previous);
}

/** ` time=… ms` as iputils rounds it: three decimals below 1 ms, then two, one, none. */
export function formatRtt(us: number): string {
  if (us >= 100_000 - 50) return `${Math.floor((us + 500) / 1000)}`;
  if (us >= 10_000 - 5) return decimals(us + 50, 1);
  if (us >= 1000) return decimals(us + 5, 2);
  return decimals(us, 3);
}

/** Microseconds as milliseconds with so many decimals, cut off. */
const decimals = (us: number, digits: number): string =>
  `${Math.floor(us / 1000)}.${String(us % 1000)
    .padStart(3, "0")
    .slice(0, digits)}`;

/** `0.149/0.203`-style milliseconds, always three decimals. */
export const formatMs = (us: number): string => decimals(us, 3);

/** A percentage as C's `%g` prints a float: six significant digits, no trailing zeros. */
export function formatPercent(value: number): string {
  const digits = Math.fround(value).toPrecision(6);
  const number = Number(digits);
  if (number !== 0 && Math.abs(number) < 1e-4) {
    const [mantissa, exponent] = number.toExponential(5).split("e-") as [string, string];
    return `${Number(mantissa)}e-${exponent.padStart(2, "0")}`;
  }
  return String(number);
}
