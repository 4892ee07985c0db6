import { type Ipv4, isLoopback, networkOf, type Prefix } from "../../core/addr.ts";
import type { Os, OsAlarm } from "../../core/os.ts";
import type { RandomStream } from "../../core/rng.ts";
import type { TcpSocket } from "../../core/tcp-socket.ts";
import { MS, NEVER } from "../../core/time.ts";
import type { DaemonLog } from "../../frr/log.ts";
import type { Policy } from "../../frr/policy.ts";
import type { NexthopState, ZebraInterface, ZebraSession } from "../../frr/zapi.ts";
import { Aggregates } from "./aggregates.ts";
import { type AsPath, inNotation } from "./as-path.ts";
import { Conditions } from "./conditions.ts";
import { Dampening } from "./dampening.ts";
import { type DecisionRules, decide, MULTIPATH_MAX, multipaths } from "./decision.ts";
import { Inbound } from "./inbound.ts";
import type { PolicyListTable } from "./lists.ts";
import { Gateways, LocalRoutes } from "./local-routes.ts";
import { isDirect, NextHops } from "./nexthops.ts";
import { answer, CEASE, CEASE_DECONFIGURED } from "./notification.ts";
import { Outbound } from "./outbound.ts";
import { Peer } from "./peer.ts";
import { Restarter } from "./restarter.ts";
import { FROM_REDISTRIBUTE, type NextHop, type Path, type PathSource, Rib, type RibNode } from "./rib.ts";
import type { Route } from "./route.ts";
import { type Globals, globalsFor, type PeerGroup, type Profile, TRADITIONAL } from "./settings.ts";
import { StartUp } from "./start-up.ts";
import { Installer } from "./zebra-routes.ts";

/** How long the decision waits for more to come in (bgpd/bgp_route.c:bgp_process_queue_init: a work queue held 50 ms). */
const HOLD = 50 * MS;
/** Neighbours, at most. */
export const PEERS_MAX = 10_000;

/** A BGP process: `router bgp`. Everything that its parts share. */
export class Bgp {
  readonly os: Os;
  /** `default`, or the name of its view. */
  readonly name: string;
  /** A view: it announces and learns, and nothing of it goes to zebra. */
  readonly isView: boolean;
  profile: Profile = TRADITIONAL;
  log: DaemonLog | undefined;
  /** Something that connections to this router depend on has changed. */
  listenerChanged: () => void = () => {};
  /** `allow-reserved-ranges`: 240.0.0.0/4 holds addresses like others. */
  reservedRanges = false;
  globals: Globals;
  readonly policy: Policy<Route>;
  readonly lists: PolicyListTable;
  readonly rib = new Rib();
  readonly nextHops: NextHops;
  readonly gateways = new Gateways();
  readonly peers = new Map<Ipv4, Peer>();
  readonly groups = new Map<string, PeerGroup>();
  /** `bgp listen range`: the group of connections from there. */
  ranges: readonly { readonly prefix: Prefix; readonly group: string }[] = [];
  readonly inbound: Inbound;
  readonly outbound: Outbound;
  readonly local: LocalRoutes;
  readonly aggregates: Aggregates;
  readonly installer: Installer;
  readonly conditions: Conditions;
  readonly restarter: Restarter;
  readonly dampening: Dampening;
  readonly startUp: StartUp;
  readonly interfaces = new Map<string, ZebraInterface>();
  readonly self: PathSource = { sort: "self", address: 0, as: 0, remoteId: 0, serial: 0 };
  zebra: ZebraSession | undefined;
  /** What zebra proposes. */
  zebraId: Ipv4 = 0;
  version = 0;
  #queue: RibNode[] = [];
  readonly #decide: OsAlarm;
  #serial = 0;
  /** zebra is still to be told that it has all routes again. */
  #restarted = false;
  #pathIds = 0;
  #rules: DecisionRules | undefined;
  #random: RandomStream | undefined;

  constructor(os: Os, as: number, policy: Policy<Route>, lists: PolicyListTable, view?: string) {
    this.os = os;
    this.name = view ?? "default";
    this.isView = view !== undefined;
    this.globals = globalsFor(as);
    this.policy = policy;
    this.lists = lists;
    this.nextHops = new NextHops(
      () => this.zebra,
      (n) => this.#nextHopChanged(n),
    );
    this.inbound = new Inbound(this);
    this.outbound = new Outbound(this);
    this.local = new LocalRoutes(this);
    this.aggregates = new Aggregates(this);
    this.installer = new Installer(this);
    this.conditions = new Conditions(this);
    this.restarter = new Restarter(this);
    this.dampening = new Dampening(this);
    this.startUp = new StartUp(this);
    this.#decide = os.alarm(() => this.#run());
  }

  get routerId(): Ipv4 {
    return this.globals.routerId ?? this.zebraId;
  }
  get clusterId(): Ipv4 {
    return this.globals.clusterId ?? this.routerId;
  }
  get requiresPolicy(): boolean {
    return this.globals.requiresPolicy ?? this.profile.requiresPolicy;
  }
  get rules(): DecisionRules {
    if (this.#rules !== undefined) return this.#rules;
    const { globals: g } = this;
    this.#rules = {
      ...{ alwaysCompareMed: g.alwaysCompareMed, medMissingAsWorst: g.medMissingAsWorst, medConfed: g.medConfed },
      ...{ asPathIgnore: g.asPathIgnore, asPathConfed: g.asPathConfed, multipathRelax: g.multipathRelax },
      ...{ compareRouterId: g.compareRouterId, defaultLocalPref: g.localPref, peerTypeRelax: g.peerTypeRelax },
      ...{ compareAigp: g.compareAigp, equalClusterLength: g.equalClusterLength },
      deterministicMed: g.deterministicMed ?? this.profile.deterministicMed,
      maxPathsEbgp: g.maxPaths ?? MULTIPATH_MAX,
      maxPathsIbgp: g.maxPathsIbgp ?? MULTIPATH_MAX,
      distanceOf: (p) => (p.kind === FROM_REDISTRIBUTE ? this.local.distanceOf(p.node) : this.installer.distanceOf(p)),
    };
    return this.#rules;
  }
  /** An AS number, or a whole path, as it is printed. */
  asText(as: number | AsPath): string {
    return inNotation(typeof as === "number" ? String(as) : as.text, this.globals.asNotation);
  }
  /** An AS number in JSON: text where it is printed with a dot (lib/asn.c:asn_asn2json). */
  asJson(as: number): number | string {
    return this.globals.asNotation === "plain" ? as : this.asText(as);
  }
  /** Changes settings of the process; what follows from them is the caller's. */
  change(changes: Partial<Globals>): void {
    this.globals = { ...this.globals, ...changes };
    this.#rules = undefined;
  }
  listen(range: Prefix, group: string): void {
    this.unlisten(range);
    const prefix = { address: networkOf(range.address, range.length), length: range.length };
    this.ranges = [...this.ranges, { prefix, group }];
  }
  unlisten(range: Prefix): void {
    const address = networkOf(range.address, range.length);
    this.ranges = this.ranges.filter((r) => r.prefix.address !== address || r.prefix.length !== range.length);
  }
  /** zebra proposes a router id. */
  routerIdTold(id: Ipv4): void {
    const before = this.routerId;
    this.zebraId = id;
    if (this.routerId === before || before === 0) return;
    for (const peer of this.peers.values()) if (peer.role !== "idle") peer.reset("Router ID changed");
  }
  /** A number in [0, 1) for what policy leaves to chance. */
  draw(): number {
    this.#random ??= this.os.rng("bgpd route-map");
    return this.#random.float();
  }
  /** Whether anything waits to be decided, installed or sent. */
  get busy(): boolean {
    if (this.#queue.length > 0 || this.aggregates.waiting || this.outbound.busy) return true;
    for (const peer of this.peers.values()) {
      const { role } = peer;
      if (role === "opensent" || role === "openconfirm") return true;
      if (role === "connect" && peer.main.socket !== undefined) return true;
      // A neighbour that starts within a second or so, and may well answer.
      const hopeful = (peer.reachable || peer.nextHop === undefined) && peer.failures === 0;
      if (role === "idle" && peer.main.state.startAt !== NEVER && hopeful) return true;
      if (peer.main.queuedBytes > 0 || (peer.main.socket?.unacked ?? 0) > 0) return true;
    }
    return false;
  }

  /** The paths to a prefix that are used at once, the best one first. */
  usedPaths(p: Prefix): readonly Path[] {
    const best = this.rib.find(p.address, p.length)?.best;
    return best === undefined ? [] : multipaths(best, this.rules);
  }
  /** A number for a path that is told of beside others. */
  nextPathId(): number {
    return ++this.#pathIds;
  }

  addPeer(address: Ipv4, dynamic = false): Peer | undefined {
    if (this.peers.size >= PEERS_MAX) return undefined;
    const peer = new Peer(this, address, ++this.#serial, dynamic);
    this.peers.set(address, peer);
    peer.touch();
    return peer;
  }
  removePeer(peer: Peer): void {
    peer.stop(answer(CEASE, CEASE_DECONFIGURED), false);
    this.forget(peer);
  }
  /** Nothing is left of a neighbour. */
  forget(peer: Peer): void {
    if (this.peers.get(peer.address) !== peer) return;
    this.peers.delete(peer.address);
    if (peer.nextHop !== undefined) this.nextHops.release(peer.nextHop);
    peer.dispose();
  }
  sortedPeers(): Peer[] {
    return [...this.peers.values()].sort((a, b) => a.address - b.address);
  }
  /** Whether a session with a neighbour may be tried: there is a way, and for external ones a direct one. */
  reachPeer(peer: Peer, otherwise = false): void {
    const { nextHop } = peer;
    if (nextHop === undefined) return;
    const direct = isDirect(this.nextHops.stateOf(nextHop.address)?.kind);
    peer.reach(nextHop.valid && (!peer.singleHop || direct), otherwise);
  }

  /** Where sessions with a neighbour begin: 0: wherever the route says; undefined: the interface has no address. */
  sourceOf(peer: Peer): Ipv4 | undefined {
    const { updateSource } = peer.settings;
    if (typeof updateSource !== "string") return updateSource ?? 0;
    return this.interfaces.get(updateSource)?.addresses.find((a) => !a.secondary)?.prefix.address;
  }
  /** Who signs, and with what. */
  readonly signatures = (address: Ipv4): Uint8Array | null => {
    const password = this.peers.get(address)?.settings.password;
    return password === undefined ? null : new TextEncoder().encode(password);
  };
  accept(socket: TcpSocket): void {
    const known = this.peers.get(socket.remoteAddress) ?? this.#dynamicPeer(socket.remoteAddress);
    if (known === undefined) return socket.close();
    known.accept(socket);
  }
  /** The most specific `bgp listen range` that an address is in. */
  rangeOf(address: Ipv4): { readonly prefix: Prefix; readonly group: string } | undefined {
    return this.ranges
      .filter((r) => networkOf(address, r.prefix.length) === r.prefix.address)
      .sort((a, b) => b.prefix.length - a.prefix.length)[0];
  }
  #dynamicPeer(address: Ipv4): Peer | undefined {
    const range = this.rangeOf(address);
    const group = range === undefined ? undefined : this.groups.get(range.group);
    if (group === undefined) return undefined;
    const dynamic = [...this.peers.values()].filter((p) => p.dynamic).length;
    if (dynamic >= this.globals.listenLimit) return undefined;
    const peer = this.addPeer(address, true);
    if (peer === undefined) return undefined;
    peer.group = group;
    peer.touch();
    return peer;
  }

  established(peer: Peer): void {
    if (!this.startUp.established(peer)) this.outbound.join(peer);
    this.conditions.touched();
    this.restarter.established(peer);
  }
  /** A session is lost. `kept`: its routes are not, for a while. */
  lost(peer: Peer, kept: boolean): void {
    this.startUp.lost(peer);
    this.outbound.leave(peer);
    if (kept) this.inbound.keep(peer);
    else this.inbound.clear(peer);
    this.restarter.told(peer);
  }
  /** All that neighbours keep for this router, which has restarted, is told again. */
  restarted(): void {
    this.#restarted = true;
    this.poke();
  }

  /** Whether an address is one of this router's. */
  isOwn(address: Ipv4): boolean {
    if (isLoopback(address)) return true;
    for (const i of this.interfaces.values())
      for (const a of i.addresses) if (a.prefix.address === address) return true;
    return false;
  }
  /** Whether a next hop is on a network that this router shares with all members of a group but `from` (RFC 4271 §5.1.3). */
  isThirdParty(nextHop: Ipv4, members: ReadonlySet<Peer>, from: Peer | undefined): boolean {
    let seen = false;
    for (const peer of members) {
      if (peer === from) continue;
      const network = this.connectedTo(peer.address);
      if (network === undefined || networkOf(nextHop, network.length) !== networkOf(network.address, network.length))
        return false;
      seen = true;
    }
    return seen;
  }
  /** The network of an interface that an address is on. */
  connectedTo(address: Ipv4): Prefix | undefined {
    for (const i of this.interfaces.values())
      for (const { prefix } of i.addresses)
        if (prefix.length < 32 && networkOf(address, prefix.length) === networkOf(prefix.address, prefix.length))
          return prefix;
    return undefined;
  }

  /** A prefix has new paths, or lost some: to be decided with the next run. */
  enqueue(node: RibNode): void {
    if (node.queued) return;
    node.queued = true;
    this.#queue.push(node);
    this.poke();
  }
  poke(): void {
    if (this.#decide.deadline === NEVER) this.#decide.set(this.os.now() + HOLD);
  }
  /** Everything anew: the rules of the decision have changed. */
  redecide(): void {
    for (const node of this.rib) this.enqueue(node);
  }

  #run(): void {
    this.#decide.set(NEVER);
    if (this.restarter.deferring) return; // RFC 4724 §4.1
    if (this.startUp.holding) return;
    this.aggregates.settle();
    const queue = this.#queue;
    this.#queue = [];
    for (const node of queue) this.#decideOne(node);
    this.outbound.refill();
    if (queue.length > 0) this.outbound.decided();
    if (this.#restarted) this.zebra?.updated();
    this.#restarted = false;
    if (this.aggregates.waiting || this.#queue.length > 0) this.poke();
  }

  #decideOne(node: RibNode): void {
    node.queued = false;
    const before = node.best;
    const { best, reason } = decide(node, this.rules);
    node.reason = reason;
    if (best !== before || node.changed) {
      node.version = ++this.version;
      node.best = best;
    }
    const used = best === undefined ? [] : multipaths(best, this.rules);
    const several = used.length > 1;
    for (const p of node.paths) {
      const is = several && used.includes(p);
      // Neighbours may be told how many there are, or how fast they are together (BGP_PATH_MULTIPATH_CHG).
      if (p.multipath !== is) node.changed = true;
      p.multipath = is;
    }
    this.installer.install(node, used);
    const another = best !== before || node.changed;
    this.outbound.offer(node, another);
    if (another) {
      if (this.aggregates.all.size > 0) this.aggregates.touched(node);
    }
    node.changed = false;
    if (node.paths.length === 0) this.rib.remove(node);
  }

  nexthopChanged(state: NexthopState): void {
    const changed = this.nextHops.told(state);
    const peer = this.peers.get(state.address);
    if (peer !== undefined) this.reachPeer(peer, changed);
  }
  #nextHopChanged(nextHop: NextHop): void {
    for (const node of this.rib) {
      if (node.paths.some((p) => p.nextHop === nextHop)) this.enqueue(node);
    }
  }
  interfaceChanged(i: ZebraInterface): void {
    const down = !(i.up && i.running);
    this.interfaces.set(i.ifname, i);
    if (!down || !this.globals.fastExternalFailover) return;
    // Neighbours on a cable that is gone are gone at once (bgpd/bgp_zebra.c:bgp_ifp_down).
    for (const peer of this.peers.values())
      if (peer.up && peer.sort === "ebgp" && peer.ttl === 1 && i.addresses.some((a) => holds(a.prefix, peer.address)))
        peer.fail("Interface down");
  }

  /** The process ends. `quietly`: neighbours that know of restarts only see the connection go (bgpd/bgpd.c:bgp_terminate). */
  close(quietly = false): void {
    for (const peer of [...this.peers.values()]) {
      if (quietly && peer.capabilities?.gracefulRestart !== undefined && peer.restartMode !== "disable") peer.hangUp();
      else peer.stop(answer(CEASE, CEASE_DECONFIGURED), false);
      this.forget(peer);
    }
    this.restarter.stop();
    this.dampening.stop();
    this.outbound.stop();
    this.#decide.set(NEVER);
    this.conditions.stop();
    this.startUp.stop();
  }
}

const holds = (p: Prefix, address: Ipv4): boolean => networkOf(address, p.length) === networkOf(p.address, p.length);
