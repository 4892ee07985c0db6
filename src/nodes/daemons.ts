import { granted, type Outcome, refused } from "../core/errno.ts";
import type { Daemon, Os } from "../core/os.ts";
import type { CommandSet } from "../frr/command.ts";
import { FrrDaemon, type FrrProgram } from "../frr/daemon.ts";
import { type OptionRules, readSettings } from "../frr/settings.ts";
import { STATICD } from "../frr/staticd/program.ts";
import { ZEBRA } from "../frr/zebra/program.ts";
import { BGPD } from "../protocols/bgp/daemon.ts";
import { OSPFD, ospfd } from "../protocols/ospf/daemon.ts";

/** Builds a daemon from its configuration, or says what is wrong with it. */
export type DaemonFactory = (os: Os, config: unknown) => Outcome<Daemon>;

const OSPFD_OPTIONS: OptionRules = { startDelayMs: "number" };
const INSTANCE_MAX = 65_535;

/** The daemons of FRR, in the order in which they start, with what may be set of them beside their configuration. */
const FRR: readonly (readonly [FrrProgram<never>, OptionRules])[] = [
  [ZEBRA, { scanEveryS: "number", scanPhaseS: "number", applyDelayS: "number", release: ["8.4", "10"] }],
  [STATICD, {}],
  [OSPFD, OSPFD_OPTIONS],
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
  ["ospfd", /^\s*(router ospf\s*$|ip ospf (?!\d+ area ))/m],
];
/** Which of several ospfd. */
const INSTANCE = /^\s*(?:router ospf (\d+)\s*$|ip ospf (\d+) area )/gm;
const NUMBERED = /^ospfd-([1-9]\d{0,4})$/;

/** The daemons that an integrated configuration needs, and those `asked` for, in the order in which they start. */
export function frrDaemonsOf(text: string, asked: readonly string[]): readonly string[] {
  const wanted = new Set(["zebra", "staticd", ...asked]);
  for (const [name, about] of WORK) if (about.test(text)) wanted.add(name);
  const numbers = [...text.matchAll(INSTANCE)].map((m) => Number(m[1] ?? m[2]));
  // /etc/frr/daemons: with ospfd_instances there is no ospfd beside them; settings of interfaces are for all of them
  if (numbers.length > 0 && !asked.includes("ospfd") && !/^\s*router ospf\s*$/m.test(text)) wanted.delete("ospfd");
  for (const n of [...new Set(numbers)].sort((a, b) => a - b)) wanted.add(`ospfd-${n}`);
  const known = FRR.map(([program]) => program.name);
  const rank = (name: string): number => known.indexOf(NUMBERED.test(name) ? "ospfd" : name) >>> 0;
  return [...wanted].sort((a, b) => rank(a) - rank(b));
}

/** Starts a daemon on a node. */
export function startDaemon(os: Os, name: string, config: unknown): Outcome<Daemon> {
  const factory = DAEMONS.get(name) ?? instanceOf(name);
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

/** `ospfd-2`: one of several. */
function instanceOf(name: string): DaemonFactory | undefined {
  const number = Number(NUMBERED.exec(name)?.[1] ?? 0);
  if (number === 0 || number > INSTANCE_MAX) return undefined;
  return frr(ospfd(number), OSPFD_OPTIONS);
}

function frr(program: FrrProgram<never>, rules: OptionRules): DaemonFactory {
  return (os, given) => {
    const settings = readSettings<never>(given, rules);
    if (!settings.ok) return settings;
    return granted(new FrrDaemon(os, program, settings.value.options, settings.value.config, FRR_COMMANDS));
  };
}
