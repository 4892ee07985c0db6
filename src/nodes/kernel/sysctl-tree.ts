import { CENTIS, MS, type Nanos, S } from "../../core/time.ts";
import { perKernel } from "./dev/tunnel.ts";
import type { ConfKey, DeviceConf, InDevice, NeighParms } from "./in-device.ts";
import type { Kernel } from "./kernel.ts";
import { mplsSettings } from "./mpls/sysctl.ts";
import { conntrackSettings } from "./netfilter/conntrack/sysctl-directory.ts";
import type { Sysctl } from "./sysctl.ts";
import {
  directory,
  INT_MAX,
  INT_MIN,
  type Range,
  type SysctlDirectory,
  type SysctlNode,
  type SysctlSetting,
  setting,
  type Variable,
} from "./sysctl-values.ts";

/**
 * /proc/sys of a node: every setting that something here obeys, under Linux's name, in Linux's unit and range. Times must not be
 * negative, and are limited to what simulated time can hold; Linux takes some that make no sense.
 */
export const sysctlTree: (kernel: Kernel) => SysctlDirectory = perKernel((kernel) => new Tree(kernel).root);

/** The node of a path below /proc/sys; undefined when there is none. */
export function sysctlNode(kernel: Kernel, path: readonly string[]): SysctlNode | undefined {
  let node: SysctlNode | undefined = sysctlTree(kernel);
  for (const name of path) node = node?.kind === "directory" ? node.child(name) : undefined;
  return node;
}

type Numbers<T> = { readonly [K in keyof T]: T[K] extends number ? K : never }[keyof T];

const INT: Range = [INT_MIN, INT_MAX];
const NATURAL: Range = [0, INT_MAX];
/** From SOCK_MIN_SNDBUF on. */
const SEND_BUFFER: Range = [4608, INT_MAX];
const OCTET: Range = [0, 255];
const SWITCH: Range = [0, 1];
/** Longest spans, far below what 2^53 ns can hold. */
const SPAN_MAX: Nanos = 4_000_000 * S;
const SECONDS: Range = [0, SPAN_MAX / S];
const MILLISECONDS: Range = [0, SPAN_MAX / MS];

/** Settings of `net.ipv4` that bear the name of their field. */
const PLAIN: Readonly<Partial<Record<Numbers<Sysctl>, Range>>> = {
  ip_default_ttl: [1, 255],
  ip_no_pmtu_disc: OCTET,
  ip_forward_use_pmtu: OCTET,
  ip_nonlocal_bind: OCTET,
  fib_multipath_hash_policy: [0, 1], // 2 and 3 are not built
  icmp_echo_ignore_all: SWITCH,
  icmp_echo_ignore_broadcasts: SWITCH,
  icmp_ignore_bogus_error_responses: SWITCH,
  icmp_errors_use_inbound_ifaddr: SWITCH,
  icmp_ratelimit: MILLISECONDS,
  icmp_ratemask: INT,
  icmp_msgs_per_sec: NATURAL,
  icmp_msgs_burst: NATURAL,
  ipfrag_time: SECONDS,
  ipfrag_max_dist: NATURAL,
  // net/ipv4/sysctl_net_ipv4.c: how often and how long TCP tries.
  tcp_orphan_retries: OCTET,
  tcp_retries1: OCTET,
  tcp_retries2: OCTET,
  tcp_rto_max_ms: [1000, 120_000],
  tcp_syn_linear_timeouts: [0, 127],
  tcp_syn_retries: [1, 127],
  tcp_synack_retries: OCTET,
};

/** `net.ipv4.route` counts some spans in ticks: 250 a second on Debian's kernels. */
const TICK_MS = 4;
const MIN_PMTU: Range = [68, INT_MAX];
const PORT: Range = [1, 65_535];
/** The lowest port that needs no privilege: the range of ports must not begin below (ip_unprivileged_port_start). */
const UNPRIVILEGED = 1024;

/** What a packet of full size counts in `unres_qlen_bytes`: SKB_TRUESIZE(ETH_FRAME_LEN). */
const TRUESIZE = 2090;

/** Settings of `net.ipv4.neigh`: the field, and what one counts of it. */
const NEIGH: Readonly<Record<string, readonly [field: Numbers<NeighParms>, unit: number]>> = {
  app_solicit: ["appSolicit", 1],
  base_reachable_time: ["baseReachableNs", S],
  base_reachable_time_ms: ["baseReachableNs", MS],
  delay_first_probe_time: ["delayFirstProbeNs", S],
  gc_stale_time: ["gcStaleNs", S],
  locktime: ["lockNs", CENTIS],
  mcast_resolicit: ["mcastResolicit", 1],
  mcast_solicit: ["mcastSolicit", 1],
  proxy_delay: ["proxyDelayNs", CENTIS],
  proxy_qlen: ["proxyQueueLength", 1],
  retrans_time: ["retransNs", CENTIS],
  retrans_time_ms: ["retransNs", MS],
  ucast_solicit: ["ucastSolicit", 1],
  unres_qlen: ["unresQueueBytes", TRUESIZE],
  unres_qlen_bytes: ["unresQueueBytes", 1],
};

class Tree {
  readonly root: SysctlDirectory;
  readonly #kernel: Kernel;
  /** What was set for a device itself; what was not follows `default`. */
  readonly #chosen = new WeakMap<InDevice, Set<string>>();
  /** Devices that have had an address follow `default` no more (net/ipv4/devinet.c:ipv4_devconf_setall). */
  readonly #addressed = new WeakSet<InDevice>();

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    this.root = directory({
      net: directory({
        core: directory({
          netdev_max_backlog: this.#field("netdev_max_backlog", NATURAL),
          wmem_default: this.#field("wmem_default", SEND_BUFFER),
        }),
        ipv4: this.#ipv4(),
        mpls: mplsSettings(kernel),
        netfilter: conntrackSettings(kernel),
      }),
    });
    const note = (ifindex: number): void => {
      const inet = kernel.deviceByIndex(ifindex)?.inet;
      if (inet !== undefined) this.#addressed.add(inet);
    };
    for (const a of kernel.addresses.list()) note(a.ifindex);
    kernel.addresses.onChange((change) => note(change.address.ifindex));
  }

  #ipv4(): SysctlDirectory {
    const { sysctl } = this.#kernel;
    const high = variable(sysctl, "ipfrag_high_thresh", NATURAL);
    const low = variable(sysctl, "ipfrag_low_thresh", NATURAL);
    const plain = Object.entries(PLAIN) as [Numbers<Sysctl>, Range][];
    return directory({
      ...Object.fromEntries(plain.map(([name, range]) => [name, this.#field(name, range)])),
      conf: this.#devices(["all", "default"], (name) => this.#conf(name)),
      ip_forward: this.#forwarding("all"),
      ip_local_port_range: this.#portRange(),
      ipfrag_high_thresh: this.#file({ ...high, range: () => [low.get(), Number.MAX_SAFE_INTEGER] }),
      ipfrag_low_thresh: this.#file({ ...low, range: () => [0, high.get()] }),
      neigh: this.#devices(["default"], (name) => this.#neigh(name)),
      route: directory({
        error_burst: this.#ticks("route_error_burst_ms"),
        error_cost: this.#ticks("route_error_cost_ms"),
        min_pmtu: this.#field("min_pmtu", MIN_PMTU),
        mtu_expires: this.#field("mtu_expires_s", SECONDS),
        redirect_load: this.#ticks("redirect_load_ms"),
        redirect_number: this.#field("redirect_number", NATURAL),
        redirect_silence: this.#ticks("redirect_silence_ms"),
      }),
    });
  }

  /** Some fixed names and the devices; `make` builds what is behind a name. */
  #devices(fixed: readonly string[], make: (name: string) => SysctlDirectory | undefined): SysctlDirectory {
    const names = (): string[] => [...fixed, ...[...this.#kernel.devices()].map((dev) => dev.name)].sort();
    return { kind: "directory", names, child: make };
  }

  // --- net.ipv4.conf -------------------------------------------------------------------------------------------

  #conf(name: string): SysctlDirectory | undefined {
    const conf = this.#confOf(name);
    if (conf === undefined) return undefined;
    const keys = Object.keys(conf) as ConfKey[];
    const entries = keys.map((key) => [key, this.#confSetting(name, conf, key)] as const);
    return directory({ ...Object.fromEntries(entries), forwarding: this.#forwarding(name) });
  }

  #confOf(name: string): DeviceConf | undefined {
    const { sysctl } = this.#kernel;
    if (name === "all") return sysctl.all;
    return name === "default" ? sysctl.default : this.#kernel.device(name)?.inet.conf;
  }

  /** net/ipv4/devinet.c:devinet_conf_proc. */
  #confSetting(name: string, conf: DeviceConf, key: ConfKey): SysctlSetting {
    const v = variable(conf, key, INT);
    return this.#file({
      ...v,
      set: (value) => {
        v.set(value);
        if (name === "default") for (const inet of this.#followers(key)) inet.conf[key] = value;
        else this.#choose(name, key);
        this.#kernel.fib.settingsChanged();
      },
    });
  }

  /** net/ipv4/devinet.c:devinet_sysctl_forward: `all` sets every device, and what routers and hosts do differently. */
  #forwarding(name: string): SysctlSetting {
    const kernel = this.#kernel;
    const conf = this.#confOf(name) as DeviceConf;
    const v = variable(conf, "forwarding", INT);
    return this.#file({
      ...v,
      set: (value) => {
        if (value === v.get()) return;
        if (name === "all") {
          kernel.setForwarding(value !== 0);
          kernel.sysctl.default.forwarding = value;
          for (const dev of kernel.devices()) dev.inet.conf.forwarding = value;
        }
        v.set(value);
      },
    });
  }

  // --- net.ipv4.neigh ------------------------------------------------------------------------------------------

  #neigh(name: string): SysctlDirectory | undefined {
    const parms = name === "default" ? this.#kernel.sysctl.neighDefault : this.#kernel.device(name)?.inet.neighParms;
    if (parms === undefined) return undefined;
    const entries = Object.entries(NEIGH).map(
      ([key, [field, unit]]) => [key, this.#neighSetting(name, parms, field, unit)] as const,
    );
    return directory({ ...Object.fromEntries(entries), ...(name === "default" ? this.#thresholds() : {}) });
  }

  /** net/core/neighbour.c:neigh_proc_update. */
  #neighSetting(name: string, parms: NeighParms, field: Numbers<NeighParms>, unit: number): SysctlSetting {
    const isTime = unit !== 1 && unit !== TRUESIZE;
    const v = scaled(parms, field, unit, isTime ? SPAN_MAX : INT_MAX);
    return this.#file({
      ...v,
      set: (value) => {
        v.set(value);
        if (name === "default") for (const inet of this.#followers(field)) inet.neighParms[field] = parms[field];
        else this.#choose(name, field);
      },
    });
  }

  #thresholds(): Record<string, SysctlSetting> {
    const { neigh } = this.#kernel;
    return {
      gc_thresh1: this.#file(variable(neigh, "gcThresh1", NATURAL)),
      gc_thresh2: this.#file(variable(neigh, "gcThresh2", NATURAL)),
      gc_thresh3: this.#file(variable(neigh, "gcThresh3", NATURAL)),
    };
  }

  // --- inside --------------------------------------------------------------------------------------------------

  #choose(name: string, key: string): void {
    const inet = this.#kernel.device(name)?.inet;
    if (inet === undefined) return;
    const chosen = this.#chosen.get(inet);
    if (chosen === undefined) this.#chosen.set(inet, new Set([key]));
    else chosen.add(key);
  }

  /** The devices that follow `default` in a setting (net/ipv4/devinet.c:devinet_copy_dflt_conf). */
  *#followers(key: string): Generator<InDevice> {
    for (const { inet } of this.#kernel.devices()) {
      if (!this.#addressed.has(inet) && !this.#chosen.get(inet)?.has(key)) yield inet;
    }
  }

  #field(name: Numbers<Sysctl>, range: Range): SysctlSetting {
    return this.#file(variable(this.#kernel.sysctl, name, range));
  }
  #ticks(name: Numbers<Sysctl>): SysctlSetting {
    return this.#file(scaled(this.#kernel.sysctl, name, TICK_MS, SPAN_MAX / MS));
  }

  /** net/ipv4/sysctl_net_ipv4.c:ipv4_local_port_range. */
  #portRange(): SysctlSetting {
    const { sysctl } = this.#kernel;
    const low = variable(sysctl, "ip_local_port_range_low", PORT);
    const high = variable(sysctl, "ip_local_port_range_high", PORT);
    const numbers = setting(low, high);
    return {
      ...numbers,
      write: (text) => {
        const before = [low.get(), high.get()] as const;
        const written = numbers.write(text);
        if (!written.ok) return written;
        if (low.get() >= UNPRIVILEGED && low.get() <= high.get()) return written;
        low.set(before[0]);
        high.set(before[1]);
        return { ok: false, errno: "EINVAL" };
      },
    };
  }

  /** A file with one number. What was routed before it changed is looked up again. */
  #file(v: Variable): SysctlSetting {
    return setting({
      ...v,
      set: (value) => {
        v.set(value);
        this.#kernel.ipv4.routes.invalidate();
      },
    });
  }
}

/** A number of an object, as it stands. */
const variable = <T, K extends Numbers<T>>(object: T, key: K, range: Range): Variable => ({
  get: () => object[key] as number,
  set: (value) => {
    object[key] = value as T[K];
  },
  range: () => range,
});

/** A number of an object in a larger unit; what is less than one of it is not told. */
const scaled = <T, K extends Numbers<T>>(object: T, key: K, unit: number, most: number): Variable => ({
  get: () => Math.floor((object[key] as number) / unit),
  set: (value) => {
    object[key] = (value * unit) as T[K];
  },
  range: () => [0, Math.min(INT_MAX, Math.floor(most / unit))],
});
