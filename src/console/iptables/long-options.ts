import type { LongOption } from "./getopt.ts";
import type { MatchKind, TargetKind } from "./kind.ts";
import type { Given, Option } from "./option.ts";

/** A match or target with the options it was given. */
export interface Loaded {
  readonly kind: MatchKind | TargetKind;
  readonly given: Given;
}
/** What an option is: one of every command, or of a match or target. */
export type Key = { readonly letter: string } | { readonly loaded: Loaded; readonly option: Option };

/** The optstring of `getopt_long`. */
export const LETTERS = "A:C:D:R:I:L::S::F::Z::N:X::E:P:Vh::o:p:s:d:j:i:fvw::nt:m:xc:g:46";
const LONG: readonly (readonly [name: string, letter: string, value: 0 | 1 | 2])[] = [
  ["append", "A", 1],
  ["delete", "D", 1],
  ["check", "C", 1],
  ["insert", "I", 1],
  ["replace", "R", 1],
  ["list", "L", 2],
  ["list-rules", "S", 2],
  ["flush", "F", 2],
  ["zero", "Z", 2],
  ["new-chain", "N", 1],
  ["delete-chain", "X", 2],
  ["rename-chain", "E", 1],
  ["policy", "P", 1],
  ["source", "s", 1],
  ["destination", "d", 1],
  ["src", "s", 1],
  ["dst", "d", 1],
  ["protocol", "p", 1],
  ["in-interface", "i", 1],
  ["jump", "j", 1],
  ["table", "t", 1],
  ["match", "m", 1],
  ["numeric", "n", 0],
  ["out-interface", "o", 1],
  ["verbose", "v", 0],
  ["wait", "w", 2],
  ["exact", "x", 0],
  ["fragments", "f", 0],
  ["version", "V", 0],
  ["help", "h", 2],
  ["line-numbers", "0", 0],
  ["set-counters", "c", 1],
  ["goto", "g", 1],
  ["ipv4", "4", 0],
  ["ipv6", "6", 0],
];
/** The long options of every command. */
export const GLOBAL: readonly LongOption<Key>[] = LONG.map(([name, letter, value]) => ({
  name,
  value,
  key: { letter },
  same: letter,
}));
