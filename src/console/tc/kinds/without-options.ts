import { illegal } from "../context.ts";
import type { QdiscKind } from "./kind.ts";

/** `ingress` and `clsact` (tc/q_ingress.c, tc/q_clsact.c). */
export const arriving = (kind: "ingress" | "clsact"): QdiscKind => ({
  parse(args) {
    if (!args.more) return { kind };
    if (kind === "ingress" && args.is("handle")) {
      args.next();
      args.step();
      if (!args.more) return { kind };
    }
    throw illegal(`What is "${args.word}"?`, `Usage: ... ${kind}`);
  },
  print(_qdisc, { out }) {
    if (kind === "ingress") out.text("---------------- ");
  },
});

export const noqueue: QdiscKind = {
  parse(args) {
    if (args.more) throw illegal(`Unknown qdisc "noqueue", hence option "${args.word}" is unparsable`);
    return { kind: "noqueue" };
  },
  print() {},
};
