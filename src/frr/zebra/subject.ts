import type { Ipv4, Prefix } from "../../core/addr.ts";
import { Policy, type PolicyRules } from "../policy.ts";
import type { MatchRule, SetRule } from "../route-map.ts";
import { commonMatches, commonSets } from "../route-map-rules.ts";
import type { RouteKind, ZebraNexthop } from "../zapi.ts";

/** A next hop of a route as zebra's route maps see it (zebra/zebra_routemap.c). */
export interface ZebraSubject {
  readonly prefix: Prefix;
  readonly kind: RouteKind;
  readonly nexthop: ZebraNexthop;
  readonly ifname: string;
  readonly tag: number;
  /** `set src`; 0: none. */
  source: Ipv4;
}

export type ZebraPolicy = Policy<ZebraSubject>;
export const newPolicy = (): ZebraPolicy => new Policy<ZebraSubject>();

const COMMON = {
  prefix: (s: ZebraSubject) => s.prefix,
  nexthop: (s: ZebraSubject) => s.nexthop.gateway,
  blackhole: (s: ZebraSubject) => s.nexthop.blackhole !== undefined,
  ifname: (s: ZebraSubject) => s.ifname,
  tag: (s: ZebraSubject) => s.tag,
};

const MATCHES: readonly MatchRule<ZebraSubject>[] = [
  {
    name: "ip address prefix-len",
    pattern: "(0-32)$value",
    compile: (value) => (s) => s.prefix.length === Number(value),
  },
  {
    name: "ip next-hop prefix-len",
    pattern: "(0-32)$value",
    compile: (value) => () => Number(value) === 32,
  },
  {
    name: "source-protocol",
    pattern: "<kernel|connected|local|static|ospf|bgp>$value",
    compile: (value) => (s) => s.kind === value,
  },
];
const SETS: readonly SetRule<ZebraSubject>[] = [
  {
    name: "src",
    pattern: "A.B.C.D$value",
    compile: (value) => (s) => {
      s.source = value.split(".").reduce((n, octet) => n * 256 + Number(octet), 0);
    },
  },
];

/** What zebra's route maps know. */
export const ZEBRA_RULES: PolicyRules<ZebraSubject> = {
  label: "ZEBRA",
  matches: [...commonMatches(COMMON), ...MATCHES],
  sets: [...commonSets<ZebraSubject>({}), ...SETS],
};
