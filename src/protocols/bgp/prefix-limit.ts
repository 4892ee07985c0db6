import type { OsAlarm } from "../../core/os.ts";
import { type Nanos, NEVER, S } from "../../core/time.ts";
import { type Answer, answer, CEASE, CEASE_MAX_PREFIXES } from "./notification.ts";
import type { Peer } from "./peer.ts";

/** `neighbor … maximum-prefix`: one that tells too many is stopped (bgpd/bgp_route.c:bgp_maximum_prefix_overflow). */
export class PrefixLimit {
  /** It has told too many, and does not start before `restartAt`. */
  exceeded = false;
  readonly #peer: Peer;
  readonly #restart: OsAlarm;

  constructor(peer: Peer) {
    this.#peer = peer;
    this.#restart = peer.bgp.os.alarm(() => this.forgive());
  }

  /** When it starts anew; `NEVER`: when somebody says so. */
  get restartAt(): Nanos {
    return this.#restart.deadline;
  }

  /** Counts; what the neighbour is owed when there are too many. */
  check(): Answer | undefined {
    const peer = this.#peer;
    const limit = peer.settings.maximumPrefix;
    if (limit === undefined) return undefined;
    const count = limit.force ? peer.adjIn.size : peer.accepted;
    if (count > (limit.max * limit.threshold) / 100)
      peer.bgp.os.trace("bgp.maximum-prefix", { neighbor: peer.address, count, max: limit.max });
    if (count <= limit.max || limit.warningOnly) return undefined;
    this.exceeded = true;
    if (limit.restartMin > 0) this.#restart.set(peer.now() + limit.restartMin * 60 * S);
    return answer(CEASE, CEASE_MAX_PREFIXES, familyAndCount(limit.max));
  }
  /** The limit is another one: counted anew, at once. */
  changed(): void {
    if (this.exceeded) return this.forgive();
    const owed = this.#peer.up ? this.check() : undefined;
    if (owed !== undefined) this.#peer.stop(owed, false);
  }
  /** The neighbour may start again. */
  forgive(): void {
    this.stop();
    if (!this.exceeded) return;
    this.exceeded = false;
    this.#peer.start();
  }
  /** Nothing starts by itself any longer. */
  stop(): void {
    this.#restart.set(NEVER);
  }
}

/** AFI, SAFI and upper bound (RFC 4486 §4). */
const familyAndCount = (max: number): Uint8Array => Uint8Array.of(0, 1, 1, max >>> 24, max >>> 16, max >>> 8, max);
