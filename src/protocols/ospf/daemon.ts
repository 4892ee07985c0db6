import type { Os, OsAlarm } from "../../core/os.ts";
import { MS, NEVER, S } from "../../core/time.ts";
import type { FrrInstance, FrrProgram } from "../../frr/daemon.ts";
import type { DaemonLog } from "../../frr/log.ts";
import type { ViewQuery, Views } from "../../frr/views.ts";
import type { ConfigBlock } from "../../frr/vty.ts";
import type { ZebraClient, ZebraInterface, ZebraRouteTold, Zserv } from "../../frr/zapi.ts";
import { Aging } from "./aging.ts";
import { Borders } from "./borders.ts";
import { OSPF_COMMANDS } from "./commands.ts";
import { beginPacing } from "./commands-pacing.ts";
import { ddTimer, requestTimer } from "./exchange.ts";
import { Externals } from "./externals.ts";
import { flush, retransmit } from "./flood.ts";
import { FloodReduction } from "./flood-reduction.ts";
import { receiveGrace, topologyChanged } from "./gr-helper.ts";
import { GracefulRestart } from "./gr-restart.ts";
import { sendHelloTo } from "./hello.ts";
import type { Hooks } from "./hooks.ts";
import { RouteInstaller } from "./install-routes.ts";
import { helloTimer, interfaceEvent } from "./interface.ts";
import { chooseRouterId, removeInterface, updateInterfaces } from "./interfaces.ts";
import { networkLsa, routerLsa } from "./links.ts";
import { LSA_ROUTER } from "./lsa-codec.ts";
import type { Slot } from "./lsdb.ts";
import { type Area, instanceName, Ospf } from "./model.ts";
import { pollTimer } from "./nbma.ts";
import { adjacencyChanged, inactivityTimer, neighborEvent } from "./neighbor.ts";
import { filterNeighbors, installJudges, mayHear, newPolicy, policyTouched } from "./policy.ts";
import { Inbox, LinkNews } from "./process-time.ts";
import { receive } from "./receive.ts";
import { Routing } from "./routing.ts";
import { selfOriginated } from "./self.ts";
import { ProcessSettings } from "./settings.ts";
import { SegmentRouting } from "./sr.ts";
import { TrafficEngineering } from "./te.ts";
import { sendDelayedAcks, sendWaiting } from "./update.ts";
import { viewOf } from "./views.ts";
import { VirtualLinks } from "./virtual-links.ts";
import { IPPROTO_OSPF } from "./wire.ts";
import { writeConfig } from "./write-config.ts";

/** What a program may set beside the configuration. */
export interface OspfOptions {
  /** From being started until interfaces are looked at: FRR needs some time to begin. Drawn from 40 to 48 ms unless told. */
  readonly startDelayMs?: number;
}

/** FRR tries again after that long when zebra is not there (lib/zclient.c:zclient_event). */
const ZEBRA_RETRY = 10 * S;
const START_MS = 40;
const START_JITTER_US = 8_000;

/** ospfd, put together from its parts. */
export class OspfDaemon implements FrrInstance, Views {
  readonly log: DaemonLog;
  readonly ospf: Ospf;
  readonly aging: Aging;
  readonly policy = newPolicy();
  readonly installer: RouteInstaller;
  readonly sr: SegmentRouting;
  readonly reduction: FloodReduction;
  readonly te: TrafficEngineering;
  readonly graceful: GracefulRestart;
  routing!: Routing;
  borders!: Borders;
  virtualLinks!: VirtualLinks;
  externals!: Externals;
  readonly #stubTimer: OsAlarm;
  readonly #connect: OsAlarm;
  readonly #leaveTimer: OsAlarm;
  readonly #options: OspfOptions;
  readonly #inbox: Inbox;
  readonly #linkNews: LinkNews;
  /** zebra was asked for its default route. */
  #watching = false;

  constructor(os: Os, options: OspfOptions, log: DaemonLog, instance = 0) {
    this.#options = options;
    this.log = log;
    this.ospf = new Ospf(os, this.#hooks(), log, instance);
    this.sr = new SegmentRouting(
      this.ospf,
      () => this.routing,
      (dest) => this.installer.install(dest),
    );
    this.installer = new RouteInstaller(this.ospf, this.sr);
    this.aging = new Aging(this.ospf);
    this.te = new TrafficEngineering(this.ospf);
    this.reduction = new FloodReduction(this.ospf, () => this.routing);
    this.graceful = new GracefulRestart(this);
    this.#inbox = new Inbox(this.ospf, (b, o, end, info) => receive(this.ospf, b, o, end, info));
    this.#linkNews = new LinkNews(this.ospf, (device) => {
      this.ospf.devices.set(device.ifname, device);
      updateInterfaces(this.ospf);
      this.te.schedule();
    });
    this.#stubTimer = this.ospf.alarm(() => this.updateStubRouter());
    this.#assemble();
    this.policy.onChange((change) =>
      this.ospf.run(() => policyTouched(this.ospf, change, this.externals, this.borders)),
    );
    this.#connect = this.ospf.alarm(() => this.#reachZebra());
    this.#leaveTimer = this.ospf.alarm(() => this.#leave());
  }

  #assemble(): void {
    this.routing = new Routing(this.ospf, {
      routeChanged: (dest, before) => {
        this.installer.install(dest);
        this.borders.routeChanged(dest, before);
      },
      computed: () => {
        this.virtualLinks.update();
        this.borders.computed();
        this.reduction.computed();
        this.graceful.computed();
        this.sr.schedule();
      },
    });
    this.virtualLinks = new VirtualLinks(this.ospf, this.routing);
    this.borders = new Borders(this.ospf, this.routing);
    this.borders.summarized = () => this.reduction.summarized();
    this.externals = new Externals(this.ospf, this.borders);
    installJudges(this.ospf, this.policy, this.externals, this.borders);
  }

  get #name(): string {
    return instanceName("ospfd", this.ospf.instance);
  }
  /** The configuration is read: begin. */
  configured(): void {
    const { ospf } = this;
    ospf.startedAt = ospf.now;
    const delay = this.#options.startDelayMs;
    const jitter = ospf.os.rng(`${this.#name} start`).int(START_JITTER_US) * 1000;
    this.#connect.set(ospf.now + (delay === undefined ? START_MS * MS + jitter : delay * MS));
    ospf.os.local.provide(`views ${this.#name}`, this);
    this.updateStubRouter();
  }

  /** Ends; after `graceful-restart prepare` without a word (ospfd/ospfd.c:ospf_finish_final). */
  stop(): void {
    this.#end(this.graceful.preparing);
  }
  kill(): void {
    this.#end(true);
  }
  /** `silent`: nothing is withdrawn, and where graceful restart is on zebra keeps the routes. */
  #end(silent: boolean): void {
    const { ospf } = this;
    const keepS = silent && ospf.enabled ? ospf.settings.gracefulS : undefined;
    if (silent) this.#hangUp();
    ospf.os.local.withdraw(`views ${this.#name}`);
    this.#connect.set(NEVER);
    this.#leaveTimer.set(NEVER);
    this.#inbox.close();
    this.#linkNews.close();
    ospf.run(() => this.shutdown());
    ospf.zebra?.close(keepS);
    ospf.zebra = undefined;
    this.#hangUp();
  }
  #hangUp(): void {
    this.ospf.socket?.close();
    this.ospf.socket = undefined;
  }

  /** Withdraws everything that this router said, and leaves (§14.1; ospfd/ospfd.c:ospf_finish_final). */
  shutdown(): void {
    const { ospf } = this;
    ospf.stopping = true;
    this.#withdrawAll();
    ospf.later(() => {
      for (const oi of ospf.interfaces) interfaceEvent(oi, "InterfaceDown");
      this.aging.stop();
      this.graceful.stop();
      this.routing.stop();
      this.externals.stop();
      this.reduction.stop();
    });
  }

  #withdrawAll(): void {
    const { ospf } = this;
    for (const area of ospf.areas.values()) for (const slot of ownOf(area)) flush(ospf, area, slot);
    const [first] = ospf.areas.values();
    const externals: Slot[] = [];
    ospf.lsdb.eachOfAll((slot) => slot.self && externals.push(slot));
    if (first !== undefined) for (const slot of externals) flush(ospf, first, slot);
  }

  /** `shutdown`, and `no shutdown`. */
  setShutdown(is: boolean): void {
    const { ospf } = this;
    if (ospf.settings.shutdown === is) return;
    ospf.settings.shutdown = is;
    if (is) {
      if (ospf.settings.gracefulS !== undefined) this.graceful.suspend();
      this.#withdrawAll();
      ospf.later(() => updateInterfaces(ospf));
    } else this.restart();
  }

  /** `no router ospf`: at once, or when others have had time to go round this router (ospfd/ospfd.c:ospf_deferred_shutdown_check). */
  remove(): void {
    const { ospf } = this;
    if (!ospf.enabled || this.#leaveTimer.deadline !== NEVER) return;
    const { maxMetricShutdownS } = ospf.settings;
    if (maxMetricShutdownS === undefined || ospf.interfaces.length === 0) return this.#leave();
    this.#leaveTimer.set(ospf.now + maxMetricShutdownS * S);
    this.updateStubRouter();
  }

  #leave(): void {
    const { ospf } = this;
    this.#leaveTimer.set(NEVER);
    this.graceful.forget();
    this.shutdown();
    ospf.later(() => {
      ospf.enabled = false;
      updateInterfaces(ospf);
      for (const area of ospf.areas.values()) this.routing.forget(area);
      this.routing.dests.each((dest) => ospf.zebra?.remove({ address: dest.address, length: dest.length }));
      ospf.areas.clear();
      ospf.settings = new ProcessSettings();
      this.updateStubRouter();
      this.sr.reset();
      this.te.reset();
      ospf.abr = ospf.asbr = ospf.stopping = false;
      this.externals.subscribe();
      this.#assemble();
    });
  }

  /** `clear ip ospf process`: everything begins anew with the same configuration (ospfd/ospfd.c:ospf_process_reset). */
  restart(): void {
    const { ospf } = this;
    for (const oi of [...ospf.interfaces]) removeInterface(ospf, oi);
    for (const area of ospf.areas.values()) for (const slot of ownOf(area)) flush(ospf, area, slot);
    ospf.later(() => {
      chooseRouterId(ospf);
      updateInterfaces(ospf);
      this.externals.refreshAll();
    });
  }

  /** Says, or no longer says, that this router is no way through (RFC 6987; ospfd/ospf_lsa.c:ospf_stub_router_check). */
  updateStubRouter(): void {
    const { ospf } = this;
    const { maxMetricAdministrative, maxMetricStartupS } = ospf.settings;
    const until = ospf.startedAt + (maxMetricStartupS ?? 0) * S;
    const leaving = this.#leaveTimer.deadline !== NEVER;
    const is = maxMetricAdministrative || leaving || ospf.now < until;
    if (!maxMetricAdministrative && ospf.now < until) this.#stubTimer.set(until);
    ospf.stubRouter = is;
    for (const area of ospf.areas.values()) {
      if (area.stubRouter === is) continue;
      area.stubRouter = is;
      if (area.interfaces.length > 0) routerLsa(ospf, area);
    }
  }

  /** Neighbours and what they told are forgotten, and own advertisements said anew. */
  areaKindChanged(area: Area): void {
    const { ospf } = this;
    for (const oi of area.interfaces) for (const n of oi.neighbors.all) neighborEvent(n, "KillNbr");
    for (const slot of ownOf(area)) if (slot.lsa.type !== LSA_ROUTER) flush(ospf, area, slot);
    if (area.interfaces.length > 0) routerLsa(ospf, area);
    this.borders.check();
  }

  show(): unknown {
    const { routerId, dropped, advertisements, areas } = this.ospf;
    const spf = { runs: 0, looked: 0 };
    for (const area of areas.values()) {
      spf.runs += area.spfRuns;
      spf.looked += area.spfLooked;
    }
    return { routerId, dropped: Object.fromEntries(dropped), advertisements, spf };
  }
  busy(): boolean {
    const { ospf } = this;
    if (!this.#inbox.empty || !this.#linkNews.empty || ospf.restarting !== undefined) return true;
    if (
      this.#connect.deadline !== NEVER ||
      this.routing.waiting ||
      this.sr.waiting ||
      this.borders.waiting ||
      this.externals.waiting
    )
      return true;
    return ospf.interfaces.some((oi) => {
      if (oi.state === "Waiting" || oi.updatesScheduled || oi.ackTimer.deadline !== NEVER) return true;
      for (const n of oi.neighbors.all) {
        if (n.retransmit.size > 0 || n.requests.size > 0 || (n.paced?.waiting.size ?? 0) > 0) return true;
        if (n.state === "Init" || n.state === "ExStart" || n.state === "Exchange" || n.state === "Loading") return true;
      }
      return false;
    });
  }
  writeConfig(): readonly ConfigBlock[] {
    return writeConfig(this);
  }
  view(what: string, query: ViewQuery): unknown {
    return viewOf(this, what, query);
  }

  #reachZebra(): void {
    const { ospf } = this;
    const zserv = ospf.os.local.find<Zserv>("zserv");
    if (zserv === undefined) return this.#connect.set(ospf.now + ZEBRA_RETRY);
    ospf.socket = ospf.os.rawSocket(IPPROTO_OSPF);
    ospf.socket.onReceive((b, o, end, info) => this.#inbox.put(b, o, end, info));
    ospf.zebra = zserv.connect(this.#client());
    this.externals.connected();
    this.#watching = false;
    this.watchDefault();
  }

  /** Default routes inside NSSAs depend on one of this router (ospfd/ospf_zebra.c:ospf_zebra_import_default_route). */
  watchDefault(): void {
    const { ospf } = this;
    const wanted = [...ospf.areas.values()].some((a) => a.settings.kind === "nssa" && a.settings.defaultOriginate);
    if (ospf.zebra === undefined || wanted === this.#watching) return;
    this.#watching = wanted;
    ospf.zebra.watchNexthop(0, wanted, { allowDefault: true });
  }
  #defaultChanged(is: boolean): void {
    if (is === this.ospf.hasDefault) return;
    this.ospf.hasDefault = is;
    this.borders.task();
  }

  #client(): ZebraClient {
    const { ospf } = this;
    return {
      kind: "ospf",
      instance: ospf.instance,
      interfaceChanged: (i: ZebraInterface) => ospf.run(() => this.#linkNews.changed(i)),
      interfaceRemoved: (ifname: string) =>
        ospf.run(() => {
          this.#linkNews.removed(ifname);
          ospf.devices.delete(ifname);
          updateInterfaces(ospf);
        }),
      routerId: (id) =>
        ospf.run(() => {
          ospf.zebraRouterId = id;
          chooseRouterId(ospf);
        }),
      redistributed: (route: ZebraRouteTold) => ospf.run(() => this.externals.told(route)),
      unredistributed: (route: ZebraRouteTold) => ospf.run(() => this.externals.untold(route)),
      nexthopChanged: (n) =>
        ospf.run(() => this.#defaultChanged(n.nexthops.length > 0 && n.prefix?.length === 0 && n.kind !== "ospf")),
    };
  }

  #hooks(): Hooks {
    return {
      neighborEvent,
      interfaceEvent,
      helloTimer,
      inactivityTimer,
      adjacencyChanged,
      graceReceived: receiveGrace,
      becameFull: () => this.graceful.becameFull(),
      interfaceAdded: (oi) => this.graceful.interfaceAdded(oi),
      graceTimer: (oi) => this.graceful.graceTimer(oi),
      helloReply: (n) => sendHelloTo(n.oi, n.address),
      pollTimer,
      ackTimer: sendDelayedAcks,
      updateTimer: () => sendWaiting(this.ospf),
      ddTimer,
      requestTimer,
      retransmitTimer: retransmit,
      routerLsa: (area) => {
        routerLsa(this.ospf, area);
        this.te.schedule();
      },
      networkLsa,
      contentsChanged: (area, slot) => {
        this.routing.changed(area, slot);
        this.sr.changed(slot);
        this.borders.contentsChanged(area, slot);
        topologyChanged(this.ospf, slot.lsa.type);
        this.graceful.contentsChanged(area, slot);
        this.reduction.heard(area, slot);
      },
      selfOriginated: (area, slot) =>
        this.sr.claimed(area, slot) ||
        this.te.claimed(area, slot) ||
        this.ospf.restarting !== undefined ||
        selfOriginated(this.ospf, this.borders, this.externals, area, slot),
      withdrawn: (area, slot) => this.aging.withdrawn(area, slot),
      agingChanged: () => this.aging.changed(),
      interfaceMade: beginPacing,
      interfaceGone: (oi) => removeInterface(this.ospf, oi),
      checkBorder: () => this.borders.check(),
      areaLeft: (area) => this.borders.areaLeft(area),
      mayHear: (oi, source) => mayHear(this.policy, oi, source),
      neighborFilterOf: ({ settings: { neighborFilter: name } }) =>
        name !== undefined && this.policy.prefixLists.find(name) !== undefined ? name : undefined,
      neighborFilterChanged: () => filterNeighbors(this.ospf),
      routerIdChanged: () => {
        this.externals.refreshSoon();
        this.sr.update();
      },
      reachChanged: () => {
        this.externals.refreshSoon();
        this.sr.update();
      },
    };
  }
}

function ownOf(area: Area): readonly Slot[] {
  const own: Slot[] = [];
  area.lsdb.eachOfAll((slot) => slot.self && own.push(slot));
  return own;
}

/** ospfd as nodes start it; `instance`: its number, as `ospfd -n` is told, where several run. */
export const ospfd = (instance: number): FrrProgram<OspfOptions> => ({
  name: instanceName("ospfd", instance),
  commands: OSPF_COMMANDS,
  protocol: instance === 0 ? "OSPF" : `OSPF[${instance}]`,
  endMessage: "W9T04-QWK6B",
  begin: (os, options, log) => new OspfDaemon(os, options, log, instance),
});
export const OSPFD = ospfd(0);
