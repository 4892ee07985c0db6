import type { Ipv4 } from "../../core/addr.ts";

/** What is configured of neighbours, peer groups and the process, as data. */

/** `remote-as 65001`, `internal`, `external`, `auto` (whatever its OPEN says). */
export type RemoteAs = number | "internal" | "external" | "auto";

export type Direction = "in" | "out";
/** A list in each direction, by name. */
export type Lists = Readonly<Partial<Record<Direction, string>>>;

/** What can be said of a neighbour or of a peer group. Undefined: not said here, so that the group's word or the default counts. */
export interface PeerSettings {
  readonly remoteAs?: RemoteAs;
  readonly description?: string;
  /** Administratively down; the message that goes along, perhaps empty. */
  readonly shutdown?: string;
  readonly password?: string;
  readonly passive?: boolean;
  readonly timers?: { readonly keepaliveS: number; readonly holdS: number };
  readonly connectRetryS?: number;
  readonly delayOpenS?: number;
  /** TTL of `ebgp-multihop`. */
  readonly multihop?: number;
  /** Hops of `ttl-security`. */
  readonly ttlSecurity?: number;
  readonly disableConnectedCheck?: boolean;
  /** An address, or the name of an interface. */
  readonly updateSource?: Ipv4 | string;
  readonly localAs?: LocalAs;
  readonly advertisementIntervalS?: number;
  readonly port?: number;
  readonly enforceFirstAs?: boolean;
  readonly extendedMessage?: boolean;
  /** In an update group of its own. */
  readonly solo?: boolean;
  /** RFC 9234. */
  readonly localRole?: { readonly role: Role; readonly strict: boolean };
  /** Its OPEN has no capabilities. */
  readonly withoutCapabilities?: boolean;
  /** `sender-as-path-loop-detection`: what it would drop is not sent. */
  readonly senderLoops?: boolean;
  readonly aigp?: boolean;
  readonly restartMode?: RestartMode;
  /** Its OPEN has long parameters (RFC 9072), whether they need it or not. */
  readonly extendedParameters?: boolean;
  /** Bandwidths of links are whole numbers there, and no floats. */
  readonly wholeBandwidths?: boolean;
  /** `graceful-shutdown` (RFC 8326). */
  readonly gracefulShutdown?: boolean;
  /** What of its name and software is announced; undefined: as the process says. */
  readonly softwareVersion?: SoftwareVersion | "none";
  readonly fqdn?: boolean;
  /** TCP_MAXSEG of its sessions. */
  readonly tcpMss?: number;
  /** Another AS of the same administration (draft-uttaro-idr-bgp-oad). */
  readonly oad?: boolean;
  /** Types of attributes that are left out of what comes in, or make routes of it withdrawn. */
  readonly attributesDiscarded?: readonly number[];
  readonly attributesWithdrawn?: readonly number[];
  // Address family IPv4 unicast.
  readonly activate?: boolean;
  readonly dampening?: DampeningSettings;
  readonly reflectorClient?: boolean;
  readonly nextHopSelf?: "self" | "force";
  readonly softReconfiguration?: boolean;
  readonly defaultOriginate?: { readonly routeMap: string | undefined };
  /** What is not sent of communities. */
  readonly sendCommunity?: Communities;
  readonly routeMaps?: Lists;
  readonly prefixLists?: Lists;
  readonly distributeLists?: Lists;
  readonly filterLists?: Lists;
  readonly unsuppressMap?: string;
  readonly maximumPrefix?: MaximumPrefix;
  readonly removePrivateAs?: { readonly all: boolean; readonly replace: boolean };
  readonly asOverride?: boolean;
  /** Times that our AS may stand in a path; `origin`: only as its last. */
  readonly allowAsIn?: number | "origin";
  readonly weight?: number;
  readonly unchanged?: Unchanged;
  readonly routeServerClient?: boolean;
  readonly addPathTx?: AddPathTx;
  /** So many paths to a prefix at most are asked for. */
  readonly addPathRxLimit?: number;
  readonly disableAddPathRx?: boolean;
  readonly conditional?: Conditional;
  readonly maximumPrefixOut?: number;
  /** Outbound route filters (RFC 5291): ours are sent, theirs are obeyed. */
  readonly orf?: { readonly sends: boolean; readonly takes: boolean };
  /** `soo`: the site that its routes are of, as an extended community. */
  readonly siteOfOrigin?: string;
}
/** How the software's name is written: with a length of its own as in older drafts, or without. */
export type SoftwareVersion = "old" | "new";
export interface LocalAs {
  readonly as: number;
  readonly noPrepend: boolean;
  readonly replaceAs: boolean;
  /** The real AS number is tried too. */
  readonly dual: boolean;
}
/** What graceful restarts this router takes part in: none; those of others; its own as well (RFC 4724). */
export type RestartMode = "disable" | "helper" | "restart";
/** In the order of their numbers in the capability (RFC 9234 §4.1). */
export const ROLES = ["provider", "rs-server", "rs-client", "customer", "peer"] as const;
export type Role = (typeof ROLES)[number];
/** Which paths go to a neighbour that takes several (RFC 7911); a number: so many beside the best. */
export type AddPathTx = "all" | "bestPerAs" | number;
/** `advertise-map`: what it permits is announced while the other map finds some route, or none. */
export interface Conditional {
  readonly map: string;
  readonly condition: string;
  readonly exists: boolean;
}
export interface Communities {
  readonly standard: boolean;
  readonly extended: boolean;
  readonly large: boolean;
}
export interface Unchanged {
  readonly asPath: boolean;
  readonly nextHop: boolean;
  readonly med: boolean;
}
export interface MaximumPrefix {
  readonly max: number;
  /** Percent from which on there is a warning. */
  readonly threshold: number;
  readonly warningOnly: boolean;
  /** Minutes; 0: stays down. */
  readonly restartMin: number;
  /** Counts what came, before policy. */
  readonly force: boolean;
}

/** `frr defaults`: what FRR takes for granted. */
export interface Profile {
  readonly name: "traditional" | "datacenter";
  readonly keepaliveS: number;
  readonly holdS: number;
  readonly connectRetryS: number;
  readonly requiresPolicy: boolean;
  readonly deterministicMed: boolean;
  readonly showHostname: boolean;
}
export const TRADITIONAL: Profile = {
  ...{ name: "traditional", keepaliveS: 60, holdS: 180, connectRetryS: 120 },
  ...{ requiresPolicy: true, deterministicMed: false, showHostname: false },
};
export const DATACENTER: Profile = {
  ...{ name: "datacenter", keepaliveS: 3, holdS: 9, connectRetryS: 10 },
  ...{ requiresPolicy: false, deterministicMed: true, showHostname: true },
};

/** What paths that tell of their links' bandwidth are weighted by, and what becomes of those that do not. */
export type BandwidthUse = "use" | "ignore" | "skip-missing" | "default-weight-for-missing";
export type AsNotation = "plain" | "dot" | "dot+";

/** `bgp dampening`: penalties, and minutes (RFC 2439). */
export interface DampeningSettings {
  readonly halfMin: number;
  /** Below it a route is used again. */
  readonly reuse: number;
  readonly suppress: number;
  readonly maxMin: number;
}
/** `bgp graceful-restart …`: seconds, and what goes on meanwhile. */
export interface RestartSettings {
  readonly mode: RestartMode;
  /** How long neighbours are asked to wait for this router. */
  readonly restartS: number;
  /** How long this router waits for them to tell all routes again. */
  readonly stalepathS: number;
  /** How long this router waits at its start for neighbours to tell all before it decides. */
  readonly selectDeferS: number;
  /** How long zebra keeps routes of a bgpd that is gone. */
  readonly ribStaleS: number;
  /** The forwarding state outlives a restart. */
  readonly preserveForwarding: boolean;
  /** NOTIFICATIONs do not end what is kept (RFC 8538). */
  readonly notification: boolean;
  /** But `clear bgp` does. */
  readonly hardReset: boolean;
  /** No End-of-RIB is sent. */
  readonly disableEndOfRib: boolean;
  /** How long stale routes are kept beyond the restart time (RFC 9494). */
  readonly longLivedS: number;
}
export const RESTART_DEFAULTS: RestartSettings = {
  ...{ mode: "helper", restartS: 120, stalepathS: 360, selectDeferS: 360, ribStaleS: 500, longLivedS: 0 },
  ...{ preserveForwarding: false, notification: true, hardReset: true, disableEndOfRib: false },
};

/** The settings of the process. */
export interface Globals {
  readonly as: number;
  readonly routerId?: Ipv4;
  readonly clusterId?: Ipv4;
  readonly timers?: { readonly keepaliveS: number; readonly holdS: number };
  readonly requiresPolicy?: boolean;
  readonly importCheck: boolean;
  readonly fastExternalFailover: boolean;
  /** Sessions with neighbours that cannot be reached end at once, whoever they are. */
  readonly fastConvergence: boolean;
  /** Routes are told to neighbours once the kernel has them. */
  readonly suppressFib: boolean;
  readonly defaultIpv4Unicast: boolean;
  readonly localPref: number;
  readonly clientToClient: boolean;
  readonly suppressDuplicates: boolean;
  readonly alwaysCompareMed: boolean;
  readonly deterministicMed?: boolean;
  readonly medMissingAsWorst: boolean;
  readonly medConfed: boolean;
  readonly asPathIgnore: boolean;
  readonly asPathConfed: boolean;
  readonly multipathRelax: boolean;
  readonly compareRouterId: boolean;
  readonly maxPaths?: number;
  readonly maxPathsIbgp?: number;
  readonly confederationId?: number;
  readonly confederationPeers: readonly number[];
  readonly shutdown?: string;
  readonly gracefulShutdown: boolean;
  readonly distance?: { readonly ebgp: number; readonly ibgp: number; readonly local: number };
  readonly logNeighborChanges?: boolean;
  readonly listenLimit: number;
  readonly coalesceMs?: number;
  readonly rmapDelayS: number;
  readonly tableMap?: string;
  /** How AS numbers are printed (RFC 5396). */
  readonly asNotation: AsNotation;
  readonly enforceFirstAs: boolean;
  /** External neighbours one hop away need no connected route. */
  readonly disableConnectedCheck: boolean;
  readonly rejectAsSets: boolean;
  readonly allowOutboundPolicy: boolean;
  readonly peerTypeRelax: boolean;
  readonly compareAigp: boolean;
  readonly bandwidth: BandwidthUse;
  readonly equalClusterLength: boolean;
  readonly minimumHoldS: number;
  readonly conditionalS: number;
  readonly restart: RestartSettings;
  /** How long after a change route maps of `default-originate` are asked; 0: never. */
  readonly defaultOriginateS: number;
  readonly dampening?: DampeningSettings;
  readonly softwareVersion?: SoftwareVersion;
  /** DSCP and the like of sessions' packets: the whole octet. */
  readonly sessionTos: number;
  readonly maxMed?: MaxMed;
  readonly updateDelay?: { readonly delayS: number; readonly establishS: number };
  readonly allowMartian: boolean;
}
/** `bgp max-med`: a MED that says "not through here", always or for a while after the start (RFC 6987 §2.1's idea). */
export interface MaxMed {
  readonly administrative?: number;
  readonly startup?: { readonly forS: number; readonly med: number };
}

export const globalsFor = (as: number): Globals => ({
  as,
  ...{ importCheck: true, fastExternalFailover: true, defaultIpv4Unicast: true, localPref: 100 },
  ...{ clientToClient: true, suppressDuplicates: true, alwaysCompareMed: false, medMissingAsWorst: false },
  ...{ medConfed: false, asPathIgnore: false, asPathConfed: false, multipathRelax: false, compareRouterId: false },
  ...{ confederationPeers: [], gracefulShutdown: false, listenLimit: 100, rmapDelayS: 5 },
  ...{ asNotation: "plain", enforceFirstAs: false, disableConnectedCheck: false, rejectAsSets: true },
  ...{ allowOutboundPolicy: false, peerTypeRelax: false, compareAigp: false, bandwidth: "use" },
  ...{ equalClusterLength: false, minimumHoldS: 0, conditionalS: 60, restart: RESTART_DEFAULTS },
  ...{ sessionTos: 0xc0, allowMartian: false, fastConvergence: false, suppressFib: false, defaultOriginateS: 5 },
});

/** A `peer-group`. */
export class PeerGroup {
  readonly name: string;
  own: PeerSettings = {};

  constructor(name: string) {
    this.name = name;
  }
}
