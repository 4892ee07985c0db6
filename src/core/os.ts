import type { Ipv4, Mac, Prefix } from "./addr.ts";
import type { Errno, Outcome } from "./errno.ts";
import type { NetlinkMessage, OsLabelRoute, OsRouteEntry, OsRouteRequest, OsRouteWay } from "./netlink.ts";
import type { OctetList, Octets } from "./octets.ts";
import type { Payload } from "./payload.ts";
import type { RandomStream } from "./rng.ts";
import type { TcpSocket } from "./tcp-socket.ts";
import type { Nanos } from "./time.ts";
import type { TraceFields } from "./trace.ts";

/** The system-call surface of a node: what daemons and programs are written against. `nodes/kernel/os.ts` implements it. */
export interface Os {
  readonly hostname: string;
  now(): Nanos;
  /** A timer that is not set. It calls `ring` when its deadline comes. */
  alarm(ring: () => void): OsAlarm;
  /** A random stream of this node: `purpose` names it. */
  rng(purpose: string): RandomStream;
  trace(kind: string, fields: TraceFields): void;

  udpSocket(): UdpSocket;
  tcpSocket(): TcpSocket;
  /** A raw IPv4 socket of one protocol, as `socket(AF_INET, SOCK_RAW, protocol)`. */
  rawSocket(protocol: number): RawSocket;
  /** A packet socket on one device, as `socket(AF_PACKET, SOCK_RAW, type)`; 0x0003 (ETH_P_ALL) sees everything, sent frames too. */
  packetSocket(ifname: string, etherType: number): Outcome<PacketSocket>;

  /** What programs keep: a file system in memory. */
  readonly files: OsFiles;
  readonly addr: {
    list(): readonly OsAddress[];
    add(ifname: string, address: Ipv4, length: number, broadcast?: Ipv4): Outcome;
    del(ifname: string, address: Ipv4, length: number): Outcome;
  };
  readonly link: {
    list(): readonly OsLink[];
    find(ifname: string): OsLink | undefined;
    /** `ip link set NAME up|down`. */
    setUp(ifname: string, up: boolean): Outcome;
  };
  readonly route: {
    /** Where a datagram to `destination` would leave, and with which source. */
    lookup(destination: Ipv4, source?: Ipv4, ifname?: string): Outcome<OsRoute>;
    /** The routes of a table, or of all, in the kernel's order. */
    list(table?: number): readonly OsRouteEntry[];
    /** Adds a route, in the place of the one with its prefix, type of service and metric. */
    replace(route: OsRouteRequest): Outcome;
    /** Makes what many routes are to share. It is checked when the first of them is put, and again when devices or addresses have changed since. */
    way(request: Omit<OsRouteRequest, "prefix">): OsRouteWay;
    /** `replace`, by a way of this node. */
    put(prefix: Prefix, way: OsRouteWay): Outcome;
    /** Deletes the first route that has all of what the request names. */
    del(route: OsRouteRequest): Outcome;
    /** `net.ipv4.ip_forward`. */
    forwards(): boolean;
    setForwards(on: boolean): void;
  };
  /** MPLS: what becomes of packets with a label. */
  readonly labels: {
    /** `net.mpls.platform_labels`: labels below it may be used; 0: MPLS is off. */
    limit(): number;
    list(): readonly OsLabelRoute[];
    /** Adds a label's route, in the place of the one that it has. */
    replace(route: OsLabelRoute): Outcome;
    /** A label without a route is deleted too. */
    del(label: number): Outcome;
  };
  /**
   * Tells of changes of links, addresses and routes, later in the same instant. The result ends it. Routes that come by one of the protocols `unheard` are
   * not told of, as by a socket's filter (SO_ATTACH_FILTER); those that go always are.
   */
  watch(handler: (message: NetlinkMessage) => void, unheard?: ReadonlySet<number>): () => void;
  /** What programs of this node offer each other, as UNIX sockets are: `zserv`, `vty ospfd`. */
  readonly local: LocalServices;
  /** Broadcasts a gratuitous ARP request for `address` (RFC 5227 §3), sent from `mac` or the device's own. */
  announce(ifname: string, address: Ipv4, mac?: Mac): void;
}

/** The files of a node. A path that does not begin at the root begins there all the same. */
export interface OsFiles {
  open(path: string): Outcome<OsFile>;
  /** Makes a file, or empties the one of that name unless `append`. */
  create(path: string, append?: boolean): Outcome<OsFile>;
  remove(path: string): Outcome;
  /** Names in a directory, sorted; those of directories end in a slash. */
  list(path: string): Outcome<readonly string[]>;
}
export interface OsFile {
  readonly size: number;
  readonly content: OctetList;
  readonly changedAt: Nanos;
  /** Copies octets to the end. */
  write(b: Uint8Array, o?: number, end?: number): Outcome;
  /** Adds a run to the end; one that a pattern makes takes no memory. */
  add(octets: Octets): Outcome;
  truncate(size: number): Outcome;
}

/** Standard input: a file, the end of a pipe, or nothing. */
export interface Input {
  /** The next octets, at most `max`; undefined when none wait: `onReadable` will be called, unless it has ended. */
  take(max: number): Octets | undefined;
  /** Nothing waits, and nothing will come. */
  readonly ended: boolean;
  onReadable(handler: () => void): void;
}

/** Services of one node by name. Who finds one calls it directly: nothing is serialised. */
export interface LocalServices {
  /** Offers a service; whoever offered that name before is replaced. */
  provide(name: string, service: unknown): void;
  withdraw(name: string): void;
  /** The service of that name, while somebody offers it. */
  find<Service>(name: string): Service | undefined;
  names(): Iterable<string>;
}

export interface OsAlarm {
  /** Rings at `at` instead of whenever it was set to; `NEVER` stops it. */
  set(at: Nanos): void;
  readonly deadline: Nanos;
}

export interface OsAddress {
  readonly ifname: string;
  readonly address: Ipv4;
  readonly length: number;
  /** There was another address of its subnet before it. */
  readonly secondary?: boolean;
  /** The other end of a point-to-point link; 0: none. */
  readonly peer?: Ipv4;
}
export interface OsLink {
  readonly ifname: string;
  readonly ifindex: number;
  readonly mac: Mac;
  readonly mtuBytes: number;
  readonly up: boolean;
  readonly carrier: boolean;
  /** Whether neighbours are asked for by ARP (false on loopback and IP tunnels). */
  readonly arp: boolean;
  /** Whether its frames begin with an Ethernet header (false on IP tunnels, whose frames are bare IP packets). */
  readonly ethernet: boolean;
  /** What `ip -d link` calls it: `veth`, `bridge`; `loopback`; empty for a card. */
  readonly kind?: string;
  readonly multicast?: boolean;
  readonly pointToPoint?: boolean;
  /** What the device says of its speed; 0 or left out: nothing. */
  readonly speedBps?: number;
  /** The device below, or 0. */
  readonly lowerIfindex?: number;
}
export interface OsRoute {
  readonly source: Ipv4;
  readonly gateway: Ipv4;
  readonly ifname: string;
  readonly mtuBytes: number;
}

/** How a received datagram came. Filled anew for every one: copy what you keep. */
export interface DatagramInfo {
  source: Ipv4;
  sourcePort: number;
  destination: Ipv4;
  destinationPort: number;
  ttl: number;
  tos: number;
  ifindex: number;
  /** Offset of the IP header in the same buffer: options and all. */
  header: number;
}

/** A datagram's payload lies in `b` from `o` to `end`, and is gone when the call returns. */
export type DatagramHandler = (b: Uint8Array, o: number, end: number, info: DatagramInfo) => void;

/** Linux's IP_MTU_DISCOVER: set DF and refuse what does not fit, set DF and fragment nothing, never set DF, set DF and ignore the path's MTU. */
export type PathMtuDiscovery = "do" | "want" | "dont" | "probe";

/** What a datagram may ask for; kept per socket, or given with one send. */
export interface SendOptions {
  ttl?: number;
  multicastTtl?: number;
  /** Whether this node hears what it sends to groups that it has joined; true when left out (IP_MULTICAST_LOOP). */
  multicastLoop?: boolean;
  tos?: number;
  pathMtuDiscovery?: PathMtuDiscovery;
  /** Leaves by this device whatever the routes say (SO_BINDTODEVICE). */
  ifname?: string;
  /** With `ifname`: straight to who is on the link, whatever gateway a route tells (MSG_DONTROUTE). */
  dontRoute?: boolean;
  source?: Ipv4;
  /** IP options, their length a multiple of four (IP_OPTIONS). */
  options?: Uint8Array;
  mark?: number;
  broadcast?: boolean;
}

/** An ICMP error about a datagram that this socket sent (IP_RECVERR), or a local one. */
export interface SocketError {
  readonly errno: Errno;
  readonly icmpType: number;
  readonly icmpCode: number;
  /** Who says so. */
  readonly offender: Ipv4;
  /** Next-hop MTU of "fragmentation needed". */
  readonly mtuBytes: number;
  readonly destination: Ipv4;
  readonly destinationPort: number;
  readonly sourcePort: number;
  /** TTL of the ICMP message itself, as it arrived. */
  readonly ttl: number;
  /** The extension structure behind the quoted datagram (RFC 4884 §7), where there is one. */
  readonly extension?: Uint8Array;
}

interface DatagramSocket {
  readonly options: SendOptions;
  onReceive(handler: DatagramHandler): void;
  onError(handler: (error: SocketError) => void): void;
  /** Called when there is room in the send buffer again, after a send was refused with EAGAIN. */
  onWritable(handler: () => void): void;
  joinGroup(group: Ipv4, ifname: string): Outcome;
  leaveGroup(group: Ipv4, ifname: string): Outcome;
  close(): void;
}

export interface UdpSocket extends DatagramSocket {
  readonly localAddress: Ipv4;
  readonly localPort: number;
  /** Port 0 draws an ephemeral one. */
  bind(address: Ipv4, port: number): Outcome;
  connect(address: Ipv4, port: number): Outcome;
  /** Sends to the connected peer. A `Payload` is summed only once. */
  send(payload: Uint8Array | Payload): Outcome;
  sendTo(payload: Uint8Array | Payload, address: Ipv4, port: number, options?: SendOptions): Outcome;
}

export interface RawSocket extends DatagramSocket {
  bind(address: Ipv4): Outcome;
  /** Sends an IP payload; the kernel writes the IP header. For ICMP the caller has computed the checksum. */
  sendTo(payload: Uint8Array, address: Ipv4, options?: SendOptions): Outcome;
}

/** How a frame was seen: where it was going, and whether this node sent it. */
export interface FrameInfo {
  ifindex: number;
  outgoing: boolean;
}

export interface PacketSocket {
  /** The frame lies in `b` from `o` (its link header) to `end`, and is gone when the call returns. */
  onReceive(handler: (b: Uint8Array, o: number, end: number, info: FrameInfo) => void): void;
  /** Sends a whole frame, link header included. */
  send(frame: Uint8Array): Outcome;
  close(): void;
}

/** A long-running program: `ospfd`, `keepalived`. */
export interface Daemon {
  /** Begins, or begins anew after it was stopped: nothing is left of what it knew. */
  start(): void;
  stop(): void;
  /** Ends as by SIGKILL: without a last word to anybody. Absent: as `stop`. */
  kill?(): void;
  show(): unknown;
  /**
   * Whether it has something to finish: an unacknowledged message, a queued route or update, an armed SPF, election or
   * Wait timer. Hello, keepalive, refresh and retry timers do not count.
   */
  busy(): boolean;
  /** Why it could not begin as it was told to, in words that name file and line. */
  readonly complaint?: string | undefined;
}

/** A running command, as the program sees itself. */
export interface Process {
  readonly os: Os;
  /** What was typed after the program's name. */
  readonly args: readonly string[];
  readonly input: Input;
  out(text: string): void;
  /** Octets to standard output, as they are. They are copied. */
  write(b: Uint8Array, o?: number, end?: number): void;
  err(text: string): void;
  /** From now on it only answers others: a run does not wait for its end. */
  serve(): void;
  /** Ends the process; sockets and alarms that the program made must be closed by it. */
  exit(status: number): void;
  /** Called once on Ctrl-C (SIGINT) or when the run ends while the program still runs. */
  onInterrupt(handler: () => void): void;
}

/** A command's program: parses `args`, and runs until it calls `exit`. */
export type Program = (self: Process) => void;
