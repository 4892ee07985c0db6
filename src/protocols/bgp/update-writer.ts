import type { Ipv4 } from "../../core/addr.ts";
import { setU16, setU32 } from "../../core/bytes.ts";
import { remember } from "./attribute-cache.ts";
import type { Sender } from "./attribute-decode.ts";
import { attributesRoom, writeAttributes } from "./attribute-encode.ts";
import type { Attributes } from "./attributes.ts";
import type { AdjOut } from "./egress.ts";
import type { Told } from "./rib.ts";
import { encodePrefix, HEADER, setHeader, UPDATE } from "./wire.ts";

const PREFIX_ROOM = 5;

/** Buffers of writers that are done, for others to use again. */
const spare: Uint8Array[] = [];
const [SPARE_MAX, SPARE_BYTES_MAX] = [4, 1 << 22];

/** UPDATEs one behind the other in one buffer, for every neighbour of a group: only next hops differ. */
export class UpdateWriter {
  readonly #as4: boolean;
  readonly #sort: Sender["sort"];
  readonly #messageMax: number;
  /** Prefixes go with the identifiers of their paths (RFC 7911 §3). */
  readonly #ids: boolean;
  readonly #perPrefix: number;
  #b = spare.pop() ?? new Uint8Array(512);
  #end = 0;
  /** Where next hops stand that are the sender's own address. */
  #ownHops: number[] = [];
  messages = 0;

  /** `sort`: which kind of neighbour this router is to those who will read. */
  constructor(as4: boolean, sort: Sender["sort"], messageMax: number, ids = false) {
    this.#as4 = as4;
    this.#sort = sort;
    this.#messageMax = messageMax;
    this.#ids = ids;
    this.#perPrefix = ids ? PREFIX_ROOM + 4 : PREFIX_ROOM;
  }

  get length(): number {
    return this.#end;
  }

  /** Announces prefixes that share their attributes, in as few messages as hold them. */
  announce(out: AdjOut, nodes: readonly Told[]): void {
    const room = attributesRoom(out.attributes) + HEADER + 4;
    for (let i = 0; i < nodes.length; ) {
      const start = this.#begin(room + this.#prefixRoom(nodes.length - i));
      setU16(this.#b, start + HEADER, 0);
      const at = start + HEADER + 4;
      const written = writeAttributes(out.attributes, out.nextHop, { as4: this.#as4 }, this.#b, at);
      setU16(this.#b, at - 2, written.end - at);
      if (i === 0 && isPlain(out.attributes))
        remember(this.#b, at, written.end, written.nextHopAt, { as4: this.#as4, sort: this.#sort }, out.attributes);
      // Attributes that leave no room for a prefix cannot be announced at all (RFC 4271 §9.2).
      if (written.end + this.#perPrefix > start + this.#messageMax) return;
      if (out.nextHop === 0) this.#ownHops.push(written.nextHopAt);
      i = this.#prefixes(nodes, i, start, written.end);
    }
  }
  withdraw(nodes: readonly Told[]): void {
    for (let i = 0; i < nodes.length; ) {
      const start = this.#begin(HEADER + 4 + this.#prefixRoom(nodes.length - i));
      i = this.#prefixes(nodes, i, start, start + HEADER + 2, 2);
      const end = this.#end;
      setU16(this.#b, start + HEADER, end - start - HEADER - 4);
      setU16(this.#b, end - 2, 0);
    }
  }
  /** RFC 4724 §2: an UPDATE without anything. */
  endOfRib(): void {
    const start = this.#begin(HEADER + 4);
    this.#b.fill(0, start + HEADER, start + HEADER + 4);
    this.#finish(start, start + HEADER + 4);
  }

  /** The octets for one neighbour, where this router has the address `own`. They are overwritten by the next call. */
  octetsFor(own: Ipv4): Uint8Array {
    for (const at of this.#ownHops) setU32(this.#b, at, own);
    return this.#b.subarray(0, this.#end);
  }

  /** What was written is sent, or copied: the writer is not used again. */
  done(): void {
    if (spare.length < SPARE_MAX && this.#b.length <= SPARE_BYTES_MAX) spare.push(this.#b);
    this.#b = NOTHING;
  }

  /** Writes prefixes from `i` on; returns the first one that did not fit. `tail`: octets that must follow. */
  #prefixes(nodes: readonly Told[], i: number, start: number, from: number, tail = 0): number {
    const limit = start + this.#messageMax - this.#perPrefix - tail;
    let at = from;
    let n = i;
    while (n < nodes.length && at <= limit) {
      const node = nodes[n++] as Told;
      if (this.#ids) {
        setU32(this.#b, at, node.pathId ?? 0);
        at += 4;
      }
      at = encodePrefix(node.address, node.length, this.#b, at);
    }
    this.#finish(start, at + tail);
    return n;
  }
  /** Octets for so many prefixes, as far as one message holds them. */
  #prefixRoom(count: number): number {
    return Math.min(this.#messageMax, this.#perPrefix * count);
  }
  #begin(room: number): number {
    const start = this.#end;
    if (start + room > this.#b.length) {
      const larger = new Uint8Array(Math.max(2 * this.#b.length, start + room));
      larger.set(this.#b);
      this.#b = larger;
    }
    return start;
  }
  #finish(start: number, end: number): void {
    setHeader(this.#b, start, end - start, UPDATE);
    this.#end = end;
    this.messages++;
  }
}

const NOTHING = new Uint8Array(0);

/** Whether reading gives back just these: mandatory ones, and nothing that the reader changes. */
const isPlain = ({ unknown, clusterList, originatorId, localPref, aggregator, asPath }: Attributes): boolean =>
  unknown.length === 0 &&
  clusterList.length === 0 &&
  originatorId === undefined &&
  localPref === undefined &&
  aggregator === undefined &&
  asPath.plain &&
  asPath.hops > 0;
