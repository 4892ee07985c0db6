import { granted, type Outcome, refused } from "../../../../core/errno.ts";
import { totalLength } from "../../../../protocols/ipv4/wire.ts";
import type { Matcher } from "../rule.ts";

/** `-m length --length min:max`: octets of the IP packet (net/netfilter/xt_length.c). */
export interface LengthMatch {
  readonly kind: "length";
  readonly min: number;
  readonly max: number;
  readonly invert?: boolean;
}

export function makeLength(spec: LengthMatch): Outcome<Matcher> {
  const { min, max } = spec;
  if (!(min >= 0 && min <= 65_535 && max >= 0 && max <= 65_535)) return refused("EINVAL");
  const invert = spec.invert === true;
  return granted({
    test({ p }) {
      const length = totalLength(p.buf, p.net);
      return (length >= min && length <= max) !== invert;
    },
  });
}
