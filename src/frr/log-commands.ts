import type { CommandSet, Said } from "./command.ts";
import { type DaemonLog, type FileTarget, LOG_DEBUG, LOG_LEVELS, type LogLevel } from "./log.ts";
import type { Args } from "./pattern.ts";

const LEVELS = `<${LOG_LEVELS.join("|")}>`;
const FACILITIES = "kern|user|mail|daemon|auth|syslog|lpr|news|uucp|cron";
const FACILITY = `<${FACILITIES}|${[0, 1, 2, 3, 4, 5, 6, 7].map((n) => `local${n}`).join("|")}>`;
const DAEMONS = "<zebra|staticd|ospfd|bgpd>";

/** A daemon that has a log. */
interface Logs {
  readonly log: DaemonLog;
}
type On = (text: string, run: (log: DaemonLog, args: Args) => Said) => void;

/** Adds `log …` and `show logging` (lib/log_vty.c) to a daemon's commands. */
export function installLog<Root extends Logs>(set: CommandSet<Root>): void {
  const on: On = (text, run) => set.add("config", text, (d, args) => run(d.log, args));
  installTargets(on);
  installForm(on);
  installFilters(on);
  set.add("view", "show logging", (d) => showLogging(d.log));
  set.add("view", "show logging filter-text", (d) => d.log.filters.map((f) => ` ${f}\n`).join(""));
  set.add("view", "clear log filter-text", (d) => {
    d.log.filters.length = 0;
  });
}

const levelOf = (args: Args): LogLevel => {
  const at = (LOG_LEVELS as readonly string[]).indexOf(args.find("level") ?? "");
  return at < 0 ? LOG_DEBUG : (at as LogLevel);
};

function setFile(log: DaemonLog, which: "file" | "filtered", args: Args): Said {
  const path = args.text("path");
  return log.setFile(which, path, levelOf(args)).ok ? undefined : { refused: `can't open logfile ${path}\n` };
}

function installTargets(on: On): void {
  on(`log file WORD$path [${LEVELS}$level]`, (log, args) => setFile(log, "file", args));
  on(`no log file [WORD [${LEVELS}]]`, (log) => drop(log, "file"));
  on(`log daemon ${DAEMONS}$daemon file WORD$path [${LEVELS}$level]`, (log, args) =>
    args.text("daemon") === log.program ? setFile(log, "file", args) : undefined,
  );
  on(`no log daemon ${DAEMONS}$daemon file [WORD [${LEVELS}]]`, (log, args) => {
    if (args.text("daemon") === log.program) drop(log, "file");
  });
  on(`log filtered-file WORD$path [${LEVELS}$level]`, (log, args) => setFile(log, "filtered", args));
  on(`no log filtered-file [WORD [${LEVELS}]]`, (log) => drop(log, "filtered"));
  on(`log syslog [${LEVELS}$level]`, (log, args) =>
    log.setSyslog(levelOf(args)).ok ? undefined : { refused: "can't open the system's log\n" },
  );
  on(`no log syslog [${LEVELS}]`, (log) => {
    log.setSyslog(undefined);
  });
  on(`[no] log stdout [${LEVELS}$level]`, (log, args) => {
    log.stdout = args.has("no") ? undefined : levelOf(args);
    log.update();
  });
  on(`[no] log monitor [${LEVELS}]`, () => '% "log monitor" is deprecated and does nothing.\n');
}

function drop(log: DaemonLog, which: "file" | "filtered"): void {
  log[which] = undefined;
  log.update();
}

function installForm(on: On): void {
  on(`log facility ${FACILITY}$facility`, (log, args) => {
    log.facility = args.text("facility");
  });
  on(`no log facility [${FACILITY}]`, (log) => {
    log.facility = "daemon";
  });
  on("[no] log record-priority", (log, args) => {
    log.recordPriority = !args.has("no");
  });
  on("log timestamp precision (0-6)$digits", (log, args) => {
    log.precision = args.int("digits");
  });
  on("no log timestamp precision [(0-6)]", (log) => {
    log.precision = 0;
  });
  on("[no] log error-category", (log, args) => {
    log.errorCategory = !args.has("no");
  });
  on("[no] log unique-id", (log, args) => {
    log.uniqueId = !args.has("no");
  });
  on("[no] log immediate-mode", (log, args) => {
    log.immediate = !args.has("no");
  });
  on("[no] log commands", (log, args) => {
    log.commands = !args.has("no");
  });
}

function installFilters(on: On): void {
  on("[no] log filter-text WORD$text", (log, args) => {
    const text = args.text("text");
    if (args.has("no")) {
      if (!log.removeFilter(text)) return { refused: "% failed to remove log filter\n" };
      return ` ${text}\n`;
    }
    const done = log.addFilter(text);
    if (done === "full") return { refused: "% filter table full\n" };
    if (done === "known") return { refused: "% failed to apply log filter\n" };
    return ` ${text}\n`;
  });
}

/** With the line that vtysh puts before each daemon's answer (vtysh/vtysh.c:vtysh_show_logging). */
function showLogging(log: DaemonLog): string {
  const { identity, syslog, stdout, file, filtered } = log;
  const level = (l: LogLevel | undefined): string => (l === undefined ? "disabled" : `level ${LOG_LEVELS[l]}`);
  const target = (t: FileTarget | undefined): string =>
    t === undefined ? "disabled" : `${level(t.level)}, filename ${t.file.path}`;
  const lines = [
    `Logging configuration for ${identity.program}:`,
    `Syslog logging: ${level(syslog)}${syslog === undefined ? "" : `, facility ${log.facility}, ident ${log.program}`}`,
    `Stdout logging: ${level(stdout)}`,
    `File logging: ${target(file)}`,
    ...(filtered === undefined ? [] : [`Filtered-file logging: ${target(filtered)}`]),
    `Protocol name: ${identity.protocol}`,
    `Record priority: ${log.recordPriority ? "enabled" : "disabled"}`,
    `Timestamp precision: ${log.precision}`,
    "",
  ];
  return `${lines.join("\n")}\n`;
}

/** The lines of the running configuration (lib/log_vty.c:log_config_write); filters are not among them. */
export function writeLogConfig(log: DaemonLog): readonly string[] {
  const level = (l: LogLevel): string => (l === LOG_DEBUG ? "" : ` ${LOG_LEVELS[l]}`);
  const target = (what: string, t: FileTarget | undefined): string[] =>
    t === undefined ? [] : [`log ${what} ${t.file.path}${level(t.level)}`];
  const plain = (what: string, l: LogLevel | undefined): string[] =>
    l === undefined ? [] : [`log ${what}${level(l)}`];
  const when = (is: boolean, line: string): string[] => (is ? [line] : []);
  return [
    ...target("file", log.file),
    ...target("filtered-file", log.filtered),
    ...plain("stdout", log.stdout),
    ...plain("syslog", log.syslog),
    ...when(log.facility !== "daemon", `log facility ${log.facility}`),
    ...when(log.recordPriority, "log record-priority"),
    ...when(log.precision > 0, `log timestamp precision ${log.precision}`),
    ...when(!log.errorCategory, "no log error-category"),
    ...when(!log.uniqueId, "no log unique-id"),
    ...when(log.immediate, "log immediate-mode"),
    ...when(log.commands, "log commands"),
  ];
}
