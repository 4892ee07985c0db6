import type { Ipv4 } from "../../core/addr.ts";
import type { OsAlarm } from "../../core/os.ts";
import type { TcpSocket } from "../../core/tcp-socket.ts";
import { MS, type Nanos, NEVER, S } from "../../core/time.ts";
import type { PrefixList } from "../../frr/prefix-list.ts";
import { openTo } from "./announced.ts";
import type { SpecialReading } from "./attribute-decode.ts";
import type { Bgp } from "./bgp.ts";
import { type Capabilities, capabilitiesOf } from "./capability.ts";
import { type DownReason, Downs, reasonOf } from "./down.ts";
import { RestartHelper } from "./helper.ts";
import { logDown, logNotification, logUp } from "./log.ts";
import type { Config, Effect, Role, Why } from "./machine.ts";
import {
  type Answer,
  answer,
  CEASE,
  CEASE_CHANGE,
  CEASE_COLLISION,
  CEASE_MAX_PREFIXES,
  CEASE_SHUTDOWN,
  hardReset,
  innerOf,
  OPEN_BAD_AS,
  OPEN_ERROR,
  shutdownData,
} from "./notification.ts";
import { openFault } from "./open-check.ts";
import { sendFilters, takeFilters } from "./outbound-filter.ts";
import { type AdjIn, type Counters, isHard, sortOf } from "./peer-kind.ts";
import { PeerStats } from "./peer-stats.ts";
import type { NextHop, PathSource } from "./rib.ts";
import { Session, type SessionOwner } from "./session.ts";
import type { PeerGroup, PeerSettings, RestartMode } from "./settings.ts";
import { specialReading } from "./special-reading.ts";
import { prepareSocket, TTL_MAX } from "./transport.ts";
import type { UpdateGroup } from "./update-group.ts";
import {
  type BgpMessage,
  type BgpOpen,
  type BgpRefresh,
  KEEPALIVE,
  NOTIFICATION,
  OPEN,
  ROUTE_REFRESH,
  UPDATE,
} from "./wire.ts";

const ROLE_RANK: Readonly<Record<Role, number>> = {
  ...{ idle: 0, active: 1, connect: 2, opensent: 3, openconfirm: 4, established: 5 },
};
/** What the scheduler of a machine makes of it, about. */
const RESTART_JITTER_MS = 50;
const DEFAULT_PORT = 179;

/** A neighbour: its settings, its sessions, and what is known of it. */
export class Peer implements SessionOwner, PathSource {
  readonly bgp: Bgp;
  readonly address: Ipv4;
  readonly serial: number;
  /** Made for a connection from a `bgp listen range`. */
  readonly dynamic: boolean;
  own: PeerSettings = {};
  group: PeerGroup | undefined;
  main: Session;
  /** A connection of the neighbour's that competes with ours. */
  other: Session | undefined;

  as = 0;
  sort: "ibgp" | "ebgp" | "confed" = "ebgp";
  /** An external one of the same administration (`oad`). */
  oad = false;
  special: SpecialReading | undefined;
  remoteId: Ipv4 = 0;
  capabilities: Capabilities | undefined;
  hostname: string | undefined;
  as4 = false;
  /** Whether there is a way to it, as far as a session asks for that. */
  reachable = false;
  /** The other end's address as next hop tracking follows it. */
  nextHop: NextHop | undefined;

  readonly counters: Counters = { sent: new Array(8).fill(0), received: new Array(8).fill(0) };
  establishedAt: Nanos = -1;
  resetAt: Nanos = -1;
  readonly downs = new Downs();
  established = 0;
  dropped = 0;
  /** `local-as … dual-as`: the neighbour has refused the other number, so the real one is shown to it. */
  realAs = false;
  /** Attempts that have come to nothing since the last session, or since somebody asked for one. */
  failures = 0;
  /** `hard`: inside of a hard reset. */
  lastNotification: { readonly owed: Answer; readonly sent: boolean; readonly hard: boolean } | undefined;
  /** Keeps its routes while it restarts; undefined: it has never asked for that. */
  helper: RestartHelper | undefined;
  /** Paths of it in the table. */
  accepted = 0;
  /** Announcements that said nothing new. */
  duplicates = 0;
  readonly stats = new PeerStats();
  /** Outbound route filters that it has given; undefined: none (RFC 5291). */
  filters: PrefixList | undefined;
  /** It was given ours. */
  filtersSent = false;
  /** It is told nothing before it has asked: its filters come first. */
  awaitsRefresh = false;
  /** By prefix, and identifier of the path where there is one. */
  readonly adjIn = new Map<number | string, AdjIn>();
  updateGroup: UpdateGroup | undefined;
  /** Not yet told all. */
  joining = false;
  endOfRibReceived = false;
  endOfRibSent = false;
  /** Stopped for too many prefixes: starts anew when this alarm rings, or never. */
  overflowed = false;
  readonly #restart: OsAlarm;
  readonly #jitter: Nanos;
  #settings: PeerSettings | undefined;

  constructor(bgp: Bgp, address: Ipv4, serial: number, dynamic = false) {
    this.bgp = bgp;
    this.address = address;
    this.serial = serial;
    this.dynamic = dynamic;
    this.main = new Session(this, false);
    this.#jitter = bgp.os.rng(`bgpd restart ${address}`).int(RESTART_JITTER_MS) * MS;
    this.#restart = bgp.os.alarm(() => this.clearOverflow());
  }

  /** What counts: its own words before those of its group. */
  get settings(): PeerSettings {
    this.#settings ??= this.group === undefined ? this.own : { ...this.group.own, ...this.own };
    return this.#settings;
  }
  /** Its settings, or its group's, have changed. */
  touch(): void {
    this.#settings = undefined;
    this.#identify();
  }
  /** Whether IPv4 unicast is spoken with it. */
  get active(): boolean {
    return this.settings.activate ?? this.bgp.globals.defaultIpv4Unicast;
  }
  get up(): boolean {
    return this.main.established;
  }
  get role(): Role {
    const { main, other } = this;
    return other !== undefined && ROLE_RANK[other.state.role] > ROLE_RANK[main.state.role]
      ? other.state.role
      : main.state.role;
  }
  /** The session that is farthest. */
  get session(): Session {
    return this.role === this.main.state.role ? this.main : (this.other as Session);
  }
  /** The AS number that we show it. */
  get localAs(): number {
    const { globals } = this.bgp;
    const told = this.settings.localAs;
    if (told !== undefined && (this.sort === "ebgp" || told.as === this.as)) return this.realAs ? globals.as : told.as;
    // Of a neighbour whose AS is still unknown nobody can say that it is outside of the confederation.
    return this.sort === "ebgp" && this.as !== 0 ? (globals.confederationId ?? globals.as) : globals.as;
  }
  get ttl(): number {
    if (this.sort === "ibgp" || this.settings.ttlSecurity !== undefined) return TTL_MAX;
    return this.settings.multihop ?? 1;
  }
  /** Whether it must be on a connected network. */
  get singleHop(): boolean {
    if (this.sort !== "ebgp" || (this.settings.ttlSecurity ?? this.ttl) !== 1) return false;
    return this.settings.disableConnectedCheck !== true && !this.bgp.globals.disableConnectedCheck;
  }
  get restartMode(): RestartMode {
    return this.settings.restartMode ?? this.bgp.globals.restart.mode;
  }
  /** Whether NOTIFICATIONs do not end what is kept through restarts: both ends have said so (RFC 8538 §2). */
  get restartsAfterNotification(): boolean {
    const { restart } = this.bgp.globals;
    const told = this.capabilities?.gracefulRestart?.notification === true;
    return told && restart.notification && this.restartMode !== "disable";
  }
  get localAddress(): Ipv4 {
    return this.main.socket?.localAddress ?? 0;
  }
  get isShut(): boolean {
    return this.settings.shutdown !== undefined || this.bgp.globals.shutdown !== undefined;
  }

  /** Whether it is sent our filters, and whether it sends its own (RFC 5291 §5). */
  get givesFilters(): boolean {
    return this.settings.orf?.takes === true && this.capabilities?.orf.sends === true;
  }
  get takesFilters(): boolean {
    return this.settings.orf?.sends === true && this.capabilities?.orf.takes === true;
  }
  /** Whether it is told of several paths to a prefix, and tells of several (RFC 7911 §4). */
  get sendsSeveral(): boolean {
    return this.settings.addPathTx !== undefined && this.#capable && this.capabilities?.addPath.takes === true;
  }
  get takesSeveral(): boolean {
    return this.settings.disableAddPathRx !== true && this.#capable && this.capabilities?.addPath.sends === true;
  }
  get #capable(): boolean {
    return this.settings.withoutCapabilities !== true;
  }

  /** Begins, where it may. */
  start(): void {
    if (this.as === 0 && this.settings.remoteAs === undefined) return;
    if (this.isShut || this.overflowed || !this.active || this.dynamic || this.bgp.zebra === undefined) return;
    this.main.feed({ kind: "start" });
  }
  /** Ends its sessions; `again`: and begins anew. */
  stop(owed: Answer, again: boolean): void {
    this.other?.feed({ kind: "stop", owed, again: false });
    this.other = undefined;
    this.main.feed({ kind: "stop", owed, again });
    this.failures = 0;
    if (again) this.start();
  }
  /** Settings that both ends must have seen have changed: its session begins anew. */
  reset(why: DownReason): void {
    this.blame(why);
    this.stop(answer(CEASE, CEASE_CHANGE), true);
  }
  /** Ends its sessions without a word. */
  hangUp(): void {
    this.other?.discard();
    this.other = undefined;
    this.main.discard();
  }
  /** The shutdown of this neighbour, with its message. */
  shutdownAnswer(): Answer {
    return answer(
      CEASE,
      CEASE_SHUTDOWN,
      shutdownMessageData(this.settings.shutdown ?? this.bgp.globals.shutdown ?? ""),
    );
  }
  /** Next hop tracking has something to say of it; `otherwise`: the way there is another one (bgpd/bgp_fsm.c:bgp_fsm_nht_update). */
  reach(reachable: boolean, otherwise = false): void {
    if (this.reachable === reachable && !otherwise) return;
    this.reachable = reachable;
    if (reachable) return this.main.feed({ kind: "go" });
    if (this.main.state.role === "connect") this.main.abort();
    if (this.up && (this.singleHop || this.bgp.globals.fastConvergence)) this.fail("Peer closed the session");
  }
  /** Something is about to end its session, or keeps it down. */
  blame(why: DownReason): void {
    this.downs.blame(why, this.established, this.establishedAt >= 0, this.now());
  }
  /** The session is lost, as if TCP had said so. */
  fail(why: DownReason): void {
    this.blame(why);
    this.other?.discard();
    this.other = undefined;
    this.main.abort();
  }

  /** A connection has come in. */
  accept(socket: TcpSocket): void {
    if (this.isShut || this.overflowed || !this.active || (this.as === 0 && this.settings.remoteAs === undefined))
      return socket.close();
    this.other?.discard();
    this.other = new Session(this, true);
    prepareSocket(this, socket);
    this.other.accept(socket);
  }

  // What sessions ask for.

  now(): Nanos {
    return this.bgp.os.now();
  }
  alarm(ring: () => void): OsAlarm {
    return this.bgp.os.alarm(ring);
  }
  fsmConfig(): Config {
    const { settings, bgp } = this;
    const times = settings.timers ?? bgp.globals.timers ?? bgp.profile;
    return {
      passive: settings.passive === true || this.dynamic,
      holdS: times.holdS,
      keepaliveS: times.keepaliveS,
      connectRetryS: settings.connectRetryS ?? bgp.profile.connectRetryS,
      delayOpenS: settings.delayOpenS ?? 0,
      restartJitter: this.#jitter,
    };
  }
  dial(session: Session): TcpSocket | undefined {
    if (this.nextHop === undefined) {
      // Only now is zebra asked; its answer lets the session go on (bgpd/bgp_nht.c:bgp_peer_reg_with_nht).
      this.nextHop = this.bgp.nextHops.hold(this.address, false);
      this.bgp.reachPeer(this);
    }
    if (!this.reachable || this.bgp.routerId === 0) {
      if (this.established === 0) this.resetAt = this.now();
      this.blame(this.reachable ? "Router ID is missing" : "Waiting for NHT");
      return undefined;
    }
    const socket = this.bgp.os.tcpSocket();
    prepareSocket(this, socket);
    socket.options.md5 = this.bgp.signatures;
    const source = this.bgp.sourceOf(this);
    if (source === undefined || (source !== 0 && !socket.bind(source, 0).ok)) return undefined;
    const begun = socket.connect(this.address, this.settings.port ?? DEFAULT_PORT, (failed) => {
      if (failed === null) session.connected(socket);
      else session.failed(socket);
    });
    return begun.ok ? socket : undefined;
  }
  openFor(): BgpOpen {
    return openTo(this);
  }
  sent(type: number): void {
    this.counters.sent[type] = (this.counters.sent[type] ?? 0) + 1;
  }
  #received(type: number): void {
    this.counters.received[type] = (this.counters.received[type] ?? 0) + 1;
  }

  heard(session: Session, m: BgpMessage): void {
    switch (m.kind) {
      case "open":
        this.#received(OPEN);
        return this.#open(session, m);
      case "keepalive":
        this.#received(KEEPALIVE);
        if (session.established) this.bgp.startUp.complete(this);
        return session.feed({ kind: "keepalive" });
      case "notification":
        this.#received(NOTIFICATION);
        this.#notified(m);
        return session.feed({ kind: "notification" });
      case "refresh":
        this.#received(ROUTE_REFRESH);
        if (session.established) this.#refresh(m);
        return session.feed({ kind: "heard" });
      case "update":
        this.#received(UPDATE);
        return session.feed({ kind: "heard" });
    }
  }
  update(session: Session, b: Uint8Array, o: number, end: number): void {
    this.#received(UPDATE);
    const owed = this.bgp.inbound.update(this, b, o, end);
    if (owed !== undefined) session.fault(owed, !this.overflowed);
  }

  #notified(m: Answer): void {
    const owed = innerOf(m);
    this.lastNotification = { owed, sent: false, hard: owed !== m };
    logNotification(this, owed, false, owed !== m);
    this.blame("BGP Notification received");
    const refused = owed.code === OPEN_ERROR && owed.subcode === OPEN_BAD_AS;
    if (refused && this.settings.localAs?.dual === true) this.realAs = !this.realAs;
  }
  dressed(session: Session, owed: Answer): Answer {
    const { role } = session.state;
    const known = role === "idle" || role === "openconfirm" || role === "established";
    if (!known || !this.restartsAfterNotification) return owed;
    return isHard(owed, this.bgp.globals.restart.hardReset) ? hardReset(owed) : owed;
  }

  #refresh(m: BgpRefresh): void {
    if (m.afi !== 1 || m.safi !== 1 || m.subtype !== 0) return;
    if (m.rest.length > 0) {
      const change = this.givesFilters ? takeFilters(this, m.rest) : undefined;
      if (change?.immediate === false || !this.givesFilters) return;
    }
    this.bgp.outbound.refresh(this);
  }
  #open(session: Session, m: BgpOpen): void {
    const capabilities = capabilitiesOf(m);
    const fault = openFault(this, m, capabilities);
    if (fault !== undefined) return session.fault(fault);
    const rival = session === this.main ? this.other : this.main;
    if (rival !== undefined && this.#yields(session, rival, m.id)) return;
    session.remoteId = m.id;
    this.remoteId = m.id;
    this.as = capabilities.as4 ?? m.as;
    this.#identify();
    this.capabilities = capabilities;
    this.hostname = capabilities.hostname;
    const mute = this.settings.withoutCapabilities === true;
    this.as4 = capabilities.as4 !== undefined && !mute;
    session.feed({ kind: "open", holdS: m.holdS });
    session.extendedMessages = capabilities.extendedMessage && this.settings.extendedMessage !== false && !mute;
  }

  /** Collision detection (§6.8): of two connections the one stays that the higher identifier has begun. True: this one goes. */
  #yields(session: Session, rival: Session, remoteId: Ipv4): boolean {
    if (rival.established) {
      session.fault(answer(CEASE, CEASE_COLLISION), false);
      if (session === this.other) this.other = undefined;
      return true;
    }
    if (rival.state.role !== "opensent" && rival.state.role !== "openconfirm") return false;
    const { routerId } = this.bgp;
    const weAreLower = routerId < remoteId || (routerId === remoteId && this.localAs < this.as);
    const loser = weAreLower === session.incoming ? rival : session;
    loser.fault(answer(CEASE, CEASE_COLLISION), false);
    if (loser === this.other) this.other = undefined;
    return loser === session;
  }

  happened(session: Session, effect: Effect): void {
    if (effect.kind === "notify") {
      const hard = this.dressed(session, effect.owed) !== effect.owed;
      this.lastNotification = { owed: effect.owed, sent: true, hard };
      logNotification(this, effect.owed, true, hard);
      return this.blame(reasonOf(effect.owed));
    }
    if (effect.kind === "established") return this.#establish(session);
    if (effect.kind !== "down") return;
    if (session === this.other) {
      this.other = undefined;
      // Only the main session begins anew by itself.
      return session.discard();
    }
    this.resetAt = this.now();
    if (effect.why === "closed")
      this.blame(this.helper?.able === true ? "NSF peer closed the session" : "Peer closed the session");
    if (effect.was === "established") this.#lost(effect.why);
    else this.failures++;
    if (this.dynamic && this.other === undefined && this.helper?.waiting !== true) this.bgp.forget(this);
  }

  #establish(session: Session): void {
    if (session === this.other) {
      this.main.discard();
      this.main = session;
      this.other = undefined;
    } else if (this.other !== undefined) {
      this.other.discard();
      this.other = undefined;
    }
    this.established++;
    this.failures = 0;
    this.establishedAt = this.now();
    this.lastNotification = undefined;
    this.endOfRibReceived = false;
    this.endOfRibSent = false;
    this.bgp.os.trace("bgp.neighbor", { neighbor: this.address, state: "established" });
    logUp(this);
    if ((this.capabilities?.gracefulRestart?.families.length ?? 0) > 0) this.helper ??= new RestartHelper(this);
    this.helper?.established();
    this.filters = undefined;
    this.filtersSent = false;
    this.awaitsRefresh = this.givesFilters;
    this.bgp.established(this);
    if (this.takesFilters) sendFilters(this);
  }
  #lost(why: Why): void {
    this.dropped++;
    this.establishedAt = -1;
    this.bgp.os.trace("bgp.neighbor", { neighbor: this.address, state: "down" });
    logDown(this);
    this.bgp.lost(this, this.helper?.lost(why, this.lastNotification?.hard === true) ?? false);
  }

  /** Too many prefixes: Cease, and no start before the restart timer. */
  overflow(): Answer {
    const limit = this.settings.maximumPrefix;
    this.overflowed = true;
    if (limit !== undefined && limit.restartMin > 0) this.#restart.set(this.now() + limit.restartMin * 60 * S);
    const max = limit?.max ?? 0;
    const data = Uint8Array.from([0, 1, 1, max >>> 24, max >>> 16, max >>> 8, max]); // RFC 4486 §4
    return answer(CEASE, CEASE_MAX_PREFIXES, data);
  }
  /** When it starts anew after too many prefixes; `NEVER`: when somebody says so. */
  get restartAt(): Nanos {
    return this.#restart.deadline;
  }
  clearOverflow(): void {
    this.#restart.set(NEVER);
    if (!this.overflowed) return;
    this.overflowed = false;
    this.start();
  }

  /** Which kind of neighbour it is. */
  #identify(): void {
    const { remoteAs, localAs } = this.settings;
    const { globals } = this.bgp;
    if (typeof remoteAs === "number") this.as = remoteAs;
    else if (remoteAs === "internal") this.as = localAs?.as ?? globals.as;
    this.sort = sortOf(this.as, this.settings, globals);
    this.oad = this.sort === "ebgp" && this.settings.oad === true;
    this.special = specialReading(this);
  }
  dispose(): void {
    this.#restart.set(NEVER);
    this.helper?.stop();
    this.other?.discard();
    this.main.discard();
  }
}

const shutdownMessageData = (message: string): Uint8Array =>
  message === "" ? new Uint8Array(0) : shutdownData(message);
