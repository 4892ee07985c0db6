import type { Packet } from "../../../../core/packet.ts";
import type { Nanos } from "../../../../core/time.ts";
import type { Kernel } from "../../kernel.ts";
import type { Verdict } from "../filters/filter.ts";

/** What a filter does with the packets that it matches (`struct tc_action`). */
export abstract class Action {
  /** What `tc` calls it. */
  abstract readonly kind: "gact" | "police" | "mirred";
  readonly kernel: Kernel;
  /** The number by which the node knows it among those of its kind; 0 until a filter has it. */
  index: number;
  /** Filters that have it. */
  users = 0;
  readonly installedAt: Nanos;
  usedAt: Nanos;
  firstUsedAt: Nanos = 0;
  packets = 0;
  bytes = 0;
  drops = 0;
  overlimits = 0;

  /** `index`: 0 draws the lowest that is free, once a filter has it. */
  constructor(kernel: Kernel, index: number) {
    this.kernel = kernel;
    this.index = index;
    this.installedAt = kernel.sim.now;
    this.usedAt = kernel.sim.now;
  }

  abstract act(p: Packet, length: number): Verdict;

  /** A filter has it from now on. */
  hold(): void {
    if (this.users++ > 0) return;
    const known = tableOf(this.kernel, this.kind);
    for (let index = 1; this.index === 0; index++) if (!known.has(index)) this.index = index;
    known.set(this.index, this);
  }
  /** A filter lets it go: without any, its number is free. */
  release(): void {
    if (--this.users === 0) tableOf(this.kernel, this.kind).delete(this.index);
  }

  protected count(length: number): void {
    const { now } = this.kernel.sim;
    this.packets++;
    this.bytes += length;
    if (this.packets === 1) this.firstUsedAt = now;
    this.usedAt = now;
  }
}

/** The action of a kind that filters have under a number: it may be had by others too. */
export const actionOf = (kernel: Kernel, kind: Action["kind"], index: number): Action | undefined =>
  tableOf(kernel, kind).get(index);

/** What the filters of a node have, by kind and number. */
const tables = new WeakMap<Kernel, Map<string, Map<number, Action>>>();

function tableOf(kernel: Kernel, kind: string): Map<number, Action> {
  const kinds = tables.get(kernel) ?? new Map<string, Map<number, Action>>();
  tables.set(kernel, kinds);
  const table = kinds.get(kind) ?? new Map<number, Action>();
  kinds.set(kind, table);
  return table;
}
