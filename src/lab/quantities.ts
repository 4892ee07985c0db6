import { type Nanos, parseDuration, S } from "../core/time.ts";
import { LabError } from "./errors.ts";

/** A span as people write it: `50us`, `1.5ms`, `30s`; a number counts seconds. */
export type Duration = string | number;
/** A rate as tc writes it: `1Gbit`, `100mbit`, `8MBps`; a number counts bits per second. */
export type Rate = string | number;

export function duration(value: Duration, what = "duration"): Nanos {
  const ns = typeof value === "number" ? spanOf(value) : parseDuration(value);
  if (ns === undefined) throw new LabError(`${what} "${value}": expected a time such as 50us, 1.5ms or 30s`);
  return ns;
}

function spanOf(seconds: number): Nanos | undefined {
  const ns = Math.round(seconds * S);
  return ns >= 0 && Number.isSafeInteger(ns) ? ns : undefined;
}

const UNITS: Readonly<Record<string, number>> = {
  bit: 1,
  kbit: 1e3,
  mbit: 1e6,
  gbit: 1e9,
  tbit: 1e12,
  kibit: 1024,
  mibit: 1024 ** 2,
  gibit: 1024 ** 3,
  bps: 8,
  kbps: 8e3,
  mbps: 8e6,
  gbps: 8e9,
};

/** Bits per second (`tc`'s units: `bit` is a bit, `bps` a byte per second). */
export function rate(value: Rate, what = "rate"): number {
  const bps = Math.round(typeof value === "number" ? value : bitsOf(value));
  if (!(bps >= 0 && Number.isSafeInteger(bps)))
    throw new LabError(`${what} "${value}": expected a rate such as 100mbit or 1Gbit`);
  return bps;
}

function bitsOf(text: string): number {
  const m = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text);
  if (m === null) return Number.NaN;
  return Number(m[1]) * (m[2] === "" ? 1 : (UNITS[(m[2] as string).toLowerCase()] ?? Number.NaN));
}

/** A probability: `1%`, `0.01`. */
export function probability(value: string | number, what = "probability"): number {
  const p = typeof value === "number" ? value : shareOf(value);
  if (!(p >= 0 && p <= 1)) throw new LabError(`${what} "${value}": expected a share such as 1% or 0.01`);
  return p;
}

function shareOf(text: string): number {
  const m = /^(\d+(?:\.\d+)?)(%?)$/.exec(text);
  return m === null ? Number.NaN : Number(m[1]) / (m[2] === "%" ? 100 : 1);
}
