import { granted, type Outcome, refused } from "../../../../core/errno.ts";
import { ttl } from "../../../../protocols/ipv4/wire.ts";
import type { Matcher } from "../rule.ts";

/** `-m ttl --ttl-eq`, `--ttl-lt`, `--ttl-gt` (net/netfilter/xt_hl.c). */
export interface TtlMatch {
  readonly kind: "ttl";
  readonly op: "eq" | "lt" | "gt";
  readonly ttl: number;
  /** Of `eq` only. */
  readonly invert?: boolean;
}

export function makeTtl(spec: TtlMatch): Outcome<Matcher> {
  const { op, ttl: value } = spec;
  if (!(value >= 0 && value <= 255)) return refused("EINVAL");
  const invert = spec.invert === true;
  switch (op) {
    case "eq":
      return granted({ test: ({ p }) => (ttl(p.buf, p.net) === value) !== invert });
    case "lt":
      return granted({ test: ({ p }) => ttl(p.buf, p.net) < value });
    case "gt":
      return granted({ test: ({ p }) => ttl(p.buf, p.net) > value });
  }
}
