import type { OsAlarm } from "../../core/os.ts";
import { type Nanos, NEVER, S } from "../../core/time.ts";
import type { Bgp } from "./bgp.ts";
import type { Peer } from "./peer.ts";

/** How long a process counts as restarted: the restart time that it is made with (bgpd/bgpd.c:bgp_create). */
const STARTUP: Nanos = 120 * S;

/** The start of this router where it restarts gracefully (RFC 4724 §4.1): decisions wait until neighbours have told everything. */
export class Restarter {
  readonly #bgp: Bgp;
  readonly #until: Nanos;
  readonly #waited = new Set<Peer>();
  readonly #alarm: OsAlarm;
  #done = false;

  constructor(bgp: Bgp) {
    this.#bgp = bgp;
    this.#until = bgp.os.now() + STARTUP;
    this.#alarm = bgp.os.alarm(() => this.#finish());
  }

  /** Whether OPENs say "restarted". */
  get starting(): boolean {
    return this.#bgp.os.now() < this.#until;
  }
  /** Whether nothing is decided, and nothing told, for now. */
  get deferring(): boolean {
    return this.#alarm.deadline !== NEVER;
  }

  /** A session is there: of a neighbour that stayed up all its routes are waited for. */
  established(peer: Peer): void {
    if (this.#done || !this.starting || peer.restartMode !== "restart") return;
    const told = peer.capabilities?.gracefulRestart;
    if (told === undefined || told.restarted) return;
    this.#waited.add(peer);
    if (!this.deferring) this.#alarm.set(this.#bgp.os.now() + this.#bgp.globals.restart.selectDeferS * S);
  }
  /** A neighbour has told everything, or is lost. */
  told(peer: Peer): void {
    const waited = this.#waited.delete(peer);
    if (this.#waited.size > 0 || this.#done) return;
    if (waited || (this.starting && this.#complete())) this.#finish();
  }
  stop(): void {
    this.#alarm.set(NEVER);
  }

  /** Whether all neighbours that this router restarts gracefully for are there, and have told everything. */
  #complete(): boolean {
    const peers = [...this.#bgp.peers.values()].filter((p) => p.restartMode === "restart" && !p.isShut);
    return peers.length > 0 && peers.every((p) => p.up && p.endOfRibReceived);
  }
  #finish(): void {
    this.#alarm.set(NEVER);
    this.#waited.clear();
    this.#done = true;
    this.#bgp.restarted();
  }
}
