import { done, type Outcome, refused } from "../../../core/errno.ts";
import type { Packet } from "../../../core/packet.ts";
import { insertTag, removeTag, TAG } from "../../../protocols/vlan/wire.ts";
import { ETHERNET_HEADER } from "../netdev.ts";
import type { BridgeDevice } from "./bridge.ts";
import type { BridgePort } from "./bridge-port.ts";

const VID_MAX = 4094;

/** A VLAN of a port or of the bridge, as `bridge vlan show` lists it. */
export interface PortVlan {
  readonly vid: number;
  /** The VLAN of frames that come in untagged. */
  readonly pvid: boolean;
  /** Frames go out without a tag. */
  readonly untagged: boolean;
}

/** The VLANs that a port carries, or the bridge itself (`struct net_bridge_vlan_group`). */
export class VlanGroup {
  /** VLAN of frames that come in untagged; 0: they are dropped. */
  pvid = 0;
  /** In ascending order. */
  readonly vids: number[] = [];
  readonly #untagged: boolean[] = [];

  has(vid: number): boolean {
    return this.vids[this.#place(vid)] === vid;
  }
  /** Whether frames of the VLAN go out without a tag; false when it is none of the group. */
  isUntagged(vid: number): boolean {
    const at = this.#place(vid);
    return this.vids[at] === vid && this.#untagged[at] === true;
  }
  list(): PortVlan[] {
    return this.vids.map((vid, i) => ({ vid, pvid: vid === this.pvid, untagged: this.#untagged[i] as boolean }));
  }

  /** Adds the VLAN or changes its flags (br_vlan.c:__vlan_flags_commit). */
  set(vid: number, pvid: boolean, untagged: boolean): void {
    const at = this.#place(vid);
    if (this.vids[at] === vid) this.#untagged[at] = untagged;
    else {
      this.vids.splice(at, 0, vid);
      this.#untagged.splice(at, 0, untagged);
    }
    if (pvid) this.pvid = vid;
    else if (this.pvid === vid) this.pvid = 0;
  }
  remove(vid: number): void {
    const at = this.#place(vid);
    if (this.vids[at] !== vid) return;
    this.vids.splice(at, 1);
    this.#untagged.splice(at, 1);
    if (this.pvid === vid) this.pvid = 0;
  }

  /** Where the VLAN stands, or would. */
  #place(vid: number): number {
    const { vids } = this;
    let low = 0;
    let high = vids.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((vids[middle] as number) < vid) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/**
 * br_vlan.c:__allowed_ingress: the VLAN of a frame that comes in at a member of `group`, -1 when it has none there. A tag that
 * carried a priority only then carries the VLAN as well. `protocol`: the EtherType of the bridge's tags.
 */
export function vlanOf(protocol: number, group: VlanGroup, p: Packet): number {
  const at = p.start + ETHERNET_HEADER;
  if (p.view.getUint16(at - 2) !== protocol) return group.pvid || -1;
  if (p.end - at < TAG) return -1;
  const tci = p.view.getUint16(at);
  const vid = tci & 0xfff;
  if (vid !== 0) return group.has(vid) ? vid : -1;
  if (group.pvid === 0) return -1;
  p.view.setUint16(at, tci | group.pvid);
  return group.pvid;
}

/** br_vlan.c:br_handle_vlan: puts the tag on, or takes it off, as `group` wants it for this VLAN. */
export function tagFor(protocol: number, group: VlanGroup, p: Packet, vid: number): void {
  const tagged = p.view.getUint16(p.start + ETHERNET_HEADER - 2) === protocol;
  if (tagged === !group.isUntagged(vid)) return;
  if (tagged) {
    removeTag(p.buf, p.start);
    p.pull(TAG);
  } else {
    p.push(TAG);
    insertTag(p.buf, p.start + TAG, protocol, vid);
  }
}

/** `bridge vlan add vid VID dev PORT [pvid] [untagged]`; `port` null: the bridge itself (`self`). */
export function addVlan(
  bridge: BridgeDevice,
  port: BridgePort | null,
  vid: number,
  flags: { readonly pvid?: boolean; readonly untagged?: boolean } = {},
): Outcome {
  if (!(vid > 0 && vid <= VID_MAX)) return refused("EINVAL", "bridge: Vlan id is invalid");
  const group = port === null ? bridge.ownVlans : port.vlans;
  const isNew = !group.has(vid);
  group.set(vid, flags.pvid === true, flags.untagged === true);
  if (isNew) bridge.fdb.addLocal(port === null ? bridge.mac : port.dev.mac, vid, port);
  return done;
}

/** `bridge vlan del vid VID dev PORT`. A VLAN that is not there is no error (br_netlink.c:br_vlan_info). */
export function deleteVlan(bridge: BridgeDevice, port: BridgePort | null, vid: number): Outcome {
  if (!(vid > 0 && vid <= VID_MAX)) return refused("EINVAL", "bridge: Vlan id is invalid");
  const group = port === null ? bridge.ownVlans : port.vlans;
  if (!group.has(vid)) return done;
  bridge.fdb.deleteLocal(port === null ? bridge.mac : port.dev.mac, vid, port);
  bridge.fdb.flushPort(port, vid);
  group.remove(vid);
  return done;
}

/** `vlan_default_pvid`: moves those whose only wish it was (br_vlan.c:__br_vlan_set_default_pvid). */
export function changeDefaultPvid(bridge: BridgeDevice, before: number, after: number): void {
  for (const port of [null, ...bridge.ports]) {
    const group = port === null ? bridge.ownVlans : port.vlans;
    const untouched = before === 0 || (group.pvid === before && group.isUntagged(before));
    if (!untouched || (after !== 0 && group.has(after))) continue;
    if (after !== 0) addVlan(bridge, port, after, { pvid: true, untagged: true });
    if (before !== 0) deleteVlan(bridge, port, before);
  }
}
