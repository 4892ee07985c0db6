import type { Ipv4, Prefix } from "../core/addr.ts";
import type { Args } from "./pattern.ts";
import { configurationFailed } from "./refusal.ts";
import type { MatchRule, SetRule } from "./route-map.ts";

/** How the clauses that all daemons share (lib/routemap_cli.c) see a route. What is left out is kept and written, and never asked. */
export interface CommonSubject<Subject> {
  readonly prefix?: (s: Subject) => Prefix;
  /** 0: no gateway. */
  readonly nexthop?: (s: Subject) => Ipv4;
  readonly blackhole?: (s: Subject) => boolean;
  readonly ifname?: (s: Subject) => string;
  readonly metric?: (s: Subject) => number;
  readonly tag?: (s: Subject) => number;
  readonly setMetric?: (s: Subject, metric: number) => void;
  readonly setTag?: (s: Subject, tag: number) => void;
  readonly setNexthop?: (s: Subject, nexthop: Ipv4) => void;
}

/** `match interface|ip address|ip next-hop|metric|tag`. */
export function commonMatches<S>(of: CommonSubject<S>): readonly MatchRule<S>[] {
  const address = of.nexthop;
  const nexthop = address === undefined ? undefined : (s: S): Prefix => ({ address: address(s), length: 32 });
  return [
    rule("interface", "IFNAME$value", of.ifname, (value, ifname) => (s) => ifname(s) === value),
    byAccessList("ip address", of.prefix),
    byPrefixList("ip address prefix-list", of.prefix),
    byAccessList("ip next-hop", nexthop),
    byPrefixList("ip next-hop prefix-list", nexthop),
    rule("ip next-hop type", "blackhole$value", of.blackhole, (_, blackhole) => (s) => blackhole(s)),
    rule("metric", "(0-4294967295)$value", of.metric, (value, metric) => (s) => metric(s) === Number(value)),
    rule("tag", "<untagged|(1-4294967295)>$value", of.tag, (value, tag) => (s) => tag(s) === tagOf(value)),
  ];
}

/** `set ip next-hop|metric|tag`. */
export function commonSets<S>(of: CommonSubject<S>): readonly SetRule<S>[] {
  const { metric = () => 0, setMetric, setNexthop, setTag } = of;
  return [
    {
      name: "ip next-hop",
      pattern: "A.B.C.D$value",
      ...(setNexthop === undefined ? {} : { compile: (value) => (s) => setNexthop(s, ipOf(value)) }),
    },
    {
      name: "metric",
      pattern: "(-4294967295-4294967295)$value",
      value: metricValue,
      ...(setMetric === undefined ? {} : { compile: (value) => (s) => setMetric(s, newMetric(value, metric(s))) }),
    },
    {
      name: "tag",
      pattern: "<untagged|(1-4294967295)>$value",
      ...(setTag === undefined ? {} : { compile: (value) => (s) => setTag(s, tagOf(value)) }),
    },
  ];
}

const tagOf = (value: string): number => (value === "untagged" ? 0 : Number(value));

/** A metric after `set metric`: as told, or more, or less (lib/routemap.c and bgpd/bgp_routemap.c:route_value_adjust). */
export function newMetric(value: string, metric: number): number {
  const n = Number(value);
  return value.startsWith("+") || value.startsWith("-") ? Math.min(METRIC_MAX, Math.max(0, metric + n)) : n;
}
const METRIC_MAX = 4_294_967_295;

function metricValue(a: Args): string | { readonly refused: string } {
  const value = a.text("value");
  if (value[0] === "+" && Number(value) === 0) return configurationFailed("Can't add zero to metric");
  if (value[0] === "-" && Number(value) === 0) return configurationFailed("Can't subtract zero from metric");
  return value;
}

/** A clause that asks an access list; one that is not there matches nothing. */
function byAccessList<S>(name: string, prefix: ((s: S) => Prefix) | undefined): MatchRule<S> {
  const words = { name, pattern: "WORD$value", refers: "access-list" };
  if (prefix === undefined) return words;
  return {
    ...words,
    compile: (value, lists) => (s) => lists.accessLists.find(value)?.decide(prefix(s)) === "permit",
  };
}

/** A clause that asks a prefix list; one that is not there matches nothing. */
export function byPrefixList<S>(name: string, prefix: ((s: S) => Prefix) | undefined): MatchRule<S> {
  const words = { name, pattern: "WORD$value", refers: "prefix-list" };
  if (prefix === undefined) return words;
  return {
    ...words,
    compile: (value, lists) => (s) => lists.prefixLists.find(value)?.decide(prefix(s)) === "permit",
  };
}

function rule<S, Of>(
  name: string,
  pattern: string,
  of: Of | undefined,
  test: (value: string, of: Of) => (s: S) => boolean,
): MatchRule<S> {
  return of === undefined ? { name, pattern } : { name, pattern, compile: (value) => test(value, of) };
}

const ipOf = (text: string): Ipv4 => text.split(".").reduce((n, octet) => n * 256 + Number(octet), 0);
