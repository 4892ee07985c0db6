import { drain, octetsOf, spread } from "../files/reading.ts";
import { getoptLong } from "../getopt-long.ts";
import type { SystemProgram } from "../process.ts";
import { FileInput } from "../streams.ts";
import { attempt, run } from "./command.ts";
import { Exit, Told } from "./exit.ts";
import { Restore, type RestoreOptions } from "./restore.ts";

const PROGRAM = "iptables-restore";
const LONG = {
  counters: "c",
  verbose: "v",
  version: "V",
  test: "t",
  help: "h",
  noflush: "n",
  table: "T:",
  wait: "w::",
} as const;

/** `iptables-restore` of Debian 12. Its text comes from a file, or from standard input. */
export const iptablesRestore: SystemProgram = (self) => {
  let read: ReturnType<typeof readOptions> | undefined;
  const began = attempt(self, PROGRAM, () => {
    read = readOptions(self.args);
  });
  if (!began || read === undefined) return;
  const { options, path } = read;
  const file = path === undefined ? undefined : octetsOf(self.kernel, path);
  if (typeof file === "string") {
    self.err(`Can't open ${path}: ${file}\n`);
    return self.exit(1);
  }
  let text = "";
  const utf8 = new TextDecoder();
  drain(
    file === undefined ? self.input : new FileInput({ content: file }),
    (octets) => {
      const [b, o, end] = spread(octets);
      text += utf8.decode(b.subarray(o, end), { stream: true });
    },
    () => {
      const restore = new Restore(self.kernel, options, (told) => self.out(told));
      run(
        self,
        PROGRAM,
        () => restore.run(text),
        () => restore.line,
      );
    },
  );
};

function readOptions(args: readonly string[]): { readonly options: RestoreOptions; readonly path: string | undefined } {
  const { options, rest, complaint } = getoptLong("iptables-restore", args, "cvVthnT:w::", LONG);
  if (complaint !== undefined)
    throw new Exit(1, `${complaint}Try \`iptables-restore -h' for more information.`, false, true);
  const has = (key: string): boolean => options.some((option) => option.key === key);
  if (has("h")) throw new Told("restore");
  if (has("V")) throw new Told("version");
  const bare = rest.filter((word, i) => !(i === 0 && has("w") && /^\d+$/.test(word)));
  if (bare.length > 1) throw new Exit(1, "Unknown arguments found on commandline", false, true);
  return {
    options: {
      counters: has("c"),
      test: has("t"),
      verbose: has("v"),
      keep: has("n"),
      only: options.findLast((option) => option.key === "T")?.value,
    },
    path: bare[0],
  };
}
