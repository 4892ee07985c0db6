import type { DeviceStats, NetDevice } from "../../nodes/kernel/netdev.ts";
import type { Ip } from "./context.ts";

/** Heads and figures of one block of counters, figures without a name last. */
type Column = readonly [head: string, figure: number];

/** The counters of a device (ip/ipaddress.c:print_stats64). */
export function putStats(ip: Ip, dev: NetDevice): void {
  if (ip.out.json) return putJson(ip, dev);
  const { stats } = ip.options;
  const s = dev.stats;
  const rx: Column[] = [
    ["bytes", s.rxBytes],
    ["packets", s.rxPackets],
    ["errors", s.rxErrors],
    ["dropped", s.rxDropped],
    ["missed", 0],
    ["mcast", s.rxMulticast],
  ];
  const tx: Column[] = [
    ["bytes", s.txBytes],
    ["packets", s.txPackets],
    ["errors", s.txErrors],
    ["dropped", s.txDropped],
    ["carrier", s.txCarrierErrors],
    ["collsns", s.collisions],
  ];
  const rxErrors = ["length", "crc", "frame", "fifo", "overrun"].map((head): Column => [head, 0]);
  const txErrors: Column[] = [
    ...["aborted", "fifo", "window", "heartbt"].map((head): Column => [head, 0]),
    ["transns", dev.carrierChanges],
  ];
  const widths = columnWidths(ip, stats > 1 ? [rx, tx, [["", 0], ...rxErrors], [["", 0], ...txErrors]] : [rx, tx]);
  putBlock(ip, "RX", rx, widths);
  if (stats > 1) putErrors(ip, "RX", rxErrors, widths);
  ip.out.newline();
  putBlock(ip, "TX", tx, widths);
  if (stats > 1) putErrors(ip, "TX", txErrors, widths);
}

/** A column is as wide as its widest figure, and at least as the longest head that it may have. */
function columnWidths(ip: Ip, blocks: readonly (readonly Column[])[]): number[] {
  const heads = ["*X errors:", "packets", "errors", "dropped", "heartbt", "overrun"];
  return heads.map((head, i) =>
    ip.options.human ? head.length : Math.max(head.length, ...blocks.map((block) => String(block[i]?.[1] ?? 0).length)),
  );
}

function putBlock(ip: Ip, direction: string, columns: readonly Column[], widths: readonly number[]): void {
  const heads = columns.map(([head], i) => head.padStart(i === 0 ? (widths[0] as number) - 4 : (widths[i] as number)));
  ip.out.text(`    ${direction}: ${heads.join(" ")} ${" ".repeat("compressed".length)}`);
  ip.out.newline();
  ip.out.text(`    ${columns.map(([, n], i) => `${figure(ip, n).padStart(widths[i] as number)} `).join("")}`);
}

function putErrors(ip: Ip, direction: string, columns: readonly Column[], widths: readonly number[]): void {
  const first = widths[0] as number;
  const heads = columns.map(([head], i) => head.padStart(widths[i + 1] as number));
  ip.out.newline();
  ip.out.text(`    ${direction} errors:${" ".repeat(first - 10)} ${heads.join(" ")}`);
  ip.out.newline();
  const figures = columns.map(([, n], i) => `${figure(ip, n).padStart(widths[i + 1] as number)} `);
  ip.out.text(" ".repeat(first + 5) + figures.join(""));
}

/** A count, under `-h` with a prefix and about three digits (ip/ipaddress.c:print_num). */
function figure(ip: Ip, count: number): string {
  const base = ip.options.iec ? 1024 : 1000;
  if (!ip.options.human || count < base) return String(count);
  const prefixes = "kMGTPE";
  let power = base;
  let at = 0;
  while (count / base >= power && at < prefixes.length - 1) {
    power *= base;
    at++;
  }
  const whole = Math.floor(count / power);
  const decimals = whole < 10 ? 2 : whole < 100 ? 1 : 0;
  return `${(count / power).toFixed(decimals)}${prefixes[at]}${ip.options.iec ? "i" : ""}`;
}

function putJson(ip: Ip, dev: NetDevice): void {
  const { out } = ip;
  const s: DeviceStats = dev.stats;
  const more = ip.options.stats > 1;
  const put = (fields: readonly Column[]): void => {
    for (const [key, value] of fields) out.field(key, value);
  };
  out.object("stats64");
  out.object("rx");
  put([
    ["bytes", s.rxBytes],
    ["packets", s.rxPackets],
    ["errors", s.rxErrors],
    ["dropped", s.rxDropped],
    ["over_errors", 0],
    ["multicast", s.rxMulticast],
  ]);
  if (more) put(["length", "crc", "frame", "fifo", "missed"].map((name) => [`${name}_errors`, 0]));
  out.endObject();
  out.object("tx");
  put([
    ["bytes", s.txBytes],
    ["packets", s.txPackets],
    ["errors", s.txErrors],
    ["dropped", s.txDropped],
    ["carrier_errors", s.txCarrierErrors],
    ["collisions", s.collisions],
  ]);
  if (more) {
    put(["aborted", "fifo", "window", "heartbeat"].map((name) => [`${name}_errors`, 0]));
    out.field("carrier_changes", dev.carrierChanges);
  }
  out.endObject();
  out.endObject();
}
