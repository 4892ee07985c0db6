import { getoptLong } from "../getopt-long.ts";

/** What the command line asks for. */
export interface SysctlOptions {
  readonly all: boolean;
  /** Print names, and ends of lines. */
  readonly names: boolean;
  readonly lines: boolean;
  /** `-N`: names alone. */
  readonly namesOnly: boolean;
  readonly ignoreMissing: boolean;
  readonly quiet: boolean;
  readonly write: boolean;
  readonly dryRun: boolean;
  /** Also what the kernel no longer recommends. */
  readonly deprecated: boolean;
  readonly pattern: string | undefined;
  readonly rest: readonly string[];
}

/** How the run ends before it begins: some text, and a status. */
export interface Ended {
  readonly out?: string;
  readonly err?: string;
  readonly status: number;
}

const LETTERS = "bneNwfp::qoxaAXr:Vdh";
const LONG = {
  all: "a",
  binary: "b",
  deprecated: "deprecated",
  "dry-run": "dry-run",
  help: "h",
  ignore: "e",
  load: "p::",
  names: "N",
  pattern: "r:",
  quiet: "q",
  system: "system",
  values: "n",
  version: "V",
  write: "w",
};

/** Reads the command line (procps' sysctl.c:main). */
export function readOptions(args: readonly string[]): SysctlOptions | Ended {
  if (args.length === 0) return { err: USAGE, status: 1 };
  const { options, rest, complaint } = getoptLong("sysctl", args, LETTERS, LONG);
  if (complaint !== undefined) return { err: complaint, out: USAGE, status: 0 };
  const given = new Map(options.map(({ key, value }) => [key, value]));
  return ended(given, rest) ?? optionsOf(given, rest);
}

/** What ends the run at once. */
function ended(given: ReadonlyMap<string, string>, rest: readonly string[]): Ended | undefined {
  if (given.has("V")) return { out: "sysctl from procps-ng 4.0.2\n", status: 0 };
  if (given.has("h") || given.has("d")) return { out: USAGE, status: 0 };
  for (const [letter, name] of [
    ["p", "-p"],
    ["f", "-f"],
    ["system", "--system"],
  ] as const) {
    if (given.has(letter)) return { err: `sysctl: ${name} is not built\n`, status: 1 };
  }
  if (["a", "A", "X"].some((letter) => given.has(letter))) return undefined;
  const why =
    rest.length === 0
      ? "no variables specified"
      : given.has("N") && given.has("q")
        ? "options -N and -q cannot coexist"
        : undefined;
  return why === undefined
    ? undefined
    : { err: `sysctl: ${why}\nTry \`sysctl --help' for more information.\n`, status: 1 };
}

const optionsOf = (given: ReadonlyMap<string, string>, rest: readonly string[]): SysctlOptions => ({
  all: ["a", "A", "X"].some((letter) => given.has(letter)),
  names: !given.has("n") && !given.has("b"),
  lines: !given.has("b"),
  namesOnly: given.has("N"),
  ignoreMissing: given.has("e"),
  quiet: given.has("q"),
  write: given.has("w"),
  dryRun: given.has("dry-run"),
  deprecated: given.has("deprecated"),
  pattern: given.get("r"),
  rest,
});

const USAGE = `
Usage:
 sysctl [options] [variable[=value] ...]

Options:
  -a, --all            display all variables
  -A                   alias of -a
  -X                   alias of -a
      --deprecated     include deprecated parameters to listing
      --dry-run        Print the key and values but do not write
  -b, --binary         print value without new line
  -e, --ignore         ignore unknown variables errors
  -N, --names          print variable names without values
  -n, --values         print only values of the given variable(s)
  -r, --pattern <expression>
                       select setting that match expression
  -q, --quiet          do not echo variable set
  -w, --write          enable writing a value to variable
  -o                   does nothing
  -x                   does nothing
  -d                   alias of -h

 -h, --help     display this help and exit
 -V, --version  output version information and exit

For more details see sysctl(8).
`;
