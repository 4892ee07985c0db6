import type { Args } from "./pattern.ts";
import { compareRanks, type Match, matchPattern, nextTokens, type Pattern, parsePattern } from "./pattern.ts";
import { mayFit, type Places, placesOf } from "./pattern-places.ts";

/**
 * Where a command can be typed, by FRR's names of nodes (lib/command.h:enum node_type) in words: `view` (shows and other operational
 * commands, known in every mode through `do`), `config`, `interface`, `router ospf`, `router bgp`, `address-family ipv4 unicast`, `route-map`, ….
 */
export type Mode = string;

/** What a command has to say: lines to print, or why it was refused (FRR prints it, and it fails). */
// biome-ignore lint/suspicious/noConfusingVoidType: a command that says nothing just returns
export type Said = string | { readonly refused: string } | NotMine | void;

/** A line names another instance of the daemon: this one leaves it alone (lib/command.h:CMD_NOT_MY_INSTANCE). */
export interface NotMine {
  readonly notMine: true;
}
export const NOT_MY_INSTANCE: NotMine = { notMine: true };

/** What a command that opens a mode hands to the commands typed inside it. */
export interface Entered<Inner> {
  readonly context: Inner;
}

/** A command of a daemon. `context`: the daemon itself, or what the command that opened the mode handed on. */
export interface Command {
  readonly mode: Mode;
  readonly text: string;
  readonly pattern: Pattern;
  /** What its lines begin with. */
  readonly places: Places;
  /** The mode that it opens. */
  readonly opens: Mode | undefined;
  readonly run: (context: never, args: Args) => Said | Entered<unknown> | { readonly refused: string };
}

/**
 * The commands of one daemon: a table built once, whatever the number of nodes. `Root` is what commands of modes `view` and `config` get: the daemon.
 */
export class CommandSet<Root> {
  readonly name: string;
  /** By mode, then by first word, `no` left out. */
  readonly #modes = new Map<Mode, Command[]>();

  constructor(name: string) {
    this.name = name;
  }

  /** A command of `view` or `config`. `text` is FRR's pattern: see `parsePattern`. */
  add(mode: "view" | "config", text: string, run: (daemon: Root, args: Args) => Said): this {
    return this.#put({ mode, text, opens: undefined, run });
  }
  /** A command of another mode. */
  addIn<Context>(mode: Mode, text: string, run: (context: Context, args: Args) => Said): this {
    return this.#put({ mode, text, opens: undefined, run });
  }
  /** A command that opens mode `opens` from mode `mode`. */
  open<Outer, Inner>(
    mode: Mode,
    text: string,
    opens: Mode,
    run: (outer: Outer, args: Args) => Entered<Inner> | { readonly refused: string } | NotMine,
  ): this {
    return this.#put({ mode, text, opens, run });
  }

  modes(): Iterable<Mode> {
    return this.#modes.keys();
  }
  commands(mode: Mode): readonly Command[] {
    return this.#modes.get(mode) ?? [];
  }

  #put(made: Omit<Command, "pattern" | "places">): this {
    const pattern = parsePattern(made.text);
    const command = { ...made, pattern, places: placesOf(pattern) };
    const commands = this.#modes.get(command.mode);
    if (commands === undefined) this.#modes.set(command.mode, [command]);
    else commands.push(command);
    return this;
  }
}

/** A command that fits a line. */
export interface Found {
  readonly command: Command;
  readonly match: Match;
}

/** The best command for `words` in `mode`; `ambiguous`: two fit equally well through abbreviations. */
export function findCommand(
  set: CommandSet<never>,
  mode: Mode,
  words: readonly string[],
): Found | "ambiguous" | undefined {
  let best: Found | undefined;
  let tied = false;
  for (const command of set.commands(mode)) {
    if (!mayFit(command.places, words)) continue;
    const match = matchPattern(command.pattern, words);
    if (match === undefined) continue;
    const d = best === undefined ? 1 : compareRanks(match.ranks, best.match.ranks);
    if (d > 0) best = { command, match };
    if (d !== 0) tied = d > 0 ? false : tied;
    else tied = true;
  }
  return tied ? "ambiguous" : best;
}

/** What could follow `words` in `mode`. */
export const completions = (set: CommandSet<never>, mode: Mode, words: readonly string[]): readonly string[] => [
  ...new Set(set.commands(mode).flatMap((c) => nextTokens(c.pattern, words))),
];
