import type { Ipv4 } from "../../core/addr.ts";
import { setU16, setU32 } from "../../core/bytes.ts";
import type { SendOptions } from "../../core/os.ts";
import { digestLength, seal } from "./auth.ts";
import type { OspfInterface } from "./model.ts";
import {
  ALL_SPF_ROUTERS,
  type Body,
  bodyLength,
  DATABASE_DESCRIPTION,
  encode,
  HEADER,
  HELLO,
  LS_ACK,
  LS_REQUEST,
  LS_UPDATE,
  typeOf,
} from "./wire.ts";

/** Internetwork control, as FRR sends (RFC 2328 appendix A.1). */
const TOS = 0xc0;
/** ospfd/ospfd.h:OSPF_VL_IP_TTL. */
const VIRTUAL_TTL = 100;
const NO_AUTH = new Uint8Array(8);

/** Where packets are put together: sockets copy what they send. */
const SCRATCH = new Uint8Array(0x1_0000);

/** Makes a packet of an interface, without checksum and digest; room for the digest is behind it. */
export function makePacket(oi: OspfInterface, body: Body): Uint8Array {
  const b = new Uint8Array(HEADER + bodyLength(body) + digestLength(oi));
  const { routerId } = oi.ospf;
  const trailer = NO_AUTH.subarray(0, 0);
  encode({ routerId, areaId: oi.area.id, checksum: 0, authType: 0, auth: NO_AUTH, body, trailer }, b, 0);
  return b;
}

/** An empty packet of `type` with `body` octets, for who fills all of it and sends it at once. */
export function blankPacket(oi: OspfInterface, type: number, body: number): Uint8Array {
  const b = SCRATCH.subarray(0, HEADER + body + digestLength(oi));
  b.fill(0, 0, HEADER);
  b[0] = 2;
  b[1] = type;
  setU16(b, 2, HEADER + body);
  setU32(b, 4, oi.ospf.routerId);
  setU32(b, 8, oi.area.id);
  return b;
}

export const sendBody = (oi: OspfInterface, body: Body, to: Ipv4): void =>
  sendPacket(oi, makePacket(oi, body), typeOf(body), to);

/** Seals and sends a packet. On point-to-point interfaces everything goes to all routers (ospfd/ospf_packet.c). */
export function sendPacket(oi: OspfInterface, b: Uint8Array, type: number, to: Ipv4): void {
  const { ospf } = oi;
  if (ospf.socket === undefined) return;
  seal(oi, b, b.length - digestLength(oi));
  count(oi, type);
  const address = oi.peer?.address ?? (oi.type === "point-to-point" ? ALL_SPF_ROUTERS : to);
  const sent = ospf.socket.sendTo(b, address, (oi.sendOptions ??= optionsOf(oi)));
  if (!sent.ok) ospf.drop("send", { ifname: oi.ifname, errno: sent.errno });
}

function optionsOf(oi: OspfInterface): SendOptions {
  const virtual = oi.type === "virtual";
  return {
    ...(virtual ? {} : { ifname: oi.ifname, dontRoute: true }),
    source: oi.address,
    tos: TOS,
    ttl: virtual ? VIRTUAL_TTL : 1,
    multicastTtl: 1,
    multicastLoop: false, // ospfd/ospf_network.c:ospf_if_ipmulticast
    pathMtuDiscovery: "dont",
  };
}

function count({ counters }: OspfInterface, type: number): void {
  switch (type) {
    case HELLO:
      counters.helloOut++;
      return;
    case DATABASE_DESCRIPTION:
      counters.ddOut++;
      return;
    case LS_REQUEST:
      counters.requestOut++;
      return;
    case LS_UPDATE:
      counters.updateOut++;
      return;
    case LS_ACK:
      counters.ackOut++;
  }
}
