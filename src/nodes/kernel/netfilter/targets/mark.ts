import { granted, type Outcome } from "../../../../core/errno.ts";
import { FLOW_SHIFT, IPCT_MARK, W_MARK } from "../conntrack/flow.ts";
import { type Action, CONTINUE, type RuleSpec } from "../rule.ts";
import type { TargetContext } from "./targets.ts";

/** `-j MARK` (net/netfilter/xt_mark.c). */
export interface MarkTarget {
  readonly kind: "MARK";
  readonly op: "set-mark" | "set-xmark" | "and-mark" | "or-mark" | "xor-mark";
  readonly value: number;
  /** Of `set-mark` and `set-xmark`; all bits when left out. */
  readonly mask?: number;
}

/** `-j CONNMARK` (net/netfilter/xt_connmark.c). */
export type ConnmarkTarget =
  | {
      readonly kind: "CONNMARK";
      readonly op: "set-mark" | "set-xmark" | "and-mark" | "or-mark" | "xor-mark";
      readonly value: number;
      readonly mask?: number;
    }
  | {
      readonly kind: "CONNMARK";
      /** From the packet to its flow, or back. */
      readonly op: "save-mark" | "restore-mark";
      readonly nfmask?: number;
      readonly ctmask?: number;
    };

/** The bits that are cleared, and those then turned round: what every way of setting a mark amounts to. */
export function xmark(op: MarkTarget["op"], value: number, mask = 0xffffffff): readonly [number, number] {
  switch (op) {
    case "set-mark":
      return [(mask | value) >>> 0, value];
    case "set-xmark":
      return [mask >>> 0, value];
    case "and-mark":
      return [~value >>> 0, 0];
    case "or-mark":
      return [value, value];
    case "xor-mark":
      return [0, value];
  }
}

export function makeMark(spec: MarkTarget): Outcome<Action> {
  const [clear, turn] = xmark(spec.op, spec.value, spec.mask);
  return granted({
    run(s) {
      s.p.mark = ((s.p.mark & ~clear) ^ turn) >>> 0;
      return CONTINUE;
    },
  });
}

export function makeConnmark(spec: ConnmarkTarget, _rule: RuleSpec, context: TargetContext): Outcome<Action> {
  const ct = context.conntrack();
  const { table } = ct;
  const setMark = (slot: number, mark: number): void => {
    const at = (slot << FLOW_SHIFT) + W_MARK;
    if (table.words[at] === (mark | 0)) return;
    table.words[at] = mark;
    ct.note(slot, IPCT_MARK);
  };
  const markOf = (slot: number): number => table.words[(slot << FLOW_SHIFT) + W_MARK] as number;
  if (!("value" in spec)) {
    const { op, nfmask = 0xffffffff, ctmask = 0xffffffff } = spec;
    return granted({
      tracks: true,
      run({ p }) {
        if (p.nfct === 0) return CONTINUE;
        const mark = markOf(p.nfct);
        if (op === "save-mark") setMark(p.nfct, (mark & ~ctmask) ^ (p.mark & nfmask));
        else p.mark = ((p.mark & ~nfmask) ^ (mark & ctmask)) >>> 0;
        return CONTINUE;
      },
    });
  }
  const [clear, turn] = xmark(spec.op, spec.value, spec.mask);
  return granted({
    tracks: true,
    run({ p }) {
      if (p.nfct !== 0) setMark(p.nfct, (markOf(p.nfct) & ~clear) ^ turn);
      return CONTINUE;
    },
  });
}
