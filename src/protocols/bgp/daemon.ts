import type { Ipv4, Prefix } from "../../core/addr.ts";
import type { Os, OsAlarm } from "../../core/os.ts";
import type { TcpSocket } from "../../core/tcp-socket.ts";
import { MS, NEVER, S } from "../../core/time.ts";
import type { FrrInstance, FrrProgram } from "../../frr/daemon.ts";
import type { DaemonLog } from "../../frr/log.ts";
import { Policy } from "../../frr/policy.ts";
import type { ViewQuery, Views } from "../../frr/views.ts";
import type { ConfigBlock } from "../../frr/vty.ts";
import type { ZebraClient, ZebraInterface, Zserv } from "../../frr/zapi.ts";
import { Bgp } from "./bgp.ts";
import { BGP_COMMANDS } from "./commands.ts";
import { PolicyListTable } from "./lists.ts";
import { policyChanged } from "./policy-changes.ts";
import type { Route } from "./route.ts";
import { type Globals, type Profile, type RestartSettings, TRADITIONAL } from "./settings.ts";
import { TTL_MAX } from "./transport.ts";
import { viewOf } from "./views.ts";
import { writeBgpConfig } from "./write-config.ts";

/** What a program may set beside the configuration. */
export interface BgpOptions {
  /** From being started until zebra is asked and neighbours are. Drawn from 1.5 to 1.7 s unless told: what was measured where 24 began at once. */
  readonly startDelayMs?: number;
}

/** FRR tries again after that long when zebra is not there (lib/zclient.c:zclient_event). */
const ZEBRA_RETRY = 10 * S;
const START_MS = 1500;
const START_JITTER_US = 200_000;
const PORT = 179;
/** Backlog of bgpd's listener (bgpd/bgp_network.c: SOMAXCONN). */
const BACKLOG = 4096;

/** bgpd of one node: its processes, the policy that they share, and where neighbours reach them. */
export class BgpDaemon implements FrrInstance, Views {
  readonly os: Os;
  readonly log: DaemonLog;
  readonly lists = new PolicyListTable();
  readonly policy = new Policy<Route>();
  profile: Profile = TRADITIONAL;
  /** What is said of graceful restarts outside of `router bgp`. */
  restart: Partial<RestartSettings> = {};
  bgp: Bgp | undefined;
  /** `router bgp AS view NAME`: processes that keep their routes to themselves. */
  readonly views = new Map<string, Bgp>();
  /** `bgp update-delay` for processes that are still to be made. */
  updateDelay: Globals["updateDelay"];
  reservedRanges = false;
  /** Names of lists and maps that have changed and are still to be taken in. */
  readonly changed = new Set<string>();
  readonly #connect: OsAlarm;
  readonly #policyDelay: OsAlarm;
  readonly #options: BgpOptions;
  #listener: TcpSocket | undefined;
  #zserv: Zserv | undefined;
  #configured = false;

  constructor(os: Os, options: BgpOptions, log: DaemonLog) {
    this.os = os;
    this.log = log;
    this.#options = options;
    this.#connect = os.alarm(() => this.#reachZebra());
    this.#policyDelay = os.alarm(() => {
      const { changed } = this;
      const keys = [...changed];
      changed.clear();
      for (const key of keys) if (key.startsWith("route-map ")) this.policy.routeMaps.pending.delete(key.slice(10));
      for (const bgp of this.processes()) policyChanged(bgp, keys);
    });
    this.policy.onChange(({ kind, name }) => {
      if (!this.#configured) return;
      if (kind === "route-map") this.policy.routeMaps.pending.add(name);
      this.changed.add(`${kind} ${name}`);
      const delay = (this.bgp?.globals.rmapDelayS ?? 5) * S;
      if (this.#policyDelay.deadline === NEVER) this.#policyDelay.set(os.now() + delay);
    });
  }

  configured(): void {
    this.#configured = true;
    this.os.local.provide("views bgpd", this);
    const delay = this.#options.startDelayMs;
    const jitter = this.os.rng("bgpd start").int(START_JITTER_US) * 1000;
    this.#connect.set(this.os.now() + (delay === undefined ? START_MS * MS + jitter : delay * MS));
  }
  stop(): void {
    this.os.local.withdraw("views bgpd");
    this.#connect.set(NEVER);
    this.#policyDelay.set(NEVER);
    this.remove(true);
  }
  /** Its connections go with it. */
  kill(): void {
    for (const bgp of this.processes()) for (const peer of bgp.peers.values()) peer.hangUp();
    this.stop();
  }
  show(): unknown {
    const { bgp } = this;
    return bgp === undefined ? undefined : { as: bgp.globals.as, peers: bgp.peers.size, prefixes: bgp.rib.size };
  }
  busy(): boolean {
    if (this.#connect.deadline !== NEVER || this.#policyDelay.deadline !== NEVER) return true;
    return this.processes().some((bgp) => bgp.busy);
  }
  writeConfig(): readonly ConfigBlock[] {
    return writeBgpConfig(this);
  }
  view(what: string, query: ViewQuery): unknown {
    return viewOf(this, what, query);
  }

  /** The process without a name first. */
  processes(): readonly Bgp[] {
    return this.bgp === undefined ? [...this.views.values()] : [this.bgp, ...this.views.values()];
  }
  /** `router bgp`: makes the process, or one of a view. */
  create(as: number, view?: string): Bgp {
    const bgp = new Bgp(this.os, as, this.policy, this.lists, view);
    bgp.profile = this.profile;
    bgp.log = this.log;
    bgp.change({ restart: { ...bgp.globals.restart, ...this.restart } });
    bgp.reservedRanges = this.reservedRanges;
    bgp.listenerChanged = () => this.#limitSegments();
    if (this.updateDelay !== undefined) bgp.change({ updateDelay: this.updateDelay });
    if (view === undefined) this.bgp = bgp;
    else this.views.set(view, bgp);
    this.#attach();
    return bgp;
  }
  /** `no router bgp`; `stopped`: the daemon ends, and may come back before its routes are missed. */
  remove(stopped = false): void {
    const { bgp } = this;
    this.bgp = undefined;
    const restarts = stopped && bgp !== undefined && [...bgp.peers.values()].some((p) => p.restartMode === "restart");
    const keepS = restarts ? bgp.globals.restart.ribStaleS : undefined;
    bgp?.close(stopped);
    bgp?.zebra?.close(keepS);
    if (stopped) for (const name of [...this.views.keys()]) this.removeView(name, true);
    this.#unlisten();
  }
  removeView(name: string, stopped = false): void {
    const bgp = this.views.get(name);
    this.views.delete(name);
    bgp?.close(stopped);
    bgp?.zebra?.close();
    this.#unlisten();
  }
  #unlisten(): void {
    if (this.processes().length > 0) return;
    this.#listener?.close();
    this.#listener = undefined;
  }

  #reachZebra(): void {
    this.#zserv = this.os.local.find<Zserv>("zserv");
    if (this.#zserv === undefined) return this.#connect.set(this.os.now() + ZEBRA_RETRY);
    this.#attach();
  }
  /** Joins the processes with zebra and the network, once both are there. */
  #attach(): void {
    if (this.#zserv === undefined) return;
    for (const bgp of this.processes()) if (bgp.zebra === undefined) this.#begin(bgp, this.#zserv);
  }
  #begin(bgp: Bgp, zserv: Zserv): void {
    this.#listener ??= this.#listen(bgp.globals.sessionTos);
    this.#limitSegments();
    bgp.zebra = zserv.connect(clientOf(bgp));
    bgp.nextHops.watchAll();
    bgp.local.askAgain();
    // Route maps may have come behind the lines that name them.
    bgp.local.refresh();
    bgp.aggregates.touchAll();
    for (const peer of bgp.peers.values()) peer.start();
  }
  #listen(tos: number): TcpSocket {
    const listener = this.os.tcpSocket();
    listener.options.reuseAddress = true;
    listener.options.noDelay = true;
    listener.options.ttl = TTL_MAX; // bgpd/bgp_network.c:bgp_listener
    listener.options.tos = tos;
    listener.options.md5 = (address) => this.#processOf(address)?.signatures(address) ?? null;
    if (listener.bind(0, PORT).ok) listener.listen(BACKLOG, (socket) => this.#accept(socket));
    return listener;
  }
  /** The smallest `tcp-mss` of all neighbours holds for connections that come in (bgpd/bgp_network.c:bgp_tcp_mss_set). */
  #limitSegments(): void {
    if (this.#listener === undefined) return;
    const { options } = this.#listener;
    delete options.maxSegment;
    for (const bgp of this.processes())
      for (const { settings } of bgp.peers.values())
        if (settings.tcpMss !== undefined) options.maxSegment = Math.min(options.maxSegment ?? 65535, settings.tcpMss);
  }
  /** Whose neighbour an address is: one that is known by name before one of a range. */
  #processOf(address: Ipv4): Bgp | undefined {
    const all = this.processes();
    return all.find((bgp) => bgp.peers.has(address)) ?? all.find((bgp) => bgp.rangeOf(address) !== undefined);
  }
  #accept(socket: TcpSocket): void {
    const bgp = this.#processOf(socket.remoteAddress);
    if (bgp === undefined) socket.close();
    else bgp.accept(socket);
  }
}

function clientOf(bgp: Bgp): ZebraClient {
  const installed = (prefix: Prefix, there: boolean): void => bgp.installer.notified(prefix, there);
  return {
    kind: "bgp",
    interfaceChanged: (i: ZebraInterface) => bgp.interfaceChanged(i),
    interfaceRemoved: (ifname) => {
      bgp.interfaces.delete(ifname);
    },
    routerId: (id) => bgp.routerIdTold(id),
    redistributed: (route) => bgp.local.told(route),
    unredistributed: (route) => bgp.local.untold(route),
    nexthopChanged: (state) => bgp.nexthopChanged(state),
    // zebra takes the trouble only where somebody wants to know.
    get routeNotify() {
      return bgp.globals.suppressFib ? installed : undefined;
    },
  };
}

/** bgpd as nodes start it. */
export const BGPD: FrrProgram<BgpOptions> = {
  name: "bgpd",
  commands: BGP_COMMANDS,
  protocol: "BGP",
  endMessage: "ZW1GY-R46JE",
  begin: (os, options, log) => new BgpDaemon(os, options, log),
};
