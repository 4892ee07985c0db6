import type { Ipv4 } from "../../../core/addr.ts";
import { lengthOfMask } from "../../../core/addr.ts";
import { type Outcome, refused } from "../../../core/errno.ts";
import { PROTOCOL_BOOT, type RouteSpec, SCOPE_GLOBAL, SCOPE_HOST, SCOPE_LINK } from "../fib/route.ts";
import type { Kernel } from "../kernel.ts";
import { deviceOf, labelled } from "./address.ts";

/** What `route` asks for (`struct rtentry`). */
export interface RouteEntry {
  readonly dst: Ipv4;
  /** RTF_HOST: of one address, whatever the mask. */
  readonly host: boolean;
  readonly mask: Ipv4;
  /** RTF_GATEWAY. */
  readonly gateway: Ipv4 | undefined;
  /** RTF_REJECT: packets are refused. */
  readonly reject: boolean;
  /** A device, or the label of the address to send from. */
  readonly dev: string | undefined;
  readonly metric: number;
  /** Of TCP over it: largest segment with its headers, octets of the window, milliseconds of the first round trip. */
  readonly mtu: number | undefined;
  readonly window: number | undefined;
  readonly rttMs: number | undefined;
}

const TCP_IP_HEADERS = 40;

/** SIOCADDRT and SIOCDELRT (net/ipv4/fib_frontend.c:ip_rt_ioctl). */
export function changeRoute(kernel: Kernel, entry: RouteEntry, action: "add" | "del"): Outcome {
  const spec = specOf(kernel, entry, action);
  if (!spec.ok) return spec;
  const changed = action === "add" ? kernel.fib.addRoute(spec.value, "prepend") : kernel.fib.deleteRoute(spec.value);
  return changed.ok ? { ok: true, value: undefined } : changed;
}

/** net/ipv4/fib_frontend.c:rtentry_to_fib_config. */
function specOf(kernel: Kernel, e: RouteEntry, action: "add" | "del"): Outcome<RouteSpec> {
  const length = e.host ? 32 : lengthOfMask(e.mask);
  if (length === undefined || (!e.host && (e.dst & ~e.mask) !== 0)) return refused("EINVAL");
  const base = {
    dst: e.dst,
    length,
    ...(action === "add" ? { protocol: PROTOCOL_BOOT } : {}),
    ...(e.metric === 0 ? {} : { metric: e.metric }),
  };
  if (e.reject) return { ok: true, value: { ...base, type: "unreachable", scope: SCOPE_HOST } };
  let way: { ifindex?: number; prefsrc?: Ipv4 } = {};
  if (e.dev !== undefined) {
    const dev = deviceOf(kernel, e.dev);
    const source = e.dev.includes(":") ? labelled(kernel, e.dev) : undefined;
    if (dev === undefined || (e.dev.includes(":") && source === undefined)) return refused("ENODEV");
    way = { ifindex: dev.ifindex, ...(source === undefined ? {} : { prefsrc: source.address }) };
  }
  const { gateway } = e;
  const to = gateway === undefined || gateway === 0 ? {} : { gateway };
  if (action === "del") return { ok: true, value: { ...base, type: "unicast", ...way, ...to } };
  if (gateway === 0) return refused("EINVAL");
  const behind = gateway !== undefined && kernel.fib.addressType(gateway) === "unicast";
  const metrics = {
    ...(e.mtu === undefined ? {} : { advmss: e.mtu - TCP_IP_HEADERS }),
    ...(e.window === undefined ? {} : { window: e.window }),
    ...(e.rttMs === undefined ? {} : { rttMs: e.rttMs }),
  };
  return {
    ok: true,
    value: { ...base, type: "unicast", scope: behind ? SCOPE_GLOBAL : SCOPE_LINK, ...way, ...to, metrics },
  };
}
