import { strerror } from "../../core/errno.ts";
import { copyOctets } from "../../core/octets.ts";
import type { Process, Program } from "../../core/os.ts";
import { FRR_VERSION } from "../../frr/running-config.ts";
import { FRR_COMMANDS } from "../../nodes/daemons.ts";
import { getoptLong } from "../getopt-long.ts";
import { type LineOutcome, VtyShell } from "./shell.ts";

const LONG = { command: "c:", inputfile: "f:", boot: "b", daemon: "d:", echo: "E", help: "h" };
const USAGE = `Usage : vtysh [OPTION...]

Integrated shell for FRR (version ${FRR_VERSION}).

-b, --boot               Execute boot startup configuration
-c, --command            Execute argument as command
-d, --daemon             Connect only to the specified daemon
-f, --inputfile          Execute commands from specific file and exit
-E, --echo               Echo prompt and command in -c mode
-h, --help               Display this help and exit

Note that multiple commands may be executed from the command
line by passing multiple -c args, or by embedding linefeed
characters in one or more of the commands.
`;
/** What vtysh says to a person before the first prompt. */
export const BANNER = `\nHello, this is FRRouting (version ${FRR_VERSION}).\nCopyright 1996-2005 Kunihiro Ishiguro, et al.\n\n`;
export const NOT_CONNECTED = "Exiting: failed to connect to any daemons.\n";
const CONFIG_FILE = "/etc/frr/frr.conf";
const NO_FILE = 11;
const READ_MAX = 65_536;

/** `vtysh [-c COMMAND …] [-f FILE] [-b] [-d DAEMON] [-E]`; without commands it reads lines from standard input. */
export const vtysh: Program = (self) => {
  const line = getoptLong("vtysh", self.args, "c:f:bd:Eh", LONG);
  if (line.complaint !== undefined) {
    self.err(`${line.complaint}Try \`vtysh --help' for more information.\n`);
    return self.exit(1);
  }
  const values = (key: string): readonly string[] => line.options.filter((o) => o.key === key).map((o) => o.value);
  if (values("h").length > 0) {
    self.out(USAGE);
    return self.exit(0);
  }
  const [only] = values("d");
  if (only !== undefined && !FRR_COMMANDS.some((c) => c.name === only))
    self.err(`Error: no daemons match name ${only}!\n`);
  const shell = new VtyShell(self.os, only);
  if (!shell.connected) {
    self.err(NOT_CONNECTED);
    return self.exit(1);
  }
  const [file] = values("b").length > 0 ? [CONFIG_FILE] : values("f");
  if (file !== undefined) return readFile(self, shell, file);
  const commands = values("c").flatMap((text) => text.split("\n"));
  if (values("c").length > 0) return runAll(self, shell, commands, values("E").length > 0);
  converse(self, shell);
};

function runAll(self: Process, shell: VtyShell, commands: readonly string[], echo: boolean): void {
  for (const command of commands) {
    if (echo) self.out(`${shell.prompt}${command}\n`);
    const done = shell.run(command);
    tell(self, done);
    if (!done.ok) return self.exit(1);
    if (done.ended) break;
  }
  self.exit(0);
}

function readFile(self: Process, shell: VtyShell, path: string): void {
  const file = self.os.files.open(path);
  if (!file.ok) {
    self.err(
      `Unable to create lock file: ${path}, ${strerror(file.errno)}\n% Can't open configuration file ${path} due to '${strerror(file.errno)}'.\n`,
    );
    return self.exit(NO_FILE);
  }
  const { size, content } = file.value;
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const octets of content.slice(0, size)) {
    copyOctets(octets, bytes, at);
    at += octets.count;
  }
  const done = shell.read(new TextDecoder().decode(bytes));
  tell(self, done);
  self.exit(done.status);
}

/** Reads lines until they end, as from a terminal: prompts and what was typed are printed. */
function converse(self: Process, shell: VtyShell): void {
  let rest = "";
  self.out(BANNER);
  self.out(shell.prompt);
  const perform = (line: string): boolean => {
    self.out(`${line}\n`);
    const done = shell.run(line);
    tell(self, done);
    if (!done.ended) self.out(shell.prompt);
    return done.ended;
  };
  const read = (): void => {
    for (let octets = self.input.take(READ_MAX); octets !== undefined; octets = self.input.take(READ_MAX)) {
      const bytes = new Uint8Array(octets.count);
      copyOctets(octets, bytes, 0);
      rest += new TextDecoder().decode(bytes);
      const lines = rest.split("\n");
      rest = lines.pop() ?? "";
      if (lines.some(perform)) return self.exit(0);
    }
    if (!self.input.ended) return;
    if (rest === "" || !perform(rest)) self.out("\n");
    self.exit(0);
  };
  self.input.onReadable(read);
  read();
}

function tell(self: Process, done: LineOutcome): void {
  if (done.output !== "") self.out(done.output);
  if (done.errors !== "") self.err(done.errors);
}
