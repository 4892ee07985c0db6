import type { Ipv4 } from "../../core/addr.ts";
import { NEVER, S } from "../../core/time.ts";
import { covers } from "./destinations.ts";
import { sendHelloTo } from "./hello.ts";
import { Neighbor, type Ospf, type OspfInterface, StaticNeighbor } from "./model.ts";
import { type NeighborSettings, POLL_S } from "./settings.ts";

/** Neighbours of networks without broadcast: they are configured, and polled while they are silent (RFC 2328 §9.5.1, §C.5; ospfd/ospfd.c:ospf_nbr_nbma_*). */

/** Configured neighbours at most. */
const STATIC_MAX = 10_000;

/** `neighbor A.B.C.D`; undefined settings stay as they are, or are the defaults. False: there are too many. */
export function setStaticNeighbor(ospf: Ospf, address: Ipv4, more: Partial<NeighborSettings>): boolean {
  const { neighbors } = ospf.settings;
  const known = neighbors.get(address);
  if (known === undefined && neighbors.size >= STATIC_MAX) return false;
  neighbors.set(address, {
    priority: more.priority ?? known?.priority ?? 0,
    pollS: more.pollS ?? known?.pollS ?? POLL_S,
  });
  for (const oi of ospf.interfaces) if (oi.state !== "Down") attachOne(oi, address);
  const running = ospf.staticNeighbors.get(address);
  if (running !== undefined && running.pollTimer.deadline !== NEVER) poll(running);
  return true;
}

/** `no neighbor A.B.C.D`. False: there is none. */
export function unsetStaticNeighbor(ospf: Ospf, address: Ipv4): boolean {
  if (!ospf.settings.neighbors.delete(address)) return false;
  const running = ospf.staticNeighbors.get(address);
  if (running !== undefined) detach(running);
  return true;
}

/** An interface has come up: who is configured and stands on its network is tried. */
export function attachStaticNeighbors(oi: OspfInterface): void {
  if (!oi.nonBroadcast) return;
  for (const address of [...oi.ospf.settings.neighbors.keys()].sort((a, b) => a - b)) attachOne(oi, address);
}

/** An interface has gone down. */
export function detachStaticNeighbors(oi: OspfInterface): void {
  if (!oi.nonBroadcast) return;
  for (const s of [...oi.ospf.staticNeighbors.values()]) if (s.oi === oi) detach(s);
}

function attachOne(oi: OspfInterface, address: Ipv4): void {
  const { ospf, prefix } = oi;
  if (!oi.nonBroadcast || ospf.staticNeighbors.has(address) || address === oi.address) return;
  if (!covers(prefix, address, 32)) return;
  const s = new StaticNeighbor(oi, address);
  ospf.staticNeighbors.set(address, s);
  let n = oi.neighbors.get(address);
  const isNew = n === undefined;
  if (n === undefined) {
    n = new Neighbor(oi, address, 0);
    n.priority = ospf.settings.neighbors.get(address)?.priority ?? 0;
    oi.neighbors.set(address, n);
  }
  n.configured = s;
  s.neighbor = n;
  if (isNew) ospf.hooks.neighborEvent(n, "Start");
}

function detach(s: StaticNeighbor): void {
  const { ospf } = s.oi;
  ospf.staticNeighbors.delete(s.address);
  s.pollTimer.set(NEVER);
  const n = s.neighbor;
  s.neighbor = undefined;
  if (n === undefined) return;
  n.configured = undefined;
  ospf.hooks.neighborEvent(n, "KillNbr");
}

/** Nothing is known of it any more: it is polled. */
export function neighborSilent(n: Neighbor): void {
  const s = n.configured;
  if (s === undefined) return;
  n.configured = undefined;
  s.neighbor = undefined;
  poll(s);
}

/** Poll is due (ospfd/ospf_packet.c:ospf_poll_send). */
export function pollTimer(s: StaticNeighbor): void {
  const { oi } = s;
  const { priority } = oi.ospf.settings.neighbors.get(s.address) ?? { priority: 0 };
  const electable = oi.priority > 0 && (priority > 0 || oi.state === "DR" || oi.state === "Backup");
  const silent = s.neighbor === undefined || s.neighbor.state === "Down";
  if (!oi.passive && silent && (oi.type !== "non-broadcast" || electable)) sendHelloTo(oi, s.address);
  poll(s);
}

function poll(s: StaticNeighbor): void {
  const { ospf } = s.oi;
  s.pollTimer.set(ospf.now + (ospf.settings.neighbors.get(s.address)?.pollS ?? POLL_S) * S);
}
