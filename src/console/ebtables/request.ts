import type { EbRuleSpec, EbVerdict } from "../../nodes/kernel/netfilter/ebtables/rule.ts";

export type Command = "A" | "D" | "E" | "F" | "I" | "L" | "N" | "P" | "X" | "Z";

/** A command line that was understood. */
export interface Request {
  readonly table: string;
  readonly command: Command;
  readonly chain: string | undefined;
  /** Behind `-I`, and the first and last of `-D`, from 1 on; 0 when none was given. */
  readonly first: number;
  readonly last: number;
  /** Behind `-E`. */
  readonly newName: string | undefined;
  /** Behind `-P`, also beside `-N`. */
  readonly policy: EbVerdict | undefined;
  /** `-Z` beside `-L`. */
  readonly zero: boolean;
  readonly rule: EbRuleSpec;
  readonly packets: number;
  readonly bytes: number;
  /** `--Ln`, `--Lc`. */
  readonly numbers: boolean;
  readonly counters: boolean;
}
