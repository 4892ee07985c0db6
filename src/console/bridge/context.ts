import type { Outcome } from "../../core/errno.ts";
import type { Kernel } from "../../nodes/kernel/kernel.ts";
import type { NetDevice } from "../../nodes/kernel/netdev.ts";
import { type Args, abbreviates } from "../ip/args.ts";
import { Exit, refusal, usage, wrong } from "../ip/exit.ts";
import type { Printer } from "../ip/printer.ts";

/** One run of `bridge`: where it acts, how it prints. */
export interface Bridge {
  readonly kernel: Kernel;
  readonly out: Printer;
  /** `-s`, `-d`, `-com`. */
  readonly stats: boolean;
  readonly details: boolean;
  readonly compress: boolean;
}

/** What the real program can do and this one cannot. */
export const notBuilt = (what: string): Exit => usage(`bridge: ${what} is not built`);
/** A word that means nothing where it stands; the real program passes over some in silence. */
export const unknown = (command: string, word: string): Exit => usage(`bridge: unknown option "${word}" of ${command}`);

/** A refusal of the kernel ends the command, with status 255 (-1). */
export function answer(outcome: Outcome): void {
  if (!outcome.ok) throw usage(refusal(outcome));
}

/** A device by name (lib/utils.c:nodev). */
export function deviceNamed(b: Bridge, name: string): NetDevice {
  const dev = b.kernel.device(name);
  if (dev === undefined) throw usage(`Cannot find device "${name}"`);
  return dev;
}

/** A device by name, missed in other words. */
export function bridgeNamed(b: Bridge, name: string, what = "bridge device"): NetDevice {
  const dev = b.kernel.device(name);
  if (dev === undefined) throw usage(`Cannot find ${what} "${name}"`);
  return dev;
}

/** The whole number behind the word at hand, decimal and possibly negative; the real program takes other words for 0. */
export function integer(args: Args): number {
  const name = args.word;
  const text = args.next();
  if (!/^[-+]?\d{1,9}$/.test(text)) throw wrong(`invalid ${name}`, text);
  return Number(text);
}

/** lib/utils.c:parse_on_off: abbreviations count; the status is -EINVAL. */
export function onOff(args: Args): boolean {
  const name = args.word;
  const text = args.next();
  if (abbreviates(text, "off")) return false;
  if (abbreviates(text, "on")) return true;
  throw new Exit(234, `Error: argument of "${name}" must be one of "off", "on", not "${text}"`);
}
