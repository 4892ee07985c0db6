import type { Ipv4, Prefix } from "../../core/addr.ts";
import type { RouteKind } from "../../frr/zapi.ts";
import type { SpfThrottle } from "./machine.ts";

/** What the configuration says, with FRR's defaults (ospfd/ospfd.h). Everything not set is undefined. */

export type AuthAlgorithm = "md5" | "hmac-sha-1" | "hmac-sha-256" | "hmac-sha-384" | "hmac-sha-512";
export interface AuthKey {
  readonly id: number;
  readonly secret: string;
  readonly algorithm: AuthAlgorithm;
}
export type AuthMode = "null" | "simple" | "message-digest";

/** `ip ospf …` of one interface. */
export class InterfaceSettings {
  area: Ipv4 | undefined;
  /** How the area was written: `0`, `0.0.0.0`. */
  areaText = "";
  network: "broadcast" | "point-to-point" | "point-to-multipoint" | undefined;
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
  auth: AuthMode | undefined;
  simpleKey: string | undefined;
  readonly keys: AuthKey[] = [];
}

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

/** `router ospf`. */
export class ProcessSettings {
  routerId: Ipv4 | undefined;
  abrType: "cisco" | "ibm" | "standard" = "cisco";
  rfc1583 = false;
  opaque = false;
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
  /** `network P area A`, in the order typed. */
  readonly networks: { readonly prefix: Prefix; readonly area: Ipv4; readonly areaText: string }[] = [];
  /** By kind, in FRR's order of kinds when written. */
  readonly redistribute = new Map<RouteKind, RedistributeSettings>();
  defaultInformation: DefaultSettings | undefined;
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
