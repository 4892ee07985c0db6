import { drain, octetsOf } from "../files/reading.ts";
import { getoptLong } from "../getopt-long.ts";
import type { SystemProcess } from "../process.ts";

const LETTERS = "benstuvAET";
const LONG = {
  "show-all": "A",
  "number-nonblank": "b",
  "show-ends": "E",
  number: "n",
  "squeeze-blank": "s",
  "show-tabs": "T",
  "show-nonprinting": "v",
};

/** `cat` of the files that a node has, and of standard input. Options that change the text are refused. */
export function cat(self: SystemProcess): void {
  const { options, rest, complaint } = getoptLong("cat", self.args, LETTERS, LONG);
  const changes = options.find((o) => o.key !== "u");
  if (complaint !== undefined) self.err(`${complaint}Try 'cat --help' for more information.\n`);
  else if (changes !== undefined) self.err(`cat: option -${changes.key} is not built\n`);
  if (complaint !== undefined || changes !== undefined) return self.exit(1);
  next(self, rest.length === 0 ? ["-"] : rest, 0);
}

function next(self: SystemProcess, [path, ...more]: readonly string[], status: number): void {
  if (path === undefined) return self.exit(status);
  if (path === "-")
    return drain(
      self.input,
      (run) => self.add(run),
      () => next(self, more, status),
    );
  const octets = octetsOf(self.kernel, path);
  if (typeof octets === "string") {
    self.err(`cat: ${path === "" ? "''" : path}: ${octets}\n`);
    return next(self, more, 1);
  }
  for (const run of octets.slice()) self.add(run);
  next(self, more, status);
}
