import { Alarm } from "../../core/sim.ts";
import { type Nanos, NEVER } from "../../core/time.ts";
import type { TcpConnection } from "../../protocols/tcp/connection.ts";
import { TimeWait } from "../../protocols/tcp/time-wait.ts";
import type { Kernel } from "./kernel.ts";
import type { PortUser, TcpPorts } from "./tcp-ports.ts";
import { TcpTable } from "./tcp-table.ts";

/** A connection in TIME-WAIT, and the port that it keeps. */
export class WaitingConnection extends TimeWait implements PortUser {
  readonly ifname: string | undefined;
  readonly reuse: boolean;
  readonly chosen: boolean;
  readonly listening = false;
  ended = false;
  /** When it was to end when it was put into the queue. */
  queuedFor: Nanos = 0;

  constructor(c: TcpConnection, user: PortUser) {
    super(c);
    this.ifname = user.ifname;
    this.reuse = user.reuse;
    this.chosen = user.chosen;
  }
}

/** The connections of a node that wait (`inet_timewait_sock`): all equally long, so that they end in the order they came. */
export class TcpWaits {
  readonly #kernel: Kernel;
  readonly #ports: TcpPorts;
  readonly #table = new TcpTable<WaitingConnection>();
  readonly #queue: WaitingConnection[] = [];
  #first = 0;
  readonly #alarm: Alarm;

  constructor(kernel: Kernel, ports: TcpPorts) {
    this.#kernel = kernel;
    this.#ports = ports;
    this.#alarm = new Alarm(kernel.sim, kernel.name, () => this.#expire());
  }

  get size(): number {
    return this.#table.size;
  }
  values(): Generator<WaitingConnection> {
    return this.#table.values();
  }
  find(local: number, remote: number, ports: number): WaitingConnection | undefined {
    return this.#table.find(local, remote, ports);
  }

  /** Begins the wait of a connection; more than `tcp_max_tw_buckets` do not wait at all. */
  add(c: TcpConnection, user: PortUser): void {
    if (this.size >= this.#kernel.sysctl.tcp_max_tw_buckets) return;
    const w = new WaitingConnection(c, user);
    this.#table.add(w);
    this.#ports.add(w);
    this.#enqueue(w);
    if (this.#alarm.deadline === NEVER) this.#alarm.set(w.expiresAt);
  }

  /** Ends a wait before its time. */
  remove(w: WaitingConnection): void {
    if (w.ended) return;
    w.ended = true;
    this.#table.remove(w);
    this.#ports.remove(w);
  }

  #expire(): void {
    const { now } = this.#kernel.sim;
    const queue = this.#queue;
    while (this.#first < queue.length && (queue[this.#first] as WaitingConnection).queuedFor <= now) {
      const w = queue[this.#first++] as WaitingConnection;
      if (w.ended) continue;
      if (w.expiresAt <= now) this.remove(w);
      else this.#enqueue(w); // it began anew meanwhile
    }
    queue.splice(0, this.#first);
    this.#first = 0;
    this.#alarm.set(queue[0]?.queuedFor ?? NEVER);
  }

  /** Puts a wait where it belongs in the order of their ends: mostly last. */
  #enqueue(w: WaitingConnection): void {
    w.queuedFor = w.expiresAt;
    const queue = this.#queue;
    let at = queue.length;
    while (at > this.#first && (queue[at - 1] as WaitingConnection).queuedFor > w.queuedFor) at--;
    queue.splice(at, 0, w);
  }
}
