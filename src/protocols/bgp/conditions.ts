import type { OsAlarm } from "../../core/os.ts";
import { NEVER, S } from "../../core/time.ts";
import type { Attributes } from "./attributes.ts";
import type { Bgp } from "./bgp.ts";
import type { Peer } from "./peer.ts";
import { FROM_PEER, type Path, type RibNode } from "./rib.ts";
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
  stop(): void {
    this.#alarm.set(NEVER);
  }

  /** Whether a path may go to a neighbour as far as its condition goes. */
  admits(peer: Peer, path: Path, attributes: Attributes): boolean {
    const { conditional } = peer.settings;
    if (conditional === undefined || this.#open.get(keyOf(conditional)) !== false) return true;
    const { policy } = this.#bgp;
    if (policy.routeMaps.find(conditional.map) === undefined) return true;
    const from = path.kind === FROM_PEER ? (path.source as Peer) : undefined;
    const route = new Route(this.#bgp, path.node, attributes, path.nextHop.address, from, peer, "bgp");
    return policy.routeMaps.apply(conditional.map, route) === "deny";
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
    const map = this.#bgp.policy.routeMaps.find(c.condition);
    // A map that is not there asks for nothing, and nothing is held back (bgp_conditional_adv_timer).
    if (map === undefined) return true;
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
