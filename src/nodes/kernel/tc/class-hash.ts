import { type Handle, makeHandle } from "./handle.ts";

interface Entry {
  readonly classid: Handle;
}

/**
 * The classes of a qdisc by handle, listed in the order in which Linux's table has them (`struct Qdisc_class_hash`): the
 * order of `tc class show`.
 */
export class ClassHash<C extends Entry> {
  #buckets: C[][] = [[], [], [], []];
  readonly #byId = new Map<Handle, C>();

  get size(): number {
    return this.#byId.size;
  }
  get(classid: Handle): C | undefined {
    return this.#byId.get(classid);
  }

  insert(cl: C): void {
    this.#byId.set(cl.classid, cl);
    this.#bucket(cl.classid).unshift(cl);
  }
  /** Makes room once three quarters of the buckets' number are in use; what moves comes in front (qdisc_class_hash_grow). */
  grow(): void {
    const old = this.#buckets;
    if (this.#byId.size * 4 <= old.length * 3) return;
    this.#buckets = Array.from({ length: old.length * 2 }, () => []);
    for (const bucket of old) for (const cl of bucket) this.#bucket(cl.classid).unshift(cl);
  }

  remove(cl: C): void {
    this.#byId.delete(cl.classid);
    const bucket = this.#bucket(cl.classid);
    bucket.splice(bucket.indexOf(cl), 1);
  }

  *values(): Generator<C> {
    for (const bucket of this.#buckets) yield* bucket;
  }

  /** include/net/sch_generic.h:qdisc_class_hash. */
  #bucket(classid: Handle): C[] {
    let h = classid ^ (classid >>> 8);
    h ^= h >>> 4;
    return this.#buckets[h & (this.#buckets.length - 1)] as C[];
  }
}

/** The classid with the major number of `handle` and the minor of `minor`. */
export const within = (handle: Handle, minor: number): Handle => makeHandle(handle >>> 16, minor);
