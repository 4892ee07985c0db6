import type { OsAlarm } from "../../core/os.ts";
import { type Nanos, NEVER, S } from "../../core/time.ts";
import type { Bgp } from "./bgp.ts";
import type { Peer } from "./peer.ts";
import { FROM_PEER, type NextHop, type Path } from "./rib.ts";
import type { DampeningSettings } from "./settings.ts";

/** How routes that come and go are held down (RFC 2439), with the figures of bgpd/bgp_damp.c. */

const PENALTY = 1000;
/** Penalties decay in steps. */
const STEP_S = 5;
/** How often it is looked whether a route may be used again. */
const REUSE_EVERY = 15 * S;

/** A path that has come and gone. */
export interface Flaps {
  penalty: number;
  count: number;
  readonly since: Nanos;
  updatedAt: Nanos;
  /** Its neighbour has withdrawn it: what is here is history. */
  history: boolean;
  /** The last that was heard of it was that it is gone. */
  gone: boolean;
  damped: boolean;
  /** Its next hop, while the path is not used. */
  nextHop: NextHop | undefined;
}

export class Dampening {
  readonly #bgp: Bgp;
  readonly #flaps = new Map<Path, Flaps>();
  readonly #alarm: OsAlarm;

  constructor(bgp: Bgp) {
    this.#bgp = bgp;
    this.#alarm = bgp.os.alarm(() => this.#reuse());
  }

  get idle(): boolean {
    return this.#flaps.size === 0;
  }
  of(path: Path): Flaps | undefined {
    return this.#flaps.size === 0 ? undefined : this.#flaps.get(path);
  }
  /** The next hop of a path, used or held down. */
  nextHopOf(path: Path): NextHop {
    return this.of(path)?.nextHop ?? path.nextHop;
  }
  /** Whether there is a way to the next hop of a path, used or held down; not of one that is history. */
  isValid(path: Path): boolean {
    return this.of(path)?.history !== true && this.nextHopOf(path).valid;
  }
  paths(): readonly (readonly [Path, Flaps])[] {
    return [...this.#flaps];
  }

  /** Its neighbour withdraws a path. Returns whether it stays in the table, as history (bgp_damp_withdraw). */
  withdrawn(path: Path): boolean {
    const settings = this.#settingsOf(path);
    if (settings === undefined) return false;
    const flaps = this.#punish(path, settings, PENALTY);
    flaps.history = flaps.gone = true;
    this.#hold(path, flaps);
    return true;
  }
  /** Something comes for a path that may be held down: it is as it was before that. */
  lift(path: Path): Flaps | undefined {
    const flaps = this.of(path);
    if (flaps !== undefined) this.#release(path, flaps);
    return flaps;
  }
  /** A path is another one now, or is back (bgp_damp_update). `same`: it says what it said before. */
  announced(path: Path, same: boolean): void {
    const settings = this.#settingsOf(path);
    if (settings === undefined) return;
    const known = this.of(path);
    const flaps = same || known?.history === true ? known : this.#punish(path, settings, PENALTY / 2);
    if (flaps === undefined) return;
    flaps.history = flaps.gone = false;
    const now = this.#bgp.os.now();
    flaps.penalty = decayed(flaps.penalty, now - flaps.updatedAt, settings);
    if (flaps.damped && flaps.penalty < settings.reuse) flaps.damped = false;
    if (flaps.penalty > settings.reuse / 2) flaps.updatedAt = now;
    else this.#flaps.delete(path);
    if (flaps.damped) this.#hold(path, flaps);
  }
  /** What came for it said nothing new. */
  settle(path: Path): void {
    const flaps = this.of(path);
    if (flaps !== undefined && (flaps.damped || flaps.history)) this.#hold(path, flaps);
  }
  /** A path is about to go for good. */
  forget(path: Path): void {
    if (this.lift(path) !== undefined) this.#flaps.delete(path);
  }
  /** What is known of flaps is forgotten, where `chosen`: paths are used again, and history is over (bgp_damp_info_clean). */
  clear(chosen: (path: Path) => boolean): void {
    for (const [path, flaps] of this.paths()) if (chosen(path)) this.#end(path, flaps);
  }
  stop(): void {
    this.#alarm.set(NEVER);
  }

  #settingsOf(path: Path): DampeningSettings | undefined {
    if (path.kind !== FROM_PEER || path.source.sort !== "ebgp") return undefined;
    return (path.source as Peer).settings.dampening ?? this.#bgp.globals.dampening;
  }
  #punish(path: Path, settings: DampeningSettings, penalty: number): Flaps {
    const now = this.#bgp.os.now();
    const known = this.of(path);
    const flaps = known ?? {
      ...{ penalty: 0, count: 0, since: now, updatedAt: now },
      ...{ history: false, gone: false, damped: false, nextHop: undefined },
    };
    if (known === undefined) this.#flaps.set(path, flaps);
    flaps.penalty = decayed(flaps.penalty, now - flaps.updatedAt, settings) + penalty;
    if (known !== undefined) flaps.penalty = Math.min(flaps.penalty, ceilingOf(settings));
    flaps.count++;
    flaps.updatedAt = now;
    if (flaps.penalty < settings.suppress) return flaps;
    flaps.damped = true;
    if (this.#alarm.deadline === NEVER) this.#alarm.set(now + REUSE_EVERY);
    return flaps;
  }

  /** A path that is not used has a next hop that leads nowhere. */
  #hold(path: Path, flaps: Flaps): void {
    if (flaps.nextHop !== undefined) return;
    flaps.nextHop = path.nextHop;
    path.nextHop = this.#bgp.nextHops.loop(path.nextHop.address);
    (path.source as Peer).accepted--;
    this.#bgp.enqueue(path.node);
  }
  #release(path: Path, flaps: Flaps): void {
    if (flaps.nextHop === undefined) return;
    path.nextHop = flaps.nextHop;
    flaps.nextHop = undefined;
    (path.source as Peer).accepted++;
    path.node.changed = true;
    this.#bgp.enqueue(path.node);
  }
  #end(path: Path, flaps: Flaps): void {
    this.forget(path);
    if (flaps.gone) this.#bgp.inbound.removePath(path.node, path);
  }

  /** RFC 2439 §4.8.7. */
  #reuse(): void {
    this.#alarm.set(NEVER);
    const now = this.#bgp.os.now();
    let waiting = false;
    for (const [path, flaps] of this.paths()) {
      const settings = this.#settingsOf(path);
      if (!flaps.damped) continue;
      if (settings === undefined) {
        this.#end(path, flaps);
        continue;
      }
      flaps.penalty = decayed(flaps.penalty, now - flaps.updatedAt, settings);
      flaps.updatedAt = now;
      if (flaps.penalty >= settings.reuse) {
        waiting = true;
        continue;
      }
      flaps.damped = false;
      if (!flaps.gone) this.#release(path, flaps);
      if (flaps.penalty <= settings.reuse / 2) this.#end(path, flaps);
    }
    if (waiting) this.#alarm.set(now + REUSE_EVERY);
  }
}

/** What is left of a penalty after so long; beyond the longest time that routes are suppressed: nothing. */
export function decayed(penalty: number, elapsed: Nanos, settings: DampeningSettings): number {
  const steps = Math.floor(elapsed / (STEP_S * S));
  if (steps === 0) return penalty;
  if (steps >= (settings.maxMin * 60) / STEP_S) return 0;
  return Math.floor(penalty * power(stepFactor(settings.halfMin), steps));
}

/** No penalty is higher: from there it decays to the reuse limit within the longest time of suppression. */
export function ceilingOf(s: DampeningSettings): number {
  const halves = power(2, Math.floor(s.maxMin / s.halfMin));
  const rest = power(stepFactor(s.halfMin), ((s.maxMin % s.halfMin) * 60) / STEP_S);
  return Math.floor((s.reuse * halves) / rest);
}

/** What is left after one step: half to the power of 5 s by half-life, found by bisection, so that all machines agree. */
function stepFactor(halfMin: number): number {
  const n = (halfMin * 60) / STEP_S;
  let [low, high] = [0, 1];
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (power(middle, n) < 0.5) low = middle;
    else high = middle;
  }
  return high;
}
function power(x: number, n: number): number {
  let y = 1;
  for (let i = 0; i < n; i++) y *= x;
  return y;
}
