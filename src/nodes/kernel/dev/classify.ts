import {
  PACKET_BROADCAST,
  PACKET_HOST,
  PACKET_MULTICAST,
  PACKET_OTHERHOST,
  type Packet,
} from "../../../core/packet.ts";
import { ETHERNET_HEADER, type NetDevice } from "../netdev.ts";

/** To whom the frame at `p.start` is addressed, seen from `dev` (net/ethernet/eth.c:eth_type_trans): a `PACKET_…`. */
export function classify(p: Packet, dev: NetDevice): number {
  if (p.end - p.start < ETHERNET_HEADER) return PACKET_HOST;
  const high = p.view.getUint16(p.start);
  const low = p.view.getInt32(p.start + 2);
  if (low === dev.macLow && high === dev.macHigh) return PACKET_HOST;
  if ((high & 0x100) === 0) return PACKET_OTHERHOST;
  return high === 0xffff && low === -1 ? PACKET_BROADCAST : PACKET_MULTICAST;
}
