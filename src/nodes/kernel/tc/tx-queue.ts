import type { DropReason } from "../../../core/drop.ts";
import type { Packet } from "../../../core/packet.ts";
import { Alarm } from "../../../core/sim.ts";
import { type Nanos, NEVER } from "../../../core/time.ts";
import { EthernetDevice } from "../dev/ethernet.ts";
import type { Kernel } from "../kernel.ts";
import type { NetDevice } from "../netdev.ts";
import { formatHandle, type Handle } from "./handle.ts";
import type { Ingress } from "./ingress.ts";
import type { Qdisc } from "./qdisc.ts";
import { skbLength } from "./skb.ts";

/** Qdiscs that can hang on one device: one of each major number. */
export const QDISCS_MAX = 65_535;

/**
 * The transmit queue of a device that has a queueing discipline (`struct netdev_queue`): hands packets to the discipline,
 * and those that it lets go to the driver, as soon as the line is free. One alarm wakes it, and only while packets wait.
 */
export class TxQueue {
  readonly dev: NetDevice;
  /** Qdiscs with a handle; and all of them, in the order in which they came. */
  readonly #byHandle = new Map<Handle, Qdisc>();
  readonly #all = new Set<Qdisc>();
  readonly #alarm: Alarm;
  #running = false;
  /** When a discipline wants to be asked again. */
  #wakeAt: Nanos = NEVER;

  constructor(dev: NetDevice) {
    this.dev = dev;
    this.#alarm = new Alarm(dev.kernel.sim, dev.label, () => this.run());
  }

  /** The qdisc at the top; null: the driver takes what the filters on what leaves let through. */
  root: Qdisc | null = null;
  /** `clsact`, whose filters see what leaves before any qdisc does. */
  egress: Ingress | null = null;

  /** What `ip link` prints after `qdisc`. */
  get kind(): string {
    return this.root?.kind ?? defaultKind(this.dev);
  }
  /** The device uses it from now on, or does not need it any more. */
  install(): void {
    const { dev } = this;
    dev.qdisc = this.root === null && this.egress === null ? null : this;
    if (dev.qdisc === null) this.#alarm.set(NEVER);
    else dev.kernel.queueing = true;
  }

  /** net/core/dev.c:__dev_xmit_skb. Takes ownership. */
  enqueue(p: Packet): void {
    const { dev, root } = this;
    if (this.egress !== null && !this.egress.release(p)) return;
    if (root === null || !dev.carrier) return dev.startXmit(p);
    if (root.mayBypass && root.qlen === 0 && !this.#running && dev.txFreeAt <= dev.kernel.sim.now) {
      root.packets++;
      root.bytes += skbLength(p, dev);
      return dev.startXmit(p);
    }
    root.enqueue(p, skbLength(p, dev));
    this.run();
  }

  /** Sends what may go now (net/sched/sch_generic.c:__qdisc_run), and sets the alarm for what may not. */
  run(): void {
    if (this.#running) return;
    this.#running = true;
    const { dev } = this;
    const { sim } = dev.kernel;
    let wakeAt: Nanos = NEVER;
    for (let { root } = this; root !== null && root.qlen > 0; root = this.root) {
      const { txFreeAt } = dev;
      if (txFreeAt > sim.now) {
        wakeAt = txFreeAt;
        break;
      }
      this.#wakeAt = NEVER;
      const p = root.dequeue();
      if (p === null) {
        wakeAt = this.#wakeAt;
        break;
      }
      dev.startXmit(p);
    }
    this.#running = false;
    this.#alarm.set(wakeAt);
  }

  /** A discipline asks to be asked again at `at` (`qdisc_watchdog_schedule_ns`); called while it is asked for a packet. */
  wake(at: Nanos): void {
    if (at < this.#wakeAt) this.#wakeAt = at;
  }

  /** The device went down, or lost its carrier: what waits is lost (`dev_deactivate`). */
  reset(): void {
    this.root?.reset();
    this.#alarm.set(NEVER);
  }
  /** The device goes away, or gets another discipline. */
  destroy(): void {
    this.root?.destroy();
    this.root = null;
    this.#alarm.set(NEVER);
  }

  /** The qdisc with a handle. */
  find(handle: Handle): Qdisc | undefined {
    return this.#byHandle.get(handle);
  }
  /** Makes a qdisc known. */
  add(qdisc: Qdisc): void {
    this.#all.add(qdisc);
    if (qdisc.handle !== 0) this.#byHandle.set(qdisc.handle, qdisc);
  }
  forget(qdisc: Qdisc): void {
    this.#all.delete(qdisc);
    if (this.#byHandle.get(qdisc.handle) === qdisc) this.#byHandle.delete(qdisc.handle);
  }
  /** A major number that no qdisc of the device has (`qdisc_alloc_handle`); 0 when all are taken. */
  freeHandle(): Handle {
    const { kernel } = this.dev;
    let handle = lastHandles.get(kernel) ?? 0x8000_0000;
    for (let i = 0; i < 0x8000; i++) {
      handle = handle === 0xfffe_0000 ? 0x8000_0000 : handle + 0x1_0000;
      lastHandles.set(kernel, handle);
      if (!this.#byHandle.has(handle)) return handle;
    }
    return 0;
  }
  /**
   * The qdiscs below the top one, in the order in which `tc qdisc show` lists them: by a hash of their handles, the last made
   * first. Those without a handle were not asked for, and are listed with `invisible`.
   */
  below(invisible = false): readonly Qdisc[] {
    const { ingress } = this.dev;
    const listed = [...this.#all].filter((q) => q !== this.root && q !== ingress && (invisible || q.handle !== 0));
    const sorted = listed.reverse().map((q, i) => ({ q, key: hashOf(q.handle) * listed.length + i }));
    return sorted.sort((a, b) => a.key - b.key).map(({ q }) => q);
  }

  /** A packet that waited in `qdisc` ends here. */
  kill(p: Packet, reason: DropReason, qdisc: Qdisc): void {
    const { dev } = this;
    const told = p.trail !== null || p.record !== 0 || dev.kernel.sim.trace.on; // else nobody reads the words
    const where = told ? `${dev.name} ${qdisc.kind} ${formatHandle(qdisc.handle || qdisc.parent)}` : dev.name;
    dev.kernel.drop(p, reason, where);
  }
}

/** What stands on a device where nothing was asked for; `noop` until it is up for the first time. */
export function defaultKind(dev: NetDevice): "noop" | "noqueue" | "pfifo_fast" {
  if (!dev.activated) return "noop";
  return dev instanceof EthernetDevice && dev.kind === "" ? "pfifo_fast" : "noqueue";
}

/** The handle that a node gave last to a qdisc for which none was asked. */
const lastHandles = new WeakMap<Kernel, Handle>();

/** The bucket of `dev->qdisc_hash` (include/linux/hash.h:hash_32, 4 bits). */
const hashOf = (handle: Handle): number => Math.imul(handle, 0x61c8_8647) >>> 28;
