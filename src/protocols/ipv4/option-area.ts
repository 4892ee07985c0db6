import { u8 } from "../../core/bytes.ts";

/** What the option lists behind the headers of IPv4 and TCP have in common (RFC 791 §3.1, RFC 9293 §3.2). */

/** Types of a single octet: the list ends, and nothing. */
const [EOL, NOP] = [0, 1];

interface Single {
  readonly kind: "eol" | "nop";
}
/** A reading of an option area. */
interface ParsedOptions<Option> {
  readonly options: readonly (Option | Single)[];
  /** Where the option stands that cannot be read; -1 when all can. */
  readonly optionsFault: number;
}

/** The options in an option area, as far as they can be read, and the place where they cannot. `parse` reads one of `length` octets at `at`, all within `raw`. */
export function readArea<Option>(
  raw: Uint8Array,
  parse: (raw: Uint8Array, at: number, length: number) => Option,
): ParsedOptions<Option> {
  const options: (Option | Single)[] = [];
  for (let at = 0; at < raw.length; ) {
    const type = u8(raw, at);
    if (type <= NOP) {
      options.push({ kind: type === EOL ? "eol" : "nop" });
      if (type === EOL) break;
      at++;
      continue;
    }
    const length = optionLength(raw, at, raw.length);
    if (length === 0) return { options, optionsFault: at };
    options.push(parse(raw, at, length));
    at += length;
  }
  return { options, optionsFault: -1 };
}

/** The option area for the octets of options: padded with zeros to a multiple of 4. No more than 40 octets fit a header. */
export const writeArea = (octets: readonly number[]): Uint8Array =>
  Uint8Array.from({ length: (octets.length + 3) & ~3 }, (_, i) => octets[i] ?? 0);

/** The length octet of the option at `at`; 0 when it is missing, below 2 or beyond `end`. */
export function optionLength(b: Uint8Array, at: number, end: number): number {
  if (end - at < 2) return 0;
  const length = u8(b, at + 1);
  return length < 2 || length > end - at ? 0 : length;
}
