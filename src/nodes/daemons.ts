import { type Outcome, refused } from "../core/errno.ts";
import type { Daemon, Os } from "../core/os.ts";

/** Builds a daemon from its configuration, or says what is wrong with it. */
export type DaemonFactory = (os: Os, config: unknown) => Outcome<Daemon>;

/** Every daemon that a node can run, by name: the one place that lists them. */
export const DAEMONS: ReadonlyMap<string, DaemonFactory> = new Map();

/** Starts a daemon on a node. */
export function startDaemon(os: Os, name: string, config: unknown): Outcome<Daemon> {
  const factory = DAEMONS.get(name);
  if (factory === undefined)
    return refused("ENOENT", `there is no daemon "${name}"; known: ${[...DAEMONS.keys()].join(", ") || "none yet"}`);
  const daemon = factory(os, config);
  if (daemon.ok) daemon.value.start();
  return daemon;
}
