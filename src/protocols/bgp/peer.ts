import type { Ipv4 } from "../../core/addr.ts";
import type { TcpSocket } from "../../core/tcp-socket.ts";
import { MS, type Nanos } from "../../core/time.ts";
import type { PrefixList } from "../../frr/prefix-list.ts";
import type { SpecialReading } from "./attribute-decode.ts";
import type { Bgp } from "./bgp.ts";
import type { Capabilities } from "./capability.ts";
import { Connections } from "./connections.ts";
import { type DownReason, Downs, reasonOf } from "./down.ts";
import { RestartHelper } from "./helper.ts";
import { logDown, logNotification, logUp } from "./log.ts";
import type { Config, Role, Why } from "./machine.ts";
import { type Answer, answer, CEASE, CEASE_CHANGE, CEASE_SHUTDOWN, shutdownData } from "./notification.ts";
import { sendFilters } from "./outbound-filter.ts";
import { type AdjIn, type Counters, sortOf } from "./peer-kind.ts";
import { PeerStats } from "./peer-stats.ts";
import { PrefixLimit } from "./prefix-limit.ts";
import type { NextHop, PathSource } from "./rib.ts";
import type { Session } from "./session.ts";
import type { PeerGroup, PeerSettings, RestartMode } from "./settings.ts";
import { specialReading } from "./special-reading.ts";
import { TTL_MAX } from "./transport.ts";
import type { UpdateGroup } from "./update-group.ts";
import type { BgpOpen } from "./wire.ts";

/** What the scheduler of a machine makes of it, about. */
const RESTART_JITTER_MS = 50;

/** A neighbour: its settings, what is known of it, and whether a session with it may be. */
export class Peer implements PathSource {
  readonly bgp: Bgp;
  readonly address: Ipv4;
  readonly serial: number;
  /** Made for a connection from a `bgp listen range`. */
  readonly dynamic: boolean;
  own: PeerSettings = {};
  group: PeerGroup | undefined;
  readonly #connections: Connections;
  readonly prefixLimit: PrefixLimit;

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
  /** How many there have been. */
  sessions = 0;
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
  readonly #jitter: Nanos;
  #settings: PeerSettings | undefined;

  constructor(bgp: Bgp, address: Ipv4, serial: number, dynamic = false) {
    this.bgp = bgp;
    this.address = address;
    this.serial = serial;
    this.dynamic = dynamic;
    this.#connections = new Connections(this);
    this.#jitter = bgp.os.rng(`bgpd restart ${address}`).int(RESTART_JITTER_MS) * MS;
    this.prefixLimit = new PrefixLimit(this);
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
  get activated(): boolean {
    return this.settings.activate ?? this.bgp.globals.defaultIpv4Unicast;
  }
  /** The session that messages to it take: ours, or the one that has won. */
  get main(): Session {
    return this.#connections.main;
  }
  get up(): boolean {
    return this.main.established;
  }
  get role(): Role {
    return this.#connections.role;
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

  /** Whether it may have a session at all. */
  get #admitted(): boolean {
    if (this.as === 0 && this.settings.remoteAs === undefined) return false;
    return !this.isShut && !this.prefixLimit.exceeded && this.activated;
  }
  /** Begins, where it may. */
  start(): void {
    if (this.#admitted && !this.dynamic && this.bgp.zebra !== undefined) this.main.feed({ kind: "start" });
  }
  /** Ends its sessions; `again`: and begins anew. */
  stop(owed: Answer, again: boolean): void {
    this.#connections.stop(owed, again);
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
    this.#connections.discard();
  }
  /** The shutdown of this neighbour, with its message. */
  shutdownAnswer(): Answer {
    const message = this.settings.shutdown ?? this.bgp.globals.shutdown ?? "";
    return answer(CEASE, CEASE_SHUTDOWN, message === "" ? new Uint8Array(0) : shutdownData(message));
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
    this.downs.blame(why, this.sessions, this.establishedAt >= 0, this.now());
  }
  /** The session is lost, as if TCP had said so. */
  fail(why: DownReason): void {
    this.blame(why);
    this.#connections.abort();
  }
  /** A connection has come in. */
  accept(socket: TcpSocket): void {
    if (this.#admitted) this.#connections.accept(socket);
    else socket.close();
  }

  now(): Nanos {
    return this.bgp.os.now();
  }
  /** What the machine of a session with it goes by. */
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

  // What its connections tell.

  /** Whether a connection to it may be tried now. If not, what is missing goes on record. */
  mayDial(): boolean {
    if (this.nextHop === undefined) {
      // Only now is zebra asked; its answer lets the session go on (bgpd/bgp_fsm.c:bgp_peer_reg_with_nht).
      this.nextHop = this.bgp.nextHops.hold(this.address, false);
      this.bgp.reachPeer(this);
    }
    if (this.reachable && this.bgp.routerId !== 0) return true;
    if (this.sessions === 0) this.resetAt = this.now();
    this.blame(this.reachable ? "Router ID is missing" : "Waiting for NHT");
    return false;
  }
  /** It has said who it is, in an OPEN without fault. */
  introduced(m: BgpOpen, capabilities: Capabilities): void {
    this.remoteId = m.id;
    this.as = capabilities.as4 ?? m.as;
    this.#identify();
    this.capabilities = capabilities;
    this.hostname = capabilities.hostname;
    this.as4 = capabilities.as4 !== undefined && this.#capable;
  }
  /** A NOTIFICATION ends a session. `hard`: inside of a hard reset (RFC 8538 §3). */
  notification(owed: Answer, sent: boolean, hard: boolean): void {
    this.lastNotification = { owed, sent, hard };
    logNotification(this, owed, sent, hard);
    this.blame(sent ? reasonOf(owed) : "BGP Notification received");
  }
  sessionEstablished(): void {
    this.sessions++;
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
  /** The main session is down. `lost`: it was established, else it has not come about. */
  sessionDown(why: Why, lost: boolean): void {
    this.resetAt = this.now();
    if (why === "closed")
      this.blame(this.helper?.able === true ? "NSF peer closed the session" : "Peer closed the session");
    if (!lost) {
      this.failures++;
      return;
    }
    this.dropped++;
    this.establishedAt = -1;
    this.bgp.os.trace("bgp.neighbor", { neighbor: this.address, state: "down" });
    logDown(this);
    this.bgp.lost(this, this.helper?.lost(why, this.lastNotification?.hard === true) ?? false);
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
    this.prefixLimit.stop();
    this.helper?.stop();
    this.#connections.discard();
  }
}
