import { updateChecksum } from "../../../../core/checksum.ts";
import { granted, type Outcome, refused } from "../../../../core/errno.ts";
import { checksum, setChecksum, setTtl, ttl } from "../../../../protocols/ipv4/wire.ts";
import { type Action, CONTINUE, type RuleSite, type RuleSpec } from "../rule.ts";

/** `-j TTL --ttl-set`, `--ttl-inc`, `--ttl-dec` (net/netfilter/xt_HL.c). */
export interface TtlTarget {
  readonly kind: "TTL";
  readonly op: "set" | "inc" | "dec";
  readonly value: number;
}

export function makeTtl(spec: TtlTarget): Outcome<Action> {
  const { op, value } = spec;
  if (!(value >= 0 && value <= 255) || (op !== "set" && value === 0)) return refused("EINVAL");
  return granted({
    run({ p }) {
      const { buf, net } = p;
      const before = ttl(buf, net);
      const after = op === "set" ? value : op === "inc" ? Math.min(255, before + value) : Math.max(0, before - value);
      if (after !== before) {
        setTtl(buf, net, after);
        setChecksum(buf, net, updateChecksum(checksum(buf, net), before << 8, after << 8));
      }
      return CONTINUE;
    },
  });
}

export const checkTtl = (_spec: TtlTarget, _rule: RuleSpec, site: RuleSite): boolean => site.table === "mangle";
