import { granted, type Outcome, refused } from "../../../../core/errno.ts";
import { IPPROTO_ICMP } from "../../../../protocols/ipv4/wire.ts";
import type { Matcher, RuleSpec } from "../rule.ts";
import { isFor } from "./tcpudp.ts";

/** `-m icmp --icmp-type type/code` (net/ipv4/netfilter/ip_tables.c:icmp_match). */
export interface IcmpMatch {
  readonly kind: "icmp";
  /** 255: any. */
  readonly type: number;
  /** Both included; 0 and 255 when no code was given. */
  readonly codeLow: number;
  readonly codeHigh: number;
  readonly invert?: boolean;
}

const ANY = 255;

export function makeIcmp(spec: IcmpMatch, rule: RuleSpec): Outcome<Matcher> {
  if (!isFor(rule, IPPROTO_ICMP)) return refused("EINVAL");
  const { type, codeLow, codeHigh } = spec;
  const invert = spec.invert === true;
  return granted({
    test(s) {
      if (s.fragment !== 0) return false;
      const { buf, end } = s.p;
      if (end - s.transport < 4) {
        s.hotdrop = true;
        return false;
      }
      const code = buf[s.transport + 1] as number;
      const same = type === ANY || (buf[s.transport] === type && code >= codeLow && code <= codeHigh);
      return same !== invert;
    },
  });
}
