import { type Ipv4, networkOf, type Prefix } from "../../core/addr.ts";
import type { ZebraInterface } from "../../frr/zapi.ts";
import { covers } from "./destinations.ts";
import { flush } from "./flood.ts";
import { LSA_ROUTER } from "./lsa-codec.ts";
import type { NetworkType } from "./machine.ts";
import { type Area, type Ospf, OspfInterface } from "./model.ts";
import type { InterfaceSettings, NetworkVariant } from "./settings.ts";

/** Which addresses OSPF runs on, as devices and configuration come and go (ospfd/ospfd.c:ospf_network_run, ospfd/ospf_interface.c). */

/** Makes the interfaces be what devices and configuration say. Safe to call as often as one likes. */
export function updateInterfaces(ospf: Ospf): void {
  for (const oi of [...ospf.interfaces]) if (!wanted(ospf, oi)) removeInterface(ospf, oi);
  if (!ospf.enabled || ospf.settings.shutdown || ospf.routerId === 0) return;
  for (const device of sortedDevices(ospf))
    for (const { prefix, secondary } of device.addresses) {
      if (secondary) continue;
      const known = ospf.interfaces.find((oi) => oi.ifname === device.ifname && samePrefix(oi.prefix, prefix));
      const area = areaOf(ospf, device, prefix);
      if (area === undefined) continue;
      const oi = known ?? addInterface(ospf, device, prefix, area);
      adopt(oi, device);
    }
}

const sortedDevices = (ospf: Ospf): readonly ZebraInterface[] =>
  [...ospf.devices.values()].sort((a, b) => a.ifindex - b.ifindex);

const samePrefix = (a: Prefix, b: Prefix): boolean => a.address === b.address && a.length === b.length;

function wanted(ospf: Ospf, oi: OspfInterface): boolean {
  if (oi.type === "virtual") return ospf.enabled && !ospf.settings.shutdown; // routes decide
  const device = ospf.devices.get(oi.ifname);
  if (!ospf.enabled || ospf.settings.shutdown || device === undefined || device.ifindex !== oi.device.ifindex)
    return false;
  if (!device.addresses.some((a) => !a.secondary && samePrefix(a.prefix, oi.prefix))) return false;
  const { type, variant } = kindOf(ospf.settingsOf(oi.ifname), device);
  return areaOf(ospf, device, oi.prefix) === oi.area && type === oi.type && variant === oi.variant;
}

/** The area that the configuration puts an address into: by its interface, else by a `network` statement. */
function areaOf(ospf: Ospf, device: ZebraInterface, prefix: Prefix): Area | undefined {
  const { area } = ospf.settingsOf(device.ifname).of(prefix.address);
  if (area !== undefined) return ospf.area(area);
  const network = [...ospf.settings.networks]
    .sort((a, b) => a.prefix.address - b.prefix.address || a.prefix.length - b.prefix.length)
    .find((n) => covers(canonical(n.prefix), prefix.address, prefix.length));
  return network === undefined ? undefined : ospf.area(network.area);
}

const canonical = ({ address, length }: Prefix): Prefix => ({ address: networkOf(address, length), length });

function kindOf(
  { network, variant }: InterfaceSettings,
  device: ZebraInterface,
): { readonly type: NetworkType; readonly variant: NetworkVariant } {
  if (device.loopback) return { type: "loopback", variant: "" };
  return { type: network ?? (device.pointToPoint ? "point-to-point" : "broadcast"), variant };
}

function addInterface(ospf: Ospf, device: ZebraInterface, prefix: Prefix, area: Area): OspfInterface {
  const oi = new OspfInterface(ospf, device, prefix, area, kindOf(ospf.settingsOf(device.ifname), device));
  oi.passive = isPassive(ospf, oi);
  ospf.hooks.interfaceMade(oi);
  ospf.interfaces.push(oi);
  area.interfaces.push(oi);
  const others = ospf.byIndex.get(device.ifindex);
  if (others === undefined) ospf.byIndex.set(device.ifindex, [oi]);
  else others.push(oi);
  ospf.hooks.interfaceAdded(oi);
  return oi;
}

export const isPassive = (ospf: Ospf, oi: OspfInterface): boolean =>
  oi.settings.passive ?? ospf.settings.passiveDefault;

export function removeInterface(ospf: Ospf, oi: OspfInterface): void {
  ospf.hooks.interfaceEvent(oi, "InterfaceDown");
  if (oi.networkLsa !== undefined) flush(ospf, oi.area, oi.networkLsa);
  drop(ospf.interfaces, oi);
  drop(oi.area.interfaces, oi);
  drop(ospf.byIndex.get(oi.device.ifindex) ?? [], oi);
  if (oi.area.interfaces.length === 0) leaveArea(ospf, oi.area);
  else ospf.hooks.routerLsa(oi.area);
  ospf.hooks.checkBorder();
}

/** The area is no longer this router's (ospfd/ospfd.c:ospf_area_check_free): it stays only as configuration. */
function leaveArea(ospf: Ospf, area: Area): void {
  const own = area.lsdb.find(LSA_ROUTER, ospf.routerId, ospf.routerId);
  if (own !== undefined) flush(ospf, area, own);
  ospf.hooks.areaLeft(area);
}

function drop<T>(list: T[], item: T): void {
  const at = list.indexOf(item);
  if (at >= 0) list.splice(at, 1);
}

/** Takes over what zebra says of the device, and goes up or down with it. */
function adopt(oi: OspfInterface, device: ZebraInterface): void {
  oi.device = device;
  const operative = device.up && device.running;
  updateCost(oi);
  if (operative && oi.state === "Down") {
    const event = oi.type === "loopback" ? "LoopInd" : "InterfaceUp";
    oi.ospf.later(() => {
      if (oi.ospf.interfaces.includes(oi) && oi.state === "Down") oi.ospf.hooks.interfaceEvent(oi, event);
    });
  } else if (!operative && oi.state !== "Down") oi.ospf.hooks.interfaceEvent(oi, "InterfaceDown");
}

/** ospfd/ospf_interface.c:ospf_if_get_output_cost. True: it is another one now. */
export function updateCost(oi: OspfInterface): boolean {
  if (oi.type === "virtual") return false; // the distance through the area
  const { referenceBandwidth } = oi.ospf.settings;
  const bandwidth = oi.device.bandwidthMbps || DEFAULT_BANDWIDTH_MBPS;
  const computed =
    oi.type === "loopback" ? 0 : Math.min(Math.max(Math.floor(referenceBandwidth / bandwidth + 0.5), 1), 65535);
  const cost = oi.settings.cost ?? computed;
  const changed = oi.cost !== cost;
  oi.cost = cost;
  if (changed && oi.state !== "Down") oi.ospf.hooks.routerLsa(oi.area);
  return changed;
}

/** ospfd/ospfd.h:OSPF_DEFAULT_BANDWIDTH. */
const DEFAULT_BANDWIDTH_MBPS = 10_000;

/**
 * Another id: what was said under the old one is withdrawn, and adjacencies where a designated router is elected begin anew; neighbours elsewhere find
 * out by themselves (ospfd/ospfd.c:ospf_process_refresh_data).
 */
export function chooseRouterId(ospf: Ospf): void {
  const id: Ipv4 = ospf.settings.routerId ?? (ospf.zebraRouterId || ospf.routerId);
  if (id === ospf.routerId) return;
  for (const oi of [...ospf.interfaces]) if (oi.elects) removeInterface(ospf, oi);
  for (const area of ospf.areas.values()) {
    const own: Parameters<typeof flush>[2][] = [];
    area.lsdb.eachOfAll((slot) => slot.self && own.push(slot));
    for (const slot of own) flush(ospf, area, slot);
  }
  ospf.routerId = id;
  ospf.hooks.routerIdChanged();
  updateInterfaces(ospf);
  for (const area of ospf.areas.values()) if (area.interfaces.length > 0) ospf.hooks.routerLsa(area);
}
