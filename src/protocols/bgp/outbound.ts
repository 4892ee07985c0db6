import type { OsAlarm } from "../../core/os.ts";
import { MS, NEVER, S } from "../../core/time.ts";
import type { Bgp } from "./bgp.ts";
import type { Peer } from "./peer.ts";
import type { RibNode } from "./rib.ts";
import { UpdateGroup } from "./update-group.ts";

/** A route refresh is answered after so long (BGP_ANNOUNCE_ROUTE_SHORT_DELAY_MS). */
const REFRESH_DELAY = 100 * MS;
/** Something that happens within so long is waited for. */
const SOON = 10 * S;

/** What goes out to all neighbours. */
export class Outbound {
  readonly #bgp: Bgp;
  readonly #groups = new Map<string, UpdateGroup>();
  readonly #refreshing = new Set<Peer>();
  readonly #refill = new Set<UpdateGroup>();
  readonly #refresh: OsAlarm;
  readonly #defaults: OsAlarm;
  #ids = 0;

  constructor(bgp: Bgp) {
    this.#bgp = bgp;
    this.#refresh = bgp.os.alarm(() => this.#answerRefreshes());
    this.#defaults = bgp.os.alarm(() => this.defaults());
  }

  get groups(): Iterable<UpdateGroup> {
    return this.#groups.values();
  }
  get busy(): boolean {
    if (this.#refreshing.size > 0 || this.#defaults.deadline <= this.#bgp.os.now() + SOON) return true;
    for (const group of this.#groups.values()) if (group.busy) return true;
    return false;
  }

  /** A session is up. */
  join(peer: Peer): void {
    if (peer.awaitsRefresh || this.#bgp.startUp.holding) return;
    const key = groupKey(peer);
    let group = this.#groups.get(key);
    if (group === undefined) {
      group = new UpdateGroup(this.#bgp, key, ++this.#ids);
      this.#groups.set(key, group);
    }
    group.join(peer);
  }
  leave(peer: Peer): void {
    this.#refreshing.delete(peer);
    peer.updateGroup?.leave(peer);
  }
  drop(group: UpdateGroup): void {
    this.#groups.delete(group.key);
  }
  /** The best path to a prefix is another one, or none; `best` false: only other paths have changed. */
  offer(node: RibNode, best: boolean): void {
    for (const group of this.#groups.values()) if (best || group.several) group.offer(node);
  }
  /** Settings or policy of a neighbour have changed: it may belong to another group now. */
  regroup(peer: Peer): void {
    this.#bgp.conditions.touched();
    const group = peer.updateGroup;
    if (group === undefined) return;
    if (group.key === groupKey(peer)) return this.#soon(peer);
    const told = group.toldTo(peer);
    group.leave(peer);
    this.join(peer);
    peer.updateGroup?.withdrawAfter(peer, told);
  }
  /** Everything to a neighbour again. */
  refresh(peer: Peer): void {
    if (!peer.awaitsRefresh) return this.#soon(peer);
    peer.awaitsRefresh = false;
    this.join(peer);
  }
  /** `clear … soft out`. */
  again(peer: Peer): void {
    this.#soon(peer);
  }
  refillAll(): void {
    for (const group of this.#groups.values()) group.refill();
  }
  /** There is room again for what a group has held back: it is filled with the next decisions. */
  later(group: UpdateGroup): void {
    this.#refill.add(group);
    this.#bgp.poke();
  }
  /** Fills in what was held back, or is to be told differently. */
  refill(): void {
    for (const group of this.#refill) group.refill();
    this.#refill.clear();
  }
  /** Decisions were made: route maps of `default-originate` are asked anew after a while (bgp_process_main_one). */
  decided(): void {
    const { defaultOriginateS } = this.#bgp.globals;
    if (defaultOriginateS === 0 || this.#defaults.deadline !== NEVER) return;
    for (const group of this.#groups.values()) {
      if (group.asksForDefault) return this.#defaults.set(this.#bgp.os.now() + defaultOriginateS * S);
    }
  }
  /** Route maps of `default-originate` are asked now. */
  defaults(): void {
    this.#defaults.set(NEVER);
    for (const group of this.#groups.values()) group.originateDefault();
  }
  stop(): void {
    this.#defaults.set(NEVER);
  }

  #soon(peer: Peer): void {
    if (this.#refreshing.size === 0) this.#refresh.set(this.#bgp.os.now() + REFRESH_DELAY);
    this.#refreshing.add(peer);
  }
  #answerRefreshes(): void {
    const peers = [...this.#refreshing];
    this.#refreshing.clear();
    for (const peer of peers) {
      const group = peer.updateGroup;
      if (group === undefined || peer.joining) continue;
      group.refill();
      group.flush();
      group.resend([peer]);
    }
  }
}

/** What all members of a group have in common: everything that what they are told depends on. */
function groupKey(p: Peer): string {
  const { settings: s } = p;
  const single = s.asOverride === true || s.removePrivateAs !== undefined || s.senderLoops === true;
  return JSON.stringify([
    ...[p.sort, p.as4, p.main.extendedMessages, p.localAs, single ? p.as : 0, s.localAs, s.reflectorClient],
    ...[s.nextHopSelf, s.defaultOriginate, s.sendCommunity, s.routeMaps?.out, s.prefixLists?.out, s.unsuppressMap],
    ...[s.distributeLists?.out, s.filterLists?.out, s.removePrivateAs, s.asOverride, s.unchanged],
    ...[s.advertisementIntervalS, p.group?.name, s.solo === true ? p.address : 0, s.senderLoops, s.aigp, p.realAs],
    ...[s.localRole, s.gracefulShutdown, s.routeServerClient, s.conditional, s.maximumPrefixOut, s.addPathTx],
    ...[
      p.sendsSeveral,
      p.capabilities?.longLived,
      p.capabilities?.pathsLimit,
      s.wholeBandwidths,
      p.givesFilters ? p.address : 0,
      p.oad,
      s.siteOfOrigin,
    ],
  ]);
}
