import { CUT, type Printer } from "./printer.ts";

const COMMON = [
  "HELLO",
  "ERROR",
  "ECHO_REQUEST",
  "ECHO_REPLY",
  "VENDOR",
  "FEATURES_REQUEST",
  "FEATURES_REPLY",
  "GET_CONFIG_REQUEST",
  "GET_CONFIG_REPLY",
  "SET_CONFIG",
  "PACKET_IN",
  "FLOW_REMOVED",
  "PORT_STATUS",
  "PACKET_OUT",
  "FLOW_MOD",
];
const TYPES_1_0 = [
  ...COMMON,
  "PORT_MOD",
  "STATS_REQUEST",
  "STATS_REPLY",
  "BARRIER_REQUEST",
  "BARRIER_REPLY",
  "QUEUE_GET_CONFIG_REQUEST",
  "QUEUE_GET_CONFIG_REPLY",
];
const TYPES_1_3 = [
  ...COMMON.map((name) => (name === "VENDOR" ? "EXPERIMENTER" : name)),
  "GROUP_MOD",
  "PORT_MOD",
  "TABLE_MOD",
  "MULTIPART_REQUEST",
  "MULTIPART_REPLY",
  "BARRIER_REQUEST",
  "BARRIER_REPLY",
  "QUEUE_GET_CONFIG_REQUEST",
  "QUEUE_GET_CONFIG_REPLY",
  "ROLE_REQUEST",
  "ROLE_REPLY",
  "GET_ASYNC_REQUEST",
  "GET_ASYNC_REPLY",
  "SET_ASYNC",
  "METER_MOD",
];
const VERSIONS: Readonly<Record<number, string>> = { 1: "1.0", 2: "1.1", 3: "1.2", 4: "1.3", 5: "1.4", 6: "1.5" };
const TYPES: Readonly<Record<number, readonly string[]>> = { 1: TYPES_1_0, 4: TYPES_1_3 };
const HEADER = 8;

/** OpenFlow messages at `o`, one line each; bodies are not printed (`print-openflow.c`). */
export function printOpenflow(p: Printer, o: number, length: number): void {
  p.protocol = "openflow";
  p.out(": OpenFlow");
  const hex2 = (v: number): string => v.toString(16).padStart(2, "0");
  for (let at = o; at < o + length; ) {
    const left = o + length - at;
    const version = p.u8(at);
    p.out(`\n\tversion ${VERSIONS[version] ?? `unknown (0x${hex2(version)})`}`);
    if (left >= 2) p.out(`, type ${TYPES[version]?.[p.u8(at + 1)] ?? `unknown (0x${hex2(p.u8(at + 1))})`}`);
    const bytes = left >= 4 ? p.u16(at + 2) : 0;
    if (left >= 4) p.out(`, length ${bytes}${bytes < HEADER ? " (too short!)" : ""}`);
    if (left < HEADER) {
      p.out(" (end of TCP payload)");
      return p.need(at, left);
    }
    p.out(`, xid 0x${p.hex(at + 4, 4)}`);
    if (bytes < HEADER) {
      p.invalid();
      return p.need(at, left);
    }
    if (!p.has(at, bytes)) throw CUT;
    at += bytes;
  }
}
