/** One option as it was typed: its key, and its value; empty for one that has none. */
export interface GivenOption {
  readonly key: string;
  readonly value: string;
}

/** A command line taken apart. */
export interface ParsedLine {
  readonly options: readonly GivenOption[];
  readonly rest: readonly string[];
  /** The first complaint, program name and line end included; what follows the word that it is about was not read. */
  readonly complaint: string | undefined;
}

/**
 * glibc's `getopt_long(3)`: options may stand anywhere, long ones may be abbreviated, `--` ends them. `letters` is its optstring;
 * `long` tells the key of each long option, which is a letter or a word of its own. A colon behind either means a value, two
 * colons a value that may be left out and only stands in the same word.
 */
export function getoptLong(
  program: string,
  args: readonly string[],
  letters: string,
  long: Readonly<Record<string, string>>,
): ParsedLine {
  const options: GivenOption[] = [];
  const rest: string[] = [];
  const stop = (why: string): ParsedLine => ({ options, rest, complaint: `${program}: ${why}\n` });
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
    const read = word.startsWith("--") ? readLong(word, args[i + 1], long) : readShort(word, args[i + 1], letters);
    options.push(...read.options);
    if (read.why !== undefined) return stop(read.why);
    if (read.tookNext) i++;
  }
  return { options, rest, complaint: undefined };
}

interface ReadWord {
  readonly options: readonly GivenOption[];
  readonly tookNext: boolean;
  readonly why?: string;
}
const failed = (why: string, options: readonly GivenOption[] = []): ReadWord => ({ options, tookNext: false, why });

function readLong(word: string, next: string | undefined, long: Readonly<Record<string, string>>): ReadWord {
  const equals = word.indexOf("=");
  const name = word.slice(2, equals < 0 ? undefined : equals);
  const matches = Object.keys(long).filter((each) => each.startsWith(name));
  const found = matches.find((each) => each === name) ?? (alike(matches, long) ? matches[0] : undefined);
  if (found === undefined && matches.length > 0) {
    const names = matches.map((each) => `'--${each}'`).join(" ");
    return failed(`option '${word}' is ambiguous; possibilities: ${names}`);
  }
  if (found === undefined) return failed(`unrecognized option '${word}'`);
  const spec = long[found] as string;
  const key = spec.replace(/:+$/, "");
  const value = equals < 0 ? undefined : word.slice(equals + 1);
  if (spec === key && value !== undefined) return failed(`option '--${found}' doesn't allow an argument`);
  if (spec.endsWith("::") || spec === key) return { options: [{ key, value: value ?? "" }], tookNext: false };
  const given = value ?? next;
  if (given === undefined) return failed(`option '--${found}' requires an argument`);
  return { options: [{ key, value: given }], tookNext: value === undefined };
}

/** Several names of one option are not ambiguous. */
const alike = (matches: readonly string[], long: Readonly<Record<string, string>>): boolean =>
  matches.length > 0 && matches.every((each) => long[each] === long[matches[0] as string]);

function readShort(word: string, next: string | undefined, letters: string): ReadWord {
  const options: GivenOption[] = [];
  for (let j = 1; j < word.length; j++) {
    const key = word[j] as string;
    const at = key === ":" ? -1 : letters.indexOf(key);
    if (at < 0) return failed(`invalid option -- '${key}'`, options);
    if (letters[at + 1] !== ":") {
      options.push({ key, value: "" });
      continue;
    }
    const tail = word.slice(j + 1);
    if (tail !== "" || letters[at + 2] === ":") return { options: [...options, { key, value: tail }], tookNext: false };
    if (next === undefined) return failed(`option requires an argument -- '${key}'`, options);
    return { options: [...options, { key, value: next }], tookNext: true };
  }
  return { options, tookNext: false };
}
