import type { OsAlarm } from "../../core/os.ts";
import { type Nanos, NEVER, S } from "../../core/time.ts";
import type { Bgp } from "./bgp.ts";
import type { Peer } from "./peer.ts";
import { FROM_PEER, type RibNode } from "./rib.ts";
import { Route } from "./route.ts";
import type { Conditional } from "./settings.ts";

/**
 * Conditional advertisement: a scanner asks every so often whether the table has what the other map permits
 * (bgpd/bgp_conditional_adv.c:bgp_conditional_adv_timer).
 */
export class Conditions {
  readonly #bgp: Bgp;
  readonly #alarm: OsAlarm;
  /** By both maps: whether what the first permits is announced. What was not asked yet is. */
  #open = new Map<string, boolean>();

  constructor(bgp: Bgp) {
    this.#bgp = bgp;
    this.#alarm = bgp.os.alarm(() => this.#scan());
  }

  /** Settings have changed, or a session is up: begins the scanner where it is needed, and stops it where not. */
  restart(): void {
    const needed = [...this.#bgp.peers.values()].some((p) => p.settings.conditional !== undefined);
    if (!needed) {
      this.#alarm.set(NEVER);
      this.#open.clear();
      return;
    }
    this.#alarm.set(this.#bgp.os.now() + this.#bgp.globals.conditionalS * S);
  }
  /** A neighbour has got a condition, or is up. */
  touched(): void {
    if (this.#alarm.deadline !== NEVER) return;
    this.restart();
    if (this.#alarm.deadline !== NEVER) this.#alarm.set(this.#bgp.os.now());
  }
  /** When it looks next. */
  get scanAt(): Nanos {
    return this.#alarm.deadline;
  }
  stop(): void {
    this.#alarm.set(NEVER);
  }

  /**
   * What the condition of a neighbour says to a route that is about to go out. `deny`: it waits. `permit`: it goes as the advertise-map has made it,
   * whatever the outbound route map says (`subgroup_announce_check`). Undefined: the condition is not about this route.
   */
  decide(peer: Peer, route: Route): "permit" | "deny" | undefined {
    const { conditional } = peer.settings;
    const { routeMaps } = this.#bgp.policy;
    const open = conditional === undefined ? undefined : this.#open.get(keyOf(conditional));
    if (conditional === undefined || open === undefined || routeMaps.find(conditional.map) === undefined)
      return undefined;
    if (routeMaps.apply(conditional.map, open ? route : route.copy()) === "deny") return undefined;
    return open ? "permit" : "deny";
  }
  /** Whether what the neighbour's map permits goes out now; undefined: it has no condition, or nobody has looked yet. */
  stateOf(peer: Peer): boolean | undefined {
    const { conditional } = peer.settings;
    return conditional === undefined ? undefined : this.#open.get(keyOf(conditional));
  }

  #scan(): void {
    const before = this.#open;
    this.#open = new Map();
    for (const { settings } of this.#bgp.peers.values()) {
      const c = settings.conditional;
      if (c !== undefined && !this.#open.has(keyOf(c))) this.#open.set(keyOf(c), this.#holds(c));
    }
    for (const group of this.#bgp.outbound.groups) {
      const c = group.conditional;
      if (c !== undefined && before.get(keyOf(c)) !== this.#open.get(keyOf(c))) group.refill();
    }
    this.restart();
  }

  #holds(c: Conditional): boolean {
    for (const node of this.#bgp.rib) if (this.#permits(c.condition, node)) return c.exists;
    return !c.exists;
  }
  #permits(map: string, node: RibNode): boolean {
    return node.paths.some((p) => {
      const from = p.kind === FROM_PEER ? (p.source as Peer) : undefined;
      const route = new Route(this.#bgp, node, p.attributes, p.nextHop.address, from, undefined, "bgp");
      return this.#bgp.policy.routeMaps.apply(map, route) === "permit";
    });
  }
}

const keyOf = (c: Conditional): string => JSON.stringify([c.map, c.condition, c.exists]);
