import type { Ipv4, Mac } from "../../../core/addr.ts";
import { type Outcome, refused } from "../../../core/errno.ts";
import { DST_ERROR } from "../ipv4/dst.ts";
import type { Kernel } from "../kernel.ts";
import { addProxyNeighbour, deleteNeighbour, deleteProxyNeighbour, setNeighbour } from "../neigh-admin.ts";
import type { NetDevice } from "../netdev.ts";

/** What `arp` asks for (`struct arpreq`). */
export interface ArpEntry {
  readonly ip: Ipv4;
  /** Undefined: that which a packet to it would take. */
  readonly dev: string | undefined;
  /** ATF_PUBL: answer for it. */
  readonly published: boolean;
}

/** SIOCSARP (net/ipv4/arp.c:arp_req_set). `permanent`: it is never asked for. */
export function setArp(kernel: Kernel, e: ArpEntry, mac: Mac, permanent: boolean): Outcome {
  const named = findNamed(kernel, e);
  if (!named.ok) return named;
  if (e.published) {
    const dev = named.value ?? [...kernel.devices()].find((d) => d.mac === mac && d.headerLength > 0);
    if (dev === undefined) return refused("ENODEV");
    addProxyNeighbour(kernel, dev, e.ip);
    return { ok: true, value: undefined };
  }
  const dev = wayTo(kernel, e.ip, named.value);
  if (!dev.ok) return dev;
  return setNeighbour(kernel, dev.value, { ip: e.ip, mac, state: permanent ? "permanent" : "stale" }, "replace");
}

/** SIOCDARP (net/ipv4/arp.c:arp_req_delete). ENXIO, or ENOENT for what was published: there is none. */
export function deleteArp(kernel: Kernel, e: ArpEntry): Outcome {
  const named = findNamed(kernel, e);
  if (!named.ok) return named;
  if (e.published) return deleteProxyNeighbour(kernel, named.value, e.ip);
  const dev = wayTo(kernel, e.ip, named.value);
  if (!dev.ok) return dev;
  const deleted = deleteNeighbour(kernel, dev.value, e.ip);
  return deleted.ok ? deleted : refused("ENXIO");
}

function findNamed(kernel: Kernel, e: ArpEntry): Outcome<NetDevice | undefined> {
  const dev = e.dev === undefined ? undefined : kernel.device(e.dev);
  return e.dev !== undefined && dev === undefined ? refused("ENODEV") : { ok: true, value: dev };
}

/** The device that was named, or that a packet to `ip` takes. */
function wayTo(kernel: Kernel, ip: Ipv4, named: NetDevice | undefined): Outcome<NetDevice> {
  if (named !== undefined) return { ok: true, value: named };
  const d = kernel.ipv4.routes.output(ip, 0, 0, 0, 0);
  return d.type === DST_ERROR ? refused(d.errno || "ENETUNREACH") : { ok: true, value: d.dev };
}
