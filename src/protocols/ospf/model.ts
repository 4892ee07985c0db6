import type { Ipv4, Prefix } from "../../core/addr.ts";
import type { Os, OsAlarm, RawSocket, SendOptions } from "../../core/os.ts";
import type { RandomStream } from "../../core/rng.ts";
import { MS, type Nanos, NEVER, S } from "../../core/time.ts";
import { KeyChains } from "../../frr/key-chain.ts";
import type { DaemonLog } from "../../frr/log.ts";
import type { ZebraInterface, ZebraSession } from "../../frr/zapi.ts";
import type { AdjacencyPacing } from "./adjacency-pacing.ts";
import type { Hooks } from "./hooks.ts";
import type { Lsa } from "./lsa.ts";
import type { LsaPacing, PacedQueue } from "./lsa-pacing.ts";
import { Lsdb, type Slot } from "./lsdb.ts";
import type { InterfaceState, NeighborState, NetworkType, SpfPace } from "./machine.ts";
import { NeighborTable } from "./neighbor-table.ts";
import { ProcessAlarm, Tasks } from "./process-time.ts";
import { RetransmissionList, Retransmissions } from "./retransmissions.ts";
import {
  AreaSettings,
  DEAD_S,
  HELLO_S,
  InterfaceSettings,
  type NetworkVariant,
  PRIORITY,
  ProcessSettings,
  RETRANSMIT_S,
  TRANSMIT_DELAY_S,
} from "./settings.ts";
import { DD_I, DD_M, DD_MS, OPTION_DC, OPTION_E, OPTION_NP } from "./wire.ts";

/** What ospfd knows: one process, its areas, interfaces and neighbours. State without behaviour: that stands in the files that use it. */

/** Instance of an advertisement that a neighbour has and this router wants. */
export interface Wanted {
  readonly type: number;
  readonly id: Ipv4;
  readonly adv: Ipv4;
  readonly seq: number;
  readonly checksum: number;
  readonly age: number;
}

export class Neighbor {
  readonly oi: OspfInterface;
  readonly address: Ipv4;
  routerId: Ipv4;
  state: NeighborState = "Down";
  stateChanges = 0;
  progressAt: Nanos = 0;
  regressAt: Nanos = NEVER;
  regressWhy = "";
  priority = -1;
  dr: Ipv4 = 0;
  bdr: Ipv4 = 0;
  options = 0;
  /** Database description: own flags and number, what came last, what was sent last. */
  ddFlags = DD_I | DD_M | DD_MS;
  ddSeq = 0;
  ddReceived: { readonly flags: number; readonly options: number; readonly seq: number } | undefined;
  ddSent: Uint8Array | undefined;
  ddSentAt: Nanos = 0;
  /** What has yet to be described to it. */
  readonly summary = new Set<Slot>();
  /** What it has and this router wants, by key. */
  readonly requests = new Map<string, Wanted>();
  /** The last one asked for; undefined once that has come. */
  lastRequested: string | undefined;
  /** What it has not acknowledged. */
  readonly retransmit: RetransmissionList;
  /** Since when retransmissions are due each interval. */
  exchangeAt: Nanos = 0;
  /** Highest sequence number of cryptographic authentication seen. */
  cryptSeq = 0;
  /** It is configured, on a network without broadcast. */
  configured: StaticNeighbor | undefined;
  /** It restarts, and counts as adjacent meanwhile. */
  helping: Helping | undefined;
  /** What is flooded to it and keeps its distance. */
  paced: PacedQueue | undefined;
  /** It is counted among those that are adjacent. */
  counted = false;
  readonly inactivity: OsAlarm;
  readonly helloReply: OsAlarm;
  readonly ddTimer: OsAlarm;
  readonly requestTimer: OsAlarm;
  readonly retransmitTimer: OsAlarm;

  constructor(oi: OspfInterface, address: Ipv4, routerId: Ipv4) {
    const { ospf } = oi;
    const { hooks } = ospf;
    this.oi = oi;
    this.address = address;
    this.routerId = routerId;
    this.retransmit = new RetransmissionList(ospf.retransmissions);
    this.inactivity = ospf.alarm(() => hooks.inactivityTimer(this));
    this.helloReply = ospf.alarm(() => hooks.helloReply(this));
    this.ddTimer = ospf.alarm(() => hooks.ddTimer(this));
    this.requestTimer = ospf.alarm(() => hooks.requestTimer(this));
    this.retransmitTimer = ospf.alarm(() => hooks.retransmitTimer(this));
  }
}

/** Why a router restarts, by the number that grace advertisements have for it (RFC 3623 appendix A). */
export const RestartReason = { unknown: 0, software: 1, switchover: 3 } as const;
/** libospf.h:OSPF_HELLO_DELAY_DEFAULT: seconds before the first hello after an outage that nobody had planned. */
export const HELLO_DELAY_S = 10;

/** How a restarting neighbour is helped: received and actual periods in seconds, the reason by number. */
export interface Helping {
  readonly timer: OsAlarm;
  readonly receivedS: number;
  readonly actualS: number;
  readonly reason: number;
}

/** A neighbour that the configuration names (`neighbor A.B.C.D`), while it stands on an interface of this router. */
export class StaticNeighbor {
  readonly address: Ipv4;
  readonly oi: OspfInterface;
  /** While something is known of it. */
  neighbor: Neighbor | undefined;
  readonly pollTimer: OsAlarm;

  constructor(oi: OspfInterface, address: Ipv4) {
    this.oi = oi;
    this.address = address;
    this.pollTimer = oi.ospf.alarm(() => oi.ospf.hooks.pollTimer(this));
  }
}

/** Room that a queue keeps while it is empty. */
const ROOM_KEPT = 64;

/** Instances on their way out, with the age of each. */
export class UpdateQueue {
  lsas: Lsa[] = [];
  ages: number[] = [];
  size = 0;

  add(lsa: Lsa, age: number): void {
    this.lsas[this.size] = lsa;
    this.ages[this.size++] = age;
  }
  clear(): void {
    if (this.size > ROOM_KEPT) {
      this.lsas = [];
      this.ages = [];
    }
    this.size = 0;
  }
}

/** One address of one interface on which OSPF runs. */
export class OspfInterface {
  readonly ospf: Ospf;
  readonly ifname: string;
  readonly prefix: Prefix;
  readonly area: Area;
  settings: InterfaceSettings;
  readonly type: NetworkType;
  readonly variant: NetworkVariant;
  /** Of a virtual link: the other end, and the area between. */
  peer: { readonly address: Ipv4; readonly routerId: Ipv4; readonly transit: Area } | undefined;
  /** The device as zebra told of it last. */
  device: ZebraInterface;
  state: InterfaceState = "Down";
  stateChanges = 0;
  dr: Ipv4 = 0;
  bdr: Ipv4 = 0;
  cost = 0;
  passive: boolean;
  /** By address; on point-to-point interfaces by router id. */
  readonly neighbors = new NeighborTable();
  fullNeighbors = 0;
  networkLsa: Slot | undefined;
  adjacencyPacing: AdjacencyPacing | undefined;
  lsaPacing: LsaPacing | undefined;
  inAllRouters = false;
  inDesignatedRouters = false;
  /** Updates to send, by destination; sent once all events of this instant are done. */
  readonly updates = new Map<Ipv4, UpdateQueue>();
  updatesScheduled = false;
  /** Since when acknowledgements leave each second. */
  acksFrom: Nanos = NEVER;
  /** Acknowledgements to send. */
  readonly delayedAcks = new UpdateQueue();
  directAcks: { readonly to: Ipv4; readonly lsa: Lsa; readonly age: number }[] = [];
  /** What every packet asks of the socket; made with the first. */
  sendOptions: SendOptions | undefined;
  cryptSeq = 0;
  readonly counters = {
    helloIn: 0,
    helloOut: 0,
    ddIn: 0,
    ddOut: 0,
    requestIn: 0,
    requestOut: 0,
    updateIn: 0,
    updateOut: 0,
    ackIn: 0,
    ackOut: 0,
  };
  readonly helloTimer: OsAlarm;
  readonly waitTimer: OsAlarm;
  readonly ackTimer: OsAlarm;
  /** While this router restarts and says so here, before its first hello: how often it has. */
  readonly graceTimer: OsAlarm;
  graceSent = 0;

  constructor(
    ospf: Ospf,
    device: ZebraInterface,
    prefix: Prefix,
    area: Area,
    kind: { readonly type: NetworkType; readonly variant: NetworkVariant },
  ) {
    this.ospf = ospf;
    this.ifname = device.ifname;
    this.device = device;
    this.prefix = prefix;
    this.area = area;
    this.settings = ospf.settingsOf(device.ifname).of(prefix.address);
    this.type = kind.type;
    this.variant = kind.variant;
    this.passive = false;
    this.helloTimer = ospf.alarm(() => ospf.hooks.helloTimer(this));
    this.waitTimer = ospf.alarm(() => ospf.hooks.interfaceEvent(this, "WaitTimer"));
    this.ackTimer = ospf.alarm(() => ospf.hooks.ackTimer(this));
    this.graceTimer = ospf.alarm(() => ospf.hooks.graceTimer(this));
  }

  get address(): Ipv4 {
    return this.prefix.address;
  }
  /** A designated router is elected. */
  get elects(): boolean {
    return this.type === "broadcast" || this.type === "non-broadcast";
  }
  /** Nothing reaches all neighbours at once: each is sent its own packet, and has to be configured. */
  get nonBroadcast(): boolean {
    return this.type === "non-broadcast" || this.variant === "non-broadcast";
  }
  /** An address without a network of its own (zebra/redistribute.c: ZEBRA_IFA_UNNUMBERED). */
  get unnumbered(): boolean {
    return this.prefix.length === 32 && !this.device.loopback && this.type !== "virtual";
  }
  get priority(): number {
    return this.settings.priority ?? PRIORITY;
  }
  /** Hellos that are sent several times a second announce an interval of 0. */
  get helloS(): number {
    return this.settings.helloMultiplier === undefined ? (this.settings.helloS ?? HELLO_S) : 0;
  }
  get helloInterval(): Nanos {
    const { helloMultiplier } = this.settings;
    return helloMultiplier === undefined ? this.helloS * S : Math.floor(1000 / helloMultiplier) * MS;
  }
  get deadS(): number {
    return this.settings.helloMultiplier === undefined ? (this.settings.deadS ?? DEAD_S) : 1;
  }
  get retransmitS(): number {
    return this.settings.retransmitS ?? RETRANSMIT_S;
  }
  get transmitDelayS(): number {
    return this.settings.transmitDelayS ?? TRANSMIT_DELAY_S;
  }
  /** Options of hellos and of own advertisements in this area. */
  get options(): number {
    return this.area.options;
  }
  /** As FRR names it: `eth0:10.0.0.1`. */
  get nameOf(): string {
    return this.ifname;
  }
}

/** Of one area: whether own advertisements do not age there (RFC 4136). */
export interface Reduction {
  enabled: boolean;
  /** Somebody there does not know what does not age. */
  dcClear: boolean;
  /** Another border router tells of such routers elsewhere. */
  heard: boolean;
  /** What this router tells of them there. */
  indication: Slot | undefined;
}

/** What is known of one area. */
export class Area {
  readonly id: Ipv4;
  readonly settings: AreaSettings;
  lsdb = new Lsdb();
  readonly interfaces: OspfInterface[] = [];
  routerLsa: Slot | undefined;
  fullNeighbors = 0;
  spfRuns = 0;
  /** Routers and networks that those looked at. */
  spfLooked = 0;
  /** This router translates for the area (RFC 3101 §3.1). */
  translating = false;
  /** Says of itself that it is no way through. */
  stubRouter = false;
  /** How the area was written in the configuration. */
  text = "";
  /** The DC bit, where flood reduction is configured. */
  demand = 0;
  readonly reduction: Reduction = { enabled: false, dcClear: false, heard: false, indication: undefined };

  constructor(id: Ipv4, settings: AreaSettings) {
    this.id = id;
    this.settings = settings;
  }
  get options(): number {
    return this.demand | (this.settings.kind === "normal" ? OPTION_E : this.settings.kind === "nssa" ? OPTION_NP : 0);
  }
  get external(): boolean {
    return this.settings.kind === "normal";
  }
}

/** `ospfd`, `ospfd-2`. */
export const instanceName = (name: string, instance: number): string => (instance === 0 ? name : `${name}-${instance}`);

/** Events of one instant, at most: more is a loop. */
const EVENTS_MAX = 10_000_000;

/** The process, `router ospf`. */
export class Ospf {
  readonly os: Os;
  /** Number of the process where several run on a node, each a daemon of its own; 0: it is the only one. */
  readonly instance: number;
  readonly log: DaemonLog;
  readonly hooks: Hooks;
  readonly rng: RandomStream;
  /** How long this process takes for things. */
  readonly paces: RandomStream;
  settings = new ProcessSettings();
  readonly keyChains = new KeyChains();
  /** Whether there is a `router ospf`. */
  enabled = false;
  routerId: Ipv4 = 0;
  zebraRouterId: Ipv4 = 0;
  zebra: ZebraSession | undefined;
  socket: RawSocket | undefined;
  /** Devices as zebra told of them. */
  readonly devices = new Map<string, ZebraInterface>();
  readonly interfaceSettings = new Map<string, InterfaceSettings>();
  readonly areas = new Map<Ipv4, Area>();
  readonly interfaces: OspfInterface[] = [];
  /** Configured neighbours that stand on an interface. */
  readonly staticNeighbors = new Map<Ipv4, StaticNeighbor>();
  /** By device number, then address: for what is received. */
  readonly byIndex = new Map<number, OspfInterface[]>();
  /** Externals and other advertisements of the whole system. */
  readonly lsdb = new Lsdb();
  readonly retransmissions = new Retransmissions();
  abr = false;
  asbr = false;
  startedAt: Nanos = 0;
  spfPace: SpfPace = { ranAt: Number.NEGATIVE_INFINITY, multiplier: 1 };
  stopping = false;
  /** Why this router restarts, until it has: it says nothing of itself meanwhile, and zebra keeps the routes of before (RFC 3623 §2.2). */
  restarting: number | undefined;
  /** zebra has a default route that is not OSPF's own. */
  hasDefault = false;
  /** Says of itself that it is no way through (RFC 6987). */
  stubRouter = false;
  /** No own advertisement is due before. */
  nextRefreshAt: Nanos = NEVER;
  /** Some database may hold others' advertisements that do not age. */
  youngHeard = false;
  /** Why this router helped a restarting one no longer, last. */
  lastHelperExit: string | undefined;
  readonly tasks: Tasks;
  /** Interfaces that have updates to send. */
  updating: OspfInterface[] = [];
  /** When updates were sent last, and when they are sent next. */
  updatedAt: Nanos = Number.NEGATIVE_INFINITY;
  readonly updateTimer: OsAlarm;
  readonly dropped = new Map<string, number>();
  /** Received in updates (`rx_lsa_count`). */
  advertisements = 0;
  #events: (() => void)[] = [];
  #running = false;

  constructor(os: Os, hooks: Hooks, log: DaemonLog, instance: number) {
    this.os = os;
    this.instance = instance;
    this.log = log;
    this.hooks = hooks;
    const name = instanceName("ospfd", instance);
    this.rng = os.rng(name);
    this.paces = os.rng(`${name} paces`);
    this.tasks = new Tasks(this);
    this.updateTimer = this.alarm(() => hooks.updateTimer());
  }

  get now(): Nanos {
    return this.os.now();
  }
  /** A timer, a little late as those of processes are; what it does is done to the end, events that it schedules included. */
  alarm(ring: () => void): OsAlarm {
    return new ProcessAlarm(this, ring);
  }
  /** After everything that this instant's work has scheduled before (FRR's event list). */
  later(event: () => void): void {
    this.#events.push(event);
  }
  /** Does `work`, then what it scheduled. */
  run(work: () => void): void {
    if (this.#running) return work();
    this.#running = true;
    try {
      work();
      for (let i = 0; i < this.#events.length; i++) {
        if (i > EVENTS_MAX) throw new Error("ospfd goes round in circles");
        (this.#events[i] as () => void)();
      }
    } finally {
      this.#events = [];
      this.#running = false;
    }
  }
  /** Counts something that was received and not taken. */
  drop(why: string, fields: { readonly [key: string]: string | number } = {}): void {
    this.dropped.set(why, (this.dropped.get(why) ?? 0) + 1);
    this.os.trace("ospf.drop", { why, ...fields });
  }
  /** Whether an area is one of this router's, and not the backbone: virtual links lead through such. */
  abrConfigured(area: Area): boolean {
    return area.id !== 0 && area.settings.kind === "normal" && area.interfaces.length > 0;
  }
  settingsOf(ifname: string): InterfaceSettings {
    let settings = this.interfaceSettings.get(ifname);
    if (settings === undefined) this.interfaceSettings.set(ifname, (settings = new InterfaceSettings()));
    return settings;
  }
  area(id: Ipv4): Area {
    let area = this.areas.get(id);
    if (area === undefined) {
      area = new Area(id, new AreaSettings());
      area.stubRouter = this.stubRouter;
      if (this.settings.floodReduction) area.demand = OPTION_DC;
      this.areas.set(id, area);
    }
    return area;
  }
}
