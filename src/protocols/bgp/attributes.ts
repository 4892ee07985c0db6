import type { Ipv4 } from "../../core/addr.ts";
import { hex } from "../../core/bytes.ts";
import { Generations } from "../../core/generations.ts";
import { type AsPath, EMPTY_PATH } from "./as-path.ts";
import type { RawAttribute } from "./wire.ts";

/** What a path says of itself, but for its next hop, which the RIB keeps beside it: so neighbours of one speaker share their attributes. */

export const ORIGIN_IGP = 0;
export const ORIGIN_INCOMPLETE = 2;
/** The names of IGP, EGP and INCOMPLETE in shows, in commands, and in tables (bgpd/bgp_attr.c: bgp_origin_long_str, bgp_origin_str). */
export const ORIGIN_NAMES: readonly string[] = ["IGP", "EGP", "incomplete"];
export const ORIGIN_WORDS: readonly string[] = ["igp", "egp", "incomplete"];
export const ORIGIN_CODES: readonly string[] = ["i", "e", "?"];
const DIGITS: readonly string[] = ["0", "1", "2"];

export interface Aggregator {
  readonly as: number;
  readonly address: Ipv4;
}

/** The fields of `Attributes`. */
export interface AttributeFields {
  readonly origin: number;
  readonly asPath: AsPath;
  /** MULTI_EXIT_DISC; undefined: none. */
  readonly med: number | undefined;
  /** Undefined: none; the decision then takes the default (100). */
  readonly localPref: number | undefined;
  readonly atomicAggregate: boolean;
  readonly aggregator: Aggregator | undefined;
  /** Sorted, each once. */
  readonly communities: readonly number[];
  readonly originatorId: Ipv4 | undefined;
  readonly clusterList: readonly Ipv4[];
  /** Eight octets each, as hexadecimal digits, sorted. */
  readonly extended: readonly string[];
  /** Twelve octets each. */
  readonly large: readonly string[];
  /** Accumulated IGP metric (RFC 7311). */
  readonly aigp: number | undefined;
  /** The AS that passed it on to a customer, a peer or a client of a route server (RFC 9234 §5: Only to Customer). */
  readonly otc: number | undefined;
  /** Transitive ones that are not known here: passed on with the partial bit (§5). */
  readonly unknown: readonly RawAttribute[];
  /** Of this router alone, never sent. */
  readonly weight: number;
  readonly tag: number;
}

/** Immutable. Equal ones are mostly the same object: compare with `sameAttributes`. */
export class Attributes implements AttributeFields {
  readonly origin: number;
  readonly asPath: AsPath;
  readonly med: number | undefined;
  readonly localPref: number | undefined;
  readonly atomicAggregate: boolean;
  readonly aggregator: Aggregator | undefined;
  readonly communities: readonly number[];
  readonly originatorId: Ipv4 | undefined;
  readonly clusterList: readonly Ipv4[];
  readonly extended: readonly string[];
  readonly large: readonly string[];
  readonly aigp: number | undefined;
  readonly otc: number | undefined;
  readonly unknown: readonly RawAttribute[];
  readonly weight: number;
  readonly tag: number;
  /** Tells those of one path apart. */
  readonly key: string;
  /** Equal for equal ones. */
  readonly hash: number;

  constructor(f: AttributeFields, key: string, hash: number) {
    this.origin = f.origin;
    this.asPath = f.asPath;
    this.med = f.med;
    this.localPref = f.localPref;
    this.atomicAggregate = f.atomicAggregate;
    this.aggregator = f.aggregator;
    this.communities = f.communities;
    this.originatorId = f.originatorId;
    this.clusterList = f.clusterList;
    this.extended = f.extended;
    this.large = f.large;
    this.aigp = f.aigp;
    this.otc = f.otc;
    this.unknown = f.unknown;
    this.weight = f.weight;
    this.tag = f.tag;
    this.key = key;
    this.hash = hash;
  }
  /** These with some changed. */
  with(changes: Partial<AttributeFields>): Attributes {
    return makeAttributes({ ...fieldsOf(this), ...changes });
  }
  /** As they go to an external neighbour over `asPath`; they have no communities and no cluster list. */
  withPath(asPath: AsPath): Attributes {
    const { origin, med, atomicAggregate, aggregator, aigp, otc, unknown } = this;
    return makeAttributes({
      origin,
      asPath,
      med,
      localPref: undefined,
      atomicAggregate,
      aggregator,
      communities: NONE,
      originatorId: undefined,
      clusterList: NONE,
      extended: NONE,
      large: NONE,
      aigp,
      otc,
      unknown,
      weight: 0,
      tag: 0,
    });
  }
}

const NONE: readonly never[] = [];

/** Those of an empty path without anything. */
export const PLAIN: AttributeFields = {
  origin: ORIGIN_IGP,
  asPath: EMPTY_PATH,
  med: undefined,
  localPref: undefined,
  atomicAggregate: false,
  aggregator: undefined,
  communities: NONE,
  originatorId: undefined,
  clusterList: NONE,
  extended: NONE,
  large: NONE,
  aigp: undefined,
  otc: undefined,
  unknown: NONE,
  weight: 0,
  tag: 0,
};

function fieldsOf(a: Attributes): AttributeFields {
  const { origin, asPath, med, localPref, atomicAggregate, aggregator, communities, originatorId } = a;
  const { clusterList, extended, large, aigp, otc, unknown, weight, tag } = a;
  return {
    ...{ origin, asPath, med, localPref, atomicAggregate, aggregator, communities, originatorId },
    ...{ clusterList, extended, large, aigp, otc, unknown, weight, tag },
  };
}

/** Attributes by hash. Only a saving: of two with one hash the later ones stand. */
const pool = new Generations<Attributes>(1 << 16);

export function makeAttributes(f: AttributeFields): Attributes {
  const key = keyOf(f);
  let hash = f.asPath.hash;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  const known = pool.get(hash);
  if (known !== undefined && known.key === key && known.asPath.same(f.asPath)) return known;
  const made = new Attributes(f, key, hash);
  pool.set(hash, made);
  return made;
}

export const sameAttributes = (a: Attributes, b: Attributes): boolean =>
  a === b || (a.hash === b.hash && a.key === b.key && a.asPath.same(b.asPath));

/** All but the path. */
function keyOf(f: AttributeFields): string {
  let key = DIGITS[f.origin] ?? `${f.origin}`;
  if (f.med !== undefined) key += `|m${f.med}`;
  if (f.localPref !== undefined) key += `|p${f.localPref}`;
  if (f.atomicAggregate) key += "|a";
  if (f.aggregator !== undefined) key += `|g${f.aggregator.as} ${f.aggregator.address}`;
  if (f.communities.length > 0) key += `|c${f.communities.join()}`;
  if (f.originatorId !== undefined) key += `|o${f.originatorId}`;
  if (f.clusterList.length > 0) key += `|l${f.clusterList.join()}`;
  if (f.extended.length > 0) key += `|e${f.extended.join()}`;
  if (f.large.length > 0) key += `|L${f.large.join()}`;
  if (f.aigp !== undefined) key += `|i${f.aigp}`;
  if (f.otc !== undefined) key += `|O${f.otc}`;
  if (f.weight !== 0) key += `|w${f.weight}`;
  if (f.tag !== 0) key += `|t${f.tag}`;
  for (const u of f.unknown) key += `|u${u.flags},${u.type},${hex(u.value)}`;
  return key;
}
