import { readFile } from "../files/read.ts";
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

/** `cat` of the files that a node has. Standard input is empty; options that change the text are refused. */
export function cat(self: SystemProcess): void {
  const { options, rest, complaint } = getoptLong("cat", self.args, LETTERS, LONG);
  const changes = options.find((o) => o.key !== "u");
  if (complaint !== undefined) self.err(`${complaint}Try 'cat --help' for more information.\n`);
  else if (changes !== undefined) self.err(`cat: option -${changes.key} is not built\n`);
  if (complaint !== undefined || changes !== undefined) return self.exit(1);
  let status = 0;
  for (const path of rest) {
    if (path === "-") continue;
    const file = readFile(self.kernel, path);
    if (file.ok) self.out(file.text);
    else {
      self.err(`cat: ${path === "" ? "''" : path}: ${file.why}\n`);
      status = 1;
    }
  }
  self.exit(status);
}
