import { calendarOf, MONTHS, two } from "../core/calendar.ts";
import type { Outcome } from "../core/errno.ts";
import { done } from "../core/errno.ts";
import type { Os } from "../core/os.ts";
import { type Nanos, S } from "../core/time.ts";
import { LogFile } from "./log-file.ts";

/** How much a message matters: the smaller, the more (syslog.h). */
export const LOG_LEVELS = [
  "emergencies",
  "alerts",
  "critical",
  "errors",
  "warnings",
  "notifications",
  "informational",
  "debugging",
] as const;
export type LogLevel = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7;
export const LOG_WARNING: LogLevel = 4;
export const LOG_NOTICE: LogLevel = 5;
export const LOG_INFO: LogLevel = 6;
export const LOG_DEBUG: LogLevel = 7;

/**
 * A kind of message of FRR's sources. `id`: what FRR makes of its place and its words (lib/xref.c:xref_add_one); `category`: the number of what went
 * wrong (`EC`).
 */
export interface LogMessage {
  readonly level: LogLevel;
  readonly id: string;
  readonly category?: number;
}

/** A file and what goes there. */
export interface FileTarget {
  readonly file: LogFile;
  readonly level: LogLevel;
}

/** Who logs: `ospfd`, and `OSPF`, as lines begin. */
export interface LogIdentity {
  readonly program: string;
  readonly protocol: string;
}

const TYPED: LogMessage = { level: LOG_NOTICE, id: "M7Q4P-46WDR" };
/** The descriptor of the connection with vtysh, as ospfd has it. */
const VTY = 12;
/** Where `log filter-text` ends (lib/log.h:ZLOG_FILTERS_MAX). */
const FILTERS_MAX = 100;
/** Whose messages FRR's own rsyslog.d/45-frr.conf takes apart from the others'. */
const FRR_PROGRAMS: ReadonlySet<string> = new Set(["zebra", "ospfd", "bgpd"]);

/**
 * The log of one daemon (lib/zlog.c, lib/zlog_targets.c). Nothing goes anywhere until `log …` says where: `log file` to that file of the node, `log syslog`
 * to /var/log/frr/frr.log or /var/log/syslog as rsyslog writes them and, with its facility, to the trace (`frr.syslog`), `log stdout` to the trace
 * (`frr.stdout`): a daemon has no terminal. Lines carry simulated time, which begins with 1970.
 */
export class DaemonLog {
  readonly identity: LogIdentity;
  /** The file that runs: that of `ospfd-1` is `ospfd`. */
  readonly program: string;
  readonly #os: Os;
  readonly #syslogFile: LogFile;
  file: FileTarget | undefined;
  filtered: FileTarget | undefined;
  /** `log filter-text`: of messages for debugging only those that have one of these words go to the filtered file. */
  readonly filters: string[] = [];
  syslog: LogLevel | undefined;
  stdout: LogLevel | undefined;
  facility = "daemon";
  /** Digits behind the seconds. */
  precision = 0;
  recordPriority = false;
  errorCategory = true;
  uniqueId = true;
  /** Every line is written at once, whatever this says. */
  immediate = false;
  /** What is typed is logged too. */
  commands = false;
  #level = -1;

  constructor(os: Os, identity: LogIdentity) {
    this.#os = os;
    this.identity = identity;
    this.program = identity.program.replace(/-\d+$/, "");
    const path = FRR_PROGRAMS.has(this.program) ? "/var/log/frr/frr.log" : "/var/log/syslog";
    this.#syslogFile = new LogFile(os.files, path);
  }

  /** Whether messages of a level go anywhere. */
  hears(level: LogLevel): boolean {
    return level <= this.#level;
  }
  /** Logs a message; `text` makes its words, and is asked only when somebody hears them. */
  say({ level, id, category }: LogMessage, text: () => string): void {
    if (level > this.#level) return;
    const known = this.uniqueId ? `[${id}]` : "";
    const error = this.errorCategory && category !== undefined ? `[EC ${category}]` : "";
    const marks = known + error;
    const words = `${marks}${marks === "" ? "" : " "}${text()}`;
    const { file, filtered, stdout, syslog } = this;
    if (file !== undefined && level <= file.level) file.file.write(this.#line(level, words));
    if (filtered !== undefined && level <= filtered.level && this.#passes(level, words))
      filtered.file.write(this.#line(level, words));
    if (stdout !== undefined && level <= stdout)
      this.#os.trace("frr.stdout", { daemon: this.identity.program, line: this.#line(level, words).trimEnd() });
    if (syslog !== undefined && level <= syslog) this.#toSyslog(level, words);
  }

  /** Sets where messages go, after a file was opened or a level changed. */
  setFile(which: "file" | "filtered", path: string, level: LogLevel): Outcome {
    const file = new LogFile(this.#os.files, path.startsWith("/") ? path : `/${path}`);
    const opened = file.open();
    this[which] = opened.ok ? { file, level } : undefined;
    this.update();
    return opened;
  }
  setSyslog(level: LogLevel | undefined): Outcome {
    const opened = level === undefined ? done : this.#syslogFile.open();
    this.syslog = opened.ok ? level : undefined;
    this.update();
    return opened;
  }
  /** `log commands`: a line that was typed into vtysh (lib/vty.c:vty_command); `prompt`: `(config)#`. */
  typed(prompt: string, words: readonly string[]): void {
    if (this.commands) this.say(TYPED, () => `vty[${VTY}]@${prompt} ${words.join(" ")}`);
  }
  /** Somebody has changed a target: finds the least important level that is heard. */
  update(): void {
    const { file, filtered, syslog, stdout } = this;
    this.#level = Math.max(file?.level ?? -1, filtered?.level ?? -1, syslog ?? -1, stdout ?? -1);
  }
  /** `full`: there are too many filters; `known`: there is that one. */
  addFilter(text: string): "added" | "known" | "full" {
    if (this.filters.length >= FILTERS_MAX) return "full";
    if (this.filters.includes(text)) return "known";
    this.filters.push(text);
    return "added";
  }
  removeFilter(text: string): boolean {
    const at = this.filters.indexOf(text);
    if (at >= 0) this.filters.splice(at, 1);
    return at >= 0;
  }

  #toSyslog(level: LogLevel, words: string): void {
    const { program: daemon } = this;
    this.#syslogFile.write(`${stampOfSyslog(this.#os.now())} ${this.#os.hostname} ${daemon}: ${words}\n`);
    this.#os.trace("frr.syslog", { daemon, facility: this.facility, severity: level, line: words });
  }
  #passes(level: LogLevel, words: string): boolean {
    return level < LOG_DEBUG || this.filters.some((f) => words.includes(f));
  }
  /** lib/zlog_targets.c:zlog_fd. */
  #line(level: LogLevel, words: string): string {
    const priority = this.recordPriority ? `${LOG_LEVELS[level]}: ` : "";
    return `${stampOf(this.#os.now(), this.precision)} ${priority}${this.identity.protocol}: ${words}\n`;
  }
}

/** `1970/01/01 00:01:02.345` (lib/zlog.c:zlog_msg_ts, ZLOG_TS_LEGACY). */
function stampOf(at: Nanos, precision: number): string {
  const { year, month, day, clock } = calendarOf(at);
  const part =
    precision === 0
      ? ""
      : `.${String(at % S)
          .padStart(9, "0")
          .slice(0, precision)}`;
  return `${year}/${two(month + 1)}/${two(day)} ${clock}${part}`;
}

/** `Jan  1 00:01:02` (RFC 3164 §4.1.2). */
function stampOfSyslog(at: Nanos): string {
  const { month, day, clock } = calendarOf(at);
  return `${MONTHS[month]} ${String(day).padStart(2)} ${clock}`;
}
