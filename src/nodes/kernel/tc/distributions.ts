/**
 * The distributions of iproute2 (netem/normal.c, pareto.c, paretonormal.c, which NISTnet gave away): 4096 values, in units
 * of 1/8192 of the deviation. They are computed with the four basic operations alone, which every engine rounds alike.
 */
export type DistributionName = "normal" | "pareto" | "paretonormal";

/** NETEM_DIST_SCALE: one deviation. */
export const DIST_SCALE = 8192;

const SIZE = 16_384;
const STEP = 4;

const made = new Map<DistributionName, Int16Array>();

/** The table of a distribution, made when it is first asked for. */
export function distribution(name: DistributionName): Int16Array {
  let table = made.get(name);
  if (table === undefined) {
    table = name === "normal" ? normal() : name === "pareto" ? pareto() : paretonormal();
    made.set(name, table);
  }
  return table;
}

function normal(): Int16Array {
  return Int16Array.from(normalQuantiles(), (x) => clamp(round(x * DIST_SCALE)));
}

function pareto(): Int16Array {
  return Int16Array.from({ length: SIZE / STEP }, (_, i) => paretoValue(65_536 - 16 * i));
}

function paretonormal(): Int16Array {
  const quantiles = normalQuantiles();
  return Int16Array.from(quantiles, (x, i) => {
    const both = round(x * DIST_SCALE) + 3 * paretoValue(65_536 - 16 * i);
    return clamp(Math.trunc(both / 4));
  });
}

/** 1/cbrt(i/65536), with mean 0 and deviation 1. */
function paretoValue(i: number): number {
  const value = (1 / cubeRoot(i / 65_536) - 1.5) * ((4 / 3) * DIST_SCALE);
  return round(Math.min(value, 32_767));
}

/** The last steps of a walk from -10 to 10 at which the normal distribution, of 16384, rounds to 0, 4, 8, … */
function normalQuantiles(): number[] {
  const table = new Float64Array(SIZE + 1);
  for (let x = -10; x < 10.05; x += 0.00005) {
    const part = x < -TAIL ? 0 : x > TAIL ? 1 : 0.5 + 0.5 * erf(x / Math.sqrt(2));
    table[round(SIZE * part)] = x;
  }
  return Array.from({ length: SIZE / STEP }, (_, i) => table[STEP * i] as number);
}

/** Beyond so many deviations there is less than half of a 16384th. */
const TAIL = 4.5;
const SQRT_PI = 1.7724538509055159;

/** 2/sqrt(pi) exp(-z z) (z + 2/3 z^3 + 4/15 z^5 + …): all terms of one sign, so that no digit is lost. */
function erf(z: number): number {
  let term = z;
  let sum = z;
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
    term *= (2 * z * z) / (2 * n + 1);
    sum += term;
  }
  return ((2 * sum) / SQRT_PI) * expOfMinus(z * z);
}

/** exp(-y) for y of 0 to 11. */
function expOfMinus(y: number): number {
  const small = y / 64;
  let term = 1;
  let sum = 1;
  for (let n = 1; term > 1e-18; n++) {
    term *= small / n;
    sum += term;
  }
  let power = 1 / sum;
  for (let i = 0; i < 6; i++) power *= power;
  return power;
}

/** By Newton's steps, for v of 0 to 1. */
function cubeRoot(v: number): number {
  let y = 1;
  for (let i = 0; i < 60; i++) {
    const next = (2 * y + v / (y * y)) / 3;
    if (next === y) break;
    y = next;
  }
  return y;
}

/** To the nearest integer, halves to the even one (`rint`). */
function round(x: number): number {
  const down = Math.floor(x);
  const rest = x - down;
  return rest > 0.5 || (rest === 0.5 && (down & 1) === 1) ? down + 1 : down;
}
const clamp = (x: number): number => Math.max(-32_768, Math.min(32_767, x));
