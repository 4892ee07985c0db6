import { formatIp, type Ipv4, type Mac, type Prefix } from "../../core/addr.ts";
import { done, granted, type Outcome, refused } from "../../core/errno.ts";
import { LocalTable } from "../../core/local.ts";
import type { NetlinkMessage, OsLabelRoute, OsRouteEntry, OsRouteRequest, OsRouteWay } from "../../core/netlink.ts";
import type {
  Os,
  OsAddress,
  OsAlarm,
  OsFiles,
  OsLink,
  OsRoute,
  PacketSocket,
  RawSocket,
  UdpSocket,
} from "../../core/os.ts";
import type { RandomStream } from "../../core/rng.ts";
import { Alarm } from "../../core/sim.ts";
import type { TcpSocket } from "../../core/tcp-socket.ts";
import type { Nanos } from "../../core/time.ts";
import type { TraceFields } from "../../core/trace.ts";
import { RouteWay } from "./fib/way.ts";
import { NodeFiles } from "./files.ts";
import { DST_ERROR } from "./ipv4/dst.ts";
import type { Kernel } from "./kernel.ts";
import {
  deleteRoute,
  describeAddress,
  describeLink,
  listRoutes,
  makeWay,
  Netlink,
  putRoute,
  replaceRoute,
  setLinkUp,
} from "./netlink.ts";
import { PacketSock } from "./packet-socket.ts";

/** The system calls of one node: `core/os.ts` over its kernel. */
export class KernelOs implements Os {
  readonly hostname: string;
  readonly addr: Os["addr"];
  readonly link: Os["link"];
  readonly route: Os["route"];
  readonly labels: Os["labels"];
  readonly local = new LocalTable();
  readonly #kernel: Kernel;
  #files: NodeFiles | null = null;
  #netlink: Netlink | null = null;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    this.hostname = kernel.name;
    this.addr = new AddressCalls(kernel);
    this.link = new LinkCalls(kernel);
    this.route = new RouteCalls(kernel);
    this.labels = new LabelCalls(kernel);
  }

  now(): Nanos {
    return this.#kernel.sim.now;
  }
  alarm(ring: () => void): OsAlarm {
    return new Alarm(this.#kernel.sim, this.hostname, ring);
  }
  rng(purpose: string): RandomStream {
    return this.#kernel.sim.rng(`${purpose} ${this.hostname}`);
  }
  trace(kind: string, fields: TraceFields): void {
    const { sim } = this.#kernel;
    if (sim.trace.on) sim.trace.emit(sim.now, this.hostname, kind, fields);
  }

  get files(): OsFiles {
    return (this.#files ??= new NodeFiles(
      () => this.now(),
      () => this.rng("urandom").u32(),
    ));
  }

  udpSocket(): UdpSocket {
    return this.#kernel.udp.socket();
  }
  tcpSocket(): TcpSocket {
    return this.#kernel.tcp.socket();
  }
  rawSocket(protocol: number): RawSocket {
    return this.#kernel.raw.socket(protocol);
  }
  packetSocket(ifname: string, etherType: number): Outcome<PacketSocket> {
    const dev = this.#kernel.device(ifname);
    return dev === undefined ? refused("ENODEV") : granted(new PacketSock(dev, etherType));
  }

  watch(handler: (message: NetlinkMessage) => void, unheard?: ReadonlySet<number>): () => void {
    this.#netlink ??= new Netlink(this.#kernel);
    return this.#netlink.watch(handler, unheard);
  }

  announce(ifname: string, address: Ipv4, mac?: Mac): void {
    const dev = this.#kernel.device(ifname);
    if (dev === undefined)
      throw new Error(`${this.hostname} has no device ${ifname} to announce ${formatIp(address)} on`);
    this.#kernel.arp.announce(dev, address, mac);
  }
}

class AddressCalls {
  readonly #kernel: Kernel;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  list(): readonly OsAddress[] {
    const kernel = this.#kernel;
    return kernel.addresses.list().map((a) => describeAddress(kernel, a));
  }
  add(ifname: string, address: Ipv4, length: number, broadcast = 0): Outcome {
    const dev = this.#kernel.device(ifname);
    if (dev === undefined) return refused("ENODEV");
    const added = this.#kernel.addresses.add(dev.ifindex, { address, length, broadcast });
    return added.ok ? done : added;
  }
  del(ifname: string, address: Ipv4, length: number): Outcome {
    const dev = this.#kernel.device(ifname);
    if (dev === undefined) return refused("ENODEV");
    const removed = this.#kernel.addresses.remove(dev.ifindex, address, length);
    return removed.ok ? done : removed;
  }
}

class LinkCalls {
  readonly #kernel: Kernel;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  list(): readonly OsLink[] {
    return [...this.#kernel.devices()].map(describeLink);
  }
  find(ifname: string): OsLink | undefined {
    const dev = this.#kernel.device(ifname);
    return dev === undefined ? undefined : describeLink(dev);
  }
  setUp(ifname: string, up: boolean): Outcome {
    return setLinkUp(this.#kernel, ifname, up);
  }
}

class RouteCalls {
  readonly #kernel: Kernel;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  lookup(destination: Ipv4, source: Ipv4 = 0, ifname?: string): Outcome<OsRoute> {
    const kernel = this.#kernel;
    const dev = ifname === undefined ? undefined : kernel.device(ifname);
    if (ifname !== undefined && dev === undefined) return refused("ENODEV");
    const d = kernel.ipv4.routes.output(destination, source, dev?.ifindex ?? 0, 0, 0);
    if (d.type === DST_ERROR) return refused(d.errno || "ENETUNREACH");
    return granted({ source: d.source, gateway: d.viaGateway ? d.nextHop : 0, ifname: d.dev.name, mtuBytes: d.mtu });
  }
  list(table?: number): readonly OsRouteEntry[] {
    return listRoutes(this.#kernel, table);
  }
  replace(route: OsRouteRequest): Outcome {
    return replaceRoute(this.#kernel, route);
  }
  way(request: Omit<OsRouteRequest, "prefix">): RouteWay {
    return makeWay(request);
  }
  put(prefix: Prefix, way: OsRouteWay): Outcome {
    if (!(way instanceof RouteWay)) throw new Error("a way is made by Os.route.way");
    return putRoute(this.#kernel, prefix, way);
  }
  del(route: OsRouteRequest): Outcome {
    return deleteRoute(this.#kernel, route);
  }
  forwards(): boolean {
    return this.#kernel.sysctl.all.forwarding !== 0;
  }
  setForwards(on: boolean): void {
    if (on !== this.forwards()) this.#kernel.setForwarding(on);
  }
}

class LabelCalls {
  readonly #kernel: Kernel;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  limit(): number {
    return this.#kernel.mpls.routes.limit;
  }
  list(): readonly OsLabelRoute[] {
    return this.#kernel.mpls.routes.list().map(({ label, protocol, hops }) => ({
      label,
      protocol,
      nexthops: hops.map(({ labels, via = 0, dev }) => ({ labels, gateway: via, ifindex: dev.ifindex })),
    }));
  }
  replace({ label, protocol, nexthops }: OsLabelRoute): Outcome {
    const hops = nexthops.map(({ labels, gateway, ifindex }) => ({
      labels,
      ifindex,
      ...(gateway === 0 ? {} : { via: gateway }),
    }));
    return this.#kernel.mpls.routes.add({ label, protocol, hops }, "replace");
  }
  del(label: number): Outcome {
    return this.#kernel.mpls.routes.delete(label);
  }
}
