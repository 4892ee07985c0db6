import type { Nanos } from "./time.ts";

/** The fields of an event: flat, so that each is one line of `trace.ndjson`. */
export type TraceFields = Readonly<Record<string, string | number | boolean>>;

/** Something that happened at a node: `drop`, `neigh.state`, `link.state`, `bridge.port`, `ospf.neighbor`, … */
export interface TraceEvent {
  readonly at: Nanos;
  readonly node: string;
  readonly kind: string;
  readonly fields: TraceFields;
}

/** The one bus. Captures, checks, console, report and viewer read it; with nobody listening an event costs one branch. */
export class TraceBus {
  /** True while anybody listens: ask before building an event's fields. */
  on = false;
  #listeners: ((event: TraceEvent) => void)[] = [];

  /** Listens to all events; the result ends it. */
  listen(listener: (event: TraceEvent) => void): () => void {
    const own = (event: TraceEvent): void => listener(event);
    this.#listeners = [...this.#listeners, own];
    this.on = true;
    return () => {
      this.#listeners = this.#listeners.filter((l) => l !== own);
      this.on = this.#listeners.length > 0;
    };
  }

  emit(at: Nanos, node: string, kind: string, fields: TraceFields): void {
    for (const listener of this.#listeners) listener({ at, node, kind, fields });
  }
}
