import { fifo } from "./fifo.ts";
import { fqCodel } from "./fq-codel.ts";
import { htb } from "./htb.ts";
import type { QdiscKind } from "./kind.ts";
import { netem } from "./netem.ts";
import { pfifoFast, prio } from "./prio.ts";
import { sfq } from "./sfq.ts";
import { tbf } from "./tbf.ts";
import { arriving, noqueue } from "./without-options.ts";

/** The kinds of qdiscs that are built, by name. */
export const KINDS: ReadonlyMap<string, QdiscKind> = new Map<string, QdiscKind>([
  ["pfifo", fifo("pfifo")],
  ["bfifo", fifo("bfifo")],
  ["pfifo_head_drop", fifo("pfifo_head_drop")],
  ["pfifo_fast", pfifoFast],
  ["noqueue", noqueue],
  ["prio", prio],
  ["tbf", tbf],
  ["htb", htb],
  ["sfq", sfq],
  ["fq_codel", fqCodel],
  ["netem", netem],
  ["ingress", arriving("ingress")],
  ["clsact", arriving("clsact")],
]);

/** Those that Linux has and this kernel has not. */
export const NOT_BUILT: readonly string[] = [
  "bpf",
  "cake",
  "cbq",
  "cbs",
  "choke",
  "codel",
  "drr",
  "dsmark",
  "etf",
  "ets",
  "fq",
  "fq_pie",
  "gred",
  "hfsc",
  "hhf",
  "mq",
  "mqprio",
  "multiq",
  "pie",
  "plug",
  "qfq",
  "red",
  "rr",
  "sfb",
  "skbprio",
  "taprio",
  "teql",
];
