import type { Outcome } from "../../core/errno.ts";
import type { Kernel } from "../../nodes/kernel/kernel.ts";
import type { NetDevice } from "../../nodes/kernel/netdev.ts";
import { Exit, refusal } from "../ip/exit.ts";
import type { Printer } from "../ip/printer.ts";
import type { SystemProcess } from "../process.ts";

/** What stands before the object: `tc -s -d -p …`. */
export interface TcOptions {
  readonly stats: boolean;
  readonly details: boolean;
  readonly raw: boolean;
  readonly pretty: boolean;
  readonly iec: boolean;
  readonly json: boolean;
}

/** One run of `tc`: where it acts, how it prints. */
export interface Tc {
  readonly self: SystemProcess;
  readonly kernel: Kernel;
  readonly options: TcOptions;
  readonly out: Printer;
}

/** The options of a qdisc, a class or a filter cannot be read: status 1. */
export const illegal = (...lines: readonly string[]): Exit => new Exit(1, lines.join("\n"));
/** What the real program can do and this one cannot. */
export const notBuilt = (what: string): Exit => new Exit(1, `tc: ${what} is not built`);

/** A device by name; without one the command ends (lib/utils.c:nodev). */
export function deviceNamed(tc: Tc, name: string): NetDevice {
  const dev = tc.kernel.device(name);
  if (dev === undefined) throw new Exit(1, `Cannot find device "${name}"`);
  return dev;
}

/** The value of a request that the kernel granted; its refusal ends the command. */
export function answer<T>(outcome: Outcome<T>, ...behind: readonly string[]): T {
  if (outcome.ok) return outcome.value;
  throw new Exit(2, [refusal(outcome), ...behind].join("\n"));
}

/** What stands behind the refusal of a filter. */
export const REMARK = "We have an error talking to the kernel";

/** Prints what the kernel remarked on a request that it granted. */
export function remark(tc: Tc, warning: string): void {
  if (warning !== "") tc.self.err(`Warning: ${warning}\n`);
}
