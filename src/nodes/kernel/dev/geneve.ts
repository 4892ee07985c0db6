import { formatIp, type Ipv4, isMulticast } from "../../../core/addr.ts";
import { dropReason } from "../../../core/drop.ts";
import { done, type Outcome, refused } from "../../../core/errno.ts";
import type { Packet } from "../../../core/packet.ts";
import {
  critical,
  FLAG_CRITICAL,
  type GeneveOption,
  HEADER,
  headerLength,
  isCritical,
  OPTIONS_MAX,
  PORT,
  protocol,
  TYPE_TEB,
  version,
  vni as vniOf,
  writeHeader,
  writeOptions,
} from "../../../protocols/geneve/wire.ts";
import { src as ipSrc } from "../../../protocols/ipv4/wire.ts";
import { HEADER as UDP_HEADER } from "../../../protocols/udp/wire.ts";
import { DST_ERROR } from "../ipv4/dst.ts";
import type { Kernel } from "../kernel.ts";
import { ETHERNET_HEADER, ETHERNET_MTU_MIN, type NetDevice } from "../netdev.ts";
import { clampMtu, MALFORMED, NO_TUNNEL, perKernel } from "./tunnel.ts";
import {
  describeDf,
  describeTos,
  describeTtl,
  Endpoint,
  UdpTunnelDevice,
  type UdpTunnelOptions,
  type UdpTunnelParms,
  udpTunnelParms,
} from "./udp-tunnel.ts";

const CRITICAL = dropReason("tunnel: unknown critical option");
const UNKNOWN_TYPE = dropReason("unknown ethertype");

const VNI_MAX = 0xffffff;
/** IP_MAX_MTU without the headers of IPv4, UDP, Geneve and Ethernet. */
const MTU_MAX = 65_535 - 20 - UDP_HEADER - HEADER - ETHERNET_HEADER;

/** `ip link add … type geneve`, with Linux's defaults for what is left out. */
export interface GeneveOptions extends UdpTunnelOptions {
  /** Virtual network identifier. */
  readonly id: number;
  readonly remote: Ipv4;
  readonly dstport?: number;
  /** Options that every packet carries: Linux sends some in collect-metadata mode only. */
  readonly options?: readonly GeneveOption[];
  /** Not built. */
  readonly external?: boolean;
  /** Not built. */
  readonly innerprotoinherit?: boolean;
}
/** What `ip link set … type geneve` can change. */
export type GeneveChanges = Partial<GeneveOptions>;

const DEFAULTS: UdpTunnelParms = { ttl: 0, tos: 0, df: "unset", udpcsum: false };

/** `ip link add NAME type geneve` (RFC 8926, drivers/net/geneve.c). */
export class GeneveDevice extends UdpTunnelDevice {
  override readonly kind = "geneve";
  protected override readonly tunnelHeader: number;
  readonly vni: number;
  readonly dstport: number;
  readonly #options: Uint8Array;
  readonly #flags: number;
  #to: Endpoint;

  constructor(kernel: Kernel, name: string, ifindex: number, o: GeneveOptions) {
    super(kernel, name, ifindex, udpTunnelParms(o, DEFAULTS));
    this.vni = o.id;
    this.dstport = o.dstport || PORT;
    this.#options = writeOptions(o.options ?? []);
    this.#flags = o.options?.some(isCritical) ? FLAG_CRITICAL : 0;
    this.tunnelHeader = HEADER + this.#options.length;
    this.sourcePorts = [1, 65_535];
    this.#to = new Endpoint(o.remote, this.dstport, o.id, 0);
    this.#fitMtu(o.mtu);
    geneveOf(kernel).register(this);
  }

  get remote(): Ipv4 {
    return this.#to.ip;
  }
  override get mtuRange(): readonly [number, number] {
    return [ETHERNET_MTU_MIN, MTU_MAX];
  }
  override mayOpen(): Outcome {
    return geneveOf(this.kernel).open(this);
  }
  override adminChanged(): void {
    if (!this.up) geneveOf(this.kernel).close(this);
  }
  override destroyed(): void {
    geneveOf(this.kernel).unregister(this);
  }

  override transmit(p: Packet): void {
    if (p.end - p.start < ETHERNET_HEADER) {
      this.stats.txErrors++;
      return this.kernel.drop(p, MALFORMED, this.name);
    }
    this.encapsulate(p, this.#to);
  }

  /** The rest of geneve_udp_encap_recv, and geneve_rx. `p.start` is at the Geneve header. Takes ownership. */
  accept(p: Packet): void {
    const { kernel, stats } = this;
    const { buf, start } = p;
    if (protocol(buf, start) !== TYPE_TEB) {
      stats.rxDropped++;
      return kernel.drop(p, UNKNOWN_TYPE, this.name);
    }
    if (critical(buf, start)) {
      stats.rxErrors++;
      return kernel.drop(p, CRITICAL, this.name); // RFC 8926 §3.5: no option is known here
    }
    p.start += headerLength(buf, start);
    if (this.isForeign(p)) this.deliver(p);
  }

  /** `ip link set NAME type geneve …` (geneve_changelink). */
  change(o: GeneveChanges): Outcome {
    const fixed =
      (o.id !== undefined && o.id !== this.vni) || [o.dstport, o.udpcsum, o.options].some((x) => x !== undefined);
    if (fixed) return refused("EOPNOTSUPP", UNCHANGEABLE);
    const checked = check(o);
    if (!checked.ok) return checked;
    const remote = o.remote ?? this.remote;
    const moves = remote !== this.remote;
    if (moves && geneveOf(this.kernel).inUse(this.vni, remote, this.dstport)) return refused("EBUSY");
    this.udp = udpTunnelParms(o, this.udp);
    if (!moves) return done;
    this.#to = new Endpoint(remote, this.dstport, this.vni, 0);
    this.#fitMtu(o.mtu);
    return done;
  }

  /** What `ip -d link show` prints of it (iproute2's iplink_geneve.c). */
  describe(): string {
    return [
      `geneve id ${this.vni} remote ${formatIp(this.remote)}`,
      describeTtl(this.udp),
      ...describeTos(this.udp),
      ...describeDf(this.udp),
      `dstport ${this.dstport}`,
      this.udp.udpcsum ? "udpcsum" : "noudpcsum",
      "udp6zerocsumrx",
    ].join(" ");
  }

  protected override writeTunnelHeader(p: Packet, o: number): void {
    writeHeader(p.buf, o, TYPE_TEB, this.vni, this.#flags, this.#options.length);
    p.buf.set(this.#options, o + HEADER);
  }

  protected override title(): string {
    return `Geneve vni ${this.vni}`;
  }

  /** geneve_link_config: what fits on the device towards the other end, if that is known. */
  #fitMtu(wanted: number | undefined): void {
    const d = this.kernel.ipv4.routes.output(this.remote, 0, 0, 0, 0);
    const lower = d.errno === "" && d.type !== DST_ERROR ? d.dev.mtu - this.overhead : 0;
    if (wanted !== undefined) this.mtu = clampMtu(wanted, MTU_MAX);
    else if (lower > 0) this.mtu = clampMtu(lower, MTU_MAX);
  }
}

/** `ip link add NAME type geneve id … remote …` (geneve_configure). */
export function addGeneve(kernel: Kernel, name: string, options: GeneveOptions): Outcome<GeneveDevice> {
  const { id, remote, dstport } = options;
  if (id < 0 || id > VNI_MAX) return refused("ERANGE", "Geneve ID must be lower than 16777216");
  const checked = check(options);
  if (!checked.ok) return checked;
  if (geneveOf(kernel).inUse(id, remote, dstport || PORT)) return refused("EBUSY");
  return kernel.register(name, (final, ifindex) => new GeneveDevice(kernel, final, ifindex, options));
}

const UNCHANGEABLE =
  "Changing VNI, Port, endpoint IP address family, external, inner_proto_inherit, and UDP checksum attributes are not supported";

function check(o: GeneveChanges): Outcome {
  if (o.external) return refused("EOPNOTSUPP", "geneve: external is not built");
  if (o.innerprotoinherit) return refused("EOPNOTSUPP", "geneve: innerprotoinherit is not built");
  if (o.remote === 0) return refused("EINVAL", "remote link partner not specified");
  if (isMulticast(o.remote ?? 0)) return refused("EINVAL", "Remote IPv4 address cannot be Multicast");
  const octets = (o.options ?? []).reduce((sum, { data }) => sum + 4 + data.length, 0);
  return octets > OPTIONS_MAX ? refused("EINVAL", `more than ${OPTIONS_MAX} octets of options`) : done;
}

/** The Geneve devices of a node, and those that listen on each port (`struct geneve_net`). */
class GeneveNet {
  readonly #kernel: Kernel;
  readonly #devices = new Set<GeneveDevice>();
  /** Devices that are up, by port, then by VNI. */
  readonly #ports = new Map<number, Map<number, GeneveDevice[]>>();

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  inUse(vni: number, remote: Ipv4, dstport: number): boolean {
    for (const d of this.#devices) if (d.vni === vni && d.remote === remote && d.dstport === dstport) return true;
    return false;
  }
  register(dev: GeneveDevice): void {
    this.#devices.add(dev);
  }
  unregister(dev: GeneveDevice): void {
    this.#devices.delete(dev);
  }

  open(dev: GeneveDevice): Outcome {
    let byVni = this.#ports.get(dev.dstport);
    if (byVni === undefined) {
      const fresh = new Map<number, GeneveDevice[]>();
      const opened = this.#kernel.udp.registerTunnel(dev.dstport, (p, from) => {
        this.#receive(p, from, fresh);
        return true;
      });
      if (!opened.ok) return opened;
      this.#ports.set(dev.dstport, (byVni = fresh));
    }
    byVni.set(dev.vni, [...(byVni.get(dev.vni) ?? []), dev]);
    return done;
  }

  close(dev: GeneveDevice): void {
    const byVni = this.#ports.get(dev.dstport);
    const left = (byVni?.get(dev.vni) ?? []).filter((d) => d !== dev);
    if (left.length > 0) byVni?.set(dev.vni, left);
    else byVni?.delete(dev.vni);
    if (byVni?.size !== 0) return;
    this.#ports.delete(dev.dstport);
    this.#kernel.udp.unregisterTunnel(dev.dstport);
  }

  /** geneve_udp_encap_recv, up to the device: that with the packet's VNI whose other end sent it. Takes ownership. */
  #receive(p: Packet, from: NetDevice, byVni: ReadonlyMap<number, readonly GeneveDevice[]>): void {
    const kernel = this.#kernel;
    const { buf, end } = p;
    const o = p.start + UDP_HEADER;
    if (end - o < HEADER || version(buf, o) !== 0 || o + headerLength(buf, o) > end)
      return kernel.drop(p, MALFORMED, from.name); // RFC 8926 §3.4
    const remote = ipSrc(buf, p.net);
    const dev = byVni.get(vniOf(buf, o))?.find((d) => d.remote === remote);
    if (dev === undefined) return kernel.drop(p, NO_TUNNEL, from.name);
    p.start = o;
    dev.accept(p);
  }
}

const geneveOf = perKernel((kernel) => new GeneveNet(kernel));
