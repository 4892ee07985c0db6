import { done, type Outcome, refused } from "../../core/errno.ts";

/** A directory below /proc/sys; its files and directories in the order of `ls`. */
export interface SysctlDirectory {
  readonly kind: "directory";
  names(): readonly string[];
  child(name: string): SysctlNode | undefined;
}

/** A file below /proc/sys: one setting. */
export interface SysctlSetting {
  readonly kind: "setting";
  /** Without the end of the line. */
  read(): string;
  /** EINVAL: it is no number, or out of range. */
  write(text: string): Outcome;
}

export type SysctlNode = SysctlDirectory | SysctlSetting;

/** A number that is kept somewhere, with the range that Linux allows. */
export interface Variable {
  get(): number;
  set(value: number): void;
  range(): Range;
}

/** The least and the greatest that may be written. */
export type Range = readonly [min: number, max: number];

export const INT_MIN = -0x8000_0000;
export const INT_MAX = 0x7fff_ffff;

/** A directory whose entries do not change. */
export function directory(entries: Readonly<Record<string, SysctlNode>>): SysctlDirectory {
  const byName = new Map(Object.entries(entries));
  const names = [...byName.keys()].sort();
  return { kind: "directory", names: () => names, child: (name) => byName.get(name) };
}

/** A file with numbers, tabs between (kernel/sysctl.c:proc_dointvec_minmax). Fewer may be written: the rest stays. */
export function setting(...variables: readonly [Variable, ...Variable[]]): SysctlSetting {
  return {
    kind: "setting",
    read: () => variables.map((v) => v.get()).join("\t"),
    write(text) {
      const words = text.trim().split(/\s+/);
      if (words.length > variables.length) return refused("EINVAL");
      const values = words.map(parseInteger);
      for (const [i, value] of values.entries()) {
        const [min, max] = (variables[i] as Variable).range();
        if (value === undefined || !(value >= min && value <= max)) return refused("EINVAL");
      }
      for (const [i, value] of values.entries()) (variables[i] as Variable).set(value as number);
      return done;
    },
  };
}

/** A number as kernel/sysctl.c:proc_get_long reads it: decimal, octal after 0, hexadecimal after 0x; no plus sign. */
function parseInteger(word: string): number | undefined {
  const m = /^(-?)(?:0x([0-9a-f]+)|(0[0-7]*)|([1-9]\d*))$/i.exec(word);
  if (m === null) return undefined;
  const [, sign, hex, octal, decimal] = m;
  const size =
    hex !== undefined ? Number.parseInt(hex, 16) : octal !== undefined ? Number.parseInt(octal, 8) : Number(decimal);
  if (!Number.isSafeInteger(size)) return undefined;
  return sign === "-" && size !== 0 ? -size : size;
}
