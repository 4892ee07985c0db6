import { notBuilt, usage } from "./exit.ts";

/** The words of a command line, read from left to right. */
export class Args {
  readonly #words: readonly string[];
  #at = 0;

  constructor(words: readonly string[]) {
    this.#words = words;
  }

  get more(): boolean {
    return this.#at < this.#words.length;
  }
  /** The word at hand; empty at the end. */
  get word(): string {
    return this.#words[this.#at] ?? "";
  }
  /** What has not been read, the word at hand first. */
  get rest(): readonly string[] {
    return this.#words.slice(this.#at);
  }
  /** The word behind the one at hand, if any. */
  get following(): string | undefined {
    return this.#words[this.#at + 1];
  }

  /** Leaves the word at hand behind. */
  step(): void {
    this.#at++;
  }
  /** The value behind the word at hand, which becomes the word at hand itself (NEXT_ARG). */
  next(): string {
    this.#at++;
    if (!this.more) throw usage('Command line is not complete. Try option "help"');
    return this.word;
  }

  /** Whether the word at hand is one of these, in full. */
  is(...words: readonly string[]): boolean {
    return words.includes(this.word);
  }
  /** Whether the word at hand abbreviates one of these. */
  abbreviates(...words: readonly string[]): boolean {
    return words.some((word) => abbreviates(this.word, word));
  }
}

/** Whether `word` is a beginning of `full` (lib/utils.c:matches): `r` stands for `route`, but so it does for `rule`. */
export const abbreviates = (word: string, full: string): boolean => word !== "" && full.startsWith(word);

/** Options of the real program that are refused by name: `names` as for `option`, `kind` whose options they are. */
export function unbuilt<T>(names: string, kind = ""): Option<T> {
  const all = names.split("|");
  return option(names, (_, { word }) => {
    const name = all.find((n) => (n.startsWith("=") ? n.slice(1) === word : abbreviates(word, n))) ?? word;
    throw notBuilt(`${kind}"${name.replace("=", "")}"`);
  });
}

/** What an option returns when nothing behind it is an option any more. */
export const STOP = Symbol("stop");

/** How an option is recognised, and what it does with a request of type `T`. */
export interface Option<T> {
  readonly matches: (word: string) => boolean;
  readonly read: (request: T, args: Args) => unknown;
}

/** An option by its names, `|` between them: by any beginning, or in full after `=`, as `metric|=preference`. */
export function option<T>(names: string, read: (request: T, args: Args) => unknown): Option<T> {
  const list = names.split("|");
  const whole = list.filter((name) => name.startsWith("=")).map((name) => name.slice(1));
  const short = list.filter((name) => !name.startsWith("="));
  return { matches: (word) => whole.includes(word) || short.some((name) => abbreviates(word, name)), read };
}

/**
 * Reads options until none is left, or one says `STOP`. The first that recognises the word wins, so their order is
 * iproute2's; what none knows goes to `otherwise`.
 */
export function readOptions<T>(
  args: Args,
  options: readonly Option<T>[],
  request: T,
  otherwise: (request: T, args: Args) => unknown,
): void {
  for (let going = true; going && args.more; args.step()) {
    const read = options.find((o) => o.matches(args.word))?.read ?? otherwise;
    going = read(request, args) !== STOP;
  }
}
