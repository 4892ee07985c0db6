import type { OsAlarm } from "../../core/os.ts";
import { type Nanos, NEVER, S } from "../../core/time.ts";
import { LLGR_STALE, NO_LLGR, sortedCommunities } from "./community.ts";
import type { Why } from "./machine.ts";
import type { Peer } from "./peer.ts";
import { isIpv4Unicast } from "./wire.ts";

/** A neighbour that restarts: its routes are kept meanwhile (RFC 4724 §4.2, RFC 9494 §4.2), with the names and times of bgpd/bgp_fsm.c. */
export class RestartHelper {
  readonly #peer: Peer;
  /** It keeps forwarding packets of IPv4 unicast while it restarts (PEER_STATUS_NSF_MODE). */
  able = false;
  /** It is lost, and its routes are kept (PEER_STATUS_NSF_WAIT). */
  waiting = false;
  /** And its restart time is over, but it has long-lived routes (PEER_STATUS_LLGR_WAIT). */
  longLived = false;
  readonly #restart: OsAlarm;
  readonly #stale: OsAlarm;
  readonly #longLived: OsAlarm;

  constructor(peer: Peer) {
    this.#peer = peer;
    const { os } = peer.bgp;
    this.#restart = os.alarm(() => this.#restartExpired());
    this.#stale = os.alarm(() => this.#staleExpired());
    this.#longLived = os.alarm(() => this.#longLivedExpired());
  }

  /** When the neighbour must be back; `NEVER`: it is not awaited. */
  get restartAt(): Nanos {
    return this.#restart.deadline;
  }
  /** When what it did not tell again is dropped. */
  get staleAt(): Nanos {
    return this.#stale.deadline;
  }

  /** A session is there (bgpd/bgp_fsm.c:bgp_peer_process_gr_cap_clear_stale). */
  established(): void {
    this.#restart.set(NEVER);
    this.#longLived.set(NEVER);
    this.waiting = this.longLived = false;
    const family = restartFamily(this.#peer);
    // RFC 4724 §4.2: nothing is kept of a neighbour that has not kept its forwarding state.
    if (this.able && family?.preserved !== true) this.#clear();
    this.able = family !== undefined;
    if (!this.able) this.#stale.set(NEVER);
  }
  /** An established session is lost: whether its routes are kept. `hard`: by a hard reset. */
  lost(why: Why, hard: boolean): boolean {
    this.#stale.set(NEVER);
    this.waiting = this.able && keeps(this.#peer, why, hard);
    if (!this.waiting) {
      this.able = false;
      return false;
    }
    const { bgp, capabilities } = this.#peer;
    const now = bgp.os.now();
    this.#restart.set(now + (capabilities?.gracefulRestart?.timeS ?? 0) * S);
    this.#stale.set(now + bgp.globals.restart.stalepathS * S);
    return true;
  }
  /** The neighbour has told everything: what it did not tell again is gone (RFC 4724 §4.2). */
  endOfRib(): void {
    if (!this.able) return;
    this.#stale.set(NEVER);
    this.#clear();
  }
  /** Nothing is kept any longer. */
  stop(): void {
    for (const alarm of [this.#restart, this.#stale, this.#longLived]) alarm.set(NEVER);
    const { waiting } = this;
    this.able = this.waiting = this.longLived = false;
    if (waiting) this.#clear();
  }

  #restartExpired(): void {
    this.#restart.set(NEVER);
    const staleS = longLivedS(this.#peer);
    if (staleS === 0) {
      this.#clear();
      return this.#over();
    }
    // RFC 9494 §4.2: marked for all to see, and the last choice from now on.
    this.longLived = true;
    this.#stale.set(NEVER);
    this.#mark();
    this.#longLived.set(this.#peer.bgp.os.now() + staleS * S);
  }
  #staleExpired(): void {
    this.#stale.set(NEVER);
    // The long-lived stale time comes in the place of this one (RFC 9494 §4.3).
    if (this.#restart.deadline !== NEVER && longLivedS(this.#peer) > 0) return;
    this.#clear();
  }
  #longLivedExpired(): void {
    this.#longLived.set(NEVER);
    this.longLived = false;
    this.#clear();
    this.#over();
  }
  #over(): void {
    this.waiting = false;
    this.#stale.set(NEVER);
    const { bgp, dynamic, role } = this.#peer;
    if (dynamic && role === "idle") bgp.forget(this.#peer);
  }

  #clear(): void {
    this.#peer.bgp.inbound.clear(this.#peer, true);
  }
  /** LLGR_STALE on all its routes but those that must not live long, which go. */
  #mark(): void {
    const { bgp } = this.#peer;
    for (const node of bgp.rib)
      for (const path of node.paths) {
        if (path.source !== this.#peer) continue;
        const { communities } = path.attributes;
        if (communities.includes(NO_LLGR)) {
          bgp.inbound.removePath(node, path);
          continue;
        }
        if (communities.includes(LLGR_STALE)) continue;
        path.attributes = path.attributes.with({ communities: sortedCommunities([...communities, LLGR_STALE]) });
        node.changed = true;
        bgp.enqueue(node);
      }
  }
}

/** IPv4 unicast in the restarts that both ends speak of; undefined: the neighbour's routes do not outlive its sessions. */
function restartFamily(p: Peer): { readonly preserved: boolean } | undefined {
  const { capabilities: c } = p;
  if (p.restartMode === "disable" || c === undefined || !c.ipv4Unicast) return undefined;
  return c.gracefulRestart?.families.find(isIpv4Unicast);
}

/** Seconds that routes may be kept beyond the restart time: the shorter one of what both ends say. */
function longLivedS(p: Peer): number {
  return Math.min(p.capabilities?.longLivedS ?? 0, p.bgp.globals.restart.longLivedS);
}

/** Whether routes outlive a session that ended like this. */
function keeps(p: Peer, why: Why, hard: boolean): boolean {
  switch (why) {
    case "closed":
      return true;
    case "hold timer":
      return p.restartsAfterNotification;
    case "notification":
    case "fault":
    case "stop":
      return p.restartsAfterNotification && !hard; // RFC 8538 §4
    default:
      return false;
  }
}
