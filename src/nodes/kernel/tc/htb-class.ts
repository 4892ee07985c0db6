import type { Nanos } from "../../../core/time.ts";
import type { FilterChain } from "./filters/filter.ts";
import type { Handle } from "./handle.ts";
import type { BoundClass, Qdisc } from "./qdisc.ts";
import type { Rate } from "./rate.ts";

/** TC_HTB_NUMPRIO, TC_HTB_MAXDEPTH. */
export const PRIORITIES = 8;
export const LEVELS = 8;

/** A class cannot send, may send what its parent lends it, or sends what is its own (`enum htb_cmode`). */
export const CANT_SEND = 0;
export const MAY_BORROW = 1;
export const CAN_SEND = 2;

/** A bucket is never deeper in debt than this, and never counts more idle time (`mbuffer`). */
export const DEBT_MAX: Nanos = 60_000_000_000;

/** A class of HTB (`struct htb_class`). Tokens are time: what a bucket holds, in nanoseconds of its rate. */
export class HtbClass implements BoundClass {
  readonly classid: Handle;
  readonly parent: HtbClass | null;
  /** 0: a leaf. Classes at the top have 7, those below one less than their parent. */
  level = 0;
  children = 0;
  holders = 0;
  rate: Rate;
  ceil: Rate;
  buffer: Nanos = 0;
  cbuffer: Nanos = 0;
  tokens: Nanos = 0;
  ctokens: Nanos = 0;
  /** When the tokens were counted last. */
  countedAt: Nanos = 0;
  mode = CAN_SEND;
  prio = 0;
  quantum = 0;
  /** Priorities for which it, or something below it, has packets: bits. */
  activity = 0;
  /** When its mode changes of itself; meaningful while the mode is not `CAN_SEND`. */
  wakesAt: Nanos = 0;
  /** What hangs on a leaf; null on an inner class. */
  leaf: Qdisc | null;
  /** Of a leaf, by the level it borrows from. */
  readonly deficit = new Int32Array(LEVELS);
  /** Of an inner class, by priority: the children that borrow from it. */
  feeds: (Feed | undefined)[] = [];
  filters: FilterChain | undefined;

  packets = 0;
  bytes = 0;
  drops = 0;
  overlimits = 0;
  lends = 0;
  borrows = 0;

  constructor(classid: Handle, parent: HtbClass | null, leaf: Qdisc, rate: Rate, ceil: Rate) {
    this.classid = classid;
    this.parent = parent;
    this.leaf = leaf;
    this.rate = rate;
    this.ceil = ceil;
  }

  feed(prio: number): Feed {
    return (this.feeds[prio] ??= new Feed());
  }
}

/** Classes that are served in turn, by classid, and whose turn it is: a row of a level, or a parent's feed. */
export class Feed {
  readonly #classes: HtbClass[] = [];
  /** Whose turn it is; null: the first one's, or that of `lastId`. */
  at: HtbClass | null = null;
  /** Whose turn it was when that class left. */
  lastId: Handle = 0;

  get empty(): boolean {
    return this.#classes.length === 0;
  }
  get first(): HtbClass {
    return this.#classes[0] as HtbClass;
  }

  add(cl: HtbClass): void {
    insert(this.#classes, this.#find(cl.classid), cl);
  }
  remove(cl: HtbClass): void {
    takeOut(this.#classes, this.#find(cl.classid));
  }
  /** The class behind the one whose turn it is; null behind the last. */
  step(): void {
    if (this.at !== null) this.at = this.#classes[this.#find(this.at.classid) + 1] ?? null;
  }
  /** The first class from `classid` on. */
  from(classid: Handle): HtbClass | null {
    return this.#classes[this.#find(classid)] ?? null;
  }

  /** Where the first class from `classid` on stands. */
  #find(classid: Handle): number {
    const classes = this.#classes;
    let low = 0;
    let high = classes.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((classes[middle] as HtbClass).classid < classid) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** The classes of a level that wait for their mode to change, by when it does. */
export class WaitQueue {
  readonly #classes: HtbClass[] = [];

  get first(): HtbClass | undefined {
    return this.#classes[0];
  }

  /** Behind those that wake at the same time. */
  add(cl: HtbClass): void {
    insert(this.#classes, this.#behind(cl.wakesAt), cl);
  }
  remove(cl: HtbClass): void {
    let i = this.#behind(cl.wakesAt) - 1;
    while (this.#classes[i] !== cl) i--;
    takeOut(this.#classes, i);
  }
  shift(): void {
    this.#classes.shift();
  }
  clear(): void {
    this.#classes.length = 0;
  }

  #behind(at: Nanos): number {
    const classes = this.#classes;
    let low = 0;
    let high = classes.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((classes[middle] as HtbClass).wakesAt <= at) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

// Most queues hold one class: at the end nothing has to move, and no array is made.
function insert(classes: HtbClass[], at: number, cl: HtbClass): void {
  if (at === classes.length) classes.push(cl);
  else classes.splice(at, 0, cl);
}
function takeOut(classes: HtbClass[], at: number): void {
  if (at === classes.length - 1) classes.pop();
  else classes.splice(at, 1);
}
