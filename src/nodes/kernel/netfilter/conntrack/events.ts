import { formatIp } from "../../../../core/addr.ts";
import { Alarm } from "../../../../core/sim.ts";
import { type Nanos, NEVER, S } from "../../../../core/time.ts";
import type { TraceFields } from "../../../../core/trace.ts";
import type { Kernel } from "../../kernel.ts";
import { FLOW_SHIFT, IPCT_NEW, IPCT_RELATED, IPS_DYING, W_EVENTS, W_STATUS } from "./flow.ts";
import type { ConntrackSysctl } from "./sysctl.ts";
import type { FlowTable } from "./table.ts";
import { type FlowView, type TupleView, viewFlow } from "./view.ts";

export type EventType = "NEW" | "UPDATE" | "DESTROY";

/** What `conntrack -E` prints a line for. */
export interface ConntrackEvent {
  readonly at: Nanos;
  readonly type: EventType;
  readonly flow: FlowView;
  /** `IPCT_…`: what happened since the flow was told of last. */
  readonly events: number;
  /** The netlink port of the program that did it, where it was no packet: what is printed as `[USERSPACE]`. */
  readonly userspace?: number;
}
export type ConntrackListener = (event: ConntrackEvent) => void;

/** Flows whose time is over are looked for no more often than this, while somebody listens. */
const COLLECT_NS: Nanos = S;

/**
 * Tells of flows that come, change and go: one event for all that a packet did (net/netfilter/nf_conntrack_ecache.c). Nobody
 * listening costs one comparison.
 */
export class ConntrackEvents {
  readonly #kernel: Kernel;
  readonly #table: FlowTable;
  readonly #sysctl: ConntrackSysctl;
  #listeners: readonly ConntrackListener[] = [];
  #alarm: Alarm | null = null;
  /** The netlink port of the program that changes flows now; 0 when none does. */
  userspace = 0;

  constructor(kernel: Kernel, table: FlowTable, sysctl: ConntrackSysctl) {
    this.#kernel = kernel;
    this.#table = table;
    this.#sysctl = sysctl;
  }

  /** Listens to all events; the result ends it. While somebody does, flows go when their time is over, not when they are next looked for. */
  listen(listener: ConntrackListener): () => void {
    this.#listeners = [...this.#listeners, listener];
    this.#alarm ??= new Alarm(this.#kernel.sim, this.#kernel.name, () => this.#collect());
    this.#collect();
    return () => {
      this.#listeners = this.#listeners.filter((l) => l !== listener);
      if (this.#listeners.length === 0) this.#alarm?.set(NEVER);
    };
  }

  get heard(): boolean {
    return (this.#listeners.length > 0 || this.#kernel.sim.trace.on) && this.#sysctl.nf_conntrack_events !== 0;
  }

  /** Tells what happened to a flow since it was told of last. */
  deliver(slot: number): void {
    const at = (slot << FLOW_SHIFT) + W_EVENTS;
    const events = this.#table.words[at] as number;
    this.#table.words[at] = 0;
    const status = this.#table.words[(slot << FLOW_SHIFT) + W_STATUS] as number;
    if (!this.heard || (status & IPS_DYING) !== 0) return; // its end was told already
    const type = (events & (IPCT_NEW | IPCT_RELATED)) !== 0 ? "NEW" : "UPDATE";
    this.#tell(type, slot, events);
    if (type === "NEW") this.#watch(slot);
  }

  destroyed(slot: number): void {
    if (this.heard) this.#tell("DESTROY", slot, 0);
  }

  #tell(type: EventType, slot: number, events: number): void {
    const { sim, name } = this.#kernel;
    const flow = viewFlow(this.#table, slot, sim.now);
    const { userspace } = this;
    const event: ConntrackEvent = { at: sim.now, type, flow, events, ...(userspace !== 0 && { userspace }) };
    for (const listener of this.#listeners) listener(event);
    if (sim.trace.on) sim.trace.emit(sim.now, name, "conntrack", traceFields(type, flow));
  }

  #watch(slot: number): void {
    if (this.#listeners.length === 0 || this.#alarm === null) return;
    const { now } = this.#kernel.sim;
    const at = Math.max(viewFlow(this.#table, slot, now).expiresAt, now + COLLECT_NS);
    if (at < this.#alarm.deadline) this.#alarm.set(at);
  }

  #collect(): void {
    const { now } = this.#kernel.sim;
    const next = this.#table.collect(now);
    if (this.#listeners.length > 0) this.#alarm?.set(next === NEVER ? NEVER : Math.max(next, now + COLLECT_NS));
  }
}

function traceFields(type: EventType, flow: FlowView): TraceFields {
  return {
    event: type,
    protocol: flow.protocolName,
    timeout: flow.timeoutS,
    ...(flow.state !== undefined && { state: flow.state }),
    ...tupleFields("", flow.original),
    ...tupleFields("reply", flow.reply),
    assured: flow.assured,
    unreplied: flow.unreplied,
    mark: flow.mark,
  };
}

function tupleFields(prefix: string, t: TupleView): Record<string, string | number> {
  const fields: Record<string, string | number> = {};
  for (const [key, value] of Object.entries(t) as [string, number][]) {
    const name = prefix === "" ? key : `${prefix}.${key}`;
    fields[name] = key === "src" || key === "dst" ? formatIp(value) : value;
  }
  return fields;
}
