import { appendFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Packet } from "../core/packet.ts";
import type { Simulation } from "../core/sim.ts";
import type { Kernel } from "../nodes/kernel/kernel.ts";
import type { NetDevice, Tap } from "../nodes/kernel/netdev.ts";
import { PcapngWriter } from "../report/pcapng-writer.ts";

const LINKTYPE_ETHERNET = 1;
const LINKTYPE_RAW = 101;
/** Bytes gathered per file before they are written: less when there are many files. */
const CHUNK_BYTES = 256 * 1024;
const CHUNK_BYTES_MANY = 16 * 1024;
const MANY_FILES = 64;
export const MERGED_FILE = "all.pcapng";

/** Records back from the newest whose file is remembered: an older one has long been followed by another in its file. */
const RECORDS_REMEMBERED = 4096;

/** One interface's file. */
interface CaptureFile {
  readonly writer: PcapngWriter;
  /** Its number in the merged file. */
  readonly mergedId: number;
  /** The record written last, which may still take a comment. */
  lastRecord: number;
}

/** The captures of a run: a pcapng per interface that a pattern names, and one with all of them, in a directory. */
export class Captures implements Tap {
  readonly files: string[] = [];
  readonly #sim: Simulation;
  readonly #dir: string;
  readonly #patterns: readonly { readonly text: string; readonly test: RegExp; met: boolean }[];
  readonly #byDevice = new Map<NetDevice, CaptureFile>();
  readonly #merging: boolean;
  #merged: PcapngWriter | null = null;
  #records = 0;
  readonly #owners: (CaptureFile | undefined)[] = new Array(RECORDS_REMEMBERED).fill(undefined);
  #mergedLast = 0;

  /** `patterns`: `all`, `none`, or names with `*` and `?` such as `r1-eth0` and `r2-*`. `merged`: write `all.pcapng` too. */
  constructor(sim: Simulation, dir: string, patterns: readonly string[], merged = true) {
    this.#sim = sim;
    this.#dir = dir;
    this.#merging = merged;
    this.#patterns = patterns
      .filter((p) => p !== "none")
      .map((text) => ({ text, test: wildcard(text === "all" ? "*" : text), met: false }));
    if (this.#patterns.length > 0) sim.capture = this;
  }

  /** Captures the devices of a node, those it has and those it will get. */
  watch(kernel: Kernel): void {
    if (this.#patterns.length === 0) return;
    for (const dev of kernel.devices()) this.#consider(dev);
    kernel.watchDevices((dev, event) => {
      if (event === "registered") this.#consider(dev);
    });
  }

  /** The patterns that no interface met. */
  unmatched(): string[] {
    return this.#patterns.filter((p) => !p.met).map((p) => p.text);
  }

  /** Writes what is still in memory; the files are complete after it. */
  flush(): void {
    for (const { writer } of this.#byDevice.values()) writer.flush();
    this.#merged?.flush();
  }

  frame(dev: NetDevice, p: Packet, outgoing: boolean): void {
    const file = this.#byDevice.get(dev) as CaptureFile;
    // What comes in is told of where it went out, but for what is wrong on purpose: that is told wherever it is seen.
    const note = p.note !== "" && (outgoing || p.note.startsWith("forged")) ? p.note : undefined;
    const record = ++this.#records;
    p.record = record;
    file.lastRecord = record;
    this.#owners[record % RECORDS_REMEMBERED] = file;
    this.#mergedLast = record;
    file.writer.packet(0, this.#sim.now, p.buf, p.start, p.end, note);
    this.#merged?.packet(file.mergedId, this.#sim.now, p.buf, p.start, p.end, note);
  }

  /** Adds why a frame ended to the record that holds it, while it is the last one of its file. */
  comment(record: number, text: string): void {
    if (record === this.#mergedLast) this.#merged?.comment(text);
    const file = this.#owners[record % RECORDS_REMEMBERED];
    if (file?.lastRecord === record) file.writer.comment(text);
  }

  #consider(dev: NetDevice): void {
    const label = captureName(dev);
    const meeting = this.#patterns.filter((p) => p.test.test(label));
    for (const pattern of meeting) pattern.met = true;
    if (this.#byDevice.has(dev) || meeting.length === 0) return;
    const name = `${label.replaceAll("/", "_")}.pcapng`;
    const linkType = dev.headerLength === 0 ? LINKTYPE_RAW : LINKTYPE_ETHERNET;
    if (this.#merging) this.#merged ??= this.#open(MERGED_FILE, 4 * CHUNK_BYTES);
    const mergedId = this.#merged?.interface(label, linkType) ?? 0;
    const writer = this.#open(name, this.files.length < MANY_FILES ? CHUNK_BYTES : CHUNK_BYTES_MANY);
    writer.interface(label, linkType);
    this.#byDevice.set(dev, { writer, mergedId, lastRecord: 0 });
    dev.addTap(this);
  }

  #open(name: string, chunkBytes: number): PcapngWriter {
    const path = join(this.#dir, name);
    writeFileSync(path, "");
    this.files.push(name);
    return new PcapngWriter((chunk) => appendFileSync(path, chunk), chunkBytes);
  }
}

/** `<node>-<interface>`; an interface that has the node in its name already is called by that. */
const captureName = (dev: NetDevice): string =>
  dev.name.startsWith(`${dev.kernel.name}-`) ? dev.name : `${dev.kernel.name}-${dev.name}`;

const wildcard = (pattern: string): RegExp =>
  new RegExp(
    `^${pattern
      .replace(/[.+?^${}()|[\]\\]/g, "\\$&")
      .replaceAll("*", ".*")
      .replaceAll("\\?", ".")}$`,
  );
