import type { OsAlarm } from "../../core/os.ts";
import { NEVER, S } from "../../core/time.ts";
import type { Bgp } from "./bgp.ts";
import type { Peer } from "./peer.ts";

/** The MED of a router that others should rather avoid (BGP_MAXMED_VALUE_DEFAULT). */
export const MAX_MED = 4_294_967_294;

/** What a process does differently for a while once its first neighbour is there: `bgp update-delay`, `bgp max-med on-startup` (bgpd/bgp_fsm.c). */
export class StartUp {
  readonly #bgp: Bgp;
  readonly #delay: OsAlarm;
  readonly #wait: OsAlarm;
  readonly #med: OsAlarm;
  readonly #held = new Set<Peer>();
  /** Neighbours that have told everything. */
  readonly #complete = new Set<Peer>();
  #medOver = false;
  #delayOver = false;

  constructor(bgp: Bgp) {
    this.#bgp = bgp;
    this.#delay = bgp.os.alarm(() => this.#end());
    this.#wait = bgp.os.alarm(() => {
      this.#wait.set(NEVER);
      this.#check();
    });
    this.#med = bgp.os.alarm(() => {
      this.#med.set(NEVER);
      this.#medOver = true;
      this.#bgp.outbound.refillAll();
    });
  }

  /** Nothing is decided and told yet. */
  get holding(): boolean {
    return this.#delay.deadline !== NEVER;
  }
  /** The MED that all routes go out with; undefined: their own. */
  get med(): number | undefined {
    const { maxMed } = this.#bgp.globals;
    return maxMed?.administrative ?? (this.#med.deadline === NEVER ? undefined : maxMed?.startup?.med);
  }

  /** A session is up. True: its neighbour is told nothing yet. */
  established(peer: Peer): boolean {
    const { maxMed, updateDelay } = this.#bgp.globals;
    const now = this.#bgp.os.now();
    if (maxMed?.startup === undefined) this.#medOver = true;
    else if (!this.#medOver && this.#med.deadline === NEVER) this.#med.set(now + maxMed.startup.forS * S);
    if (updateDelay === undefined) this.#delayOver = true;
    if (this.#delayOver || updateDelay === undefined) return false;
    if (!this.holding) {
      this.#delay.set(now + updateDelay.delayS * S);
      if (updateDelay.establishS !== updateDelay.delayS) this.#wait.set(now + updateDelay.establishS * S);
    }
    this.#held.add(peer);
    return true;
  }
  lost(peer: Peer): void {
    this.#held.delete(peer);
    this.#complete.delete(peer);
  }
  /** A neighbour has told everything: by an end-of-RIB marker, or by a KEEPALIVE behind its routes. */
  complete(peer: Peer): void {
    if (!this.holding || this.#complete.has(peer)) return;
    this.#complete.add(peer);
    this.#check();
  }
  /** `clear bgp *`: as after a start. */
  again(): void {
    this.#delayOver = false;
    this.#complete.clear();
  }
  stop(): void {
    for (const alarm of [this.#delay, this.#wait, this.#med]) alarm.set(NEVER);
  }

  /** Until the wait for sessions is over, where there is one, all neighbours that may come must have told everything; then those that are there. */
  #check(): void {
    if (!this.holding) return;
    const { updateDelay: d } = this.#bgp.globals;
    const waiting = this.#wait.deadline !== NEVER || d?.establishS === d?.delayS;
    for (const peer of this.#bgp.peers.values()) {
      const counts = peer.up || (waiting && !peer.isShut && peer.activated);
      if (counts && !this.#complete.has(peer)) return;
    }
    this.#end();
  }
  #end(): void {
    this.#delay.set(NEVER);
    this.#wait.set(NEVER);
    this.#delayOver = true;
    const held = [...this.#held];
    this.#held.clear();
    this.#complete.clear();
    for (const peer of held) if (peer.up) this.#bgp.outbound.join(peer);
    this.#bgp.poke();
  }
}
