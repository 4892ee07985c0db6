import type { Kernel } from "../../../nodes/kernel/kernel.ts";
import type { NetDevice } from "../../../nodes/kernel/netdev.ts";
import type { Args } from "../args.ts";
import type { Ip } from "../context.ts";
import { type Exit, failure, wrong } from "../exit.ts";
import type { LinkRequest } from "../link-request.ts";
import { parseUnsigned } from "../values.ts";

/** A kind of device as `ip link … type KIND` knows it: `args` stands behind the kind. Refusals end the command. */
export interface LinkKind {
  /** The MTU is one of the things that it is made with: `add` sets it, within its limits. */
  readonly takesMtu?: true;
  /** Reads what is wanted, and returns what makes one. The caller sets address, MTU and the like, unless the kind must know. */
  readonly add?: (ip: Ip, request: LinkRequest, args: Args) => (kernel: Kernel) => NetDevice;
  /** Changes what only this kind has. Missing: the kernel refuses. */
  readonly change?: (ip: Ip, dev: NetDevice, args: Args) => void;
  /** Prints what only this kind has. */
  readonly put?: (ip: Ip, dev: NetDevice) => void;
  /** Its options. */
  readonly usage: string;
}

/** An option that the kind does not know. */
export const unknownOption = (kind: string, word: string): Exit => failure(`${kind}: unknown command "${word}"?`);

/** A number from 0 to `max`; another word is wrong, for the reason given. */
export function unsignedOr(why: string, text: string, max: number): number {
  const value = parseUnsigned(text, max);
  if (value === undefined) throw wrong(why, text);
  return value;
}

/** `0x8001`, and plain 0 (printf's `%#x`). */
export const hex = (value: number): string => (value === 0 ? "0" : `0x${value.toString(16)}`);
