import type { OsAlarm } from "../../core/os.ts";
import { MS, NEVER, S } from "../../core/time.ts";
import type { OspfDaemon } from "./daemon.ts";
import { flush } from "./flood.ts";
import { allAdjacent, inconsistency } from "./gr-adjacency.ts";
import { tellGrace } from "./gr-grace.ts";
import { loadRestart, saveRestart } from "./gr-state.ts";
import { LSA_EXTERNAL, LSA_NETWORK, LSA_NSSA, LSA_ROUTER, MAX_AGE } from "./lsa-codec.ts";
import type { Slot } from "./lsdb.ts";
import { type Area, HELLO_DELAY_S, type OspfInterface, RestartReason } from "./model.ts";

/** The graceful restart of this router itself: RFC 3623 §2 and §5 (ospfd/ospf_gr.c). Others help, see `gr-helper.ts`. */
export class GracefulRestart {
  /** The end was announced: the process goes without a word, and zebra keeps its routes. */
  preparing = false;
  /** Why it ended last. */
  exitReason: string | undefined;
  readonly #d: OspfDaemon;
  readonly #timer: OsAlarm;
  /** Routes are to be handed to zebra once they are computed. */
  #finishing = false;
  /** The grace period of the process before, in seconds. */
  #savedS = 0;

  constructor(d: OspfDaemon) {
    this.#d = d;
    this.#timer = d.ospf.alarm(() => this.exit("grace period has expired"));
  }

  /** `router ospf`: goes on where the process before has left off (ospfd/ospf_gr.c:ospf_gr_nvm_read). */
  begin(): void {
    const { ospf } = this.#d;
    const saved = loadRestart(ospf);
    if (saved === undefined) return;
    saveRestart(ospf, undefined);
    this.#savedS = saved.gracePeriod;
    const now = this.#clockS();
    if (saved.timestamp === undefined) this.#enter(RestartReason.unknown, now + saved.gracePeriod);
    else if (now > saved.timestamp) this.exit("grace period has expired already");
    else this.#enter(RestartReason.software, saved.timestamp);
  }
  /** `graceful-restart`. */
  enable(periodS: number): void {
    this.#d.ospf.settings.gracefulS = periodS;
    saveRestart(this.#d.ospf, { gracePeriod: periodS });
  }
  /** `no graceful-restart`. */
  disable(): void {
    const { ospf } = this.#d;
    if (ospf.settings.gracefulS !== undefined) saveRestart(ospf, undefined);
    ospf.settings.gracefulS = undefined;
  }
  /** `no router ospf`: nothing is restarted any more. */
  forget(): void {
    this.disable();
    this.preparing = this.#finishing = false;
    this.#d.ospf.restarting = undefined;
    this.stop();
  }
  stop(): void {
    this.#timer.set(NEVER);
    for (const oi of this.#d.ospf.interfaces) oi.graceTimer.set(NEVER);
  }

  /** `graceful-restart prepare ip ospf`: neighbours are told before the process ends (§2.1). */
  prepare(): void {
    const { ospf } = this.#d;
    const { gracefulS } = ospf.settings;
    if (gracefulS === undefined || this.preparing) return;
    for (const oi of ospf.interfaces) if (oi.settings.opaque) tellGrace(oi, RestartReason.software, gracefulS);
    saveRestart(ospf, { gracePeriod: gracefulS, timestamp: this.#clockS() + gracefulS });
    this.preparing = true;
  }
  /** `shutdown`, where graceful restart is on: routes stay as they are until `no shutdown` (ospfd/ospf_vty.c:ospf_instance_shutdown). */
  suspend(): void {
    const { settings, areas } = this.#d.ospf;
    this.#enter(RestartReason.switchover, this.#clockS() + (settings.gracefulS ?? 0));
    for (const area of areas.values()) for (const oi of area.interfaces) this.#announce(oi);
  }

  /** An interface has come about. After an outage that nobody had planned neighbours hear of it before the first hello (§5). */
  interfaceAdded(oi: OspfInterface): void {
    if (oi.ospf.restarting === RestartReason.unknown) this.#announce(oi);
  }
  #announce(oi: OspfInterface): void {
    oi.graceSent = 0;
    this.#tell(oi);
    oi.graceTimer.set(oi.ospf.now + S);
  }
  /** Says it again each second, then begins with hellos (ospfd/ospf_gr.c:ospf_gr_iface_send_grace_lsa). */
  graceTimer(oi: OspfInterface): void {
    this.#tell(oi);
    oi.graceSent++;
    const more = oi.graceSent < (oi.settings.graceHelloDelayS ?? HELLO_DELAY_S);
    (more ? oi.graceTimer : oi.helloTimer).set(oi.ospf.now + (more ? S : MS));
  }
  #tell(oi: OspfInterface): void {
    tellGrace(oi, oi.ospf.restarting ?? RestartReason.unknown, this.#periodS);
  }
  /** The period that is announced, in seconds. */
  get #periodS(): number {
    return this.#d.ospf.settings.gracefulS ?? this.#savedS;
  }

  /** Somebody is adjacent again. */
  becameFull(): void {
    const { ospf } = this.#d;
    if (ospf.restarting === undefined) return;
    ospf.later(() => {
      if (ospf.restarting !== undefined && allAdjacent(ospf)) this.exit("all adjacencies were reestablished");
    });
  }
  /** A router or network is told of differently: it may contradict what was before (§2.2 (2)). */
  contentsChanged(area: Area | undefined, slot: Slot): void {
    const { ospf } = this.#d;
    const { type } = slot.lsa;
    if (ospf.restarting === undefined || area === undefined || (type !== LSA_ROUTER && type !== LSA_NETWORK)) return;
    ospf.later(() => {
      const why = ospf.restarting === undefined ? undefined : inconsistency(ospf, area);
      if (why !== undefined) this.exit(why);
    });
  }

  #enter(reason: number, untilS: number): void {
    const { ospf } = this.#d;
    ospf.restarting = reason;
    const leftS = Math.max(0, untilS - this.#clockS());
    this.#timer.set(ospf.now + leftS * S);
    ospf.os.trace("ospf.restart", { leftS });
  }

  /** §2.3. */
  exit(why: string): void {
    const { ospf, borders, externals, routing } = this.#d;
    const reason = ospf.restarting ?? RestartReason.software;
    ospf.restarting = undefined;
    this.exitReason = why;
    this.#timer.set(NEVER);
    ospf.os.trace("ospf.restart", { why });
    for (const area of ospf.areas.values())
      if (area.interfaces.length > 0) {
        ospf.hooks.routerLsa(area);
        for (const oi of area.interfaces) this.#interfaceBack(oi);
        this.#dropNetworks(area);
      }
    borders.schedule();
    externals.refreshAll();
    this.#finishing = true;
    routing.recompute();
    for (const area of ospf.areas.values())
      for (const oi of area.interfaces) tellGrace(oi, reason, this.#periodS, true);
  }
  #interfaceBack(oi: OspfInterface): void {
    const { ospf } = oi;
    if (oi.graceTimer.deadline !== NEVER) {
      oi.graceTimer.set(NEVER);
      oi.graceSent = 0;
      oi.helloTimer.set(ospf.now + MS);
    }
    if (oi.state === "DR") ospf.hooks.networkLsa(oi);
  }
  /** §2.3 (5), for networks on which another router is the designated one now. */
  #dropNetworks(area: Area): void {
    const { ospf } = this.#d;
    for (const slot of area.lsdb.sorted(LSA_NETWORK))
      if (slot.self && slot.age < MAX_AGE && !area.interfaces.some((oi) => oi.networkLsa === slot))
        flush(ospf, area, slot);
  }

  /** Routes are computed: zebra gets them all, and drops what is left of before (§2.3 (3) and (4); ospfd/ospf_ase.c). */
  computed(): void {
    if (!this.#finishing) return;
    this.#finishing = false;
    const { ospf, routing, installer } = this.#d;
    this.#dropExternals();
    installer.release(routing.dests);
    ospf.zebra?.updated();
  }
  /** §2.3 (5), for what is not taken over from elsewhere any more. */
  #dropExternals(): void {
    const { ospf, externals, borders } = this.#d;
    const stale = (slot: Slot): boolean =>
      slot.self && slot.age < MAX_AGE && !externals.owns(slot) && !borders.nssa.owns(slot);
    for (const area of ospf.areas.values())
      for (const slot of area.lsdb.sorted(LSA_NSSA)) if (stale(slot)) flush(ospf, area, slot);
    const [first] = ospf.areas.values();
    if (first === undefined) return;
    for (const slot of ospf.lsdb.sorted(LSA_EXTERNAL)) if (stale(slot)) flush(ospf, first, slot);
  }

  /** The node's clock in whole seconds. */
  #clockS(): number {
    return Math.floor(this.#d.ospf.now / S);
  }
}
