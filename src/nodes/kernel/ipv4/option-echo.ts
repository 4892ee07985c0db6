import type { Ipv4 } from "../../../core/addr.ts";
import { u8, u32 } from "../../../core/bytes.ts";
import {
  encodeOptions,
  IPOPT_EOL,
  IPOPT_LSRR,
  IPOPT_NOP,
  IPOPT_RR,
  IPOPT_SSRR,
  IPOPT_TIMESTAMP,
  type Ipv4Option,
} from "../../../protocols/ipv4/option-values.ts";
import { findOption, HEADER, headerLength, src as srcOf } from "../../../protocols/ipv4/wire.ts";

/** What an answer without options carries. */
export const NO_OPTIONS = new Uint8Array(0);

/**
 * The options of the answer to the packet whose header is at `o`, in the form that `Ipv4Options.send` takes: records of
 * route and time go on, a source route is turned round, nothing else is copied (net/ipv4/ip_options.c:__ip_options_echo).
 */
export function echoOptions(b: Uint8Array, o: number): Uint8Array {
  const { rr, ts, srr } = soundOptions(b, o);
  const back = srr === 0 ? [] : reversed(b, srr, srcOf(b, o));
  const parts = [rr, ts].filter((at) => at > 0).map((at) => b.subarray(at, at + u8(b, at + 1)));
  if (back.length > 0) {
    const option: Ipv4Option = { kind: u8(b, srr) === IPOPT_SSRR ? "ssrr" : "lsrr", pointer: 4, route: back };
    parts.push(encodeOptions([option]).subarray(0, 3 + 4 * back.length));
  }
  if (parts.length === 0) return NO_OPTIONS;
  const octets = parts.flatMap((part) => [...part]);
  return Uint8Array.from({ length: (octets.length + 3) & ~3 }, (_, i) => octets[i] ?? 0);
}

/** Where the options are that an answer goes on with, up to the first that is malformed; 0 for those that are not there. */
function soundOptions(b: Uint8Array, o: number): { rr: number; ts: number; srr: number } {
  const found = { rr: 0, ts: 0, srr: 0 };
  const end = o + headerLength(b, o);
  for (let at = o + HEADER; at < end && u8(b, at) !== IPOPT_EOL; ) {
    const type = u8(b, at);
    const length = type === IPOPT_NOP ? 1 : end - at < 2 ? 0 : u8(b, at + 1);
    if (length > end - at || (length < 2 && type !== IPOPT_NOP)) break;
    const kind = KINDS[type];
    if (kind !== undefined) {
      if (found[kind] !== 0 || !isSound(b, at, length, kind)) break;
      found[kind] = at;
    }
    at += length;
  }
  return found;
}

const KINDS: Readonly<Record<number, "rr" | "ts" | "srr">> = {
  [IPOPT_RR]: "rr",
  [IPOPT_TIMESTAMP]: "ts",
  [IPOPT_LSRR]: "srr",
  [IPOPT_SSRR]: "srr",
};

/** A pointer that points behind the option, or to a place that is wholly within it; a count of overflows that can go on. */
function isSound(b: Uint8Array, at: number, length: number, kind: "rr" | "ts" | "srr"): boolean {
  const first = kind === "ts" ? 5 : 4;
  if (length < first - 1) return false;
  const pointer = u8(b, at + 2);
  if (kind === "ts" && pointer > length && u8(b, at + 3) >> 4 === 15) return false;
  const wide = kind === "ts" && (u8(b, at + 3) & 15) !== 0;
  return pointer >= first && (kind === "srr" || pointer > length || pointer + (wide ? 7 : 3) <= length);
}

/** The hops of the way back along the recorded part of the source route at `at`, the next one first. */
function reversed(b: Uint8Array, at: number, source: Ipv4): Ipv4[] {
  const length = u8(b, at + 1);
  const pointer = Math.min(u8(b, at + 2), length + 1);
  const hops: Ipv4[] = [];
  for (let place = pointer - 4; place > 3; place -= 4) hops.push(u32(b, at + place - 1));
  // RFC 1812 §5.2.4.1: a source route that names its own sender is set right.
  if (hops.at(-1) === source) hops.pop();
  return hops;
}

/** Whether the packet at `o` follows a source route. */
export const hasSourceRoute = (b: Uint8Array, o: number): boolean =>
  headerLength(b, o) > HEADER && (findOption(b, o, IPOPT_LSRR) >= 0 || findOption(b, o, IPOPT_SSRR) >= 0);
