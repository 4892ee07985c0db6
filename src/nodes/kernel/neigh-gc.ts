import { Alarm } from "../../core/sim.ts";
import { MS, type Nanos, NEVER, S } from "../../core/time.ts";
import type { Neighbour } from "./neigh.ts";
import type { NeighTable } from "./neigh-table.ts";

/** The rounds come at least this far apart, whatever the reachable time. */
const PERIOD_MIN: Nanos = S;

/**
 * Forgets neighbours that nobody has used for `gc_stale_time`, while there are `gc_thresh1` of them or more
 * (net/core/neighbour.c:neigh_periodic_work).
 */
export class NeighCollector {
  readonly #table: NeighTable;
  #alarm: Alarm | null = null;

  constructor(table: NeighTable) {
    this.#table = table;
  }

  /** An entry was added: from `gc_thresh1` on, the next round does something. */
  added(): void {
    if (this.#table.size < this.#table.gcThresh1) return;
    const { sim, name } = this.#table.kernel;
    this.#alarm ??= new Alarm(sim, name, () => this.#round());
    if (this.#alarm.deadline === NEVER) this.#alarm.set((Math.floor(sim.now / this.#period) + 1) * this.#period);
  }

  /** Half the reachable time of `default`; the rounds are counted from the start. */
  get #period(): Nanos {
    return Math.max(Math.floor(this.#table.kernel.sysctl.neighDefault.baseReachableNs / 2), PERIOD_MIN);
  }

  #round(): void {
    const { now } = this.#table.kernel.sim;
    if (this.#table.size < this.#table.gcThresh1) return;
    for (const n of [...this.#table.entries()]) if (isForgotten(n, now)) this.#table.remove(n);
    this.added();
  }
}

/** Nothing is being asked of it, and nobody asked it anything for long. */
function isForgotten(n: Neighbour, now: Nanos): boolean {
  if (n.state === "failed") return true;
  if (n.state !== "stale" && n.state !== "noarp" && n.state !== "none") return false;
  return now >= Math.max(n.usedMs * MS, n.confirmedAt) + n.dev.inet.neighParms.gcStaleNs;
}
