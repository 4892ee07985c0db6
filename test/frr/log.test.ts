import { expect, it } from "vitest";
import { MS, S } from "../../src/core/time.ts";
import { DaemonLog, LOG_DEBUG, LOG_INFO, LOG_WARNING, type LogLevel } from "../../src/frr/log.ts";
import { LOG_BYTES_MAX, LogFile } from "../../src/frr/log-file.ts";
import { FakeOs } from "../harness/fake-os.ts";
import { textOf } from "../harness/text-file.ts";

/** A log of ospfd, and a clock that stands at 3 s and something on the second day. */
function logs() {
  const os = new FakeOs();
  os.clock = 86_403 * S + 45 * MS + 678_901;
  const log = new DaemonLog(os, { program: "ospfd", protocol: "OSPF" });
  const say = (level: LogLevel, text: string): void =>
    log.say({ level, id: "AAAAA-BBBBB", category: level === LOG_WARNING ? 7 : 0 }, () => text);
  return { os, log, say, read: (path: string) => textOf(os, path) };
}

it("nothing goes anywhere, and nobody makes its words, until somebody says where", () => {
  const { log, os } = logs();
  expect(log.hears(0)).toBe(false);
  log.say({ level: 0, id: "AAAAA-BBBBB" }, () => {
    throw new Error("these words are for nobody");
  });
  expect(os.files.list("/var/log").ok).toBe(false);
});

it("a line has the time, where it comes from, and what it is", () => {
  const { log, say, read } = logs();
  log.setFile("file", "/var/log/frr/ospfd.log", LOG_INFO);
  say(LOG_WARNING, "one");
  say(LOG_DEBUG, "too much");
  log.precision = 3;
  log.recordPriority = true;
  say(LOG_INFO, "two");
  log.precision = 6;
  log.uniqueId = false;
  say(LOG_WARNING, "three");
  log.errorCategory = false;
  say(LOG_WARNING, "four");
  expect(read("/var/log/frr/ospfd.log")?.split("\n")).toEqual([
    "1970/01/02 00:00:03 OSPF: [AAAAA-BBBBB][EC 7] one",
    "1970/01/02 00:00:03.045 informational: OSPF: [AAAAA-BBBBB][EC 0] two",
    "1970/01/02 00:00:03.045678 warnings: OSPF: [EC 7] three",
    "1970/01/02 00:00:03.045678 warnings: OSPF: four",
    "",
  ]);
});

it("the system's log is where rsyslog puts lines of FRR", () => {
  const { os, log, say, read } = logs();
  log.setSyslog(LOG_INFO);
  say(LOG_INFO, "hello");
  log.setSyslog(undefined);
  say(LOG_INFO, "not any more");
  expect(read("/var/log/frr/frr.log")).toBe("Jan  2 00:00:03 h1 ospfd: [AAAAA-BBBBB][EC 0] hello\n");
  const other = new DaemonLog(os, { program: "staticd", protocol: "STATIC" });
  other.setSyslog(LOG_DEBUG);
  other.say({ level: LOG_DEBUG, id: "X" }, () => "hello");
  expect(read("/var/log/syslog")).toBe("Jan  2 00:00:03 h1 staticd: [X] hello\n");
});

it("of messages for debugging only those with a word of a filter go to the filtered file", () => {
  const { log, say, read } = logs();
  log.setFile("filtered", "filtered", LOG_DEBUG);
  log.uniqueId = log.errorCategory = false;
  say(LOG_DEBUG, "no filter yet");
  expect(log.addFilter("foo")).toBe("added");
  expect(log.addFilter("foo")).toBe("known");
  say(LOG_DEBUG, "some foo");
  say(LOG_DEBUG, "some bar");
  say(LOG_INFO, "any");
  expect(log.removeFilter("foo")).toBe(true);
  expect(log.removeFilter("foo")).toBe(false);
  const filters = Array.from({ length: 101 }, (_, i) => log.addFilter(`f${i}`));
  expect(filters.at(99)).toBe("added");
  expect(filters.at(100)).toBe("full");
  expect(read("/filtered")?.match(/some.*|any.*|no filter.*/g)).toEqual(["some foo", "any"]);
});

it("two daemons write to one file, and a full one makes room", () => {
  const os = new FakeOs();
  const [a, b] = [new LogFile(os.files, "/log"), new LogFile(os.files, "/log")];
  expect(a.open().ok && b.open().ok).toBe(true);
  const line = `${"x".repeat(999)}\n`;
  for (let i = 0; i < LOG_BYTES_MAX / 1000; i++) (i % 2 === 0 ? a : b).write(line);
  expect(textOf(os, "/log")).toHaveLength(LOG_BYTES_MAX);
  b.write("last\n");
  a.write("and one\n");
  expect(textOf(os, "/log")).toBe("last\nand one\n");
  expect(textOf(os, "/log.1")).toHaveLength(LOG_BYTES_MAX);
});

it("a log that cannot be opened is refused, and nothing goes there", () => {
  const { log } = logs();
  expect(log.setFile("file", "/tmp", LOG_INFO).ok).toBe(false);
  expect(log.file).toBeUndefined();
  expect(log.hears(0)).toBe(false);
});
