import { done, granted, type Outcome, refused } from "../../core/errno.ts";
import { noise, OctetList, ZEROS } from "../../core/octets.ts";
import type { OsFile, OsFiles } from "../../core/os.ts";
import type { Nanos } from "../../core/time.ts";

/** Files of one node, and octets of them that take memory, at most. */
const FILES_MAX = 65_536;
const STORED_MAX = 256 * 1024 * 1024;
/** Octets of one file, at most (2^50: far below what numbers count exactly). */
const SIZE_MAX = 2 ** 50;
const DEVICES: ReadonlySet<string> = new Set(["/dev/null", "/dev/zero", "/dev/urandom", "/dev/random"]);
/** What /dev/zero and its like give: more than anybody takes. */
const ENDLESS = SIZE_MAX;

/** What programs write: a file system in memory. Directories are there as soon as a name passes through them. */
export class NodeFiles implements OsFiles {
  readonly #files = new Map<string, StoredFile>();
  readonly #now: () => Nanos;
  readonly #seed: () => number;

  /** `seed` draws what /dev/urandom gives each time it is opened. */
  constructor(now: () => Nanos, seed: () => number) {
    this.#now = now;
    this.#seed = seed;
  }

  open(path: string): Outcome<OsFile> {
    if (path === "") return refused("ENOENT");
    const name = absolute(path);
    if (DEVICES.has(name)) return granted(this.#device(name));
    const file = this.#files.get(name);
    if (file !== undefined) return path.endsWith("/") ? refused("ENOTDIR") : granted(file);
    return refused(this.#isDirectory(name) ? "EISDIR" : "ENOENT");
  }

  create(path: string, append = false): Outcome<OsFile> {
    if (path === "") return refused("ENOENT");
    const name = absolute(path);
    if (DEVICES.has(name)) return granted(new StoredFile(this, this.#now));
    if (path.endsWith("/") || this.#isDirectory(name)) return refused("EISDIR");
    if (/^\/(proc|sys|dev)\//.test(name)) return refused("EACCES");
    const old = this.#files.get(name);
    if (old !== undefined) {
      if (!append) old.truncate(0);
      return granted(old);
    }
    if (this.#files.size >= FILES_MAX) return refused("ENOSPC");
    const file = new StoredFile(this, this.#now);
    file.kept = true;
    this.#files.set(name, file);
    return granted(file);
  }

  remove(path: string): Outcome {
    const name = absolute(path);
    if (this.#files.delete(name)) return done;
    return refused(this.#isDirectory(name) ? "EISDIR" : "ENOENT");
  }

  list(path: string): Outcome<readonly string[]> {
    const name = absolute(path);
    if (!this.#isDirectory(name)) return refused(this.#files.has(name) ? "ENOTDIR" : "ENOENT");
    const start = name === "/" ? "/" : `${name}/`;
    const names = new Set<string>();
    for (const each of this.#files.keys()) {
      if (!each.startsWith(start)) continue;
      const rest = each.slice(start.length);
      const slash = rest.indexOf("/");
      names.add(slash < 0 ? rest : rest.slice(0, slash + 1));
    }
    return granted([...names].sort((a, b) => (a < b ? -1 : 1)));
  }

  /** Octets of all files that take memory. */
  get stored(): number {
    let sum = 0;
    for (const file of this.#files.values()) sum += file.content.stored;
    return sum;
  }

  #isDirectory(name: string): boolean {
    if (["/", "/tmp", "/root", "/var", "/dev"].includes(name)) return true;
    for (const each of this.#files.keys()) if (each.startsWith(`${name}/`)) return true;
    return false;
  }

  #device(name: string): OsFile {
    const file = new StoredFile(this, this.#now);
    if (name === "/dev/zero") file.content.add({ from: ZEROS, at: 0, count: ENDLESS });
    else if (name !== "/dev/null") file.content.add({ from: noise(this.#seed()), at: 0, count: ENDLESS });
    return file;
  }
}

class StoredFile implements OsFile {
  content = new OctetList();
  /** It has a name; else what is written to it is gone. */
  kept = false;
  changedAt: Nanos;
  readonly #files: NodeFiles;
  readonly #now: () => Nanos;

  constructor(files: NodeFiles, now: () => Nanos) {
    this.#files = files;
    this.#now = now;
    this.changedAt = now();
  }

  get size(): number {
    return this.content.size;
  }
  write(b: Uint8Array, o = 0, end = b.length): Outcome {
    if (!this.kept) return done;
    if (this.content.stored + (end - o) > STORED_MAX / 2 && this.#files.stored + (end - o) > STORED_MAX)
      return refused("ENOSPC");
    this.content.write(b, o, end);
    this.changedAt = this.#now();
    return done;
  }
  add(from: Parameters<OctetList["add"]>[0]): Outcome {
    if (!this.kept) return done;
    if (this.size + from.count > SIZE_MAX) return refused("ENOSPC");
    if (from.from instanceof Uint8Array) return this.write(from.from, from.at, from.at + from.count);
    this.content.add(from);
    this.changedAt = this.#now();
    return done;
  }
  truncate(size: number): Outcome {
    if (size > SIZE_MAX) return refused("ENOSPC");
    if (size === 0)
      this.content = new OctetList(); // who reads the old one goes on reading it
    else this.content.resize(size);
    this.changedAt = this.#now();
    return done;
  }
}

/** A path from the root on, where programs stand; `.` and `..` taken away. */
function absolute(path: string): string {
  const names: string[] = [];
  for (const name of path.split("/")) {
    if (name === "..") names.pop();
    else if (name !== "" && name !== ".") names.push(name);
  }
  return `/${names.join("/")}`;
}
