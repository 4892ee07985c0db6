import type { Ipv4 } from "../../core/addr.ts";

/** One option as it was typed. `value` is empty for one that takes none. */
export interface TypedOption {
  readonly flag: string;
  readonly value: string;
}

/** A command line taken apart, or the line with which the C library's `getopt` complains, program name included. */
export type CommandLine =
  | { readonly ok: true; readonly options: readonly TypedOption[]; readonly rest: readonly string[] }
  | { readonly ok: false; readonly message: string };

/**
 * glibc's `getopt(3)`: options may stand anywhere, `-c3` is `-c 3`, `-nq` is `-n -q`, `--` ends them. `letters` is its
 * optstring (`c:` takes a value).
 */
export function getopt(program: string, args: readonly string[], letters: string): CommandLine {
  const options: TypedOption[] = [];
  const rest: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const word = args[i] as string;
    if (word === "--") {
      rest.push(...args.slice(i + 1));
      break;
    }
    if (!word.startsWith("-") || word === "-") {
      rest.push(word);
      continue;
    }
    for (let j = 1; j < word.length; j++) {
      const flag = word[j] as string;
      const at = flag === ":" ? -1 : letters.indexOf(flag);
      if (at < 0) return { ok: false, message: `${program}: invalid option -- '${flag}'` };
      if (letters[at + 1] !== ":") {
        options.push({ flag, value: "" });
        continue;
      }
      const value = j + 1 < word.length ? word.slice(j + 1) : args[++i];
      if (value === undefined) return { ok: false, message: `${program}: option requires an argument -- '${flag}'` };
      options.push({ flag, value });
      break;
    }
  }
  return { ok: true, options, rest };
}

/** The line that refuses an option of the real program which this one does not build. */
export const notBuilt = (program: string, option: string): string => `${program}: option ${option} is not built`;

/** A number, or the complaint of iputils' `strtol_or_err` without the program's name. */
export type ParsedNumber = { readonly ok: true; readonly value: number } | { readonly ok: false; readonly why: string };

/** `LONG_MAX` as iputils prints it; it stands for "no upper bound". */
export const LONG_MAX = "9223372036854775807";

/** A decimal integer between `min` and `max`. */
export function parseInteger(text: string, min: number, max: number | typeof LONG_MAX): ParsedNumber {
  if (!/^\s*[-+]?\d+$/.test(text)) return { ok: false, why: `invalid argument: '${text}'` };
  const value = Number(text);
  const most = max === LONG_MAX ? Number.MAX_SAFE_INTEGER : max;
  if (value >= min && value <= most) return { ok: true, value };
  return { ok: false, why: `invalid argument: '${text}': out of range: ${min} <= value <= ${max}` };
}

/** A non-negative decimal number with an optional fraction; `undefined` when it is none. */
export const parseDecimal = (text: string): number | undefined =>
  /^\+?(\d+\.?\d*|\.\d+)$/.test(text) ? Number(text) : undefined;

/**
 * An address as `inet_aton(3)` takes it (`10.0.0.1`, `127.1`, `0x0a000001`), or `localhost`. Other names are unknown:
 * a node has no resolver.
 */
export function parseHost(text: string): Ipv4 | undefined {
  if (text === "localhost") return 0x7f00_0001;
  const parts = text.split(".");
  if (parts.length > 4) return undefined;
  let address = 0;
  for (const [i, part] of parts.entries()) {
    const value = parseCNumber(part);
    const octets = i === parts.length - 1 ? 5 - parts.length : 1; // the last part fills what is left
    if (value === undefined || value >= 256 ** octets) return undefined;
    address = address * 256 ** octets + value;
  }
  return address;
}

/** A number as C writes it: decimal, octal after 0, hexadecimal after 0x. */
function parseCNumber(text: string): number | undefined {
  if (/^0x[0-9a-f]{1,8}$/i.test(text)) return Number.parseInt(text, 16);
  if (/^0[0-7]{0,11}$/.test(text)) return Number.parseInt(text, 8);
  return /^[1-9]\d{0,9}$/.test(text) ? Number(text) : undefined;
}
