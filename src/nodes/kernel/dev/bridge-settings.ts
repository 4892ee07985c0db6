import { formatMac, parseMac } from "../../../core/addr.ts";
import { done, type Outcome, refused } from "../../../core/errno.ts";
import { CENTIS, type Nanos } from "../../../core/time.ts";
import { ETHERTYPE_QINQ, ETHERTYPE_VLAN } from "../../../protocols/ethernet/wire.ts";
import { GROUP_MAC } from "../../../protocols/stp/wire.ts";
import type { BridgeDevice } from "./bridge.ts";
import { changeDefaultPvid } from "./bridge-vlan.ts";

/** `ip link set BRIDGE type bridge …`: names and units of Linux. Times are in 1/100 s. */
export interface BridgeSettings {
  readonly forward_delay: number;
  readonly hello_time: number;
  readonly max_age: number;
  readonly ageing_time: number;
  readonly stp_state: 0 | 1;
  /** Not of Linux, whose own spanning tree is the classic one: `rstp` runs what mstpd would. */
  readonly stp_mode: "stp" | "rstp";
  /** 0 to 65535. */
  readonly priority: number;
  readonly vlan_filtering: 0 | 1;
  readonly vlan_protocol: "802.1Q" | "802.1ad";
  /** 0: none. */
  readonly vlan_default_pvid: number;
  readonly group_fwd_mask: number;
  /** 01:80:c2:00:00:0X, where X is not 1, 2 or 3. */
  readonly group_address: string;
  readonly no_linklocal_learn: 0 | 1;
  /** Groups are not snooped: 1 is refused. */
  readonly mcast_snooping: 0 | 1;
  /** 0: no limit but the table's. */
  readonly fdb_max_learned: number;
}

/** Bridge group, pause and slow protocols are never forwarded by request (`BR_GROUPFWD_RESTRICTED`). */
const RESTRICTED_GROUPS = 0x7;
const PVID_MAX = 4094;
const USHORT_MAX = 0xffff;

export function bridgeSettings(bridge: BridgeDevice): BridgeSettings {
  const { stp } = bridge;
  return {
    forward_delay: stp.times.forwardDelay / CENTIS,
    hello_time: stp.times.hello / CENTIS,
    max_age: stp.times.maxAge / CENTIS,
    ageing_time: shownAgeing(bridge) / CENTIS,
    stp_state: stp.enabled ? 1 : 0,
    stp_mode: stp.mode,
    priority: stp.priority,
    vlan_filtering: bridge.vlanFiltering ? 1 : 0,
    vlan_protocol: bridge.vlanProtocol === ETHERTYPE_QINQ ? "802.1ad" : "802.1Q",
    vlan_default_pvid: bridge.defaultPvid,
    group_fwd_mask: bridge.groupFwdMask,
    group_address: formatMac(bridge.groupAddress),
    no_linklocal_learn: bridge.noLinklocalLearn ? 1 : 0,
    mcast_snooping: 0,
    fdb_max_learned: bridge.fdb.maxLearned,
  };
}

/** Changes settings in the order in which Linux does; the first refusal ends it (net/bridge/br_netlink.c:br_changelink). */
export function changeBridge(bridge: BridgeDevice, s: Partial<BridgeSettings>): Outcome {
  const { stp } = bridge;
  const requests: (() => Outcome)[] = [
    () => stp.setTimes(present({ forwardDelay: time(s.forward_delay) })),
    () => stp.setTimes(present({ hello: time(s.hello_time) })),
    () => stp.setTimes(present({ maxAge: time(s.max_age) })),
    () => setAgeing(bridge, s.ageing_time),
    () => stp.configure(s.stp_state === undefined ? stp.enabled : s.stp_state === 1, s.stp_mode ?? stp.mode),
    () => setPriority(bridge, s.priority),
    () => setVlans(bridge, s),
    () => setGroups(bridge, s),
    () => setMulticast(s),
    () => setLearning(bridge, s),
  ];
  for (const request of requests) {
    const outcome = request();
    if (!outcome.ok) return outcome;
  }
  return done;
}

/** While the topology changes Linux shows twice the forward delay (br_stp.c:__br_set_topology_change), and keeps addresses for one. */
function shownAgeing({ ageingTime, stp }: BridgeDevice): Nanos {
  const { topologyChange, times } = stp.status();
  return topologyChange && stp.mode === "stp" ? 2 * times.forwardDelay : ageingTime;
}

const time = (centiseconds: number | undefined): Nanos | undefined =>
  centiseconds === undefined ? undefined : centiseconds * CENTIS;

/** Without the keys that have no value. */
function present<K extends string>(o: Readonly<Record<K, Nanos | undefined>>): Partial<Record<K, Nanos>> {
  return Object.fromEntries(Object.entries(o).filter(([, v]) => v !== undefined)) as Partial<Record<K, Nanos>>;
}

/** 0: nothing is learnt, everything is flooded. */
function setAgeing(bridge: BridgeDevice, ageing: number | undefined): Outcome {
  if (ageing === undefined) return done;
  if (!(ageing >= 0)) return refused("ERANGE");
  bridge.ageingTime = ageing * CENTIS;
  bridge.followAgeing();
  return done;
}

function setPriority(bridge: BridgeDevice, priority: number | undefined): Outcome {
  if (priority === undefined) return done;
  if (!(priority >= 0 && priority <= USHORT_MAX)) return refused("ERANGE");
  bridge.stp.setPriority(priority);
  return done;
}

function setVlans(bridge: BridgeDevice, s: Partial<BridgeSettings>): Outcome {
  if (s.vlan_filtering !== undefined) bridge.vlanFiltering = s.vlan_filtering === 1;
  if (s.vlan_protocol !== undefined) {
    bridge.vlanProtocol = s.vlan_protocol === "802.1ad" ? ETHERTYPE_QINQ : ETHERTYPE_VLAN;
  }
  bridge.followVlanProtocol();
  const pvid = s.vlan_default_pvid;
  if (pvid === undefined) return done;
  if (!(pvid >= 0 && pvid <= PVID_MAX)) return refused("EINVAL");
  if (pvid !== bridge.defaultPvid) changeDefaultPvid(bridge, bridge.defaultPvid, pvid);
  bridge.defaultPvid = pvid;
  return done;
}

function setGroups(bridge: BridgeDevice, s: Partial<BridgeSettings>): Outcome {
  const mask = s.group_fwd_mask;
  if (mask !== undefined) {
    if ((mask & RESTRICTED_GROUPS) !== 0 || !(mask >= 0 && mask <= USHORT_MAX)) return refused("EINVAL");
    bridge.groupFwdMask = mask;
  }
  if (s.group_address === undefined) return done;
  const octet = (parseMac(s.group_address) ?? 0) - GROUP_MAC;
  if (!(octet >= 0 && octet <= 15) || (octet >= 1 && octet <= 3)) return refused("EINVAL");
  bridge.groupAddress = GROUP_MAC + octet;
  bridge.groupAddressChosen = true;
  return done;
}

const setMulticast = (s: Partial<BridgeSettings>): Outcome =>
  s.mcast_snooping === 1 ? refused("EOPNOTSUPP", "mcast_snooping is not built: groups are flooded") : done;

function setLearning(bridge: BridgeDevice, s: Partial<BridgeSettings>): Outcome {
  if (s.no_linklocal_learn !== undefined) bridge.noLinklocalLearn = s.no_linklocal_learn === 1;
  if (s.fdb_max_learned === undefined) return done;
  if (!(s.fdb_max_learned >= 0)) return refused("ERANGE");
  bridge.fdb.maxLearned = s.fdb_max_learned;
  return done;
}
