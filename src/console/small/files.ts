import { strerror } from "../../core/errno.ts";
import { md5 } from "../../core/md5.ts";
import { OctetList, type Octets } from "../../core/octets.ts";
import type { Program } from "../../core/os.ts";
import { drain, octetsOf, writeFile } from "../files/reading.ts";
import { getoptLong } from "../getopt-long.ts";
import type { SystemProcess } from "../process.ts";

/** What a digest is made of at once, at most: it needs all octets in memory. */
const DIGEST_MAX = 256 * 1024 * 1024;
const UNITS: Readonly<Record<string, number>> = {
  "": 1,
  c: 1,
  w: 2,
  b: 512,
  K: 1024,
  k: 1024,
  KiB: 1024,
  kB: 1000,
  KB: 1000,
  M: 1024 ** 2,
  MiB: 1024 ** 2,
  MB: 1e6,
  G: 1024 ** 3,
  GiB: 1024 ** 3,
  GB: 1e9,
  T: 1024 ** 4,
  TiB: 1024 ** 4,
  TB: 1e12,
};

/** A size as coreutils take it: `625M` (2^20), `1GB` (10^9). */
function sizeOf(text: string): number | undefined {
  const m = /^(\d+)([A-Za-z]*)$/.exec(text);
  const unit = m === null ? undefined : UNITS[m[2] as string];
  const size = m === null || unit === undefined ? Number.NaN : Number(m[1]) * unit;
  return Number.isSafeInteger(size) ? size : undefined;
}

/** `fallocate -l SIZE FILE` of util-linux: a file of zeros, which takes no memory. */
export const fallocate: Program = (self) => {
  const { options, rest, complaint } = getoptLong("fallocate", self.args, "l:", { length: "l:" });
  const text = options.find((o) => o.key === "l")?.value;
  const size = sizeOf(text ?? "");
  const [path, more] = rest;
  if (complaint !== undefined) self.err(complaint);
  else if (text === undefined) self.err("fallocate: no length argument specified\n");
  else if (size === undefined || size === 0) self.err("fallocate: invalid length value specified\n");
  else if (path === undefined) self.err("fallocate: no filename specified\n");
  else if (more !== undefined) self.err("fallocate: unexpected number of arguments\n");
  else {
    const file = self.os.files.create(path, true);
    const made = file.ok && file.value.size < size ? file.value.truncate(size) : file;
    if (made.ok) return self.exit(0);
    self.err(`fallocate: ${file.ok ? "fallocate failed" : `cannot open ${path}`}: ${strerror(made.errno)}\n`);
  }
  self.exit(1);
};

/** `truncate -s SIZE FILE` of coreutils. */
export const truncate: Program = (self) => {
  const { options, rest, complaint } = getoptLong("truncate", self.args, "s:", { size: "s:" });
  const text = options.find((o) => o.key === "s")?.value ?? "";
  const size = sizeOf(text);
  const hint = "Try 'truncate --help' for more information.\n";
  if (complaint !== undefined) self.err(complaint + hint);
  else if (text === "") self.err(`truncate: you must specify either '--size' or '--reference'\n${hint}`);
  else if (size === undefined) self.err(`truncate: Invalid number: '${text}'\n`);
  else if (rest.length === 0) self.err(`truncate: missing file operand\n${hint}`);
  else {
    let status = 0;
    for (const path of rest) {
      const file = self.os.files.create(path, true);
      const cut = file.ok ? file.value.truncate(size) : file;
      if (cut.ok) continue;
      self.err(`truncate: cannot open '${path}' for writing: ${strerror(cut.errno)}\n`);
      status = 1;
    }
    return self.exit(status);
  }
  self.exit(1);
};

/** `rm [-f] FILE…` of coreutils. */
export const rm: Program = (self) => {
  const { options, rest, complaint } = getoptLong("rm", self.args, "f", { force: "f" });
  if (complaint !== undefined || (rest.length === 0 && options.length === 0)) {
    self.err(`${complaint ?? "rm: missing operand\n"}Try 'rm --help' for more information.\n`);
    return self.exit(1);
  }
  let status = 0;
  for (const path of rest) {
    const gone = self.os.files.remove(path);
    if (gone.ok || (options.length > 0 && gone.errno === "ENOENT")) continue;
    self.err(`rm: cannot remove '${path}': ${strerror(gone.errno)}\n`);
    status = 1;
  }
  self.exit(status);
};

/** `dd if=FILE of=FILE bs=SIZE count=N` of coreutils. What it copies from /dev/zero and /dev/urandom takes no memory. */
export const dd = (self: SystemProcess): void => {
  const given = new Map<string, string>();
  for (const word of self.args) {
    const [key = "", value] = word.split(/=(.*)/s);
    if (value === undefined || !["if", "of", "bs", "count", "status"].includes(key)) {
      self.err(`dd: unrecognized operand '${word}'\nTry 'dd --help' for more information.\n`);
      return self.exit(1);
    }
    given.set(key, value);
  }
  const bs = sizeOf(given.get("bs") ?? "512");
  const count = sizeOf(given.get("count") ?? "0");
  const wrong = bs === undefined || bs === 0 ? given.get("bs") : count === undefined ? given.get("count") : undefined;
  if (wrong !== undefined || bs === undefined || count === undefined) {
    self.err(`dd: invalid number: '${wrong}'\n`);
    return self.exit(1);
  }
  const path = given.get("if");
  const limit = given.has("count") ? bs * count : Number.MAX_SAFE_INTEGER;
  const endless = path !== undefined && /^\/dev\/(zero|u?random)$/.test(path) && !given.has("count");
  if (endless) {
    self.err(`dd: ${path} has no end: count= is needed\n`);
    return self.exit(1);
  }
  const octets = path === undefined ? undefined : octetsOf(self.kernel, path);
  if (typeof octets === "string") {
    self.err(`dd: failed to open '${path}': ${octets}\n`);
    return self.exit(1);
  }
  if (octets !== undefined) return finishDd(self, octets, given, bs, limit);
  const read = new OctetList();
  drain(
    self.input,
    (run) => read.add(run),
    () => finishDd(self, read, given, bs, limit),
  );
};

function finishDd(
  self: SystemProcess,
  octets: OctetList,
  given: ReadonlyMap<string, string>,
  bs: number,
  limit: number,
): void {
  const size = Math.min(limit, octets.size);
  const runs = octets.slice(0, size);
  const to = given.get("of");
  if (to === undefined) for (const run of runs) self.add(run);
  else {
    const refused = writeFile(self.os.files, to, runs);
    if (refused !== undefined) {
      self.err(`dd: failed to open '${to}': ${strerror(refused)}\n`);
      return self.exit(1);
    }
  }
  const records = `${Math.floor(size / bs)}+${size % bs === 0 ? 0 : 1}`;
  if (given.get("status") !== "none") self.err(`${records} records in\n${records} records out\n`);
  self.exit(0);
}

/** `head -c SIZE [FILE]` of coreutils; `-n` is refused. */
export const head = (self: SystemProcess): void => {
  const { options, rest, complaint } = getoptLong("head", self.args, "c:", { bytes: "c:" });
  const text = options.find((o) => o.key === "c")?.value;
  const size = sizeOf(text ?? "");
  if (complaint !== undefined || size === undefined) {
    self.err(
      complaint ??
        (text === undefined ? "head: only -c SIZE is built\n" : `head: invalid number of bytes: '${text}'\n`),
    );
    return self.exit(1);
  }
  eachFile(self, "head", rest, (octets) => {
    for (const run of octets.slice(0, size)) self.add(run);
    return undefined;
  });
};

/** `wc -c [FILE…]` of coreutils; what else it counts is refused. */
export const wc = (self: SystemProcess): void => {
  const { options, rest, complaint } = getoptLong("wc", self.args, "c", { bytes: "c" });
  if (complaint !== undefined || options.length === 0) {
    self.err(complaint ?? "wc: only -c is built\n");
    return self.exit(1);
  }
  eachFile(self, "wc", rest, (octets, name) => {
    self.out(`${octets.size}${name === "" ? "" : ` ${name}`}\n`);
    return undefined;
  });
};

/** `md5sum [FILE…]` of coreutils. */
export const md5sum = (self: SystemProcess): void => {
  const { rest, complaint } = getoptLong("md5sum", self.args, "", {});
  if (complaint !== undefined) {
    self.err(`${complaint}Try 'md5sum --help' for more information.\n`);
    return self.exit(1);
  }
  eachFile(self, "md5sum", rest, (octets, name) => {
    if (octets.size > DIGEST_MAX) return `more than ${DIGEST_MAX} octets are not built`;
    const digest = [...md5(octets.bytes())].map((b) => b.toString(16).padStart(2, "0")).join("");
    self.out(`${digest}  ${name === "" ? "-" : name}\n`);
    return undefined;
  });
};

/** `ls [DIRECTORY]`: names of the files that programs have written; options are refused. */
export const ls: Program = (self) => {
  const { rest, complaint } = getoptLong("ls", self.args, "1", {});
  if (complaint !== undefined) {
    self.err(`${complaint}Try 'ls --help' for more information.\n`);
    return self.exit(2);
  }
  let status = 0;
  for (const path of rest.length === 0 ? ["/"] : rest) {
    const names = self.os.files.list(path);
    if (names.ok) for (const name of names.value) self.out(`${name.replace(/\/$/, "")}\n`);
    else if (names.errno === "ENOTDIR") self.out(`${path}\n`);
    else {
      self.err(`ls: cannot access '${path}': ${strerror(names.errno)}\n`);
      status = 2;
    }
  }
  self.exit(status);
};

/** Shows `each` every file, or standard input (under an empty name); what it returns is a complaint. */
function eachFile(
  self: SystemProcess,
  program: string,
  paths: readonly string[],
  each: (octets: OctetList, name: string) => string | undefined,
): void {
  let status = 0;
  const complain = (name: string, why: string | undefined): void => {
    if (why === undefined) return;
    self.err(`${program}: ${name}: ${why}\n`);
    status = 1;
  };
  for (const path of paths) {
    const octets = octetsOf(self.kernel, path);
    complain(path, typeof octets === "string" ? octets : each(octets, path));
  }
  if (paths.length > 0) return self.exit(status);
  const read = new OctetList();
  drain(
    self.input,
    (run: Octets) => read.add(run),
    () => {
      complain("-", each(read, ""));
      self.exit(status);
    },
  );
}
