import { granted, type Outcome, refused } from "../../../../core/errno.ts";
import { IPPROTO_TCP, IPPROTO_UDP } from "../../../../protocols/ipv4/wire.ts";
import type { Matcher, RuleSpec } from "../rule.ts";
import { PORTS_NONE, PORTS_SHORT } from "../state.ts";
import { isFor, type PortRange } from "./tcpudp.ts";

/** `-m multiport` (net/netfilter/xt_multiport.c): up to 15 ports, of which a range counts two. */
export interface MultiportMatch {
  readonly kind: "multiport";
  /** `--sports`, `--dports`, `--ports`. */
  readonly ends: "source" | "destination" | "either";
  readonly ports: readonly Omit<PortRange, "invert">[];
  readonly invert?: boolean;
}

const PORTS_MAX = 15;

export function makeMultiport(spec: MultiportMatch, rule: RuleSpec): Outcome<Matcher> {
  if (!isFor(rule, IPPROTO_TCP) && !isFor(rule, IPPROTO_UDP)) return refused("EINVAL");
  const places = spec.ports.reduce((n, r) => n + (r.low === r.high ? 1 : 2), 0);
  if (places < 1 || places > PORTS_MAX) return refused("EINVAL");
  const { ports, ends } = spec;
  const invert = spec.invert === true;
  const has = (port: number): boolean => ports.some((r) => port >= r.low && port <= r.high);
  return granted({
    steady: true,
    test(s) {
      if (s.ports === PORTS_NONE) return false;
      if (s.ports === PORTS_SHORT) {
        s.hotdrop = true;
        return false;
      }
      return ((ends !== "destination" && has(s.sport)) || (ends !== "source" && has(s.dport))) !== invert;
    },
  });
}
