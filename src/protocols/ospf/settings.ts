import type { Ipv4, Prefix } from "../../core/addr.ts";
import type { KeyAlgorithm } from "../../frr/key-chain.ts";
import type { RouteKind, RouteSource } from "../../frr/zapi.ts";
import type { AdjacencyPacingMode, PacingThresholds } from "./adjacency-pacing.ts";
import type { LsaPacingSettings } from "./lsa-pacing.ts";
import type { SpfThrottle } from "./machine.ts";

/** What the configuration says, with FRR's defaults (ospfd/ospfd.h). Everything not set is undefined. */

export interface AuthKey {
  readonly id: number;
  readonly secret: string;
  readonly algorithm: KeyAlgorithm;
}
export type AuthMode = "null" | "simple" | "message-digest";

/** Kinds of networks as they are configured, and their variants. */
export type NetworkSetting = "broadcast" | "non-broadcast" | "point-to-point" | "point-to-multipoint";
export type NetworkVariant = "" | "dmvpn" | "delay-reflood" | "non-broadcast";

/** `ip ospf …` of one interface, or of one of its addresses. */
export class InterfaceSettings {
  area: Ipv4 | undefined;
  /** How the area was written: `0`, `0.0.0.0`. */
  areaText = "";
  network: NetworkSetting | undefined;
  variant: NetworkVariant = "";
  cost: number | undefined;
  priority: number | undefined;
  helloS: number | undefined;
  deadS: number | undefined;
  /** `dead-interval minimal hello-multiplier`: hellos a second; the dead interval is then 1 s. */
  helloMultiplier: number | undefined;
  retransmitS: number | undefined;
  transmitDelayS: number | undefined;
  mtuIgnore = false;
  passive: boolean | undefined;
  prefixSuppression = false;
  /** Name of the prefix list that says from whom packets are taken. */
  neighborFilter: string | undefined;
  /** `graceful-restart hello-delay`. */
  graceHelloDelayS: number | undefined;
  /** Opaque advertisements are exchanged here, when the process knows them. */
  opaque = true;
  auth: AuthMode | undefined;
  simpleKey: string | undefined;
  keys: readonly AuthKey[] = [];
  /** Name of the key chain that holds the keys instead. */
  keyChain: string | undefined;
  /** A sequence number must be greater than the one before, not only as great (RFC 7474 §3); undefined: as the process says. */
  strictSequence: boolean | undefined;
  adjacencyPacing: AdjacencyPacingMode | undefined;
  adjacencyThresholds: PacingThresholds | undefined;
  lsaPacing: LsaPacingSettings | undefined;
  /** Settings of single addresses. */
  readonly addresses = new Map<Ipv4, InterfaceSettings>();

  /** What holds for an address of the interface. */
  of(address: Ipv4): InterfaceSettings {
    return this.addresses.get(address) ?? this;
  }
  /** Settings of one address, made if there are none: whatever is not set in them is looked up in those of the interface. */
  at(address: Ipv4): InterfaceSettings {
    let own = this.addresses.get(address);
    if (own === undefined) this.addresses.set(address, (own = Object.create(this) as InterfaceSettings));
    return own;
  }
}
const UNSET = new InterfaceSettings();

/** Takes settings back: an interface has the defaults again, an address what its interface has. */
export function unset(s: InterfaceSettings, ...keys: readonly (keyof InterfaceSettings)[]): void {
  for (const key of keys)
    if (Object.getPrototypeOf(s) === InterfaceSettings.prototype) Object.assign(s, { [key]: UNSET[key] });
    else delete s[key as "cost"];
}
/** What is set of one address itself. */
export const ownSettings = (s: InterfaceSettings): InterfaceSettings => Object.assign(new InterfaceSettings(), s);

/** `area X range …`. */
export interface RangeSettings {
  readonly prefix: Prefix;
  readonly advertise: boolean;
  readonly cost: number | undefined;
  readonly substitute: Prefix | undefined;
}

export type AreaKind = "normal" | "stub" | "nssa";
export type TranslatorRole = "candidate" | "always" | "never";

/** `area X …`. */
export class AreaSettings {
  kind: AreaKind = "normal";
  noSummary = false;
  defaultCost = 1;
  auth: AuthMode = "null";
  readonly ranges: RangeSettings[] = [];
  /** Of NSSA: who translates, whether a default route is told inside, and with which metric. */
  translator: TranslatorRole = "candidate";
  /** The forwarding address is left out of what is translated. */
  suppressForward = false;
  /** `area X nssa range …`: the most specific first. */
  readonly nssaRanges: RangeSettings[] = [];
  defaultOriginate: { readonly metric: number; readonly type: 1 | 2 } | undefined;
  floodReduction = false;
  /** Names of lists that decide what goes in and out. */
  exportList: string | undefined;
  importList: string | undefined;
  filterIn: string | undefined;
  filterOut: string | undefined;
}

/** `redistribute KIND …`, or `default-information originate …`. */
export interface RedistributeSettings {
  readonly metric: number | undefined;
  readonly metricType: 1 | 2;
  readonly routeMap: string | undefined;
  readonly tag: number;
}
export interface DefaultSettings extends RedistributeSettings {
  readonly always: boolean;
}

/** `neighbor A.B.C.D …`. */
export interface NeighborSettings {
  readonly priority: number;
  readonly pollS: number;
}
export const POLL_S = 60;

/** `area A virtual-link R …`; the object stands for the link. */
export interface VirtualLinkSettings {
  readonly area: Ipv4;
  readonly areaText: string;
  readonly peer: Ipv4;
  /** As FRR names it: `VLINK0`. */
  readonly number: number;
  readonly settings: InterfaceSettings;
}

/** `summary-address …`. */
export interface SummarySettings {
  readonly prefix: Prefix;
  readonly tag: number;
  readonly advertise: boolean;
}
/** Summaries at most. */
export const SUMMARIES_MAX = 1000;

/** `router ospf`. */
export class ProcessSettings {
  routerId: Ipv4 | undefined;
  abrType: "cisco" | "ibm" | "standard" = "cisco";
  rfc1583 = false;
  opaque = true;
  /** `shutdown`: nothing runs, and what was said is withdrawn. */
  shutdown = false;
  /** Gateways of externals are never told: everybody comes by this router. */
  forwardingSelf = false;
  /** `compatible rfc7474`. */
  strictSequence = false;
  floodReduction = false;
  /** Mbit/s. */
  referenceBandwidth = 100_000;
  spf: SpfThrottle = { delayMs: 0, holdMs: 50, maxMs: 5000 };
  minLsIntervalMs = 5000;
  minLsArrivalMs = 1000;
  refreshS = 10;
  maximumPaths = 256;
  distance = 110;
  distanceIntra: number | undefined;
  distanceInter: number | undefined;
  distanceExternal: number | undefined;
  logChanges: "off" | "on" | "detail" = "off";
  defaultMetric: number | undefined;
  passiveDefault = false;
  /** `neighbor A.B.C.D`: those of networks without broadcast, by address. */
  readonly neighbors = new Map<Ipv4, NeighborSettings>();
  /** `network P area A`, in the order typed. */
  readonly networks: { readonly prefix: Prefix; readonly area: Ipv4; readonly areaText: string }[] = [];
  /** By source, in FRR's order of kinds when written. */
  readonly redistribute = new Map<RouteSource, RedistributeSettings>();
  defaultInformation: DefaultSettings | undefined;
  /** `graceful-restart`: the grace period in seconds. */
  gracefulS: number | undefined;
  /** `graceful-restart helper …`. */
  readonly grHelper = { enabled: false, routers: new Set<Ipv4>(), strict: true, plannedOnly: false, supportedS: 1800 };
  readonly virtualLinks: VirtualLinkSettings[] = [];
  /** By prefix. */
  readonly summaries = new Map<string, SummarySettings>();
  /** How long changes of summaries wait. */
  aggregationS = 5;
  /** `distribute-list LIST out KIND`. */
  readonly distribute = new Map<RouteKind, string>();
  maxMetricAdministrative = false;
  maxMetricStartupS: number | undefined;
  maxMetricShutdownS: number | undefined;
}

export const HELLO_S = 10;
export const DEAD_S = 40;
export const RETRANSMIT_S = 5;
export const TRANSMIT_DELAY_S = 1;
export const PRIORITY = 1;
