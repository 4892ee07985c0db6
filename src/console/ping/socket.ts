import { type Ipv4, isMulticast } from "../../core/addr.ts";
import { type Outcome, type Refused, strerror } from "../../core/errno.ts";
import type { Os, RawSocket } from "../../core/os.ts";
import { IPOPT_NOP, IPOPT_RR } from "../../protocols/ipv4/option-values.ts";
import { IPPROTO_ICMP } from "../../protocols/ipv4/wire.ts";
import type { PingOptions } from "./api.ts";

/** The socket of a ping and the source address that its requests will carry, or the line that says why there is none. */
export type Opened =
  | { readonly ok: true; readonly socket: RawSocket; readonly source: Ipv4; readonly warnings: readonly string[] }
  | { readonly ok: false; readonly why: string; readonly warnings: readonly string[] };

/** Opens and prepares the raw socket, in the order of `ping.c:ping4_run`. */
export function openPing(os: Os, o: PingOptions): Opened {
  const warnings: string[] = [];
  const no = (why: string): Opened => ({ ok: false, why, warnings });
  if (o.ifname !== undefined && os.link.find(o.ifname) === undefined)
    return no(`SO_BINDTODEVICE ${o.ifname}: ${strerror("ENODEV")}`);
  let source = o.source ?? 0;
  if (source === 0) {
    const probed = probeSource(os, o, warnings);
    if (!probed.ok) {
      if (probed.errno !== "EACCES" || o.broadcast) return no(`connect: ${strerror(probed.errno)}`);
      return no("Do you want to ping broadcast? Then -b. If not, check your local firewall rules");
    }
    source = probed.value;
    if (o.ifname !== undefined && !os.addr.list().some((a) => a.ifname === o.ifname && a.address === source))
      warnings.push(`Warning: source address might be selected on device other than: ${o.ifname}`);
  }
  if (o.ttl === 0) return no(`cannot set unicast time-to-live: ${strerror("EINVAL")}`);
  const socket = os.rawSocket(IPPROTO_ICMP);
  setOptions(socket, o);
  if (o.source !== undefined || o.stickySource) {
    const bound = socket.bind(source);
    if (!bound.ok) {
      socket.close();
      return no(`bind: ${strerror(bound.errno)}`);
    }
  }
  return { ok: true, socket, source, warnings };
}

/** The source that the kernel would choose: that of a UDP socket connected to port 1025. */
function probeSource(os: Os, o: PingOptions, warnings: string[]): Outcome<Ipv4> {
  const probe = os.udpSocket();
  if (o.ifname !== undefined) probe.options.ifname = o.ifname;
  if (o.tos !== undefined) probe.options.tos = o.tos;
  if (o.mark !== undefined) probe.options.mark = o.mark;
  let connected = probe.connect(o.to, 1025);
  if (isRefused(connected) && connected.errno === "EACCES" && o.broadcast) {
    warnings.push("WARNING: pinging broadcast address");
    probe.options.broadcast = true;
    connected = probe.connect(o.to, 1025);
  }
  const source = probe.localAddress;
  probe.close();
  return isRefused(connected) ? connected : { ok: true, value: source };
}

const isRefused = (outcome: Outcome): outcome is Refused => !outcome.ok;

function setOptions(socket: RawSocket, o: PingOptions): void {
  const { options } = socket;
  if (o.ifname !== undefined) options.ifname = o.ifname;
  if (o.tos !== undefined) options.tos = o.tos;
  if (o.mark !== undefined) options.mark = o.mark;
  if (o.broadcast) options.broadcast = true;
  if (o.ttl !== undefined) {
    options.ttl = o.ttl;
    options.multicastTtl = o.ttl;
  }
  const towardsMany = o.broadcast || isMulticast(o.to);
  const discovery = o.pathMtuDiscovery ?? (towardsMany ? "do" : undefined);
  if (discovery !== undefined) options.pathMtuDiscovery = discovery;
  if (o.recordRoute) options.options = recordRoute();
}

/** Room for nine addresses (RFC 791 §3.1), behind one NOP that aligns them. */
function recordRoute(): Uint8Array {
  const option = new Uint8Array(RECORD_ROUTE_BYTES);
  option.set([IPOPT_NOP, IPOPT_RR, RECORD_ROUTE_BYTES - 1, 4]);
  return option;
}

/** Octets of the options that `recordRoute` adds to the IP header. */
export const RECORD_ROUTE_BYTES = 40;
