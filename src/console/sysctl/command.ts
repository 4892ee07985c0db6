import { strerror } from "../../core/errno.ts";
import { sysctlNode } from "../../nodes/kernel/sysctl-tree.ts";
import type { SysctlDirectory } from "../../nodes/kernel/sysctl-values.ts";
import type { SystemProcess } from "../process.ts";
import { readOptions, type SysctlOptions } from "./options.ts";

const ROOT = "/proc/sys/";
/** Names that a listing leaves out. */
const DEPRECATED = new Set(["base_reachable_time", "retrans_time"]);

/** `sysctl` of procps 4.0. */
export function sysctl(self: SystemProcess): void {
  const options = readOptions(self.args);
  if (!("rest" in options)) {
    if (options.err !== undefined) self.err(options.err);
    if (options.out !== undefined) self.out(options.out);
    return self.exit(options.status);
  }
  self.exit(new Run(self, options).status());
}

/** One run: returns exit statuses as the program adds them up. */
class Run {
  readonly #self: SystemProcess;
  readonly #options: SysctlOptions;
  readonly #pattern: RegExp | undefined;

  constructor(self: SystemProcess, options: SysctlOptions) {
    this.#self = self;
    this.#options = options;
    this.#pattern = options.pattern === undefined ? undefined : expression(options.pattern);
  }

  status(): number {
    if (this.#options.all) return this.#showAll([]);
    let status = 0;
    for (const word of this.#options.rest) {
      if (this.#options.write || word.includes("=")) status |= this.#assign(word);
      else status += this.#show(word);
    }
    return status & 0xff;
  }

  /** sysctl.c:parse_setting_line and WriteSetting. */
  #assign(word: string): number {
    const line = word.trimStart();
    if (line.length < 2 || /^[#;]/.test(line) || this.#pattern?.test(line) === false) return 1;
    const equals = line.indexOf("=");
    if (equals < 0) {
      if (!line.startsWith("-")) this.#complain("command line(0): invalid syntax, continuing...");
      return line.startsWith("-") ? 0 : 1;
    }
    const key = line.slice(line.startsWith("-") ? 1 : 0, equals).trimEnd();
    const value = line.slice(equals + 1).trim();
    const path = this.#path(key);
    const node = sysctlNode(this.#self.kernel, segments(path));
    if (node === undefined) return this.#missing(path);
    const name = dotted(path);
    if (node.kind === "directory") {
      this.#complain(`setting key "${name}": ${strerror("EINVAL")}`);
      return 0;
    }
    if (!this.#options.dryRun) {
      const written = node.write(value);
      if (!written.ok) {
        this.#complain(`setting key "${name}": ${strerror(written.errno)}`);
        return 1;
      }
    }
    if (this.#options.quiet && !this.#options.dryRun) return 0;
    if (this.#options.namesOnly) this.#self.out(`${value}\n`);
    else this.#self.out(`${this.#options.names ? `${name} = ` : ""}${value}${this.#options.lines ? "\n" : ""}`);
    return 0;
  }

  /** sysctl.c:ReadSetting. */
  #show(name: string): number {
    if (name === "") {
      this.#complain('"" is an unknown key');
      return -1;
    }
    const path = this.#path(name);
    const node = sysctlNode(this.#self.kernel, segments(path));
    if (node === undefined) return this.#missing(path);
    if (node.kind === "directory") return this.#showAll(segments(path));
    return this.#print(dotted(name), node.read());
  }

  /** sysctl.c:DisplayAll: everything below a directory. */
  #showAll(path: readonly string[]): number {
    const node = sysctlNode(this.#self.kernel, path) as SysctlDirectory;
    for (const name of node.names()) {
      if (DEPRECATED.has(name) && !this.#options.deprecated) continue;
      const below = [...path, name];
      const child = node.child(name);
      if (child?.kind === "directory") this.#showAll(below);
      else if (child !== undefined) this.#print(dotted(below.join("/")), child.read());
    }
    return 0;
  }

  #print(name: string, value: string): number {
    const { namesOnly, names, lines } = this.#options;
    if (this.#pattern?.test(name) === false) return 0;
    if (namesOnly) this.#self.out(`${name}\n`);
    else this.#self.out(`${names ? `${name} = ` : ""}${value}${lines ? "\n" : ""}`);
    return 0;
  }

  /** The path of a key, slashes between: when a dot comes first, dots and slashes change places. */
  #path(key: string): string {
    if (/[./]/.exec(key)?.[0] !== ".") return key;
    const doubled = /[./][./].*/s.exec(key)?.[0];
    if (doubled !== undefined) this.#complain(`separators should not be repeated: ${doubled}`);
    return exchange(key);
  }

  #missing(path: string): number {
    if (this.#options.ignoreMissing) return 0;
    this.#complain(`cannot stat ${ROOT}${path}: ${strerror("ENOENT")}`);
    return 1;
  }

  #complain(line: string): void {
    this.#self.err(`sysctl: ${line}\n`);
  }
}

const exchange = (text: string): string => text.replace(/[./]/g, (c) => (c === "." ? "/" : "."));
/** A key as it is shown, dots between. */
const dotted = (key: string): string => (/[./]/.exec(key)?.[0] === "/" ? exchange(key) : key);
const segments = (path: string): string[] => path.split("/").filter((name) => name !== "");

/** An expression that is none matches nothing. */
function expression(pattern: string): RegExp {
  try {
    return new RegExp(pattern);
  } catch {
    return /$.^/;
  }
}
