import type { SystemProcess, SystemProgram } from "../process.ts";
import { Exit, Told } from "./exit.ts";
import { parseRequest } from "./parse.ts";
import { perform } from "./perform.ts";
import { isTable } from "./tables.ts";

const VERSION = "v1.8.9 (nf_tables)";

/** `iptables` of Debian 12. */
export const iptables: SystemProgram = (self) =>
  run(self, "iptables", () => {
    const request = parseRequest("iptables", self.args, (text) => self.err(text));
    checkTable(request.table);
    perform(self.kernel, request, (text) => self.out(text));
  });

/** Ends in error with a table that there is not. */
export function checkTable(name: string): void {
  if (isTable(name)) return;
  throw new Exit(3, name === "security" ? "table 'security' is not built" : `table '${name}' does not exist`);
}

/** Runs one of the programs to its end, and tells what went wrong; `line` is the one of its input that it is about. */
export function run(self: SystemProcess, program: string, body: () => void, line?: () => number): void {
  if (attempt(self, program, body, line)) self.exit(0);
}

/** The same for a part of it: false when it has ended the program. */
export function attempt(self: SystemProcess, program: string, body: () => void, line?: () => number): boolean {
  try {
    body();
    return true;
  } catch (end) {
    if (end instanceof Told) {
      self.out(end.what === "version" ? `${program} ${VERSION}\n` : end.what === "help" ? HELP : RESTORE_HELP);
      self.exit(0);
      return false;
    }
    if (!(end instanceof Exit)) throw end;
    self.err(complaint(end, program, line?.()));
    self.exit(end.status);
    return false;
  }
}

/** iptables/xtables.c:xtables_exit_error, exit_tryhelp. */
function complaint(end: Exit, program: string, line: number | undefined): string {
  const { status, message } = end;
  if (end.bare) return `${message}\n`;
  if (status === 1 && !end.named) return `${program}: ${message}\n`;
  const told =
    end.named && message !== "" ? `${program} ${VERSION}: ${message}\n` : message === "" ? "" : `${message}\n`;
  if (status === 3) return `${told}Perhaps ${program} or your kernel needs to be upgraded.\n`;
  if (status !== 2) return told;
  const where = line === undefined ? "" : `Error occurred at line: ${line}\n`;
  return `${told}${where}Try \`${program} -h' or '${program} --help' for more information.\n`;
}

const HELP = `iptables ${VERSION}

Usage: iptables [-t filter|nat|mangle|raw] COMMAND [OPTIONS]
where  COMMAND := { -A|-C|-D chain RULE | -I chain [number] RULE | -R chain number RULE | -D chain number |
                    -L|-S [chain [number]] | -F [chain] | -Z [chain [number]] | -N chain | -X [chain] |
                    -E chain name | -P chain ACCEPT|DROP }
       RULE    := [!] -p protocol, [!] -s address[/mask][,...], [!] -d address[/mask][,...], [!] -i name[+],
                  [!] -o name[+], [!] -f, -m match [options], -j target [options], -g chain, -c packets bytes
       OPTIONS := { -n | -v | -x | --line-numbers | -w [seconds] }
`;
const RESTORE_HELP = "Usage: iptables-restore [-c] [-n] [-t] [-v] [-V] [-h] [-T table] [-w [seconds]] [FILE]\n";
