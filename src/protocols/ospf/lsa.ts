import type { Ipv4 } from "../../core/addr.ts";
import { i32, setU16, u16, u32 } from "../../core/bytes.ts";
import { Generations } from "../../core/generations.ts";
import { lsaChecksum, lsaChecksumHolds } from "./lsa-checksum.ts";
import {
  decodeLsaBody,
  encodeLsaBody,
  encodeLsaHeader,
  LSA_HEADER,
  type LsaBody,
  type LsaHeader,
  lsaBodyLength,
  MAX_AGE,
} from "./lsa-codec.ts";

import { type Shape, sameAttached, sameWays, shapeOf } from "./shape.ts";

/** Two instances of one age or nearly, in seconds, count as the same (RFC 2328 appendix B: MaxAgeDiff). */
const MAX_AGE_DIFF = 900;

/** One instance of an advertisement. It never changes, so that the databases of all routers share it; its age stands with who keeps it. */
export class Lsa {
  readonly type: number;
  readonly options: number;
  readonly id: Ipv4;
  readonly adv: Ipv4;
  /** 32 bits, signed: as they are compared. */
  readonly seq: number;
  readonly checksum: number;
  /** Octets, header included. */
  readonly length: number;
  /** The whole advertisement, its age 0. Nobody writes to it. */
  readonly bytes: Uint8Array;
  #body: LsaBody | undefined;
  #shape: Shape | undefined;
  /** The instance that this one was compared with last, and what was the same: all routers compare the same two. */
  #comparedWith: Lsa | undefined;
  #sameWays = false;
  #sameAttached = false;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.options = bytes[2] as number;
    this.type = bytes[3] as number;
    this.id = u32(bytes, 4);
    this.adv = u32(bytes, 8);
    this.seq = i32(bytes, 12);
    this.checksum = u16(bytes, 16);
    this.length = bytes.length;
    this.#body = undefined;
    this.#shape = undefined;
    this.#comparedWith = undefined;
  }

  get body(): LsaBody {
    return (this.#body ??= decodeLsaBody(this.type, this.bytes, LSA_HEADER, this.length));
  }

  /** What it says of ways and prefixes, when it is of a router or network. */
  get shape(): Shape {
    return (this.#shape ??= shapeOf(this));
  }
  /** Whether distances are the same as with another instance. */
  leadsAs(other: Lsa): boolean {
    this.#compare(other);
    return this.#sameWays;
  }
  /** Whether it attaches the same prefixes as another instance. */
  attachesAs(other: Lsa): boolean {
    this.#compare(other);
    return this.#sameAttached;
  }
  #compare(other: Lsa): void {
    if (this.#comparedWith === other) return;
    this.#comparedWith = other;
    this.#sameWays = sameWays(this.shape, other.shape);
    this.#sameAttached = sameAttached(this.shape, other.shape);
  }

  /** Whether routes are the same with either: options and contents, not sequence number and checksum (RFC 2328 §13.2). */
  sameContents(other: Lsa): boolean {
    return this === other || (this.options === other.options && equalFrom(this.bytes, other.bytes, LSA_HEADER));
  }

  header(age: number): LsaHeader {
    const { options, type, id, adv, seq, checksum, length } = this;
    return { age, options, type, id, adv, seq: seq >>> 0, checksum, length };
  }
}

/** The parts of an instance by which it is newer or older than another. `seq`: signed. */
export interface Instance {
  readonly seq: number;
  readonly checksum: number;
}

/** Which of two instances is newer: positive when `a` is, 0 when they are the same (RFC 2328 §13.1). Ages in seconds. */
export function compareInstances(a: Instance, ageA: number, b: Instance, ageB: number): number {
  if (a.seq !== b.seq) return a.seq > b.seq ? 1 : -1;
  if (a.checksum !== b.checksum) return a.checksum > b.checksum ? 1 : -1;
  if (ageA >= MAX_AGE || ageB >= MAX_AGE) return ageA >= MAX_AGE && ageB >= MAX_AGE ? 0 : ageA >= MAX_AGE ? 1 : -1;
  if (Math.abs(ageA - ageB) > MAX_AGE_DIFF) return ageA < ageB ? 1 : -1;
  return 0;
}

/** Instances that were seen lately, by a mixture of their octets: each generation has at most so many. */
const INSTANCES = new Generations<Lsa>(32_768);

/** The instance whose octets from the options on are those of [o, end). */
function instance(b: Uint8Array, o: number, end: number): Lsa | undefined {
  const known = INSTANCES.get(keyOf(b, o));
  return known !== undefined && equals(known, b, o, end) ? known : undefined;
}
function remember(lsa: Lsa): Lsa {
  INSTANCES.set(keyOf(lsa.bytes, 0), lsa);
  return lsa;
}

/** The instance that stands in [o, end) of a packet; undefined: its checksum is wrong. `likely`: perhaps it is that one. */
export function readLsa(b: Uint8Array, o: number, end: number, likely?: Lsa): Lsa | undefined {
  if (likely !== undefined && likely.seq === i32(b, o + 12) && equals(likely, b, o, end)) return likely;
  const known = instance(b, o, end);
  if (known !== undefined) return known;
  if (!lsaChecksumHolds(b, o, end)) return undefined;
  const bytes = b.slice(o, end);
  setU16(bytes, 0, 0);
  return remember(new Lsa(bytes));
}

/** What is needed to make an instance. `seq`: signed. */
export interface LsaMake {
  readonly type: number;
  readonly options: number;
  readonly id: Ipv4;
  readonly adv: Ipv4;
  readonly seq: number;
  readonly body: LsaBody;
}

/** Makes an instance, with its checksum. */
export function makeLsa(make: LsaMake): Lsa {
  const { type, options, id, adv, seq, body } = make;
  const length = LSA_HEADER + lsaBodyLength(body);
  const bytes = new Uint8Array(length);
  encodeLsaHeader({ age: 0, options, type, id, adv, seq: seq >>> 0, checksum: 0, length }, bytes, 0);
  encodeLsaBody(body, bytes, LSA_HEADER);
  setU16(bytes, 16, lsaChecksum(bytes, 0, length));
  return instance(bytes, 0, length) ?? remember(new Lsa(bytes));
}

/** Adv, id, sequence number and checksum, mixed. */
const keyOf = (b: Uint8Array, o: number): number =>
  Math.imul(i32(b, o + 8), 0x9e3779b1) ^
  Math.imul(i32(b, o + 4), 0x85ebca6b) ^
  Math.imul(i32(b, o + 12), 0xc2b2ae35) ^
  Math.imul(i32(b, o + 16), 0x27d4eb2f);

function equals(lsa: Lsa, b: Uint8Array, o: number, end: number): boolean {
  const { bytes } = lsa;
  if (bytes.length !== end - o) return false;
  for (let i = 2; i < bytes.length; i++) if (bytes[i] !== b[o + i]) return false;
  return true;
}

function equalFrom(a: Uint8Array, b: Uint8Array, from: number): boolean {
  if (a.length !== b.length) return false;
  for (let i = from; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
