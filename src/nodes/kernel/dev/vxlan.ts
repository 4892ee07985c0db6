import { formatIp, type Ipv4, isMulticast } from "../../../core/addr.ts";
import { dropReason } from "../../../core/drop.ts";
import { done, type Outcome, refused } from "../../../core/errno.ts";
import type { Packet } from "../../../core/packet.ts";
import { S } from "../../../core/time.ts";
import { HEADER as ETH_HEADER } from "../../../protocols/ethernet/wire.ts";
import { src as ipSrc } from "../../../protocols/ipv4/wire.ts";
import {
  FLAG_DONT_LEARN,
  FLAG_GROUP,
  FLAG_POLICY_APPLIED,
  flags,
  group as groupOf,
  HEADER,
  writeGroup,
  writeHeader,
} from "../../../protocols/vxlan/wire.ts";
import { DST_LOCAL, type Dst } from "../ipv4/dst.ts";
import type { Kernel } from "../kernel.ts";
import { ETHERNET_MTU_MAX, ETHERNET_MTU_MIN, type NetDevice } from "../netdev.ts";
import { MALFORMED, NO_DESTINATION, NO_TUNNEL } from "./tunnel.ts";
import {
  describeDf,
  describeTos,
  describeTtl,
  type Endpoint,
  UdpTunnelDevice,
  type UdpTunnelOptions,
  type UdpTunnelParms,
  udpTunnelParms,
} from "./udp-tunnel.ts";
import { AGEING_DEFAULT, VxlanFdb } from "./vxlan-fdb.ts";
import { joinGroup, leaveGroup, type VxlanPeer, vxlanOf } from "./vxlan-net.ts";

const INVALID_SOURCE = dropReason("tunnel: invalid source MAC");
const FIXED_SOURCE = dropReason("tunnel: source MAC is fixed to another endpoint");

/** Linux's default port, older than IANA's 4789 (drivers/net/vxlan/vxlan_core.c:vxlan_port). */
const PORT_DEFAULT = 8472;
const VNI_MAX = 0xffffff;

/** What is not built: refused by the names that `ip link` has for it. */
type Unbuilt = "proxy" | "rsc" | "l2miss" | "l3miss" | "external" | "vnifilter" | "gpe" | "remcsumtx" | "remcsumrx";
const UNBUILT: readonly Unbuilt[] = [
  ...(["proxy", "rsc", "l2miss", "l3miss", "external", "vnifilter", "gpe", "remcsumtx", "remcsumrx"] as const),
];

/** `ip link add … type vxlan`, with Linux's defaults for what is left out. */
export interface VxlanOptions extends UdpTunnelOptions, Readonly<Partial<Record<Unbuilt, boolean>>> {
  /** VXLAN network identifier. */
  readonly id: number;
  /** Where frames to unknown MACs go: another end point, or a multicast group (which needs `dev`). */
  readonly remote?: Ipv4;
  readonly local?: Ipv4;
  readonly dev?: string;
  readonly dstport?: number;
  /** Source ports, [low, high); left out or both 0: `net.ipv4.ip_local_port_range`. */
  readonly srcport?: readonly [number, number];
  readonly learning?: boolean;
  /** Seconds. */
  readonly ageing?: number;
  /** Entries of the forwarding table; 0: no limit. */
  readonly maxaddress?: number;
  /** Group policy: the packet mark travels in the header. */
  readonly gbp?: boolean;
}
/** What `ip link set … type vxlan` can change. */
export type VxlanChanges = Partial<VxlanOptions>;

/** What `ip link set … type vxlan` may have changed, complete. */
export interface VxlanConfig {
  readonly remote: Ipv4;
  readonly local: Ipv4;
  /** ifindex of the lower device; 0: none. */
  readonly link: number;
  readonly learning: boolean;
  readonly maxaddress: number;
}

const DEFAULTS: UdpTunnelParms = { ttl: 0, tos: 0, df: "unset", udpcsum: true };

/** `ip link add NAME type vxlan` (RFC 7348, drivers/net/vxlan/vxlan_core.c). */
export class VxlanDevice extends UdpTunnelDevice implements VxlanPeer {
  override readonly kind = "vxlan";
  protected override readonly tunnelHeader = HEADER;
  readonly vni: number;
  readonly dstport: number;
  readonly gbp: boolean;
  /** Which MAC is where: `bridge fdb … dev NAME self`. */
  readonly fdb: VxlanFdb;
  #config: VxlanConfig;
  #joined: { readonly dev: NetDevice; readonly group: Ipv4 } | null = null;

  constructor(kernel: Kernel, name: string, ifindex: number, o: VxlanOptions, config: VxlanConfig) {
    super(kernel, name, ifindex, udpTunnelParms(o, DEFAULTS));
    this.vni = o.id;
    this.dstport = o.dstport || PORT_DEFAULT;
    this.gbp = o.gbp ?? false;
    this.sourcePorts = o.srcport ?? [0, 0];
    this.local = config.local;
    this.#config = config;
    this.fdb = new VxlanFdb(kernel, { port: this.dstport, vni: this.vni }, config.maxaddress);
    this.fdb.ageingNs = ageing(o) ?? AGEING_DEFAULT;
    const lower = kernel.deviceByIndex(config.link);
    if (lower !== undefined) this.mtu = Math.max(ETHERNET_MTU_MIN, lower.mtu - this.overhead);
    if (o.mtu !== undefined) this.mtu = Math.min(o.mtu, this.#mtuMax());
    if (config.remote !== 0) this.fdb.append(0, { dst: config.remote, ...via(lower) });
    vxlanOf(kernel).register(this);
  }

  get config(): VxlanConfig {
    return this.#config;
  }
  override mayOpen(): Outcome {
    return vxlanOf(this.kernel).open(this);
  }
  override adminChanged(): void {
    if (this.up) return this.#join();
    this.#leave();
    this.fdb.flush(false);
    vxlanOf(this.kernel).close(this);
  }
  override destroyed(): void {
    this.fdb.flush(true);
    vxlanOf(this.kernel).unregister(this);
  }
  override mayChangeMtu(mtu: number): Outcome {
    return mtu > this.#mtuMax() ? refused("EINVAL") : done; // vxlan_change_mtu
  }

  /** vxlan_xmit: to where the MAC is, or to everybody. */
  override transmit(p: Packet): void {
    if (p.end - p.start < ETH_HEADER) return this.#discard(p, MALFORMED);
    const { view, start } = p;
    const remotes = this.fdb.lookup(view.getUint16(start), view.getInt32(start + 2)) ?? this.fdb.lookup(0, 0);
    if (remotes === undefined) return this.#discard(p, NO_DESTINATION);
    const { pool } = this.kernel.sim;
    for (let i = 1; i < remotes.length; i++) this.#sendTo(pool.clone(p), remotes[i] as Endpoint);
    this.#sendTo(p, remotes[0] as Endpoint);
  }

  /** The rest of vxlan_rcv. */
  accept(p: Packet): void {
    const { kernel, stats } = this;
    const policy = this.gbp ? gbpMark(p.buf, p.start) : -1;
    p.start += HEADER;
    if (!this.isForeign(p)) return;
    const { view, start } = p;
    const high = view.getUint16(start + 6);
    const low = view.getInt32(start + 8);
    if ((high & 0x100) !== 0 || (high === 0 && low === 0)) return kernel.drop(p, INVALID_SOURCE, this.name);
    if (this.#config.learning && !this.fdb.learn(high, low, ipSrc(p.buf, p.net))) {
      stats.rxDropped++;
      return kernel.drop(p, FIXED_SOURCE, this.name);
    }
    if (policy >= 0) p.mark = policy;
    this.deliver(p);
  }

  /** `ip link set NAME type vxlan …`: what Linux lets be changed; errors as it words them (vxlan_changelink). */
  change(o: VxlanChanges): Outcome {
    const fixed = this.#unchangeable(o);
    if (fixed !== undefined) return refused("EOPNOTSUPP", fixed);
    const config = configOf(this.kernel, o, this.#config);
    if (!config.ok) return config;
    const before = this.#config;
    const after = config.value;
    const lower = this.kernel.deviceByIndex(after.link);
    if (after.remote !== before.remote) {
      const replaced = this.#replaceDefault(before, after);
      if (!replaced.ok) return replaced;
    }
    this.udp = udpTunnelParms(o, this.udp);
    this.local = after.local;
    this.#config = after;
    this.fdb.ageingNs = ageing(o) ?? this.fdb.ageingNs;
    for (const { to } of this.fdb.rows()) to.route.forget();
    if (lower !== undefined && this.mtu > this.#mtuMax()) this.kernel.setMtu(this, this.#mtuMax());
    if (this.up) {
      this.#leave();
      this.#join();
    }
    return done;
  }

  isOn(dev: NetDevice): boolean {
    return this.#config.link === dev.ifindex;
  }

  /** What `ip -d link show` prints of it (iproute2's iplink_vxlan.c). */
  describe(): string {
    const { remote, local, link, learning, maxaddress } = this.#config;
    const lower = this.kernel.deviceByIndex(link);
    return [
      `vxlan id ${this.vni}`,
      ...(remote === 0 ? [] : [`${isMulticast(remote) ? "group" : "remote"} ${formatIp(remote)}`]),
      ...(local === 0 ? [] : [`local ${formatIp(local)}`]),
      ...(lower === undefined ? [] : [`dev ${lower.name}`]),
      `srcport ${this.sourcePorts[0]} ${this.sourcePorts[1]} dstport ${this.dstport}`,
      ...(learning ? [] : ["nolearning"]),
      ...describeTos(this.udp),
      describeTtl(this.udp),
      ...describeDf(this.udp),
      `ageing ${this.fdb.ageingNs / S}`,
      ...(maxaddress === 0 ? [] : [`maxaddr ${maxaddress}`]),
      this.udp.udpcsum ? "udpcsum" : "noudpcsum",
      "noudp6zerocsumtx noudp6zerocsumrx",
      ...(this.gbp ? ["gbp"] : []),
    ].join(" ");
  }

  protected override writeTunnelHeader(p: Packet, o: number, to: Endpoint): void {
    writeHeader(p.buf, o, to.vni);
    if (!this.gbp || p.mark === 0) return;
    writeGroup(p.buf, o, p.mark & 0xffff, (p.mark >>> 16) & (FLAG_DONT_LEARN | FLAG_POLICY_APPLIED)); // vxlan_build_gbp_hdr
  }

  protected override title(to: Endpoint): string {
    return `VXLAN vni ${to.vni}`;
  }

  /** encap_bypass_if_local: the other end is a device of this node, which gets the frame as it is. */
  protected override bypass(p: Packet, d: Dst, to: Endpoint): boolean {
    if (d.type !== DST_LOCAL) return false;
    const { kernel, stats } = this;
    const target = vxlanOf(kernel).find(to.vni, to.port, this.gbp);
    if (!(target instanceof VxlanDevice)) {
      stats.txErrors++;
      kernel.drop(p, NO_TUNNEL, this.name);
      return true;
    }
    stats.txPackets++;
    stats.txBytes += p.end - p.start;
    kernel.sim.at(kernel.sim.now, { label: this.label, fire: () => target.acceptLocal(p) });
    return true;
  }

  /** A frame that another device of this node sent (vxlan_encap_bypass). Takes ownership. */
  acceptLocal(p: Packet): void {
    if (!this.up) return this.kernel.drop(p, NO_TUNNEL, this.name);
    const { view, start } = p;
    if (this.#config.learning) this.fdb.learn(view.getUint16(start + 6), view.getInt32(start + 8), LOOPBACK);
    this.enter(p);
  }

  #sendTo(p: Packet, to: Endpoint): void {
    if (to.ip === 0) return this.#discard(p, NO_DESTINATION);
    this.encapsulate(p, to);
  }

  #discard(p: Packet, reason: number): void {
    this.stats.txDropped++;
    this.kernel.drop(p, reason, this.name);
  }

  #replaceDefault(before: VxlanConfig, after: VxlanConfig): Outcome {
    const { kernel, fdb } = this;
    if (after.remote !== 0) {
      const added = fdb.append(0, { dst: after.remote, ...via(kernel.deviceByIndex(after.link)) });
      if (!added.ok) return added;
    }
    return before.remote === 0
      ? done
      : fdb.remove(0, { dst: before.remote, ...via(kernel.deviceByIndex(before.link)) });
  }

  /** vxlan_multicast_join: only the group of the default destination. */
  #join(): void {
    const { remote, link } = this.#config;
    const dev = this.kernel.deviceByIndex(link);
    if (!isMulticast(remote) || dev === undefined) return;
    joinGroup(dev, remote);
    this.#joined = { dev, group: remote };
  }
  #leave(): void {
    if (this.#joined !== null) leaveGroup(this.#joined.dev, this.#joined.group);
    this.#joined = null;
  }

  #mtuMax(): number {
    const lower = this.kernel.deviceByIndex(this.#config.link);
    return lower === undefined ? ETHERNET_MTU_MAX : Math.max(ETHERNET_MTU_MIN, lower.mtu - this.overhead);
  }

  /** vxlan_nl2conf: the words for what a change may not touch. */
  #unchangeable(o: VxlanChanges): string | undefined {
    if (o.id !== undefined && o.id !== this.vni) return "Cannot change VNI";
    if (o.maxaddress !== undefined) return "Cannot change limit";
    if (o.srcport !== undefined) return "Cannot change port range";
    if (o.dstport !== undefined) return "Cannot change port";
    if (o.udpcsum !== undefined) return "Cannot change UDP_CSUM flag";
    if (o.ttl === "inherit") return "vxlan: cannot change TTL_INHERIT flag";
    if (o.gbp !== undefined) return "vxlan: cannot change GBP flag";
    if (o.mtu !== undefined) return "Cannot change mtu";
    return undefined;
  }
}

/** `ip link add NAME type vxlan id …` (vxlan_config_validate). */
export function addVxlan(kernel: Kernel, name: string, options: VxlanOptions): Outcome<VxlanDevice> {
  const { id, srcport, gbp = false } = options;
  if (id < 0 || id > VNI_MAX) return refused("ERANGE", "VXLAN ID must be lower than 16777216");
  if (srcport !== undefined && srcport[1] < srcport[0]) return refused("EINVAL", "Invalid source port range");
  const config = configOf(kernel, options, {
    remote: 0,
    local: 0,
    link: 0,
    learning: true,
    maxaddress: options.maxaddress ?? 0,
  });
  if (!config.ok) return config;
  const net = vxlanOf(kernel);
  if (net.inUse(id, options.dstport || PORT_DEFAULT, gbp))
    return refused("EEXIST", "A VXLAN device with the specified VNI already exists");
  return kernel.register(name, (final, ifindex) => new VxlanDevice(kernel, final, ifindex, options, config.value));
}

const LOOPBACK: Ipv4 = 0x7f000001;

const ageing = (o: VxlanChanges): number | undefined => (o.ageing ? o.ageing * S : undefined);
const via = (dev: NetDevice | undefined): { via?: string } => (dev === undefined ? {} : { via: dev.name });

/** What options make of `base`, or why not. */
function configOf(kernel: Kernel, o: VxlanChanges, base: VxlanConfig): Outcome<VxlanConfig> {
  for (const word of UNBUILT) if (o[word]) return refused("EOPNOTSUPP", `vxlan: ${word} is not built`);
  const remote = o.remote ?? base.remote;
  const local = o.local ?? base.local;
  if (isMulticast(local)) return refused("EINVAL", "Local address cannot be multicast");
  const dev = o.dev === undefined ? kernel.deviceByIndex(base.link) : kernel.device(o.dev);
  if (o.dev !== undefined && dev === undefined) return refused("ENODEV", "Invalid local interface, device not found");
  if (dev === undefined && isMulticast(remote))
    return refused("EINVAL", "Local interface required for multicast remote destination");
  const learning = o.learning ?? base.learning;
  return { ok: true, value: { remote, local, link: dev?.ifindex ?? 0, learning, maxaddress: base.maxaddress } };
}

/** The packet mark that a group policy header means (vxlan_parse_gbp_hdr); -1 when there is none. */
function gbpMark(b: Uint8Array, o: number): number {
  const word = flags(b, o);
  if ((word & FLAG_GROUP) === 0) return -1;
  return ((word & (FLAG_DONT_LEARN | FLAG_POLICY_APPLIED)) << 16) | groupOf(b, o);
}
