import type { OsAlarm } from "../../core/os.ts";
import { MS, type Nanos, NEVER, S } from "../../core/time.ts";
import { type Attributes, makeAttributes, ORIGIN_IGP, PLAIN, sameAttributes } from "./attributes.ts";
import type { Bgp } from "./bgp.ts";
import { type AdjOut, egress, egressDefault } from "./egress.ts";
import type { Peer } from "./peer.ts";
import { RibNode, type Told, type ToldPath } from "./rib.ts";
import { Route } from "./route.ts";
import type { Conditional } from "./settings.ts";
import { severalOf, toldPath } from "./several.ts";
import { UpdateWriter } from "./update-writer.ts";
import { EXTENDED_MESSAGE_MAX, MESSAGE_MAX, UPDATE } from "./wire.ts";

/** Neighbours that are told the same: what goes to them is worked out and written once (bgpd/bgp_updgrp.c). */

/** From a decision to the octets on the wire: what FRR's threads take on an idle machine. Measured: 55 to 58 ms a hop, of which 50 are the work queue's. */
const WRITE_DELAY = 5 * MS;
/** A new neighbour is told everything after so long, and so much more for every neighbour there is, up to a limit (bgpd/bgp_updgrp.h: BGP_…_SUBGROUP_COALESCE_TIME). */
const COALESCE = S;
const COALESCE_PER_PEER = 50 * MS;
const COALESCE_MAX = 10 * S;

export class UpdateGroup {
  readonly bgp: Bgp;
  readonly key: string;
  readonly id: number;
  readonly createdAt: Nanos;
  /** Established neighbours; those that wait to be told everything are in `joiners` as well. */
  readonly members = new Set<Peer>();
  readonly #joiners = new Set<Peer>();
  /** What the members have been told, or are about to be. */
  readonly out = new Map<Told, AdjOut>();
  /** Changes that are not written yet; null: withdrawn. */
  #pending = new Map<Told, AdjOut | null>();
  /** One object for equal things to send, while they wait. */
  readonly #shared = new Map<number, AdjOut[]>();
  #filled = false;
  readonly #toldElsewhere = new Map<Peer, readonly Told[]>();
  /** Members take several paths to a prefix. */
  several = false;
  /** Where members take several paths: which ones they were told of. */
  readonly #several = new Map<RibNode, Set<ToldPath>>();
  /** `maximum-prefix-out` has held something back. */
  #held = false;
  #default: RibNode | undefined;
  /** What was told of prefixes that wait, where there is an interval between advertisements. */
  readonly #sent = new Map<Told, AdjOut>();
  /** When something was sent last. */
  #wroteAt = 0;
  readonly #write: OsAlarm;
  readonly #coalesce: OsAlarm;

  constructor(bgp: Bgp, key: string, id: number) {
    this.bgp = bgp;
    this.key = key;
    this.id = id;
    this.createdAt = bgp.os.now();
    this.#write = bgp.os.alarm(() => this.flush());
    this.#coalesce = bgp.os.alarm(() => this.#admit());
  }

  /** The condition on what some route map permits, if there is one. */
  get conditional(): Conditional | undefined {
    return this.#leader()?.settings.conditional;
  }
  /** Whether something waits to be sent. */
  get busy(): boolean {
    return this.#pending.size > 0 || this.#joiners.size > 0;
  }
  /** When what waits is sent; `NEVER`: nothing waits. */
  get writeAt(): Nanos {
    return this.#write.deadline;
  }
  get queued(): number {
    return this.#pending.size;
  }

  join(peer: Peer): void {
    this.members.add(peer);
    this.several = peer.sendsSeveral;
    this.#joiners.add(peer);
    peer.updateGroup = this;
    peer.joining = true;
    const { coalesceMs } = this.bgp.globals;
    const wait =
      coalesceMs !== undefined
        ? coalesceMs * MS
        : Math.min(COALESCE_MAX, COALESCE + COALESCE_PER_PEER * this.bgp.peers.size);
    if (this.#coalesce.deadline === NEVER) this.#coalesce.set(this.bgp.os.now() + wait);
  }
  leave(peer: Peer): void {
    this.members.delete(peer);
    this.#joiners.delete(peer);
    this.#toldElsewhere.delete(peer);
    peer.updateGroup = undefined;
    peer.joining = false;
    if (this.members.size > 0) return;
    this.#coalesce.set(NEVER);
    this.#write.set(NEVER);
    this.bgp.outbound.drop(this);
  }

  /** The best path to a prefix is another one, or none. */
  offer(node: RibNode): void {
    if (!this.#filled) return;
    const leader = this.#leader();
    if (leader === undefined) return;
    if (this.several) return this.#offerSeveral(node, leader);
    const { best } = node;
    const told = best === undefined ? undefined : egress(this.bgp, leader, this.members, best);
    this.#put(node, told);
  }
  /** RFC 7911: the paths that are chosen go out, each under its number, and those go that are no longer chosen. */
  #offerSeveral(node: RibNode, leader: Peer): void {
    const chosen = new Set<ToldPath>();
    for (const path of severalOf(node, leader, this.bgp.rules)) {
      const told = egress(this.bgp, leader, this.members, path);
      const key = toldPath(this.bgp, path);
      if (told !== undefined) chosen.add(key);
      this.#put(key, told);
    }
    for (const key of this.#several.get(node) ?? []) if (!chosen.has(key)) this.#put(key, undefined);
    if (chosen.size > 0) this.#several.set(node, chosen);
    else this.#several.delete(node);
  }
  /** Whether members were told of a prefix. */
  tells(node: RibNode): boolean {
    return this.out.has(node) || this.#several.has(node);
  }
  #put(node: Told, told: AdjOut | undefined): void {
    const before = this.out.get(node);
    if (told === undefined) {
      if (before === undefined) return;
      this.out.delete(node);
      this.#queue(node, null);
      if (this.#held) this.bgp.outbound.later(this);
      return;
    }
    const max = this.#leader()?.settings.maximumPrefixOut;
    if (before === undefined && max !== undefined && this.out.size >= max) {
      this.#held = true;
      return;
    }
    const same = before?.nextHop === told.nextHop && sameAttributes(before.attributes, told.attributes);
    if (same && this.bgp.globals.suppressDuplicates) return;
    const shared = this.#share(told);
    if (this.#interval > 0 && before !== undefined && !this.#pending.has(node)) this.#sent.set(node, before);
    this.out.set(node, shared);
    this.#queue(node, shared);
  }
  #share(told: AdjOut): AdjOut {
    const hash = told.attributes.hash ^ told.nextHop;
    const alike = this.#shared.get(hash);
    const known = alike?.find((t) => t.nextHop === told.nextHop && sameAttributes(t.attributes, told.attributes));
    if (known !== undefined) return known;
    if (alike === undefined) this.#shared.set(hash, [told]);
    else alike.push(told);
    return told;
  }
  #queue(node: Told, told: AdjOut | null): void {
    this.#pending.set(node, told);
    if (this.#write.deadline !== NEVER) return;
    // An interval since the last time: what comes later than that goes at once (bgpd/bgp_fsm.c:bgp_adjust_routeadv).
    const interval = this.#interval;
    const now = this.bgp.os.now();
    this.#write.set(Math.max(now + WRITE_DELAY, interval === 0 ? now : this.#wroteAt + interval));
  }
  get #interval(): Nanos {
    return (this.#leader()?.settings.advertisementIntervalS ?? 0) * S;
  }
  /** Whether a prefix has come back to what its neighbours know while it waited. */
  #isKnown(node: Told, told: AdjOut): boolean {
    const sent = this.#sent.get(node);
    const same = sent?.nextHop === told.nextHop && sameAttributes(sent.attributes, told.attributes);
    return same && this.bgp.globals.suppressDuplicates;
  }

  /** Policy has changed: everything is worked out anew, and what differs is sent. */
  refill(): void {
    if (!this.#filled) return;
    this.#held = false;
    for (const node of this.bgp.rib) this.offer(node);
    this.originateDefault();
  }

  /** Sends what waits to the members that are not new. */
  flush(): void {
    this.#write.set(NEVER);
    const pending = this.#pending;
    if (pending.size === 0) return;
    this.#pending = new Map();
    this.#shared.clear();
    const withdrawn: Told[] = [];
    const announced = new Map<AdjOut, Told[]>();
    for (const [node, told] of pending) {
      if (told === null) withdrawn.push(node);
      else if (this.#sent.size === 0 || !this.#isKnown(node, told)) push(announced, told, node);
    }
    this.#sent.clear();
    const writer = this.#writer();
    writer.withdraw(withdrawn);
    for (const [told, nodes] of announced) writer.announce(told, nodes);
    this.#sendTo(
      [...this.members].filter((p) => !this.#joiners.has(p)),
      writer,
    );
  }

  /** Those that have joined are told everything, and the end of it. */
  #admit(): void {
    this.#coalesce.set(NEVER);
    if (this.bgp.restarter.deferring) return this.#coalesce.set(this.bgp.os.now() + COALESCE);
    this.flush();
    if (!this.#filled) {
      this.#filled = true;
      for (const node of this.bgp.rib.sorted()) this.offer(node);
      this.originateDefault();
      this.#pending.clear();
      this.#shared.clear();
      this.#write.set(NEVER);
    }
    const joiners = [...this.#joiners];
    this.#joiners.clear();
    for (const peer of joiners) this.#takeBack(peer);
    this.resend(joiners);
    for (const peer of joiners) {
      peer.joining = false;
      peer.endOfRibSent = true;
    }
  }

  /** A neighbour that comes from another group was told of these: what this group does not tell is withdrawn once it is admitted. */
  withdrawAfter(peer: Peer, told: readonly Told[]): void {
    this.#toldElsewhere.set(peer, told);
  }
  /** What a member was told of: here, or in another group while it waits to be told anew. */
  toldTo(peer: Peer): readonly Told[] {
    return this.#joiners.has(peer) ? (this.#toldElsewhere.get(peer) ?? []) : [...this.out.keys()];
  }
  #takeBack(peer: Peer): void {
    const told = this.#toldElsewhere.get(peer);
    this.#toldElsewhere.delete(peer);
    if (told === undefined) return;
    const writer = this.#writer();
    writer.withdraw(told.filter((node) => !this.out.has(node)));
    this.#sendTo([peer], writer);
  }

  /** Tells neighbours everything (again), and that this was all. */
  resend(peers: readonly Peer[]): void {
    const announced = new Map<AdjOut, Told[]>();
    for (const [node, told] of this.out) push(announced, told, node);
    const writer = this.#writer();
    for (const [told, nodes] of announced) writer.announce(told, nodes);
    if (!this.bgp.globals.restart.disableEndOfRib) writer.endOfRib();
    this.#sendTo(peers, writer);
  }

  #writer(): UpdateWriter {
    const leader = this.#leader();
    const long = leader?.main.extendedMessages === true;
    const max = long ? EXTENDED_MESSAGE_MAX : MESSAGE_MAX;
    return new UpdateWriter(leader?.as4 === true, leader?.sort ?? "ebgp", max, this.several);
  }
  #sendTo(peers: readonly Peer[], writer: UpdateWriter): void {
    if (writer.length > 0) this.#wroteAt = this.bgp.os.now();
    for (const peer of peers) {
      if (!peer.up || writer.length === 0) continue;
      peer.counters.sent[UPDATE] = (peer.counters.sent[UPDATE] ?? 0) + writer.messages;
      peer.main.write(writer.octetsFor(peer.localAddress));
    }
    writer.done();
  }
  #leader(): Peer | undefined {
    for (const peer of this.members) return peer;
    return undefined;
  }

  /** `default-originate`: 0.0.0.0/0 from this router, while the route map permits some route (bgpd/bgp_updgrp_adv.c:subgroup_default_originate). */
  originateDefault(): void {
    const leader = this.#leader();
    if (!this.#filled || leader === undefined) return;
    const { defaultOriginate } = leader.settings;
    const node = (this.#default ??= new RibNode(0, 0));
    if (defaultOriginate === undefined) return this.#put(node, undefined);
    let attributes = makeAttributes({ ...PLAIN, origin: ORIGIN_IGP, med: 0, localPref: this.bgp.globals.localPref });
    if (defaultOriginate.routeMap !== undefined) {
      const changed = this.#permitted(defaultOriginate.routeMap, attributes);
      if (changed === undefined) return this.#put(node, undefined);
      attributes = changed;
    }
    this.#put(node, egressDefault(this.bgp, leader, attributes));
  }
  #permitted(map: string, attributes: Attributes): Attributes | undefined {
    for (const node of this.bgp.rib) {
      for (const p of node.paths) {
        const asked = new Route(this.bgp, node, p.attributes, p.nextHop.address, undefined, undefined, "bgp");
        const route = new Route(this.bgp, { address: 0, length: 0 }, attributes, 0, undefined, undefined, "bgp");
        if (this.bgp.policy.routeMaps.applyTo(map, asked, route) === "deny") continue;
        return route.attributes;
      }
    }
    return undefined;
  }
  /** Whether a route map says when there is a default route for the members. */
  get asksForDefault(): boolean {
    return this.#leader()?.settings.defaultOriginate?.routeMap !== undefined;
  }
  get defaultNode(): RibNode | undefined {
    return this.#default;
  }
}

function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}
