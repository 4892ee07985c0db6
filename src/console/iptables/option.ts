import { parseMac } from "../../core/addr.ts";
import { problem } from "./exit.ts";
import { whole, wholeBefore } from "./numbers.ts";

/** Where a value stands, for complaints, and what else its option may want to read. */
export interface At {
  /** Name of the match or target, and of its option. */
  readonly extension: string;
  readonly option: string;
  /** The number after `-p`, 0 without one; and whether a `!` stood before it. */
  readonly protocol: number;
  readonly protocolInverted: boolean;
  /** Takes the next word of the command line as well; undefined when it is an option, or nothing. */
  next(): string | undefined;
  /** Tells of something odd that is taken nevertheless. */
  warn(text: string): void;
}

/** An option of a match or target (libxtables' `struct xt_option_entry`). */
export interface Option {
  readonly name: string;
  /** Options that mean the same thing share one; their names otherwise. */
  readonly id?: string;
  /** Reads the value. Left out: the option has none. */
  readonly read?: (text: string, at: At) => unknown;
  /** `!` may stand before it. */
  readonly invert?: boolean;
  /** The match means nothing without it. */
  readonly must?: boolean;
  /** Ids of those it cannot stand beside; of those it needs. */
  readonly excludes?: readonly string[];
  readonly needs?: readonly string[];
  /** The complaint when it is given twice, where it is not the usual one. */
  readonly twice?: string;
}

export const idOf = (option: Option): string => option.id ?? option.name;

/** What was given to one match or target. */
export class Given {
  readonly #values = new Map<string, { readonly value: unknown; readonly invert: boolean }>();

  has(id: string): boolean {
    return this.#values.has(id);
  }
  /** The value under an id, as its option's `read` gave it. */
  get<T>(id: string): T | undefined {
    return this.#values.get(id)?.value as T | undefined;
  }
  inverted(id: string): boolean {
    return this.#values.get(id)?.invert === true;
  }
  /** `{ invert: true }` when a `!` stood before it: to be spread into a part of a rule. */
  not(id: string): { readonly invert?: true } {
    return this.inverted(id) ? { invert: true } : {};
  }
  get empty(): boolean {
    return this.#values.size === 0;
  }

  /** Takes an option as it comes (libxtables/xtoptions.c:xtables_option_parse). */
  take(option: Option, text: string, invert: boolean, at: At): void {
    const id = idOf(option);
    if (this.has(id))
      throw problem(option.twice ?? `${at.extension}: option "--${option.name}" can only be used once.\n`);
    if (invert && option.invert !== true)
      throw problem(`${at.extension}: option "--${option.name}" cannot be inverted.\n`);
    this.#values.set(id, { value: option.read?.(text, at), invert });
  }

  /** What must be there, and what must not be there together (xtoptions.c:xtables_options_fcheck). */
  check(extension: string, options: readonly Option[]): void {
    for (const option of options) {
      const id = idOf(option);
      const says = (what: string): Error => problem(`${extension}: option "--${option.name}" ${what}`);
      if (option.must === true && !this.has(id)) throw says("must be specified\n");
      if (!this.has(id)) continue;
      const named = (other: string): string => options.find((o) => idOf(o) === other)?.name ?? other;
      for (const other of option.needs ?? []) if (!this.has(other)) throw says(`also requires "--${named(other)}".\n`);
      for (const other of option.excludes ?? [])
        if (this.has(other)) throw says(`cannot be used together with "--${named(other)}".\n`);
    }
  }
}

type Read<T> = (text: string, at: At) => T;

const badValue = (at: At, range: string): Error =>
  problem(`${at.extension}: bad value for option "--${at.option}", or out of range (${range}).\n`);

/** A whole number between two others. */
export const number =
  (min: number, max: number): Read<number> =>
  (text, at) => {
    const value = whole(text, max);
    if (value === undefined || value < min) throw badValue(at, `${min}-${max}`);
    return value;
  };

/** `n`, `low:high`, `low:`, `:high`. */
export const range =
  (max: number): Read<{ readonly min: number; readonly max: number }> =>
  (text, at) => {
    const parts = text.split(":");
    const values = parts.map((part, i) => {
      if (part === "" && parts.length > 1) return i === 0 ? 0 : max;
      const { value, rest } = wholeBefore(part, max);
      if (value === undefined)
        throw problem(
          `${at.extension}: bad value for option "--${at.option}" near "${parts.slice(i).join(":")}", or out of range (0-${max}).\n`,
        );
      if (rest !== "")
        throw problem(`${at.extension}: Argument to "--${at.option}" has unexpected characters near "${rest}".\n`);
      return value;
    });
    const [low = 0, high = low] = values;
    if (values.length > 2) throw problem(`${at.extension}: Too many components for option "--${at.option}" (max: 2)\n`);
    return { min: low, max: high };
  };

/** Text of at most `max` octets: what exceeds them is cut off. */
export const text =
  (max: number, min = 0): Read<string> =>
  (given) => {
    if (given.length < min) throw problem(`Argument must have a minimum length of ${min} characters\n`);
    return given.slice(0, max);
  };

/** `value[/mask]`. */
export const markAndMask: Read<{ readonly mark: number; readonly mask: number }> = (given, at) => {
  const bad = (): Error =>
    problem(`${at.extension}: bad integer value for option "--${at.option}", or out of range.\n`);
  const { value, rest } = wholeBefore(given);
  if (value === undefined) throw bad();
  if (rest === "") return { mark: value, mask: 0xffff_ffff };
  const mask = rest.startsWith("/") ? whole(rest.slice(1)) : undefined;
  if (mask === undefined) throw bad();
  return { mark: value, mask };
};

/** Six octets with colons between them. */
export const macAddress: Read<number> = (given) => {
  const octets = given.split(":");
  const mac = octets.every((o) => /^[0-9a-f]{1,2}$/i.test(o))
    ? parseMac(octets.map((o) => o.padStart(2, "0")).join(":"))
    : undefined;
  if (mac === undefined) throw problem("Invalid MAC address specified.");
  return mac;
};
