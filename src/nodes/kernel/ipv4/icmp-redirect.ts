import { type Ipv4, isMulticast, LIMITED_BROADCAST } from "../../../core/addr.ts";
import type { Packet } from "../../../core/packet.ts";
import { MS } from "../../../core/time.ts";
import { src as srcOf } from "../../../protocols/ipv4/wire.ts";
import type { Kernel } from "../kernel.ts";
import type { NetDevice } from "../netdev.ts";
import { DST_FORWARD, type Dst } from "./dst.ts";
import { hasSourceRoute } from "./option-echo.ts";

/**
 * Whether the sender of `p`, which leaves by `d` where it came from, is told of the better way now: with growing pauses, and
 * no more when it does not listen (net/ipv4/route.c:ip_rt_send_redirect).
 */
export function redirectIsDue(kernel: Kernel, p: Packet, d: Dst): boolean {
  if (!d.dev.inet.or("send_redirects") || hasSourceRoute(p.buf, p.net)) return false;
  const { sysctl, sim } = kernel;
  const peer = kernel.ipv4.peers.get(srcOf(p.buf, p.net));
  if (sim.now > peer.lastAt + sysctl.redirect_silence_ms * MS) {
    peer.tokens = 0;
    peer.redirects = 0;
  }
  if (peer.redirects >= sysctl.redirect_number) {
    peer.lastAt = sim.now;
    return false;
  }
  if (peer.redirects > 0 && sim.now <= peer.lastAt + sysctl.redirect_load_ms * 2 ** peer.redirects * MS) return false;
  peer.lastAt = sim.now;
  peer.redirects++;
  return true;
}

/**
 * A gateway (`from`) says on `dev` that what leaves by `d` should go to `gateway` instead: obeyed under the rules of RFC 1122
 * §3.2.2.2 and Linux's settings (net/ipv4/route.c:__ip_do_redirect).
 */
export function followRedirect(kernel: Kernel, dev: NetDevice, d: Dst, from: Ipv4, gateway: Ipv4): void {
  if (d.type !== DST_FORWARD || !d.viaGateway || d.nextHop >>> 0 !== from) return;
  const { inet } = dev;
  if (gateway === from || !inet.acceptsRedirects || !isHost(gateway)) return;
  if (inet.or("shared_media")) {
    if (!kernel.ipv4.routes.isUnicast(gateway)) return;
  } else {
    if (!kernel.addresses.onLinkWith(dev.ifindex, gateway, from)) return;
    if (inet.or("secure_redirects") && !isKnownGateway(kernel, gateway, dev)) return;
  }
  const n = kernel.neigh.findOrCreate(d.dev, gateway);
  if (n === undefined) return;
  if (n.valid) kernel.ipv4.exceptions.learnGateway(d, gateway);
  else n.probe(); // The gateway has to show that it is there; the next redirect will be obeyed.
}

const isHost = (address: Ipv4): boolean =>
  !isMulticast(address) && address !== LIMITED_BROADCAST && address >>> 24 !== 0;

/** net/ipv4/fib_semantics.c:ip_fib_check_default: some route uses the gateway on that device. */
const isKnownGateway = (kernel: Kernel, gateway: Ipv4, dev: NetDevice): boolean =>
  kernel.fib.routes().some((r) => r.nexthops.some((hop) => hop.gateway === gateway && hop.ifindex === dev.ifindex));
