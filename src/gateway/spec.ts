import { parseIp } from "../core/addr.ts";
import { ENCAPSULATIONS, type EncapsulationKind, PORTS } from "./encapsulation.ts";
import type { GatewayOptions } from "./gateway.ts";
import type { Endpoint } from "./peers.ts";

/** An interface and where it leads, as typed. */
export interface GatewaySpec {
  readonly node: string;
  readonly device: string;
  readonly options: GatewayOptions;
}

export const GATEWAY_FORM = "NODE:INTERFACE=vxlan:VNI@LOCAL[:PORT][,REMOTE[:PORT]…] (or geneve:VNI, udp)";

const VNI_MAX = 0xff_ffff;

/** Reads `r1:eth5=vxlan:42@10.9.9.1,10.9.9.2:4789`. Text: why it cannot be read. */
export function parseGateway(text: string): GatewaySpec | string {
  const m = /^([^:=]+):([^=]+)=([a-z]+)(?::(\d+))?@(.+)$/.exec(text);
  if (m === null) return `"${text}": expected ${GATEWAY_FORM}`;
  const [, node = "", device = "", kind = "", vniText, ends = ""] = m;
  if (!ENCAPSULATIONS.includes(kind as EncapsulationKind))
    return `"${text}": there is no encapsulation "${kind}"; there are ${ENCAPSULATIONS.join(", ")}`;
  if ((kind === "udp") !== (vniText === undefined))
    return `"${text}": ${kind === "udp" ? "udp has no network identifier" : `${kind} needs a network identifier: ${kind}:42`}`;
  const vni = Number(vniText ?? 0);
  if (vni > VNI_MAX) return `"${text}": VNI ${vni}: expected 0 to ${VNI_MAX}`;
  const port = PORTS[kind as EncapsulationKind];
  const endpoints = ends.split(",").map((end) => endpointOf(end, port));
  const wrong = endpoints.indexOf(undefined);
  if (wrong >= 0) return `"${text}": "${ends.split(",")[wrong]}": expected an IPv4 address, with or without :PORT`;
  const [local, ...remotes] = endpoints as Endpoint[];
  return { node, device, options: { kind: kind as EncapsulationKind, vni, local: local as Endpoint, remotes } };
}

function endpointOf(text: string, port: number): Endpoint | undefined {
  const [address = "", given] = text.split(":");
  if (parseIp(address) === undefined) return undefined;
  if (given === undefined) return { address, port };
  const n = Number(given);
  return /^\d{1,5}$/.test(given) && n <= 65_535 ? { address, port: n } : undefined;
}
