import { type Ipv4, maskOf, type Prefix } from "../../core/addr.ts";
import type { Nanos } from "../../core/time.ts";
import type { ZebraNexthop, ZebraWay } from "../../frr/zapi.ts";
import { type Attributes, sameAttributes } from "./attributes.ts";

/** The tables of routes: prefixes, the paths to each, and which one is best. Mutable, and as small as may be: there are many. */

/** How a path came to be. */
export const FROM_PEER = 0;
export const FROM_NETWORK = 1;
export const FROM_REDISTRIBUTE = 2;
export const FROM_AGGREGATE = 3;

/** Who a path is from, as far as the decision asks: a neighbour, or this router itself. */
export interface PathSource {
  readonly sort: "ibgp" | "ebgp" | "confed" | "self";
  /** External, but of the same administration. */
  readonly oad?: boolean;
  /** The neighbour's address; 0: self. */
  readonly address: Ipv4;
  readonly as: number;
  /** The BGP identifier that it has told. */
  readonly remoteId: Ipv4;
  /** Tells sources apart that are created one after the other. */
  readonly serial: number;
}

/** A next hop, shared by all paths that go there. */
export interface NextHop {
  readonly address: Ipv4;
  /** Whether there is a way to it, at what cost, and over what. */
  valid: boolean;
  metric: number;
  /** Paths that use it. */
  uses: number;
  /** Only a connected network will do: that of neighbours one hop away. */
  readonly connected: boolean;
  ways: readonly ZebraNexthop[];
}

const KIND = 3;
const MULTIPATH = 4;
const STALE = 8;

/** One way to a prefix. */
export class Path {
  readonly node: RibNode;
  readonly source: PathSource;
  attributes: Attributes;
  nextHop: NextHop;
  /** When it came, or changed. */
  since: Nanos;
  /** Kept out of announcements by an aggregate, how many times over. */
  suppressed: number;
  /** The identifier that its neighbour gave it (RFC 7911 §3); 0: none. */
  readonly id: number;
  /** As it is told to neighbours that take several paths. */
  told: ToldPath | undefined;
  /** Kind, and what is true or not. */
  #state: number;

  constructor(
    node: RibNode,
    source: PathSource,
    kind: number,
    attributes: Attributes,
    nextHop: NextHop,
    since: Nanos,
    id = 0,
  ) {
    this.node = node;
    this.source = source;
    this.attributes = attributes;
    this.nextHop = nextHop;
    this.since = since;
    this.suppressed = 0;
    this.id = id;
    this.told = undefined;
    this.#state = kind;
  }
  /** `FROM_PEER` and its neighbours. */
  get kind(): number {
    return this.#state & KIND;
  }
  /** Part of a multipath set. */
  get multipath(): boolean {
    return (this.#state & MULTIPATH) !== 0;
  }
  set multipath(on: boolean) {
    this.#state = on ? this.#state | MULTIPATH : this.#state & ~MULTIPATH;
  }
  /** Kept from before its neighbour was lost (graceful restart). */
  get stale(): boolean {
    return (this.#state & STALE) !== 0;
  }
  set stale(on: boolean) {
    this.#state = on ? this.#state | STALE : this.#state & ~STALE;
  }
  get valid(): boolean {
    return this.nextHop.valid;
  }
}

/** What neighbours are told of: a prefix, and where they take several paths, one of them. */
export interface Told extends Prefix {
  readonly pathId?: number;
}
/** One of several paths to a prefix, by the identifier that this router gives it. */
export interface ToldPath extends Told {
  readonly node: RibNode;
  readonly pathId: number;
}

const NO_PATHS: readonly Path[] = [];

/** A prefix. */
export class RibNode implements Prefix {
  readonly address: Ipv4;
  readonly length: number;
  paths: readonly Path[];
  best: Path | undefined;
  /** Why it is: FRR's words. */
  reason: string;
  /** Waits for the decision. */
  queued: boolean;
  /** Of the table when this prefix changed last. */
  version: number;
  /** What zebra was told, so that it is told no twice; undefined: nothing. */
  told: ZebraWay | undefined;
  /** Attributes or members of the multipath set have changed though the best path is the same one. */
  changed: boolean;

  constructor(address: Ipv4, length: number) {
    this.address = address;
    this.length = length;
    this.paths = NO_PATHS;
    this.best = undefined;
    this.reason = "";
    this.queued = false;
    this.version = 0;
    this.told = undefined;
    this.changed = false;
  }
  /** Puts a path before the others. The list has no room to spare: there are many. */
  add(path: Path): void {
    const paths = new Array<Path>(this.paths.length + 1);
    paths[0] = path;
    for (let i = 0; i < this.paths.length; i++) paths[i + 1] = this.paths[i] as Path;
    this.paths = paths;
  }
}

/** Prefixes of one table, at most. */
export const PREFIXES_MAX = 2_000_000;

/** Prefixes by length and address. */
export class Rib {
  readonly #byLength: (Map<number, RibNode> | undefined)[] = new Array(33).fill(undefined);
  size = 0;

  find(address: Ipv4, length: number): RibNode | undefined {
    return this.#byLength[length]?.get(address | 0);
  }
  /** The node of a prefix, made if need be; undefined: the table is full. */
  reach(address: Ipv4, length: number): RibNode | undefined {
    const map = (this.#byLength[length] ??= new Map());
    const known = map.get(address | 0);
    if (known !== undefined) return known;
    if (this.size >= PREFIXES_MAX) return undefined;
    const node = new RibNode(address, length);
    map.set(address | 0, node);
    this.size++;
    return node;
  }
  remove(node: RibNode): void {
    if (this.#byLength[node.length]?.delete(node.address | 0)) this.size--;
  }
  /** All prefixes in no order that means anything, but the same for the same history. */
  *[Symbol.iterator](): IterableIterator<RibNode> {
    for (const map of this.#byLength) if (map !== undefined) yield* map.values();
  }
  /** By address, then length: the order of shows. */
  sorted(): RibNode[] {
    return [...this].sort(comparePrefixes);
  }
  /** The most specific prefix with a path that holds an address. */
  lookup(address: Ipv4): RibNode | undefined {
    for (let length = 32; length >= 0; length--) {
      const node = this.#byLength[length]?.get(address & maskOf(length));
      if (node !== undefined && node.paths.length > 0) return node;
    }
    return undefined;
  }
}

export const comparePrefixes = (a: Prefix, b: Prefix): number => a.address - b.address || a.length - b.length;

/** The path of a source; a neighbour has one for a prefix, this router one of each kind. */
export function findPath(node: RibNode, source: PathSource, kind: number, id = 0): Path | undefined {
  const { paths } = node;
  for (let i = 0; i < paths.length; i++) {
    const p = paths[i] as Path;
    if (p.source === source && p.kind === kind && p.id === id) return p;
  }
  return undefined;
}

/** Whether a path already says this. */
export const saysSame = (p: Path, attributes: Attributes, nextHop: NextHop): boolean =>
  p.nextHop === nextHop && !p.stale && sameAttributes(p.attributes, attributes);
