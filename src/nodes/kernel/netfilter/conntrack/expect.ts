import { type Nanos, S } from "../../../../core/time.ts";
import type { Kernel } from "../../kernel.ts";
import type { ConntrackSysctl } from "./sysctl.ts";
import type { Tuple } from "./tuple.ts";

/** A flow that another one announced (`struct nf_conntrack_expect`). */
export interface Expectation {
  /** The flow that announced it, and the helper that read so. */
  readonly master: number;
  readonly helper: string;
  /** What is expected. A source port of 0 stands for any. */
  readonly tuple: Tuple;
  /** Where translation is to send it: the port that was announced, and the direction that it comes in. */
  readonly savedPort: number;
  readonly dir: number;
  /** Whether it is translated as its master is. */
  readonly follow: boolean;
  expiresAt: Nanos;
}

/** What a helper may expect at once for one flow, and for how long, in seconds. */
export interface ExpectPolicy {
  readonly max: number;
  readonly timeoutS: number;
}

/** The flows that are expected (net/netfilter/nf_conntrack_expect.c). */
export class Expectations {
  readonly stats = { created: 0, deleted: 0, met: 0 };
  readonly #kernel: Kernel;
  readonly #sysctl: ConntrackSysctl;
  #list: Expectation[] = [];

  constructor(kernel: Kernel, sysctl: ConntrackSysctl) {
    this.#kernel = kernel;
    this.#sysctl = sysctl;
  }

  get count(): number {
    return this.#list.length;
  }
  /** What is expected now, the oldest first (`conntrack -L expect`). */
  list(): readonly Expectation[] {
    this.#expire();
    return this.#list;
  }

  /** Announces a flow. `EBUSY`: another one already expects it; `EMFILE`: there are too many. */
  add(e: Omit<Expectation, "expiresAt">, policy: ExpectPolicy): "" | "EBUSY" | "EMFILE" {
    this.#expire();
    const expiresAt = this.#kernel.sim.now + policy.timeoutS * S;
    const same = this.#list.find((x) => clash(x.tuple, e.tuple));
    if (same !== undefined) {
      if (same.master !== e.master || !same.tuple.equals(e.tuple)) return "EBUSY";
      same.expiresAt = expiresAt;
      return "";
    }
    const mine = this.#list.filter((x) => x.master === e.master);
    if (policy.max > 0 && mine.length >= policy.max) this.#drop(mine[0] as Expectation);
    if (this.#list.length >= this.#sysctl.nf_conntrack_expect_max) return "EMFILE";
    this.#list.push({ ...e, expiresAt });
    this.stats.created++;
    return "";
  }

  /** Takes out the expectation that a new flow meets. */
  take(t: Tuple): Expectation | undefined {
    if (this.#list.length === 0) return undefined;
    this.#expire();
    const found = this.#list.find((x) => meets(t, x.tuple));
    if (found !== undefined) {
      this.#drop(found);
      this.stats.met++;
    }
    return found;
  }

  /** A flow is no more, nor is what it announced. */
  forget(master: number): void {
    for (const e of this.#list.filter((x) => x.master === master)) this.#drop(e);
  }

  /** Nothing is expected any more. */
  flush(): void {
    for (const e of this.#list) this.#drop(e);
  }

  #drop(e: Expectation): void {
    this.#list = this.#list.filter((x) => x !== e);
    this.stats.deleted++;
  }

  #expire(): void {
    const { now } = this.#kernel.sim;
    if (this.#list.some((e) => e.expiresAt <= now)) {
      const left = this.#list.filter((e) => e.expiresAt > now);
      this.stats.deleted += this.#list.length - left.length;
      this.#list = left;
    }
  }
}

const meets = (t: Tuple, e: Tuple): boolean =>
  t.protocol === e.protocol &&
  t.src === e.src &&
  t.dst === e.dst &&
  t.dport === e.dport &&
  (e.sport === 0 || t.sport === e.sport);

/** net/netfilter/nf_conntrack_expect.c:expect_clash: one packet could meet both. */
const clash = (a: Tuple, b: Tuple): boolean =>
  a.protocol === b.protocol &&
  a.src === b.src &&
  a.dst === b.dst &&
  a.dport === b.dport &&
  (a.sport === 0 || b.sport === 0 || a.sport === b.sport);
