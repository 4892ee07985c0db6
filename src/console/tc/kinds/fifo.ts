import { Fifo, type FifoKind } from "../../../nodes/kernel/tc/fifo.ts";
import { illegal } from "../context.ts";
import { formatSize, parseSize } from "../units.ts";
import type { QdiscKind } from "./kind.ts";

const USAGE = "Usage: ... <[p|b]fifo | pfifo_head_drop> [ limit NUMBER ]";

/** `pfifo`, `bfifo`, `pfifo_head_drop` (tc/q_fifo.c). */
export const fifo = (kind: FifoKind): QdiscKind => ({
  parse(args) {
    let limit: number | undefined;
    for (; args.more; args.step()) {
      if (args.is("help")) throw illegal(USAGE);
      if (!args.is("limit")) throw illegal(`${kind}: unknown parameter "${args.word}"`, USAGE);
      limit = parseSize(args.next());
      if (limit === undefined) throw illegal(`${kind}: Illegal value for "limit": "${args.word}"`);
    }
    return limit === undefined ? { kind } : { kind, options: { limit } };
  },
  print(qdisc, { out }) {
    if (!(qdisc instanceof Fifo)) return;
    out.put("limit", qdisc.limit, kind === "bfifo" ? `limit ${formatSize(qdisc.limit)}` : `limit ${qdisc.limit}p`);
  },
});
