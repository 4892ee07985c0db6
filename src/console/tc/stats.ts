import type { Tc } from "./context.ts";
import { formatSize } from "./units.ts";

/** Counters as all qdiscs, classes and actions have them; undefined: they are not told. */
export interface Counters {
  readonly sent?: { readonly bytes: number; readonly packets: number } | undefined;
  readonly queue?:
    | {
        readonly drops: number;
        readonly overlimits: number;
        readonly requeues: number;
        readonly backlog: number;
        readonly qlen: number;
      }
    | undefined;
}

/** Prints counters (tc/tc_util.c:print_tcstats2_attr). */
export function printCounters({ out }: Tc, { sent, queue }: Counters, prefix: string): void {
  if (sent !== undefined) {
    out.text(prefix);
    out.put("bytes", sent.bytes, `Sent ${sent.bytes} bytes`);
    out.put("packets", sent.packets, ` ${sent.packets} pkt`);
  }
  if (queue === undefined) return;
  out.put("drops", queue.drops, ` (dropped ${queue.drops}`);
  out.put("overlimits", queue.overlimits, `, overlimits ${queue.overlimits}`);
  out.put("requeues", queue.requeues, ` requeues ${queue.requeues}) `);
  out.newline();
  out.text(prefix);
  out.put("backlog", queue.backlog, `backlog ${formatSize(queue.backlog)}`);
  out.put("qlen", queue.qlen, ` ${queue.qlen}p`);
  out.text(` requeues ${queue.requeues}`);
}
