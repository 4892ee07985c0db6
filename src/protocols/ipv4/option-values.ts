import { u8, u16, u32 } from "../../core/bytes.ts";
import { readArea, writeArea } from "./option-area.ts";

/** Options of IPv4 headers as values, to show and to write them (RFC 791 §3.1). Packets on their way are read in place: `wire.ts`. */

export const IPOPT_EOL = 0;
export const IPOPT_NOP = 1;
export const IPOPT_RR = 7;
export const IPOPT_TIMESTAMP = 68;
export const IPOPT_SECURITY = 130;
export const IPOPT_LSRR = 131;
export const IPOPT_SID = 136;
export const IPOPT_SSRR = 137;
export const IPOPT_RA = 148; // RFC 2113
/** The bit of an option type that has it copied into every fragment. */
export const IPOPT_COPIED = 0x80;

/** One option. An option of a known type but a length that does not fit it is `unknown`: no octet is lost. */
export type Ipv4Option =
  | { readonly kind: "eol" | "nop" }
  /** `pointer` counts from 1 at the type octet; `route` holds addresses. */
  | { readonly kind: "rr" | "lsrr" | "ssrr"; readonly pointer: number; readonly route: readonly number[] }
  /** `flag` 0: `words` are timestamps (ms since midnight UT); 1 and 3: addresses and timestamps by turns. */
  | {
      readonly kind: "timestamp";
      readonly pointer: number;
      readonly overflow: number;
      readonly flag: number;
      readonly words: readonly number[];
    }
  | { readonly kind: "routerAlert"; readonly value: number }
  | { readonly kind: "streamId"; readonly id: number }
  | { readonly kind: "security"; readonly data: Uint8Array }
  | { readonly kind: "unknown"; readonly type: number; readonly data: Uint8Array };

/** The options in an option area, as far as they can be read, and the place where they cannot. */
export const parseOptions = (
  raw: Uint8Array,
): { readonly options: readonly Ipv4Option[]; readonly optionsFault: number } => readArea(raw, parseOption);

/** The option area for `options`. */
export const encodeOptions = (options: readonly Ipv4Option[]): Uint8Array => writeArea(options.flatMap(optionOctets));

/** The type octet of an option. */
export const optionType = (option: Ipv4Option): number =>
  option.kind === "unknown" ? option.type : TYPES[option.kind];

/** The option area of all fragments but the first: only options marked for copying (RFC 791 §3.2). */
export function copiedOptions(raw: Uint8Array): Uint8Array {
  const copied = parseOptions(raw).options.filter((option) => (optionType(option) & IPOPT_COPIED) !== 0);
  return encodeOptions(copied);
}

const TYPES = {
  eol: IPOPT_EOL,
  nop: IPOPT_NOP,
  rr: IPOPT_RR,
  lsrr: IPOPT_LSRR,
  ssrr: IPOPT_SSRR,
  timestamp: IPOPT_TIMESTAMP,
  routerAlert: IPOPT_RA,
  streamId: IPOPT_SID,
  security: IPOPT_SECURITY,
} as const;
const ROUTES: Readonly<Record<number, "rr" | "lsrr" | "ssrr">> = {
  [IPOPT_RR]: "rr",
  [IPOPT_LSRR]: "lsrr",
  [IPOPT_SSRR]: "ssrr",
};

/** The option of `length` octets at `at`, all of them within `raw`. */
function parseOption(raw: Uint8Array, at: number, length: number): Ipv4Option {
  const type = u8(raw, at);
  const route = ROUTES[type];
  if (route && length >= 3 && (length & 3) === 3) {
    return { kind: route, pointer: u8(raw, at + 2), route: words(raw, at + 3, at + length) };
  }
  if (type === IPOPT_TIMESTAMP && length >= 4 && (length & 3) === 0) {
    const octet = u8(raw, at + 3);
    const stamps = { pointer: u8(raw, at + 2), overflow: octet >> 4, flag: octet & 15 };
    return { kind: "timestamp", ...stamps, words: words(raw, at + 4, at + length) };
  }
  if (type === IPOPT_RA && length === 4) return { kind: "routerAlert", value: u16(raw, at + 2) };
  if (type === IPOPT_SID && length === 4) return { kind: "streamId", id: u16(raw, at + 2) };
  const data = raw.slice(at + 2, at + length);
  return type === IPOPT_SECURITY ? { kind: "security", data } : { kind: "unknown", type, data };
}

function optionOctets(option: Ipv4Option): readonly number[] {
  const tlv = (...value: readonly number[]): number[] => [optionType(option), 2 + value.length, ...value];
  switch (option.kind) {
    case "eol":
    case "nop":
      return [optionType(option)];
    case "rr":
    case "lsrr":
    case "ssrr":
      return tlv(option.pointer, ...option.route.flatMap(octets32));
    case "timestamp":
      return tlv(option.pointer, (option.overflow << 4) | option.flag, ...option.words.flatMap(octets32));
    case "routerAlert":
      return tlv(option.value >> 8, option.value & 255);
    case "streamId":
      return tlv(option.id >> 8, option.id & 255);
    case "security":
    case "unknown":
      return tlv(...option.data);
  }
}

/** The 32-bit words of [from, end). */
const words = (b: Uint8Array, from: number, end: number): number[] =>
  Array.from({ length: (end - from) >> 2 }, (_, i) => u32(b, from + 4 * i));
const octets32 = (word: number): number[] => [word >>> 24, (word >>> 16) & 255, (word >>> 8) & 255, word & 255];
