/** What a word of the command line was read as. */
export type Word<K> =
  | { readonly kind: "plain"; readonly text: string }
  | { readonly kind: "option"; readonly key: K; readonly value: string | undefined }
  /** No such option, or one without its value; `shown` is what the complaint shows. */
  | { readonly kind: "unknown" | "missing"; readonly shown: string };

/** A long option: `value` 0 for none, 1 for one, 2 for one that may be left out and then only stands behind `=`. */
export interface LongOption<K> {
  readonly name: string;
  readonly value: 0 | 1 | 2;
  readonly key: K;
  /** Options that share one are no ambiguity. */
  readonly same: string;
}

/**
 * glibc's `getopt_long(3)` as iptables uses it: words that are no options come in their places, and the long options may
 * change between two words. `letters` is the optstring.
 */
export class Getopt<K> {
  readonly args: readonly string[];
  /** The next word. */
  at = 0;
  readonly #program: string;
  readonly #letters: string;
  readonly #keyOf: (letter: string) => K;
  #cluster = "";

  constructor(program: string, args: readonly string[], letters: string, keyOf: (letter: string) => K) {
    this.#program = program;
    this.args = args;
    this.#letters = letters;
    this.#keyOf = keyOf;
  }

  /** Whether the next word may be a value: there is one, and it is no option and no `!`. */
  get hasArgument(): boolean {
    return this.at < this.args.length && !/^[-!]/.test(this.args[this.at] as string);
  }
  /** Takes the next word, whatever it is. */
  take(): string {
    return this.args[this.at++] as string;
  }
  /** Reads the last word again: meanwhile there are more options. */
  again(): void {
    this.at--;
    this.#cluster = "";
  }

  /** The next word; undefined at the end, or behind `--`. */
  next(long: readonly LongOption<K>[]): Word<K> | undefined {
    if (this.#cluster !== "") return this.#short();
    const word = this.args[this.at];
    if (word === undefined) return undefined;
    this.at++;
    if (word === "--") return undefined;
    if (!word.startsWith("-") || word === "-") return { kind: "plain", text: word };
    if (word.startsWith("--")) return this.#long(word, long);
    this.#cluster = word.slice(1);
    return this.#short();
  }

  #short(): Word<K> {
    const letter = this.#cluster[0] as string;
    this.#cluster = this.#cluster.slice(1);
    const at = letter === ":" ? -1 : this.#letters.indexOf(letter);
    // In the middle of several letters the real one shows the word before.
    const shown = this.args[this.at - (this.#cluster === "" ? 1 : 2)] ?? this.#program;
    if (at < 0) return { kind: "unknown", shown };
    const key = this.#keyOf(letter);
    if (this.#letters[at + 1] !== ":") return { kind: "option", key, value: undefined };
    const tail = this.#cluster;
    this.#cluster = "";
    if (tail !== "") return { kind: "option", key, value: tail };
    if (this.#letters[at + 2] === ":") return { kind: "option", key, value: undefined };
    if (this.at >= this.args.length) return { kind: "missing", shown: this.args[this.at - 1] as string };
    return { kind: "option", key, value: this.take() };
  }

  #long(word: string, long: readonly LongOption<K>[]): Word<K> {
    const equals = word.indexOf("=");
    const name = word.slice(2, equals < 0 ? undefined : equals);
    const found = long.find((option) => option.name === name) ?? onlyOne(long.filter((o) => o.name.startsWith(name)));
    if (found === undefined) return { kind: "unknown", shown: word };
    const { key } = found;
    const given = equals < 0 ? undefined : word.slice(equals + 1);
    if (found.value === 0) {
      if (given !== undefined) return { kind: "unknown", shown: word };
      return { kind: "option", key, value: undefined };
    }
    if (given !== undefined || found.value === 2) return { kind: "option", key, value: given };
    if (this.at >= this.args.length) return { kind: "missing", shown: word };
    return { kind: "option", key, value: this.take() };
  }
}

/** A beginning is enough when all options that begin so are one. */
const onlyOne = <K>(options: readonly LongOption<K>[]): LongOption<K> | undefined =>
  options.every((o) => o.same === options[0]?.same) ? options[0] : undefined;
