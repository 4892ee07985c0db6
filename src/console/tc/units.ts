import { type Handle, makeHandle, ROOT } from "../../nodes/kernel/tc/handle.ts";

/** The number at the beginning of a text, and what stands behind it (`strtod`). */
function leading(text: string): { readonly value: number; readonly unit: string } | undefined {
  const m = /^\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)(.*)$/is.exec(text);
  return m === null ? undefined : { value: Number(m[1]), unit: (m[2] as string).toLowerCase() };
}

/** Bits per second of each unit (lib/utils_math.c). */
const RATE_UNITS: Readonly<Record<string, number>> = {
  "": 1,
  bit: 1,
  kibit: 1024,
  kbit: 1000,
  mibit: 1024 ** 2,
  mbit: 1e6,
  gibit: 1024 ** 3,
  gbit: 1e9,
  tibit: 1024 ** 4,
  tbit: 1e12,
  bps: 8,
  kibps: 8 * 1024,
  kbps: 8e3,
  mibps: 8 * 1024 ** 2,
  mbps: 8e6,
  gibps: 8 * 1024 ** 3,
  gbps: 8e9,
  tibps: 8 * 1024 ** 4,
  tbps: 8e12,
};

/** Bytes per second: `6mbit`, `100kbps` (bytes!), a bare number counts bits (lib/utils_math.c:get_rate64). */
export function parseRate(text: string): number | undefined {
  const read = leading(text);
  const scale = read && RATE_UNITS[read.unit];
  if (read === undefined || scale === undefined || read.value < 0) return undefined;
  const rate = Math.floor((read.value * scale) / 8);
  return rate <= Number.MAX_SAFE_INTEGER ? rate : undefined;
}

const SIZE_UNITS: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  k: 1024,
  kb: 1024,
  m: 1024 ** 2,
  mb: 1024 ** 2,
  g: 1024 ** 3,
  gb: 1024 ** 3,
  kbit: 1024 / 8,
  mbit: 1024 ** 2 / 8,
  gbit: 1024 ** 3 / 8,
};

/** Bytes: `1600`, `15k`, `10Mb`, `2mbit` (lib/utils_math.c:get_size). */
export function parseSize(text: string): number | undefined {
  const read = leading(text);
  const scale = read && SIZE_UNITS[read.unit];
  if (read === undefined || scale === undefined || read.value < 0) return undefined;
  const size = Math.floor(read.value * scale);
  return size <= 0xffff_ffff ? size : undefined;
}

/** Bytes, and behind a `/` the cell of a rate table: a power of two, told as its logarithm. */
export function parseSizeAndCell(text: string): { readonly size: number; readonly cellLog: number } | undefined {
  const slash = text.indexOf("/");
  const size = parseSize(slash < 0 ? text : text.slice(0, slash));
  if (size === undefined) return undefined;
  if (slash < 0) return { size, cellLog: -1 };
  const cell = parseUnsigned(text.slice(slash + 1), 0);
  if (cell === undefined || cell === 0 || (cell & (cell - 1)) !== 0) return undefined;
  return { size, cellLog: 31 - Math.clz32(cell) };
}

const TIME_UNITS: Readonly<Record<string, number>> = {
  s: 1e9,
  sec: 1e9,
  secs: 1e9,
  ms: 1e6,
  msec: 1e6,
  msecs: 1e6,
  us: 1e3,
  usec: 1e3,
  usecs: 1e3,
};

/** Microseconds: `50ms`, `1.5s`; a bare number counts microseconds (lib/utils.c:get_time). */
export function parseTime(text: string): number | undefined {
  const read = leading(text);
  const scale = read && (read.unit === "" ? 1e3 : TIME_UNITS[read.unit]);
  if (read === undefined || scale === undefined || read.value < 0) return undefined;
  const us = Math.floor((read.value * scale) / 1e3);
  return us <= 0xffff_ffff ? us : undefined;
}
/** Nanoseconds; a bare number counts nanoseconds (lib/utils.c:get_time64). */
export function parseTime64(text: string): number | undefined {
  const read = leading(text);
  const scale = read && (read.unit === "" || /^nsecs?$|^ns$/.test(read.unit) ? 1 : TIME_UNITS[read.unit]);
  if (read === undefined || scale === undefined || read.value < 0) return undefined;
  return Math.floor(read.value * scale);
}

/** `30%` or `30` as 0.3; undefined when it is none, or outside of 0 to 1. */
export function parsePercent(text: string): number | undefined {
  const read = leading(text);
  if (read === undefined || (read.unit !== "" && read.unit !== "%")) return undefined;
  const part = read.value / 100;
  return part >= 0 && part <= 1 ? part : undefined;
}

/** A whole number of C (`strtoul`): base 10 or 16, or 0 for what its prefix says. Undefined above `max`. */
export function parseUnsigned(text: string, base: 0 | 10 | 16, max = 0xffff_ffff): number | undefined {
  const digits = text.replace(/^\s*\+?/, "");
  const hex = /^0x([0-9a-f]+)$/i.exec(digits);
  let value = Number.NaN;
  if (base !== 10 && hex !== null) value = Number.parseInt(hex[1] as string, 16);
  else if (base === 16) value = /^[0-9a-f]+$/i.test(digits) ? Number.parseInt(digits, 16) : Number.NaN;
  else if (base === 0 && /^0[0-7]+$/.test(digits)) value = Number.parseInt(digits, 8);
  else if (/^\d+$/.test(digits)) value = Number(digits);
  return value <= max ? value : undefined;
}
/** As `parseUnsigned` with base 0, and a sign. */
export function parseSigned(text: string): number | undefined {
  const negative = text.startsWith("-");
  const size = parseUnsigned(negative ? text.slice(1) : text, 0, negative ? 0x8000_0000 : 0x7fff_ffff);
  return size === undefined ? undefined : negative ? -size : size;
}

/** `1:`, `1`, `none` (tc/tc_util.c:get_qdisc_handle); what stands behind the colon is not looked at. */
export function parseQdiscHandle(text: string): Handle | undefined {
  if (text === "none") return 0;
  const m = /^(?:0x)?([0-9a-f]+)(?::.*)?$/i.exec(text);
  const major = m === null ? Number.NaN : Number.parseInt(m[1] as string, 16);
  return major < 0x1_0000 ? makeHandle(major, 0) : undefined;
}

/** `1:10`, `1:`, `:10`, `root`, `none`; a number without a colon is the whole handle (tc/tc_util.c:get_tc_classid). */
export function parseClassid(text: string): Handle | undefined {
  if (text === "root") return ROOT;
  if (text === "none") return 0;
  const m = /^(?:(?:0x)?([0-9a-f]+))?(:(?:0x)?([0-9a-f]*))?$/i.exec(text);
  if (m === null || (m[1] === undefined && m[2] === undefined)) return undefined;
  const first = m[1] === undefined ? 0 : Number.parseInt(m[1], 16);
  if (m[2] === undefined) return first <= 0xffff_ffff ? first : undefined;
  const minor = m[3] === "" || m[3] === undefined ? 0 : Number.parseInt(m[3], 16);
  return first < 0x1_0000 && minor < 0x1_0000 ? makeHandle(first, minor) : undefined;
}

/** `10Mbit`: as large a unit as leaves no rest, or less than a thousandth (lib/json_print.c:print_color_rate). */
export function formatRate(bytesPerSecond: number, iec: boolean): string {
  const kilo = iec ? 1024 : 1000;
  const units = ["", "K", "M", "G", "T"];
  let rate = bytesPerSecond * 8;
  let i = 0;
  for (; i < units.length - 1; i++) {
    if (rate < kilo || (rate % kilo !== 0 && rate < 1000 * kilo)) break;
    rate = Math.floor(rate / kilo);
  }
  return `${rate}${units[i]}${iec && i > 0 ? "i" : ""}bit`;
}

/** `1600b`, `15Kb`, `2Mb` (lib/json_print_math.c:sprint_size). */
export function formatSize(bytes: number): string {
  const kilos = Math.round(bytes / 1024);
  const megas = Math.round(bytes / 1024 ** 2);
  if (bytes >= 1024 ** 2 && Math.abs(megas * 1024 ** 2 - bytes) < 1024) return `${formatG(megas)}Mb`;
  if (bytes >= 1024 && Math.abs(kilos * 1024 - bytes) < 16) return `${formatG(kilos)}Kb`;
  return `${bytes}b`;
}

/** `50ms`, `1.5s`, `7us` (lib/utils.c:print_time). */
export function formatTime(us: number): string {
  if (us >= 1e6) return `${formatG(us / 1e6, 3)}s`;
  return us >= 1e3 ? `${formatG(us / 1e3, 3)}ms` : `${us}us`;
}
/** The same of nanoseconds (lib/utils.c:print_time64). */
export function formatTime64(ns: number): string {
  if (ns >= 1e9) return `${formatG(ns / 1e9, 3)}s`;
  if (ns >= 1e6) return `${formatG(ns / 1e6, 3)}ms`;
  return ns >= 1e3 ? `${formatG(ns / 1e3, 3)}us` : `${ns}ns`;
}

/** `%g` of C: so many significant digits, none of them a trailing zero, with an exponent where it is far from 1. */
export function formatG(x: number, digits = 6): string {
  if (x === 0) return "0";
  const [mantissa = "", exponentText = "0"] = x.toExponential(digits - 1).split("e");
  const exponent = Number(exponentText);
  const bare = (text: string): string => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);
  if (exponent >= -4 && exponent < digits) return bare(x.toFixed(Math.max(digits - 1 - exponent, 0)));
  const size = String(Math.abs(exponent)).padStart(2, "0");
  return `${bare(mantissa)}e${exponent < 0 ? "-" : "+"}${size}`;
}

/** Ticks of the scheduler's clock in a microsecond: 64 ns each. */
const TICKS_PER_US = 15.625;

/** The ticks that `bytes` take at a rate, by way of whole microseconds (tc/tc_core.c:tc_calc_xmittime). */
export function xmitTicks(bytesPerSecond: number, bytes: number): number {
  return usToTicks(Math.floor(1e6 * (bytes / bytesPerSecond)));
}
/** The bytes that a rate sends in so many ticks (tc/tc_core.c:tc_calc_xmitsize). */
export function xmitSize(bytesPerSecond: number, ticks: number): number {
  return Math.floor((bytesPerSecond * ticksToUs(ticks)) / 1e6) % 2 ** 32;
}
export const usToTicks = (us: number): number => Math.floor(us * TICKS_PER_US) % 2 ** 32;
export const ticksToUs = (ticks: number): number => Math.floor(ticks / TICKS_PER_US);

/** The cell of a rate table for packets of up to `mtu` bytes (tc/tc_core.c:tc_calc_rtable). */
export function cellLogOf(mtu: number): number {
  let log = 0;
  while ((mtu || 2047) >> log > 255) log++;
  return log;
}
