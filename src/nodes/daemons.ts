import { granted, type Outcome, refused } from "../core/errno.ts";
import type { Daemon, Os } from "../core/os.ts";
import type { CommandSet } from "../frr/command.ts";
import { FrrDaemon, type FrrProgram } from "../frr/daemon.ts";
import { type OptionRules, readSettings } from "../frr/settings.ts";
import { STATICD } from "../frr/staticd/program.ts";
import { ZEBRA } from "../frr/zebra/program.ts";
import { BGPD } from "../protocols/bgp/daemon.ts";
import { OSPFD } from "../protocols/ospf/daemon.ts";

/** Builds a daemon from its configuration, or says what is wrong with it. */
export type DaemonFactory = (os: Os, config: unknown) => Outcome<Daemon>;

/** The daemons of FRR, in the order in which they start, with what may be set of them beside their configuration. */
const FRR: readonly (readonly [FrrProgram<never>, OptionRules])[] = [
  [ZEBRA, { scanEveryS: "number", scanPhaseS: "number", applyDelayS: "number", release: ["8.4", "10"] }],
  [STATICD, {}],
  [OSPFD, { startDelayMs: "number" }],
  [BGPD, { startDelayMs: "number" }],
];

/** The commands of all daemons of FRR that are built: what a line of configuration is looked for in. */
export const FRR_COMMANDS: readonly CommandSet<never>[] = FRR.map(([program]) => program.commands);

/** Every daemon that a node can run, by name: the one place that lists them. */
export const DAEMONS: ReadonlyMap<string, DaemonFactory> = new Map<string, DaemonFactory>([
  ...FRR.map(([program, rules]) => [program.name, frr(program, rules)] as const),
]);

/** What in a configuration is about which daemon of FRR; zebra and staticd run whatever it says. */
const WORK: readonly (readonly [string, RegExp])[] = [
  ["bgpd", /^\s*(router bgp|bgp )/m],
  ["ospfd", /^\s*(router ospf\b|ip ospf )/m],
];

/** The daemons that an integrated configuration needs, and those `asked` for, in the order in which they start. */
export function frrDaemonsOf(text: string, asked: readonly string[]): readonly string[] {
  const wanted = new Set(["zebra", "staticd", ...asked]);
  for (const [name, about] of WORK) if (about.test(text)) wanted.add(name);
  const known = FRR.map(([program]) => program.name);
  return [...known.filter((name) => wanted.delete(name)), ...wanted];
}

/** Starts a daemon on a node. */
export function startDaemon(os: Os, name: string, config: unknown): Outcome<Daemon> {
  const factory = DAEMONS.get(name);
  if (factory === undefined)
    return refused("ENOENT", `there is no daemon "${name}"; known: ${[...DAEMONS.keys()].join(", ") || "none yet"}`);
  const daemon = factory(os, config);
  if (!daemon.ok) return daemon;
  daemon.value.start();
  const { complaint } = daemon.value;
  if (complaint === undefined) return daemon;
  daemon.value.stop();
  return refused("EINVAL", complaint);
}

function frr(program: FrrProgram<never>, rules: OptionRules): DaemonFactory {
  return (os, given) => {
    const settings = readSettings<never>(given, rules);
    if (!settings.ok) return settings;
    return granted(new FrrDaemon(os, program, settings.value.options, settings.value.config, FRR_COMMANDS));
  };
}
