import type { Ipv4 } from "../../core/addr.ts";
import type { OsAlarm } from "../../core/os.ts";
import type { TcpSocket } from "../../core/tcp-socket.ts";
import type { Nanos } from "../../core/time.ts";
import { openTo } from "./announced.ts";
import { capabilitiesOf } from "./capability.ts";
import type { Config, Effect, Role } from "./machine.ts";
import {
  type Answer,
  answer,
  CEASE,
  CEASE_COLLISION,
  hardReset,
  innerOf,
  OPEN_BAD_AS,
  OPEN_ERROR,
} from "./notification.ts";
import { openFault } from "./open-check.ts";
import { takeFilters } from "./outbound-filter.ts";
import type { Peer } from "./peer.ts";
import { isHard } from "./peer-kind.ts";
import { Session, type SessionOwner } from "./session.ts";
import { prepareSocket } from "./transport.ts";
import {
  type BgpMessage,
  type BgpOpen,
  type BgpRefresh,
  isIpv4Unicast,
  KEEPALIVE,
  NOTIFICATION,
  OPEN,
  ROUTE_REFRESH,
  UPDATE,
} from "./wire.ts";

const ROLE_RANK: Readonly<Record<Role, number>> = {
  ...{ idle: 0, active: 1, connect: 2, opensent: 3, openconfirm: 4, established: 5 },
};
const DEFAULT_PORT = 179;

/** The connections with a neighbour, one of ours and one of its own until one of them stays: how they begin, what comes over them, how they end. */
export class Connections implements SessionOwner {
  /** The one that we dial, or that has won. */
  main: Session;
  /** A connection of the neighbour's that competes with it. */
  other: Session | undefined;
  readonly #peer: Peer;

  constructor(peer: Peer) {
    this.#peer = peer;
    this.main = new Session(this, false);
  }

  /** The state of the one that is farthest. */
  get role(): Role {
    const [ours, its] = [this.main.state.role, this.other?.state.role ?? "idle"];
    return ROLE_RANK[its] > ROLE_RANK[ours] ? its : ours;
  }

  /** Ends them with a NOTIFICATION; `again`: another one may begin. */
  stop(owed: Answer, again: boolean): void {
    this.other?.feed({ kind: "stop", owed, again: false });
    this.other = undefined;
    this.main.feed({ kind: "stop", owed, again });
  }
  /** Ends them as if TCP had lost them. */
  abort(): void {
    this.#discardOther();
    this.main.abort();
  }
  /** Ends them without a word. */
  discard(): void {
    this.#discardOther();
    this.main.discard();
  }
  #discardOther(): void {
    this.other?.discard();
    this.other = undefined;
  }

  /** A connection has come in. */
  accept(socket: TcpSocket): void {
    this.#discardOther();
    this.other = new Session(this, true);
    prepareSocket(this.#peer, socket);
    this.other.accept(socket);
  }

  dial(session: Session): TcpSocket | undefined {
    const peer = this.#peer;
    const { bgp } = peer;
    if (!peer.mayDial()) return undefined;
    const socket = bgp.os.tcpSocket();
    prepareSocket(peer, socket);
    socket.options.md5 = bgp.signatures;
    const source = bgp.sourceOf(peer);
    if (source === undefined || (source !== 0 && !socket.bind(source, 0).ok)) return undefined;
    const begun = socket.connect(peer.address, peer.settings.port ?? DEFAULT_PORT, (failed) => {
      if (failed === null) session.connected(socket);
      else session.failed(socket);
    });
    return begun.ok ? socket : undefined;
  }

  now(): Nanos {
    return this.#peer.now();
  }
  alarm(ring: () => void): OsAlarm {
    return this.#peer.bgp.os.alarm(ring);
  }
  fsmConfig(): Config {
    return this.#peer.fsmConfig();
  }
  openFor(): BgpOpen {
    return openTo(this.#peer);
  }
  sent(type: number): void {
    const { sent } = this.#peer.counters;
    sent[type] = (sent[type] ?? 0) + 1;
  }
  #received(type: number): void {
    const { received } = this.#peer.counters;
    received[type] = (received[type] ?? 0) + 1;
  }

  heard(session: Session, m: BgpMessage): void {
    const { bgp } = this.#peer;
    switch (m.kind) {
      case "open":
        this.#received(OPEN);
        return this.#open(session, m);
      case "keepalive":
        this.#received(KEEPALIVE);
        if (session.established) bgp.startUp.complete(this.#peer);
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
    const peer = this.#peer;
    this.#received(UPDATE);
    const owed = peer.bgp.inbound.update(peer, b, o, end);
    if (owed !== undefined) session.fault(owed, !peer.prefixLimit.exceeded);
  }

  #open(session: Session, m: BgpOpen): void {
    const peer = this.#peer;
    const capabilities = capabilitiesOf(m);
    const fault = openFault(peer, m, capabilities);
    if (fault !== undefined) return session.fault(fault);
    const rival = session === this.main ? this.other : this.main;
    if (rival !== undefined && this.#yields(session, rival, m.id)) return;
    session.remoteId = m.id;
    peer.introduced(m, capabilities);
    session.feed({ kind: "open", holdS: m.holdS });
    const { extendedMessage, withoutCapabilities } = peer.settings;
    session.extendedMessages =
      capabilities.extendedMessage && extendedMessage !== false && withoutCapabilities !== true;
  }

  /** Collision detection (§6.8): of two connections the one stays that the higher identifier has begun. True: this one goes. */
  #yields(session: Session, rival: Session, remoteId: Ipv4): boolean {
    if (rival.established) {
      this.#collided(session);
      return true;
    }
    if (rival.state.role !== "opensent" && rival.state.role !== "openconfirm") return false;
    const { bgp, localAs, as } = this.#peer;
    const { routerId } = bgp;
    const weAreLower = routerId < remoteId || (routerId === remoteId && localAs < as);
    const loser = weAreLower === session.incoming ? rival : session;
    this.#collided(loser);
    return loser === session;
  }
  #collided(loser: Session): void {
    loser.fault(answer(CEASE, CEASE_COLLISION), false);
    if (loser === this.other) this.other = undefined;
  }

  #notified(m: Answer): void {
    const peer = this.#peer;
    const owed = innerOf(m);
    peer.notification(owed, false, owed !== m);
    const refused = owed.code === OPEN_ERROR && owed.subcode === OPEN_BAD_AS;
    if (refused && peer.settings.localAs?.dual === true) peer.realAs = !peer.realAs;
  }

  #refresh(m: BgpRefresh): void {
    const peer = this.#peer;
    if (!isIpv4Unicast(m) || m.subtype !== 0) return;
    if (m.rest.length > 0) {
      const change = peer.givesFilters ? takeFilters(peer, m.rest) : undefined;
      if (change?.immediate === false || !peer.givesFilters) return;
    }
    peer.bgp.outbound.refresh(peer);
  }

  dressed(session: Session, owed: Answer): Answer {
    const { role } = session.state;
    const known = role === "idle" || role === "openconfirm" || role === "established";
    if (!known || !this.#peer.restartsAfterNotification) return owed;
    return isHard(owed, this.#peer.bgp.globals.restart.hardReset) ? hardReset(owed) : owed;
  }

  happened(session: Session, effect: Effect): void {
    const peer = this.#peer;
    if (effect.kind === "notify")
      return peer.notification(effect.owed, true, this.dressed(session, effect.owed) !== effect.owed);
    if (effect.kind === "established") {
      this.#keepOnly(session);
      return peer.sessionEstablished();
    }
    if (effect.kind !== "down") return;
    if (session === this.other) {
      this.other = undefined;
      // Only the main session begins anew by itself.
      return session.discard();
    }
    peer.sessionDown(effect.why, effect.was === "established");
    if (peer.dynamic && this.other === undefined && peer.helper?.waiting !== true) peer.bgp.forget(peer);
  }
  #keepOnly(session: Session): void {
    if (session === this.other) {
      this.main.discard();
      this.main = session;
      this.other = undefined;
    } else this.#discardOther();
  }
}
