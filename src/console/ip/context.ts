import type { Kernel } from "../../nodes/kernel/kernel.ts";
import type { NetDevice } from "../../nodes/kernel/netdev.ts";
import type { SystemProcess, World } from "../process.ts";
import { noDevice } from "./exit.ts";
import type { Printer } from "./printer.ts";
import type { Family } from "./values.ts";

/** What stands before the object: `ip -s -d -o …`. */
export interface IpOptions {
  /** `-s`, as often as given. */
  readonly stats: number;
  readonly details: boolean;
  readonly oneline: boolean;
  readonly brief: boolean;
  readonly family: Family;
  readonly human: boolean;
  readonly iec: boolean;
  /** Rounds that flushing addresses may take; 0: no limit. */
  readonly loops: number;
}

/** One run of `ip`: where it acts, how it prints. */
export interface Ip {
  readonly self: SystemProcess;
  /** The namespace that it acts in: the node's own, or that of `-n`. */
  readonly kernel: Kernel;
  readonly world: World;
  readonly options: IpOptions;
  readonly out: Printer;
}

/** Writes a line to standard error, behind what was printed before. */
export function complain(ip: Ip, line: string): void {
  ip.out.flush();
  ip.self.err(`${line}\n`);
}

/** A device by name; without one the command ends (lib/utils.c:nodev). */
export function deviceNamed(ip: Ip, name: string): NetDevice {
  const dev = ip.kernel.device(name);
  if (dev === undefined) throw noDevice(name);
  return dev;
}

/** A device's name by ifindex; what is gone is told by its number (lib/ll_map.c:ll_index_to_name). */
export const nameOf = (kernel: Kernel, ifindex: number): string =>
  ifindex === 0 ? "*" : (kernel.deviceByIndex(ifindex)?.name ?? `if${ifindex}`);
